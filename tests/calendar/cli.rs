//! The command line of freezes by calendar, on the real binary.

use trunkline_testing::home::{Home, until};
use trunkline_testing::repository::Repository;

/// A user who watches a repository with one commit.
fn shop() -> (Home, Repository) {
    let (home, repository) = (Home::new(), Repository::new());
    let file =
        "service = \"shop\"\ntrunk = \"main\"\n[[staging.steps]]\nname = \"a\"\nrun = \"true\"\n";
    repository.write("trunkline.toml", file);
    repository.commit_all("Ann", "ann@example.com", "begin");
    home.watch_repository(repository.path(), "poll = \"200ms\"");
    (home, repository)
}

/// A whole year is frozen by calendar, so that the test holds on every day.
const THIS_YEAR: &str = "[[freeze]]\nid = \"year\"\nkind = \"weekly\"\ntz = \"UTC\"\nreason = \"a quiet year\"\n\
    windows = [\"Mon 00:00 - Thu 00:00\", \"Thu 00:00 - Mon 00:00\"]\n";

#[test]
fn a_freeze_by_calendar_is_listed_shown_drawn_and_checked() {
    let (home, _repository) = shop();
    assert!(home.said(&["freeze", "list"]).starts_with("shop is open"));
    assert!(home.said(&["freeze", "calendar"]).contains("open now; no freeze is planned"));
    std::fs::write(home.path("config/freezes.toml"), THIS_YEAR).unwrap();
    until("the file is read", || home.said(&["freeze", "list"]).contains("a quiet year"));
    let listed = home.json(&["freeze", "list", "--json"]);
    assert_eq!(
        (&listed["state"], &listed["windows"][0]["freeze"]),
        (&"frozen".into(), &"year".into())
    );
    assert!(home.said(&["freeze", "show", "year"]).contains("weekly Mon 00:00 - Thu 00:00"));
    assert!(home.json(&["freeze", "show", "year", "--json"]).as_array().unwrap().len() > 50);
    let unknown = home.trunkline(&["freeze", "show", "yaer"]);
    assert_eq!(unknown.status.code(), Some(1));
    let february = home.json(&["freeze", "calendar", "--month", "2027-02", "--json"]);
    let days = february["days"].as_array().unwrap();
    assert_eq!(days.len(), 28);
    assert!(days.iter().all(|day| day["state"] == "frozen"), "{days:?}");
    let drawn = home.said(&["freeze", "calendar", "--month", "2027-02"]);
    assert!(drawn.contains("28#") && drawn.contains("frozen now"), "{drawn}");
    let checked = home.json(&["freeze", "check", "--json", "--at", "2027-02-03T12:00:00Z"]);
    assert_eq!(checked["why"], "year: weekly Mon 00:00 - Thu 00:00 UTC");
    let rollback = home.json(&["freeze", "check", "--json", "--action", "rollback"]);
    assert_eq!(
        (&rollback["state"], &rollback["until"]),
        (&"open".into(), &serde_json::Value::Null)
    );
    assert!(home.said(&["status"]).contains("calendar    frozen"));
}

#[test]
fn a_file_is_judged_by_itself_and_its_mistakes_are_usage_errors() {
    let home = Home::new();
    let file = home.path("freezes.toml");
    std::fs::write(&file, THIS_YEAR).unwrap();
    let check = ["freeze", "check", "--json", "--file", "freezes.toml"];
    let checked = home.json(&[&check[..], &["--service", "shop", "--at", "2026-11-25"]].concat());
    assert_eq!((&checked["state"], &checked["service"]), (&"frozen".into(), &"shop".into()));
    let nobody = home.trunkline(&check);
    assert_eq!(nobody.status.code(), Some(2));
    std::fs::write(&file, "[[freeze]]\nid = 7\n").unwrap();
    let broken = home.trunkline(&[&check[..], &["--service", "shop"]].concat());
    assert_eq!(broken.status.code(), Some(2));
    assert!(
        String::from_utf8_lossy(&broken.stderr)
            .contains("freezes.toml:2:6: freeze.id: found a number")
    );
    assert!(!home.path("data").exists(), "no engine was asked");
}

const FEED: &str =
    "[[freeze]]\nid = \"e\"\nkind = \"ics\"\npath = \"e.ics\"\ntz = \"UTC\"\nreason = \"events\"\n";

/// A feed of one event that lasts from the beginning of 2026 to the end of 2036.
const YEARS: &str = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:1\r\nSUMMARY:Fair\r\n\
    DTSTART;VALUE=DATE:20260101\r\nDTEND;VALUE=DATE:20370101\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";

#[test]
fn a_feed_that_breaks_its_reader_is_its_own_trouble_and_not_the_engine_s_end() {
    let (home, _repository) = shop();
    std::fs::write(home.path("config/freezes.toml"), FEED).unwrap();
    std::fs::write(home.path("config/e.ics"), YEARS).unwrap();
    // The engine that this starts breaks when it reads the feed for the first time.
    let _unfound_yet = home.command(&["status"]).env("TRUNKLINE_PANIC", "feed").output().unwrap();
    until("the service is found", || home.trunkline(&["freeze", "check"]).status.success());
    let begun = home.json(&["freeze", "check", "--json"]);
    let why = "e: its feed could not be read: \"e.ics\" crashes the calendar parser";
    assert_eq!(
        (&begun["state"], &begun["why"], &begun["problems"]),
        (&"frozen".into(), &why.into(), &serde_json::json!([why]))
    );
    std::fs::write(home.path("config/e.ics"), format!("{YEARS}\r\n")).unwrap();
    until("the next version is read", || {
        home.json(&["freeze", "check", "--json"])["why"] == "e: Fair"
    });
    assert_eq!(home.json(&["freeze", "check", "--json"])["problems"], serde_json::json!([]));
    let alone = ["freeze", "check", "--json", "--service", "shop", "--file"];
    let file = home.path("config/freezes.toml");
    let alone = home
        .command(&[&alone[..], &[file.to_str().unwrap()]].concat())
        .env("TRUNKLINE_PANIC", "feed")
        .output()
        .unwrap();
    let alone: serde_json::Value = serde_json::from_slice(&alone.stdout).unwrap();
    assert!(
        alone["problems"][0].as_str().unwrap().contains("crashes the calendar parser"),
        "{alone}"
    );
}

#[test]
fn a_check_judges_as_a_plan_does_and_tells_the_problems() {
    let (home, repository) = shop();
    let file = repository.path().join("trunkline.toml");
    let rules = std::fs::read_to_string(&file).unwrap() + "[policy]\nfreeze = \"warn\"\n";
    repository.write("trunkline.toml", &rules);
    repository.write("freezes.toml", "[[freeze]]\nid = 7\n");
    repository.commit_all("Ann", "ann@example.com", "only warn");
    std::fs::write(home.path("config/freezes.toml"), THIS_YEAR).unwrap();
    let is_judged = || home.json(&["freeze", "check", "--json"])["state"] == "warn";
    until("the rules of the service are read", is_judged);
    until("its own file is read", || {
        let checked = home.json(&["freeze", "check", "--json"]);
        let told = checked["problems"][0].as_str().unwrap_or_default();
        told.contains("freezes.toml:2:6: freeze.id: found a number")
    });
}

#[test]
fn typed_and_shown_times_are_local_and_name_their_zone() {
    let (home, _repository) = shop();
    let said = |zone: &str, arguments: &[&str]| {
        let output = home.command(arguments).env("TZ", zone).output().unwrap();
        let said = [&output.stdout[..], &output.stderr].concat();
        (output.status.code(), String::from_utf8(said).unwrap())
    };
    let add = ["freeze", "add", "--reason", "dst", "--from"];
    let berlin = |from: &str, until: &str| {
        said("Europe/Berlin", &[&add[..], &[from, "--until", until]].concat())
    };
    let (_, frozen) = berlin("2037-12-24 18:00", "Fri 2037-12-25 18:00 CET");
    let (from, until) = ("Thu 2037-12-24 18:00 CET", "Fri 2037-12-25 18:00 CET");
    assert_eq!(frozen.trim(), format!("production is frozen from {from} until {until}"));
    let (code, backwards) = berlin("2037-12-24 18:00", "2037-12-24 17:00 UTC");
    assert_eq!(code, Some(1));
    assert!(
        backwards.contains(&format!("would end {from}, not after its start {from}")),
        "{backwards}"
    );
    let new_york = ["Thu 2037-12-24 12:00 EST", "Fri 2037-12-25 12:00 EST"];
    let check = ["freeze", "check", "--at", "2037-12-24 12:00"];
    let number = home.json(&["freeze", "list", "--json"])["freezes"][0]["id"].to_string();
    let show = ["freeze", "show", &number];
    let commands = [&["status"][..], &["freeze", "list"], &show, &check];
    for command in commands {
        let (_, shown) = said("America/New_York", command);
        assert!(new_york.iter().any(|time| shown.contains(time)), "{command:?}: {shown}");
        assert!(!shown.contains("UTC"), "{command:?}: {shown}");
    }
    let (_, recorded) = said("America/New_York", &["events"]);
    assert!(
        recorded.contains(&format!("from {} until {}", new_york[0], new_york[1])),
        "{recorded}"
    );
    assert!(
        recorded.lines().all(|line| line.contains(" EST ") || line.contains(" EDT ")),
        "{recorded}"
    );
    let (_, drawn) = said("America/New_York", &["freeze", "calendar", "--month", "2037-12"]);
    assert!(drawn.contains("days in America/New_York") && drawn.contains("25#"), "{drawn}");
    let (_, tokyo) = said("Asia/Tokyo", &["freeze", "calendar", "--month", "2037-12"]);
    assert!(tokyo.contains("26#") && !tokyo.contains("24#"), "{tokyo}");
    let (code, lost) = said("CET-1CEST", &check);
    assert_eq!(code, Some(2), "{lost}");
    assert!(lost.contains("names no known zone"), "{lost}");
}

#[test]
fn a_freeze_is_shown_by_its_listed_name_and_checked_in_words() {
    let (home, repository) = shop();
    repository.write("freezes.toml", THIS_YEAR);
    repository.commit_all("Ann", "ann@example.com", "freeze");
    until("the file is read", || home.said(&["freeze", "list"]).contains("a quiet year"));
    let listed = home.said(&["freeze", "list"]);
    let name = listed.lines().nth(1).unwrap().split_whitespace().next().unwrap();
    assert_eq!(name, "shop/year");
    assert_eq!(home.said(&["freeze", "show", name]), home.said(&["freeze", "show", "year"]));
    let checked = home.said(&["freeze", "check"]);
    assert!(checked.starts_with("shop production, promote at "), "{checked}");
    assert!(
        checked.contains(": frozen until ") && checked.contains("--reason freeze=TEXT"),
        "{checked}"
    );
    assert!(checked.contains("a quiet year"), "{checked}");
    let back = home.said(&["freeze", "check", "--action", "rollback"]);
    assert!(back.contains("open: rollbacks are never frozen"), "{back}");
}

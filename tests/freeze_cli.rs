//! The command line of freezes by calendar, on the real binary.

#[path = "support/home.rs"]
mod home;
#[path = "support/pty.rs"]
mod pty;
#[path = "support/repository.rs"]
mod repository;

use home::{Home, until};
use repository::Repository;

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
    assert!(home.said(&["freeze", "calendar"]).contains("open now; nothing is planned"));
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
    let checked = home.json(&["freeze", "check", "--at", "2027-02-03T12:00:00Z"]);
    assert_eq!(checked["why"], "year: weekly Mon 00:00 - Thu 00:00");
    let rollback = home.json(&["freeze", "check", "--action", "rollback"]);
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
    let check = ["freeze", "check", "--file", "freezes.toml"];
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

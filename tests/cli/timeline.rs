//! Notes of changes, what is listed since when, and production of all services held and released together.

use std::process::Output;

use trunkline_testing::home::{Home, until};
use trunkline_testing::two_shops::TwoShops;

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The exit code, and all that was said.
fn ended(output: &Output) -> (Option<i32>, String) {
    (output.status.code(), text(&output.stdout) + &text(&output.stderr))
}

fn facts(home: &Home, kind: &str) -> Vec<serde_json::Value> {
    let lines = home.said(&["audit", "--kind", kind, "--json"]);
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn all_are_held_with_one_reason_and_released_together_or_apart() {
    let shops = TwoShops::open();
    let home = &shops.home;
    home.said(&["hold", "--service", "search", "--reason", "search is slow"]);
    let (code, said) = ended(&home.trunkline(&["hold", "--all", "--reason", "the database burns"]));
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("search: left as it is: on hold already by me: search is slow"),
        "{said}"
    );
    assert!(said.contains("shop: production is on hold"), "{said}");
    let holds = facts(home, "hold_placed");
    let all: Vec<_> = holds.iter().map(|hold| (&hold["service"], &hold["fact"]["all"])).collect();
    assert_eq!(all.len(), 2, "one event each: {holds:?}");
    assert_eq!(holds[1]["fact"]["reason"], "the database burns");
    assert_eq!(holds[1]["fact"]["all"], true);

    let (code, said) = ended(&home.trunkline(&["release", "--all", "--reason", "it is out"]));
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("shop: the hold on production is released"), "{said}");
    assert!(said.contains("search: stays on hold by me: search is slow"), "{said}");
    let again = home.said(&["release", "--all", "--reason", "it is out"]);
    assert!(again.contains("no hold was placed by \"hold --all\""), "{again}");
    assert_eq!(facts(home, "hold_released").len(), 1);

    // Apart.
    home.said(&["release", "--service", "search", "--reason", "fast again"]);
    home.said(&["hold", "--all", "--reason", "again", "--key", "stop-everything-1"]);
    home.said(&["hold", "--all", "--reason", "again", "--key", "stop-everything-1"]);
    assert_eq!(facts(home, "hold_placed").len(), 4, "the same key holds nothing twice");
    home.said(&["release", "--service", "search", "--reason", "search is fine"]);
    let rest = home.said(&["release", "--all", "--reason", "all is fine"]);
    assert!(rest.contains("shop: ") && !rest.contains("search"), "{rest}");
    for (arguments, why) in [
        (&["hold", "staging", "--all", "--reason", "x"][..], "remove staging"),
        (&["hold", "--all", "--service", "shop", "--reason", "x"], "remove --service shop"),
    ] {
        let (code, said) = ended(&home.trunkline(arguments));
        assert!(code == Some(2) && said.contains(why), "{said}");
    }
}

#[test]
fn other_pipelines_may_promote_only_where_nothing_is_known_against_it() {
    let shops = TwoShops::open();
    let home = &shops.home;
    let may = || ended(&home.trunkline(&["may", "promote", "shop"]));
    let (code, said) = may();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("no hold, no freeze"), "{said}");
    assert!(said.contains("not looked at: who wrote the commits, "), "{said}");

    home.said(&["hold", "--all", "--reason", "the database burns"]);
    let (code, said) = may();
    assert!(code == Some(3) && said.contains("the database burns"), "{said}");
    let json = home.trunkline(&["may", "promote", "shop", "--json"]);
    let answer: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!((json.status.code(), &answer["may"]), (Some(3), &"no".into()));
    assert_eq!(answer["reasons"][0]["kind"], "hold");
    assert!(answer["not_looked_at"].as_array().unwrap().len() > 3);
    home.said(&["release", "--all", "--reason", "it is out"]);

    home.said(&["freeze", "add", "--service", "shop", "--reason", "a launch"]);
    let (code, said) = may();
    assert!(code == Some(3) && said.contains("frozen") && said.contains("a launch"), "{said}");
    assert_eq!(home.trunkline(&["may", "promote", "search"]).status.code(), Some(0));
    let freeze = facts(home, "freeze_placed")[0]["seq"].to_string();
    home.said(&["lift", &freeze, "--service", "shop", "--reason", "launched"]);
    assert_eq!(may().0, Some(0));

    // A service file that cannot be read may hide a freeze: that is not known, and no yes.
    shops.shop.write("trunkline.toml", "service = 1");
    shops.shop.commit_all("sam", "sam@shop.example", "break the file");
    until("the mistake is seen", || may().0 == Some(1));
    let (_, said) = may();
    assert!(said.contains("it is not known whether shop may be promoted"), "{said}");
    let (code, said) = ended(&home.trunkline(&["may", "promote", "nowhere"]));
    assert!(code == Some(1) && said.contains("there is no service \"nowhere\""), "{said}");
    assert_eq!(home.trunkline(&["may", "promote", "Not A Name"]).status.code(), Some(2));
}

#[test]
fn a_note_is_recorded_once_with_its_time_and_is_bounded() {
    let shops = TwoShops::open();
    let home = &shops.home;
    // What was run by hand, while nothing was recorded, is noted afterwards with its time.
    let note = ["note", "infra", "ran break-glass/shop.txt", "--undo", "trunkline promote 1"];
    let keyed = [&note[..], &["--at", "20m", "--service", "shop", "--key", "by-hand-1"]].concat();
    let said = home.said(&keyed);
    assert!(said.contains("noted: infra ran break-glass/shop.txt"), "{said}");
    let noted = facts(home, "noted");
    assert_eq!(noted.len(), 1);
    let at = |text: &serde_json::Value| {
        chrono::DateTime::parse_from_rfc3339(text.as_str().unwrap()).unwrap()
    };
    let ago = at(&noted[0]["at"]) - at(&noted[0]["fact"]["changed_at"]);
    assert!((19..=21).contains(&ago.num_minutes()), "{noted:?}");
    assert_eq!(noted[0]["fact"]["undo"], "trunkline promote 1");

    home.said(&["note", "flag", "new-tax on", "--service", "all", "--key", "new-tax-1"]);
    home.said(&["note", "flag", "new-tax on", "--service", "all", "--key", "new-tax-1"]);
    assert_eq!(facts(home, "noted").len(), 3, "one for each service, once");

    let long = "x".repeat(201);
    for (arguments, code, why) in [
        (&["note", "flag", &long, "--service", "shop"][..], 1, "longer than 200 characters"),
        (&["note", "flag", " ", "--service", "shop"], 1, "say what was changed"),
        (&["note", "flap", "x", "--service", "shop"], 2, "flag, config, infra, data, external"),
        (&["note", "flag", "x", "--link", "ftp://a", "--service", "shop"], 1, "https://"),
        (&["note", "flag", "x", "--at", "3w", "--service", "shop"], 1, "more than 14 days ago"),
    ] {
        let (found, said) = ended(&home.trunkline(arguments));
        assert!(found == Some(code) && said.contains(why), "{arguments:?}: {said}");
    }
    assert_eq!(facts(home, "noted").len(), 3);
}

#[test]
fn what_is_listed_begins_where_it_is_asked_to() {
    let shops = TwoShops::open();
    let home = &shops.home;
    shops.put_live("shop", 1);
    for since in ["1h", "2d", "2w", "2020-01-01", "2020-01-01 10:00 UTC"] {
        let events = home.said(&["events", "--service", "shop", "--since", since]);
        assert!(events.contains("promotes #1 to production"), "{since}: {events}");
        let audit = home.said(&["audit", "--since", since]);
        assert!(audit.contains("promotes #1 to production"), "{since}: {audit}");
        let history = home.said(&["history", "--service", "shop", "--since", since]);
        assert_eq!(history.lines().count(), 1, "{since}: {history}");
    }
    let late = "2100-01-01 00:00 UTC";
    assert_eq!(home.said(&["events", "--since", late]), "");
    assert_eq!(home.said(&["history", "--service", "shop", "--since", late]), "");
    for command in ["events", "audit", "history"] {
        let (code, said) = ended(&home.trunkline(&[command, "--since", "yesterday"]));
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains("\"yesterday\" is not a time"), "{said}");
        assert!(said.contains("\"1h\", \"2d\" or \"2w\""), "{said}");
    }
}

/// Story 12: two services burn. Both are held first; one is rolled back; nothing bad is promoted; each hold is released
/// once, that of the rollback by who names the commits.
#[test]
fn two_burning_services_are_held_first_and_each_hold_is_released_once_with_its_commits() {
    let shops = TwoShops::open();
    let home = &shops.home;
    for (name, repository) in [("search", &shops.search), ("shop", &shops.shop)] {
        shops.put_live(name, 1);
        repository.commit("break it");
        shops.await_build(name, 2);
        shops.put_live(name, 2);
    }
    let bad = shops.shop.head().to_string();
    home.said(&["hold", "--all", "--reason", "both burn"]);
    home.said(&["rollback", "--yes", "--wait", "--service", "shop"]);
    // The other's rollback says what else changed: also a flag, which may be the cause.
    home.said(&["note", "flag", "new-tax on", "--undo", "flagctl off", "--service", "shop"]);
    let plan = home.said(&["plan", "rollback", "--service", "search"]);
    let also = plan.lines().find(|line| line.trim_start().starts_with("also ")).unwrap();
    assert!(also.contains("flag new-tax on just now · shop back to #1"), "{plan}");
    assert!(also.contains("shop #2"), "{plan}");
    assert!(!also.contains("search #2"), "its own deployments are in the plan: {plan}");
    // Ten builds later nobody promotes past a hold, or what is bad.
    let promote = |build: &str| {
        home.trunkline(&["promote", build, "--yes", "--service", "shop"]).status.code()
    };
    assert_eq!(promote("2"), Some(3));
    let released = home.said(&["release", "--all", "--reason", "the network is back"]);
    assert!(released.contains("search: the hold on production is released"), "{released}");
    assert!(
        released.contains("shop: stays on hold by me: rolled back from #2 to #1"),
        "{released}"
    );
    assert_eq!(promote("2"), Some(3));
    let unnamed = home.trunkline(&["release", "--service", "shop", "--reason", "all is well"]);
    assert_eq!(unnamed.status.code(), Some(2), "a rollback's hold asks for the commits");
    home.said(&["release", "--service", "shop", "--bad", &bad, "--reason", "reverted next"]);
    assert_eq!(promote("2"), Some(3), "it is in quarantine");
    let released = facts(home, "hold_released");
    let of: Vec<_> = released.iter().map(|event| event["service"].as_str().unwrap()).collect();
    assert_eq!(of, ["search", "shop"], "each once");
    assert_eq!(released[1]["fact"]["bad"][0]["sha"], bad.as_str());
}

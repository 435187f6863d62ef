//! The demo as a newcomer meets it: the real program on a terminal, nothing configured.

use super::practice::{Demo, header};
use trunkline_testing::home::Home;
use trunkline_testing::pty::Pty;
use trunkline_testing::shop::later;

/// What the guard on migrations says of a promote, each as `severity: sentence`.
fn on_migrations(demo: &Demo, build: &str) -> Vec<String> {
    let plan = demo.json(&["plan", "promote", build]);
    let findings = plan["findings"].as_array().unwrap().iter();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    findings
        .filter(|finding| finding["guard"] == "migration")
        .map(|finding| format!("{}: {}", text(&finding["severity"]), text(&finding["sentence"])))
        .collect()
}

fn leave(mut screen: Pty) {
    assert!(screen.quits(), "{}", screen.text());
}

#[test]
fn a_newcomer_sees_builds_go_live_and_rolls_one_back_with_one_key() {
    let demo = Demo::hurried();
    let mut screen = demo.on_terminal(&[]);
    screen.until("the demo", |text| text.contains("DEMO"));
    screen.until("a second build live", |text| {
        let header = header(text);
        header.contains("checkout #20 live") && header.contains("#19")
    });
    screen.keys("!");
    screen.until("the build before, live again", |text| header(text).contains("checkout #19 live"));
    later(&mut screen);
    leave(screen);
    assert_eq!(demo.json(&["history"])[0]["request"]["kind"], "rollback");
}

#[test]
fn the_guards_of_the_demo_have_something_to_say_once_it_is_open() {
    let demo = Demo::hurried();
    let screen = demo.on_terminal(&[]);
    screen.until("the last merge in staging", |text| {
        header(text).contains("checkout #20 live")
            && text.lines().any(|line| line.contains("#26") && line.contains("verified"))
    });

    let fine = on_migrations(&demo, "24");
    assert!(fine.iter().all(|said| said.starts_with("info: ")), "{fine:#?}");
    let collapsed = on_migrations(&demo, "26");
    let drops = "override: migrations/0004_drop_legacy_total.sql:1 ";
    assert!(collapsed[0].starts_with(drops), "{collapsed:#?}");
    assert!(collapsed[0].contains("from #24 on"), "{collapsed:#?}");
    assert!(collapsed[0].contains("promote #25 first"), "{collapsed:#?}");

    let at = |time: chrono::DateTime<chrono::Utc>| time.to_rfc3339();
    let check = |time| demo.json(&["freeze", "check", "--at", &at(time)]);
    let now = chrono::Utc::now();
    let open = check(now);
    assert_eq!(open["state"], "open", "{open}");
    let begins: chrono::DateTime<chrono::Utc> = open["until"].as_str().unwrap().parse().unwrap();
    assert!(begins - now < chrono::TimeDelta::days(2), "{open}");
    let frozen = check(begins);
    assert_eq!(frozen["state"], "frozen", "{frozen}");
    assert!(frozen["why"].as_str().unwrap().contains("sale"), "{frozen}");
    leave(screen);
}

#[test]
fn the_demo_shows_a_proven_way_back_a_watch_that_turns_bad_and_an_instance_left_behind() {
    let demo = Demo::hurried();
    let screen = demo.on_terminal(&[]);
    screen.until("#20 live", |text| header(text).contains("checkout #20 live"));
    trunkline_testing::home::until("the way back was tried", || {
        let status = demo.command(&["status"]);
        let status = String::from_utf8_lossy(&status.stdout);
        status.contains("proven") && status.contains("ago in staging")
    });
    screen.until("the last merge in staging", |text| {
        text.lines().any(|line| line.contains("#26") && line.contains("verified"))
    });
    let promote = |build: &str| {
        let why = ["soak", "author", "migration"].map(|guard| format!("{guard}=practice"));
        let reasons = why.iter().flat_map(|why| ["--reason", why]);
        let arguments: Vec<_> =
            ["promote", build, "--yes", "--wait"].into_iter().chain(reasons).collect();
        demo.command(&arguments)
    };
    let output = promote("24");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("took effect on 3 of 3"), "{output:?}");
    screen.until("the watch is bad", |text| text.contains("orders BAD"));
    let back = demo.command(&["plan", "rollback"]);
    let back = String::from_utf8_lossy(&back.stdout);
    assert!(back.contains("#24 is watched: orders BAD"), "{back}");
    let output = promote("25");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("partly: 2 of 3, i3 runs #24"), "{output:?}");
    screen.shows("i1 i2 #25, i3 #24");
    leave(screen);
}

#[test]
fn a_demo_goes_on_when_it_is_opened_again_and_starts_over_when_it_is_reset() {
    let demo = Demo::hurried();
    let first = demo.on_terminal(&["demo"]);
    first.until("the second build live", |text| header(text).contains("checkout #20 live"));
    let held = demo.command(&["hold", "production", "--reason", "left behind"]);
    assert!(held.status.success(), "{held:?}");
    leave(first);
    let again = demo.on_terminal(&["demo"]);
    again.until("what was left", |text| header(text).contains("ON HOLD"));
    leave(again);
    let reset = demo.on_terminal(&["demo", "--reset"]);
    reset.until("a new demo", |text| header(text).contains("   OPEN   "));
    leave(reset);
}

#[test]
fn a_demo_that_cannot_be_shown_is_not_made() {
    let home = Home::new();
    let output = home.trunkline(&["demo"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(!home.path("data").exists());
}

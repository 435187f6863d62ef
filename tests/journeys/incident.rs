//! After the press: a rollback asks whether users were affected, and the answer is an incident until it is resolved.

use std::time::Duration;

use trunkline_testing::pty::Pty;
use trunkline_testing::shop::{acts, leave, promote, row, shop, smoke_tested};

/// Goes from the text of the dialog to its button, presses it, and waits until the dialog is over.
fn press(screen: &mut Pty, label: &str, title: &str) {
    for _ in 0..2 {
        screen.keys("\t");
    }
    screen.lights_up(&format!("[> {label} <]"));
    screen.keys("\r");
    screen.hides(title);
}

#[test]
fn a_rollback_becomes_an_incident_that_is_updated_when_due_and_resolved() {
    let shop = shop(&smoke_tested("\n[incidents]\nremind = \"3s\"\n"));
    let shop = shop.watched("poll = \"100ms\"\nemergency_countdown = \"10m\"");
    let mut screen = shop.console();
    row(&screen, "#1", "verified");
    promote(&mut screen, "#1");
    row(&screen, "#1", "LIVE");
    shop.merge("sell shoes");
    row(&screen, "#2", "verified");
    promote(&mut screen, "#2");
    row(&screen, "#2", "LIVE");
    screen.keys("!");
    screen.shows("ROLLING BACK PRODUCTION  #2 → #1");
    screen.shows("Enter rolls back now");
    screen.keys("\r");
    screen.shows("ON HOLD by raj");
    let title = "Were users affected?";
    screen.shows(title);
    screen.lights_up("[> Later <]");
    for _ in 0..3 {
        screen.keys("\t");
    }
    screen.shows("Right pick");
    screen.keys("y");
    screen.shows("(x) yes");
    screen.shows("(x) SEV-2");
    for _ in 0..2 {
        screen.keys("\t");
    }
    screen.keys("shoes are sold twice");
    screen.shows("[shoes are sold twice");
    press(&mut screen, "Open incident", title);
    screen.shows("I updates");

    let due = |text: &str| text.contains("UPDATE DUE");
    assert!(screen.becomes(Duration::from_mins(1), due), "{}", screen.text());
    acts(&mut screen, "I", "Incident i");
    screen.keys("orders are stopped");
    screen.shows("[orders are stopped");
    press(&mut screen, "Update", "Incident i");
    screen.shows("noted on i");
    acts(&mut screen, "I", "Incident i");
    for _ in 0..3 {
        screen.keys("\x1b[Z");
    }
    screen.keys("r");
    screen.shows("(x) resolve");
    screen.keys("\t");
    screen.keys("shoes are sold once again");
    screen.shows("[shoes are sold once again");
    press(&mut screen, "Resolve", "Incident i");
    screen.hides("I updates");
    screen.shows("postmortem due");
    leave(screen);

    let listed = shop.home.json(&["incident", "list", "--json"]);
    let id = format!("i{}", listed[0]["id"]);
    let shown = shop.home.said(&["incident", "show", &id]);
    for said in ["SEV-2", "shoes are sold twice", "orders are stopped", "shoes are sold once again"]
    {
        assert!(shown.contains(said), "{said}: {shown}");
    }
    assert_eq!(shop.kinds(), ["rollback", "promote", "promote"]);

    let file = shop.home.path("postmortem.md");
    shop.home.said(&["incident", "postmortem", &id, "--file", file.to_str().unwrap()]);
    let document = std::fs::read_to_string(file).unwrap();
    for said in ["shoes are sold twice", "orders are stopped", "sell shoes", "TO FILL IN"] {
        assert!(document.contains(said), "{said}: {document}");
    }
}

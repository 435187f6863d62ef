//! Incidents as people go through them, from the first sign to the right state.

use std::fs;

use serde_json::Value;
use trunkline_testing::home::{Home, until};
use trunkline_testing::shop::{Shop, acts, later, leave, promote, row, shop, smoke_tested, verify};

/// The recorded facts of this kind.
fn facts(home: &Home, kind: &str) -> Vec<Value> {
    let lines = home.said(&["audit", "--kind", kind, "--json"]);
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn seq(event: &Value) -> u64 {
    event["seq"].as_u64().unwrap()
}

/// Story 1: a colleague promoted a build, a check says that it is bad, and nothing else is wrong.
#[test]
fn a_plain_fault_is_taken_back_its_commit_is_named_and_its_revert_goes_out() {
    let shop = shop("");
    let health = shop.home.path("health");
    fs::write(&health, "0").unwrap();
    let watch = format!(
        "[[production.watch]]\nname = \"front\"\nrun = \"exit $(cat '{}')\"\nevery = \"1s\"\n",
        health.display()
    );
    let shop = shop.with("trunkline.toml", &smoke_tested(&watch));
    let shop = shop.watched("poll = \"100ms\"\nemergency_countdown = \"10m\"");
    let mut screen = shop.console();
    row(&screen, "#1", "verified");
    promote(&mut screen, "#1");
    row(&screen, "#1", "LIVE");
    shop.merge("sell hats");
    let bad = shop.repository.head().to_string();
    row(&screen, "#2", "verified");
    shop.home.said(&["promote", "2", "--yes", "--wait"]);
    fs::write(&health, "1").unwrap();
    screen.shows("front BAD");
    screen.keys("!");
    screen.shows("ROLLING BACK PRODUCTION  #2 → #1");
    screen.shows("Enter rolls back now");
    screen.keys("\r");
    row(&screen, "#1", "LIVE");
    screen.shows("ON HOLD by raj");
    later(&mut screen);
    fs::write(&health, "0").unwrap();

    shop.repository.git(["revert", "--no-edit", "HEAD"]);
    row(&screen, "#3", "verified");
    let title = "Release the hold on production";
    acts(&mut screen, "H", title);
    screen.shows("which commits were bad?");
    screen.keys("\x1b[Z\x1b[Z\x1b[B ");
    screen.shows("[x] #2");
    screen.keys("\thats broke the front\t\t");
    screen.lights_up("[> Release <]");
    screen.keys("\r");
    screen.hides(title);
    screen.hides("ON HOLD");
    // What the watch of the rollback says changes a plan, so it has said so by now.
    until("the way back is good", || {
        facts(&shop.home, "watch_turned")
            .last()
            .is_some_and(|turned| turned["fact"]["to"] == "good")
    });
    screen.keys("1g");
    promote(&mut screen, "#3");
    row(&screen, "#3", "LIVE");
    leave(screen);

    assert_eq!(shop.kinds(), ["promote", "rollback", "promote", "promote"]);
    let released = facts(&shop.home, "hold_released");
    assert_eq!(released[0]["fact"]["bad"][0]["sha"], bad.as_str());
    assert_eq!(released[0]["fact"]["bad"].as_array().unwrap().len(), 1, "no innocent commit");
    let asked = facts(&shop.home, "deployment_requested");
    let production = asked.iter().filter(|event| event["fact"]["environment"] == "production");
    let order: Vec<_> = production.map(|event| seq(event) > seq(&released[0])).collect();
    assert_eq!(order, [false, false, false, true], "nothing was promoted before the release");
}

/// Watched, with a file that an observed command reads.
fn with_prices() -> (Shop, std::path::PathBuf) {
    let shop = Shop::open();
    let prices = shop.home.path("prices");
    fs::write(&prices, "eu=10\n").unwrap();
    let file = shop.repository.path().join("trunkline.toml");
    let observe = format!(
        "\n[[observe]]\nname = \"prices\"\nrun = \"cat '{}'\"\nevery = \"1s\"\nkind = \"config\"\n",
        prices.display()
    );
    let text = fs::read_to_string(file).unwrap() + &observe;
    shop.repository.write("trunkline.toml", &text);
    (shop, prices)
}

/// Story 6: #3 is on its way when #2 proves bad, and somebody stands before the promote of #4. Then a file is changed by hand,
/// and a pipeline puts the old one back.
#[test]
fn a_promote_on_its_way_and_one_that_waits_in_a_dialog_both_end_with_one_key() {
    let (shop, prices) = with_prices();
    let mut screen = shop.console();
    for (build, subject) in [("#1", ""), ("#2", "sell hats")] {
        if !subject.is_empty() {
            shop.merge(subject);
        }
        verify(&mut screen, build);
        promote(&mut screen, build);
        row(&screen, build, "LIVE");
    }
    for (build, subject) in [("#3", "sell shoes"), ("#4", "sell gloves")] {
        shop.merge(subject);
        verify(&mut screen, build);
    }
    shop.close_gate();
    shop.home.said(&["promote", "3", "--yes"]);
    row(&screen, "#3", "DEPLOYING");
    let mut other = shop.console();
    row(&other, "#4", "verified");
    other.keys("1g");
    acts(&mut other, "P", "Promote #4 to PRODUCTION");

    screen.keys("!");
    screen.shows("ROLLING BACK PRODUCTION  #3 → #2");
    screen.shows("Enter rolls back now");
    screen.keys("\r");
    other.shows("DISARMED");
    other.shows("ON HOLD by raj");
    shop.open_gate();
    row(&screen, "#3", "cancelled");
    row(&screen, "#2", "LIVE");
    screen.shows("ON HOLD by raj");
    // It was #2 that proved bad.
    screen.keys("!");
    screen.shows("ROLLING BACK PRODUCTION  #2 → #1");
    screen.shows("Enter rolls back now");
    screen.keys("\r");
    row(&screen, "#1", "LIVE");
    assert_eq!(shop.kinds(), ["rollback", "rollback", "promote", "promote", "promote"]);
    let (cancel, hold) =
        (&facts(&shop.home, "cancel_requested")[0], facts(&shop.home, "hold_placed"));
    let together = [seq(cancel), seq(cancel) + 1, seq(cancel) + 2];
    assert_eq!(hold[0]["fact"]["rollback"], together[1], "cancel, rollback and hold are one");
    assert_eq!((seq(&hold[0]), &hold[0]["at"]), (together[2], &cancel["at"]));
    assert!(facts(&shop.home, "hold_released").is_empty());

    let kept = shop.home.path("data/observed/checkout/prices.json");
    until("the first output is kept", || kept.exists());
    fs::write(&prices, "eu=11\n").unwrap();
    other.keys("\x1b");
    other.hides("DISARMED");
    acts(&mut other, "7", "last hour");
    other.shows("trunkline saw a change: config prices: eu=11");
    fs::write(&prices, "eu=10\n").unwrap();
    other.shows("trunkline saw a change: config prices: eu=10");
    other.keys("q");
    other.hides("last hour");
    leave(other);
    later(&mut screen);
    leave(screen);
}

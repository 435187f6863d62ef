//! A wave that is taken back: the first hosts turn bad, production waits, and one key brings them back.

use std::fs;

use trunkline_testing::shop::{acts, confirm, later, leave, promote, row, shop, smoke_tested};

#[test]
fn a_wave_turns_bad_and_the_emergency_takes_back_what_was_changed() {
    let shop = shop("");
    let (health, ran) = (shop.home.path("health"), shop.home.path("ran"));
    fs::write(&health, "0").unwrap();
    let step =
        format!("echo $TRUNKLINE_KIND $TRUNKLINE_WAVE: $TRUNKLINE_TARGETS >> '{}'", ran.display());
    let waves = format!(
        "\n[[production.watch]]\nname = \"health\"\nrun = \"echo looked; exit $(cat '{}')\"\nevery = \"1s\"\n\
         [[production.waves]]\nname = \"canary\"\ntargets = [\"h1\"]\npause = \"until continued\"\n\
         [[production.waves]]\nname = \"others\"\ntargets = [\"h2\", \"h3\"]\n",
        health.display()
    );
    let file = smoke_tested(&waves);
    let staging = file.find("[[production.steps]]").expect("it has production");
    let (before, after) = file.split_at(staging);
    let after = after.replace("echo done", &step);
    let shop = shop.with("trunkline.toml", &format!("{before}{after}"));
    let shop = shop.watched("poll = \"100ms\"\nemergency_countdown = \"10m\"");
    let mut screen = shop.console();
    row(&screen, "#1", "verified");
    promote(&mut screen, "#1");
    screen.shows("#1 wave 1 of 2");
    screen.shows("watched: good so far");
    acts(&mut screen, "C", "Continue d");
    screen.shows("begins wave 2 of 2, others (h2 h3), at once");
    confirm(&mut screen, "Continue d", "Continue");
    row(&screen, "#1", "LIVE");

    shop.merge("sell shoes");
    row(&screen, "#2", "verified");
    fs::write(&health, "1").unwrap();
    promote(&mut screen, "#2");
    screen.shows("#2 wave 1 of 2 (h1), does not go on by itself: watched: health BAD");
    // To go on all the same wants a reason.
    acts(&mut screen, "C", "Continue d");
    screen.shows("off: type a reason");
    screen.keys("\x1b");
    screen.hides("Continue d");
    acts(&mut screen, "!", "ROLLING BACK PRODUCTION");
    screen.shows("wave 1 of 2 (h1) of #2 is watched: health BAD");
    screen.shows("Enter rolls back now");
    fs::write(&health, "0").unwrap();
    screen.keys("\r");
    row(&screen, "#1", "LIVE");
    screen.shows("ON HOLD by raj");
    later(&mut screen);
    leave(screen);
    assert_eq!(shop.kinds(), ["rollback", "promote", "promote"]);
    assert_eq!(
        fs::read_to_string(&ran).unwrap(),
        "promote canary: h1\npromote others: h2 h3\npromote canary: h1\nrollback all: h1 h2 h3\n"
    );
}

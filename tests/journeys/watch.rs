//! The plain incident: a promote that breaks something is seen by its watch, and one key takes it back.

use std::fs;

use trunkline_testing::shop::{later, leave, promote, row, shop, smoke_tested};

#[test]
fn a_watch_turns_bad_and_the_emergency_that_shows_it_takes_the_build_back() {
    let shop = shop("");
    let health = shop.home.path("health");
    fs::write(&health, "1").unwrap();
    // The first build is good whatever the file says.
    let look =
        format!("echo looked; [ $TRUNKLINE_BUILD = 1 ] || exit $(cat '{}')", health.display());
    let watch =
        format!("\n[[production.watch]]\nname = \"health\"\nrun = \"{look}\"\nevery = \"1s\"\n");
    let shop = shop.with("trunkline.toml", &smoke_tested(&watch));
    let shop = shop.watched("poll = \"100ms\"\nemergency_countdown = \"10m\"");
    let mut screen = shop.console();
    row(&screen, "#1", "verified");
    promote(&mut screen, "#1");
    screen.shows("#1 live");
    screen.shows("watched: good so far");

    shop.merge("sell shoes");
    row(&screen, "#2", "verified");
    promote(&mut screen, "#2");
    screen.shows("#2 live");
    screen.shows("watched: health BAD");
    screen.keys("!");
    screen.shows("ROLLING BACK PRODUCTION  #2 → #1");
    screen.shows("#2 is watched: health BAD");
    screen.shows("exit 1: looked");
    screen.shows("Enter rolls back now");
    screen.keys("\r");
    row(&screen, "#1", "LIVE");
    screen.shows("ON HOLD by raj");
    screen.shows("watched: good so far");
    later(&mut screen);
    leave(screen);
    assert_eq!(shop.kinds(), ["rollback", "promote", "promote"]);
}

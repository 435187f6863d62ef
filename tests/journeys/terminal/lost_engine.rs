//! A console whose engine is gone: it brings it back, and an emergency does not fail for it.

use std::io::Write as _;
use std::os::unix::net::UnixStream;

use super::stage::Stage;

#[test]
fn an_emergency_brings_back_an_engine_that_died_or_was_stopped() {
    let stage = Stage::set();
    let home = &stage.shop.home;
    let mut screen = stage.console(&[]);
    screen.shows("change 3");
    home.kill_engine();
    screen.keys("!");
    screen.shows("ROLLING BACK PRODUCTION  #2");
    screen.keys("\x1b");
    screen.hides("ROLLING BACK PRODUCTION");
    screen.shows("fresh");
    assert!(home.engine().is_some(), "nobody started it again");
    home.said(&["engine", "stop"]);
    screen.shows("the engine was stopped; to start it, run: trunkline engine restart");
    assert!(home.engine().is_none(), "who stops an engine wants it stopped");
    screen.keys("!");
    screen.shows("ROLLING BACK PRODUCTION  #2");
    screen.keys("\x1b");
    screen.hides("ROLLING BACK PRODUCTION");
    stage.is_untouched();
    // What the console names after a while without an engine.
    home.said(&["engine", "restart"]);
    home.said(&["rollback", "1", "--service", "checkout", "--yes"]);
}

#[test]
fn an_engine_that_was_stopped_is_not_restarted_while_it_still_ends() {
    let stage = Stage::set();
    let home = &stage.shop.home;
    let mut screen = stage.console(&[]);
    screen.shows("change 3");
    // Somebody whose request never ends holds up the engine's end.
    let mut slow = UnixStream::connect(home.path("data").join("run/engine.sock")).unwrap();
    slow.write_all(b"GET /v1/fleet HTTP/1.1\r\nHost: ").unwrap();
    home.said(&["engine", "stop"]);
    screen.shows("the engine was stopped; to start it, run: trunkline engine restart");
    assert!(home.engine().is_none(), "who stops an engine wants it stopped");
    screen.quits();
}

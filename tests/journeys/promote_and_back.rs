//! A build's whole way, as a person sees it: the real program on a terminal, a real repository, real steps.

use rustix::process::{Pid, Signal, kill_process};

use trunkline_testing::pty::Pty;
use trunkline_testing::shop::{Shop, acts, confirm, later, leave, promote, row, verify};

/// What the step prints when it deploys a build.
fn printed(kind: &str, build: u64) -> Vec<String> {
    let lines = (1..=20).map(|line| format!("{kind} of {build}, line {line} of 20"));
    lines.chain([format!("{kind} of {build} is out")]).collect()
}

#[test]
fn a_merge_goes_from_trunk_to_production_and_back() {
    let shop = Shop::open();
    let mut screen = shop.console();
    screen.shows("nothing live yet");
    row(&screen, "#1", "staging");
    shop.close_gate();
    shop.merge("sell hats");
    screen.shows("sell hats");
    row(&screen, "#2", "DEPLOYING");
    screen.shows("auto of 2, line 20 of 20");
    shop.open_gate();
    screen.shows("auto of 2 is out");
    verify(&mut screen, "#2");
    shop.close_gate();
    promote(&mut screen, "#2");
    screen.shows("promote of 2, line 20 of 20");
    shop.open_gate();
    row(&screen, "#2", "LIVE");
    screen.shows("promote of 2 is out");

    shop.merge("sell shoes");
    verify(&mut screen, "#3");
    shop.close_gate();
    promote(&mut screen, "#3");
    row(&screen, "#3", "DEPLOYING");
    screen.shows("promote of 3, line 20 of 20");
    screen.keys("!");
    screen.shows("ROLLING BACK PRODUCTION  #3 → #2");
    screen.shows("Enter rolls back now");
    screen.keys("\r");
    row(&screen, "#3", "cancelled");
    row(&screen, "#2", "LIVE");
    screen.shows("ON HOLD by raj");
    later(&mut screen);
    screen.keys("2g\r");
    screen.shows("rollback of 2 is out");
    screen.keys("q");
    leave(screen);

    let ran = [
        "staging auto 1",
        "staging auto 2",
        "production promote 2",
        "staging auto 3",
        "production promote 3",
        "production rollback 2",
    ];
    assert_eq!(shop.ran(), ran);
    assert_eq!(shop.kinds(), ["rollback", "promote", "promote"]);
}

/// A shop with a promote that waits at the gate, and the console that shows it.
fn in_the_middle_of_a_promote() -> (Shop, Pty) {
    let shop = Shop::open();
    let mut screen = shop.console();
    verify(&mut screen, "#1");
    shop.close_gate();
    promote(&mut screen, "#1");
    screen.shows("promote of 1, line 20 of 20");
    (shop, screen)
}

/// Nothing ran twice and nothing of the log is lost.
fn is_whole(shop: &Shop) {
    assert_eq!(shop.log(), printed("promote", 1));
    assert_eq!(shop.ran(), ["staging auto 1", "production promote 1"]);
    assert_eq!(shop.kinds(), ["promote"]);
}

#[test]
fn the_engine_is_killed_in_the_middle_of_a_promote() {
    let (shop, screen) = in_the_middle_of_a_promote();
    leave(screen);
    shop.home.kill_engine();
    shop.open_gate();
    trunkline_testing::home::until("the step has ended by itself", || shop.results() == 2);
    assert_eq!(shop.home.json(&["engine", "status", "--json"])["running"], false);
    let mut screen = shop.console();
    row(&screen, "#1", "LIVE");
    screen.keys("2\r");
    screen.shows("promote of 1 is out");
    screen.keys("q");
    leave(screen);
    is_whole(&shop);
}

#[test]
fn a_console_sees_its_engine_die_and_come_back_in_the_middle_of_a_promote() {
    let (shop, screen) = in_the_middle_of_a_promote();
    shop.home.kill_engine();
    screen.shows("connected again");
    assert!(screen.has_shown("no answer for"), "{}", screen.text());
    row(&screen, "#1", "DEPLOYING");
    shop.open_gate();
    row(&screen, "#1", "LIVE");
    screen.shows("promote of 1 is out");
    leave(screen);
    is_whole(&shop);
}

/// Goes a way out of the console and expects that the terminal is given back, soon, and that the engine stays.
fn leaves(by: impl FnOnce(&mut Pty), code: u32) {
    let shop = Shop::open();
    let mut screen = shop.console();
    // Calm, so that no news of a deployment takes the place of what the way out says.
    row(&screen, "#1", "staging");
    screen.hides("DEPLOYING");
    let engine = shop.home.engine();
    by(&mut screen);
    // It ends within a minute, on a machine that is busy with other things too.
    assert_eq!(screen.exit_code(), code, "{}", screen.text());
    assert!(screen.is_restored());
    assert_eq!(shop.home.engine(), engine);
}

#[test]
fn q_leaves_the_console() {
    leaves(|screen| screen.keys("q"), 0);
}

#[test]
fn a_second_ctrl_c_leaves_the_console() {
    leaves(
        |screen| {
            screen.keys("\x03");
            screen.shows("press ctrl-c again to quit");
            // Were the first forgotten by now, these would be a first and a second again.
            screen.keys("\x03\x03");
        },
        0,
    );
}

#[test]
fn a_console_that_is_told_to_end_gives_the_terminal_back() {
    let told = |signal: Signal| {
        move |screen: &mut Pty| {
            let pid = i32::try_from(screen.process()).unwrap();
            kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
        }
    };
    leaves(told(Signal::TERM), 143);
    leaves(told(Signal::HUP), 129);
}

#[test]
fn a_console_ends_with_its_window() {
    let shop = Shop::open();
    let mut screen = shop.console();
    assert_ne!(screen.close_window("?"), 0);
}

#[test]
fn a_console_survives_a_storm_of_sizes_down_to_a_single_cell() {
    let shop = Shop::open();
    let mut screen = shop.console_of((80, 24));
    for (columns, rows) in [(79, 23), (200, 60), (20, 5), (1, 1), (1, 60), (200, 1), (2, 2)] {
        screen.resize(columns, rows);
        screen.resize(1, 1);
        screen.resize(80, 24);
    }
    screen.shows("PROD checkout");
    row(&screen, "#1", "staging");
    screen.keys("V");
    screen.shows("Verify #1 in staging");
    screen.keys("\x1b");
    screen.hides("Verify #1 in staging");
    leave(screen);
}

#[test]
fn what_something_else_wrote_on_the_screen_is_gone_when_it_is_drawn_again() {
    let shop = Shop::open();
    let mut screen = shop.console();
    row(&screen, "#1", "staging");
    screen.scribble("\x1b[2J\x1b[HThe system is going down for maintenance");
    screen.keys("\x0c");
    screen.hides("going down for maintenance");
    row(&screen, "#1", "staging");
    leave(screen);
}

#[test]
fn a_build_that_failed_in_staging_is_tried_again_with_one_key() {
    let shop = Shop::without_network();
    let mut screen = shop.console();
    row(&screen, "#1", "FAILED");
    shop.connect();
    screen.keys("1g");
    let title = "Deploy #1 to STAGING again";
    acts(&mut screen, "T", title);
    confirm(&mut screen, title, "Retry");
    row(&screen, "#1", "verified");
    leave(screen);
    assert_eq!(shop.ran(), ["staging auto 1", "staging retry 1"]);
}

//! A window that closes, a terminal that reads nothing, and a console that dies while something runs.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::modes;
use super::process::{innermost, resident, tell, ticks};
use super::stage::{SIZE, Stage};
use trunkline_testing::home::until;
use trunkline_testing::pty::Pty;
use trunkline_testing::shop::row;

/// A guard against hanging: a way out takes no time on a calm machine.
const WAY_OUT: Duration = Duration::from_mins(1);
/// How much more processor time leaving may take than starting and drawing did. Who turns in circles until the patience
/// with a terminal ends takes a hundred times as much.
const LITTLE: u64 = 10;
/// What a stalled terminal may make the console keep, in KiB.
const SOME: u64 = 32 * 1024;

/// Closes the window of a console and expects its quick and quiet end.
fn ends_with_its_window(mut screen: Pty) {
    screen.shows("change 3");
    let console = innermost(screen.process());
    let before = ticks(console).unwrap();
    let used = std::thread::spawn(move || {
        let mut last = before;
        while let Some(now) = ticks(console) {
            last = now;
            std::thread::park_timeout(Duration::from_millis(5));
        }
        last - before
    });
    screen.close_window("?");
    let deadline = Instant::now() + WAY_OUT;
    while ticks(console).is_some() {
        assert!(Instant::now() < deadline, "it outlives its window");
        std::thread::park_timeout(Duration::from_millis(5));
    }
    let used = used.join().unwrap();
    let limit = LITTLE * before.max(3);
    assert!(used < limit, "it used {used} ticks to go, and {before} to come");
}

#[test]
fn a_console_whose_window_closes_is_gone_at_once_and_burns_nothing() {
    let stage = Stage::set();
    ends_with_its_window(stage.console(&[]));
    // In a session of its own it has no controlling terminal, and nobody sends it a SIGHUP.
    let untold = stage.shop.home.shell_on_terminal("setsid -w \"$TRUNKLINE\" console", SIZE);
    ends_with_its_window(untold);
    stage.is_untouched();
}

/// Has the console draw until the terminal, which reads nothing, takes no more.
fn stuff(screen: &mut Pty) {
    screen.stall(true);
    for _ in 0..60 {
        screen.press(b"\x0c");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

#[test]
fn a_terminal_that_reads_nothing_holds_up_nothing_but_itself() {
    let stage = Stage::set();
    let mut screen = stage.console(&[]);
    screen.shows("change 3");
    let before = resident(screen.process());
    stuff(&mut screen);
    stage.shop.open_gate();
    stage.awaits(4, "in_staging");
    assert!(stage.shop.home.said(&["logs", "--help"]).contains("log"));
    let more = resident(screen.process()).saturating_sub(before);
    assert!(more < SOME, "it keeps {more} KiB more");
    screen.stall(false);
    row(&screen, "#4", "staging");
    screen.shows("auto of 4 is out");
}

/// Ends a console whose terminal was made to read nothing, and expects that it gave the terminal back.
fn ends_on_a_signal(stage: &Stage, stop_reading: impl Fn(&mut Pty)) {
    for signal in [Signal::TERM, Signal::INT] {
        let mut screen = stage.console(&[]);
        screen.shows("change 3");
        stop_reading(&mut screen);
        let begin = Instant::now();
        tell(screen.process(), signal);
        screen.ended_unread();
        println!("it took {:?}", begin.elapsed());
        screen.stall(false);
        let code = screen.shell_code();
        assert_eq!(i32::try_from(code), Ok(128 + signal.as_raw()));
        assert_eq!(modes::left_set(&screen.bytes()), Vec::<String>::new());
        assert!(screen.is_restored());
    }
    stage.is_untouched();
}

#[test]
fn a_signal_ends_a_console_whose_terminal_reads_nothing() {
    // The one that draws waits to write.
    ends_on_a_signal(&Stage::set(), stuff);
}

#[test]
fn a_signal_ends_a_console_that_draws_nothing_and_whose_terminal_is_full() {
    // The one that leaves waits to write.
    ends_on_a_signal(&Stage::set(), |screen| {
        screen.stall(true);
        screen.fill();
    });
}

#[test]
fn a_console_that_panics_disturbs_no_deployment_and_the_next_one_shows_it() {
    let stage = Stage::set();
    let engine = stage.shop.home.engine();
    let mut broken = stage.console(&[("TRUNKLINE_PANIC", "view:3")]);
    while !broken.has_ended_within(Duration::from_millis(20)) {
        broken.press(b"j");
    }
    assert_eq!(broken.exit_code(), 101);
    let screen = stage.console(&[]);
    row(&screen, "#4", "DEPLOYING");
    screen.shows("auto of 4, line 20 of 20");
    stage.shop.open_gate();
    row(&screen, "#4", "staging");
    screen.shows("auto of 4 is out");
    assert_eq!(stage.shop.home.engine(), engine);
    until("it ran once", || {
        let ran = stage.shop.ran();
        ran.iter().filter(|line| *line == "staging auto 4").count() == 1
    });
    stage.is_untouched();
}

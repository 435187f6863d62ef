//! Every way out of the real console gives the terminal back, says why, and is quick.

use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::modes;
use super::stage::Stage;
use trunkline_testing::dice::{Dice, seeds};
use trunkline_testing::pty::Pty;
use trunkline_testing::shop::acts;

/// The layers that can be made to panic, and how often each is passed before it is too late for that.
const LAYERS: [(&str, usize); 9] = [
    ("start", 1),
    ("enter", 6),
    ("loop", 40),
    ("input", 40),
    ("update", 30),
    ("view", 12),
    ("task", 5),
    ("thread", 2),
    ("drop", 1),
];

/// Keys that look and do not act, and leave nothing open that Esc would not close.
const LOOKS: [&[u8]; 12] =
    [b"j", b"k", b"1", b"2", b"4", b"\t", b"z", b"g", b"G", b"d\x1b", b"?\x1b", b"/x\x1b"];

/// Looks around until the console has ended.
fn look_until_the_end(screen: &mut Pty, dice: &mut Dice) {
    let deadline = Instant::now() + Duration::from_mins(1);
    while !screen.has_ended_within(Duration::from_millis(5)) {
        assert!(Instant::now() < deadline, "it goes on:\n{}", screen.text());
        screen.press(dice.one_of(&LOOKS));
    }
}

/// The terminal is as it was found, whatever way out was taken.
fn is_given_back(screen: &mut Pty, way: &str) {
    let bytes = screen.bytes();
    assert_eq!(modes::left_set(&bytes), Vec::<String>::new(), "{way}");
    assert!(screen.is_restored(), "{way}: lines are not edited as before\n{}", screen.text());
}

fn panic_in(stage: &Stage, seed: u64) {
    let mut dice = Dice::of(seed);
    let (layer, most) = LAYERS[usize::try_from(seed).unwrap() % LAYERS.len()];
    let time = 1 + dice.below(most);
    // Now and then what tells of the panic fails too.
    let twice = dice.below(10) == 0;
    let asked = format!("{layer}:{time}{}", if twice { ",exit" } else { "" });
    let way = format!("TRUNKLINE_PANIC={asked}, seed {seed}");
    let mut screen = stage.console(&[("TRUNKLINE_PANIC", &asked)]);
    if layer == "drop" {
        screen.shows("PROD checkout");
        screen.press(b"q");
    } else {
        look_until_the_end(&mut screen, &mut dice);
    }
    let code = screen.shell_code();
    assert!(code == 101 || (twice && code == 134), "{way}: {code}");
    is_given_back(&mut screen, &way);
    let bytes = screen.bytes();
    let said = String::from_utf8_lossy(modes::afterwards(&bytes)).into_owned();
    assert!(said.contains(&format!("injected in {layer}")), "{way}: not whole: {said:?}");
    let text = screen.text();
    assert!(text.contains(&format!("injected in {layer}")), "{way}: not to be read:\n{text}");
    assert!(text.contains("Location:"), "{way}: not to be read:\n{text}");
}

/// When a signal arrives.
#[derive(Debug, Clone, Copy)]
enum Moment {
    /// After so many bytes of the start: before the modes are set, between them, in the first frame.
    Start(usize),
    Calm,
    Drawing,
    Dialog,
    Countdown,
    Resizing,
}

fn come_to(screen: &mut Pty, moment: Moment, dice: &mut Dice) {
    if let Moment::Start(bytes) = moment {
        return screen.has_written(bytes);
    }
    screen.shows("change 3");
    match moment {
        Moment::Start(_) | Moment::Calm => {}
        Moment::Drawing => {
            for _ in 0..dice.below(60) {
                screen.press(dice.one_of(&LOOKS));
            }
        }
        Moment::Dialog => {
            screen.press(b"1gj");
            acts(screen, "P", "Promote #3 to PRODUCTION");
        }
        Moment::Countdown => {
            screen.press(b"!");
            screen.shows("ROLLING BACK PRODUCTION");
        }
        Moment::Resizing => {
            for _ in 0..dice.below(30) {
                let (columns, rows) = (1 + dice.below(200), 1 + dice.below(60));
                screen.resize(columns.try_into().unwrap(), rows.try_into().unwrap());
            }
        }
    }
}

fn signal_at(stage: &Stage, seed: u64) -> Duration {
    let mut dice = Dice::of(seed);
    let signal =
        [Signal::TERM, Signal::HUP, Signal::INT, Signal::QUIT][usize::try_from(seed).unwrap() % 4];
    let (early, frame) = (Moment::Start(dice.below(80)), Moment::Start(dice.below(6_000)));
    let moment = [
        early,
        frame,
        Moment::Calm,
        Moment::Drawing,
        Moment::Dialog,
        Moment::Countdown,
        Moment::Resizing,
    ][dice.below(7)];
    let way = format!("{signal:?} at {moment:?}, seed {seed}");
    let mut screen = stage.console(&[]);
    come_to(&mut screen, moment, &mut dice);
    let begin = Instant::now();
    tell(&screen, signal);
    // Impatient people send a second one.
    if dice.below(4) == 0 {
        tell(&screen, Signal::TERM);
    }
    let code = i32::try_from(screen.shell_code()).unwrap();
    let took = begin.elapsed();
    assert!(code == 128 + signal.as_raw() || code == 143, "{way}: {code}\n{}", screen.text());
    is_given_back(&mut screen, &way);
    took
}

fn tell(screen: &Pty, signal: Signal) {
    let pid = Pid::from_raw(screen.process().try_into().unwrap()).unwrap();
    let _it_may_be_gone = kill_process(pid, signal);
}

#[test]
fn a_panic_in_any_layer_gives_the_terminal_back_and_can_be_read() {
    let stage = Stage::set();
    for seed in seeds("TRUNKLINE_EXITS", 36) {
        panic_in(&stage, seed);
    }
    stage.is_untouched();
}

#[test]
fn a_signal_at_any_instant_gives_the_terminal_back() {
    let stage = Stage::set();
    let took = seeds("TRUNKLINE_EXITS", 40).into_iter().map(|seed| signal_at(&stage, seed));
    println!("the slowest way out took {:?}", took.max());
    stage.is_untouched();
}

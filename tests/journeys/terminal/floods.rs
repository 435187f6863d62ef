//! No flood of keys, however it arrives, does anything that nobody confirmed.

use std::time::Duration;

use trunkline::backend::Backend as _;
use trunkline::backend::scripted::Scripted;
use trunkline::console::Options;
use trunkline::domain::ids::Seq;

use super::flood::{Press, flood};
use super::stage::Stage;
use trunkline_testing::console::{Console, checkout, options, put_live, ready};
use trunkline_testing::dice::{Dice, number, seeds};
use trunkline_testing::shop::acts;

/// A countdown that no flood outlasts: what fires it is a key.
const LONG: Duration = Duration::from_hours(10);
/// As long as a button takes to be armed, and a millisecond less.
const NOT_YET: usize = 400;

/// The service after the others: something to promote, to verify, to roll back, and one of these troubles.
fn world(dice: &mut Dice) -> Scripted {
    let backend = ready();
    backend.change(|world| {
        let service = checkout();
        match dice.below(4) {
            0 => {}
            1 => {
                let build = world.merge(&service, "ada", "one more");
                world.stage(&service, build);
            }
            2 => {
                put_live(world, trunkline::domain::ids::BuildNumber(3));
                world.verified_build(&service, "sam");
            }
            _ => {
                let build = world.merge(&service, "sam", "by whoever promotes it");
                world.stage(&service, build);
                world.finish(&service);
            }
        }
    });
    backend
}

async fn recorded(backend: &Scripted) -> usize {
    let events = backend.events(None, Seq(0), 10_000, Duration::ZERO).await;
    events.expect("the record can be read").len()
}

/// How many facts a flood recorded, with pauses of up to so many milliseconds between its keys.
async fn recorded_by(seed: u64, pauses: &[usize]) -> usize {
    let mut dice = Dice::of(seed);
    let backend = world(&mut dice);
    let before = recorded(&backend).await;
    let size = dice.one_of(&[(80, 24), (60, 12), (60, 12), (50, 10), (120, 40)]);
    let options = Options { emergency_countdown: LONG, ..options() };
    let console = Console::with(&backend, size, options, |_| {});
    if dice.below(4) > 0 {
        console.until("PROD checkout").await;
    }
    let pause = dice.one_of(pauses);
    // Time that passes is drawn; a flood without it can be long.
    let length = if pause == 0 { 150 } else { 30 };
    for press in flood(&mut dice, length) {
        let Some(event) = press.event() else { continue };
        console.event(event);
        if pause > 0 {
            let wait = dice.below(pause);
            console.rest(Duration::from_millis(wait.try_into().unwrap())).await;
        }
    }
    // Whatever is on its way arrives; nothing is pressed any more.
    console.rest(Duration::from_millis(600)).await;
    assert!(console.is_running(), "seed {seed}");
    recorded(&backend).await - before
}

fn run<T>(work: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_time().start_paused(true).build().unwrap().block_on(work)
}

#[test]
fn no_flood_of_keys_does_what_nobody_confirmed() {
    for seed in seeds("TRUNKLINE_FLOODS", 100) {
        let facts = run(recorded_by(seed, &[0, 0, 0, 30, NOT_YET]));
        assert_eq!(facts, 0, "something was done, seed {seed}");
    }
}

/// The same floods by somebody who waits: were no button ever reached, the claim above would be empty.
#[test]
fn the_same_keys_do_much_when_each_is_pressed_with_care() {
    let facts: usize = (0..16).map(|seed| run(recorded_by(seed, &[4_000]))).sum();
    assert!(facts >= 8, "only {facts}");
}

/// Ends whatever the flood began, and then the console: the sequence, the report of a mouse, the answer to a question
/// that nobody asked, the paste, each dialog.
const THE_END: &[u8] = b"\x1b\\mmc\x1b[201~\x1b[201~\x03\x03\x03\x03\x03\x03\x03\x03\x03\x03";

fn bytes(flood: &[Press]) -> Vec<u8> {
    flood.iter().flat_map(Press::bytes).collect()
}

#[test]
fn no_flood_on_a_real_terminal_does_what_nobody_confirmed() {
    let stage = Stage::set();
    for seed in seeds("TRUNKLINE_TERMINAL_FLOODS", 8) {
        let mut dice = Dice::of(seed);
        let mut screen = stage.console(&[]);
        // Typed ahead, before there is anything to see, or at once into the console that stands.
        if dice.below(3) > 0 {
            screen.shows("change 3");
        }
        screen.press(&bytes(&flood(&mut dice, 300)));
        // A ctrl-c before the terminal is taken over is a signal.
        screen.takes_over();
        screen.press(THE_END);
        assert_eq!(screen.exit_code(), 0, "seed {seed}: {}", screen.text());
        assert!(screen.is_restored(), "seed {seed}");
        stage.is_untouched();
    }
}

#[test]
fn a_paste_of_a_mebibyte_presses_nothing() {
    let stage = Stage::set();
    let mut screen = stage.console(&[]);
    screen.shows("change 3");
    screen.press(b"P\x1b[200~");
    screen.press("\x1b[C\r!\r".repeat(1 << 17).as_bytes());
    screen.press(THE_END);
    assert_eq!(screen.exit_code(), 0, "{}", screen.text());
    stage.is_untouched();
}

#[test]
fn a_flood_without_end_is_taken_and_nothing_else() {
    let stage = Stage::set();
    let mut screen = stage.console(&[]);
    screen.shows("change 3");
    let mut dice = Dice::of(1);
    let count = number("TRUNKLINE_KEYS").unwrap_or(8_000);
    let keys: Vec<u8> = (0..count).map(|_| dice.one_of(b"jkgG12345zPRVHF\r\t?")).collect();
    screen.press(&keys);
    screen.press(b"\x1b\x1b\x1b");
    screen.press(THE_END);
    assert_eq!(screen.exit_code(), 0, "{}", screen.text());
    stage.is_untouched();
}

#[test]
fn a_paste_that_the_terminal_does_not_mark_starts_nothing_and_one_key_alone_does() {
    let stage = Stage::set();
    let mut screen = stage.console(&[]);
    screen.shows("change 3");
    screen.press(b"went fine! thanks\n");
    screen.shows("keys came together, as in a paste");
    // What a terminal tells of its mouse and its window is no key, whole or in pieces.
    screen.press(b"\x1b[<0;10;10M\x1b[<0;10;10m\x1b[M !!\x1b[I\x1b[O");
    screen.press(b"[<0;10;10M[<0;!P");
    screen.press(b"\x1b\x1b\x1b");
    acts(&mut screen, "?", "letters search");
    screen.press(b"\x1b");
    screen.hides("letters search");
    assert!(!screen.has_shown("ROLLING BACK") && !screen.has_shown("Promote #"));
    acts(&mut screen, "!", "ROLLING BACK PRODUCTION");
    screen.press(b"\x1b");
    screen.hides("ROLLING BACK PRODUCTION");
    stage.is_untouched();
}

//! How long a key takes to reach the screen, on a calm console and while 10,000 lines a second arrive in the log, against
//! a bare ratatui and tokio program beside it: `cargo bench --bench keys`.

use std::time::{Duration, Instant};

use trunkline_testing::bench::floor;
use trunkline_testing::bench::samples::Pairs;
use trunkline_testing::bench::screen::Screen;
use trunkline_testing::shop::Shop;

const KEYS: usize = 300;
const SIZE: (u16, u16) = (120, 40);
/// What marks the selected row in every list, the floor's too.
const MARK: char = '▸';

fn main() {
    floor::become_what_is_asked();
    let shop = Shop::measured();
    shop.merge_many(5);
    measure(&shop, "key to paint, calm");
    shop.begin_flood();
    measure(&shop, "key to paint, 10,000 lines a second in the log");
    shop.end_flood();
}

fn measure(shop: &Shop, title: &str) {
    let mut bare = Screen::start(floor::bare_screen(), SIZE);
    let mut console = Screen::start(shop.console_command(), SIZE);
    bare.shows("▸ #0");
    console.shows("▸ #");
    let (mut of_bare, mut of_console) = (Vec::new(), Vec::new());
    for turn in 0..KEYS {
        let key = if turn % 2 == 0 { "j" } else { "k" };
        of_bare.push(bare.press(key));
        bare.watch(pause(turn));
        of_console.push(console.press(key));
        console.watch(pause(turn + 1));
    }
    console.watch(Duration::from_millis(500));
    let mut pairs = Pairs::default();
    for (floor, ours) in to_paint(&bare, &of_bare).into_iter().zip(to_paint(&console, &of_console))
    {
        pairs.floor.push(floor);
        pairs.ours.push(ours);
    }
    pairs.print(title, "bare ratatui and tokio", "trunkline console");
}

/// Never in step with the frames of a program.
fn pause(turn: usize) -> Duration {
    Duration::from_micros(40_000 + (turn as u64 * 7_919) % 20_000)
}

/// From each key to the first instant after it at which the selection was where the key sends it.
fn to_paint(screen: &Screen, keys: &[Instant]) -> Vec<Duration> {
    let rows = screen.after_each_piece(selected);
    let first = rows.iter().find_map(|(_, row)| *row).expect("a row is selected");
    let expected = |turn: usize| if turn.is_multiple_of(2) { first + 1 } else { first };
    let painted = |(turn, pressed): (usize, &Instant)| {
        let seen = rows.iter().find(|(at, row)| at > pressed && *row == Some(expected(turn)));
        seen.expect("every key is painted").0 - *pressed
    };
    keys.iter().enumerate().map(painted).collect()
}

/// On which line of the screen the first list has its mark.
fn selected(screen: &vt100::Screen) -> Option<usize> {
    screen.contents().lines().position(|line| line.contains(MARK))
}

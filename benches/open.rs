//! How long the console takes from its start to its whole first screen, on an engine that runs, against a bare ratatui
//! and tokio program: `cargo bench --bench open`.

#[path = "support/floor.rs"]
mod floor;
#[path = "support/samples.rs"]
mod samples;
#[path = "support/screen.rs"]
mod screen;
#[path = "support/shop.rs"]
mod shop;

use std::time::Duration;

use portable_pty::CommandBuilder;

use samples::Pairs;
use screen::Screen;
use shop::Shop;

const PAIRS: usize = 40;
const SIZES: [(u16, u16); 2] = [(120, 40), (200, 50)];

fn main() {
    floor::become_what_is_asked();
    let shop = Shop::open();
    shop.merge_many(5);
    for size in SIZES {
        let pairs = Pairs::measure(
            PAIRS,
            || first_full_paint(floor::bare_screen(), size),
            || first_full_paint(shop.console(), size),
        );
        let title = format!("first full paint at {}x{}", size.0, size.1);
        pairs.print(&title, "bare ratatui and tokio", "trunkline console");
    }
}

fn first_full_paint(command: CommandBuilder, size: (u16, u16)) -> Duration {
    let mut screen = Screen::start(command, size);
    screen.settle();
    screen.first_full_paint()
}

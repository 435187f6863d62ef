//! How long the console takes from its start to its whole first screen, on an engine that runs, against a bare ratatui
//! and tokio program: `cargo bench --bench open`.

use std::time::Duration;

use portable_pty::CommandBuilder;

use trunkline_testing::bench::floor;
use trunkline_testing::bench::samples::Pairs;
use trunkline_testing::bench::screen::Screen;
use trunkline_testing::shop::Shop;

const PAIRS: usize = 40;
const SIZES: [(u16, u16); 2] = [(120, 40), (200, 50)];

fn main() {
    floor::become_what_is_asked();
    let shop = Shop::measured();
    shop.merge_many(5);
    for size in SIZES {
        let pairs = Pairs::measure(
            PAIRS,
            || first_full_paint(floor::bare_screen(), size),
            || first_full_paint(shop.console_command(), size),
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

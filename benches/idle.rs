//! What a console and an engine cost that have nothing to do: memory, wake-ups and processor time over a minute, beside a
//! bare ratatui and tokio program: `cargo bench --bench idle`, Linux only.

use std::time::Duration;

use trunkline_testing::bench::floor;
use trunkline_testing::bench::screen::Screen;
use trunkline_testing::bench::spent::{Spent, status};
use trunkline_testing::shop::Shop;

/// So long is looked at, in seconds, unless this variable says otherwise.
const SECONDS: &str = "TRUNKLINE_BENCH_SECONDS";
const SIZE: (u16, u16) = (120, 40);
/// By then what was seconds old is minutes old, and its age changes seldom.
const REST: Duration = Duration::from_secs(65);

fn main() {
    floor::become_what_is_asked();
    let seconds = std::env::var(SECONDS).ok().and_then(|text| text.parse().ok()).unwrap_or(60);
    let time = Duration::from_secs(seconds);
    let shop = Shop::measured();
    shop.merge_many(5);
    std::thread::sleep(REST);
    let engine = shop.home.engine().expect("an engine runs");
    heading("an idle engine without a console", time);
    watch(&[("trunkline serve", engine)], time);

    let mut bare = Screen::start(floor::bare_screen(), SIZE);
    let mut console = Screen::start(shop.console_command(), SIZE);
    bare.settle();
    console.settle();
    let written = console.bytes();
    heading("an idle console on an idle engine", time);
    watch(
        &[
            ("bare ratatui and tokio", bare.process()),
            ("trunkline console", console.process()),
            ("trunkline serve", engine),
        ],
        time,
    );
    console.settle();
    println!("  the console wrote {} bytes", console.bytes() - written);
}

fn heading(title: &str, time: Duration) {
    println!(
        "\n{:<46}{:>12}{:>14}{:>10}{:>10}",
        format!("{title}, {} s", time.as_secs()),
        "resident",
        "of its own",
        "wake-ups",
        "core"
    );
}

fn watch(processes: &[(&str, u32)], time: Duration) {
    let before: Vec<_> = processes.iter().map(|(_, id)| Spent::by(*id)).collect();
    std::thread::sleep(time);
    for ((name, id), before) in processes.iter().zip(before) {
        let (after, memory) = (Spent::by(*id), status(&format!("/proc/{id}/status")));
        let ran = after.running.saturating_sub(before.running);
        println!(
            "  {name:<44}{:>8} KiB{:>10} KiB{:>10}{:>8.3} %",
            memory("VmRSS"),
            memory("RssAnon"),
            // A thread that ended took its count along.
            after.wakes.saturating_sub(before.wakes),
            ran.as_secs_f64() / time.as_secs_f64() * 100.0,
        );
    }
}

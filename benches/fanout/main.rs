//! Two hundred consoles on one server over TLS: the lines of one log as they come, a whole log as fast as it goes, and the
//! answer that nothing has changed; each beside a bare axum server that sends the same bytes in the same run.
//!
//! `cargo bench --bench fanout`, Linux only. The log is followed for ten seconds; `TRUNKLINE_BENCH_SECONDS=60` for a minute.
//! `cargo bench --bench fanout unchanged` is the last part alone.

mod bare;
mod engine;
mod follow;
#[path = "../log/process.rs"]
mod process;
mod server;
#[path = "../log/speed.rs"]
mod speed;
mod unchanged;

use std::time::Duration;

use self::server::Server;

/// How many consoles, and at which speed the log grows.
const CONSOLES: usize = 200;
const RATE: u64 = 2_000;
/// About how many bytes a console reads at once.
const PIECE: usize = 64 * 1024;
/// So long is followed, in seconds, unless this variable says otherwise.
const SECONDS: &str = "TRUNKLINE_BENCH_SECONDS";
/// How long the unchanged service is asked for.
const ASKING: Duration = Duration::from_secs(5);

fn lines() -> u64 {
    let seconds = std::env::var(SECONDS).ok().and_then(|text| text.parse().ok()).unwrap_or(10);
    RATE * seconds
}

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    match arguments.next().as_deref() {
        Some("print") => {
            // A step does not get the variables of whoever started its engine.
            let lines = arguments.next().and_then(|text| text.parse().ok());
            return speed::print(lines.expect("it is a number"), RATE);
        }
        Some("engine") => return engine::serve().await,
        Some("bare") => return bare::serve().await,
        Some("unchanged") => {
            let (bare, ours) = (Server::start("bare"), Server::start("engine"));
            not_modified(&bare, &ours).await;
            // The step ends too: its log is read to the end.
            assert!(follow::ours(&ours, true).await.is_whole());
            return;
        }
        _ => {}
    }
    let (bare, ours) = (Server::start("bare"), Server::start("engine"));
    println!(
        "{CONSOLES} consoles, {RATE} lines/s for {} s, {} lines in all",
        lines() / RATE,
        lines()
    );
    let floor = follow::bare(&bare, "/live").await;
    floor.print("a bare axum server, as they come", &bare);
    let live = follow::ours(&ours, true).await;
    live.print("trunkline, as they come", &ours);
    assert!(live.is_whole(), "a console did not get every line in its order");
    println!("  every console got every line in its order");

    let mut ratios = Vec::new();
    for _ in 0..3 {
        let floor = follow::bare(&bare, "/all").await;
        floor.print("a bare axum server, the whole log at once", &bare);
        let whole = follow::ours(&ours, false).await;
        whole.print("trunkline, the whole log at once", &ours);
        ratios.push(whole.speed() / floor.speed());
    }
    report("the whole log at once", ratios, 80);

    not_modified(&bare, &ours).await;
    println!("trunkline's memory at its most: {:.1} MB", process::peak(ours.process()));
}

async fn not_modified(bare: &Server, ours: &Server) {
    let mut ratios = Vec::new();
    for _ in 0..3 {
        let floor = unchanged::rate(bare).await;
        let rate = unchanged::rate(ours).await;
        println!(
            "not modified: a bare axum server {:.0}/s and {:.1} us of a core for each, trunkline {:.0}/s and {:.1} us",
            floor.answers, floor.used, rate.answers, rate.used
        );
        ratios.push(rate.answers / floor.answers);
    }
    report("not modified", ratios, 50);
}

fn report(what: &str, mut ratios: Vec<f64>, least: u32) {
    ratios.sort_by(f64::total_cmp);
    let median = 100.0 * ratios[ratios.len() / 2];
    println!("{what}: {median:.0} % of the bare server (at least {least} %)");
}

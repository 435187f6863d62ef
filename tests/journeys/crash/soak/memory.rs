//! What an engine holds for itself, and what of it is the record: what a new engine holds on a copy of the same record.

use std::fs;

use super::super::engine::Engine;
use super::super::kills::nothing_is_left_to_do;
use super::super::shop::Shop;
use trunkline_testing::home::Home;

/// In KiB, without the pages of the program.
#[derive(Debug, Clone, Copy)]
pub struct Held {
    /// By the engine that served all the time.
    pub served: u64,
    /// By a new one that serves nobody.
    pub fresh: u64,
}

impl Held {
    /// Once all has come to rest.
    pub async fn now(shop: &Shop, engine: &Engine) -> Self {
        let home = Home::new();
        for folder in ["config", "data"] {
            fs::create_dir(home.path(folder)).unwrap();
        }
        fs::copy(shop.home.path("config/config.toml"), home.path("config/config.toml")).unwrap();
        let copy = home.path("data/trunkline.db").display().to_string();
        shop.home.said(&["backup", &copy]);
        let fresh = Engine::start(&home);
        nothing_is_left_to_do(shop, &fresh).await;
        let held = Self { served: own_memory(engine), fresh: own_memory(&fresh) };
        fresh.stop();
        held
    }

    fn besides_the_record(self) -> i64 {
        self.served.cast_signed() - self.fresh.cast_signed()
    }
}

/// How much more than the record made it the engine held in the last third of these rounds than in the first, in KiB, and how
/// much it held in the first. By medians: what a new engine holds depends on chance too.
pub fn growth(rounds: &[Held]) -> (i64, i64) {
    let third = rounds.len().div_ceil(3);
    let median = |some: &[Held], of: fn(&Held) -> i64| {
        let mut sorted: Vec<_> = some.iter().map(of).collect();
        sorted.sort_unstable();
        sorted[sorted.len() / 2]
    };
    let (first, last) = (&rounds[..third], &rounds[rounds.len() - third..]);
    let besides = |held: &Held| held.besides_the_record();
    let served = median(first, |held| held.served.cast_signed());
    (median(last, besides) - median(first, besides), served)
}

pub fn own_memory(engine: &Engine) -> u64 {
    let status = format!("/proc/{}/status", engine.pid().as_raw_nonzero());
    let status = fs::read_to_string(status).unwrap();
    let own = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    own.unwrap().trim().trim_end_matches(" kB").parse().unwrap()
}

//! When the engine is killed: a thing that it is about to do, and a random time after it began.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::shop::Shop;
use trunkline_testing::dice::Dice;

/// How often the disk is looked at.
const GLANCE: Duration = Duration::from_micros(500);
/// A thing that does not happen within this time is not waited for any longer.
const LONGEST: Duration = Duration::from_millis(600);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    Idle,
    /// A client is sending a command.
    Command,
    /// A checkout grows.
    Checkout,
    /// A step has got its folder.
    Starts,
    /// A step has noted that it runs.
    Runs,
    /// A step's outcome is on the disk.
    Ends,
    /// The engine itself is starting.
    Opens,
}

impl Phase {
    pub const ALL: [Self; 7] = [
        Self::Idle,
        Self::Command,
        Self::Checkout,
        Self::Starts,
        Self::Runs,
        Self::Ends,
        Self::Opens,
    ];

    /// How long after its beginning the kill may come.
    fn span(self) -> Duration {
        Duration::from_millis(match self {
            Self::Idle => 120,
            Self::Command => 6,
            Self::Checkout => 12,
            Self::Starts => 10,
            Self::Runs => 60,
            Self::Ends => 8,
            Self::Opens => 50,
        })
    }
}

/// What can be seen from outside of what an engine does.
pub struct Watch {
    runs: PathBuf,
    checkouts: PathBuf,
    ran: PathBuf,
    pub sent: Arc<AtomicU64>,
}

impl Watch {
    pub fn of(shop: &Shop) -> Self {
        let checkouts = shop.data().join("checkouts/checkout");
        Self { runs: shop.runs(), checkouts, ran: shop.ran_file(), sent: Arc::default() }
    }

    /// Waits for the beginning of the phase, then for a random time within it.
    pub async fn reach(&self, phase: Phase, dice: &mut Dice) {
        let after = dice.within(phase.span());
        let before = self.mark(phase);
        let deadline = Instant::now() + LONGEST;
        while phase_is_awaited(phase) && self.mark(phase) == before && Instant::now() < deadline {
            tokio::time::sleep(GLANCE).await;
        }
        tokio::time::sleep(after).await;
    }

    /// A number that changes when the phase begins once more.
    fn mark(&self, phase: Phase) -> u64 {
        match phase {
            Phase::Idle | Phase::Opens => 0,
            Phase::Command => self.sent.load(Ordering::Relaxed),
            Phase::Checkout => u64::from(self.a_checkout_grows()),
            Phase::Starts => self.newest_run().map_or(0, |(run, step)| run * 100 + step),
            Phase::Runs => std::fs::metadata(&self.ran).map_or(0, |ran| ran.len()),
            Phase::Ends => self.newest_run().map_or(0, |(run, step)| {
                let folder = self.runs.join(run.to_string()).join(step.to_string());
                (run * 100 + step) * 2 + u64::from(folder.join("status.json").exists())
            }),
        }
    }

    fn a_checkout_grows(&self) -> bool {
        let entries = std::fs::read_dir(&self.checkouts).into_iter().flatten().flatten();
        entries.into_iter().any(|entry| entry.file_name().to_string_lossy().contains(".partial"))
    }

    fn newest_run(&self) -> Option<(u64, u64)> {
        let run = highest(&self.runs)?;
        let step = highest(&self.runs.join(run.to_string()))?;
        Some((run, step))
    }
}

fn phase_is_awaited(phase: Phase) -> bool {
    !matches!(phase, Phase::Idle | Phase::Opens)
}

fn highest(folder: &Path) -> Option<u64> {
    let entries = std::fs::read_dir(folder).ok()?.flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).max()
}

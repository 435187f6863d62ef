//! The wall clock, read in this one file, and whether somebody set it.

use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};

use super::world::Trouble;
use crate::domain::time::say;

/// Tells the time; tests bring their own.
pub trait Clock: Send + Sync + 'static {
    fn now(&self) -> DateTime<Utc>;

    /// The time since some instant, which no setting of the clock moves and in which the machine's sleep counts;
    /// `None` where there is no such clock.
    fn steady(&self) -> Option<Duration> {
        None
    }
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }

    #[cfg(target_os = "linux")]
    fn steady(&self) -> Option<Duration> {
        rustix::time::clock_gettime(rustix::time::ClockId::Boottime).try_into().ok()
    }
}

/// A clock that is set by less than this is only corrected, and nothing that is shown changes.
const CORRECTION: TimeDelta = TimeDelta::seconds(30);
/// A shorter sleep of the machine is not noticed.
const SLEEP: Duration = Duration::from_secs(5);

/// How the time passed between two looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passed {
    Evenly,
    /// The machine slept: clocks that count on by themselves are behind.
    Asleep,
    /// The wall clock was set by so much.
    Set(TimeDelta),
}

impl Passed {
    /// The notice of a clock that was set. It stays as long as the engine runs, because older times read wrong.
    pub(super) fn trouble(self, now: DateTime<Utc>) -> Option<Trouble> {
        let Self::Set(by) = self else { return None };
        let amount = say(by.abs().to_std().unwrap_or_default());
        let direction = if by < TimeDelta::zero() { "back" } else { "ahead" };
        tracing::warn!(amount, direction, "the clock was set");
        let at = now.format("%H:%M UTC");
        Some(Trouble::new(
            format!(
                "this machine's clock was set {direction} by {amount} at {at}; ages and soaks that began before are \
                 wrong by as much"
            ),
            "compare it with another clock; a restart of the engine takes this notice away",
        ))
    }
}

/// Compares the wall clock with the clocks that no one sets.
#[derive(Debug)]
pub(super) struct ClockWatch {
    wall: DateTime<Utc>,
    steady: Option<Duration>,
    awake: Instant,
}

impl ClockWatch {
    pub fn begin(clock: &dyn Clock) -> Self {
        Self { wall: clock.now(), steady: clock.steady(), awake: Instant::now() }
    }

    /// Looks at the clocks, and how they went since the last look.
    pub fn look(&mut self, clock: &dyn Clock) -> Passed {
        let before = std::mem::replace(self, Self::begin(clock));
        let (Some(now), Some(then)) = (self.steady, before.steady) else { return Passed::Evenly };
        let passed = now.saturating_sub(then);
        let by = (self.wall - before.wall) - TimeDelta::from_std(passed).unwrap_or_default();
        if by.abs() > CORRECTION {
            Passed::Set(by)
        } else if passed.saturating_sub(self.awake - before.awake) > SLEEP {
            Passed::Asleep
        } else {
            Passed::Evenly
        }
    }
}

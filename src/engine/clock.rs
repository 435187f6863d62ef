//! The wall clock, which only this file reads, and the detection of clock changes.

use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};

use super::world::Trouble;
use crate::domain::instant;
use crate::domain::time::say;

/// Tells the time. Tests pass their own clock.
pub trait Clock: Send + Sync + 'static {
    fn now(&self) -> DateTime<Utc>;

    /// The time since a fixed instant. It includes the machine's sleep, and setting the wall clock does not change it.
    /// `None` if there is no such clock.
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

/// A smaller change of the clock is a correction and is not reported.
const CORRECTION: TimeDelta = TimeDelta::seconds(30);
/// A shorter sleep of the machine is ignored.
const SHORTEST_SLEEP: Duration = Duration::from_secs(5);

/// How time passed between two readings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passed {
    Evenly,
    /// The machine slept, so the consoles' own clocks are behind.
    Asleep,
    /// The wall clock was set by this amount.
    Set(TimeDelta),
}

impl Passed {
    /// The notice that the clock was set. It stays until the engine stops, because earlier times are wrong.
    pub(super) fn trouble(self, now: DateTime<Utc>) -> Option<Trouble> {
        let Self::Set(by) = self else { return None };
        let amount = say(by.abs().to_std().unwrap_or_default());
        let direction = if by < TimeDelta::zero() { "back" } else { "ahead" };
        tracing::warn!(amount, direction, "the clock was set");
        let at = instant::in_utc(now);
        Some(Trouble::new(
            format!(
                "this machine's clock was set {direction} by {amount} at {at}; ages and soak times that began \
                 earlier are off by that amount"
            ),
            "check the clock; restart the engine to clear this notice",
        ))
    }
}

/// Compares the wall clock with clocks that cannot be set.
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

    /// Reads the clocks and compares them with the last reading.
    pub fn look(&mut self, clock: &dyn Clock) -> Passed {
        let before = std::mem::replace(self, Self::begin(clock));
        let (Some(now), Some(then)) = (self.steady, before.steady) else { return Passed::Evenly };
        let passed = now.saturating_sub(then);
        let by = (self.wall - before.wall) - TimeDelta::from_std(passed).unwrap_or_default();
        if by.abs() > CORRECTION {
            Passed::Set(by)
        } else if passed.saturating_sub(self.awake - before.awake) > SHORTEST_SLEEP {
            Passed::Asleep
        } else {
            Passed::Evenly
        }
    }
}

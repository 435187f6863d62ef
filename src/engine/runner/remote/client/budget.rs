//! How many requests GitHub still allows, of which the last ones are kept for rollbacks and cancellations.

use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::HeaderMap;
use tokio::time::Instant;

use super::reply::date;
use super::urgency::CallUrgency;
use crate::engine::clock::{Clock as _, SystemClock};

const LIMIT: &str = "x-ratelimit-limit";
const REMAINING: &str = "x-ratelimit-remaining";
const RESET: &str = "x-ratelimit-reset";
/// Searches and the like have limits of their own.
const RESOURCE: &str = "x-ratelimit-resource";
const CORE: &[u8] = b"core";
/// How many requests nobody makes who looks at what others do.
const RESERVE: u64 = 200;
/// The longest time for which a limit is told.
const LONGEST: Duration = Duration::from_hours(1);

/// What is left of a limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallBudget {
    pub limit: u64,
    pub left: u64,
    /// When it is whole again: as the engine tells it, in seconds of its clock, and by ours.
    reset: u64,
    ends: Instant,
    pub ends_at: DateTime<Utc>,
}

impl CallBudget {
    /// What an answer tells.
    pub fn told(headers: &HeaderMap) -> Option<Self> {
        let number = |name: &str| headers.get(name)?.to_str().ok()?.parse::<u64>().ok();
        if headers.get(RESOURCE).is_some_and(|resource| resource.as_bytes() != CORE) {
            return None;
        }
        let (limit, left, reset) = (number(LIMIT)?, number(REMAINING)?, number(RESET)?);
        let now = u64::try_from(date(headers)?.timestamp()).ok()?;
        let lasts = Duration::from_secs(reset.saturating_sub(now)).min(LONGEST);
        let (ends, ends_at) = (Instant::now() + lasts, SystemClock.now() + lasts);
        Some(Self { limit, left, reset, ends, ends_at })
    }

    /// The newer one of both: answers may overtake each other.
    pub fn after(self, before: Option<Self>) -> Self {
        match before.filter(|before| before.ends > Instant::now()) {
            Some(before) if before.reset > self.reset => before,
            Some(before) if before.reset == self.reset => {
                Self { left: self.left.min(before.left), ..self }
            }
            _ => self,
        }
    }

    /// Whether such a request may take one of what is left.
    pub fn allows(&self, urgency: CallUrgency) -> bool {
        // A small limit keeps less.
        let reserve = RESERVE.min(self.limit / 10);
        let kept = match urgency {
            CallUrgency::Observe => reserve,
            CallUrgency::Follow => reserve / 2,
            CallUrgency::Act => return true,
        };
        self.left > kept || self.resets_in().is_zero()
    }

    pub fn resets_in(&self) -> Duration {
        self.ends.saturating_duration_since(Instant::now())
    }

    /// Why such a request waits.
    pub fn sentence(&self, urgency: CallUrgency) -> String {
        let what =
            if urgency == CallUrgency::Observe { "what others deploy is" } else { "runs are" };
        let at = self.ends_at.format("%H:%M");
        format!("its limit is nearly used up; {what} seen again from {at} UTC")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use CallUrgency::{Act, Follow, Observe};

    fn told(limit: u64, left: u64, lasts: i64) -> CallBudget {
        let now = DateTime::UNIX_EPOCH + chrono::TimeDelta::days(20_000);
        let reset = (now.timestamp() + lasts).to_string();
        let headers = [
            (LIMIT, limit.to_string()),
            (REMAINING, left.to_string()),
            (RESET, reset),
            ("date", now.to_rfc2822()),
        ];
        let headers = headers.iter().map(|(name, value)| {
            (name.parse::<reqwest::header::HeaderName>().unwrap(), value.parse().unwrap())
        });
        CallBudget::told(&headers.collect()).unwrap()
    }

    fn allowed(budget: &CallBudget) -> [bool; 3] {
        [Observe, Follow, Act].map(|urgency| budget.allows(urgency))
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_requests_are_kept_for_what_acts() {
        for (limit, left, may) in [
            (5_000, 201, [true, true, true]),
            (5_000, 200, [false, true, true]),
            (5_000, 100, [false, false, true]),
            (5_000, 0, [false, false, true]),
            (60, 7, [true, true, true]),
            (60, 6, [false, true, true]),
            (60, 3, [false, false, true]),
        ] {
            assert_eq!(allowed(&told(limit, left, 600)), may, "{left} of {limit}");
        }
        let spent = told(5_000, 0, 600);
        assert!(spent.sentence(Observe).contains("what others deploy is seen again from "));
        tokio::time::advance(Duration::from_mins(10)).await;
        assert_eq!(allowed(&spent), [true; 3], "it is whole again");
        assert_eq!(told(5_000, 0, 1 << 40).resets_in(), LONGEST, "by a strange clock");
        assert!(told(5_000, 0, -60).allows(Observe), "it is over");
    }

    #[tokio::test(start_paused = true)]
    async fn answers_that_overtake_each_other_give_nothing_back() {
        let (first, second) = (told(5_000, 300, 600), told(5_000, 299, 600));
        assert_eq!(first.clone().after(Some(second.clone())).left, 299);
        assert_eq!(second.clone().after(Some(first.clone())).left, 299);
        let next = told(5_000, 4_999, 4_200);
        assert_eq!(next.clone().after(Some(second.clone())).left, 4_999);
        assert_eq!(second.clone().after(Some(next.clone())).left, 4_999, "a late answer");
        tokio::time::advance(Duration::from_hours(2)).await;
        assert_eq!(second.clone().after(Some(next)).left, 299, "that hour is over");
    }
}

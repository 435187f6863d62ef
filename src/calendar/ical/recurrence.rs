//! A recurring event in the local time of its zone.

use std::collections::BTreeSet;

use chrono::{NaiveDateTime, NaiveTime, TimeDelta};
use chrono_tz::Tz;
use icalendar::rrule::RRuleSet;

use super::event::EventTime;

/// The most occurrences from the first one on.
const STEPS: usize = 50_000;

pub(super) struct Recurrence {
    /// The text of an RRULE.
    pub rule: Option<String>,
    pub zone: Tz,
    pub added: BTreeSet<NaiveDateTime>,
    pub left_out: BTreeSet<NaiveDateTime>,
}

/// Why the occurrences could not be computed.
pub(super) enum RecurrenceError {
    TooMany,
    Unclear(String),
}

impl Recurrence {
    /// The local times of its occurrences until `last`.
    pub fn walls(
        &self,
        start: NaiveDateTime,
        last: NaiveDateTime,
    ) -> Result<Vec<NaiveDateTime>, RecurrenceError> {
        let mut walls = match &self.rule {
            Some(rule) => self.by_rule(rule, start, last)?,
            None => vec![start],
        };
        walls.extend(self.added.iter().filter(|wall| **wall <= last));
        walls.retain(|wall| !self.left_out.contains(wall));
        walls.sort_unstable();
        walls.dedup();
        Ok(walls)
    }

    /// The library computes in UTC, which has no gaps; its results are read as local times.
    fn by_rule(
        &self,
        rule: &str,
        start: NaiveDateTime,
        last: NaiveDateTime,
    ) -> Result<Vec<NaiveDateTime>, RecurrenceError> {
        let rule = self.in_local_time(rule).ok_or_else(|| unclear(rule))?;
        let text = format!("DTSTART:{}Z\nRRULE:{rule}", start.format("%Y%m%dT%H%M%S"));
        let set: RRuleSet = text.parse().map_err(|_| unclear(&rule))?;
        let set = set.limit();
        let mut walls = Vec::new();
        for (step, at) in set.into_iter().enumerate() {
            let wall = at.naive_utc();
            if wall > last {
                break;
            }
            if step >= STEPS {
                return Err(RecurrenceError::TooMany);
            }
            walls.push(wall);
        }
        Ok(walls)
    }

    /// The rule with its UNTIL in local time, in the form that the library takes.
    fn in_local_time(&self, rule: &str) -> Option<String> {
        let part = |part: &str| match part.trim().split_once('=') {
            Some((name, until)) if name.eq_ignore_ascii_case("UNTIL") => {
                let wall = match EventTime::read(until, self.zone)? {
                    // A day includes its end.
                    EventTime::Day(day) => {
                        day.and_time(NaiveTime::MIN) + TimeDelta::seconds(86_399)
                    }
                    moment @ EventTime::Wall(..) => moment.wall(self.zone),
                };
                Some(format!("UNTIL={}Z", wall.format("%Y%m%dT%H%M%S")))
            }
            _ => Some(part.trim().to_owned()),
        };
        let parts: Option<Vec<_>> = rule.trim_end_matches(';').split(';').map(part).collect();
        parts.map(|parts| parts.join(";"))
    }
}

fn unclear(rule: &str) -> RecurrenceError {
    RecurrenceError::Unclear(format!("its rule is invalid: {rule:?}"))
}

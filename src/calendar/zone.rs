//! From the time on a wall to the instant: what a clock skips or shows twice has one answer for each edge.

use chrono::{DateTime, MappedLocalTime, NaiveDate, NaiveDateTime, NaiveTime, TimeZone as _, Utc};
use chrono_tz::{GapInfo, Tz};

/// Which edge of a window a wall time is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edge {
    Start,
    End,
}

/// The instant at which a zone's clocks show `wall`. A time that they skip is the first instant after the gap; of one
/// that they show twice, a start is the earlier and an end the later.
#[must_use]
pub fn instant(zone: Tz, wall: NaiveDateTime, edge: Edge) -> DateTime<Utc> {
    match zone.from_local_datetime(&wall) {
        MappedLocalTime::Single(at) => at.to_utc(),
        MappedLocalTime::Ambiguous(one, other) => match edge {
            Edge::Start => one.min(other).to_utc(),
            Edge::End => one.max(other).to_utc(),
        },
        MappedLocalTime::None => {
            let after = GapInfo::new(&wall, &zone).and_then(|gap| gap.end);
            after.map_or_else(|| wall.and_utc(), |at| at.to_utc())
        }
    }
}

/// The first instant of a day, or the one at which the day before ends.
#[must_use]
pub fn midnight(zone: Tz, day: NaiveDate, edge: Edge) -> DateTime<Utc> {
    instant(zone, day.and_time(NaiveTime::MIN), edge)
}

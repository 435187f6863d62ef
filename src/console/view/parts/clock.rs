//! Points in time as people read them, in the local time of the console.

use chrono::{DateTime, Utc};

use crate::console::model::Model;

/// `14:02` today, `Fri 05:00` within six days, else `27 Nov 05:00`.
#[must_use]
pub fn clock(model: &Model, time: DateTime<Utc>) -> String {
    let zone = model.zone();
    let (time, now) = (time.with_timezone(&zone), model.now().with_timezone(&zone));
    let days = (time.date_naive() - now.date_naive()).num_days();
    let form = match days {
        0 => "%H:%M",
        -6..=6 => "%a %H:%M",
        _ => "%-d %b %H:%M",
    };
    time.format(form).to_string()
}

/// `Fri 05:00 CET`, where the zone must be seen.
#[must_use]
pub fn clock_with_zone(model: &Model, time: DateTime<Utc>) -> String {
    format!("{} {}", clock(model, time), time.with_timezone(&model.zone()).format("%Z"))
}

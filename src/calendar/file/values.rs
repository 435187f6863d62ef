//! Dates, times, days and zones in the file.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc, Weekday};
use chrono_tz::{TZ_VARIANTS, Tz};
use toml::value::{Datetime, Offset};
use trunkline_settings::{Mistakes, Section, Setting, did_you_mean};

use crate::zone::{Edge, instant};

/// The most items of a list.
const MOST: usize = 1000;

const DAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Mon),
    ("tue", Weekday::Tue),
    ("wed", Weekday::Wed),
    ("thu", Weekday::Thu),
    ("fri", Weekday::Fri),
    ("sat", Weekday::Sat),
    ("sun", Weekday::Sun),
];

/// A zone by its IANA name.
pub(super) fn zone(entry: &Setting<'_>, mistakes: &mut Mistakes<'_>) -> Option<Tz> {
    let text = entry.text(mistakes)?;
    let known = text.parse::<Tz>().ok();
    let is_short = !text.contains('/') && !text.chars().any(|c| c.is_ascii_lowercase());
    let is_offset = text.starts_with("Etc/GMT") || text.contains([':', '+']);
    let why = match known {
        Some(Tz::UTC) => return known,
        Some(_) if !is_short && !is_offset => return known,
        _ if is_offset || text.starts_with(['-', '+']) => {
            "is an offset without daylight saving; name a place such as \"Europe/Berlin\""
                .to_owned()
        }
        _ if is_short && text.len() <= 8 => {
            "is an ambiguous abbreviation; name a place such as \"America/New_York\"".to_owned()
        }
        _ => {
            let near = nearest_zone(text);
            format!("is not an IANA time zone{}", near.unwrap_or_default())
        }
    };
    entry.reject(mistakes, format!("{text:?} {why}"));
    None
}

fn nearest_zone(text: &str) -> Option<String> {
    let written = text.to_lowercase().replace(' ', "_");
    let names = TZ_VARIANTS.iter().map(|zone| zone.name());
    let near =
        names.map(|name| (strsim::osa_distance(&written, &name.to_lowercase()), name)).min()?;
    (near.0 <= (text.chars().count() / 3).max(1)).then(|| format!("; did you mean {:?}?", near.1))
}

/// The zone of a section, or the default.
pub(super) fn own_zone(
    section: &mut Section<'_>,
    default: Option<Tz>,
    mistakes: &mut Mistakes<'_>,
) -> Option<Tz> {
    if let Some(entry) = section.take("tz") {
        return zone(&entry, mistakes);
    }
    if default.is_none() {
        let sentence = "needs a zone; add tz here or default_tz at the top of the file";
        mistakes.add(section.at, &section.path, sentence);
    }
    default
}

/// A time of the day, `"13:00"`.
pub(super) fn time(entry: &Setting<'_>, mistakes: &mut Mistakes<'_>) -> Option<NaiveTime> {
    let text = entry.text(mistakes)?;
    let time = clock(text);
    if time.is_none() {
        let how = "write it like \"00:00\" or \"16:30\"";
        entry.reject(mistakes, format!("{text:?} is not a time of the day; {how}"));
    }
    time
}

/// Two digits for the hour and two for the minute.
pub(super) fn clock(text: &str) -> Option<NaiveTime> {
    let (hour, minute) = text.split_once(':')?;
    let number = |text: &str| {
        let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|_| digits)
    };
    NaiveTime::from_hms_opt(number(hour)?, number(minute)?, 0)
}

/// `mon` to `sun` in any case.
pub(super) fn weekday(text: &str) -> Option<Weekday> {
    DAYS.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)).map(|(_, day)| *day)
}

/// The nearest day name, or all of them.
pub(super) fn day_advice(text: &str) -> String {
    let names = DAYS.map(|(name, _)| name);
    let short: String = text.chars().take(3).collect();
    let near = did_you_mean(text, &names).or_else(|| did_you_mean(&short, &names));
    near.unwrap_or_else(|| "; the days are mon, tue, wed, thu, fri, sat and sun".to_owned())
}

/// A list of dates without quotes.
pub(super) fn dates(entry: &Setting<'_>, mistakes: &mut Mistakes<'_>) -> Vec<NaiveDate> {
    let items = items(entry, mistakes);
    items.iter().filter_map(|item| date(item, mistakes)).collect()
}

/// The items of a list, at most so many.
pub(super) fn items<'a>(entry: &Setting<'a>, mistakes: &mut Mistakes<'_>) -> Vec<Setting<'a>> {
    let mut items = entry.items(mistakes);
    if items.len() > MOST {
        entry.reject(mistakes, format!("holds more than {MOST} entries; split it up"));
        items.truncate(MOST);
    }
    items
}

/// A date alone.
pub(super) fn date(entry: &Setting<'_>, mistakes: &mut Mistakes<'_>) -> Option<NaiveDate> {
    const WANTED: &str = "a date without quotes such as 2026-12-24";
    let value = entry.date_time(WANTED, mistakes)?;
    let day = day_of(value);
    if value.time.is_some() || day.is_none() {
        entry.reject(mistakes, format!("\"{value}\" is not {WANTED}"));
        return None;
    }
    day
}

/// An instant: a date, a date and time of the zone, or one with an offset.
pub(super) fn moment(
    entry: &Setting<'_>,
    zone: Tz,
    edge: Edge,
    mistakes: &mut Mistakes<'_>,
) -> Option<DateTime<Utc>> {
    const WANTED: &str = "a date and time without quotes such as 2026-12-24T16:00:00";
    let value = entry.date_time(WANTED, mistakes)?;
    let wall = wall(value);
    if wall.is_none() {
        entry.reject(mistakes, format!("\"{value}\" is not {WANTED}"));
    }
    match value.offset {
        None => Some(instant(zone, wall?, edge)),
        Some(Offset::Z) => Some(wall?.and_utc()),
        Some(Offset::Custom { minutes }) => {
            wall?.and_utc().checked_sub_signed(TimeDelta::minutes(minutes.into()))
        }
    }
}

fn wall(value: &Datetime) -> Option<NaiveDateTime> {
    let day = day_of(value)?;
    let Some(time) = value.time else { return Some(day.and_time(NaiveTime::MIN)) };
    let (hour, minute) = (time.hour.into(), time.minute.into());
    day.and_hms_nano_opt(
        hour,
        minute,
        time.second.unwrap_or_default().into(),
        time.nanosecond.unwrap_or_default(),
    )
}

/// Years far from ours are mistakes, and arithmetic on them would overflow.
fn day_of(value: &Datetime) -> Option<NaiveDate> {
    let date = value.date.filter(|date| (1970..=2200).contains(&date.year))?;
    NaiveDate::from_ymd_opt(date.year.into(), date.month.into(), date.day.into())
}

//! The keys of each kind of freeze: holiday eves, one window, weekly windows, a calendar feed.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, NaiveTime, Utc};
use chrono_tz::Tz;
use trunkline_settings::{Mistakes, Section, Setting, did_you_mean, list};

use super::calendars::Calendars;
use super::freezes::{missing, some_of};
use super::values::{clock, day_advice, moment, own_zone, time, weekday};
use super::{FREEZES_FILE, FeedPlace, FeedSource};
use crate::business_days::{Calendar, CalendarOptions, HalfDays};
use crate::feed::Feed;
use crate::rule::{FreezeKind, HolidayEve, HolidaySpan, WeeklyWindow};
use crate::zone::Edge;

/// How old the copy of a feed may get by default.
const MAX_AGE: Duration = Duration::from_hours(24);

/// A kind, as far as it is valid.
#[derive(Default)]
pub(super) struct ParsedKind {
    pub kind: Option<FreezeKind>,
    pub zone: Option<Tz>,
    pub feed: Option<FeedSource>,
}

#[derive(Clone, Copy)]
enum KindName {
    HolidayEve,
    Window,
    Weekly,
    Ics,
}

pub(super) fn read(
    section: &mut Section<'_>,
    id: &str,
    default: Option<Tz>,
    calendars: &Calendars,
    mistakes: &mut Mistakes<'_>,
) -> ParsedKind {
    let words = [
        ("holiday-eve", KindName::HolidayEve),
        ("window", KindName::Window),
        ("weekly", KindName::Weekly),
        ("ics", KindName::Ics),
    ];
    let Some(entry) = section.take("kind") else {
        let advice = "write \"holiday-eve\", \"window\", \"weekly\" or \"ics\"";
        missing(section, "kind", advice, mistakes);
        section.accept_all_keys();
        return ParsedKind::default();
    };
    match entry.choice(&words, mistakes) {
        Some(KindName::HolidayEve) => {
            let kind = holiday_eve(section, calendars, mistakes);
            ParsedKind { kind, zone: default, feed: None }
        }
        Some(KindName::Window) => {
            let zone = own_zone(section, default, mistakes);
            let ends = zone.and_then(|zone| ends(section, zone, mistakes));
            if zone.is_none() {
                section.accept_all_keys();
            }
            let kind = ends.map(|(from, until)| FreezeKind::Window { from, until });
            ParsedKind { kind, zone, feed: None }
        }
        Some(KindName::Weekly) => {
            let zone = own_zone(section, default, mistakes);
            let windows = weekly(section, mistakes);
            let kind = zone.map(|zone| FreezeKind::Weekly { zone, windows });
            ParsedKind { kind, zone, feed: None }
        }
        Some(KindName::Ics) => {
            let zone = own_zone(section, default, mistakes);
            let feed = feed(section, id, zone, mistakes);
            ParsedKind {
                kind: feed.is_some().then(|| FreezeKind::Feed(Arc::new(Feed::default()))),
                zone,
                feed,
            }
        }
        None => {
            section.accept_all_keys();
            ParsedKind::default()
        }
    }
}

/// `start` and `end`; the end must be later.
pub(super) fn ends(
    section: &mut Section<'_>,
    zone: Tz,
    mistakes: &mut Mistakes<'_>,
) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
    let (start, end) = (section.take("start"), section.take("end"));
    for (key, entry) in [("start", &start), ("end", &end)] {
        if entry.is_none() {
            missing(section, key, "write a time such as 2026-12-24T16:00:00", mistakes);
        }
    }
    let from = start.and_then(|entry| moment(&entry, zone, Edge::Start, mistakes));
    let end = end?;
    let (until, from) = (moment(&end, zone, Edge::End, mistakes)?, from?);
    if until <= from {
        end.reject(mistakes, "is not after start; the end is exclusive");
        return None;
    }
    Some((from, until))
}

fn holiday_eve(
    section: &mut Section<'_>,
    known: &Calendars,
    mistakes: &mut Mistakes<'_>,
) -> Option<FreezeKind> {
    let from = section.take("from").map(|entry| time(&entry, mistakes));
    let spans = [("eve", HolidaySpan::Eve), ("through", HolidaySpan::NextBusinessDay)];
    let span = section.take("span").and_then(|entry| entry.choice(&spans, mistakes));
    let options = options(section, mistakes);
    let Some(entry) = section.take("calendars") else {
        missing(section, "calendars", "name one or more of [holidays]", mistakes);
        return None;
    };
    let calendars = some_of(&entry, mistakes, |item, mistakes| calendar(item, known, mistakes));
    Some(FreezeKind::HolidayEve(HolidayEve {
        calendars,
        from: from.unwrap_or(Some(NaiveTime::MIN))?,
        span: span.unwrap_or(HolidaySpan::NextBusinessDay),
        options,
    }))
}

fn options(section: &mut Section<'_>, mistakes: &mut Mistakes<'_>) -> CalendarOptions {
    let mut options = CalendarOptions {
        weekend_holidays: true,
        bridges_are_off: false,
        half_days: HalfDays::Business,
    };
    let words = [("count", true), ("ignore", false)];
    if let Some(counts) = chosen(section, "weekend_holidays", &words, mistakes) {
        options.weekend_holidays = counts;
    }
    let words = [("open", false), ("freeze", true)];
    if let Some(off) = chosen(section, "bridge_days", &words, mistakes) {
        options.bridges_are_off = off;
    }
    let words = [
        ("business", HalfDays::Business),
        ("holiday", HalfDays::Holiday),
        ("freeze-after-close", HalfDays::FreezeAfterClose),
    ];
    if let Some(half_days) = chosen(section, "half_days", &words, mistakes) {
        options.half_days = half_days;
    }
    options
}

fn chosen<T: Copy>(
    section: &mut Section<'_>,
    key: &'static str,
    words: &[(&str, T)],
    mistakes: &mut Mistakes<'_>,
) -> Option<T> {
    section.take(key)?.choice(words, mistakes)
}

fn calendar(
    item: &Setting<'_>,
    known: &Calendars,
    mistakes: &mut Mistakes<'_>,
) -> Option<Arc<Calendar>> {
    let name = item.text(mistakes)?;
    if let Some(calendar) = known.get(name) {
        return calendar.clone();
    }
    let names: Vec<_> = known.keys().map(String::as_str).collect();
    let advice = did_you_mean(name, &names).unwrap_or_else(|| match names.as_slice() {
        [] => format!("; add [holidays.{}]", name.escape_debug()),
        names => format!("; there are {}", list(names)),
    });
    item.reject(mistakes, format!("there is no calendar {name:?}{advice}"));
    None
}

fn weekly(section: &mut Section<'_>, mistakes: &mut Mistakes<'_>) -> Vec<WeeklyWindow> {
    let Some(entry) = section.take("windows") else {
        let advice = "write a list such as [\"Fri 16:00 - Mon 08:00\"]";
        missing(section, "windows", advice, mistakes);
        return Vec::new();
    };
    some_of(&entry, mistakes, |item, mistakes| {
        let text = item.text(mistakes)?;
        let window = weekly_window(text);
        window.map_err(|why| item.reject(mistakes, format!("{text:?} {why}"))).ok()
    })
}

fn weekly_window(text: &str) -> Result<WeeklyWindow, String> {
    const HOW: &str = "is not a weekly window; write it like \"Fri 16:00 - Mon 08:00\"";
    let words: Vec<_> = text.split_whitespace().collect();
    let [from, from_time, "-", until, until_time] = words.as_slice() else {
        return Err(HOW.to_owned());
    };
    let end = |day: &str, time: &str| {
        let day = weekday(day)
            .ok_or_else(|| format!("has the unknown day {day:?}{}", day_advice(day)))?;
        let time = clock(time).ok_or_else(|| {
            format!("has {time:?}, which is not a time of the day; write it like \"16:00\"")
        })?;
        Ok::<_, String>((day, time))
    };
    let (from, until) = (end(from, from_time)?, end(until, until_time)?);
    if from == until {
        return Err("ends where it begins; write two windows to freeze the whole week".to_owned());
    }
    Ok(WeeklyWindow { from, until, text: words.join(" ") })
}

fn feed(
    section: &mut Section<'_>,
    id: &str,
    zone: Option<Tz>,
    mistakes: &mut Mistakes<'_>,
) -> Option<FeedSource> {
    let max_age = section.take("max_age").map(|entry| entry.positive_duration(mistakes));
    let place = match (section.take("url"), section.take("path")) {
        (Some(_), Some(path)) => {
            path.reject(mistakes, "cannot stand with url; keep one of the two");
            None
        }
        (Some(url), None) => FeedPlace::address(&url, mistakes),
        (None, Some(path)) => FeedPlace::below(&path, FREEZES_FILE, mistakes),
        (None, None) => {
            missing(section, "url", "write url or path", mistakes);
            None
        }
    };
    Some(FeedSource {
        id: id.to_owned(),
        place: place?,
        max_age: max_age.unwrap_or(Some(MAX_AGE))?,
        zone: zone?,
    })
}

//! What each kind of freeze says: holiday eves, one window, weekly windows, a calendar feed.

use std::sync::Arc;
use std::time::Duration;

use chrono::NaiveTime;
use chrono_tz::Tz;

use super::calendars::Calendars;
use super::rules::{missing, some_of};
use super::values::{clock, day_advice, moment, own_zone, time, weekday};
use super::{FeedPlace, FeedSource};
use crate::config::error::{Complaints, did_you_mean, list};
use crate::config::reader::{Entry, Section};
use crate::domain::freeze::calendar::{Calendar, HalfDays, Reading};
use crate::domain::freeze::feed::Feed;
use crate::domain::freeze::zone::Edge;
use crate::domain::freeze::{HolidayEve, Kind, Through, WeeklyWindow};

/// How old the copy of a feed may grow where the file says nothing.
const MAX_AGE: Duration = Duration::from_hours(24);

/// A kind as far as it could be read.
#[derive(Default)]
pub(super) struct Found {
    pub kind: Option<Kind>,
    pub zone: Option<Tz>,
    pub feed: Option<FeedSource>,
}

#[derive(Clone, Copy)]
enum Word {
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
    complaints: &mut Complaints<'_>,
) -> Found {
    let words = [
        ("holiday-eve", Word::HolidayEve),
        ("window", Word::Window),
        ("weekly", Word::Weekly),
        ("ics", Word::Ics),
    ];
    let Some(entry) = section.take("kind") else {
        let advice = "write \"holiday-eve\", \"window\", \"weekly\" or \"ics\"";
        missing(section, "kind", advice, complaints);
        section.know_all();
        return Found::default();
    };
    match entry.choice(&words, complaints) {
        Some(Word::HolidayEve) => {
            let kind = holiday_eve(section, calendars, complaints);
            Found { kind, zone: default, feed: None }
        }
        Some(Word::Window) => {
            let zone = own_zone(section, default, complaints);
            let ends = zone.and_then(|zone| ends(section, zone, complaints));
            if zone.is_none() {
                section.know_all();
            }
            let kind = ends.map(|(from, until)| Kind::Window { from, until });
            Found { kind, zone, feed: None }
        }
        Some(Word::Weekly) => {
            let zone = own_zone(section, default, complaints);
            let windows = weekly(section, complaints);
            let kind = zone.map(|zone| Kind::Weekly { zone, windows });
            Found { kind, zone, feed: None }
        }
        Some(Word::Ics) => {
            let zone = own_zone(section, default, complaints);
            let feed = feed(section, id, zone, complaints);
            Found {
                kind: feed.is_some().then(|| Kind::Feed(Arc::new(Feed::default()))),
                zone,
                feed,
            }
        }
        None => {
            section.know_all();
            Found::default()
        }
    }
}

/// `start` and `end`, of which the second is the later one.
pub(super) fn ends(
    section: &mut Section<'_>,
    zone: Tz,
    complaints: &mut Complaints<'_>,
) -> Option<(chrono::DateTime<chrono::Utc>, chrono::DateTime<chrono::Utc>)> {
    let (start, end) = (section.take("start"), section.take("end"));
    for (key, entry) in [("start", &start), ("end", &end)] {
        if entry.is_none() {
            missing(section, key, "write a time such as 2026-12-24T16:00:00", complaints);
        }
    }
    let from = start.and_then(|entry| moment(&entry, zone, Edge::Start, complaints));
    let end = end?;
    let (until, from) = (moment(&end, zone, Edge::End, complaints)?, from?);
    if until <= from {
        end.complain(complaints, "is not after start; the end is exclusive");
        return None;
    }
    Some((from, until))
}

fn holiday_eve(
    section: &mut Section<'_>,
    known: &Calendars,
    complaints: &mut Complaints<'_>,
) -> Option<Kind> {
    let from = section.take("from").map(|entry| time(&entry, complaints));
    let spans = [("eve", Through::Eve), ("through", Through::NextBusinessDay)];
    let span = section.take("span").and_then(|entry| entry.choice(&spans, complaints));
    let reading = reading(section, complaints);
    let Some(entry) = section.take("calendars") else {
        missing(section, "calendars", "name those of [holidays] that count", complaints);
        return None;
    };
    let calendars =
        some_of(&entry, complaints, |item, complaints| calendar(item, known, complaints));
    Some(Kind::HolidayEve(HolidayEve {
        calendars,
        from: from.unwrap_or(Some(NaiveTime::MIN))?,
        span: span.unwrap_or(Through::NextBusinessDay),
        reading,
    }))
}

fn reading(section: &mut Section<'_>, complaints: &mut Complaints<'_>) -> Reading {
    let mut reading =
        Reading { weekend_holidays: true, bridges_are_off: false, half_days: HalfDays::Business };
    let words = [("count", true), ("ignore", false)];
    if let Some(counts) = chosen(section, "weekend_holidays", &words, complaints) {
        reading.weekend_holidays = counts;
    }
    let words = [("open", false), ("freeze", true)];
    if let Some(off) = chosen(section, "bridge_days", &words, complaints) {
        reading.bridges_are_off = off;
    }
    let words = [
        ("business", HalfDays::Business),
        ("holiday", HalfDays::Holiday),
        ("freeze-after-close", HalfDays::FreezeAfterClose),
    ];
    if let Some(half_days) = chosen(section, "half_days", &words, complaints) {
        reading.half_days = half_days;
    }
    reading
}

fn chosen<T: Copy>(
    section: &mut Section<'_>,
    key: &'static str,
    words: &[(&str, T)],
    complaints: &mut Complaints<'_>,
) -> Option<T> {
    section.take(key)?.choice(words, complaints)
}

fn calendar(
    item: &Entry<'_>,
    known: &Calendars,
    complaints: &mut Complaints<'_>,
) -> Option<Arc<Calendar>> {
    let name = item.text(complaints)?;
    if let Some(calendar) = known.get(name) {
        return calendar.clone();
    }
    let names: Vec<_> = known.keys().map(String::as_str).collect();
    let advice = did_you_mean(name, &names).unwrap_or_else(|| match names.as_slice() {
        [] => format!("; begin it with [holidays.{}]", name.escape_debug()),
        names => format!("; there are {}", list(names)),
    });
    item.complain(complaints, format!("there is no calendar {name:?}{advice}"));
    None
}

fn weekly(section: &mut Section<'_>, complaints: &mut Complaints<'_>) -> Vec<WeeklyWindow> {
    let Some(entry) = section.take("windows") else {
        let advice = "write a list such as [\"Fri 16:00 - Mon 08:00\"]";
        missing(section, "windows", advice, complaints);
        return Vec::new();
    };
    some_of(&entry, complaints, |item, complaints| {
        let text = item.text(complaints)?;
        let window = weekly_window(text);
        window.map_err(|fault| item.complain(complaints, format!("{text:?} {fault}"))).ok()
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
    complaints: &mut Complaints<'_>,
) -> Option<FeedSource> {
    let max_age = section.take("max_age").map(|entry| entry.positive_duration(complaints));
    let place = match (section.take("url"), section.take("path")) {
        (Some(_), Some(path)) => {
            path.complain(complaints, "stands beside url; keep one of the two");
            None
        }
        (Some(url), None) => address(&url, complaints).map(FeedPlace::Url),
        (None, Some(path)) => inside(&path, complaints).map(FeedPlace::Path),
        (None, None) => {
            missing(section, "url", "write url or path", complaints);
            None
        }
    };
    Some(FeedSource {
        freeze: id.to_owned(),
        place: place?,
        max_age: max_age.unwrap_or(Some(MAX_AGE))?,
        zone: zone?,
    })
}

fn address(entry: &Entry<'_>, complaints: &mut Complaints<'_>) -> Option<String> {
    let text = entry.text(complaints)?;
    let lower = text.to_ascii_lowercase();
    let rest = lower.strip_prefix("https://").or_else(|| lower.strip_prefix("http://"));
    let host = rest.and_then(|rest| rest.split(['/', '?', '#']).next());
    let is_whole = !text.contains(|c: char| c.is_whitespace() || c.is_control());
    if host.is_some_and(|host| !host.is_empty()) && is_whole {
        return Some(text.to_owned());
    }
    let how = "write one that begins with https://";
    entry.complain(complaints, format!("{text:?} is not an address of the web; {how}"));
    None
}

/// A file below the folder of freezes.toml: whoever may write that file should not get at others through it.
fn inside(entry: &Entry<'_>, complaints: &mut Complaints<'_>) -> Option<String> {
    use std::path::{Component, Path};
    let text = entry.text(complaints)?;
    let how = "name a file in the folder of freezes.toml or below it";
    let is_below = |part| matches!(part, Component::Normal(_) | Component::CurDir);
    if text.contains('\0') || !Path::new(text).components().all(is_below) {
        entry.complain(complaints, format!("{text:?} leads out of its folder; {how}"));
        return None;
    }
    let names = Path::new(text).components().filter_map(|part| match part {
        Component::Normal(name) => name.to_str(),
        _ => None,
    });
    let path = names.collect::<Vec<_>>().join("/");
    if path.is_empty() || text.ends_with('/') {
        entry.complain(complaints, format!("{text:?} is no name of a file; {how}"));
        return None;
    }
    Some(path)
}

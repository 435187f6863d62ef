//! Parses a calendar feed (iCalendar) into the time spans of its events.
//!
//! Recurring events are computed in local time and turned into instants afterwards. The library would use the zone of
//! the machine for all-day events, and refuse times that daylight saving skips.

mod event;
mod people;
mod recurrence;
mod zones;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use icalendar::parser::{self, Component};

use self::event::FeedEvent;
use self::recurrence::RecurrenceError;
use crate::feed::Feed;

/// The most bytes of a feed.
pub const LARGEST_FEED: usize = 5 * 1024 * 1024;
/// The most events of a feed, and the most of them that recur.
const EVENTS: usize = 10_000;
const RECURRING: usize = 500;
/// The most occurrences of a feed.
const OCCURRENCES: usize = 5_000;
/// How long their computation may take: a search for a rule that never matches is slow.
const COMPUTE_TIMEOUT: Duration = Duration::from_secs(5);
/// How deep components may be nested.
const DEEPEST: usize = 6;
/// The most problems of events that are listed.
const PROBLEMS: usize = 5;

/// The events of a feed that touch `[from, until)`; dates, and times without a zone, are those of `zone`.
///
/// The parser under it can panic on hostile text: call it where a panic is contained.
///
/// # Errors
/// If it is not a calendar, is cut off, or is too large.
pub fn read(
    text: &str,
    zone: Tz,
    (from, until): (DateTime<Utc>, DateTime<Utc>),
    read_at: DateTime<Utc>,
) -> Result<Feed, String> {
    let text = unfolded(text)?;
    let mut feed = Feed { read_at: Some(read_at), horizon: Some(until), ..Feed::default() };
    let events = events(&text, zone, &mut feed.problems)?;
    let (moved, started) = (moved(&events), Instant::now());
    let none = BTreeSet::new();
    for event in events.iter().filter(|event| !event.is_cancelled) {
        let moved = moved.get(&event.uid).filter(|_| event.replaces.is_none()).unwrap_or(&none);
        match event.occurrences((from, until), moved) {
            Ok(occurrences) => feed.occurrences.extend(occurrences),
            Err(RecurrenceError::TooMany) => {
                let summary = &event.summary;
                return Err(format!("recurs too often: {summary:?}; make it one long event"));
            }
            Err(RecurrenceError::Unclear(why)) => {
                add_left_out(&mut feed.problems, &event.summary, &why);
            }
        }
        if started.elapsed() > COMPUTE_TIMEOUT {
            let most = COMPUTE_TIMEOUT.as_secs();
            return Err(format!("takes more than {most} s; remove past events"));
        }
        if feed.occurrences.len() > OCCURRENCES {
            return Err(format!("holds more than {OCCURRENCES} occurrences; split it up"));
        }
    }
    feed.occurrences.sort();
    Ok(feed)
}

/// The valid events of a calendar.
fn events(text: &str, zone: Tz, problems: &mut Vec<String>) -> Result<Vec<FeedEvent>, String> {
    let components = parser::read_components(text).map_err(|_| "is not a calendar".to_owned())?;
    let all = components.iter().flat_map(|one| &one.components);
    let events: Vec<_> = all.filter(|one| one.name == "VEVENT").collect();
    let starts = text.lines().filter(|line| line.trim_end().eq_ignore_ascii_case("BEGIN:VEVENT"));
    if starts.count() != events.len() {
        return Err("has an invalid line, so its events cannot be read".to_owned());
    }
    if events.len() > EVENTS {
        return Err(format!("holds more than {EVENTS} events; split it up"));
    }
    let events = valid_events(&events, zone, problems);
    if events.iter().filter(|event| event.recurs()).count() > RECURRING {
        return Err(format!("holds more than {RECURRING} recurring events; split it up"));
    }
    Ok(events)
}

/// The text with its folded lines joined, if it is safe to parse.
fn unfolded(text: &str) -> Result<String, String> {
    if text.len() > LARGEST_FEED {
        return Err(format!("is larger than {} MiB", LARGEST_FEED / 1024 / 1024));
    }
    let text = parser::unfold(text.trim_start_matches('\u{feff}'));
    let is = |line: &str, word: &str| {
        line.get(..word.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(word))
    };
    let mut depth = 0_usize;
    for line in text.lines() {
        if is(line, "BEGIN:") {
            depth += 1;
        } else if is(line, "END:") {
            depth = depth.saturating_sub(1);
        }
        if depth > DEEPEST {
            return Err("is nested too deeply".to_owned());
        }
    }
    let last = text.trim_end().lines().next_back().unwrap_or_default();
    if !last.trim_end().eq_ignore_ascii_case("END:VCALENDAR") {
        return Err(
            "is not a calendar, or is cut off: the last line is not END:VCALENDAR".to_owned()
        );
    }
    Ok(text)
}

fn valid_events(
    components: &[&Component<'_>],
    zone: Tz,
    problems: &mut Vec<String>,
) -> Vec<FeedEvent> {
    let mut events = Vec::with_capacity(components.len());
    for component in components {
        match FeedEvent::read(component, zone) {
            Ok(event) => {
                if let Some(doubt) = &event.doubt {
                    add_problem(problems, format!("the event {:?}: {doubt}", event.summary));
                }
                events.push(event);
            }
            Err((summary, why)) => add_left_out(problems, &summary, &why),
        }
    }
    events
}

fn add_left_out(problems: &mut Vec<String>, summary: &str, why: &str) {
    add_problem(problems, format!("the event {summary:?} was left out: {why}"));
}

fn add_problem(problems: &mut Vec<String>, sentence: String) {
    match problems.len() {
        0..PROBLEMS => problems.push(sentence),
        PROBLEMS => problems.push("more events have problems".to_owned()),
        _ => {}
    }
}

/// The starts of the occurrences that other events replace, by the uid of the recurring event.
fn moved(events: &[FeedEvent]) -> BTreeMap<String, BTreeSet<DateTime<Utc>>> {
    let mut moved: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for event in events {
        if let Some(at) = event.replaces {
            moved.entry(event.uid.clone()).or_default().insert(at);
        }
    }
    moved
}

//! A calendar feed (iCalendar) as the stretches of time that its events cover.
//!
//! Recurring events are laid out on the wall clock of their zone and turned into instants afterwards. The library would
//! do it in the machine's zone for all-day events, and refuse what daylight saving skips.

mod event;
mod recurrence;
mod zones;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use icalendar::parser::{self, Component};

use self::event::FeedEvent;
use crate::feed::Feed;

/// The most bytes of a feed.
pub const LARGEST_FEED: usize = 5 * 1024 * 1024;
/// The most events of a feed, and the most of them that recur.
const EVENTS: usize = 10_000;
const RECURRING: usize = 500;
/// The most occurrences that are laid out.
const OCCURRENCES: usize = 5_000;
/// How long all of them may take: a rule that never comes true is looked for in vain for a long time.
const PATIENCE: Duration = Duration::from_secs(5);
/// How deep components may stand inside each other.
const DEEPEST: usize = 6;
/// The most sentences about events that were left out or may be wrong.
const PROBLEMS: usize = 5;

/// The events of a feed that touch `[from, until)`; dates, and times without a zone, are those of `zone`.
///
/// The parser under it can panic on hostile text: call it where a panic is contained.
///
/// # Errors
/// If it is no calendar, is cut off, or is too large.
pub fn read(
    text: &str,
    zone: Tz,
    (from, until): (DateTime<Utc>, DateTime<Utc>),
    read_at: DateTime<Utc>,
) -> Result<Feed, String> {
    let text = unfolded(text)?;
    let components = parser::read_components(&text).map_err(|_| "is not a calendar".to_owned())?;
    let all: Vec<_> = components.iter().flat_map(|one| &one.components).collect();
    let events: Vec<_> = all.into_iter().filter(|one| one.name == "VEVENT").collect();
    let begun = text.lines().filter(|line| line.trim_end().eq_ignore_ascii_case("BEGIN:VEVENT"));
    if begun.count() != events.len() {
        return Err(
            "holds a line that is not of a calendar, so its events cannot be read".to_owned()
        );
    }
    if events.len() > EVENTS {
        return Err(format!("holds more than {EVENTS} events; split it up"));
    }
    let mut read = Feed { read_at: Some(read_at), horizon: Some(until), ..Feed::default() };
    let events = understood(&events, zone, &mut read.problems);
    let recurring = events.iter().filter(|event| event.recurs()).count();
    if recurring > RECURRING {
        return Err(format!("holds more than {RECURRING} recurring events; split it up"));
    }
    let (moved, begun) = (moved(&events), Instant::now());
    for event in events.iter().filter(|event| !event.is_cancelled) {
        let none = BTreeSet::new();
        let elsewhere =
            if event.replaces.is_some() { &none } else { moved.get(&event.uid).unwrap_or(&none) };
        match event.occurrences((from, until), elsewhere) {
            Ok(occurrences) => read.occurrences.extend(occurrences),
            Err(recurrence::RecurrenceError::TooMany) => {
                return Err(format!(
                    "recurs too often: {:?}; make it one long event",
                    event.summary
                ));
            }
            Err(recurrence::RecurrenceError::Unclear(why)) => {
                left_out(&mut read.problems, &event.summary, &why);
            }
        }
        if begun.elapsed() > PATIENCE {
            let most = PATIENCE.as_secs();
            return Err(format!("takes more than {most} s to lay out; drop events that are over"));
        }
        if read.occurrences.len() > OCCURRENCES {
            return Err(format!("holds more than {OCCURRENCES} occurrences; split it up"));
        }
    }
    read.occurrences.sort();
    Ok(read)
}

/// The lines as they were before they were folded, once it is known that reading them is harmless.
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
            return Err("nests its parts too deeply".to_owned());
        }
    }
    let last = text.trim_end().lines().next_back().unwrap_or_default();
    if !last.trim_end().eq_ignore_ascii_case("END:VCALENDAR") {
        return Err(
            "is not a calendar, or is cut off: it does not end with END:VCALENDAR".to_owned()
        );
    }
    Ok(text)
}

fn understood(
    components: &[&Component<'_>],
    zone: Tz,
    problems: &mut Vec<String>,
) -> Vec<FeedEvent> {
    let mut events = Vec::with_capacity(components.len());
    for component in components {
        match FeedEvent::read(component, zone) {
            Ok(event) => {
                if let Some(doubt) = &event.doubt {
                    tell(problems, format!("the event {:?}: {doubt}", event.summary));
                }
                events.push(event);
            }
            Err((summary, why)) => left_out(problems, &summary, &why),
        }
    }
    events
}

fn left_out(problems: &mut Vec<String>, summary: &str, why: &str) {
    tell(problems, format!("the event {summary:?} was left out: {why}"));
}

fn tell(problems: &mut Vec<String>, sentence: String) {
    match problems.len() {
        0..PROBLEMS => problems.push(sentence),
        PROBLEMS => problems.push("something is wrong with more events".to_owned()),
        _ => {}
    }
}

/// For each recurring event the beginnings of the occurrences that other events of the feed replace.
fn moved(events: &[FeedEvent]) -> BTreeMap<String, BTreeSet<DateTime<Utc>>> {
    let mut moved: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for event in events {
        if let Some(at) = event.replaces {
            moved.entry(event.uid.clone()).or_default().insert(at);
        }
    }
    moved
}

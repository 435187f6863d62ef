//! One event of a feed: its start, length and recurrence.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Days, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;
use icalendar::parser::{Component, Property};

use super::people;
use super::recurrence::{Recurrence, RecurrenceError};
use super::zones;
use crate::feed::{EventPeople, Occurrence};
use crate::zone::{Edge, instant, midnight};

/// The most characters of a summary.
const LONGEST_SUMMARY: usize = 200;

/// An event, or a moved occurrence of another event.
pub(super) struct FeedEvent {
    pub uid: String,
    pub summary: String,
    people: Arc<EventPeople>,
    pub is_cancelled: bool,
    /// The original start of a moved occurrence.
    pub replaces: Option<DateTime<Utc>>,
    zone: Tz,
    start: NaiveDateTime,
    length: EventLength,
    recurrence: Recurrence,
    /// A possible mistake in it.
    pub doubt: Option<String>,
}

/// Days last from midnight to midnight, also with 23 or 25 hours.
enum EventLength {
    Days(u64),
    Time(TimeDelta),
}

/// A date, or a local time in a zone.
#[derive(Clone, Copy)]
pub(super) enum EventTime {
    Day(NaiveDate),
    Wall(NaiveDateTime, Tz),
}

impl EventTime {
    /// A value of the form `20261224`, `20261224T160000` or `20261224T160000Z`.
    pub fn read(text: &str, zone: Tz) -> Option<Self> {
        if let Some((day, time)) = text.split_once('T') {
            let (time, zone) = match time.strip_suffix('Z') {
                Some(time) => (time, Tz::UTC),
                None => (time, zone),
            };
            let time = NaiveTime::parse_from_str(time, "%H%M%S").ok()?;
            return Some(Self::Wall(date(day)?.and_time(time), zone));
        }
        date(text).map(Self::Day)
    }

    fn of(property: &Property<'_>, zone: Tz) -> Result<Self, String> {
        let zone = zone_of(property, zone);
        let text = property.val.as_str().trim();
        Self::read(text, zone).ok_or_else(|| format!("{text:?} is not a date of a calendar"))
    }

    pub fn start(self, zone: Tz) -> DateTime<Utc> {
        match self {
            Self::Day(day) => midnight(zone, day, Edge::Start),
            Self::Wall(wall, zone) => instant(zone, wall, Edge::Start),
        }
    }

    /// The local time in another zone.
    pub fn wall(self, zone: Tz) -> NaiveDateTime {
        match self {
            Self::Day(day) => day.and_time(NaiveTime::MIN),
            Self::Wall(wall, own) if own == zone => wall,
            Self::Wall(wall, own) => {
                instant(own, wall, Edge::Start).with_timezone(&zone).naive_local()
            }
        }
    }
}

/// The zone of a property, or that of its event.
fn zone_of(property: &Property<'_>, own: Tz) -> Tz {
    zones::named(property).and_then(Result::ok).unwrap_or(own)
}

/// Years far from ours are mistakes, and arithmetic on them would overflow.
fn date(text: &str) -> Option<NaiveDate> {
    use chrono::Datelike as _;
    let day = NaiveDate::parse_from_str(text, "%Y%m%d").ok()?;
    (text.len() == 8 && (1900..=2300).contains(&day.year())).then_some(day)
}

impl FeedEvent {
    /// # Errors
    /// With its summary and why it is invalid.
    pub fn read(component: &Component<'_>, zone: Tz) -> Result<Self, (String, String)> {
        let value = |name: &str| component.find_prop(name).map(|one| one.val.as_str());
        let summary = value("SUMMARY").unwrap_or("an event without a name");
        let summary: String = plain(summary).chars().take(LONGEST_SUMMARY).collect();
        let event = || {
            let start = component.find_prop("DTSTART").ok_or("it has no start")?;
            // The rule's own zone is nearer to the truth than no freeze at all.
            let unknown = zones::named(start).and_then(Result::err);
            let doubt = unknown.map(|name| {
                format!("its zone {name:?} is unknown, so it is read as {}", zone.name())
            });
            let begins = EventTime::of(start, zone)?;
            let own = match begins {
                EventTime::Day(_) => zone,
                EventTime::Wall(_, own) => own,
            };
            let replaces = component.find_prop("RECURRENCE-ID");
            let replaces = replaces.map(|one| EventTime::of(one, own)).transpose()?;
            Ok(Self {
                uid: value("UID").unwrap_or_default().to_owned(),
                summary: summary.clone(),
                people: Arc::new(people::named_by(component)),
                is_cancelled: value("STATUS")
                    .is_some_and(|it| it.eq_ignore_ascii_case("CANCELLED")),
                replaces: replaces.map(|at| at.start(own)),
                zone: own,
                start: begins.wall(own),
                length: length(component, begins, own)?,
                recurrence: recurrence(component, own)?,
                doubt,
            })
        };
        event().map_err(|why: String| (summary.clone(), why))
    }

    pub fn recurs(&self) -> bool {
        self.recurrence.rule.is_some()
    }

    /// The occurrences that touch `[from, until)`, without those whose starts are in `moved`.
    pub fn occurrences(
        &self,
        (from, until): (DateTime<Utc>, DateTime<Utc>),
        moved: &BTreeSet<DateTime<Utc>>,
    ) -> Result<Vec<Occurrence>, RecurrenceError> {
        let last = until.with_timezone(&self.zone).naive_local();
        let walls = self.recurrence.walls(self.start, last)?;
        let occurrences = walls.into_iter().map(|wall| self.at(wall));
        Ok(occurrences
            .filter(|one| one.from < until && one.until > from && one.from < one.until)
            .filter(|one| !moved.contains(&one.from))
            .collect())
    }

    fn at(&self, wall: NaiveDateTime) -> Occurrence {
        let from = instant(self.zone, wall, Edge::Start);
        let until = match self.length {
            EventLength::Days(days) => {
                let end = wall.checked_add_days(Days::new(days)).unwrap_or(wall);
                instant(self.zone, end, Edge::End)
            }
            EventLength::Time(time) => from.checked_add_signed(time).unwrap_or(from),
        };
        let (summary, people) = (self.summary.clone(), self.people.clone());
        Occurrence { from, until, summary, people }
    }
}

fn length(component: &Component<'_>, begins: EventTime, zone: Tz) -> Result<EventLength, String> {
    if let Some(end) = component.find_prop("DTEND") {
        let end = EventTime::of(end, zone)?;
        if let (EventTime::Day(first), EventTime::Day(end)) = (begins, end) {
            // A last day that is also the first is how some programs write a single day.
            return Ok(EventLength::Days((end - first).num_days().try_into().unwrap_or(0).max(1)));
        }
        let end = match end {
            EventTime::Wall(wall, own) => instant(own, wall, Edge::End),
            EventTime::Day(day) => midnight(zone, day, Edge::End),
        };
        let time = end - begins.start(zone);
        return positive(time);
    }
    if let Some(duration) = component.find_prop("DURATION") {
        let text = duration.val.as_str();
        let time = duration_of(text).ok_or_else(|| format!("{text:?} is not a duration"))?;
        return match begins {
            EventTime::Day(_) if time.num_seconds() % 86_400 == 0 && time > TimeDelta::zero() => {
                Ok(EventLength::Days(time.num_days().try_into().unwrap_or(1)))
            }
            _ => positive(time),
        };
    }
    match begins {
        EventTime::Day(_) => Ok(EventLength::Days(1)),
        EventTime::Wall(..) => Err("it has no end and no duration".to_owned()),
    }
}

fn positive(time: TimeDelta) -> Result<EventLength, String> {
    let lasts = time > TimeDelta::zero();
    lasts.then_some(EventLength::Time(time)).ok_or_else(|| "it ends before it starts".to_owned())
}

/// `P2W`, `P1D`, `PT1H30M`, `P1DT12H`.
fn duration_of(text: &str) -> Option<TimeDelta> {
    let rest = text.trim().trim_start_matches('+').strip_prefix('P')?;
    let (mut total, mut number) = (TimeDelta::zero(), String::new());
    for c in rest.chars() {
        let unit = match c {
            '0'..='9' if number.len() < 7 => {
                number.push(c);
                continue;
            }
            'T' if number.is_empty() => continue,
            'W' => 604_800,
            'D' => 86_400,
            'H' => 3_600,
            'M' => 60,
            'S' => 1,
            _ => return None,
        };
        let count: i64 = std::mem::take(&mut number).parse().ok()?;
        total = total.checked_add(&TimeDelta::try_seconds(count.checked_mul(unit)?)?)?;
    }
    number.is_empty().then_some(total)
}

fn recurrence(component: &Component<'_>, zone: Tz) -> Result<Recurrence, String> {
    let all = |name: &'static str| component.properties.iter().filter(move |one| one.name == name);
    let walls = |name| -> Result<BTreeSet<NaiveDateTime>, String> {
        let mut found = BTreeSet::new();
        for property in all(name) {
            let zone_of = zone_of(property, zone);
            for text in property.val.as_str().split(',') {
                // A period counts with its beginning.
                let text = text.split('/').next().unwrap_or_default().trim();
                let moment = EventTime::read(text, zone_of);
                found.insert(moment.ok_or_else(|| format!("{text:?} is not a date"))?.wall(zone));
            }
        }
        Ok(found)
    };
    let (added, left_out) = (walls("RDATE")?, walls("EXDATE")?);
    let mut rules = all("RRULE");
    let rule = rules.next().map(|one| one.val.as_str().to_owned());
    if rules.next().is_some() {
        return Err("it has several rules of recurrence".to_owned());
    }
    Ok(Recurrence { rule, zone, added, left_out })
}

/// A text without escapes, on one line.
pub(super) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => {
                plain.extend(chars.next().map(|c| if matches!(c, 'n' | 'N') { ' ' } else { c }));
            }
            c => plain.push(c),
        }
    }
    plain.trim().to_owned()
}

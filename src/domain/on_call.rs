//! Who is on call for a service: what `[on_call]` of its file or the calendar there names, held against `[people]`.

mod named;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use self::named::{named_by, named_in};
use super::instant::in_utc;
use super::people::{Actor, People};
use crate::calendar::{Feed, FeedSource};

/// The most events that are looked at: those that run now and the next ones.
const EVENTS: usize = 60;
/// The most of what is wrong with a calendar that is told.
const LONGEST_TROUBLE: usize = 300;

/// `[on_call]` of a service file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OnCallSource {
    /// These are on call until the file says otherwise, in the order of escalation.
    People(Vec<String>),
    /// The events that run now name them.
    Calendar(FeedSource),
}

impl OnCallSource {
    #[must_use]
    pub fn calendar(&self) -> Option<&FeedSource> {
        match self {
            Self::Calendar(source) => Some(source),
            Self::People(_) => None,
        }
    }
}

/// The calendar of who is on call, as last read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OnCallFeed {
    pub feed: Feed,
    /// Since when something is wrong with it.
    pub wrong_since: Option<DateTime<Utc>>,
}

/// What an answer about who is on call is made from.
#[derive(Debug, Clone, Copy)]
pub struct OnCallInput<'a> {
    pub source: &'a OnCallSource,
    /// `None` for a list, and for a calendar that was not read yet.
    pub feed: Option<&'a OnCallFeed>,
}

/// Who is on call for a service, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OnCall {
    /// Whether it is known at the time of the snapshot. If it is not, that nobody is listed means nothing.
    pub known: bool,
    /// Who is on call at the time of the snapshot, in the order of escalation or of when they began.
    pub now: Vec<OnCallShift>,
    /// Who is on call next, the earliest first.
    pub next: Vec<OnCallShift>,
    /// Until when that is known; absent if it holds until the service file changes.
    pub known_until: Option<DateTime<Utc>>,
    /// When the calendar was last read; absent for a list.
    pub read_at: Option<DateTime<Utc>>,
    /// What is wrong with the calendar.
    pub trouble: Option<OnCallTrouble>,
}

/// Somebody who is on call for a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OnCallShift {
    /// The name in `[people]`, else what the list or the calendar says.
    pub who: String,
    /// Whether `[people]` has this name.
    pub is_member: bool,
    /// Absent for a list.
    pub from: Option<DateTime<Utc>>,
    /// Exclusive; absent for a list.
    pub until: Option<DateTime<Utc>>,
}

/// What is wrong with the calendar of who is on call, and since when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OnCallTrouble {
    pub since: DateTime<Utc>,
    pub what: String,
}

/// Who is on call at an instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OnCallState<'a> {
    /// Never empty.
    People(Vec<&'a OnCallShift>),
    /// The calendar was read, and none of its events runs.
    Nobody,
    Unknown {
        since: DateTime<Utc>,
        why: String,
    },
}

impl OnCallShift {
    /// The member of `[people]` that it names.
    #[must_use]
    pub fn actor(&self) -> Option<Actor> {
        self.is_member.then(|| Actor::Person(self.who.clone()))
    }

    fn covers(&self, at: DateTime<Utc>) -> bool {
        self.from.is_none_or(|from| from <= at) && self.until.is_none_or(|until| at < until)
    }
}

impl OnCallInput<'_> {
    /// Who is on call at `now` and next.
    #[must_use]
    pub fn at(self, people: &People, now: DateTime<Utc>) -> OnCall {
        let mut on_call = match (self.source, self.feed) {
            (OnCallSource::People(names), _) => listed(names, people),
            (OnCallSource::Calendar(_), Some(read)) => of_calendar(read, people, now),
            (OnCallSource::Calendar(_), None) => {
                let what = "its calendar was not read yet".to_owned();
                let read = OnCallFeed { feed: Feed::unread(what), wrong_since: Some(now) };
                of_calendar(&read, people, now)
            }
        };
        let (covers, later) = on_call.now.into_iter().partition(|shift| shift.covers(now));
        (on_call.now, on_call.next) = (covers, later);
        on_call.known = !matches!(on_call.state(now), OnCallState::Unknown { .. });
        on_call
    }

    /// The members of `[people]` who are on call at `now`.
    #[must_use]
    pub fn members(self, people: &People, now: DateTime<Utc>) -> Vec<String> {
        self.at(people, now).members(now).map(str::to_owned).collect()
    }
}

impl OnCall {
    /// Who is on call, by the clock of whoever reads it. Nobody is only said on evidence.
    #[must_use]
    pub fn state(&self, now: DateTime<Utc>) -> OnCallState<'_> {
        let trouble = self.trouble.as_ref();
        if let Some(until) = self.known_until.filter(|until| *until <= now) {
            let since = trouble.filter(|_| self.read_at.is_none()).map_or(until, |it| it.since);
            let read = self.read_at.map(|at| format!("its calendar was last read {}", in_utc(at)));
            let why = read.into_iter().chain(trouble.map(|trouble| trouble.what.clone()));
            return OnCallState::Unknown { since, why: why.collect::<Vec<_>>().join("; ") };
        }
        let covering: Vec<_> = self.all().filter(|shift| shift.covers(now)).collect();
        match (covering.is_empty(), trouble) {
            (false, _) => OnCallState::People(covering),
            (true, None) => OnCallState::Nobody,
            (true, Some(OnCallTrouble { since, what })) => {
                OnCallState::Unknown { since: *since, why: what.clone() }
            }
        }
    }

    /// Who comes next, by the clock of whoever reads it.
    #[must_use]
    pub fn next(&self, now: DateTime<Utc>) -> Option<&OnCallShift> {
        let is_known = |from| self.known_until.is_none_or(|until| from < until);
        self.all().find(|shift| shift.from.is_some_and(|from| from > now && is_known(from)))
    }

    /// When what it says may change by itself.
    pub fn changes(&self) -> impl Iterator<Item = DateTime<Utc>> {
        let shifts = self.all().flat_map(|shift| [shift.from, shift.until]);
        shifts.chain([self.known_until]).flatten()
    }

    /// The members of `[people]` who are on call, in order.
    pub fn members(&self, now: DateTime<Utc>) -> impl Iterator<Item = &str> {
        let covering = match self.state(now) {
            OnCallState::People(covering) => covering,
            OnCallState::Nobody | OnCallState::Unknown { .. } => Vec::new(),
        };
        covering.into_iter().filter(|shift| shift.is_member).map(|shift| shift.who.as_str())
    }

    fn all(&self) -> impl Iterator<Item = &OnCallShift> {
        self.now.iter().chain(&self.next)
    }
}

fn listed(names: &[String], people: &People) -> OnCall {
    let mut now: Vec<OnCallShift> = Vec::new();
    for name in names {
        let (who, is_member) = named_in(name, people);
        // Two entries may be the same person, as by name and by address.
        if now.iter().all(|known| known.who != who) {
            now.push(OnCallShift { who, is_member, from: None, until: None });
        }
    }
    let (known_until, read_at, trouble) = (None, None, None);
    OnCall { known: true, now, next: Vec::new(), known_until, read_at, trouble }
}

/// All shifts are in `now`, the earliest first.
fn of_calendar(read: &OnCallFeed, people: &People, now: DateTime<Utc>) -> OnCall {
    let OnCallFeed { feed, wrong_since } = read;
    let mut events = feed.occurrences.iter().filter(|event| event.until > now);
    let mut shifts: Vec<OnCallShift> = Vec::new();
    for event in events.by_ref().take(EVENTS) {
        for (who, is_member) in named_by(event, people) {
            let is_same = |shift: &&mut OnCallShift| {
                shift.who == who && shift.until.is_some_and(|until| event.from <= until)
            };
            // A shift goes on in the next one of the same person.
            if let Some(before) = shifts.iter_mut().rev().find(is_same) {
                before.until = before.until.max(Some(event.until));
            } else {
                let (from, until) = (Some(event.from), Some(event.until));
                shifts.push(OnCallShift { who, is_member, from, until });
            }
        }
    }
    let is_read = feed.read_at.is_some();
    let ends = [feed.stale_from(), feed.horizon, events.next().map(|event| event.from)];
    let known_until = ends.into_iter().flatten().min().filter(|_| is_read);
    let since = wrong_since.unwrap_or(now);
    let what: String = feed.problems.join("; ").chars().take(LONGEST_TROUBLE).collect();
    OnCall {
        known: true,
        now: shifts,
        next: Vec::new(),
        known_until: known_until.or((!is_read).then_some(since)),
        read_at: feed.read_at,
        trouble: (!feed.problems.is_empty()).then_some(OnCallTrouble { since, what }),
    }
}

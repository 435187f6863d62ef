//! One freeze of the file, as it was resolved, and the spans of time that it covers.

use std::sync::Arc;

use chrono::{
    DateTime, Days as Later, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc, Weekday,
};
use chrono_tz::Tz;

use super::calendar::{Calendar, Days, Reading};
use super::feed::Feed;
use super::zone::{Edge, instant, midnight};
use crate::domain::ids::Environment;
use crate::domain::policy::FreezeMode;

/// How far ahead weekly windows are laid out.
const LONGEST: TimeDelta = TimeDelta::days(3_660);

/// What a freeze may stop. A rollback and a cancel are none of these, so that nothing can stop them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restricted {
    Promote,
}

/// A freeze of the file.
#[derive(Debug, Clone)]
pub struct Rule {
    pub id: String,
    pub environments: Vec<Environment>,
    /// Names, or `*` for all.
    pub services: Vec<String>,
    pub actions: Vec<Restricted>,
    pub policy: FreezeMode,
    pub reason: String,
    pub kind: Kind,
    /// The holes in it, `[start, end)`.
    pub thaws: Vec<(DateTime<Utc>, DateTime<Utc>)>,
}

/// When a rule freezes.
#[derive(Debug, Clone)]
pub enum Kind {
    HolidayEve(HolidayEve),
    Window {
        from: DateTime<Utc>,
        until: DateTime<Utc>,
    },
    Weekly {
        zone: Tz,
        windows: Vec<WeeklyWindow>,
    },
    Feed(Arc<Feed>),
    /// Nobody knows: the file that says it cannot be read, and never could.
    Unreadable,
}

/// From the last business day before each holiday on.
#[derive(Debug, Clone)]
pub struct HolidayEve {
    pub calendars: Vec<Arc<Calendar>>,
    /// When on that day.
    pub from: NaiveTime,
    pub span: Through,
    pub reading: Reading,
}

/// How long the freeze of a holiday lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Through {
    /// The eve alone.
    Eve,
    /// Until the next business day begins.
    NextBusinessDay,
}

/// A stretch of every week.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WeeklyWindow {
    pub from: (Weekday, NaiveTime),
    pub until: (Weekday, NaiveTime),
    /// As it was written.
    pub text: String,
}

/// A stretch of time that a rule covers, `[from, until)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Span {
    pub from: DateTime<Utc>,
    pub until: DateTime<Utc>,
    pub policy: FreezeMode,
    pub why: Arc<str>,
}

impl Rule {
    pub(super) fn concerns(&self, service: &str, environment: Environment) -> bool {
        self.actions.contains(&Restricted::Promote)
            && self.environments.contains(&environment)
            && self.services.iter().any(|name| name == "*" || name == service)
    }

    /// What can be computed once and for all, in the order of its beginnings.
    pub(super) fn fixed(&self) -> Vec<Span> {
        let mut spans = Vec::new();
        match &self.kind {
            Kind::HolidayEve(eves) => {
                for calendar in &eves.calendars {
                    eves.spans(calendar, |from, until, why| {
                        self.cut(from, until, self.policy, &why, &mut spans);
                    });
                }
            }
            Kind::Window { from, until } => {
                self.cut(*from, *until, self.policy, &self.reason, &mut spans);
            }
            Kind::Weekly { .. } | Kind::Feed(_) | Kind::Unreadable => {}
        }
        spans.sort_by_key(|span| span.from);
        spans
    }

    /// What depends on when one looks: the spans that touch `[from, until]`, seen at `now`. What recurs has no end, so
    /// it is laid out for ten years at most.
    pub(super) fn moving(
        &self,
        now: DateTime<Utc>,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Vec<Span> {
        let until = until.min(from.checked_add_signed(LONGEST).unwrap_or(until));
        let mut spans = Vec::new();
        match &self.kind {
            Kind::Weekly { zone, windows } => {
                for window in windows {
                    let why = format!("weekly {}", window.text);
                    for (from, until) in window.between(*zone, from, until) {
                        self.cut(from, until, self.policy, &why, &mut spans);
                    }
                }
            }
            Kind::Feed(feed) => {
                let policy = if feed.is_stale(now) { FreezeMode::Warn } else { self.policy };
                let touches =
                    |event: &&super::feed::Occurrence| event.from <= until && event.until >= from;
                for event in feed.occurrences.iter().filter(touches) {
                    self.cut(event.from, event.until, policy, &event.summary, &mut spans);
                }
            }
            Kind::HolidayEve(_) | Kind::Window { .. } | Kind::Unreadable => {}
        }
        spans
    }

    /// A span without this rule's thaws, as the pieces that are left.
    fn cut(
        &self,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
        policy: FreezeMode,
        why: &str,
        spans: &mut Vec<Span>,
    ) {
        let why: Arc<str> = format!("{}: {why}", self.id).into();
        let mut begin = from;
        // The thaws are in the order of their beginnings.
        for (thaw, end) in &self.thaws {
            if *thaw < until && *end > begin {
                if *thaw > begin {
                    spans.push(Span { from: begin, until: *thaw, policy, why: why.clone() });
                }
                begin = begin.max(*end);
            }
        }
        if begin < until {
            spans.push(Span { from: begin, until, policy, why });
        }
    }
}

impl HolidayEve {
    fn spans(
        &self,
        calendar: &Calendar,
        mut add: impl FnMut(DateTime<Utc>, DateTime<Utc>, String),
    ) {
        let days = Days { calendar, reading: self.reading };
        let (zone, name) = (calendar.zone, &calendar.name);
        let end = |eve: NaiveDate, last: NaiveDate| match self.span {
            Through::Eve => midnight(zone, eve.succ_opt().unwrap_or(eve), Edge::End),
            Through::NextBusinessDay => midnight(zone, days.first_after(last), Edge::End),
        };
        for (day, holiday) in days.holidays() {
            let eve = days.last_before(day);
            let from = instant(zone, eve.and_time(self.from), Edge::Start);
            let why = format!("{holiday} ({day}, {name}); last business day {eve}");
            add(from, end(eve, day), why);
        }
        for (day, closes) in days.early_closings() {
            let from = instant(zone, day.and_time(closes), Edge::Start);
            let why = format!("half day {day} closes {} ({name})", closes.format("%H:%M"));
            add(from, end(day, day), why);
        }
    }
}

impl WeeklyWindow {
    /// Those that touch `[from, until]`.
    fn between(
        &self,
        zone: Tz,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Vec<(DateTime<Utc>, DateTime<Utc>)> {
        let local = from.with_timezone(&zone).date_naive();
        let Some(monday) = local.week(Weekday::Mon).first_day().checked_sub_days(Later::new(7))
        else {
            return Vec::new();
        };
        let weeks = std::iter::successors(Some(monday), |day| day.checked_add_days(Later::new(7)));
        let windows = weeks.filter_map(|monday| self.in_week(zone, monday));
        windows
            .take_while(|(begin, _)| *begin <= until)
            .filter(|(begin, end)| *end >= from && begin < end)
            .collect()
    }

    fn in_week(&self, zone: Tz, monday: NaiveDate) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
        let wall = |(day, time): (Weekday, NaiveTime)| -> Option<NaiveDateTime> {
            let days = Later::new(u64::from(day.num_days_from_monday()));
            Some(monday.checked_add_days(days)?.and_time(time))
        };
        let (begin, mut end) = (wall(self.from)?, wall(self.until)?);
        if end <= begin {
            end = end.checked_add_signed(TimeDelta::days(7))?;
        }
        Some((instant(zone, begin, Edge::Start), instant(zone, end, Edge::End)))
    }
}

//! One freeze of the file, and the spans of time that it covers.

use std::sync::Arc;

use chrono::{
    DateTime, Days as Later, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc, Weekday,
};
use chrono_tz::Tz;

use crate::business_days::{BusinessDays, Calendar, CalendarOptions};
use crate::evaluation::FreezeMode;
use crate::feed::{Feed, Occurrence};
use crate::zone::{Edge, instant, midnight};

/// How far ahead weekly windows are computed.
const WEEKLY_AHEAD: TimeDelta = TimeDelta::days(3_660);

/// A freeze of the file. It stops promotes only: a rollback or a cancel can never be frozen.
#[derive(Debug, Clone)]
pub struct FreezeRule {
    pub id: String,
    /// `staging` and `production`, or one of them.
    pub environments: Vec<&'static str>,
    /// Names, or `*` for all.
    pub services: Vec<String>,
    pub policy: FreezeMode,
    pub reason: String,
    pub kind: FreezeKind,
    /// When it does not apply, `[start, end)`, in the order of their starts.
    pub exceptions: Vec<(DateTime<Utc>, DateTime<Utc>)>,
}

/// When a rule freezes.
#[derive(Debug, Clone)]
pub enum FreezeKind {
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
    /// Always, since the file cannot be read and no earlier version of it is known.
    Unreadable,
}

/// From the last business day before each holiday.
#[derive(Debug, Clone)]
pub struct HolidayEve {
    pub calendars: Vec<Arc<Calendar>>,
    /// The time on that day.
    pub from: NaiveTime,
    pub span: HolidaySpan,
    pub options: CalendarOptions,
}

/// How long the freeze of a holiday lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HolidaySpan {
    /// Until the end of the eve.
    Eve,
    /// Until the next business day starts.
    NextBusinessDay,
}

/// A window of every week.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WeeklyWindow {
    pub from: (Weekday, NaiveTime),
    pub until: (Weekday, NaiveTime),
    /// As the file has it.
    pub text: String,
}

/// A time span that a rule covers, `[from, until)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CoveredSpan {
    pub from: DateTime<Utc>,
    pub until: DateTime<Utc>,
    pub policy: FreezeMode,
    pub why: Arc<str>,
}

impl FreezeRule {
    pub(crate) fn applies_to(&self, service: &str, environment: &str) -> bool {
        self.environments.contains(&environment)
            && self.services.iter().any(|name| name == "*" || name == service)
    }

    /// The spans that do not depend on the time of the question, in the order of their starts.
    pub(crate) fn fixed_spans(&self) -> Vec<CoveredSpan> {
        let mut spans = Vec::new();
        match &self.kind {
            FreezeKind::HolidayEve(eves) => {
                for calendar in &eves.calendars {
                    eves.spans(calendar, |from, until, why| {
                        self.add_pieces(from, until, self.policy, &why, &mut spans);
                    });
                }
            }
            FreezeKind::Window { from, until } => {
                self.add_pieces(*from, *until, self.policy, &self.reason, &mut spans);
            }
            FreezeKind::Weekly { .. } | FreezeKind::Feed(_) | FreezeKind::Unreadable => {}
        }
        spans.sort_by_key(|span| span.from);
        spans
    }

    /// The other spans: those that touch `[from, until]`, as known at `now`. Weekly windows have no end, so they are
    /// computed for ten years at most.
    pub(crate) fn changing_spans(
        &self,
        now: DateTime<Utc>,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Vec<CoveredSpan> {
        let until = until.min(from.checked_add_signed(WEEKLY_AHEAD).unwrap_or(until));
        let mut spans = Vec::new();
        match &self.kind {
            FreezeKind::Weekly { zone, windows } => {
                for window in windows {
                    let why = format!("weekly {} {zone}", window.text);
                    for (from, until) in window.between(*zone, from, until) {
                        self.add_pieces(from, until, self.policy, &why, &mut spans);
                    }
                }
            }
            FreezeKind::Feed(feed) => {
                let policy = if feed.is_stale(now) { FreezeMode::Warn } else { self.policy };
                let touches = |event: &&Occurrence| event.from <= until && event.until >= from;
                for event in feed.occurrences.iter().filter(touches) {
                    self.add_pieces(event.from, event.until, policy, &event.summary, &mut spans);
                }
            }
            FreezeKind::HolidayEve(_) | FreezeKind::Window { .. } | FreezeKind::Unreadable => {}
        }
        spans
    }

    /// Adds a span without this rule's exceptions, as the pieces that are left.
    fn add_pieces(
        &self,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
        policy: FreezeMode,
        why: &str,
        spans: &mut Vec<CoveredSpan>,
    ) {
        let why: Arc<str> = format!("{}: {why}", self.id).into();
        let mut begin = from;
        for (start, end) in &self.exceptions {
            if *start < until && *end > begin {
                if *start > begin {
                    spans.push(CoveredSpan {
                        from: begin,
                        until: *start,
                        policy,
                        why: why.clone(),
                    });
                }
                begin = begin.max(*end);
            }
        }
        if begin < until {
            spans.push(CoveredSpan { from: begin, until, policy, why });
        }
    }
}

impl HolidayEve {
    fn spans(
        &self,
        calendar: &Calendar,
        mut add: impl FnMut(DateTime<Utc>, DateTime<Utc>, String),
    ) {
        let days = BusinessDays { calendar, options: self.options };
        let (zone, name) = (calendar.zone, &calendar.name);
        let end = |eve: NaiveDate, last: NaiveDate| match self.span {
            HolidaySpan::Eve => midnight(zone, eve.succ_opt().unwrap_or(eve), Edge::End),
            HolidaySpan::NextBusinessDay => midnight(zone, days.first_after(last), Edge::End),
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
    /// The windows that touch `[from, until]`.
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

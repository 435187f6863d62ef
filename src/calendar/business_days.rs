//! A company's calendar: its business days, and the last one before each holiday.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Datelike as _, NaiveDate, NaiveTime, Weekday};
use chrono_tz::Tz;

/// How many days are searched for a business day.
const SEARCHED: usize = 400;

/// The holidays of a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HolidayTable {
    /// `US`, `DE-BY`.
    pub place: String,
    /// The first and the last day that the table covers; it holds the years beside them too.
    pub coverage: (NaiveDate, NaiveDate),
    pub holidays: BTreeMap<NaiveDate, String>,
}

/// A calendar of the file: the working days of the people on call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    pub name: String,
    pub zone: Tz,
    pub weekend: Vec<Weekday>,
    /// Weekend days that are working days.
    pub workdays: BTreeSet<NaiveDate>,
    /// When work ends early.
    pub half_days: BTreeMap<NaiveDate, NaiveTime>,
    pub table: HolidayTable,
}

/// How a rule uses a calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CalendarOptions {
    /// Whether a holiday on a weekend has an eve.
    pub weekend_holidays: bool,
    /// Whether a single business day between days off counts as a day off.
    pub bridges_are_off: bool,
    pub half_days: HalfDays,
}

/// What a half day means to a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HalfDays {
    Business,
    Holiday,
    FreezeAfterClose,
}

/// A calendar with the options of one rule.
pub(crate) struct BusinessDays<'a> {
    pub calendar: &'a Calendar,
    pub options: CalendarOptions,
}

impl<'a> BusinessDays<'a> {
    /// Every holiday that has an eve, with its name.
    pub fn holidays(&self) -> impl Iterator<Item = (NaiveDate, &'a str)> {
        let Calendar { table, half_days, .. } = self.calendar;
        let as_holidays = self.options.half_days == HalfDays::Holiday;
        let halves = half_days.keys().filter(move |day| {
            as_holidays && !table.holidays.contains_key(day) && !self.is_weekend(**day)
        });
        let named = table.holidays.iter().map(|(day, name)| (*day, name.as_str()));
        named
            .chain(halves.map(|day| (*day, "half day")))
            .filter(|(day, _)| self.options.weekend_holidays || !self.is_weekend(*day))
    }

    /// The days on which work ends early, if that starts a freeze.
    pub fn early_closings(&self) -> impl Iterator<Item = (NaiveDate, NaiveTime)> {
        let counts = self.options.half_days == HalfDays::FreezeAfterClose;
        let days = self.calendar.half_days.iter().map(|(day, closes)| (*day, *closes));
        days.filter(move |(day, _)| counts && self.is_business(*day))
    }

    /// The last business day before a day.
    pub fn last_before(&self, day: NaiveDate) -> NaiveDate {
        self.first(day.pred_opt(), NaiveDate::pred_opt)
    }

    /// The first business day after a day.
    pub fn first_after(&self, day: NaiveDate) -> NaiveDate {
        self.first(day.succ_opt(), NaiveDate::succ_opt)
    }

    /// A calendar can have no business day at all, for example if each is a bridge: then the last day searched.
    fn first(
        &self,
        from: Option<NaiveDate>,
        next: impl Fn(&NaiveDate) -> Option<NaiveDate>,
    ) -> NaiveDate {
        let mut farthest = from.unwrap_or_default();
        for day in std::iter::successors(from, next).take(SEARCHED) {
            if self.is_business(day) {
                return day;
            }
            farthest = day;
        }
        farthest
    }

    fn is_business(&self, day: NaiveDate) -> bool {
        self.is_worked(day) && !(self.options.bridges_are_off && self.is_bridge(day))
    }

    fn is_bridge(&self, day: NaiveDate) -> bool {
        let is_off = |day: Option<NaiveDate>| day.is_some_and(|day| !self.is_worked(day));
        is_off(day.pred_opt()) && is_off(day.succ_opt())
    }

    fn is_worked(&self, day: NaiveDate) -> bool {
        let Calendar { table, half_days, .. } = self.calendar;
        let half = self.options.half_days == HalfDays::Holiday && half_days.contains_key(&day);
        !self.is_weekend(day) && !table.holidays.contains_key(&day) && !half
    }

    fn is_weekend(&self, day: NaiveDate) -> bool {
        self.calendar.weekend.contains(&day.weekday()) && !self.calendar.workdays.contains(&day)
    }
}

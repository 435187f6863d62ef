//! `[holidays.NAME]`: the working days of the people on call.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{NaiveDate, NaiveTime, Weekday};
use chrono_tz::Tz;
use trunkline_settings::{Mistakes, Section, Setting, did_you_mean, list};

use super::values::{date, dates, day_advice, items, own_zone, time, weekday};
use crate::business_days::{Calendar, HolidayTable};
use crate::tables;

/// The most calendars of a file.
const MOST: usize = 100;
/// The most subdivisions that an error message lists.
const LISTED: usize = 40;

/// Every calendar by name; `None` for one with a mistake, so that its name is still known.
pub(super) type Calendars = BTreeMap<String, Option<Arc<Calendar>>>;

pub(super) fn read(
    top: &mut Section<'_>,
    default: Option<Tz>,
    mistakes: &mut Mistakes<'_>,
) -> Calendars {
    let section = top.take("holidays").and_then(|entry| entry.section(mistakes));
    let mut entries = section.map(|section| section.all()).unwrap_or_default();
    if entries.len() > MOST {
        entries[MOST].reject(mistakes, format!("there are more than {MOST} calendars"));
        entries.truncate(MOST);
    }
    let named = entries.into_iter().map(|entry| {
        let section = entry.section(mistakes);
        let calendar =
            section.and_then(|section| calendar(&entry.name, section, default, mistakes));
        (entry.name, calendar.map(Arc::new))
    });
    named.collect()
}

fn calendar(
    name: &str,
    mut section: Section<'_>,
    default: Option<Tz>,
    mistakes: &mut Mistakes<'_>,
) -> Option<Calendar> {
    let table = table(&mut section, mistakes);
    let zone = own_zone(&mut section, default, mistakes);
    let weekend = match section.take("weekend") {
        Some(entry) => weekend(&entry, mistakes),
        None => vec![Weekday::Sat, Weekday::Sun],
    };
    let remove = section.take("remove").map(|entry| dates(&entry, mistakes)).unwrap_or_default();
    let add = section.take("add").map(|entry| added(&entry, mistakes)).unwrap_or_default();
    let workdays = section.take("workdays").map(|entry| dates(&entry, mistakes));
    let half_days = section.take("half_days").map(|entry| half_days(&entry, mistakes));
    section.finish(mistakes);
    let (mut table, zone) = (table?, zone?);
    table.holidays.retain(|day, _| !remove.contains(day));
    table.holidays.extend(add);
    Some(Calendar {
        name: name.to_owned(),
        zone,
        weekend,
        workdays: workdays.unwrap_or_default().into_iter().collect(),
        half_days: half_days.unwrap_or_default(),
        table,
    })
}

fn table(section: &mut Section<'_>, mistakes: &mut Mistakes<'_>) -> Option<HolidayTable> {
    let (country, subdivision) = (section.take("country"), section.take("subdivision"));
    let Some(entry) = country else {
        let sentence = "is missing; name one such as \"US\"";
        mistakes.add(section.at, &format!("{}.country", section.path), sentence);
        return None;
    };
    let country = entry.text(mistakes)?;
    let known = tables::countries();
    if !known.contains(&country) {
        let near = match country.to_uppercase().as_str() {
            "UK" => Some("GB"),
            upper => known.iter().find(|code| **code == upper).copied(),
        };
        let advice = match near {
            Some(code) => format!("; did you mean {code:?}?"),
            None => format!("; known: {}", list(&known)),
        };
        entry.reject(mistakes, format!("there is no table for the country {country:?}{advice}"));
        return None;
    }
    let Some(entry) = subdivision else { return tables::holiday_table(country, None) };
    let subdivision = entry.text(mistakes)?;
    let table = tables::holiday_table(country, Some(subdivision));
    if table.is_none() {
        let advice = subdivision_advice(country, subdivision);
        entry.reject(mistakes, format!("{country} has no subdivision {subdivision:?}{advice}"));
    }
    table
}

fn subdivision_advice(country: &str, written: &str) -> String {
    let known = tables::subdivisions(country);
    let bare = written.to_uppercase();
    let bare = bare.strip_prefix(&format!("{country}-")).unwrap_or(&bare);
    if let Some(same) = known.iter().find(|name| name.eq_ignore_ascii_case(bare)) {
        return format!("; did you mean {same:?}?");
    }
    match (did_you_mean(written, &known), known.len()) {
        (Some(near), _) => near,
        (None, 0) => "; it has none; remove the key".to_owned(),
        (None, ..=LISTED) => format!("; it has {}", list(&known)),
        (None, _) => format!("; it has {} and more", list(&known[..LISTED])),
    }
}

fn weekend(entry: &Setting<'_>, mistakes: &mut Mistakes<'_>) -> Vec<Weekday> {
    let mut days = Vec::new();
    for text in entry.texts(mistakes) {
        if let Some(day) = weekday(text.value) {
            days.push(day);
        } else {
            let sentence = format!("unknown day {:?}{}", text.value, day_advice(text.value));
            mistakes.add(text.at, &entry.path, sentence);
        }
    }
    days.sort_by_key(Weekday::num_days_from_monday);
    days.dedup();
    if days.len() == 7 {
        entry.reject(mistakes, "has all seven days; leave out the working days");
    }
    days
}

fn added(entry: &Setting<'_>, mistakes: &mut Mistakes<'_>) -> Vec<(NaiveDate, String)> {
    let read = |item: Setting<'_>, mistakes: &mut Mistakes<'_>| {
        let mut section = item.section(mistakes)?;
        let (day, name) = (section.take("date"), section.take("name"));
        let at = section.at;
        section.finish(mistakes);
        if day.is_none() || name.is_none() {
            let how = "write { date = 2026-12-24, name = \"Shutdown\" }";
            mistakes.add(at, &item.path, format!("needs a date and a name; {how}"));
        }
        let day = day.and_then(|entry| date(&entry, mistakes));
        Some((day?, name?.text(mistakes)?.to_owned()))
    };
    let items = items(entry, mistakes);
    items.into_iter().filter_map(|item| read(item, mistakes)).collect()
}

fn half_days(entry: &Setting<'_>, mistakes: &mut Mistakes<'_>) -> BTreeMap<NaiveDate, NaiveTime> {
    let read = |item: Setting<'_>, mistakes: &mut Mistakes<'_>| {
        let mut section = item.section(mistakes)?;
        let (day, closes) = (section.take("date"), section.take("closes"));
        let at = section.at;
        section.finish(mistakes);
        if day.is_none() || closes.is_none() {
            let how = "write { date = 2026-12-24, closes = \"13:00\" }";
            mistakes.add(at, &item.path, format!("needs a date and when it closes; {how}"));
        }
        let day = day.and_then(|entry| date(&entry, mistakes));
        Some((day?, time(&closes?, mistakes)?))
    };
    let items = items(entry, mistakes);
    items.into_iter().filter_map(|item| read(item, mistakes)).collect()
}

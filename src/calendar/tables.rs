//! The holiday tables that come with trunkline. A table is parsed when it is asked for.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use crate::business_days::HolidayTable;

macro_rules! shipped {
    ($($code:literal $file:literal),* $(,)?) => {
        &[$(($code, include_str!(concat!("../../assets/holidays/", $file)))),*]
    };
}

/// Each country with the text of its table; assets/holidays/generate.py writes them.
const TABLES: &[(&str, &str)] = shipped![
    "AU" "au.txt", "BR" "br.txt", "CA" "ca.txt", "CN" "cn.txt", "DE" "de.txt", "ES" "es.txt",
    "FR" "fr.txt", "GB" "gb.txt", "IL" "il.txt", "IN" "in.txt", "IT" "it.txt", "JP" "jp.txt",
    "NL" "nl.txt", "PL" "pl.txt", "SE" "se.txt", "US" "us.txt",
];

/// The codes of the countries with a table.
#[must_use]
pub fn countries() -> Vec<&'static str> {
    TABLES.iter().map(|(code, _)| *code).collect()
}

/// The subdivisions in the table of a country.
#[must_use]
pub fn subdivisions(country: &str) -> Vec<&'static str> {
    let text = text(country).unwrap_or_default();
    text.lines().filter_map(|line| line.strip_prefix("> ")).collect()
}

/// The holidays of a country, or of one of its subdivisions; `None` for an unknown one.
#[must_use]
pub fn holiday_table(country: &str, subdivision: Option<&str>) -> Option<HolidayTable> {
    let text = text(country)?;
    if subdivision.is_some_and(|name| !subdivisions(country).contains(&name)) {
        return None;
    }
    let place = subdivision.map_or(country.to_owned(), |name| format!("{country}-{name}"));
    let (coverage, holidays) = read(text, subdivision)
        .expect("generate.py wrote every line, and a test reads every table");
    Some(HolidayTable { place, coverage, holidays })
}

fn text(country: &str) -> Option<&'static str> {
    TABLES.iter().find(|(code, _)| *code == country).map(|(_, text)| *text)
}

type Coverage = (NaiveDate, NaiveDate);

/// The days of the country come first, then the differences of each subdivision.
fn read(text: &str, subdivision: Option<&str>) -> Option<(Coverage, BTreeMap<NaiveDate, String>)> {
    let (mut coverage, mut holidays) = (None, BTreeMap::new());
    let mut applies = true;
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix("> ") {
            applies = subdivision == Some(name);
        } else if let Some(years) = line.strip_prefix("coverage ") {
            let (first, last) = years.split_once(' ')?;
            coverage = Some((first.parse().ok()?, last.parse().ok()?));
        } else if !applies {
        } else if let Some(day) = line.strip_prefix("- ") {
            holidays.remove(&date(day)?);
        } else {
            let (day, name) = line.strip_prefix("+ ").unwrap_or(line).split_once(' ')?;
            holidays.insert(date(day)?, name.to_owned());
        }
    }
    Some((coverage?, holidays))
}

fn date(text: &str) -> Option<NaiveDate> {
    let part = |from, to| text.get(from..to).and_then(|digits| digits.parse::<u32>().ok());
    NaiveDate::from_ymd_opt(i32::try_from(part(0, 4)?).ok()?, part(4, 6)?, part(6, 8)?)
}

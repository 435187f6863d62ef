//! The worked examples, and the shipped tables against those that they were computed with.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use serde::Deserialize;
use trunkline::calendar::{
    FreezeAction, FreezeQuery, FreezeState, countries, holiday_table, subdivisions,
};
use trunkline::domain::ids::Environment;

use super::rules;

#[derive(Deserialize)]
struct Cases {
    holiday_tables: BTreeMap<String, Table>,
    calendars_toml: String,
    #[serde(rename = "cases")]
    worked: Vec<Case>,
}

#[derive(Deserialize)]
struct Table {
    holidays: BTreeMap<NaiveDate, String>,
}

#[derive(Deserialize)]
struct Case {
    title: String,
    assertions: Vec<Assertion>,
}

#[derive(Deserialize)]
struct Assertion {
    at_utc: DateTime<Utc>,
    env: Environment,
    service: String,
    action: FreezeAction,
    expect_state: FreezeState,
    expect_until_utc: Option<DateTime<Utc>>,
    why: String,
    freezes_toml: String,
}

fn cases() -> Cases {
    serde_json::from_str(include_str!("../data/freeze-cases.json")).unwrap()
}

#[test]
fn every_worked_example_holds() {
    let Cases { calendars_toml, worked, .. } = cases();
    assert_eq!(worked.len(), 16);
    for Case { title, assertions } in worked {
        for Assertion { at_utc, env, service, action, freezes_toml, .. } in &assertions {
            assert!(!freezes_toml.is_empty(), "{title}: {at_utc} {env} {service} {action:?}");
        }
        for expected in assertions {
            let rules = rules(&format!("{calendars_toml}\n{}", expected.freezes_toml));
            let found = rules.evaluate(&FreezeQuery {
                at: expected.at_utc,
                environment: expected.env.as_str(),
                service: &expected.service,
                action: expected.action,
            });
            let place = format!("{title}, at {}", expected.at_utc);
            assert_eq!(found.state, expected.expect_state, "{place}");
            assert_eq!(found.until, expected.expect_until_utc, "{place}");
            let why = if expected.action == FreezeAction::Promote { &expected.why } else { "" };
            assert_eq!(found.why(), why, "{place}");
        }
    }
}

#[test]
fn the_shipped_tables_are_those_of_the_worked_examples() {
    let places = [
        ("us_all", "US", None),
        ("uk", "GB", Some("ENG")),
        ("de", "DE", None),
        ("jp", "JP", None),
        ("cn", "CN", None),
        ("il", "IL", None),
        ("fr", "FR", None),
    ];
    let cases = cases();
    for (name, country, subdivision) in places {
        let expected = &cases.holiday_tables[name].holidays;
        let (first, last) =
            (expected.first_key_value().unwrap().0, expected.last_key_value().unwrap().0);
        let shipped = holiday_table(country, subdivision).unwrap().holidays;
        let within: BTreeMap<_, _> =
            shipped.range(*first..=*last).map(|(d, n)| (*d, n.clone())).collect();
        assert_eq!(&within, expected, "{name}");
    }
}

#[test]
fn every_shipped_table_can_be_read_and_covers_its_years() {
    assert_eq!(countries().len(), 16);
    let day = |text: &str| text.parse::<NaiveDate>().unwrap();
    for country in countries() {
        let subdivisions = subdivisions(country).into_iter().map(Some);
        for subdivision in subdivisions.chain([None]) {
            let table = holiday_table(country, subdivision).unwrap();
            assert_eq!(table.coverage, (day("2025-01-01"), day("2031-12-31")), "{}", table.place);
            for year in 2024..=2032 {
                let first = NaiveDate::from_ymd_opt(year, 1, 1).unwrap();
                let count = table.holidays.range(first..=first + chrono::Days::new(364)).count();
                assert!(count >= 4, "{} has {count} holidays in {year}", table.place);
            }
        }
    }
    assert!(subdivisions("US").contains(&"CA") && subdivisions("DE").contains(&"BY"));
    assert_eq!(holiday_table("US", Some("BY")), None);
    assert_eq!(holiday_table("XX", None), None);
}

#[test]
fn a_subdivision_differs_from_its_country_where_it_should() {
    let day = |text: &str| text.parse::<NaiveDate>().unwrap();
    let (bavaria, germany) =
        (holiday_table("DE", Some("BY")).unwrap(), holiday_table("DE", None).unwrap());
    assert_eq!(bavaria.holidays[&day("2026-01-06")], "Epiphany");
    assert_eq!(germany.holidays.get(&day("2026-01-06")), None);
    assert_eq!(bavaria.holidays[&day("2026-10-03")], germany.holidays[&day("2026-10-03")]);
}

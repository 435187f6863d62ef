//! Daylight saving at both edges of a window, in both directions.

use super::{at, promote, rules};
use trunkline::calendar::FreezeState;

/// A window whose edges stand on the wall clock of a zone, and the instants that they have to be.
fn window(zone: &str, start: &str, end: &str) -> (String, String) {
    let rules = rules(&format!(
        "[[freeze]]\nid = \"w\"\nkind = \"window\"\nreason = \"x\"\ntz = \"{zone}\"\nstart = {start}\nend = {end}\n"
    ));
    let before = promote(&rules, at("1980-01-01T00:00:00Z"));
    assert_eq!(before.state, FreezeState::Open);
    let from = before.until.unwrap();
    let inside = promote(&rules, from);
    assert_eq!(inside.state, FreezeState::Frozen);
    let until = inside.until.unwrap();
    let second = chrono::TimeDelta::seconds(1);
    assert_eq!(promote(&rules, from - second).state, FreezeState::Open);
    assert_eq!(promote(&rules, until - second).state, FreezeState::Frozen);
    assert_eq!(promote(&rules, until).state, FreezeState::Open);
    let written = |at: chrono::DateTime<chrono::Utc>| at.format("%FT%T").to_string();
    (written(from), written(until))
}

#[test]
fn a_time_that_the_clock_skips_is_the_first_instant_after_the_gap() {
    for (zone, wall, instant) in [
        ("America/New_York", "2026-03-08T02:30:00", "2026-03-08T07:00:00"),
        ("Europe/Berlin", "2026-03-29T02:30:00", "2026-03-29T01:00:00"),
        ("Australia/Lord_Howe", "2026-10-04T02:10:00", "2026-10-03T15:30:00"),
        // Here the day itself begins with the gap.
        ("Asia/Beirut", "2026-03-29T00:00:00", "2026-03-28T22:00:00"),
        ("Africa/Cairo", "2026-04-24T00:00:00", "2026-04-23T22:00:00"),
        ("America/Sao_Paulo", "2018-11-04T00:00:00", "2018-11-04T03:00:00"),
        // And here a whole day is left out.
        ("Pacific/Apia", "2011-12-30T12:00:00", "2011-12-30T10:00:00"),
    ] {
        assert_eq!(window(zone, wall, "2027-01-10T00:00:00Z").0, instant, "{zone} as a start");
        assert_eq!(window(zone, "2001-01-01T00:00:00Z", wall).1, instant, "{zone} as an end");
    }
}

#[test]
fn of_a_time_that_the_clock_shows_twice_a_start_is_the_earlier_and_an_end_the_later() {
    for (zone, wall, earlier, later) in [
        ("America/New_York", "2026-11-01T01:30:00", "2026-11-01T05:30:00", "2026-11-01T06:30:00"),
        ("Europe/Berlin", "2026-10-25T02:30:00", "2026-10-25T00:30:00", "2026-10-25T01:30:00"),
        (
            "Australia/Lord_Howe",
            "2026-04-05T01:45:00",
            "2026-04-04T14:45:00",
            "2026-04-04T15:15:00",
        ),
        ("America/Sao_Paulo", "2018-02-17T23:30:00", "2018-02-18T01:30:00", "2018-02-18T02:30:00"),
    ] {
        assert_eq!(window(zone, wall, "2027-01-10T00:00:00Z").0, earlier, "{zone} as a start");
        assert_eq!(window(zone, "2001-01-01T00:00:00Z", wall).1, later, "{zone} as an end");
    }
}

#[test]
fn a_weekly_window_keeps_its_wall_clock_over_the_change() {
    let rules = rules(
        "default_tz = \"America/New_York\"\n[[freeze]]\nid = \"w\"\nkind = \"weekly\"\nreason = \"x\"\n\
         windows = [\"Fri 16:00 - Mon 08:00\"]\n",
    );
    let weekend = |friday: &str| promote(&rules, at(friday)).until.unwrap().to_rfc3339();
    // The clocks go forward on Sunday, 8 March, and back on Sunday, 1 November.
    assert_eq!(weekend("2026-03-06T21:00:00Z"), "2026-03-09T12:00:00+00:00");
    assert_eq!(weekend("2026-10-30T20:00:00Z"), "2026-11-02T13:00:00+00:00");
    assert_eq!(promote(&rules, at("2026-03-06T20:59:59Z")).state, FreezeState::Open);
    assert_eq!(promote(&rules, at("2026-10-30T19:59:59Z")).state, FreezeState::Open);
}

#[test]
fn an_offset_names_an_instant_whatever_the_zone_is() {
    let (from, until) = window("Asia/Tokyo", "2026-06-01T00:00:00-07:00", "2026-06-02T00:00:00Z");
    assert_eq!((from.as_str(), until.as_str()), ("2026-06-01T07:00:00", "2026-06-02T00:00:00"));
}

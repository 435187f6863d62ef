//! What holds for every calendar and every file.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use chrono::{DateTime, Datelike as _, NaiveDate, TimeDelta, TimeZone as _, Utc, Weekday};
use proptest::prelude::*;
use trunkline::calendar::{
    FreezeAction, FreezeState, FreezesFile, Tz, countries, holiday_table, subdivisions,
};
use trunkline::domain::stops::{Freeze, evaluate_freezes};
use trunkline::domain::{ids::Seq, people::Actor, policy::FreezeMode};

use super::{ask, at, promote, rules};

/// A service that is on call in every place, one after the other.
#[test]
fn an_eve_precedes_its_holiday_with_no_business_day_between() {
    let mut checked = 0;
    for country in countries() {
        for place in subdivisions(country).into_iter().step_by(7).map(Some).chain([None]) {
            let subdivision =
                place.map_or(String::new(), |name| format!("subdivision = {name:?}\n"));
            let rules = rules(&format!(
                "[holidays.c]\ncountry = \"{country}\"\n{subdivision}tz = \"UTC\"\n[[freeze]]\nid = \"eve\"\n\
                 kind = \"holiday-eve\"\ncalendars = [\"c\"]\nreason = \"x\"\n"
            ));
            let holidays = holiday_table(country, place).unwrap().holidays;
            let is_business = |day: NaiveDate| {
                !holidays.contains_key(&day)
                    && !matches!(day.weekday(), Weekday::Sat | Weekday::Sun)
            };
            let asked =
                at("2025-02-01T00:00:00Z").date_naive()..at("2031-11-30T00:00:00Z").date_naive();
            for (holiday, _) in holidays.range(asked) {
                let eve = holiday.iter_days().map(|d| d - TimeDelta::days(1)).next().unwrap();
                let eve =
                    std::iter::successors(Some(eve), NaiveDate::pred_opt).find(|d| is_business(*d));
                let next = holiday.iter_days().skip(1).find(|d| is_business(*d)).unwrap();
                let midnight =
                    |day: NaiveDate| Utc.from_utc_datetime(&day.and_time(chrono::NaiveTime::MIN));
                let (eve, end) = (midnight(eve.unwrap()), midnight(next));
                let frozen = |at: DateTime<Utc>| promote(&rules, at).state == FreezeState::Frozen;
                let place = format!("{country} {place:?} {holiday}");
                assert!(frozen(eve), "{place}: the eve from its first instant");
                assert!(
                    frozen(end - TimeDelta::seconds(1)),
                    "{place}: the last second before work"
                );
                let mut hour = eve;
                while hour < end {
                    assert!(frozen(hour), "{place}: {hour}");
                    hour += TimeDelta::hours(12);
                }
                let found = promote(&rules, midnight(*holiday));
                let named = format!("({holiday}, c); last business day {}", eve.date_naive());
                assert!(found.why().contains(&named), "{place}: {}", found.why());
                checked += 1;
            }
        }
    }
    assert!(checked > 3_000, "{checked}");
}

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// A window in minutes from the middle of 2026, its policy, and holes in it.
type Window = (i64, i64, bool, Vec<(i64, i64)>);

fn window() -> impl Strategy<Value = Window> {
    let thaws = prop::collection::vec((0_i64..3_000, 1_i64..300), 0..3);
    (0_i64..3_000, 1_i64..800, any::<bool>(), thaws)
}

fn minute(offset: i64) -> DateTime<Utc> {
    at("2026-07-01T00:00:00Z") + TimeDelta::minutes(offset)
}

fn file(windows: &[Window]) -> String {
    let mut text = "default_tz = \"UTC\"\n".to_owned();
    for (id, (from, lasts, block, _)) in windows.iter().enumerate() {
        let policy = if *block { "block" } else { "warn" };
        write!(text,
            "[[freeze]]\nid = \"f{id}\"\nkind = \"window\"\nreason = \"x\"\npolicy = \"{policy}\"\nstart = {}\nend = {}\n",
            minute(*from).format("%FT%TZ"),
            minute(from + lasts).format("%FT%TZ")).unwrap();
    }
    for (id, (.., thaws)) in windows.iter().enumerate() {
        for (from, lasts) in thaws {
            write!(
                text,
                "[[thaw]]\nfreeze = \"f{id}\"\nstart = {}\nend = {}\n",
                minute(*from).format("%FT%TZ"),
                minute(from + lasts).format("%FT%TZ")
            )
            .unwrap();
        }
    }
    text
}

fn covers(window: &Window, at: i64) -> bool {
    let (from, lasts, _, thaws) = window;
    (*from..from + lasts).contains(&at)
        && !thaws.iter().any(|(from, lasts)| (*from..from + lasts).contains(&at))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn windows_unite_half_open_with_only_their_own_thaws(
        windows in prop::collection::vec(window(), 1..6),
        asked in 0_i64..4_000,
    ) {
        let rules = rules(&file(&windows));
        let found = promote(&rules, minute(asked));
        let covering: BTreeSet<_> =
            windows.iter().enumerate().filter(|(_, w)| covers(w, asked)).map(|(id, _)| format!("f{id}")).collect();
        let named: BTreeSet<_> = found.matches.iter().map(|one| one.freeze.clone()).collect();
        prop_assert_eq!(&named, &covering);
        let blocks = windows.iter().any(|w| w.2 && covers(w, asked));
        let state = match (blocks, covering.is_empty()) {
            (true, _) => FreezeState::Frozen,
            (false, false) => FreezeState::Warn,
            (false, true) => FreezeState::Open,
        };
        prop_assert_eq!(found.state, state);
        // The run ends, or begins, at the first minute that is otherwise.
        let covered = |minute: i64| windows.iter().any(|w| covers(w, minute));
        let turn = (asked..5_000).find(|minute| covered(*minute) == covering.is_empty());
        prop_assert_eq!(found.until, turn.map(minute));
        let state_at = |at: i64| match windows.iter().filter(|w| covers(w, at)).map(|w| w.2).max() {
            Some(true) => FreezeState::Frozen,
            Some(false) => FreezeState::Warn,
            None => FreezeState::Open,
        };
        let other = (asked..5_000).find(|minute| state_at(*minute) != state);
        prop_assert_eq!(found.lasts_until, other.map(minute));
        let change = found.next_change;
        let edge = (asked + 1..5_000).find(|at| windows.iter().any(|w| covers(w, *at) != covers(w, at - 1)));
        prop_assert!(change <= edge.map(minute) || edge.is_none());
        prop_assert_eq!(ask(&rules, minute(asked), FreezeAction::Rollback).state, FreezeState::Open);
        prop_assert_eq!(ask(&rules, minute(asked), FreezeAction::Abort).state, FreezeState::Open);
    }

    #[test]
    fn a_screen_that_knows_the_windows_says_what_the_rules_say(
        windows in prop::collection::vec(window(), 0..5),
        by_hand in prop::collection::vec((0_i64..3_000, prop::option::of(1_i64..400)), 0..3),
        asked in 0_i64..4_000,
    ) {
        let rules = rules(&file(&windows));
        let known = rules.windows(
            "shop",
            "production",
            minute(asked),
            (minute(-10), minute(5_000)),
        );
        let by_hand: Vec<_> = by_hand.iter().zip(1..).map(|((from, lasts), id)| Freeze {
            id: Seq(id),
            from: minute(*from),
            until: lasts.map(|lasts| minute(from + lasts)),
            reason: "by hand".into(),
            by: Actor::Person("kim".into()),
        }).collect();
        let expected = promote(&rules, minute(asked));
        prop_assert_eq!(&evaluate_freezes(&known, &[], minute(asked)), &expected);
        let found = evaluate_freezes(&known, &by_hand, minute(asked));
        if by_hand.iter().any(|freeze| freeze.covers(minute(asked))) {
            prop_assert_eq!(found.state, FreezeState::Frozen);
            prop_assert!(found.matches.iter().any(|one| one.policy == FreezeMode::Override));
        } else {
            prop_assert_eq!(found.state, expected.state);
        }
    }

    #[test]
    fn a_weekly_window_covers_the_same_hours_of_every_week(
        (from, until) in (0_usize..168, 0_usize..168).prop_filter("a stretch", |(from, until)| from != until),
        week in 0_i64..300,
        hour in 0_usize..168,
    ) {
        let clock = |hour: usize| format!("{} {:02}:00", DAYS[hour / 24], hour % 24);
        let rules = rules(&format!(
            "default_tz = \"Asia/Tokyo\"\n[[freeze]]\nid = \"w\"\nkind = \"weekly\"\nreason = \"x\"\nwindows = [\"{} - {}\"]\n",
            clock(from), clock(until)
        ));
        let monday = NaiveDate::from_ymd_opt(2026, 1, 5).unwrap().and_time(chrono::NaiveTime::MIN);
        let wall = monday + TimeDelta::weeks(week) + TimeDelta::hours(i64::try_from(hour).unwrap());
        let asked = Tz::Asia__Tokyo.from_local_datetime(&wall).unwrap().to_utc();
        let inside = if from < until { (from..until).contains(&hour) } else { hour >= from || hour < until };
        let found = promote(&rules, asked);
        prop_assert_eq!(found.state == FreezeState::Frozen, inside);
        let turn = if inside { until } else { from };
        let ahead = (turn + 168 - hour - 1) % 168 + 1;
        prop_assert_eq!(found.until, Some(asked + TimeDelta::hours(i64::try_from(ahead).unwrap())));
    }
}

#[test]
fn past_its_table_nothing_is_open_and_two_months_before_it_says_so() {
    let rules = rules(
        "[holidays.us]\ncountry = \"US\"\ntz = \"America/New_York\"\n[[freeze]]\nid = \"eve\"\n\
         kind = \"holiday-eve\"\ncalendars = [\"us\"]\nreason = \"x\"\n",
    );
    let calm = promote(&rules, at("2031-10-30T12:00:00Z"));
    assert_eq!((calm.state, calm.problems.len()), (FreezeState::Open, 0));
    let near = promote(&rules, at("2031-11-03T12:00:00Z"));
    assert_eq!(near.state, FreezeState::Open);
    assert!(near.problems[0].contains("ends on 2031-12-31"), "{:?}", near.problems);
    for past in ["2032-01-01T05:00:00Z", "2032-07-01T12:00:00Z", "2040-01-01T00:00:00Z"] {
        let found = promote(&rules, at(past));
        assert_eq!((found.state, found.until), (FreezeState::Frozen, None), "{past}");
        assert!(found.why().contains("ends on 2031-12-31"), "{}", found.why());
    }
    assert_eq!(promote(&rules, at("2024-06-01T00:00:00Z")).state, FreezeState::Frozen);
}

#[test]
fn an_estimated_holiday_says_so() {
    let rules = rules(
        "[holidays.in]\ncountry = \"IN\"\nsubdivision = \"MH\"\ntz = \"Asia/Kolkata\"\n[[freeze]]\nid = \"eve\"\n\
         kind = \"holiday-eve\"\ncalendars = [\"in\"]\nreason = \"x\"\n",
    );
    let holidays = holiday_table("IN", Some("MH")).unwrap().holidays;
    let (day, name) = holidays.iter().rev().find(|(_, name)| name.contains("(estimated)")).unwrap();
    let noon = Utc.from_utc_datetime(&day.and_hms_opt(6, 0, 0).unwrap());
    if day.year() <= 2031 {
        assert!(promote(&rules, noon).why().contains(name.as_str()));
    }
}

#[test]
fn windows_that_only_touch_are_one_run() {
    let touching = [(0, 60, true, vec![]), (60, 60, false, vec![]), (120, 60, true, vec![])];
    let rules = rules(&file(&touching));
    for (asked, state) in
        [(0, FreezeState::Frozen), (59, FreezeState::Frozen), (60, FreezeState::Warn)]
    {
        let found = promote(&rules, minute(asked));
        assert_eq!((found.state, found.until), (state, Some(minute(180))), "after {asked} minutes");
        let change = Some(minute(if asked < 60 { 60 } else { 120 }));
        assert_eq!((found.next_change, found.lasts_until), (change, change));
        assert_eq!(found.matches.len(), 1);
    }
    assert_eq!(promote(&rules, minute(180)).state, FreezeState::Open);
}

/// In a thread of its own, as a search without an end would keep the test from failing.
#[test]
fn a_calendar_without_a_business_day_freezes_and_comes_to_an_end() {
    let weekends = [
        ("open", "\"mon\", \"tue\", \"wed\", \"thu\", \"fri\", \"sat\", \"sun\"", false),
        ("freeze", "\"mon\", \"tue\", \"thu\", \"fri\", \"sat\", \"sun\"", true),
        ("freeze", "\"mon\", \"wed\", \"fri\", \"sun\"", true),
    ];
    for (bridges, weekend, is_read) in weekends {
        let text = format!(
            "[holidays.de]\ncountry = \"DE\"\ntz = \"UTC\"\nweekend = [{weekend}]\n[[freeze]]\nid = \"eve\"\n\
             kind = \"holiday-eve\"\ncalendars = [\"de\"]\nbridge_days = \"{bridges}\"\nreason = \"x\"\n"
        );
        let (tell, told) = mpsc::channel();
        thread::spawn(move || {
            let read = FreezesFile::parse(&text, "freezes.toml").ok();
            let state = read.map(|file| promote(&file.rules, at("2026-11-25T12:00:00Z")).state);
            tell.send(state).unwrap();
        });
        let state = told.recv_timeout(Duration::from_mins(5)).expect("it comes to an end");
        assert_eq!(state, is_read.then_some(FreezeState::Frozen), "{weekend}");
    }
}

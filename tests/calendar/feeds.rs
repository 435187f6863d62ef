//! Calendar feeds: what their events cover, and what hostile ones cannot do.

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;
use trunkline::calendar::{Feed, FreezeState, Tz};
use trunkline::config::freezes;

use super::{at, promote, rules};

fn event(lines: &[&str]) -> String {
    format!("BEGIN:VEVENT\r\nUID:1\r\nSUMMARY:Sale\r\n{}\r\nEND:VEVENT\r\n", lines.join("\r\n"))
}

fn calendar(events: &[String]) -> String {
    format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\n{}END:VCALENDAR\r\n", events.concat())
}

fn of_2026(text: &str, zone: Tz) -> Result<Feed, String> {
    let stretch = (at("2026-01-01T00:00:00Z"), at("2027-01-01T00:00:00Z"));
    freezes::feed(text, zone, stretch, stretch.0)
}

/// The events of one component, as `from..until`.
fn spans(lines: &[&str], zone: Tz) -> Vec<String> {
    let events = of_2026(&calendar(&[event(lines)]), zone).unwrap();
    assert_eq!(events.problems, Vec::<String>::new());
    let short = |at: DateTime<Utc>| at.format("%m-%dT%H:%M").to_string();
    events
        .occurrences
        .iter()
        .map(|one| format!("{}..{}", short(one.from), short(one.until)))
        .collect()
}

#[test]
fn dates_are_days_of_the_rule_s_zone_and_their_end_is_exclusive() {
    let berlin = Tz::Europe__Berlin;
    let (one, two) = ("DTSTART;VALUE=DATE:20260704", "DTEND;VALUE=DATE:20260706");
    assert_eq!(spans(&[one, two], berlin), ["07-03T22:00..07-05T22:00"]);
    assert_eq!(spans(&[one], berlin), ["07-03T22:00..07-04T22:00"], "no end is one day");
    assert_eq!(spans(&[one, "DURATION:P2D"], berlin), ["07-03T22:00..07-05T22:00"]);
    assert_eq!(spans(&[one], Tz::Asia__Tokyo), ["07-03T15:00..07-04T15:00"]);
    // The day on which the clocks go back has 25 hours.
    assert_eq!(spans(&["DTSTART;VALUE=DATE:20261025"], berlin), ["10-24T22:00..10-25T23:00"]);
}

#[test]
fn times_are_those_of_their_own_zone_or_else_of_the_rule_s() {
    let tokyo = Tz::Asia__Tokyo;
    let own = [
        "DTSTART;TZID=America/New_York:20260701T090000",
        "DTEND;TZID=America/New_York:20260701T170000",
    ];
    assert_eq!(spans(&own, tokyo), ["07-01T13:00..07-01T21:00"]);
    assert_eq!(
        spans(&["DTSTART:20260701T090000Z", "DURATION:PT1H30M"], tokyo),
        ["07-01T09:00..07-01T10:30"]
    );
    assert_eq!(
        spans(&["DTSTART:20260701T090000", "DURATION:PT1H"], tokyo),
        ["07-01T00:00..07-01T01:00"]
    );
    let with_path = "DTSTART;TZID=\"/softwarestudio.org/Olson/Europe/Berlin\":20260701T090000";
    assert_eq!(spans(&[with_path, "DURATION:PT1H"], tokyo), ["07-01T07:00..07-01T08:00"]);
}

#[test]
fn zones_are_known_by_the_names_of_windows_too() {
    let cases = [
        ("W. Europe Standard Time", "07-01T07:00..07-01T08:00"),
        ("\"Eastern Standard Time\"", "07-01T13:00..07-01T14:00"),
        ("gmt standard time", "07-01T08:00..07-01T09:00"),
        ("India Standard Time", "07-01T03:30..07-01T04:30"),
    ];
    for (name, expected) in cases {
        let start = format!("DTSTART;TZID={name}:20260701T090000");
        let end = format!("DTEND;TZID={name}:20260701T100000");
        assert_eq!(spans(&[&start, &end], Tz::Asia__Tokyo), [expected], "{name}");
    }
}

#[test]
fn a_recurring_event_keeps_its_wall_clock_over_daylight_saving() {
    let lines = [
        "DTSTART;TZID=America/New_York:20260301T020000",
        "DTEND;TZID=America/New_York:20260301T030000",
        "RRULE:FREQ=WEEKLY;COUNT=3",
    ];
    // On 8 March the clock skips two o'clock.
    let expected =
        ["03-01T07:00..03-01T08:00", "03-08T07:00..03-08T08:00", "03-15T06:00..03-15T07:00"];
    assert_eq!(spans(&lines, Tz::UTC), expected);
    let until = [
        "DTSTART;TZID=America/New_York:20261030T160000",
        "DURATION:PT1H",
        // A minute before what would be the last one, on the clock of New York.
        "RRULE:FREQ=DAILY;UNTIL=20261103T205900Z",
        "EXDATE;TZID=America/New_York:20261031T160000",
    ];
    let expected =
        ["10-30T20:00..10-30T21:00", "11-01T21:00..11-01T22:00", "11-02T21:00..11-02T22:00"];
    assert_eq!(spans(&until, Tz::UTC), expected);
}

#[test]
fn all_day_events_recur_in_the_rule_s_zone() {
    let lines =
        ["DTSTART;VALUE=DATE:20261224", "RRULE:FREQ=YEARLY;COUNT=5", "RDATE;VALUE=DATE:20260701"];
    let expected = ["06-30T15:00..07-01T15:00", "12-23T15:00..12-24T15:00"];
    assert_eq!(spans(&lines, Tz::Asia__Tokyo), expected);
    let excluded =
        ["DTSTART;VALUE=DATE:20260105", "RRULE:FREQ=WEEKLY;COUNT=3", "EXDATE;VALUE=DATE:20260112"];
    assert_eq!(spans(&excluded, Tz::UTC), ["01-05T00:00..01-06T00:00", "01-19T00:00..01-20T00:00"]);
}

/// The library lays all-day events out in the zone of the machine; this program does not.
#[test]
fn the_zone_of_the_machine_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let feed = calendar(&[event(&["DTSTART;VALUE=DATE:20260105", "RRULE:FREQ=WEEKLY"])]);
    std::fs::write(folder.path().join("feed.ics"), feed).unwrap();
    let file = folder.path().join("freezes.toml");
    let rule = "[[freeze]]\nid = \"e\"\nkind = \"ics\"\nreason = \"x\"\npath = \"feed.ics\"\ntz = \"Asia/Tokyo\"\n";
    std::fs::write(&file, rule).unwrap();
    for zone in ["UTC", "America/Los_Angeles", "Pacific/Kiritimati"] {
        let said = std::process::Command::new(env!("CARGO_BIN_EXE_trunkline"))
            .env("TZ", zone)
            .args([
                "freeze",
                "check",
                "--json",
                "--service",
                "shop",
                "--at",
                "2026-07-05T15:00:00Z",
                "--file",
            ])
            .arg(&file)
            .output()
            .unwrap();
        let said: serde_json::Value = serde_json::from_slice(&said.stdout).unwrap();
        assert_eq!(
            (&said["state"], &said["until"]),
            (&"frozen".into(), &"2026-07-06T15:00:00Z".into()),
            "{zone}"
        );
        assert_eq!(said["why"], "e: Sale", "{zone}");
    }
}

#[test]
fn cancelled_events_freeze_nothing_and_moved_ones_freeze_where_they_went() {
    let daily = event(&["DTSTART:20260701T100000Z", "DURATION:PT1H", "RRULE:FREQ=DAILY;COUNT=3"]);
    let moved =
        event(&["RECURRENCE-ID:20260702T100000Z", "DTSTART:20260702T180000Z", "DURATION:PT1H"]);
    let called_off = event(&[
        "RECURRENCE-ID:20260703T100000Z",
        "DTSTART:20260703T100000Z",
        "DURATION:PT1H",
        "STATUS:CANCELLED",
    ]);
    let other = "BEGIN:VEVENT\r\nUID:2\r\nDTSTART;VALUE=DATE:20260801\r\nSTATUS:CANCELLED\r\nEND:VEVENT\r\n";
    let found = of_2026(&calendar(&[daily, moved, called_off, other.to_owned()]), Tz::UTC).unwrap();
    let begins: Vec<_> = found.occurrences.iter().map(|one| one.from.to_rfc3339()).collect();
    assert_eq!(begins, ["2026-07-01T10:00:00+00:00", "2026-07-02T18:00:00+00:00"]);
}

#[test]
fn what_nobody_can_read_is_said_and_the_rest_holds() {
    let bad = ["DTSTART;TZID=Middle-earth:20260701T100000", "DURATION:PT1H"];
    let worse = ["DTSTART;VALUE=DATE:20260701", "RRULE:FREQ=SOMETIMES"];
    let endless = ["DTSTART:20260701T100000Z"];
    let good = ["DTSTART;VALUE=DATE:20260704"];
    let all = [bad.as_slice(), &worse, &endless, &good].map(event);
    let found = of_2026(&calendar(&all), Tz::UTC).unwrap();
    // One whose zone nobody knows is taken for one of the rule's, which is nearer to the truth than nothing.
    assert_eq!((found.occurrences.len(), found.problems.len()), (2, 3), "{found:?}");
    assert!(found.problems[0].contains("\"Middle-earth\" is unknown"), "{:?}", found.problems);
    assert!(
        found.problems.iter().all(|problem| problem.contains("\"Sale\"")),
        "{:?}",
        found.problems
    );
}

#[test]
fn a_hostile_feed_is_refused_in_a_moment() {
    let secondly = event(&["DTSTART:20000101T000000Z", "DURATION:PT1S", "RRULE:FREQ=SECONDLY"]);
    let never = event(&[
        "DTSTART:20260101T000000Z",
        "DURATION:PT1S",
        "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
    ]);
    let cases = [
        (String::new(), "is not a calendar"),
        ("BEGIN:".repeat(10), "is not a calendar"),
        (calendar(&[secondly]), "recurs too often"),
        (calendar(&vec![never.clone(); 500]), "takes more than 5 s"),
        (
            calendar(&[event(&["DTSTART;VALUE=DATE:20260704"])]).replace("END:VCALENDAR", ""),
            "cut off",
        ),
        ("BEGIN:A\r\n".repeat(100_000), "too deeply"),
        (
            calendar(&vec![event(&["DTSTART;VALUE=DATE:20260704"]); 10_001]),
            "more than 10000 events",
        ),
        ("x".repeat(6 * 1024 * 1024), "larger than 5 MiB"),
        (
            calendar(&[event(&[
                "DTSTART:20260101T000000Z",
                "DURATION:PT1S",
                "RRULE:FREQ=MINUTELY;COUNT=9000",
            ])]),
            "more than 5000",
        ),
        (calendar(&[event(&["no colon in this line"])]), "is not a calendar"),
    ];
    for (text, refusal) in cases {
        let said = of_2026(&text, Tz::UTC).unwrap_err();
        assert!(said.contains(refusal), "{said:?} does not contain {refusal:?}");
    }
    // A machine that is slow at it refuses it in time.
    match of_2026(&calendar(&[never]), Tz::UTC) {
        Ok(events) => assert_eq!(events.occurrences, []),
        Err(said) => assert!(said.contains("takes more than 5 s"), "{said:?}"),
    }
}

#[test]
fn a_copy_that_grew_too_old_warns_and_one_that_never_came_asks_for_a_reason() {
    let file = rules(
        "[[freeze]]\nid = \"e\"\nkind = \"ics\"\nreason = \"x\"\nurl = \"https://x.example/f\"\ntz = \"UTC\"\n",
    );
    let unread = promote(&file, at("2026-07-01T00:00:00Z"));
    assert_eq!((unread.state, unread.until), (FreezeState::Frozen, None));
    let text = calendar(&[event(&["DTSTART:20260702T000000Z", "DTEND:20260710T000000Z"])]);
    let read_at = at("2026-07-01T00:00:00Z");
    let feed = Feed {
        occurrences: of_2026(&text, Tz::UTC).unwrap().occurrences,
        read_at: Some(read_at),
        max_age: Some(std::time::Duration::from_hours(36)),
        horizon: Some(at("2027-01-01T00:00:00Z")),
        problems: vec![],
    };
    let known = file.with_feeds(|id| (id == "e").then(|| feed.clone()));
    assert_eq!(promote(&known, read_at).state, FreezeState::Open);
    let fresh = promote(&known, read_at + TimeDelta::hours(35));
    assert_eq!((fresh.state, fresh.why().as_str()), (FreezeState::Frozen, "e: Sale"));
    for later in [read_at + TimeDelta::hours(36), at("2026-08-01T00:00:00Z")] {
        let stale = promote(&known, later);
        assert_eq!((stale.state, stale.until), (FreezeState::Warn, None), "{later}");
        assert!(stale.why().contains("ago, more than 1d12h"), "{}", stale.why());
        assert!(!stale.problems.is_empty());
    }
    assert_eq!(
        promote(&known, at("2027-01-01T00:00:00Z")).state,
        FreezeState::Frozen,
        "beyond what is laid out"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_text_breaks_the_reader(
        lines in prop::collection::vec(prop_oneof![
            Just("BEGIN:VEVENT".to_owned()), Just("END:VEVENT".to_owned()), Just("BEGIN:VALARM".to_owned()),
            Just("SUMMARY:\u{202e}x\\n\\".to_owned()), Just("DTSTART;VALUE=DATE:20260704".to_owned()),
            "DT(START|END)(;TZID=[A-Za-z/\"]{0,9})?:[0-9TZ]{0,16}", "RRULE:(FREQ=(DAILY|YEARLY|X);?)?(COUNT=[0-9]{0,12};?)?(UNTIL=[0-9TZ]{0,16})?",
            "DURATION:[-+]?P[0-9WDTHMS]{0,24}", "(EX|R)DATE:[0-9TZ,/]{0,40}", "\\PC{0,30}",
        ], 0..20),
    ) {
        let text = format!("BEGIN:VCALENDAR\n{}\nEND:VCALENDAR\n", lines.join("\n"));
        let _any = of_2026(&text, Tz::Australia__Lord_Howe);
    }
}

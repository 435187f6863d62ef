//! Who is on call: what a list or a calendar says, held against the people of the service. Nobody is guessed, and "nobody"
//! is said on evidence alone.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use trunkline::backend::Backend as _;
use trunkline::backend::scripted::{SERVICE, Scripted};
use trunkline::calendar::{Feed, FeedPlace, FeedSource, Tz};
use trunkline::config::freezes;
use trunkline::domain::on_call::{OnCall, OnCallFeed, OnCallInput, OnCallSource, OnCallState};
use trunkline::domain::people::{Actor, People, Person};
use trunkline::domain::presence::PresentPerson;
use trunkline::domain::snapshot::ServiceSnapshot;
use trunkline::domain::words;

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn noon() -> DateTime<Utc> {
    at("2026-11-24T12:00:00Z")
}

fn people() -> People {
    let person = |email: &str, login: &str, forge: &str| Person {
        emails: vec![email.to_owned()],
        logins: vec![login.to_owned()],
        forge_logins: vec![forge.to_owned()],
        ..Person::default()
    };
    let all = [
        ("raj", person("raj@example.com", "rpatel", "raj-p")),
        ("Kim Lee", person("kim@example.com", "kim", "kimlee")),
        ("sam", person("sam@example.com", "sam", "sam-s")),
        ("Sam", person("other.sam@example.com", "sam2", "sam-t")),
    ];
    People { people: all.map(|(name, one)| (name.to_owned(), one)).into(), bots: Vec::new() }
}

fn source() -> OnCallSource {
    OnCallSource::Calendar(FeedSource {
        id: FeedSource::ON_CALL.to_owned(),
        place: FeedPlace::Path("on-call.ics".to_owned()),
        max_age: Duration::from_hours(6),
        zone: Tz::UTC,
    })
}

/// An event from and until hours of the day, with more lines.
fn event(from: u32, until: u32, lines: &str) -> String {
    let lines: Vec<_> = lines.lines().map(str::trim).collect();
    let lines = lines.join("\r\n");
    format!(
        "BEGIN:VEVENT\r\nUID:{from}-{until}\r\nDTSTART:20261124T{from:02}0000Z\r\n\
         DTEND:20261124T{until:02}0000Z\r\n{lines}\r\nEND:VEVENT\r\n"
    )
}

fn feed(events: &str) -> Feed {
    let text = format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{events}END:VCALENDAR\r\n");
    let stretch = (noon() - TimeDelta::days(60), noon() + TimeDelta::days(400));
    freezes::feed(&text, Tz::UTC, stretch, noon()).unwrap()
}

fn on_call(feed: Feed) -> OnCall {
    let wrong_since = (!feed.problems.is_empty()).then(|| noon() - TimeDelta::hours(1));
    let read = OnCallFeed { feed, wrong_since };
    OnCallInput { source: &source(), feed: Some(&read) }.at(&people(), noon())
}

/// Whom an event that runs now names; a `?` marks who is no member.
fn named(lines: &str) -> String {
    let on_call = on_call(feed(&event(8, 20, lines)));
    let mark = |is_member| if is_member { "" } else { "?" };
    let who = on_call.now.iter().map(|shift| format!("{}{}", shift.who, mark(shift.is_member)));
    who.collect::<Vec<_>>().join(", ")
}

#[test]
fn an_event_names_members_by_a_whole_name_an_address_or_a_login_and_nobody_by_a_guess() {
    for (lines, expected) in [
        // As PagerDuty, Opsgenie, Grafana and people write it.
        ("SUMMARY:On Call - Kim Lee - Checkout\nATTENDEE:kim@example.com", "Kim Lee"),
        ("SUMMARY:On Call - K. Lee - Checkout\nATTENDEE:KIM@example.com", "Kim Lee"),
        ("SUMMARY:kim@example.com", "Kim Lee"),
        ("SUMMARY:[L1] raj-p", "raj"),
        ("SUMMARY:raj", "raj"),
        ("SUMMARY:Raj on-call", "raj"),
        ("SUMMARY:On call: rpatel", "raj"),
        ("SUMMARY:Primary: kim lee (checkout)", "Kim Lee"),
        ("SUMMARY:raj is on call", "raj"),
        ("SUMMARY:On Call - raj\\, kim", "raj, Kim Lee"),
        ("SUMMARY:On call\nATTENDEE;CN=\"Lee, Kim\":mailto:kim@example.com", "Kim Lee"),
        ("SUMMARY:On call\nORGANIZER:mailto:raj@example.com", "raj"),
        // Others are invited too.
        (
            "SUMMARY:raj on call\nATTENDEE:mailto:raj@example.com\nATTENDEE:mailto:kim@example.com",
            "raj",
        ),
        (
            "SUMMARY:Checkout\nATTENDEE:mailto:raj@example.com\n\
             ATTENDEE;PARTSTAT=DECLINED:mailto:kim@example.com\n\
             ATTENDEE;CUTYPE=ROOM:mailto:room@example.com",
            "raj",
        ),
        // An address says more than a name.
        ("SUMMARY:On Call - raj - Checkout\nATTENDEE:kim@example.com", "Kim Lee"),
        // Nobody here: the text, as it stands there.
        ("SUMMARY:On Call - Raj Patel - Checkout", "Raj Patel?"),
        ("SUMMARY:On Call - Some rota\nATTENDEE:raj@home.example", "raj@home.example?"),
        ("SUMMARY:rajesh", "rajesh?"),
        ("SUMMARY:raj covers for kim", "raj covers for kim?"),
        ("SUMMARY:swap - raj - kim", "swap - raj - kim?"),
        ("SUMMARY:Alice\nORGANIZER:mailto:raj@example.com", "Alice?"),
        // Two have a name like it: only the exact one is one of them.
        ("SUMMARY:sam", "sam"),
        ("SUMMARY:Sam", "Sam"),
        ("SUMMARY:SAM", "SAM?"),
        ("SUMMARY:r\u{430}j", "r\u{430}j?"),
    ] {
        assert_eq!(named(lines), expected, "{lines}");
    }
}

#[test]
fn a_list_is_the_order_of_escalation_and_names_nobody_twice() {
    let names = ["kim@example.com", "raj", "Kim Lee", "Rita"].map(str::to_owned).to_vec();
    let list = OnCallSource::People(names);
    let on_call = OnCallInput { source: &list, feed: None }.at(&people(), noon());
    let who: Vec<_> = on_call.now.iter().map(|one| (one.who.as_str(), one.is_member)).collect();
    assert_eq!(who, [("Kim Lee", true), ("raj", true), ("Rita", false)]);
    assert!(on_call.known && on_call.known_until.is_none());
}

#[test]
fn the_shifts_of_one_person_are_one_and_the_next_is_said() {
    let two = [event(8, 14, "SUMMARY:raj"), event(14, 16, "SUMMARY:raj")].concat();
    let on_call = on_call(feed(&[two, event(16, 20, "SUMMARY:kim")].concat()));
    assert_eq!(on_call.now[0].until, Some(at("2026-11-24T16:00:00Z")));
    assert_eq!(on_call.next.len(), 1);
    // The clock of whoever reads it goes on.
    let later = at("2026-11-24T16:00:00Z");
    let OnCallState::People(now) = on_call.state(later) else { panic!("kim is on call") };
    assert_eq!(now[0].who, "Kim Lee");
    assert_eq!(on_call.state(at("2026-11-24T20:00:00Z")), OnCallState::Nobody);
}

#[test]
fn nobody_is_said_only_of_a_calendar_that_is_whole_and_not_too_old() {
    let other = event(18, 20, "SUMMARY:kim");
    assert_eq!(on_call(feed(&other)).state(noon()), OnCallState::Nobody);
    // An event that cannot be read may be the one that runs now.
    let broken = format!("{other}{}", event(8, 20, "SUMMARY:raj").replace("DTSTART", "X-START"));
    let unclear = on_call(feed(&broken));
    assert!(!unclear.known);
    assert!(matches!(unclear.state(noon()), OnCallState::Unknown { .. }), "{unclear:?}");
    let unread = on_call(Feed::unread("the feed cannot be fetched: refused".to_owned()));
    let hour_ago = noon() - TimeDelta::hours(1);
    let why = "the feed cannot be fetched: refused".to_owned();
    assert_eq!(unread.state(noon()), OnCallState::Unknown { since: hour_ago, why });
    let stale = Feed {
        max_age: Some(Duration::from_hours(6)),
        read_at: Some(noon() - TimeDelta::hours(5)),
        ..feed(&event(8, 20, "SUMMARY:raj"))
    };
    let stale = on_call(stale);
    assert_eq!(stale.members(noon()).collect::<Vec<_>>(), ["raj"]);
    let too_old = noon() + TimeDelta::hours(1);
    let OnCallState::Unknown { since, why } = stale.state(too_old) else { panic!("{stale:?}") };
    assert_eq!(
        (since, why.as_str()),
        (too_old, "its calendar was last read Tue 2026-11-24 07:00 UTC")
    );
    assert_eq!(stale.members(too_old).count(), 0);
}

#[test]
fn a_calendar_with_many_events_is_known_as_far_as_it_is_told() {
    let day = "RRULE:FREQ=DAILY";
    let all = [
        event(0, 12, &format!("SUMMARY:raj\n{day}")),
        event(12, 23, &format!("SUMMARY:kim\n{day}")),
    ];
    let on_call = on_call(feed(&all.concat()));
    let shifts = on_call.now.len() + on_call.next.len();
    assert_eq!(shifts, 60);
    let until = on_call.known_until.unwrap();
    assert_eq!(until, at("2026-12-24T12:00:00Z"));
    assert!(matches!(on_call.state(until), OnCallState::Unknown { .. }));
}

/// What a snapshot of a service says that is on call by this, while some are here.
async fn said(source: OnCallSource, read: Feed, here: &[(&str, bool)]) -> String {
    let world = Scripted::new(noon());
    world.change(|world| {
        world.edit(&SERVICE.parse().unwrap(), |service| {
            service.people = people();
            let wrong_since = (!read.problems.is_empty()).then(noon);
            service.on_call = Some((source, OnCallFeed { feed: read, wrong_since }));
            let here = here.iter().map(|(name, may_act)| PresentPerson {
                actor: Actor::Person((*name).to_owned()),
                since: noon(),
                may_act: *may_act,
            });
            service.present = here.collect();
        });
    });
    let snapshot: ServiceSnapshot =
        world.service(&SERVICE.parse().unwrap(), None, Duration::ZERO).await.unwrap().unwrap();
    let when = |at: DateTime<Utc>| at.format("%H:%M").to_string();
    words::on_call::sentence(&snapshot, &snapshot.present, noon(), Tz::UTC, when).unwrap()
}

#[tokio::test]
async fn the_words_say_who_is_here_until_when_and_what_is_not_known() {
    let (raj, kim) = (event(8, 16, "SUMMARY:raj"), event(16, 20, "SUMMARY:kim"));
    let both = feed(&[raj.clone(), kim].concat());
    assert_eq!(said(source(), both.clone(), &[]).await, "raj until 16:00, then Kim Lee");
    let here = said(source(), both, &[("raj", true)]).await;
    assert_eq!(here, "raj (here now) until 16:00, then Kim Lee");
    let later = feed(&event(18, 20, "SUMMARY:Rita"));
    assert_eq!(said(source(), later, &[]).await, "nobody, by its calendar; Rita from 18:00");
    let stranger = feed(&event(8, 16, "SUMMARY:On Call - Rita - Checkout"));
    assert_eq!(said(source(), stranger, &[]).await, "Rita (not in [people]) until 16:00");
    let list = OnCallSource::People(["raj", "sam"].map(str::to_owned).to_vec());
    let listed = said(list, Feed::default(), &[("raj", false), ("sam", true)]).await;
    assert_eq!(listed, "raj (here now, only reads), sam (you)");
    let unread = Feed::unread("the feed cannot be fetched: refused".to_owned());
    let unread = said(source(), unread, &[]).await;
    assert_eq!(unread, "not known, since 12:00: the feed cannot be fetched: refused");
    let shaky = Feed { problems: vec!["it is late".to_owned()], ..feed(&raj) };
    assert_eq!(said(source(), shaky, &[]).await, "raj until 16:00; as read 0s ago");
}

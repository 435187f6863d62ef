//! Asking for a promoter, and everything that can become of it, as both sides see it.

use std::time::Duration;

use chrono::DateTime;
use crossterm::event::Event;
use ratatui::layout::Size;
use tokio::time::Instant;
use trunkline::backend::Backend as _;
use trunkline::backend::scripted::{Fault, Scripted};
use trunkline::calendar::{Feed, FeedPlace, FeedSource, Tz};
use trunkline::console::effect::Outside;
use trunkline::console::message::{Message, TimedMessage};
use trunkline::console::model::Model;
use trunkline::console::{Options, update};
use trunkline::domain::event::{DeploymentKind, Fact};
use trunkline::domain::ids::{BuildNumber, Environment, Seq};
use trunkline::domain::on_call::{OnCallFeed, OnCallSource};
use trunkline::domain::people::{Actor, Person};
use trunkline::domain::presence::PresentPerson;
use trunkline::domain::request::{Request, RequestState};

use trunkline_testing::console::{Console, checkout, options, put_live, ready};

/// A world in which sam wrote the newest build, #4, and so may not just promote it.
fn written_by_sam() -> Scripted {
    let backend = ready();
    backend.change(|world| world.verified_build(&checkout(), "sam"));
    backend
}

/// The console of somebody else in the same world.
fn console_of(backend: &Scripted, login: &str) -> Console {
    Console::open(&backend.seen_by(login))
}

fn requests(backend: &Scripted) -> Vec<Request> {
    backend.change(|world| world.service(&checkout()).expect("it is there").state.requests.clone())
}

fn state(backend: &Scripted) -> RequestState {
    let requests = requests(backend);
    let now = backend.change(|world| world.now());
    requests.last().expect("somebody asked").state(now)
}

fn bells(console: &Console) -> usize {
    console.asked().iter().filter(|asked| **asked == Outside::Bell).count()
}

/// Somebody asks without a console.
fn ask(backend: &Scripted, by: &str, build: u64, note: &str) -> Seq {
    backend.change(|world| {
        let until = world.now() + chrono::TimeDelta::minutes(20);
        let (build, note) = (BuildNumber(build), note.to_owned());
        let fact = Fact::PromoterRequested { build, until, note };
        world.record(&checkout(), Actor::Person(by.into()), fact)
    })
}

/// Opens the dialog of #4 and asks for a promoter with the reason that was typed.
async fn ask_from(console: &Console, reason: &str) {
    console.until("#4").await.press(&["P"]).until("[  Ask for a promoter  ]").await;
    console.type_text(reason).press(&["tab", "tab", "tab"]);
    console.until("[> Ask for a promoter <]").await.quiet().await.press(&["enter"]);
    console.until_gone("Promote #4 to PRODUCTION").await;
}

#[tokio::test(start_paused = true)]
async fn a_request_is_seen_and_taken_on_another_console_by_a_non_author() {
    let backend = written_by_sam();
    let (author, other) = (Console::open(&backend), console_of(&backend, "kim"));
    other.until("#4").await;
    let before = bells(&other);
    ask_from(&author, "hotfix for the webhook").await;
    author.until("ASKED #4 by you").await.until("u withdraws it").await;
    other.until("sam asks for a promoter of #4: hotfix for the webhook").await;
    assert_eq!(bells(&other) - before, 1, "one bell for one request");
    other.until("ASKED #4 by sam").await.press(&["2", "i"]);
    other.until("Promote #4 to PRODUCTION").await.until("asked for").await;
    assert!(!other.text().contains("[!!]"), "kim did not write it:\n{}", other.text());
    other.press(&["right"]).quiet().await.press(&["enter"]);
    other.until_gone("Promote #4 to PRODUCTION").await.until_gone("ASKED #4").await;
    author.until("your request for #4: taken by kim").await.until_gone("ASKED #4").await;
    assert_eq!(state(&backend), RequestState::Taken);
    let last = backend.change(|world| {
        let service = world.service(&checkout()).expect("it is there");
        service.state.deployments.values().next_back().expect("it was promoted").clone()
    });
    assert_eq!((last.by, last.request.build), (Actor::Person("kim".into()), BuildNumber(4)));
    assert!(last.request.overrides.is_empty(), "{:?}", last.request.overrides);
}

#[tokio::test(start_paused = true)]
async fn the_button_that_asks_obeys_the_rules_of_buttons() {
    let backend = written_by_sam();
    let console = Console::open(&backend);
    console.until("#4").await.press(&["P", "right", "enter", "enter"]);
    console
        .until("[  Ask for a promoter  ]")
        .await
        .press(&["tab", "tab", "tab", "enter"])
        .settled()
        .await;
    console.until("[> Ask for a promoter <]").await;
    for _ in 0..60 {
        console.press(&["enter"]).rest(Duration::from_millis(33)).await;
    }
    console.event(Event::Paste("yes\r\n".into()));
    console.rest(Duration::from_secs(2)).await;
    assert!(requests(&backend).is_empty(), "typed ahead, held down or pasted, it asked");
    console.press(&["enter"]).until("ASKED #4 by you").await;
    assert_eq!(requests(&backend).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn nobody_is_asked_where_nothing_needs_an_override() {
    let console = Console::open(&ready());
    console.until("#3").await.press(&["P"]).until("[  Promote  ]").await;
    assert!(!console.text().contains("Ask for a promoter"), "{}", console.text());
}

#[tokio::test(start_paused = true)]
async fn asking_disarms_when_the_world_has_moved() {
    let backend = written_by_sam();
    let console = Console::open(&backend);
    console.until("#4").await.press(&["P"]).until("[  Ask for a promoter  ]").await;
    console.press(&["tab", "tab", "tab"]).quiet().await;
    backend.change(|world| put_live(world, BuildNumber(3)));
    console.until("DISARMED").await.quiet().await.press(&["enter"]).settled().await;
    assert!(requests(&backend).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_refused_request_says_why() {
    let backend = written_by_sam();
    let console = Console::open(&backend);
    ask(&backend, "kim", 4, "");
    console.until("ASKED #4 by kim").await.press(&["P"]).until("[  Ask for a promoter  ]").await;
    console.press(&["tab", "tab", "tab"]).quiet().await.press(&["enter"]);
    console.until("refused: kim asked for #4").await.until("[> Close <]").await;
    assert_eq!(requests(&backend).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_to_a_request_is_looked_up() {
    let backend = written_by_sam();
    let console = Console::open(&backend);
    console.until("#4").await.press(&["P"]).until("[  Ask for a promoter  ]").await;
    console.press(&["tab", "tab", "tab"]).quiet().await;
    backend.fault(Fault::LostAnswer);
    console.press(&["enter"]).until("unknown, checking").await.until("ASKED #4 by you").await;
    console.rest(Duration::from_secs(30)).await;
    assert_eq!(requests(&backend).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_request_is_withdrawn_with_a_reason_from_the_console_that_asked() {
    let backend = written_by_sam();
    let (author, other) = (Console::open(&backend), console_of(&backend, "kim"));
    ask_from(&author, "").await;
    other
        .until("ASKED #4 by sam")
        .await
        .press(&["u"])
        .until("sam asked for #4; only they can")
        .await;
    author
        .until("ASKED #4 by you")
        .await
        .press(&["i"])
        .until("another promoter has to take it")
        .await;
    author.press(&["u"]).until("Withdraw the request for a promoter").await;
    author.press(&["up"]).type_text("kim went home").press(&["tab", "tab"]).quiet().await;
    author.press(&["enter"]).until_gone("ASKED #4").await;
    other.until("the request of sam for #4: withdrawn by sam: kim went home").await;
    assert_eq!(state(&backend), RequestState::Withdrawn);
    other.press(&["i"]).until("no request is open").await;
}

#[tokio::test(start_paused = true)]
async fn a_request_expires_by_the_clock_of_the_console() {
    let backend = written_by_sam();
    let console = console_of(&backend, "kim");
    console.until("#4").await;
    ask(&backend, "sam", 4, "soon");
    console.until("20m left: soon").await.rest(Duration::from_secs(61)).await;
    console.until("1m ago, 19m left").await.rest(Duration::from_mins(18)).await;
    console.until("1m left").await.rest(Duration::from_secs(45)).await;
    assert!(console.text().contains("ASKED #4 by sam"), "it stands to its end");
    console.rest(Duration::from_secs(20)).await;
    assert!(!console.text().contains("ASKED #4"), "{}", console.text());
    console.until("the request of sam for #4: expired: not taken").await;
}

/// The model of a console at `start`, when a request of kim ends 95 seconds later and all else is a week old.
async fn model_of_a_request(start: Instant) -> Model {
    let backend = written_by_sam();
    backend.change(|world| {
        world.pass(Duration::from_hours(24 * 7));
        let until = world.now() + chrono::TimeDelta::seconds(95);
        let fact = Fact::PromoterRequested { build: BuildNumber(4), until, note: String::new() };
        world.record(&checkout(), Actor::Person("kim".into()), fact);
    });
    let (stale_after, size) = (Duration::from_hours(1), Size { width: 80, height: 24 });
    let options = Options { service: Some(checkout()), stale_after, ..options() };
    let mut model = Model::new(options, uuid::Uuid::nil(), size, start);
    let snapshot = backend.service(&checkout(), None, Duration::ZERO).await;
    let message = Message::Service(checkout(), snapshot.map(|snapshot| snapshot.map(Box::new)));
    update(&mut model, TimedMessage { at: start, message });
    model
}

#[tokio::test(start_paused = true)]
async fn the_console_wakes_when_a_request_ends_and_seldom_before() {
    let start = Instant::now();
    let mut model = model_of_a_request(start).await;
    let mut wakes = Vec::new();
    while let Some(at) = model.next_wake().filter(|at| *at <= start + Duration::from_mins(30)) {
        wakes.push((at - start).as_secs());
        update(&mut model, TimedMessage { at, message: Message::Wake });
    }
    // It says "2m left" up to 35 s; the notes fade after 8 s; its age moves at round times.
    assert_eq!(wakes, [8, 10, 20, 30, 35, 40, 50, 60, 95, 103]);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_ends_just_when_nothing_is_new_is_drawn_all_the_same() {
    let start = Instant::now();
    let mut model = model_of_a_request(start).await;
    let (at, before) = (start + Duration::from_secs(95), start + Duration::from_secs(94));
    model.dirty = false;
    let nothing = || Message::Service(checkout(), Ok(None));
    update(&mut model, TimedMessage { at: before, message: nothing() });
    assert!(!model.dirty, "nothing is new");
    update(&mut model, TimedMessage { at, message: nothing() });
    assert!(model.dirty, "it has ended");
}

#[tokio::test(start_paused = true)]
async fn an_open_request_costs_no_tick() {
    let backend = written_by_sam();
    let console = console_of(&backend, "kim");
    console.until("#4").await;
    ask(&backend, "sam", 4, "");
    console.until("ASKED #4").await.rest(Duration::from_mins(2)).await;
    let before = console.draws();
    console.rest(Duration::from_mins(10)).await;
    let frames = console.draws() - before;
    assert!((10..=60).contains(&frames), "{frames} frames in ten minutes");
}

#[tokio::test(start_paused = true)]
async fn another_promote_supersedes_a_request() {
    let backend = written_by_sam();
    let console = Console::open(&backend);
    ask_from(&console, "").await;
    console.until("ASKED #4 by you").await;
    backend.change(|world| {
        let kim = Actor::Person("kim".into());
        let (to, kind) = (Environment::Production, DeploymentKind::Promote);
        world.request(&checkout(), BuildNumber(3), to, kind, kim);
    });
    console.until_gone("ASKED #4").await;
    console.until("your request for #4: superseded: promote of #3 by kim").await;
    assert_eq!(state(&backend), RequestState::Superseded);
}

#[tokio::test(start_paused = true)]
async fn a_promote_disarms_when_the_request_for_it_is_withdrawn() {
    let backend = written_by_sam();
    let console = console_of(&backend, "kim");
    console.until("#4").await;
    let request = ask(&backend, "sam", 4, "");
    console.until("ASKED #4").await.press(&["i"]).until("[  Promote  ]").await.press(&["right"]);
    console.quiet().await;
    backend.change(|world| {
        let fact = Fact::RequestWithdrawn { request, reason: "found a fault in it".into() };
        world.record(&checkout(), Actor::Person("sam".into()), fact);
    });
    console.until("DISARMED").await.until("withdrawn by sam: found a fault in it").await;
    console.rest(Duration::from_secs(5)).await.press(&["right"]).quiet().await;
    assert!(console.text().contains("DISARMED"), "no late plan arms it again");
    console.press(&["enter"]).until("[  Promote  ]").await;
}

#[tokio::test(start_paused = true)]
async fn a_withdrawal_disarms_when_the_request_has_expired() {
    let backend = written_by_sam();
    let console = Console::open(&backend);
    ask_from(&console, "").await;
    console.until("ASKED #4 by you").await.press(&["u"]).until("[  Withdraw  ]").await;
    console.rest(Duration::from_mins(20)).await;
    console.until("DISARMED").await.until("expired: not taken").await;
}

#[tokio::test(start_paused = true)]
async fn the_three_buttons_and_the_list_of_commits_fit_the_smallest_screen() {
    let backend = written_by_sam();
    let console = Console::sized(&backend, (60, 12));
    ask(&backend, "kim", 4, "");
    console.until("ASKED #4").await.press(&["P"]).until("[  Cancel  ]").await;
    console.until("[  Ask for a promoter  ]   [  Promote  ]").await.press(&["esc"]);
    backend.change(|world| {
        let (environment, rollback) = (Environment::Production, Some(Seq(1).into()));
        let fact =
            Fact::HoldPlaced { all: false, environment, reason: "rolled back".into(), rollback };
        world.record(&checkout(), Actor::Person("kim".into()), fact);
    });
    console.until("ON HOLD").await.quiet().await.press(&["H"]).until("[> Cancel <]").await;
    console.until("[ ] none of them was bad").await.press(&["shift-tab", "shift-tab", "down"]);
    console.until("[ ] #4").await.until("[  Release  ]").await;
}

#[tokio::test(start_paused = true)]
async fn a_request_for_another_service_is_told_once_with_its_name() {
    let backend = ready();
    let api: trunkline::domain::ids::ServiceName = "api".parse().expect("a good name");
    backend.change(|world| {
        world.add_service(&api);
        world.verified_build(&api, "kim");
    });
    let shown = Options { service: Some(checkout()), ..options() };
    let console = Console::with(&backend, trunkline_testing::console::SMALL, shown, |_| {});
    console.until("#3").await;
    let before = bells(&console);
    backend.change(|world| {
        let until = world.now() + chrono::TimeDelta::minutes(20);
        let (build, note) = (BuildNumber(1), String::new());
        let fact = Fact::PromoterRequested { build, until, note };
        world.record(&api, Actor::Person("kim".into()), fact);
    });
    console.until("api: kim asks for a promoter of #1").await;
    console.press(&["s"]).until("ASKED #1 by kim").await.rest(Duration::from_secs(30)).await;
    assert_eq!(bells(&console) - before, 1);
}

#[tokio::test(start_paused = true)]
async fn a_request_at_80x24() {
    let backend = written_by_sam();
    let console = console_of(&backend, "kim");
    console.until("#4").await;
    ask(&backend, "sam", 4, "the webhook loses payments, this is the fix for it");
    console.until("ASKED #4").await.rest(Duration::from_secs(70)).await;
    insta::assert_snapshot!(console.text());
}

#[tokio::test(start_paused = true)]
async fn requests_at_120x40() {
    let backend = written_by_sam();
    let console = Console::sized(&backend.seen_by("kim"), (120, 40));
    console.until("#4").await;
    let id = ask(&backend, "ada", 3, "");
    backend.change(|world| {
        let fact = Fact::RequestWithdrawn { request: id, reason: "found a fault in it".into() };
        world.record(&checkout(), Actor::Person("ada".into()), fact);
    });
    ask(&backend, "sam", 4, "the webhook loses payments");
    console.until("ASKED #4").await.rest(Duration::from_secs(70)).await;
    insta::assert_snapshot!(console.text());
}

#[tokio::test(start_paused = true)]
async fn a_wide_screen_lists_requests_once_in_the_activity() {
    let backend = written_by_sam();
    let console = Console::sized(&backend.seen_by("kim"), (200, 60));
    console.until("#4").await;
    ask(&backend, "ada", 3, "soon please");
    ask(&backend, "sam", 4, "the webhook");
    console.until("superseded: sam asks for #4 instead").await;
    assert_eq!(console.text().matches(" requests ").count(), 1, "{}", console.text());
    assert_eq!(console.text().matches("OPEN <10s ago, 20m left").count(), 1);
}

#[tokio::test(start_paused = true)]
async fn who_asks_sees_who_is_here_and_could_promote_it() {
    let backend = written_by_sam();
    let here = |name: &str, may_act| PresentPerson {
        actor: Actor::Person(name.into()),
        since: DateTime::from_timestamp(1_795_403_642, 0).unwrap(),
        may_act,
    };
    backend.change(|world| {
        let all = [("sam", true), ("kim", true), ("jane", false), ("eve", true)];
        let all = all.map(|(name, may_act)| here(name, may_act));
        world.edit(&checkout(), |service| service.present = all.to_vec());
    });
    let author = Console::open(&backend);
    author.until("#4").await.press(&["P"]).until("[  Ask for a promoter  ]").await;
    // jane only reads, and whether eve wrote it nobody can tell.
    author.until("here now    kim, who could promote it").await;
    let other = console_of(&backend, "kim");
    other.until("#4").await.press(&["P"]).until("[  Promote  ]").await;
    assert!(!other.text().contains("here now"), "kim needs nobody:\n{}", other.text());
}

#[tokio::test(start_paused = true)]
async fn the_details_list_who_else_is_here() {
    let backend = ready();
    let author = Console::sized(&backend, (120, 40));
    author.until("#3").await.press(&["2"]).settled().await;
    assert!(!author.text().contains("here now"), "{}", author.text());
    backend.change(|world| {
        let now = world.now();
        let here = |name: &str, may_act| PresentPerson {
            actor: Actor::Person(name.into()),
            since: now - chrono::TimeDelta::minutes(5),
            may_act,
        };
        let all = vec![here("sam", true), here("kim", true), here("jane", false)];
        world.edit(&checkout(), |service| service.present = all);
    });
    author.until("kim for 5m").await.until("jane for 5m, only reads").await;
    assert!(!author.text().contains("sam for"), "the user is not listed:\n{}", author.text());
    put_on_call(&backend, &["kim"]);
    author.until("kim (here now)").await;
    backend.fault(Fault::Unreachable);
    // Who is here now is not known without a connection.
    author.until_gone("kim for").await.until_gone("(here now)").await.until("on call   kim").await;
}

/// That these are on call.
fn put_on_call(backend: &Scripted, names: &[&str]) {
    let names = names.iter().map(|&name| name.to_owned()).collect();
    let source = (OnCallSource::People(names), OnCallFeed::default());
    backend.change(|world| {
        world.edit(&checkout(), |service| service.on_call = Some(source));
    });
}

#[tokio::test(start_paused = true)]
async fn who_asks_sees_who_is_on_call_and_that_they_are_here() {
    let backend = written_by_sam();
    put_on_call(&backend, &["kim", "sam"]);
    backend.change(|world| {
        let people = ["ann", "kim"].map(|name| PresentPerson {
            actor: Actor::Person(name.into()),
            since: world.now(),
            may_act: true,
        });
        world.edit(&checkout(), |service| {
            let ann = service.people.people["kim"].clone();
            let emails = vec!["ann@example.com".to_owned()];
            service.people.people.insert("ann".into(), Person { emails, ..ann });
            service.present = people.to_vec();
        });
    });
    let author = Console::open(&backend);
    author.until("#4").await.press(&["P"]).until("[  Ask for a promoter  ]").await;
    author.until("Needs another promoter: kim (on call) and ann").await;
    author.until("on call     kim (here now), sam (you)").await;
    author.until("here now    kim (on call), ann, who could promote it").await;
}

#[tokio::test(start_paused = true)]
async fn whoever_is_on_call_is_told_so_with_the_request() {
    let backend = written_by_sam();
    put_on_call(&backend, &["kim"]);
    let (kim, ada) = (console_of(&backend, "kim"), console_of(&backend, "ada"));
    kim.until("#4").await;
    ada.until("#4").await;
    ask(&backend, "sam", 4, "the webhook");
    kim.until("sam asks for a promoter of #4: the webhook; you are on call").await;
    ada.until("sam asks for a promoter of #4: the webhook").await;
    assert!(!ada.text().contains("you are on call"), "{}", ada.text());
}

#[tokio::test(start_paused = true)]
async fn the_details_say_who_is_on_call_and_change_with_the_shift() {
    let backend = ready();
    let feed = |events: &str, now| {
        let text = format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{events}END:VCALENDAR\r\n");
        let stretch = (now, now + chrono::TimeDelta::days(9));
        trunkline::config::freezes::feed(&text, Tz::UTC, stretch, now).unwrap()
    };
    let shift = |who: &str, from: u32, until: u32| {
        format!(
            "BEGIN:VEVENT\r\nUID:{from}\r\nDTSTART:20261123T{from:02}0000Z\r\n\
             DTEND:20261123T{until:02}0000Z\r\nSUMMARY:On Call - {who} - Shop\r\nEND:VEVENT\r\n"
        )
    };
    let place = FeedPlace::Path("on-call.ics".into());
    let (id, max_age) = (FeedSource::ON_CALL.to_owned(), Duration::from_hours(6));
    let source = OnCallSource::Calendar(FeedSource { id, place, max_age, zone: Tz::UTC });
    backend.change(|world| {
        let events = [shift("kim", 8, 15), shift("Rita", 15, 22)].concat();
        let read = OnCallFeed { feed: feed(&events, world.now()), wrong_since: None };
        world.edit(&checkout(), |service| service.on_call = Some((source.clone(), read)));
    });
    let console = Console::sized(&backend, (120, 40));
    console.until("on call   kim until 15:00, then").await;
    console.rest(Duration::from_hours(1)).await.until("on call   Rita (not in [people])").await;
    backend.change(|world| {
        let feed = Feed::unread("the feed cannot be fetched: it is gone".into());
        let read = OnCallFeed { feed, wrong_since: Some(world.now()) };
        world.edit(&checkout(), |service| service.on_call = Some((source, read)));
    });
    console.until("on call   not known, since").await;
}

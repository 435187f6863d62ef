//! Who is on call in a running engine: the list or the calendar of the trunk's service file, fetched, kept and aged as the
//! feeds of freezes are.

use std::sync::{Arc, Mutex};

use chrono::TimeDelta;
use trunkline::backend::Backend as _;
use trunkline::domain::command::Action;
use trunkline::domain::on_call::{OnCall, OnCallState};
use trunkline::domain::snapshot::ServiceSnapshot;
use trunkline_testing::engine::QUICK;

use super::engine::{Desk, serve_body};

fn service_file(on_call: &str) -> String {
    format!("{QUICK}[on_call]\n{on_call}\n")
}

/// A calendar in which somebody is on call on a day, which is a Wednesday when the engine starts.
fn calendar(day: &str, who: &str) -> String {
    format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTART;VALUE=DATE:{day}\r\n\
         SUMMARY:On Call - {who} - Checkout\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    )
}

/// Who is on call: `raj`, `nobody` or why it is not known.
fn on_call(seen: &ServiceSnapshot) -> String {
    match seen.on_call.as_ref().map(|on_call| on_call.state(seen.at)) {
        None => "not said".to_owned(),
        Some(OnCallState::Nobody) => "nobody".to_owned(),
        Some(OnCallState::People(now)) => {
            now.iter().map(|shift| shift.who.as_str()).collect::<Vec<_>>().join(", ")
        }
        Some(OnCallState::Unknown { why, .. }) => format!("not known: {why}"),
    }
}

async fn until_on_call(desk: &Desk, expected: &str) -> OnCall {
    let seen = desk.until(expected, |seen| on_call(seen).starts_with(expected)).await;
    seen.on_call.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_of_the_trunk_s_service_file_says_who_is_on_call() {
    let mut desk = Desk::open(None).await;
    desk.until("no file says it", |seen| on_call(seen) == "not said").await;
    desk.commit("trunkline.toml", &service_file("people = [\"ann\", \"raj\", \"Rita\"]")).await;
    let now = until_on_call(&desk, "ann, raj, Rita").await.now;
    assert_eq!(now.iter().map(|one| one.is_member).collect::<Vec<_>>(), [true, true, false]);
    // A mistake on the trunk leaves the last good list.
    desk.repository.write("trunkline.toml", &service_file("people = []"));
    desk.repository.commit_all("Ann", "ann@example.com", "a mistake");
    let told = desk.until_told("on_call.people: is empty").await;
    assert_eq!(on_call(&told), "ann, raj, Rita");
    desk.commit("trunkline.toml", QUICK).await;
    desk.until("it is gone", |seen| on_call(seen) == "not said").await;
    desk.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_on_call_is_the_first_who_could_promote() {
    let desk = Desk::open(None).await;
    let people = "[people.kim]\nemails = [\"kim@example.com\"]\n";
    desk.repository.write("change", "by raj");
    let file = service_file("people = [\"raj\", \"kim\"]") + people;
    desk.repository.write("trunkline.toml", &file);
    desk.repository.commit_all("Raj", "raj@example.com", "by raj");
    let tip = desk.repository.head();
    let number = |seen: &ServiceSnapshot| {
        let found = seen.builds.iter().find(|row| row.build.sha == tip)?;
        found.build.in_staging_since.map(|_| found.build.number)
    };
    let seen = desk.until("it is in staging", |seen| number(seen).is_some()).await;
    let build = number(&seen).unwrap();
    let plan = desk.backend().plan(&seen.service, Action::Promote { build }).await.unwrap();
    let said = plan.findings.iter().find(|one| one.sentence.contains("Needs another promoter"));
    let said = &said.expect("raj wrote it").sentence;
    assert!(said.ends_with("Needs another promoter: kim (on call) and ann"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_calendar_of_the_web_names_them_until_its_copy_is_too_old_also_after_a_restart() {
    let body = Arc::new(Mutex::new(calendar("20260812", "raj")));
    let (port, _) = serve_body(body.clone()).await;
    let mut desk = Desk::open(None).await;
    let address = format!("calendar = \"http://127.0.0.1:{port}/secret/on-call.ics\"");
    desk.commit("trunkline.toml", &service_file(&address)).await;
    let known = until_on_call(&desk, "raj").await;
    assert_eq!(known.now[0].until, Some("2026-08-13T00:00:00Z".parse().unwrap()));
    // From now on it is no calendar: what was read last holds, and somebody is told.
    *body.lock().unwrap() = "gone".to_owned();
    *desk.clock.ahead.lock().unwrap() += TimeDelta::hours(3);
    let told = desk.until_told("the calendar of who is on call: the feed is not a calendar").await;
    assert_eq!(on_call(&told), "raj");
    desk.stop().await;
    desk.start().await;
    until_on_call(&desk, "raj").await;
    *desk.clock.ahead.lock().unwrap() += TimeDelta::hours(4);
    assert!(!until_on_call(&desk, "not known: its calendar was last read").await.known);
    let told = desk.until_told("it was last read").await;
    assert!(told.problems[0].remedy.ends_with("until then it is not known who is on call"));
    assert!(!format!("{told:?}").contains("secret"), "its address stays with the engine");
    *body.lock().unwrap() = calendar("20260812", "ann");
    *desk.clock.ahead.lock().unwrap() += TimeDelta::hours(2);
    until_on_call(&desk, "ann").await;
    desk.until("all is well", |seen| seen.problems.is_empty()).await;
    desk.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_calendar_in_the_repository_is_read_at_the_tip_and_what_is_no_calendar_is_not_nobody() {
    let mut desk = Desk::open(None).await;
    desk.commit("trunkline.toml", &service_file("calendar = \"on-call.ics\"")).await;
    until_on_call(&desk, "not known: \"on-call.ics\" is not on the trunk").await;
    desk.commit("on-call.ics", &calendar("20260901", "raj")).await;
    until_on_call(&desk, "nobody").await;
    desk.commit("on-call.ics", &calendar("20260812", "raj")).await;
    until_on_call(&desk, "raj").await;
    desk.commit("on-call.ics", "x").await;
    let told = desk.until_told("\"on-call.ics\" is not a calendar").await;
    assert_eq!(on_call(&told), "raj", "the last good one holds");
    desk.stop().await;
    desk.start().await;
    until_on_call(&desk, "not known: \"on-call.ics\" is not a calendar").await;
    desk.stop().await;
}

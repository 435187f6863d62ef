//! What is exported, read back by a reader of its own.

use std::fs;
use std::process::Command;

use chrono::DateTime;
use trunkline::domain::chain::ChainHead;
use trunkline::domain::event::{Event, Fact};
use trunkline::domain::ids::BuildNumber;
use trunkline::domain::people::Actor;
use trunkline::domain::policy::VerifyBy;
use trunkline::store::{NewEvent, Store};

use trunkline_testing::corpus::corpus;
use trunkline_testing::home::Home;

/// More than are in memory at once.
const EVENTS: usize = 1_300;

fn hostile() -> Vec<String> {
    let formulas = ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "a\r\nb", "\"", ",", "a\"b,c"];
    let entries = corpus();
    let entries = entries.iter().map(|entry| String::from_utf8_lossy(&entry.bytes()).into_owned());
    let short = entries.filter(|text| text.len() < 2_000);
    let texts: Vec<_> = formulas.map(str::to_owned).into_iter().chain(short).collect();
    texts.iter().cycle().take(EVENTS).cloned().collect()
}

/// A user whose record tells of a service that is watched no more.
pub fn recorded(texts: &[String]) -> Home {
    let fact = |text: &String| Fact::BuildVerified {
        build: BuildNumber(1),
        note: text.clone(),
        kind: VerifyBy::Person,
    };
    recorded_as(texts.iter().map(|text| (text.clone(), fact(text))))
}

fn recorded_as(facts: impl Iterator<Item = (String, Fact)>) -> Home {
    let home = Home::new();
    let shop = home.path("shop");
    let mut git = Command::new("git");
    let made = git.args(["init", "--quiet", "--initial-branch=main"]).arg(&shop);
    assert!(made.status().unwrap().success());
    home.watch_repository(&shop, "");
    fs::create_dir(home.path("data")).unwrap();
    let mut store = Store::open(&home.path("data").join("trunkline.db")).unwrap();
    let event = |(actor, fact): (String, Fact)| NewEvent {
        service: "gone".parse().unwrap(),
        actor: Actor::Person(actor),
        fact,
    };
    store.append(DateTime::UNIX_EPOCH, facts.map(event).collect(), None).unwrap();
    home
}

/// RFC 4180 and nothing else: every cell in quotes, every line with its two characters.
pub fn parsed(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut rest) = (Vec::new(), Vec::new(), text);
    while !rest.is_empty() {
        rest = rest.strip_prefix('"').expect("a cell begins with a quote");
        let mut cell = String::new();
        loop {
            let (before, after) = rest.split_once('"').expect("a cell ends with a quote");
            cell.push_str(before);
            rest = after;
            let Some(after) = rest.strip_prefix('"') else { break };
            cell.push('"');
            rest = after;
        }
        row.push(cell);
        if let Some(after) = rest.strip_prefix(',') {
            rest = after;
        } else {
            rest = rest.strip_prefix("\r\n").expect("a line has its end");
            rows.push(std::mem::take(&mut row));
        }
    }
    rows
}

#[test]
fn an_export_is_read_back_whole_and_runs_in_no_spreadsheet() {
    let texts = hostile();
    let home = recorded(&texts);
    home.said(&["audit", "export", "--format", "csv", "--output", "a.csv"]);
    let rows = parsed(&fs::read_to_string(home.path("a.csv")).unwrap());
    assert_eq!(rows.len(), EVENTS + 1);
    for (row, text) in rows[1..].iter().zip(&texts) {
        let lead = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
        assert_eq!(row[3], format!("{lead}{text}"));
        let note = if text.is_empty() { String::new() } else { format!(": {text}") };
        assert_eq!(row[5], format!("{lead}{text} verified #1{note}"));
    }
    let head: ChainHead = serde_json::from_str(&home.said(&["audit", "head"])).unwrap();
    let row = &rows[usize::try_from(head.seq.0).unwrap()];
    assert_eq!((&row[0], &row[10]), (&head.seq.to_string(), &head.hash.to_string()));
    assert!(rows[1..].iter().all(|row| row[10].len() == 64), "every row has its hash");
    home.said(&["audit", "export", "--format", "jsonl", "--output", "a.jsonl"]);
    let lines = fs::read_to_string(home.path("a.jsonl")).unwrap();
    let events: Vec<Event> = lines.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert!(
        events.iter().map(|event| event.actor.clone()).eq(texts.into_iter().map(Actor::Person))
    );
}

#[test]
fn an_export_replaces_no_file_unless_it_is_told_to() {
    let home = recorded(&["x".to_owned()]);
    let arguments = ["audit", "export", "--format", "csv", "--output", "a.csv"];
    fs::write(home.path("a.csv"), "mine").unwrap();
    let refused = home.trunkline(&arguments);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert_eq!(fs::read_to_string(home.path("a.csv")).unwrap(), "mine");
    home.said(&[&arguments[..], &["--force"]].concat());
    assert_eq!(parsed(&fs::read_to_string(home.path("a.csv")).unwrap()).len(), 2);
    let parts = fs::read_dir(home.path("")).unwrap().flatten();
    let parts = parts.filter(|file| file.file_name().to_string_lossy().ends_with(".part"));
    assert_eq!(parts.count(), 0, "nothing half is left");
}

#[test]
fn a_filter_takes_what_it_names_and_an_unknown_kind_is_a_mistake() {
    let home = recorded(&["ann".to_owned(), "bob".to_owned()]);
    let said = home.said(&["audit", "list", "--actor", "bob", "--kind", "build_verified"]);
    assert!(said.contains("bob verified #1: bob") && !said.contains("ann"), "{said}");
    assert_eq!(home.said(&["audit", "--actor", "bob"]), said, "to list is the default");
    assert_eq!(home.said(&["audit", "--limit", "1"]), said, "the newest");
    assert_eq!(home.said(&["audit", "list", "--kind", "hold_placed"]), "");
    assert_eq!(home.said(&["audit", "list", "--since", "1970-01-01T00:00:01Z"]), "");
    assert_eq!(home.said(&["audit", "list", "--until", "1970-01-01T00:00:00Z"]), "");
    let mistaken = home.trunkline(&["audit", "list", "--kind", "build_verifed"]);
    let said = String::from_utf8(mistaken.stderr).unwrap();
    assert_eq!(mistaken.status.code(), Some(2));
    assert!(said.contains("build_verified"), "{said}");
}

#[test]
fn an_override_is_told_with_its_guard_the_sentence_that_was_read_and_the_reason() {
    let finding = |guard: &str, sentence: &str| serde_json::json!({ "guard": guard, "severity": "override", "sentence": sentence });
    let request = serde_json::json!({
        "fact": "deployment_requested", "build": 9, "sha": "a".repeat(40), "steps": [],
        "environment": "production", "kind": "promote",
        "findings": [finding("author", "you wrote it"), finding("soak", "too young")],
        "overrides": { "author": "nobody else is awake", "soak": "=urgent" },
    });
    let fact = serde_json::from_value(request).unwrap();
    let home = recorded_as([("ann".to_owned(), fact)].into_iter());
    let said = home.said(&["audit", "list"]);
    assert!(said.contains("overrode author (you wrote it): nobody else is awake"), "{said}");
    assert!(said.contains("overrode soak (too young): =urgent"), "{said}");
    home.said(&["audit", "export", "--format", "csv", "--output", "a.csv"]);
    let rows = parsed(&fs::read_to_string(home.path("a.csv")).unwrap());
    assert_eq!(rows[1][6], "nobody else is awake; =urgent");
}

#[test]
fn every_kind_of_event_can_be_asked_for() {
    let unknown = serde_json::from_str::<Fact>(r#"{"fact": "?"}"#).unwrap_err().to_string();
    let kinds = Fact::KINDS.iter().map(|kind| format!("`{kind}`")).collect::<Vec<_>>().join(", ");
    assert!(unknown.contains(&format!("expected one of {kinds}")), "{unknown}");
}

/// A record in which each event has a time of its own, in seconds, and its number as what it says.
fn recorded_at(seconds: impl Iterator<Item = i64>) -> Home {
    let home = recorded(&["0".to_owned()]);
    let mut store = Store::open(&home.path("data").join("trunkline.db")).unwrap();
    let mut append = |at: i64, number: usize| {
        let kind = VerifyBy::Person;
        let fact = Fact::BuildVerified { build: BuildNumber(1), note: format!("n{number}"), kind };
        let (service, actor) = ("gone".parse().unwrap(), Actor::Person("ann".into()));
        let at = DateTime::from_timestamp(at, 0).unwrap();
        store.append(at, vec![NewEvent { service, actor, fact }], None).unwrap();
    };
    seconds.enumerate().for_each(|(number, at)| append(at, number));
    home
}

/// The numbers of what an export or a list says.
fn numbers(said: &str) -> Vec<usize> {
    let notes = said.lines().map(|line| line.split("\"note\":\"n").nth(1).unwrap());
    notes.map(|note| note.split('"').next().unwrap().parse().unwrap()).collect()
}

#[test]
fn a_time_is_found_whole_where_the_clock_was_set_back() {
    // The clock goes on to 3,099, is set back to 500, and goes on from there.
    let clock = (2_000..3_100).chain(500..1_600).collect::<Vec<_>>();
    let home = recorded_at(clock.iter().copied());
    for (since, until) in [(2_500, 2_510), (700, 705), (1_550, 2_020), (0, 4_000), (3_500, 4_000)] {
        let time = |second: i64| DateTime::from_timestamp(second, 0).unwrap().to_rfc3339();
        let times = ["--kind", "build_verified", "--since", &time(since), "--until", &time(until)];
        let times = [&times[..], &["--actor", "ann"]].concat();
        let meant = clock.iter().enumerate().filter(|(_, at)| (since..until).contains(*at));
        let meant: Vec<_> = meant.map(|(number, _)| number).collect();
        let export = ["audit", "export", "--format", "jsonl"];
        let said = home.said(&[&export[..], &times].concat());
        assert_eq!(numbers(&said), meant, "from {since} to {until}");
        for limit in [1, 600, 5_000] {
            let list = ["audit", "list", "--json", "--limit", &limit.to_string()];
            let said = home.said(&[&list[..], &times].concat());
            let newest = &meant[meant.len().saturating_sub(limit)..];
            assert_eq!(numbers(&said), newest, "{limit} from {since} to {until}");
        }
    }
}

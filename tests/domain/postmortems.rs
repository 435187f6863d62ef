//! The postmortems of three stories, kept as they are read: each line of their timelines has its event in the record, and
//! hostile text in them stays text. `TRUNKLINE_RENEW_GOLDEN=1` writes them anew.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use trunkline::domain::event::{
    ChangeNote, DeploymentKind, DeploymentRequest, Event, Fact, IncidentOpened, IncidentResolved,
    IncidentUpdated, NoteKind, ObservedDeployment, Outcome, StepOutcome,
};
use trunkline::domain::ids::{BuildNumber, DeploymentId, Environment, IncidentId, Seq};
use trunkline::domain::incident::{
    IncidentInput, IncidentLine, IncidentMark, IncidentPolicy, IncidentReport, UsersAffected,
};
use trunkline::domain::people::{Actor, People};
use trunkline::domain::plan::{Finding, Guard, Severity};
use trunkline::domain::schema::SchemaChange;
use trunkline::domain::watch::{
    CheckSummary, SampleVerdict, WatchBegan, WatchSampled, WatchTurned,
};
use trunkline::migrations::Class;
use trunkline::postmortem;
use trunkline_testing::corpus::corpus;
use trunkline_testing::record::{checkout, commit, found, person, request, sha, step};

use crate::incidents::Night;

const PRODUCTION: Environment = Environment::Production;

/// What a stranger may write where text is free.
const HOSTILE: &str =
    "# Root cause ](https://evil.example) <b>|</b> `@all` **bold** www.evil.example";

/// The watch, the incident and the hand of others in the record of a night.
trait Told {
    fn sampled(&mut self, deployment: DeploymentId, bad: u32);
    fn turned(&mut self, deployment: DeploymentId, to: SampleVerdict);
    fn opened(
        &mut self,
        who: &str,
        title: &str,
        severity: &str,
        rollback: DeploymentId,
    ) -> IncidentId;
    fn said(&mut self, who: &str, update: IncidentUpdated);
    fn elsewhere(&mut self, fact: Fact);
}

impl Told for Night {
    fn sampled(&mut self, deployment: DeploymentId, bad: u32) {
        let last = if bad > 0 { SampleVerdict::Bad } else { SampleVerdict::Good };
        let (check, says) = ("errors".to_owned(), "0.12 (below 0.01)".to_owned());
        let value = Some("0.12".to_owned());
        let check = CheckSummary { check, good: 4 - bad, bad, unknown: 0, last, says, value };
        let sampled = WatchSampled { deployment, checks: vec![check] };
        self.record.push(Actor::System, Fact::WatchSampled(sampled));
    }

    fn turned(&mut self, deployment: DeploymentId, to: SampleVerdict) {
        let (check, says) = ("errors".to_owned(), "0.12; has to be below 0.01".to_owned());
        let turned = WatchTurned { deployment, check, to, says, value: Some("0.12".into()) };
        self.record.push(Actor::System, Fact::WatchTurned(turned));
    }

    fn opened(
        &mut self,
        who: &str,
        title: &str,
        severity: &str,
        rollback: DeploymentId,
    ) -> IncidentId {
        let linked = self.record.state.linked(rollback);
        let opened = IncidentOpened {
            title: title.to_owned(),
            severity: severity.to_owned(),
            users_affected: UsersAffected::NotKnown,
            rollback: Some(rollback),
            to: linked.to,
            took_back: linked.took_back,
        };
        IncidentId(self.add(who, Fact::IncidentOpened(opened)))
    }

    fn said(&mut self, who: &str, update: IncidentUpdated) {
        self.add(who, Fact::IncidentUpdated(update));
    }

    fn elsewhere(&mut self, fact: Fact) {
        let seq = Seq(self.record.state.last_seq.0 + 1);
        let service = "search".parse().unwrap();
        self.record.state.last_seq = seq;
        let event = Event { seq, at: self.record.now, service, actor: person("kim"), fact };
        self.record.events.push(event);
    }
}

fn line(incident: IncidentId, text: &str) -> IncidentUpdated {
    let text = text.to_owned();
    IncidentUpdated { incident, text, at: None, mark: None, severity: None, users_affected: None }
}

fn resolve(night: &mut Night, who: &str, incident: IncidentId, text: &str) {
    let resolved = IncidentResolved { incident, text: text.to_owned(), at: None };
    night.add(who, Fact::IncidentResolved(resolved));
}

fn written_by(who: &str) -> Finding {
    Finding {
        guard: Guard::Author,
        severity: Severity::Info,
        sentence: format!("Written by {who}"),
        remedy: None,
        unknown: false,
    }
}

fn ask(night: &mut Night, who: &str, request: DeploymentRequest) -> DeploymentId {
    DeploymentId(night.add(who, Fact::DeploymentRequested(request)))
}

/// #3 was promoted, the watch saw errors, and it was rolled back.
fn watched() -> (Night, IncidentId) {
    let mut night = Night::begin();
    let mut commits = vec![commit(3, "ada"), commit(30, "bo")];
    HOSTILE.clone_into(&mut commits[1].subject);
    night.add("ada", found(3, commits));
    night.pass(5);
    let flag = ChangeNote {
        kind: NoteKind::Flag,
        what: "pay-v2 to 100 %".into(),
        who: Some("kim".into()),
        undo: None,
        link: Some("https://flags.example.org/pay-v2".into()),
        changed_at: Some(night.record.now - TimeDelta::minutes(4)),
        observed: None,
    };
    night.add("raj", Fact::Noted(flag));
    let (previous, findings) = (Some(BuildNumber(2)), vec![written_by("ada, bo")]);
    let asked = DeploymentRequest { previous, findings, ..request(PRODUCTION, 3) };
    let promote = ask(&mut night, "sam", asked);
    night.finish(promote, Outcome::Succeeded);
    let began = WatchBegan {
        deployment: promote,
        environment: PRODUCTION,
        build: BuildNumber(3),
        checks: vec!["errors".into()],
        until: night.record.now + TimeDelta::minutes(15),
        every: Duration::from_secs(15),
        wave: None,
    };
    night.record.push(Actor::System, Fact::WatchBegan(began));
    for bad in [0, 1] {
        night.pass(1);
        night.sampled(promote, bad);
    }
    night.turned(promote, SampleVerdict::Bad);
    night.elsewhere(Fact::DeploymentRequested(request(PRODUCTION, 88)));
    for _ in 0..3 {
        night.pass(1);
        night.sampled(promote, 4);
    }
    let rollback = night.roll_back("raj", 2);
    let id = night.opened("raj", "checkout answers 500", "SEV-2", rollback);
    night.pass(2);
    let at = Some(night.record.now - TimeDelta::minutes(7));
    let mark = Some(IncidentMark::Began);
    night.said(
        "lena",
        IncidentUpdated { at, mark, ..line(id, "support: first call of a customer") },
    );
    let users_affected = Some(UsersAffected::Yes);
    night.said("raj", IncidentUpdated { users_affected, ..line(id, "about 300 carts were lost") });
    night.pass(5);
    night.said("raj", line(id, HOSTILE));
    let mark = Some(IncidentMark::Restored);
    night.said("raj", IncidentUpdated { mark, ..line(id, "the error rate is as before") });
    night.pass(10);
    night.release("raj");
    resolve(&mut night, "raj", id, "rolled back to #2; the errors are gone");
    (night, id)
}

/// A migration failed in a freeze that somebody overrode.
fn frozen() -> (Night, IncidentId) {
    let mut night = Night::begin();
    let from = night.record.now;
    let until = Some(from + TimeDelta::hours(8));
    let freeze = Fact::FreezePlaced { from, until, reason: "the sale".into() };
    night.add("kim", freeze);
    night.add("bo", found(3, vec![commit(3, "bo")]));
    night.pass(3);
    let overridden = Finding {
        guard: Guard::Freeze,
        severity: Severity::Override,
        sentence: "Frozen by kim: the sale".into(),
        remedy: None,
        unknown: false,
    };
    let path = "migrations/7_drop.sql".to_owned();
    let change = SchemaChange {
        path: path.clone(),
        line: 2,
        statement: "ALTER TABLE cart DROP COLUMN total".into(),
        class: Class::Contract,
        build: BuildNumber(3),
        floor: BuildNumber(3),
        why: "the code of #2 reads it".into(),
    };
    let asked = DeploymentRequest {
        previous: Some(BuildNumber(2)),
        steps: vec![step("migrate"), step("release")],
        schema: Some(vec![change]),
        migrations: Some(vec![path, "migrations/8_add.sql".into()]),
        findings: vec![written_by("bo"), overridden],
        overrides: BTreeMap::from([(Guard::Freeze, "customers cannot pay".into())]),
        ..request(PRODUCTION, 3)
    };
    let deployment = ask(&mut night, "sam", asked);
    night.record.push(Actor::System, Fact::DeploymentStarted { deployment, variables: None });
    let (step, target, took) = (0, None, Duration::from_secs(40));
    night.record.push(Actor::System, Fact::StepStarted { deployment, step, target: None });
    night.record.now += TimeDelta::seconds(40);
    let outcome = StepOutcome::Exited(1);
    let ended = Fact::StepEnded { deployment, step, target, outcome, took, ended_at: None };
    night.record.push(Actor::System, ended);
    let outcome = Outcome::Failed("step migrate: exit 1".into());
    night.record.push(Actor::System, Fact::DeploymentEnded { deployment, outcome });
    night.pass(1);
    let rollback = night.roll_back("sam", 2);
    let id = night.opened("sam", "the cart is empty", "SEV-1", rollback);
    night.pass(9);
    night.said("sam", line(id, "the column is back from the backup"));
    resolve(&mut night, "sam", id, "the column is back");
    (night, id)
}

/// A colleague deployed by hand and somebody moved it back; nobody has resolved the incident.
fn by_hand() -> (Night, IncidentId) {
    let mut night = Night::begin();
    night.add("ada", found(3, vec![commit(3, "ada")]));
    let bob = || Actor::External { login: "bob-gh".into(), engine: "github".into() };
    let seen = |night: &mut Night, build: u64, run: &str| {
        let at = night.record.now - TimeDelta::seconds(20);
        let seen = ObservedDeployment {
            environment: PRODUCTION,
            build: BuildNumber(build),
            sha: sha(build),
            engine: Some("github".parse().unwrap()),
            run: run.to_owned(),
            page: Some(format!("https://github.example/runs/{run}")),
            at,
            older: None,
            taken_over: false,
        };
        let id: DeploymentId = night.record.push(bob(), Fact::DeploymentObserved(seen)).into();
        let at = night.record.now - TimeDelta::seconds(5);
        let ended = Fact::ObservedEnded { deployment: id, outcome: Outcome::Succeeded, at };
        night.record.push(bob(), ended);
        id
    };
    seen(&mut night, 3, "881");
    night.pass(12);
    let back = seen(&mut night, 2, "882");
    let reason = "rolled back outside of trunkline: bob-gh deployed #2 after #3".to_owned();
    let hold =
        Fact::HoldPlaced { environment: PRODUCTION, reason, rollback: Some(back), all: false };
    night.record.push(Actor::System, hold);
    night.pass(3);
    let id = night.opened("lena", "orders are shown twice", "SEV-3", back);
    night.pass(20);
    (night, id)
}

fn report(night: &Night, id: IncidentId) -> IncidentReport {
    let (record, people) = (&night.record, People::default());
    let input = IncidentInput {
        service: &checkout(),
        state: &record.state,
        people: &people,
        policy: &IncidentPolicy::default(),
        incident: record.state.incidents.get(id).unwrap(),
        events: &record.events,
    };
    let mut report = IncidentReport::of(input, record.now, false);
    for failed in &mut report.failed {
        failed.tail = ["ERROR: column is used", "```", "## Root cause", "\u{1b}[2J<script>"]
            .map(str::to_owned)
            .to_vec();
    }
    report
}

/// When the record says that it happened.
fn happened(event: &Event) -> DateTime<Utc> {
    let said = match &event.fact {
        Fact::Noted(note) => note.changed_at,
        Fact::IncidentUpdated(updated) => updated.at,
        Fact::IncidentResolved(resolved) => resolved.at,
        Fact::ObservedEnded { at, .. } => Some(*at),
        Fact::DeploymentObserved(seen) => Some(seen.at),
        _ => None,
    };
    said.unwrap_or(event.at)
}

/// The lines outside of fences.
fn prose(text: &str) -> Vec<&str> {
    let mut fence: Option<&str> = None;
    let mut lines = Vec::new();
    for line in text.lines() {
        match fence {
            Some(open) if line == open => fence = None,
            Some(_) => {}
            None if line.starts_with("```") => fence = Some(line),
            None => lines.push(line),
        }
    }
    assert_eq!(fence, None, "each fence is closed");
    lines
}

/// The headings that the template has; those of what follows from the record begin with these words.
const HEADINGS: [&str; 14] = [
    "# Postmortem: ",
    "## 1. Incident summary",
    "## 2. Timeline (UTC)",
    "### Times",
    "## 3. Root cause",
    "## 4. Contributing factors",
    "## 5. Impact",
    "## 6. What went well",
    "## 7. Action items",
    "## From the record",
    "### Taken back: ",
    "### Flags",
    "### Log: ",
    "### Not known",
];

/// Each line of the timeline is an event of that time, and nothing outside makes a mark of its own.
fn check(night: &Night, report: &IncidentReport, text: &str) {
    let lines = prose(text);
    let begin = lines.iter().position(|line| *line == "## 2. Timeline (UTC)").unwrap();
    let end = lines.iter().position(|line| *line == "### Times").unwrap();
    let told: Vec<_> = lines[begin..end].iter().filter(|line| line.starts_with("- ")).collect();
    assert_eq!(told.len(), report.timeline.len(), "{told:#?}");
    let mut last = DateTime::<Utc>::MIN_UTC;
    for line in told {
        let (_, source) = line.rsplit_once("(event ").expect(line);
        let digits = source.split(|c: char| !c.is_ascii_digit()).next().unwrap();
        let seq = Seq(digits.parse().unwrap());
        let event = night.record.events.iter().find(|event| event.seq == seq).expect(line);
        let at = happened(event);
        let shown = format!("- **{}** ", at.format("%Y-%m-%d %H:%M:%S UTC"));
        assert!(line.starts_with(&shown) && at >= last, "{shown}: {line}");
        last = at;
    }
    check_marks(&lines);
}

/// Only the template makes headings, links and HTML.
fn check_marks(lines: &[&str]) {
    for heading in lines.iter().filter(|line| line.starts_with('#')) {
        assert!(HEADINGS.iter().any(|known| heading.starts_with(known)), "{heading}");
    }
    for line in lines {
        let bare = unescaped(line);
        let mark = bare.find(['[', '<', '`', '_', '@', '$', '~', '&', '\u{1b}']);
        assert_eq!(mark, None, "{line}");
        for scheme in ["http://", "https://", "ftp://", "www."] {
            assert!(!bare.contains(scheme), "{scheme}: {line:.200}");
        }
    }
}

/// A line without what is escaped in it.
fn unescaped(line: &str) -> String {
    let mut chars = line.chars();
    let mut bare = String::new();
    while let Some(c) = chars.next() {
        if c == '\\' {
            chars.next();
            bare.push(' ');
        } else {
            bare.push(c);
        }
    }
    bare
}

fn golden(name: &str, text: &str) {
    let path = format!("tests/data/postmortems/{name}.md");
    if std::env::var_os("TRUNKLINE_RENEW_GOLDEN").is_some() {
        fs::create_dir_all("tests/data/postmortems").unwrap();
        fs::write(&path, text).unwrap();
    }
    let kept = fs::read_to_string(&path).expect(&path);
    assert_eq!(text, kept, "{path}");
}

fn told(name: &str, (night, id): &(Night, IncidentId)) -> IncidentReport {
    let report = report(night, *id);
    let text = postmortem::markdown(&report, postmortem::SHIPPED).unwrap();
    golden(name, &text);
    check(night, &report, &text);
    report
}

#[test]
fn the_postmortem_of_a_watched_rollback_has_only_what_the_record_and_people_say() {
    let report = told("watched", &watched());
    let times = &report.times;
    assert!(times.detected.evidence.starts_with("the first bad sample of errors"), "{times:#?}");
    assert_eq!(times.affected_at_least.took, times.affected_at_most.took, "people said both ends");
    assert!(report.timeline.iter().any(|line| line.other_service.is_some()));
    assert_eq!(report.flags.len(), 1);
    let writers: Vec<_> =
        report.taken_back[0].commits.iter().map(|c| c.writers[0].as_str()).collect();
    assert_eq!(writers, ["ada", "bo"]);
}

#[test]
fn the_postmortem_of_a_failed_migration_has_the_override_the_migration_and_the_log() {
    let report = told("frozen", &frozen());
    assert_eq!(report.overrides.len(), 1);
    assert!(report.overrides[0].sentence.contains("customers cannot pay"), "{report:#?}");
    let migrations = report.taken_back[0].migrations.as_ref().unwrap();
    assert!(migrations[0].contains("contract") && migrations[0].contains("DROP COLUMN"));
    assert_eq!(report.failed.len(), 1);
    assert!(report.times.affected_at_most.took.is_none(), "nobody said that users were affected");
}

#[test]
fn the_postmortem_of_a_deploy_by_hand_says_what_is_not_known() {
    let report = told("by-hand", &by_hand());
    let unknown = report.not_known.join("\n");
    for what in
        ["whether users were affected", "when users began", "when it was noticed", "well again"]
    {
        assert!(unknown.contains(what), "{what}: {unknown}");
    }
    assert_eq!(report.times.restored.bound.in_words(), "");
    assert!(report.incident.is_update_due(report.at), "nobody said anything for 20 minutes");
}

#[test]
fn hostile_strings_are_text_in_markdown() {
    let (night, id) = by_hand();
    let mut report = report(&night, id);
    let texts: Vec<_> =
        corpus().iter().map(|entry| String::from_utf8_lossy(&entry.bytes()).into_owned()).collect();
    let texts: Vec<_> =
        texts.into_iter().chain([HOSTILE.to_owned(), "- [x] 1. a".into()]).collect();
    let line = report.timeline[0].clone();
    let with = |what: &String| IncidentLine { what: what.clone(), ..line.clone() };
    report.timeline = texts.iter().map(with).collect();
    report.incident.incident.title = texts.concat();
    report.not_known.clone_from(&texts);
    let text = postmortem::markdown(&report, postmortem::SHIPPED).unwrap();
    let lines = prose(&text);
    check_marks(&lines);
    let begins = |mark: &str| lines.iter().filter(|line| line.starts_with(mark)).count();
    assert_eq!(begins("- **"), texts.len());
    assert!(begins("- ") > 2 * texts.len() && begins("# ") == 1);
    let own = text.replace('\n', "");
    assert!(own.chars().all(|c| !c.is_control()), "the gate took the controls");
}

#[test]
fn a_template_that_fails_says_so_and_one_of_an_operator_is_used() {
    let (night, id) = by_hand();
    let report = report(&night, id);
    let own = postmortem::markdown(&report, "{{ id }}: {{ title }}").unwrap();
    assert_eq!(own, format!("{id}: orders are shown twice\n"));
    for wrong in ["{{ nothing }}", "{% for %}", "{{ title | safe }}"] {
        let why = postmortem::markdown(&report, wrong).unwrap_err();
        assert!(why.starts_with("the template of the postmortem failed: "), "{why}");
    }
    let endless = "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}";
    assert!(postmortem::markdown(&report, endless).unwrap_err().contains("fuel"));
}

#[test]
fn a_timeline_is_of_its_window_and_of_other_services_only_the_last_day() {
    let (mut night, id) = watched();
    let state = &night.record.state;
    let window = state.incidents.get(id).unwrap().window(state);
    let before = report(&night, id).timeline.len();
    // What happens after the end is none of it, but for what people say of it.
    night.pass(30);
    night.elsewhere(Fact::DeploymentRequested(request(PRODUCTION, 89)));
    let again = DeploymentRequest { kind: DeploymentKind::Promote, ..request(PRODUCTION, 3) };
    ask(&mut night, "sam", again);
    assert_eq!(report(&night, id).timeline.len(), before);
    night.said("raj", line(id, "the carts are back"));
    let after = report(&night, id);
    assert_eq!(after.timeline.len(), before + 1);
    assert!(after.timeline.iter().all(|line| line.at >= window.from));
}

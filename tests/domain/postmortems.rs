//! The postmortems of three stories, kept as they are read: each line of their timelines has its event in the record, and
//! hostile text in them stays text. `TRUNKLINE_RENEW_GOLDEN=1` writes them anew.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use trunkline::domain::event::{
    ChangeNote, DeploymentKind, DeploymentRequest, Event, Fact, IncidentOpened, IncidentReopened,
    IncidentResolved, IncidentUpdated, NoteKind, ObservedDeployment, Outcome, StepOutcome,
};
use trunkline::domain::ids::{BuildNumber, DeploymentId, Environment, IncidentId, Seq};
use trunkline::domain::incident::{
    IncidentCut, IncidentInput, IncidentLine, IncidentMark, IncidentPolicy, IncidentReport,
    UsersAffected,
};
use trunkline::domain::people::{Actor, People};
use trunkline::domain::plan::{Finding, Guard, Severity};
use trunkline::domain::schema::SchemaChange;
use trunkline::domain::watch::{
    CheckSummary, SampleVerdict, WatchBegan, WatchEnd, WatchEnded, WatchSampled, WatchTurned,
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
    night.said("lena", IncidentUpdated { at, mark, ..line(id, "first 500 in the log") });
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
    report_of(night, id, IncidentCut::default())
}

fn report_of(night: &Night, id: IncidentId, cut: IncidentCut) -> IncidentReport {
    let (record, people) = (&night.record, People::default());
    let input = IncidentInput {
        service: &checkout(),
        state: &record.state,
        people: &people,
        policy: &IncidentPolicy::default(),
        incident: record.state.incidents.get(id).unwrap(),
        events: &record.events,
    };
    let mut report = IncidentReport::of(input, record.now, cut);
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
    let (mut last, mut day) = (DateTime::<Utc>::MIN_UTC, String::new());
    for line in &lines[begin..end] {
        if let Some(begun) = line.strip_prefix("**") {
            begun.trim_end_matches('*').clone_into(&mut day);
        }
        if !line.starts_with("- ") {
            continue;
        }
        let (_, source) = line.rsplit_once("(event").expect(line);
        let source = source.trim_start_matches(['s', ' ']);
        let digits = source.split(|c: char| !c.is_ascii_digit()).next().unwrap();
        let seq = Seq(digits.parse().unwrap());
        let event = night.record.events.iter().find(|event| event.seq == seq).expect(line);
        let at = happened(event);
        let shown = format!("- **{}** ", at.format("%H:%M:%S"));
        assert_eq!(day, at.format("%Y-%m-%d").to_string(), "{line}");
        assert!(line.starts_with(&shown) && at >= last, "{shown}: {line}");
        last = at;
    }
    check_marks(&lines);
}

/// Where the other engine of these stories has its pages.
const RUNS: &str = "<https://github.example/runs/";

/// Only the template makes headings, links and HTML, but for the pages of runs.
fn check_marks(lines: &[&str]) {
    for heading in lines.iter().filter(|line| line.starts_with('#')) {
        assert!(HEADINGS.iter().any(|known| heading.starts_with(known)), "{heading}");
    }
    for line in lines {
        let bare = unescaped(&line.replace(RUNS, ""));
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
    assert!(times.detected.evidence.starts_with("the watch of d11 judged errors bad"));
    assert_eq!(times.to_detect.words, "at most 30s", "{times:#?}");
    assert_eq!(times.to_restore.words, "at least 11m30s");
    assert_eq!(times.affected_at_most.words, "12m, if it began when lena says");
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
    let line = "migrations/7_drop.sql: removes something that older code may use: line 2, \
                ALTER TABLE cart DROP COLUMN total; the code of #2 reads it";
    assert_eq!(migrations[0], line);
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
    let range = &report.taken_back[0];
    assert_eq!((range.before, range.back_to), (Some(BuildNumber(2)), Some(BuildNumber(2))));
    let back = report.timeline.iter().find(|line| line.what.contains("run 882")).unwrap();
    assert!(back.what.ends_with("; this is the rollback d12 of #3 (event 14)"), "{back:?}");
    assert!(report.incident.is_update_due(report.at), "nobody said anything for 20 minutes");
}

#[test]
fn without_anybodys_word_users_are_not_said_to_be_well_again() {
    let (night, id) = by_hand();
    let times = report(&night, id).times;
    assert_eq!((times.restored.at, times.to_restore.took), (None, None));
    let open =
        "nobody said, and i15 is still open; the rollback d12 succeeded at 03:04:55 UTC (event 13)";
    assert_eq!(times.restored.evidence, open);
    let (night, id) = frozen();
    let times = report(&night, id).times;
    assert_eq!((times.restored.at, times.to_restore.took), (None, None));
    let resolved = "nobody said when users were well again; the rollback d16 succeeded at 02:59:10 UTC \
                    (event 19); i20 was resolved at 03:08:10 UTC (event 22)";
    assert_eq!(times.restored.evidence, resolved);
    assert_eq!(times.began.bound_in_words(), "if #3 is the cause, not earlier than ");
    assert_eq!(times.to_detect.words, "at most 3m10s, if #3 is the cause");
}

#[test]
fn what_the_record_cannot_tell_is_listed_with_its_reason() {
    let cases = [
        (watched(), "whether #3 is the cause"),
        (watched(), "first: nobody answered this in i26; the watch of d11 gives only the latest"),
        (watched(), "whether production really ran #2 after d22: no target's answer is recorded"),
        (watched(), "how the watch of d11 ended: no end is recorded"),
        (frozen(), "which migrations of d11 took effect: step migrate failed"),
        (frozen(), "first: nobody answered this in i20; no watch of d11 is recorded"),
        (by_hand(), "whether users were affected: nobody answered this in i15"),
    ];
    for ((night, id), row) in cases {
        let rows = report(&night, id).not_known;
        assert!(rows.iter().any(|told| told.contains(row)), "{row}: {rows:#?}");
    }
    let (mut night, id) = watched();
    let ended = Fact::WatchEnded(WatchEnded { deployment: DeploymentId(11), end: WatchEnd::Bad });
    night.record.push(Actor::System, ended);
    let rows = report(&night, id).not_known;
    assert!(!rows.iter().any(|told| told.contains("how the watch")), "{rows:#?}");
}

#[test]
fn where_a_rollback_went_is_not_said_to_be_what_ran_before() {
    let mut night = Night::begin();
    night.add("ada", found(3, vec![commit(3, "ada")]));
    let promote = ask(&mut night, "sam", request(PRODUCTION, 3));
    night.finish(promote, Outcome::Succeeded);
    let rollback = night.roll_back("raj", 2);
    let id = night.opened("raj", "it is slow", "SEV-3", rollback);
    let report = report(&night, id);
    let range = &report.taken_back[0];
    assert_eq!((range.before, range.back_to), (None, Some(BuildNumber(2))));
    assert_eq!(range.commits.len(), 1, "those after the build to which it went back");
    let text = postmortem::markdown(&report, postmortem::SHIPPED).unwrap();
    assert!(
        text.contains("by sam, what ran before is not recorded; it went back to \\#2)"),
        "{text}"
    );
}

#[test]
fn bad_summaries_after_the_first_are_one_line_until_a_good_one() {
    let (mut night, id) = watched();
    let reason = "the errors are back".to_owned();
    let again = IncidentReopened { incident: id, reason };
    night.add("raj", Fact::IncidentReopened(again));
    for bad in [0, 2] {
        night.sampled(DeploymentId(11), bad);
    }
    let report = report(&night, id);
    let lines = report.timeline.iter().filter(|line| line.what.starts_with("the watch of d11"));
    let lines: Vec<_> =
        lines.map(|line| format!("{} ({})", line.what, line.events_in_words())).collect();
    let expected = [
        "the watch of d11: first summary with a bad sample of errors (event 16)",
        "the watch of d11: still bad samples of errors, until the summary of 03:04:30 UTC (events 19 to 21)",
        "the watch of d11: bad samples again of errors (event 35)",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn a_start_in_the_second_of_its_request_is_one_line_with_both_events() {
    let (mut night, id) = frozen();
    let told = report(&night, id).timeline;
    let promote = told.iter().find(|line| line.what.contains("promotes #3")).unwrap();
    let said = "sam promotes #3 to production (d11), started at once; overrode freeze (Frozen by kim: \
                the sale), and gave as reason: customers cannot pay; Written by bo";
    assert_eq!(
        (promote.what.as_str(), promote.events_in_words().as_str()),
        (said, "events 11, 12")
    );
    assert!(!told.iter().any(|line| line.what.contains("promote of #3 started")), "{told:#?}");
    let reason = "again".to_owned();
    night.add("sam", Fact::IncidentReopened(IncidentReopened { incident: id, reason }));
    let steps = vec![step("release")];
    let late = ask(&mut night, "sam", DeploymentRequest { steps, ..request(PRODUCTION, 3) });
    night.record.now += TimeDelta::seconds(1);
    let fact = Fact::DeploymentStarted { deployment: late, variables: None };
    night.record.push(Actor::System, fact);
    let told = report(&night, id).timeline;
    let started = format!("promote of #3 started ({late})");
    assert!(told.iter().any(|line| line.what == started), "{told:#?}");
}

#[test]
fn of_all_addresses_only_the_page_of_a_run_is_a_link() {
    let text = |(night, id): (Night, IncidentId)| {
        postmortem::markdown(&report(&night, id), postmortem::SHIPPED).unwrap()
    };
    assert!(text(by_hand()).contains("<https://github.example/runs/881>"));
    let flag = text(watched());
    assert!(flag.contains("https\\://flags.example.org") && !flag.contains("<https"), "{flag}");
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

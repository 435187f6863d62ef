//! What is asked of rollbacks and answered of them, and what a report may take from the record: nobody answers for a rollback
//! that was not shown, and no incident hides what follows it.

use chrono::TimeDelta;
use trunkline::calendar::FreezeRules;
use trunkline::domain::command::{Command, NewIncidentUpdate, Refusal};
use trunkline::domain::event::{
    DeploymentKind, Event, Fact, IncidentOpened, IncidentReopened, IncidentResolved,
    IncidentUpdated, Outcome, UsersNotAffected,
};
use trunkline::domain::ids::{BuildNumber, DeploymentId, IncidentId, Seq};
use trunkline::domain::incident::{
    IncidentCut, IncidentInput, IncidentMark, IncidentPolicy, IncidentReport, TimeBound,
    UsersAffected,
};
use trunkline::domain::people::{Actor, People};
use trunkline::domain::policy::Policy;
use trunkline::domain::watch::{CheckSummary, SampleVerdict, WatchSampled, WatchTurned};
use trunkline::engine::commands::{self, CommandContext, CommandError, Decided, ServiceView};
use trunkline_testing::record::{checkout, commit, found, person};

use crate::incidents::Night;

fn opened(users_affected: UsersAffected, rollback: Option<DeploymentId>) -> Fact {
    Fact::IncidentOpened(IncidentOpened {
        title: "checkout answers 500".into(),
        severity: "SEV-2".into(),
        users_affected,
        rollback,
        to: None,
        took_back: None,
    })
}

fn line(incident: IncidentId, mark: Option<IncidentMark>) -> IncidentUpdated {
    let text = "as it was".to_owned();
    IncidentUpdated { incident, text, at: None, mark, severity: None, users_affected: None }
}

fn decide(night: &Night, command: &Command) -> Result<Decided, Refusal> {
    let state = &night.record.state;
    let (name, people) = (checkout(), People::default());
    let view = ServiceView {
        name: &name,
        state,
        policy: Policy::default(),
        people: &people,
        freezes: &FreezeRules::default(),
        on_call: None,
    };
    let next = Seq(state.last_seq.0 + 1);
    let actor = person("sam");
    let context = CommandContext { actor: &actor, now: night.record.now, next, gathered: None };
    commands::decide(&view, command, context).map_err(|refused| match refused {
        CommandError::Refused(refusal) => refusal,
        other => panic!("{other:?}"),
    })
}

fn not_affected(rollback: DeploymentId, with: &[DeploymentId]) -> Command {
    Command::UsersNotAffected { rollback, with: with.to_vec(), note: "no error".into() }
}

/// A rollback that failed, and a second one over its hold: one question.
fn twice() -> (Night, DeploymentId, DeploymentId) {
    let mut night = Night::begin();
    let failed = night.request("raj", DeploymentKind::Rollback, 1);
    night.hold("raj", Some(failed));
    night.finish(failed, Outcome::Failed("step release: exit 1".into()));
    let again = night.roll_back("raj", 1);
    (night, failed, again)
}

#[test]
fn nobody_answers_for_a_rollback_that_was_not_shown() {
    let (mut night, failed, again) = twice();
    for (named, other) in [(failed, again), (again, failed)] {
        let refused = decide(&night, &not_affected(named, &[])).unwrap_err();
        let Refusal::Moved { sentence } = &refused else { panic!("{refused:?}") };
        assert!(sentence.contains(&format!("about rollback {other} of #2")), "{sentence}");
    }
    let decided = decide(&night, &not_affected(again, &[failed])).unwrap();
    assert_eq!(decided.said, format!("noted: users were not affected before {failed} and {again}"));
    let [fact] = decided.facts.try_into().unwrap();
    night.add("sam", fact);
    let told = night.record.events.last().map(Event::sentence).unwrap();
    assert!(told.contains(&format!("before {failed} and {again}: no error")), "{told}");
    let incidents = &night.record.state.incidents;
    assert!(incidents.questions().is_empty());
    assert!(incidents.not_affected(failed).is_some() && incidents.not_affected(again).is_some());
}

#[test]
fn an_answer_for_one_rollback_leaves_the_other_asked() {
    let (mut night, failed, again) = twice();
    let answer = UsersNotAffected { rollback: again, with: Vec::new(), note: String::new() };
    night.add("sam", Fact::UsersNotAffected(answer));
    let incidents = &night.record.state.incidents;
    assert!(incidents.not_affected(again).is_some() && incidents.not_affected(failed).is_none());
    let [asked] = incidents.questions() else { panic!("{:?}", incidents.questions()) };
    assert!(asked.is_of(failed) && !asked.is_of(again));
}

#[test]
fn an_open_incident_takes_no_rollback_after_the_answer_no_or_a_day_of_silence() {
    for (users, pause, is_taken) in [
        (UsersAffected::Yes, 10, true),
        (UsersAffected::NotKnown, 60 * 24, true),
        (UsersAffected::No, 10, false),
        (UsersAffected::NotKnown, 60 * 24 + 1, false),
    ] {
        let mut night = Night::begin();
        let id = IncidentId(night.add("sam", opened(UsersAffected::NotKnown, None)));
        let update = IncidentUpdated { users_affected: Some(users), ..line(id, None) };
        night.add("sam", Fact::IncidentUpdated(update));
        night.pass(pause);
        let rollback = night.roll_back("raj", 1);
        let incidents = &night.record.state.incidents;
        let case = format!("{users} and {pause} minutes");
        assert_eq!(incidents.get(id).unwrap().is_about(rollback), is_taken, "{case}");
        assert_eq!(incidents.questions().iter().any(|of| of.is_of(rollback)), !is_taken, "{case}");
    }
}

#[test]
fn an_update_of_a_resolved_incident_says_so_and_how_to_open_it_again() {
    let mut night = Night::begin();
    let id = IncidentId(night.add("sam", opened(UsersAffected::Yes, None)));
    let update = Command::UpdateIncident(NewIncidentUpdate {
        incident: id,
        text: "the errors are back".into(),
        at: None,
        mark: None,
        severity: None,
        users_affected: None,
    });
    assert_eq!(decide(&night, &update).unwrap().said, format!("noted on {id}"));
    let resolved = IncidentResolved { incident: id, text: "gone".into(), at: None };
    night.add("raj", Fact::IncidentResolved(resolved));
    let said = decide(&night, &update).unwrap().said;
    let over = format!("noted on {id}; {id} is resolved: open it again if it is not over");
    assert_eq!(said, over);
}

fn report(night: &Night, id: IncidentId, cut: IncidentCut) -> IncidentReport {
    let state = &night.record.state;
    let input = IncidentInput {
        service: &checkout(),
        state,
        people: &People::default(),
        policy: &IncidentPolicy::default(),
        incident: state.incidents.get(id).unwrap(),
        events: &night.record.events,
    };
    IncidentReport::of(input, night.record.now, cut)
}

/// #3 and #4 were promoted after #2, of which #3 has a bad sample, and both were rolled back.
fn over_two(turns: bool) -> (Night, [DeploymentId; 2], IncidentId) {
    let mut night = Night::begin();
    let promoted = [3, 4].map(|number| {
        night.add("ada", found(number, vec![commit(number, "ada")]));
        let promote = night.request("sam", DeploymentKind::Promote, number);
        night.finish(promote, Outcome::Succeeded);
        night.pass(10);
        promote
    });
    let (check, says, value) = ("errors".to_owned(), "0.12".to_owned(), None);
    let (last, deployment) = (SampleVerdict::Bad, promoted[0]);
    let checks =
        vec![CheckSummary { check, good: 3, bad: 1, unknown: 0, last, says, value: value.clone() }];
    let sampled = WatchSampled { deployment, checks };
    night.record.push(Actor::System, Fact::WatchSampled(sampled));
    if turns {
        night.pass(1);
        let (check, says, to) = ("errors".into(), "0.12".into(), SampleVerdict::Bad);
        let turned = WatchTurned { deployment, check, to, says, value };
        night.record.push(Actor::System, Fact::WatchTurned(turned));
    }
    night.pass(5);
    let rollback = night.roll_back("raj", 2);
    let id = IncidentId(night.add("raj", opened(UsersAffected::Yes, Some(rollback))));
    (night, promoted, id)
}

#[test]
fn a_rollback_over_several_builds_takes_all_of_them_back() {
    let (night, [first, second], id) = over_two(true);
    let report = report(&night, id, IncidentCut::default());
    let taken: Vec<_> = report.taken_back.iter().map(|of| (of.deployment, of.build.0)).collect();
    assert_eq!(taken, [(first, 3), (second, 4)]);
    let began = night.record.state.deployments.get(&first).unwrap().started_at;
    assert_eq!(report.times.began.at, began, "the first of them may be the cause");
    assert!(report.times.detected.evidence.contains(&format!("the watch of {first} judged")));
    for range in &report.taken_back {
        let builds: Vec<_> = range.commits.iter().map(|commit| commit.build).collect();
        assert_eq!(builds, [range.build], "each commit once");
    }
    let incident = night.record.state.incidents.get(id).unwrap();
    assert!(incident.is_about(first) && incident.is_about(second));
    let about = incident.rollbacks_in_words();
    assert!(about.contains(&format!(" of #3 ({first}) and #4 ({second}) to #2")), "{about}");
}

#[test]
fn a_rollback_takes_nothing_back_that_was_taken_back_before() {
    let mut night = Night::begin();
    let first = night.record.state.live(trunkline::domain::ids::Environment::Production);
    let first = first.unwrap().deployment;
    night.roll_back("raj", 1);
    night.release("raj");
    night.add("ada", found(3, vec![commit(3, "ada")]));
    let promote = night.request("sam", DeploymentKind::Promote, 3);
    night.finish(promote, Outcome::Succeeded);
    let rollback = night.roll_back("raj", 1);
    let linked = night.record.state.linked(rollback);
    assert_eq!(linked.to, Some(BuildNumber(1)));
    let taken: Vec<_> = linked.taken().map(|taken| taken.deployment).collect();
    assert_eq!(taken, [promote], "and not {first}");
}

#[test]
fn only_a_turn_to_bad_is_detection_and_a_tolerated_sample_is_none() {
    let (mut night, [first, _], id) = over_two(false);
    let times = report(&night, id, IncidentCut::default()).times;
    assert!(times.detected.evidence.starts_with(&format!("{id} was opened then")), "{times:#?}");
    let known = report(&night, id, IncidentCut::default()).not_known.join("\n");
    assert!(known.contains(&format!("the watch of {first} has bad samples")), "{known}");
    night.add("chen", Fact::IncidentUpdated(line(id, Some(IncidentMark::Detected))));
    let times = report(&night, id, IncidentCut::default()).times;
    assert!(times.detected.evidence.starts_with("chen says so"), "{times:#?}");
}

#[test]
fn what_a_watch_saw_first_is_not_known_where_events_were_not_read() {
    let (mut night, _, id) = over_two(true);
    let cut = IncidentCut { own: true, others: false };
    let times = report(&night, id, cut).times;
    assert_eq!((times.detected.at, times.detected.bound), (None, TimeBound::NotKnown));
    assert!(times.to_detect.words.contains("when it was noticed is not known"), "{times:#?}");
    night.add("chen", Fact::IncidentUpdated(line(id, Some(IncidentMark::Detected))));
    assert!(report(&night, id, cut).times.detected.evidence.starts_with("chen says so"));
    let others = IncidentCut { own: false, others: true };
    let report = report(&night, id, others);
    assert!(report.cut && report.times.detected.evidence.starts_with("the watch of"));
    assert!(report.not_known.iter().any(|row| row.starts_with("what other services did first")));
}

#[test]
fn who_said_that_users_were_well_is_not_heard_after_the_incident_was_opened_again() {
    let (mut night, _, id) = over_two(true);
    night.pass(5);
    night.add("lena", Fact::IncidentUpdated(line(id, Some(IncidentMark::Began))));
    night.add("chen", Fact::IncidentUpdated(line(id, Some(IncidentMark::Restored))));
    let resolved = IncidentResolved { incident: id, text: "gone".into(), at: None };
    night.add("chen", Fact::IncidentResolved(resolved));
    let times = report(&night, id, IncidentCut::default()).times;
    assert!(times.restored.evidence.starts_with("chen says so"), "{times:#?}");
    let reason = "the errors are back".into();
    night.add("raj", Fact::IncidentReopened(IncidentReopened { incident: id, reason }));
    let again = report(&night, id, IncidentCut::default());
    assert_eq!(again.times.restored.at, None, "{:#?}", again.times);
    assert!(again.not_known.iter().any(|row| row.starts_with("when users were well again")));
    assert!(again.times.began.evidence.starts_with("lena says so"), "that is as it was");
    night.record.now += TimeDelta::minutes(9);
    night.add("lena", Fact::IncidentUpdated(line(id, Some(IncidentMark::Restored))));
    let times = report(&night, id, IncidentCut::default()).times;
    assert!(times.restored.evidence.starts_with("lena says so"), "{times:#?}");
}

//! What a person stated to be live: which bad commits it has, and how a mistaken statement is corrected.

use trunkline::calendar::FreezeRules;
use trunkline::domain::build::BuildState;
use trunkline::domain::command::{Command, Refusal};
use trunkline::domain::deployment::DeploymentState;
use trunkline::domain::event::{Adoption, Fact, Outcome};
use trunkline::domain::ids::{BuildNumber, DeploymentId, Environment, Seq};
use trunkline::domain::people::People;
use trunkline::domain::plan::retry_in_staging;
use trunkline::domain::policy::{Policy, VerifyBy};
use trunkline::domain::quarantine::BadCommit;
use trunkline::domain::service::ServiceState;
use trunkline::engine::commands::{self, CommandContext, CommandError, Gathered, ServiceView};

use trunkline_testing::record::{Record, adopted, checkout, commit, found, person, request, sha};

/// The first build is #5; older commits have none.
fn older_than_trunkline() -> Record {
    let mut record = Record::default();
    record.push(person("sam"), found(5, vec![commit(5, "sam")]));
    record
}

/// States that production runs a commit from before the builds.
fn state(record: &mut Record, adoption: Adoption) -> DeploymentId {
    let commit = Some(commit(adoption.build.0, "ann"));
    let adoption = Adoption { commit, ..adoption };
    record.push(person("ann"), Fact::ProductionAdopted(Box::new(adoption))).into()
}

fn promote(record: &mut Record, number: u64, outcome: Outcome) -> DeploymentId {
    let request = request(Environment::Production, number);
    let deployment = record.push(person("sam"), Fact::DeploymentRequested(request)).into();
    record.push(person("sam"), Fact::DeploymentStarted { deployment, variables: None });
    record.push(person("sam"), Fact::DeploymentEnded { deployment, outcome });
    deployment
}

fn mark(record: &mut Record, bad: u64, build: u64) {
    let bad = BadCommit { sha: sha(bad), build: BuildNumber(build), subject: String::new() };
    let reason = "leaks".to_owned();
    record.push(person("sam"), Fact::CommitsQuarantined { bad: vec![bad], reason });
}

/// Whether a build has a bad commit; `None` where that is not known.
fn has_bad(state: &ServiceState, build: u64) -> Option<bool> {
    match state.bad_in(BuildNumber(build)).as_slice() {
        [] => Some(false),
        [bad] => bad.doubt.is_none().then_some(true),
        more => panic!("{more:?}"),
    }
}

#[test]
fn a_commit_that_later_builds_brought_is_not_in_what_was_stated_to_be_live() {
    let mut record = older_than_trunkline();
    state(&mut record, adopted(3));
    record.push(person("sam"), found(6, vec![commit(6, "sam")]));
    promote(&mut record, 6, Outcome::Succeeded);
    mark(&mut record, 6, 6);
    assert_eq!(has_bad(&record.state, 3), Some(false));
    assert_eq!(record.state.rollback_target(), Some(BuildNumber(3)));
    mark(&mut record, 50, 5);
    assert_eq!(has_bad(&record.state, 3), Some(false), "git found it in #5 and not in #3");
}

#[test]
fn what_was_bad_before_the_statement_is_in_it_only_if_git_found_it_there() {
    for (found, expected) in [
        (Some(true), Some(true)),
        (Some(false), Some(false)),
        // A statement that was recorded before git was asked.
        (None, None),
    ] {
        let mut record = older_than_trunkline();
        mark(&mut record, 50, 5);
        let bad = found.map(|has| (sha(50), has)).into_iter().collect();
        state(&mut record, Adoption { bad, ..adopted(3) });
        assert_eq!(has_bad(&record.state, 3), expected, "{found:?}");
        assert_eq!(has_bad(&record.state, 5), Some(true), "{found:?}");
    }
}

#[test]
fn a_correction_takes_everything_back_that_the_mistaken_statement_said() {
    let mut record = older_than_trunkline();
    let before = record.state.clone();
    let mistaken = state(&mut record, adopted(3));
    mark(&mut record, 50, 3);
    let correct = Adoption {
        corrects: Some(mistaken),
        bad: [(sha(50), false)].into(),
        reason: "a typo".into(),
        ..adopted(4)
    };
    let correction = state(&mut record, correct);
    let state = &record.state;
    let live: Vec<_> = state.live[&Environment::Production].iter().map(|live| live.build).collect();
    assert_eq!(live, [BuildNumber(4)]);
    assert!(!state.builds.contains_key(&BuildNumber(3)), "no build was ever made of it");
    assert_eq!((has_bad(state, 4), has_bad(state, 5)), (Some(false), Some(true)));
    let taken_back = &state.deployments[&mistaken];
    assert_eq!(taken_back.state(), DeploymentState::Cancelled);
    assert_eq!(taken_back.cancel.as_ref().map(|cancel| &*cancel.reason), Some("a typo"));
    assert_eq!(state.last_ended(Environment::Production).map(|last| last.id), Some(correction));

    let mut alone = older_than_trunkline();
    self::state(&mut alone, adopted(4));
    assert_eq!(state.verdict(BuildNumber(4)), alone.state.verdict(BuildNumber(4)));
    let mut next = record.clone();
    next.push(
        person("ann"),
        Fact::ProductionAdopted(Box::new(Adoption { corrects: Some(correction), ..adopted(5) })),
    );
    assert_eq!(
        next.state.builds.keys().collect::<Vec<_>>(),
        before.builds.keys().collect::<Vec<_>>()
    );
}

#[test]
fn a_statement_can_be_corrected_until_something_is_deployed_to_production() {
    let mut record = older_than_trunkline();
    let statement = state(&mut record, adopted(3));
    let correctable = |record: &Record| record.state.correctable().map(|found| found.deployment);
    assert_eq!(correctable(&record), Some(statement));
    let request = request(Environment::Production, 5);
    let deployment = record.push(person("sam"), Fact::DeploymentRequested(request)).into();
    assert_eq!(correctable(&record), None);
    record.push(person("sam"), Fact::DeploymentEnded { deployment, outcome: Outcome::Cancelled });
    assert_eq!(correctable(&record), Some(statement), "it never began");
    promote(&mut record, 5, Outcome::Failed("exit 1".into()));
    assert_eq!(correctable(&record), None, "it may have changed production");
}

/// What a person is told who states this, and the fact that follows.
fn decide(record: &Record, adoption: Adoption) -> Result<(String, Fact), Refusal> {
    let (name, people, freezes) = (checkout(), People::default(), FreezeRules::default());
    let (state, policy) = (&record.state, Policy::default());
    let on_call = None;
    let view =
        ServiceView { name: &name, state, policy, people: &people, freezes: &freezes, on_call };
    let (actor, next) = (person("ann"), Seq(state.last_seq.0 + 1));
    let corrects = state.correctable().map(|statement| statement.deployment);
    let commit = Some(commit(adoption.build.0, "ann"));
    let gathered = Gathered::Adopted(Box::new(Adoption { corrects, commit, ..adoption }));
    let context =
        CommandContext { actor: &actor, now: record.now, next, gathered: Some(&gathered) };
    let command = Command::Adopt { commit: sha(3).to_string(), reason: "I looked".into() };
    match commands::decide(&view, &command, context) {
        Ok(decided) => Ok((decided.said, decided.facts.into_iter().next().expect("a fact"))),
        Err(CommandError::Refused(refusal)) => Err(refusal),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn that_there_is_no_way_back_to_what_is_live_is_taken_back_by_stating_it_again() {
    let without = || Adoption { no_way_back: true, ..adopted(3) };
    let mut stated = older_than_trunkline();
    state(&mut stated, without());
    let mut deployed_since = stated.clone();
    promote(&mut deployed_since, 3, Outcome::Succeeded);
    for mut record in [stated, deployed_since] {
        let refused = decide(&record, without()).expect_err("it is known so").to_string();
        assert_eq!(refused, "#3 is live by the record already");
        assert!(record.state.flaws().contains_key(&BuildNumber(3)));
        let (said, fact) = decide(&record, adopted(3)).expect("it is known better");
        let expected = format!(
            "#3 {} counts as live in production, with a way back: it declares steps to bring it back",
            sha(3).short()
        );
        assert_eq!(said, expected);
        record.push(person("ann"), fact);
        assert_eq!(record.state.flaws().len(), 0);
        assert_eq!(record.state.live(Environment::Production).map(|l| l.build.0), Some(3));
        promote(&mut record, 5, Outcome::Succeeded);
        assert_eq!(record.state.rollback_target(), Some(BuildNumber(3)));
        let again = decide(&record, Adoption { sha: sha(5), build: BuildNumber(5), ..adopted(5) });
        assert!(again.is_err(), "#5 is live, and has a way back");
    }
}

#[test]
fn only_a_build_that_staging_may_take_by_itself_is_queued() {
    use BuildState::{Deploying, NotStaged, Queued, Superseded};
    let mut record = older_than_trunkline();
    state(&mut record, adopted(3));
    for number in 6..8 {
        record.push(person("sam"), found(number, vec![commit(number, "sam")]));
    }
    let states = |record: &Record| {
        let state = |build| record.state.build_state(build, &[VerifyBy::Person]);
        record.state.builds.values().map(state).collect::<Vec<_>>()
    };
    assert_eq!(states(&record), [NotStaged, Queued, Queued, Queued]);
    let (from, to, off_trunk) = (sha(7), sha(6), vec![BuildNumber(7)]);
    let onto = Some(BuildNumber(6));
    record.push(person("sam"), Fact::TrunkRewritten { from, to, off_trunk, onto });
    assert_eq!(states(&record), [NotStaged, Queued, Queued, NotStaged]);
    record.push(person("sam"), Fact::DeploymentRequested(request(Environment::Staging, 6)));
    assert_eq!(states(&record), [NotStaged, Superseded, Deploying, NotStaged]);
}

#[test]
fn what_staging_takes_after_a_force_push_back_is_queued_and_not_to_be_tried_by_hand() {
    let forced_back = |record: &mut Record, to: u64, off: std::ops::RangeInclusive<u64>| {
        let (from, off_trunk) = (sha(*off.end()), off.map(BuildNumber).collect());
        let fact =
            Fact::TrunkRewritten { from, to: sha(to), off_trunk, onto: Some(BuildNumber(to)) };
        record.push(person("sam"), fact);
    };
    let mut stated = older_than_trunkline();
    state(&mut stated, adopted(3));
    forced_back(&mut stated, 3, 5..=5);
    let mut passed_over = older_than_trunkline();
    for number in 6..8 {
        passed_over.push(person("sam"), found(number, vec![commit(number, "sam")]));
    }
    passed_over.push(person("sam"), Fact::DeploymentRequested(request(Environment::Staging, 7)));
    forced_back(&mut passed_over, 6, 7..=7);
    for (record, number) in [(stated, 3), (passed_over, 6)] {
        let (state, policy) = (&record.state, Policy::default());
        let next = state.next_for_staging().map(|build| build.number.0);
        let build = &state.builds[&BuildNumber(number)];
        assert_eq!(next, Some(number));
        assert_eq!(state.build_state(build, &policy.verify), BuildState::Queued);
        assert_eq!(retry_in_staging(state, build, &policy), None, "it starts by itself");
    }
}

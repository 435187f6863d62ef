//! What targets themselves say that they run: which build they have, what a deployment reached, and what somebody changed.

use trunkline::domain::command::Action;
use trunkline::domain::event::{DeploymentKind, Outcome};
use trunkline::domain::ids::{BuildNumber, Environment};
use trunkline::domain::plan::{ChangeDetails, Finding, Guard, Severity};
use trunkline::domain::remedy::Remedy;
use trunkline::domain::snapshot::alarm::alarms;

use super::evidence::Hosts;

const PRODUCTION: Environment = Environment::Production;
const BACK: Action = Action::Rollback { to: None };

fn alarm(hosts: &Hosts) -> [String; 2] {
    let all = alarms(&hosts.record.state);
    let first = all.first().expect("there is an alarm");
    [first.short(), first.sentence()]
}

fn changes(before: &Hosts, after: &Hosts, action: Action) -> Vec<String> {
    let (confirmed, now) = (before.plan(action), after.plan(action));
    confirmed.fingerprint.changes(&now, ChangeDetails::default())
}

fn promote() -> Action {
    Action::Promote { build: BuildNumber(4) }
}

#[test]
fn a_rollback_that_reached_two_of_three_ends_partly_and_goes_to_the_same_build_again() {
    let mut hosts = Hosts::live();
    let back = hosts.deployed(DeploymentKind::Rollback, 2, Outcome::Succeeded);
    assert_eq!(hosts.record.state.rollback_target(), Some(BuildNumber(1)), "nothing was heard yet");
    hosts.say(&[2, 2, 3]);
    assert_eq!(hosts.standing(), "h1 h2 #2, h3 #3");
    assert_eq!(hosts.record.state.unsettled(PRODUCTION).map(|d| d.id), Some(back));
    let deployment = &hosts.record.state.deployments[&back];
    assert!(deployment.is_partly());
    let effect = deployment.effect.as_ref().unwrap().in_words(BuildNumber(2));
    assert_eq!(effect, "partly: 2 of 3, h3 runs #3");
    let said = "production is in doubt: rollback of #2 ended partly: 2 of 3, h3 runs #3";
    assert_eq!(alarm(&hosts), ["partly: 2 of 3, h3 runs #3", said]);
    let again = hosts.plan(BACK);
    assert_eq!(again.target.build, BuildNumber(2), "not one further back");
    assert_eq!(again.leaves, Some(BuildNumber(3)), "it takes away what h3 runs");
    assert!(again.severity() < Severity::Override, "{:#?}", again.findings);
    let said = format!("Deploys #2 to all targets again, after {back}");
    assert!(again.findings.iter().any(|found| found.sentence == said), "{:#?}", again.findings);
    let again = hosts.deployed(DeploymentKind::Rollback, 2, Outcome::Succeeded);
    hosts.say(&[2, 2, 2]);
    assert!(!hosts.in_doubt() && alarms(&hosts.record.state).is_empty());
    let effect = hosts.record.state.deployments[&again].effect.clone().unwrap();
    assert_eq!(effect.in_words(BuildNumber(2)), "took effect on 3 of 3");
}

#[test]
fn a_promote_that_reached_two_of_three_goes_back_to_what_ran_before() {
    let mut hosts = Hosts::live();
    hosts.deployed(DeploymentKind::Promote, 4, Outcome::Succeeded);
    hosts.say(&[4, 4, 3]);
    assert!(hosts.in_doubt());
    assert_eq!(hosts.record.state.rollback_target(), Some(BuildNumber(3)));
}

#[test]
fn what_somebody_changed_is_said_with_its_time_and_disarms_every_dialog() {
    let before = Hosts::live();
    let mut hosts = Hosts::live();
    hosts.say(&[2, 3, 3]);
    let since = "h1 runs #2 since Mon 2026-11-30 12:19 UTC, which nobody deployed";
    assert_eq!(alarm(&hosts)[1], format!("production is in doubt: {since}"));
    for action in [promote(), BACK] {
        assert_eq!(changes(&before, &hosts, action), [format!("production changed: {since}")]);
    }
    let found = |hosts: &Hosts, action| -> Finding {
        let plan = hosts.plan(action);
        plan.findings.into_iter().find(|found| found.sentence == since).expect("the plan says it")
    };
    let on_promote = found(&hosts, promote());
    assert_eq!((on_promote.guard, on_promote.severity), (Guard::Order, Severity::Override));
    assert!(matches!(on_promote.remedy, Some(Remedy::Adopt { .. })));
    assert_eq!(found(&hosts, BACK).severity, Severity::Warn, "a rollback goes over it");
    let last = hosts.record.state.last_ended(PRODUCTION).unwrap();
    assert!(!last.is_partly(), "the deployment itself took effect on 3 of 3");
    hosts.say(&[3, 3, 3]);
    assert!(!hosts.in_doubt() && alarms(&hosts.record.state).is_empty(), "it is whole again");
    assert_eq!(changes(&before, &hosts, promote()), Vec::<String>::new());
}

#[test]
fn what_a_deployment_reached_disarms_no_rollback() {
    let mut hosts = Hosts::live();
    hosts.deployed(DeploymentKind::Promote, 4, Outcome::Succeeded);
    let confirmed = hosts.plan(BACK);
    for answers in [[4, 4, 4], [4, 4, 3], [4, 4, 0]] {
        let mut heard = Hosts { record: hosts.record.clone() };
        heard.say(&answers);
        let changed = confirmed.fingerprint.changes(&heard.plan(BACK), ChangeDetails::default());
        assert_eq!(changed, Vec::<String>::new(), "{answers:?}");
    }
}

#[test]
fn a_host_changed_after_a_rollback_is_put_back_with_the_others() {
    let mut hosts = Hosts::live();
    hosts.deployed(DeploymentKind::Rollback, 2, Outcome::Succeeded);
    hosts.say(&[2, 2, 2]);
    hosts.say(&[3, 2, 2]);
    assert_eq!(hosts.record.state.rollback_target(), Some(BuildNumber(2)));
}

#[test]
fn silence_takes_back_nothing_that_was_said_and_vouches_for_nothing_after_a_deployment() {
    let mut hosts = Hosts::live();
    let seq = hosts.record.state.last_seq;
    hosts.say(&[3, 3, 0]);
    assert_eq!(hosts.record.state.last_seq, seq, "no event of a silence");
    let id = hosts.deployed(DeploymentKind::Promote, 4, Outcome::Succeeded);
    hosts.say(&[0, 0, 0]);
    assert!(hosts.in_doubt());
    assert_eq!(hosts.standing(), "h1 h2 h3 not known");
    let effect = |hosts: &Hosts| {
        let effect = hosts.record.state.deployments[&id].effect.clone().unwrap();
        effect.in_words(BuildNumber(4))
    };
    assert_eq!(effect(&hosts), "partly: 0 of 3, h1 h2 h3 not known");
    hosts.say(&[4, 0, 4]);
    assert_eq!(effect(&hosts), "partly: 2 of 3, h2 not known");
    hosts.say(&[4, 4, 4]);
    assert_eq!(effect(&hosts), "took effect on 3 of 3");
    assert!(!hosts.in_doubt());
}

#[test]
fn what_a_deployment_reached_is_not_mended_by_hand() {
    let mut hosts = Hosts::live();
    let id = hosts.deployed(DeploymentKind::Promote, 4, Outcome::Succeeded);
    hosts.say(&[4, 4, 3]);
    hosts.say(&[4, 4, 4]);
    assert!(!hosts.in_doubt());
    let deployment = &hosts.record.state.deployments[&id];
    assert!(deployment.is_partly(), "it reached two; somebody did the third");
}

#[test]
fn after_a_promote_that_failed_no_answer_of_targets_ends_the_doubt() {
    let mut hosts = Hosts::live();
    let failed = hosts.deployed(DeploymentKind::Promote, 4, Outcome::Failed("release".into()));
    for answers in [[4, 3, 3], [3, 3, 3], [4, 4, 4]] {
        hosts.say(&answers);
        assert_eq!(hosts.record.state.unsettled(PRODUCTION).map(|d| d.id), Some(failed));
        assert_eq!(hosts.record.state.rollback_target(), Some(BuildNumber(3)), "{answers:?}");
    }
}

#[test]
fn all_that_say_another_build_than_the_record_are_the_word_of_the_service() {
    let mut hosts = Hosts::live();
    hosts.say(&[2, 3, 3]);
    hosts.say(&[2, 2, 2]);
    let drift = hosts.record.state.drift(PRODUCTION).expect("it drifted");
    assert_eq!(
        drift.sentence(),
        "production runs #2 (the command ./which.sh at trunkline says so); trunkline's record says #3"
    );
    assert_eq!(hosts.record.state.live(PRODUCTION).unwrap().build, BuildNumber(2));
    hosts.say(&[3, 3, 3]);
    assert_eq!(hosts.record.state.drift(PRODUCTION), None);
    assert!(!hosts.in_doubt());
}

#[test]
fn a_target_that_is_not_named_any_more_is_forgotten_with_the_next_deployment() {
    let mut hosts = Hosts::live();
    hosts.deployed(DeploymentKind::Promote, 4, Outcome::Succeeded);
    hosts.say(&[4, 4]);
    assert_eq!(hosts.standing(), "h1 h2 #4");
    assert_eq!(hosts.record.state.all_say_live(PRODUCTION), Some(2));
}

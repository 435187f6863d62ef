//! Several targets in a step: what follows when, and what the record makes of targets that differ.

use std::time::Duration;

use trunkline::config::ServiceFile;
use trunkline::domain::deployment::{DeploymentState, StepState};
use trunkline::domain::event::{
    DeploymentKind, DeploymentRequest, Fact, ObservedDeployment, Outcome, Run, StepOutcome,
    StepSpec, steps_in_words,
};
use trunkline::domain::ids::{BuildNumber, DeploymentId, Environment};
use trunkline::domain::people::Actor;
use trunkline::domain::policy::{Staging, VerifyBy};
use trunkline::domain::remote::{FoundBy, RunKey, RunRef};
use trunkline::domain::snapshot::alarm::{Alarm, alarms};
use trunkline::domain::target::TargetOrder::{self, OneByOne, Together};
use trunkline::domain::target::{StepTarget, differ, in_words};
use trunkline::engine::decide::{Decision, DecisionInput, StagingSteps, decide};
use trunkline_testing::dice::{Dice, seeds};
use trunkline_testing::record::{
    Record, adopted, checkout, commit, found, person, request, sha, step, targets,
};

const PRODUCTION: Environment = Environment::Production;

/// A service with builds 1 to 4 and two targets.
pub(crate) struct Regions {
    pub(crate) record: Record,
    order: TargetOrder,
}

impl Regions {
    fn new(order: TargetOrder) -> Self {
        let mut record = Record::default();
        for number in 1..=4 {
            record.push(person("sam"), found(number, vec![commit(number, "sam")]));
        }
        Self { record, order }
    }

    /// One that runs build 1 at both.
    pub(crate) fn live(order: TargetOrder) -> Self {
        let mut regions = Self::new(order);
        let id = regions.promote(1);
        regions.play(id, &["ok", "ok"]);
        assert_eq!(regions.standing(), "eu us #1");
        regions
    }

    pub(crate) fn push(&mut self, fact: Fact) -> DeploymentId {
        self.record.push(Actor::System, fact).into()
    }

    pub(crate) fn promote(&mut self, build: u64) -> DeploymentId {
        self.request(DeploymentKind::Promote, build, targets(&["eu", "us"], self.order))
    }

    pub(crate) fn request(
        &mut self,
        kind: DeploymentKind,
        build: u64,
        steps: Vec<StepSpec>,
    ) -> DeploymentId {
        let request = DeploymentRequest { kind, steps, ..request(PRODUCTION, build) };
        let deployment = self.push(Fact::DeploymentRequested(request));
        self.push(Fact::DeploymentStarted { deployment, variables: None });
        deployment
    }

    fn decisions(&self) -> Vec<Decision> {
        let verify = [VerifyBy::Step("release".into())];
        decide(&DecisionInput {
            service: &checkout(),
            state: &self.record.state,
            staging: Staging::Observe,
            verify: &verify,
            staging_steps: &|_| StagingSteps::NotRead,
        })
    }

    /// The facts that follow now, recorded; what is left to do otherwise.
    fn settle(&mut self) -> Vec<Decision> {
        for _ in 0..100 {
            let decisions = self.decisions();
            let facts = decisions.iter().filter_map(|decision| match decision {
                Decision::Record(fact) => Some((**fact).clone()),
                _ => None,
            });
            let facts: Vec<_> = facts.collect();
            if facts.is_empty() {
                return decisions;
            }
            for fact in facts {
                self.push(fact);
            }
        }
        panic!("facts follow without an end: {:?}", self.decisions());
    }

    fn end(&mut self, deployment: DeploymentId, step: usize, word: &str) {
        let outcome = outcome(word);
        let (target, took) = (None, Duration::ZERO);
        self.push(Fact::StepEnded { deployment, step, target, outcome, took, ended_at: None });
    }

    /// Lets the steps end like this as they come to run.
    pub(crate) fn play(&mut self, id: DeploymentId, words: &[&str]) {
        loop {
            let running: Vec<_> = self.settle();
            let step = running.iter().find_map(|decision| match decision {
                Decision::Attend(of, step) if *of == id => Some(*step),
                _ => None,
            });
            let Some(step) = step else { return };
            self.end(id, step, words[step]);
        }
    }

    pub(crate) fn standing(&self) -> String {
        in_words(self.record.state.targets(PRODUCTION))
    }

    pub(crate) fn live_build(&self) -> u64 {
        self.record.state.live(PRODUCTION).map_or(0, |live| live.build.0)
    }

    pub(crate) fn unsettled(&self) -> Option<DeploymentId> {
        self.record.state.unsettled(PRODUCTION).map(|deployment| deployment.id)
    }

    fn trouble(&self, id: DeploymentId) -> String {
        self.record.state.deployments[&id].trouble().unwrap_or_default().to_owned()
    }

    fn state_of(&self, id: DeploymentId) -> DeploymentState {
        self.record.state.deployments[&id].state()
    }
}

fn outcome(word: &str) -> StepOutcome {
    match word {
        "ok" => StepOutcome::Succeeded,
        "cancelled" => StepOutcome::Cancelled,
        "never" => StepOutcome::NotStarted("it does not take it".into()),
        "lost" => StepOutcome::Unfound("no run appeared".into()),
        why => StepOutcome::Concluded(why.to_owned()),
    }
}

fn facts(decisions: &[Decision]) -> Vec<(&'static str, usize)> {
    let fact = |decision: &Decision| match decision {
        Decision::Record(fact) => match **fact {
            Fact::StepStarted { step, .. } => Some(("started", step)),
            Fact::RunSent { step, .. } => Some(("sent", step)),
            _ => None,
        },
        _ => None,
    };
    decisions.iter().filter_map(fact).collect()
}

#[test]
fn one_by_one_each_goes_out_after_the_one_before_succeeded() {
    let mut regions = Regions::new(OneByOne);
    let id = regions.promote(1);
    assert_eq!(facts(&regions.decisions()), [("started", 0)]);
    assert_eq!(regions.settle(), [Decision::Attend(id, 0)]);
    assert!(regions.record.state.deployments[&id].sent(1).is_none(), "it is not sent yet");
    regions.end(id, 0, "ok");
    assert_eq!(facts(&regions.decisions()), [("started", 1)]);
    assert_eq!(regions.settle(), [Decision::Attend(id, 1)]);
    regions.end(id, 1, "ok");
    assert_eq!(regions.settle(), []);
    assert_eq!((regions.state_of(id), regions.live_build()), (DeploymentState::Succeeded, 1));
}

#[test]
fn one_by_one_stops_at_the_first_that_fails_and_names_all() {
    let mut regions = Regions::live(OneByOne);
    let steps = targets(&["eu", "us", "ap"], OneByOne);
    let id = regions.request(DeploymentKind::Promote, 2, steps);
    regions.play(id, &["ok", "broken", "ok"]);
    assert_eq!(regions.trouble(id), "step release@us: broken (eu succeeded; ap not begun)");
    assert_eq!(regions.record.state.deployments[&id].steps[2], StepState::Skipped);
    assert_eq!(regions.standing(), "eu #2, us #1 or #2, ap not known");
}

#[test]
fn together_all_go_out_and_the_end_waits_for_all() {
    let mut regions = Regions::live(Together);
    let mut steps = targets(&["eu", "us"], Together);
    steps.push(step("smoke"));
    let id = regions.request(DeploymentKind::Promote, 2, steps);
    assert_eq!(facts(&regions.decisions()), [("started", 0), ("started", 1)]);
    assert_eq!(regions.settle(), [Decision::Attend(id, 0), Decision::Attend(id, 1)]);
    regions.end(id, 0, "broken");
    assert_eq!(regions.settle(), [Decision::Attend(id, 1)], "the other goes on");
    regions.end(id, 1, "ok");
    assert_eq!(regions.settle(), []);
    assert_eq!(regions.trouble(id), "step release@eu: broken (us succeeded)");
    let smoke = &regions.record.state.deployments[&id].steps[2];
    assert_eq!(*smoke, StepState::Skipped, "what follows needs all of them");
    assert_eq!(regions.standing(), "eu #1 or #2, us #2");
}

#[test]
fn the_worst_end_of_those_that_go_together_is_that_of_the_deployment() {
    use DeploymentState::{Cancelled, Failed, Interrupted};
    let cases = [
        (
            ["broken", "lost"],
            Interrupted,
            "step release@eu: broken; step release@us not known: no run appeared",
        ),
        (["broken", "cancelled"], Failed, "step release@eu: broken; step release@us: cancelled"),
        (["cancelled", "cancelled"], Cancelled, ""),
        (["ok", "cancelled"], Cancelled, ""),
    ];
    for (words, state, why) in cases {
        let mut regions = Regions::live(Together);
        let id = regions.promote(2);
        regions.play(id, &words);
        assert_eq!((regions.state_of(id), regions.trouble(id).as_str()), (state, why), "{words:?}");
        assert_eq!(regions.unsettled(), Some(id), "{words:?}");
    }
}

#[test]
fn a_cancel_between_two_targets_sends_nothing_more() {
    let mut regions = Regions::live(OneByOne);
    let id = regions.promote(2);
    regions.settle();
    regions.end(id, 0, "ok");
    regions.push(Fact::CancelRequested { deployment: id, reason: String::new() });
    assert_eq!(regions.settle(), []);
    assert_eq!(regions.state_of(id), DeploymentState::Cancelled);
    assert_eq!(regions.standing(), "eu #2, us #1");
    assert_eq!(regions.unsettled(), Some(id));
    let sent = regions.record.events.iter();
    let sent = sent
        .filter(|event| matches!(event.fact, Fact::RunSent { deployment, .. } if deployment == id));
    assert_eq!(sent.count(), 1);
}

#[test]
fn nothing_is_live_that_only_some_targets_have() {
    for order in [OneByOne, Together] {
        let mut regions = Regions::live(order);
        let id = regions.promote(2);
        regions.play(id, &["ok", "broken"]);
        assert_eq!((regions.live_build(), regions.unsettled()), (1, Some(id)));
        assert_eq!(regions.standing(), "eu #2, us #1 or #2");
        let told: Vec<_> = alarms(&regions.record.state).iter().map(Alarm::sentence).collect();
        let sentence = "production differs by target: eu #2, us #1 or #2; promote of #2 failed at step release@us";
        assert_eq!(told, [sentence]);
        assert_eq!(alarms(&regions.record.state)[0].short(), "eu #2, us #1 or #2");
        // It is over as soon as they agree, by the same build or by another.
        let again = regions.promote(3);
        regions.play(again, &["ok", "ok"]);
        assert_eq!((regions.live_build(), regions.unsettled()), (3, None));
        assert_eq!(regions.standing(), "eu us #3");
        assert_eq!(alarms(&regions.record.state), []);
    }
}

#[test]
fn a_target_whose_engine_took_nothing_has_what_it_had() {
    let mut regions = Regions::live(Together);
    let id = regions.promote(2);
    regions.play(id, &["ok", "never"]);
    assert_eq!(regions.standing(), "eu #2, us #1");
    // A doubt from before stays, whatever came to nothing since.
    let id = regions.promote(3);
    regions.play(id, &["broken", "never"]);
    assert_eq!(regions.standing(), "eu #2 or #3, us #1");
    let id = regions.promote(3);
    regions.play(id, &["never", "never"]);
    assert_eq!(
        (regions.standing().as_str(), regions.unsettled()),
        ("eu #2 or #3, us #1", Some(id))
    );
}

#[test]
fn a_target_has_a_build_when_all_steps_for_it_succeeded() {
    let mut regions = Regions::live(Together);
    let migrate = |spec: StepSpec| {
        let target = spec.target.clone().map(|of| StepTarget { step: "migrate".into(), ..of });
        StepSpec { name: target.as_ref().unwrap().step_name(), target, ..spec }
    };
    let all = targets(&["eu", "us"], Together);
    let steps: Vec<_> = all.iter().cloned().map(migrate).chain(all.clone()).collect();
    let id = regions.request(DeploymentKind::Promote, 2, steps);
    regions.settle();
    regions.end(id, 0, "ok");
    assert_eq!(regions.standing(), "eu #1 or #2, us #1");
    regions.play(id, &["ok", "ok", "ok", "never"]);
    assert_eq!(regions.standing(), "eu #2, us #1 or #2");
}

#[test]
fn a_rollback_brings_all_targets_back() {
    let mut regions = Regions::live(OneByOne);
    let id = regions.promote(2);
    regions.play(id, &["ok", "broken"]);
    assert_eq!(regions.record.state.rollback_target(), Some(BuildNumber(1)));
    let back = regions.request(DeploymentKind::Rollback, 1, targets(&["eu", "us"], OneByOne));
    regions.play(back, &["ok", "ok"]);
    assert_eq!((regions.standing().as_str(), regions.unsettled()), ("eu us #1", None));
    assert_eq!(regions.live_build(), 1);
}

#[test]
fn a_rollback_by_older_steps_forgets_no_target_that_they_leave_out() {
    let mut regions = Regions::live(OneByOne);
    let id = regions.promote(2);
    regions.play(id, &["ok", "ok"]);
    let older = targets(&["eu"], OneByOne);
    let left = regions.record.state.left_out(PRODUCTION, &older);
    assert_eq!(left.iter().map(|left| left.target.as_str()).collect::<Vec<_>>(), ["us"]);
    let back = regions.request(DeploymentKind::Rollback, 1, older);
    regions.play(back, &["ok"]);
    assert_eq!((regions.standing().as_str(), regions.unsettled()), ("eu #1, us #2", Some(back)));
    let told: Vec<_> = alarms(&regions.record.state).iter().map(Alarm::sentence).collect();
    assert_eq!(told, ["production differs by target: eu #1, us #2"]);
}

#[test]
fn a_target_that_newer_steps_do_not_have_any_more_is_gone() {
    let mut regions = Regions::live(OneByOne);
    let id = regions.request(DeploymentKind::Promote, 2, targets(&["eu"], OneByOne));
    regions.play(id, &["ok"]);
    assert_eq!((regions.standing().as_str(), regions.unsettled()), ("eu #2", None));
    let id = regions.request(DeploymentKind::Promote, 3, vec![step("release")]);
    regions.play(id, &["ok"]);
    assert_eq!((regions.standing().as_str(), regions.live_build()), ("", 3));
}

#[test]
fn targets_that_are_new_have_what_production_had_as_a_whole() {
    let mut regions = Regions::new(OneByOne);
    let id = regions.request(DeploymentKind::Promote, 1, vec![step("release")]);
    regions.play(id, &["ok"]);
    let id = regions.promote(2);
    regions.play(id, &["ok", "never"]);
    assert_eq!(regions.standing(), "eu #2, us #1");
}

#[test]
fn a_late_run_of_one_target_makes_nothing_live_but_there() {
    let mut regions = Regions::live(Together);
    let id = regions.promote(2);
    regions.play(id, &["broken", "lost"]);
    let late = turn_up(&mut regions, id, 1, Outcome::Succeeded);
    assert_eq!(regions.standing(), "eu #1 or #2, us #2");
    assert_eq!((regions.live_build(), regions.unsettled()), (1, Some(late)));

    let mut regions = Regions::live(Together);
    let id = regions.promote(2);
    regions.play(id, &["ok", "lost"]);
    turn_up(&mut regions, id, 1, Outcome::Succeeded);
    assert_eq!((regions.standing().as_str(), regions.live_build()), ("eu us #2", 2));
    assert_eq!(regions.unsettled(), None, "now all have it");

    let mut regions = Regions::live(Together);
    let id = regions.promote(2);
    regions.play(id, &["ok", "lost"]);
    let back = regions.request(DeploymentKind::Rollback, 1, targets(&["eu", "us"], Together));
    regions.play(back, &["ok", "ok"]);
    assert_eq!(regions.unsettled(), None);
    let late = turn_up(&mut regions, id, 1, Outcome::Cancelled);
    assert_eq!(regions.standing(), "eu #1, us #1 or #2", "it had begun");
    assert_eq!(regions.unsettled(), Some(late));
}

/// The run of a step that was given up turns up, has begun, and ends.
fn turn_up(regions: &mut Regions, of: DeploymentId, step: usize, outcome: Outcome) -> DeploymentId {
    let run = RunRef::new("881", None);
    let how = FoundBy::Late;
    let found = Fact::RunFound { deployment: of, step, target: None, run, how };
    let late = regions.push(found);
    regions.push(Fact::DeploymentStarted { deployment: late, variables: None });
    let at = regions.record.now;
    regions.push(Fact::ObservedEnded { deployment: late, outcome, at });
    late
}

#[test]
fn a_run_of_others_may_have_been_for_any_target() {
    let mut regions = Regions::live(OneByOne);
    let seen = ObservedDeployment {
        environment: PRODUCTION,
        build: BuildNumber(2),
        sha: sha(2),
        engine: None,
        run: "5512".into(),
        page: None,
        at: regions.record.now,
        older: None,
        taken_over: false,
    };
    let by = Actor::External { login: "bob".into(), engine: "github".into() };
    let id = regions.record.push(by, Fact::DeploymentObserved(seen)).into();
    let (at, outcome) = (regions.record.now, Outcome::Succeeded);
    regions.push(Fact::ObservedEnded { deployment: id, outcome, at });
    assert_eq!((regions.standing().as_str(), regions.unsettled()), ("eu us #1 or #2", Some(id)));
    regions.record.push(person("sam"), Fact::ProductionAdopted(Box::new(adopted(2))));
    assert_eq!((regions.standing().as_str(), regions.unsettled()), ("", None), "somebody says");
}

#[test]
fn a_restored_record_knows_of_no_target() {
    let mut regions = Regions::live(Together);
    let id = regions.promote(2);
    regions.settle();
    let (head, at) = (regions.record.state.last_seq, regions.record.now);
    regions.record.push(person("sam"), Fact::RecordRestored { head, at });
    assert_eq!(regions.standing(), "");
    assert_eq!(regions.state_of(id), DeploymentState::Interrupted);
}

#[test]
fn a_build_is_verified_by_a_step_only_when_all_its_targets_succeeded() {
    for (us, is_verified) in [("ok", true), ("broken", false)] {
        let mut regions = Regions::new(Together);
        let steps = targets(&["eu", "us"], Together);
        let request = DeploymentRequest { steps, ..request(Environment::Staging, 1) };
        let id = regions.push(Fact::DeploymentRequested(request));
        regions.push(Fact::DeploymentStarted { deployment: id, variables: None });
        regions.play(id, &["ok", us]);
        let build = &regions.record.state.builds[&BuildNumber(1)];
        assert_eq!(!build.verifications.is_empty(), is_verified);
    }
}

#[test]
fn a_key_names_its_target_and_no_two_runs_have_the_same() {
    let mut regions = Regions::new(OneByOne);
    let long = ["a".repeat(40), format!("{}b", "a".repeat(39))];
    let names: Vec<_> = long.iter().map(String::as_str).chain(["e_u"]).collect();
    let id = regions.request(DeploymentKind::Promote, 1, targets(&names, Together));
    let service = "s".repeat(40).parse().unwrap();
    let deployment = &regions.record.state.deployments[&id];
    let keys: Vec<_> = (0..3).map(|step| RunKey::of(&service, deployment, step)).collect();
    assert!(keys[0] != keys[1] && keys[2].as_str().contains(".3-e-u-"), "{keys:?}");
    for key in &keys {
        let is_good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c);
        assert!(key.as_str().len() <= 100 && key.as_str().chars().all(is_good), "{key}");
    }
    let one = regions.request(DeploymentKind::Promote, 1, targets(&["eu"], OneByOne));
    let key = RunKey::of(&checkout(), &regions.record.state.deployments[&one], 0);
    assert!(key.as_str().starts_with(&format!("checkout-{one}.1-eu-")), "{key}");
}

#[test]
fn whatever_happens_each_run_goes_out_once_and_what_is_live_is_everywhere() {
    for seed in seeds("TRUNKLINE_TARGET_HISTORIES", 300) {
        let mut dice = Dice::of(seed);
        let order = if dice.below(2) == 0 { OneByOne } else { Together };
        let mut regions = Regions::new(order);
        for _ in 0..6 {
            random_deployment(&mut regions, &mut dice);
            holds(&regions, seed);
        }
    }
}

fn random_deployment(regions: &mut Regions, dice: &mut Dice) {
    let names = ["eu", "us", "ap"];
    let many = 1 + dice.below(3);
    let kind = if dice.below(3) == 0 { DeploymentKind::Rollback } else { DeploymentKind::Promote };
    let build = 1 + dice.below(4) as u64;
    let id = regions.request(kind, build, targets(&names[..many], regions.order));
    loop {
        let running: Vec<_> = regions.settle();
        let running: Vec<_> = running
            .into_iter()
            .filter_map(|decision| match decision {
                Decision::Attend(_, step) => Some(step),
                _ => None,
            })
            .collect();
        if running.is_empty() {
            return;
        }
        if dice.below(6) == 0 {
            regions.push(Fact::CancelRequested { deployment: id, reason: String::new() });
        }
        let step = running[dice.below(running.len())];
        let word = ["ok", "ok", "ok", "broken", "never", "cancelled", "lost"][dice.below(7)];
        regions.end(id, step, word);
    }
}

fn holds(regions: &Regions, seed: u64) {
    let state = &regions.record.state;
    let mut sent = std::collections::BTreeSet::new();
    for event in &regions.record.events {
        if let Fact::RunSent { deployment, step, .. } = event.fact {
            assert!(sent.insert((deployment, step)), "{seed}: it is sent twice");
        }
    }
    let standing = state.targets(PRODUCTION);
    if differ(standing) {
        assert!(state.unsettled(PRODUCTION).is_some(), "{seed}: {}", in_words(standing));
    }
    if state.unsettled(PRODUCTION).is_none()
        && let Some(live) = state.live(PRODUCTION)
    {
        assert!(standing.iter().all(|target| target.build == Some(live.build)), "{seed}");
    }
    // What each target has is what its own steps say.
    for target in standing {
        let mut last = None;
        for event in &regions.record.events {
            if let Fact::StepEnded { deployment, step, outcome: StepOutcome::Succeeded, .. } =
                &event.fact
            {
                let deployment = &state.deployments[deployment];
                if deployment.target_name(*step).as_ref() == Some(&target.target) {
                    last = Some(deployment.request.build);
                }
            }
        }
        assert!(last.is_none() || target.build == last || target.build.is_none(), "{seed}");
    }
}

const FILE: &str = r#"
service = "shop"
[staging.observe]
github = { engine = "github", repository = "acme/shop", workflow = "staging.yml" }
[[production.steps]]
name = "release"
order = "together"
inputs = { sha = "{sha}", region = "{target}" }
start_within = "5m"
timeout = "1h"
targets = [
  { name = "eu", github = { engine = "github", repository = "acme/shop", workflow = "deploy.yml", ref = "main" }, inputs = { region = "europe-{target}" } },
  { name = "us", http = { engine = "own", job = "shop-us" } },
]
[[production.steps]]
name = "smoke"
run = "./smoke.sh"
[[rollback.steps]]
name = "release"
targets = [
  { name = "us", http = { engine = "own", job = "shop-us" } },
  { name = "eu", http = { engine = "own", job = "shop-eu" } },
]
"#;

#[test]
fn a_step_with_targets_becomes_a_step_of_the_deployment_for_each() {
    let file = ServiceFile::parse(FILE, "trunkline.toml").unwrap();
    let names: Vec<_> = file.production.iter().map(|step| step.name.as_str()).collect();
    assert_eq!(names, ["release@eu", "release@us", "smoke"]);
    assert_eq!(steps_in_words(&file.production), "release@eu and release@us together, smoke");
    assert_eq!(steps_in_words(&file.rollback), "release@us, release@eu");
    let jobs: Vec<_> = file.production.iter().filter_map(StepSpec::remote).collect();
    assert_eq!(jobs[0].inputs["region"], "europe-eu", "a target's own comes first");
    assert_eq!(
        (jobs[1].inputs["region"].as_str(), jobs[1].inputs["sha"].as_str()),
        ("us", "{sha}")
    );
    assert_eq!(jobs[1].start_within, Duration::from_mins(5));
    assert!(file.production[..2].iter().all(|step| step.timeout == Duration::from_hours(1)));
    assert!(matches!(file.production[2].run, Run::Shell(_)) && file.production[2].target.is_none());
}

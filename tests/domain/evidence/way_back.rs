//! The words of a way back, each with the evidence that it needs: without that the word is on no screen.

use chrono::{DateTime, TimeDelta};
use trunkline::domain::command::Action;
use trunkline::domain::event::{
    DeploymentKind, DeploymentRequest, Fact, LiveSaid, Outcome, SaidCommit, StepOutcome, StepSpec,
};
use trunkline::domain::ids::{BuildNumber, DeploymentId, Environment};
use trunkline::domain::live_source::AskedOf;
use trunkline::domain::people::Actor;
use trunkline::domain::plan::{Guard, Plan, Severity};
use trunkline::domain::policy::Policy;
use trunkline::domain::recipe::{Recipe, RecordedPipeline};
use trunkline::domain::said::service_at;
use trunkline::domain::schema::SchemaChange;
use trunkline::domain::snapshot::ServiceSnapshot;
use trunkline::domain::tried::Trust;
use trunkline::migrations::Class;

use super::places::Place;
use crate::simulation::screen::Screen;
use trunkline_testing::record::{Record, commit, found, person, request, sha, step, waves};

const PRODUCTION: Environment = Environment::Production;

/// Builds 1 to 3 with the same rollback step; 1 and 2 were live in this order.
pub(super) struct Shop {
    pub(super) record: Record,
    pub(super) policy: Policy,
    pub(super) back: Vec<StepSpec>,
}

impl Shop {
    pub(super) fn open() -> Self {
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(20_000);
        let record = Record { now, ..Record::default() };
        // A service file that declares no leaves was read.
        let policy = Policy { leaves: Some(Vec::new()), ..Policy::default() };
        let mut shop = Self { record, policy, back: vec![step("fetch-image")] };
        for number in 1..=3 {
            shop.build(number);
            shop.run(Environment::Staging, number, DeploymentKind::Auto, Outcome::Succeeded);
        }
        for number in 1..=2 {
            shop.run(PRODUCTION, number, DeploymentKind::Promote, Outcome::Succeeded);
        }
        shop
    }

    pub fn build(&mut self, number: u64) {
        self.build_of(number, vec![step("release")]);
    }

    fn build_of(&mut self, number: u64, production: Vec<StepSpec>) {
        let pipeline = RecordedPipeline {
            staging: vec![step("release")],
            production,
            rollback: self.back.clone(),
            pass: Vec::new(),
            set: Vec::new(),
            secrets: Vec::new(),
        };
        let mut fact = found(number, vec![commit(number, "sam")]);
        if let Fact::BuildFound { recipe, .. } = &mut fact {
            *recipe = Some(Box::new(Recipe::new(None, pipeline)));
        }
        self.record.push(Actor::System, fact);
    }

    /// A deployment whose one step ends as the whole does.
    pub(super) fn run(
        &mut self,
        to: Environment,
        number: u64,
        kind: DeploymentKind,
        outcome: Outcome,
    ) -> DeploymentId {
        self.run_of(DeploymentRequest { kind, ..request(to, number) }, outcome)
    }

    /// The same as it is asked for here, apart from its steps.
    pub(super) fn run_of(
        &mut self,
        mut asked: DeploymentRequest,
        outcome: Outcome,
    ) -> DeploymentId {
        let kind = asked.kind;
        let is_back = matches!(kind, DeploymentKind::Rollback | DeploymentKind::Rehearsal);
        asked.steps = if is_back { self.back.clone() } else { vec![step("release")] };
        let deployment = self.record.push(person("sam"), Fact::DeploymentRequested(asked)).into();
        let push = |shop: &mut Self, fact| shop.record.push(Actor::System, fact);
        push(self, Fact::DeploymentStarted { deployment, variables: None });
        push(self, Fact::StepStarted { deployment, step: 0, target: None });
        let ended = match outcome {
            Outcome::Succeeded => StepOutcome::Succeeded,
            Outcome::Cancelled => StepOutcome::Cancelled,
            Outcome::Interrupted(_) => StepOutcome::Lost,
            Outcome::Failed(_) => StepOutcome::Exited(3),
        };
        let took = std::time::Duration::from_secs(1);
        let (target, ended_at) = (None, None);
        push(self, Fact::StepEnded { deployment, step: 0, target, outcome: ended, took, ended_at });
        push(self, Fact::DeploymentEnded { deployment, outcome });
        deployment
    }

    pub fn later(&mut self, by: TimeDelta) {
        self.record.now += by;
    }

    pub(super) fn place(&self) -> Place<'_> {
        let (state, now) = (&self.record.state, self.record.now);
        Place { state, policy: &self.policy, rollback: &self.back, now }
    }

    pub(super) fn snapshot(&self) -> ServiceSnapshot {
        self.place().snapshot()
    }

    pub(super) fn plan(&self, action: Action, steps: &[StepSpec]) -> Plan {
        self.place().plan(action, steps)
    }

    fn back(&self) -> Plan {
        self.place().back()
    }

    /// Every place says the word of the way back, or none does. The list of services need not tell of it.
    fn all_say(&self, what: &str, word: &str, says: bool) {
        for (place, text) in self.place().said() {
            if says && place == "fleet" {
                continue;
            }
            assert_eq!(text.contains(word), says, "{what}: {word:?} in {place}: {text}");
        }
    }
}

pub(super) fn failed() -> Outcome {
    Outcome::Failed("step fetch-image: exit 3".into())
}

#[test]
fn a_way_back_is_proven_only_by_the_same_steps_that_worked_last() {
    use DeploymentKind::{Promote, Rehearsal, Rollback};
    let proven = || {
        let mut shop = Shop::open();
        shop.run(PRODUCTION, 1, Rollback, Outcome::Succeeded);
        shop.run(PRODUCTION, 2, Promote, Outcome::Succeeded);
        shop.later(TimeDelta::days(3));
        shop
    };
    proven().all_say("it worked", "proven 3d ago", true);
    let mut changed = proven();
    changed.back = vec![step("pull-image")];
    let mut again = proven();
    again.run(PRODUCTION, 1, Rollback, failed());
    let mut interrupted = proven();
    interrupted.run(PRODUCTION, 1, Rollback, Outcome::Interrupted("lost".into()));
    let mut only_cancelled = Shop::open();
    only_cancelled.run(PRODUCTION, 1, Rollback, Outcome::Cancelled);
    let mut in_staging = proven();
    in_staging.run(Environment::Staging, 2, Rehearsal, failed());
    for (what, shop, says) in [
        ("it never ran", Shop::open(), "rollback never run here"),
        ("it was cancelled", only_cancelled, "rollback never run here"),
        ("the steps changed", changed, "changed since it worked"),
        ("it failed since", again, "FAILED"),
        ("it was interrupted since", interrupted, "INTERRUPTED"),
        ("the rehearsal failed", in_staging, "FAILED"),
    ] {
        shop.all_say(what, "proven", false);
        shop.all_say(what, says, true);
    }
}

#[test]
fn a_rehearsal_proves_it_and_says_where() {
    let mut shop = Shop::open();
    shop.run(Environment::Staging, 2, DeploymentKind::Rehearsal, Outcome::Succeeded);
    shop.run(Environment::Staging, 3, DeploymentKind::Return, Outcome::Succeeded);
    shop.all_say("it worked in staging", "proven", true);
    shop.all_say("it worked in staging", "ago in staging", true);
}

/// Its loop over the targets ran over nothing.
#[test]
fn a_rehearsal_without_the_targets_that_a_rollback_takes_is_no_proof_and_says_so() {
    let (staging, kind) = (Environment::Staging, DeploymentKind::Rehearsal);
    let mut shop = Shop::open();
    shop.build_of(4, waves(&[("canary", &["h1"], None), ("rest", &["h2"], None)]));
    shop.run(staging, 1, kind, Outcome::Succeeded);
    shop.all_say("it knew no targets", "proven", false);
    shop.all_say("it knew no targets", "rehearsed", true);
    shop.all_say("it knew no targets", "without its targets", true);
    let plan = shop.plan(Action::Promote { build: BuildNumber(3) }, &[step("release")]);
    let said = plan.findings.iter().find(|found| found.guard == Guard::WayBack).expect("it warns");
    let without = "without the targets that a rollback takes";
    assert!(said.sentence.ends_with(without), "{}", said.sentence);
    // A rollback that worked says more than a rehearsal after it.
    shop.run(PRODUCTION, 1, DeploymentKind::Rollback, Outcome::Succeeded);
    shop.run(PRODUCTION, 2, DeploymentKind::Promote, Outcome::Succeeded);
    shop.run(staging, 1, kind, Outcome::Succeeded);
    shop.all_say("it worked in production", "proven", true);
    shop.run(staging, 1, kind, failed());
    shop.all_say("it failed since", "FAILED", true);
}

/// That the schema is safe says nothing else: not that a rollback works.
#[test]
fn safe_is_said_of_the_schema_alone_and_not_when_a_change_breaks_the_code() {
    let mut shop = Shop::open();
    shop.all_say("nothing breaks", "schema SAFE", true);
    for (place, text) in shop.place().said() {
        let rest = text.replace("schema SAFE", "");
        assert!(!rest.contains("SAFE"), "{place}: {text}");
    }
    let change = SchemaChange {
        path: "migrations/3.sql".into(),
        line: 1,
        statement: "ALTER TABLE t DROP COLUMN x".into(),
        class: Class::Contract,
        build: BuildNumber(3),
        floor: BuildNumber(3),
        why: String::new(),
    };
    let mut asked = request(PRODUCTION, 3);
    asked.schema = Some(vec![change]);
    let deployment = shop.record.push(person("sam"), Fact::DeploymentRequested(asked)).into();
    shop.record.push(Actor::System, Fact::DeploymentStarted { deployment, variables: None });
    let outcome = Outcome::Succeeded;
    shop.record.push(Actor::System, Fact::DeploymentEnded { deployment, outcome });
    shop.all_say("a column is gone", "SAFE", false);
}

#[test]
fn a_promote_warns_while_nothing_speaks_for_the_way_back() {
    let promote = Action::Promote { build: BuildNumber(3) };
    let warns = |shop: &Shop| {
        let plan = shop.plan(promote, &[step("release")]);
        let found = plan.findings.into_iter().find(|found| found.guard == Guard::WayBack);
        found.map(|found| {
            assert_eq!(found.severity, Severity::Warn, "it asks for no reason");
            found.sentence
        })
    };
    let mut shop = Shop::open();
    let never = "The way back was never tried: no rollback ran here yet".to_owned();
    assert_eq!(warns(&shop), Some(never));
    let rehearsed =
        shop.run(Environment::Staging, 2, DeploymentKind::Rehearsal, Outcome::Succeeded);
    assert_eq!(warns(&shop), None);
    shop.later(TimeDelta::days(31));
    let old = format!("The way back was last tried 31d ago ({rehearsed})");
    assert_eq!(warns(&shop), Some(old));
    shop.later(-TimeDelta::days(30));
    assert_eq!(warns(&shop), None);
    // The build that is live, to which a rollback would go, was built with other steps.
    let mut changed = Shop::open();
    changed.run(Environment::Staging, 2, DeploymentKind::Rehearsal, Outcome::Succeeded);
    changed.back = vec![step("pull-image")];
    changed.build(4);
    changed.run(PRODUCTION, 4, DeploymentKind::Promote, Outcome::Succeeded);
    changed.build(5);
    let plan = changed.plan(Action::Promote { build: BuildNumber(5) }, &[step("release")]);
    let said = plan.findings.iter().find(|found| found.guard == Guard::WayBack);
    let said = said.map(|found| found.sentence.clone()).unwrap_or_default();
    assert!(said.starts_with("The rollback steps changed since they worked"), "{said}");
    let failed = shop.run(Environment::Staging, 2, DeploymentKind::Rehearsal, failed());
    let said = warns(&shop).unwrap_or_default();
    let begins = format!("The way back did not work when it was last tried ({failed}): FAILED");
    assert!(said.starts_with(&begins), "{said}");
}

/// #3 broke half-way, and so did the rollback to #2: parts of #3 are still there.
#[test]
fn after_a_rollback_that_failed_the_plan_speaks_of_what_may_run_and_names_the_build_before() {
    let mut shop = Shop::open();
    shop.run(PRODUCTION, 3, DeploymentKind::Promote, failed());
    let id = shop.run(PRODUCTION, 2, DeploymentKind::Rollback, failed());
    let plan = shop.back();
    assert_eq!((plan.target.build, plan.from()), (BuildNumber(2), Some(BuildNumber(3))));
    assert_eq!(plan.undo, "release the hold and promote #3 again");
    let after = plan.after_failure.clone().expect("a rollback failed");
    assert_eq!((after.deployment, after.before), (id, Some(BuildNumber(1))));
    assert_eq!(after.other_way().unwrap(), "#1, the good build before (schema SAFE)");
    let order = plan.findings.iter().find(|found| found.guard == Guard::Order).unwrap();
    assert!(order.sentence.starts_with("Restores #2, which was live before d"), "{order:?}");
    assert!(order.sentence.ends_with(" of #3"), "{order:?}");
    let offer = shop.snapshot().rollback.expect("there is a way back");
    assert_eq!((offer.to, offer.instead), (BuildNumber(2), Some(BuildNumber(1))));
    shop.all_say("it failed at a step", "at fetch-image", true);
    // The other way works: nothing is offered any more.
    shop.run(PRODUCTION, 1, DeploymentKind::Rollback, Outcome::Succeeded);
    assert!(shop.record.state.failed_rollback().is_none());
}

#[test]
fn what_failed_is_said_on_a_narrow_screen_too() {
    let mut shop = Shop::open();
    shop.run(PRODUCTION, 1, DeploymentKind::Rollback, failed());
    for width in [80, 100, 120, 200] {
        let text = Screen::of_service(&shop.snapshot(), (width, 30)).text();
        let header = text.lines().next().unwrap_or_default();
        assert!(header.contains("schema SAFE, FAILED"), "{width}: {header}");
    }
}

/// What is said of the rollback steps of three hosts.
fn tried(hosts: &super::Hosts) -> String {
    let tried = hosts.record.state.tried_way_back(Some(&[step("release")]));
    assert_eq!(tried.at(hosts.record.now).contains("proven"), is_proven(hosts));
    tried.at(hosts.record.now)
}

fn is_proven(hosts: &super::Hosts) -> bool {
    let tried = hosts.record.state.tried_way_back(Some(&[step("release")]));
    tried.trust(hosts.record.now) == Trust::Proven
}

/// What took place after a rollback that reached all hosts, and what is said then.
type TriedCase = (&'static str, fn(&mut super::Hosts), &'static str);

#[test]
fn a_rollback_is_proven_only_by_what_was_heard_of_its_effect() {
    let cases: [TriedCase; 7] = [
        ("one was changed two days later", |hosts| hosts.say(&[3, 2, 2]), "proven 2d ago"),
        ("all were moved by hand later", |hosts| hosts.say(&[3, 3, 3]), "proven 2d ago"),
        (
            "nobody was heard",
            |hosts| {
                hosts.deployed(DeploymentKind::Rollback, 1, Outcome::Succeeded);
            },
            "worked 0s ago, its effect not heard",
        ),
        (
            "all were silent",
            |hosts| {
                hosts.deployed(DeploymentKind::Rollback, 1, Outcome::Succeeded);
                hosts.say(&[0, 0, 0]);
            },
            "worked 1m ago, its effect not heard",
        ),
        (
            "all run what they ran",
            |hosts| {
                hosts.deployed(DeploymentKind::Rollback, 1, Outcome::Succeeded);
                hosts.say(&[2, 2, 2]);
            },
            "took NO effect 1m ago",
        ),
        (
            "the service answers the build before",
            |hosts| {
                hosts.record.state.asked_of_production = Some(AskedOf::Service);
                hosts.deployed(DeploymentKind::Rollback, 1, Outcome::Succeeded);
                says(hosts, 2);
            },
            "took NO effect 0s ago",
        ),
        (
            "the service answered its build before somebody moved it",
            |hosts| {
                hosts.record.state.asked_of_production = Some(AskedOf::Service);
                hosts.deployed(DeploymentKind::Rollback, 1, Outcome::Succeeded);
                says(hosts, 1);
                hosts.record.now += TimeDelta::days(2);
                says(hosts, 3);
            },
            "proven 2d ago",
        ),
    ];
    for (what, then, said) in cases {
        let mut hosts = super::Hosts::live();
        hosts.deployed(DeploymentKind::Rollback, 2, Outcome::Succeeded);
        hosts.say(&[2, 2, 2]);
        hosts.record.now += TimeDelta::days(2);
        then(&mut hosts);
        assert_eq!(tried(&hosts), said, "{what}");
    }
}

/// The service as a whole says that production runs a build.
fn says(hosts: &mut super::Hosts, build: u64) {
    let says = SaidCommit::Build { build: BuildNumber(build), sha: sha(build), older: None };
    let said = LiveSaid { environment: PRODUCTION, host: "shop.example".into(), says };
    hosts.record.push(service_at("shop.example"), Fact::LiveSaid(said));
}

#[test]
fn a_rollback_that_reached_some_targets_proves_nothing_whatever_came_after_it() {
    let mut hosts = super::Hosts::live();
    hosts.deployed(DeploymentKind::Rollback, 2, Outcome::Succeeded);
    hosts.say(&[2, 2, 2]);
    assert_eq!(tried(&hosts), "proven 1m ago");
    hosts.deployed(DeploymentKind::Rollback, 1, Outcome::Succeeded);
    hosts.say(&[1, 1, 2]);
    assert_eq!(tried(&hosts), "reached ONLY SOME targets 1m ago");
    hosts.deployed(DeploymentKind::Promote, 3, Outcome::Succeeded);
    hosts.say(&[3, 3, 3]);
    assert_eq!(tried(&hosts), "reached ONLY SOME targets 7m ago");
}

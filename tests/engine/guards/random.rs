//! Over random facts: only order and what is in flight can refuse, and nothing can stop a rollback.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use trunkline::calendar::{Evaluation, FreezeState, FreezeWindow};
use trunkline::domain::command::Action;
use trunkline::domain::commit::{Commit, Range, Revert};
use trunkline::domain::event::{DeploymentKind, DeploymentRequest, Event, Fact, Outcome, StepSpec};
use trunkline::domain::ids::{BuildNumber, DeploymentId, Environment, Seq};
use trunkline::domain::people::{Actor, People};
use trunkline::domain::plan::{Guard, Migrations, Plan, PlanInput, Severity, plan};
use trunkline::domain::policy::{FreezeMode, Policy, VerifyBy};
use trunkline::domain::quarantine::BadCommit;
use trunkline::domain::schema::SchemaChange;
use trunkline::domain::service::ServiceState;
use trunkline::domain::variables::KnownVariables;
use trunkline::migrations::Class;

use trunkline_testing::dice::{Dice, Seed, number};
use trunkline_testing::record::{self, people, request, sha, step};

/// A service with whatever may be known of it.
struct World {
    events: Vec<Event>,
    policy: Policy,
    people: People,
    calendar: Evaluation,
    migrations: Migrations,
    now: DateTime<Utc>,
}

fn steps() -> Vec<StepSpec> {
    vec![step("release")]
}

fn commit(number: u64, dice: &mut Dice) -> Commit {
    let author = dice.one_of(&["ann", "raj", "kim"]);
    let parents = 1 + u32::from(dice.chance(20));
    Commit { parents, ..record::commit(number, author) }
}

fn change(dice: &mut Dice) -> SchemaChange {
    let build = BuildNumber(1 + dice.roll() % 12);
    SchemaChange {
        path: format!("migrations/{build}.sql"),
        line: 1,
        statement: "ALTER TABLE t DROP COLUMN c".into(),
        class: dice.one_of(&Class::ALL),
        build,
        floor: BuildNumber(1 + dice.roll() % 12),
        why: String::new(),
    }
}

fn changes(dice: &mut Dice) -> Vec<SchemaChange> {
    (0..dice.below(4)).map(|_| change(dice)).collect()
}

impl World {
    fn of(dice: &mut Dice) -> Self {
        let mut world = Self {
            events: Vec::new(),
            policy: Policy {
                soak: Duration::from_secs(dice.roll() % 7_200),
                big_batch: 1 + u32::try_from(dice.below(10)).expect("small"),
                verify: vec![dice.pick(&[VerifyBy::Person, VerifyBy::Step("x".into())]).clone()],
                freeze: dice.one_of(&[FreezeMode::Override, FreezeMode::Warn]),
                ..Policy::default()
            },
            people: people(["ann", "raj"]),
            calendar: calendar(dice),
            migrations: Migrations {
                changes: changes(dice),
                shared: (0..dice.below(2)).map(|_| "worker still uses it".to_owned()).collect(),
                trouble: dice.chance(10).then(|| "git failed".to_owned()),
                min_bake: Duration::from_secs(dice.roll() % 100_000),
                ..Migrations::default()
            },
            now: DateTime::UNIX_EPOCH + TimeDelta::days(20_000),
        };
        for number in 1..=3 + dice.roll() % 8 {
            world.build(number, dice);
        }
        for _ in 0..dice.below(40) {
            world.anything(dice);
        }
        world
    }

    fn record(&mut self, fact: Fact) -> Seq {
        let seq = Seq(self.events.len() as u64 + 1);
        let (service, actor) = ("checkout".parse().expect("a name"), Actor::Person("raj".into()));
        self.events.push(Event { seq, at: self.now, service, actor, fact });
        seq
    }

    fn build(&mut self, number: u64, dice: &mut Dice) {
        let revert = Revert::sure(sha(number), sha(1 + dice.roll() % number));
        self.record(Fact::BuildFound {
            build: BuildNumber(number),
            sha: sha(number),
            commits: vec![commit(number, dice)],
            more: 0,
            reverts: if dice.chance(20) { vec![revert] } else { Vec::new() },
            recipe: None,
            trunk: None,
        });
    }

    /// Some fact, whether it could have come about or not: the guards judge what they are told.
    fn anything(&mut self, dice: &mut Dice) {
        self.now += TimeDelta::minutes(i64::try_from(dice.below(90)).expect("small"));
        let build = BuildNumber(1 + dice.roll() % 11);
        let environment = dice.one_of(&[Environment::Production, Environment::Staging]);
        let reason = "why".to_owned();
        let bad = vec![BadCommit { sha: sha(build.0), build, subject: "bad".into() }];
        let deployment = DeploymentId(1 + dice.roll() % (self.events.len() as u64 + 1));
        let fact = match dice.below(14) {
            0..5 => return self.deploy(build, environment, dice),
            5 => Fact::BuildVerified { build, note: String::new(), kind: VerifyBy::Person },
            6 => Fact::HoldPlaced { all: false, environment, reason, rollback: None },
            7 => Fact::HoldReleased { environment, reason, bad, open: Vec::new() },
            8 => Fact::CommitsQuarantined { bad, reason },
            9 => Fact::PromoterRequested { build, until: self.now, note: reason },
            10 => Fact::CancelRequested { deployment, reason },
            11 => Fact::TrunkRewritten {
                from: sha(1),
                to: sha(2),
                off_trunk: vec![build],
                onto: None,
            },
            _ => Fact::FreezePlaced { from: self.now, until: None, reason },
        };
        self.record(fact);
    }

    fn deploy(&mut self, build: BuildNumber, environment: Environment, dice: &mut Dice) {
        let kinds = [DeploymentKind::Promote, DeploymentKind::Rollback, DeploymentKind::Redeploy];
        let deployment = self.record(Fact::DeploymentRequested(DeploymentRequest {
            kind: dice.one_of(&kinds),
            steps: steps(),
            schema: dice.chance(80).then(|| changes(dice)),
            ..request(environment, build.0)
        }));
        let deployment = deployment.into();
        if dice.chance(90) {
            self.record(Fact::DeploymentStarted { deployment, variables: None });
        }
        if dice.chance(85) {
            let failed = || Outcome::Failed("step release: exit 1".into());
            let outcome = if dice.chance(80) { Outcome::Succeeded } else { failed() };
            self.record(Fact::DeploymentEnded { deployment, outcome });
        }
    }

    fn state(&self, counts: impl Fn(&Fact) -> bool) -> ServiceState {
        let mut state = ServiceState::default();
        self.events.iter().filter(|event| counts(&event.fact)).for_each(|e| state.apply(e));
        state
    }

    fn plan(&self, state: &ServiceState, action: Action) -> Option<Plan> {
        let range = Range::of(None, sha(1), Vec::new());
        let facts = PlanInput {
            service: &"checkout".parse().expect("a name"),
            state,
            policy: &self.policy,
            people: &self.people,
            on_call: &[],
            calendar: &self.calendar,
            range: &range,
            steps: &steps(),
            migrations: &self.migrations,
            variables: &KnownVariables::default(),
            unusable_engine: None,
        };
        plan(facts, action, &Actor::Person("raj".into()), self.now).ok()
    }
}

fn calendar(dice: &mut Dice) -> Evaluation {
    let state = dice.one_of(&[FreezeState::Open, FreezeState::Warn, FreezeState::Frozen]);
    let policy = match state {
        FreezeState::Open => return Evaluation::default(),
        FreezeState::Warn => FreezeMode::Warn,
        FreezeState::Frozen => FreezeMode::Override,
    };
    let (freeze, reason, why) = ("eve".into(), "holiday".into(), "Christmas".into());
    let from = DateTime::UNIX_EPOCH;
    let matches = vec![FreezeWindow { freeze, policy, from, until: None, reason, why }];
    let problems = (0..dice.below(2)).map(|_| "past coverage".to_owned()).collect();
    Evaluation { state, matches, problems, ..Evaluation::default() }
}

fn refusals(plan: &Plan) -> Vec<(Guard, &str)> {
    plan.of(Severity::Refuse).map(|finding| (finding.guard, finding.sentence.as_str())).collect()
}

/// What makes up the guards and is no deployment.
fn is_guard(fact: &Fact) -> bool {
    matches!(
        fact,
        Fact::HoldPlaced { .. }
            | Fact::FreezePlaced { .. }
            | Fact::CommitsQuarantined { .. }
            | Fact::PromoterRequested { .. }
            | Fact::BuildVerified { .. }
    )
}

#[test]
fn only_order_and_what_is_in_flight_refuse_and_nothing_stops_a_rollback() {
    let seed = Seed::of_this_run();
    let (mut promotes, mut rollbacks, mut refused) = (0, 0, 0);
    let mut calm = World {
        calendar: Evaluation::default(),
        events: Vec::new(),
        migrations: Migrations::default(),
        ..World::of(&mut Dice::of(1))
    };
    for case in 0..number("TRUNKLINE_FACTS").unwrap_or(600) {
        let mut dice = Dice::of(seed.0).fork(case);
        let world = World::of(&mut dice);
        let (state, bare) = (world.state(|_| true), world.state(|fact| !is_guard(fact)));
        calm.now = world.now;
        for number in 1..12 {
            let build = BuildNumber(number);
            if let Some(plan) = world.plan(&state, Action::Promote { build }) {
                promotes += 1;
                for (guard, sentence) in refusals(&plan) {
                    refused += 1;
                    assert!(matches!(guard, Guard::Order | Guard::InFlight), "{sentence}");
                }
            }
            let action = Action::Rollback { to: Some(build) };
            let Some(plan) = world.plan(&state, action) else { continue };
            rollbacks += 1;
            // Only a bad build that is named on purpose needs a reason.
            let asks: BTreeSet<_> = plan.of(Severity::Override).map(|found| found.guard).collect();
            let is_bad = !state.bad_in(build).is_empty();
            assert!(asks.iter().all(|guard| is_bad && *guard == Guard::Quarantine), "{asks:?}");
            for (guard, sentence) in refusals(&plan) {
                assert!(matches!(guard, Guard::Order | Guard::InFlight), "{sentence}");
            }
            // Without any guard's facts, on an empty calendar and schema, it refuses the very same.
            let without = calm.plan(&bare, action).expect("the builds are the same");
            assert_eq!(refusals(&plan), refusals(&without));
            if refusals(&plan).is_empty() {
                let reasons = asks.into_iter().map(|guard| (guard, "why".to_owned())).collect();
                assert_eq!(plan.check(&plan.fingerprint, &reasons, &state), Ok(()));
            }
        }
        if let Some(plan) = world.plan(&state, Action::Rollback { to: None }) {
            let asks: Vec<_> = plan.of(Severity::Override).collect();
            assert!(asks.is_empty(), "{asks:#?}");
        }
    }
    assert!(promotes > 0 && rollbacks > 0 && refused > 0, "{promotes} {rollbacks} {refused}");
}

//! The plan and its guards, over events folded by the public door: what refuses, what asks, and what a stale
//! fingerprint is told.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta};
use trunkline::calendar::{Evaluation, FreezeRules, FreezesFile};
use trunkline::domain::command::{Action, Refusal};
use trunkline::domain::commit::{Commit, Range, Revert};
use trunkline::domain::event::{DeploymentKind, DeploymentRequest, Fact, Outcome, StepSpec};
use trunkline::domain::ids::{BuildNumber, DeploymentId, Environment, Seq};
use trunkline::domain::people::{Actor, People};
use trunkline::domain::plan::{
    Finding, Guard, Migrations, Plan, PlanInput, Severity, endpoints, plan,
};
use trunkline::domain::policy::{FreezeMode, Policy, VerifyBy};
use trunkline::domain::quarantine::BadCommit;
use trunkline::domain::remedy::Remedy;
use trunkline::domain::variables::KnownVariables;

use trunkline_testing::record::{
    Record, checkout, commit, found, people, person, request, sha, step,
};

/// A service whose history a test writes down as events.
pub struct World {
    pub recorded: Record,
    pub policy: Policy,
    people: People,
    freezes: FreezeRules,
}

fn steps() -> Vec<StepSpec> {
    vec![step("release")]
}

impl World {
    /// Builds 1 to 3 by sam, moira and jane have been in staging for an hour and are verified; 1 and 2 were live in
    /// production in this order.
    pub fn new() -> Self {
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(20_000);
        let mut world = Self {
            recorded: Record { now, ..Record::default() },
            freezes: FreezeRules::default(),
            policy: Policy { verify: vec![VerifyBy::Person], ..Policy::default() },
            people: people(["jane", "moira", "raj", "sam"]),
        };
        for (number, author) in [(1, "sam"), (2, "moira"), (3, "jane")] {
            world.build(number, author);
            world.deploy(
                Environment::Staging,
                number,
                DeploymentKind::Auto,
                Some(Outcome::Succeeded),
            );
            world.record(Fact::BuildVerified {
                build: BuildNumber(number),
                note: String::new(),
                kind: VerifyBy::Person,
            });
        }
        world.promote(1, Some(Outcome::Succeeded));
        world.promote(2, Some(Outcome::Succeeded));
        world.later(TimeDelta::hours(1));
        world
    }

    pub fn record(&mut self, fact: Fact) -> Seq {
        self.recorded.push(person("sam"), fact)
    }

    pub fn later(&mut self, by: TimeDelta) {
        self.recorded.now += by;
    }

    pub fn build(&mut self, number: u64, author: &str) {
        self.recorded.push(Actor::System, found(number, vec![commit(number, author)]));
    }

    pub fn deploy(
        &mut self,
        environment: Environment,
        number: u64,
        kind: DeploymentKind,
        outcome: Option<Outcome>,
    ) -> DeploymentId {
        let steps = steps();
        let request = DeploymentRequest { kind, steps, ..request(environment, number) };
        let deployment = self.record(Fact::DeploymentRequested(request)).into();
        self.record(Fact::DeploymentStarted { deployment, variables: None });
        if let Some(outcome) = outcome {
            self.record(Fact::DeploymentEnded { deployment, outcome });
        }
        deployment
    }

    pub fn promote(&mut self, number: u64, outcome: Option<Outcome>) -> DeploymentId {
        self.deploy(Environment::Production, number, DeploymentKind::Promote, outcome)
    }

    fn range(&self, action: Action) -> Range {
        let ends = endpoints(&self.recorded.state, action).expect("the action names builds");
        let (from, to) = ends.range(&self.recorded.state).expect("the builds have commits");
        let live = ends.newest.map_or(0, |newest| newest.0);
        let (low, high) = (live.min(ends.target.0), live.max(ends.target.0));
        let between = self
            .recorded
            .state
            .builds
            .values()
            .rev()
            .filter(|b| (low + 1..=high).contains(&b.number.0));
        let commits = between.flat_map(|build| build.commits.clone()).collect();
        let is_older = matches!(action, Action::Promote { build } if build.0 < live);
        let (commits, lost) = if is_older { (vec![], commits) } else { (commits, vec![]) };
        Range { lost, ..Range::of(from.cloned(), to.clone(), commits) }
    }

    /// Names the commit of a build bad, which these builds take back.
    pub fn quarantine(&mut self, number: u64, reverted_in: &[u64]) {
        for by in reverted_in {
            let build = self.recorded.state.builds.get_mut(&BuildNumber(*by)).expect("it is there");
            build.reverts.push(Revert::sure(sha(*by), sha(number)));
        }
        let (build, subject) = (BuildNumber(number), format!("change {number}"));
        let bad = vec![BadCommit { sha: sha(number), build, subject }];
        self.record(Fact::CommitsQuarantined { bad, reason: "leaks data".into() });
    }

    pub fn plan_by(&self, actor: &str, action: Action) -> Plan {
        self.try_plan(actor, action).expect("a plan can be made")
    }

    pub fn try_plan(&self, actor: &str, action: Action) -> Result<Plan, Refusal> {
        endpoints(&self.recorded.state, action)?;
        let range = self.range(action);
        let calendar = self.freezes.promote_to_production("checkout", self.recorded.now);
        let facts = PlanInput {
            service: &checkout(),
            state: &self.recorded.state,
            policy: &self.policy,
            people: &self.people,
            on_call: &[],
            calendar: &calendar,
            range: &range,
            steps: &steps(),
            migrations: &Migrations::default(),
            variables: &KnownVariables::default(),
            unusable_engine: None,
        };
        plan(facts, action, &person(actor), self.recorded.now)
    }

    fn promote_plan(&self) -> Plan {
        self.plan_by("raj", Action::Promote { build: BuildNumber(3) })
    }

    fn rollback_plan(&self) -> Plan {
        self.plan_by("raj", Action::Rollback { to: None })
    }

    /// What somebody who confirmed `confirmed` is told now, with a reason for everything.
    fn told(&self, confirmed: &Plan) -> Result<(), Refusal> {
        let reasons = Guard::ALL.map(|guard| (guard, "because".to_owned())).into();
        let now = self.plan_by("raj", confirmed.action);
        now.check(&confirmed.fingerprint, &reasons, &self.recorded.state)
    }
}

pub fn finding(plan: &Plan, guard: Guard) -> &Finding {
    let of_guard = plan.findings.iter().filter(|finding| finding.guard == guard);
    of_guard.max_by_key(|finding| finding.severity).expect("the guard has a finding")
}

pub fn severity(plan: &Plan, guard: Guard) -> Severity {
    finding(plan, guard).severity
}

#[test]
fn a_verified_soaked_build_of_others_is_all_green() {
    let plan = World::new().promote_plan();
    // No rollback ran here yet: that is the one thing to know before.
    let rest = plan.findings.iter().filter(|found| found.guard != Guard::WayBack);
    assert_eq!(rest.map(|found| found.severity).max(), Some(Severity::Info), "{plan:#?}");
    assert_eq!(severity(&plan, Guard::WayBack), Severity::Warn);
    assert_eq!(plan.kind, DeploymentKind::Promote);
    assert_eq!(plan.undo, "roll back to #2");
    assert_eq!(plan.undo_remedy, Some(Remedy::RollBack { to: BuildNumber(2) }));
}

#[test]
fn what_staging_runs_is_named_only_where_it_is_known() {
    let mut world = World::new();
    let stage = |world: &mut World, number, outcome| {
        world.build(number, "jane");
        world.deploy(Environment::Staging, number, DeploymentKind::Auto, Some(outcome));
    };
    let said = |world: &World| finding(&world.promote_plan(), Guard::Verified).sentence.clone();
    stage(&mut world, 4, Outcome::Succeeded);
    assert!(said(&world).ends_with("; staging now runs #4"), "{}", said(&world));
    for outcome in [
        Outcome::Failed("exit 1".into()),
        Outcome::Cancelled,
        Outcome::Interrupted("killed".into()),
    ] {
        stage(&mut world, 5, outcome);
        let sentence = said(&world);
        let words = "; what staging runs now is not known, since #5 did not succeed there";
        assert!(sentence.ends_with(words), "{sentence}");
    }
    stage(&mut world, 6, Outcome::Succeeded);
    assert!(said(&world).ends_with("; staging now runs #6"), "{}", said(&world));
    world.record(Fact::RecordRestored { head: Seq(1), at: DateTime::UNIX_EPOCH });
    let sentence = said(&world);
    let words = "; what staging runs now is not known, since the record was restored from a copy";
    assert!(sentence.ends_with(words), "{sentence}");
    stage(&mut world, 7, Outcome::Succeeded);
    assert!(said(&world).ends_with("; staging now runs #7"), "{}", said(&world));
}

#[test]
fn each_soft_guard_asks_for_a_reason_of_its_own() {
    let hold = Fact::HoldPlaced {
        all: false,
        environment: Environment::Production,
        reason: "looking".into(),
        rollback: None,
    };
    let mut world = World::new();
    let freeze =
        Fact::FreezePlaced { from: world.recorded.now, until: None, reason: "holiday".into() };
    world.record(hold);
    world.record(freeze);
    world.build(4, "raj");
    let plan = world.plan_by("raj", Action::Promote { build: BuildNumber(4) });
    for guard in [Guard::Author, Guard::Freeze, Guard::Verified, Guard::Soak, Guard::Hold] {
        assert_eq!(severity(&plan, guard), Severity::Override, "{guard}");
    }
    let mut reasons: BTreeMap<_, _> = Guard::ALL.map(|guard| (guard, "why".to_owned())).into();
    assert_eq!(plan.check(&plan.fingerprint, &reasons, &world.recorded.state), Ok(()));
    reasons.insert(Guard::Hold, "  ".into());
    let Err(Refusal::Policy { findings, .. }) =
        plan.check(&plan.fingerprint, &reasons, &world.recorded.state)
    else {
        panic!("a blank reason is none");
    };
    assert_eq!(findings.iter().map(|f| f.guard).collect::<Vec<_>>(), [Guard::Hold]);
}

#[test]
fn a_freeze_warns_where_the_policy_says_so_and_ends_by_the_instant() {
    let mut world = World::new();
    world.policy.freeze = FreezeMode::Warn;
    let until = Some(world.recorded.now + TimeDelta::hours(1));
    world.record(Fact::FreezePlaced { from: world.recorded.now, until, reason: "holiday".into() });
    assert_eq!(severity(&world.promote_plan(), Guard::Freeze), Severity::Warn);
    world.later(TimeDelta::hours(1));
    assert_eq!(
        severity(&world.promote_plan(), Guard::Freeze),
        Severity::Info,
        "until is exclusive"
    );
}

#[test]
fn an_older_build_is_refused_and_a_running_deployment_too() {
    let mut world = World::new();
    let older = world.plan_by("raj", Action::Promote { build: BuildNumber(1) });
    assert_eq!(severity(&older, Guard::Order), Severity::Refuse);
    assert_eq!(older.range.lost.len(), 1);
    let says = |word: &str| older.findings.iter().any(|f| f.sentence.contains(word));
    assert!(!says("rewritten"), "an older build is no rewritten trunk: {:#?}", older.findings);
    world.promote(3, None);
    assert_eq!(severity(&world.promote_plan(), Guard::InFlight), Severity::Refuse);
}

#[test]
fn what_ships_from_beside_the_service_counts_for_its_author_too() {
    let mut world = World::new();
    let shared = Commit { beside: true, ..commit(40, "raj") };
    world.recorded.push(Actor::System, found(4, vec![commit(4, "ann"), shared]));
    let plan = world.plan_by("raj", Action::Promote { build: BuildNumber(4) });
    let author = plan.findings.iter().find(|f| f.guard == Guard::Author).expect("it is judged");
    assert_eq!(author.severity, Severity::Override);
    let outside = format!("You wrote {} outside of the service's paths", sha(40).short());
    assert!(author.sentence.starts_with(&outside), "{author:?}");
    world.policy.big_batch = 1;
    let plan = world.plan_by("ann", Action::Promote { build: BuildNumber(4) });
    let own = plan.range.own_len();
    let batch = plan.findings.iter().find(|f| f.guard == Guard::BigBatch).expect("it is big");
    assert!(batch.sentence.starts_with(&format!("{own} commits")), "{batch:?}");
    assert_eq!(plan.range.beside_len(), 1);
}

#[test]
fn an_actor_whom_nobody_knows_must_say_why() {
    let plan = World::new().plan_by("stranger", Action::Promote { build: BuildNumber(3) });
    assert_eq!(severity(&plan, Guard::Author), Severity::Override);
}

#[test]
fn a_range_beyond_what_was_read_is_not_called_others_work() {
    let world = World::new();
    let action = Action::Promote { build: BuildNumber(3) };
    let range = Range { more: 7, ..world.range(action) };
    let facts = PlanInput {
        service: &checkout(),
        state: &world.recorded.state,
        policy: &world.policy,
        people: &world.people,
        on_call: &[],
        calendar: &Evaluation::default(),
        range: &range,
        steps: &steps(),
        migrations: &Migrations::default(),
        variables: &KnownVariables::default(),
        unusable_engine: None,
    };
    let plan = plan(facts, action, &person("raj"), world.recorded.now).expect("a plan can be made");
    assert_eq!(severity(&plan, Guard::Author), Severity::Override);
}

/// A freeze by calendar from an hour ago until in an hour.
fn frozen_now(world: &World, policy: &str) -> FreezeRules {
    let hour = |hours| (world.recorded.now + TimeDelta::hours(hours)).format("%FT%TZ");
    let text = format!(
        "[[freeze]]\nid = \"launch\"\nkind = \"window\"\ntz = \"UTC\"\nreason = \"Product launch\"\n\
         policy = \"{policy}\"\nstart = {}\nend = {}\n",
        hour(-1),
        hour(1)
    );
    FreezesFile::parse(&text, "freezes.toml").unwrap().rules
}

#[test]
fn a_freeze_by_calendar_asks_as_its_own_policy_and_that_of_the_service_say() {
    let mut world = World::new();
    for (own, service, severity) in [
        ("block", FreezeMode::Override, Severity::Override),
        ("block", FreezeMode::Warn, Severity::Warn),
        ("warn", FreezeMode::Override, Severity::Warn),
        ("warn", FreezeMode::Warn, Severity::Warn),
    ] {
        world.freezes = frozen_now(&world, own);
        world.policy.freeze = service;
        let plan = world.promote_plan();
        let finding = finding(&plan, Guard::Freeze);
        assert_eq!(finding.severity, severity, "{own} {service:?}");
        assert!(finding.sentence.contains("launch: Product launch"), "{}", finding.sentence);
    }
    world.later(TimeDelta::hours(1));
    assert_eq!(severity(&world.promote_plan(), Guard::Freeze), Severity::Info);
}

#[test]
fn a_freeze_by_calendar_that_begins_changes_a_promote_and_never_a_rollback() {
    let mut world = World::new();
    let (promote, rollback) = (world.promote_plan(), world.rollback_plan());
    world.freezes = frozen_now(&world, "block");
    let Err(Refusal::Changed { changes, .. }) = world.told(&promote) else {
        panic!("the promote rested on there being no freeze");
    };
    assert!(changes[0].contains("launch: Product launch"), "{changes:?}");
    assert_eq!(world.told(&rollback), Ok(()));
    assert_eq!(severity(&world.rollback_plan(), Guard::Freeze), Severity::Info);
}

#[test]
fn rules_that_nobody_can_read_ask_for_a_reason() {
    let mut world = World::new();
    world.freezes = FreezeRules::unreadable("freezes.toml", "it is not TOML");
    assert_eq!(severity(&world.promote_plan(), Guard::Freeze), Severity::Override);
    assert_eq!(world.told(&world.promote_plan()), Ok(()), "a second plan rests on the same");
}

#[test]
fn a_rollback_asks_for_nothing_however_many_guards_stand() {
    let mut world = World::new();
    world.record(Fact::FreezePlaced {
        from: world.recorded.now,
        until: None,
        reason: "holiday".into(),
    });
    world.record(Fact::HoldPlaced {
        all: false,
        environment: Environment::Production,
        reason: "looking".into(),
        rollback: None,
    });
    let plan = world.plan_by("moira", Action::Rollback { to: None });
    assert_eq!(plan.target.build, BuildNumber(1));
    assert_eq!(plan.severity(), Severity::Info, "{:#?}", plan.findings);
}

#[test]
fn a_rollback_never_goes_to_what_was_not_live_or_is_newer() {
    let mut world = World::new();
    let to = |number| Action::Rollback { to: Some(BuildNumber(number)) };
    assert_eq!(severity(&world.plan_by("raj", to(3)), Guard::Order), Severity::Refuse);
    assert_eq!(
        severity(&world.plan_by("raj", to(2)), Guard::Order),
        Severity::Refuse,
        "live already"
    );
    world.deploy(Environment::Production, 1, DeploymentKind::Rollback, Some(Outcome::Succeeded));
    assert_eq!(severity(&world.plan_by("raj", to(2)), Guard::Order), Severity::Refuse, "newer");
}

type Attempt = (u64, DeploymentKind, Option<Outcome>);

/// What production went through after #1 and #2 were live, and where one key goes then.
#[test]
fn the_emergency_goes_to_the_build_that_makes_sense() {
    use DeploymentKind::{Promote, Rollback};
    let failed = || Some(Outcome::Failed("step release: exit 1".into()));
    let interrupted = || Some(Outcome::Interrupted("lost".into()));
    let done = || Some(Outcome::Succeeded);
    let cases: Vec<(&str, Vec<Attempt>, Option<u64>)> = vec![
        ("nothing happened since", vec![], Some(1)),
        ("a promote runs", vec![(3, Promote, None)], Some(2)),
        ("a promote failed midway", vec![(3, Promote, failed())], Some(2)),
        ("a promote was interrupted", vec![(3, Promote, interrupted())], Some(2)),
        ("a promote was cancelled midway", vec![(3, Promote, Some(Outcome::Cancelled))], Some(2)),
        ("a promote succeeded", vec![(3, Promote, done())], Some(2)),
        ("a rollback runs", vec![(1, Rollback, None)], Some(1)),
        ("a rollback failed", vec![(1, Rollback, failed())], Some(1)),
        ("a rollback succeeded to the oldest", vec![(1, Rollback, done())], None),
        ("rolled back, then promoted", vec![(1, Rollback, done()), (3, Promote, done())], Some(1)),
        ("the live build once more, in vain", vec![(2, Promote, failed())], Some(1)),
    ];
    for (what, history, expected) in cases {
        let mut world = World::new();
        for (number, kind, outcome) in history {
            world.deploy(Environment::Production, number, kind, outcome);
        }
        assert_eq!(world.recorded.state.rollback_target(), expected.map(BuildNumber), "{what}");
    }
}

#[test]
fn a_second_emergency_does_not_undo_the_first() {
    let mut world = World::new();
    world.deploy(Environment::Production, 1, DeploymentKind::Rollback, None);
    let plan = world.rollback_plan();
    assert_eq!(plan.target.build, BuildNumber(1));
    assert_eq!(severity(&plan, Guard::InFlight), Severity::Refuse);
}

#[test]
fn a_rollback_cancels_a_running_promote_first() {
    let mut world = World::new();
    let running = world.promote(3, None);
    let plan = world.rollback_plan();
    assert_eq!((plan.cancels, plan.target.build), (Some(running), BuildNumber(2)));
    let taken: Vec<_> = plan.range.commits.iter().map(|c| c.subject.as_str()).collect();
    assert_eq!(taken, ["change 3"], "what the promote may have brought already is taken away");
    assert_eq!(plan.severity(), Severity::Warn);
}

/// What happens between the look and the press, and a word of what the person is told.
#[test]
fn a_stale_plan_is_refused_and_says_what_changed() {
    type Change = fn(&mut World);
    let cases: Vec<(&str, Change)> = vec![
        ("#3 is live", |world| {
            world.promote(3, Some(Outcome::Succeeded));
        }),
        ("promote of #3 by sam failed", |world| {
            world.promote(3, Some(Outcome::Failed("exit 1".into())));
        }),
        ("promote of #3 by sam (d22) is running", |world| {
            world.promote(3, None);
        }),
        ("a freeze began, by sam: holiday", |world| {
            let from = world.recorded.now;
            world.record(Fact::FreezePlaced { from, until: None, reason: "holiday".into() });
        }),
        ("put on hold by sam: looking", |world| {
            let environment = Environment::Production;
            world.record(Fact::HoldPlaced {
                all: false,
                environment,
                reason: "looking".into(),
                rollback: None,
            });
        }),
        ("the state of #3 in staging changed", |world| {
            world.record(Fact::BuildVerified {
                build: BuildNumber(3),
                note: "again".into(),
                kind: VerifyBy::Person,
            });
        }),
        ("policy", |world| world.policy.big_batch = 1),
        ("policy or [people]", |world| {
            world.people.people.remove("sam");
        }),
    ];
    for (word, change) in cases {
        let mut world = World::new();
        let confirmed = world.promote_plan();
        assert_eq!(world.told(&confirmed), Ok(()), "before: {word}");
        change(&mut world);
        let Err(Refusal::Changed { changes, plan }) = world.told(&confirmed) else {
            panic!("{word}: a stale fingerprint must be refused");
        };
        assert!(changes.iter().any(|change| change.contains(word)), "{word}: {changes:?}");
        assert_ne!(plan.fingerprint, confirmed.fingerprint);
    }
}

#[test]
fn a_changed_range_is_a_changed_plan() {
    let mut world = World::new();
    world.build(4, "sam");
    let action = Action::Promote { build: BuildNumber(4) };
    let confirmed = world.plan_by("raj", action);
    world.build(4, "moira");
    let rewritten =
        world.recorded.state.builds.get_mut(&BuildNumber(4)).expect("it was just found");
    rewritten.commits.push(commit(99, "sam"));
    let Err(Refusal::Changed { changes, .. }) = world.told(&confirmed) else {
        panic!("the range is another one");
    };
    assert_eq!(changes, ["the number of commits is 3 now"]);
}

#[test]
fn time_alone_does_not_make_a_plan_stale() {
    let mut world = World::new();
    world.build(4, "sam");
    world.deploy(Environment::Staging, 4, DeploymentKind::Auto, Some(Outcome::Succeeded));
    let confirmed = world.plan_by("raj", Action::Promote { build: BuildNumber(4) });
    assert_eq!(severity(&confirmed, Guard::Soak), Severity::Override);
    world.later(TimeDelta::hours(2));
    assert_eq!(world.told(&confirmed), Ok(()));
}

#[test]
fn a_freeze_that_begins_never_disturbs_a_rollback() {
    let mut world = World::new();
    let confirmed = world.rollback_plan();
    world.record(Fact::FreezePlaced {
        from: world.recorded.now,
        until: None,
        reason: "holiday".into(),
    });
    world.record(Fact::BuildVerified {
        build: BuildNumber(1),
        note: String::new(),
        kind: VerifyBy::Person,
    });
    world.policy.big_batch = 1;
    assert_eq!(world.told(&confirmed), Ok(()));
}

#[test]
fn a_fingerprint_survives_its_text_form() {
    let plan = World::new().promote_plan();
    let text = plan.fingerprint.to_string();
    assert_eq!(text.clone().try_into(), Ok(plan.fingerprint), "{text}");
}

#[test]
fn a_clock_that_goes_backwards_does_not_bring_an_old_failure_back() {
    let mut world = World::new();
    world.promote(3, Some(Outcome::Failed("step release: exit 1".into())));
    world.later(TimeDelta::hours(-1));
    world.deploy(Environment::Production, 3, DeploymentKind::Promote, Some(Outcome::Succeeded));
    assert_eq!(world.recorded.state.unsettled(Environment::Production), None);
    assert_eq!(
        world.recorded.state.rollback_target(),
        Some(BuildNumber(2)),
        "3 is live, so back to 2"
    );
}

#[test]
fn an_attempt_that_never_began_leaves_production_as_unsettled_as_it_was() {
    let mut world = World::new();
    let broken = world.promote(3, Some(Outcome::Failed("step release: exit 1".into())));
    assert_eq!(world.recorded.state.rollback_target(), Some(BuildNumber(2)));
    let mut request = world.recorded.state.deployments[&broken].request.clone();
    request.build = BuildNumber(3);
    let deployment = world.record(Fact::DeploymentRequested(request)).into();
    world.record(Fact::DeploymentEnded { deployment, outcome: Outcome::Cancelled });
    let unsettled = world.recorded.state.unsettled(Environment::Production).map(|d| d.id);
    assert_eq!(unsettled, Some(broken), "production is still in doubt");
    assert_eq!(
        world.recorded.state.rollback_target(),
        Some(BuildNumber(2)),
        "not one build too far"
    );
}

#[test]
fn a_rollback_that_is_being_cancelled_does_not_stop_the_next_one() {
    let mut world = World::new();
    let hung = world.deploy(Environment::Production, 1, DeploymentKind::Rollback, None);
    assert_eq!(severity(&world.rollback_plan(), Guard::InFlight), Severity::Refuse);
    world.record(Fact::CancelRequested { deployment: hung, reason: "it hangs".into() });
    assert_eq!(severity(&world.rollback_plan(), Guard::InFlight), Severity::Warn);
}

#[test]
fn nobody_becomes_somebody_else_by_a_login_that_is_spelled_like_their_name() {
    let mut world = World::new();
    let moira = world.people.people.get_mut("moira").expect("she is known");
    moira.logins = vec!["mrose".into()];
    assert_eq!(world.people.actor_of_login("mrose"), person("moira"));
    let stranger = world.people.actor_of_login("moira");
    assert_ne!(stranger, person("moira"));
    assert!(!world.people.knows(&stranger));
}

#[test]
fn a_person_is_no_bot_however_wide_the_pattern() {
    let mut world = World::new();
    world.people.bots = vec!["*@example.com".into()];
    let plan = world.plan_by("jane", Action::Promote { build: BuildNumber(3) });
    assert_eq!(severity(&plan, Guard::Author), Severity::Override);
}

#[test]
fn only_the_time_in_which_a_build_ran_in_staging_is_soaking() {
    let mut world = World::new();
    let soaked = |world: &World| {
        let plan = world.plan_by("raj", Action::Promote { build: BuildNumber(4) });
        let finding = finding(&plan, Guard::Soak);
        (finding.severity, finding.sentence.clone(), finding.remedy.clone())
    };
    let stage = |world: &mut World, number, outcome| {
        world.deploy(Environment::Staging, number, DeploymentKind::Auto, Some(outcome));
    };
    for number in [4, 5] {
        world.build(number, "sam");
    }
    stage(&mut world, 4, Outcome::Succeeded);
    world.later(TimeDelta::minutes(10));
    let until = world.recorded.now + TimeDelta::minutes(20);
    let young = "Only 10m in staging, needs 30m".to_owned();
    assert_eq!(soaked(&world), (Severity::Override, young, Some(Remedy::Wait { until })));

    stage(&mut world, 5, Outcome::Failed("exit 1".into()));
    world.later(TimeDelta::hours(5));
    let replaced = "Only 10m in staging before #5 replaced it, needs 30m".to_owned();
    assert_eq!(soaked(&world), (Severity::Override, replaced, None));

    stage(&mut world, 4, Outcome::Succeeded);
    world.later(TimeDelta::minutes(15));
    assert_eq!(soaked(&world).1, "Only 25m in staging, needs 30m");
    world.later(TimeDelta::minutes(5));
    assert_eq!(
        (soaked(&world).0, soaked(&world).1.as_str()),
        (Severity::Info, "30m in staging, needs 30m")
    );
    stage(&mut world, 5, Outcome::Succeeded);
    world.later(TimeDelta::hours(1));
    assert_eq!(soaked(&world).0, Severity::Info, "what soaked stays soaked");
}

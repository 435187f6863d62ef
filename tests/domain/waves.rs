//! Waves: what follows between two of them, who continues, and what a cancel or a rollback leaves, decided from events alone.

use std::time::Duration;

use chrono::{DateTime, TimeDelta};
use trunkline::calendar::FreezeRules;
use trunkline::domain::command::{Action, Command, Refusal};
use trunkline::domain::commit::Range;
use trunkline::domain::deployment::Deployment;
use trunkline::domain::event::{
    DeploymentKind, DeploymentRequest, Fact, Outcome, Run, StepOutcome, StepSpec, TargetSaid,
    TargetsSaid,
};
use trunkline::domain::ids::{BuildNumber, DeploymentId, Environment};
use trunkline::domain::live_source::AskedOf;
use trunkline::domain::people::{Actor, People};
use trunkline::domain::plan::{Migrations, Plan, PlanInput, Severity, plan};
use trunkline::domain::policy::{Policy, Staging};
use trunkline::domain::recipe::{Recipe, RecordedPipeline};
use trunkline::domain::snapshot::alarm::{Alarm, alarms};
use trunkline::domain::target::{TargetName, in_words};
use trunkline::domain::tried::Trust;
use trunkline::domain::variables::KnownVariables;
use trunkline::domain::watch::{SampleVerdict, WatchBegan, WatchEnd, WatchTurned};
use trunkline::domain::wave::{WavePause, WaveStanding};
use trunkline::domain::words::how_it_goes;
use trunkline::engine::commands::{
    self, CommandContext, CommandError, Decided, ServiceView, due_wave, waiting_wave,
};
use trunkline::engine::decide::{Decision, DecisionInput, StagingSteps, decide};
use trunkline_testing::record::{
    Record, checkout, commit, found, person, request, sha, step, waves,
};

pub const PRODUCTION: Environment = Environment::Production;
const TEN_MINUTES: WavePause = WavePause::For { time: Duration::from_mins(10) };
const WAVES: [(&str, &[&str], Option<WavePause>); 3] = [
    ("canary", &["h1"], Some(TEN_MINUTES)),
    ("half", &["h2"], Some(WavePause::UntilContinued)),
    ("rest", &["h3", "h4"], None),
];

/// A service whose production is taken in three waves, with build 1 live on four hosts.
pub struct Waved {
    pub record: Record,
    pub policy: Policy,
    pub id: DeploymentId,
}

impl Waved {
    /// A promote of #2 that has begun.
    pub fn begun() -> Self {
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(9);
        let mut record = Record { now, ..Record::default() };
        for number in 1..=3 {
            record.push(Actor::System, found(number, vec![commit(number, "jane")]));
        }
        let id = DeploymentId(0);
        let mut waved = Self { record, policy: Policy::default(), id };
        waved.promote(1);
        for step in 0..3 {
            waved.step(step, StepOutcome::Succeeded);
            waved.settle();
            if step < 2 {
                waved.continue_as("sam", "").expect("nothing speaks against it");
                waved.settle();
            }
        }
        waved.record.now += TimeDelta::days(1);
        waved.promote(2);
        waved
    }

    /// The same once its first wave is done.
    pub fn waiting() -> Self {
        let mut waved = Self::begun();
        waved.step(0, StepOutcome::Succeeded);
        waved.settle();
        waved
    }

    fn promote(&mut self, build: u64) {
        let request = DeploymentRequest { steps: waves(&WAVES), ..request(PRODUCTION, build) };
        self.id = self.record.push(person("jane"), Fact::DeploymentRequested(request)).into();
        let (deployment, variables) = (self.id, None);
        self.push(Fact::DeploymentStarted { deployment, variables });
        self.settle();
    }

    pub fn push(&mut self, fact: Fact) {
        self.record.push(Actor::System, fact);
    }

    pub fn step(&mut self, step: usize, outcome: StepOutcome) {
        let (deployment, target, took) = (self.id, None, Duration::from_secs(1));
        self.push(Fact::StepEnded { deployment, step, target, outcome, took, ended_at: None });
    }

    fn decisions(&self) -> Vec<Decision> {
        decide(&DecisionInput {
            service: &checkout(),
            state: &self.record.state,
            staging: Staging::Observe,
            verify: &[],
            staging_steps: &|_| StagingSteps::NotRead,
        })
    }

    /// Records what is decided until nothing follows by itself.
    pub fn settle(&mut self) {
        loop {
            let facts = self.decisions().into_iter().filter_map(|decision| match decision {
                Decision::Record(fact) => Some(*fact),
                _ => None,
            });
            let facts: Vec<_> = facts.collect();
            if facts.is_empty() {
                return;
            }
            for fact in facts {
                self.push(fact);
            }
        }
    }

    fn view<T>(&self, look: impl FnOnce(&ServiceView<'_>) -> T) -> T {
        let (name, people, freezes) = (checkout(), People::default(), FreezeRules::default());
        look(&ServiceView {
            name: &name,
            state: &self.record.state,
            policy: self.policy.clone(),
            people: &people,
            freezes: &freezes,
            on_call: None,
        })
    }

    pub fn standing(&self) -> Option<WaveStanding> {
        self.view(|view| waiting_wave(view, self.record.now))
    }

    /// Why the next wave would begin by itself now, or what it waits for.
    pub fn by_itself(&self) -> Result<String, String> {
        self.standing().expect("it waits").goes_on_by_itself(self.record.now)
    }

    fn decided(&self, command: &Command) -> Result<Decided, CommandError> {
        let (actor, now) = (person("sam"), self.record.now);
        let next = trunkline::domain::ids::Seq(self.record.state.last_seq.0 + 1);
        let context = CommandContext { actor: &actor, now, next, gathered: None };
        self.view(|view| commands::decide(view, command, context))
    }

    fn command(&self, wave: u32, reason: &str) -> Result<Decided, CommandError> {
        let (deployment, reason) = (self.id, reason.to_owned());
        self.decided(&Command::Continue { deployment, wave, reason, seen: None })
    }

    fn continue_as(&mut self, who: &str, reason: &str) -> Result<String, CommandError> {
        let wave = self.standing().expect("it waits").wait.number;
        let decided = self.command(wave, reason)?;
        for fact in decided.facts {
            self.record.push(person(who), fact);
        }
        Ok(decided.said)
    }

    pub fn watch(&mut self, wave: Option<u32>) {
        let until = self.record.now + TimeDelta::hours(24);
        let began = WatchBegan {
            deployment: self.id,
            environment: PRODUCTION,
            build: BuildNumber(2),
            checks: vec!["errors".to_owned()],
            until,
            every: Duration::from_secs(15),
            wave,
        };
        self.policy.watch = vec!["errors".to_owned()];
        self.push(Fact::WatchBegan(began));
    }

    pub fn turn(&mut self, to: SampleVerdict) {
        let (deployment, check) = (self.id, "errors".to_owned());
        let says = format!("{to:?} it is");
        self.push(Fact::WatchTurned(WatchTurned { deployment, check, to, says, value: None }));
    }

    pub fn deployment(&self) -> &Deployment {
        &self.record.state.deployments[&self.id]
    }

    fn cancel(&mut self) {
        let (deployment, reason) = (self.id, "enough".to_owned());
        self.record.push(person("sam"), Fact::CancelRequested { deployment, reason });
        self.settle();
    }

    fn plan(&self, action: Action, steps: &[StepSpec]) -> Plan {
        let calendar = FreezeRules::default().promote_to_production("checkout", self.record.now);
        let input = PlanInput {
            service: &checkout(),
            state: &self.record.state,
            policy: &self.policy,
            people: &People::default(),
            on_call: &[],
            calendar: &calendar,
            range: &Range::of(None, sha(3), Vec::new()),
            steps,
            migrations: &Migrations::default(),
            variables: &KnownVariables::default(),
            unusable_engine: None,
        };
        plan(input, action, &person("sam"), self.record.now).expect("a plan can be made")
    }
}

fn names(of: Vec<TargetName>) -> Vec<String> {
    of.into_iter().map(|name| name.to_string()).collect()
}

fn invalid(result: Result<Decided, CommandError>) -> String {
    match result {
        Err(CommandError::Refused(
            Refusal::Invalid { sentence, .. } | Refusal::Moved { sentence },
        )) => sentence,
        other => panic!("it is not refused: {other:?}"),
    }
}

#[test]
fn each_wave_begins_once_and_only_after_the_pause_before_it_was_continued() {
    let mut waved = Waved::begun();
    assert!(waved.deployment().runs_step(0));
    waved.step(0, StepOutcome::Succeeded);
    let follows = waved.decisions();
    let [Decision::Record(fact)] = follows.as_slice() else { panic!("{follows:?}") };
    assert_eq!(fact.kind(), "wave_waits");
    waved.push(Fact::clone(fact));
    for _ in 0..3 {
        assert_eq!(waved.decisions(), [], "nothing follows by itself");
    }
    assert!(invalid(waved.command(2, "")).contains("waits after wave 1 of 3 now"));
    waved.continue_as("sam", "").unwrap();
    assert!(invalid(waved.command(1, "")).contains("does not wait between two waves"));
    waved.settle();
    assert!(waved.deployment().runs_step(1), "the second wave runs");
    assert!(waved.standing().is_none());
    waved.step(1, StepOutcome::Succeeded);
    waved.settle();
    // A continuing of the first wave that is told again is none of the second.
    let told = waved.record.events.iter().rfind(|event| event.fact.kind() == "wave_continued");
    let told = told.expect("it was continued").fact.clone();
    waved.push(told);
    waved.settle();
    assert_eq!(waved.standing().expect("it waits").wait.number, 2);
}

#[test]
fn a_pause_of_some_time_goes_on_by_itself_and_one_until_continued_never() {
    let mut waved = Waved::waiting();
    assert_eq!(waved.by_itself(), Err("waits for 10m".into()));
    waved.record.now += TimeDelta::minutes(10);
    assert_eq!(waved.by_itself(), Ok("its pause is over, not watched".into()));
    let fact = waved.view(|view| due_wave(view, waved.record.now)).expect("it is due");
    waved.push(Fact::WaveContinued(fact));
    let said = waved.record.events.last().expect("it is told").sentence();
    let id = waved.id;
    assert_eq!(
        said,
        format!("{id} goes on after wave 1 of 3 (canary): its pause is over, not watched")
    );
    waved.settle();
    waved.step(1, StepOutcome::Succeeded);
    waved.settle();
    waved.record.now += TimeDelta::days(3);
    assert_eq!(waved.by_itself(), Err("waits until continued".into()));
    assert_eq!(waved.view(|view| due_wave(view, waved.record.now)), None);
}

#[test]
fn who_continues_against_a_bad_watch_says_why_and_that_is_recorded() {
    let mut waved = Waved::waiting();
    waved.watch(Some(1));
    waved.turn(SampleVerdict::Bad);
    waved.record.now += TimeDelta::minutes(30);
    let why = waved.by_itself().expect_err("it is bad");
    assert_eq!(why, "does not go on by itself: watched: errors BAD 30m");
    assert!(invalid(waved.command(1, " ")).ends_with("give a reason to continue all the same"));
    let said = waved.continue_as("sam", "it is of another service").unwrap();
    let although = "although watched: errors BAD 30m";
    assert_eq!(said, format!("{} continues after wave 1 of 3 (h1), {although}", waved.id));
    let event = waved.record.events.last().expect("it is told");
    assert_eq!(
        event.sentence(),
        format!(
            "sam continues {} after wave 1 of 3 (canary), although watched: errors BAD 30m: it is of another service",
            waved.id
        )
    );
    assert!(!alarms(&waved.record.state).iter().any(|a| matches!(a, Alarm::WaveBad { .. })));
}

#[test]
fn a_release_answers_that_the_next_wave_begins_with_it() {
    let mut waved = Waved::waiting();
    let (environment, reason) = (PRODUCTION, "the database burns".to_owned());
    waved.push(Fact::HoldPlaced { environment, reason, rollback: None, all: false });
    let (bad, hold, leave_open) = (None, None, Vec::new());
    let release =
        Command::Release { environment, reason: "it is out".into(), bad, hold, leave_open };
    let said = |waved: &Waved| waved.decided(&release).expect("it may").said;
    assert_eq!(said(&waved), "the hold on production is released");
    waved.record.now += TimeDelta::minutes(10);
    let begins = "the hold on production is released; then #2 goes on with wave 2 of 3";
    assert_eq!(said(&waved), begins);
}

#[test]
fn a_watch_of_a_wave_says_nothing_of_the_deployment_as_a_whole() {
    let mut waved = Waved::waiting();
    waved.watch(Some(1));
    waved.turn(SampleVerdict::Good);
    let watches = &waved.record.state.watches;
    assert!(watches.last(PRODUCTION).is_none() && !watches.knows(waved.id));
    for wave in [1, 2] {
        waved.continue_as("sam", "").unwrap();
        waved.settle();
        waved.step(wave, StepOutcome::Succeeded);
        waved.settle();
    }
    assert!(waved.deployment().succeeded());
    let watches = &waved.record.state.watches;
    let of_wave = watches.of_wave(waved.id, 1).expect("it is kept");
    assert_eq!(of_wave.ended.as_ref().map(|ended| ended.end), Some(WatchEnd::Unknown));
    assert_eq!(watches.end_of(waved.id), None);
    assert!(watches.last(PRODUCTION).is_none() && !watches.knows(waved.id));
}

#[test]
fn a_cancel_between_two_waves_leaves_production_in_doubt_and_says_how_far_it_came() {
    let mut waved = Waved::waiting();
    let standing = |waved: &Waved| in_words(waved.record.state.targets(PRODUCTION));
    assert_eq!(standing(&waved), "h1 #2, h2 h3 h4 #1");
    waved.cancel();
    let ended = waved.deployment().ended.as_ref().expect("it ended");
    assert_eq!(ended.outcome, Outcome::Cancelled);
    let how = how_it_goes(waved.deployment(), waved.record.now);
    assert_eq!(how, "cancelled, partly: wave 1 of 3");
    assert!(waved.record.state.unsettled(PRODUCTION).is_some());
    let alarms: Vec<_> = alarms(&waved.record.state).iter().map(Alarm::sentence).collect();
    assert_eq!(
        alarms,
        ["production differs by target: h1 #2, h2 h3 h4 #1; promote of #2 cancelled"]
    );
    assert!(waved.standing().is_none());
}

#[test]
fn a_wave_that_failed_says_which_and_leaves_its_targets_in_doubt() {
    let mut waved = Waved::waiting();
    waved.continue_as("sam", "").unwrap();
    waved.settle();
    waved.step(1, StepOutcome::Exited(1));
    waved.settle();
    assert_eq!(in_words(waved.record.state.targets(PRODUCTION)), "h1 #2, h2 #1 or #2, h3 h4 #1");
    let how = how_it_goes(waved.deployment(), waved.record.now);
    assert!(
        how.starts_with("failed, partly: wave 1 of 3, and in wave 2: step release@half"),
        "{how}"
    );
}

#[test]
fn a_rollback_takes_the_changed_targets_first_and_all_of_them_and_knows_no_pause() {
    let mut waved = Waved::waiting();
    let state = &waved.record.state;
    let all = ["h1", "h2", "h3", "h4"];
    assert_eq!(names(state.targets_to_roll_back(BuildNumber(1), None)), all);
    assert_eq!(names(state.changed_by_waves(None)), ["h1"]);
    waved.continue_as("sam", "").unwrap();
    waved.settle();
    waved.cancel();
    waved.step(1, StepOutcome::Cancelled);
    waved.settle();
    let state = &waved.record.state;
    assert_eq!(names(state.changed_by_waves(None)), ["h1", "h2"]);
    let back = waved.plan(Action::Rollback { to: None }, &[step("release")]);
    let said = "Takes the changed targets first: h1 h2, then h3 h4, without pauses";
    assert!(back.findings.iter().any(|found| found.sentence == said), "{:?}", back.findings);
    // Those that other deployments changed later are no news of this rollback.
    let first = state.deployments.keys().next().copied().expect("there is one");
    assert_eq!(
        names(state.targets_to_roll_back(BuildNumber(1), Some(first))),
        Vec::<String>::new()
    );
}

#[test]
fn a_plan_tells_the_waves_with_their_targets_and_pauses_and_whether_somebody_looks() {
    let mut waved = Waved::begun();
    waved.record.state.asked_of_production = Some(AskedOf::Nobody);
    let action = Action::Promote { build: BuildNumber(3) };
    let says = |waved: &Waved| {
        let plan = waved.plan(action, &waves(&WAVES));
        let all = plan.findings.into_iter().map(|found| found.sentence);
        all.filter(|said| said.starts_with("In 3 waves")).collect::<Vec<_>>()
    };
    let words = "In 3 waves: canary (h1), 10m, then half (h2), until continued, then rest (h3 h4)";
    let alone = "not watched between them: a wave goes on when its pause is over";
    assert_eq!(says(&waved), [format!("{words}; {alone}")]);
    waved.policy.watch = vec!["errors".into()];
    assert_eq!(says(&waved), [format!("{words}; watched between them: errors")]);
    let refused = |waved: &Waved| {
        let plan = waved.plan(action, &waves(&WAVES));
        let refused = plan.of(Severity::Refuse).next().expect("it is in flight");
        refused.sentence.clone()
    };
    assert!(refused(&waved).contains("is running, started"), "{}", refused(&waved));
    let waved = Waved::waiting();
    let said = refused(&waved);
    assert!(said.contains("is waiting after wave 1 of 3 (h1), started"), "{said}");
}

/// A step that takes the targets it is told.
fn reads_targets() -> StepSpec {
    let text = "for host in $TRUNKLINE_TARGETS; do ./release $host; done";
    StepSpec { run: Run::Shell(text.into()), ..step("release") }
}

impl Waved {
    /// A deployment in one go that has begun.
    fn begin(&mut self, kind: DeploymentKind, to: Environment, build: u64) -> DeploymentId {
        let asked = DeploymentRequest { kind, steps: vec![step("release")], ..request(to, build) };
        let deployment = self.record.push(person("jane"), Fact::DeploymentRequested(asked)).into();
        self.push(Fact::DeploymentStarted { deployment, variables: None });
        deployment
    }

    fn succeed(&mut self, deployment: DeploymentId) {
        self.push(Fact::DeploymentEnded { deployment, outcome: Outcome::Succeeded });
    }

    fn in_one_go(&mut self, kind: DeploymentKind, to: Environment, build: u64) {
        let id = self.begin(kind, to, build);
        self.succeed(id);
    }

    /// What a step of this deployment is told that it is for.
    fn told(&self, id: DeploymentId) -> Option<String> {
        let deployment = &self.record.state.deployments[&id];
        let told = self.record.state.told_targets(deployment, &deployment.request.steps[0])?;
        Some(format!("{}: {}", told.0, names(told.1).join(" ")))
    }

    fn says_of(&self, action: Action, begins: &str) -> Vec<String> {
        let plan = self.plan(action, &[reads_targets()]);
        let all = plan.findings.into_iter().map(|found| found.sentence);
        all.filter(|said| said.starts_with(begins)).collect()
    }
}

const BACK: Action = Action::Rollback { to: None };

#[test]
fn a_rollback_finds_its_targets_also_after_the_waves_were_taken_out_of_the_file() {
    let mut waved = Waved::waiting();
    waved.cancel();
    waved.in_one_go(DeploymentKind::Promote, PRODUCTION, 3);
    assert_eq!(waved.says_of(BACK, "No target"), Vec::<String>::new());
    let back = waved.begin(DeploymentKind::Rollback, PRODUCTION, 1);
    assert_eq!(waved.told(back).as_deref(), Some("all: h1 h2 h3 h4"));
}

#[test]
fn a_rollback_finds_the_targets_that_a_recipe_declares_and_a_plan_says_if_none_is_known() {
    let now = DateTime::UNIX_EPOCH + TimeDelta::days(9);
    let record = Record { now, ..Record::default() };
    let mut waved = Waved { record, policy: Policy::default(), id: DeploymentId(0) };
    for number in 1..=2 {
        waved.push(found(number, vec![commit(number, "jane")]));
        waved.in_one_go(DeploymentKind::Promote, PRODUCTION, number);
    }
    let nothing = "No target of a wave is known: step release finds no TRUNKLINE_TARGETS, and a loop over it does nothing";
    assert_eq!(waved.says_of(BACK, "No target"), [nothing]);
    let plain = waved.plan(BACK, &[step("release")]);
    assert!(plain.findings.iter().all(|found| found.sentence != nothing));
    let in_waves = |number: u64, of: &[(&str, &[&str], Option<WavePause>)]| {
        let mut fact = found(number, vec![commit(number, "jane")]);
        let pipeline = RecordedPipeline {
            staging: Vec::new(),
            production: waves(of),
            rollback: vec![reads_targets()],
            pass: Vec::new(),
            set: Vec::new(),
            secrets: Vec::new(),
        };
        if let Fact::BuildFound { recipe, .. } = &mut fact {
            *recipe = Some(Box::new(Recipe::new(None, pipeline)));
        }
        fact
    };
    // The trunk takes waves on, and none was promoted in them yet.
    waved.push(in_waves(3, &WAVES));
    assert_eq!(waved.says_of(BACK, "No target"), Vec::<String>::new());
    let to = BuildNumber(1);
    let targets = |waved: &Waved| names(waved.record.state.targets_to_roll_back(to, None));
    assert_eq!(targets(&waved), ["h1", "h2", "h3", "h4"]);
    // A host that the live build does not name any more is not asked.
    waved.push(in_waves(4, &[("canary", &["h1"], Some(TEN_MINUTES)), ("rest", &["h2"], None)]));
    waved.in_one_go(DeploymentKind::Promote, PRODUCTION, 4);
    assert_eq!(targets(&waved), ["h1", "h2"]);
}

#[test]
fn a_rehearsal_is_told_the_targets_of_staging_and_is_no_proof_without_them() {
    let mut waved = Waved::waiting();
    let (kind, staging) = (DeploymentKind::Rehearsal, Environment::Staging);
    let trust = |waved: &Waved| {
        let tried = waved.record.state.tried_way_back(Some(&[step("release")]));
        tried.trust(waved.record.now)
    };
    let rehearsal = waved.begin(kind, staging, 1);
    assert_eq!(waved.told(rehearsal), None);
    waved.succeed(rehearsal);
    assert_eq!(trust(&waved), Trust::Untargeted);
    let target = TargetSaid::unread("s1".parse().expect("a good name"), "it is silent");
    let (source, targets) = ("hosts.example".to_owned(), vec![target]);
    waved.push(Fact::TargetsSaid(TargetsSaid { environment: staging, source, targets }));
    assert_eq!(trust(&waved), Trust::Unheard);
    let rehearsal = waved.begin(kind, staging, 1);
    assert_eq!(waved.told(rehearsal).as_deref(), Some("all: s1"));
    waved.succeed(rehearsal);
    assert_eq!(trust(&waved), Trust::Proven);
}

#[test]
fn no_target_counts_as_changed_once_a_rollback_of_it_succeeded() {
    let mut waved = Waved::waiting();
    waved.continue_as("sam", "").unwrap();
    waved.settle();
    waved.cancel();
    waved.step(1, StepOutcome::Cancelled);
    waved.settle();
    let changed = |waved: &Waved| names(waved.record.state.changed_by_waves(None));
    assert_eq!(changed(&waved), ["h1", "h2"]);
    let back = waved.begin(DeploymentKind::Rollback, PRODUCTION, 1);
    assert_eq!(waved.told(back).as_deref(), Some("all: h1 h2 h3 h4"));
    assert_eq!(changed(&waved), ["h1", "h2"]);
    waved.succeed(back);
    assert_eq!(changed(&waved), Vec::<String>::new());
    waved.promote(3);
    waved.step(0, StepOutcome::Succeeded);
    waved.settle();
    let said = "Takes the changed targets first: h1, then h2 h3 h4, without pauses";
    assert_eq!(waved.says_of(BACK, "Takes the changed"), [said]);
}

#[test]
fn a_reason_answers_only_what_was_seen_when_it_was_typed() {
    let mut waved = Waved::waiting();
    waved.watch(Some(1));
    let seen = |waved: &Waved| waved.standing().expect("it waits").objections(waved.record.now);
    let continued = |waved: &Waved, seen| {
        let (deployment, wave, reason) = (waved.id, 1, "its agent is down".to_owned());
        waved.decided(&Command::Continue { deployment, wave, reason, seen })
    };
    let before = seen(&waved);
    waved.turn(SampleVerdict::Bad);
    let refused = invalid(continued(&waved, Some(before)));
    assert!(
        refused.starts_with("more speaks against it since you looked: errors BAD"),
        "{refused}"
    );
    let bad = seen(&waved);
    // What went away needs no answer.
    waved.turn(SampleVerdict::Good);
    assert!(continued(&waved, Some(bad.clone())).is_ok());
    waved.turn(SampleVerdict::Bad);
    waved.record.now += TimeDelta::minutes(7);
    assert_eq!(seen(&waved), bad, "that time passes is no news");
    assert!(continued(&waved, Some(bad.clone())).is_ok());
    let (environment, reason) = (PRODUCTION, "payments are down".to_owned());
    let hold = Fact::HoldPlaced { environment, reason, rollback: None, all: false };
    waved.record.push(person("sam"), hold);
    let refused = invalid(continued(&waved, Some(bad)));
    assert!(refused.ends_with("production is on hold by sam: payments are down"), "{refused}");
    // A caller that notes nothing answers all there is.
    let said = continued(&waved, None).expect("it has a reason").said;
    assert!(said.contains(", although ") && said.contains("on hold by sam"), "{said}");
}

//! A random history: merges, people who look and press much later, steps that end in every way, crashes, odd clocks.

use chrono::{DateTime, TimeDelta, Utc};
use trunkline::domain::command::{Action, Command, Refusal};
use trunkline::domain::event::{DeploymentKind, Event, Fact, StepOutcome};
use trunkline::domain::ids::{BuildNumber, DeploymentId, Environment, Seq};
use trunkline::domain::plan::{Guard, Plan, Severity};
use trunkline::domain::policy::{FreezeMode, VerifyBy};

use super::build;
use super::reference::Basis;
use super::subject::Subject;
use trunkline_testing::dice::Dice;
use trunkline_testing::record::sha;

const PEOPLE: [&str; 3] = ["ann", "raj", "zoe"];
/// The terminals that people have.
const SIZES: [(u16, u16); 3] = [(80, 24), (120, 40), (200, 60)];
/// How many plans people keep open.
const SHELF: usize = 4;
/// How long the end of a history may take.
const PATIENCE: usize = 200;

pub struct Story {
    subject: Subject,
    dice: Dice,
    /// Plans that somebody looked at and may execute later, with what they rested on.
    shelf: Vec<(&'static str, Plan, Basis)>,
    told: Vec<String>,
    /// Whether nobody looks at the screens, which takes longer than all the rest.
    is_unseen: bool,
}

impl Story {
    pub fn new(mut dice: Dice) -> Self {
        let step = |name: &str| VerifyBy::Step(name.into());
        let verify = match dice.below(10) {
            0..5 => vec![step("smoke")],
            5..7 => vec![VerifyBy::Person],
            7..9 => vec![step("smoke"), VerifyBy::Person],
            _ => vec![step("release"), step("smoke")],
        };
        let freeze = if dice.chance(80) { FreezeMode::Override } else { FreezeMode::Warn };
        let subject = Subject::new(verify, freeze);
        let (shelf, told) = (Vec::new(), Vec::new());
        let mut story = Self { subject, dice, shelf, told, is_unseen: false };
        for _ in 0..story.dice.below(4) {
            story.live_once_more();
        }
        story
    }

    /// The same history, at whose screens nobody looks.
    pub fn unseen(self) -> Self {
        Self { is_unseen: true, ..self }
    }

    /// Some histories begin where production has a past.
    fn live_once_more(&mut self) {
        self.merge();
        self.rest();
        if let Some(staged) = self.subject.state.live(Environment::Staging) {
            self.plan_and_execute("raj", Action::Promote { build: staged.build }, "");
            self.rest();
        }
    }

    /// What happened, in words that can be counted.
    pub fn told(&self) -> &[String] {
        &self.told
    }

    pub fn go_on(&mut self) {
        match self.dice.below(100) {
            0..7 => self.merge(),
            7..9 => self.look_at_screens(),
            9..40 => self.report(),
            40..43 => self.bad_commit(),
            43..50 => self.request(),
            50..56 => self.look(),
            56..62 => self.execute_later(),
            62..75 => self.execute_now(),
            75..81 => self.emergency(),
            81..83 => self.cancel(),
            83..86 => self.verify(),
            86..90 => self.stop(),
            90..92 => self.report_late(),
            92 => self.try_again(),
            93..96 => self.crash(),
            _ => self.odd_clock(),
        }
    }

    fn look_at_screens(&mut self) {
        let size = SIZES[self.dice.below(SIZES.len())];
        if !self.is_unseen {
            self.subject.screens_agree(size);
        }
        self.tell("screens");
    }

    /// Everything that is under way comes to its end.
    pub fn end(&mut self) {
        self.rest();
        self.subject.is_at_rest();
        let now = self.subject.now;
        let states = self.subject.state.requests.iter().map(|request| request.state(now));
        let words: Vec<_> = states.map(|state| format!("request {}", state.as_str())).collect();
        self.told.extend(words);
        let part = self.dice.below(self.subject.events.len() + 1);
        self.subject.folds_from(part);
    }

    fn rest(&mut self) {
        for _ in 0..PATIENCE {
            if self.subject.is_calm() {
                return;
            }
            self.report();
        }
        panic!("it does not come to an end: {:?}", self.subject.acts);
    }

    fn tell(&mut self, word: impl Into<String>) {
        self.told.push(word.into());
    }

    fn who(&mut self) -> &'static str {
        PEOPLE[self.dice.below(PEOPLE.len())]
    }

    fn merge(&mut self) {
        let newest = self.subject.state.builds.keys().next_back().map_or(0, |number| number.0);
        let rewritten = newest > 2 && self.dice.chance(8);
        let mut facts: Vec<_> = rewritten.then(|| self.rewrite(newest)).into_iter().collect();
        let count = 1 + self.dice.below(3) as u64;
        for number in (newest + 1..=newest + count).map(BuildNumber) {
            facts.push(build::found(&mut self.dice, &self.subject.state, number, rewritten));
            self.subject.brings.insert(number, build::brings(&mut self.dice, number));
        }
        self.tell(if rewritten { "rewrite" } else { "merge" });
        self.subject.take(facts);
    }

    fn rewrite(&mut self, newest: u64) -> Fact {
        let first = newest - self.dice.below(2) as u64;
        let off_trunk = (first..=newest).map(BuildNumber).collect();
        let onto = self.dice.chance(50).then(|| BuildNumber(first - 1));
        let (from, to) = (sha(newest), sha(newest + 1));
        Fact::TrunkRewritten { from, to, off_trunk, onto }
    }

    /// Something that is under way in the background ends.
    fn report(&mut self) {
        let preparing: Vec<_> = self.subject.acts.preparing.iter().copied().collect();
        let attending: Vec<_> = self.subject.acts.attending.iter().copied().collect();
        let count = preparing.len() + attending.len();
        match self.dice.below(count + 1) {
            place if place < preparing.len() => {
                let broken = self.dice.chance(5);
                let result = if broken { Err("no disk".to_owned()) } else { Ok(()) };
                self.subject.prepared(preparing[place], &result);
            }
            place if place < count => {
                let (id, step) = attending[place - preparing.len()];
                let outcome = self.outcome(id, step);
                self.subject.step_ended(id, step, outcome);
            }
            _ => self.subject.pipelines_read(),
        }
        self.tell("report");
    }

    fn outcome(&mut self, id: DeploymentId, step: usize) -> StepOutcome {
        let stopped = self.subject.acts.stopping.contains(&(id, step));
        match self.dice.below(100) {
            0..60 if stopped => StepOutcome::Cancelled,
            0..88 => StepOutcome::Succeeded,
            88..91 => StepOutcome::Exited(1),
            91..94 => StepOutcome::TimedOut,
            94..97 => StepOutcome::Lost,
            _ => StepOutcome::NotStarted("no disk".into()),
        }
    }

    /// A report of what is over, was told before, or never was.
    fn report_late(&mut self) {
        let any = DeploymentId(self.dice.below(self.subject.events.len() + 2) as u64);
        let open = self.open();
        let id = if open.is_empty() { any } else { *self.dice.pick(&[any, open[open.len() - 1]]) };
        let step = self.dice.below(3);
        let (acts, prepares) = (&self.subject.acts, self.dice.chance(50));
        if acts.preparing.contains(&id) || acts.attending.contains(&(id, step)) {
            return;
        }
        let counted = if prepares {
            self.subject.prepared(id, &Ok(()))
        } else {
            self.subject.step_ended(id, step, StepOutcome::Succeeded)
        };
        assert!(!counted, "{id} reports what is not under way");
        self.tell("late report");
    }

    /// What is queued or running, oldest first.
    fn open(&self) -> Vec<DeploymentId> {
        let all = self.subject.state.deployments.values();
        all.filter(|deployment| deployment.is_open()).map(|deployment| deployment.id).collect()
    }

    fn action(&mut self) -> Action {
        let builds: Vec<_> = self.subject.state.builds.keys().copied().collect();
        let newest = builds.last().map_or(1, |build| build.0) + 1;
        let build = match self.dice.below(10) {
            0 => BuildNumber(newest),
            1..4 if !builds.is_empty() => *self.dice.pick(&builds),
            _ => {
                let staged = self.subject.state.live(Environment::Staging);
                staged.map_or(BuildNumber(1), |live| live.build)
            }
        };
        match self.dice.below(10) {
            0..6 => Action::Promote { build },
            6..8 => Action::Rollback { to: Some(build) },
            _ => Action::Rollback { to: None },
        }
    }

    /// Somebody opens a plan and leaves it open.
    fn look(&mut self) {
        let (who, action) = (self.who(), self.action());
        if let Ok(plan) = self.subject.plan(who, action) {
            let basis = self.subject.basis(action);
            self.shelf.push((who, plan, basis));
        }
        if self.shelf.len() > SHELF {
            self.shelf.remove(0);
        }
    }

    fn execute_later(&mut self) {
        if self.shelf.is_empty() {
            return self.look();
        }
        let at = self.dice.below(self.shelf.len());
        let (who, plan, basis) = self.shelf.remove(at);
        self.execute(who, &plan, &basis, "");
    }

    fn execute_now(&mut self) {
        let (who, mut action) = (self.who(), self.action());
        let asked = self.subject.state.open_request(self.subject.now).map(|asked| asked.build);
        if let Some(build) = asked.filter(|_| self.dice.chance(25)) {
            action = Action::Promote { build };
        }
        self.plan_and_execute(who, action, "");
    }

    fn emergency(&mut self) {
        let who = self.who();
        let running = self.subject.state.in_flight(Environment::Production).is_some();
        let word = if running { "emergency" } else { "" };
        let action = Action::Rollback { to: None };
        if let Some(target) = self.subject.offered().filter(|_| self.dice.chance(50)) {
            let commits = vec![self.subject.state.builds[&target].sha.to_string()];
            self.command("quarantine", &Command::Quarantine { commits, reason: "why".into() });
        }
        match self.subject.offered() {
            Some(to) if self.dice.chance(90) => self.press(who, action, to, word),
            _ => self.plan_and_execute(who, action, word),
        }
    }

    /// What a screen offers is taken without a reason, and is what happens.
    fn press(&mut self, who: &str, action: Action, to: BuildNumber, word: &str) {
        let plan = self.subject.plan(who, action).expect("what is offered has a plan");
        assert_eq!(plan.target.build, to, "the plan goes where the screen says");
        let (fingerprint, overrides) = (plan.fingerprint.clone(), [].into());
        let command = Command::Execute { action, fingerprint, overrides };
        let decided = self.subject.command(who, &command);
        assert!(decided.is_ok(), "what is offered is refused: {decided:?}");
        self.tell("offer accepted");
        if !word.is_empty() {
            self.tell(format!("{word} accepted"));
        }
        let skips = plan.of(Severity::Warn).any(|found| found.guard == Guard::Quarantine);
        self.tell(if skips { "offer skips a bad build" } else { "offer is the one before" });
    }

    /// Somebody has a build deployed again, perhaps a while after the plan was made.
    fn try_again(&mut self) {
        let builds: Vec<_> = self.subject.state.builds.keys().copied().collect();
        let newest = builds.last().copied().unwrap_or(BuildNumber(1));
        let build = if builds.is_empty() { newest } else { *self.dice.pick(&builds) };
        let broken = self.subject.state.unsettled(Environment::Production);
        let broken = broken.map(|broken| broken.request.build);
        let (build, environment) = match broken.filter(|_| self.dice.chance(50)) {
            Some(broken) => (broken, Environment::Production),
            None if self.dice.chance(5) => (build, Environment::Production),
            None => (build, Environment::Staging),
        };
        let (who, action) = (self.who(), Action::Retry { build, environment });
        let Ok(plan) = self.subject.plan(who, action) else { return self.tell("retry refused") };
        if self.dice.chance(20) {
            self.report();
        }
        let overrides = Guard::ALL.map(|guard| (guard, "why".to_owned())).into();
        let overrides = if self.dice.chance(75) { overrides } else { [].into() };
        let (fingerprint, before) = (plan.fingerprint, self.subject.events.len());
        let command = Command::Execute { action, fingerprint, overrides };
        match self.subject.command(who, &command) {
            Ok(_) if plan.kind == DeploymentKind::Retry => self.tell("retry in staging accepted"),
            Ok(_) => self.tell("retry in production accepted"),
            Err(_) => {
                self.nothing_was_done(before);
                self.tell("retry refused");
            }
        }
    }

    fn plan_and_execute(&mut self, who: &'static str, action: Action, word: &str) {
        match self.subject.plan(who, action) {
            Ok(plan) => {
                let basis = self.subject.basis(action);
                let outlook = plan.verdict.as_ref().map(|verdict| verdict.outlook.as_str());
                if let Some(outlook) = outlook {
                    self.tell(outlook);
                }
                for finding in plan.of(Severity::Override) {
                    self.tell(format!("{} wants a reason", finding.guard));
                }
                self.execute(who, &plan, &basis, word);
            }
            Err(why) => {
                assert!(!self.subject.may_roll_back(action, true), "{action:?} has no plan: {why}");
            }
        }
    }

    /// What was confirmed is what runs, or nothing runs; and nothing but its order keeps a rollback.
    fn execute(&mut self, who: &str, plan: &Plan, basis: &Basis, word: &str) {
        let action = plan.action;
        let now = self.subject.basis(action);
        let same = *basis == now;
        let before = self.subject.events.len();
        let reasons = self.dice.chance(75);
        let may_roll_back = self.subject.may_roll_back(action, reasons);
        let overrides =
            if reasons { Guard::ALL.map(|g| (g, "why".to_owned())).into() } else { [].into() };
        let fingerprint = plan.fingerprint.clone();
        let command = Command::Execute { action, fingerprint, overrides };
        let result = self.subject.command(who, &command);
        let kind = if word.is_empty() { plan.kind.as_str() } else { word };
        match &result {
            Ok(_) => {
                assert!(same, "{plan:?} rested on {basis:?}, and not on {now:?}");
                self.tell(format!("{kind} accepted"));
                if reasons && plan.kind != DeploymentKind::Rollback {
                    self.tell("override");
                }
            }
            Err(refusal) => {
                self.nothing_was_done(before);
                assert!(!(same && may_roll_back), "{action:?} was refused: {refusal}");
                let changed = matches!(refusal, Refusal::Changed { .. });
                assert!(!(same && changed), "{action:?} changed, but nothing did: {refusal}");
                self.tell(format!("{kind} {}", if changed { "changed" } else { "refused" }));
            }
        }
    }

    /// Nothing was recorded since but that somebody was refused.
    fn nothing_was_done(&self, before: usize) {
        let done = |event: &&Event| !matches!(event.fact, Fact::Refused { .. });
        let done: Vec<_> = self.subject.events[before..].iter().filter(done).collect();
        assert!(done.is_empty(), "refused and recorded: {done:?}");
    }

    fn command(&mut self, word: &str, command: &Command) {
        let (who, before) = (self.who(), self.subject.events.len());
        let accepted = self.subject.command(who, command).is_ok();
        if accepted {
            assert!(before < self.subject.events.len(), "{command:?}");
        } else {
            self.nothing_was_done(before);
        }
        self.tell(format!("{word} {}", if accepted { "accepted" } else { "refused" }));
    }

    /// Somebody names a commit bad, or clears one.
    fn bad_commit(&mut self) {
        let reason = "why".to_owned();
        let known: Vec<_> = self.subject.state.quarantine.keys().cloned().collect();
        let clears = !known.is_empty() && self.dice.chance(30);
        if clears {
            let commit = self.dice.pick(&known).to_string();
            return self.command("clear", &Command::Clear { commit, reason });
        }
        let commits = self.bad();
        self.command("quarantine", &Command::Quarantine { commits, reason });
    }

    /// Some commits of the builds, if there are any.
    fn bad(&mut self) -> Vec<String> {
        let builds = self.subject.state.builds.values().flat_map(|build| &build.commits);
        let commits: Vec<_> = builds.map(|commit| commit.sha.to_string()).collect();
        let count = if commits.is_empty() { 0 } else { self.dice.below(3) };
        (0..count).map(|_| self.dice.pick(&commits).clone()).collect()
    }

    /// Somebody asks for a promoter, or takes that back.
    fn request(&mut self) {
        let ids: Vec<_> = self.subject.state.requests.iter().map(|request| request.id).collect();
        if !ids.is_empty() && self.dice.chance(90) {
            let newest = ids[ids.len() - 1];
            let request = if self.dice.chance(85) { newest } else { *self.dice.pick(&ids) };
            return self.command("withdraw", &Command::Withdraw { request, reason: String::new() });
        }
        let who = self.who();
        let newest =
            self.subject.state.builds.values().rev().find(|b| b.in_staging_since.is_some());
        let action = match newest.map(|build| build.number).filter(|_| self.dice.chance(70)) {
            Some(build) => Action::Promote { build },
            None => self.action(),
        };
        let Action::Promote { build } = action else { return };
        let Ok(plan) = self.subject.plan(who, action) else { return };
        let basis = self.subject.basis(action);
        if self.dice.chance(30) {
            self.merge();
        }
        let note = String::new();
        let ask = Command::Ask { build, fingerprint: plan.fingerprint, note };
        let same = basis == self.subject.basis(action);
        let accepted = self.subject.command(who, &ask).is_ok();
        assert!(same || !accepted, "{ask:?} rested on {basis:?}");
        self.tell(if accepted { "ask accepted" } else { "ask refused" });
    }

    fn cancel(&mut self) {
        let open = self.open();
        let any = DeploymentId(self.dice.below(self.subject.events.len() + 2) as u64);
        let odd = open.is_empty() || self.dice.chance(20);
        let deployment = if odd { any } else { *self.dice.pick(&open) };
        self.command("cancel", &Command::Cancel { deployment, reason: String::new() });
    }

    fn verify(&mut self) {
        let newest = self.subject.state.builds.len() as u64 + 1;
        let staged = self.subject.state.live(Environment::Staging).map(|live| live.build);
        let any = BuildNumber(1 + self.dice.roll() % newest);
        let build = staged.filter(|_| self.dice.chance(70)).unwrap_or(any);
        self.command("verify", &Command::Verify { build, note: String::new() });
    }

    /// A hold or a freeze begins or ends.
    fn stop(&mut self) {
        let environment = *self.dice.pick(&[Environment::Staging, Environment::Production]);
        let reason = "why".to_owned();
        let now = self.subject.now;
        let freezes: Vec<_> = self.subject.state.freezes.iter().map(|freeze| freeze.id).collect();
        let (word, command) = match self.dice.below(10) {
            0..2 => ("hold", Command::Hold { environment, reason }),
            2..6 => {
                let bad = self.dice.chance(70).then(|| self.bad());
                (
                    "release",
                    Command::Release {
                        environment,
                        reason,
                        bad,
                        hold: None,
                        leave_open: (1..=100).collect(),
                    },
                )
            }
            6..8 => {
                let from = self.dice.chance(50).then(|| self.around(now));
                let until = self.dice.chance(70).then(|| self.around(now));
                ("freeze", Command::Freeze { from, until, reason })
            }
            _ if freezes.is_empty() => ("lift", Command::Lift { freeze: Seq(1), reason }),
            _ => ("lift", Command::Lift { freeze: *self.dice.pick(&freezes), reason }),
        };
        self.command(word, &command);
    }

    /// Within a day before or after.
    fn around(&mut self, time: DateTime<Utc>) -> DateTime<Utc> {
        let minutes = i64::try_from(self.dice.below(2 * 24 * 60)).expect("a few days");
        time + TimeDelta::minutes(minutes - 24 * 60)
    }

    fn crash(&mut self) {
        self.subject.crash();
        let part = self.dice.below(self.subject.events.len() + 1);
        self.subject.folds_from(part);
        self.tell("crash");
    }

    fn odd_clock(&mut self) {
        self.subject.now = if self.dice.chance(70) {
            let tens = 1 + i64::from(self.dice.chance(50));
            self.subject.now + TimeDelta::minutes(10 * tens)
        } else {
            self.around(self.subject.now)
        };
    }
}

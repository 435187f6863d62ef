//! Sixty-four people execute at the same instant: one wins each round, and everybody else is told who.

use std::collections::BTreeMap;

use trunkline::backend::BackendError;
use trunkline::domain::command::{Action, Command};
use trunkline::domain::deployment::{Deployment, DeploymentState};
use trunkline::domain::ids::{BuildNumber, DeploymentId};
use trunkline::domain::plan::Plan;

use super::crowd::{self, Crowd, PEOPLE, execution, record, service_file};
use super::history::{self, Call};
use trunkline_testing::dice::{Dice, Seed, number};
use trunkline_testing::engine::World;

const CLIENTS: usize = 64;
/// How many rounds an ordinary run has.
const ROUNDS: u64 = 2;

/// What a round is about.
#[derive(Debug, Clone)]
enum Round {
    /// Everybody executes one of these plans, all made while nothing ran.
    AtRest(Vec<Action>),
    /// A promote of this build runs already; most go back, the others promote or cancel.
    Emergency { promoted: BuildNumber, cancels: bool },
}

struct Arena {
    world: World,
    crowd: Crowd,
    /// Oldest first.
    builds: Vec<BuildNumber>,
    calls: Vec<Call>,
}

impl Arena {
    async fn open() -> Self {
        let world = World::open(&service_file()).await;
        let mut builds = Vec::new();
        for change in ["one", "two", "three"] {
            builds.push(world.merged("Zoe", "zoe@example.com", change).await);
        }
        world.live(builds[0]).await;
        world.live(builds[1]).await;
        let crowd = Crowd::before(&world, CLIENTS);
        Self { world, crowd, builds, calls: Vec::new() }
    }

    fn live(&self) -> BuildNumber {
        self.world.live_now().expect("something is live from the start")
    }

    fn draw(&self, dice: &mut Dice) -> Round {
        let live = self.live();
        let newer: Vec<_> = self.builds.iter().copied().filter(|build| *build > live).collect();
        let older: Vec<_> = self.builds.iter().copied().filter(|build| *build < live).collect();
        let mut actions = vec![Action::Promote { build: live }];
        actions.extend(newer.iter().map(|build| Action::Promote { build: *build }));
        actions.extend(older.iter().map(|build| Action::Rollback { to: Some(*build) }));
        if !older.is_empty() {
            actions.push(Action::Rollback { to: None });
        }
        match dice.below(10) {
            0..4 => Round::AtRest(vec![dice.one_of(&actions)]),
            4..7 => Round::AtRest(actions),
            _ => Round::Emergency {
                promoted: newer.first().copied().unwrap_or(live),
                cancels: dice.chance(40),
            },
        }
    }

    async fn play(&mut self, round: &Round, dice: &mut Dice) {
        match round {
            Round::AtRest(actions) => self.at_rest(actions, dice).await,
            Round::Emergency { promoted, cancels } => {
                self.emergency(*promoted, *cancels, dice).await;
            }
        }
    }

    async fn at_rest(&mut self, actions: &[Action], dice: &mut Dice) {
        let plans = self.plans(actions).await;
        let commands = self.deal(|who| execution(&plans[&(who, dice.below(actions.len()))]));
        let calls = self.crowd.rush(commands).await;
        let winners: Vec<_> = calls.iter().filter(|call| call.receipt().is_some()).collect();
        assert_eq!(winners.len(), 1, "{actions:?}: {winners:#?}");
        let winner = self.end_of(winners[0]).await;
        assert_eq!(winner.state(), DeploymentState::Succeeded, "{winner:#?}");
        assert_eq!(self.live(), winner.request.build);
        let told = who_and_what(&winner);
        calls.iter().filter_map(refused).for_each(|said| {
            assert!(said.contains(&told), "{told:?} is not in {said:?}");
        });
        self.calls.extend(calls);
    }

    async fn emergency(&mut self, promoted: BuildNumber, cancels: bool, dice: &mut Dice) {
        let stale = self.plans(&[Action::Promote { build: promoted }]).await;
        self.world.close_gate();
        let promote = self.begin(promoted).await;
        self.world.running(promote).await;
        let back = self.plans(&[Action::Rollback { to: None }]).await;
        let reason = "enough".to_owned();
        let cancel = Command::Cancel { deployment: promote, reason };
        let commands = self.deal(|who| match dice.below(10) {
            0..6 => execution(&back[&(who, 0)]),
            6..8 if cancels => cancel.clone(),
            _ => execution(&stale[&(who, 0)]),
        });
        let calls = self.crowd.rush(commands).await;
        let broken = self.world.ended(promote).await;
        assert_eq!(broken.state(), DeploymentState::Cancelled, "{broken:#?}");
        self.judge(&broken, &calls, &back[&("raj", 0)]).await;
        self.world.open_gate();
        self.calls.extend(calls);
    }

    /// One rollback at most, and without one a cancel; nobody promoted; everybody else was told by whom.
    async fn judge(&self, broken: &Deployment, calls: &[Call], back: &Plan) {
        let won = |call: &&Call| call.receipt().is_some();
        let is_execution = |call: &&Call| matches!(call.command, Command::Execute { .. });
        let executed: Vec<_> = calls.iter().filter(won).filter(is_execution).collect();
        let cancelled = calls.iter().filter(won).count() - executed.len();
        assert!(executed.len() <= 1 && cancelled <= 1, "{executed:#?}");
        assert!(executed.len() + cancelled >= 1, "somebody wins: {calls:#?}");
        let cancel = broken.cancel.as_ref().expect("somebody cancelled it");
        let mut told =
            vec![who_and_what(broken), format!("is being cancelled already, by {}", cancel.by)];
        if let Some(call) = executed.first() {
            let rollback = self.end_of(call).await;
            assert_eq!(rollback.state(), DeploymentState::Succeeded, "{rollback:#?}");
            assert_eq!(self.live(), back.target.build);
            told.push(who_and_what(&rollback));
        }
        told.push(format!("{} has ended already: cancelled", broken.id));
        calls.iter().filter_map(refused).for_each(|said| {
            assert!(told.iter().any(|told| said.contains(told)), "none of {told:?} in {said:?}");
        });
    }

    /// The promote that an emergency is about.
    async fn begin(&mut self, build: BuildNumber) -> DeploymentId {
        let plan = self.crowd.plan("raj", Action::Promote { build }).await;
        let client = self.crowd.clients.iter().find(|client| client.who == "raj").unwrap();
        let (command, key) = (execution(&plan), crowd::new_key());
        let call = crowd::call(client, &self.crowd.service, command, key).await;
        let id = call.receipt().expect("nothing is in its way").deployment.unwrap();
        self.calls.push(call);
        id
    }

    /// Every action's plan as each person is shown it.
    async fn plans(&self, actions: &[Action]) -> BTreeMap<(&'static str, usize), Plan> {
        let mut plans = BTreeMap::new();
        for (number, action) in actions.iter().enumerate() {
            for who in PEOPLE {
                plans.insert((who, number), self.crowd.plan(who, *action).await);
            }
        }
        plans
    }

    fn deal(&self, mut command: impl FnMut(&'static str) -> Command) -> Vec<Command> {
        self.crowd.clients.iter().map(|client| command(client.who)).collect()
    }

    async fn end_of(&self, call: &Call) -> Deployment {
        let id = call.receipt().and_then(|receipt| receipt.deployment);
        self.world.ended(id.expect("an execution has a deployment")).await
    }
}

/// `promote of #3 by sam`, as everybody who lost has to read it.
fn who_and_what(deployment: &Deployment) -> String {
    let request = &deployment.request;
    format!("{} of {} by {}", request.kind, request.build, deployment.by)
}

/// The sentence of a call that did nothing.
fn refused(call: &Call) -> Option<String> {
    match &call.answer {
        Ok(_) => None,
        Err(BackendError::Refused(refusal)) => Some(refusal.to_string()),
        Err(other) => panic!("neither done nor refused: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_sixty_four_who_execute_at_once_one_wins_and_the_others_are_told_who() {
    let seed = Seed::of_this_run();
    let mut dice = Dice::of(seed.0);
    let mut arena = Arena::open().await;
    let ground = record(&arena.world).await.len();
    for _ in 0..number("TRUNKLINE_ROUNDS").unwrap_or(ROUNDS) {
        let round = arena.draw(&mut dice);
        arena.play(&round, &mut dice).await;
    }
    let events = record(&arena.world).await;
    history::check(&arena.calls, &events[ground..]);
    arena.world.stop().await;
}

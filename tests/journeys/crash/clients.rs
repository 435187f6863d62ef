//! Clients that command at random over the socket, and keep what they were told.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;
use trunkline::backend::remote::Remote;
use trunkline::backend::{Backend as _, BackendError};
use trunkline::domain::command::{Action, Command, Receipt};
use trunkline::domain::ids::{Environment, IdempotencyKey};
use trunkline::domain::plan::Guard;
use trunkline::domain::snapshot::ServiceSnapshot;

use super::shop::Shop;
use trunkline_testing::dice::Dice;

/// What a client was told about a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    Done(Receipt),
    /// Nothing was done, with the words for it.
    Nothing(String),
    /// The answer got lost.
    Lost,
}

/// One command by its key.
#[derive(Debug, Clone)]
pub struct Asked {
    pub key: IdempotencyKey,
    pub command: Command,
    /// Every answer that it got, in order; the same key may be sent again.
    pub told: Vec<Told>,
}

/// What all clients were told.
pub type Record = Arc<Mutex<Vec<Asked>>>;

#[derive(Clone)]
pub struct Clients {
    pub asked: Record,
    pub sent: Arc<AtomicU64>,
    /// Whether an engine is there to be asked; `None` when it is time to go home.
    pub engine: watch::Receiver<Option<bool>>,
    /// The longest that a client thinks between two commands.
    pub pause: Duration,
}

/// What a client does next.
#[derive(Debug, Clone, Copy)]
enum Deed {
    Promote,
    Rollback,
    Cancel,
    Hold,
    Release,
    Again,
}

/// Promotes are most of what happens; a rollback cancels them.
const DEEDS: [Deed; 10] = [
    Deed::Promote,
    Deed::Promote,
    Deed::Promote,
    Deed::Promote,
    Deed::Rollback,
    Deed::Rollback,
    Deed::Cancel,
    Deed::Hold,
    Deed::Release,
    Deed::Again,
];

impl Clients {
    /// Works until it is time to go home.
    pub async fn work(mut self, remote: Remote, mut dice: Dice) {
        loop {
            if !self.there_is_an_engine().await {
                return;
            }
            tokio::time::sleep(dice.within(self.pause)).await;
            let deed = dice.one_of(&DEEDS);
            if let Some((key, command)) = self.decide(&remote, deed, &mut dice).await {
                self.ask(&remote, key, command).await;
            }
        }
    }

    async fn there_is_an_engine(&mut self) -> bool {
        let known = self.engine.wait_for(|engine| *engine != Some(false)).await;
        known.is_ok_and(|engine| engine.is_some())
    }

    async fn decide(
        &self,
        remote: &Remote,
        deed: Deed,
        dice: &mut Dice,
    ) -> Option<(IdempotencyKey, Command)> {
        if matches!(deed, Deed::Again) {
            let asked = self.asked.lock().unwrap();
            let again = asked.get(dice.below(asked.len().max(1)))?;
            return Some((again.key.clone(), again.command.clone()));
        }
        let service = Shop::service();
        let snapshot = remote.service(&service, None, Duration::ZERO).await.ok()??;
        let command = self.command(remote, deed, &snapshot).await?;
        let key = format!("{:016x}{:016x}", dice.roll(), dice.roll());
        Some((IdempotencyKey::try_from(key).ok()?, command))
    }

    async fn command(
        &self,
        remote: &Remote,
        deed: Deed,
        snapshot: &ServiceSnapshot,
    ) -> Option<Command> {
        let (environment, reason) = (Environment::Production, "a test".to_owned());
        match deed {
            Deed::Promote => {
                let verified =
                    snapshot.builds.iter().find(|row| !row.build.verifications.is_empty())?;
                execution(remote, Action::Promote { build: verified.build.number }).await
            }
            Deed::Rollback => execution(remote, Action::Rollback { to: None }).await,
            Deed::Cancel => {
                let mut open = snapshot.deployments.iter().filter(|row| row.deployment.is_open());
                let deployment = open.next()?.deployment.id;
                Some(Command::Cancel { deployment, reason })
            }
            Deed::Hold => Some(Command::Hold { environment, reason }),
            Deed::Release => Some(Command::Release {
                environment,
                reason,
                bad: Some(Vec::new()),
                hold: None,
                leave_open: Vec::new(),
            }),
            Deed::Again => None,
        }
    }

    /// Sends a command and keeps the answer.
    async fn ask(&self, remote: &Remote, key: IdempotencyKey, command: Command) {
        let at = self.note(&key, &command);
        self.sent.fetch_add(1, Ordering::Relaxed);
        let answer = remote.command(&Shop::service(), command, key).await;
        let told = match answer {
            Ok(receipt) => Told::Done(receipt),
            Err(BackendError::Unknown(_)) => Told::Lost,
            Err(nothing) => Told::Nothing(nothing.to_string()),
        };
        self.asked.lock().unwrap()[at].told.push(told);
    }

    /// The place of a command among all that were asked.
    fn note(&self, key: &IdempotencyKey, command: &Command) -> usize {
        let mut asked = self.asked.lock().unwrap();
        if let Some(known) = asked.iter().position(|asked| asked.key == *key) {
            return known;
        }
        asked.push(Asked { key: key.clone(), command: command.clone(), told: Vec::new() });
        asked.len() - 1
    }
}

/// Plans an action and confirms it with a reason for everything.
pub async fn execution(remote: &Remote, action: Action) -> Option<Command> {
    let plan = remote.plan(&Shop::service(), action).await.ok()?;
    Some(Command::Execute {
        action: plan.action,
        fingerprint: plan.fingerprint,
        overrides: Guard::ALL.map(|guard| (guard, "a test".to_owned())).into(),
    })
}

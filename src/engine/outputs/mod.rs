//! Runs the observed commands of all services again and again, and tells the writer what they print else than before.
//! Nothing waits for them.

mod diff;
mod kept;

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, oneshot};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::sleep;

use self::kept::{KeptOutput, OutputNews};
use super::asked::AskedCommands;
use super::gather::GatherContext;
use super::input::Input;
use super::world::{Trouble, World};
use crate::domain::event::{ChangeNote, OutputChange};
use crate::domain::ids::ServiceName;
use crate::domain::observed_command::ObservedCommand;

/// Problem key for observed commands that cannot be read.
pub(super) const OBSERVE_PROBLEM: &str = "observed commands";

/// How many of them run at the same time.
const AT_ONCE: usize = 4;
/// Those of many services begin within this time, one after the other.
const STAGGERED: Duration = Duration::from_secs(30);

type OutputKey = (ServiceName, ObservedCommand);

/// The observed commands.
pub(super) struct Outputs {
    gather: GatherContext,
    asked: Arc<AskedCommands>,
    /// Where the last outputs are.
    folder: PathBuf,
    poll: Duration,
    turns: Semaphore,
    /// Why commands of a service cannot be read.
    failing: Mutex<BTreeMap<ServiceName, BTreeMap<String, String>>>,
}

impl Outputs {
    pub fn new(
        gather: GatherContext,
        asked: Arc<AskedCommands>,
        data: &Path,
        poll: Duration,
    ) -> Arc<Self> {
        Arc::new(Self {
            gather,
            asked,
            folder: data.join("observed"),
            poll,
            turns: Semaphore::new(AT_ONCE),
            failing: Mutex::default(),
        })
    }

    /// Runs what the service files name, as they are now.
    pub async fn observe_all(self: Arc<Self>) {
        let mut tasks = JoinSet::new();
        let mut running: HashMap<(ServiceName, String), (ObservedCommand, AbortHandle)> =
            HashMap::new();
        loop {
            let wanted = self.gather.world.read(commands);
            running.retain(|(service, _), (command, task)| {
                let stays = wanted.contains(&(service.clone(), command.clone()));
                if !stays {
                    task.abort();
                }
                stays && !task.is_finished()
            });
            for (service, command) in wanted {
                let key = (service.clone(), command.name.clone());
                running.entry(key).or_insert_with(|| {
                    let follow = self.clone().follow((service, command.clone()));
                    (command, tasks.spawn(follow))
                });
            }
            while tasks.try_join_next().is_some() {}
            self.forget_others(|service, name| {
                running.contains_key(&(service.clone(), name.to_owned()))
            })
            .await;
            sleep(self.poll).await;
        }
    }

    /// Runs one command until it is aborted.
    async fn follow(self: Arc<Self>, (service, command): OutputKey) {
        sleep(begins_after(&service, &command)).await;
        loop {
            let read = Box::pin(self.read(&service, &command)).await;
            self.tell(&service, &command.name, read.err()).await;
            sleep(command.every).await;
        }
    }

    /// Runs it once, and has a change recorded.
    async fn read(&self, service: &ServiceName, command: &ObservedCommand) -> Result<(), String> {
        let Ok(_turn) = self.turns.acquire().await else { return Ok(()) };
        let text = Box::pin(self.printed(service, command)).await?;
        let file = self.folder.join(service.as_str()).join(format!("{}.json", command.name));
        let recorded = self.gather.world.read(|world| {
            let service = world.services.get(service)?;
            service.state.notes.digest(&command.name).map(str::to_owned)
        });
        let fresh = KeptOutput::of(command, text, recorded);
        match fresh.news(KeptOutput::read(&file)?.as_ref()) {
            OutputNews::Same => return Ok(()),
            OutputNews::Baseline => {}
            OutputNews::Changed(diff) => {
                if !self.record(service, command, &fresh, diff).await {
                    return Ok(());
                }
            }
        }
        fresh.kept(&file)
    }

    async fn printed(
        &self,
        service: &ServiceName,
        command: &ObservedCommand,
    ) -> Result<String, String> {
        let answer = self.asked.ask(service, (&command.run, command.timeout), &[]).await?;
        match answer.failure() {
            None => Ok(answer.out),
            Some(how) => Err(how),
        }
    }

    /// Has it recorded; false if it was not, so that the next look finds it again.
    async fn record(
        &self,
        service: &ServiceName,
        command: &ObservedCommand,
        fresh: &KeptOutput,
        diff: String,
    ) -> bool {
        let name = command.name.clone();
        let note = ChangeNote {
            kind: command.kind,
            what: format!("{name}: {}", diff::headline(&diff)),
            who: None,
            undo: command.undo.clone(),
            link: None,
            changed_at: None,
            observed: Some(OutputChange { name, digest: fresh.digest(), diff }),
        };
        let (reply, answer) = oneshot::channel();
        let (service, note) = (service.clone(), Box::new(note));
        let sent = self.gather.inputs.send(Input::OutputChanged { service, note, reply }).await;
        sent.is_ok() && answer.await.unwrap_or(false)
    }

    /// Shows once that a command cannot be read, and that it can be again.
    async fn tell(&self, service: &ServiceName, name: &str, why: Option<String>) {
        let trouble = {
            let mut failing = self.failing.lock().unwrap_or_else(PoisonError::into_inner);
            let of_service = failing.entry(service.clone()).or_default();
            match why {
                // Why may differ from run to run; it is unknown all the same.
                Some(_) if of_service.contains_key(name) => return,
                Some(why) => drop(of_service.insert(name.to_owned(), why)),
                None if of_service.remove(name).is_none() => return,
                None => {}
            }
            trouble(of_service)
        };
        let input = Input::OutputTrouble { service: service.clone(), trouble };
        let _stopped = self.gather.inputs.send(input).await;
    }

    /// Ends what is said of commands that no service file names any more.
    async fn forget_others(&self, is_wanted: impl Fn(&ServiceName, &str) -> bool) {
        let gone: Vec<_> = {
            let failing = self.failing.lock().unwrap_or_else(PoisonError::into_inner);
            let all = failing.iter().flat_map(|(service, names)| {
                names.keys().map(move |name| (service.clone(), name.clone()))
            });
            all.filter(|(service, name)| !is_wanted(service, name)).collect()
        };
        for (service, name) in gone {
            self.tell(&service, &name, None).await;
        }
    }
}

fn commands(world: &World) -> Vec<OutputKey> {
    let services = world.services.values();
    let of_service = |service: &Arc<super::world::Service>| {
        let commands = service.file.as_ref().map(|file| file.observed.clone());
        let name = service.name.clone();
        commands.unwrap_or_default().into_iter().map(move |command| (name.clone(), command))
    };
    services.flat_map(of_service).collect()
}

/// A pause that differs between the commands of an engine, shorter than the time between two runs.
fn begins_after(service: &ServiceName, command: &ObservedCommand) -> Duration {
    let mut hasher = DefaultHasher::new();
    (service.as_str(), &command.name).hash(&mut hasher);
    let most = u64::try_from(command.every.min(STAGGERED).as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis(hasher.finish() % most.max(1))
}

fn trouble(failing: &BTreeMap<String, String>) -> Option<Trouble> {
    let all: Vec<_> = failing.iter().map(|(name, why)| format!("{name}: {why}")).collect();
    let what = format!("not known whether it changed: {}", all.join("; "));
    let remedy = "see [[observe]] in trunkline.toml; trunkline retries automatically";
    (!all.is_empty()).then(|| Trouble::new(what, remedy))
}

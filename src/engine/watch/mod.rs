//! Looks at what was deployed: runs the checks of every open watch, and tells the writer what they find.

mod attend;
mod command;
mod probe;
mod prometheus;
mod report;
mod tally;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{sleep, timeout};

use self::attend::attend;
pub use self::probe::{NoAnswer, ProbeClients, say_plainly};
pub use self::report::WatchReport;
use self::report::{WantedWatch, wanted};
use super::asked::AskedCommands;
use super::clock::Clock;
use super::input::Input;
use super::observe::ObserveContext;
use super::runner::remote::Engines;
use super::world::{World, WorldReader};
use crate::domain::ids::{DeploymentId, ServiceName};

/// How long changes of the world are gathered before it is read again.
const GATHERED: Duration = Duration::from_millis(100);

/// What a watch needs.
#[derive(Clone)]
pub struct WatchContext {
    pub world: WorldReader,
    pub inputs: mpsc::Sender<Input>,
    pub clock: Arc<dyn Clock>,
    pub engines: Arc<Engines>,
    pub asked: Arc<AskedCommands>,
    /// How often the world is read even if nothing changes.
    pub poll: Duration,
}

impl WatchContext {
    pub fn of(observing: &ObserveContext, asked: Arc<AskedCommands>) -> Self {
        let ObserveContext { world, inputs, clock, engines, poll, .. } = observing;
        Self {
            world: world.clone(),
            inputs: inputs.clone(),
            clock: clock.clone(),
            engines: engines.clone(),
            asked,
            poll: *poll,
        }
    }
}

/// Which watch: the deployment names it, and the wave where it waits between two.
type WatchKey = (ServiceName, DeploymentId, Option<u32>);

/// Attends the watches of all services until it is aborted.
pub(super) async fn watch_deployments(context: WatchContext) {
    let clients = Arc::new(ProbeClients::new());
    let mut tasks = JoinSet::new();
    let mut running: HashMap<WatchKey, AbortHandle> = HashMap::new();
    let mut changes = context.world.changes();
    loop {
        let now = context.clock.now();
        let all = context.world.read(|world| all_wanted(world, now));
        let is_open = |key: &WatchKey| {
            all.iter().any(|wanted| {
                matches!(wanted, WantedWatch::Open { service, watch, .. }
                    if (service, watch.deployment, watch.wave) == (&key.0, key.1, key.2))
            })
        };
        for (_, gone) in running.extract_if(|key, _| !is_open(key)) {
            gone.abort();
        }
        for wanted in all {
            match wanted {
                WantedWatch::Report(report) => {
                    let _stopped = context.inputs.send(Input::Watch(Box::new(report))).await;
                }
                WantedWatch::Open { service, watch, checks } => {
                    let key = (service.clone(), watch.deployment, watch.wave);
                    if running.get(&key).is_none_or(AbortHandle::is_finished) {
                        let attending =
                            attend(context.clone(), clients.clone(), service, watch, checks);
                        running.insert(key, tasks.spawn(attending));
                    }
                }
            }
        }
        while tasks.try_join_next().is_some() {}
        let _either = timeout(context.poll, changes.changed()).await;
        sleep(GATHERED).await;
        changes.mark_unchanged();
    }
}

fn all_wanted(world: &World, now: chrono::DateTime<chrono::Utc>) -> Vec<WantedWatch> {
    world.services.values().flat_map(|service| wanted(service, now)).collect()
}

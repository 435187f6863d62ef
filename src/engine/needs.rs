//! Looks whether what the rollback steps need is there, again and again. Nobody waits for it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::asked::AskedCommands;
use super::gather::GatherContext;
use super::input::Input;
use super::need_look::NeedLook;
use super::world::Service;
use crate::domain::event::Run;
use crate::domain::ids::{Environment, ServiceName};
use crate::domain::needs::{NeedState, RollbackNeed};

/// How long one look may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How many looks there are at the same time.
const AT_ONCE: usize = 4;
/// After a look that failed it is looked at again so soon, at the latest.
const SOON: Duration = Duration::from_mins(1);

/// One place to look, and when it is due.
type NeedKey = (ServiceName, RollbackNeed);

/// Looks at all needs of all services, as their files are now, until it is aborted.
pub(super) async fn look_at_all(context: GatherContext, asked: Arc<AskedCommands>, poll: Duration) {
    let (mut looks, mut due) = (JoinSet::new(), HashMap::<NeedKey, Option<Instant>>::new());
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    loop {
        while let Some(done) = looks.try_join_next() {
            if let Ok((key, next)) = done {
                due.insert(key, Some(next));
            }
        }
        let wanted: Vec<NeedKey> = context.world.read(|world| {
            let needs = |service: &Arc<Service>| {
                let all = service.file.iter().flat_map(|file| file.needs.clone());
                all.map(|need| (service.name.clone(), need)).collect::<Vec<_>>()
            };
            world.services.values().flat_map(needs).collect()
        });
        due.retain(|key, _| wanted.contains(key));
        let now = Instant::now();
        for key in wanted {
            // Without a time it is being looked at.
            let is_due = due.get(&key).is_none_or(|at| at.is_some_and(|at| at <= now));
            if is_due {
                due.insert(key.clone(), None);
                looks.spawn(look((context.clone(), asked.clone()), turns.clone(), key));
            }
        }
        sleep(poll).await;
    }
}

async fn look(
    (context, asked): (GatherContext, Arc<AskedCommands>),
    turns: Arc<Semaphore>,
    (service, need): NeedKey,
) -> (NeedKey, Instant) {
    let turn = turns.acquire_owned().await;
    let (state, why) = Box::pin(probed(&asked, &service, &need)).await;
    drop(turn);
    let found = NeedLook { service: service.clone(), name: need.name.clone(), state, why };
    if context.world.read(|world| found.is_news(world)) {
        let _stopped = context.inputs.send(Input::NeedLooked(found)).await;
    }
    let pause = if state == NeedState::There { need.every } else { need.every.min(SOON) };
    ((service, need), Instant::now() + pause)
}

/// Runs the probe with the variables that the steps get. What it prints goes nowhere: it may tell a secret.
async fn probed(
    asked: &AskedCommands,
    service: &ServiceName,
    need: &RollbackNeed,
) -> (NeedState, Option<String>) {
    let run = Run::Argv(need.probe.clone());
    let facts = [("TRUNKLINE_ENVIRONMENT", Environment::Production.to_string())];
    match asked.ask(service, (&run, PATIENCE), &facts).await.map(|answer| answer.failure()) {
        Ok(None) => (NeedState::There, None),
        Ok(Some(how)) => (NeedState::Missing, Some(how)),
        Err(why) => (NeedState::Unknown, Some(why)),
    }
}

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
use super::watch::{NoAnswer, ProbeClients, say_plainly};
use super::world::Service;
use crate::domain::event::Run;
use crate::domain::ids::{Environment, ServiceName};
use crate::domain::live_source::LiveUrl;
use crate::domain::needs::{NeedProbe, NeedState, RollbackNeed};

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
    let looking = Arc::new(NeedLooking { context, asked, clients: ProbeClients::new() });
    loop {
        while let Some(done) = looks.try_join_next() {
            if let Ok((key, next)) = done {
                due.insert(key, Some(next));
            }
        }
        let wanted: Vec<NeedKey> = looking.context.world.read(|world| {
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
                looks.spawn(look(looking.clone(), turns.clone(), key));
            }
        }
        sleep(poll).await;
    }
}

/// What a look needs.
struct NeedLooking {
    context: GatherContext,
    asked: Arc<AskedCommands>,
    clients: ProbeClients,
}

async fn look(
    looking: Arc<NeedLooking>,
    turns: Arc<Semaphore>,
    (service, need): NeedKey,
) -> (NeedKey, Instant) {
    let turn = turns.acquire_owned().await;
    let (state, why) = match &need.probe {
        NeedProbe::Run(words) => Box::pin(probed(&looking.asked, &service, words)).await,
        NeedProbe::Url(url) => Box::pin(looking.answered(url)).await,
    };
    drop(turn);
    let found = NeedLook { service: service.clone(), name: need.name.clone(), state, why };
    if looking.context.world.read(|world| found.is_news(world)) {
        let _stopped = looking.context.inputs.send(Input::NeedLooked(found)).await;
    }
    let pause = if state == NeedState::There { need.every } else { need.every.min(SOON) };
    ((service, need), Instant::now() + pause)
}

/// Runs the probe with the variables that the steps get. What it prints goes nowhere: it may tell a secret.
async fn probed(
    asked: &AskedCommands,
    service: &ServiceName,
    words: &[String],
) -> (NeedState, Option<String>) {
    let run = Run::Argv(words.to_vec());
    let facts = [("TRUNKLINE_ENVIRONMENT", Environment::Production.to_string())];
    match asked.ask(service, (&run, PATIENCE), &facts).await.map(|answer| answer.failure()) {
        Ok(None) => (NeedState::There, None),
        Ok(Some(how)) => (NeedState::Missing, Some(how)),
        Err(why) => (NeedState::Unknown, Some(why)),
    }
}

impl NeedLooking {
    /// Asks an address, if the operator lets services be asked there. What it answers beside its status is not read.
    async fn answered(&self, url: &LiveUrl) -> (NeedState, Option<String>) {
        if let Err(why) = self.context.engines.may_ask_live(url).await {
            return (NeedState::Unknown, Some(why.to_string()));
        }
        match self.clients.status(&url.whole(), PATIENCE).await {
            Ok(200..400) => (NeedState::There, None),
            Ok(status) => (NeedState::Missing, Some(format!("it answers {status}"))),
            Err(refused @ NoAnswer::Refused) => (NeedState::Missing, Some(refused.sentence())),
            Err(why) => (NeedState::Unknown, Some(say_plainly(&why.sentence()))),
        }
    }
}

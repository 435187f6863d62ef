//! Carries out rollbacks that were decided on by itself: gathers what the plan needs, and asks the writer. Also after a restart.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{sleep, timeout};

use super::commands::{CommandError, ForPlan};
use super::gather::{self, GatherContext};
use super::input::{AutoRollbackAnswer, AutoRollbackRequest, Input};
use super::observe::LiveReads;
use super::world::Service;
use crate::domain::auto_rollback::{PendingRollback, pending};
use crate::domain::command::Action;
use crate::domain::ids::{Environment, Seq, ServiceName};

/// How long the service is asked before what it runs, as before a person's rollback.
const ASKED: Duration = Duration::from_secs(1);
/// How many times facts are gathered while the service keeps changing.
const ATTEMPTS: u32 = 5;
/// The pause before what could not be recorded is tried again.
const RETRY: Duration = Duration::from_secs(5);
/// How long changes of the world are gathered before it is read again.
const GATHERED: Duration = Duration::from_millis(100);

/// What carrying them out needs.
#[derive(Clone)]
pub struct AutoRollbackContext {
    pub gather: GatherContext,
    /// Asks the services what they run.
    pub live: Arc<LiveReads>,
    /// How often the world is read even if nothing changes.
    pub poll: Duration,
}

/// Carries out all that are pending, until it is aborted.
pub(super) async fn roll_back_by_itself(context: AutoRollbackContext) {
    let mut tasks = JoinSet::new();
    let mut running: HashMap<(ServiceName, Seq), AbortHandle> = HashMap::new();
    let mut changes = context.gather.world.changes();
    loop {
        let all = context.gather.world.read(|world| {
            let one =
                |service: &Arc<Service>| Some((service.name.clone(), pending(&service.state)?));
            world.services.values().filter_map(one).collect::<Vec<_>>()
        });
        running.retain(|_, task| !task.is_finished());
        for (service, pending) in all {
            let key = (service.clone(), pending.id);
            let task = || tasks.spawn(carry_out(context.clone(), service, pending));
            running.entry(key).or_insert_with(task);
        }
        while tasks.try_join_next().is_some() {}
        let _either = timeout(context.poll, changes.changed()).await;
        sleep(GATHERED).await;
        changes.mark_unchanged();
    }
}

async fn carry_out(context: AutoRollbackContext, service: ServiceName, pending: PendingRollback) {
    // The answer is in the record before the writer decides.
    let _silent = context.live.ask_before(&service, Environment::Production, ASKED).await;
    for _ in 0..ATTEMPTS {
        let gathered = Box::pin(gathered(&context, &service, &pending)).await;
        match ask(&context, &service, &pending, gathered).await {
            Some(AutoRollbackAnswer::Outdated) => {}
            Some(AutoRollbackAnswer::Unrecorded) => return sleep(RETRY).await,
            Some(AutoRollbackAnswer::Settled) | None => return,
        }
    }
    let why = Err(CommandError::Outdated.to_string());
    if ask(&context, &service, &pending, why).await == Some(AutoRollbackAnswer::Unrecorded) {
        sleep(RETRY).await;
    }
}

async fn gathered(
    context: &AutoRollbackContext,
    service: &ServiceName,
    pending: &PendingRollback,
) -> Result<ForPlan, String> {
    let action = Action::Rollback { to: Some(pending.to) };
    let plan = Box::pin(gather::for_plan(&context.gather, service, action, None)).await;
    plan.map_err(|error| error.to_string())
}

/// What the writer answers; nothing if it is gone.
async fn ask(
    context: &AutoRollbackContext,
    service: &ServiceName,
    pending: &PendingRollback,
    gathered: Result<ForPlan, String>,
) -> Option<AutoRollbackAnswer> {
    let (reply, answer) = oneshot::channel();
    let (service, decision) = (service.clone(), pending.id);
    let request = AutoRollbackRequest { service, decision, gathered, reply };
    context.gather.inputs.send(Input::AutoRollback(Box::new(request))).await.ok()?;
    answer.await.ok()
}

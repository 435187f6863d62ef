//! Looks whether what the rollback steps need is there, again and again. Nobody waits for it.

use std::collections::{BTreeMap, HashMap};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use tokio::process::Command;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::gather::GatherContext;
use super::input::Input;
use super::need_look::NeedLook;
use super::variables::{Ask, StepNeeds};
use super::world::Service;
use crate::domain::ids::ServiceName;
use crate::domain::needs::{NeedState, RollbackNeed};
use crate::git::ChildGroup;

/// How long one look may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How many looks there are at the same time.
const AT_ONCE: usize = 4;
/// After a look that failed it is looked at again so soon, at the latest.
const SOON: Duration = Duration::from_mins(1);

/// One place to look, and when it is due.
type NeedKey = (ServiceName, RollbackNeed);

/// Looks at all needs of all services, as their files are now, until it is aborted.
pub(super) async fn look_at_all(context: GatherContext, poll: Duration) {
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
                looks.spawn(look(context.clone(), turns.clone(), key));
            }
        }
        sleep(poll).await;
    }
}

async fn look(
    context: GatherContext,
    turns: Arc<Semaphore>,
    (service, need): NeedKey,
) -> (NeedKey, Instant) {
    let turn = turns.acquire_owned().await;
    let (state, why) = probed(&context, &service, &need).await;
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
    context: &GatherContext,
    name: &ServiceName,
    need: &RollbackNeed,
) -> (NeedState, Option<String>) {
    let declared = context.world.read(|world| {
        let service = world.services.get(name)?;
        let declared = service.file.as_ref()?.variables.clone();
        Some(StepNeeds::of(service, declared, Ask::WATCH_ROLLBACK))
    });
    let Some(declared) = declared else { return (NeedState::Unknown, None) };
    let variables = match context.variables.of_step(&declared, &context.world).await {
        Ok(variables) => variables.environment,
        Err(why) => return (NeedState::Unknown, Some(why)),
    };
    match run(&need.probe, variables, name).await {
        Ok(None) => (NeedState::There, None),
        Ok(Some(how)) => (NeedState::Missing, Some(how)),
        Err(why) => (NeedState::Unknown, Some(why)),
    }
}

/// How a probe ended that did not end well.
async fn run(
    probe: &[String],
    variables: BTreeMap<String, String>,
    service: &ServiceName,
) -> Result<Option<String>, String> {
    let (program, arguments) = probe.split_first().ok_or("it names no program")?;
    let spawned = Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(variables)
        .env("TRUNKLINE_SERVICE", service.as_str())
        .env("TRUNKLINE_ENVIRONMENT", "production")
        .current_dir(std::env::temp_dir())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .kill_on_drop(true)
        .spawn();
    let mut child = spawned.map_err(|error| format!("its probe cannot start: {error}"))?;
    let mut group = ChildGroup::of(&child);
    let seconds = PATIENCE.as_secs();
    let Ok(ended) = timeout(PATIENCE, child.wait()).await else {
        return Ok(Some(format!("no answer within {seconds} s")));
    };
    let status = ended.map_err(|error| error.to_string())?;
    group.ended();
    Ok((!status.success()).then(|| match status.code() {
        Some(code) => format!("exit {code}"),
        None => "killed by a signal".to_owned(),
    }))
}

//! How to roll back by hand, on disk: the engine keeps it, and a command that finds no engine says where it is.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use tokio::time::sleep;

use super::error::CliError;
use super::{Global, connection, context, engine_process, output};
use crate::backend::BackendError;
use crate::backend::last_state::LastStates;
use crate::config::places::Places;
use crate::domain::by_hand::ByHand;
use crate::domain::caller::Caller;
use crate::domain::ids::ServiceName;
use crate::domain::snapshot::Version;
use crate::engine::Handle;

/// The shortest time between two looks.
const PAUSE: Duration = Duration::from_secs(3);

/// Keeps the texts of all services of an engine, as long as it runs.
pub async fn keep(handle: Handle, states: LastStates) {
    let (mut changes, caller) = (handle.changes(), Caller::in_process("trunkline"));
    let mut known: BTreeMap<ServiceName, (Version, Option<ByHand>)> = BTreeMap::new();
    loop {
        for row in handle.fleet().services {
            let Ok(version) = handle.service_version(&row.service) else { continue };
            let before = known.get(&row.service);
            if before.is_some_and(|(seen, _)| *seen == version) {
                continue;
            }
            let Ok(snapshot) = handle.service(&row.service, &caller) else { continue };
            let by_hand = snapshot.rollback.as_ref().and_then(|r| r.by_hand.as_deref().cloned());
            let is_new = before.is_none_or(|(_, before)| *before != by_hand);
            if is_new {
                let states = states.clone();
                let write = move || states.keep_text(&snapshot);
                if let Ok(Err(why)) = tokio::task::spawn_blocking(write).await {
                    tracing::warn!(%why, "how to roll back by hand is not on disk");
                    // It is tried again with the next change.
                    continue;
                }
            }
            known.insert(row.service, (version, by_hand));
        }
        sleep(PAUSE).await;
        if changes.changed().await.is_err() {
            return;
        }
    }
}

/// The texts that are kept in a folder.
pub fn texts(states: &LastStates) -> Vec<PathBuf> {
    let files = fs::read_dir(states.texts()).into_iter().flatten().flatten();
    let files = files.map(|entry| entry.path());
    let mut texts: Vec<_> = files.filter(|p| p.extension().is_some_and(|e| e == "txt")).collect();
    texts.sort();
    texts
}

/// Says where the texts are, if a command failed because no engine answers.
pub fn hint<T>(global: &Global, done: Result<T, CliError>) -> Result<T, CliError> {
    let Err(why) = &done else { return done };
    for text in states_without_engine(global, why).iter().flat_map(texts) {
        output::note(&format!(
            "how to roll back by hand, as it was known last: {}",
            text.display()
        ));
    }
    done
}

/// What was seen last of an engine that does not answer.
fn states_without_engine(global: &Global, why: &CliError) -> Option<LastStates> {
    if let Some(name) = global.of_profile() {
        let CliError::Failed(report) = why else { return None };
        let BackendError::Unreachable(_) = report.downcast_ref()? else { return None };
        let places = Places::discover().ok()?;
        let user = connection::settings_for(&places, name).ok()?.user;
        return Some(connection::states_of(&places, name, connection::profile(&user, name).ok()?));
    }
    let places = context::places(global).ok()?;
    let is_down = !engine_process::answers(&places.socket());
    is_down.then(|| connection::local_states(&places, global))
}

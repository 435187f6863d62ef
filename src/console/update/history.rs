//! The history beyond what a snapshot carries: read page by page when the cursor reaches its end.

use crate::backend::Answer;
use crate::console::effect::Effect;
use crate::console::model::notes::Tone;
use crate::console::model::pane::Pane;
use crate::console::model::{Model, Older};
use crate::domain::deployment::Deployment;
use crate::domain::ids::{DeploymentId, Environment, ServiceName};
use crate::domain::snapshot::{DeploymentRow, ServiceSnapshot};

/// How many deployments are read at once.
pub const PAGE: usize = 100;
/// The most older deployments that are kept.
const KEPT: usize = 5_000;

/// Asks for the next page when the cursor is on the last known row and there is more.
pub fn more(model: &mut Model) -> Option<Effect> {
    let rows = model.history();
    let (last, known) = (rows.last()?.deployment.id, rows.len());
    // What is live stands first, however old it is.
    let oldest = rows.iter().map(|row| row.deployment.id).min()?;
    let service = model.service.as_ref()?;
    let total = usize::try_from(service.history_total).unwrap_or(usize::MAX);
    let there_is_more = known < total.min(KEPT) && !model.is_filtered(Some(Pane::Production));
    let wanted = there_is_more && model.production.selected == Some(last);
    if !wanted || model.older.asked == Some(oldest) {
        return None;
    }
    let service = service.service.clone();
    model.older.asked = Some(oldest);
    Some(Effect::History { service, before: oldest, limit: PAGE })
}

/// Takes a page; an outdated one is dropped.
pub fn page(
    model: &mut Model,
    service: &ServiceName,
    before: DeploymentId,
    answer: Answer<Vec<Deployment>>,
) -> Vec<Effect> {
    if model.older.asked != Some(before) || model.services.selected.as_ref() != Some(service) {
        return Vec::new();
    }
    match answer {
        Ok(page) => {
            let rows: Vec<_> = page.into_iter().map(|found| row(model, found)).collect();
            model.older.rows.extend(rows);
        }
        Err(why) => {
            model.older = Older { asked: None, ..std::mem::take(&mut model.older) };
            model.say(Tone::Bad, format!("the older history cannot be read: {why}"));
        }
    }
    Vec::new()
}

/// Keeps the rows that a new snapshot has no room for any more, so that no gap opens before the older ones.
pub fn keep(model: &mut Model, before: &ServiceSnapshot) {
    let Some(service) = &model.service else { return };
    if model.older.rows.is_empty() {
        return;
    }
    let production =
        |row: &&DeploymentRow| row.deployment.request.environment == Environment::Production;
    let last = service.deployments.iter().filter(production).map(|row| row.deployment.id).min();
    let left = |row: &&DeploymentRow| last.is_some_and(|last| row.deployment.id < last);
    let newest = model.older.rows.first().map(|row| row.deployment.id);
    let new = |row: &&DeploymentRow| newest.is_none_or(|newest| row.deployment.id > newest);
    let rows = before.deployments.iter().filter(production).filter(left).filter(new).cloned();
    model.older.rows.splice(0..0, rows.collect::<Vec<_>>());
}

/// A row for an old deployment; it has a subject only while its build is listed.
fn row(model: &Model, deployment: Deployment) -> DeploymentRow {
    let subject = model.build(deployment.request.build).map(|row| row.build.subject().to_owned());
    DeploymentRow {
        watch: None,
        state: deployment.state(),
        sha: deployment.request.sha.clone(),
        subject: subject.unwrap_or_default(),
        expected: None,
        steps_expected: Vec::new(),
        live_for: None,
        deployment,
    }
}

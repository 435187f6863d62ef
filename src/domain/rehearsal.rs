//! A rehearsal: the rollback steps run in staging with the build before, and the build that was there comes back.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Timelike as _, Utc};

use super::build::Build;
use super::event::{DeploymentKind, DeploymentRequest, StepSpec};
use super::ids::Environment;
use super::policy::{Policy, Rehearse, Staging};
use super::service::ServiceState;

const STAGING: Environment = Environment::Staging;
/// The hours of UTC in which a daily rehearsal begins.
const QUIET: std::ops::Range<u32> = 2..5;
/// What a service file has to say first. A step that does not look where it runs would roll production back.
const NOT_ALLOWED: &str = "trunkline.toml does not say that the rollback steps may run in staging; if they act only on the \
     environment in TRUNKLINE_ENVIRONMENT, write rehearse = \"by-hand\" or \"daily\" below [rollback]";

/// The two deployments of a rehearsal, in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rehearsal {
    /// Back to the build before, with its rollback steps.
    pub back: DeploymentRequest,
    /// Forward again to what staging ran, with its staging steps.
    pub forward: DeploymentRequest,
}

impl Rehearsal {
    /// The rehearsal that would begin now.
    ///
    /// # Errors
    /// A sentence that says why there is none.
    pub fn of(state: &ServiceState, policy: &Policy) -> Result<Self, String> {
        may_begin(state, policy)?;
        let live = state.live(STAGING).ok_or("no build went well in staging yet")?.build;
        let live = state.builds.get(&live).ok_or("the record has no such build")?;
        let before = build_before(state, live)?;
        let back = rollback_steps(state, before)?;
        let recipe = state.recipe(live.number);
        let forward = recipe.and_then(|recipe| recipe.steps(STAGING, DeploymentKind::Return));
        let forward = forward.filter(|steps| !steps.is_empty());
        let unknown = || format!("the record has no staging steps of {}", live.number);
        let forward = forward.ok_or_else(unknown)?;
        Ok(Self {
            back: request(before, live, DeploymentKind::Rehearsal, back),
            forward: request(live, before, DeploymentKind::Return, forward),
        })
    }
}

/// Whether a daily rehearsal begins now by itself: at a quiet hour, once a day, and not while production needs attention.
#[must_use]
pub fn is_due(state: &ServiceState, policy: &Policy, now: DateTime<Utc>) -> bool {
    if policy.rehearse != Rehearse::Daily {
        return false;
    }
    let production = Environment::Production;
    let is_quiet = QUIET.contains(&now.hour())
        && state.in_flight(production).is_none()
        && state.unsettled(production).is_none()
        && !state.holds.contains_key(&production);
    let last = state.deployments.values().rev();
    let last = last.filter(|made| made.request.kind == DeploymentKind::Rehearsal);
    let last = last.map(|made| made.requested_at).next();
    // A clock that went back does not make it due again.
    let is_new_day = last.is_none_or(|last| {
        now - last >= TimeDelta::hours(12) && now.date_naive() != last.date_naive()
    });
    is_quiet && is_new_day
}

fn may_begin(state: &ServiceState, policy: &Policy) -> Result<(), String> {
    if policy.staging == Staging::Observe {
        return Err("another engine deploys to staging and trunkline only watches there".to_owned());
    }
    if policy.rehearse == Rehearse::Never {
        return Err(NOT_ALLOWED.to_owned());
    }
    if let Some(hold) = state.holds.get(&STAGING) {
        return Err(format!("staging is on hold by {}: {}", hold.by, hold.reason));
    }
    if let Some(open) = state.open(STAGING).next() {
        let (id, kind, build) = (open.id, open.request.kind, open.request.build);
        return Err(format!("{id}, {kind} of {build}, is not over in staging"));
    }
    // It would end that watch, and with it what verifies the build.
    if let Some(watch) = state.watches.last(STAGING).filter(|watch| watch.is_open()) {
        return Err(format!("the watch of {} in staging is not over", watch.build));
    }
    if let Some(next) = state.next_for_staging().filter(|b| !state.unusable.contains_key(&b.number))
    {
        return Err(format!("{} waits for staging", next.number));
    }
    if let Some(doubt) = state.unsettled(STAGING) {
        let (id, build) = (doubt.id, doubt.request.build);
        return Err(format!("what staging runs is in doubt since {id} of {build}"));
    }
    if state.is_unknown_since_restore(STAGING) {
        return Err("what staging runs is not known since the record was restored".to_owned());
    }
    Ok(())
}

/// The last build that staging ran before this one.
fn build_before<'a>(state: &'a ServiceState, live: &Build) -> Result<&'a Build, String> {
    let history = state.live.get(&STAGING).into_iter().flatten().rev();
    let older = history.map(|live| live.build).filter(|build| *build < live.number);
    let mut older = older.filter_map(|build| state.builds.get(&build));
    let before = older.find(|build| !build.off_trunk);
    before.ok_or_else(|| format!("staging ran no build before {}", live.number))
}

fn rollback_steps<'a>(state: &'a ServiceState, build: &Build) -> Result<&'a [StepSpec], String> {
    let number = build.number;
    let recipe = state.recipe(number);
    let steps = recipe.and_then(|recipe| recipe.steps(STAGING, DeploymentKind::Rehearsal));
    let steps = steps.ok_or_else(|| format!("the record has no rollback steps of {number}"))?;
    if steps.is_empty() {
        return Err(format!("{number} declares no rollback steps"));
    }
    if let Some(step) = steps.iter().find(|step| step.remote().is_some()) {
        return Err(format!(
            "step {} runs at another engine, and a rehearsal runs only steps of this machine",
            step.name
        ));
    }
    if let Some(step) = steps.iter().find(|step| step.target.is_some()) {
        return Err(format!("step {} is for a target of production", step.name));
    }
    Ok(steps)
}

fn request(
    build: &Build,
    previous: &Build,
    kind: DeploymentKind,
    steps: &[StepSpec],
) -> DeploymentRequest {
    DeploymentRequest {
        build: build.number,
        sha: build.sha.clone(),
        environment: STAGING,
        kind,
        previous: Some(previous.number),
        previous_sha: Some(previous.sha.clone()),
        steps: steps.to_vec(),
        schema: None,
        schema_trouble: None,
        migrations: None,
        cancels: None,
        retries: None,
        findings: Vec::new(),
        overrides: BTreeMap::new(),
        presser: None,
        by_trunk: false,
    }
}

impl ServiceState {
    /// Whether staging does not come forward: what had to bring it there after a rehearsal did not succeed. Also one that
    /// could not begin leaves another build there than people think.
    pub(super) fn stays_back(&self, made: &super::deployment::Deployment) -> bool {
        let is_over = made.ended.is_some() && !made.succeeded();
        let is_return = made.request.kind == DeploymentKind::Return;
        is_over && is_return && !self.has_nothing_to_return_from(made)
    }

    /// Whether a deployment brings staging forward after a rehearsal that never began, so that nothing has to come forward.
    #[must_use]
    pub fn has_nothing_to_return_from(&self, made: &super::deployment::Deployment) -> bool {
        let mut before = self.deployments.range(..made.id).rev().map(|(_, before)| before);
        let rehearsal = before.find(|before| before.request.kind == DeploymentKind::Rehearsal);
        made.request.kind == DeploymentKind::Return
            && rehearsal.is_some_and(|r| r.ended.is_some() && r.started_at.is_none())
    }
}

//! The builds that a plan is about: where an action leads.

use super::retry;
use crate::domain::command::{Action, Refusal};
use crate::domain::deployment::Deployment;
use crate::domain::event::DeploymentKind;
use crate::domain::ids::{BuildNumber, Environment, Sha};
use crate::domain::remedy::Remedy;
use crate::domain::service::ServiceState;
use crate::domain::way_back::{self, WayBack};

/// The builds that a plan is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoints {
    pub environment: Environment,
    /// What is live there.
    pub live: Option<BuildNumber>,
    /// For a rollback, the newest build that may run: the live one, or one whose deployment runs or did not succeed.
    /// Otherwise, the live one.
    pub newest: Option<BuildNumber>,
    pub target: BuildNumber,
    pub kind: DeploymentKind,
}

impl Endpoints {
    /// Whether it takes commits away: a rollback, or a retry of a build that is older than what staging runs.
    #[must_use]
    pub fn goes_back(&self) -> bool {
        let is_older = self.live.is_some_and(|live| self.target < live);
        self.kind == DeploymentKind::Rollback || self.kind == DeploymentKind::Retry && is_older
    }

    /// The two commits of the range, `(from, to)`: live to target, or target to newest where it goes back.
    #[must_use]
    pub fn range<'a>(&self, state: &'a ServiceState) -> Option<(Option<&'a Sha>, &'a Sha)> {
        let sha = |number: BuildNumber| state.builds.get(&number).map(|build| &build.sha);
        let newest = self.newest.and_then(sha);
        let target = sha(self.target)?;
        match newest {
            Some(newest) if self.goes_back() => Some((Some(target), newest)),
            live => Some((live, target)),
        }
    }

    /// The deployment that this tries again: the last one of the target there, if it did not succeed or is being cancelled.
    #[must_use]
    pub fn retries<'a>(&self, state: &'a ServiceState) -> Option<&'a Deployment> {
        let is_rollback = |kind| kind == DeploymentKind::Rollback;
        let last = state.last_of(self.target, self.environment)?;
        let is_same = is_rollback(last.request.kind) == is_rollback(self.kind);
        let is_over = last.ended.is_some() || last.cancel.is_some();
        (is_same && is_over && !last.succeeded()).then_some(last)
    }
}

/// Resolves an action to its builds.
///
/// # Errors
/// [`Refusal::NotFound`] when the build does not exist, when there is no build to roll back to, or nothing to try again.
pub fn endpoints(state: &ServiceState, action: Action) -> Result<Endpoints, Refusal> {
    let environment = match action {
        Action::Retry { environment, .. } => environment,
        Action::Promote { .. } | Action::Rollback { .. } | Action::RollbackByTrunk { .. } => {
            Environment::Production
        }
    };
    let live = state.live(environment).map(|live| live.build);
    let (target, kind) = match action {
        Action::Promote { build } => (build, retry::promote_of(build, live)),
        Action::Retry { build, environment: Environment::Production } => {
            (build, retry::in_production(state, build, live)?)
        }
        Action::Retry { build, .. } => (build, DeploymentKind::Retry),
        Action::Rollback { to } | Action::RollbackByTrunk { to } => {
            let target = match to {
                Some(build) => build,
                None => default_target(state)?,
            };
            (target, DeploymentKind::Rollback)
        }
    };
    if state.builds.contains_key(&target) {
        let newest = match kind {
            DeploymentKind::Rollback => live.max(attempted_build(state)).max(newest_apart(state)),
            _ => live,
        };
        Ok(Endpoints { environment, live, newest, target, kind })
    } else {
        Err(no_build(target))
    }
}

pub(super) fn no_build(number: BuildNumber) -> Refusal {
    Refusal::not_found(format!("there is no build {number}"))
}

/// The target of a rollback that names none.
fn default_target(state: &ServiceState) -> Result<BuildNumber, Refusal> {
    let WayBack { to, skipped } = state.way_back();
    to.ok_or_else(|| {
        if skipped.is_empty() && state.is_live_unknown() {
            let sentence = "what production runs is not known, so there is nothing to roll back to";
            return Refusal::not_found(sentence).with(Remedy::Adopt { commit: None });
        }
        if skipped.is_empty() {
            return Refusal::not_found(no_rollback_target(state));
        }
        let refusal = Refusal::not_found(format!(
            "no build that was live before is good to roll back to: {}",
            way_back::named(&skipped)
        ));
        let has_steps =
            |build: &BuildNumber| state.builds.get(build).is_none_or(|build| !build.no_way_back);
        match skipped.iter().map(|skip| skip.build).find(has_steps) {
            Some(to) => refusal.with(Remedy::RollBack { to }),
            None => refusal,
        }
    })
}

/// Why there is no build to roll back to. Names who put the live build there: in an emergency somebody else may have
/// rolled back first.
fn no_rollback_target(state: &ServiceState) -> String {
    let Some(live) = state.live(Environment::Production) else {
        return "nothing to roll back: production has no live build yet".into();
    };
    let oldest = format!(
        "nothing to roll back to: {} is the oldest build that was ever live in production",
        live.build
    );
    match state.deployments.get(&live.deployment) {
        Some(made) if made.is_stated() || made.is_said() => {
            format!("{oldest}; {} ({})", made.in_words(), made.id)
        }
        Some(made) => format!("{oldest}; the {} ({}) put it live", made.in_words(), made.id),
        None => oldest,
    }
}

/// The newest build that a production deployment brings, or may have brought in part, since the last one that succeeded:
/// after a promote that failed, a rollback that fails too takes nothing of it away.
fn attempted_build(state: &ServiceState) -> Option<BuildNumber> {
    let running = state.in_flight(Environment::Production);
    let last = running.or(state.unsettled(Environment::Production))?;
    let attempts = state.attempts().map(|attempt| attempt.request.build);
    attempts.chain([last.request.build]).max()
}

/// The newest build that a target of production runs, where they differ.
fn newest_apart(state: &ServiceState) -> Option<BuildNumber> {
    let apart = state.targets_apart(Environment::Production).iter();
    apart.filter_map(|target| target.build.max(target.doubt)).max()
}

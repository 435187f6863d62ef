//! What a plan says of a way back that was tried, was not, or failed.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Endpoints, Finding, Guard, Plan, PlanInput, Severity, finding};
use crate::domain::build::Build;
use crate::domain::command::Action;
use crate::domain::deployment::DeploymentState;
use crate::domain::event::DeploymentKind;
use crate::domain::ids::{BuildNumber, DeploymentId, Environment};
use crate::domain::needs::NeedStanding;
use crate::domain::remedy::Remedy;
use crate::domain::schema::Verdict;
use crate::domain::time::{between, say};
use crate::domain::tried::{TriedWayBack, Trust};

/// A rollback that failed, and the ways that are left: the same once more, the good build before, or by hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AfterFailure {
    pub deployment: DeploymentId,
    /// Where it went.
    pub to: BuildNumber,
    pub at: DateTime<Utc>,
    /// `failed`, `interrupted` or `cancelled`.
    pub state: DeploymentState,
    /// The step at which it ended, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// The good build before its target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<BuildNumber>,
    /// How the schema is for that build.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before_verdict: Option<Verdict>,
}

impl AfterFailure {
    /// `rollback to #20 FAILED 12s ago at fetch-image`.
    #[must_use]
    pub fn sentence(&self, now: DateTime<Utc>) -> String {
        let at = self.step.as_ref().map_or_else(String::new, |step| format!(" at {step}"));
        let (how, ago) = (self.state.as_str().to_uppercase(), say(between(self.at, now)));
        format!("rollback to {} {how} {ago} ago{at}", self.to)
    }

    /// The good build before, and how the schema is for it: `#19, the good build before (schema SAFE)`.
    #[must_use]
    pub fn other_way(&self) -> Option<String> {
        let before = self.before?;
        let verdict = self.before_verdict.as_ref();
        let verdict = verdict.map_or_else(String::new, |v| format!(" ({})", v.outlook.as_str()));
        Some(format!("{before}, the good build before{verdict}"))
    }
}

impl Finding {
    /// Whether it says no more than [`AfterFailure`].
    #[must_use]
    pub fn is_of_failure(&self) -> bool {
        self.guard == Guard::WayBack && self.sentence.starts_with(THE_ROLLBACK)
    }
}

impl Plan {
    /// Warns of what the rollback steps need and is not known to be there: before a rollback, and before a promote that may
    /// need one. It blocks neither.
    pub fn note_needs(&mut self, needs: &[NeedStanding]) {
        let kinds = [DeploymentKind::Rollback, DeploymentKind::Promote];
        let sentences = needs.iter().filter_map(NeedStanding::sentence);
        let sentences = sentences.filter(|_| kinds.contains(&self.kind));
        let warn = |said| finding(Guard::WayBack, Severity::Warn, upper(said));
        self.findings.extend(sentences.map(warn));
    }
}

/// A clause as a sentence.
fn upper(mut clause: String) -> String {
    if let Some(first) = clause.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    clause
}

/// How the finding about a rollback that failed begins.
const THE_ROLLBACK: &str = "The rollback to ";

/// The rollback that failed before this one.
pub(super) fn failure(input: PlanInput<'_>, ends: &Endpoints) -> Option<AfterFailure> {
    let failed = input.state.failed_rollback().filter(|_| is_rollback(ends))?;
    let deployment = failed.deployment;
    Some(AfterFailure {
        deployment: deployment.id,
        to: deployment.request.build,
        at: deployment.ended.as_ref()?.at,
        state: deployment.state(),
        step: deployment.failed_step().map(str::to_owned),
        before: failed.before,
        before_verdict: failed.before.map(|before| input.state.verdict(before)),
    })
}

fn is_rollback(ends: &Endpoints) -> bool {
    ends.kind == DeploymentKind::Rollback
}

/// Whether the rollback of this plan was tried, or that after its promote.
pub(super) fn of(input: PlanInput<'_>, ends: &Endpoints) -> Option<TriedWayBack> {
    match ends.kind {
        DeploymentKind::Rollback => Some(input.state.tried_way_back(Some(input.steps))),
        DeploymentKind::Promote => after_promote(input, ends.target),
        _ => None,
    }
}

/// `None` if no build is there to go back to.
fn after_promote(input: PlanInput<'_>, target: BuildNumber) -> Option<TriedWayBack> {
    let live = input.state.live(Environment::Production).map(|live| live.build);
    let to = input.state.way_back_from(live.filter(|live| *live != target)?).to?;
    Some(input.state.tried_way_back(input.state.recorded_rollback(to)))
}

/// That nothing speaks for the way back after a promote. It asks for no reason.
pub(super) fn on_promote(
    input: PlanInput<'_>,
    target: &Build,
    now: DateTime<Utc>,
) -> Option<Finding> {
    let tried = after_promote(input, target.number)?;
    let last = tried.last.as_ref();
    let ago = last.map_or_else(String::new, |last| say(between(last.at, now)));
    let id = last.map_or_else(String::new, |last| last.deployment.to_string());
    let sentence = match tried.trust(now) {
        Trust::Proven => return None,
        Trust::Never => "The way back was never tried: no rollback ran here yet".to_owned(),
        Trust::Old => format!("The way back was last tried {ago} ago ({id})"),
        Trust::Unheard => {
            format!("The rollback steps worked {ago} ago ({id}); no target was heard since")
        }
        Trust::Untargeted => format!(
            "The rollback steps were rehearsed {ago} ago ({id}) without the targets that a rollback takes"
        ),
        Trust::Changed if tried.changed.is_none() => {
            format!(
                "Whether the rollback steps are those that worked {ago} ago ({id}) is not known"
            )
        }
        Trust::Changed => format!("The rollback steps changed since they worked {ago} ago ({id})"),
        Trust::Failed => {
            format!("The way back did not work when it was last tried ({id}): {}", tried.at(now))
        }
    };
    Some(finding(Guard::WayBack, Severity::Warn, sentence))
}

/// That not the steps of the build run.
pub(super) fn by_trunk(action: Action, target: BuildNumber) -> Option<Finding> {
    let sentence =
        format!("Runs the rollback steps of the trunk, not those of {target}, in its files");
    let is_by_trunk = matches!(action, Action::RollbackByTrunk { .. });
    is_by_trunk.then(|| finding(Guard::WayBack, Severity::Warn, sentence))
}

/// After a rollback that failed, that the same may fail once more, and what else there is.
pub(super) fn after_failure(
    input: PlanInput<'_>,
    target: BuildNumber,
    now: DateTime<Utc>,
) -> Option<Finding> {
    let failed = input.state.failed_rollback()?;
    let (to, id) = (failed.deployment.request.build, failed.deployment.id);
    if target != to {
        return None;
    }
    let ended = failed.deployment.ended.as_ref()?;
    let ago = say(between(ended.at, now));
    let step = failed.deployment.failed_step();
    let at = step.map_or_else(String::new, |step| format!(" at {step}"));
    let how = failed.deployment.state().as_str();
    let other = match failed.before {
        Some(before) => format!("the good build before is {before}"),
        None => "no good build is before it".to_owned(),
    };
    let sentence = format!(
        "{THE_ROLLBACK}{to} {how} {ago} ago{at} ({id}), and may again; {other}; or do it by hand"
    );
    let remedy = failed.before.map(|to| Remedy::RollBack { to });
    Some(finding(Guard::WayBack, Severity::Warn, sentence).with(remedy))
}

//! The state of one service: a pure fold over its events. The state is never stored.

mod answered;
mod checklist;
mod reads;
mod targets;
mod watched;
mod waves;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::build::{Build, Verification};
use super::deployment::{Cancel, Deployment, Ended, StepState};
use super::event::{DeploymentKind, DeploymentRequest, Event, Fact, Outcome};
use super::ids::{BuildNumber, DeploymentId, Environment, Seq, Sha};
use super::incident::Incidents;
use super::live_source::AskedOf;
use super::policy::VerifyBy;
use super::quarantine::{Descents, Quarantined, Trunk};
use super::recent_notes::RecentNotes;
use super::recipe::Recipe;
use super::remote::{FoundBy, SentRun};
use super::request::Request;
use super::retention::RetentionRule;
use super::said::LastSaid;
use super::schema::{SchemaHistory, SharedChange};
use super::sightings::Sightings;
use super::statement::Statement;
use super::stops::{Freeze, Hold};
use super::target::{TargetName, TargetStanding};
use super::undeployed::Undeployed;
use super::variables::VariableDigests;
use super::watch::Watches;

/// What an environment runs, by the last deployment that succeeded there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Live {
    pub build: BuildNumber,
    pub deployment: DeploymentId,
    pub since: DateTime<Utc>,
}

/// Why the service file of a build cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UndeployableBuild {
    pub why: String,
    /// Whether that also keeps it from staging.
    pub in_staging: bool,
}

/// The state of one service after its events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServiceState {
    pub builds: BTreeMap<BuildNumber, Build>,
    pub deployments: BTreeMap<DeploymentId, Deployment>,
    /// The deployments that are queued or running.
    open: BTreeSet<DeploymentId>,
    /// The builds with no staging deployment that no newer build has superseded.
    pub(super) waiting: BTreeSet<BuildNumber>,
    /// What each environment ran, oldest first. The last entry is live now.
    pub live: BTreeMap<Environment, Vec<Live>>,
    /// What each target of an environment has, where its steps deploy to several.
    targets: BTreeMap<Environment, Vec<TargetStanding>>,
    /// The environments whose last deployment to end left their targets with different builds.
    apart: BTreeSet<Environment>,
    /// The targets that are in doubt by nothing but an answer of the service.
    doubted_by_answer: BTreeSet<(Environment, TargetName)>,
    /// After which deployment the targets of an environment were last heard themselves.
    heard_after: BTreeMap<Environment, Option<DeploymentId>>,
    /// The targets that answered since the last deployment that they were heard after.
    answering: BTreeMap<Environment, BTreeSet<TargetName>>,
    pub holds: BTreeMap<Environment, Hold>,
    /// The quarantined commits by their sha.
    pub quarantine: BTreeMap<Sha, Quarantined>,
    /// The parent of each build.
    pub(super) descents: Descents,
    /// Whether the trunk was force-pushed since the newest build.
    pub(super) trunk: Trunk,
    /// The schema changes that promotes may have made in production and that older code may break on.
    pub schema: SchemaHistory,
    /// What each build needs to be deployed, where it is recorded. Builds with the same share it.
    pub(super) recipes: BTreeMap<BuildNumber, Arc<Recipe>>,
    /// The builds whose service file cannot be used, by what the engine read where no recipe is recorded. No event
    /// records them: the engine sets them.
    pub unusable: BTreeMap<BuildNumber, UndeployableBuild>,
    /// Whether the steps at the trunk's tip roll every build back, as all of them run at other engines. No event records it:
    /// the engine sets it.
    pub rolled_back_by_trunk: bool,
    /// The schema changes of other services on the same database, oldest first. No event of this service records
    /// them: the engine sets them.
    pub shared_changes: Vec<SharedChange>,
    /// The last requests for a promoter, oldest first, closed and expired ones included.
    pub requests: Vec<Request>,
    /// The freezes set by hand that were not lifted, past ones included.
    pub freezes: Vec<Freeze>,
    /// For each environment, the last deployment to end of those that started. The order is that of the events, not of
    /// a clock. A deployment that never started did not change the environment; one that had to bring staging forward
    /// after a rehearsal left it behind.
    pub last_ended: BTreeMap<Environment, DeploymentId>,
    /// For each environment, the last deployment whose steps took values from the engine's own environment.
    pub variables: BTreeMap<Environment, (DeploymentId, VariableDigests)>,
    /// The last statement of what production runs.
    pub statement: Option<Statement>,
    /// All statements of what production runs. Each counts as a deployment, and deployed nothing.
    pub adoptions: BTreeSet<DeploymentId>,
    /// For each restore of the record from a copy, what stands for the unknown that production ran since. Each counts as a
    /// deployment, and deployed nothing.
    pub restores: BTreeSet<DeploymentId>,
    /// What was seen of other engines.
    pub(super) sightings: Sightings,
    /// What the service itself said last that its environments run.
    pub(super) said: BTreeMap<Environment, LastSaid>,
    /// The deployments after which the service went on to say another build, so that they took no effect.
    pub(super) contradicted: BTreeSet<DeploymentId>,
    /// The rehearsals that began while no target of staging was known.
    pub(super) untargeted: BTreeSet<DeploymentId>,
    /// The builds that CI did not bring to staging, where it deploys there. No event records it: the engine sets it.
    pub undeployed: BTreeMap<BuildNumber, Undeployed>,
    /// Why the service could not be asked what an environment runs. No event records it: the engine sets it.
    pub unread: BTreeMap<Environment, String>,
    /// The environments of which the last question got no answer at all, so that it is not known what any part of them runs.
    /// No event records it: the engine sets it.
    pub unanswered: BTreeSet<Environment>,
    /// The environments of which the last question was long in vain: nobody answered it, and it took its time to tell so. No
    /// event records it: the engine sets it.
    pub hanging: BTreeSet<Environment>,
    /// Since when the engine looks without a gap: its start, or when the machine woke up or its clock was set. No event
    /// records it: the engine sets it.
    pub looking_since: Option<DateTime<Utc>>,
    /// Who is asked what production runs, once the service file is read. No event records it: the engine sets it.
    pub asked_of_production: Option<AskedOf>,
    /// The same of staging.
    pub asked_of_staging: Option<AskedOf>,
    /// When and why the logs of deployments were removed.
    pub removed_runs: BTreeMap<DeploymentId, (DateTime<Utc>, RetentionRule)>,
    /// The runs of steps that nobody waits for any more although they may still change something, oldest first.
    pub given_up: Vec<(DeploymentId, usize)>,
    /// The runs of open deployments that are being cancelled and whose engine itself keeps a rollback behind them. No event
    /// records it: the engine sets it.
    pub making_way: BTreeSet<(DeploymentId, usize)>,
    /// The branch that was the trunk when the newest build was found, if that is recorded.
    pub branch: Option<String>,
    /// The newest commit seen on the trunk.
    pub tip: Option<Sha>,
    /// What was looked at after deployments.
    pub watches: Watches,
    /// The last changes beside the deployments.
    pub notes: RecentNotes,
    /// What hurt users or might have, and what rollbacks ask.
    pub incidents: Incidents,
    pub last_seq: Seq,
}

impl ServiceState {
    /// Applies one event. An event that was applied before changes nothing.
    pub fn apply(&mut self, event: &Event) {
        if event.seq <= self.last_seq {
            return;
        }
        self.last_seq = event.seq;
        self.expire_requests(event.at);
        match &event.fact {
            Fact::BuildFound { .. } => self.build_found(event),
            Fact::TrunkRewritten { to, off_trunk, onto, .. } => {
                self.trunk_rewritten(event.at, to, off_trunk);
                self.trunk = Trunk::Rewritten { onto: *onto };
            }
            Fact::DeploymentRequested(request) => self.requested(event, request),
            Fact::DeploymentStarted { deployment, variables } => {
                self.started(event, *deployment, variables.as_ref());
            }
            Fact::StepStarted { deployment, step, .. } => {
                self.step(*deployment, *step, |_| StepState::Running { since: event.at });
            }
            Fact::RunSent { .. } | Fact::RunFound { .. } | Fact::RunWaits { .. } => {
                self.run_elsewhere(event);
            }
            Fact::StepEnded { .. } => self.step_ended(event),
            Fact::CancelRequested { deployment, reason } => self.change(*deployment, |d| {
                d.cancel =
                    Some(Cancel { by: event.actor.clone(), at: event.at, reason: reason.clone() });
            }),
            Fact::DeploymentEnded { deployment, outcome } => {
                self.ended(event.at, *deployment, outcome);
            }
            Fact::DeploymentObserved(seen) => self.observed(event, seen),
            Fact::UnknownObserved(seen) => self.unknown_observed(event, seen),
            Fact::ObservedEnded { deployment, outcome, at } => {
                self.sighting_ended(*deployment, *at);
                self.ended(*at, *deployment, outcome);
                self.late_run_ended(*deployment);
            }
            Fact::LiveSaid(said) => self.live_said(event, said),
            Fact::TargetsSaid(said) => self.targets_answered(event, said),
            Fact::BuildVerified { build, note, kind } => self.verified(event, *build, note, kind),
            Fact::HoldPlaced { environment, reason, rollback, all } => {
                self.hold_placed(event, *environment, reason, (*rollback, *all));
            }
            Fact::HoldReleased { environment, reason, bad, open } => {
                self.released(*environment, open);
                self.quarantined(event, bad, reason);
            }
            Fact::CommitsQuarantined { bad, reason } => self.quarantined(event, bad, reason),
            Fact::CommitCleared { sha, .. } => drop(self.quarantine.remove(sha)),
            Fact::PromoterRequested { build, until, note } => {
                self.promoter_requested(event, *build, *until, note);
            }
            Fact::RequestWithdrawn { request, reason } => {
                self.request_withdrawn(event, *request, reason);
            }
            Fact::FreezePlaced { from, until, reason } => self.freezes.push(Freeze {
                id: event.seq,
                from: *from,
                until: *until,
                reason: reason.clone(),
                by: event.actor.clone(),
            }),
            Fact::FreezeLifted { freeze, .. } => self.freezes.retain(|f| f.id != *freeze),
            Fact::ProductionAdopted(adoption) => self.adopted(event, adoption),
            Fact::RecordRestored { head, .. } => self.record_restored(event, *head),
            Fact::RunsRemoved { deployments, rule } => {
                self.removed_runs.extend(deployments.iter().map(|id| (*id, (event.at, *rule))));
            }
            // A refusal changes no state.
            Fact::Refused { .. } => {}
            Fact::WatchBegan(_)
            | Fact::WatchSampled(_)
            | Fact::WatchTurned(_)
            | Fact::WatchEnded(_)
            | Fact::WatchSeen(_)
            | Fact::AutoRollback(_) => self.watched(event),
            Fact::Noted(note) => self.notes.take_in(event, note),
            Fact::LeftoversListed(_) | Fact::LeftoverTicked(_) | Fact::LeftoverUnticked(_) => {
                self.checklist(event);
            }
            Fact::WaveWaits(fact) => self.wave_waits(event.at, fact),
            Fact::WaveContinued(fact) => self.wave_continued(event.at, fact),
            Fact::IncidentOpened(_)
            | Fact::IncidentUpdated(_)
            | Fact::IncidentResolved(_)
            | Fact::IncidentReopened(_)
            | Fact::PostmortemWritten(_)
            | Fact::PostmortemDismissed(_)
            | Fact::UsersNotAffected(_) => self.take_in_of_incidents(event),
        }
    }

    fn started(
        &mut self,
        event: &Event,
        deployment: DeploymentId,
        variables: Option<&VariableDigests>,
    ) {
        self.change(deployment, |d| d.started_at = Some(event.at));
        let request = self.deployments.get(&deployment).map(|d| d.request.clone());
        if let Some(request) = request {
            if let Some(variables) = variables {
                self.variables.insert(request.environment, (deployment, variables.clone()));
            }
            self.record_schema_changes(&request, event.seq);
            let is_rehearsal = request.kind == DeploymentKind::Rehearsal;
            if is_rehearsal && self.targets(request.environment).is_empty() {
                self.untargeted.insert(deployment);
            }
        }
        self.targets_begin(deployment);
    }

    fn step_ended(&mut self, event: &Event) {
        let Fact::StepEnded { deployment, step, outcome, took, ended_at, .. } = &event.fact else {
            return;
        };
        self.sent(*deployment, *step, |sent| {
            sent.wait(None, event.at);
            sent.ended_at = *ended_at;
            sent.says = None;
        });
        self.step(*deployment, *step, |state| StepState::Ended {
            since: state.since().unwrap_or(event.at),
            took: *took,
            outcome: outcome.clone(),
        });
        self.note_given_up(*deployment, *step, outcome);
        self.target_ended(*deployment, *step, outcome);
    }

    fn hold_placed(
        &mut self,
        event: &Event,
        environment: Environment,
        reason: &str,
        (rollback, all): (Option<DeploymentId>, bool),
    ) {
        if let Some(rollback) = rollback.filter(|_| environment == Environment::Production) {
            self.ask_of_users(event, rollback);
        }
        let (id, by, at) = (event.seq, event.actor.clone(), event.at);
        let hold = Hold { id, by, at, reason: reason.to_owned(), rollback, all, left: None };
        self.holds.insert(environment, hold);
    }

    /// What became known of the run of a step at another engine.
    fn run_elsewhere(&mut self, event: &Event) {
        match &event.fact {
            Fact::RunSent { deployment, step, engine, key, .. } => self.change(*deployment, |d| {
                let times = d.sent(*step).map_or(0, |sent| sent.times) + 1;
                let since = d.sent(*step).map_or(event.at, |sent| sent.since);
                let (engine, key) = (engine.clone(), key.clone());
                let (step, at) = (*step, event.at);
                d.runs.retain(|sent| sent.step != step);
                let sent = SentRun {
                    step,
                    engine,
                    key,
                    since,
                    at,
                    times,
                    run: None,
                    waits: None,
                    waits_at: None,
                    ended_at: None,
                    says: None,
                    late: None,
                };
                d.runs.push(sent);
            }),
            Fact::RunFound { deployment, step, run, how, .. } => {
                self.sent(*deployment, *step, |sent| sent.run = Some(run.clone()));
                if *how == FoundBy::Late {
                    self.turned_up_late(event, *deployment, *step);
                }
            }
            Fact::RunWaits { deployment, step, waits, .. } => {
                self.sent(*deployment, *step, |sent| sent.wait(waits.clone(), event.at));
            }
            _ => {}
        }
    }

    /// What a run does that has not ended. Returns whether that is new.
    pub fn run_says(&mut self, id: DeploymentId, step: usize, says: Option<&str>) -> bool {
        let running = self.deployments.get(&id).filter(|d| d.runs_step(step));
        let known = running.and_then(|d| d.sent(step)).map(|sent| sent.says.as_deref());
        if known.is_none_or(|known| known == says) {
            return false;
        }
        self.sent(id, step, |sent| sent.says = says.map(str::to_owned));
        true
    }

    pub(super) fn sent(&mut self, id: DeploymentId, step: usize, change: impl FnMut(&mut SentRun)) {
        self.change(id, |d| {
            d.runs.iter_mut().filter(|sent| sent.step == step).for_each(change);
        });
    }

    fn build_found(&mut self, event: &Event) {
        let Fact::BuildFound { build, sha, commits, more, reverts, recipe, trunk } = &event.fact
        else {
            return;
        };
        if let Some(recipe) = recipe {
            self.record_recipe(*build, recipe);
        }
        let build = Build {
            commits: commits.clone(),
            more: *more,
            reverts: reverts.clone(),
            ..Build::new(*build, sha.clone(), event.at)
        };
        self.record_descent(build.number);
        if trunk.is_some() {
            self.branch.clone_from(trunk);
        }
        self.tip = Some(build.sha.clone());
        self.waiting.insert(build.number);
        self.builds.insert(build.number, build);
    }

    pub(super) fn record_recipe(&mut self, build: BuildNumber, recipe: &Recipe) {
        let last = self.recipes.values().next_back().filter(|last| ***last == *recipe);
        let recipe = last.cloned().unwrap_or_else(|| Arc::new(recipe.clone()));
        self.recipes.insert(build, recipe);
    }

    fn trunk_rewritten(&mut self, at: DateTime<Utc>, to: &Sha, off_trunk: &[BuildNumber]) {
        self.tip = Some(to.clone());
        self.record_off_trunk(off_trunk);
        for number in off_trunk {
            if let Some(build) = self.builds.get_mut(number) {
                build.off_trunk = true;
            }
        }
        for number in off_trunk {
            let how = format!("{number} is not on the trunk any more");
            self.supersede_requests(at, &how, |request| request.build == *number);
        }
    }

    pub(super) fn requested(&mut self, event: &Event, request: &DeploymentRequest) {
        let id = DeploymentId::from(event.seq);
        self.entered(event, request);
        match request.environment {
            // It says nothing of a build: neither that it came to staging nor how it went there.
            Environment::Staging if request.kind.is_of_rehearsal() => {}
            Environment::Staging => self.supersede_waiting(id, request.build),
            Environment::Production => self.close_requests(event, request),
        }
        if self.deployments.get(&id).is_some_and(Deployment::is_automatic) {
            self.watches.rolls_back(id);
        }
    }

    /// A deployment begins to be known.
    pub(super) fn entered(&mut self, event: &Event, request: &DeploymentRequest) {
        let id = DeploymentId::from(event.seq);
        let deployment = Deployment::requested(id, request.clone(), event.actor.clone(), event.at);
        self.deployments.insert(id, deployment);
        self.open.insert(id);
    }

    fn supersede_waiting(&mut self, id: DeploymentId, number: BuildNumber) {
        let newer = self.waiting.split_off(&number);
        for overtaken in std::mem::replace(&mut self.waiting, newer) {
            if let Some(build) = self.builds.get_mut(&overtaken) {
                build.superseded_by = Some(number);
            }
        }
        self.waiting.remove(&number);
        if let Some(build) = self.builds.get_mut(&number) {
            build.staging = Some(id);
            build.superseded_by = None;
        }
    }

    pub(super) fn ended(&mut self, at: DateTime<Utc>, id: DeploymentId, outcome: &Outcome) {
        self.open.remove(&id);
        self.watches.wave_is_over(id, at);
        let is_late = self.is_told_late(id, at);
        self.making_way.retain(|(made, _)| *made != id);
        self.change(id, |deployment| {
            deployment.ended = Some(Ended { at, outcome: outcome.clone() });
            for step in &mut deployment.steps {
                if *step == StepState::Waiting {
                    *step = StepState::Skipped;
                }
            }
        });
        let Some(deployment) = self.deployments.get(&id) else { return };
        self.watches.deployment_ended(id, deployment.state().as_str());
        if is_late {
            return;
        }
        let (environment, number) = (deployment.request.environment, deployment.request.build);
        let (kind, ended_there) = (deployment.request.kind, deployment.ended_there());
        let is_unknown = deployment.unknown_commit().is_some();
        let is_said = deployment.is_said();
        let has_begun = deployment.started_at.is_some();
        if has_begun || self.stays_back(deployment) {
            self.last_ended.insert(environment, id);
        }
        let is_whole = !has_begun || self.targets_settle(id, outcome);
        if *outcome != Outcome::Succeeded || is_unknown || !is_whole {
            return;
        }
        if environment == Environment::Production {
            self.settle_restore(kind, number);
        }
        // What a service answers has no place in the order of another engine.
        if !is_said {
            self.went_live(environment, ended_there);
        }
        let live = Live { build: number, deployment: id, since: at };
        self.live.entry(environment).or_default().push(live);
        if kind.is_of_rehearsal() {
            return;
        }
        if let (Environment::Staging, Some(build)) = (environment, self.builds.get_mut(&number)) {
            build.in_staging_since = Some(at);
        }
    }

    fn verified(&mut self, event: &Event, build: BuildNumber, note: &str, kind: &VerifyBy) {
        if let Some(build) = self.builds.get_mut(&build) {
            build.verifications.retain(|verification| verification.kind != *kind);
            build.verifications.push(Verification {
                seq: event.seq,
                kind: kind.clone(),
                by: event.actor.clone(),
                at: event.at,
                note: note.to_owned(),
            });
        }
    }

    pub(super) fn change(&mut self, id: DeploymentId, change: impl FnOnce(&mut Deployment)) {
        if let Some(deployment) = self.deployments.get_mut(&id) {
            change(deployment);
        }
    }

    fn step(&mut self, id: DeploymentId, step: usize, next: impl FnOnce(&StepState) -> StepState) {
        self.change(id, |deployment| {
            if let Some(state) = deployment.steps.get_mut(step) {
                *state = next(state);
            }
        });
    }
}

impl StepState {
    fn since(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::Running { since } | Self::Ended { since, .. } => Some(*since),
            Self::Waiting | Self::Skipped => None,
        }
    }
}

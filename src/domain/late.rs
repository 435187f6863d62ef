//! Runs at other engines that were given up, since nobody could tell what became of them, and that turn up afterwards.

use super::deployment::{Cancel, Deployment, SeenRun};
use super::event::{Event, StepOutcome};
use super::ids::DeploymentId;
use super::people::Actor;
use super::remote::SentRun;
use super::service::ServiceState;

/// The most runs of a service that are looked for after they were given up.
const MOST_GIVEN_UP: usize = 16;

/// The login under which a late run is listed: it was started by trunkline's own request.
pub const LATE_LOGIN: &str = "trunkline";

/// A run that turned up late and has not ended.
#[derive(Debug, Clone, Copy)]
pub struct LateRun<'a> {
    /// The deployment whose step it was.
    pub of: &'a Deployment,
    pub sent: &'a SentRun,
    /// The deployment that it counts as.
    pub counts_as: &'a Deployment,
}

impl ServiceState {
    /// The runs that turned up late and have not ended, oldest first.
    pub fn late_runs(&self) -> impl Iterator<Item = LateRun<'_>> {
        self.given_up.iter().filter_map(|(id, step)| {
            let of = self.deployments.get(id)?;
            let sent = of.sent(*step)?;
            let counts_as = self.deployments.get(&sent.late?)?;
            counts_as.is_open().then_some(LateRun { of, sent, counts_as })
        })
    }

    /// A step ended without anybody knowing what became of its run.
    pub(super) fn note_given_up(&mut self, id: DeploymentId, step: usize, outcome: &StepOutcome) {
        let is_sent = self.deployments.get(&id).is_some_and(|d| d.sent(step).is_some());
        if !is_sent || !matches!(outcome, StepOutcome::Unfound(_)) {
            return;
        }
        if self.given_up.len() == MOST_GIVEN_UP {
            self.given_up.remove(0);
        }
        self.given_up.push((id, step));
    }

    /// It counts as a deployment of another engine that has not begun. It is being cancelled.
    pub(super) fn turned_up_late(&mut self, event: &Event, id: DeploymentId, step: usize) {
        let late = DeploymentId::from(event.seq);
        let Some(of) = self.deployments.get(&id) else { return };
        let (environment, build) = (of.request.environment, of.request.build);
        let sha = of.request.sha.clone();
        let seen = of.sent(step).and_then(|sent| Some((sent.engine.clone(), sent.run.clone()?)));
        let seen = seen.map(|(engine, run)| {
            let (engine, page, unknown) = (Some(engine), run.page, None);
            Box::new(SeenRun { engine, run: run.id, page, unknown, ..SeenRun::default() })
        });
        self.external(event, environment, (build, &sha), event.at);
        self.change(late, |deployment| {
            deployment.started_at = None;
            deployment.seen = seen;
            let reason = format!("its run was given up in {id} and turned up late");
            deployment.cancel = Some(Cancel { by: Actor::System, at: event.at, reason });
        });
        self.sent(id, step, |sent| sent.late = Some(late));
    }

    pub(super) fn late_run_ended(&mut self, ended: DeploymentId) {
        let deployments = &self.deployments;
        self.given_up.retain(|(id, step)| {
            let sent = deployments.get(id).and_then(|deployment| deployment.sent(*step));
            sent.is_none_or(|sent| sent.late != Some(ended))
        });
    }
}

//! What a service itself says that its environments run, and where that is another build than the record's.

use super::deployment::{Deployment, SeenRun};
use super::event::{Event, LiveSaid, Outcome, SaidCommit, UnknownCommit};
use super::ids::{BuildNumber, DeploymentId, Environment, Sha};
use super::live_source::THE_COMMAND;
use super::people::Actor;
use super::service::{Live, ServiceState};

/// Who says it, as an actor at a host.
pub const THE_SERVICE: &str = "the service";

/// What a service said last of an environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastSaid {
    pub host: String,
    pub says: SaidCommit,
    /// As what it counts, if it was another build than the record's.
    deployment: Option<DeploymentId>,
    /// The build of the record before it.
    record: Option<BuildNumber>,
}

/// A service runs another build than the record says, and nobody has said that they saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveDrift {
    pub environment: Environment,
    pub build: BuildNumber,
    pub sha: Sha,
    /// What the record says.
    pub record: BuildNumber,
    pub by: Actor,
}

impl LiveDrift {
    /// `production runs #1288 (the service at shop.example says so); trunkline's record says #1290`.
    #[must_use]
    pub fn sentence(&self) -> String {
        said_instead(self.environment, self.build, self.record, &self.by)
    }
}

/// The sentence of a drift.
#[must_use]
pub fn said_instead(
    environment: Environment,
    build: BuildNumber,
    record: BuildNumber,
    by: &Actor,
) -> String {
    format!("{environment} runs {build} ({by} says so); trunkline's record says {record}")
}

/// Who answers at a host, or the command that tells it.
#[must_use]
pub fn service_at(host: &str) -> Actor {
    if host.starts_with(THE_COMMAND) {
        return Actor::External { login: host.to_owned(), engine: "trunkline".to_owned() };
    }
    Actor::External { login: THE_SERVICE.to_owned(), engine: host.to_owned() }
}

impl ServiceState {
    /// What the service said last of an environment, as it was recorded.
    #[must_use]
    pub fn last_said(&self, environment: Environment) -> Option<&LastSaid> {
        self.said.get(&environment)
    }

    /// Whether an answer is another than the record, so that it counts. After a deployment that went wrong the doubt stays:
    /// one that answers does not say that all of it works. A doubt that an answer left is open to the next one.
    #[must_use]
    pub fn is_moved_by(&self, environment: Environment, says: &SaidCommit) -> bool {
        self.is_moved_in_doubt(self.unsettled(environment), environment, says)
    }

    /// The same of an answer that all targets give: it ends a doubt that is of nothing but that they differ.
    #[must_use]
    pub fn is_moved_by_all(&self, environment: Environment, says: &SaidCommit) -> bool {
        let is_apart = |doubt: &&Deployment| doubt.succeeded() && doubt.unknown_commit().is_none();
        let doubt = self.unsettled(environment).filter(|doubt| !is_apart(doubt));
        self.is_moved_in_doubt(doubt, environment, says)
    }

    fn is_moved_in_doubt(
        &self,
        doubt: Option<&Deployment>,
        environment: Environment,
        says: &SaidCommit,
    ) -> bool {
        let is_of_restore = |id| self.restores.contains(&id);
        let is_final = |doubt: &Deployment| {
            doubt.unknown_commit().is_none() && !doubt.is_said() && !is_of_restore(doubt.id)
        };
        if doubt.is_some_and(is_final) {
            return false;
        }
        match says {
            SaidCommit::Unknown(commit) => {
                doubt.and_then(|doubt| doubt.unknown_commit()) != Some(commit)
            }
            SaidCommit::Build { build, .. } => {
                let live = self.live(environment).map(|live| live.build);
                let is_doubtful = doubt.is_some_and(|doubt| !is_known_answer(doubt));
                let is_unknown = is_doubtful || self.is_unknown_since_restore(environment);
                is_unknown || live != Some(*build)
            }
        }
    }

    /// Whether a deployment that succeeded took no effect, by the word of the service.
    #[must_use]
    pub fn is_contradicted(&self, deployment: DeploymentId) -> bool {
        self.contradicted.contains(&deployment)
    }

    /// Where the service itself says that another build runs than the record does. Over when something is deployed, or a
    /// person states what runs.
    #[must_use]
    pub fn drift(&self, environment: Environment) -> Option<LiveDrift> {
        let said = self.said.get(&environment)?;
        let live = self.live(environment)?;
        let record = said.record.filter(|record| *record != live.build)?;
        let is_in_doubt = self.unsettled(environment).is_some_and(|doubt| !is_known_answer(doubt));
        if said.deployment != Some(live.deployment) || is_in_doubt {
            return None;
        }
        let SaidCommit::Build { build, sha, .. } = &said.says else { return None };
        let (build, sha, by) = (*build, sha.clone(), service_at(&said.host));
        Some(LiveDrift { environment, build, sha, record, by })
    }

    /// What went live there last by the record, answers of the service left out.
    #[must_use]
    pub fn recorded_live(&self, environment: Environment) -> Option<&Live> {
        let is_said = |live: &&Live| {
            let deployment = self.deployments.get(&live.deployment);
            deployment.is_some_and(Deployment::is_said)
        };
        self.live.get(&environment)?.iter().rev().find(|live| !is_said(live))
    }

    /// One that is another than the record counts as a deployment that somebody made outside of trunkline.
    pub(super) fn live_said(&mut self, event: &Event, said: &LiveSaid) {
        let LiveSaid { environment, host, says } = said;
        let record = self.recorded_live(*environment).map(|live| live.build);
        let deployment =
            self.is_moved_by(*environment, says).then(|| DeploymentId::from(event.seq));
        if deployment.is_some() {
            self.note_contradicted(*environment);
            self.moved_by_answer(event, *environment, says);
        }
        let (host, says) = (host.clone(), says.clone());
        self.said.insert(*environment, LastSaid { host, says, deployment, record });
    }

    /// What ended last there took no effect, unless the service said before that it runs its build: then somebody moved it.
    fn note_contradicted(&mut self, environment: Environment) {
        let before = self.said.get(&environment).and_then(|said| said.says.build());
        let last = self.last_ended(environment).filter(|last| last.succeeded() && !last.is_said());
        let last = last.filter(|last| before != Some(last.request.build)).map(|last| last.id);
        self.contradicted.extend(last);
    }

    fn moved_by_answer(&mut self, event: &Event, environment: Environment, says: &SaidCommit) {
        let (id, unknown) = (DeploymentId::from(event.seq), unknown(says).cloned());
        let (build, sha) = match says {
            SaidCommit::Build { build, sha, older } => {
                if let Some(older) = older {
                    self.became_a_build(event, (*build, sha), older);
                }
                (*build, sha.clone())
            }
            SaidCommit::Unknown(_) => {
                let before = self.live_build(environment).or_else(|| self.newest_build());
                let Some(before) = before else { return };
                (before.number, before.sha.clone())
            }
        };
        let request = self.external_request(environment, (build, &sha));
        match unknown {
            None => self.requested(event, &request),
            Some(_) => self.entered(event, &request),
        }
        let run = SeenRun { said: true, unknown, ..SeenRun::default() };
        self.change(id, |deployment| {
            deployment.started_at = Some(event.at);
            deployment.seen = Some(Box::new(run));
        });
        self.external_changed_schema(event);
        // The clock may have been set back since; the answer counts all the same.
        let since = self.live(environment).map(|live| live.since);
        let at = since.map_or(event.at, |since| since.max(event.at));
        self.ended(at, id, &Outcome::Succeeded);
    }
}

/// Whether it is an answer of the service, of a build.
fn is_known_answer(deployment: &Deployment) -> bool {
    deployment.is_said() && deployment.unknown_commit().is_none()
}

fn unknown(says: &SaidCommit) -> Option<&UnknownCommit> {
    match says {
        SaidCommit::Unknown(commit) => Some(commit),
        SaidCommit::Build { .. } => None,
    }
}

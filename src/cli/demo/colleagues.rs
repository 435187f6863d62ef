//! The colleagues in the demo: they put the first builds live and go on merging while you watch.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use color_eyre::eyre::eyre;
use tokio::time::{Instant, sleep};

use super::presence::DemoPresence;
use super::repository;
use super::story::OPENING;
use crate::backend::Backend;
use crate::cli::error::CliError;
use crate::domain::build::BuildState;
use crate::domain::command::{Action, Command};
use crate::domain::ids::{BuildNumber, IdempotencyKey, ServiceName};
use crate::domain::plan::{Guard, Severity};
use crate::domain::snapshot::ServiceSnapshot;

/// How long one thing in the demo may take before the colleagues stop waiting for it.
const PATIENCE: Duration = Duration::from_mins(1);
/// The time between two merges once the demo is open.
const BETWEEN_MERGES: Duration = Duration::from_secs(40);
/// After so many merges they go home.
const MERGES: usize = 40;
/// How often they look at a plan before they give up.
const LOOKS: usize = 5;
/// How often they look whether you are there.
const GLANCE: Duration = Duration::from_secs(1);

/// Two colleagues who press, and the repository that they merge into.
pub struct Colleagues<B> {
    pub moira: B,
    pub sam: B,
    /// The demo's folder.
    pub folder: PathBuf,
    pub presence: DemoPresence,
}

impl<B: Backend> Colleagues<B> {
    /// Works until they go home. What goes wrong here is not worth more than a line in the engine's log.
    pub async fn work(self) {
        if let Err(failure) = self.story().await {
            tracing::warn!(?failure, "the demo's colleagues stopped");
        }
    }

    async fn story(&self) -> Result<(), CliError> {
        let service = self.service().await?;
        self.open(&service).await?;
        for _ in 0..MERGES {
            if self.merged() >= OPENING.len() {
                self.pause().await;
            }
            let build = self.merge(&service).await?;
            tracing::info!(%build, "a colleague merged");
        }
        Ok(())
    }

    /// The first two builds go live, so that there is something to promote onto and something to roll back to.
    async fn open(&self, service: &ServiceName) -> Result<(), CliError> {
        let snapshot = self.until(service, |s| !s.builds.is_empty()).await?;
        if snapshot.history_total == 0 {
            self.put_live(&self.moira, service, snapshot.builds[0].build.number).await?;
        }
        let second = match self.merged() {
            0 => Some(self.merge(service).await?),
            _ => None,
        };
        let quiet = |s: &ServiceSnapshot| s.deployments.iter().all(|d| !d.deployment.is_open());
        self.until(service, quiet).await?;
        match second {
            Some(build) => self.put_live(&self.sam, service, build).await,
            None => Ok(()),
        }
    }

    /// Promotes a build. What a build is known for may still change while they look at its plan, then they look again.
    async fn put_live(
        &self,
        who: &B,
        service: &ServiceName,
        build: BuildNumber,
    ) -> Result<(), CliError> {
        for _ in 1..LOOKS {
            match self.promote(who, service, build).await {
                Err(CliError::Changed(why)) => tracing::info!(%build, why, "looking again"),
                ended => return ended,
            }
        }
        self.promote(who, service, build).await
    }

    /// With a reason for whatever wants one.
    async fn promote(
        &self,
        who: &B,
        service: &ServiceName,
        build: BuildNumber,
    ) -> Result<(), CliError> {
        let action = Action::Promote { build };
        let plan = who.plan(service, action).await?;
        let overrides: BTreeMap<Guard, String> = plan
            .of(Severity::Override)
            .map(|finding| (finding.guard, "opening day, nobody is in the shop yet".to_owned()))
            .collect();
        let command = Command::Execute { action, fingerprint: plan.fingerprint, overrides };
        who.command(service, command, key(&format!("demo-live-{}", build.0))?).await?;
        Ok(())
    }

    /// Merges the next part of the story and waits until it has been through staging.
    async fn merge(&self, service: &ServiceName) -> Result<BuildNumber, CliError> {
        let before = self.until(service, |_| true).await?.builds_total;
        let merged = self.merged();
        repository::merge_next(&repository::path(&self.folder), merged)?;
        fs::write(self.counter(), format!("{}\n", merged + 1))?;
        let arrived = |s: &ServiceSnapshot| {
            let newest = s.builds.first().filter(|_| s.builds_total > before);
            newest.is_some_and(|b| !matches!(b.state, BuildState::Queued | BuildState::Deploying))
        };
        Ok(self.until(service, arrived).await?.builds[0].build.number)
    }

    async fn service(&self) -> Result<ServiceName, CliError> {
        let deadline = Instant::now() + PATIENCE;
        let mut version = None;
        while Instant::now() < deadline {
            if let Some(fleet) = self.sam.fleet(version.take(), GLANCE).await? {
                if let Some(row) = fleet.services.into_iter().next() {
                    return Ok(row.service);
                }
                version = Some(fleet.version);
            }
        }
        Err(eyre!("the demo's service did not appear").into())
    }

    /// Waits until the service is as they want it.
    async fn until(
        &self,
        service: &ServiceName,
        is_so: impl Fn(&ServiceSnapshot) -> bool,
    ) -> Result<ServiceSnapshot, CliError> {
        let deadline = Instant::now() + PATIENCE;
        let mut version = None;
        while Instant::now() < deadline {
            let Some(snapshot) = self.sam.service(service, version.clone(), GLANCE).await? else {
                continue;
            };
            if is_so(&snapshot) {
                return Ok(snapshot);
            }
            version = Some(snapshot.version);
        }
        Err(eyre!("the demo waited for too long").into())
    }

    /// Time passes only while somebody watches.
    async fn pause(&self) {
        let mut watched = Duration::ZERO;
        while watched < BETWEEN_MERGES {
            sleep(GLANCE).await;
            if self.presence.is_watched() {
                watched += GLANCE;
            }
        }
    }

    /// How much of the story was merged.
    fn merged(&self) -> usize {
        let count = fs::read_to_string(self.counter()).ok();
        count.and_then(|count| count.trim().parse().ok()).unwrap_or_default()
    }

    fn counter(&self) -> PathBuf {
        self.folder.join("merged")
    }
}

fn key(text: &str) -> Result<IdempotencyKey, CliError> {
    IdempotencyKey::try_from(text.to_owned()).map_err(|error| CliError::failed(error.to_string()))
}

//! The colleagues in the demo: they promote the first builds and merge more while you watch.

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

/// The longest wait for one change in the demo.
const TIMEOUT: Duration = Duration::from_mins(1);
/// The time between two merges after the opening.
const BETWEEN_MERGES: Duration = Duration::from_secs(40);
/// The colleagues stop after this many merges.
const MERGES: usize = 40;
/// How many times a promote is tried while its plan changes.
const PROMOTE_TRIES: usize = 5;
/// How often the colleagues check the service and whether the demo is watched.
const POLL: Duration = Duration::from_secs(1);

/// Two colleagues who promote, and the folder of the repository that they merge into.
pub struct Colleagues<B> {
    pub moira: B,
    pub sam: B,
    /// The demo's folder.
    pub folder: PathBuf,
    pub presence: DemoPresence,
}

impl<B: Backend> Colleagues<B> {
    /// Plays the whole story. A failure ends it with a line in the engine's log.
    pub async fn work(self) {
        if let Err(failure) = self.play().await {
            tracing::warn!(?failure, "the demo's colleagues stopped");
        }
    }

    async fn play(&self) -> Result<(), CliError> {
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

    /// Promotes the first two builds, so that one is live and an earlier one can be rolled back to, and tries that way back.
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
        let Some(build) = second else { return Ok(()) };
        self.put_live(&self.sam, service, build).await?;
        self.until(service, quiet).await?;
        self.rehearse(service).await;
        self.until(service, quiet).await.map(drop)
    }

    /// Tries the way back in staging, so that it is proven. The story goes on without it.
    async fn rehearse(&self, service: &ServiceName) {
        let rehearsed = match key("demo-rehearsal") {
            Ok(key) => self.moira.command(service, Command::Rehearse {}, key).await.map(drop),
            Err(error) => return tracing::warn!(?error, "nobody rehearsed"),
        };
        if let Err(error) = rehearsed {
            tracing::info!(?error, "nobody rehearsed");
        }
    }

    /// Promotes a build. Plans again if the plan changes before it is executed.
    async fn put_live(
        &self,
        who: &B,
        service: &ServiceName,
        build: BuildNumber,
    ) -> Result<(), CliError> {
        for _ in 1..PROMOTE_TRIES {
            match self.promote(who, service, build).await {
                Err(CliError::Changed(why)) => tracing::info!(%build, why, "planning again"),
                ended => return ended,
            }
        }
        self.promote(who, service, build).await
    }

    /// Promotes once, with a reason for each guard that needs one.
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
            .map(|finding| (finding.guard, "opening day, the shop is still closed".to_owned()))
            .collect();
        let command = Command::Execute { action, fingerprint: plan.fingerprint, overrides };
        who.command(service, command, key(&format!("demo-live-{}", build.0))?).await?;
        Ok(())
    }

    /// Merges the next change of the story and waits until its deploy to staging has ended, and its soak where the story
    /// says so.
    async fn merge(&self, service: &ServiceName) -> Result<BuildNumber, CliError> {
        let before = self.until(service, |_| true).await?.builds_total;
        let merged = self.merged();
        let merge = repository::merge_next(&repository::path(&self.folder), merged)?;
        fs::write(self.counter(), format!("{}\n", merged + 1))?;
        let arrived = |s: &ServiceSnapshot| {
            let newest = s.builds.first().filter(|_| s.builds_total > before);
            newest.is_some_and(|b| !matches!(b.state, BuildState::Queued | BuildState::Deploying))
        };
        let build = self.until(service, arrived).await?.builds[0].build.number;
        if merge.soaks {
            self.soak(service, build).await?;
        }
        Ok(build)
    }

    /// Waits until the build was in staging for as long as its promote asks for.
    async fn soak(&self, service: &ServiceName, build: BuildNumber) -> Result<(), CliError> {
        let deadline = Instant::now() + TIMEOUT;
        while Instant::now() < deadline {
            let plan = self.sam.plan(service, Action::Promote { build }).await?;
            if !plan.of(Severity::Override).any(|finding| finding.guard == Guard::Soak) {
                return Ok(());
            }
            sleep(POLL).await;
        }
        Err(eyre!("{build} did not soak within {} s", TIMEOUT.as_secs()).into())
    }

    async fn service(&self) -> Result<ServiceName, CliError> {
        let deadline = Instant::now() + TIMEOUT;
        let mut version = None;
        while Instant::now() < deadline {
            if let Some(fleet) = self.sam.fleet(version.take(), POLL).await? {
                if let Some(row) = fleet.services.into_iter().next() {
                    return Ok(row.service);
                }
                version = Some(fleet.version);
            }
        }
        Err(eyre!("the demo's service did not appear").into())
    }

    /// Waits until the service meets the condition.
    async fn until(
        &self,
        service: &ServiceName,
        condition: impl Fn(&ServiceSnapshot) -> bool,
    ) -> Result<ServiceSnapshot, CliError> {
        let deadline = Instant::now() + TIMEOUT;
        let mut version = None;
        while Instant::now() < deadline {
            let Some(snapshot) = self.sam.service(service, version.clone(), POLL).await? else {
                continue;
            };
            if condition(&snapshot) {
                return Ok(snapshot);
            }
            version = Some(snapshot.version);
        }
        Err(eyre!("the demo's service did not change within {} s", TIMEOUT.as_secs()).into())
    }

    /// Waits until the demo was watched for `BETWEEN_MERGES`.
    async fn pause(&self) {
        let mut watched = Duration::ZERO;
        while watched < BETWEEN_MERGES {
            sleep(POLL).await;
            if self.presence.is_watched() {
                watched += POLL;
            }
        }
    }

    /// How many changes of the story are merged.
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

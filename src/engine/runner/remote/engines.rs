//! The engines of the operator's file, with their tokens, as they are now.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::client::{EngineClient, Protocol};
use super::engine::RemoteEngine;
use super::github::GitHubActions;
use super::http_jobs::HttpJobs;
use super::preset::PresetEngine;
use super::times::RemoteTimes;
use crate::config::engines::{EngineKind, EngineSettings, TokenSource};
use crate::config::user_file::UserFile;
use crate::domain::remote::{EngineName, RemoteJob};
use crate::engine::variables::printed;

/// How long a command may take that prints a token.
const TOKEN_COMMAND: Duration = Duration::from_secs(10);
/// The longest token.
const LONGEST_TOKEN: usize = 16 * 1024;

/// How long a token counts before it is read again.
const TOKEN_AGE: Duration = Duration::from_mins(1);

/// Reads the engines each time they are needed: a new token needs no restart.
pub(super) struct Engines {
    user_file: Option<PathBuf>,
    environment: BTreeMap<String, String>,
    times: RemoteTimes,
    opened: Mutex<BTreeMap<EngineName, OpenedEngine>>,
}

/// Why an engine cannot be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NoEngine {
    /// The operator does not have it, or does not allow the job.
    Ever(String),
    /// A file or a token cannot be read now.
    Now(String),
}

/// An engine that can be asked.
struct OpenedEngine {
    settings: EngineSettings,
    at: Instant,
    engine: Arc<RemoteEngine>,
}

impl Engines {
    pub fn new(
        user_file: Option<PathBuf>,
        environment: BTreeMap<String, String>,
        times: RemoteTimes,
    ) -> Self {
        Self { user_file, environment, times, opened: Mutex::default() }
    }

    /// The engine of a job, which may be asked for it.
    ///
    /// # Errors
    /// With what to correct.
    pub async fn for_job(&self, job: &RemoteJob) -> Result<Arc<RemoteEngine>, NoEngine> {
        let file = self.read().await.map_err(NoEngine::Now)?;
        match (file.unusable(job, &self.file()), file.engines.get(&job.engine)) {
            (None, Some(settings)) => {
                self.opened(&job.engine, settings, TOKEN_AGE).await.map_err(NoEngine::Now)
            }
            (why, _) => Err(NoEngine::Ever(why.unwrap_or_default())),
        }
    }

    /// The same with its token as it is now, if that can be read: a step must not fail for one that was renewed.
    ///
    /// # Errors
    /// With what to correct.
    pub async fn renewed_for_job(&self, job: &RemoteJob) -> Result<Arc<RemoteEngine>, NoEngine> {
        let file = self.read().await.map_err(NoEngine::Now)?;
        let settings = file.engines.get(&job.engine);
        if let Some(settings) = settings
            && let Err(why) = self.opened(&job.engine, settings, Duration::ZERO).await
        {
            tracing::warn!(engine = %job.engine, why, "its token is the one that was read before");
        }
        self.for_job(job).await
    }

    /// It answered that it does not know the token: it is read again.
    pub fn forget(&self, name: &EngineName) {
        self.all_opened().remove(name);
    }

    async fn opened(
        &self,
        name: &EngineName,
        settings: &EngineSettings,
        age: Duration,
    ) -> Result<Arc<RemoteEngine>, String> {
        let is_good =
            |known: &&OpenedEngine| known.settings == *settings && known.at.elapsed() < age;
        if let Some(known) = self.all_opened().get(name).filter(is_good) {
            return Ok(known.engine.clone());
        }
        let engine = Arc::new(self.open(name, settings.clone()).await?);
        let opened =
            OpenedEngine { settings: settings.clone(), at: Instant::now(), engine: engine.clone() };
        self.all_opened().insert(name.clone(), opened);
        Ok(engine)
    }

    fn all_opened(&self) -> MutexGuard<'_, BTreeMap<EngineName, OpenedEngine>> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn read(&self) -> Result<UserFile, String> {
        let path = self.user_file.clone().unwrap_or_default();
        let read = tokio::task::spawn_blocking(move || UserFile::load(&path));
        let read = read.await.map_err(|why| why.to_string())?;
        read.map_err(|error| error.in_one_line())
    }

    async fn open(
        &self,
        name: &EngineName,
        settings: EngineSettings,
    ) -> Result<RemoteEngine, String> {
        let token = match &settings.token {
            Some(source) => {
                let token = self.token(source).await;
                Some(token.map_err(|why| format!("the token of {name} cannot be used: {why}"))?)
            }
            None => None,
        };
        if let Some(preset) = settings.preset {
            // The preset says how the token is told.
            let client =
                EngineClient::new(settings.url, settings.ca.as_deref(), None, Protocol::Jobs);
            let opened = client.and_then(|client| PresetEngine::open(client, &preset, token));
            let opened = opened.map_err(|why| format!("{name} cannot be asked: {why}"))?;
            return Ok(RemoteEngine::Preset(opened));
        }
        let protocol = match settings.kind {
            EngineKind::Http => Protocol::Jobs,
            EngineKind::GitHub => Protocol::GitHub,
        };
        let client = EngineClient::new(settings.url, settings.ca.as_deref(), token, protocol);
        let client = client.map_err(|why| format!("{name} cannot be asked: {why}"))?;
        Ok(match settings.kind {
            EngineKind::Http => RemoteEngine::Http(HttpJobs::new(client)),
            EngineKind::GitHub => {
                RemoteEngine::GitHub(GitHubActions::new(client, self.times, settings.may))
            }
        })
    }

    async fn token(&self, source: &TokenSource) -> Result<String, String> {
        let bytes = match source {
            TokenSource::Env(name) => {
                let value = self.environment.get(name).cloned();
                value
                    .ok_or_else(|| format!("the engine of trunkline has no variable {name}"))?
                    .into_bytes()
            }
            TokenSource::File(path) => {
                let read = tokio::fs::read(path).await;
                read.map_err(|why| format!("{}: {why}", path.display()))?
            }
            TokenSource::Command(command) => {
                let program = command.first().cloned().unwrap_or_default();
                let printed = printed(command, TOKEN_COMMAND).await;
                printed.map_err(|why| format!("the command {program:?} {why}"))?
            }
        };
        let token = String::from_utf8(bytes).unwrap_or_default().trim().to_owned();
        let is_token = !token.is_empty() && token.len() <= LONGEST_TOKEN && token.is_ascii();
        if !is_token || token.contains(|c: char| c.is_ascii_control() || c == ' ') {
            return Err("it is empty or no token".into());
        }
        Ok(token)
    }

    fn file(&self) -> String {
        self.user_file.as_ref().map_or("config.toml".into(), |path| path.display().to_string())
    }
}

/// How one engine answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineCheck {
    pub engine: EngineName,
    /// Where it is.
    pub url: String,
    pub answers: Result<(), String>,
}

/// Asks every engine of a file whether it answers and knows the token. Starts nothing.
pub async fn check_engines(
    file: &UserFile,
    user_file: PathBuf,
    environment: BTreeMap<String, String>,
) -> Vec<EngineCheck> {
    let engines = Engines::new(Some(user_file), environment, RemoteTimes::default());
    let mut checks = Vec::new();
    for (name, settings) in &file.engines {
        let url = settings.url.clone();
        let answers = match engines.open(name, settings.clone()).await {
            Ok(engine) => engine.check().await,
            Err(why) => Err(why),
        };
        checks.push(EngineCheck { engine: name.clone(), url, answers });
    }
    checks
}

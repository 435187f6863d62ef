//! The engines of the operator's file, as they are now.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use super::client::{Credential, EngineClient, Line, Protocol, Urgency};
use super::engine::RemoteEngine;
use super::github::GitHubActions;
use super::http_jobs::HttpJobs;
use super::times::RemoteTimes;
use crate::config::engines::{EngineKind, EngineSettings, TokenSource};
use crate::config::user_file::UserFile;
use crate::domain::remote::{EngineName, RemoteJob};

/// Reads the file each time that an engine is needed: a change needs no restart. What is known of an engine stays.
pub struct Engines {
    user_file: Option<PathBuf>,
    environment: Arc<BTreeMap<String, String>>,
    times: RemoteTimes,
    opened: Mutex<OpenedEngines>,
}

/// Why an engine cannot be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoEngine {
    /// The operator does not have it, or does not allow what is asked.
    Ever(String),
    /// A file or a token cannot be read now.
    Now(String),
}

impl std::fmt::Display for NoEngine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ever(why) | Self::Now(why) => f.write_str(why),
        }
    }
}

#[derive(Default)]
struct OpenedEngines {
    clients: BTreeMap<EngineName, OpenedEngine>,
    /// The line to each server with each credential.
    lines: Vec<(String, Option<TokenSource>, Arc<Line>)>,
}

/// An engine that can be asked.
struct OpenedEngine {
    settings: EngineSettings,
    /// When its certificates were changed.
    ca_changed: Option<SystemTime>,
    client: EngineClient,
}

impl Engines {
    #[must_use]
    pub fn new(
        user_file: Option<PathBuf>,
        environment: BTreeMap<String, String>,
        times: RemoteTimes,
    ) -> Self {
        let environment = Arc::new(environment);
        Self { user_file, environment, times, opened: Mutex::default() }
    }

    /// The engine of a job, which may be asked for it.
    ///
    /// # Errors
    /// With what to correct.
    pub(super) async fn for_job(
        &self,
        job: &RemoteJob,
        urgency: Urgency,
    ) -> Result<RemoteEngine, NoEngine> {
        let (settings, client) = self.client_for_job(job).await?;
        client.credential().token().await.map_err(NoEngine::Now)?;
        Ok(self.engine(settings, client.with_urgency(urgency)))
    }

    /// The same to send it, with its token as it is now, if that can be read: a step must not fail for one that was renewed.
    ///
    /// # Errors
    /// With what to correct.
    pub(super) async fn renewed_for_job(&self, job: &RemoteJob) -> Result<RemoteEngine, NoEngine> {
        let (_, client) = self.client_for_job(job).await?;
        client.credential().renew().await;
        self.for_job(job, Urgency::Act).await
    }

    /// What looks at a repository at GitHub, if the operator allows that. It shares its limits with the runs there.
    ///
    /// # Errors
    /// With what to correct.
    pub async fn for_repository(
        &self,
        engine: &EngineName,
        repository: &str,
    ) -> Result<EngineClient, NoEngine> {
        let file = self.read().await.map_err(NoEngine::Now)?;
        if let Some(why) = file.unreadable(engine, repository, &self.file()) {
            return Err(NoEngine::Ever(why));
        }
        let (_, client) = self.client(&file, engine)?;
        client.credential().token().await.map_err(NoEngine::Now)?;
        Ok(client.with_urgency(Urgency::Observe))
    }

    async fn client_for_job(
        &self,
        job: &RemoteJob,
    ) -> Result<(EngineSettings, EngineClient), NoEngine> {
        let file = self.read().await.map_err(NoEngine::Now)?;
        if let Some(why) = file.unusable(job, &self.file()) {
            return Err(NoEngine::Ever(why));
        }
        self.client(&file, &job.engine)
    }

    /// An engine of this file, to see whether it answers.
    async fn checked(&self, file: &UserFile, name: &EngineName) -> Result<RemoteEngine, NoEngine> {
        let (settings, client) = self.client(file, name)?;
        client.credential().token().await.map_err(NoEngine::Now)?;
        Ok(self.engine(settings, client))
    }

    /// The client of an engine of this file. It is the one from before, as long as its settings are.
    fn client(
        &self,
        file: &UserFile,
        name: &EngineName,
    ) -> Result<(EngineSettings, EngineClient), NoEngine> {
        let no_such = || NoEngine::Ever(format!("{} has no [engines.{name}]", self.file()));
        let settings = file.engines.get(name).cloned().ok_or_else(no_such)?;
        let ca_changed = settings.ca.as_deref().and_then(changed);
        let mut opened = self.opened();
        let is_same =
            |known: &&OpenedEngine| known.settings == settings && known.ca_changed == ca_changed;
        if let Some(known) = opened.clients.get(name).filter(is_same) {
            return Ok((settings, known.client.clone()));
        }
        let line = opened.line(&settings);
        let client = self.opened_client(name, &settings, line).map_err(NoEngine::Now)?;
        let known = OpenedEngine { settings: settings.clone(), ca_changed, client: client.clone() };
        opened.clients.insert(name.clone(), known);
        Ok((settings, client))
    }

    fn opened_client(
        &self,
        name: &EngineName,
        settings: &EngineSettings,
        line: Arc<Line>,
    ) -> Result<EngineClient, String> {
        let environment = self.environment.clone();
        let credential = Credential::new(name.clone(), settings.token.clone(), environment);
        let protocol = match settings.kind {
            EngineKind::Http => Protocol::Jobs,
            EngineKind::GitHub => Protocol::GitHub,
        };
        let EngineSettings { url, ca, .. } = settings;
        let client = EngineClient::new(url, ca.as_deref(), protocol, credential, line);
        client.map_err(|why| format!("{name} cannot be asked: {why}"))
    }

    fn engine(&self, settings: EngineSettings, client: EngineClient) -> RemoteEngine {
        match settings.kind {
            EngineKind::Http => RemoteEngine::Http(HttpJobs::new(client)),
            EngineKind::GitHub => {
                RemoteEngine::GitHub(GitHubActions::new(client, self.times, settings.may))
            }
        }
    }

    fn opened(&self) -> MutexGuard<'_, OpenedEngines> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn read(&self) -> Result<UserFile, String> {
        let path = self.user_file.clone().unwrap_or_default();
        let read = tokio::task::spawn_blocking(move || UserFile::load(&path));
        let read = read.await.map_err(|why| why.to_string())?;
        read.map_err(|error| error.in_one_line())
    }

    fn file(&self) -> String {
        self.user_file.as_ref().map_or("config.toml".into(), |path| path.display().to_string())
    }
}

impl OpenedEngines {
    /// The line to the server of these settings, with their credential.
    fn line(&mut self, settings: &EngineSettings) -> Arc<Line> {
        // A line that no client has any more leads nowhere.
        self.lines.retain(|(.., line)| Arc::strong_count(line) > 1);
        let is_there = |(url, token, _): &&(String, Option<TokenSource>, Arc<Line>)| {
            *url == settings.url && *token == settings.token
        };
        if let Some((.., line)) = self.lines.iter().find(is_there) {
            return line.clone();
        }
        let line = Arc::<Line>::default();
        self.lines.push((settings.url.clone(), settings.token.clone(), line.clone()));
        line
    }
}

fn changed(file: &Path) -> Option<SystemTime> {
    file.metadata().ok()?.modified().ok()
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
        let answers = match engines.checked(file, name).await {
            Ok(engine) => engine.check().await,
            Err(NoEngine::Ever(why) | NoEngine::Now(why)) => Err(why),
        };
        checks.push(EngineCheck { engine: name.clone(), url, answers });
    }
    checks
}

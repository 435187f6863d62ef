//! The engines of the operator's file, as they are now.

mod hindrance;
mod presser;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

pub use self::hindrance::{WayHindrance, WayQuestion};
use super::client::{
    AppTokens, CallUrgency, Credential, CredentialSource, EngineAbout, EngineClient, EngineLine,
    Protocol, connection,
};
use super::engine::RemoteEngine;
use super::github::GitHubActions;
use super::http_jobs::HttpJobs;
use super::order::Order;
use super::preset::PresetEngine;
use super::times::RemoteTimes;
use crate::config::engines::{EngineKind, EngineSettings, TokenSource, web_host};
use crate::config::operator_files::{OftenRead, OperatorFiles};
use crate::config::user_file::UserFile;
use crate::domain::live_source::LiveUrl;
use crate::domain::remote::{EngineName, RemoteJob};
use crate::domain::repository_address::RepositoryAddress;

/// How old what is known of the files may be for a look.
const LATELY: Duration = Duration::from_secs(1);

/// Reads the files each time that an engine is needed: a change needs no restart. What is known of an engine stays.
pub struct Engines {
    files: Option<OftenRead>,
    environment: Arc<BTreeMap<String, String>>,
    times: RemoteTimes,
    opened: Mutex<OpenedEngines>,
    /// Held by who reads the files for all that look.
    reads: tokio::sync::Mutex<()>,
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
    /// An App has a token for each owner of repositories.
    clients: BTreeMap<(EngineName, Option<String>), OpenedEngine>,
    /// Those with the tokens of people, by their names.
    people: BTreeMap<(EngineName, String), OpenedEngine>,
    lines: Vec<(LineKey, Arc<EngineLine>)>,
}

/// The server and the credential of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
struct LineKey {
    url: String,
    token: Option<TokenSource>,
    owner: Option<String>,
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
        files: Option<OperatorFiles>,
        environment: BTreeMap<String, String>,
        times: RemoteTimes,
    ) -> Self {
        let (files, environment) = (files.map(OftenRead::new), Arc::new(environment));
        Self {
            files,
            environment,
            times,
            opened: Mutex::default(),
            reads: tokio::sync::Mutex::default(),
        }
    }

    /// The engine of a job, which may be asked for it.
    ///
    /// # Errors
    /// With what to correct.
    pub(super) async fn for_job(
        &self,
        job: &RemoteJob,
        urgency: CallUrgency,
    ) -> Result<RemoteEngine, NoEngine> {
        let (settings, client) = self.client_for_job(job).await?;
        client.credential().token().await.map_err(NoEngine::Now)?;
        self.engine(settings, client.with_urgency(urgency)).map_err(NoEngine::Now)
    }

    /// The same to send an order, with its token as it is now, if that can be read: a step must not fail for one that was
    /// renewed. What is done in the name of a person is done with the token of that person.
    ///
    /// # Errors
    /// With what to correct.
    pub(super) async fn to_send(&self, order: &Order) -> Result<RemoteEngine, NoEngine> {
        let job = &order.job;
        let (_, client) = self.client_for_job(job).await?;
        client.credential().renew().await;
        let engine = self.for_job(job, CallUrgency::Act).await?;
        if !job.call.needs_presser() {
            return Ok(engine);
        }
        let presser = self.as_presser(job, order.presser.as_deref()).await?;
        Ok(engine.in_the_name_of(presser))
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
        let file = self.read_lately().await.map_err(NoEngine::Now)?;
        if let Some(why) = file.unreadable(engine, repository, &self.file()) {
            return Err(NoEngine::Ever(why));
        }
        let (_, client) = self.client(&file, engine, repository)?;
        client.credential().token().await.map_err(NoEngine::Now)?;
        Ok(client.with_urgency(CallUrgency::Observe))
    }

    /// What asks GitHub for the repository with this address, if one of the engines is the server there and may be asked for it.
    pub async fn at_forge(&self, address: &RepositoryAddress) -> Option<EngineClient> {
        let file = self.read_lately().await.ok()?;
        let is_there = |settings: &EngineSettings| {
            let is_github = settings.kind == EngineKind::GitHub;
            let name = address.at_host(&web_host(&settings.url)).filter(|_| is_github);
            name.is_some_and(|name| settings.allows(name))
        };
        let (name, _) = file.engines.iter().find(|(_, settings)| is_there(settings))?;
        self.for_repository(name, address.path()).await.ok()
    }

    /// Whether a service may be asked at this address what it runs.
    ///
    /// # Errors
    /// With what to correct.
    pub async fn may_ask_live(&self, url: &LiveUrl) -> Result<(), NoEngine> {
        let file = self.read_lately().await.map_err(NoEngine::Now)?;
        if url.is_at(&file.live) {
            return Ok(());
        }
        let (name, host) = (self.file(), url.origin.strip_prefix("https://"));
        let host = host.unwrap_or(&url.origin);
        Err(NoEngine::Ever(format!(
            "{name} does not let services be asked there; add {host:?} to hosts of [live]"
        )))
    }

    /// The address of an engine that was asked.
    pub(super) fn url_of(&self, name: &EngineName) -> Option<String> {
        let opened = self.opened();
        let known = opened.clients.iter().find(|((of, _), _)| of == name);
        known.map(|(_, known)| known.client.url().to_owned())
    }

    /// What an engine that was asked told about itself.
    fn about(&self, name: &EngineName) -> EngineAbout {
        let opened = self.opened();
        let known = opened.clients.iter().find(|((of, _), _)| of == name);
        known.map(|(_, known)| known.client.about()).unwrap_or_default()
    }

    async fn client_for_job(
        &self,
        job: &RemoteJob,
    ) -> Result<(EngineSettings, EngineClient), NoEngine> {
        let file = self.read().await.map_err(NoEngine::Now)?;
        if let Some(why) = file.unusable(job, &self.file()) {
            return Err(NoEngine::Ever(why));
        }
        self.client(&file, &job.engine, job.call.allowed_as())
    }

    /// Whether an engine of this file answers and knows the token. Starts nothing.
    async fn check(&self, file: &UserFile, name: &EngineName) -> Result<(), String> {
        let owners = file.engines.get(name).map(EngineSettings::owners).unwrap_or_default();
        if owners.is_empty() {
            return self.check_for(file, name, "").await;
        }
        for owner in owners {
            self.check_for(file, name, &owner).await?;
        }
        Ok(())
    }

    async fn check_for(
        &self,
        file: &UserFile,
        name: &EngineName,
        owner: &str,
    ) -> Result<(), String> {
        let opened = self.client(file, name, owner);
        let (mut settings, client) =
            opened.map_err(|(NoEngine::Ever(why) | NoEngine::Now(why))| why)?;
        client.credential().token().await?;
        if !owner.is_empty() {
            settings.may.retain(|name| name.starts_with(&format!("{owner}/")));
        }
        self.engine(settings, client)?.check().await
    }

    /// The client of an engine of this file, for this job or repository. It is the one from before, as long as its settings are.
    fn client(
        &self,
        file: &UserFile,
        name: &EngineName,
        what: &str,
    ) -> Result<(EngineSettings, EngineClient), NoEngine> {
        let no_such = || NoEngine::Ever(format!("{} has no [engines.{name}]", self.file()));
        let settings = file.engines.get(name).cloned().ok_or_else(no_such)?;
        let is_app = matches!(settings.token, Some(TokenSource::App(_)));
        let owner = what.split('/').next().filter(|_| is_app).map(str::to_owned);
        let ca_changed = settings.ca.as_deref().and_then(changed);
        let mut opened = self.opened();
        let is_same =
            |known: &&OpenedEngine| known.settings == settings && known.ca_changed == ca_changed;
        let key = (name.clone(), owner);
        if let Some(known) = opened.clients.get(&key).filter(is_same) {
            return Ok((settings, known.client.clone()));
        }
        let client = self.client_anew(&mut opened, &key, &settings)?;
        let known = OpenedEngine { settings: settings.clone(), ca_changed, client: client.clone() };
        opened.clients.insert(key, known);
        Ok((settings, client))
    }

    fn client_anew(
        &self,
        opened: &mut OpenedEngines,
        key: &(EngineName, Option<String>),
        settings: &EngineSettings,
    ) -> Result<EngineClient, NoEngine> {
        let line = opened.line(LineKey {
            url: settings.url.clone(),
            token: settings.token.clone(),
            owner: key.1.clone(),
        });
        let client = self.opened_client(key, settings, line);
        client.map_err(|why| NoEngine::Now(format!("{} cannot be asked: {why}", key.0)))
    }

    fn opened_client(
        &self,
        (name, owner): &(EngineName, Option<String>),
        settings: &EngineSettings,
        line: Arc<EngineLine>,
    ) -> Result<EngineClient, String> {
        let EngineSettings { url, ca, token, .. } = settings;
        let http = connection(url, ca.as_deref())?;
        let source = match (token, owner) {
            (None, _) => CredentialSource::None,
            (Some(TokenSource::App(app)), Some(owner)) => {
                let repositories = settings.repositories_of(owner);
                let app = AppTokens::new(http.clone(), url, app, owner, repositories);
                CredentialSource::App(app)
            }
            (Some(kept), _) => CredentialSource::Kept(kept.clone()),
        };
        let protocol = match settings.kind {
            EngineKind::Http if settings.preset.is_some() => Protocol::Preset,
            EngineKind::Http => Protocol::Jobs,
            EngineKind::GitHub => Protocol::GitHub,
        };
        let credential = Credential::new(name.clone(), source, self.environment.clone());
        Ok(EngineClient::new(http, url, protocol, credential, line))
    }

    fn engine(
        &self,
        settings: EngineSettings,
        client: EngineClient,
    ) -> Result<RemoteEngine, String> {
        Ok(match (settings.kind, settings.preset) {
            (EngineKind::Http, Some(preset)) => {
                RemoteEngine::Preset(PresetEngine::open(client, &preset)?)
            }
            (EngineKind::Http, None) => RemoteEngine::Http(HttpJobs::new(client)),
            (EngineKind::GitHub, _) => {
                RemoteEngine::GitHub(Box::new(GitHubActions::new(client, self.times, settings.may)))
            }
        })
    }

    fn opened(&self) -> MutexGuard<'_, OpenedEngines> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The files as they were a moment ago, for those who only look, and do so often.
    async fn read_lately(&self) -> Result<Arc<UserFile>, String> {
        let _reads = self.reads.lock().await;
        let known = self.files.as_ref().and_then(|files| files.read_within(LATELY));
        match known {
            Some(file) => Ok(file),
            None => self.read().await,
        }
    }

    async fn read(&self) -> Result<Arc<UserFile>, String> {
        let Some(files) = self.files.clone() else { return Ok(Arc::default()) };
        let read = tokio::task::spawn_blocking(move || files.load());
        let read = read.await.map_err(|why| why.to_string())?;
        read.map_err(|error| error.in_one_line())
    }

    fn file(&self) -> String {
        let user = self.files.as_ref().map(|often| often.files.user.display().to_string());
        user.unwrap_or_else(|| "config.toml".into())
    }
}

impl OpenedEngines {
    /// The line to this server with this credential.
    fn line(&mut self, key: LineKey) -> Arc<EngineLine> {
        // A line that no client has any more leads nowhere.
        self.lines.retain(|(_, line)| Arc::strong_count(line) > 1);
        if let Some((_, line)) = self.lines.iter().find(|(known, _)| *known == key) {
            return line.clone();
        }
        let line = Arc::<EngineLine>::default();
        self.lines.push((key, line.clone()));
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
    /// The file that it is in.
    pub file: String,
    pub answers: Result<(), String>,
    /// What it tells about itself.
    pub about: EngineAbout,
    /// Those who act there in their own names, each with the login that the token belongs to.
    pub people: Vec<(String, Result<String, String>)>,
}

/// Asks every engine of a file whether it answers and knows the token. Starts nothing.
pub async fn check_engines(
    file: &UserFile,
    user_file: PathBuf,
    environment: BTreeMap<String, String>,
) -> Vec<EngineCheck> {
    let name = user_file.display().to_string();
    let files = Some(OperatorFiles::new(&user_file, None));
    let engines = Engines::new(files, environment, RemoteTimes::default());
    let mut checks = Vec::new();
    for (engine, settings) in &file.engines {
        let answers = engines.check(file, engine).await;
        let about = engines.about(engine);
        let (all, url) = (file, settings.url.clone());
        let file = file.file_of(engine, &name).to_owned();
        let mut people = Vec::new();
        for name in settings.people.keys() {
            let owner = engines.owner_of_token(all, engine, name).await;
            people.push((name.clone(), owner));
        }
        checks.push(EngineCheck { engine: engine.clone(), url, file, answers, about, people });
    }
    checks
}

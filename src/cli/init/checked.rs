//! What GitHub says of the repository, where an engine of this user may ask: it is only read, and nothing is guessed.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::config::UserFile;
use crate::config::engines::{EngineKind, EngineSettings, GITHUB};
use crate::config::operator_files::OperatorFiles;
use crate::config::places::Places;
use crate::domain::instant::in_utc;
use crate::engine::runner::remote::{EngineClient, Engines, RemoteTimes};
use crate::workflows::Proposal;

/// A workflow without a run for so long seems unused.
const UNUSED_AFTER: TimeDelta = TimeDelta::days(90);
/// The most environments and workflows that are named.
const MOST: usize = 20;

#[derive(Deserialize)]
struct RepositoryAnswer {
    default_branch: String,
}

#[derive(Deserialize)]
struct EnvironmentList {
    #[serde(default)]
    environments: Vec<EnvironmentAnswer>,
}

#[derive(Deserialize)]
struct EnvironmentAnswer {
    name: String,
    #[serde(default)]
    protection_rules: Option<Vec<ProtectionRule>>,
}

/// A rule before a deploy. What is not known of it is not said.
#[derive(Deserialize)]
struct ProtectionRule {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    wait_timer: Option<u64>,
    #[serde(default)]
    reviewers: Option<Vec<ReviewerEntry>>,
}

#[derive(Deserialize)]
struct ReviewerEntry {
    reviewer: ReviewerName,
}

/// A person has a login, a team a name.
#[derive(Deserialize)]
struct ReviewerName {
    #[serde(default)]
    login: Option<String>,
    #[serde(default)]
    name: Option<String>,
}

#[derive(Deserialize)]
struct WorkflowAnswer {
    state: String,
}

#[derive(Deserialize)]
struct RunList {
    #[serde(default)]
    workflow_runs: Vec<RunAnswer>,
}

#[derive(Deserialize)]
struct RunAnswer {
    created_at: DateTime<Utc>,
}

#[derive(Deserialize)]
struct DeploymentAnswer {
    environment: String,
    creator: Option<ReviewerName>,
}

/// What GitHub says, a sentence each. `None` where nobody here may ask it for this repository.
///
/// # Errors
/// When it should be asked and cannot be.
pub(super) async fn checked(
    places: &Places,
    repository: &str,
    (trunk, proposal, now): (&str, &Proposal, DateTime<Utc>),
) -> Result<Option<Vec<String>>, String> {
    let Some(client) = client(places, repository).await? else { return Ok(None) };
    let asking = Asking { client, repository };
    let mut said = asking.branch(trunk).await?;
    said.extend(asking.environments().await?);
    let lanes = [&proposal.staging, &proposal.production].into_iter().flatten();
    let files = lanes.map(|lane| &lane.workflow).chain(proposal.call.iter().map(|c| &c.workflow));
    let files: BTreeSet<_> = files.collect();
    for file in files.iter().take(MOST) {
        said.push(asking.workflow(file, now).await?);
    }
    if proposal.production.is_none() {
        said.extend(asking.deployments().await?);
    }
    Ok(Some(said))
}

/// The client of the first engine at github.com that may ask for this repository.
async fn client(places: &Places, repository: &str) -> Result<Option<EngineClient>, String> {
    let path = places.user_file();
    if UserFile::load(&path).is_err() {
        // What is wrong with it is said where it is written.
        return Ok(None);
    }
    let files = OperatorFiles::new(&path, None);
    let file = files.load().map_err(|why| why.in_one_line())?;
    // A repository of the same name at another server is another one. Plain HTTP goes no further than a proxy on this machine.
    let is_there = |url: &str| url == GITHUB || url.starts_with("http://");
    let fitting = |settings: &EngineSettings| {
        settings.kind == EngineKind::GitHub
            && is_there(&settings.url)
            && settings.allows(repository)
    };
    let Some((name, _)) = file.engines.iter().find(|(_, settings)| fitting(settings)) else {
        return Ok(None);
    };
    let environment = std::env::vars_os();
    let environment = environment
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let engines = Engines::new(Some(files), environment.collect(), RemoteTimes::default());
    engines.for_repository(name, repository).await.map(Some).map_err(|why| why.to_string())
}

struct Asking<'a> {
    client: EngineClient,
    repository: &'a str,
}

impl Asking<'_> {
    async fn read<T>(&self, path: &str) -> Result<Option<std::sync::Arc<T>>, String>
    where
        T: DeserializeOwned + Send + Sync + 'static,
    {
        let path = format!("/repos/{}{path}", self.repository);
        let read = self.client.read::<T>(&path).await;
        read.map(|read| read.map(|read| read.value)).map_err(|error| error.why().to_owned())
    }

    async fn branch(&self, trunk: &str) -> Result<Vec<String>, String> {
        let Some(facts) = self.read::<RepositoryAnswer>("").await? else {
            return Err(format!("it knows no repository {}, or hides it", self.repository));
        };
        let default = &facts.default_branch;
        Ok(vec![if default == trunk {
            format!("{trunk} is the default branch")
        } else {
            format!("the default branch is {default}, and the trunk here is {trunk}")
        }])
    }

    async fn environments(&self) -> Result<Vec<String>, String> {
        let list = self.read::<EnvironmentList>("/environments?per_page=100").await?;
        let all = list.as_ref().map(|list| &*list.environments).unwrap_or_default();
        let mut said: Vec<_> = all.iter().take(MOST).map(EnvironmentAnswer::sentence).collect();
        match all.len().saturating_sub(MOST) {
            0 if all.is_empty() => said.push("there are no environments".to_owned()),
            0 => {}
            more => said.push(format!("{more} more environments are not shown")),
        }
        Ok(said)
    }

    async fn workflow(&self, file: &str, now: DateTime<Utc>) -> Result<String, String> {
        let path = format!("/actions/workflows/{file}");
        let Some(facts) = self.read::<WorkflowAnswer>(&path).await? else {
            return Ok(format!("GitHub knows no workflow {file} yet"));
        };
        if facts.state != "active" {
            return Ok(format!("{file} is switched off ({})", facts.state));
        }
        let runs = self.read::<RunList>(&format!("{path}/runs?per_page=1")).await?;
        let last = runs.as_ref().and_then(|list| list.workflow_runs.first());
        Ok(match last {
            None => format!("{file} never ran: it seems unused"),
            Some(run) if now - run.created_at > UNUSED_AFTER => {
                format!("{file} ran last at {}: it seems unused", in_utc(run.created_at))
            }
            Some(run) => format!("{file} ran last at {}", in_utc(run.created_at)),
        })
    }

    /// Who deployed where, if nothing here says how production is deployed.
    async fn deployments(&self) -> Result<Vec<String>, String> {
        let list = self.read::<Vec<DeploymentAnswer>>("/deployments?per_page=30").await?;
        let all = list.as_ref().map(|list| &list[..]).unwrap_or_default();
        let named = |one: &DeploymentAnswer| {
            let by = one.creator.as_ref().and_then(|by| by.login.as_deref()).unwrap_or("somebody");
            format!("a deployment to {} by {by} was seen", one.environment)
        };
        let seen: BTreeSet<_> = all.iter().map(named).collect();
        if seen.is_empty() {
            return Ok(vec!["no deployment was seen".to_owned()]);
        }
        Ok(seen.into_iter().take(MOST).collect())
    }
}

impl EnvironmentAnswer {
    fn sentence(&self) -> String {
        let rules = self.protection_rules.iter().flatten();
        let rules: Vec<_> = rules.filter_map(ProtectionRule::phrase).collect();
        let name = &self.name;
        if rules.is_empty() {
            return format!("environment {name} lets every deploy go ahead");
        }
        format!("environment {name} wants {}", rules.join(" and "))
    }
}

impl ProtectionRule {
    fn phrase(&self) -> Option<String> {
        let names = self.reviewers.iter().flatten().filter_map(|entry| {
            let ReviewerName { login, name } = &entry.reviewer;
            let login = login.as_ref().map(|login| format!("@{login}"));
            login.or_else(|| name.as_ref().map(|name| format!("team {name}")))
        });
        match self.kind.as_str() {
            "required_reviewers" => {
                let names: Vec<_> = names.collect();
                Some(format!("a review by {}", names.join(" or ")))
            }
            "wait_timer" => self.wait_timer.map(|minutes| format!("a wait of {minutes} minutes")),
            "branch_policy" => Some("a branch that it allows".to_owned()),
            _ => Some("what a rule of its own decides".to_owned()),
        }
    }
}

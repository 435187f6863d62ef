//! Steps that run at another engine: what is asked of it, and what is known of the run there.

mod way;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;

pub use self::way::GitHubWay;
use super::deployment::Deployment;
use super::ids::{DeploymentId, InvalidName, ServiceName};
use super::instant;
use super::time::{Milliseconds, millis};

/// The name of an engine, as the operator's own file gives it. It has the form of a service's name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "ServiceName", into = "ServiceName")]
#[schema(value_type = String, pattern = "^[a-z0-9][a-z0-9_.-]{0,39}$")]
pub struct EngineName(ServiceName);

impl EngineName {
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl From<ServiceName> for EngineName {
    fn from(name: ServiceName) -> Self {
        Self(name)
    }
}

impl From<EngineName> for ServiceName {
    fn from(name: EngineName) -> Self {
        name.0
    }
}

impl std::str::FromStr for EngineName {
    type Err = InvalidName;

    fn from_str(name: &str) -> Result<Self, InvalidName> {
        name.parse().map(Self)
    }
}

impl fmt::Display for EngineName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A job at another engine, as a service file declares it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RemoteJob {
    pub engine: EngineName,
    pub call: RemoteCall,
    /// What the job is given besides the facts of the deployment. A value may have placeholders.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inputs: BTreeMap<String, String>,
    /// How long it may wait for its start.
    #[serde(with = "millis")]
    #[schema(value_type = Milliseconds)]
    pub start_within: Duration,
}

/// What is called there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RemoteCall {
    /// A job of this name, over trunkline's own protocol.
    Http { job: String },
    /// A workflow of GitHub Actions, started by a dispatch.
    #[serde(rename = "github")]
    GitHub {
        /// `owner/name`.
        repository: String,
        /// The name of the file in `.github/workflows`.
        workflow: String,
        /// The branch or tag whose workflow file runs.
        #[serde(rename = "ref")]
        at: String,
        /// The job that deploys: where it did not run, nothing was deployed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        job: Option<String>,
        /// How long it may wait for people and timers at a time.
        #[serde(with = "millis")]
        #[schema(value_type = Milliseconds)]
        wait_within: Duration,
    },
    /// A workflow of GitHub Actions that something else than a dispatch has deploy.
    #[serde(rename = "github_by")]
    GitHubBy {
        /// `owner/name`.
        repository: String,
        /// The name of the file in `.github/workflows`.
        workflow: String,
        way: GitHubWay,
        /// The job that deploys; an approval always names it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        job: Option<String>,
        /// How long it may wait for people and timers at a time.
        #[serde(with = "millis")]
        #[schema(value_type = Milliseconds)]
        wait_within: Duration,
    },
}

impl RemoteCall {
    /// The name of what runs there.
    #[must_use]
    pub fn job(&self) -> &str {
        match self {
            Self::Http { job } => job,
            Self::GitHub { workflow, .. } | Self::GitHubBy { workflow, .. } => workflow,
        }
    }

    /// What the operator's file has to allow: a job, or a repository.
    #[must_use]
    pub fn allowed_as(&self) -> &str {
        match self {
            Self::Http { job } => job,
            Self::GitHub { repository, .. } | Self::GitHubBy { repository, .. } => repository,
        }
    }

    /// How long it may wait for people and timers at a time, if it can wait for any.
    #[must_use]
    pub fn wait_within(&self) -> Option<Duration> {
        match self {
            Self::Http { .. } => None,
            Self::GitHub { wait_within, .. } | Self::GitHubBy { wait_within, .. } => {
                Some(*wait_within)
            }
        }
    }

    /// How a workflow of GitHub is made to deploy, if that is no dispatch.
    #[must_use]
    pub fn way(&self) -> Option<&GitHubWay> {
        match self {
            Self::Http { .. } | Self::GitHub { .. } => None,
            Self::GitHubBy { way, .. } => Some(way),
        }
    }

    /// Whether it acts in the name of whoever asks for the deployment.
    #[must_use]
    pub fn needs_presser(&self) -> bool {
        matches!(self.way(), Some(GitHubWay::Approve { .. }))
    }

    /// Whether it may go out once more when its run is surely not there: a second request starts nothing that the first one
    /// started. A branch that was moved may have been moved back by somebody since.
    #[must_use]
    pub fn starts_once(&self) -> bool {
        match self {
            Self::Http { .. } => true,
            Self::GitHub { .. } => false,
            Self::GitHubBy { way, .. } => matches!(way, GitHubWay::Tag { .. }),
        }
    }
}

/// The key by which a run is found again: it is sent with it, and no other run has the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct RunKey(String);

impl RunKey {
    /// The key of a step of a deployment. Another record's deployment of the same number has another one.
    #[must_use]
    pub fn of(service: &ServiceName, deployment: &Deployment, step: usize) -> Self {
        let of_record =
            format!("{} {}", deployment.requested_at.timestamp_micros(), deployment.request.sha);
        let digest = Sha256::digest(of_record);
        let digits = u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]);
        let plain = |text: &str| text.replace('_', "-");
        let target = deployment.target(step).map_or_else(String::new, |target| {
            // A key is a hundred bytes at most. The number of the step tells targets apart.
            let name: String = target.name.as_str().chars().take(20).collect();
            format!("-{}", plain(&name))
        });
        let (service, id) = (plain(service.as_str()), deployment.id);
        Self(format!("{service}-{id}.{}{target}-{digits:08x}", step + 1))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RunKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A run at another engine, as that engine names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunRef {
    pub id: String,
    /// Which attempt of it, where that is not the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u64>,
    /// The address of its page, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<String>,
}

impl RunRef {
    /// The first attempt of a run.
    #[must_use]
    pub fn new(id: impl Into<String>, page: Option<String>) -> Self {
        Self { id: id.into(), attempt: None, page }
    }

    /// The number of the attempt.
    #[must_use]
    pub fn attempt(&self) -> u64 {
        self.attempt.unwrap_or(1)
    }
}

/// How it became known which run it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FoundBy {
    /// The answer to the request that started it.
    Answer,
    /// A look for its key, after the answer got lost or trunkline was restarted.
    Search,
    /// It turned up after it was given up. From then on it counts as a deployment of another engine, which this event's
    /// sequence number names.
    Late,
}

/// What holds up a run that could go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Waits {
    /// Somebody has to approve it there. Without anybody, a rule of the environment has to.
    Approval { environment: String, by: Vec<String> },
    /// A timer of its environment.
    Timer { environment: String, until: DateTime<Utc> },
    /// Another run of its group goes first.
    Behind,
}

impl Waits {
    /// Whether the time of the run does not count meanwhile. Behind another run it waits for its start like any other.
    #[must_use]
    pub fn stops_clocks(&self) -> bool {
        !matches!(self, Self::Behind)
    }
}

/// `a review by @ann or team ops (environment production)`
impl fmt::Display for Waits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Approval { environment, by } if by.is_empty() => {
                write!(f, "a rule of environment {environment}")
            }
            Self::Approval { environment, by } => {
                write!(f, "a review by {} (environment {environment})", by.join(" or "))
            }
            Self::Timer { environment, until } => {
                let until = instant::in_utc(*until);
                write!(f, "{until}, the timer of environment {environment}")
            }
            Self::Behind => f.write_str("another run of its concurrency group"),
        }
    }
}

/// That a run waited, or still does, while its time did not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Waited {
    /// When the wait began or, if it is over, when it ended.
    pub at: DateTime<Utc>,
    pub is_over: bool,
}

/// What is recorded of the run of a step at another engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SentRun {
    /// The index of the step.
    pub step: usize,
    pub engine: EngineName,
    pub key: RunKey,
    /// When it was first about to be sent, and when last.
    pub since: DateTime<Utc>,
    pub at: DateTime<Utc>,
    /// How often that was.
    pub times: u32,
    /// The run, once it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunRef>,
    /// What it waits for there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits: Option<Waits>,
    /// When it was last seen to begin or to end waiting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_at: Option<DateTime<Utc>>,
    /// When it ended, by the clock of its engine, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<DateTime<Utc>>,
    /// What it does there now, in its own words. No event records it: the engine sets it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub says: Option<String>,
    /// The deployment that it counts as since it turned up late.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub late: Option<DeploymentId>,
}

impl SentRun {
    /// It waits for this from now on, or for nothing. What changes while it waits leaves the begin of the wait.
    pub fn wait(&mut self, waits: Option<Waits>, at: DateTime<Utc>) {
        if self.waits.is_some() != waits.is_some() {
            self.waits_at = Some(at);
        }
        self.waits = waits;
    }
}

/// The placeholders in the inputs of a job.
pub const PLACEHOLDERS: [&str; 10] = [
    "sha",
    "short_sha",
    "build",
    "previous_sha",
    "kind",
    "environment",
    "service",
    "deployment",
    "actor",
    "run",
];

/// The first placeholder in a text that is none of the known ones.
#[must_use]
pub fn unknown_placeholder(text: &str) -> Option<&str> {
    parts(text).find_map(|part| match part {
        TextPart::Placeholder(name) if !PLACEHOLDERS.contains(&name) => Some(name),
        _ => None,
    })
}

/// The text with the value of each placeholder in its place.
#[must_use]
pub fn filled(text: &str, value: impl Fn(&str) -> String) -> String {
    let fill = |part| match part {
        TextPart::Text(text) => text.to_owned(),
        TextPart::Placeholder(name) => value(name),
    };
    parts(text).map(fill).collect()
}

enum TextPart<'a> {
    Text(&'a str),
    /// Between braces.
    Placeholder(&'a str),
}

/// A brace without its end is text.
fn parts(text: &str) -> impl Iterator<Item = TextPart<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let is_name = |name: &&str| name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        let placeholder = rest.strip_prefix('{').and_then(|inside| inside.split_once('}'));
        if let Some((name, after)) = placeholder.filter(|(name, _)| is_name(name)) {
            rest = after;
            return Some(TextPart::Placeholder(name));
        }
        let first = rest.chars().next().map_or(1, char::len_utf8);
        let end = rest[first..].find('{').map_or(rest.len(), |at| first + at);
        let (part, after) = rest.split_at(end);
        rest = after;
        Some(TextPart::Text(part))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_placeholder_has_its_value_and_any_other_text_stays() {
        let value = |name: &str| format!("<{name}>");
        for (text, expected) in [
            ("", ""),
            ("plain", "plain"),
            ("{sha}", "<sha>"),
            ("a{sha}b{build}", "a<sha>b<build>"),
            ("{", "{"),
            ("{{sha}", "{<sha>"),
            ("{Not} {a b}", "{Not} {a b}"),
            ("ü{sha}ü", "ü<sha>ü"),
        ] {
            assert_eq!(filled(text, value), expected, "{text}");
        }
        assert_eq!(unknown_placeholder("{sha} {shaa}"), Some("shaa"));
        assert_eq!(unknown_placeholder("{sha} {Shaa}"), None);
    }
}

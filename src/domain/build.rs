//! A build: one first-parent commit of the trunk, with its state from the events.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::commit::{self, Commit, Revert};
use super::ids::{BuildNumber, DeploymentId, Seq, Sha};
use super::people::{Actor, People};
use super::policy::VerifyBy;

/// A build with its commits, its staging state and its verifications.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Build {
    pub number: BuildNumber,
    pub sha: Sha,
    /// The commits since the build before, newest first; also those beside the service's own paths.
    pub commits: Vec<Commit>,
    /// How many more commits there are than the listed ones.
    pub more: u32,
    /// The reverts among all its commits, unlisted ones included, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reverts: Vec<Revert>,
    pub found_at: DateTime<Utc>,
    /// Its latest staging deployment.
    pub staging: Option<DeploymentId>,
    /// When it last went live in staging.
    pub in_staging_since: Option<DateTime<Utc>>,
    /// The newer build that was deployed to staging in its place.
    pub superseded_by: Option<BuildNumber>,
    /// The newest verification of each kind, oldest first.
    #[serde(default)]
    pub verifications: Vec<Verification>,
    /// A force-push took its commit off the trunk.
    pub off_trunk: bool,
    /// It was live before trunkline, and its commit declares no steps to bring it back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_way_back: bool,
}

impl Build {
    /// What is said of one whose commit a force-push took off the trunk.
    #[must_use]
    pub fn left_trunk(&self) -> Option<String> {
        let number = self.number;
        let said = || format!("{number} is not on the trunk any more: a force-push took it away");
        self.off_trunk.then(said)
    }

    /// A build of which nothing more is known.
    #[must_use]
    pub fn new(number: BuildNumber, sha: Sha, found_at: DateTime<Utc>) -> Self {
        Self {
            number,
            sha,
            commits: Vec::new(),
            more: 0,
            reverts: Vec::new(),
            found_at,
            staging: None,
            in_staging_since: None,
            superseded_by: None,
            verifications: Vec::new(),
            off_trunk: false,
            no_way_back: false,
        }
    }

    /// The subject of its own commit.
    #[must_use]
    pub fn subject(&self) -> &str {
        self.commits.first().map_or("", |commit| &commit.subject)
    }

    /// The names of those who wrote what it changes in the service's paths, each once; without any, the author of its own
    /// commit.
    #[must_use]
    pub fn writers<'a>(&'a self, people: &'a People) -> Vec<&'a str> {
        let own = self.commits.iter().filter(|commit| !commit.beside);
        let mut names = commit::writers(own, people);
        if let (true, Some(commit)) = (names.is_empty(), self.commits.first()) {
            names.push(people.call(&commit.author));
        }
        names
    }

    /// Whether it has a verification of each of these kinds.
    #[must_use]
    pub fn is_verified(&self, kinds: &[VerifyBy]) -> bool {
        kinds.iter().all(|kind| self.verification(kind).is_some())
    }

    /// The newest verification of a kind.
    #[must_use]
    pub fn verification(&self, kind: &VerifyBy) -> Option<&Verification> {
        self.verifications.iter().find(|verification| verification.kind == *kind)
    }
}

/// The record that a step or a person verified a build in staging.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Verification {
    /// The event that recorded it.
    pub seq: Seq,
    pub kind: VerifyBy,
    pub by: Actor,
    pub at: DateTime<Utc>,
    pub note: String,
}

/// How far a build is on the way through staging.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BuildState {
    Queued,
    Deploying,
    InStaging,
    Verified,
    Failed,
    /// Its deployment to staging was cancelled.
    Cancelled,
    /// How far its deployment to staging came is unknown.
    Interrupted,
    /// Its service file cannot be used.
    Broken,
    Superseded,
    /// It was never deployed to staging and does not go there by itself: a person stated that production runs it, or a
    /// force-push took it off the trunk.
    NotStaged,
}

impl BuildState {
    /// Whether its last deployment to staging did not succeed, or it was passed over.
    #[must_use]
    pub fn can_be_tried_again(self) -> bool {
        use BuildState::{Cancelled, Failed, Interrupted, Superseded};
        matches!(self, Failed | Cancelled | Interrupted | Superseded)
    }

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Deploying => "deploying",
            Self::InStaging => "in staging",
            Self::Verified => "verified",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Interrupted => "interrupted",
            Self::Broken => "broken trunkline.toml",
            Self::Superseded => "superseded",
            Self::NotStaged => "not staged",
        }
    }
}

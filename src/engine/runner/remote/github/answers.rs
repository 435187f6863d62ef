//! What GitHub answers, as far as it is read. Anything may be missing or null, and every word may be unknown.

use chrono::{DateTime, Utc};
use serde::Deserialize;

/// The answer to a dispatch that asked for the details of the run.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct DispatchedBody {
    pub workflow_run_id: Option<u64>,
    pub html_url: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct WorkflowRunBody {
    pub id: Option<u64>,
    pub status: Option<String>,
    pub conclusion: Option<String>,
    pub display_title: Option<String>,
    pub html_url: Option<String>,
    pub run_attempt: Option<u64>,
    pub path: Option<String>,
    pub event: Option<String>,
    pub head_branch: Option<String>,
    pub head_sha: Option<String>,
    pub created_at: Option<String>,
    pub run_started_at: Option<String>,
    pub updated_at: Option<String>,
    pub actor: Option<NameBody>,
    pub triggering_actor: Option<NameBody>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct WorkflowRunsBody {
    pub total_count: Option<u64>,
    pub workflow_runs: Option<Vec<WorkflowRunBody>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct WorkflowJobBody {
    pub id: Option<u64>,
    pub name: Option<String>,
    pub status: Option<String>,
    pub conclusion: Option<String>,
    pub started_at: Option<String>,
    pub completed_at: Option<String>,
    pub steps: Option<Vec<WorkflowStepBody>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct WorkflowStepBody {
    pub name: Option<String>,
    pub status: Option<String>,
    pub conclusion: Option<String>,
    pub number: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct WorkflowJobsBody {
    pub total_count: Option<u64>,
    pub jobs: Option<Vec<WorkflowJobBody>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct GroupsBody {
    pub concurrency_groups: Option<Vec<GroupBody>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct GroupBody {
    pub group_name: Option<String>,
    pub group_members: Option<Vec<GroupMemberBody>>,
}

/// A run, or a job of one, that holds a group or waits for it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct GroupMemberBody {
    pub run_id: Option<u64>,
    pub job_id: Option<u64>,
    /// 0 is the one that holds it.
    pub position: Option<u64>,
}

/// A deployment to an environment that waits.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct PendingBody {
    pub environment: Option<NameBody>,
    /// In minutes.
    pub wait_timer: Option<i64>,
    pub wait_timer_started_at: Option<String>,
    /// Whether that is one of the reviewers who asks.
    pub current_user_can_approve: Option<bool>,
    pub reviewers: Option<Vec<ReviewerBody>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct ReviewerBody {
    pub reviewer: Option<NameBody>,
}

/// What a reviewer said of a run.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ReviewBody {
    pub state: Option<String>,
    pub comment: Option<String>,
    pub environments: Option<Vec<NameBody>>,
}

/// A branch or a tag.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct GitRefBody {
    pub object: GitObjectBody,
}

/// What it names: a commit, or a tag of its own.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct GitObjectBody {
    pub sha: Option<String>,
}

/// A release, of which it matters only that it is there.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ReleaseBody {
    pub tag_name: Option<String>,
}

/// How a commit stands to another.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ComparisonBody {
    /// `ahead`, `behind`, `diverged` or `identical`.
    pub status: Option<String>,
}

/// A person has a login, a team a slug, an environment a name.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct NameBody {
    pub id: Option<u64>,
    pub login: Option<String>,
    pub slug: Option<String>,
    pub name: Option<String>,
}

pub(super) fn instant(text: Option<&String>) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(text?).ok().map(|at| at.with_timezone(&Utc))
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct DeploymentBody {
    pub id: Option<u64>,
    pub sha: Option<String>,
    pub environment: Option<String>,
    pub creator: Option<NameBody>,
    pub created_at: Option<String>,
    pub updated_at: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct DeploymentStatusBody {
    pub id: Option<u64>,
    pub state: Option<String>,
    pub creator: Option<NameBody>,
    pub log_url: Option<String>,
    pub target_url: Option<String>,
    pub created_at: Option<String>,
}

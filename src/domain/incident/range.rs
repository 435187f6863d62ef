//! What a rollback took back: its commits with their authors, and its migrations with what they do.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::TakenBack;
use super::timeline::IncidentInput;
use crate::domain::build::Build;
use crate::domain::commit::Commit;
use crate::domain::deployment::Deployment;
use crate::domain::event::DeploymentRequest;
use crate::domain::ids::{BuildNumber, DeploymentId, Sha};
use crate::domain::people::{Actor, People};
use crate::migrations::Class;

/// The most commits that are listed of one range.
const MOST_COMMITS: usize = 50;

/// A deployment that was taken back, and what it brought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TakenBackRange {
    pub deployment: DeploymentId,
    pub build: BuildNumber,
    pub by: Actor,
    /// What was live before, as it was known when it was requested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<BuildNumber>,
    /// The build to which it was taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub back_to: Option<BuildNumber>,
    /// Newest first; where what was live before is not recorded, those after the build to which it went back.
    pub commits: Vec<RangeCommit>,
    /// How many more commits there are than the listed ones.
    #[serde(default, skip_serializing_if = "is_none")]
    pub more: u32,
    /// Each migration with what it does; absent if they were not looked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub migrations: Option<Vec<String>>,
    /// Why some of them were not judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub migrations_trouble: Option<String>,
}

/// One commit of a range.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RangeCommit {
    pub build: BuildNumber,
    pub sha: Sha,
    pub subject: String,
    /// Its author and co-authors.
    pub writers: Vec<String>,
    /// Whether it changes none of the service's paths.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub beside: bool,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_none(count: &u32) -> bool {
    *count == 0
}

impl TakenBackRange {
    /// What of it the record does not tell.
    pub(super) fn unknown(&self) -> impl Iterator<Item = String> {
        let (build, id) = (self.build, self.deployment);
        let before = self.before.is_none().then(|| format!("what ran before {build} ({id})"));
        let none = self.commits.is_empty() && self.more == 0;
        let commits = none.then(|| format!("which commits {build} ({id}) brought"));
        let migrations = match (&self.migrations, &self.migrations_trouble) {
            (_, Some(why)) => Some(format!("what some migrations of {build} do: {why}")),
            (None, None) => Some(format!("whether {build} ({id}) brought migrations")),
            (Some(_), None) => None,
        };
        [before, commits, migrations].into_iter().flatten()
    }
}

/// What each of the incident's rollbacks took back.
pub(super) fn ranges(input: IncidentInput<'_>) -> Vec<TakenBackRange> {
    let all = input.incident.taken_back();
    all.filter_map(|taken| {
        let made = input.state.deployments.get(&taken.deployment)?;
        Some(range(input, taken, made))
    })
    .collect()
}

fn range(input: IncidentInput<'_>, taken: TakenBack, made: &Deployment) -> TakenBackRange {
    let request = &made.request;
    let linked = input.incident.rollbacks.iter().find(|of| of.taken().any(|of| of == taken));
    let back_to = linked.and_then(|linked| linked.to);
    let is_before = |of: &TakenBack| of.deployment < taken.deployment;
    let before = linked.and_then(|linked| linked.taken().filter(is_before).last());
    let since = request.previous.or(before.map(|before| before.build)).or(back_to);
    let is_known = made.unknown_commit().is_none();
    let is_inside = |build: &&Build| match since {
        _ if !is_known => false,
        Some(since) => since < build.number && build.number <= taken.build,
        None => build.number == taken.build,
    };
    let builds = input.state.builds.values().rev().filter(|build| !build.off_trunk);
    let builds: Vec<_> = builds.filter(is_inside).collect();
    let mut commits: Vec<_> = builds
        .iter()
        .flat_map(|build| {
            build.commits.iter().map(|commit| listed(build.number, commit, input.people))
        })
        .collect();
    let unlisted: u32 = builds.iter().map(|build| build.more).fold(0, u32::saturating_add);
    let cut = u32::try_from(commits.len().saturating_sub(MOST_COMMITS)).unwrap_or(u32::MAX);
    commits.truncate(MOST_COMMITS);
    TakenBackRange {
        deployment: taken.deployment,
        build: taken.build,
        by: made.by.clone(),
        before: request.previous,
        back_to,
        commits,
        more: unlisted.saturating_add(cut),
        migrations: migrations(request),
        migrations_trouble: request.schema_trouble.clone(),
    }
}

fn listed(build: BuildNumber, commit: &Commit, people: &People) -> RangeCommit {
    let mut writers: Vec<_> =
        commit.writers(people).map(|who| people.call(who).to_owned()).collect();
    writers.dedup();
    if writers.is_empty() {
        writers.push(people.call(&commit.author).to_owned());
    }
    let (sha, subject) = (commit.sha.clone(), commit.subject.clone());
    RangeCommit { build, sha, subject, writers, beside: commit.beside }
}

/// What a statement of this class does to older code.
fn effect(class: Class) -> &'static str {
    match class {
        Class::Contract => "removes something that older code may use",
        Class::NeedsWritersFirst => "older code may write what is refused after it",
        Class::NeedsReadersFirst => "older code may not be able to read what newer code writes",
        Class::Data => "changes rows, which no rollback undoes",
        Class::Unknown => "its effect on older code is not known",
        Class::Additive => "older code works with it",
    }
}

/// Each file with the worst that it does to older code, as it was judged when the deployment was requested.
fn migrations(request: &DeploymentRequest) -> Option<Vec<String>> {
    let files = request.migrations.as_ref()?;
    let judged = |path: &String| {
        let Some(schema) = &request.schema else { return format!("{path}: not judged") };
        let changes = schema.iter().filter(|change| change.path == *path);
        let said: Vec<_> = changes
            .map(|change| {
                let (line, statement) = (change.line, &change.statement);
                let why = match change.why.as_str() {
                    "" => String::new(),
                    why => format!("; {why}"),
                };
                format!("{}: line {line}, {statement}{why}", effect(change.class))
            })
            .collect();
        match (said.as_slice(), &request.schema_trouble) {
            ([], None) => format!("{path}: nothing that breaks older code was found"),
            ([], Some(_)) => format!("{path}: not known what it does"),
            (said, _) => format!("{path}: {}", said.join("; and ")),
        }
    };
    Some(files.iter().map(judged).collect())
}

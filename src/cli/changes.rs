//! `trunkline changes`: what a build brings to production, commit by commit, and what is not in it.

use clap::Args;
use serde::Serialize;

use super::context::Context;
use super::failure::Failure;
use super::{Reading, output};
use crate::backend::Backend;
use crate::domain::command::{Action, Refusal};
use crate::domain::commit::{Commit, Range};
use crate::domain::ids::{BuildNumber, Sha};
use crate::domain::snapshot::ServiceSnapshot;

/// The most files that are shown of one commit.
const FILES_SHOWN: usize = 5;

#[derive(Debug, Args)]
pub struct Arguments {
    /// The build, as in 1290; without it, the newest
    build: Option<BuildNumber>,
    #[command(flatten)]
    reading: Reading,
}

/// The document of `--json`.
#[derive(Debug, Serialize)]
struct Changes {
    live: Option<BuildNumber>,
    build: BuildNumber,
    range: Range,
    /// The builds whose commits these are, newest first.
    builds: Vec<Merge>,
    /// The builds on the trunk that are newer, newest first.
    not_in_this_build: Vec<Merge>,
}

/// A build by its own commit.
#[derive(Debug, Serialize)]
struct Merge {
    build: BuildNumber,
    sha: Sha,
    subject: String,
}

pub async fn run(context: &Context, arguments: Arguments) -> Result<(), Failure> {
    let service = context.service().await?;
    let snapshot = context.snapshot(&service).await?;
    let newest = || snapshot.builds.iter().map(|row| &row.build).find(|build| !build.off_trunk);
    let build = arguments.build.or_else(|| newest().map(|build| build.number));
    let build = build.ok_or_else(|| Refusal::not_found("the trunk has no build yet".to_owned()));
    let build = build.map_err(crate::backend::BackendError::from)?;
    let plan = context.backend.plan(&service, Action::Promote { build }).await?;
    let live = plan.live.as_ref().map(|live| live.build);
    let changes = Changes {
        live,
        build,
        range: plan.range,
        builds: merges(&snapshot, |number| live < Some(number) && number <= build),
        not_in_this_build: merges(&snapshot, |number| number > build),
    };
    if arguments.reading.json {
        return output::json(&changes);
    }
    context.out.lines(changes.lines())
}

fn merges(snapshot: &ServiceSnapshot, wanted: impl Fn(BuildNumber) -> bool) -> Vec<Merge> {
    let builds = snapshot.builds.iter().map(|row| &row.build);
    let wanted = builds.filter(|build| !build.off_trunk && wanted(build.number));
    let merge = |build: &crate::domain::build::Build| Merge {
        build: build.number,
        sha: build.sha.clone(),
        subject: build.subject().to_owned(),
    };
    wanted.map(merge).collect()
}

impl Changes {
    fn lines(&self) -> Vec<String> {
        let live = self.live.map_or("nothing".to_owned(), |live| live.to_string());
        let builds: Vec<_> = self.builds.iter().map(|merge| merge.build.to_string()).collect();
        let mut lines = vec![format!("changes from {live} to {}", self.build)];
        if !builds.is_empty() {
            lines.push(format!("  builds  {}", builds.join(", ")));
        }
        lines.extend(self.range.commits.iter().flat_map(commit));
        if self.range.more > 0 {
            lines.push(format!("  and {} more commits", self.range.more));
        }
        if !self.not_in_this_build.is_empty() {
            lines.extend([String::new(), format!("not in {}", self.build)]);
            lines.extend(self.not_in_this_build.iter().map(merge));
        }
        lines
    }
}

fn merge(merge: &Merge) -> String {
    format!("  {} {} {}", merge.build, merge.sha.short(), merge.subject)
}

fn commit(commit: &Commit) -> Vec<String> {
    let authors: Vec<_> =
        [&commit.author].into_iter().chain(&commit.co_authors).map(|who| &*who.name).collect();
    let authors = authors.join(", ");
    let mut lines = vec![format!("  {} {} ({authors})", commit.sha.short(), commit.subject)];
    if let Some(request) = &commit.pull_request {
        let link = request.link.as_ref().map_or(String::new(), |link| format!(" {link}"));
        lines.push(format!("          pull request {}{link}", request.number));
    }
    lines.extend(commit.reverts.iter().map(|of| format!("          reverts {}", of.short())));
    lines.extend(commit.files.iter().take(FILES_SHOWN).map(|file| format!("          {file}")));
    let hidden = commit.files.len().saturating_sub(FILES_SHOWN);
    lines.extend((hidden > 0).then(|| format!("          and {hidden} more files")));
    lines
}

//! `trunkline changes`: lists the commits that a build would ship, and the newer builds that are not included.

use clap::Args;
use clap_complete::engine::ArgValueCandidates;
use serde::Serialize;

use super::arrival::{self, Arrival};
use super::context::Context;
use super::error::CliError;
use super::{Reading, completions, output, schema};
use crate::backend::Backend;
use crate::domain::command::{Action, Refusal};
use crate::domain::commit::{Commit, Range};
use crate::domain::event::DeploymentKind;
use crate::domain::ids::{BuildNumber, Sha};
use crate::domain::plan::{Migrations, Plan};
use crate::domain::schema::Verdict;
use crate::domain::snapshot::ServiceSnapshot;

/// The most files that are shown of one commit.
const FILES_SHOWN: usize = 5;

#[derive(Debug, Args)]
pub struct ChangesArgs {
    /// The build, as in 1290 or '#1290'; the default is the newest
    #[arg(add = ArgValueCandidates::new(completions::builds))]
    build: Option<BuildNumber>,
    /// List what a rollback would remove; the default build is the one that "trunkline rollback" chooses
    #[arg(long)]
    rollback: bool,
    #[command(flatten)]
    reading: Reading,
}

/// The document of `--json`.
#[derive(Debug, Serialize)]
struct Changes {
    live: Option<BuildNumber>,
    /// Whether production ran before trunkline, so that what is live is not known.
    live_unknown: bool,
    build: BuildNumber,
    kind: DeploymentKind,
    range: Range,
    migrations: Migrations,
    /// Whether a rollback would be safe.
    verdict: Option<Verdict>,
    /// The builds that the range contains, newest first.
    builds: Vec<ListedMerge>,
    /// The newer builds on the trunk, newest first.
    not_in_this_build: Vec<ListedMerge>,
    /// True if older builds are missing from these lists.
    builds_cut: bool,
}

/// A build and its merge commit.
#[derive(Debug, Serialize)]
struct ListedMerge {
    build: BuildNumber,
    sha: Sha,
    subject: String,
}

pub async fn run(context: &Context, arguments: ChangesArgs) -> Result<(), CliError> {
    let service = context.service().await?;
    if let Some(build) = arguments.build.filter(|_| !arguments.rollback) {
        arrival::of(context, &service, build, Arrival::OnTrunk).await?;
    }
    let snapshot = context.snapshot(&service).await?;
    let action = action(&arguments, &snapshot).map_err(crate::backend::BackendError::from)?;
    let plan = context.backend.plan(&service, action).await?;
    let changes = Changes::of(plan, &snapshot);
    if arguments.reading.json {
        return output::json(&changes);
    }
    context.out.lines(changes.lines())
}

fn action(arguments: &ChangesArgs, snapshot: &ServiceSnapshot) -> Result<Action, Refusal> {
    if arguments.rollback {
        return Ok(Action::Rollback { to: arguments.build });
    }
    let mut builds = snapshot.builds.iter().map(|row| &row.build);
    let newest = || builds.find(|build| !build.off_trunk).map(|build| build.number);
    let build = arguments.build.or_else(newest);
    let build = build.ok_or_else(|| Refusal::not_found("the trunk has no build yet"))?;
    Ok(Action::Promote { build })
}

fn merges(snapshot: &ServiceSnapshot, wanted: impl Fn(BuildNumber) -> bool) -> Vec<ListedMerge> {
    let builds = snapshot.builds.iter().map(|row| &row.build);
    let wanted = builds.filter(|build| !build.off_trunk && wanted(build.number));
    let merge = |build: &crate::domain::build::Build| ListedMerge {
        build: build.number,
        sha: build.sha.clone(),
        subject: build.subject().to_owned(),
    };
    wanted.map(merge).collect()
}

impl Changes {
    fn of(plan: Plan, snapshot: &ServiceSnapshot) -> Self {
        let live = plan.live.as_ref().map(|live| live.build);
        let (build, kind) = (plan.target.build, plan.kind);
        let is_rollback = kind == DeploymentKind::Rollback;
        let inside = |number| {
            if is_rollback {
                build < number && Some(number) <= live
            } else {
                live < Some(number) && number <= build
            }
        };
        // Both lists together contain every build from `low` on.
        let low = if is_rollback { build } else { live.unwrap_or(BuildNumber(0)).min(build) };
        let low = BuildNumber(low.0 + 1);
        let oldest = snapshot.builds.last().map_or(low, |row| row.build.number);
        Self {
            live,
            live_unknown: plan.live_unknown,
            build,
            kind,
            range: plan.range,
            migrations: plan.migrations,
            verdict: plan.verdict,
            builds: merges(snapshot, inside),
            not_in_this_build: merges(snapshot, |number| !is_rollback && number > build),
            builds_cut: oldest > low && snapshot.builds_total as usize > snapshot.builds.len(),
        }
    }

    fn lines(&self) -> Vec<String> {
        let none = if self.live_unknown { "what is live, which is not known," } else { "nothing" };
        let live = self.live.map_or(none.to_owned(), |live| live.to_string());
        let builds: Vec<_> = self.builds.iter().map(|merge| merge.build.to_string()).collect();
        let title = match self.kind {
            DeploymentKind::Rollback => format!("removed by rollback {live} to {}", self.build),
            _ => format!("changes from {live} to {}", self.build),
        };
        let mut lines = vec![title];
        if !builds.is_empty() {
            lines.push(format!("  builds  {}", builds.join(", ")));
        }
        if let Some(verdict) = &self.verdict {
            lines.push(format!("  way back  {}", verdict.headline()));
        }
        let migrations = schema::migrations(&self.migrations);
        if !migrations.is_empty() {
            lines.push("  migrations".to_owned());
            lines.extend(migrations.iter().map(|line| format!("    {line}")));
        }
        let range = &self.range;
        lines.extend(range.own().flat_map(commit));
        let hidden = range.more.saturating_sub(range.more_beside);
        lines.extend((hidden > 0).then(|| format!("  and {hidden} more commits")));
        if range.beside_len() > 0 {
            lines.push("outside of the service's paths, in the same tree".to_owned());
            lines.extend(range.beside().flat_map(commit));
            let hidden = range.more_beside;
            lines.extend((hidden > 0).then(|| format!("  and {hidden} more commits")));
        }
        if !self.not_in_this_build.is_empty() {
            lines.extend([String::new(), format!("not included in {}", self.build)]);
            lines.extend(self.not_in_this_build.iter().map(merge));
        }
        if self.builds_cut {
            lines.push("older builds are not listed".to_owned());
        }
        lines
    }
}

fn merge(merge: &ListedMerge) -> String {
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chrono::DateTime;

    use super::{Changes, schema};
    use crate::backend::Backend as _;
    use crate::backend::scripted::{SERVICE, Scripted};
    use crate::domain::command::Action;
    use crate::domain::event::DeploymentKind;
    use crate::domain::ids::{BuildNumber, Environment};
    use crate::domain::people::Actor;
    use crate::domain::plan::Migrations;
    use crate::migrations::{Dialect, FileChange, MigrationFile, SchemaDefinitions, Tool, judge};

    async fn changes(world: &Scripted, action: Action) -> Changes {
        let name = SERVICE.parse().expect("the name is a good one");
        let snapshot = world.service(&name, None, Duration::ZERO).await;
        let snapshot = snapshot.expect("it is there").expect("nothing was known before");
        Changes::of(world.plan(&name, action).await.expect("it is there"), &snapshot)
    }

    #[tokio::test]
    async fn a_list_of_builds_that_is_cut_says_so_and_a_whole_one_does_not() {
        let world = Scripted::new(DateTime::default());
        let name = SERVICE.parse().expect("the name is a good one");
        world.change(|world| {
            for _ in 0..110 {
                world.merge(&name, "ada", "More");
            }
        });
        let promote = Action::Promote { build: BuildNumber(110) };
        let sentence = "older builds are not listed";
        let cut = changes(&world, promote).await.lines();
        assert_eq!(cut.last().map(String::as_str), Some(sentence));
        for live in [9, 10] {
            world.change(|world| {
                let by = Actor::Person("sam".to_owned());
                let (to, kind) = (Environment::Production, DeploymentKind::Promote);
                world.request(&name, BuildNumber(live), to, kind, by);
                world.finish(&name);
            });
            let is_cut = changes(&world, promote).await.lines().contains(&sentence.to_owned());
            assert_eq!(is_cut, live < 10, "live is #{live}, the oldest that is listed #11");
        }
    }

    #[test]
    fn statements_and_files_past_the_limits_are_counted() {
        let judged = |text: &str, path: &str| {
            let file = MigrationFile { path, text, change: FileChange::Added };
            judge(&file, Tool::Sqlx, Dialect::Postgres, &SchemaDefinitions::default())
        };
        let mut files = vec![judged(&"DROP TABLE t;\n".repeat(7), "migrations/1_drop.sql")];
        files[0].faults.push("was edited".to_owned());
        files.resize(23, judged("CREATE TABLE t (id int);", "migrations/2_add.sql"));
        let lines = schema::migrations(&Migrations { files, ..Migrations::default() });
        assert_eq!(lines[0], "migrations/1_drop.sql (sqlx): contract");
        assert_eq!(lines[1], "  fault: was edited");
        assert!(lines.contains(&"  and 2 more statements".to_owned()), "{lines:#?}");
        assert_eq!(lines.last().map(String::as_str), Some("and 3 more files"));
    }
}

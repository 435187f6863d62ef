//! `trunkline plan`: shows what a promote, a rollback or a retry would do.

use std::collections::BTreeSet;

use clap::Subcommand;
use clap_complete::engine::ArgValueCandidates;

use super::arrival::{self, Arrival};
use super::context::Context;
use super::error::CliError;
use super::output::{Cell, Output, Paint};
use super::retry::Retried;
use super::{Reading, completions, output, remedy, schema, tick};
use crate::backend::Backend;
use crate::domain::command::Action;
use crate::domain::commit::Commit;
use crate::domain::event::{DeploymentKind, steps_in_words};
use crate::domain::ids::BuildNumber;
use crate::domain::plan::{Finding, Plan, PlannedBuild, Severity};
use crate::domain::target;
use crate::domain::time::say;
use crate::domain::words::counted;
use crate::gate;

/// The most commits that a plan lists.
const COMMITS_SHOWN: usize = 20;

#[derive(Debug, Clone, Copy, Subcommand)]
pub enum PlanCommand {
    /// Show what a promote would do
    Promote {
        /// The build number, as in 1290
        #[arg(add = ArgValueCandidates::new(completions::builds))]
        build: BuildNumber,
        #[command(flatten)]
        reading: Reading,
    },
    /// Show what a rollback would do
    Rollback {
        /// The build to roll back to; the default is the one that "trunkline rollback" chooses
        #[arg(add = ArgValueCandidates::new(completions::builds))]
        build: Option<BuildNumber>,
        #[command(flatten)]
        reading: Reading,
    },
    /// Show what a retry would do
    Retry {
        #[command(flatten)]
        retried: Retried,
        #[command(flatten)]
        reading: Reading,
    },
}

pub async fn run(context: &Context, command: PlanCommand) -> Result<(), CliError> {
    let service = context.service().await?;
    let (action, reading) = match command {
        PlanCommand::Promote { build, reading } => (Action::Promote { build }, reading),
        PlanCommand::Rollback { build, reading } => (Action::Rollback { to: build }, reading),
        PlanCommand::Retry { retried, reading } => (retried.into(), reading),
    };
    if let Action::Promote { build } = action {
        arrival::of(context, &service, build, Arrival::OnTrunk).await?;
    }
    let plan = context.backend.plan(&service, action).await?;
    if reading.json {
        return output::json(&plan);
    }
    print(context.out, &plan)?;
    context.out.lines(by_hand(context, &plan))
}

/// The commands that do without trunkline what a rollback does.
fn by_hand(context: &Context, plan: &Plan) -> Vec<String> {
    let Some(by_hand) = &plan.by_hand else { return Vec::new() };
    let mut lines = vec![String::new()];
    lines.extend(context.place.by_hand(by_hand, plan.at));
    lines
}

/// Prints a plan: what would happen, then what every guard found.
pub fn print(out: Output, plan: &Plan) -> Result<(), CliError> {
    out.lines(lines(plan))?;
    out.table(&plan.findings.iter().map(finding).collect::<Vec<_>>())
}

fn lines(plan: &Plan) -> Vec<String> {
    let mut lines = vec![headline(plan)];
    lines.push(format!("  now live   {}", live(plan)));
    lines.push(format!("  would be   {}", named(&plan.target)));
    lines.extend(range(plan));
    let mut migrations = schema::migrations(&plan.migrations).into_iter();
    lines.extend(migrations.next().map(|first| format!("  migrations {first}")));
    lines.extend(migrations.map(|line| format!("             {line}")));
    lines.extend(schema::way_back(plan));
    lines.extend(tried(plan));
    let steps = steps_in_words(&plan.steps);
    let takes = plan.expected.map_or(String::new(), |takes| format!(", about {}", say(takes)));
    lines.push(format!("  steps      {steps}{takes}"));
    lines.extend(plan.cancels.map(|id| format!("  cancels    {id} first")));
    let also = plan.also.as_ref().map(|also| also.in_words(plan.at));
    lines.extend(also.map(|also| format!("  also       {also}")));
    lines.extend(plan.stays_behind.iter().flat_map(|left| tick::in_plan(left)));
    lines.push(format!("  undo       {}", plan.undo));
    lines.push(String::new());
    lines
}

/// Whether the steps of a rollback were tried.
fn tried(plan: &Plan) -> Option<String> {
    let is_rollback = plan.kind == DeploymentKind::Rollback;
    let tried = plan.tried.as_ref().filter(|_| is_rollback)?;
    Some(format!("  tried      {}", tried.at(plan.at)))
}

/// The row of one finding.
fn finding(finding: &Finding) -> Vec<Cell> {
    let mark = match finding.severity {
        Severity::Info if finding.unknown => "  unknown ".to_owned().into(),
        Severity::Info => Paint::Good.cell("  ok      "),
        Severity::Warn => Paint::Caution.cell("  warning "),
        Severity::Override => Paint::Bad.cell("  OVERRIDE"),
        Severity::Refuse => Paint::Bad.cell("  REFUSED "),
    };
    vec![mark, format!("{:<9}", finding.guard).into(), remedy::sentence(finding).into()]
}

fn headline(plan: &Plan) -> String {
    let verb = match plan.kind {
        DeploymentKind::Rollback => "roll back",
        DeploymentKind::Redeploy => "redeploy",
        DeploymentKind::Retry => "retry",
        DeploymentKind::Rehearsal | DeploymentKind::Return => "rehearse",
        DeploymentKind::Promote | DeploymentKind::Auto | DeploymentKind::External => "promote",
    };
    let to = if plan.kind == DeploymentKind::Rollback { "to" } else { "with" };
    let is_again = plan.retries.is_some() && plan.kind != DeploymentKind::Retry;
    let again = if is_again { " again" } else { "" };
    format!(
        "{verb} {} {} {to} {}{again}, as {}",
        plan.service, plan.environment, plan.target.build, plan.actor
    )
}

fn live(plan: &Plan) -> String {
    match &plan.live {
        _ if target::differ(&plan.targets) => target::in_words(&plan.targets),
        Some(live) => named(live),
        None if plan.live_unknown => "not known".to_owned(),
        None => "nothing".to_owned(),
    }
}

fn named(build: &PlannedBuild) -> String {
    format!("{} {} {}", build.build, build.sha.short(), build.subject)
}

fn range(plan: &Plan) -> Vec<String> {
    let range = &plan.range;
    let what = if plan.goes_back() { "takes away" } else { "ships" };
    let (own, beside) = (range.own_len(), range.beside_len());
    let least = if plan.live_unknown { "at least " } else { "" };
    let mut lines = vec![format!(
        "  {what:<10} {least}{}, {}",
        counted(own, "commit"),
        counted(range.files(), "file")
    )];
    lines.extend(beyond_ascii(&range.commits));
    lines.extend(listed(range.own(), own));
    if beside > 0 {
        let count = counted(beside, "commit");
        lines
            .push(format!("  and        {count} outside of the service's paths, in the same tree"));
        lines.extend(listed(range.beside(), beside));
    }
    lines
}

/// The newest of these commits, and how many more there are.
fn listed<'a>(
    commits: impl Iterator<Item = &'a Commit>,
    count: usize,
) -> impl Iterator<Item = String> {
    let lines: Vec<_> = commits.take(COMMITS_SHOWN).map(commit).collect();
    let hidden = count.saturating_sub(lines.len());
    let more = (hidden > 0).then(|| format!("             and {hidden} more"));
    lines.into_iter().chain(more)
}

/// The code points of author names outside ASCII, each with the commit that it stands at: such a name may imitate another.
fn beyond_ascii(commits: &[Commit]) -> Vec<String> {
    let points = |commit: &Commit| -> Vec<String> {
        let authors = std::iter::once(&commit.author).chain(&commit.co_authors);
        let points = authors.flat_map(|who| gate::field(&who.name).code_points());
        points.collect::<BTreeSet<_>>().into_iter().collect()
    };
    let found: Vec<_> = commits
        .iter()
        .map(|commit| (points(commit), commit.sha.short()))
        .filter(|(points, _)| !points.is_empty())
        .map(|(points, sha)| format!("  not ASCII  {} in {sha}", points.join(", ")))
        .collect();
    let hidden = found.len().saturating_sub(COMMITS_SHOWN);
    let more = (hidden > 0).then(|| format!("             and in {hidden} more commits"));
    found.into_iter().take(COMMITS_SHOWN).chain(more).collect()
}

fn commit(commit: &Commit) -> String {
    let with: Vec<_> = commit.co_authors.iter().map(|who| who.name.as_str()).collect();
    let with = if with.is_empty() { String::new() } else { format!(" with {}", with.join(", ")) };
    format!("             {} {} ({}{with})", commit.sha.short(), commit.subject, commit.author.name)
}

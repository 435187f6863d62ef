//! `trunkline where`: shows whether a commit is in staging or in production, and how to ship it.

use chrono::{DateTime, Utc};
use clap::Args;

use super::context::Context;
use super::error::CliError;
use super::wording::{ago, instant};
use super::{Reading, output, remedy};
use crate::backend::Backend;
use crate::domain::commit::RevertEvidence;
use crate::domain::commit_location::{
    CommitInBuild, CommitLocation, InProduction, InStaging, NamedCommit,
};
use crate::domain::ids::{BuildNumber, CommitPrefix, Environment, ServiceName};
use crate::domain::quarantine::Quarantined;
use crate::domain::remedy::Remedy;
use crate::domain::snapshot::ServiceSnapshot;
use crate::domain::snapshot::alarm::Alarm;

#[derive(Debug, Args)]
pub struct WhereArgs {
    /// The commit id, or at least its first four digits; or a branch, a tag or HEAD of the repository here
    #[arg(value_name = "COMMIT")]
    commit: String,
    #[command(flatten)]
    reading: Reading,
}

pub async fn run(context: &Context, arguments: WhereArgs) -> Result<(), CliError> {
    let service = context.service().await?;
    let (prefix, location) = find(context, &service, &arguments.commit).await?;
    let prefix = &prefix;
    if arguments.reading.json {
        output::json(&location)?;
    } else if location != CommitLocation::UnknownHere {
        let snapshot = context.snapshot(&service).await?;
        let lines = lines(prefix, &location, snapshot.at);
        context.out.lines(lines.into_iter().chain(incidents(&location, &snapshot)))?;
    }
    match location {
        CommitLocation::UnknownHere => Err(CliError::failed(unknown(prefix))),
        CommitLocation::Ambiguous { .. } => {
            Err(CliError::failed(format!("{prefix} is ambiguous; write more of the id")))
        }
        _ => Ok(()),
    }
}

/// Where the commit is. Digits are the beginning of an id, or else a name; everything else is a name that git knows here.
async fn find(
    context: &Context,
    service: &ServiceName,
    text: &str,
) -> Result<(CommitPrefix, CommitLocation), CliError> {
    if let Ok(prefix) = text.parse() {
        let location = context.backend.commit_location(service, &prefix).await?;
        if location != CommitLocation::UnknownHere {
            return Ok((prefix, location));
        }
        let Some(named) =
            named_here(text).filter(|named| !named.as_str().starts_with(prefix.as_str()))
        else {
            return Ok((prefix, location));
        };
        return Ok((named.clone(), context.backend.commit_location(service, &named).await?));
    }
    let named = named_here(text).ok_or_else(|| {
        CliError::usage(format!(
            "{text:?} is no commit id, and git knows no such name in this folder; write the id, or run this inside \
             the repository"
        ))
    })?;
    output::note(&format!("{text} is {named} in this repository"));
    Ok((named.clone(), context.backend.commit_location(service, &named).await?))
}

/// The commit of a branch, a tag or HEAD of the repository here.
fn named_here(name: &str) -> Option<CommitPrefix> {
    let mut git = std::process::Command::new("git");
    git.args(["rev-parse", "--verify", "--quiet", "--end-of-options"]);
    git.arg(format!("{name}^{{commit}}")).stdin(std::process::Stdio::null());
    let output = git.output().ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}

/// The incidents whose rollbacks took the commit back.
fn incidents(location: &CommitLocation, snapshot: &ServiceSnapshot) -> Vec<String> {
    let CommitLocation::InBuild(placed) = location else { return Vec::new() };
    let about = snapshot.incidents.iter().filter(|of| of.incident.took_back(placed.build));
    about.map(|of| format!("  incident    {}", of.sentence(snapshot.at))).collect()
}

fn unknown(prefix: &CommitPrefix) -> String {
    format!("{prefix} is unknown: no fetched commit of the repository has this id")
}

fn lines(prefix: &CommitPrefix, location: &CommitLocation, now: DateTime<Utc>) -> Vec<String> {
    match location {
        CommitLocation::UnknownHere => vec![unknown(prefix)],
        CommitLocation::Ambiguous { candidates, more } => {
            let mut lines = vec![format!("{prefix} is ambiguous; it matches:")];
            lines.extend(candidates.iter().map(|sha| format!("  {sha}")));
            lines.extend((*more > 0).then(|| format!("  and {more} more")));
            lines
        }
        CommitLocation::NotOnTrunk { commit } => {
            vec![named(commit), "  trunk       not on the trunk; in no build".to_owned()]
        }
        CommitLocation::InNoBuild { commit, quarantined } => {
            let next = remedy::after(Some(&Remedy::BuildTip {}));
            let place = "on the trunk, in no build yet; the next build contains it; to make one";
            let lines = [named(commit), format!("  trunk       {place}{next}")];
            let bad = quarantined.as_ref().map(|bad| marked_bad(bad, now));
            lines.into_iter().chain(bad).collect()
        }
        CommitLocation::InBuild(placed) => in_build(placed, now),
    }
}

fn named(commit: &NamedCommit) -> String {
    let author = commit.author.as_ref().map_or(String::new(), |author| format!(" ({author})"));
    format!("{} {}{author}", commit.sha.short(), commit.subject)
}

fn in_build(placed: &CommitInBuild, now: DateTime<Utc>) -> Vec<String> {
    let note = match (placed.predates, placed.off_trunk) {
        (_, true) => ", removed from the trunk by a force-push",
        (true, _) => " or older (it is the first recorded build)",
        _ => "",
    };
    let mut lines = vec![named(&placed.commit), format!("  build       {}{note}", placed.build)];
    lines.push(format!("  staging     {}", staging(&placed.staging, now)));
    lines.push(format!("  production  {}", production(placed, now)));
    let is_told = |alarm: &Alarm| {
        matches!(alarm, Alarm::InDoubt { environment: Environment::Production, targets, .. }
            if !targets.is_empty())
    };
    if let Some(attempt) = placed.unsettled.filter(|_| !placed.alarms.iter().any(is_told)) {
        lines.push(format!("              {attempt} did not succeed: what runs now is unknown"));
    }
    let told = placed.alarms.iter().map(|alarm| format!("  attention   {}", alarm.sentence()));
    lines.extend(told);
    if let Some(taken) = &placed.reverted_by {
        let (by, build) = (taken.by.short(), taken.build);
        lines.push(match taken.evidence {
            RevertEvidence::Sure => format!("  reverted    by {by} in {build}"),
            evidence => format!("  reverted    not known: {by} in {build} seems to, {evidence}"),
        });
    }
    if let Some(bad) = &placed.quarantined {
        lines.push(marked_bad(bad, now));
    }
    lines
}

fn marked_bad(bad: &Quarantined, now: DateTime<Utc>) -> String {
    format!("  quarantined by {} {}: {}", bad.by, ago(bad.at, now), bad.reason)
}

fn staging(staging: &InStaging, now: DateTime<Utc>) -> String {
    match staging {
        InStaging::Since { build, at } => format!("there since {} with {build}", since(*at, now)),
        InStaging::Was { build, from, to } => stay(*build, *from, *to),
        InStaging::SupersededBy { build } => {
            format!("not yet: superseded by {build}, which contains it")
        }
        InStaging::Never => "not yet".to_owned(),
        InStaging::Unknown { build } => unknown_with(*build),
    }
}

fn production(placed: &CommitInBuild, now: DateTime<Utc>) -> String {
    match &placed.production {
        InProduction::Since { build, at } => format!("live since {} with {build}", since(*at, now)),
        InProduction::Was { build, from, to } => stay(*build, *from, *to),
        InProduction::NotYet { live_unknown: true, .. } => {
            format!(
                "not known: what is live is not known{}",
                remedy::after(Some(&Remedy::Adopt { commit: None }))
            )
        }
        InProduction::NotYet { ahead, promote, verified, .. } => {
            let ahead = match ahead {
                0 => "older than the live build, which does not contain it".to_owned(),
                1 => "1 build ahead of the live build".to_owned(),
                more => format!("{more} builds ahead of the live build"),
            };
            if placed.quarantined.is_some() {
                return format!("not yet: {ahead}");
            }
            let verified = if *verified { "" } else { "once verified, " };
            let next = promote.map_or_else(
                || "no newer build on the trunk contains it".to_owned(),
                |build| format!("{verified}run: trunkline promote {}", build.0),
            );
            format!("not yet: {ahead}; {next}")
        }
        InProduction::Unknown { build } => unknown_with(*build),
    }
}

fn unknown_with(build: BuildNumber) -> String {
    format!("unknown: the commits of {build} are not all recorded")
}

fn stay(build: BuildNumber, from: DateTime<Utc>, to: DateTime<Utc>) -> String {
    format!("not any more: it was there from {} to {} with {build}", instant(from), instant(to))
}

fn since(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    format!("{} ({})", instant(at), ago(at, now))
}

//! `trunkline where`: whether a commit is in staging or live, and what would bring it there.

use chrono::{DateTime, Utc};
use clap::Args;

use super::context::Context;
use super::error::CliError;
use super::wording::{ago, instant};
use super::{Reading, output};
use crate::backend::Backend;
use crate::domain::commit_location::{
    CommitInBuild, CommitLocation, InProduction, InStaging, NamedCommit,
};
use crate::domain::ids::{BuildNumber, CommitPrefix};

#[derive(Debug, Args)]
pub struct WhereArgs {
    /// The commit's id, or the first four digits of it or more
    #[arg(value_name = "SHA")]
    commit: CommitPrefix,
    #[command(flatten)]
    reading: Reading,
}

pub async fn run(context: &Context, arguments: WhereArgs) -> Result<(), CliError> {
    let service = context.service().await?;
    let location = context.backend.commit_location(&service, &arguments.commit).await?;
    let asked = &arguments.commit;
    if arguments.reading.json {
        output::json(&location)?;
    } else if location != CommitLocation::UnknownHere {
        let now = context.snapshot(&service).await?.at;
        context.out.lines(lines(asked, &location, now))?;
    }
    match location {
        CommitLocation::UnknownHere => Err(CliError::failed(unknown(asked))),
        CommitLocation::Ambiguous { .. } => {
            Err(CliError::failed(format!("{asked} is ambiguous; write more of the id")))
        }
        _ => Ok(()),
    }
}

fn unknown(asked: &CommitPrefix) -> String {
    format!(
        "{asked} is unknown here: no commit of the repository has such an id, as far as it was fetched"
    )
}

fn lines(asked: &CommitPrefix, location: &CommitLocation, now: DateTime<Utc>) -> Vec<String> {
    match location {
        CommitLocation::UnknownHere => vec![unknown(asked)],
        CommitLocation::Ambiguous { candidates, more } => {
            let mut lines = vec![format!("{asked} is ambiguous, it may be any of these:")];
            lines.extend(candidates.iter().map(|sha| format!("  {sha}")));
            lines.extend((*more > 0).then(|| format!("  and {more} more")));
            lines
        }
        CommitLocation::NotOnTrunk { commit } => {
            vec![named(commit), "  trunk       not on the trunk (yet): no build has it".to_owned()]
        }
        CommitLocation::InNoBuild { commit } => {
            vec![named(commit), "  trunk       on the trunk, and no build has it (yet)".to_owned()]
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
        (_, true) => ", which a force-push took off the trunk",
        (true, _) => " or older: that is the first build that was watched",
        _ => "",
    };
    let mut lines = vec![named(&placed.commit), format!("  build       {}{note}", placed.build)];
    lines.push(format!("  staging     {}", staging(&placed.staging, now)));
    lines.push(format!("  production  {}", production(placed, now)));
    if let Some(attempt) = &placed.unsettled {
        lines
            .push(format!("              {attempt} did not succeed: nobody vouches for what runs"));
    }
    if let Some(taken) = &placed.reverted_by {
        lines.push(format!("  reverted    by {} in {}", taken.by.short(), taken.build));
    }
    if let Some(bad) = &placed.quarantined {
        let since = ago(bad.at, now);
        lines.push(format!("  quarantined by {} {since}: {}", bad.by, bad.reason));
    }
    lines
}

fn staging(staging: &InStaging, now: DateTime<Utc>) -> String {
    match staging {
        InStaging::Since { build, at } => format!("there since {} with {build}", since(*at, now)),
        InStaging::Was { build, from, to } => stay(*build, *from, *to),
        InStaging::SupersededBy { build } => {
            format!("not yet: {build} overtook it, which has it too")
        }
        InStaging::Never => "not yet".to_owned(),
        InStaging::Unknown { build } => cannot_tell(*build),
    }
}

fn production(placed: &CommitInBuild, now: DateTime<Utc>) -> String {
    match &placed.production {
        InProduction::Since { build, at } => format!("live since {} with {build}", since(*at, now)),
        InProduction::Was { build, from, to } => stay(*build, *from, *to),
        InProduction::NotYet { ahead, promote, verified } => {
            let ahead = match ahead {
                0 => "older than what is live, and not in it".to_owned(),
                1 => "1 build ahead of what is live".to_owned(),
                more => format!("{more} builds ahead of what is live"),
            };
            if placed.quarantined.is_some() {
                return format!("not yet: {ahead}");
            }
            let verified = if *verified { "" } else { " once it is verified" };
            let brings = promote.map_or_else(
                || "no newer build of the trunk has it".to_owned(),
                |build| format!("\"trunkline promote {}\" brings it{verified}", build.0),
            );
            format!("not yet: {ahead}; {brings}")
        }
        InProduction::Unknown { build } => cannot_tell(*build),
    }
}

fn cannot_tell(build: BuildNumber) -> String {
    format!("unknown: not all that {build} has is on record")
}

fn stay(build: BuildNumber, from: DateTime<Utc>, to: DateTime<Utc>) -> String {
    format!("not any more: it was from {} to {} with {build}", instant(from), instant(to))
}

fn since(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    format!("{} ({})", instant(at), ago(at, now))
}

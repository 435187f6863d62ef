//! The guard on migrations: what a promote does to the schema, and how far a rollback can go after it.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Endpoints, Finding, Guard, PlanInput, Severity, finding};
use crate::domain::build::Build;
use crate::domain::event::DeploymentKind;
use crate::domain::ids::{BuildNumber, Environment};
use crate::domain::remedy::Remedy;
use crate::domain::schema::{Outlook, Promoted, SchemaChange, Verdict};
use crate::domain::service::ServiceState;
use crate::domain::time::{Milliseconds, between, millis, say};
use crate::migrations::{Class, FileChange, JudgedMigration};

/// The most statements that a finding names.
const NAMED: usize = 3;

/// The most files of migrations that are recorded with a promote.
const MOST_RECORDED: usize = 100;

/// The migrations of a promote.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Migrations {
    pub files: Vec<JudgedMigration>,
    /// The changes that older code may break on.
    pub changes: Vec<SchemaChange>,
    /// Why it may break other services that share the database.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shared: Vec<String>,
    /// Why not all of them were judged, if so. `files` and `changes` hold those that were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
    /// How long code must be live before a migration may remove what it no longer uses.
    #[serde(default, with = "millis")]
    #[schema(value_type = Milliseconds)]
    pub min_bake: Duration,
}

impl Migrations {
    /// The files, as the deployment's event stores them: of very many the first.
    pub(super) fn named(&self) -> Vec<String> {
        let ran = self.files.iter().filter(|file| file.change != FileChange::Deleted);
        ran.take(MOST_RECORDED).map(|file| file.path.clone()).collect()
    }

    /// The changes and the trouble, as the deployment's event stores them.
    pub(super) fn recorded(&self) -> (Option<Vec<SchemaChange>>, Option<String>) {
        let is_known = self.trouble.is_none() || !self.changes.is_empty();
        (is_known.then(|| self.changes.clone()), self.trouble.clone())
    }
}

pub(super) fn verdict(input: PlanInput<'_>, ends: &Endpoints) -> Option<Verdict> {
    let state = input.state;
    match ends.kind {
        DeploymentKind::Rollback => return Some(state.verdict(ends.target)),
        DeploymentKind::Retry => return None,
        _ => {}
    }
    let Migrations { changes, trouble, .. } = input.migrations;
    let promoted = Promoted { build: ends.target, changes, trouble: trouble.as_deref() };
    let live = ends.live?;
    let back = match ends.kind {
        DeploymentKind::Promote => state.way_back_from(live).to.unwrap_or(live),
        _ => live,
    };
    Some(state.verdict_after(back, Some(promoted)))
}

pub(super) fn on_promote(input: PlanInput<'_>, target: &Build, now: DateTime<Utc>) -> Vec<Finding> {
    let Migrations { files, changes, shared, trouble, .. } = input.migrations;
    let unjudged =
        if files.is_empty() { "Its migrations were not" } else { "Not all of its migrations were" };
    let trouble = trouble.iter().map(|why| format!("{unjudged} judged: {why}"));
    let mut findings = bounded(Severity::Override, plain(trouble));
    findings.extend(bounded(Severity::Override, plain(off_trunk(input, target))));
    findings.extend(bounded(Severity::Override, plain(rolled_back(input, target))));
    findings.extend(bounded(Severity::Override, past_the_floor(input, target).into_iter()));
    findings.extend(bounded(Severity::Override, plain(shared.iter().cloned())));
    let faults = files
        .iter()
        .flat_map(|file| file.faults.iter().map(|fault| format!("{}: {fault}", file.path)));
    findings.extend(bounded(Severity::Warn, plain(faults)));
    findings.extend(incompatible(input, target, now));
    findings.extend(unclear(changes));
    findings.extend(bounded(Severity::Info, plain(files.iter().filter_map(declared_safe))));
    if findings.is_empty() && !files.is_empty() {
        let sentence = match files.len() {
            1 => "1 migration; older code works with it".to_owned(),
            more => format!("{more} migrations; older code works with them"),
        };
        findings.push(finding(Guard::Migration, Severity::Info, sentence));
    }
    findings
}

/// A sentence with its remedy.
type Advised = (String, Option<Remedy>);

fn plain(sentences: impl IntoIterator<Item = String>) -> impl Iterator<Item = Advised> {
    sentences.into_iter().map(|sentence| (sentence, None))
}

/// One finding for each of the first sentences, and one that counts the rest.
fn bounded(severity: Severity, sentences: impl Iterator<Item = Advised>) -> Vec<Finding> {
    let mut sentences = sentences.fuse();
    let advised = |(sentence, remedy)| finding(Guard::Migration, severity, sentence).with(remedy);
    let mut findings: Vec<_> = sentences.by_ref().take(NAMED).map(advised).collect();
    let more = sentences.count();
    if more > 0 {
        findings.push(advised((format!("And {more} more like this: see the migrations"), None)));
    }
    findings
}

/// Why the target breaks on the schema as it is. After a rollback past the floor, the target of a promote may be older
/// than the floor.
fn past_the_floor(input: PlanInput<'_>, target: &Build) -> Option<Advised> {
    let Verdict { outlook, floor, why, .. } = input.state.verdict(target.number);
    let (floor, why) = (floor?, why.first()?);
    (outlook == Outlook::PointOfNoReturn).then(|| {
        let sentence = format!(
            "Builds before {floor} break, and {} is one: {why}; promote {floor} or newer",
            target.number
        );
        (sentence, Some(Remedy::Promote { build: floor }))
    })
}

/// The incompatible changes of builds that left the trunk. The target may lack their code.
fn off_trunk(input: PlanInput<'_>, target: &Build) -> impl Iterator<Item = String> {
    let number = target.number;
    let live = input.state.live(Environment::Production).map(|live| live.build);
    let left = input.state.off_trunk_changes_of_live(live, number);
    left.filter(|change| change.class.is_incompatible()).map(move |change| {
        let SchemaChange { path, line, statement, build, .. } = change;
        format!(
            "{path}:{line} {statement}: done by {build}, which is no longer on the trunk; check that the code of \
             {number} works with it"
        )
    })
}

/// The incompatible changes of rolled-back builds whose migration files the target deletes. A revert removes the file
/// and leaves the schema changed.
fn rolled_back(input: PlanInput<'_>, target: &Build) -> Vec<String> {
    let live = input.state.live(Environment::Production).map(|live| live.build);
    let gone = input.migrations.files.iter().filter(|file| file.change == FileChange::Deleted);
    let gone: BTreeSet<_> = gone.map(|file| file.path.as_str()).collect();
    let done = input.state.changes_after(live, &gone).filter(|c| c.class.is_incompatible());
    let sentence = |change: &SchemaChange| {
        let SchemaChange { path, line, statement, build, .. } = change;
        format!(
            "{path}:{line} {statement}: done by {build} and still in the database, but {} has no such file; check \
             that its code works with it",
            target.number
        )
    };
    done.map(sentence).collect()
}

/// The sentence about a file that counts as safe only because its author declares it.
fn declared_safe(file: &JudgedMigration) -> Option<String> {
    let declared = file.declared.as_ref().filter(|_| file.judged() > file.class())?;
    Some(format!("{}: declared safe for a rollback: {}", file.path, declared.reason))
}

/// One finding for each of the first changes that older code breaks on, and one that counts the rest.
fn incompatible(input: PlanInput<'_>, target: &Build, now: DateTime<Utc>) -> Vec<Finding> {
    let changes = input.migrations.changes.iter().filter(|change| change.class.is_incompatible());
    let judged = changes.map(|change| judge_change(input, target, change, now));
    let (good, bad): (Vec<_>, Vec<_>) = judged.partition(Result::is_ok);
    let mut findings = bounded(Severity::Override, bad.into_iter().filter_map(Result::err));
    findings.extend(bounded(Severity::Warn, plain(good.into_iter().filter_map(Result::ok))));
    findings
}

/// Whether code that works with a change was live for long enough. Both are sentences; an `Err` needs a reason.
fn judge_change(
    input: PlanInput<'_>,
    target: &Build,
    change: &SchemaChange,
    now: DateTime<Utc>,
) -> Result<String, Advised> {
    let SchemaChange { path, line, statement, build, floor, why, .. } = change;
    let what = format!("{path}:{line} {statement}");
    let state = input.state;
    let live = state.live(Environment::Production).map(|live| live.build);
    if floor >= build {
        let sentence = format!(
            "{what}: code before {build} breaks on it ({why}); first ship code that works with it and \
             keep it live for {}, or declare in the file since when it does: \
             \"-- deploy: ready-since #N, reason\"",
            say(input.migrations.min_bake)
        );
        return Err((sentence, None));
    }
    let Some(live) = live.filter(|live| live >= floor) else {
        return Err(match intermediate_build(state, *floor, *build, target) {
            Some(first) => (
                format!("{what}: two phases in one promote ({why}); promote {first} first"),
                Some(Remedy::Promote { build: first }),
            ),
            None => (no_intermediate(&what, change), None),
        });
    };
    let since = live_without_break(state, *floor);
    let baked = since.map_or(Duration::ZERO, |since| between(since, now));
    let needs = input.migrations.min_bake;
    if baked < needs {
        let sentence = format!(
            "{what}: code that works with it ({live}, {why}) is live for {} only; it needs {}",
            say(baked),
            say(needs)
        );
        let until =
            since.and_then(|since| since.checked_add_signed(TimeDelta::from_std(needs).ok()?));
        return Err((sentence, until.map(|until| Remedy::Wait { until })));
    }
    Ok(format!("{what}: after this, builds before {floor} break ({why})"))
}

fn no_intermediate(what: &str, SchemaChange { build, floor, why, .. }: &SchemaChange) -> String {
    format!(
        "{what}: two phases in one promote ({why}), and no build between {floor} and {build} is in staging; revert the \
         migration, promote that build first, then merge the migration again"
    )
}

/// The newest build that works with a change, does not contain it, and reached staging.
fn intermediate_build(
    state: &ServiceState,
    floor: BuildNumber,
    contained_in: BuildNumber,
    target: &Build,
) -> Option<BuildNumber> {
    let mut between = state.builds.range(floor..contained_in).rev().map(|(_, build)| build);
    between
        .find(|build| build.off_trunk == target.off_trunk && build.in_staging_since.is_some())
        .map(|build| build.number)
}

/// Since when production runs no build older than `floor`. A started deployment of one counts, whatever its outcome.
fn live_without_break(state: &ServiceState, floor: BuildNumber) -> Option<DateTime<Utc>> {
    let history = state.live.get(&Environment::Production)?.iter().rev();
    let first = history.take_while(|live| live.build >= floor).last()?;
    let later = state.deployments.range(first.deployment..).map(|(_, attempt)| attempt);
    let breaks = later.filter(|attempt| {
        let request = &attempt.request;
        request.environment == Environment::Production
            && request.build < floor
            && attempt.started_at.is_some()
    });
    let mut ends = breaks.map(|attempt| attempt.ended.as_ref().map(|ended| ended.at));
    ends.try_fold(first.since, |since, end| Some(since.max(end?)))
}

/// A warning for each class of uncertain changes.
fn unclear(changes: &[SchemaChange]) -> Vec<Finding> {
    [Class::NeedsReadersFirst, Class::Data, Class::Unknown]
        .into_iter()
        .filter_map(|class| {
            let of_class: Vec<_> = changes.iter().filter(|change| change.class == class).collect();
            let first = of_class.first()?;
            let SchemaChange { path, line, statement, .. } = first;
            let more = match of_class.len() - 1 {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            let means = match class {
                Class::NeedsReadersFirst => {
                    "after new code writes values that older code cannot read, a rollback is a risk"
                }
                Class::Data => "it changes data; a rollback does not undo that",
                _ => "not understood; check that older code works with it",
            };
            let sentence = format!("{path}:{line} {statement}{more}: {means}");
            Some(finding(Guard::Migration, Severity::Warn, sentence))
        })
        .collect()
}

/// The verdict on a rollback, and the migrations that it leaves in place. Neither needs a reason.
pub(super) fn on_rollback(
    input: PlanInput<'_>,
    target: BuildNumber,
    verdict: &Verdict,
) -> Vec<Finding> {
    let severity = match verdict.outlook {
        Outlook::Safe => Severity::Info,
        Outlook::Risk | Outlook::PointOfNoReturn => Severity::Warn,
    };
    let sentence = match (verdict.outlook, verdict.floor) {
        (Outlook::Safe, _) => verdict.headline(),
        (Outlook::PointOfNoReturn, Some(_)) => {
            format!("{}: {}", verdict.headline(), verdict.why.join("; "))
        }
        (outlook, _) => format!("{}: {}", outlook.as_str(), verdict.why.join("; ")),
    };
    let verdict_finding = finding(Guard::Migration, severity, sentence);
    let mut findings = vec![verdict_finding.with(verdict.remedy.clone())];
    let remaining = remaining_migrations(input.state, target, verdict);
    findings.extend(remaining.map(|sentence| finding(Guard::Migration, Severity::Warn, sentence)));
    findings
}

/// The migrations of newer builds, which a rollback does not undo, and what to do.
fn remaining_migrations(
    state: &ServiceState,
    target: BuildNumber,
    verdict: &Verdict,
) -> Option<String> {
    let above = state.schema_builds_after(target);
    let named: Vec<_> = above.iter().rev().take(NAMED).map(ToString::to_string).collect();
    let more = match above.len().checked_sub(named.len())? {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let advice = match (verdict.outlook, verdict.floor) {
        (Outlook::PointOfNoReturn, Some(floor)) => {
            format!("choose {floor} or newer, or restore what is missing by hand first")
        }
        (Outlook::Safe, _) => "to undo them, add a new migration".into(),
        _ => "check them before users do; to undo them, add a new migration".into(),
    };
    let named = named.join(", ");
    (!above.is_empty())
        .then(|| format!("A rollback does not undo the migrations of {named}{more}; {advice}"))
}

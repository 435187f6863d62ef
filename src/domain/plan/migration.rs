//! The guard on migrations: what a promote does to the schema, and how far back the way goes after it.

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

/// What a promote brings to the schema.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Migrations {
    pub files: Vec<JudgedMigration>,
    /// What the code before cannot simply live with.
    pub changes: Vec<SchemaChange>,
    /// What other services that share the database say against it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shared: Vec<String>,
    /// Why not all of them could be judged, if they could not; what was judged by then counts all the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
    /// For how long code has to be live before what it stopped using may go.
    #[serde(default, with = "millis")]
    #[schema(value_type = Milliseconds)]
    pub min_bake: Duration,
}

impl Migrations {
    /// What a deployment's record says of them.
    pub(super) fn recorded(&self) -> (Option<Vec<SchemaChange>>, Option<String>) {
        let is_known = self.trouble.is_none() || !self.changes.is_empty();
        (is_known.then(|| self.changes.clone()), self.trouble.clone())
    }
}

pub(super) fn verdict(input: PlanInput<'_>, ends: &Endpoints) -> Option<Verdict> {
    let state = input.state;
    if ends.kind == DeploymentKind::Rollback {
        return Some(state.verdict(ends.target));
    }
    let Migrations { changes, trouble, .. } = input.migrations;
    let promoted = Promoted { build: ends.target, changes, trouble: trouble.as_deref() };
    Some(state.verdict_after(ends.live?, Some(promoted)))
}

pub(super) fn on_promote(input: PlanInput<'_>, target: &Build, now: DateTime<Utc>) -> Vec<Finding> {
    let Migrations { files, changes, shared, trouble, .. } = input.migrations;
    let some =
        if files.is_empty() { "Its migrations were not" } else { "Not all of its migrations were" };
    let trouble = trouble.iter().map(|why| format!("{some} judged: {why}"));
    let mut findings = bounded(Severity::Override, plain(trouble));
    findings.extend(bounded(Severity::Override, plain(left_behind(input, target))));
    findings.extend(bounded(Severity::Override, plain(taken_back(input, target))));
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

/// A sentence, and what to do about it.
type Advised = (String, Option<Remedy>);

fn plain(sentences: impl IntoIterator<Item = String>) -> impl Iterator<Item = Advised> {
    sentences.into_iter().map(|sentence| (sentence, None))
}

/// The first sentences as a finding each, and how many more there are.
fn bounded(severity: Severity, sentences: impl Iterator<Item = Advised>) -> Vec<Finding> {
    let mut sentences = sentences.fuse();
    let found = |(sentence, remedy)| finding(Guard::Migration, severity, sentence).with(remedy);
    let mut findings: Vec<_> = sentences.by_ref().take(NAMED).map(found).collect();
    let more = sentences.count();
    if more > 0 {
        findings.push(found((format!("And {more} more like this: see the migrations"), None)));
    }
    findings
}

/// Why the target cannot run on the schema as it is. After a rollback past the floor an older build may be next.
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

/// The incompatible changes of builds that left the trunk; the target may lack their code.
fn left_behind(input: PlanInput<'_>, target: &Build) -> impl Iterator<Item = String> {
    let number = target.number;
    let live = input.state.live(Environment::Production).map(|live| live.build);
    let left = input.state.left_behind(live, number);
    left.filter(|change| change.class.is_incompatible()).map(move |change| {
        let SchemaChange { path, line, statement, build, .. } = change;
        format!(
            "{path}:{line} {statement}: done by {build}, which is no longer on the trunk; check that the code of \
             {number} works with it"
        )
    })
}

/// What a build that was rolled back did to the schema although the target lacks its file: a revert takes back the code
/// and leaves the schema.
fn taken_back(input: PlanInput<'_>, target: &Build) -> Vec<String> {
    let live = input.state.live(Environment::Production).map(|live| live.build);
    let gone = input.migrations.files.iter().filter(|file| file.change == FileChange::Deleted);
    let gone: BTreeSet<_> = gone.map(|file| file.path.as_str()).collect();
    let done = input.state.done_since(live, &gone).filter(|c| c.class.is_incompatible());
    let say = |change: &SchemaChange| {
        let SchemaChange { path, line, statement, build, .. } = change;
        format!(
            "{path}:{line} {statement}: done by {build} and still in the database, but {} has no such file; check \
             that its code works with it",
            target.number
        )
    };
    done.map(say).collect()
}

/// A file that counts as safe only because its author declares it.
fn declared_safe(file: &JudgedMigration) -> Option<String> {
    let declared = file.declared.as_ref().filter(|_| file.judged() > file.class())?;
    Some(format!("{}: declared safe for a rollback: {}", file.path, declared.reason))
}

/// One finding for each change that older code breaks on; beyond the first few they are counted.
fn incompatible(input: PlanInput<'_>, target: &Build, now: DateTime<Utc>) -> Vec<Finding> {
    let changes = input.migrations.changes.iter().filter(|change| change.class.is_incompatible());
    let judged = changes.map(|change| stepping_stone(input, target, change, now));
    let (good, bad): (Vec<_>, Vec<_>) = judged.partition(Result::is_ok);
    let mut findings = bounded(Severity::Override, bad.into_iter().filter_map(Result::err));
    findings.extend(bounded(Severity::Warn, plain(good.into_iter().filter_map(Result::ok))));
    findings
}

/// Whether code that works with a change was live for long enough. Either way a sentence; an `Err` asks for a reason.
fn stepping_stone(
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
        return Err(match stone(state, *floor, *build, target) {
            Some(stone) => (
                format!("{what}: two phases in one promote ({why}); promote {stone} first"),
                Some(Remedy::Promote { build: stone }),
            ),
            None => (no_stone(&what, change), None),
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

fn no_stone(what: &str, SchemaChange { build, floor, why, .. }: &SchemaChange) -> String {
    format!(
        "{what}: two phases in one promote ({why}), and no build between {floor} and {build} is in staging; revert the \
         migration, promote that build first, then merge the migration again"
    )
}

/// The newest build that works with a change, does not bring it, and reached staging.
fn stone(
    state: &ServiceState,
    floor: BuildNumber,
    brings: BuildNumber,
    target: &Build,
) -> Option<BuildNumber> {
    let mut between = state.builds.range(floor..brings).rev().map(|(_, build)| build);
    let stone = between
        .find(|build| build.off_trunk == target.off_trunk && build.in_staging_since.is_some());
    stone.map(|build| build.number)
}

/// Since when production runs nothing older than a build, attempts that broke off included.
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

/// What is uncertain: a warning, never fine.
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
                    "a rollback is a risk once new code has written what older code cannot read"
                }
                Class::Data => "it changes data; a rollback does not undo that",
                _ => "not understood; check that older code works with it",
            };
            let sentence = format!("{path}:{line} {statement}{more}: {means}");
            Some(finding(Guard::Migration, Severity::Warn, sentence))
        })
        .collect()
}

/// The verdict of a rollback and what it leaves in the schema. Neither asks for a reason.
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
    let stays = stays(input.state, target, verdict);
    findings.extend(stays.map(|stays| finding(Guard::Migration, Severity::Warn, stays)));
    findings
}

/// What newer builds did that a rollback does not undo, and what to do.
fn stays(state: &ServiceState, target: BuildNumber, verdict: &Verdict) -> Option<String> {
    let above = state.stays_above(target);
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

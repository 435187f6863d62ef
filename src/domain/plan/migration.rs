//! The guard on migrations: what a promote does to the schema, and how far back the way goes after it.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Endpoints, Facts, Finding, Guard, Severity, finding};
use crate::domain::build::Build;
use crate::domain::event::DeploymentKind;
use crate::domain::ids::{BuildNumber, Environment};
use crate::domain::migration::{Class, JudgedMigration};
use crate::domain::schema::{SchemaChange, Verdict};
use crate::domain::service::ServiceState;
use crate::domain::time::{Milliseconds, between, millis, say};

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
    /// Why they could not be judged, if they could not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
    /// For how long code has to be live before what it stopped using may go.
    #[serde(default, with = "millis")]
    #[schema(value_type = Milliseconds)]
    pub min_bake: Duration,
}

impl Migrations {
    /// What a deployment's record says of them.
    pub(super) fn recorded(&self) -> Option<Vec<SchemaChange>> {
        self.trouble.is_none().then(|| self.changes.clone())
    }
}

pub(super) fn verdict(facts: Facts<'_>, ends: &Endpoints) -> Option<Verdict> {
    let state = facts.state;
    if ends.kind == DeploymentKind::Rollback {
        return Some(state.verdict(ends.target));
    }
    let Migrations { changes, trouble, .. } = facts.migrations;
    let promoted = Some((ends.target, trouble.is_none()));
    Some(state.verdict_after(ends.live?, changes, promoted))
}

pub(super) fn on_promote(facts: Facts<'_>, target: &Build, now: DateTime<Utc>) -> Vec<Finding> {
    let Migrations { files, changes, shared, trouble, .. } = facts.migrations;
    let said = |severity, sentence: String| finding(Guard::Migration, severity, sentence);
    let mut findings = Vec::new();
    findings.extend(
        trouble.iter().map(|why| {
            said(Severity::Override, format!("its migrations could not be judged: {why}"))
        }),
    );
    findings.extend(shared.iter().map(|why| said(Severity::Override, why.clone())));
    let faults = files.iter().flat_map(|file| {
        file.faults.iter().map(|fault| said(Severity::Warn, format!("{}: {fault}", file.path)))
    });
    findings.extend(faults);
    findings.extend(incompatible(facts, target, now));
    findings.extend(unclear(changes));
    findings.extend(files.iter().filter_map(declared_safe));
    if findings.is_empty() && !files.is_empty() {
        let sentence = match files.len() {
            1 => "1 migration, which the code before can live with".to_owned(),
            more => format!("{more} migrations, which the code before can live with"),
        };
        findings.push(said(Severity::Info, sentence));
    }
    findings
}

/// What is fine only because its author says so.
fn declared_safe(file: &JudgedMigration) -> Option<Finding> {
    let declared = file.declared.as_ref().filter(|_| file.judged() > file.class())?;
    let sentence = format!("{}: declared safe for a rollback: {}", file.path, declared.reason);
    Some(finding(Guard::Migration, Severity::Info, sentence))
}

/// One finding for each of the changes that code before them breaks on, the many as one.
fn incompatible(facts: Facts<'_>, target: &Build, now: DateTime<Utc>) -> Vec<Finding> {
    let changes = facts.migrations.changes.iter().filter(|change| change.class.is_incompatible());
    let judged = changes.map(|change| stepping_stone(facts, target, change, now));
    let (mut good, mut bad): (Vec<_>, Vec<_>) = judged.partition(Result::is_ok);
    let mut findings = Vec::new();
    for (severity, sentences) in [
        (Severity::Override, bad.drain(..).filter_map(Result::err).collect::<Vec<_>>()),
        (Severity::Warn, good.drain(..).filter_map(Result::ok).collect()),
    ] {
        let more = sentences.len().saturating_sub(NAMED);
        let shown = sentences.into_iter().take(NAMED);
        findings.extend(shown.map(|sentence| finding(Guard::Migration, severity, sentence)));
        if more > 0 {
            let sentence = format!("{more} more statements of this kind; see the migrations");
            findings.push(finding(Guard::Migration, severity, sentence));
        }
    }
    findings
}

/// Whether a build that can live with a change has been live for long enough: in words why it is so, or why not and
/// what to do.
fn stepping_stone(
    facts: Facts<'_>,
    target: &Build,
    change: &SchemaChange,
    now: DateTime<Utc>,
) -> Result<String, String> {
    let SchemaChange { path, line, statement, build, floor, why, .. } = change;
    let what = format!("{path}:{line} {statement}");
    let state = facts.state;
    let live = state.live(Environment::Production).map(|live| live.build);
    if floor >= build {
        return Err(format!(
            "{what}: the code before {build} breaks on it ({why}); ship first a build that can live with it, \
             let it be live for {}, then this",
            say(facts.migrations.min_bake)
        ));
    }
    let Some(live) = live.filter(|live| live >= floor) else {
        let stone = stone(state, *floor, *build, target);
        return Err(format!("{what}: collapsed phases ({why}); promote {stone} first"));
    };
    let since = live_without_break(state, *floor);
    let baked = since.map_or(Duration::ZERO, |since| between(since, now));
    let needs = facts.migrations.min_bake;
    if baked < needs {
        return Err(format!(
            "{what}: code that can live with it ({live}, {why}) is live for {} only, needs {}",
            say(baked),
            say(needs)
        ));
    }
    Ok(format!("{what}: after this, rollback goes no further than {floor} ({why})"))
}

/// The newest build that can live with a change and does not bring it.
fn stone(
    state: &ServiceState,
    floor: BuildNumber,
    brings: BuildNumber,
    target: &Build,
) -> BuildNumber {
    let between = state.builds.range(floor..brings).rev();
    let stays = between.map(|(_, build)| build).find(|build| build.off_trunk == target.off_trunk);
    stays.map_or(floor, |build| build.number)
}

/// Since when production runs nothing older than a build.
fn live_without_break(state: &ServiceState, floor: BuildNumber) -> Option<DateTime<Utc>> {
    let history = state.live.get(&Environment::Production)?.iter().rev();
    history.take_while(|live| live.build >= floor).last().map(|live| live.since)
}

/// What nobody can be sure of: amber, never fine.
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
                    "going back is a risk once new code has written what older code cannot read"
                }
                Class::Data => "it changes data, which no rollback undoes",
                _ => "nobody can tell whether older code lives with it",
            };
            let sentence = format!("{path}:{line} {statement}{more}: {means}");
            Some(finding(Guard::Migration, Severity::Warn, sentence))
        })
        .collect()
}

/// What a rollback's verdict says; it never asks for anything.
pub(super) fn on_rollback(verdict: &Verdict) -> Finding {
    use crate::domain::schema::Outlook;
    let severity = match verdict.outlook {
        Outlook::Safe => Severity::Info,
        Outlook::Risk | Outlook::PointOfNoReturn => Severity::Warn,
    };
    let sentence = match (verdict.outlook, verdict.floor) {
        (Outlook::Safe, _) => "SAFE: nothing that is known of the schema is in the way".to_owned(),
        (outlook @ Outlook::PointOfNoReturn, Some(floor)) => {
            let why = verdict.why.join("; ");
            format!("{}: older than {floor}, the rollback floor: {why}", outlook.as_str())
        }
        (outlook, _) => format!("{}: {}", outlook.as_str(), verdict.why.join("; ")),
    };
    finding(Guard::Migration, severity, sentence)
}

//! What the header says of staging: how its newest build does, and on a line of its own also what was good before it and how
//! far it is ahead of production.

use super::length::{Length, SHORT_NAME};
use super::{apart, between};
use crate::console::age::age;
use crate::console::model::Model;
use crate::console::theme::Role;
use crate::console::view::parts::progress;
use crate::console::view::parts::row::Row;
use crate::domain::deployment::DeploymentState;
use crate::domain::event::DeploymentKind;
use crate::domain::ids::BuildNumber;
use crate::domain::snapshot::DeploymentRow;
use crate::domain::snapshot::alarm::Alarm;

/// What the line of staging gives up one after the other until it fits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum StagingRest {
    All,
    NoWriter,
    NoAge,
    NoAhead,
    NoGood,
    NoStep,
}

const RESTS: [StagingRest; 6] = [
    StagingRest::All,
    StagingRest::NoWriter,
    StagingRest::NoAge,
    StagingRest::NoAhead,
    StagingRest::NoGood,
    StagingRest::NoStep,
];

/// ` STG #30 FAILED smoke 2m (raj)   last good #29   +3 ahead`, as much of it as so many columns have room for.
pub fn line<'t>(model: &'t Model, row: &Row<'t>, room: usize) -> Row<'t> {
    let fits = |rest: &StagingRest| of_line(model, row.clone(), *rest).taken() <= room;
    let rest = RESTS.into_iter().find(fits).unwrap_or(StagingRest::NoStep);
    of_line(model, row.clone(), rest)
}

fn of_line<'t>(model: &Model, row: Row<'t>, rest: StagingRest) -> Row<'t> {
    let row = row.own(" STG ", Role::EnvStaging);
    let row = match model.newest_in_staging() {
        None => row.own("nothing was deployed there yet", Role::Muted),
        Some(newest) => {
            let row = newest_build(
                model,
                row,
                newest,
                rest < StagingRest::NoStep,
                rest < StagingRest::NoAge,
            );
            let by = model.build(newest.deployment.request.build);
            let by = by.map(|build| model.writers(build).join(", ")).filter(|by| !by.is_empty());
            match by.filter(|_| rest < StagingRest::NoWriter) {
                Some(by) => row
                    .own(" (", Role::Muted)
                    .called_within(&by, SHORT_NAME, Role::AuthorOther)
                    .own(")", Role::Muted),
                None => row,
            }
        }
    };
    let row = match lacks(model) {
        Some(build) => between(row).own(format!("lacks {build}"), Role::Danger),
        None => row,
    };
    let row = unseen(model, row);
    let row = match model.last_good().filter(|_| rest < StagingRest::NoGood) {
        Some(build) => between(row).own("last good ", Role::Muted).own(build.to_string(), Role::Ok),
        None => row,
    };
    match model.builds_ahead().filter(|_| rest < StagingRest::NoAhead) {
        Some((0, _)) | None => row,
        Some((ahead, more)) => {
            let more = if more { " or more" } else { "" };
            between(row).own(format!("+{ahead}{more} ahead"), Role::Text)
        }
    }
}

/// The failures in staging that nobody has looked at, beside the newest deployment.
fn unseen<'t>(model: &Model, row: Row<'t>) -> Row<'t> {
    let newest = model.newest_in_staging().map(|row| row.deployment.id);
    let unseen: Vec<_> =
        model.unseen_failures().filter(|row| Some(row.deployment.id) != newest).collect();
    let [first, more @ ..] = unseen.as_slice() else { return row };
    let build = first.deployment.request.build;
    let more = if more.is_empty() { String::new() } else { format!(" +{}", more.len()) };
    between(row).own(format!("{build} FAILED{more}, not looked at"), Role::Danger)
}

/// The newest build of the trunk, if it did not come to staging and the newest deployment does not say so itself.
fn lacks(model: &Model) -> Option<BuildNumber> {
    let mut alarms = model.service.iter().flat_map(|service| &service.alarms);
    let lacks = alarms.find_map(|alarm| match alarm {
        Alarm::NotInStaging { build, .. } => Some(*build),
        _ => None,
    });
    let newest = model.newest_in_staging().map(|row| row.deployment.request.build);
    lacks.filter(|build| newest != Some(*build))
}

/// `STG #30 FAILED smoke 2m`: what staging is about now, and whether it lacks the newest build.
pub fn short<'t>(model: &Model, row: Row<'t>, length: Length) -> Row<'t> {
    if length >= Length::NoStaging {
        return row;
    }
    match (model.newest_in_staging(), lacks(model)) {
        (None, None) => row,
        (Some(newest), None) => of_newest(model, row, newest, length),
        (Some(newest), Some(build)) if is_red(newest.state) => {
            let also = if length < Length::NoArrow {
                format!(", lacks {build}")
            } else {
                " +1".to_owned()
            };
            of_newest(model, row, newest, length).own(also, Role::Danger)
        }
        (_, Some(build)) => apart(row, length)
            .own("STG ", Role::EnvStaging)
            .own(format!("lacks {build}"), Role::Danger),
    }
}

fn of_newest<'t>(model: &Model, row: Row<'t>, newest: &DeploymentRow, length: Length) -> Row<'t> {
    let (_, glyph, role, red) = looks(model, newest);
    if length >= Length::OnlyRed && !red {
        return row;
    }
    let row = apart(row, length).own("STG ", Role::EnvStaging);
    if !red && length >= Length::StagingGlyph {
        let build = newest.deployment.request.build;
        return row.own(format!("{build} "), Role::Text).own(glyph, role);
    }
    newest_build(model, row, newest, length < Length::NoStep, length < Length::NoStagingAge)
}

/// Word, glyph and role of how a deployment to staging stands, and whether that is wrong.
fn looks(model: &Model, newest: &DeploymentRow) -> (&'static str, &'static str, Role, bool) {
    let symbols = &model.options.theme.symbols;
    let is_unknown = model.service.as_ref().is_some_and(|service| service.staging_unknown);
    let kind = newest.deployment.request.kind;
    let (word, glyph, role) = match newest.state {
        DeploymentState::Succeeded if is_unknown => {
            return ("NOT KNOWN", symbols.warn, Role::Warn, true);
        }
        DeploymentState::Queued => ("queued", symbols.queued, Role::Muted),
        DeploymentState::Running if kind == DeploymentKind::Rehearsal => {
            ("REHEARSING", symbols.running, Role::Running)
        }
        DeploymentState::Running => ("DEPLOYING", symbols.running, Role::Running),
        DeploymentState::Succeeded => ("live", symbols.live, Role::Live),
        DeploymentState::Cancelled => ("CANCELLED", symbols.superseded, Role::Warn),
        DeploymentState::Failed => ("FAILED", symbols.failed, Role::Danger),
        DeploymentState::Interrupted => ("INTERRUPTED", symbols.warn, Role::Danger),
    };
    (word, glyph, role, is_red(newest.state))
}

/// Whether it is wrong that a deployment to staging is as it is.
fn is_red(state: DeploymentState) -> bool {
    use DeploymentState::{Cancelled, Failed, Interrupted};
    matches!(state, Cancelled | Failed | Interrupted)
}

fn newest_build<'t>(
    model: &Model,
    row: Row<'t>,
    newest: &DeploymentRow,
    has_step: bool,
    has_age: bool,
) -> Row<'t> {
    let deployment = &newest.deployment;
    let (word, _, role, red) = looks(model, newest);
    let row = row.own(format!("{} ", deployment.request.build), Role::Text).own(word, role);
    let row = match deployment.failed_step().filter(|_| red && has_step) {
        Some(step) => row.gap(1).called_within(step, SHORT_NAME, role),
        None => row,
    };
    let time = match (&deployment.ended, newest.state) {
        (Some(ended), _) => age(model.since(ended.at)),
        (None, DeploymentState::Running) => progress::of(model, newest).0,
        (None, _) => return row,
    };
    if has_age { row.gap(1).own(time, Role::Muted) } else { row }
}

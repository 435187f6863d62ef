//! What the header says of production: what is live, what happens to it, and what is in doubt.

use super::length::{LONGEST_NAME, Length, SHORT_NAME};
use crate::console::age::age;
use crate::console::model::Model;
use crate::console::theme::Role;
use crate::console::view::parts::progress;
use crate::console::view::parts::row::Row;
use crate::console::view::parts::watch;
use crate::domain::ids::{BuildNumber, Environment};
use crate::domain::snapshot::alarm::Alarm;
use crate::domain::snapshot::{DeploymentRow, ServiceSnapshot};
use crate::domain::target::{TargetStanding, in_words};
use crate::domain::watch::evidence_short;
use crate::domain::wave::WaveStanding;

/// The most columns of what each target has.
const LONGEST_TARGETS: usize = 48;

/// ` PROD checkout #1287 live 3h12m, not watched`, or what happens to it now.
pub fn production<'t>(model: &Model, row: Row<'t>) -> Row<'t> {
    named(model, row, Length::Full, SHORT_NAME)
}

pub fn named<'t>(model: &Model, row: Row<'t>, length: Length, most: usize) -> Row<'t> {
    let Some(service) = &model.service else { return row };
    let name = service.service.as_str();
    let (short, aged) = (length >= Length::NoArrow, length < Length::NoAge);
    let row = row.own(" PROD ", Role::EnvProduction);
    let row = row.outside(name, name.len().min(most), Role::Text).gap(1);
    let live = service.live.get(&Environment::Production);
    let apart = service.apart(Environment::Production);
    let row = match live {
        // What waits says itself which targets it changed.
        _ if let Some(targets) = apart.filter(|_| service.wave.is_none() || live.is_none()) => {
            at_targets(row, service, targets, length)
        }
        Some(live) => row.own(live.build.to_string(), Role::Live),
        None if service.live_unknown => {
            row.own(if short { "not known" } else { "live not known" }, Role::Warn)
        }
        None => row.own(if short { "nothing" } else { "nothing live yet" }, Role::Muted),
    };
    if let Some(running) = model.in_flight(Environment::Production) {
        return on_its_way(model, row, running, length);
    }
    let broken = service.unsettled.and_then(|id| model.deployment(id));
    // Which target has what tells more than why.
    let is_told = |row: &&DeploymentRow| {
        apart.is_none() || length < Length::NoEnd && !row.deployment.succeeded()
    };
    if let Some(broken) = broken.filter(is_told) {
        return in_doubt(model, row, broken, length);
    }
    if let Some(record) = drift(model).filter(|_| apart.is_none()) {
        let says = if short { " NOT " } else { " by its own word, not " };
        return row.own(format!("{says}{record}"), Role::Danger);
    }
    match live {
        _ if apart.is_some() => row,
        Some(live) => {
            let row = if is_bad(model, live.build) {
                row.own(" BAD", Role::Danger)
            } else if short {
                row
            } else {
                row.own(" live", Role::Live)
            };
            let since = age(model.since(live.since));
            let row = if aged { row.gap(1).own(since, Role::Muted) } else { row };
            evidence(model, row, service, length)
        }
        None => row,
    }
}

/// `, watched: errors BAD 40s`. What is bad or unknown is never left out.
fn evidence<'t>(model: &Model, row: Row<'t>, service: &ServiceSnapshot, length: Length) -> Row<'t> {
    let (production, role) = (Environment::Production, watch::role(model));
    if length < Length::NoEvidence {
        let words = service.evidence_in_words(production, model.now());
        return row.own(", ", Role::Muted).own(words, role);
    }
    let (live, watched) = (service.live.get(&production), service.watches.get(&production));
    match evidence_short(live, watched, model.now()) {
        Some(word) => row.gap(1).own(word, role),
        None => row,
    }
}

/// `eu #1290, us #1286`. While a deployment changes that, what was live before it is enough.
fn at_targets<'t>(
    row: Row<'t>,
    service: &ServiceSnapshot,
    targets: &[TargetStanding],
    length: Length,
) -> Row<'t> {
    let words = in_words(targets);
    let fits = words.len() <= LONGEST_TARGETS;
    let live = service.live.get(&Environment::Production);
    match (service.unsettled, live) {
        (Some(_), _) if fits && length < Length::Bare => row.own(words, Role::Danger),
        (Some(_), _) => row.own("TARGETS DIFFER", Role::Danger),
        (None, _) if fits && length < Length::NoEnd => row.own(words, Role::Live),
        (None, Some(live)) => row.own(live.build.to_string(), Role::Live),
        (None, None) => row.own("TARGETS DIFFER", Role::Live),
    }
}

/// What production runs by the record, where the service itself says another build.
fn drift(model: &Model) -> Option<BuildNumber> {
    let alarms = model.service.iter().flat_map(|service| &service.alarms);
    let mut records = alarms.filter_map(|alarm| match alarm {
        Alarm::Drift { environment: Environment::Production, record, .. } => Some(*record),
        _ => None,
    });
    records.next()
}

fn is_bad(model: &Model, build: BuildNumber) -> bool {
    model.build(build).is_some_and(|row| !row.bad.is_empty())
}

/// ` → #1288 promote 2m10s/~7m`.
fn on_its_way<'t>(model: &Model, row: Row<'t>, running: &DeploymentRow, length: Length) -> Row<'t> {
    let (time, role) = progress::of(model, running);
    if let Some(wave) = wave_of(model, running) {
        return waits(model, row, wave, length);
    }
    let arrow = model.options.theme.symbols.arrow;
    let request = &running.deployment.request;
    let row = row.own(format!(" {arrow} {}", request.build), role);
    let row =
        if length < Length::NoKind { row.own(format!(" {}", request.kind), role) } else { row };
    if length < Length::NoTime { row.own(format!(" {time}"), role) } else { row }
}

/// How it stands between two waves, if it does.
fn wave_of<'m>(model: &'m Model, running: &DeploymentRow) -> Option<&'m WaveStanding> {
    let wave = model.service.as_ref()?.wave.as_deref()?;
    (wave.deployment == running.deployment.id).then_some(wave)
}

/// ` → #21 wave 1 of 3 (h1), waits for 6m, watched: good so far`.
fn waits<'t>(model: &Model, row: Row<'t>, wave: &WaveStanding, length: Length) -> Row<'t> {
    let (arrow, now) = (model.options.theme.symbols.arrow, model.now());
    let role = watch::of_wave(wave, now);
    // What stands still between two waves is told longer than what is well.
    let words = if length < Length::NoEnd { wave.of_wave(now) } else { wave.short(now) };
    row.own(format!(" {arrow} {} {words}", wave.build), role)
}

/// ` promote of #1288 failed`, after ` BAD` where what was live before it is no good. After a restore, that nobody knows.
fn in_doubt<'t>(model: &Model, row: Row<'t>, broken: &DeploymentRow, length: Length) -> Row<'t> {
    let (request, state) = (&broken.deployment.request, broken.state.as_str());
    let live = model.service.as_ref().and_then(|s| s.live.get(&Environment::Production));
    let row = if live.is_some_and(|live| is_bad(model, live.build)) {
        row.own(" BAD", Role::Danger)
    } else {
        row
    };
    if broken.deployment.is_of_restore() {
        return row.own(" RESTORED, NOT KNOWN", Role::Danger);
    }
    if broken.deployment.unknown_commit().is_some() {
        let row = row.own(" NOT KNOWN", Role::Danger);
        let (what, by) = (broken.deployment.deployed(), broken.deployment.by.to_string());
        let is_short = length >= Length::NoKind;
        return if is_short {
            row
        } else {
            row.own(format!(": {what} by "), Role::Danger).called_within(
                &by,
                LONGEST_NAME,
                Role::Danger,
            )
        };
    }
    if length < Length::NoKind {
        return row
            .own(format!(" {} of {} {state}", request.kind.noun(), request.build), Role::Danger);
    }
    let arrow = model.options.theme.symbols.arrow;
    row.own(format!(" {arrow} {} {state}", request.build), Role::Danger)
}

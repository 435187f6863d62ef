//! What a command without a plan does, in a sentence or two.

use ratatui::text::Line;

use crate::calendar::FreezeState;
use crate::console::actions::action::KeyAction;
use crate::console::age::age;
use crate::console::model::Model;
use crate::console::model::dialog::kinds::Dialog;
use crate::console::theme::Role;
use crate::console::view::dialog::{self, behind, paragraph, stop_all};
use crate::console::view::panes::build_quality;
use crate::console::view::parts::clock::{clock, clock_with_zone};
use crate::console::view::parts::incidents;
use crate::domain::ids::{BuildNumber, DeploymentId, Environment, Seq};
use crate::domain::stops::{Freeze, evaluate_freezes};
use crate::domain::wave::{targets_in_words, waves_of};
use crate::domain::words;

/// What a command without a plan does, in a sentence.
pub fn lines(model: &Model, dialog: &Dialog, width: u16) -> Vec<Line<'static>> {
    let text = match dialog {
        Dialog::Plan { .. }
        | Dialog::Preview { .. }
        | Dialog::Emergency { .. }
        | Dialog::Incident(_) => return Vec::new(),
        Dialog::Verify { build, .. } => {
            let subject = model.build(*build).map_or("", |row| row.build.subject());
            format!("records that {build} works in staging: {subject}{}", still_asked(model, *build))
        }
        Dialog::Hold { .. } => "promotes need an override until the hold is released; rollbacks stay allowed".into(),
        Dialog::StopAll { .. } => return stop_all::stop(model, width),
        Dialog::ReleaseAll { holds, .. } => return stop_all::release(model, holds, width),
        Dialog::Release { environment, open, .. } => {
            return released(model, *environment, open.sure, width);
        }
        Dialog::Cancel { deployment, gives_up: true, .. } => given_up(model, *deployment),
        Dialog::Cancel { deployment, .. } => model.deployment(*deployment).map_or_else(String::new, |row| {
            let request = &row.deployment.request;
            format!(
                "stops the {} of {} to {} by {}, and its running step",
                dialog::kind(request.kind), request.build, request.environment, row.deployment.by
            )
        }),
        Dialog::Continue { wave, .. } => return continued(model, *wave, width),
        Dialog::Freeze { .. } => "promotes need an override from now on; rollbacks stay allowed. Without an end, it lasts until somebody lifts it".into(),
        Dialog::Lift { freeze, .. } => lifted(model, *freeze),
        Dialog::Withdraw { request: id, .. } => model
            .open_request()
            .filter(|request| request.id == *id)
            .map_or_else(String::new, |request| {
                format!("withdraws your request for {}, made {} ago", request.build, age(model.since(request.at)))
            }),
    };
    paragraph(model, width, &text, Role::Text)
}

/// The hold that ends, and what its rollback left behind and nobody has ticked.
fn released(model: &Model, environment: Environment, sure: bool, width: u16) -> Vec<Line<'static>> {
    let service = model.service.as_ref();
    let Some(hold) = service.and_then(|service| service.holds.get(&environment)) else {
        return Vec::new();
    };
    let since = age(model.since(hold.at));
    let text = format!("on hold for {since} ({}): {}", hold.by, hold.reason);
    let mut lines = paragraph(model, width, &text, Role::Text);
    let wave = service.filter(|_| environment == Environment::Production);
    let wave = wave.and_then(|service| service.wave.as_ref()?.after_release(hold, model.now()));
    lines.extend(wave.iter().flat_map(|begins| paragraph(model, width, begins, Role::Warn)));
    if let Some(of) = incidents::of_hold(model, hold.rollback) {
        let text = format!("after its rollback: {of}");
        lines.extend(paragraph(model, width, &text, Role::Warn));
    }
    let left = hold.left.iter();
    lines.extend(left.flat_map(|left| behind::at_release(model, left, sure, width)));
    lines
}

/// How production stands after the wave, and what comes next.
fn continued(model: &Model, number: u32, width: u16) -> Vec<Line<'static>> {
    let Some(wave) = model.service.as_ref().and_then(|service| service.wave.as_ref()) else {
        return Vec::new();
    };
    let against = wave.against(model.now());
    let role = if against.is_empty() { Role::Text } else { Role::Danger };
    let mut lines = paragraph(model, width, &wave.in_words(model.now()), role);
    let steps =
        model.deployment(wave.deployment).map(|row| row.deployment.request.steps.as_slice());
    let waves = waves_of(steps.unwrap_or_default());
    let next = waves.iter().find(|(_, next)| next.number == number + 1);
    if let Some((name, next)) = next {
        let targets = targets_in_words(&next.targets);
        let text =
            format!("begins wave {} of {}, {name} ({targets}), at once", next.number, next.of);
        lines.extend(paragraph(model, width, &text, Role::Text));
    }
    let back = model.key(&KeyAction::Emergency);
    let text = format!("{back} takes back what was changed, instead");
    lines.extend(paragraph(model, width, &text, Role::Muted));
    lines
}

/// That a run was asked to end and has not, and what it means to wait no more.
fn given_up(model: &Model, id: DeploymentId) -> String {
    let Some(row) = model.deployment(id) else { return String::new() };
    let deployment = &row.deployment;
    let runs = deployment.unending_steps().filter_map(|at| words::elsewhere(deployment, at));
    let runs = runs.collect::<Vec<_>>().join(" and ");
    let since = deployment.cancel.as_ref().map(|cancel| age(model.since(cancel.at)));
    format!(
        "the run {runs} was asked to end {} ago and has not. Nobody waits for it any more: {id} ends as interrupted, and the run may still change {}",
        since.unwrap_or_default(),
        deployment.request.environment
    )
}

/// The verifications that a build lacks, apart from that by a person.
fn still_asked(model: &Model, build: BuildNumber) -> String {
    let missing = model.build(build).map_or(Vec::new(), |row| build_quality::missing(model, row));
    let others: Vec<_> =
        missing.into_iter().filter(|kind| !kind.is_person()).map(build_quality::asked).collect();
    if others.is_empty() {
        return String::new();
    }
    format!(". It also needs to be verified {}", others.join(" and "))
}

/// Which freeze ends, when it would have ended by itself, and what stays in the way of a promote all the same.
fn lifted(model: &Model, id: Seq) -> String {
    let freezes = model.freezes();
    let Some(freeze) = freezes.iter().find(|freeze| freeze.id == id) else { return String::new() };
    let (from, arrow) = (clock(model, freeze.from), model.options.theme.symbols.arrow);
    let until = freeze.until.map_or("until lifted".into(), |until| clock_with_zone(model, until));
    let (by, reason) = (&freeze.by, &freeze.reason);
    format!("freeze {id}, {from} {arrow} {until}, set by {by}: {reason}. {}", afterwards(model, id))
}

fn afterwards(model: &Model, lifted: Seq) -> String {
    let Some(service) = &model.service else { return String::new() };
    let others: Vec<Freeze> =
        service.freezes.iter().filter(|freeze| freeze.id != lifted).cloned().collect();
    let rest = evaluate_freezes(&service.calendar, &others, model.now());
    match rest.state {
        FreezeState::Frozen => format!("Production stays frozen: {}", rest.why()),
        FreezeState::Warn => format!("Promotes still show a warning: {}", rest.why()),
        FreezeState::Open => "No other freeze is active".into(),
    }
}

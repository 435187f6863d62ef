//! The emergency rollback: what it takes away, where it goes, and the countdown.

use ratatui::text::Line;

use crate::console::actions::action::{DialogAction, KeyAction};
use crate::console::model::Model;
use crate::console::model::dialog::Confirm;
use crate::console::model::dialog::progress::{Focus, Stage};
use crate::console::theme::Role;
use crate::console::view::dialog;
use crate::console::view::overlays::changes;
use crate::console::view::parts::row::Row;
use crate::console::view::parts::{findings, progress, verdict};
use crate::domain::plan::{Finding, Guard, Plan, Severity};
use crate::domain::schema::Outlook;
use crate::domain::time::say;

/// The most reasons of a verdict that are shown while it counts down.
const REASONS: usize = 3;

/// `ROLLING BACK PRODUCTION  #1287 -> #1286  in 3`.
pub fn title(model: &Model, confirm: &Confirm) -> String {
    let arrow = model.options.theme.symbols.arrow;
    match confirm.progress.stage() {
        Stage::Refused(_) => return " Rollback NOT started: refused ".into(),
        Stage::Failed(_) => return " Rollback NOT started: it failed ".into(),
        Stage::Unknown(_) => return " Rollback: UNKNOWN ".into(),
        _ => {}
    }
    let Some(plan) = confirm.dialog.plan() else { return " ROLLING BACK PRODUCTION ".into() };
    // A promote that runs or did not succeed may have brought its build already.
    let from = plan.leaves.or(plan.live.as_ref().map(|live| live.build));
    let ways = match from.filter(|from| *from != plan.target.build) {
        Some(from) => format!("{from} {arrow} {}", plan.target.build),
        None => format!("{arrow} {}", plan.target.build),
    };
    match (confirm.fires_at(), confirm.progress.stage()) {
        (Some(at), Stage::Asking) => {
            let left = at.saturating_duration_since(model.at).as_millis().div_ceil(1_000);
            format!(" ROLLING BACK PRODUCTION  {ways}  in {left} ")
        }
        (_, Stage::Asking) if confirm.dialog.asks_number() => {
            format!(" NO RETURN: roll back {ways}, type {} ", plan.target.build.0)
        }
        (_, Stage::Sending | Stage::Checking) => format!(" ROLLING BACK PRODUCTION  {ways}  now "),
        _ => format!(" Roll PRODUCTION back  {ways} "),
    }
}

pub fn lines(
    model: &Model,
    confirm: &Confirm,
    width: u16,
) -> (Vec<Line<'static>>, Vec<Line<'static>>) {
    let mut upper = vec![Line::default()];
    let again = confirm.dialog.countdown().map_or(&[][..], |countdown| &countdown.again);
    for text in again {
        let text = format!("starts again: {text}");
        upper.extend(dialog::paragraph(model, width, &text, Role::Warn));
    }
    upper.extend(service(model, confirm, width));
    match confirm.dialog.plan() {
        Some(plan) => upper.extend(of_plan(model, plan, width)),
        None if *confirm.progress.stage() == Stage::Planning => {
            upper.extend(dialog::paragraph(model, width, "making the plan", Role::Muted));
        }
        None => {}
    }
    upper.push(Line::default());
    let mut lower = dialog::outcome(model, confirm, width);
    lower.extend(countdown(model, confirm, width));
    if *confirm.progress.stage() == Stage::Asking {
        for (at, field) in confirm.dialog.fields().into_iter().enumerate() {
            lower.push(dialog::field(
                model,
                width,
                field,
                confirm.progress.focus() == Focus::Field(at),
            ));
        }
    }
    lower.push(keys(model, confirm, width));
    (upper, lower)
}

/// Which service it is, where there are several.
fn service(model: &Model, confirm: &Confirm, width: u16) -> Vec<Line<'static>> {
    let several = model.has_several_services();
    let Some(service) = model.services.selected.as_ref().filter(|_| several) else {
        return Vec::new();
    };
    let row = Row::new(&model.options.theme, width).gap(2).cell("service", 12, Role::Muted);
    let row = row.own(service.as_str(), Role::Accent);
    let key = model.key(&KeyAction::Dialog(DialogAction::Press));
    let row = if confirm.dialog.countdown().is_some_and(|countdown| countdown.waits_for_enter) {
        row.own(format!("  selected in a list: only {key} starts it"), Role::Warn)
    } else {
        row
    };
    vec![row.line()]
}

fn of_plan(model: &Model, plan: &Plan, width: u16) -> Vec<Line<'static>> {
    let row = |name: &str| Row::new(&model.options.theme, width).gap(2).cell(name, 12, Role::Muted);
    let took = plan.expected.map_or("unknown".into(), |time| format!("about {}", say(time)));
    let facts = [
        row("takes away").own(changes::summary(model, plan), Role::Text).line(),
        row("back to")
            .own(format!("{} {} ", plan.target.build, plan.target.sha.short()), Role::Accent)
            .name(&plan.target.subject, Role::Text)
            .line(),
        row("takes").own(took, Role::Text).line(),
        row("then").own(crate::console::view::dialog::plan::holds(model), Role::Text).line(),
    ];
    let place = crate::console::view::dialog::plan::verdict_place(width, REASONS);
    let verdict = plan.verdict.as_ref().map(|verdict| verdict::lines(model, verdict, place));
    // What speaks against it and what to do about that are the last things that a low screen may leave out.
    let against = plan.verdict.as_ref().is_some_and(|verdict| verdict.outlook > Outlook::Safe);
    let verdict = verdict.into_iter().flatten();
    let told = |finding: &&Finding| of_weight(plan, finding);
    let found = plan.findings.iter().filter(told);
    let (advice, rest): (Vec<_>, Vec<_>) = found.partition(|found| found.guard == Guard::Migration);
    let lines = |of: &[&Finding]| -> Vec<_> {
        of.iter().flat_map(|finding| findings::lines(model, finding, width)).collect()
    };
    if against {
        verdict.chain(lines(&advice)).chain(facts).chain(lines(&rest)).collect()
    } else {
        facts.into_iter().chain(verdict).chain(lines(&advice)).chain(lines(&rest)).collect()
    }
}

/// Whether a finding is told while it counts down. The verdict says what the one on migrations says, but not what to do
/// about it.
fn of_weight(plan: &Plan, finding: &Finding) -> bool {
    match (&plan.verdict, finding.guard) {
        (Some(verdict), Guard::Migration) => {
            verdict.outlook > Outlook::Safe
                && !crate::console::view::dialog::plan::repeats_verdict(finding, verdict)
        }
        _ => finding.severity > Severity::Info,
    }
}

/// The bar that empties until it fires.
fn countdown(model: &Model, confirm: &Confirm, width: u16) -> Vec<Line<'static>> {
    let Some(at) = confirm.fires_at() else { return Vec::new() };
    let theme = &model.options.theme;
    let whole = model.options.emergency_countdown;
    let passed = whole.saturating_sub(at.saturating_duration_since(model.at));
    let bar = progress::bar(theme, passed, whole, usize::from(width).saturating_sub(4));
    vec![Row::new(theme, width).gap(2).own(bar, Role::Danger).line()]
}

/// The key that starts it is named once it works.
fn keys(model: &Model, confirm: &Confirm, width: u16) -> Line<'static> {
    let esc = match confirm.progress.stage() {
        Stage::Sending | Stage::Checking | Stage::Refused(_) | Stage::Unknown(_) => " closes",
        _ => " cancels",
    };
    let key = |action| model.key(&KeyAction::Dialog(action));
    let row = Row::new(&model.options.theme, width).gap(2);
    let row = row.own(key(DialogAction::Close), Role::Key).own(esc, Role::Text);
    let enter = match confirm.progress.stage() {
        Stage::Asking if confirm.dialog.plan().is_some() && confirm.dialog.may_be_done() => {
            match confirm.is_complete(model) {
                Ok(()) => " rolls back now",
                Err(why) => return row.own(format!("   off: {why}"), Role::Warn).line(),
            }
        }
        Stage::Failed(_) => " tries again",
        _ => return row.line(),
    };
    if !confirm.progress.is_armed(model.at) {
        return row.line();
    }
    row.gap(3).own(key(DialogAction::Press), Role::Key).own(enter, Role::Text).line()
}

//! The one confirm dialog: what would happen, every finding, the fields, and two buttons.

pub mod about;
pub mod bad_commits;
mod behind;
pub mod emergency;
mod failure;
mod incident;
pub mod plan;
pub mod stop_all;
pub mod upper;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::console::actions::action::{DialogAction, KeyAction};
use crate::console::actions::{available, remedy};
use crate::console::model::Model;
use crate::console::model::dialog::Confirm;
use crate::console::model::dialog::field::{Field, FieldKind};
use crate::console::model::dialog::kinds::{Dialog, Planning};
use crate::console::model::dialog::progress::{Focus, Stage};
use crate::console::model::dialog::reading::VisibleLines;
use crate::console::theme::Role;
use crate::console::view::dialog::upper::Upper;
use crate::console::view::parts::clock::clock_with_zone;
use crate::console::view::parts::lines::draw_lines;
use crate::console::view::parts::row::Row;
use crate::console::view::parts::text_input::{end_of, typed_within};
use crate::console::view::parts::{frame, verdict};
use crate::domain::command::Action;
use crate::domain::event::DeploymentKind;
use crate::domain::ids::{DeploymentId, Environment};
use crate::domain::instant;
use crate::domain::plan::Plan;
use crate::gate::{self, Safe};

/// How wide a dialog is, border included: as wide as there is room, as long as its lines are easy to read.
const WIDTH: std::ops::RangeInclusive<u16> = 78..=120;
/// What stays free on a wider screen, so that it is seen that there is something behind.
const BESIDE: u16 = 8;

pub fn draw(model: &Model, confirm: &Confirm, frame: &mut Frame, body: Rect) {
    let Parts { area, upper, lower } = parts(model, confirm, body);
    let role = if touches_production(confirm) { Role::DialogDanger } else { Role::Dialog };
    let title = Line::from(Span::styled(title(model, confirm), model.options.theme.style(role)));
    let inner = frame::overlay(model, frame, area, role, title, &keys(model, confirm));
    let high = inner.height.saturating_sub(height_of(&lower));
    let (above, below) = (Rect { height: high, ..inner }, Rect { y: inner.y + high, ..inner });
    draw_lines(
        frame,
        above,
        upper.shown(model, usize::from(high), confirm.progress.reading().first),
        0,
    );
    draw_lines(frame, Rect { height: inner.height - high, ..below }, lower, 0);
}

/// The keys at the right of the title.
fn keys(model: &Model, confirm: &Confirm) -> String {
    let key = |action| model.key(&KeyAction::Dialog(action));
    let close = key(DialogAction::Close);
    match &confirm.dialog {
        Dialog::Emergency { .. } => format!("{close} cancels"),
        Dialog::Cancel { gives_up: true, .. } => format!("{close} waits on"),
        Dialog::Cancel { .. } => format!("{close} keeps it"),
        // In a field its key is a letter.
        dialog if dialog.plan().is_some() && confirm.focused_field().is_none() => {
            format!("{} changes  {close} cancel", key(DialogAction::Changes))
        }
        _ => format!("{close} cancel"),
    }
}

/// What of the dialog's upper part is on screen.
pub fn window(model: &Model, confirm: &Confirm, body: Rect) -> VisibleLines {
    let Parts { area, upper, lower } = parts(model, confirm, body);
    let high = area.height.saturating_sub(2).saturating_sub(height_of(&lower));
    upper.window(usize::from(high), confirm.progress.reading().first)
}

/// The dialog before it is drawn.
struct Parts {
    area: Rect,
    upper: Upper,
    lower: Vec<Line<'static>>,
}

/// The least lines of the upper part for which the lower one gives up its empty lines.
const LEAST: usize = 4;

/// The fields and buttons always have their place; what is above them gives way, and can be scrolled.
fn parts(model: &Model, confirm: &Confirm, body: Rect) -> Parts {
    let width = body.width.saturating_sub(BESIDE).clamp(*WIDTH.start(), *WIDTH.end());
    let width = width.min(body.width);
    let (inner, room) = (width.saturating_sub(2), body.height.saturating_sub(2));
    let (mut upper, mut lower) = if confirm.dialog.is_emergency() {
        let (upper, lower) = emergency::lines(model, confirm, inner);
        (Upper { lines: upper, weighty: 0 }, lower)
    } else {
        (upper(model, confirm, inner), lower(model, confirm, inner, room))
    };
    let height = u16::try_from(upper.lines.len() + lower.len() + 2).unwrap_or(u16::MAX);
    let room = usize::from(room);
    if room.saturating_sub(lower.len()) < upper.lines.len().min(LEAST) {
        lower.retain(|line| line.width() > 0);
    }
    lower.truncate(room);
    if upper.lines.len() > room - lower.len() {
        upper.drop_empty_lines();
    }
    Parts { area: frame::centred(body, width, height), upper, lower }
}

fn height_of(lines: &[Line<'static>]) -> u16 {
    u16::try_from(lines.len()).unwrap_or(u16::MAX)
}

fn touches_production(confirm: &Confirm) -> bool {
    let only_shows = |dialog: &Dialog| match dialog {
        Dialog::Preview { .. }
        | Dialog::Verify { .. }
        | Dialog::Withdraw { .. }
        | Dialog::Incident(_) => true,
        Dialog::Plan { planning, .. } => {
            matches!(planning.action, Action::Retry { environment: Environment::Staging, .. })
        }
        _ => false,
    };
    !only_shows(&confirm.dialog)
}

fn title(model: &Model, confirm: &Confirm) -> String {
    let what = match &confirm.dialog {
        Dialog::Emergency { .. } => return emergency::title(model, confirm),
        Dialog::Plan { planning, .. } | Dialog::Preview { planning } => {
            plan_title(&confirm.dialog, planning)
        }
        Dialog::Verify { build, .. } => format!("Verify {build} in staging"),
        Dialog::Hold { environment, .. } => format!("Hold {environment}"),
        Dialog::StopAll { .. } => "Hold PRODUCTION of ALL services".into(),
        Dialog::ReleaseAll { .. } => "Release PRODUCTION of all services".into(),
        Dialog::Release { environment, .. } => format!("Release the hold on {environment}"),
        Dialog::Cancel { deployment, gives_up, .. } => {
            let verb = if *gives_up { "Give up" } else { "Stop" };
            stop(model, verb, *deployment)
        }
        Dialog::Continue { deployment, .. } => stop(model, "Continue", *deployment),
        Dialog::Freeze { .. } => "Freeze PRODUCTION".into(),
        Dialog::Lift { freeze, .. } => format!("Lift the freeze {freeze}"),
        Dialog::Withdraw { .. } => "Withdraw the request for a promoter".into(),
        Dialog::Incident(form) => incident::title(form),
    };
    match (confirm.progress.stage(), &confirm.dialog) {
        (Stage::Disarmed(_), _) => format!(" DISARMED: {what} "),
        (_, Dialog::Preview { .. }) => format!(" Preview: {what} "),
        _ => format!(" {what} "),
    }
}

fn plan_title(dialog: &Dialog, planning: &Planning) -> String {
    let again =
        if planning.plan.as_ref().is_some_and(|p| p.retries.is_some()) { " again" } else { "" };
    match (planning.action, &planning.plan) {
        (Action::Retry { build, environment: Environment::Staging }, _) => {
            format!("Deploy {build} to STAGING again")
        }
        (_, Some(plan)) if plan.kind == DeploymentKind::Rollback => {
            format!("Roll PRODUCTION back to {}{again}", plan.target.build)
        }
        (_, Some(plan)) => format!("{} {} to PRODUCTION{again}", dialog.verb(), plan.target.build),
        (Action::Promote { build }, None) => format!("Promote {build} to PRODUCTION"),
        (Action::Retry { build, .. }, None) => format!("Deploy {build} to PRODUCTION again"),
        (Action::Rollback { .. } | Action::RollbackByTrunk { .. }, None) => {
            "Roll PRODUCTION back".into()
        }
    }
}

/// `Stop d144: promote of #12 to production`.
fn stop(model: &Model, verb: &str, deployment: DeploymentId) -> String {
    let what = model.deployment(deployment).map(|row| &row.deployment.request);
    let what = what.map_or_else(String::new, |request| {
        format!(": {} of {} to {}", kind(request.kind), request.build, request.environment)
    });
    format!("{verb} {deployment}{what}")
}

/// What a deployment of this kind is called in a sentence.
pub fn kind(kind: DeploymentKind) -> &'static str {
    match kind {
        DeploymentKind::Auto => "deploy",
        kind => kind.as_str(),
    }
}

fn upper(model: &Model, confirm: &Confirm, width: u16) -> Upper {
    let mut upper = Upper::default();
    if let Stage::Disarmed(changes) = confirm.progress.stage() {
        for text in changes {
            upper.lines.extend(paragraph(model, width, text, Role::Danger));
        }
        upper.lines.push(Line::default());
    }
    match confirm.dialog.plan() {
        Some(shown) => {
            upper.lines.extend(other(model, confirm, shown, width));
            plan::add(model, shown, width, &mut upper);
        }
        None if *confirm.progress.stage() == Stage::Planning => {
            let row = Row::new(&model.options.theme, width).gap(2);
            upper.lines.push(row.own("making the plan", Role::Muted).line());
        }
        None => match confirm.dialog.incident() {
            Some(form) => upper.lines.extend(incident::about(model, form, width)),
            None => upper.lines.extend(about::lines(model, &confirm.dialog, width)),
        },
    }
    upper
}

/// Where the header says that a rollback goes, when this one goes elsewhere.
fn other(model: &Model, confirm: &Confirm, plan: &Plan, width: u16) -> Vec<Line<'static>> {
    let usual = model.service.as_ref().and_then(|service| service.rollback.as_ref());
    let is_other = confirm.dialog.planning().is_some_and(|planning| planning.is_other);
    let Some(usual) = usual.filter(|usual| is_other && usual.to != plan.target.build) else {
        return Vec::new();
    };
    let (to, build) = (usual.to, plan.target.build);
    let text = format!("the header's way back is {to}; this one goes to {build}, the selected row");
    let mut lines = paragraph(model, width, &text, Role::Warn);
    lines.push(Line::default());
    lines
}

/// The fields, what came of pressing, the buttons and the way back.
fn lower(model: &Model, confirm: &Confirm, width: u16, room: u16) -> Vec<Line<'static>> {
    let mut lines = vec![Line::default()];
    lines.extend(outcome(model, confirm, width));
    let asks = confirm.progress.asks();
    if asks {
        lines.extend(bad_commits::lines(model, confirm, width, room));
        lines.extend(incident::lines(model, confirm, width));
        for (at, of) in confirm.dialog.fields().into_iter().enumerate() {
            lines.push(field(model, width, of, confirm.progress.focus() == Focus::Field(at)));
        }
        if !confirm.dialog.fields().is_empty() {
            lines.push(Line::default());
        }
    }
    let (buttons, off) = buttons(model, confirm, width);
    lines.push(buttons);
    if let Some(off) = off {
        lines.push(Row::new(&model.options.theme, width).gap(2).own(off, Role::Warn).line());
    } else if let Some(plan) =
        confirm.dialog.plan().filter(|_| asks && confirm.dialog.may_be_done())
    {
        lines.push(undo(model, plan, width));
    }
    lines
}

/// The way back; after a promote, with how it would go.
fn undo(model: &Model, plan: &Plan, width: u16) -> Line<'static> {
    let (word, role) = match &plan.verdict {
        Some(after) if plan.kind != DeploymentKind::Rollback => verdict::word(after.outlook),
        _ => ("", Role::Muted),
    };
    let row = Row::new(&model.options.theme, width).gap(2).own("Undo", Role::Muted);
    let row = if word.is_empty() { row } else { row.gap(1).own(word, role) };
    let key = plan.undo_remedy.as_ref();
    let key = key.and_then(|undo| remedy::key_of_undo(&model.options.keymap, undo));
    let key = key.map_or(String::new(), |key| format!(" ({key})"));
    row.own(format!(": {}{key}", plan.undo), Role::Muted).line()
}

/// What became of it so far.
pub fn outcome(model: &Model, confirm: &Confirm, width: u16) -> Vec<Line<'static>> {
    let (text, role) = match confirm.progress.stage() {
        Stage::Planning | Stage::Asking | Stage::Disarmed(_) => return Vec::new(),
        Stage::Rechecking => ("something changed: checking the plan again".to_owned(), Role::Warn),
        Stage::Sending => ("sending".to_owned(), Role::Running),
        Stage::Checking => (
            "unknown, checking: the answer got lost and is looked up; nothing is sent again"
                .to_owned(),
            Role::Unknown,
        ),
        Stage::Refused(why) => (format!("refused: {why}"), Role::Danger),
        Stage::Failed(why) => (why.clone(), Role::Danger),
        Stage::Unknown(why) => (format!("unknown: {why}"), Role::Unknown),
    };
    let mut lines = paragraph(model, width, &text, role);
    lines.push(Line::default());
    lines
}

pub fn field(model: &Model, width: u16, field: &Field, focused: bool) -> Line<'static> {
    let name = match field.kind {
        FieldKind::Reason => "reason".to_owned(),
        FieldKind::Note => "note (optional)".to_owned(),
        FieldKind::Number(_) => "type build number".to_owned(),
        FieldKind::Until => "end: 2h, 1d or date".to_owned(),
        FieldKind::Title => "what is wrong".to_owned(),
        FieldKind::Update => "what is new".to_owned(),
        FieldKind::Ending => "how it ended".to_owned(),
    };
    let room = usize::from(width).saturating_sub(2 + 21 + 4);
    let room = match field.kind {
        FieldKind::Number(_) => room.min(10),
        FieldKind::Until => room.min(20),
        _ => room,
    };
    let end = match field.kind {
        FieldKind::Until => field.until(model.now(), model.zone()).ok().flatten(),
        _ => None,
    };
    let end = end.map_or_else(String::new, |end| format!(" until {}", clock_with_zone(model, end)));
    let (name_role, bracket) =
        if focused { (Role::Key, Role::Accent) } else { (Role::Muted, Role::Muted) };
    let row = Row::new(&model.options.theme, width).gap(2).cell(name, 21, name_role);
    let row = row.own("[", bracket);
    let row = if focused {
        typed_within(row, &field.text, room)
    } else {
        row.cell(end_of(field.text.as_str(), room.saturating_sub(1)), room, Role::Text)
    };
    row.own("]", bracket).own(end, Role::Text).line()
}

/// The buttons; and, where three of them leave no room beside them, why the last one is off.
fn buttons(model: &Model, confirm: &Confirm, width: u16) -> (Line<'static>, Option<String>) {
    let row = Row::new(&model.options.theme, width).gap(3);
    let row = button(row, confirm.leave_label(), confirm.progress.focus() == Focus::Leave, true);
    let row = match confirm.watch_label() {
        Some(label) => button(row.gap(4), &label, confirm.progress.focus() == Focus::Watch, true),
        None => row,
    };
    let Some(label) = confirm.act_label() else { return (row.line(), None) };
    let asks = confirm.progress.asks();
    let complete = confirm.is_complete(model);
    let ready = if asks { available::fresh(model).and(complete) } else { Ok(()) };
    let armed = confirm.progress.is_armed(model.at);
    let works = ready.is_ok() && armed;
    let Some(ask) = confirm.ask_label() else {
        let row = button(row.gap(4), label, confirm.progress.focus() == Focus::Act, works);
        return match ready {
            Err(why) => (row.own(format!("  off: {why}"), Role::Warn).line(), None),
            Ok(()) => (row.line(), None),
        };
    };
    let may_ask = available::fresh(model).and(confirm.is_settled()).is_ok() && armed;
    let row = button(row.gap(3), ask, confirm.progress.focus() == Focus::Ask, may_ask);
    let row = button(row.gap(3), label, confirm.progress.focus() == Focus::Act, works);
    let off = ready.err().map(|why| format!("{label} is off: {why}"));
    (row.line(), off)
}

fn button<'t>(row: Row<'t>, label: &str, focused: bool, works: bool) -> Row<'t> {
    match (focused, works) {
        (true, true) => row.own(format!("[> {label} <]"), Role::ButtonFocus),
        (true, false) => row.own(format!("[> {label} <]"), Role::Inactive),
        (false, true) => row.own(format!("[  {label}  ]"), Role::Button),
        (false, false) => row.own(format!("[  {label}  ]"), Role::Inactive),
    }
}

/// Sentences, with their times as they are here.
pub fn paragraph(model: &Model, width: u16, text: &str, role: Role) -> Vec<Line<'static>> {
    let row = |line: &Safe| Row::new(&model.options.theme, width).gap(2).safe(line, role).line();
    let text = instant::localized(text, model.zone());
    gate::sentence(&text).wrap(usize::from(width).saturating_sub(4)).iter().map(row).collect()
}

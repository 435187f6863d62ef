//! The emergency rollback: what it takes away, where it goes, and the countdown.

use std::time::Duration;

use ratatui::text::Line;

use crate::console::actions::action::{DialogAction, KeyAction};
use crate::console::model::Model;
use crate::console::model::dialog::Confirm;
use crate::console::model::dialog::kinds::EnterWhy;
use crate::console::model::dialog::progress::{Focus, Stage};
use crate::console::model::link::LinkState;
use crate::console::theme::Role;
use crate::console::view::dialog::{self, behind, failure, plan};
use crate::console::view::overlays::changes;
use crate::console::view::parts::row::Row;
use crate::console::view::parts::{findings, progress, verdict};
use crate::domain::ids::Environment;
use crate::domain::plan::{Finding, Guard, Plan, Severity};
use crate::domain::schema::Outlook;
use crate::domain::time::say;

/// After so long without a plan, the commands are shown that do without this console.
const BY_HAND: Duration = Duration::from_secs(5);

/// The most reasons of a verdict that are shown while it counts down.
const REASONS: usize = 3;

/// `ROLLING BACK PRODUCTION  #1287 -> #1286  in 3`.
pub fn title(model: &Model, confirm: &Confirm) -> String {
    let arrow = model.options.theme.symbols.arrow;
    match confirm.progress.stage() {
        Stage::Refused(_) => return " Rollback NOT started: refused ".into(),
        Stage::Failed(_) => return " Rollback NOT started: it failed ".into(),
        Stage::Unknown(_) => return " Rollback: UNKNOWN ".into(),
        Stage::Planning if waits(model, confirm).is_some() => {
            return " ROLLING BACK PRODUCTION: waiting for the engine ".into();
        }
        _ => {}
    }
    let Some(plan) = confirm.dialog.plan() else { return " ROLLING BACK PRODUCTION ".into() };
    // A promote that runs or did not succeed may have brought its build already.
    let ways = match plan.from().filter(|from| *from != plan.target.build) {
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
    upper.extend(waits_for_key(model, confirm, width));
    match (confirm.progress.stage(), confirm.dialog.plan()) {
        (Stage::Planning, _) => upper.extend(planning(model, confirm, width)),
        // Whatever it was going to do, nothing of it was done.
        (Stage::Failed(_), _) => upper.extend(by_hand(model, width)),
        (_, Some(plan)) => {
            upper.extend(of_plan(model, plan, width));
            upper.extend(plan::also(model, plan, width));
            upper.extend(behind::lines(model, plan, width));
        }
        (_, None) => {}
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

/// For how long an emergency has waited for an engine that does not answer.
fn waits(model: &Model, confirm: &Confirm) -> Option<Duration> {
    let countdown = confirm.dialog.countdown()?;
    let down = matches!(model.link.state, LinkState::Down { .. });
    let waited = model.at.saturating_duration_since(countdown.pressed);
    (countdown.silence.is_some() || down || waited >= BY_HAND).then_some(waited)
}

/// What it waits for; and after a while how to do without this console, as it stands here and can be copied.
fn planning(model: &Model, confirm: &Confirm, width: u16) -> Vec<Line<'static>> {
    let Some(waited) = waits(model, confirm) else {
        return dialog::paragraph(model, width, "making the plan", Role::Muted);
    };
    let text =
        format!("waiting for the engine for {}; the countdown begins with the plan", say(waited));
    let mut lines = dialog::paragraph(model, width, &text, Role::Warn);
    let silence = confirm.dialog.countdown().and_then(|countdown| countdown.silence.as_ref());
    if let Some(silence) = silence {
        lines.extend(dialog::paragraph(model, width, &silence.why, Role::Text));
    }
    if waited >= BY_HAND {
        lines.push(Line::default());
        lines.extend(by_hand(model, width));
    }
    lines
}

/// How to do the same without this console.
fn by_hand(model: &Model, width: u16) -> Vec<Line<'static>> {
    let mut lines = dialog::paragraph(model, width, "or do it in a shell:", Role::Text);
    let room = usize::from(width).saturating_sub(4 + 1);
    for line in commands(model).iter().flat_map(|command| in_lines(command, room)) {
        lines.push(Row::new(&model.options.theme, width).gap(4).own(line, Role::Key).line());
    }
    if model.by_hand().is_some() {
        let key = model.key(&KeyAction::Dialog(DialogAction::ByHand));
        let text = format!("{key} shows the commands that do it without trunkline");
        lines.extend(dialog::paragraph(model, width, &text, Role::Text));
        let file = model.options.last.as_ref().zip(model.services.selected.as_ref());
        if let Some((states, service)) = file {
            let text = format!("the same is in {}", states.text(service).display());
            lines.extend(dialog::paragraph(model, width, &text, Role::Muted));
        }
    }
    lines
}

/// A command in lines of so many columns that a shell reads as one.
fn in_lines(command: &str, room: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in command.split(' ') {
        let Some(line) = lines.last_mut() else { break };
        if !line.is_empty() && line.len() + word.len() + " \\".len() >= room {
            line.push_str(" \\");
            lines.push(word.to_owned());
        } else {
            let space = if line.is_empty() { "" } else { " " };
            line.extend([space, word]);
        }
    }
    lines
}

/// The commands that do the same. No build is named: the engine knows better than a screen that it does not answer where a
/// rollback goes by then.
fn commands(model: &Model) -> Vec<String> {
    let demo = model.options.demo || model.description.as_ref().is_some_and(|d| d.demo);
    let demo = if demo { " --demo" } else { "" };
    let service = model.services.selected.as_ref();
    let service = service.map_or_else(String::new, |service| format!(" --service {service}"));
    let offer = model.service.as_ref().and_then(|service| service.rollback.as_ref());
    // Past the floor it asks: `--yes` alone is refused.
    let asks = offer.is_some_and(|offer| offer.verdict.outlook == Outlook::PointOfNoReturn);
    let yes = if asks { "" } else { " --yes" };
    let rollback = |which: &str| format!("trunkline rollback{service}{which}{yes}");
    match &model.options.profile {
        // The engine of a profile is on another machine.
        Some(profile) => vec![rollback(&format!(" --profile {profile}"))],
        None => vec![format!("trunkline engine restart{demo}"), rollback(demo)],
    }
}

/// Which service it is, where there are or may be several.
fn service(model: &Model, confirm: &Confirm, width: u16) -> Vec<Line<'static>> {
    // A server may have more services than it knows of so far.
    let is_named = model.has_several_services() || model.options.profile.is_some();
    let Some(service) = model.services.selected.as_ref().filter(|_| is_named) else {
        return Vec::new();
    };
    let row = Row::new(&model.options.theme, width).gap(2).cell("service", 12, Role::Muted);
    let row = row.own(service.as_str(), Role::Accent);
    let key = model.key(&KeyAction::Dialog(DialogAction::Press));
    let why = confirm.dialog.countdown().and_then(|countdown| countdown.waits_for_enter);
    let row = if why == Some(EnterWhy::Listed) {
        row.own(format!("  selected in a list: only {key} starts it"), Role::Warn)
    } else {
        row
    };
    vec![row.line()]
}

/// Why only a key starts it: it waited for the engine for too long, production changed meanwhile, or a page hid it.
fn waits_for_key(model: &Model, confirm: &Confirm, width: u16) -> Vec<Line<'static>> {
    let countdown = confirm.dialog.countdown().filter(|_| confirm.dialog.plan().is_some());
    let Some((countdown, why)) = countdown.and_then(|c| Some((c, c.waits_for_enter?))) else {
        return Vec::new();
    };
    let key = model.key(&KeyAction::Dialog(DialogAction::Press));
    let live = model.service.as_ref().and_then(|s| s.live.get(&Environment::Production));
    let changed = live.map(|live| live.build) != countdown.live;
    let why = match why {
        // It stands beside the name of the service.
        EnterWhy::Listed => return Vec::new(),
        EnterWhy::Covered => "a page hid this when the plan came",
        EnterWhy::Failed => "a rollback failed before",
        EnterWhy::Late if changed => "production changed meanwhile",
        EnterWhy::Late => "the engine answered late",
    };
    dialog::paragraph(model, width, &format!("{why}: only {key} starts it"), Role::Warn)
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
        failure::tried_row(model, plan, width).line(),
        row("then").own(crate::console::view::dialog::plan::holds(model), Role::Text).line(),
    ];
    let steps = failure::steps_row(model, plan, width).map(Row::line);
    let facts = facts.into_iter().chain(steps);
    let place = crate::console::view::dialog::plan::verdict_place(width, REASONS);
    let verdict = plan.verdict.as_ref().map(|verdict| verdict::lines(model, verdict, place));
    // What speaks against it and what to do about that are the last things that a low screen may leave out.
    let against = plan.verdict.as_ref().is_some_and(|verdict| verdict.outlook > Outlook::Safe);
    let verdict = verdict.into_iter().flatten();
    let told = |finding: &&Finding| of_weight(plan, finding);
    let found = plan.findings.iter().filter(told);
    let (advice, rest): (Vec<_>, Vec<_>) = found.partition(|found| found.guard == Guard::Migration);
    let failed = failure::ways(model, plan, width);
    let lines = |of: &[&Finding]| -> Vec<_> {
        of.iter().flat_map(|finding| findings::lines(model, finding, width)).collect()
    };
    let failed = failed.into_iter();
    if against {
        verdict.chain(lines(&advice)).chain(failed).chain(facts).chain(lines(&rest)).collect()
    } else {
        failed.chain(facts).chain(verdict).chain(lines(&advice)).chain(lines(&rest)).collect()
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
        // The ways that are left are told above.
        _ if finding.is_of_failure() => false,
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

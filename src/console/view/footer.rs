//! The last two lines: the last note or the selection, and what keys can do now.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::widgets::Paragraph;

use crate::console::actions::action::{
    ChangedAction, ChecklistAction, ChoiceAction, DialogAction, HelpAction, InputAction, KeyAction,
    MenuAction, Move, PageAction, PaletteAction,
};
use crate::console::actions::chord::Chord;
use crate::console::actions::context::InputContext;
use crate::console::actions::{ACTIONS, Entry, available, entry};
use crate::console::model::areas::Areas;
use crate::console::model::dialog::progress::Focus;
use crate::console::model::notes::Tone;
use crate::console::model::overlay::Overlay;
use crate::console::model::pane::Pane;
use crate::console::model::{Model, Screen};
use crate::console::theme::Role;
use crate::console::view::parts::row::Row;
use crate::console::view::parts::text_input::typed;
use crate::domain::ids::{BuildNumber, Environment};
use crate::domain::snapshot::DeploymentRow;
use crate::domain::time::say;
use crate::domain::words::counted;

pub fn draw(model: &Model, frame: &mut Frame, areas: &Areas) {
    draw_context(model, frame, areas.context);
    let hints = hints(model, areas.hints.width);
    frame.render_widget(Paragraph::new(hints.line()), areas.hints);
}

/// The last note, what is typed, or the selection.
pub fn draw_context(model: &Model, frame: &mut Frame, area: Rect) {
    frame.render_widget(Paragraph::new(context(model, area.width).line()), area);
}

fn context(model: &Model, width: u16) -> Row<'_> {
    let theme = &model.options.theme;
    let row = Row::new(theme, width).gap(1);
    if model.filter.typing {
        let key = |action| model.key(&KeyAction::Input(action));
        let (keep, clear) = (key(InputAction::Accept), key(InputAction::Cancel));
        return typed(row.own("filter ", Role::Key), &model.filter.text)
            .gap(2)
            .own(format!("{keep} applies it, {clear} clears it"), Role::Muted);
    }
    if let Some(pending) = model.pending {
        let key = pending.first.shown();
        let waits = format!("waits for the second key; {} gives it up", Chord::GIVES_UP.shown());
        return row.own(format!("{key} "), Role::Key).own(waits, Role::Muted);
    }
    if let Some(input) = &model.log.search {
        return typed(row.own(model.log.question.prompt(), Role::Key), input);
    }
    if let Some((note, _)) = model.toast() {
        let (glyph, role) = match note.tone {
            Tone::Good => (theme.symbols.ok, Role::Ok),
            Tone::Plain => (theme.symbols.separator, Role::Text),
            Tone::Bad => (theme.symbols.warn, Role::Danger),
        };
        let row = row.own(format!("{glyph} "), role).own(model.words(note), role);
        if !note.stays() || !note.seen.before(model.at) {
            return row;
        }
        // The key is named once it works.
        let hides = format!("  {} hides this", model.key(&KeyAction::Back));
        return row.then_right(Row::new(theme, width).own(hides, Role::Muted), width);
    }
    if !model.filter.text.is_empty() {
        let (text, key) = (model.filter.text.as_str(), model.key(&KeyAction::Back));
        let list = model.filter.list.map_or(String::new(), |list| format!("{} ", list.title()));
        let text = format!("{list}filter \"{text}\"; {key} shows all");
        return row.own(text, Role::Search);
    }
    match (model.screen, model.selected_build()) {
        (Screen::Service, Some(build)) if model.list == Pane::Staging => {
            against_live(model, row, build.build.number)
        }
        (Screen::Service, _) => match model.selected_history() {
            Some(selected) => history(row, selected),
            None => row,
        },
        _ => row,
    }
}

/// `d57: promote of #12 by sam, took 1m50s`.
fn history<'t>(row: Row<'t>, selected: &DeploymentRow) -> Row<'t> {
    let deployment = &selected.deployment;
    let took = deployment.took().map_or_else(String::new, |time| format!(", took {}", say(time)));
    let what = format!("{}: {} of {}", deployment.id, deployment.kind(), deployment.deployed());
    row.own(what, Role::Text).own(format!(" by {}{took}", deployment.by), Role::Muted)
}

/// `#1290 vs live: 3 commits by sam, moira · 4 files`.
fn against_live<'t>(model: &Model, row: Row<'t>, number: BuildNumber) -> Row<'t> {
    let Some(service) = &model.service else { return row };
    let Some(live) = service.live.get(&Environment::Production) else {
        return row.own(format!("{number} would be the first build to go live"), Role::Muted);
    };
    if number == live.build {
        return row.own(format!("{number} is live"), Role::Muted);
    }
    let (low, high) = (number.min(live.build), number.max(live.build));
    let between: Vec<_> = service
        .builds
        .iter()
        .filter(|row| row.build.number > low && row.build.number <= high)
        .collect();
    let commits: usize =
        between.iter().map(|b| b.build.commits.len() + b.build.more as usize).sum();
    let mut writers: Vec<_> = between.iter().flat_map(|row| model.writers(row)).collect();
    writers.sort_unstable();
    writers.dedup();
    let side = if number > live.build { "ahead of" } else { "behind" };
    row.own(format!("{number} is {} {side} live", counted(commits, "commit")), Role::Text)
        .own(format!(" by {}", writers.join(", ")), Role::Muted)
}

fn hints(model: &Model, width: u16) -> Row<'_> {
    let theme = &model.options.theme;
    if model.is_elsewhere() {
        let row = Row::new(theme, width).gap(1);
        return keys_elsewhere(model).into_iter().fold(row, |row, (action, does)| {
            let row = row.own(model.key(&action), Role::Key);
            row.own(format!(" {does}"), Role::Muted).gap(2)
        });
    }
    let right = hint(model, Row::new(theme, width), entry(&KeyAction::Palette)).gap(2);
    let right = hint(model, right, entry(&KeyAction::Help)).gap(1);
    let mut row = Row::new(theme, width).gap(1);
    let mut hinted: Vec<_> = ACTIONS.iter().filter(|entry| is_hinted(model, entry)).collect();
    // What only the focused pane can do comes first.
    hinted.sort_by_key(|entry| !is_of_focus(model, entry));
    for entry in hinted {
        let needed = word(model, entry).len() + model.key(&entry.action).len() + 2 + right.taken();
        if row.left() > needed {
            row = hint(model, row, entry).gap(2);
        }
    }
    row.then_right(right, width)
}

/// What the most important keys do in a dialog, on a page or in a text, where those of the lists do not work.
fn keys_elsewhere(model: &Model) -> Vec<(KeyAction, &'static str)> {
    let dialog = KeyAction::Dialog;
    match model.overlays.last() {
        Some(Overlay::Confirm(confirm)) => {
            let picks = matches!(confirm.progress.focus(), Focus::Pick(_));
            let typed = picks || confirm.focused_field().is_some();
            let press = if typed { "next" } else { "press" };
            let pick = picks.then_some((dialog(DialogAction::PickNext), "pick"));
            let mut keys: Vec<_> = pick.into_iter().collect();
            keys.extend([
                (dialog(DialogAction::Next), "next"),
                (dialog(DialogAction::Press), press),
                (dialog(DialogAction::PageDown), "scroll"),
                (dialog(DialogAction::Close), "close"),
            ]);
            keys
        }
        Some(Overlay::ByHand(_)) => vec![
            (KeyAction::Move(Move::PageDown), "scroll"),
            (KeyAction::Page(PageAction::Copy), "copy"),
            (KeyAction::Page(PageAction::Close), "close"),
        ],
        Some(Overlay::Changed(_)) => vec![
            (KeyAction::InChanged(ChangedAction::Wider), "further back"),
            (KeyAction::InChanged(ChangedAction::Open), "all of it"),
            (KeyAction::Page(PageAction::Copy), "copy undo"),
            (KeyAction::Page(PageAction::Close), "close"),
        ],
        Some(Overlay::Checklist(_)) => vec![
            (KeyAction::InChecklist(ChecklistAction::Tick), "tick"),
            (KeyAction::Page(PageAction::Copy), "copy undo"),
            (KeyAction::Page(PageAction::Close), "close"),
        ],
        Some(Overlay::Engines(_)) => vec![
            (KeyAction::Choice(ChoiceAction::Switch), "switch"),
            (KeyAction::Choice(ChoiceAction::Close), "close"),
        ],
        Some(Overlay::Themes(_)) => vec![
            (KeyAction::Choice(ChoiceAction::Switch), "keep"),
            (KeyAction::Choice(ChoiceAction::Close), "back"),
        ],
        Some(Overlay::Changes(_) | Overlay::Line(_) | Overlay::Messages(_)) => {
            let scroll = KeyAction::Move(Move::PageDown);
            vec![(scroll, "scroll"), (KeyAction::Page(PageAction::Close), "close")]
        }
        Some(Overlay::Palette(_)) => vec![
            (KeyAction::InPalette(PaletteAction::Run), "run"),
            (KeyAction::InPalette(PaletteAction::Complete), "complete"),
            (KeyAction::InPalette(PaletteAction::Earlier), "earlier"),
            (KeyAction::InPalette(PaletteAction::Close), "close"),
        ],
        Some(Overlay::Menu(_)) => vec![
            (KeyAction::InMenu(MenuAction::Run), "run"),
            (KeyAction::InMenu(MenuAction::Close), "close"),
        ],
        Some(Overlay::CommandLines(_)) => vec![
            (KeyAction::Page(PageAction::Copy), "copy"),
            (KeyAction::Page(PageAction::Close), "close"),
        ],
        Some(Overlay::Help(_)) => vec![
            (KeyAction::InHelp(HelpAction::Run), "run"),
            (KeyAction::InHelp(HelpAction::Close), "close"),
        ],
        None => vec![
            (KeyAction::Input(InputAction::Accept), "apply"),
            (KeyAction::Input(InputAction::Cancel), "cancel"),
        ],
    }
}

fn is_hinted(model: &Model, entry: &Entry) -> bool {
    let is_right = matches!(entry.action, KeyAction::Palette | KeyAction::Help);
    let shown = !entry.hint.is_empty() && !is_right;
    let has_key = || model.options.keymap.keys(entry).next().is_some();
    let works = || available::check(model, &entry.action).is_ok();
    // The key for an incident is one more thing to read as long as there is none.
    let is_due = entry.action != KeyAction::Incident || model.areas.incident.is_some();
    shown && is_due && has_key() && works()
}

/// Whether it belongs to the pane that has the focus, and to no other.
fn is_of_focus(model: &Model, entry: &Entry) -> bool {
    let in_log = model.screen == Screen::Service && model.focus == Pane::Log;
    match entry.action {
        KeyAction::Open | KeyAction::Filter => in_log,
        KeyAction::Freeze => model.focus == Pane::Freeze,
        _ => entry.context == InputContext::Log,
    }
}

/// What a key does here, in a word or two.
fn word(model: &Model, entry: &Entry) -> &'static str {
    match (&entry.action, model.focus) {
        (KeyAction::Filter, Pane::Log) if model.screen == Screen::Service => "search",
        (KeyAction::Open, Pane::Log) if model.log.pane.filter_text().is_some() => "in the log",
        (KeyAction::Open, Pane::Log) if model.screen == Screen::Service => "whole line",
        (KeyAction::Freeze, _) if model.frozen().is_some() => "lift",
        (KeyAction::Incident, _) if model.worst_incident().is_none() => "answer",
        (KeyAction::Hold, _) if model.screen == Screen::Fleet => of_all(model),
        (KeyAction::Hold, _) if model.is_held() => "release",
        _ => entry.hint,
    }
}

/// What is done with production of all services.
fn of_all(model: &Model) -> &'static str {
    let mut rows = model.fleet.iter().flat_map(|fleet| &fleet.services);
    if rows.any(|row| row.hold.is_none()) { "hold all" } else { "release all" }
}

fn hint<'t>(model: &Model, row: Row<'t>, entry: &Entry) -> Row<'t> {
    let word = format!(" {}", word(model, entry));
    row.own(model.key(&entry.action), Role::Key).own(word, Role::Muted)
}

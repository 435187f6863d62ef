//! The dialog: opening it, its keys, its plan, and what makes it disarm itself.

use tokio::time::Instant;

use crate::console::actions::action::{DialogAction, KeyAction};
use crate::console::actions::available;
use crate::console::effect::Effect;
use crate::console::layout;
use crate::console::model::Model;
use crate::console::model::dialog::Confirm;
use crate::console::model::dialog::bad_commits::CommitChoice;
use crate::console::model::dialog::incident::IncidentForm;
use crate::console::model::dialog::kinds::{Countdown, Dialog};
use crate::console::model::dialog::progress::{Focus, Stage};
use crate::console::model::log::LogChoice;
use crate::console::model::notes::Tone;
use crate::console::model::overlay::Overlay;
use crate::console::model::pane::Pane;
use crate::console::update::{browse, by_hand, changes, plan, send, stop_all};
use crate::domain::ids::Environment;

/// Opens the dialog, and asks for the plan where there is one.
pub fn open(model: &mut Model, dialog: Dialog) -> Vec<Effect> {
    let (key, ticket) = (model.next_key(), model.next_ticket());
    let action = dialog.planning().map(|planning| planning.action);
    model.overlays.push(Overlay::Confirm(Box::new(Confirm::new(dialog, key, ticket))));
    action.and_then(|action| plan::ask(model, ticket, action)).into_iter().collect()
}

/// A paste in the dialog: it is typed into the field, and presses nothing.
pub fn paste(model: &mut Model, text: &str) {
    if let Some(field) = model.confirm_mut().and_then(Confirm::focused_field_mut) {
        field.insert(text);
    }
}

/// A key in the dialog; whether a button was `armed` when it was pressed.
pub fn key(
    model: &mut Model,
    action: Option<&KeyAction>,
    letter: Option<char>,
    armed: bool,
) -> Vec<Effect> {
    let Some(confirm) = model.confirm_mut() else { return Vec::new() };
    if confirm.progress.is_cut_off(armed) && letter.is_some() {
        return Vec::new();
    }
    match action {
        Some(KeyAction::Dialog(action)) => return act(model, *action, armed),
        // What was typed before an emergency was on screen was not meant for it.
        _ if confirm.dialog.is_emergency() && !confirm.progress.is_drawn() => {}
        Some(KeyAction::Edit(edit)) => {
            if let Some(field) = confirm.focused_field_mut() {
                field.text.edit(*edit);
            }
        }
        _ => match (confirm.focused_field_mut(), letter) {
            (Some(field), Some(letter)) => field.insert(letter.encode_utf8(&mut [0; 4])),
            (None, Some(letter)) => return pick(model, |form, row| form.pick_letter(row, letter)),
            _ => {}
        },
    }
    Vec::new()
}

/// Picks in the row of options that has the focus. What is picked then may have changed since the dialog was opened.
fn pick(model: &mut Model, pick: impl FnOnce(&mut IncidentForm, usize)) -> Vec<Effect> {
    let Some(confirm) = model.confirm_mut() else { return Vec::new() };
    let Focus::Pick(row) = confirm.progress.focus() else { return Vec::new() };
    if let Dialog::Incident(form) = &mut confirm.dialog {
        pick(form, row);
    }
    plan::snapshot_changed(model)
}

fn act(model: &mut Model, action: DialogAction, armed: bool) -> Vec<Effect> {
    let Some(confirm) = model.confirm_mut() else { return Vec::new() };
    match action {
        DialogAction::Close => leave(model),
        // Like its button, so that a text that is typed ahead closes nothing.
        DialogAction::PressClose if armed => leave(model),
        DialogAction::Press => press_focused(model, armed),
        DialogAction::Next => focus(confirm, 1),
        DialogAction::Previous => focus(confirm, -1),
        DialogAction::PageDown => turn(model, 1),
        DialogAction::PageUp => turn(model, -1),
        DialogAction::NextCommit => walk(confirm, 1),
        DialogAction::PreviousCommit => walk(confirm, -1),
        DialogAction::Mark => mark(confirm),
        DialogAction::PickNext => pick(model, |form, row| form.step(row, 1)),
        DialogAction::PickPrevious => pick(model, |form, row| form.step(row, -1)),
        // Nothing may cover a countdown.
        DialogAction::Changes if confirm.fires_at().is_none() => changes::open_for_plan(model),
        DialogAction::ByHand if confirm.fires_at().is_none() => by_hand::open_for_plan(model),
        DialogAction::TrunkSteps => plan::other_steps(model),
        DialogAction::BuildBefore => plan::to_build_before(model),
        DialogAction::PressClose | DialogAction::Changes | DialogAction::ByHand => Vec::new(),
    }
}

fn press_focused(model: &mut Model, armed: bool) -> Vec<Effect> {
    let Some(confirm) = model.confirm_mut() else { return Vec::new() };
    match confirm.progress.focus() {
        _ if confirm.dialog.is_emergency() => at_once(model, armed),
        Focus::Leave if armed => leave(model),
        Focus::Leave => Vec::new(),
        Focus::Watch => watch(model, armed),
        Focus::Ask => ask(model, armed),
        Focus::Act => press(model, armed),
        Focus::Commits | Focus::Pick(_) | Focus::Field(_) => focus(confirm, 1),
    }
}

/// Closes the dialog and shows the other deployment.
fn watch(model: &mut Model, armed: bool) -> Vec<Effect> {
    let watched = model.confirm().and_then(|c| c.dialog.planning()?.watch).filter(|_| armed);
    if let Some(watched) = watched {
        model.overlays.pop();
        model.filter.text.clear();
        match watched.environment {
            Environment::Production => {
                model.production.select(watched.deployment);
                browse::focus(model, Pane::Production);
            }
            Environment::Staging => {
                model.staging.select(watched.build);
                browse::focus(model, Pane::Staging);
            }
        }
        model.log.choose(LogChoice::Selection);
        browse::focus(model, Pane::Log);
    }
    Vec::new()
}

/// Goes to another field or button. The number that an emergency asks for is not left.
fn focus(confirm: &mut Confirm, by: isize) -> Vec<Effect> {
    if confirm.dialog.is_emergency() && matches!(confirm.progress.focus(), Focus::Field(_)) {
        return Vec::new();
    }
    confirm.progress.focus_on(confirm.next_focus(by));
    Vec::new()
}

/// Along the commits, and past their ends out of the list.
fn walk(confirm: &mut Confirm, by: isize) -> Vec<Effect> {
    if confirm.dialog.commit_choice_mut().is_some_and(|choice| choice.step(by)) {
        return Vec::new();
    }
    focus(confirm, by)
}

fn mark(confirm: &mut Confirm) -> Vec<Effect> {
    confirm.dialog.commit_choice_mut().into_iter().for_each(CommitChoice::mark);
    Vec::new()
}

/// Closes the dialog; a command that was sent goes on without it.
fn leave(model: &mut Model) -> Vec<Effect> {
    let sent = |c: &Confirm| matches!(c.progress.stage(), Stage::Sending | Stage::Checking);
    if model.confirm().is_some_and(sent) {
        model.say(Tone::Plain, "already sent; the answer will be shown here");
    } else if model.confirm().is_some_and(leaves_question) {
        let key = model.key(&KeyAction::Incident);
        model.say(Tone::Plain, format!("the question stays open; {key} answers it"));
    }
    model.overlays.pop();
    Vec::new()
}

/// Whether it closes without the answer that a rollback waits for.
fn leaves_question(confirm: &Confirm) -> bool {
    let is_open =
        confirm.progress.is_open() || matches!(confirm.progress.stage(), Stage::Failed(_));
    is_open && confirm.dialog.incident().is_some_and(IncidentForm::is_question)
}

/// The button that does something.
fn press(model: &mut Model, armed: bool) -> Vec<Effect> {
    if !armed {
        return too_quick(model);
    }
    let Some(confirm) = model.confirm() else { return Vec::new() };
    match confirm.progress.stage() {
        Stage::Disarmed(_) | Stage::Failed(_) => plan::again(model),
        Stage::Asking | Stage::Rechecking if confirm.act_label().is_some() => {
            match available::fresh(model).and(confirm.is_complete(model)) {
                Ok(()) if asks_once_more(model) => Vec::new(),
                Ok(()) => send_it(model),
                Err(why) => {
                    model.say(Tone::Plain, why);
                    Vec::new()
                }
            }
        }
        _ => Vec::new(),
    }
}

/// A hold is released with open items only by a second press, once what is open was on screen again.
fn asks_once_more(model: &mut Model) -> bool {
    let service = model.service.clone();
    let holds = service.as_ref().map(|service| &service.holds);
    let Some(confirm) = model.confirm_mut() else { return false };
    let Dialog::Release { environment, open, .. } = &mut confirm.dialog else { return false };
    let hold = holds.and_then(|holds| holds.get(environment));
    let asks = hold.is_some_and(|hold| open.ask_once_more(hold));
    if asks {
        confirm.progress.refocus(Focus::Leave);
        confirm.progress.changed();
    }
    asks
}

/// The button that asks for another promoter.
fn ask(model: &mut Model, armed: bool) -> Vec<Effect> {
    if !armed {
        return too_quick(model);
    }
    let fresh = available::fresh(model);
    let Some(confirm) = model.confirm_mut() else { return Vec::new() };
    match (fresh.and(confirm.is_settled()), confirm.request()) {
        (Ok(()), Some(request)) => send::send(model, request),
        (Err(why), _) => {
            model.say(Tone::Plain, why);
            Vec::new()
        }
        (Ok(()), None) => Vec::new(),
    }
}

fn too_quick(model: &mut Model) -> Vec<Effect> {
    let key = model.key(&KeyAction::Dialog(DialogAction::Press));
    let text = format!("too quick: wait until the button lights up, then press {key}");
    model.say(Tone::Plain, text);
    Vec::new()
}

/// Sends what the dialog is about.
fn send_it(model: &mut Model) -> Vec<Effect> {
    let is_of_all =
        |dialog: &Dialog| matches!(dialog, Dialog::StopAll { .. } | Dialog::ReleaseAll { .. });
    if model.confirm().is_some_and(|confirm| is_of_all(&confirm.dialog)) {
        return stop_all::send(model);
    }
    let (now, zone) = (model.now(), model.zone());
    let command = model.confirm().and_then(|confirm| confirm.dialog.command(now, zone));
    command.map_or_else(Vec::new, |command| send::send(model, command))
}

/// Enter in an emergency: starts without waiting for the countdown, or tries again what failed.
fn at_once(model: &mut Model, armed: bool) -> Vec<Effect> {
    if !armed {
        return Vec::new();
    }
    let Some(confirm) = model.confirm() else { return Vec::new() };
    match confirm.progress.stage() {
        Stage::Asking if confirm.dialog.plan().is_some() && confirm.dialog.may_be_done() => {
            match confirm.is_complete(model) {
                Ok(()) => send_it(model),
                Err(why) => {
                    model.say(Tone::Plain, why);
                    Vec::new()
                }
            }
        }
        Stage::Failed(_) => plan::again(model),
        Stage::Asking | Stage::Refused(_) | Stage::Unknown(_) => leave(model),
        _ => Vec::new(),
    }
}

/// Keys are pressed for what is drawn now. A countdown begins when it is drawn.
pub fn drawn(model: &mut Model, at: Instant) {
    let countdown = model.options.emergency_countdown;
    let window = layout::dialog_window(model);
    let Some(confirm) = model.confirm_mut() else { return };
    if confirm.progress.drawn(at)
        && let Some(Countdown { fires_at: Some(fires_at), .. }) = confirm.dialog.countdown_mut()
    {
        *fires_at = at + countdown;
    }
    // Why the button is off may be another thing now.
    let read_more = window.is_some_and(|window| confirm.progress.read(window));
    model.dirty |= read_more;
}

/// Scrolls what is above the fields.
fn turn(model: &mut Model, pages: isize) -> Vec<Effect> {
    let window = layout::dialog_window(model);
    if let (Some(window), Some(confirm)) = (window, model.confirm_mut()) {
        confirm.progress.turn(window, pages);
    }
    Vec::new()
}

/// What the clock brings: an engine that did not answer is asked again, and an emergency starts.
pub fn when_due(model: &mut Model) -> Vec<Effect> {
    let at = model.at;
    if model.confirm().and_then(Confirm::asks_again_at).is_some_and(|due| due <= at) {
        return plan::ask_again(model);
    }
    fire_when_due(model)
}

/// The emergency whose countdown is over is sent.
fn fire_when_due(model: &mut Model) -> Vec<Effect> {
    let at = model.at;
    let due = model.confirm().and_then(Confirm::fires_at);
    if due.is_none_or(|due| due > at) {
        return Vec::new();
    }
    let effects = send_it(model);
    if effects.is_empty()
        && let Some(confirm) = model.confirm_mut()
        && let Some(countdown) = confirm.dialog.countdown_mut()
    {
        // There is nothing to send; only a key tries again.
        countdown.fires_at = None;
    }
    effects
}

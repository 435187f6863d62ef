//! What this console did: keeping it as command lines, and copying one.

use crate::console::actions::command_line::command_line;
use crate::console::effect::{Effect, Outside};
use crate::console::model::Model;
use crate::console::model::command_lines::{CommandLinesPage, CommandOutcome, DoneCommand, KEPT};
use crate::console::model::notes::Tone;
use crate::console::model::overlay::Overlay;
use crate::console::model::ticket::Ticket;
use crate::domain::command::Command;
use crate::domain::ids::ServiceName;

pub fn open(model: &mut Model) {
    model.overlays.push(Overlay::CommandLines(CommandLinesPage::default()));
}

/// A command is sent.
pub fn sent(model: &mut Model, ticket: Ticket, service: &ServiceName, command: &Command) {
    let place = model.options.place.options();
    let Some(line) = command_line(command, service, &place) else { return };
    let what = model.sent.iter().find(|sent| sent.ticket == ticket).map(|sent| sent.what.clone());
    let (at, service, what) = (model.now(), service.clone(), what.unwrap_or_default());
    // One command for all services is one line.
    if model.done.last().is_some_and(|last| (last.at, &last.line) == (at, &line)) {
        return;
    }
    let outcome = CommandOutcome::OnItsWay;
    model.done.push(DoneCommand { ticket, at, service, what, line, outcome });
    let surplus = model.done.len().saturating_sub(KEPT);
    model.done.drain(..surplus);
}

/// What became of a command.
pub fn answered(model: &mut Model, ticket: Ticket, outcome: CommandOutcome) {
    let its = model.done.iter_mut().filter(|done| done.ticket == ticket);
    its.for_each(|done| done.outcome = outcome);
}

/// Copies the line at the cursor.
pub fn copy(model: &mut Model, page: CommandLinesPage) -> Vec<Effect> {
    let line = model.done.iter().rev().nth(page.row).map(|done| done.line.clone());
    let Some(line) = line else {
        model.say(Tone::Plain, "this console did nothing yet");
        return Vec::new();
    };
    model.say(Tone::Plain, format!("sent to the terminal's clipboard: {line}"));
    vec![Effect::Outside(Outside::Copy(line))]
}

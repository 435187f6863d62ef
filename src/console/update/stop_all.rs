//! Production of every service, held or released together: one dialog, one command for each service.

use crate::backend::intents::Intent;
use crate::console::effect::Effect;
use crate::console::model::dialog::kinds::Dialog;
use crate::console::model::notes::Tone;
use crate::console::model::stop_all::StopAll;
use crate::console::model::{Model, Sent};
use crate::console::update::command_lines;
use crate::domain::command::Command;
use crate::domain::ids::{Environment, ServiceName};

/// Sends a command for each service, and closes the dialog: each answer is said.
pub fn send(model: &mut Model) -> Vec<Effect> {
    let Some(dialog) = model.confirm().map(|confirm| confirm.dialog.clone()) else {
        return Vec::new();
    };
    let reason = dialog.fields().first().map_or("", |field| field.text.as_str().trim()).to_owned();
    let (commands, done) = match dialog {
        Dialog::StopAll { .. } => (stops(model, &reason), "on hold"),
        Dialog::ReleaseAll { holds, .. } => {
            let release = |(service, hold)| {
                let (environment, reason) = (Environment::Production, reason.clone());
                (
                    service,
                    Command::Release {
                        environment,
                        reason,
                        bad: None,
                        hold: Some(hold),
                        leave_open: Vec::new(),
                    },
                )
            };
            (holds.into_iter().map(release).collect(), "released")
        }
        _ => return Vec::new(),
    };
    model.overlays.pop();
    let mut effects = Vec::new();
    let mut waits = Vec::new();
    for (service, command) in commands {
        let (ticket, key, at) = (model.next_ticket(), model.next_key(), model.now());
        let what = command.what(None);
        let intent = Intent { key: key.clone(), service: service.clone(), what: what.clone(), at };
        model.sent.push(Sent { ticket, key, service, what, lost: None });
        command_lines::sent(model, ticket, &intent.service, &command);
        waits.push(ticket);
        effects.push(Effect::Send { ticket, command, intent });
    }
    let s = if waits.len() == 1 { "" } else { "s" };
    model.say(Tone::Plain, format!("sent to {} service{s}", waits.len()));
    model.stop_all = Some(StopAll { done, all: waits.len(), waits, failed: Vec::new() });
    effects
}

/// A hold for each service whose production is not on hold now.
fn stops(model: &Model, reason: &str) -> Vec<(ServiceName, Command)> {
    let rows = model.fleet.iter().flat_map(|fleet| &fleet.services);
    let open = rows.filter(|row| row.hold.is_none());
    open.map(|row| (row.service.clone(), Command::StopAll { reason: reason.to_owned() })).collect()
}

/// Which dialog there is for all services now: it holds what is not on hold; where everything is, it releases what was
/// held together.
#[must_use]
pub fn dialog(model: &Model) -> Dialog {
    let rows = model.fleet.iter().flat_map(|fleet| &fleet.services);
    if rows.clone().any(|row| row.hold.is_none()) {
        return Dialog::stop_all();
    }
    let together = rows.filter_map(|row| {
        let hold = row.hold.as_ref().filter(|hold| hold.all)?;
        Some((row.service.clone(), hold.id))
    });
    Dialog::release_all(together.collect())
}

//! Commands on their way: sending one, its answer, and the answer that got lost.

use crate::backend::intents::Intent;
use crate::backend::{Answer, BackendError};
use crate::console::effect::{Effect, Outside};
use crate::console::model::command_lines::CommandOutcome;
use crate::console::model::dialog::Confirm;
use crate::console::model::dialog::progress::Stage;
use crate::console::model::log::LogChoice;
use crate::console::model::notes::Tone;
use crate::console::model::overlay::Overlay;
use crate::console::model::ticket::Ticket;
use crate::console::model::{Model, Sent};
use crate::console::update::{command_lines, engine, plan, together};
use crate::domain::command::{Command, Receipt, Refusal};

/// Sends a command of the dialog, once.
pub fn send(model: &mut Model, command: Command) -> Vec<Effect> {
    let (now, ticket) = (model.now(), model.next_ticket());
    let service = model.services.selected.clone();
    let (Some(confirm), Some(service)) = (model.confirm_mut(), service) else { return Vec::new() };
    confirm.progress.send(ticket);
    if let Some(planning) = confirm.dialog.planning_mut() {
        planning.question = None;
    }
    let what = command.what(confirm.dialog.plan().map(|plan| plan.target.build));
    let intent = Intent { key: confirm.progress.key().clone(), service, what, at: now };
    let (key, what, service) = (intent.key.clone(), intent.what.clone(), intent.service.clone());
    model.sent.push(Sent { ticket, key, service, what, lost: None });
    command_lines::sent(model, ticket, &intent.service, &command);
    vec![Effect::Send { ticket, command, intent }]
}

pub fn answered(model: &mut Model, ticket: Ticket, answer: Answer<Receipt>) -> Vec<Effect> {
    let Some(sent) = model.sent.iter_mut().find(|sent| sent.ticket == ticket) else {
        return Vec::new();
    };
    if let Err(BackendError::Unknown(why)) = &answer {
        sent.lost = Some(why.clone());
        let sent = sent.clone();
        let text = format!("{}: unknown, checking ({why})", sent.what);
        model.say_of(&sent.service, Tone::Bad, text);
        command_lines::answered(model, ticket, CommandOutcome::Unknown);
        stage(model, ticket, Stage::Checking);
        return vec![Effect::LookUp { ticket, key: sent.key }];
    }
    let sent = sent.clone();
    model.sent.retain(|sent| sent.ticket != ticket);
    match answer {
        Ok(receipt) => done(model, &sent, &receipt),
        Err(BackendError::Refused(Refusal::Changed { changes, plan })) => {
            command_lines::answered(model, ticket, CommandOutcome::NotDone);
            changed(model, ticket, &sent, changes, plan);
            Vec::new()
        }
        Err(BackendError::Refused(refusal)) => {
            ended(model, ticket, &sent, Stage::Refused(refusal.to_string()))
        }
        Err(why) => {
            let mine = model.confirm().is_some_and(|c| c.progress.ticket() == ticket);
            if mine && engine::wait_for(model, &why) {
                command_lines::answered(model, ticket, CommandOutcome::NotDone);
                return plan::again(model);
            }
            ended(model, ticket, &sent, Stage::Failed(format!("{why}; nothing was done")))
        }
    }
}

pub fn looked_up(
    model: &mut Model,
    ticket: Ticket,
    answer: Answer<Option<Receipt>>,
) -> Vec<Effect> {
    let Some(at) = model.sent.iter().position(|sent| sent.ticket == ticket) else {
        return Vec::new();
    };
    let sent = model.sent.remove(at);
    match answer {
        Ok(Some(receipt)) => done(model, &sent, &receipt),
        Ok(None) => {
            // The engine itself may have said why it could not.
            let why = sent.lost.as_deref().unwrap_or("its answer got lost");
            let nothing = format!("it was not recorded, so nothing was done ({why})");
            ended(model, ticket, &sent, Stage::Failed(nothing))
        }
        Err(why) => {
            let advice = format!("{why}; check the history before you do it again");
            ended(model, ticket, &sent, Stage::Unknown(advice))
        }
    }
}

/// It is recorded: the dialog closes, and the log follows what runs now.
fn done(model: &mut Model, sent: &Sent, receipt: &Receipt) -> Vec<Effect> {
    command_lines::answered(model, sent.ticket, CommandOutcome::Recorded);
    let is_its = |confirm: &Confirm| confirm.progress.ticket() == sent.ticket;
    model.overlays.retain(|o| !matches!(o, Overlay::Confirm(confirm) if is_its(confirm)));
    if receipt.deployment.is_some() && model.shown_service() == Some(&sent.service) {
        model.log.turn_to(LogChoice::Running);
        model.incidents.own = receipt.deployment;
    }
    model.say_of(&sent.service, Tone::Good, receipt.said.clone());
    together::answered(model, sent.ticket, &sent.service, true);
    Vec::new()
}

/// Something changed before the command arrived: an emergency starts its countdown again, anything else disarms.
fn changed(
    model: &mut Model,
    ticket: Ticket,
    sent: &Sent,
    changes: Vec<String>,
    plan: Box<crate::domain::plan::Plan>,
) {
    let confirm = model.confirm().filter(|confirm| confirm.progress.ticket() == ticket);
    match confirm.map(|confirm| confirm.dialog.is_emergency()) {
        Some(true) => plan::count_down(model, plan, changes),
        Some(false) => {
            let key = model.next_key();
            plan::disarm(model, changes, Some(plan));
            if let Some(confirm) = model.confirm_mut() {
                confirm.progress.renew(key);
            }
        }
        None => {
            let why = changes.join("; ");
            let text = format!("{} did not happen: {why}", sent.what);
            model.say_of(&sent.service, Tone::Bad, text);
        }
    }
}

/// It did not happen, or that is unknown: shows it in the dialog and keeps it in the messages.
fn ended(model: &mut Model, ticket: Ticket, sent: &Sent, end: Stage) -> Vec<Effect> {
    let text = match &end {
        Stage::Unknown(why) => format!("{}: unknown: {why}", sent.what),
        Stage::Refused(why) | Stage::Failed(why) => format!("{} did not happen: {why}", sent.what),
        _ => sent.what.clone(),
    };
    // Whoever has closed its dialog may look elsewhere by now.
    if model.confirm().is_some_and(|confirm| confirm.progress.ticket() == ticket) {
        model.say_of(&sent.service, Tone::Bad, text);
    } else {
        model.insist(&sent.service, Tone::Bad, text);
    }
    let is_unknown = matches!(end, Stage::Unknown(_));
    let outcome = if is_unknown { CommandOutcome::Unknown } else { CommandOutcome::NotDone };
    command_lines::answered(model, ticket, outcome);
    stage(model, ticket, end);
    together::answered(model, sent.ticket, &sent.service, false);
    vec![Effect::Outside(Outside::Bell)]
}

fn stage(model: &mut Model, ticket: Ticket, stage: Stage) {
    if let Some(confirm) = model.confirm_mut().filter(|c| c.progress.ticket() == ticket) {
        confirm.progress.go_to(stage);
    }
}

//! The plan of the dialog: asking for it, its answer, and what makes the dialog disarm itself.

use crate::backend::{Answer, BackendError};
use crate::console::actions::action::KeyAction;
use crate::console::effect::Effect;
use crate::console::model::Model;
use crate::console::model::dialog::{Focus, Manner, Question, Reading, Stage, Subject, Watched};
use crate::console::model::notes::Tone;
use crate::console::model::ticket::Ticket;
use crate::console::update::{changes, moved};
use crate::domain::ids::Environment;
use crate::domain::plan::Plan;
use crate::domain::snapshot::DeploymentRow;

pub fn ask(model: &Model, ticket: Ticket, subject: Subject) -> Option<Effect> {
    let Subject::Plan(action) = subject else { return None };
    Some(Effect::Plan { ticket, service: model.services.selected.clone()?, action })
}

/// Asks for the plan once more, as it is now.
fn ask_anew(model: &mut Model) -> Vec<Effect> {
    let ticket = model.next_ticket();
    let Some(confirm) = model.confirm_mut() else { return Vec::new() };
    confirm.question = Some(Question { ticket, outdated: false });
    let subject = confirm.subject;
    ask(model, ticket, subject).into_iter().collect()
}

/// Asks anew from the start, as a new intent.
pub fn again(model: &mut Model) -> Vec<Effect> {
    let (key, ticket) = (model.next_key(), model.next_ticket());
    let Some(confirm) = model.confirm_mut() else { return Vec::new() };
    let subject = confirm.subject;
    confirm.stage =
        if matches!(subject, Subject::Plan(_)) { Stage::Planning } else { Stage::Asking };
    (confirm.key, confirm.ticket) = (key, ticket);
    confirm.refocus(Focus::Leave);
    confirm.changes();
    ask_anew(model)
}

/// A plan came in, for the dialog or for the page of changes.
pub fn planned(model: &mut Model, ticket: Ticket, answer: Answer<Box<Plan>>) -> Vec<Effect> {
    changes::planned(model, ticket, &answer);
    let Some(confirm) = model.confirm_mut() else { return Vec::new() };
    let Some(question) = confirm.question.take_if(|question| question.ticket == ticket) else {
        return Vec::new();
    };
    match answer {
        Ok(plan) => take_plan(model, plan),
        Err(why) => not_planned(model, why),
    }
    if question.outdated { check_again(model) } else { Vec::new() }
}

/// No plan came of it.
fn not_planned(model: &mut Model, why: BackendError) {
    let Some(confirm) = model.confirm_mut() else { return };
    // The plan on screen is compared once more where it is executed, so that an emergency need not wait for this.
    if confirm.is_emergency() && confirm.stage == Stage::Asking {
        return model.say(Tone::Bad, format!("the plan was not checked again: {why}"));
    }
    confirm.stage = match why {
        BackendError::Refused(refusal) => Stage::Refused(refusal.to_string()),
        why => Stage::Failed(why.to_string()),
    };
    confirm.refocus(Focus::Leave);
    confirm.changes();
}

fn take_plan(model: &mut Model, plan: Box<Plan>) {
    offer_watch(model, &plan);
    let Some(confirm) = model.confirm_mut() else { return };
    let same = confirm.plan.as_ref().is_some_and(|shown| shown.fingerprint == plan.fingerprint);
    let emergency = matches!(confirm.manner, Manner::Emergency { .. });
    match (&confirm.stage, confirm.plan.take()) {
        // Time alone changed what is asked for, as when a soak is over: the same plan is asked anew.
        (Stage::Asking | Stage::Rechecking, Some(shown))
            if same && !emergency && shown.severity() != plan.severity() =>
        {
            confirm.ask(plan);
        }
        (Stage::Rechecking, _) if same => {
            confirm.plan = Some(plan);
            confirm.stage = Stage::Asking;
        }
        (Stage::Rechecking, Some(shown)) => {
            let changes = moved::between(model, &shown, &plan);
            disarm(model, changes, Some(plan));
        }
        (Stage::Asking, Some(_)) if same => confirm.plan = Some(plan),
        (_, Some(shown)) if emergency && !same => {
            let changes = moved::between(model, &shown, &plan);
            count_down(model, plan, changes);
        }
        _ if emergency => count_down(model, plan, Vec::new()),
        _ => confirm.ask(plan),
    }
}

/// Starts an emergency's countdown, or starts it again, saying why.
pub fn count_down(model: &mut Model, plan: Box<Plan>, again: Vec<String>) {
    let (at, key) = (model.at, model.next_key());
    let fires_at = at + model.options.emergency_countdown;
    let Some(confirm) = model.confirm_mut() else { return };
    confirm.ask(plan);
    confirm.key = key;
    let by_itself = confirm.may_be_done() && !confirm.asks_number() && !confirm.waits_for_enter;
    let fires_at = by_itself.then_some(fires_at);
    confirm.manner = Manner::Emergency { fires_at, again };
}

/// Takes the button away, saying what is not as it was shown.
pub fn disarm(model: &mut Model, changes: Vec<String>, plan: Option<Box<Plan>>) {
    if let Some(plan) = &plan {
        offer_watch(model, plan);
    }
    let Some(confirm) = model.confirm_mut() else { return };
    confirm.stage = Stage::Disarmed(changes);
    confirm.reading = Reading::default();
    confirm.plan = plan.or(confirm.plan.take());
    confirm.refocus(Focus::Leave);
    confirm.changes();
}

/// The snapshot changed under an open dialog: a plan is made again and compared, anything else is looked for.
pub fn world_moved(model: &mut Model) -> Vec<Effect> {
    let (snapshot, key) = (model.service.clone(), model.key(&KeyAction::Hold));
    let (Some(confirm), Some(snapshot)) = (model.confirm_mut(), snapshot) else {
        return Vec::new();
    };
    if !matches!(confirm.stage, Stage::Planning | Stage::Asking | Stage::Rechecking) {
        return Vec::new();
    }
    match confirm.subject {
        Subject::Plan(_) => check_again(model),
        subject => {
            let gone = subject.is_there(&snapshot).err();
            let suspects = confirm.suspects.as_ref();
            if let Some(gone) = gone.or_else(|| suspects.and_then(|s| s.outdated(&snapshot, &key)))
            {
                disarm(model, vec![gone], None);
            }
            Vec::new()
        }
    }
}

/// Asks whether the plan on screen still holds, once the one that is being made is there.
fn check_again(model: &mut Model) -> Vec<Effect> {
    let Some(confirm) = model.confirm_mut() else { return Vec::new() };
    match confirm.stage {
        Stage::Asking if confirm.manner == Manner::Careful => confirm.stage = Stage::Rechecking,
        Stage::Planning | Stage::Asking | Stage::Rechecking => {}
        _ => return Vec::new(),
    }
    match &mut confirm.question {
        Some(question) => {
            question.outdated = true;
            Vec::new()
        }
        None => ask_anew(model),
    }
}

/// Offers to watch what runs in production, or what went live there since the plan on screen was made.
fn offer_watch(model: &mut Model, now: &Plan) {
    let (running, instead) = (model.in_flight(Environment::Production).is_some(), instead(model));
    let Some(confirm) = model.confirm_mut() else { return };
    let live = |plan: &Plan| plan.live.as_ref().map(|live| live.build);
    let moved = confirm.plan.as_ref().is_some_and(|shown| live(shown) != live(now));
    if running || moved {
        confirm.watch = instead;
    }
}

/// What runs in production, else what is live there.
fn instead(model: &Model) -> Option<Watched> {
    let of = |row: &DeploymentRow| Watched {
        deployment: row.deployment.id,
        build: row.deployment.request.build,
    };
    let live = || model.service.as_ref()?.live.get(&Environment::Production);
    let live = || model.deployment(live()?.deployment);
    model.in_flight(Environment::Production).or_else(live).map(of)
}

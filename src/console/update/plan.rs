//! The plan of the dialog: asking for it, its answer, and what makes the dialog disarm itself.

use crate::backend::{Answer, BackendError};
use crate::console::actions::action::KeyAction;
use crate::console::effect::Effect;
use crate::console::model::Model;
use crate::console::model::dialog::kinds::{Dialog, EnterWhy, Question, WatchTarget};
use crate::console::model::dialog::progress::Stage;
use crate::console::model::notes::Tone;
use crate::console::model::overlay::Overlay;
use crate::console::model::ticket::Ticket;
use crate::console::update::{changes, engine};
use crate::domain::command::Action;
use crate::domain::ids::Environment;
use crate::domain::plan::{ChangeDetails, Plan};
use crate::domain::snapshot::DeploymentRow;

pub fn ask(model: &Model, ticket: Ticket, action: Action) -> Option<Effect> {
    Some(Effect::Plan { ticket, service: model.services.selected.clone()?, action })
}

/// Asks for the plan once more, as it is now.
pub fn ask_again(model: &mut Model) -> Vec<Effect> {
    let ticket = model.next_ticket();
    let planning = model.confirm_mut().and_then(|confirm| confirm.dialog.planning_mut());
    let Some(planning) = planning else { return Vec::new() };
    planning.question = Some(Question { ticket, outdated: false });
    let action = planning.action;
    // It is asked now; when it is asked after that is known once it did not answer.
    let countdown = model.confirm_mut().and_then(|confirm| confirm.dialog.countdown_mut());
    if let Some(silence) = countdown.and_then(|countdown| countdown.silence.as_mut()) {
        silence.retry = None;
    }
    ask(model, ticket, action).into_iter().collect()
}

/// Starts again, as a new intent.
pub fn again(model: &mut Model) -> Vec<Effect> {
    let (key, ticket) = (model.next_key(), model.next_ticket());
    let Some(confirm) = model.confirm_mut() else { return Vec::new() };
    let planned = confirm.dialog.planning().is_some();
    let stage = if planned { Stage::Planning } else { Stage::Asking };
    confirm.progress.restart(key, ticket, stage);
    ask_again(model)
}

/// After a rollback that failed, the dialog goes to the good build before instead.
pub fn to_build_before(model: &mut Model) -> Vec<Effect> {
    let plan = model.confirm().and_then(|confirm| confirm.dialog.plan());
    let before = plan.and_then(|plan| plan.after_failure.as_ref()?.before);
    let Some(before) = before else {
        model.say(Tone::Plain, "no other build is offered here");
        return Vec::new();
    };
    // The dialog names it as a way, so that its number need not be typed.
    if let Some(planning) = model.confirm_mut().and_then(|c| c.dialog.planning_mut()) {
        planning.is_other = false;
    }
    go_on_with(model, Action::Rollback { to: Some(before) })
}

/// The dialog goes on with the rollback steps of the trunk, or with those of the build again.
pub fn other_steps(model: &mut Model) -> Vec<Effect> {
    let shown = model.confirm().and_then(|confirm| confirm.dialog.plan());
    let (differ, to) =
        shown.map_or((false, None), |plan| (plan.trunk_differs, plan.target.build.into()));
    let action = match shown.map(|plan| plan.action) {
        Some(Action::Rollback { .. }) if differ => Action::RollbackByTrunk { to },
        Some(Action::RollbackByTrunk { .. }) => Action::Rollback { to },
        _ => {
            model.say(Tone::Plain, "there are no other rollback steps");
            return Vec::new();
        }
    };
    go_on_with(model, action)
}

/// Another plan takes the place of the one on screen, unless that was sent.
fn go_on_with(model: &mut Model, action: Action) -> Vec<Effect> {
    let sent = |stage: &Stage| matches!(stage, Stage::Sending | Stage::Checking);
    let Some(confirm) = model.confirm_mut().filter(|c| !sent(c.progress.stage())) else {
        return Vec::new();
    };
    let Some(planning) = confirm.dialog.planning_mut() else { return Vec::new() };
    planning.action = action;
    planning.plan = None;
    again(model)
}

/// A plan came in, for the dialog or for the page of changes.
pub fn planned(model: &mut Model, ticket: Ticket, answer: Answer<Box<Plan>>) -> Vec<Effect> {
    changes::planned(model, ticket, &answer);
    let planning = model.confirm_mut().and_then(|confirm| confirm.dialog.planning_mut());
    let question = planning.and_then(|p| p.question.take_if(|question| question.ticket == ticket));
    let Some(question) = question else { return Vec::new() };
    match answer {
        Ok(plan) => take_plan(model, plan),
        Err(why) => not_planned(model, why),
    }
    if question.outdated { check_again(model) } else { Vec::new() }
}

/// The plan could not be made.
fn not_planned(model: &mut Model, why: BackendError) {
    let Some(confirm) = model.confirm_mut() else { return };
    // The engine compares the plan on screen again, so an emergency does not have to wait for this.
    if confirm.dialog.is_emergency() && *confirm.progress.stage() == Stage::Asking {
        return model.say(Tone::Bad, format!("the plan was not checked again: {why}"));
    }
    if *confirm.progress.stage() == Stage::Planning && engine::wait_for(model, &why) {
        return;
    }
    let Some(confirm) = model.confirm_mut() else { return };
    confirm.progress.go_to(match why {
        BackendError::Refused(refusal) => Stage::Refused(refusal.to_string()),
        why => Stage::Failed(why.to_string()),
    });
}

fn take_plan(model: &mut Model, plan: Box<Plan>) {
    offer_watch(model, &plan);
    let Some(confirm) = model.confirm_mut() else { return };
    let emergency = confirm.dialog.is_emergency();
    let Some(planning) = confirm.dialog.planning_mut() else { return };
    let shown = planning.plan.take();
    let same = shown.as_ref().is_some_and(|shown| shown.fingerprint == plan.fingerprint);
    match (confirm.progress.stage(), shown) {
        // Only time changed what is asked for, as when a soak is over: the same plan is shown again.
        (Stage::Asking | Stage::Rechecking, Some(shown))
            if same && !emergency && shown.severity() != plan.severity() =>
        {
            confirm.ask(plan);
        }
        (Stage::Rechecking, _) if same => {
            planning.plan = Some(plan);
            confirm.progress.confirm();
        }
        (Stage::Rechecking, Some(shown)) => {
            let changes = changes_since(model, &shown, &plan);
            disarm(model, changes, Some(plan));
        }
        (Stage::Asking, Some(_)) if same => planning.plan = Some(plan),
        (_, Some(shown)) if emergency && !same => {
            let changes = changes_since(model, &shown, &plan);
            count_down(model, plan, changes);
        }
        _ if emergency => count_down(model, plan, Vec::new()),
        _ => confirm.ask(plan),
    }
}

/// What changed since the plan that was shown, in sentences.
fn changes_since(model: &Model, shown: &Plan, now: &Plan) -> Vec<String> {
    let Some(service) = &model.service else { return Vec::new() };
    let at = model.now();
    let rows = service.deployments.iter().map(|row| &row.deployment);
    let here = rows.filter(|deployment| deployment.request.environment == now.environment);
    let ran = here.filter(|d| d.started_at.is_some() && d.ended.is_some());
    let details = ChangeDetails {
        in_flight: model.in_flight(now.environment).map(|row| &row.deployment),
        last_ended: ran.max_by_key(|deployment| deployment.ended.as_ref().map(|ended| ended.at)),
        hold: service.holds.get(&now.environment),
        freeze: service.freezes.iter().rfind(|freeze| freeze.covers(at)),
    };
    shown.fingerprint.changes(now, details)
}

/// Starts an emergency's countdown, or starts it again, saying why.
pub fn count_down(model: &mut Model, plan: Box<Plan>, again: Vec<String>) {
    let (at, key) = (model.at, model.next_key());
    let fires_at = at + model.options.emergency_countdown;
    let is_covered = !matches!(model.overlays.last(), Some(Overlay::Confirm(_)));
    let has_failed = plan.after_failure.is_some();
    let Some(confirm) = model.confirm_mut() else { return };
    confirm.emergency_is_planned(&plan, at);
    confirm.ask(plan);
    confirm.progress.renew(key);
    let may = confirm.dialog.may_be_done() && !confirm.dialog.asks_number();
    if let Some(countdown) = confirm.dialog.countdown_mut() {
        if has_failed {
            countdown.waits_for_enter.get_or_insert(EnterWhy::Failed);
        }
        if is_covered {
            countdown.waits_for_enter.get_or_insert(EnterWhy::Covered);
        }
        countdown.fires_at = (may && countdown.waits_for_enter.is_none()).then_some(fires_at);
        countdown.again = again;
    }
}

/// Takes the button away and says what changed.
pub fn disarm(model: &mut Model, changes: Vec<String>, plan: Option<Box<Plan>>) {
    if let Some(plan) = &plan {
        offer_watch(model, plan);
    }
    let Some(confirm) = model.confirm_mut() else { return };
    if let (Some(plan), Some(planning)) = (plan, confirm.dialog.planning_mut()) {
        planning.plan = Some(plan);
    }
    confirm.progress.disarm(changes);
}

/// The snapshot changed under an open dialog: a plan is made again and compared, anything else is checked.
pub fn snapshot_changed(model: &mut Model) -> Vec<Effect> {
    let (snapshot, key) = (model.service.clone(), model.key(&KeyAction::Hold));
    let (Some(confirm), Some(snapshot)) = (model.confirm_mut(), snapshot) else {
        return Vec::new();
    };
    if !confirm.progress.is_open() {
        return Vec::new();
    }
    if confirm.dialog.planning().is_some() {
        return check_again(model);
    }
    let outdated = || confirm.dialog.commit_choice()?.outdated(&snapshot, &key);
    if let Some(gone) = confirm.dialog.is_there(&snapshot).err().or_else(outdated) {
        disarm(model, vec![gone], None);
    }
    Vec::new()
}

/// Asks for the plan again, after the one that is being made, to compare it with the plan on screen.
fn check_again(model: &mut Model) -> Vec<Effect> {
    let Some(confirm) = model.confirm_mut() else { return Vec::new() };
    if !confirm.progress.is_open() {
        return Vec::new();
    }
    let asks = *confirm.progress.stage() == Stage::Asking;
    if asks && matches!(confirm.dialog, Dialog::Plan { .. }) {
        confirm.progress.recheck();
    }
    match confirm.dialog.planning_mut().and_then(|planning| planning.question.as_mut()) {
        Some(question) => {
            question.outdated = true;
            Vec::new()
        }
        None => ask_again(model),
    }
}

/// Offers to watch what runs in the plan's environment, or what went live there since the plan on screen was made.
fn offer_watch(model: &mut Model, now: &Plan) {
    let environment = now.environment;
    let (running, instead) = (model.in_flight(environment).is_some(), instead(model, environment));
    let planning = model.confirm_mut().and_then(|confirm| confirm.dialog.planning_mut());
    let Some(planning) = planning else { return };
    let live = |plan: &Plan| plan.live.as_ref().map(|live| live.build);
    let moved = planning.plan.as_ref().is_some_and(|shown| live(shown) != live(now));
    if running || moved {
        planning.watch = instead;
    }
}

/// What runs in an environment, else what is live there.
fn instead(model: &Model, environment: Environment) -> Option<WatchTarget> {
    let of = |row: &DeploymentRow| WatchTarget {
        deployment: row.deployment.id,
        environment,
        build: row.deployment.request.build,
    };
    let live = || model.service.as_ref()?.live.get(&environment);
    let live = || model.deployment(live()?.deployment);
    model.in_flight(environment).or_else(live).map(of)
}

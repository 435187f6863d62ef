//! What can be done right now, and in a sentence why not.

use crate::console::actions::action::KeyAction;
use crate::console::model::overlay::Overlay;
use crate::console::model::pane::Pane;
use crate::console::model::targets::KeyTarget;
use crate::console::model::{Model, Screen};
use crate::domain::build::BuildState;
use crate::domain::caller::AccessRole;
use crate::domain::event::DeploymentKind;
use crate::domain::ids::{BuildNumber, DeploymentId, Environment};
use crate::domain::link;
use crate::domain::snapshot::{Capabilities, DeploymentRow, Description};
use crate::domain::time::say;
use crate::domain::way_back;

type Available = Result<(), String>;

/// Whether an action can be done now.
///
/// # Errors
/// Says why not.
pub fn check(model: &Model, action: &KeyAction) -> Available {
    match action {
        KeyAction::Promote => promote(model),
        KeyAction::RollBack => roll_back(model),
        KeyAction::Emergency => emergency(model),
        KeyAction::Verify => verify(model),
        KeyAction::Hold if model.screen == Screen::Fleet => stop_all(model),
        KeyAction::Hold => acting(model, |can| can.hold, "hold production"),
        KeyAction::Freeze => acting(model, |can| can.freeze, "freeze production"),
        KeyAction::Cancel => cancel(model),
        KeyAction::Continue => continue_wave(model),
        KeyAction::Retry => retry(model),
        KeyAction::Incident => acting(model, |_| true, "say anything about an incident"),
        KeyAction::Take => take(model),
        KeyAction::Withdraw => withdraw(model),
        KeyAction::Changes => changes(model),
        KeyAction::ByHand => by_hand(model),
        KeyAction::Checklist => checklist(model),
        KeyAction::InChecklist(_) => tick(model),
        KeyAction::Preview => preview(model),
        KeyAction::NextStep | KeyAction::PreviousStep => steps(model),
        KeyAction::CopyCommit => commit(model),
        KeyAction::CopyLink | KeyAction::ShowLink => page_address(model).map(drop),
        KeyAction::Services => services(model),
        KeyAction::Engines => engines(model),
        KeyAction::Open => open(model),
        KeyAction::Log(_) => in_log(model),
        KeyAction::LatestLog
        | KeyAction::NextPane
        | KeyAction::PreviousPane
        | KeyAction::Focus(_)
        | KeyAction::Zoom
        | KeyAction::Grow
        | KeyAction::Shrink
        | KeyAction::Pause => in_service(model),
        KeyAction::Sort if model.screen == Screen::Service => {
            Err("only the list of services is sorted".into())
        }
        KeyAction::Dialog(_) => Err("this key works in a dialog".into()),
        KeyAction::Edit(_) | KeyAction::Input(_) => Err("this key works in a text".into()),
        KeyAction::InHelp(_) => Err("this key works in the help".into()),
        KeyAction::InPalette(_) => Err("this key works in the commands".into()),
        KeyAction::InMenu(_) => Err("this key works in the menu of a row".into()),
        KeyAction::Page(_) | KeyAction::InChanged(_) => Err("this key works on a page".into()),
        KeyAction::Choice(_) => Err("this key works in a list to choose from".into()),
        _ => Ok(()),
    }
}

/// What is done with the row under the cursor of the last focused list.
const OF_SELECTION: [KeyAction; 5] = [
    KeyAction::Promote,
    KeyAction::Preview,
    KeyAction::Verify,
    KeyAction::Cancel,
    KeyAction::Retry,
];

/// Whether what it acts on was on screen for long enough: a key that was pressed while another row took the place under the
/// cursor, or another deployment became the one to cancel, was meant for the one before.
///
/// # Errors
/// Says what came.
pub fn was_seen(model: &Model, action: &KeyAction) -> Available {
    let key = model.keys_out;
    let build = || model.staging.came_before(key).map(ToString::to_string);
    let deployment = || model.production.came_before(key).map(ToString::to_string);
    let freeze = || model.freezes.came_before(key).map(|freeze| format!("freeze {freeze}"));
    let service = || model.services.came_before(key).map(ToString::to_string);
    let row = match (action, model.list, model.focus) {
        (KeyAction::Open, ..) if model.screen == Screen::Fleet => service(),
        (KeyAction::Cancel | KeyAction::Retry, Pane::Production, _) => deployment(),
        (action, ..) if OF_SELECTION.contains(action) => build(),
        (KeyAction::Freeze, _, Pane::Freeze) => freeze(),
        _ => None,
    };
    let target = target(model, action).filter(|target| model.targets.came_before(*target, key));
    match row.or(target.map(|target| target.to_string())) {
        Some(came) => {
            Err(format!("{came} came just now: look, then press {} again", model.key(action)))
        }
        None => Ok(()),
    }
}

/// What an action acts on that need not be a row under a cursor, if there is any. Who placed a hold or a freeze knows of it.
fn target(model: &Model, action: &KeyAction) -> Option<KeyTarget> {
    match action {
        KeyAction::Cancel => cancellable(model).map(KeyTarget::Deployment),
        KeyAction::Continue => {
            let wave = model.service.as_ref()?.wave.as_ref()?;
            Some(KeyTarget::Deployment(wave.deployment))
        }
        KeyAction::Hold => {
            let hold = model.service.as_ref()?.holds.get(&Environment::Production);
            hold.filter(|hold| !model.is_me(&hold.by)).map(|hold| KeyTarget::Hold(hold.id))
        }
        KeyAction::Freeze => {
            let freeze = model.frozen().filter(|freeze| !model.is_me(&freeze.by));
            freeze.map(|freeze| KeyTarget::Freeze(freeze.id))
        }
        _ => None,
    }
}

/// What keys act on now that need not be a row under a cursor, or would act on once another key was pressed or what they
/// act on now is gone.
#[must_use]
pub fn targets(model: &Model) -> Vec<KeyTarget> {
    let now = model.now();
    let actions = [KeyAction::Cancel, KeyAction::Continue, KeyAction::Hold];
    let own = actions.iter().filter_map(|action| target(model, action));
    let logged = model.log.source.as_ref().map(|source| source.deployment);
    let runs = model.in_flight(Environment::Production).map(|row| row.deployment.id);
    let freezes = model.service.iter().flat_map(|service| &service.freezes);
    let freezes =
        freezes.filter(|freeze| freeze.covers(now)).map(|freeze| KeyTarget::Freeze(freeze.id));
    own.chain([logged, runs].into_iter().flatten().map(KeyTarget::Deployment))
        .chain(freezes)
        .collect()
}

fn in_service(model: &Model) -> Available {
    match model.screen {
        Screen::Service => Ok(()),
        Screen::Fleet => Err(format!("open a service first: {}", model.key(&KeyAction::Open))),
    }
}

fn services(model: &Model) -> Available {
    match (&model.screen, &model.fleet) {
        (Screen::Fleet, _) => Err("these are the services".into()),
        (Screen::Service, Some(fleet)) if fleet.services.len() < 2 => {
            Err("there is only this service".into())
        }
        (Screen::Service, _) => Ok(()),
    }
}

fn by_hand(model: &Model) -> Available {
    in_service(model)?;
    let rollback = model.service.as_ref().map(|service| service.rollback.as_ref());
    match (rollback, model.by_hand()) {
        (_, Some(_)) => Ok(()),
        (None, None) => Err("the service is still loading".into()),
        (Some(None), None) => Err("there is no build to roll back to".into()),
        (Some(Some(_)), None) => Err("this server does not tell the commands".into()),
    }
}

/// Whether a rollback left a list on the hold of production.
fn checklist(model: &Model) -> Available {
    in_service(model)?;
    let service = model.service.as_ref().ok_or("the service is still loading")?;
    match service.holds.get(&Environment::Production) {
        None => Err("production is not on hold".into()),
        Some(hold) if hold.left.is_none() => {
            Err("its hold has no list of what stays behind".into())
        }
        Some(_) => Ok(()),
    }
}

fn tick(model: &Model) -> Available {
    match model.overlays.last() {
        Some(Overlay::Checklist(_)) => {
            acting(model, |can| can.hold, "tick what a rollback left behind")
        }
        _ => Err("this key works on a page".into()),
    }
}

fn engines(model: &Model) -> Available {
    // A command that was sent and not answered would lose whoever waits for it.
    let waits = model.sent.iter().find(|sent| sent.lost.is_none());
    match waits {
        _ if model.options.engines.len() < 2 => {
            Err("there is no other server: config.toml has no profile".into())
        }
        Some(sent) => Err(format!("{} is on its way; switch when its answer is here", sent.what)),
        None => Ok(()),
    }
}

fn in_log(model: &Model) -> Available {
    in_service(model)?;
    if model.focus == Pane::Log {
        return Ok(());
    }
    let key = model.key(&KeyAction::Focus(Pane::Log));
    Err(format!("that key works in the log: press {key} first"))
}

fn open(model: &Model) -> Available {
    match (model.screen, model.focus) {
        (Screen::Fleet, _) | (Screen::Service, Pane::Staging | Pane::Production) => Ok(()),
        (Screen::Service, Pane::Log) if model.log.pane.can_open() => Ok(()),
        (Screen::Service, Pane::Log) => Err("every line here is whole".into()),
        (Screen::Service, _) => Err("there is nothing to open here".into()),
    }
}

fn steps(model: &Model) -> Available {
    match &model.log.source {
        Some(_) => in_service(model),
        None => Err("no log is shown".into()),
    }
}

fn commit(model: &Model) -> Available {
    let in_service = model.screen == Screen::Service;
    let nothing = || Err("nothing is selected".into());
    match model.focus {
        Pane::Staging | Pane::Production if in_service && selected_sha(model).is_none() => {
            nothing()
        }
        _ if !in_service && model.services.selected.is_none() => nothing(),
        _ => Ok(()),
    }
}

/// The address of the page of what is selected.
///
/// # Errors
/// Says why there is none.
pub fn page_address(model: &Model) -> Result<String, String> {
    let Some(description) = &model.description else {
        return Err("it is not known yet whether this server has pages".into());
    };
    let address = description.public_url.as_deref();
    let address =
        address.ok_or("this server has no pages: its server.toml needs listen and public_url")?;
    let shown = model.service.as_ref().map(|snapshot| &snapshot.service);
    let service = match model.screen {
        Screen::Fleet => model.services.selected.as_ref(),
        Screen::Service => shown,
    };
    let service = service.ok_or("nothing is selected")?;
    let run = match model.focus {
        Pane::Log => model.log.source.as_ref().map(|source| source.deployment),
        Pane::Production => model.production.selected,
        _ => None,
    };
    let build = model.staging.selected.filter(|_| model.focus == Pane::Staging);
    let page = match (model.screen, run, build) {
        (Screen::Service, Some(run), _) => link::run_page(service, run),
        (Screen::Service, None, Some(build)) => link::build_page(service, build),
        _ => link::service_page(service),
    };
    Ok(format!("{address}{page}"))
}

fn promote(model: &Model) -> Available {
    acting(model, |can| can.promote, "promote")?;
    in_staging(model, &KeyAction::Promote, "promotes")?;
    model.selected_build().map(|_| ()).ok_or_else(|| "there is no build to promote yet".into())
}

fn roll_back(model: &Model) -> Available {
    acting(model, |can| can.rollback, "roll back")?;
    match (other_target(model), &model.service) {
        (Some(_), _) => Ok(()),
        (None, Some(service)) if service.rollback.is_some() => Ok(()),
        (None, Some(service)) if !service.skipped.is_empty() => Err(format!(
            "no build that was live before is good ({}); select one in Production to go there all the same",
            way_back::named(&service.skipped)
        )),
        _ => Err("nothing to roll back to: no other build was live in production yet".into()),
    }
}

/// The emergency asks the backend for a new plan, so old data does not stop it; a missing service does. In the list of
/// services it is about the selected one.
fn emergency(model: &Model) -> Available {
    if model.service.is_none() && model.services.selected.is_none() {
        return Err("there is no service to roll back".into());
    }
    able(model, |can| can.rollback, "roll back")
}

fn verify(model: &Model) -> Available {
    acting(model, |can| can.verify, "verify a build")?;
    in_staging(model, &KeyAction::Verify, "verifies")?;
    let Some(row) = model.selected_build() else { return Err("there is no build yet".into()) };
    match row.state {
        BuildState::InStaging => Ok(()),
        BuildState::Verified => Err(format!("{} is verified already", row.build.number)),
        state => Err(format!(
            "{} is {}; only a build that was in staging can be verified",
            row.build.number,
            state.as_str()
        )),
    }
}

/// Whether all services may be held, or released, together.
fn stop_all(model: &Model) -> Available {
    fresh(model)?;
    able(model, |can| can.hold, "hold production of all services")?;
    let rows = model.fleet.iter().flat_map(|fleet| &fleet.services);
    if rows.clone().count() == 0 {
        return Err("there is no service to hold".into());
    }
    let is_open = rows.clone().any(|row| row.hold.is_none());
    if !is_open && !rows.clone().any(|row| row.hold.as_ref().is_some_and(|hold| hold.all)) {
        return Err("every service is on hold, none with all others; open one to release it".into());
    }
    Ok(())
}

fn cancel(model: &Model) -> Available {
    acting(model, |can| can.cancel, "cancel a deployment")?;
    cancellable(model)
        .map(|_| ())
        .ok_or_else(|| "nothing to cancel: nothing runs for the selection".into())
}

fn continue_wave(model: &Model) -> Available {
    acting(model, |can| can.promote, "continue a deployment")?;
    let wave = model.service.as_ref().and_then(|service| service.wave.as_ref());
    wave.map(|_| ()).ok_or_else(|| "nothing waits between two waves".into())
}

fn retry(model: &Model) -> Available {
    acting(model, |can| can.promote, "try a deployment again")?;
    retry_target(model).map(|_| ())
}

/// What `T` tries again: the build selected in Staging, or the deployment selected in Production.
///
/// # Errors
/// Says why there is nothing to try again.
pub fn retry_target(model: &Model) -> Result<(BuildNumber, Environment), String> {
    let list = if model.list == Pane::Production { Pane::Production } else { Pane::Staging };
    if model.areas.of(list).is_none() {
        let (key, pane) = (model.key(&KeyAction::Retry), model.key(&KeyAction::Focus(list)));
        return Err(format!("{key} tries the selection in {} again: press {pane}", list.title()));
    }
    match list {
        Pane::Production => retried_in_production(model),
        _ => retried_in_staging(model),
    }
}

fn retried_in_staging(model: &Model) -> Result<(BuildNumber, Environment), String> {
    let Some(row) = model.selected_build() else { return Err("there is no build yet".into()) };
    let number = row.build.number;
    let staging = model.service.as_ref().and_then(|s| s.live.get(&Environment::Staging));
    let last = model.newest_in_staging().map(|row| row.deployment.request.build);
    let runs = staging.is_some_and(|live| live.build == number) && last == Some(number);
    match row.state {
        BuildState::Deploying => Err(format!("{number} is deploying to staging already")),
        state if state.can_be_tried_again() => Ok((number, Environment::Staging)),
        _ if runs => Err(format!("staging runs {number} already, and nothing failed since")),
        BuildState::Queued if model.newest_build() == Some(number) => {
            Err(format!("{number} waits for staging and starts by itself"))
        }
        _ => Ok((number, Environment::Staging)),
    }
}

fn retried_in_production(model: &Model) -> Result<(BuildNumber, Environment), String> {
    let Some(row) = model.selected_history() else {
        return Err("nothing was deployed to production yet".into());
    };
    let (id, request) = (row.deployment.id, &row.deployment.request);
    let rows = model.service.iter().flat_map(|service| &service.deployments);
    let mut same = rows.filter(|other| {
        let other = &other.deployment.request;
        other.environment == Environment::Production && other.build == request.build
    });
    match same.next().map(|newest| newest.deployment.id).filter(|newest| *newest != id) {
        _ if row.deployment.is_open() => Err(format!("{id} is {} still", row.state.as_str())),
        _ if row.deployment.succeeded() => {
            Err(format!("{id} succeeded; there is nothing to try again"))
        }
        _ if request.kind == DeploymentKind::External => {
            Err(format!("{id} was made outside of trunkline; try it again there"))
        }
        Some(newest) => Err(format!("{} was deployed again since: select {newest}", request.build)),
        None => Ok((request.build, Environment::Production)),
    }
}

fn take(model: &Model) -> Available {
    acting(model, |can| can.promote, "promote")?;
    let Some(request) = model.open_request() else { return Err(NOBODY_ASKS.into()) };
    if model.is_me(&request.by) {
        return Err(format!("you asked for {}; another promoter has to take it", request.build));
    }
    Ok(())
}

fn withdraw(model: &Model) -> Available {
    acting(model, |can| can.promote, "ask for a promoter")?;
    let Some(request) = model.open_request() else { return Err(NOBODY_ASKS.into()) };
    if !model.is_me(&request.by) {
        return Err(format!(
            "{} asked for {}; only they can withdraw it",
            request.by, request.build
        ));
    }
    Ok(())
}

const NOBODY_ASKS: &str = "no request is open";

fn changes(model: &Model) -> Available {
    in_service(model)?;
    match (model.list, model.selected_build(), model.selected_history()) {
        (Pane::Production, _, Some(_)) | (_, Some(_), _) => Ok(()),
        _ => Err("nothing is selected".into()),
    }
}

fn preview(model: &Model) -> Available {
    in_service(model)?;
    in_staging(model, &KeyAction::Preview, "reads the plan of")?;
    model.selected_build().map(|_| ()).ok_or_else(|| "there is no build yet".into())
}

/// Whether anything may act now: the data is fresh, not held still, and the backend can do it.
fn acting(model: &Model, able_to: fn(&Capabilities) -> bool, what: &str) -> Available {
    in_service(model)?;
    if model.is_plain() {
        let key = model.key(&KeyAction::Back);
        return Err(format!("only the log is on screen; {key} shows the rest"));
    }
    fresh(model)?;
    if model.is_paused() {
        let key = model.key(&KeyAction::Pause);
        return Err(format!("the screen is paused; {key} resumes it"));
    }
    able(model, able_to, what)
}

/// Whether the data is young enough to act on.
///
/// # Errors
/// Says how old it is.
pub fn fresh(model: &Model) -> Available {
    if let Some(age) = model.stale() {
        return Err(format!("the data is {} old; actions are off until it is fresh", say(age)));
    }
    match (model.screen, &model.service, &model.fleet) {
        (Screen::Fleet, _, Some(_)) | (Screen::Service, Some(_), _) => Ok(()),
        (Screen::Fleet, ..) => Err("the services are still loading".into()),
        (Screen::Service, ..) => Err("the service is still loading".into()),
    }
}

fn able(model: &Model, able_to: fn(&Capabilities) -> bool, what: &str) -> Available {
    if model.options.read_only {
        return Err(format!("this console is read-only; open another to {what}"));
    }
    match &model.description {
        Some(Description { role: Some(role), .. }) if *role < AccessRole::Deployer => Err(format!(
            "your role {role} may not {what}; ask for the role {}",
            AccessRole::Deployer
        )),
        Some(description) if !able_to(&description.capabilities) => {
            Err(format!("this backend ({}) cannot {what}", description.backend))
        }
        _ => Ok(()),
    }
}

/// Upper case acts only where its target is on screen: in Staging, or beside it.
fn in_staging(model: &Model, action: &KeyAction, does: &str) -> Available {
    let shown = model.areas.of(Pane::Staging).is_some();
    let focused = model.focus == Pane::Staging || model.list == Pane::Staging;
    if shown && focused {
        return Ok(());
    }
    let (key, staging) = (model.key(action), model.key(&KeyAction::Focus(Pane::Staging)));
    Err(format!("{key} {does} the build selected in Staging: press {staging}"))
}

/// The commit id of the selection.
#[must_use]
pub fn selected_sha(model: &Model) -> Option<&str> {
    match model.focus {
        Pane::Production => model.selected_history().map(|row| row.sha.as_str()),
        _ => model.selected_build().map(|row| row.build.sha.as_str()),
    }
}

/// The build that `R` rolls back to instead of what the header names: that of the row which a person selected.
#[must_use]
pub fn other_target(model: &Model) -> Option<BuildNumber> {
    let usual = model.service.as_ref()?.rollback.as_ref().map(|target| target.to);
    let chosen = history_target(model).filter(|_| model.production.is_held())?;
    // After a rollback that failed, the build before is offered too.
    let offered = model.service.as_ref()?.rollback.as_ref().and_then(|target| target.instead);
    (Some(chosen) != usual && Some(chosen) != offered).then_some(chosen)
}

/// The good build before one to which a rollback failed, where a person selected its row.
#[must_use]
pub fn offered_before(model: &Model) -> Option<BuildNumber> {
    let chosen = history_target(model).filter(|_| model.production.is_held())?;
    let rollback = model.service.as_ref()?.rollback.as_ref()?;
    (rollback.instead == Some(chosen)).then_some(chosen)
}

/// The build of the selected row, when Production has the focus and the build is older than what is live.
#[must_use]
pub fn history_target(model: &Model) -> Option<BuildNumber> {
    let focused = model.focus == Pane::Production;
    let build = model.selected_history().filter(|_| focused)?.deployment.request.build;
    let live = model.service.as_ref()?.live.get(&Environment::Production)?.build;
    (build < live).then_some(build)
}

/// The open deployment that `X` is about: that of the selection, else what its build does in production, else the one
/// whose log is shown.
#[must_use]
pub fn cancellable(model: &Model) -> Option<DeploymentId> {
    let open = |row: &&DeploymentRow| {
        let deployment = &row.deployment;
        let goes_on = deployment.cancel.is_none() || deployment.is_unending();
        deployment.is_open() && goes_on
    };
    let selected = model.selected_deployment().filter(open);
    let promoted = || {
        let build = model.selected_build()?.build.number;
        let running = model.in_flight(Environment::Production).filter(open)?;
        Some(running).filter(|row| row.deployment.request.build == build)
    };
    // Where nobody chose another row, production is about what runs there.
    let unchosen = model.focus == Pane::Production && !model.production.is_held();
    let runs = || model.in_flight(Environment::Production).filter(open).filter(|_| unchosen);
    let focused = matches!(model.focus, Pane::Log | Pane::Production);
    let logged = || model.deployment(model.log.source.as_ref()?.deployment);
    let logged = || logged().filter(open).filter(|_| focused);
    selected.or_else(promoted).or_else(runs).or_else(logged).map(|row| row.deployment.id)
}

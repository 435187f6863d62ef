//! What each action of the table does; availability was checked before.

use crate::console::actions::{Action, available};
use crate::console::effect::{Effect, Outside};
use crate::console::model::dialog::bad_commits::Suspects;
use crate::console::model::dialog::{Manner, Subject};
use crate::console::model::log::LogChoice;
use crate::console::model::notes::Tone;
use crate::console::model::overlay::{Help, Overlay};
use crate::console::model::pane::Pane;
use crate::console::model::{Model, Screen, Updates};
use crate::console::update::{backend, browse, changes, confirm, log, requests, watch};
use crate::domain::command::Action as Asked;
use crate::domain::ids::{BuildNumber, Environment};

pub fn act(model: &mut Model, action: &Action) -> Vec<Effect> {
    match action {
        Action::Promote => promote(model, Manner::Careful),
        Action::Back if model.notes.hide() => Vec::new(),
        Action::Preview => promote(model, Manner::Preview),
        Action::RollBack => roll_back(model, available::rollback_row(model), Manner::Careful),
        Action::Emergency => emergency(model),
        Action::Verify => match model.staging.selected {
            Some(build) => confirm::open(model, Subject::Verify(build), Manner::Careful),
            None => Vec::new(),
        },
        Action::Hold => hold(model),
        Action::Freeze => freeze(model),
        Action::Take => requests::take(model),
        Action::Withdraw => requests::withdraw(model),
        Action::Cancel => match available::cancellable(model) {
            Some(id) => confirm::open(model, Subject::Cancel(id), Manner::Careful),
            None => Vec::new(),
        },
        Action::NotRollBack => tell(model, "r does nothing; R rolls back"),
        Action::Changes => changes::open(model),
        Action::Help => show(model, Overlay::Help(Help::default())),
        Action::Messages => messages(model),
        Action::Open => open(model),
        Action::Back | Action::Interrupt if log::give_up_search(model) => Vec::new(),
        Action::Back => browse::back(model).unwrap_or_else(|| follow_again(model)),
        Action::Quit => browse::back(model).unwrap_or_else(|| vec![Effect::Quit]),
        Action::Interrupt => browse::interrupt(model),
        Action::Services => browse::to_fleet(model),
        Action::Refresh => refresh(model),
        Action::Pause => pause(model),
        Action::CopyCommit => copy(model),
        Action::Log(command) => log::command(model, command.clone()),
        Action::NextStep => log::step(model, 1),
        Action::PreviousStep => log::step(model, -1),
        Action::Redraw => vec![Effect::Outside(Outside::Redraw)],
        Action::Suspend => vec![Effect::Outside(Outside::Suspend)],
        movement => browse::movement(model, movement),
    }
}

fn promote(model: &mut Model, manner: Manner) -> Vec<Effect> {
    match model.staging.selected {
        Some(build) => confirm::open(model, Subject::Plan(Asked::Promote { build }), manner),
        None => Vec::new(),
    }
}

fn roll_back(model: &mut Model, to: Option<BuildNumber>, manner: Manner) -> Vec<Effect> {
    confirm::open(model, Subject::Plan(Asked::Rollback { to }), manner)
}

/// In the list of services it opens the selected one. That may be another than a moment ago, as services come and go and
/// the first one is selected to begin with: the dialog names the service, and only Enter starts it.
fn emergency(model: &mut Model) -> Vec<Effect> {
    let mut effects = Vec::new();
    let listed = model.services.selected.clone().filter(|_| model.screen == Screen::Fleet);
    if let Some(service) = &listed {
        effects = backend::open(model, service);
    }
    let manner = Manner::Emergency { fires_at: None, again: Vec::new() };
    effects.extend(roll_back(model, None, manner));
    if let Some(confirm) = model.confirm_mut() {
        confirm.waits_for_enter = listed.is_some();
    }
    effects
}

/// Puts production on hold or releases it; after a rollback with the commits that it took away.
fn hold(model: &mut Model) -> Vec<Effect> {
    let production = Environment::Production;
    let service = model.service.as_deref();
    let held = service.and_then(|service| Some((service, service.holds.get(&production)?)));
    let subject =
        if held.is_some() { Subject::Release(production) } else { Subject::Hold(production) };
    let suspects = held.and_then(|(service, hold)| Suspects::of(hold, service));
    let seen = held.map(|(_, hold)| hold.id);
    let effects = confirm::open(model, subject, Manner::Careful);
    if let Some(confirm) = model.confirm_mut() {
        confirm.suspects = suspects;
        confirm.hold = seen;
        confirm.focus = confirm.first_stop();
    }
    effects
}

/// Lifts the freeze that lasts; with the focus on the freezes, the selected one; else begins a new one.
fn freeze(model: &mut Model) -> Vec<Effect> {
    let selected = model.freezes.selected.filter(|_| model.focus == Pane::Freeze);
    let subject = match selected.or(model.frozen().map(|freeze| freeze.id)) {
        Some(freeze) => Subject::Lift(freeze),
        None => Subject::Freeze,
    };
    confirm::open(model, subject, Manner::Careful)
}

fn open(model: &mut Model) -> Vec<Effect> {
    match (model.screen, model.services.selected.clone()) {
        (Screen::Fleet, Some(service)) => backend::open(model, &service),
        (Screen::Fleet, None) => Vec::new(),
        (Screen::Service, _) => {
            if matches!(model.focus, Pane::Staging | Pane::Production) {
                model.log.choice = LogChoice::Selection;
                browse::focus(model, Pane::Log);
            }
            Vec::new()
        }
    }
}

/// At the root there is nothing to leave: the log follows what runs again.
fn follow_again(model: &mut Model) -> Vec<Effect> {
    model.log.choice = LogChoice::Running;
    Vec::new()
}

fn refresh(model: &mut Model) -> Vec<Effect> {
    model.say(Tone::Plain, "asking for the newest state");
    let watch = match watch::watch(model, model.at) {
        Effect::WatchService { service, due, .. } => {
            Effect::WatchService { service, after: None, due }
        }
        _ => Effect::WatchFleet { after: None, due: model.at },
    };
    vec![watch, Effect::Describe]
}

fn pause(model: &mut Model) -> Vec<Effect> {
    match std::mem::replace(&mut model.updates, Updates::Live) {
        Updates::Live => {
            model.updates = Updates::Paused(None);
            tell(
                model,
                "paused: the screen stands still, actions are off; Space lets it live again",
            )
        }
        Updates::Paused(None) => tell(model, "live again"),
        Updates::Paused(Some(snapshot)) => {
            model.say(Tone::Plain, "live again");
            backend::show(model, snapshot)
        }
    }
}

fn copy(model: &mut Model) -> Vec<Effect> {
    let Some(sha) = available::selected_sha(model).map(str::to_owned) else { return Vec::new() };
    model.say(Tone::Plain, format!("sent {sha} to the terminal's clipboard"));
    vec![Effect::Outside(Outside::Copy(sha))]
}

fn messages(model: &mut Model) -> Vec<Effect> {
    model.notes.hide_all();
    show(model, Overlay::Messages(0))
}

fn show(model: &mut Model, overlay: Overlay) -> Vec<Effect> {
    model.overlays.push(overlay);
    Vec::new()
}

fn tell(model: &mut Model, text: &str) -> Vec<Effect> {
    model.say(Tone::Plain, text);
    Vec::new()
}

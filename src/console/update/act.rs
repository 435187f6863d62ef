//! What each action of the table does; availability was checked before.

use crate::console::actions::action::KeyAction;
use crate::console::actions::available;
use crate::console::effect::{Effect, Outside};
use crate::console::layout;
use crate::console::model::dialog::bad_commits::CommitChoice;
use crate::console::model::dialog::kinds::{Dialog, EnterWhy};
use crate::console::model::log::LogChoice;
use crate::console::model::notes::Tone;
use crate::console::model::overlay::{Help, LinePage, Overlay};
use crate::console::model::pane::Pane;
use crate::console::model::{Model, Screen, Updates};
use crate::console::update::{
    backend, browse, burst, by_hand, changed, changes, checklist, command_lines, confirm, engines,
    incidents, log, log_save, palette, requests, stop_all, themes, watch,
};
use crate::domain::command::Action;
use crate::domain::event::DeploymentKind;
use crate::domain::ids::{BuildNumber, Environment};
use crate::domain::snapshot::ServiceSnapshot;
use crate::domain::words::counted;

/// Does what a key asks for, or says why it is off.
pub fn run(model: &mut Model, action: &KeyAction) -> Vec<Effect> {
    if burst::refuses(model, action) {
        return Vec::new();
    }
    match available::check(model, action).and_then(|()| available::was_seen(model, action)) {
        Ok(()) => act(model, action),
        Err(why) => tell(model, &why),
    }
}

/// Does it, whether or not it is off.
pub fn act(model: &mut Model, action: &KeyAction) -> Vec<Effect> {
    match action {
        KeyAction::Promote => promote(model, |build| Dialog::plan_of(Action::Promote { build })),
        KeyAction::Back if model.hide_note() => Vec::new(),
        KeyAction::Preview => promote(model, Dialog::preview),
        KeyAction::RollBack => roll_back(model),
        KeyAction::Emergency => emergency(model),
        KeyAction::Verify => match model.staging.selected {
            Some(build) => confirm::open(model, Dialog::verify(build)),
            None => Vec::new(),
        },
        KeyAction::Hold if model.screen == Screen::Fleet => {
            confirm::open(model, stop_all::dialog(model))
        }
        KeyAction::Hold => hold(model),
        KeyAction::Freeze => freeze(model),
        KeyAction::Incident => incidents::open(model, false),
        KeyAction::Take => requests::take(model),
        KeyAction::Withdraw => requests::withdraw(model),
        KeyAction::Cancel => match available::cancellable(model) {
            Some(id) => {
                let row = model.deployment(id);
                let gives_up = row.is_some_and(|row| row.deployment.is_unending());
                confirm::open(model, Dialog::cancel(id, gives_up))
            }
            None => Vec::new(),
        },
        KeyAction::Continue => continue_wave(model),
        KeyAction::Retry => retry(model),
        KeyAction::NotRollBack => not_roll_back(model),
        KeyAction::Changes => changes::open(model),
        KeyAction::Changed => changed::open(model),
        KeyAction::ByHand => by_hand::open(model),
        KeyAction::Checklist => checklist::open(model),
        KeyAction::InChecklist(_) => checklist::tick(model),
        KeyAction::Engines => show(model, Overlay::Engines(engines::page(model))),
        KeyAction::Themes => themes::open(model),
        KeyAction::Help => show(model, Overlay::Help(Help::default())),
        KeyAction::Messages => messages(model),
        KeyAction::Open => open(model),
        KeyAction::Back | KeyAction::Interrupt if log::give_up_search(model) => Vec::new(),
        KeyAction::Back => browse::back(model).unwrap_or_else(|| follow_again(model)),
        KeyAction::Quit => browse::back(model).unwrap_or_else(|| vec![Effect::Quit]),
        KeyAction::Interrupt => browse::interrupt(model),
        KeyAction::Services => browse::to_fleet(model),
        // They have a place of their own.
        KeyAction::Edit(_)
        | KeyAction::Input(_)
        | KeyAction::InHelp(_)
        | KeyAction::InPalette(_)
        | KeyAction::InMenu(_)
        | KeyAction::Choice(_)
        | KeyAction::Page(_)
        | KeyAction::InChanged(_)
        | KeyAction::Dialog(_) => Vec::new(),
        action => look(model, action),
    }
}

/// What changes nothing but what this console shows.
fn look(model: &mut Model, action: &KeyAction) -> Vec<Effect> {
    match action {
        KeyAction::Move(by) => browse::travel(model, *by),
        KeyAction::NextPane => browse::next_pane(model, 1),
        KeyAction::PreviousPane => browse::next_pane(model, -1),
        KeyAction::Focus(pane) => browse::focus(model, *pane),
        KeyAction::Zoom => model.zoomed = !model.zoomed,
        KeyAction::Grow => return browse::resize(model, 1),
        KeyAction::Shrink => return browse::resize(model, -1),
        KeyAction::Sort => browse::sort(model),
        KeyAction::Filter => browse::begin_filter(model),
        KeyAction::Palette => palette::open(model),
        KeyAction::RowMenu => palette::open_menu(model),
        KeyAction::CommandLines => command_lines::open(model),
        KeyAction::Refresh => return refresh(model),
        KeyAction::Pause => return pause(model),
        KeyAction::CopyCommit => return copy(model),
        KeyAction::CopyLink => return copy_link(model),
        KeyAction::ShowLink => return show_link(model),
        KeyAction::Log(command) => return log::command(model, command.clone()),
        KeyAction::LatestLog => return log::show_latest(model),
        KeyAction::NextStep => return log::step(model, 1),
        KeyAction::PreviousStep => return log::step(model, -1),
        KeyAction::Redraw => return vec![Effect::Outside(Outside::Redraw)],
        KeyAction::Suspend => return vec![Effect::Outside(Outside::Suspend)],
        _ => {}
    }
    Vec::new()
}

fn not_roll_back(model: &mut Model) -> Vec<Effect> {
    let (this, key) = (model.key(&KeyAction::NotRollBack), model.key(&KeyAction::RollBack));
    tell(model, &format!("{this} does nothing; {key} rolls back"))
}

fn promote(model: &mut Model, dialog: impl FnOnce(BuildNumber) -> Dialog) -> Vec<Effect> {
    match model.staging.selected {
        Some(build) => confirm::open(model, dialog(build)),
        None => Vec::new(),
    }
}

fn roll_back(model: &mut Model) -> Vec<Effect> {
    let dialog = match available::other_target(model) {
        Some(build) => Dialog::roll_back_to_other(build),
        None => Dialog::plan_of(Action::Rollback { to: available::offered_before(model) }),
    };
    confirm::open(model, dialog)
}

/// What speaks against the next wave has to be answered with a reason.
fn continue_wave(model: &mut Model) -> Vec<Effect> {
    let now = model.now();
    let wave = model.service.as_ref().and_then(|service| service.wave.as_ref());
    let dialog = wave.map(|wave| Dialog::continue_wave(wave, now));
    dialog.map_or_else(Vec::new, |dialog| confirm::open(model, dialog))
}

/// A rollback that is tried again may go elsewhere than the header says.
fn retry(model: &mut Model) -> Vec<Effect> {
    let Ok((build, environment)) = available::retry_target(model) else { return Vec::new() };
    let rollback = model.selected_history().filter(|row| {
        let kind = row.deployment.request.kind;
        environment == Environment::Production && kind == DeploymentKind::Rollback
    });
    let usual = model.service.as_ref().and_then(|service| service.rollback.as_ref());
    let is_other = rollback.is_some() && usual.map(|usual| usual.to) != Some(build);
    confirm::open(model, Dialog::retry(build, environment, is_other))
}

/// In the list of services it opens the selected one. That may be another than a moment ago, as services come and go and
/// the first one is selected to begin with: the dialog names the service, and only Enter starts it.
fn emergency(model: &mut Model) -> Vec<Effect> {
    let mut effects = Vec::new();
    let listed = model.services.selected.clone().filter(|_| model.screen == Screen::Fleet);
    if let Some(service) = &listed {
        effects = backend::open(model, service);
    }
    let why = listed.map(|_| EnterWhy::Listed);
    let live = model.service.as_ref().and_then(|s| s.live.get(&Environment::Production));
    let dialog = Dialog::emergency(why, live.map(|live| live.build), model.at);
    effects.extend(confirm::open(model, dialog));
    effects
}

/// Puts production on hold or releases it; after a rollback with the commits that it took away.
fn hold(model: &mut Model) -> Vec<Effect> {
    let production = Environment::Production;
    let service = model.service.as_deref();
    let release = |service: &ServiceSnapshot| {
        let hold = service.holds.get(&production)?;
        Some(Dialog::release(production, hold, CommitChoice::of(hold, service)))
    };
    let dialog = service.and_then(release).unwrap_or_else(|| Dialog::hold(production));
    confirm::open(model, dialog)
}

/// Lifts the active freeze, or the selected one when the list of freezes has the focus; else starts a new one.
fn freeze(model: &mut Model) -> Vec<Effect> {
    let selected = model.freezes.selected.filter(|_| model.focus == Pane::Freeze);
    let dialog = match selected.or(model.frozen().map(|freeze| freeze.id)) {
        Some(freeze) => Dialog::lift(freeze),
        None => Dialog::freeze(),
    };
    confirm::open(model, dialog)
}

fn open(model: &mut Model) -> Vec<Effect> {
    match (model.screen, model.services.selected.clone()) {
        (Screen::Fleet, Some(service)) => backend::open(model, &service),
        (Screen::Fleet, None) => Vec::new(),
        (Screen::Service, _) if model.focus == Pane::Log => {
            if model.log.pane.leave_filter_at_line() {
                return Vec::new();
            }
            let line = model.log.pane.long_line();
            line.map_or_else(Vec::new, |line| show(model, Overlay::Line(LinePage::of(line))))
        }
        (Screen::Service, _) => {
            if matches!(model.focus, Pane::Staging | Pane::Production) {
                let production = model.focus == Pane::Production;
                if production {
                    model.production.hold();
                } else {
                    model.staging.hold();
                }
                model.log.choose(LogChoice::Selection);
                browse::focus(model, Pane::Log);
            }
            Vec::new()
        }
    }
}

/// At the root there is nothing to close: the lists follow their own rows again, and the log what runs.
fn follow_again(model: &mut Model) -> Vec<Effect> {
    model.staging.release();
    model.production.release();
    model.log.choose(LogChoice::Running);
    Vec::new()
}

fn refresh(model: &mut Model) -> Vec<Effect> {
    model.say(Tone::Plain, "refreshing");
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
            let key = model.key(&KeyAction::Pause);
            tell(model, &format!("updates paused, actions are off; {key} resumes"))
        }
        Updates::Paused(None) => tell(model, "updates resumed"),
        Updates::Paused(Some(snapshot)) => {
            model.say(Tone::Plain, "updates resumed");
            backend::show(model, snapshot)
        }
    }
}

fn copy(model: &mut Model) -> Vec<Effect> {
    if let Some(effects) = log_save::copy(model) {
        return effects;
    }
    let (what, text) = match (model.screen, model.focus) {
        (Screen::Fleet, _) => {
            let name = model.services.selected.as_ref().map_or("", |name| name.as_str());
            (name.to_owned(), name.to_owned())
        }
        (Screen::Service, Pane::Staging | Pane::Production) => {
            let sha = available::selected_sha(model).unwrap_or_default().to_owned();
            (sha.clone(), sha)
        }
        (Screen::Service, pane) => {
            let text = layout::text(model, pane);
            let lines = text.lines().count();
            (format!("{} of {}", counted(lines, "line"), pane.title()), text)
        }
    };
    model.say(Tone::Plain, format!("sent {what} to the terminal's clipboard"));
    vec![Effect::Outside(Outside::Copy(text))]
}

fn copy_link(model: &mut Model) -> Vec<Effect> {
    match available::page_address(model) {
        Ok(address) => {
            model.say(Tone::Plain, format!("sent to the terminal's clipboard: {address}"));
            vec![Effect::Outside(Outside::Copy(address))]
        }
        Err(why) => tell(model, &why),
    }
}

/// The console may run on another machine than the browser, so it opens none itself.
fn show_link(model: &mut Model) -> Vec<Effect> {
    match available::page_address(model) {
        Ok(text) | Err(text) => tell(model, &text),
    }
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

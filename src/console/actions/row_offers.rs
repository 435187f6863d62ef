//! What can be done with the selected row: a short list for the place that has the focus.

use crate::console::actions::action::KeyAction;
use crate::console::actions::available;
use crate::console::actions::offer::Offer;
use crate::console::actions::offers::with_target;
use crate::console::log::LogCommand;
use crate::console::model::pane::Pane;
use crate::console::model::{Model, Screen};
use crate::domain::ids::Environment;

const FLEET: &[KeyAction] =
    &[KeyAction::Open, KeyAction::CopyCommit, KeyAction::CopyLink, KeyAction::ShowLink];

const STAGING: &[KeyAction] = &[
    KeyAction::Open,
    KeyAction::Changes,
    KeyAction::Preview,
    KeyAction::Promote,
    KeyAction::Verify,
    KeyAction::Retry,
    KeyAction::Cancel,
    KeyAction::CopyCommit,
    KeyAction::CopyLink,
    KeyAction::ShowLink,
];

const PRODUCTION: &[KeyAction] = &[
    KeyAction::Open,
    KeyAction::Changes,
    KeyAction::RollBack,
    KeyAction::Retry,
    KeyAction::Cancel,
    KeyAction::Continue,
    KeyAction::ByHand,
    KeyAction::Checklist,
    KeyAction::CopyCommit,
    KeyAction::CopyLink,
    KeyAction::ShowLink,
];

const LOG: &[KeyAction] = &[
    KeyAction::Open,
    KeyAction::Filter,
    KeyAction::Log(LogCommand::NextError),
    KeyAction::Log(LogCommand::Follow),
    KeyAction::NextStep,
    KeyAction::PreviousStep,
    KeyAction::LatestLog,
    KeyAction::Retry,
    KeyAction::Cancel,
    KeyAction::CopyCommit,
    KeyAction::CopyLink,
    KeyAction::ShowLink,
];

const FREEZE: &[KeyAction] = &[KeyAction::Freeze, KeyAction::Hold, KeyAction::CopyCommit];

const ACTIVITY: &[KeyAction] =
    &[KeyAction::Take, KeyAction::Withdraw, KeyAction::CommandLines, KeyAction::CopyCommit];

/// What the row or pane is called, and what can be done with it.
#[must_use]
pub fn of_row(model: &Model) -> (String, Vec<Offer>) {
    let (title, actions) = place(model);
    let offer = |action: &KeyAction| with_target(action, about(model, action));
    (title, actions.iter().map(offer).collect())
}

fn place(model: &Model) -> (String, &'static [KeyAction]) {
    if model.screen == Screen::Fleet {
        let service = model.services.selected.as_ref();
        return (service.map_or_else(String::new, ToString::to_string), FLEET);
    }
    let pane = if model.focus == Pane::Details { model.list } else { model.focus };
    match pane {
        Pane::Production => {
            let row = model.selected_history().map(|row| &row.deployment);
            let title =
                row.map_or_else(String::new, |d| format!("{} of {}", d.id, d.request.build));
            (title, PRODUCTION)
        }
        Pane::Log => ("Log".to_owned(), LOG),
        Pane::Freeze => ("Freeze".to_owned(), FREEZE),
        Pane::Activity => ("Activity".to_owned(), ACTIVITY),
        Pane::Staging | Pane::Details => {
            let build = model.selected_build().map(|row| row.build.number);
            (build.map_or_else(String::new, |build| build.to_string()), STAGING)
        }
    }
}

/// What is opened there.
fn opened(model: &Model) -> String {
    match (model.screen, model.focus) {
        (Screen::Fleet, _) => "open the service".to_owned(),
        (Screen::Service, Pane::Log) => "all of a line that is cut".to_owned(),
        (Screen::Service, _) => "its log".to_owned(),
    }
}

fn copied(model: &Model) -> &'static str {
    match (model.screen, model.focus) {
        (Screen::Fleet, _) => "copy its name",
        (Screen::Service, Pane::Staging | Pane::Production) => "copy the commit id",
        (Screen::Service, _) => "copy the text of this pane",
    }
}

/// What it would do to this very row, where that can be said.
fn about(model: &Model, action: &KeyAction) -> Option<String> {
    let build = model.selected_build().map(|row| row.build.number);
    let service = model.service.as_deref();
    match action {
        KeyAction::Open => Some(opened(model)),
        KeyAction::CopyCommit => Some(copied(model).to_owned()),
        KeyAction::Changes if model.list == Pane::Staging => {
            build.map(|build| format!("what {build} would change: commits, authors, files"))
        }
        KeyAction::Promote => build.map(|build| format!("promote {build} to production")),
        KeyAction::Preview => build.map(|build| format!("read the plan to promote {build}")),
        KeyAction::Verify => build.map(|build| format!("record that {build} works in staging")),
        KeyAction::RollBack => {
            let usual = || Some(service?.rollback.as_ref()?.to);
            let to = available::other_target(model).or_else(usual)?;
            Some(format!("roll production back to {to}"))
        }
        KeyAction::Retry => {
            let (build, environment) = available::retry_target(model).ok()?;
            Some(format!("deploy {build} to {environment} again"))
        }
        KeyAction::Cancel => available::cancellable(model).map(|id| format!("cancel {id}")),
        KeyAction::Freeze if model.frozen().is_some() => Some("lift the freeze".to_owned()),
        KeyAction::Hold => {
            let is_held = service?.holds.contains_key(&Environment::Production);
            let says = if is_held { "release the hold on production" } else { "hold production" };
            Some(says.to_owned())
        }
        _ => None,
    }
}

//! Moving through panes and lists, filtering them, and the ways out.

use std::time::Duration;

use crate::console::actions::action::{InputAction, KeyAction, Move};
use crate::console::effect::Effect;
use crate::console::log::LogCommand;
use crate::console::model::filter::ListFilter;
use crate::console::model::log::{LogChoice, LogQuestion};
use crate::console::model::notes::Tone;
use crate::console::model::pane::Pane;
use crate::console::model::{Model, Screen};
use crate::console::update::{ids, log, watch};

/// How long a second press quits.
const SECOND_PRESS: Duration = Duration::from_secs(3);

/// Moves the cursor of the list or pane that has the focus.
pub fn travel(model: &mut Model, by: Move) {
    let half = isize::try_from(page(model)).unwrap_or(1);
    step(
        model,
        match by {
            Move::Up => -1,
            Move::Down => 1,
            Move::PageUp => -half,
            Move::PageDown => half,
            Move::Top => isize::MIN,
            Move::Bottom => isize::MAX,
        },
    );
}

/// Begins to type the filter, or the text to search the log for.
pub fn begin_filter(model: &mut Model) {
    if model.focus == Pane::Log && model.screen == Screen::Service {
        model.log.ask(LogQuestion::Search, "");
    } else {
        let list = Some(model.list).filter(|_| model.screen == Screen::Service);
        if model.filter.list != list {
            model.filter = ListFilter { list, ..ListFilter::default() };
        }
        model.filter.typing = true;
    }
}

/// Half of what the focused pane shows.
fn page(model: &Model) -> usize {
    let areas = &model.areas;
    let rows = match model.screen {
        Screen::Fleet => usize::from(areas.body.height),
        Screen::Service => areas.rows(model.focus),
    };
    (rows / 2).max(1)
}

fn step(model: &mut Model, by: isize) {
    if model.screen == Screen::Fleet {
        let services = ids(&model.fleet_rows(), |row| row.service.clone());
        return model.services.step(&services, None, by);
    }
    match model.focus {
        Pane::Staging => {
            let builds = ids(&model.builds(), |row| row.build.number);
            model.staging.step(&builds, None, by);
            model.log.choose(choice(model.staging.is_held()));
        }
        Pane::Production => {
            let history = ids(&model.history(), |row| row.deployment.id);
            let live = model.live_deployment();
            model.production.step(&history, live.as_ref(), by);
            model.log.choose(choice(model.production.is_held()));
        }
        Pane::Freeze => {
            let freezes = ids(&model.freezes(), |freeze| freeze.id);
            model.freezes.step(&freezes, None, by);
        }
        Pane::Details => scroll(&mut model.scroll.details, by),
        Pane::Activity => scroll(&mut model.scroll.activity, by),
        Pane::Log => log::scroll(model, by),
    }
}

/// The log of the row that a person chose, else of what runs.
fn choice(held: bool) -> LogChoice {
    if held { LogChoice::Selection } else { LogChoice::Running }
}

/// Moves by lines; the view keeps it within what there is.
fn scroll(lines: &mut usize, by: isize) {
    *lines = lines.saturating_add_signed(by).min(10_000);
}

pub fn focus(model: &mut Model, pane: Pane) {
    model.focus = pane;
    match pane {
        Pane::Staging | Pane::Production => model.list = pane,
        Pane::Details | Pane::Log | Pane::Freeze | Pane::Activity => model.bottom = pane,
    }
}

/// Makes the focused pane larger or smaller, and keeps that where it outlives this console.
pub fn resize(model: &mut Model, by: i8) -> Vec<Effect> {
    let title = model.focus.title();
    if model.zoomed {
        let key = model.key(&KeyAction::Zoom);
        model.say(Tone::Plain, format!("{title} has the whole screen; {key} gives it back"));
        return Vec::new();
    }
    if !model.sizes.change(model.focus, by) {
        let most = if by > 0 { "larger" } else { "smaller" };
        model.say(Tone::Plain, format!("{title} cannot be made {most}"));
        return Vec::new();
    }
    let states = model.options.last.clone();
    states.map(|states| Effect::KeepSizes(states, model.sizes)).into_iter().collect()
}

/// Orders the list of services in the next way. The cursor stays on its service.
pub fn sort(model: &mut Model) {
    model.services.hold();
    model.fleet_order = model.fleet_order.next();
    model.say(Tone::Plain, format!("services by {}", model.fleet_order.name()));
}

pub fn next_pane(model: &mut Model, by: isize) {
    let shown: Vec<_> = if model.zoomed {
        Pane::ALL.to_vec()
    } else {
        let areas = &model.areas;
        Pane::ALL.into_iter().filter(|pane| areas.of(*pane).is_some()).collect()
    };
    let here = shown.iter().position(|pane| *pane == model.focus).unwrap_or(0);
    let (here, count) = (here.cast_signed(), shown.len().cast_signed());
    if let Some(pane) = shown.get((here + by).rem_euclid(count.max(1)).unsigned_abs()) {
        focus(model, *pane);
    }
}

/// One step back, from the innermost: what is selected or filtered in the log, filter, zoom, another pane than the list, the service. False at the root.
pub fn back(model: &mut Model) -> Option<Vec<Effect>> {
    let in_service = model.screen == Screen::Service;
    if in_service && model.focus == Pane::Log && model.log.pane.step_back() {
        return Some(Vec::new());
    }
    if model.is_plain() {
        model.log.pane.update(LogCommand::Plain);
    } else if !model.filter.text.is_empty() {
        model.filter.text.clear();
    } else if in_service && model.zoomed {
        model.zoomed = false;
    } else if in_service && model.focus != model.list {
        model.focus = model.list;
        model.bottom = Pane::Log;
    } else if in_service && model.has_several_services() {
        return Some(to_fleet(model));
    } else {
        return None;
    }
    Some(Vec::new())
}

/// Shows the list of services.
pub fn to_fleet(model: &mut Model) -> Vec<Effect> {
    model.screen = Screen::Fleet;
    model.filter = ListFilter::default();
    vec![watch::watch(model, model.at)]
}

pub fn interrupt(model: &mut Model) -> Vec<Effect> {
    if model.quitting.is_some_and(|until| model.at < until) {
        return vec![Effect::Quit];
    }
    let in_log = model.screen == Screen::Service && model.focus == Pane::Log;
    if in_log && model.log.pane.step_back() {
        return Vec::new();
    }
    if !model.filter.text.is_empty() {
        model.filter.text.clear();
        return Vec::new();
    }
    model.quitting = Some(model.at + SECOND_PRESS);
    let key = model.key(&KeyAction::Interrupt);
    let text = format!("press {key} again to quit; deployments go on without the console");
    model.say(Tone::Plain, text);
    Vec::new()
}

/// A key while the filter is typed.
pub fn filter(model: &mut Model, action: Option<&KeyAction>, letter: Option<char>) -> Vec<Effect> {
    match action {
        Some(KeyAction::Input(InputAction::Cancel)) => {
            model.filter.typing = false;
            model.filter.text.clear();
        }
        Some(KeyAction::Input(InputAction::Accept)) => model.filter.typing = false,
        Some(KeyAction::Move(by)) => travel(model, *by),
        Some(KeyAction::Edit(edit)) => model.filter.text.edit(*edit),
        _ => model.filter.text.type_letter(letter),
    }
    Vec::new()
}

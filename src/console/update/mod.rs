//! What each message does to the model, and which effects it asks for; pure.

mod act;
mod backend;
mod browse;
mod burst;
mod by_hand;
mod changed;
mod changes;
mod checklist;
mod command_lines;
mod confirm;
mod engine;
mod engines;
mod history;
mod incidents;
mod input;
mod last;
mod log;
mod log_save;
mod measures;
mod overlays;
mod palette;
mod pick;
mod plan;
mod recall;
mod requests;
mod send;
mod stop_all;
mod themes;
mod together;
mod watch;
mod watched;

use ratatui::layout::Size;
use tokio::time::Instant;

use crate::console::actions::available::targets;
use crate::console::effect::Effect;
use crate::console::layout::{freeze_rows, layout};
use crate::console::message::{Message, TimedMessage};
use crate::console::model::list::MovedBy;
use crate::console::model::pane::Pane;
use crate::console::model::{Model, Screen};
use crate::fault::{self, Layer};

/// Takes one message in.
pub fn update(model: &mut Model, TimedMessage { at, message }: TimedMessage) -> Vec<Effect> {
    fault::here(Layer::Update);
    model.at = model.at.max(at);
    model.dirty |= !is_silent(model, &message);
    let is_key = matches!(message, Message::Input { .. });
    let is_beat = themes::is_beat(&message);
    let shown = model.service.as_ref().map(|service| service.version.clone());
    let seen = match &message {
        Message::Input { keys_out, .. } => watched::seen(model, *keys_out),
        _ => Vec::new(),
    };
    let mut effects = match message {
        Message::Input { event, crowd, keys_out } => {
            model.keys_out = keys_out;
            input::input(model, event, crowd)
        }
        // After the keys, so that a cancelling key in the pipe still cancels.
        Message::Wake => confirm::when_due(model),
        Message::Described(answer) => backend::described(model, answer),
        Message::Fleet(answer) => backend::fleet(model, answer),
        Message::Service(service, answer) => backend::service(model, &service, answer),
        Message::Timeline { range, answer } => changed::answered(model, range, answer),
        Message::Stats(service, answer) => measures::read(model, &service, answer),
        Message::History { service, before, answer } => {
            history::page(model, &service, before, answer)
        }
        Message::LastFleet(found) => {
            last::fleet(model, found).map_or_else(Vec::new, |only| backend::open(model, &only))
        }
        Message::LastService(service, found) => {
            last::service(model, &service, found);
            Vec::new()
        }
        Message::Planned { ticket, answer } => plan::planned(model, ticket, answer),
        Message::Answered { ticket, answer } => send::answered(model, ticket, answer),
        Message::LookedUp { ticket, answer } => send::looked_up(model, ticket, answer),
        Message::NotNoted { service, what, why } => recall::not_noted(model, &service, &what, &why),
        Message::Left(intent) => recall::left(model, &intent),
        Message::Recalled { intent, answer } => recall::recalled(model, &intent, answer),
        Message::Themes(all) => themes::listed(model, all),
        Message::ThemeRead { name, answer } => themes::read(model, &name, answer),
        Message::ThemeKept { name, answer } => themes::kept(model, &name, answer),
        Message::Log { source, from, answer } => log::page(model, &source, from, answer),
        Message::LogSearched { source, search, answer } => {
            log::searched(model, &source, &search, answer)
        }
        Message::LogFiltered { source, read, answer } => {
            log::filtered(model, &source, &read, answer)
        }
        Message::LogSaved(saved) => log_save::saved(model, saved),
    };
    if model.quitting.is_some_and(|until| until <= model.at) {
        model.quitting = None;
    }
    // A key that ends a pause shows what came meanwhile.
    let is_new = model.service.as_ref().map(|service| &service.version) != shown.as_ref();
    let by = if is_key && !is_new { MovedBy::Key } else { MovedBy::News };
    themes::settle(model);
    settle(model, by);
    effects.extend(seen);
    effects.extend(requests::tell(model));
    effects.extend(incidents::tick(model));
    effects.extend(history::more(model));
    effects.extend(measures::more(model));
    effects.extend(log::follow(model));
    effects.extend(is_beat.then(|| themes::look(model)).flatten());
    if model.service.is_some() {
        model.targets.settle(targets(model), by);
    }
    effects
}

/// The screen shows the model as it is.
pub fn drawn(model: &mut Model, at: Instant) {
    model.dirty = false;
    model.drawn(at);
    confirm::drawn(model, at);
    watched::drawn(model, at);
}

/// The screen has another size than the model knows of: its message is still on the way.
pub fn fit(model: &mut Model, size: Size) {
    if model.size != size {
        model.size = size;
        settle(model, MovedBy::News);
    }
}

/// The screen is empty, perhaps after a long time: a dialog has to be read again.
pub fn spoiled(model: &mut Model, at: Instant) {
    model.at = model.at.max(at);
    model.dirty = true;
    if let Some(confirm) = model.confirm_mut() {
        confirm.progress.changed();
    }
}

/// What the console asks for before anything has happened.
pub fn start(model: &mut Model) -> Vec<Effect> {
    settle(model, MovedBy::News);
    let mut effects = vec![Effect::Describe, watch::watch(model, model.at)];
    effects.extend(model.options.intents.clone().map(Effect::Recall));
    if model.screen == Screen::Service {
        effects.push(watch::watch_fleet(model, model.at));
    }
    effects.extend(model.services.selected.as_ref().map(backend::title));
    // Before the first answer is kept.
    effects.splice(0..0, last::start(model));
    effects
}

/// Hearing that nothing is new while all is well changes nothing on screen.
fn is_silent(model: &Model, message: &Message) -> bool {
    let nothing_new = matches!(
        message,
        Message::Service(_, Ok(None))
            | Message::Fleet(Ok(None))
            | Message::Timeline { answer: Ok(None), .. }
    );
    nothing_new && model.link.state == crate::console::model::link::LinkState::Up
}

/// Fits cursors and scrolling to what there is and to the room for it.
fn settle(model: &mut Model, by: MovedBy) {
    model.areas = layout(model);
    let areas = model.areas.clone();
    let height = |pane| areas.rows(pane);
    let builds = ids(&model.builds(), |row| row.build.number);
    model.staging.settle(&builds, None, height(Pane::Staging), by);
    let history = ids(&model.history(), |row| row.deployment.id);
    let live = model.live_deployment();
    model.production.settle(&history, live.as_ref(), height(Pane::Production), by);
    // What a filter leaves is what a person looked for: it stays selected without the filter.
    if model.is_filtered(Some(Pane::Staging)) {
        model.staging.hold();
    }
    if model.is_filtered(Some(Pane::Production)) {
        model.production.hold();
    }
    let freezes = ids(&model.freezes(), |freeze| freeze.id);
    model.freezes.settle(&freezes, None, freeze_rows(model, &areas), by);
    if model.is_plain() {
        model.log.pane.resize(model.size.width, model.size.height);
    } else if let Some(area) = areas.of(Pane::Log) {
        model.log.pane.resize(area.width.saturating_sub(2), area.height.saturating_sub(2));
    }
    changed::settle(model, by);
    if model.screen == Screen::Fleet {
        let services = ids(&model.fleet_rows(), |row| row.service.clone());
        let rows = usize::from(areas.body.height.saturating_sub(3));
        model.services.settle(&services, None, rows, by);
    }
}

/// The ids of rows, by which cursors hold on to them.
fn ids<Row, Id>(rows: &[Row], id: impl Fn(&Row) -> Id) -> Vec<Id> {
    rows.iter().map(id).collect()
}

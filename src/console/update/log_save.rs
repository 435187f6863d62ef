//! Copying lines of the log, and saving them to a file.

use crate::console::actions::action::{InputAction, KeyAction};
use crate::console::effect::{Effect, Outside};
use crate::console::model::log::{LogQuestion, SavedLines};
use crate::console::model::notes::Tone;
use crate::console::model::pane::Pane;
use crate::console::model::{Model, Screen};
use crate::domain::words::counted;

/// Copies the lines that are selected, and ends the selection; `None` where none are.
pub fn copy(model: &mut Model) -> Option<Vec<Effect>> {
    let in_log = model.screen == Screen::Service && model.focus == Pane::Log;
    if !in_log || !model.log.pane.is_selecting() {
        return None;
    }
    let lines = match model.log.pane.selected() {
        Ok(lines) => lines?,
        Err(why) => {
            model.say(Tone::Bad, why);
            return Some(Vec::new());
        }
    };
    model.log.pane.step_back();
    let what = counted(lines.count, "line");
    model.say(Tone::Plain, format!("sent {what} of the log to the terminal's clipboard"));
    Some(vec![Effect::Outside(Outside::Copy(lines.text))])
}

/// Asks for the name of the file, and proposes one.
pub fn ask(model: &mut Model) {
    let Some(source) = &model.log.source else { return };
    let row = model.deployment(source.deployment);
    let step = row.and_then(|row| row.deployment.request.steps.get(source.step));
    let step = step.map_or("log", |step| step.name.as_str());
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    let step: String = step.chars().map(plain).collect();
    let name = format!("{}-{}-{step}.log", source.service, source.deployment);
    let question = if model.log.pane.is_selecting() {
        LogQuestion::SaveSelection
    } else {
        LogQuestion::SaveAll
    };
    model.log.ask(question, &name);
}

/// Saves to the file of this name. A key that came with others writes nothing.
pub fn accept(model: &mut Model, path: String) -> Vec<Effect> {
    model.log.search = None;
    if model.burst.is_now() {
        let key = model.key(&KeyAction::Input(InputAction::Accept));
        let text = format!("saved nothing: keys came together, as in a paste; press {key} alone");
        model.say(Tone::Bad, text);
        return Vec::new();
    }
    let Some(source) = model.log.source.clone().filter(|_| !path.is_empty()) else {
        model.say(Tone::Plain, "saved nothing: the file has no name");
        return Vec::new();
    };
    let lines = match (model.log.question, model.log.pane.selected()) {
        (LogQuestion::SaveSelection, Ok(Some(lines))) => SavedLines::These(lines),
        (LogQuestion::SaveSelection, Ok(None)) => {
            model.say(Tone::Bad, "saved nothing: no lines are selected any more");
            return Vec::new();
        }
        (LogQuestion::SaveSelection, Err(why)) => {
            model.say(Tone::Bad, format!("saved nothing: {why}"));
            return Vec::new();
        }
        _ => SavedLines::Whole,
    };
    if matches!(lines, SavedLines::These(_)) {
        model.log.pane.step_back();
    }
    vec![Effect::SaveLog { source, lines, path }]
}

/// What became of it.
pub fn saved(model: &mut Model, saved: Result<String, String>) -> Vec<Effect> {
    match saved {
        Ok(text) => model.say(Tone::Good, text),
        Err(why) => model.say(Tone::Bad, why),
    }
    Vec::new()
}

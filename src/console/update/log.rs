//! Which log is shown, reading it, and moving through it.

use std::time::Duration;

use crate::backend::backoff;
use crate::backend::{Answer, BackendError};
use crate::console::actions::action::{InputAction, KeyAction};
use crate::console::effect::Effect;
use crate::console::log::{LogCommand, Want};
use crate::console::model::Model;
use crate::console::model::log::{LogChoice, LogQuestion, LogSource};
use crate::console::model::notes::Tone;
use crate::console::update::log_save;
use crate::domain::deployment::{Deployment, StepState};
use crate::domain::ids::{DeploymentId, Environment};
use crate::domain::log::{FilteredPage, FilteredRead, LogFind, LogFrom, LogPage, LogSearch};
use crate::domain::snapshot::DeploymentRow;

/// About how many bytes are read at once.
const READ: usize = 64 * 1024;

/// Lines that come one by one are read as many as come in this time, about as long as a frame.
const PAUSE: Duration = Duration::from_millis(16);

/// Shows the chosen log and asks for the part that the pane needs.
pub fn follow(model: &mut Model) -> Option<Effect> {
    let able = model.description.as_ref().is_none_or(|d| d.capabilities.logs);
    let wanted = wanted(model).filter(|_| able);
    let asked_for = model.log.take_request();
    if wanted != model.log.source {
        if asked_for || !keeps(model, wanted.as_ref()) {
            replace(model, wanted);
        } else if wanted.as_ref().and_then(|w| model.deployment(w.deployment)).is_some_and(runs) {
            model.log.waiting = wanted;
        }
    } else if asked_for {
        model.log.waiting = None;
    }
    let source = model.log.source.clone()?;
    let want = model.log.pane.wants().filter(|want| model.log.asked.as_ref() != Some(want))?;
    model.log.asked = Some(want.clone());
    let backoff = match model.log.failures {
        0 => Duration::ZERO,
        failures => backoff::wait(failures, model.seed()),
    };
    // A backend that is asked again in a while is not asked for a log before.
    let backoff = backoff.max(model.link.retry_in(model.at).unwrap_or_default());
    let soon = model.log.caught_up.filter(|_| match &want {
        Want::Read(from) => matches!(from, LogFrom::After(_)),
        Want::Filter(read) => matches!(read.from, LogFrom::After(_)),
        Want::Search(_) => false,
    });
    let due = (model.at + backoff).max(soon.map_or(model.at, |at| at + PAUSE));
    Some(match want {
        Want::Read(from) => Effect::ReadLog { source, from, limit: READ, due },
        Want::Search(search) => Effect::SearchLog { source, search, due },
        Want::Filter(read) => Effect::FilterLog { source, read, due },
    })
}

fn runs(row: &DeploymentRow) -> bool {
    row.deployment.is_open()
}

fn replace(model: &mut Model, source: Option<LogSource>) {
    model.log.pane.restart();
    model.log.source = source;
    model.log.waiting = None;
    model.log.asked = None;
    model.log.failures = 0;
    model.log.caught_up = None;
}

/// Whether the log on screen stays although another one would be shown: a person reads it. Whoever follows a deployment
/// goes on to its next step.
fn keeps(model: &Model, wanted: Option<&LogSource>) -> bool {
    let Some(source) = &model.log.source else { return false };
    let same = wanted.is_some_and(|wanted| wanted.deployment == source.deployment);
    let same_service = model.service.as_ref().is_some_and(|shown| shown.service == source.service);
    same_service && model.is_reading_log() && (model.log.pane.stands_still() || !same)
}

/// The log that waits, else that of what runs, from its end on.
pub fn show_latest(model: &mut Model) -> Vec<Effect> {
    let waiting = model.log.waiting.as_ref().map(|waiting| waiting.deployment);
    let ended = waiting.and_then(|id| model.deployment(id)).filter(|row| !row.deployment.is_open());
    let choice = match ended.and_then(|row| telling(&row.deployment)) {
        Some((deployment, step)) => LogChoice::Step(deployment, step),
        None => LogChoice::Running,
    };
    model.log.choose(choice);
    model.log.pane.update(LogCommand::Bottom);
    Vec::new()
}

fn wanted(model: &Model) -> Option<LogSource> {
    let service = model.service.as_ref()?.service.clone();
    let (deployment, step) = match model.log.choice() {
        LogChoice::Step(deployment, step) => (deployment, step),
        LogChoice::Selection => telling(&model.selected_deployment()?.deployment)?,
        LogChoice::Running => running(model)?,
    };
    Some(LogSource { service, deployment, step })
}

/// What runs, production first. After its end it stays until something else runs.
fn running(model: &Model) -> Option<(DeploymentId, usize)> {
    let open =
        [Environment::Production, Environment::Staging].into_iter().find_map(|environment| {
            let rows = model.service.iter().flat_map(|service| &service.deployments);
            let mut open = rows.filter(|row| {
                row.deployment.is_open() && row.deployment.request.environment == environment
            });
            open.find_map(|row| telling(&row.deployment))
        });
    let shown = || telling(&model.deployment(model.log.source.as_ref()?.deployment)?.deployment);
    let selected = || telling(&model.selected_deployment()?.deployment);
    open.or_else(shown).or_else(selected)
}

fn telling(deployment: &Deployment) -> Option<(DeploymentId, usize)> {
    Some((deployment.id, deployment.telling_step()?))
}

/// A part of the log came in, or could not be read.
pub fn page(
    model: &mut Model,
    source: &LogSource,
    from: LogFrom,
    answer: Answer<LogPage>,
) -> Vec<Effect> {
    if !is_answer(model, source, &Want::Read(from)) {
        return Vec::new();
    }
    let now = model.now();
    if let Ok(page) = answer {
        model.log.failures = 0;
        model.log.caught_up = (page.next >= page.size).then_some(model.at);
        model.log.pane.feed(from, &page, now);
    } else {
        model.log.failures += 1;
        model.log.pane.interrupted(now);
    }
    Vec::new()
}

/// A search came this far, or could not be made.
pub fn searched(
    model: &mut Model,
    source: &LogSource,
    search: &LogSearch,
    answer: Answer<LogFind>,
) -> Vec<Effect> {
    if !is_answer(model, source, &Want::Search(search.clone())) {
        return Vec::new();
    }
    match answer {
        Ok(find) => {
            model.log.failures = 0;
            model.log.pane.found(search, find);
        }
        Err(BackendError::Refused(refusal)) => {
            model.log.pane.update(LogCommand::GiveUp);
            model.say(Tone::Bad, refusal.to_string());
        }
        Err(_) => model.log.failures += 1,
    }
    Vec::new()
}

/// Lines that pass a filter came in, or could not be read.
pub fn filtered(
    model: &mut Model,
    source: &LogSource,
    read: &FilteredRead,
    answer: Answer<FilteredPage>,
) -> Vec<Effect> {
    if !is_answer(model, source, &Want::Filter(read.clone())) {
        return Vec::new();
    }
    let now = model.now();
    match answer {
        Ok(page) => {
            model.log.failures = 0;
            model.log.caught_up = (page.next >= page.size).then_some(model.at);
            model.log.pane.feed_filtered(read, &page, now);
        }
        Err(BackendError::Refused(refusal)) => {
            model.log.pane.step_out();
            model.say(Tone::Bad, format!("the log cannot be filtered: {refusal}"));
        }
        Err(_) => {
            model.log.failures += 1;
            model.log.pane.interrupted(now);
        }
    }
    Vec::new()
}

/// True if this answers the pending request; clears it.
fn is_answer(model: &mut Model, source: &LogSource, want: &Want) -> bool {
    let is = model.log.source.as_ref() == Some(source) && model.log.asked.as_ref() == Some(want);
    if is {
        model.log.asked = None;
    }
    is
}

/// Gives up a search that is under way; false when none is.
pub fn give_up_search(model: &mut Model) -> bool {
    let is_searching = model.log.pane.is_searching();
    model.log.pane.update(LogCommand::GiveUp);
    is_searching
}

/// The log of the next or previous step that has one.
pub fn step(model: &mut Model, by: isize) -> Vec<Effect> {
    let next = model.log.source.as_ref().and_then(|source| {
        let steps = &model.deployment(source.deployment)?.deployment.steps;
        let step = source.step.checked_add_signed(by)?;
        let ran = matches!(steps.get(step)?, StepState::Running { .. } | StepState::Ended { .. });
        ran.then_some(LogChoice::Step(source.deployment, step))
    });
    match next {
        Some(choice) => model.log.choose(choice),
        None => model.say(Tone::Plain, "no other step has a log"),
    }
    Vec::new()
}

pub fn scroll(model: &mut Model, by: isize) {
    model.log.pane.update(match by {
        isize::MIN => LogCommand::Top,
        isize::MAX => LogCommand::Bottom,
        by if by < 0 => LogCommand::Up(by.unsigned_abs()),
        by => LogCommand::Down(by.unsigned_abs()),
    });
}

pub fn command(model: &mut Model, command: LogCommand) -> Vec<Effect> {
    match command {
        LogCommand::AskFilter => {
            let text = model.log.pane.filter_text().unwrap_or_default().to_owned();
            model.log.ask(LogQuestion::Filter, &text);
        }
        LogCommand::AskSave => log_save::ask(model),
        LogCommand::MoreAround | LogCommand::LessAround
            if model.log.pane.filter_text().is_none() =>
        {
            let key = model.key(&KeyAction::Log(LogCommand::AskFilter));
            model.say(Tone::Plain, format!("it shows lines around those of a filter: {key} first"));
        }
        LogCommand::Left | LogCommand::Right if !model.log.pane.goes_sideways() => {
            model.say(Tone::Plain, "every line here is whole");
        }
        LogCommand::NextMark if !model.log.pane.has_marks() => {
            let key = model.key(&KeyAction::Log(LogCommand::Mark));
            model.say(Tone::Plain, format!("no line is marked; {key} marks one"));
        }
        command => model.log.pane.update(command),
    }
    Vec::new()
}

/// A key while a text is typed under the log.
pub fn search(model: &mut Model, action: Option<&KeyAction>, letter: Option<char>) -> Vec<Effect> {
    let Some(input) = &mut model.log.search else { return Vec::new() };
    match action {
        Some(KeyAction::Input(InputAction::Accept)) => {
            let text = input.as_str().to_owned();
            return accept(model, text);
        }
        Some(KeyAction::Input(InputAction::Cancel)) => {
            model.log.search = None;
            if model.log.question == LogQuestion::Search {
                model.log.pane.update(LogCommand::Search(String::new()));
            }
        }
        Some(KeyAction::Edit(edit)) => input.edit(*edit),
        _ => input.type_letter(letter),
    }
    Vec::new()
}

fn accept(model: &mut Model, text: String) -> Vec<Effect> {
    match model.log.question {
        LogQuestion::Search => model.log.pane.update(LogCommand::Search(text)),
        LogQuestion::Filter => {
            if let Err(why) = model.log.pane.filter_by(&text) {
                model.log.search = None;
                model.say(Tone::Bad, why);
                return Vec::new();
            }
        }
        LogQuestion::SaveAll | LogQuestion::SaveSelection => return log_save::accept(model, text),
    }
    model.log.search = None;
    Vec::new()
}

//! The frame around the log: which step of which deployment it is, how far it is, and where the reader is in it.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Paragraph};

use crate::console::actions::action::KeyAction;
use crate::console::log;
use crate::console::model::Model;
use crate::console::model::pane::Pane;
use crate::console::theme::Role;
use crate::console::view::footer;
use crate::console::view::parts::lines::draw_empty;
use crate::console::view::parts::row::Row;
use crate::console::view::parts::{frame, progress};
use crate::domain::deployment::StepState;
use crate::domain::snapshot::DeploymentRow;
use crate::gate;

pub fn draw(model: &Model, frame: &mut Frame, area: Rect) {
    let theme = &model.options.theme;
    let source = model.log.source.as_ref();
    let shown = source.and_then(|s| Some((model.deployment(s.deployment)?, s.step)));
    let Some((row, step)) = shown else {
        let inner = frame::pane(model, frame, Pane::Log, area, "");
        return draw_empty(model, frame, inner, None, "no step has run yet for the selection");
    };
    let mut right = Vec::new();
    for (text, role) in model.log.pane.title().into_iter().chain(time(model, row, step)) {
        right.push(Span::styled(format!(" {text} "), frame::on_border(theme.style(role))));
    }
    let title = vec![Span::styled(title(row, step), frame::on_border(theme.style(Role::Muted)))];
    let inner = frame::pane_titled(model, frame, Pane::Log, area, title, Line::from(right));
    log::view(&model.log.pane, inner, frame.buffer_mut(), theme, model.now());
    if let Some(waiting) = waiting(model) {
        let row = Row::new(theme, inner.width).own(format!(" {waiting} "), Role::Running);
        let border = Rect { y: inner.bottom(), height: 1, ..inner };
        let width = u16::try_from(row.taken()).unwrap_or(u16::MAX).min(border.width);
        frame.render_widget(Paragraph::new(row.line()), Rect { width, ..border });
    }
}

/// Nothing but the text; the last line is lent to what is typed, to what went wrong until it was seen, and for a moment
/// to what a key says.
pub fn draw_plain(model: &Model, frame: &mut Frame) {
    let area = frame.area();
    let theme = &model.options.theme;
    log::view(&model.log.pane, area, frame.buffer_mut(), theme, model.now());
    if model.toast().is_some() || model.log.search.is_some() {
        let last = Rect { y: area.bottom().saturating_sub(1), height: 1, ..area };
        frame.render_widget(Clear, last);
        footer::draw_context(model, frame, last);
    }
}

/// `#31 started (L shows it)`: what would be shown, if this log were not being read.
fn waiting(model: &Model) -> Option<String> {
    let waiting = model.log.waiting.as_ref()?;
    let shown = model.log.source.as_ref().map(|source| source.deployment);
    let request = &model.deployment(waiting.deployment)?.deployment.request;
    let step = request.steps.get(waiting.step).filter(|_| shown == Some(waiting.deployment));
    let step = step.map_or_else(String::new, |step| format!(" step {}", step.name));
    let key = model.key(&KeyAction::LatestLog);
    Some(format!("{}{step} started ({key} shows it)", request.build))
}

/// `#1291 staging step 2/3 release`.
fn title(row: &DeploymentRow, step: usize) -> String {
    let request = &row.deployment.request;
    let name = request.steps.get(step).map_or("", |spec| spec.name.as_str());
    let name = gate::field(name).clip(20, "~");
    let count = request.steps.len();
    format!("{} {} {}/{count} {name} ", request.build, request.environment, step + 1)
}

fn time(model: &Model, row: &DeploymentRow, step: usize) -> Option<(String, Role)> {
    let expected = row.steps_expected.get(step).copied().flatten();
    let expected = expected.map(std::time::Duration::from_millis);
    match row.deployment.steps.get(step)? {
        StepState::Running { since } => {
            Some(progress::elapsed(model, *since, row.deployment.waited(step), expected))
        }
        StepState::Ended { outcome, .. } => Some((
            outcome.to_string(),
            if *outcome == crate::domain::event::StepOutcome::Succeeded {
                Role::Ok
            } else {
                Role::Danger
            },
        )),
        StepState::Waiting | StepState::Skipped => None,
    }
}

//! The frame around the log: which step of which deployment it is, how far it is, and where the reader is in it.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::console::log;
use crate::console::model::Model;
use crate::console::model::pane::Pane;
use crate::console::theme::Role;
use crate::console::view::parts::lines::draw_empty;
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
        return draw_empty(model, frame, inner, "no step has run yet for the selection");
    };
    let mut right = Vec::new();
    for (text, role) in model.log.pane.title().into_iter().chain(time(model, row, step)) {
        right.push(Span::styled(format!(" {text} "), frame::on_border(theme.style(role))));
    }
    let title = vec![Span::styled(title(row, step), frame::on_border(theme.style(Role::Muted)))];
    let inner = frame::pane_titled(model, frame, Pane::Log, area, title, Line::from(right));
    log::view(&model.log.pane, inner, frame.buffer_mut(), theme, model.now());
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
        StepState::Running { since } => Some(progress::elapsed(model.since(*since), expected)),
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

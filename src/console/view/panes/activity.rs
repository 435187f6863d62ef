//! What people and the engine did, newest first.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::console::model::Model;
use crate::console::model::pane::Pane;
use crate::console::theme::Role;
use crate::console::view::parts::clock::clock;
use crate::console::view::parts::lines::{draw_empty, draw_lines};
use crate::console::view::parts::row::Row;
use crate::console::view::parts::{frame, here, progress, requests};
use crate::domain::deployment::DeploymentState;
use crate::domain::snapshot::DeploymentRow;

/// The most columns of a name; what was done comes after it.
const LONGEST_NAME: usize = 20;

pub fn draw(model: &Model, frame: &mut Frame, area: Rect) {
    let inner = frame::pane(model, frame, Pane::Activity, area, "");
    if model.service.as_ref().is_none_or(|service| service.deployments.is_empty()) {
        return draw_empty(model, frame, inner, None, "nothing was deployed yet");
    }
    draw_lines(frame, inner, lines(model, inner.width), model.scroll.activity);
}

pub fn lines(model: &Model, width: u16) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    for part in [here::lines(model, width), requests::lines(model, width)] {
        if !part.is_empty() {
            lines.extend(part);
            lines.push(Line::default());
        }
    }
    let rows = model.service.iter().flat_map(|service| &service.deployments);
    lines.extend(rows.flat_map(|row| entry(model, row, width)));
    lines
}

/// Who did what when, and below it how it went.
fn entry(model: &Model, row: &DeploymentRow, width: u16) -> [Line<'static>; 2] {
    let theme = &model.options.theme;
    let (deployment, request) = (&row.deployment, &row.deployment.request);
    let (how, role) = match row.state {
        DeploymentState::Succeeded => ("succeeded".to_owned(), Role::Ok),
        DeploymentState::Queued | DeploymentState::Running => progress::of(model, row),
        DeploymentState::Cancelled => ("cancelled".to_owned(), Role::Inactive),
        DeploymentState::Failed | DeploymentState::Interrupted => {
            (deployment.trouble().unwrap_or(row.state.as_str()).to_owned(), Role::Danger)
        }
    };
    let what = format!(" {}", request.action());
    let first = Row::new(theme, width)
        .gap(1)
        .own(format!("{} ", clock(model, deployment.requested_at)), Role::Muted)
        .called_within(&deployment.by.to_string(), LONGEST_NAME, Role::AuthorOther)
        .own(what, Role::Text);
    [first.line(), Row::new(theme, width).gap(3).own(how, role).line()]
}

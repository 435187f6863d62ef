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
use crate::console::view::parts::{frame, here, pace, progress, requests};
use crate::domain::deployment::DeploymentState;
use crate::domain::event::{DeploymentKind, DeploymentRequest};
use crate::domain::ids::Environment;
use crate::domain::snapshot::DeploymentRow;
use crate::domain::time::say;

/// The most columns of a name; what was done comes after it.
const LONGEST_NAME: usize = 10;
/// The most columns of how it went.
const LONGEST_END: usize = 16;

pub fn draw(model: &Model, frame: &mut Frame, area: Rect) {
    let inner = frame::pane(model, frame, Pane::Activity, area, "");
    if model.service.as_ref().is_none_or(|service| service.deployments.is_empty()) {
        return draw_empty(model, frame, inner, None, "nothing was deployed yet");
    }
    draw_lines(frame, inner, lines(model, inner.width), model.scroll.activity);
}

pub fn lines(model: &Model, width: u16) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    let parts =
        [here::lines(model, width), requests::lines(model, width), pace::lines(model, width)];
    for part in parts {
        if !part.is_empty() {
            lines.extend(part);
            lines.push(Line::default());
        }
    }
    let rows = model.service.iter().flat_map(|service| &service.deployments);
    let rows: Vec<_> = rows.collect();
    let time = frame::column(rows.iter().map(|row| clock(model, row.deployment.requested_at)), 12);
    let who = frame::column(rows.iter().map(|row| row.deployment.by.to_string()), LONGEST_NAME);
    lines.extend(rows.into_iter().map(|row| entry(model, row, width, (time, who))));
    lines
}

/// `✓ 14:54 sam       #2 promote                   2m20s`: who did what when, and how it went.
fn entry(
    model: &Model,
    row: &DeploymentRow,
    width: u16,
    (time, who): (usize, usize),
) -> Line<'static> {
    let theme = &model.options.theme;
    let (deployment, request) = (&row.deployment, &row.deployment.request);
    let symbols = &theme.symbols;
    let took = || deployment.took().map_or_else(String::new, say);
    let (glyph, how, role) = match row.state {
        DeploymentState::Succeeded => (symbols.ok, took(), Role::Ok),
        DeploymentState::Queued | DeploymentState::Running => {
            let (how, role) = progress::of(model, row);
            (symbols.running, how, role)
        }
        DeploymentState::Cancelled => (symbols.superseded, "cancelled".to_owned(), Role::Inactive),
        DeploymentState::Failed | DeploymentState::Interrupted => {
            let step =
                deployment.failed_step().map(|step| format!("{} {step}", row.state.as_str()));
            (symbols.failed, step.unwrap_or_else(|| row.state.as_str().to_owned()), Role::Danger)
        }
    };
    let end = Row::new(theme, width).gap(1).called_within(&how, LONGEST_END, role).gap(1);
    Row::new(theme, width)
        .gap(1)
        .own(format!("{glyph} "), role)
        .cell(clock(model, deployment.requested_at), time, Role::Muted)
        .gap(1)
        .called(&deployment.by.to_string(), who, Role::AuthorOther)
        .own(format!(" {}", what(request)), Role::Text)
        .then_right(end, width)
        .line()
}

/// `#7 staging`, `#1 rollback`: the build first, as it is what is looked for.
fn what(request: &DeploymentRequest) -> String {
    match (request.kind, request.environment) {
        (DeploymentKind::Auto, environment) => format!("{} {environment}", request.build),
        (kind, Environment::Production) => format!("{} {kind}", request.build),
        (kind, environment) => format!("{} {kind} in {environment}", request.build),
    }
}

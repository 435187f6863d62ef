//! What is held, or released, with all services.

use ratatui::text::Line;

use crate::console::model::Model;
use crate::console::theme::Role;
use crate::console::view::dialog::paragraph;
use crate::domain::ids::{Seq, ServiceName};
use crate::domain::snapshot::FleetRow;

/// Which services are held, and which are left as they are.
pub fn stop(model: &Model, width: u16) -> Vec<Line<'static>> {
    let rows: Vec<_> = model.fleet.iter().flat_map(|fleet| &fleet.services).collect();
    let (held, open): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| row.hold.is_some());
    let text = format!(
        "holds production of {}: {}. Promotes need an override until the holds are released, together or apart; \
         rollbacks stay allowed",
        count(open.len()),
        names(&open)
    );
    let mut lines = paragraph(model, width, &text, Role::Text);
    for row in held {
        lines.extend(left(model, row, "on hold already, left as it is", width));
    }
    lines.extend(missing(model, width));
    lines
}

/// Which holds end, and which stay.
pub fn release(model: &Model, holds: &[(ServiceName, Seq)], width: u16) -> Vec<Line<'static>> {
    let names: Vec<_> = holds.iter().map(|(service, _)| service.as_str()).collect();
    let text = format!(
        "releases the holds that were placed together, of {}: {}. Promotes are possible again",
        count(holds.len()),
        names.join(", ")
    );
    let mut lines = paragraph(model, width, &text, Role::Text);
    let rows = model.fleet.iter().flat_map(|fleet| &fleet.services);
    for row in rows {
        let is_released = holds.iter().any(|(service, _)| *service == row.service);
        lines.extend(if is_released {
            goes_on(model, row, width)
        } else {
            left(model, row, "stays on hold; release it by itself", width)
        });
    }
    lines
}

/// The wave of a service that begins at once, without a hold.
fn goes_on(model: &Model, row: &FleetRow, width: u16) -> Vec<Line<'static>> {
    let wave = row.wave.as_ref().zip(row.hold.as_ref());
    let begins = wave.and_then(|(wave, hold)| wave.after_release(hold, model.now()));
    let text = begins.map(|begins| format!("{}: {begins}", row.service));
    text.iter().flat_map(|text| paragraph(model, width, text, Role::Warn)).collect()
}

fn left(model: &Model, row: &FleetRow, what: &str, width: u16) -> Vec<Line<'static>> {
    let Some(hold) = &row.hold else { return Vec::new() };
    let text = format!("{}: {what}, by {}: {}", row.service, hold.by, hold.reason);
    paragraph(model, width, &text, Role::Warn)
}

/// A repository that cannot be read may have services that are not held.
fn missing(model: &Model, width: u16) -> Vec<Line<'static>> {
    let problems = model.fleet.iter().flat_map(|fleet| &fleet.problems);
    let text = |what: &str| format!("a service of it may be missing here: {what}");
    problems.flat_map(|of| paragraph(model, width, &text(&of.what), Role::Warn)).collect()
}

fn names(rows: &[&FleetRow]) -> String {
    rows.iter().map(|row| row.service.as_str()).collect::<Vec<_>>().join(", ")
}

fn count(services: usize) -> String {
    if services == 1 { "1 service".to_owned() } else { format!("{services} services") }
}

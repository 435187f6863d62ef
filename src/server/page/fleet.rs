//! The page of all services.

use std::time::Duration;

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::frame::Frame;
use super::text::PageText;
use super::{ZONE, html, not_found};
use crate::api::path;
use crate::backend::Backend;
use crate::domain::caller::Caller;
use crate::domain::snapshot::{FleetRow, FleetSnapshot};
use crate::domain::words::standing;
use crate::server::response::ProblemResponse;
use crate::server::routes::Session;

#[derive(Template)]
#[template(path = "fleet.html")]
struct FleetPage {
    frame: Frame,
    problems: Vec<PageText>,
    rows: Vec<ServiceLine>,
}

/// A service in the list.
struct ServiceLine {
    href: String,
    name: PageText,
    live: PageText,
    ahead: PageText,
    notes: Option<PageText>,
}

/// Shows all services.
#[utoipa::path(
    get,
    path = path::FLEET_PAGE,
    responses((status = 200, description = "The page.", body = String, content_type = "text/html"))
)]
pub(in crate::server) async fn fleet<B: Backend>(
    State(session): State<Session<B>>,
) -> Result<Response, ProblemResponse> {
    let fleet = session.ask(session.backend.fleet(None, Duration::ZERO)).await?;
    Ok(html(&page(&session.caller, &fleet.ok_or_else(|| not_found("there is no fleet"))?)))
}

fn page(caller: &Caller, fleet: &FleetSnapshot) -> FleetPage {
    let row = |row: &FleetRow| {
        let [live, ahead, notes] = standing::in_fleet(row, fleet, ZONE);
        ServiceLine {
            href: path::service_page(&row.service),
            name: PageText::name(row.service.as_str()),
            live: PageText::sentence(live),
            ahead: PageText::sentence(ahead),
            notes: (!notes.is_empty()).then(|| PageText::sentence(notes)),
        }
    };
    let problem = |problem| PageText::sentence(standing::problem(problem, ZONE));
    FleetPage {
        frame: Frame::of(caller, None, None, fleet.at),
        problems: fleet.problems.iter().map(problem).collect(),
        rows: fleet.services.iter().map(row).collect(),
    }
}

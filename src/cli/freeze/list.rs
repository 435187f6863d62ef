//! `trunkline freeze list` and `show`: the freezes in force and the planned ones.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

use crate::backend::Backend as _;
use crate::calendar::{FreezeState, FreezeWindow};
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::output::{Cell, Paint};
use crate::cli::wording::instant;
use crate::cli::{Reading, output};
use crate::domain::ids::{Environment, ServiceName};
use crate::domain::policy::FreezeMode;
use crate::domain::stops::Freeze;
use crate::domain::stops::evaluate_freezes;

/// How far ahead the windows of one freeze are listed.
const YEAR: TimeDelta = TimeDelta::days(366);

/// The document of the list.
#[derive(Serialize)]
struct Listed<'a> {
    service: &'a ServiceName,
    at: DateTime<Utc>,
    state: FreezeState,
    until: Option<DateTime<Utc>>,
    /// By hand.
    freezes: &'a [Freeze],
    /// By calendar.
    windows: Vec<FreezeWindow>,
}

pub async fn all(context: &Context, reading: Reading) -> Result<(), CliError> {
    let service = context.service().await?;
    let snapshot = context.snapshot(&service).await?;
    let now = snapshot.at;
    let standing = evaluate_freezes(&snapshot.calendar, &snapshot.freezes, now);
    let is_open = |window: &FreezeWindow| window.until.is_none_or(|until| until > now);
    let windows: Vec<_> = snapshot.calendar.into_iter().filter(is_open).collect();
    if reading.json {
        let (service, freezes) = (&service, snapshot.freezes.as_slice());
        let (state, until) = (standing.state, standing.until);
        return output::json(&Listed { service, at: now, state, until, freezes, windows });
    }
    let until = standing.lasts_until.map_or(String::new(), |at| format!(" until {}", instant(at)));
    context.out.line(format!("{service} is {}{until}", standing.state.as_str()))?;
    let by_hand = snapshot.freezes.iter().map(by_hand);
    let rows: Vec<_> = by_hand.chain(windows.iter().map(row)).collect();
    context.out.table(&rows)
}

pub async fn one(context: &Context, id: &str, reading: Reading) -> Result<(), CliError> {
    let service = context.service().await?;
    let snapshot = context.snapshot(&service).await?;
    if let Some(freeze) = snapshot.freezes.iter().find(|freeze| freeze.id.to_string() == id) {
        return if reading.json {
            output::json(freeze)
        } else {
            context.out.table(&[by_hand(freeze)])
        };
    }
    let (now, production) = (snapshot.at, Environment::Production);
    let windows = context.backend.freezes(&service, production, now, now + YEAR).await?;
    // One of the service's own file is listed as SERVICE/ID.
    let own = format!("{service}/{id}");
    let is_named = |name: &str| windows.iter().any(|window| window.freeze == name);
    let name = if is_named(id) { id } else { &own };
    let windows: Vec<_> = windows.iter().filter(|window| window.freeze == name).collect();
    if windows.is_empty() {
        let how = "\"trunkline freeze list\" lists them";
        return Err(CliError::failed(format!(
            "no freeze {id:?} is in force or planned within a year; {how}"
        )));
    }
    if reading.json {
        return output::json(&windows);
    }
    context.out.table(&windows.into_iter().map(row).collect::<Vec<_>>())
}

fn by_hand(freeze: &Freeze) -> Vec<Cell> {
    let why = format!("by {}: {}", freeze.by, freeze.reason);
    let until = freeze.until.map_or("lifted".to_owned(), instant);
    vec![
        freeze.id.to_string().into(),
        Paint::Bad.cell("frozen"),
        instant(freeze.from).into(),
        "to".to_owned().into(),
        until.into(),
        why.into(),
    ]
}

pub(super) fn row(window: &FreezeWindow) -> Vec<Cell> {
    let until = window.until.map_or("unknown".to_owned(), instant);
    let why = window.why.strip_prefix(&format!("{}: ", window.freeze)).unwrap_or(&window.why);
    let why =
        if why == window.reason { why.to_owned() } else { format!("{why} ({})", window.reason) };
    let needs = match window.policy {
        FreezeMode::Override => Paint::Bad.cell("frozen"),
        FreezeMode::Warn => Paint::Caution.cell("warn"),
    };
    let (from, to) = (instant(window.from).into(), "to".to_owned().into());
    vec![window.freeze.clone().into(), needs, from, to, until.into(), why.into()]
}

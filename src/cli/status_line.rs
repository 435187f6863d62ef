//! `trunkline status --line`: how production stands in one short line, for tmux and prompts. It starts no engine and waits for
//! nobody: what is not known in time is marked with a `?` and with its age.

use std::time::Duration;

use clap::ValueEnum;
use tokio::time::timeout;

use super::error::CliError;
use super::output::Output;
use super::{Global, connection, context, engine_process};
use crate::backend::Backend;
use crate::backend::last_state::LastStates;
use crate::backend::remote::Remote;
use crate::config::places::Places;
use crate::domain::ids::ServiceName;
use crate::domain::snapshot::alarm::Alarm;
use crate::domain::snapshot::{FleetRow, FleetSnapshot};
use crate::domain::target::differ;
use crate::domain::time;
use crate::domain::watch::{WatchTone, evidence_short, tone};

/// How long the engine may take to answer. The whole command is to take 100 ms.
const PATIENCE: Duration = Duration::from_millis(70);
/// The most services that are named.
const NAMED: usize = 4;

/// How the line is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LineStyle {
    /// Text alone
    Plain,
    /// With the colours of a status line of tmux
    Tmux,
}

/// A word of the line, and how loud it is.
#[derive(Debug, Clone, PartialEq, Eq)]
struct LinePart(String, LineTone);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum LineTone {
    Plain,
    Good,
    Warn,
    Danger,
}

pub async fn run(global: &Global, style: LineStyle) -> Result<(), CliError> {
    let (answer, states) = if let Some(name) = global.of_profile() {
        let places = Places::discover()?;
        let user = connection::settings_for(&places, name)?.user;
        let states = connection::states_of(&places, name, connection::profile(&user, name)?);
        let answer = async {
            let connected = connection::of_profile(&places, &user, name).await.ok()?;
            fleet(&connected.backend).await
        };
        (timeout(PATIENCE, answer).await.ok().flatten(), states)
    } else {
        let places = context::places(global)?;
        let states = connection::local_states(&places, global);
        let socket = places.socket();
        let answer = async {
            if !engine_process::answers(&socket) {
                return None;
            }
            fleet(&Remote::over(socket)).await
        };
        (timeout(PATIENCE, answer).await.ok().flatten(), states)
    };
    let service = global.service.as_ref();
    let line = match answer {
        Some(fleet) => parts(&fleet, service),
        None => last_seen(&states, service),
    };
    Output::new().line(written(&line, style))
}

async fn fleet(backend: &Remote) -> Option<FleetSnapshot> {
    backend.fleet(None, Duration::ZERO).await.ok().flatten()
}

/// What was seen last, with its age.
fn last_seen(states: &LastStates, service: Option<&ServiceName>) -> Vec<LinePart> {
    let unknown = |text: String| LinePart(text, LineTone::Warn);
    match states.fleet() {
        Ok(Some(last)) => {
            let seen = unknown(format!("? {} ago:", time::say(last.age)));
            std::iter::once(seen).chain(parts(&last.what, service)).collect()
        }
        Ok(None) | Err(_) => vec![unknown("? the engine does not answer".into())],
    }
}

fn parts(fleet: &FleetSnapshot, service: Option<&ServiceName>) -> Vec<LinePart> {
    let named = service.and_then(|name| fleet.services.iter().find(|row| row.service == *name));
    match (service, named, fleet.services.as_slice()) {
        (_, Some(row), _) | (None, None, [row]) => of_service(row, fleet),
        (Some(name), None, _) => vec![LinePart(format!("? no service {name}"), LineTone::Warn)],
        (None, None, []) => vec![LinePart("? no service yet".into(), LineTone::Warn)],
        (None, None, rows) => of_all(rows, fleet),
    }
}

/// `shop PROD #27 ok | STG #30 FAILED | frozen`.
fn of_service(row: &FleetRow, fleet: &FleetSnapshot) -> Vec<LinePart> {
    let mut parts = vec![production(row, fleet)];
    parts.extend(notes(row));
    parts
}

fn production(row: &FleetRow, fleet: &FleetSnapshot) -> LinePart {
    let (name, watch) = (&row.service, row.watch.as_deref());
    let Some(live) = &row.live else {
        let (what, tone) = if row.live_unknown {
            ("not known", LineTone::Warn)
        } else {
            ("nothing live", LineTone::Plain)
        };
        return LinePart(format!("{name} PROD {what}"), tone);
    };
    if differ(&row.targets) {
        return LinePart(format!("{name} PROD targets differ"), LineTone::Danger);
    }
    let is_in_doubt = row.alarms.iter().any(|alarm| !matches!(alarm, Alarm::NotInStaging { .. }));
    let short = evidence_short(Some(live), watch, fleet.at);
    let (how, tone) = match (short, tone(row.evidence)) {
        (Some(short), WatchTone::Danger) => (short, LineTone::Danger),
        (Some(short), _) => (short, LineTone::Warn),
        (None, _) if is_in_doubt => ("live", LineTone::Danger),
        (None, WatchTone::Good) => ("ok", LineTone::Good),
        (None, _) => ("live", LineTone::Plain),
    };
    LinePart(format!("{name} PROD {} {how}", live.build), tone)
}

/// What else there is to know, the worst first.
fn notes(row: &FleetRow) -> Vec<LinePart> {
    let mut notes: Vec<_> =
        row.alarms.iter().map(|alarm| LinePart(alarm.short(), LineTone::Danger)).collect();
    if row.incidents.iter().any(|incident| incident.incident.is_open()) {
        notes.push(LinePart("INCIDENT".into(), LineTone::Danger));
    }
    if let Some(running) = &row.running {
        let what = format!("{} {} {}", running.build, running.kind, running.state.as_str());
        notes.push(LinePart(what, LineTone::Warn));
    }
    if row.hold.is_some() {
        notes.push(LinePart("on hold".into(), LineTone::Warn));
    }
    if row.freeze.is_some() || row.calendar.is_some() {
        notes.push(LinePart("frozen".into(), LineTone::Warn));
    }
    match row.problems {
        0 => {}
        1 => notes.push(LinePart("1 problem".into(), LineTone::Warn)),
        more => notes.push(LinePart(format!("{more} problems"), LineTone::Warn)),
    }
    notes
}

/// `12 services | shop STG #30 FAILED | pay frozen`: those of which there is something to know.
fn of_all(rows: &[FleetRow], fleet: &FleetSnapshot) -> Vec<LinePart> {
    let mut parts = vec![LinePart(format!("{} services", rows.len()), LineTone::Plain)];
    let worst = |row: &FleetRow| {
        let LinePart(text, tone) = production(row, fleet);
        let live = Some(LinePart(text, tone)).filter(|_| tone >= LineTone::Warn);
        let note = notes(row).into_iter().next();
        let note =
            note.map(|LinePart(text, tone)| LinePart(format!("{} {text}", row.service), tone));
        note.or(live)
    };
    let mut loud: Vec<_> = rows.iter().filter_map(worst).collect();
    loud.sort_by_key(|LinePart(_, tone)| std::cmp::Reverse(*tone));
    let more = loud.len().saturating_sub(NAMED);
    parts.extend(loud.into_iter().take(NAMED));
    if more > 0 {
        parts.push(LinePart(format!("{more} more"), LineTone::Warn));
    }
    parts
}

fn written(parts: &[LinePart], style: LineStyle) -> String {
    let part = |LinePart(text, tone): &LinePart| {
        let colour = match (style, tone) {
            (LineStyle::Plain, _) | (_, LineTone::Plain) => return text.clone(),
            (LineStyle::Tmux, LineTone::Good) => "green",
            (LineStyle::Tmux, LineTone::Warn) => "yellow",
            (LineStyle::Tmux, LineTone::Danger) => "red",
        };
        format!("#[fg={colour}]{text}#[default]")
    };
    let mut line = String::new();
    for (nth, one) in parts.iter().enumerate() {
        let is_head = nth > 0 && parts[nth - 1].0.ends_with(':');
        let between = if nth == 0 || is_head { "" } else { " |" };
        let space = if nth == 0 { "" } else { " " };
        line.extend([between, space, &part(one)]);
    }
    line
}

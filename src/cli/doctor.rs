//! `trunkline doctor`: checks the programs, folders, engine and services, and says what to do about each fault.

mod notify;
mod record;
mod remote;
mod rollbacks;
mod stored;
mod surroundings;
mod webhooks;
mod workflows;

use std::io::IsTerminal;
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use super::context::places;
use super::engine_lock::{Holder, holder};
use super::engines::{self, FoundEngine};
use super::error::CliError;
use super::output::{self, Output};
use super::{Global, Reading, by_hand, connection, engine_process, zone};
use crate::backend::Backend;
use crate::backend::remote::Remote;
use crate::config::places::Places;
use crate::domain::instant::local;
use crate::domain::snapshot::ServiceSnapshot;
use crate::domain::words;

#[derive(Debug, Args)]
pub struct DoctorArgs {
    #[command(flatten)]
    reading: Reading,
}

/// The result of one check.
#[derive(Debug, Serialize)]
struct Check {
    what: &'static str,
    found: String,
    /// What to do; `None` if nothing is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
}

impl Check {
    fn fine(what: &'static str, found: impl Into<String>) -> Self {
        Self { what, found: found.into(), remedy: None }
    }

    fn wrong(what: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { what, found: found.into(), remedy: Some(remedy.into()) }
    }
}

pub async fn run(global: &Global, arguments: DoctorArgs) -> Result<(), CliError> {
    let places = places(global)?;
    let out = Output::new();
    let mut checks = vec![Check::fine("version", env!("CARGO_PKG_VERSION"))];
    checks.extend(surroundings::programs().await);
    checks.extend(surroundings::places(&places));
    checks.extend(stored::check(&places));
    checks.push(rolling_back_by_hand(global, &places));
    checks.extend(record::check(&places).await);
    checks.push(terminal());
    checks.extend(engine(&places).await);
    checks.extend(other_engines(&places));
    checks.extend(remote::check(&places).await);
    checks.extend(notify::check(&places).await);
    if arguments.reading.json {
        output::json(&checks)?;
    } else {
        out.table(&checks.iter().map(row).collect::<Vec<_>>())?;
    }
    match checks.iter().filter(|check| check.remedy.is_some()).count() {
        0 => Ok(()),
        1 => Err(CliError::failed("1 thing is wrong")),
        wrong => Err(CliError::failed(format!("{wrong} things are wrong"))),
    }
}

fn row(check: &Check) -> Vec<String> {
    let mark = if check.remedy.is_some() { "WRONG" } else { "ok" };
    let remedy = check.remedy.as_ref().map(|remedy| format!("; {remedy}")).unwrap_or_default();
    vec![mark.to_owned(), check.what.to_owned(), format!("{}{remedy}", check.found)]
}

/// Where it says how to roll back while no engine answers.
fn rolling_back_by_hand(global: &Global, places: &Places) -> Check {
    let states = connection::local_states(places, global);
    let (count, folder) = (by_hand::texts(&states).len(), states.texts());
    let found = match count {
        0 => "nothing yet".to_owned(),
        1 => "1 service".to_owned(),
        count => format!("{count} services"),
    };
    let folder = folder.display();
    Check::fine("by hand", format!("{folder} ({found}); how to roll back while no engine answers"))
}

fn terminal() -> Check {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let kind = variable("TERM").unwrap_or_else(|| "unset".to_owned());
    let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok();
    let size = size.map(|size| format!(", {}x{}", size.ws_col, size.ws_row)).unwrap_or_default();
    let output = if std::io::stdout().is_terminal() { "a terminal" } else { "not a terminal" };
    let colour = variable("COLORTERM").map(|value| format!(", COLORTERM={value}"));
    let none = variable("NO_COLOR").map(|_| ", NO_COLOR".to_owned());
    let extra = colour.into_iter().chain(none).collect::<String>();
    let found = format!("{output}, TERM={kind}{size}{extra}");
    if kind == "dumb" {
        Check::wrong("terminal", found, "the console needs a terminal that can move its cursor")
    } else {
        Check::fine("terminal", found)
    }
}

async fn engine(places: &Places) -> Vec<Check> {
    let held = holder(&places.lock()) != Holder::None;
    let socket = places.socket();
    if !engine_process::answers(&socket) {
        return vec![if held {
            let remedy = "run: trunkline engine restart";
            Check::wrong("engine", "is running but does not answer", remedy)
        } else {
            Check::fine("engine", "not running; the next command starts it")
        }];
    }
    let backend = Remote::over(socket);
    match backend.describe().await {
        Ok(found) => {
            let mut checks =
                vec![Check::fine("engine", format!("{} {}", found.backend, found.version))];
            checks.extend(services(&backend).await);
            checks.extend(webhooks::check(&backend).await);
            checks
        }
        Err(error) if held => {
            vec![Check::wrong("engine", error.to_string(), "run: trunkline engine restart")]
        }
        // No process has the lock, so the listener is not this folder's engine.
        Err(error) => {
            let socket = places.socket();
            let remedy = format!("stop the program that listens on {}", socket.display());
            vec![Check::wrong("engine", error.to_string(), remedy)]
        }
    }
}

/// The engines of this user that do not work for this data folder.
fn other_engines(places: &Places) -> Vec<Check> {
    let own = std::fs::canonicalize(&places.data).ok();
    let other = |engine: &FoundEngine| engine.is_lost || Some(&engine.folder) != own.as_ref();
    let check = |FoundEngine { pid, folder, is_lost }| {
        let folder = folder.display();
        if is_lost {
            let found = format!(
                "process id {pid} still runs, and its data folder {folder} was removed or replaced"
            );
            if engines::lost_here().any(|lost| lost.pid == pid) {
                Check::wrong("engine", found, "run: trunkline engine stop")
            } else {
                Check::fine("engine", format!("{found}; its next look at a trunk ends it"))
            }
        } else {
            Check::fine("engine", format!("another one, process id {pid}, for {folder}"))
        }
    };
    engines::all().into_iter().filter(other).map(check).collect()
}

/// Who is on call for a service. That its calendar cannot be read is one of the service's problems.
fn on_call(snapshot: &ServiceSnapshot) -> Option<Check> {
    snapshot.on_call.as_ref().filter(|on_call| on_call.known)?;
    let zone = zone::local();
    let when = |at| local(at, zone);
    let text = words::on_call::sentence(snapshot, &snapshot.present, snapshot.at, zone, when)?;
    Some(Check::fine("on call", format!("{}: {text}", snapshot.service)))
}

/// The problems that the engine reports for itself and for each service.
async fn services(backend: &Remote) -> Vec<Check> {
    let Ok(Some(fleet)) = backend.fleet(None, Duration::ZERO).await else {
        let remedy = "run: trunkline engine restart";
        return vec![Check::wrong("fleet", "the engine sent no list of services", remedy)];
    };
    let mut checks: Vec<_> =
        fleet.problems.into_iter().map(|p| Check::wrong("fleet", p.what, p.remedy)).collect();
    for row in fleet.services {
        let name = row.service;
        let Ok(Some(snapshot)) = backend.service(&name, None, Duration::ZERO).await else {
            continue;
        };
        if snapshot.problems.is_empty() {
            let (trunk, builds) = (snapshot.trunk_in_words(), snapshot.builds_total);
            checks.push(Check::fine("service", format!("{name}: {trunk}, {builds} builds")));
        }
        checks.extend(on_call(&snapshot));
        let of_workflows = workflows::check(backend, &snapshot).await;
        checks.extend(snapshot.problems.into_iter().map(|problem| {
            Check::wrong("service", format!("{name}: {}", problem.what), problem.remedy)
        }));
        checks.extend(rollbacks::check(backend, &name).await);
        checks.extend(of_workflows);
    }
    checks
}

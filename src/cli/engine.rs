//! `trunkline engine`: shows, stops or restarts the engine in the background.

use clap::Subcommand;
use serde::Serialize;

use super::context::places;
use super::engine_lock::{Holder, holder};
use super::engines::FoundEngine;
use super::error::CliError;
use super::listening::{self, ListenArgs};
use super::output::{self, Output};
use super::{Global, Reading, demo, engine_process};
use crate::backend::Backend;
use crate::backend::remote::Remote;
use crate::config::places::Places;
use crate::config::user_file::UserFile;

#[derive(Debug, Clone, Copy, Subcommand)]
pub enum EngineCommand {
    /// Show whether the engine runs, and its version
    Status {
        #[command(flatten)]
        reading: Reading,
    },
    /// Stop the engine; running deployments continue and the next engine takes them over
    Stop,
    /// Stop the engine and start this version
    Restart,
}

/// What `trunkline engine status --json` prints.
#[derive(Debug, Serialize)]
struct EngineDocument {
    running: bool,
    pid: Option<i32>,
    version: Option<String>,
    instance: Option<String>,
    socket: String,
    problem: Option<String>,
}

pub async fn run(global: &Global, command: EngineCommand) -> Result<(), CliError> {
    let places = places(global)?;
    let out = Output::new();
    match command {
        EngineCommand::Status { reading } => status(&places, out, reading).await,
        EngineCommand::Stop => {
            let lost = engine_process::stop_lost().await?;
            match engine_process::stop(&places).await? {
                Some(pid) => out.line(format!("the engine with process id {pid} has stopped"))?,
                None if lost.is_empty() => out.line("the engine was not running")?,
                None => {}
            }
            for engine in lost {
                let FoundEngine { pid, folder, .. } = engine;
                let folder = folder.display();
                out.line(format!(
                    "the engine with process id {pid} has stopped; its data folder {folder} was removed or replaced"
                ))?;
            }
            out.lines(demo_engine(&places).filter(|_| !global.demo))
        }
        EngineCommand::Restart => {
            check(&places).await?;
            engine_process::stop(&places).await?;
            engine_process::ensure_running(&places, global).await?;
            status(&places, out, Reading { json: false }).await
        }
    }
}

/// Checks what an engine reads at its start, before the one that works is ended.
async fn check(places: &Places) -> Result<(), CliError> {
    if holder(&places.lock()) == Holder::None {
        return Ok(());
    }
    let read = async {
        UserFile::load(&places.user_file())?;
        listening::check(ListenArgs::default(), places).await
    };
    read.await.map(drop).map_err(|why| {
        let why = why.sentence();
        CliError::usage(format!("{why}; correct that first: the engine that runs goes on as it is"))
    })
}

/// Says that the demo has an engine of its own, which still runs.
fn demo_engine(places: &Places) -> Option<String> {
    let Holder::Process(pid) = holder(&demo::places(places).lock()) else { return None };
    let pid = pid.map_or("unknown".to_owned(), |pid| pid.to_string());
    Some(format!(
        "the engine of the demo, process id {pid}, still runs; to stop it, run: trunkline --demo engine stop"
    ))
}

async fn status(places: &Places, out: Output, reading: Reading) -> Result<(), CliError> {
    let document = look(places).await;
    if reading.json {
        return output::json(&document);
    }
    let pid = document.pid.map_or("unknown".to_owned(), |pid| pid.to_string());
    match (&document.problem, &document.version) {
        (Some(problem), _) => out.line(format!("process id {pid} runs, but: {problem}")),
        (None, Some(version)) => out
            .line(format!("trunkline {version} runs with process id {pid} on {}", document.socket)),
        (None, None) => out.line("the engine is not running; the next command starts it"),
    }
}

async fn look(places: &Places) -> EngineDocument {
    let socket = places.socket();
    let mut document = EngineDocument {
        running: false,
        pid: None,
        version: None,
        instance: None,
        socket: socket.display().to_string(),
        problem: None,
    };
    let Holder::Process(pid) = holder(&places.lock()) else { return document };
    document.running = true;
    document.pid = pid;
    match Remote::over(socket).describe().await {
        Ok(description) => {
            document.version = Some(description.version);
            document.instance = Some(description.instance);
        }
        Err(error) => document.problem = Some(error.to_string()),
    }
    document
}

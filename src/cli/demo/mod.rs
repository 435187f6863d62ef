//! `trunkline demo`: a practice service with real git and real steps that deploys to local folders.

pub mod colleagues;
mod git;
pub mod presence;
mod repository;
mod story;

use std::fs;
use std::path::Path;
use std::time::Duration;

use clap::Args;
use color_eyre::eyre::{Context as _, Report};
use tokio::time::{Instant, sleep};

use super::engine_lock::EngineLock;
use super::error::CliError;
use super::{Global, console, engine_process};
use crate::config::places::Places;
use crate::engine::runner::local::run::RunFolder;

/// How long the running steps of an old demo may take to stop.
const STOP_TIMEOUT: Duration = Duration::from_secs(15);
const PAUSE: Duration = Duration::from_millis(50);

#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Delete the practice service and start over
    #[arg(long)]
    reset: bool,
}

pub async fn run(global: Global, arguments: DemoArgs) -> Result<(), CliError> {
    console::needs_terminal()?;
    let base = Places::discover()?;
    if arguments.reset {
        remove(&base).await?;
    }
    open(&base, global).await
}

/// Opens the console on the demo. Creates the demo first if there is none.
pub async fn open(base: &Places, global: Global) -> Result<(), CliError> {
    console::needs_terminal()?;
    let places = places(base);
    if !places.user_file().exists() {
        make(base, &places)?;
    }
    let global = Global { demo: true, ..global };
    console::practise(&places, &global).await
}

/// The demo's own folders, separate from those of the real services.
pub fn places(base: &Places) -> Places {
    let folder = base.data.join("demo");
    Places {
        config: folder.join("config"),
        data: folder.join("data"),
        runtime: base.runtime.clone(),
    }
}

/// Creates the demo. The user file is written last, so that an incomplete demo counts as none and is created anew.
fn make(base: &Places, places: &Places) -> Result<(), CliError> {
    let folder = base.data.join("demo");
    clear(&folder)?;
    places.create()?;
    let repository = repository::path(&folder);
    repository::create(&repository, &folder.join("servers"))?;
    let text = repository::user_file(&repository);
    fs::write(places.user_file(), text).wrap_err("cannot write the demo's configuration")?;
    Ok(())
}

async fn remove(base: &Places) -> Result<(), CliError> {
    let places = places(base);
    if !places.data.exists() {
        return clear(&base.data.join("demo"));
    }
    engine_process::stop(&places).await?;
    // Keeps an open console from starting the engine again before the folder is removed.
    let _lock = EngineLock::take(&places.lock()).map_err(Report::new)?;
    stop_runs(&places.data.join("runs")).await;
    clear(&base.data.join("demo"))
}

/// Stops the steps that still run: they would write into the next demo.
async fn stop_runs(runs: &Path) {
    let deadline = Instant::now() + STOP_TIMEOUT;
    while Instant::now() < deadline {
        let mut busy = unfinished(runs).peekable();
        if busy.peek().is_none() {
            return;
        }
        for run in busy {
            if let Err(error) = run.ask_to_stop() {
                tracing::warn!(?run, %error, "cannot stop a step of the old demo");
            }
        }
        sleep(PAUSE).await;
    }
}

/// The runs whose supervisor is still running.
fn unfinished(runs: &Path) -> impl Iterator<Item = RunFolder> {
    let below = |folder: &Path| fs::read_dir(folder).into_iter().flatten().flatten();
    below(runs)
        .flat_map(move |deployment| below(&deployment.path()))
        .map(|step| RunFolder::at(&step.path()))
        .filter(|run| run.is_held().unwrap_or(false))
}

fn clear(folder: &Path) -> Result<(), CliError> {
    if folder.exists() {
        fs::remove_dir_all(folder)
            .wrap_err_with(|| format!("cannot delete the demo in {:?}", folder.display()))?;
    }
    Ok(())
}

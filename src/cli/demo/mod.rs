//! `trunkline demo`: a practice service of one's own, made of real parts, that deploys nowhere.

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

/// How long the steps of an old demo may take to stop.
const QUIET: Duration = Duration::from_secs(15);
const PAUSE: Duration = Duration::from_millis(50);

#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Throw the practice service away and start over
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

/// Opens the console on the demo, making it first where there is none.
pub async fn open(base: &Places, global: Global) -> Result<(), CliError> {
    console::needs_terminal()?;
    let places = places(base);
    if !places.user_file().exists() {
        make(base, &places)?;
    }
    let global = Global { demo: true, ..global };
    let backend = engine_process::ensure_running(&places, &global).await?;
    console::show(backend, &places, &global).await
}

/// The demo's own folders, so that it never meets the services that matter.
pub fn places(base: &Places) -> Places {
    let folder = base.data.join("demo");
    Places {
        config: folder.join("config"),
        data: folder.join("data"),
        runtime: base.runtime.clone(),
    }
}

/// The user file comes last: without it there is no demo, and what a broken attempt left is thrown away.
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
    // A console that is still open would bring the engine back in the middle of this.
    let _alone = EngineLock::take(&places.lock()).map_err(Report::new)?;
    quieten(&places.data.join("runs")).await;
    clear(&base.data.join("demo"))
}

/// Ends the steps that outlived their engine: they would go on writing into the demo that comes next.
async fn quieten(runs: &Path) {
    let deadline = Instant::now() + QUIET;
    while Instant::now() < deadline {
        let mut busy = unfinished(runs).peekable();
        if busy.peek().is_none() {
            return;
        }
        for run in busy {
            if let Err(error) = run.ask_to_stop() {
                tracing::warn!(?run, %error, "a step of the old demo could not be asked to stop");
            }
        }
        sleep(PAUSE).await;
    }
}

/// The runs whose supervisor lives.
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
            .wrap_err_with(|| format!("cannot remove the demo in {:?}", folder.display()))?;
    }
    Ok(())
}

//! `trunkline demo`: a practice service of one's own, made of real parts, that deploys nowhere.

pub mod colleagues;
mod git;
pub mod presence;
mod repository;
mod story;

use std::fs;
use std::path::Path;

use clap::Args;
use color_eyre::eyre::Context as _;

use super::failure::Failure;
use super::{Global, console, engine_process};
use crate::config::places::Places;

#[derive(Debug, Args)]
pub struct Arguments {
    /// Throw the practice service away and start over
    #[arg(long)]
    reset: bool,
}

pub async fn run(global: Global, arguments: Arguments) -> Result<(), Failure> {
    console::needs_terminal()?;
    let base = Places::discover()?;
    if arguments.reset {
        remove(&base).await?;
    }
    open(&base, global).await
}

/// Opens the console on the demo, making it first where there is none.
pub async fn open(base: &Places, global: Global) -> Result<(), Failure> {
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
fn make(base: &Places, places: &Places) -> Result<(), Failure> {
    let folder = base.data.join("demo");
    clear(&folder)?;
    places.create()?;
    let repository = repository::path(&folder);
    repository::create(&repository, &folder.join("servers"))?;
    let text = repository::user_file(&repository);
    fs::write(places.user_file(), text).wrap_err("cannot write the demo's configuration")?;
    Ok(())
}

async fn remove(base: &Places) -> Result<(), Failure> {
    engine_process::stop(&places(base)).await?;
    clear(&base.data.join("demo"))
}

fn clear(folder: &Path) -> Result<(), Failure> {
    if folder.exists() {
        fs::remove_dir_all(folder)
            .wrap_err_with(|| format!("cannot remove the demo in {:?}", folder.display()))?;
    }
    Ok(())
}

//! `trunkline console`, and what `trunkline` alone opens.

use clap::Args;

use super::failure::Failure;
use super::{Global, context, demo, engine_process, trace};
use crate::backend::remote::Remote;
use crate::config::places::Places;
use crate::config::user_file::UserFile;

#[derive(Debug, Clone, Copy, Default, Args)]
pub struct Arguments {}

/// The console, or the demo where nothing is configured.
pub async fn or_demo(global: Global) -> Result<(), Failure> {
    if global.demo {
        return demo::open(&Places::discover()?, global).await;
    }
    let places = Places::discover()?;
    if UserFile::load(&places.user_file())?.services.is_empty() {
        return demo::open(&places, global).await;
    }
    run(global, Arguments::default()).await
}

pub async fn run(global: Global, _: Arguments) -> Result<(), Failure> {
    let places = context::places(&global)?;
    if UserFile::load(&places.user_file())?.services.is_empty() {
        return Err(context::nothing_watched());
    }
    let backend = engine_process::ensure_running(&places, &global).await?;
    show(backend, &places, &global).await
}

/// The console on this backend, until somebody leaves it.
pub async fn show(backend: Remote, places: &Places, global: &Global) -> Result<(), Failure> {
    trace::to_file(&places.data.join("console.log"))?;
    let _ = (backend, global);
    Err(Failure::failed("the console comes"))
}

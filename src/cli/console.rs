//! `trunkline console`, which is also the default without a command.

use clap::Args;
use color_eyre::eyre::{Context as _, Report};

use super::context::Settings;
use super::error::CliError;
use super::{Global, context, demo, engine_process, trace, zone};
use crate::backend::remote::Remote;
use crate::config::places::Places;
use crate::config::user_file::UserFile;
use crate::console::actions::keymap::Keymap;
use crate::console::theme::Theme;
use crate::console::{self, Options};
use crate::fault::{self, Layer};
use crate::terminal::capabilities::{self, ColourChoice};
use crate::terminal::signals;

/// The first message of the demo.
const PRACTICE: &str = "practice service: its steps deploy to local folders only";

#[derive(Debug, Clone, Copy, Default, Args)]
pub struct ConsoleArgs {}

/// Opens the console, or the demo if no service is configured.
pub async fn or_demo(global: Global) -> Result<(), CliError> {
    let base = Places::discover()?;
    let nothing = UserFile::load(&base.user_file()).is_ok_and(|user| user.services.is_empty());
    if global.demo || nothing {
        return demo::open(&base, global).await;
    }
    run(global, ConsoleArgs::default()).await
}

pub async fn run(global: Global, _: ConsoleArgs) -> Result<(), CliError> {
    needs_terminal()?;
    let places = context::places(&global)?;
    context::settings(&places)?;
    let backend = engine_process::ensure_running(&places, &global).await?;
    show(backend, &places, &global).await
}

/// Fails if the console cannot be shown here. Call it before any engine or folder is created.
pub fn needs_terminal() -> Result<(), CliError> {
    capabilities::check().map_err(|unusable| CliError::usage(unusable.to_string()))
}

/// Shows the console until the user leaves it.
pub async fn show(backend: Remote, places: &Places, global: &Global) -> Result<(), CliError> {
    trace::to_file(&places.data.join("console.log"));
    let options = options(&context::settings(places)?, global);
    signals::leave_on_panic();
    fault::here(Layer::Start);
    signals::leave_on_signals().wrap_err("cannot listen to signals")?;
    let options = Options { intents: Some(places.intents()), ..options };
    match console::run(backend, options).await {
        Ok(_) => Ok(()),
        Err(console::Error::NoService(sentence)) => Err(CliError::usage(sentence)),
        Err(why) => Err(Report::new(why).into()),
    }
}

fn options(settings: &Settings, global: &Global) -> Options {
    let user = &settings.user;
    let terminal = capabilities::detect(ColourChoice::Auto);
    let UserFile { emergency_countdown, stale_after, .. } = *user;
    Options {
        service: global.service.clone(),
        several: user.services.len() > 1,
        intents: None,
        emergency_countdown,
        stale_after,
        demo: global.demo,
        zone: zone::local(),
        theme: Theme::terminal(terminal.depth, terminal.charset),
        keymap: Keymap::default(),
        tmux: terminal.tmux,
        notice: settings.mistake.clone().or(global.demo.then(|| PRACTICE.to_owned())),
    }
}

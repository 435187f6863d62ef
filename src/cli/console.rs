//! `trunkline console`, which is also the default without a command.

use clap::Args;
use color_eyre::eyre::{Context as _, Report};

use super::connection::Connected;
use super::context::Settings;
use super::error::CliError;
use super::{Global, connection, context, demo, trace, zone};
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
pub struct ConsoleArgs {
    /// Show everything and act on nothing
    #[arg(long)]
    read_only: bool,
}

/// Opens the console, or the demo if no service is configured.
pub async fn or_demo(global: Global) -> Result<(), CliError> {
    if global.of_profile().is_some() {
        return run(global, ConsoleArgs::default()).await;
    }
    let base = Places::discover()?;
    let nothing = UserFile::load(&base.user_file()).is_ok_and(|user| user.services.is_empty());
    if global.demo || nothing {
        return demo::open(&base, global).await;
    }
    run(global, ConsoleArgs::default()).await
}

pub async fn run(global: Global, arguments: ConsoleArgs) -> Result<(), CliError> {
    needs_terminal()?;
    let (places, settings, connection) = if let Some(name) = global.of_profile() {
        let places = Places::discover()?;
        let user = UserFile::load(&places.user_file())?;
        let connection = connection::of_profile(&places, &user, name).await?;
        // The repositories that this machine watches are not those of the server.
        let user = UserFile { services: Vec::new(), ..user };
        (places, Settings { user, mistake: None }, connection)
    } else {
        let places = context::places(&global)?;
        context::settings(&places)?;
        let connection = connection::local(&places, &global).await?;
        let settings = context::settings(&places)?;
        (places, settings, connection)
    };
    let options = Options { read_only: arguments.read_only, ..options(&settings, &global) };
    show(connection, &places, options).await
}

/// Opens the practice service.
pub async fn practise(places: &Places, global: &Global) -> Result<(), CliError> {
    let connection = connection::local(places, global).await?;
    let options = options(&context::settings(places)?, global);
    show(connection, places, options).await
}

/// Fails if the console cannot be shown here. Call it before any engine or folder is created.
pub fn needs_terminal() -> Result<(), CliError> {
    capabilities::check().map_err(|unusable| CliError::usage(unusable.to_string()))
}

/// Shows the console until the user leaves it.
async fn show(connection: Connected, places: &Places, options: Options) -> Result<(), CliError> {
    places.create()?;
    trace::to_file(&places.data.join("console.log"));
    let Connected { backend, intents } = connection;
    signals::leave_on_panic();
    fault::here(Layer::Start);
    signals::leave_on_signals().wrap_err("cannot listen to signals")?;
    let options = Options { intents: Some(intents), ..options };
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
        profile: global.of_profile().map(str::to_owned),
        read_only: false,
        zone: zone::local(),
        theme: Theme::terminal(terminal.depth, terminal.charset),
        keymap: Keymap::default(),
        tmux: terminal.tmux,
        notice: settings.mistake.clone().or(global.demo.then(|| PRACTICE.to_owned())),
    }
}

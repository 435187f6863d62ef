//! `trunkline console`, which is also the default without a command.

use clap::Args;
use color_eyre::eyre::{Context as _, Report};

use super::connection::Connected;
use super::context::Settings;
use super::error::CliError;
use super::{Global, appearance, connection, context, demo, keys, output, trace, zone};
use crate::backend::last_state::LastStates;
use crate::config::places::Places;
use crate::config::user_file::UserFile;
use crate::console::model::sizes::PaneSizes;
use crate::console::{self, EngineChoice, Exit, KeySource, Options};
use crate::fault::{self, Layer};
use crate::terminal::capabilities;
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

/// Shows the console, and after a switch that of the other engine, until the user leaves it.
pub async fn run(global: Global, arguments: ConsoleArgs) -> Result<(), CliError> {
    needs_terminal()?;
    let (mut global, mut opened) = (global.clone(), open(&global).await?);
    let mut terminal = begin(&opened.places)?;
    loop {
        let Opened { places, connection, options } = opened;
        let options = Options { read_only: arguments.read_only, ..options };
        let Exit::Switch(profile) = show(&mut terminal, connection, &places, options).await? else {
            return Ok(());
        };
        let name = profile.as_deref().unwrap_or(EngineChoice::LOCAL).to_owned();
        output::note(&format!("connecting to {name}"));
        let other = Global { profile, service: None, demo: false, ..global.clone() };
        opened = match open(&other).await {
            Ok(opened) => {
                global = other;
                opened
            }
            // Whoever cannot leave stays where they were.
            Err(why) => {
                let notice = Some(format!("not switched to {name}: {}", why.sentence()));
                let back = open(&global).await?;
                Opened { options: Options { notice, ..back.options }, ..back }
            }
        };
    }
}

/// An engine to show.
struct Opened {
    places: Places,
    connection: Connected,
    options: Options,
}

/// Whether this machine watches a service, as far as that can be told.
fn is_watching(places: &Places) -> bool {
    UserFile::load(&places.user_file()).map_or(true, |user| !user.services.is_empty())
}

async fn open(global: &Global) -> Result<Opened, CliError> {
    if let Some(name) = global.of_profile() {
        let places = Places::discover()?;
        let settings = connection::settings_for(&places, name)?;
        let connection = connection::of_profile(&places, &settings.user, name).await?;
        let options = options(&settings, global, &places, &connection)?;
        return Ok(Opened { places, connection, options });
    }
    let places = context::places(global)?;
    let begun = async {
        context::settings(&places)?;
        let connection = connection::local(&places, global).await?;
        Ok::<_, CliError>((connection, context::settings(&places)?))
    };
    let (connection, settings) = match begun.await {
        Ok(begun) => begun,
        // What was seen last is shown, and how to roll back by hand.
        Err(why) if is_watching(&places) && connection::local_states(&places, global).is_kept() => {
            let notice = Some(why.sentence());
            let settings = Settings { user: UserFile::default(), mistake: notice };
            (connection::local_as_it_is(&places, global, &why), settings)
        }
        Err(why) => return Err(why),
    };
    let options = options(&settings, global, &places, &connection)?;
    Ok(Opened { places, connection, options })
}

/// Opens the practice service.
pub async fn practise(places: &Places, global: &Global) -> Result<(), CliError> {
    let connection = connection::local(places, global).await?;
    let options = options(&context::settings(places)?, global, places, &connection)?;
    let mut terminal = begin(places)?;
    show(&mut terminal, connection, places, options).await.map(drop)
}

/// Fails if the console cannot be shown here. Call it before any engine or folder is created.
pub fn needs_terminal() -> Result<(), CliError> {
    capabilities::check().map_err(|unusable| CliError::usage(unusable.to_string()))
}

/// Prepares this process for a console.
fn begin(places: &Places) -> Result<KeySource, CliError> {
    places.create()?;
    trace::to_file(&places.data.join("console.log"));
    signals::leave_on_panic();
    fault::here(Layer::Start);
    signals::leave_on_signals().wrap_err("cannot listen to signals")?;
    Ok(KeySource::default())
}

/// Shows the console until the user leaves it or switches to another engine.
async fn show(
    keys: &mut KeySource,
    connection: Connected,
    places: &Places,
    options: Options,
) -> Result<Exit, CliError> {
    places.create()?;
    let Connected { backend, intents, .. } = connection;
    let options = Options { intents: Some(intents), ..options };
    match Box::pin(console::run(backend, options, keys)).await {
        Ok(exit) => Ok(exit),
        Err(console::Error::NoService(sentence)) => Err(CliError::usage(sentence)),
        Err(why) => Err(Report::new(why).into()),
    }
}

fn options(
    settings: &Settings,
    global: &Global,
    places: &Places,
    connection: &Connected,
) -> Result<Options, CliError> {
    let user = &settings.user;
    let (theme, themes) = appearance::theme(global)?;
    let UserFile { emergency_countdown, stale_after, .. } = *user;
    // The practice service has places of its own; the fingers are the same.
    let (keymap, keys_trouble) = keys::load(&Places::discover().unwrap_or_else(|_| places.clone()));
    Ok(Options {
        service: global.service.clone(),
        several: user.services.len() > 1,
        intents: None,
        emergency_countdown,
        stale_after,
        demo: global.demo,
        profile: global.of_profile().map(str::to_owned),
        engines: engines(places, global),
        place: connection.states.place.clone(),
        last: Some(connection.states.clone()),
        sizes: PaneSizes::parse(&connection.states.sizes().unwrap_or_default()),
        read_only: false,
        zone: zone::local(),
        theme,
        themes,
        keymap,
        keys_trouble,
        tmux: appearance::terminal().tmux,
        notice: settings.mistake.clone().or(global.demo.then(|| PRACTICE.to_owned())),
    })
}

/// The engines to switch to: that of this machine if it watches something, and the server of each profile.
fn engines(places: &Places, global: &Global) -> Vec<EngineChoice> {
    if global.demo {
        return Vec::new();
    }
    // A mistake about something else hides no profile.
    let Ok((user, _)) = UserFile::load_for_profile(&places.user_file()) else {
        return Vec::new();
    };
    let local = Global { service: None, profile: None, demo: false, ..global.clone() };
    let is_here = global.of_profile().is_none() || is_watching(places);
    let local = is_here.then(|| connection::local_states(places, &local));
    let profiles = user.profiles.iter();
    let profiles = profiles.map(|(name, profile)| connection::states_of(places, name, profile));
    let choice = |states: LastStates| {
        let person = states.person();
        EngineChoice { place: states.place, person }
    };
    let all: Vec<_> = local.into_iter().chain(profiles).map(choice).collect();
    if all.len() > 1 { all } else { Vec::new() }
}

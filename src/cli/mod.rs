//! The command line: parses the arguments, runs one command and returns its exit code.

mod act;
mod adopt;
mod all_services;
mod appearance;
mod arrival;
mod ask;
mod audit;
mod backup;
mod build;
mod builds;
mod by_hand;
mod cancel;
mod changes;
mod completions;
mod confirm;
mod connection;
mod console;
mod context;
mod continue_wave;
mod credential;
mod demo;
mod device_login;
mod doctor;
mod effect;
mod engine;
mod engine_lock;
mod engine_process;
mod engines;
mod error;
mod events;
mod follow;
mod freeze;
mod head_copy;
mod help;
mod history;
mod hold;
mod incident;
mod init;
mod kept;
mod keys;
mod lift;
mod link;
mod listening;
mod login;
mod logs;
mod man;
mod may;
mod migrations;
mod note;
mod notify;
mod output;
mod own_login;
mod plan;
mod promote;
mod quarantine;
mod recall;
mod record;
mod rehearse;
mod release;
mod remedy;
mod requests;
mod restore;
mod retry;
mod rollback;
mod same_key;
mod schema;
mod serve;
mod stats;
mod status;
mod status_line;
mod themes;
mod tick;
mod token;
mod trace;
mod verify;
mod where_is;
mod withdraw;
mod wording;
mod zone;

use std::ffi::OsStr;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, FromArgMatches as _, Parser, Subcommand};
use clap_complete::engine::ArgValueCandidates;

use self::context::Context;
use self::error::CliError;
use crate::config::appearance::{ColourSetting, ThemeName};
use crate::domain::ids::{IdempotencyKey, ServiceName};
use crate::engine::runner::local::start::WITH_VARIABLES;
use crate::gate;

/// The deploy console for trunk-based teams.
///
/// Deploys every merge to staging, promotes a verified build to production and rolls production back.
/// Without a command it opens the console, or the demo if no service is configured.
#[derive(Debug, Parser)]
#[command(name = "trunkline", version, after_long_help = EXIT_CODES)]
pub struct CliArgs {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Option<CliCommand>,
}

const EXIT_CODES: &str = "\
Examples:
  trunkline status
  trunkline promote 1290 --wait
  trunkline rollback

Exit codes: 0 done, 1 failed or not possible now, 2 usage or configuration, 3 refused, 4 the service has changed since \
the plan (plan again), 130 Ctrl-C ended the waiting.

Files: TRUNKLINE_CONFIG_DIR and TRUNKLINE_DATA_DIR move the folders that \"trunkline doctor\" shows.";

/// The options of every command.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// The service; not needed if there is only one, or inside its repository
    #[arg(long, global = true, value_name = "NAME", add = ArgValueCandidates::new(completions::services))]
    pub service: Option<ServiceName>,
    /// Use the server of this profile, see "trunkline login"; serve, engine, init and doctor are about this machine
    #[arg(long, global = true, value_name = "NAME", env = "TRUNKLINE_PROFILE")]
    pub profile: Option<String>,
    /// Use the practice service of "trunkline demo"
    #[arg(long, global = true)]
    pub demo: bool,
    /// The theme of the console, instead of that of config.toml; see "trunkline themes list"
    #[arg(long, global = true, value_name = "NAME", add = ArgValueCandidates::new(completions::themes))]
    pub theme: Option<ThemeName>,
    /// The colours: auto, always, never, 16, 256 or true; before the environment and config.toml
    #[arg(long, global = true, value_name = "WHEN", value_parser = appearance::colour)]
    pub color: Option<ColourSetting>,
}

impl Global {
    /// The profile whose server the command is for. The practice service is always on this machine.
    #[must_use]
    pub fn of_profile(&self) -> Option<&str> {
        self.profile.as_deref().filter(|name| !self.demo && !name.is_empty())
    }
}

/// The options of commands that only read.
#[derive(Debug, Clone, Copy, Args)]
pub struct Reading {
    /// Print JSON: the same documents as the HTTP API, nothing else
    #[arg(long)]
    pub json: bool,
}

/// The options of commands that change something.
#[derive(Debug, Clone, Args)]
pub struct Acting {
    /// A key for this command; a second command with the same key does nothing
    #[arg(long, value_name = "KEY", value_parser = idempotency_key)]
    pub key: Option<IdempotencyKey>,
}

fn idempotency_key(text: &str) -> Result<IdempotencyKey, String> {
    IdempotencyKey::try_from(text.to_owned()).map_err(|invalid| invalid.to_string())
}

#[derive(Debug, Subcommand)]
pub enum CliCommand {
    /// Open the console; this is the default
    Console(console::ConsoleArgs),
    /// Practise on a service that deploys to local folders only
    Demo(demo::DemoArgs),
    /// Write a commented trunkline.toml for this repository and watch it
    Init(init::InitArgs),
    /// Run the deploy engine in this terminal until it is told to stop
    Serve(serve::ServeArgs),
    /// Show, stop or restart the engine in the background
    #[command(subcommand)]
    Engine(engine::EngineCommand),
    /// Show what is live, what is running and what blocks a promote
    Status(status::StatusArgs),
    /// List the builds of the trunk and their states
    Builds(builds::BuildsArgs),
    /// List the deployments to an environment with their outcomes
    History(history::HistoryArgs),
    /// Show how often, how fast and how well a service is delivered
    Stats(stats::StatsArgs),
    /// List the commits that a build would ship, and the newer builds not included
    Changes(changes::ChangesArgs),
    /// Show whether a commit is in staging or in production
    Where(where_is::WhereArgs),
    /// Show what a promote, a rollback or a retry would do, without doing it
    #[command(subcommand)]
    Plan(plan::PlanCommand),
    /// Promote a build to production
    Promote(promote::PromoteArgs),
    /// Roll production back to the build before, or to one you name
    Rollback(rollback::RollbackArgs),
    /// Deploy again what failed or was passed over, without a new commit
    Retry(retry::RetryArgs),
    /// Stop a running deployment
    Cancel(cancel::CancelArgs),
    /// Let the next wave of a deployment begin, which waits between two
    Continue(continue_wave::ContinueArgs),
    /// Try the way back in staging: roll it back, then bring it forward again
    Rehearse(rehearse::RehearseArgs),
    /// Make a build of the trunk's newest commit
    Build(build::BuildArgs),
    /// State which commit production runs; nothing is deployed
    Adopt(adopt::AdoptArgs),
    /// Record that you checked a build in staging
    Verify(verify::VerifyArgs),
    /// Block promotes until the hold is released
    Hold(hold::HoldArgs),
    /// Ask whether a hold or a freeze stands in the way, for other pipelines
    #[command(subcommand)]
    May(may::MayCommand),
    /// Note a change that no deployment made: a flag, a setting, a machine, data
    ///
    /// With "--service all" it is noted for every service.
    Note(note::NoteArgs),
    /// Open, update and resolve incidents, and write their postmortems
    #[command(subcommand)]
    Incident(incident::IncidentCommand),
    /// Ask another promoter to promote a build
    Ask(ask::AskArgs),
    /// List the requests for a promoter and their states
    Requests(requests::RequestsArgs),
    /// Withdraw a request for a promoter
    Withdraw(withdraw::WithdrawArgs),
    /// End a hold
    Release(release::ReleaseArgs),
    /// Tick off what a rollback left behind; without a number, list it
    Tick(tick::TickArgs),
    /// Take a tick back
    Untick(tick::UntickArgs),
    /// List, add or clear bad commits
    #[command(subcommand)]
    Quarantine(quarantine::QuarantineCommand),
    /// Show the freezes; set and lift freezes by hand
    #[command(subcommand)]
    Freeze(freeze::FreezeCommand),
    /// End a freeze that was set by hand
    Lift(lift::LiftArgs),
    /// Judge schema changes before they are merged
    #[command(subcommand)]
    Migrations(migrations::MigrationsCommand),
    /// Print the log of a deployment
    Logs(logs::LogsArgs),
    /// Make a link to the page of a run, or sign a browser in
    Link(link::LinkArgs),
    /// Print the recorded events, and follow new ones
    Events(events::EventsArgs),
    /// Read, export and verify the audit log
    Audit(audit::AuditArgs),
    /// Copy the record into one checked file, also while the engine runs
    ///
    /// The file has the events, the receipts, the known services and the hashes of tokens. It does not have the logs of
    /// steps, the checkouts and mirrors, the settings and the secrets.
    Backup(backup::BackupArgs),
    /// Make a backup the record, while no engine runs; what was there is kept aside
    ///
    /// What was deployed after the backup is not known then: production is in doubt until somebody states what it runs
    /// ("trunkline adopt") or deploys, and what was open is interrupted.
    Restore(restore::RestoreArgs),
    /// Sign in to the server of a team
    Login(login::LoginArgs),
    /// End the session of a profile, and remove its token from this machine
    Logout,
    /// Show who you are to the engine, and what that allows
    Whoami {
        #[command(flatten)]
        reading: Reading,
    },
    /// List, make and revoke the tokens that open a server
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// Try the places that are told what happens, and show what was not told
    #[command(subcommand)]
    Notify(notify::NotifyCommand),
    /// List, show and check the looks of the console
    #[command(subcommand)]
    Themes(themes::ThemesCommand),
    /// Check the installation: programs, folders, engine and services
    Doctor(doctor::DoctorArgs),
    /// Show which key does what in the console, and check a file with keys of your own
    Keys(keys::KeysArgs),
    /// Print a completion script for a shell
    Completions(completions::CompletionsArgs),
    /// Print the manual page of a command, or write all of them
    Man(man::ManArgs),
    /// Run one step of a deployment; the engine calls this
    #[command(hide = true)]
    Supervise {
        folder: PathBuf,
        #[arg(value_parser = [WITH_VARIABLES])]
        variables: Option<String>,
    },
}

/// Parses the arguments, runs the command and returns the exit code.
#[must_use]
pub fn main() -> ExitCode {
    completions::answer();
    let parsed = help::command().try_get_matches();
    let arguments = match parsed.and_then(|found| CliArgs::from_arg_matches(&found)) {
        Ok(arguments) => arguments,
        Err(error) => return usage(&error),
    };
    if let Some(CliCommand::Supervise { folder, variables }) = &arguments.command {
        return crate::engine::runner::local::supervisor::run(folder, variables.is_some());
    }
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

/// Prints help or the version to standard output, and any other clap error as a usage error.
fn usage(error: &clap::Error) -> ExitCode {
    if error.use_stderr() {
        print_usage_error(error);
        return ExitCode::from(error::USAGE);
    }
    match error.print().and_then(|()| io::stdout().flush()).map_err(CliError::from) {
        Ok(()) => ExitCode::from(error::DONE),
        Err(failure) => failure.report(),
    }
}

/// Prints clap's message, without colours if an argument has hidden characters: they must pass the gate. If standard
/// error is closed, only the exit code remains.
fn print_usage_error(error: &clap::Error) {
    if std::env::args_os().any(|argument| has_hidden(&argument)) {
        let message = error.render().to_string();
        for line in message.lines() {
            let _ = writeln!(io::stderr(), "{}", gate::line(line));
        }
    } else {
        let _ = error.print();
    }
}

/// True if the argument has characters that are unsafe on a terminal.
fn has_hidden(argument: &OsStr) -> bool {
    argument.to_string_lossy().chars().any(gate::is_hidden)
}

fn run(arguments: CliArgs) -> Result<(), CliError> {
    let CliArgs { global, command } = arguments;
    remedy::lead_to_same_place(&global);
    appearance::begin(&global);
    let threads = matches!(command, Some(CliCommand::Serve(_)));
    let mut runtime = if threads {
        tokio::runtime::Builder::new_multi_thread()
    } else {
        tokio::runtime::Builder::new_current_thread()
    };
    let runtime = runtime.enable_all().build()?;
    let done = runtime.block_on(dispatch(global, command));
    // Does not wait for a thread that still reads standard input.
    runtime.shutdown_background();
    done
}

async fn dispatch(global: Global, command: Option<CliCommand>) -> Result<(), CliError> {
    let Some(command) = command else { return console::or_demo(global).await };
    let (connected, acting) = (Context::connect, recall::connect);
    match command {
        CliCommand::Console(arguments) => console::run(global, arguments).await,
        CliCommand::Demo(arguments) => demo::run(global, arguments).await,
        CliCommand::Init(arguments) => init::run(&global, &arguments).await,
        CliCommand::Serve(arguments) => serve::run(global, arguments).await,
        CliCommand::Engine(command) => engine::run(&global, command).await,
        CliCommand::Status(status::StatusArgs { line: Some(style), .. }) => {
            status_line::run(&global, style).await
        }
        CliCommand::Status(arguments) => status::run(&connected(global).await?, arguments).await,
        CliCommand::Builds(arguments) => builds::run(&connected(global).await?, arguments).await,
        CliCommand::History(arguments) => history::run(&connected(global).await?, arguments).await,
        CliCommand::Stats(arguments) => stats::run(&connected(global).await?, arguments).await,
        CliCommand::Changes(arguments) => changes::run(&connected(global).await?, arguments).await,
        CliCommand::Where(arguments) => where_is::run(&connected(global).await?, arguments).await,
        CliCommand::Plan(command) => {
            let run = async |global| plan::run(&connected(global).await?, command).await;
            by_hand::hint(&global, run(global.clone()).await)
        }
        CliCommand::Promote(arguments) => promote::run(&acting(global).await?, arguments).await,
        CliCommand::Rollback(arguments) => {
            let run = async |global| rollback::run(&acting(global).await?, arguments).await;
            by_hand::hint(&global, run(global.clone()).await)
        }
        CliCommand::Retry(arguments) => retry::run(&acting(global).await?, arguments).await,
        CliCommand::Cancel(arguments) => cancel::run(&acting(global).await?, arguments).await,
        CliCommand::Continue(arguments) => {
            continue_wave::run(&acting(global).await?, arguments).await
        }
        CliCommand::Rehearse(arguments) => rehearse::run(&acting(global).await?, arguments).await,
        CliCommand::Build(arguments) => build::run(&acting(global).await?, arguments).await,
        CliCommand::Adopt(arguments) => adopt::run(&acting(global).await?, arguments).await,
        CliCommand::Verify(arguments) => verify::run(&acting(global).await?, arguments).await,
        CliCommand::Hold(arguments) => hold::run(&acting(global).await?, arguments).await,
        CliCommand::May(command) => may::run(&connected(global).await?, command).await,
        CliCommand::Note(arguments) => note::run(&acting(global).await?, arguments).await,
        CliCommand::Incident(command) => incident::run(global, command).await,
        CliCommand::Release(arguments) => release::run(&acting(global).await?, arguments).await,
        CliCommand::Tick(arguments) => tick::tick(&acting(global).await?, arguments).await,
        CliCommand::Untick(arguments) => tick::untick(&acting(global).await?, arguments).await,
        CliCommand::Quarantine(command) => quarantine::run(&acting(global).await?, command).await,
        CliCommand::Ask(arguments) => ask::run(&acting(global).await?, arguments).await,
        CliCommand::Requests(arguments) => {
            requests::run(&connected(global).await?, arguments).await
        }
        CliCommand::Withdraw(arguments) => withdraw::run(&acting(global).await?, arguments).await,
        CliCommand::Freeze(command) => freeze::run(global, command).await,
        CliCommand::Lift(arguments) => lift::run(&acting(global).await?, arguments).await,
        CliCommand::Migrations(command) => migrations::run(command).await,
        CliCommand::Logs(arguments) => logs::run(&connected(global).await?, arguments).await,
        CliCommand::Link(arguments) => link::run(&connected(global).await?, arguments).await,
        CliCommand::Events(arguments) => events::run(&connected(global).await?, arguments).await,
        CliCommand::Audit(arguments) => audit::run(global, arguments).await,
        CliCommand::Backup(arguments) => backup::run(&global, &arguments),
        CliCommand::Restore(arguments) => restore::run(&global, &arguments),
        CliCommand::Login(arguments) => login::login(&global, arguments).await,
        CliCommand::Logout => login::logout(&global).await,
        CliCommand::Whoami { reading } => login::who_am_i(&connected(global).await?, reading).await,
        CliCommand::Token(command) => token::run(&connected(global).await?, command).await,
        CliCommand::Notify(command) => notify::run(&global, command).await,
        CliCommand::Themes(command) => themes::run(&global, command),
        CliCommand::Doctor(arguments) => doctor::run(&global, arguments).await,
        CliCommand::Keys(arguments) => keys::run(&arguments),
        CliCommand::Completions(arguments) => completions::run(arguments),
        CliCommand::Man(arguments) => man::run(&arguments),
        CliCommand::Supervise { folder, .. } => {
            Err(CliError::usage(format!("only the engine may supervise {:?}", folder.display())))
        }
    }
}

//! The command line: arguments become one command, and how it ends becomes an exit code.

mod act;
mod ask;
mod audit;
mod builds;
mod cancel;
mod changes;
mod completions;
mod confirm;
mod console;
mod context;
mod demo;
mod doctor;
mod engine;
mod engine_lock;
mod engine_process;
mod error;
mod events;
mod follow;
mod freeze;
mod history;
mod hold;
mod init;
mod lift;
mod login;
mod logs;
mod man;
mod migrations;
mod output;
mod plan;
mod promote;
mod quarantine;
mod recall;
mod record;
mod release;
mod remedy;
mod requests;
mod retry;
mod rollback;
mod schema;
mod serve;
mod status;
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

use clap::{Args, Parser, Subcommand};

use self::context::Context;
use self::error::CliError;
use crate::domain::ids::{IdempotencyKey, ServiceName};
use crate::gate;

/// The deploy console for trunk-based teams.
///
/// Watches every merge travel to staging, promotes a verified build to production and rolls production back.
/// Without a command it opens the console; where nothing is configured yet it opens the demo.
#[derive(Debug, Parser)]
#[command(name = "trunkline", version, after_long_help = EXIT_CODES)]
pub struct CliArgs {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Option<CliCommand>,
}

const EXIT_CODES: &str = "\
Exit codes: 0 done, 1 failed, 2 usage or configuration, 3 refused by policy, 4 the world changed since you looked \
(plan again).

Files: TRUNKLINE_CONFIG_DIR and TRUNKLINE_DATA_DIR move the folders that \"trunkline doctor\" shows.";

/// What every command understands.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// The service to look at or act on; not needed when there is one, nor inside its repository
    #[arg(long, global = true, value_name = "NAME")]
    pub service: Option<ServiceName>,
    /// Talk to the practice service of "trunkline demo"
    #[arg(long, global = true)]
    pub demo: bool,
}

/// Of commands that only look.
#[derive(Debug, Clone, Copy, Args)]
pub struct Reading {
    /// Print JSON: the same documents as the HTTP API, nothing else
    #[arg(long)]
    pub json: bool,
}

/// Of commands that change something.
#[derive(Debug, Clone, Args)]
pub struct Acting {
    /// A name for this intent, 8 to 64 letters and digits; the same one never acts twice
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
    /// Practise on a service of your own that deploys nowhere
    Demo(demo::DemoArgs),
    /// Write a commented trunkline.toml for this repository and watch it
    Init(init::InitArgs),
    /// Run the deploy engine here until it is told to stop
    Serve(serve::ServeArgs),
    /// Look at the engine in the background, stop it or start it again
    #[command(subcommand)]
    Engine(engine::EngineCommand),
    /// What is live, what is next and what is in the way
    Status(status::StatusArgs),
    /// The builds of the trunk and how far each has come
    Builds(builds::BuildsArgs),
    /// What was deployed, by whom and how it went
    History(history::HistoryArgs),
    /// What a build brings to production, commit by commit, and what is not in it
    Changes(changes::ChangesArgs),
    /// Where a commit is: its build, staging, production
    Where(where_is::WhereArgs),
    /// Everything that a promote or rollback would do, without doing it
    #[command(subcommand)]
    Plan(plan::PlanCommand),
    /// Put a build into production
    Promote(promote::PromoteArgs),
    /// Put production back to the build before, or to one you name
    Rollback(rollback::RollbackArgs),
    /// Stop a running deployment
    Cancel(cancel::CancelArgs),
    /// Say that you saw a build work in staging
    Verify(verify::VerifyArgs),
    /// Stop promotes until somebody releases them
    Hold(hold::HoldArgs),
    /// Ask for somebody else to promote a build
    Ask(ask::AskArgs),
    /// Who asks for a promoter, and what became of it
    Requests(requests::RequestsArgs),
    /// Take a request for a promoter back
    Withdraw(withdraw::WithdrawArgs),
    /// End a hold
    Release(release::ReleaseArgs),
    /// The commits that are known to be bad
    #[command(subcommand)]
    Quarantine(quarantine::QuarantineCommand),
    /// What the freezes say, and freezes set and lifted by hand
    #[command(subcommand)]
    Freeze(freeze::FreezeCommand),
    /// End a freeze
    Lift(lift::LiftArgs),
    /// Judge schema changes before they are merged
    #[command(subcommand)]
    Migrations(migrations::MigrationsCommand),
    /// The log of a deployment, of all its steps or of one
    Logs(logs::LogsArgs),
    /// The recorded events: history, audit log and live stream in one
    Events(events::EventsArgs),
    /// The audit log: who did what, and whether the record is whole
    Audit(audit::AuditArgs),
    /// Where everything is, and what is wrong with it
    Doctor(doctor::DoctorArgs),
    /// Print a completion script for a shell
    Completions(completions::CompletionsArgs),
    /// Print the manual page
    Man,
    /// Run one step of a deployment; the engine calls this
    #[command(hide = true)]
    Supervise { folder: PathBuf },
}

/// Reads the arguments, does what they say and answers with the exit code.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = match CliArgs::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return usage(&error),
    };
    if let Some(CliCommand::Supervise { folder }) = &arguments.command {
        return crate::engine::runner::local::supervisor::run(folder);
    }
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

/// Help and version are answers; everything else is a mistake in the arguments.
fn usage(error: &clap::Error) -> ExitCode {
    if error.use_stderr() {
        complain(error);
        return ExitCode::from(error::USAGE);
    }
    match error.print().and_then(|()| io::stdout().flush()).map_err(CliError::from) {
        Ok(()) => ExitCode::from(error::DONE),
        Err(failure) => failure.report(),
    }
}

/// Where even this cannot be said, the exit code has to do.
fn complain(error: &clap::Error) {
    if std::env::args_os().any(|argument| is_hostile(&argument)) {
        let mistake = error.render().to_string();
        for line in mistake.lines() {
            let _ = writeln!(io::stderr(), "{}", gate::line(line));
        }
    } else {
        let _ = error.print();
    }
}

/// Whether a complaint that quotes it could not be printed as it is.
fn is_hostile(argument: &OsStr) -> bool {
    argument.to_string_lossy().chars().any(gate::is_hidden)
}

fn run(arguments: CliArgs) -> Result<(), CliError> {
    let CliArgs { global, command } = arguments;
    let threads = matches!(command, Some(CliCommand::Serve(_)));
    let mut runtime = if threads {
        tokio::runtime::Builder::new_multi_thread()
    } else {
        tokio::runtime::Builder::new_current_thread()
    };
    let runtime = runtime.enable_all().build()?;
    let done = runtime.block_on(dispatch(global, command));
    // A thread that still reads standard input must not keep the process.
    runtime.shutdown_background();
    done
}

async fn dispatch(global: Global, command: Option<CliCommand>) -> Result<(), CliError> {
    let Some(command) = command else { return console::or_demo(global).await };
    let (connected, acting) = (Context::connect, recall::connect);
    match command {
        CliCommand::Console(arguments) => console::run(global, arguments).await,
        CliCommand::Demo(arguments) => demo::run(global, arguments).await,
        CliCommand::Init(arguments) => init::run(&global, &arguments),
        CliCommand::Serve(arguments) => serve::run(global, arguments).await,
        CliCommand::Engine(command) => engine::run(&global, command).await,
        CliCommand::Status(arguments) => status::run(&connected(global).await?, arguments).await,
        CliCommand::Builds(arguments) => builds::run(&connected(global).await?, arguments).await,
        CliCommand::History(arguments) => history::run(&connected(global).await?, arguments).await,
        CliCommand::Changes(arguments) => changes::run(&connected(global).await?, arguments).await,
        CliCommand::Where(arguments) => where_is::run(&connected(global).await?, arguments).await,
        CliCommand::Plan(command) => plan::run(&connected(global).await?, command).await,
        CliCommand::Promote(arguments) => promote::run(&acting(global).await?, arguments).await,
        CliCommand::Rollback(arguments) => rollback::run(&acting(global).await?, arguments).await,
        CliCommand::Cancel(arguments) => cancel::run(&acting(global).await?, arguments).await,
        CliCommand::Verify(arguments) => verify::run(&acting(global).await?, arguments).await,
        CliCommand::Hold(arguments) => hold::run(&acting(global).await?, arguments).await,
        CliCommand::Release(arguments) => release::run(&acting(global).await?, arguments).await,
        CliCommand::Quarantine(verb) => quarantine::run(&acting(global).await?, verb).await,
        CliCommand::Ask(arguments) => ask::run(&acting(global).await?, arguments).await,
        CliCommand::Requests(arguments) => {
            requests::run(&connected(global).await?, arguments).await
        }
        CliCommand::Withdraw(arguments) => withdraw::run(&acting(global).await?, arguments).await,
        CliCommand::Freeze(command) => freeze::run(global, command).await,
        CliCommand::Lift(arguments) => lift::run(&acting(global).await?, arguments).await,
        CliCommand::Migrations(command) => migrations::run(command).await,
        CliCommand::Logs(arguments) => logs::run(&connected(global).await?, arguments).await,
        CliCommand::Events(arguments) => events::run(&connected(global).await?, arguments).await,
        CliCommand::Audit(arguments) => audit::run(global, arguments).await,
        CliCommand::Doctor(arguments) => doctor::run(&global, arguments).await,
        CliCommand::Completions(arguments) => completions::run(arguments),
        CliCommand::Man => man::run(),
        CliCommand::Supervise { folder } => {
            Err(CliError::usage(format!("{} is for the engine alone", folder.display())))
        }
    }
}

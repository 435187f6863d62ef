//! `trunkline completions`: prints a script that lets a shell ask this program for what can be typed next. What only
//! the engine knows comes from the running one, quickly or not at all: completing starts no engine.

use std::ffi::OsString;
use std::io::{self, Write};
use std::time::Duration;

use clap::{Args, ValueEnum};
use clap_complete::engine::CompletionCandidate;
use clap_complete::env::Shells;
use clap_complete::{CompleteEnv, Shell};

use super::error::CliError;
use super::{appearance, context, demo, engine_process, help};
use crate::backend::Backend as _;
use crate::backend::remote::Remote;
use crate::config::places::Places;
use crate::domain::ids::ServiceName;
use crate::domain::plan::Guard;
use crate::domain::snapshot::{FleetSnapshot, ServiceSnapshot};
use crate::gate;

/// The variable by which the script asks. A common name such as COMPLETE could be set for another program.
const VARIABLE: &str = "TRUNKLINE_COMPLETE";
/// How long the engine may take to tell what can be typed.
const PATIENCE: Duration = Duration::from_millis(500);

#[derive(Debug, Clone, Copy, Args)]
pub struct CompletionsArgs {
    /// The shell; in bash and zsh load the script with: source <(trunkline completions bash)
    shell: Shell,
}

pub fn run(arguments: CompletionsArgs) -> Result<(), CliError> {
    let name =
        arguments.shell.to_possible_value().map_or(String::new(), |v| v.get_name().to_owned());
    let shells = Shells::builtins();
    let shell = shells
        .completer(&name)
        .ok_or_else(|| CliError::usage(format!("there are no completions for {name:?}")))?;
    // Writing the finished script returns an error on a closed pipe.
    let mut script = Vec::new();
    shell.write_registration(VARIABLE, "trunkline", "trunkline", "trunkline", &mut script)?;
    Ok(io::stdout().lock().write_all(&script)?)
}

/// Answers the script's question and ends the process, if this is one.
pub fn answer() {
    CompleteEnv::with_factory(help::command).var(VARIABLE).complete();
}

pub fn services() -> Vec<CompletionCandidate> {
    let fleet = ask(|remote| async move { fleet(&remote).await });
    let rows = fleet.into_iter().flat_map(|fleet| fleet.services);
    rows.map(|row| candidate(row.service.as_str(), None)).collect()
}

pub fn builds() -> Vec<CompletionCandidate> {
    from_service(|service| {
        let build = |row: &crate::domain::snapshot::BuildRow| {
            let about = format!("{}: {}", row.state.as_str(), row.build.subject());
            candidate(&row.build.number.0.to_string(), Some(&about))
        };
        service.builds.iter().map(build).collect()
    })
}

pub fn deployments() -> Vec<CompletionCandidate> {
    from_service(|service| {
        let all = service.deployments.iter().map(|row| &row.deployment);
        let about = |d: &crate::domain::deployment::Deployment| {
            let request = &d.request;
            let (kind, state) = (request.kind, d.state().as_str());
            format!("{kind} of {} to {}, {state}", request.build, request.environment)
        };
        all.map(|d| candidate(&d.id.to_string(), Some(&about(d)))).collect()
    })
}

/// The steps of the listed deployments.
pub fn steps() -> Vec<CompletionCandidate> {
    from_service(|service| {
        let all = service.deployments.iter().flat_map(|row| &row.deployment.request.steps);
        once(all.map(|step| step.name.as_str()))
    })
}

/// Everybody who is in `[people]`, and the engine itself.
pub fn people() -> Vec<CompletionCandidate> {
    from_service(|service| {
        let names = service.people.people.keys().map(String::as_str);
        once(names.chain(["trunkline"]))
    })
}

/// The freezes set by hand, and with `--service` or in its folder those of the calendar.
pub fn freezes() -> Vec<CompletionCandidate> {
    from_service(|service| {
        let by_hand = service.freezes.iter();
        let by_hand = by_hand.map(|f| candidate(&f.id.to_string(), Some(&f.reason)));
        by_hand.chain(once(service.calendar.iter().map(|window| window.freeze.as_str()))).collect()
    })
}

/// The freezes that can be lifted.
pub fn freezes_by_hand() -> Vec<CompletionCandidate> {
    from_service(|service| {
        let all = service.freezes.iter();
        all.map(|freeze| candidate(&freeze.id.to_string(), Some(&freeze.reason))).collect()
    })
}

/// The open requests for a promoter.
pub fn requests() -> Vec<CompletionCandidate> {
    from_service(|service| {
        let open = service.requests.iter().filter(|request| request.is_open(service.at));
        open.map(|r| candidate(&r.id.to_string(), Some(&format!("{} by {}", r.build, r.by))))
            .collect()
    })
}

/// The themes of this user and those that come with the program.
pub fn themes() -> Vec<CompletionCandidate> {
    let offers = appearance::library().map(|library| library.offers()).unwrap_or_default();
    offers.iter().map(|offer| candidate(offer.name.as_str(), Some(&offer.about))).collect()
}

/// `author=`, `soak=` and so on, for `--reason`.
pub fn guards() -> Vec<CompletionCandidate> {
    Guard::ALL.iter().map(|guard| candidate(&format!("{guard}="), None)).collect()
}

/// Each name once, in their order.
fn once<'a>(names: impl Iterator<Item = &'a str>) -> Vec<CompletionCandidate> {
    let mut seen = Vec::new();
    for name in names {
        if !seen.contains(&name) {
            seen.push(name);
        }
    }
    seen.into_iter().map(|name| candidate(name, None)).collect()
}

/// What others wrote goes through the gate: the shell prints it.
fn candidate(value: &str, about: Option<&str>) -> CompletionCandidate {
    let about = about.map(|about| gate::line(about).into());
    CompletionCandidate::new(OsString::from(gate::line(value))).help(about)
}

fn from_service(
    candidates: impl FnOnce(&ServiceSnapshot) -> Vec<CompletionCandidate>,
) -> Vec<CompletionCandidate> {
    let snapshot = ask(|remote| async move {
        let service = service(&remote).await?;
        remote.service(&service, None, Duration::ZERO).await.ok()?
    });
    snapshot.map_or_else(Vec::new, |snapshot| candidates(&snapshot))
}

/// Asks the engine that runs. Without one, or without its answer in time, there is none.
fn ask<T, F: Future<Output = Option<T>>>(question: impl FnOnce(Remote) -> F) -> Option<T> {
    // The engine of this machine knows nothing of the server of a profile.
    let of_profile = |word: String| word == "--profile" || word.starts_with("--profile=");
    if std::env::args().any(of_profile) || std::env::var_os("TRUNKLINE_PROFILE").is_some() {
        return None;
    }
    let base = Places::discover().ok()?;
    let demo = std::env::args_os().any(|word| word == "--demo");
    let socket = if demo { demo::places(&base).socket() } else { base.socket() };
    if !engine_process::answers(&socket) {
        return None;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
    let answer = async { tokio::time::timeout(PATIENCE, question(Remote::over(socket))).await };
    runtime.block_on(answer).ok()?
}

async fn fleet(remote: &Remote) -> Option<FleetSnapshot> {
    remote.fleet(None, Duration::ZERO).await.ok()?
}

/// The service on the line, the only one, or the one of this folder.
async fn service(remote: &Remote) -> Option<ServiceName> {
    if let Some(named) = on_the_line() {
        return Some(named);
    }
    let mut names: Vec<_> = fleet(remote).await?.services.into_iter().map(|r| r.service).collect();
    if names.len() == 1 {
        return names.pop();
    }
    let here = context::service_of(&std::env::current_dir().ok()?)?;
    names.contains(&here).then_some(here)
}

/// The words after `--` are those of the line that is completed.
fn on_the_line() -> Option<ServiceName> {
    let words: Vec<_> = std::env::args().collect();
    let apart = words.windows(2).filter(|pair| pair[0] == "--service").map(|pair| pair[1].as_str());
    let joined = words.iter().filter_map(|word| word.strip_prefix("--service="));
    apart.chain(joined).find_map(|name| name.parse().ok())
}

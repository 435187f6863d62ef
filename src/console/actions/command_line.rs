//! The command line that does what a dialog of the console did, ready for a shell.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};

use crate::domain::command::{Action, Command, ItemOfHold, NewIncident, NewIncidentUpdate};
use crate::domain::ids::{Environment, ServiceName};
use crate::domain::incident::IncidentMark;
use crate::domain::plan::Guard;

/// `trunkline promote 27 --service shop`; `place` are the options that lead to the same engine. Nothing for a command that
/// only the console sends.
#[must_use]
pub fn command_line(command: &Command, service: &ServiceName, place: &str) -> Option<String> {
    let words = words(command)?.join(" ");
    let service = match command {
        Command::StopAll { .. } => String::new(),
        _ => format!(" --service {service}"),
    };
    Some(format!("trunkline {words}{service}{place}"))
}

/// What stands after the program's name, each word as a shell takes it.
fn words(command: &Command) -> Option<Vec<String>> {
    Some(match command {
        Command::Execute { action, overrides, .. } => executed(*action, overrides),
        Command::Cancel { deployment, reason } => {
            with(&["cancel", &deployment.to_string()], "--reason", reason)
        }
        Command::GiveUp { deployment, reason } => {
            with(&["cancel", &deployment.to_string(), "--give-up"], "--reason", reason)
        }
        Command::Verify { build, note } => with(&["verify", &build.0.to_string()], "--note", note),
        Command::Hold { environment, reason } => {
            with(&of_environment("hold", *environment), "--reason", reason)
        }
        Command::StopAll { reason } => with(&["hold", "--all"], "--reason", reason),
        Command::Release { environment, reason, bad, leave_open, .. } => {
            released(*environment, reason, bad.as_deref(), !leave_open.is_empty())
        }
        Command::Tick(of) => ticked("tick", of)?,
        Command::Untick(of) => ticked("untick", of)?,
        Command::Ask { build, note, .. } => with(&["ask", &build.0.to_string()], "--note", note),
        Command::Withdraw { request, reason } => {
            with(&["withdraw", &request.0.to_string()], "--reason", reason)
        }
        Command::Freeze { from, until, reason } => frozen(*from, *until, reason),
        Command::Lift { freeze, reason } => {
            with(&["lift", &freeze.0.to_string()], "--reason", reason)
        }
        Command::Continue { deployment, wave, reason, .. } => {
            let words = ["continue", &deployment.to_string(), "--after", &wave.to_string()];
            with(&words, "--reason", reason)
        }
        Command::OpenIncident(new) => opened(new),
        Command::UpdateIncident(update) => updated(update),
        Command::ResolveIncident { incident, text, at } => {
            let words = ["incident", "resolve", &quoted(text), "--id", &incident.to_string()];
            at_time(with(&words, "", ""), "--at", *at)
        }
        Command::UsersNotAffected { rollback, with: others, note } => {
            let rollbacks = std::iter::once(rollback).chain(others);
            let mut words = with(&["incident", "not-affected"], "", "");
            words.extend(rollbacks.flat_map(|id| ["--rollback".to_owned(), id.to_string()]));
            words.extend(option("--note", note));
            words
        }
        _ => return None,
    })
}

/// The words, and an option if it has a value.
fn with(words: &[&str], name: &str, value: &str) -> Vec<String> {
    let words = words.iter().map(|word| (*word).to_owned());
    words.chain(option(name, value)).collect()
}

fn option(name: &str, value: &str) -> Vec<String> {
    if value.is_empty() { Vec::new() } else { vec![name.to_owned(), quoted(value)] }
}

fn at_time(mut words: Vec<String>, name: &str, at: Option<DateTime<Utc>>) -> Vec<String> {
    let written = at.map(|at| at.to_rfc3339_opts(SecondsFormat::Secs, true));
    words.extend(written.into_iter().flat_map(|at| [name.to_owned(), at]));
    words
}

/// One word of a shell.
fn quoted(text: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !text.is_empty() && text.chars().all(is_bare) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

fn executed(action: Action, overrides: &BTreeMap<Guard, String>) -> Vec<String> {
    let number = |build: crate::domain::ids::BuildNumber| build.0.to_string();
    let mut words = match action {
        Action::Promote { build } => vec!["promote".to_owned(), number(build)],
        Action::Rollback { to } => {
            let target = to.map(number);
            std::iter::once("rollback".to_owned()).chain(target).collect()
        }
        Action::RollbackByTrunk { to } => {
            let words = ["rollback".to_owned()].into_iter().chain(to.map(number));
            words.chain(["--trunk-steps".to_owned()]).collect()
        }
        Action::Retry { build, environment } => {
            let production = environment == Environment::Production;
            let words = ["retry".to_owned(), number(build)].into_iter();
            words.chain(production.then(|| "--production".to_owned())).collect()
        }
    };
    let reason = |(guard, text): (&Guard, &String)| {
        ["--reason".to_owned(), format!("{guard}={}", quoted(text))]
    };
    words.extend(overrides.iter().flat_map(reason));
    words
}

fn of_environment(verb: &'static str, environment: Environment) -> Vec<&'static str> {
    match environment {
        Environment::Production => vec![verb],
        Environment::Staging => vec![verb, "staging"],
    }
}

fn released(
    environment: Environment,
    reason: &str,
    bad: Option<&[String]>,
    leaves_open: bool,
) -> Vec<String> {
    let mut words = with(&of_environment("release", environment), "", "");
    match bad {
        Some([]) => words.push("--none-bad".to_owned()),
        Some(bad) => words.extend(bad.iter().flat_map(|sha| option("--bad", sha))),
        None => {}
    }
    if leaves_open {
        words.push("--leave-open".to_owned());
    }
    words.extend(option("--reason", reason));
    words
}

/// The command line ticks off what is left behind in production alone.
fn ticked(verb: &str, of: &ItemOfHold) -> Option<Vec<String>> {
    let is_production = of.environment == Environment::Production;
    is_production.then(|| with(&[verb, &of.item.to_string()], "", ""))
}

fn frozen(from: Option<DateTime<Utc>>, until: Option<DateTime<Utc>>, reason: &str) -> Vec<String> {
    let words = at_time(with(&["freeze", "add"], "", ""), "--from", from);
    let mut words = at_time(words, "--until", until);
    words.extend(option("--reason", reason));
    words
}

fn opened(new: &NewIncident) -> Vec<String> {
    let title = quoted(&new.title);
    let mut words = with(&["incident", "open", &title], "--severity", &new.severity);
    words.extend(option("--users-affected", new.users_affected.as_str()));
    words.extend(option("--rollback", &new.rollback.map_or(String::new(), |id| id.to_string())));
    if new.alone {
        words.push("--alone".to_owned());
    }
    words
}

fn updated(update: &NewIncidentUpdate) -> Vec<String> {
    let (text, id) = (quoted(&update.text), update.incident.to_string());
    let words = with(&["incident", "update", &text, "--id", &id], "", "");
    let mut words = at_time(words, "--at", update.at);
    words.extend(update.mark.map(|mark| {
        let mark = match mark {
            IncidentMark::Began => "--began",
            IncidentMark::Detected => "--detected",
            IncidentMark::Restored => "--restored",
        };
        mark.to_owned()
    }));
    words.extend(update.severity.iter().flat_map(|severity| option("--severity", severity)));
    let affected = update.users_affected.iter();
    words.extend(affected.flat_map(|affected| option("--users-affected", affected.as_str())));
    words
}

#[cfg(test)]
mod tests {
    use std::process::Command as Shell;

    use clap::Parser as _;

    use super::*;
    use crate::cli::CliArgs;
    use crate::domain::ids::{BuildNumber, DeploymentId, IncidentId, Seq};
    use crate::domain::incident::UsersAffected;
    use crate::domain::plan::Fingerprint;

    /// A text that a shell must not take apart or run.
    const HOSTILE: &str = "it's \"bad\"; $(rm -rf /) `x` \\ -- !";

    fn fingerprint() -> Fingerprint {
        Fingerprint::try_from("live:0123456789abcdef".to_owned()).unwrap()
    }

    fn all() -> Vec<Command> {
        let (build, deployment) = (BuildNumber(27), DeploymentId(57));
        let (reason, environment) = (HOSTILE.to_owned(), Environment::Production);
        let incident = IncidentId(123);
        let overrides = BTreeMap::from([(Guard::ALL[0], HOSTILE.to_owned())]);
        let execute = |action| Command::Execute {
            action,
            fingerprint: fingerprint(),
            overrides: overrides.clone(),
        };
        let of = ItemOfHold { environment, item: 2, hold: None };
        let release = |bad, leave_open| Command::Release {
            environment,
            reason: HOSTILE.to_owned(),
            bad,
            hold: None,
            leave_open,
        };
        let at = Some(DateTime::UNIX_EPOCH);
        vec![
            execute(Action::Promote { build }),
            execute(Action::Rollback { to: None }),
            execute(Action::RollbackByTrunk { to: Some(build) }),
            execute(Action::Retry { build, environment }),
            Command::Cancel { deployment, reason: reason.clone() },
            Command::GiveUp { deployment, reason: reason.clone() },
            Command::Verify { build, note: reason.clone() },
            Command::Hold { environment: Environment::Staging, reason: reason.clone() },
            Command::StopAll { reason: reason.clone() },
            release(None, Vec::new()),
            release(Some(Vec::new()), vec![1]),
            release(Some(vec!["3f9ac21".into(), "a91f3c4".into()]), Vec::new()),
            Command::Tick(of),
            Command::Untick(of),
            Command::Ask { build, fingerprint: fingerprint(), note: reason.clone() },
            Command::Withdraw { request: Seq(7), reason: reason.clone() },
            Command::Freeze { from: None, until: at, reason: reason.clone() },
            Command::Lift { freeze: Seq(9), reason: reason.clone() },
            Command::Continue { deployment, wave: 1, reason: reason.clone(), seen: None },
            Command::OpenIncident(NewIncident {
                title: reason.clone(),
                severity: "SEV-2".into(),
                users_affected: UsersAffected::Yes,
                rollback: Some(deployment),
                alone: false,
            }),
            Command::UpdateIncident(NewIncidentUpdate {
                incident,
                text: reason.clone(),
                at,
                mark: Some(IncidentMark::Detected),
                severity: Some("SEV-1".into()),
                users_affected: Some(UsersAffected::No),
            }),
            Command::ResolveIncident { incident, text: reason.clone(), at },
            Command::UsersNotAffected {
                rollback: deployment,
                with: vec![deployment],
                note: reason,
            },
        ]
    }

    /// The words that a shell makes of a line.
    fn as_a_shell_reads(line: &str) -> Vec<String> {
        let script = format!("printf '%s\\n' {line}");
        let output = Shell::new("sh").args(["-c", &script]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn every_line_is_one_that_a_shell_and_the_command_line_take() {
        let service = "shop".parse().unwrap();
        for command in all() {
            let line = command_line(&command, &service, " --demo").unwrap();
            let words = as_a_shell_reads(&line);
            let taken = CliArgs::try_parse_from(&words);
            assert!(taken.is_ok(), "{line}: {:?}", taken.err());
            let has_text = words.iter().any(|word| word.ends_with(HOSTILE));
            assert!(has_text || matches!(command, Command::Tick(_) | Command::Untick(_)), "{line}");
        }
    }
}

//! What to do about a finding or a refusal, as a command to copy.

use std::sync::OnceLock;

use super::{Global, wording};
use crate::domain::ids::Environment;
use crate::domain::plan::Finding;
use crate::domain::remedy::Remedy;

/// The options that lead a command to the same engine and service as the one that runs.
static SAME_PLACE: OnceLock<String> = OnceLock::new();

/// Lets every command that is printed name the engine and the service that this one was given.
pub fn lead_to_same_place(global: &Global) {
    let service = global.service.as_ref().map(|name| format!(" --service {name}"));
    let engine = match global.of_profile() {
        Some(name) => Some(format!(" --profile {name}")),
        None => global.demo.then(|| " --demo".to_owned()),
    };
    let options = [service, engine].into_iter().flatten().collect();
    SAME_PLACE.set(options).expect("one program runs one command");
}

/// `trunkline ask 12`; waiting has no command.
pub fn command(remedy: &Remedy) -> Option<String> {
    let command = match remedy {
        Remedy::Verify { build } => format!("verify {} --note NOTE", build.0),
        Remedy::Promote { build } => format!("promote {}", build.0),
        Remedy::RollBack { to } => format!("rollback {}", to.0),
        Remedy::Retry { build, environment: Environment::Staging } => format!("retry {}", build.0),
        Remedy::Retry { build, environment: Environment::Production } => {
            format!("retry {} --production", build.0)
        }
        Remedy::AskPromoter { build } => format!("ask {}", build.0),
        Remedy::ReleaseHold { environment, name_bad } => {
            let environment = match environment {
                Environment::Production => "",
                Environment::Staging => " staging",
            };
            let bad = if *name_bad { " --bad SHA" } else { "" };
            format!("release{environment}{bad} --reason REASON")
        }
        Remedy::Watch { deployment } => format!("logs {deployment} --follow"),
        Remedy::GiveUp { deployment } => format!("cancel {deployment} --give-up --reason REASON"),
        Remedy::Continue { deployment, wave, needs_reason } => {
            let reason = if *needs_reason { " --reason REASON" } else { "" };
            format!("continue {deployment} --after {wave}{reason}")
        }
        Remedy::Wait { .. } => return None,
        Remedy::CheckMigrations { range } => format!("migrations check --range {range}"),
        Remedy::FindCommit { commit } => format!("where {commit}"),
        Remedy::BuildTip {} => "build --now".to_owned(),
        Remedy::Adopt { commit } => format!("adopt {}", commit.as_deref().unwrap_or("SHA")),
    };
    // It reads files of this folder, and no engine.
    let is_local = matches!(remedy, Remedy::CheckMigrations { .. });
    let place = SAME_PLACE.get().filter(|_| !is_local).map_or("", String::as_str);
    Some(format!("trunkline {command}{place}"))
}

/// `; run: trunkline ask 12`, `; wait until Sun 2026-11-23 20:00 UTC`, or nothing without a remedy.
pub fn after(remedy: Option<&Remedy>) -> String {
    match remedy.map(|remedy| command(remedy).ok_or(remedy)) {
        None => String::new(),
        Some(Ok(command)) => format!("; run: {command}"),
        Some(Err(remedy)) => format!("; {}", wording::sentence(&remedy.to_string())),
    }
}

/// The finding's sentence and what to do about it.
pub fn sentence(finding: &Finding) -> String {
    format!("{}{}", wording::sentence(&finding.sentence), after(finding.remedy.as_ref()))
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use clap::Parser as _;

    use super::*;
    use crate::cli::CliArgs;
    use crate::domain::ids::{BuildNumber, DeploymentId};

    #[test]
    fn every_command_is_one_that_the_command_line_takes() {
        let (build, to, deployment) = (BuildNumber(12), BuildNumber(11), DeploymentId(57));
        let release = |environment, name_bad| Remedy::ReleaseHold { environment, name_bad };
        let all = [
            Remedy::Verify { build },
            Remedy::Promote { build },
            Remedy::RollBack { to },
            Remedy::Retry { build, environment: Environment::Staging },
            Remedy::Retry { build, environment: Environment::Production },
            Remedy::AskPromoter { build },
            release(Environment::Production, true),
            release(Environment::Staging, false),
            Remedy::Watch { deployment },
            Remedy::GiveUp { deployment },
            Remedy::Continue { deployment, wave: 1, needs_reason: false },
            Remedy::Continue { deployment, wave: 2, needs_reason: true },
            Remedy::Wait { until: DateTime::UNIX_EPOCH },
            Remedy::CheckMigrations { range: "3f9ac21..a91f3c4".into() },
            Remedy::FindCommit { commit: "3f9ac21".into() },
            Remedy::BuildTip {},
            Remedy::Adopt { commit: None },
            Remedy::Adopt { commit: Some("3f9ac21".into()) },
        ];
        for remedy in all {
            let Some(command) = command(&remedy) else {
                assert!(matches!(remedy, Remedy::Wait { .. }), "{remedy}");
                continue;
            };
            let taken = CliArgs::try_parse_from(command.split(' '));
            assert!(taken.is_ok(), "{command}: {:?}", taken.err());
        }
    }
}

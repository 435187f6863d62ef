//! What to do about a finding or a refusal, as a command to copy.

use crate::domain::ids::Environment;
use crate::domain::plan::Finding;
use crate::domain::remedy::Remedy;

/// `trunkline verify 12`; waiting has no command.
pub fn command(remedy: &Remedy) -> Option<String> {
    let command = match remedy {
        Remedy::Verify { build } => format!("verify {}", build.0),
        Remedy::Promote { build } => format!("promote {}", build.0),
        Remedy::RollBack { to } => format!("rollback {}", to.0),
        Remedy::AskPromoter { build } => format!("ask {}", build.0),
        Remedy::ReleaseHold { environment, name_bad } => {
            let environment = match environment {
                Environment::Production => String::new(),
                other => format!(" {other}"),
            };
            let bad = if *name_bad { " --bad SHA" } else { "" };
            format!("release{environment}{bad} --reason REASON")
        }
        Remedy::Watch { deployment } => format!("logs {deployment} --follow"),
        Remedy::Wait { .. } => return None,
        Remedy::CheckMigrations { range } => format!("migrations check --range {range}"),
        Remedy::FindCommit { commit } => format!("where {commit}"),
    };
    Some(format!("trunkline {command}"))
}

/// `; run: trunkline verify 12`, `; wait until Sun 23 Nov 20:00 UTC`, or nothing without a remedy.
pub fn after(remedy: Option<&Remedy>) -> String {
    match remedy.map(|remedy| command(remedy).ok_or(remedy)) {
        None => String::new(),
        Some(Ok(command)) => format!("; run: {command}"),
        Some(Err(remedy)) => format!("; {remedy}"),
    }
}

/// The finding's sentence and what to do about it.
pub fn sentence(finding: &Finding) -> String {
    format!("{}{}", finding.sentence, after(finding.remedy.as_ref()))
}

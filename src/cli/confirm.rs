//! Shows a plan, has it confirmed at the terminal or with `--yes`, and executes it.

use std::collections::BTreeMap;

use clap::Args;

use super::arrival::{self, Arrival};
use super::context::Context;
use super::error::CliError;
use super::{Acting, act, follow, output, plan, remedy, same_key};
use crate::backend::Backend;
use crate::domain::command::{Action, Command, Receipt};
use crate::domain::event::{DeploymentKind, Fact};
use crate::domain::ids::ServiceName;
use crate::domain::plan::{Finding, Guard, Plan, Severity};
use crate::domain::remedy::Remedy;
use crate::domain::schema::Outlook;

/// How a promote, a rollback or a retry is confirmed.
#[derive(Debug, Clone, Args)]
pub struct Confirmation {
    /// Do not ask; overrides still need --reason
    #[arg(long, short = 'y')]
    yes: bool,
    /// Follow the deployment to its end; exit 1 if it does not succeed
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    acting: Acting,
}

/// The typed reason for each overridden guard.
pub type Reasons = BTreeMap<Guard, String>;

/// Plans, confirms and executes the action, and prints how to undo it.
pub async fn run(
    context: &Context,
    action: Action,
    reasons: Reasons,
    confirmation: Confirmation,
) -> Result<(), CliError> {
    let service = context.service().await?;
    let key = confirmation.acting.key;
    let first_answer =
        || same_key::first_answer(context, &service, key.as_ref(), move |e| is_of(action, &e.fact));
    if let Some(receipt) = first_answer().await? {
        return followed(context, &service, &receipt, confirmation.wait).await;
    }
    if let Action::Promote { build } = action
        && !reasons.contains_key(&Guard::Verified)
    {
        arrival::of(context, &service, build, Arrival::InStaging).await?;
    }
    let plan = context.backend.plan(&service, action).await?;
    let out = context.out.regardless();
    plan::print(out, &plan)?;
    if plan.kind == DeploymentKind::Redeploy {
        out.line(format!("{} is live already: this deploys it again", plan.target.build))?;
    }
    let unmet = unmet(&plan, &reasons, confirmation.yes);
    let overrides = if confirmation.yes || unmet.is_some() {
        require_named_build(context, &service, &plan)?;
        reasons
    } else if context.out.is_interactive() {
        ask(context, &plan, reasons)?
    } else {
        return Err(CliError::usage("not a terminal; add --yes to confirm this plan"));
    };
    let fingerprint = plan.fingerprint.clone();
    let command = Command::Execute { action, fingerprint, overrides };
    // The command is sent even if it will be refused: only a refusal by the engine is recorded.
    let answer = match act::run(context, &service, command, key.clone()).await {
        // Somebody with this key may have been faster: theirs is the answer.
        Err(error) => first_answer().await.ok().flatten().ok_or(error),
        answer => answer,
    };
    let receipt = match (answer, unmet) {
        (Err(CliError::Refused(_)), Some(unmet)) => return Err(unmet),
        (answer, _) => answer?,
    };
    for line in undo(context, &service, &plan) {
        out.line(line)?;
    }
    followed(context, &service, &receipt, confirmation.wait).await
}

async fn followed(
    context: &Context,
    service: &ServiceName,
    receipt: &Receipt,
    wait: bool,
) -> Result<(), CliError> {
    match receipt.deployment.filter(|_| wait) {
        Some(deployment) => follow::to_the_end(context, service, deployment, receipt.seq).await,
        None => Ok(()),
    }
}

/// True if this action requested that deployment.
fn is_of(action: Action, fact: &Fact) -> bool {
    let Fact::DeploymentRequested(made) = fact else { return false };
    match (action, made.kind) {
        (Action::Promote { build }, DeploymentKind::Promote | DeploymentKind::Redeploy) => {
            made.build == build
        }
        (Action::Rollback { to } | Action::RollbackByTrunk { to }, DeploymentKind::Rollback) => {
            to.is_none_or(|to| made.build == to)
        }
        (Action::Retry { build, environment }, kind) => {
            let is_retry = kind == DeploymentKind::Retry || made.retries.is_some();
            is_retry && (made.build, made.environment) == (build, environment)
        }
        _ => false,
    }
}

/// `guard=reason`, as `--reason` takes it.
pub fn reason(text: &str) -> Result<(Guard, String), String> {
    let (guard, reason) = text
        .split_once('=')
        .ok_or_else(|| format!("{text:?} has no \"=\"; write GUARD=TEXT, as in soak=\"hotfix\""))?;
    let reason = reason.trim();
    if reason.is_empty() {
        return Err(format!("{guard:?} has no reason after the \"=\""));
    }
    Ok((guard.trim().parse()?, reason.to_owned()))
}

/// Why the plan cannot be executed: a guard refuses it, or `--yes` came without a required reason.
fn unmet(plan: &Plan, reasons: &Reasons, yes: bool) -> Option<CliError> {
    let sentences: Vec<_> = plan.of(Severity::Refuse).map(remedy::sentence).collect();
    if !sentences.is_empty() {
        return Some(CliError::Refused(sentences.join("; ")));
    }
    let missing = missing(plan, reasons);
    (yes && !missing.is_empty()).then(|| needs_reasons(&missing))
}

/// True for a rollback to a build whose code no longer runs on the schema.
fn is_past_the_floor(plan: &Plan) -> bool {
    plan.kind == DeploymentKind::Rollback && outlook(plan) == Some(Outlook::PointOfNoReturn)
}

fn outlook(plan: &Plan) -> Option<Outlook> {
    plan.verdict.as_ref().map(|verdict| verdict.outlook)
}

/// Refuses a rollback past the floor with `--yes` unless the command names the build.
fn require_named_build(
    context: &Context,
    service: &ServiceName,
    plan: &Plan,
) -> Result<(), CliError> {
    let build = plan.target.build;
    let is_unnamed =
        matches!(plan.action, Action::Rollback { to: None } | Action::RollbackByTrunk { to: None });
    if is_past_the_floor(plan) && is_unnamed {
        let named = context.command_line(service, &format!("rollback {} --yes", build.0));
        return Err(CliError::Refused(format!(
            "rollback to {build} is a POINT OF NO RETURN; --yes needs the build number; \
             to continue, run: {named}"
        )));
    }
    Ok(())
}

fn missing<'a>(plan: &'a Plan, reasons: &Reasons) -> Vec<&'a Finding> {
    plan.of(Severity::Override).filter(|finding| !reasons.contains_key(&finding.guard)).collect()
}

fn needs_reasons(missing: &[&Finding]) -> CliError {
    let lines =
        missing.iter().map(|f| format!("  --reason {}=TEXT  {}", f.guard, remedy::sentence(f)));
    let lines: Vec<_> = lines.collect();
    CliError::Refused(format!("each override needs a reason; add\n{}", lines.join("\n")))
}

/// Asks for the missing reasons, then for the confirmation: the build number if the plan has overrides or is a rollback
/// past the floor, else `y`.
fn ask(context: &Context, plan: &Plan, mut reasons: Reasons) -> Result<Reasons, CliError> {
    let nothing_done = || CliError::Refused("not confirmed, nothing was done".to_owned());
    context.out.line("")?;
    for finding in missing(plan, &reasons) {
        let reason = output::ask(&format!("reason to override {}:", finding.guard))?;
        if reason.is_empty() {
            return Err(nothing_done());
        }
        reasons.insert(finding.guard, reason);
    }
    let build = plan.target.build;
    let typed = is_past_the_floor(plan) || plan.of(Severity::Override).next().is_some();
    let confirmed = if typed {
        output::ask(&format!("type {} to confirm:", build.0))?.parse() == Ok(build)
    } else {
        let question = match plan.kind {
            DeploymentKind::Redeploy => "deploy it again? [y/N]",
            _ => "go ahead? [y/N]",
        };
        matches!(output::ask(question)?.as_str(), "y" | "Y" | "yes")
    };
    if confirmed { Ok(reasons) } else { Err(nothing_done()) }
}

fn undo(context: &Context, service: &ServiceName, plan: &Plan) -> Vec<String> {
    let run = |command: &str| format!("  {}", context.command_line(service, command));
    match (plan.kind, &plan.live, &plan.undo_remedy) {
        (DeploymentKind::Rollback, Some(_), _) => vec![
            "undo:".to_owned(),
            run("release --bad SHA --reason \"WHY IT IS SAFE AGAIN\""),
            run(&format!("promote {}", plan.from().map_or(0, |from| from.0))),
        ],
        (DeploymentKind::Retry, _, Some(Remedy::Retry { build, .. })) => {
            vec!["undo:".to_owned(), run(&format!("retry {} --yes", build.0))]
        }
        (DeploymentKind::Promote, _, Some(Remedy::RollBack { to })) => {
            let back = format!("rollback {}", to.0);
            if outlook(plan) == Some(Outlook::PointOfNoReturn) {
                // Without `--yes`, so that this rollback is confirmed again.
                vec!["undo: POINT OF NO RETURN".to_owned(), run(&back)]
            } else {
                vec!["undo:".to_owned(), run(&format!("{back} --yes"))]
            }
        }
        _ => vec![format!("undo: {}", plan.undo)],
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{is_of, reason};
    use crate::domain::command::Action;
    use crate::domain::event::Fact;
    use crate::domain::ids::{BuildNumber, Environment};
    use crate::domain::plan::Guard;

    #[test]
    fn the_first_answer_to_a_retry_is_known_by_what_it_tries_again() {
        let made = |kind: &str, environment: &str, retries: Option<u64>| -> Fact {
            let (sha, steps, findings, overrides) =
                ("1".repeat(40), json!([]), json!([]), json!({}));
            serde_json::from_value(json!({
                "fact": "deployment_requested", "build": 1, "sha": sha, "environment": environment,
                "kind": kind, "previous": null, "steps": steps, "cancels": null,
                "retries": retries, "findings": findings, "overrides": overrides,
            }))
            .unwrap()
        };
        let retry = |environment| Action::Retry { build: BuildNumber(1), environment };
        let (staging, production) = (retry(Environment::Staging), retry(Environment::Production));
        assert!(is_of(production, &made("rollback", "production", Some(57))));
        assert!(is_of(production, &made("promote", "production", Some(57))));
        assert!(!is_of(production, &made("rollback", "production", None)), "nobody retried it");
        assert!(is_of(staging, &made("retry", "staging", None)), "one that was passed over");
        assert!(!is_of(production, &made("retry", "staging", None)));
        let rollback = Action::Rollback { to: None };
        assert!(is_of(rollback, &made("rollback", "production", Some(57))));
    }

    #[test]
    fn a_reason_names_its_guard_and_says_something() {
        assert_eq!(
            reason("big-batch = it is = fine"),
            Ok((Guard::BigBatch, "it is = fine".into()))
        );
        assert!(reason("soak").unwrap_err().contains("GUARD=TEXT"));
        assert!(reason("soak= ").unwrap_err().contains("no reason"));
        assert!(reason("sock=x").unwrap_err().contains("unknown guard \"sock\""));
    }
}

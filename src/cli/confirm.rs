//! Shows a plan and asks whether it shall run: a person on a terminal, or `--yes` with every reason.

use std::collections::BTreeMap;

use clap::Args;

use super::context::Context;
use super::error::CliError;
use super::{Acting, act, follow, output, plan, remedy, retry};
use crate::backend::Backend;
use crate::domain::command::{Action, Command, Receipt};
use crate::domain::event::{DeploymentKind, Fact};
use crate::domain::ids::ServiceName;
use crate::domain::plan::{Finding, Guard, Plan, Severity};
use crate::domain::schema::Outlook;

/// How a promote or rollback is confirmed.
#[derive(Debug, Clone, Args)]
pub struct Confirmation {
    /// Do not ask; overrides still want their reasons
    #[arg(long, short = 'y')]
    yes: bool,
    /// Follow the deployment to its end; exit 1 when it does not succeed
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    acting: Acting,
}

/// The typed reasons, by the guard that each answers.
pub type Reasons = BTreeMap<Guard, String>;

/// Plans, shows, asks, executes and says how to undo it.
pub async fn run(
    context: &Context,
    action: Action,
    reasons: Reasons,
    confirmation: Confirmation,
) -> Result<(), CliError> {
    let service = context.service().await?;
    let key = confirmation.acting.key;
    let told =
        retry::first_answer(context, &service, key.as_ref(), |e| is_of(action, &e.fact)).await?;
    if let Some(receipt) = told {
        return followed(context, &service, &receipt, confirmation.wait).await;
    }
    let plan = context.backend.plan(&service, action).await?;
    let out = context.out.regardless();
    out.lines(plan::lines(&plan))?;
    let unmet = unmet(&plan, &reasons, confirmation.yes);
    let overrides = if confirmation.yes || unmet.is_some() {
        named_past_the_floor(&plan)?;
        reasons
    } else if context.out.is_conversation() {
        ask(context, &plan, reasons)?
    } else {
        return Err(CliError::usage(
            "not a terminal, so nobody can confirm; add --yes to confirm this plan",
        ));
    };
    let fingerprint = plan.fingerprint.clone();
    let command = Command::Execute { action, fingerprint, overrides };
    // What speaks against it is known here already, but only what the engine refuses is in the record.
    let receipt = match (act::run(context, &service, command, key).await, unmet) {
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

/// Whether this action made that deployment.
fn is_of(action: Action, fact: &Fact) -> bool {
    let Fact::DeploymentRequested(made) = fact else { return false };
    match (action, made.kind) {
        (Action::Promote { build }, DeploymentKind::Promote | DeploymentKind::Redeploy) => {
            made.build == build
        }
        (Action::Rollback { to }, DeploymentKind::Rollback) => to.is_none_or(|to| made.build == to),
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

/// Why the plan cannot be executed as it stands: it is refused, or `--yes` came without the reasons that it wants.
fn unmet(plan: &Plan, reasons: &Reasons, yes: bool) -> Option<CliError> {
    let sentences: Vec<_> = plan.of(Severity::Refuse).map(remedy::sentence).collect();
    if !sentences.is_empty() {
        return Some(CliError::Refused(sentences.join("; ")));
    }
    let missing = missing(plan, reasons);
    (yes && !missing.is_empty()).then(|| needs_reasons(&missing))
}

/// Whether this goes back to a build whose code cannot run against the schema any more.
fn is_past_the_floor(plan: &Plan) -> bool {
    plan.kind == DeploymentKind::Rollback && outlook(plan) == Some(Outlook::PointOfNoReturn)
}

fn outlook(plan: &Plan) -> Option<Outlook> {
    plan.verdict.as_ref().map(|verdict| verdict.outlook)
}

/// Nobody is asked with `--yes`, so there the build has to be in the command, as somebody chose it.
fn named_past_the_floor(plan: &Plan) -> Result<(), CliError> {
    let build = plan.target.build;
    if is_past_the_floor(plan) && plan.action == (Action::Rollback { to: None }) {
        return Err(CliError::Refused(format!(
            "going back to {build} is a POINT OF NO RETURN: with --yes the build has to be named; \
             if you mean it, run \"trunkline rollback {} --yes\"",
            build.0
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
    CliError::Refused(format!("needs a typed reason for each of these, add\n{}", lines.join("\n")))
}

/// A plan with overrides wants its reasons and the build's number typed, and so does a rollback past the floor its
/// number; any other a `y`.
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
        matches!(output::ask("go ahead? [y/N]")?.as_str(), "y" | "Y" | "yes")
    };
    if confirmed { Ok(reasons) } else { Err(nothing_done()) }
}

fn undo(context: &Context, service: &ServiceName, plan: &Plan) -> Vec<String> {
    let run = |command: &str| format!("  {}", context.command_line(service, command));
    match (plan.kind, &plan.live) {
        (DeploymentKind::Rollback, Some(live)) => vec![
            "undo:".to_owned(),
            run("release --bad SHA --reason \"WHY IT IS SAFE AGAIN\""),
            run(&format!("promote {}", live.build.0)),
        ],
        (DeploymentKind::Promote, Some(live)) => {
            let back = format!("rollback {}", live.build.0);
            if outlook(plan) == Some(Outlook::PointOfNoReturn) {
                // Whoever copies it is asked once more.
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
    use super::reason;
    use crate::domain::plan::Guard;

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

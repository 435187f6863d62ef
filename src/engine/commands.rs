//! Turns a person's command into facts or a refusal. Pure.

mod adopt;
mod authorize;
mod build_tip;
mod cancel;
mod continue_wave;
mod digest;
mod error;
mod incident;
mod note;
mod quarantine;
mod rehearse;
mod request;
mod see_watch;
mod tick;

use chrono::{DateTime, Utc};

pub use self::authorize::{authorize, has_role};
pub use self::build_tip::TipOfTrunk;
pub use self::continue_wave::{due_wave, waiting_wave};
pub use self::digest::digest;
pub use self::error::CommandError;
use crate::calendar;
use crate::domain::build::{Build, BuildState};
use crate::domain::by_hand::{ByHand, HandFacts};
use crate::domain::command::{Action, Command, Refusal};
use crate::domain::commit::Range;
use crate::domain::event::{Adoption, DeploymentKind, Fact, StepSpec};
use crate::domain::ids::{BuildNumber, DeploymentId, Environment, Seq, ServiceName};
use crate::domain::instant;
use crate::domain::limits::LONGEST_REASON;
use crate::domain::needs::NeedStanding;
use crate::domain::on_call::OnCallInput;
use crate::domain::people::{Actor, People};
use crate::domain::plan::{self, Finding, Migrations, Plan, PlanInput};
use crate::domain::policy::{Policy, VerifyBy};
use crate::domain::quarantine::BadCommit;
use crate::domain::remedy::Remedy;
use crate::domain::service::ServiceState;
use crate::domain::variables::KnownVariables;

/// What only git knows. It is gathered before the command reaches the writer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gathered {
    Plan(Box<ForPlan>),
    /// The commits that a command names, in its order.
    Commits(Vec<BadCommit>),
    Tip(Box<TipOfTrunk>),
    /// What a person states, without the reason.
    Adopted(Box<Adoption>),
}

/// What a plan needs from git.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForPlan {
    pub range: Range,
    pub steps: Vec<StepSpec>,
    /// The migrations of a promote. A rollback has none.
    pub migrations: Migrations,
    pub variables: KnownVariables,
    /// Why a step cannot run at the engine that it names.
    pub unusable_engine: Option<String>,
    /// What the workflow files, and GitHub itself, say of what the steps start there.
    pub workflow_findings: Vec<Finding>,
    /// The identity of whoever asks, if a step acts in their name at another engine.
    pub presser: Option<String>,
    /// What a rollback by hand needs to know.
    pub by_hand: Option<HandFacts>,
    /// Whether the trunk declares other rollback steps than the build to which a rollback goes.
    pub trunk_differs: bool,
    /// How everything stands that rollback steps need.
    pub needs: Vec<NeedStanding>,
    /// The builds for which it was gathered.
    pub ends: plan::Endpoints,
}

/// The result of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    pub facts: Vec<Fact>,
    pub deployment: Option<DeploymentId>,
    pub said: String,
}

/// The service as it is known when a command is decided.
#[derive(Debug, Clone)]
pub struct ServiceView<'a> {
    pub name: &'a ServiceName,
    pub state: &'a ServiceState,
    pub policy: Policy,
    pub people: &'a People,
    /// The freezes by calendar.
    pub freezes: &'a calendar::FreezeRules,
    pub on_call: Option<OnCallInput<'a>>,
}

/// The circumstances of a command.
#[derive(Debug, Clone, Copy)]
pub struct CommandContext<'a> {
    pub actor: &'a Actor,
    pub now: DateTime<Utc>,
    /// The number that its first event will get.
    pub next: Seq,
    pub gathered: Option<&'a Gathered>,
}

/// Decides a command.
///
/// # Errors
/// With a refusal, or when what was gathered for it is outdated.
pub fn decide(
    service: &ServiceView<'_>,
    command: &Command,
    context: CommandContext<'_>,
) -> Result<Decided, CommandError> {
    match command {
        Command::Execute { action, fingerprint, overrides } => {
            let plan = plan(service, *action, context)?;
            plan.check(fingerprint, overrides, service.state)?;
            let mut decided = executed(service, &plan, overrides.clone(), context.next);
            if let Some(Gathered::Plan(gathered)) = context.gathered {
                note_presser(&mut decided.facts, gathered.presser.as_ref());
            }
            Ok(decided)
        }
        Command::Cancel { deployment, reason } => Ok(cancel::cancel(service, *deployment, reason)?),
        Command::GiveUp { deployment, reason } => {
            Ok(cancel::give_up(service, *deployment, reason, context)?)
        }
        Command::Continue { deployment, wave, reason, seen } => {
            let after = (*deployment, *wave);
            Ok(continue_wave::continue_wave(service, after, reason, seen.as_ref(), context)?)
        }
        Command::Verify { build, note } => Ok(verify(service, *build, note)?),
        Command::Hold { environment, reason } => Ok(hold(service, *environment, reason, false)?),
        Command::StopAll { reason } => Ok(hold(service, Environment::Production, reason, true)?),
        Command::Note(new) => Ok(note::note(new, context.now)?),
        Command::Release { environment, reason, bad, hold, leave_open } => {
            check_hold(service, *environment, *hold)?;
            Ok(release(service, *environment, reason, bad.as_deref(), leave_open, context)?)
        }
        Command::Tick(item) => Ok(tick::tick(service, *item)?),
        Command::Untick(item) => Ok(tick::untick(service, *item)?),
        Command::Quarantine { commits, reason } => {
            Ok(quarantine::add(service, commits, reason, context)?)
        }
        Command::Clear { commit, reason } => Ok(quarantine::clear(service, commit, reason)?),
        Command::Ask { build, fingerprint, note } => {
            let plan = plan(service, Action::Promote { build: *build }, context)?;
            Ok(request::ask(service, &plan, fingerprint, note, context)?)
        }
        Command::SeeWatch { deployment } => Ok(see_watch::see_watch(service, *deployment)?),
        Command::Withdraw { request, reason } => {
            Ok(request::withdraw(service, *request, reason, context)?)
        }
        Command::Freeze { from, until, reason } => {
            Ok(freeze(from.unwrap_or(context.now).max(context.now), *until, reason)?)
        }
        Command::Lift { freeze, reason } => Ok(lift(service, *freeze, reason)?),
        Command::OpenIncident(_)
        | Command::UpdateIncident(_)
        | Command::ResolveIncident { .. }
        | Command::ReopenIncident { .. }
        | Command::WritePostmortem { .. }
        | Command::OpenPostmortemIssue { .. }
        | Command::DismissPostmortem { .. }
        | Command::UsersNotAffected { .. } => Ok(incident::decide(service, command, context)?),
        Command::Rehearse {} => Ok(rehearse::rehearse(service, context.next)?),
        Command::BuildTip {} => build_tip::build(service, context),
        Command::Adopt { reason, .. } => adopt::adopt(service, reason, context),
    }
}

/// Makes the plan from what was gathered.
///
/// # Errors
/// As [`decide`].
pub fn plan(
    service: &ServiceView<'_>,
    action: Action,
    context: CommandContext<'_>,
) -> Result<Plan, CommandError> {
    let ends = plan::endpoints(service.state, action)?;
    let Some(Gathered::Plan(gathered)) = context.gathered else {
        return Err(CommandError::Outdated);
    };
    if gathered.ends != ends {
        return Err(CommandError::Outdated);
    }
    let calendar = service.freezes.promote_to_production(service.name.as_str(), context.now);
    let on_call = service.on_call.map(|on_call| on_call.members(service.people, context.now));
    let facts = PlanInput {
        service: service.name,
        state: service.state,
        policy: &service.policy,
        people: service.people,
        on_call: on_call.as_deref().unwrap_or_default(),
        calendar: &calendar,
        range: &gathered.range,
        steps: &gathered.steps,
        migrations: &gathered.migrations,
        variables: &gathered.variables,
        unusable_engine: gathered.unusable_engine.as_deref(),
    };
    let mut plan = plan::plan(facts, action, context.actor, context.now)?;
    plan.findings.extend(gathered.workflow_findings.iter().cloned());
    plan.trunk_differs = gathered.trunk_differs;
    plan.note_needs(&gathered.needs);
    if service.policy.auto_rollback {
        plan.note_auto_rollback(&gathered.needs);
    }
    plan.by_hand = gathered.by_hand.clone().and_then(|facts| {
        let (name, to, steps) = (service.name, plan.target.build, plan.steps.as_slice());
        ByHand::of(name, service.state, to, Some(steps), facts).map(Box::new)
    });
    Ok(plan)
}

fn note_presser(facts: &mut [Fact], presser: Option<&String>) {
    for fact in facts {
        if let Fact::DeploymentRequested(request) = fact {
            request.presser = presser.cloned();
        }
    }
}

fn executed(
    service: &ServiceView<'_>,
    plan: &Plan,
    overrides: std::collections::BTreeMap<plan::Guard, String>,
    next: Seq,
) -> Decided {
    let mut facts = Vec::new();
    let target = plan.target.build;
    let rollback = plan.kind == DeploymentKind::Rollback;
    if rollback {
        let reason = format!("rolling back to {target}");
        let open = service.state.open(plan.environment).filter(|d| d.cancel.is_none());
        let open = open.filter(|d| d.request.kind != DeploymentKind::External);
        facts.extend(
            open.map(|d| Fact::CancelRequested { deployment: d.id, reason: reason.clone() }),
        );
    }
    let deployment = DeploymentId(next.0 + facts.len() as u64);
    facts.push(Fact::DeploymentRequested(plan.request(overrides)));
    if rollback {
        // The newest build may never have been live: its promote may still run, or may have failed.
        let newest = plan::endpoints(service.state, plan.action).ok().and_then(|ends| ends.newest);
        let left = newest.map_or_else(String::new, |newest| format!(" from {newest}"));
        facts.push(Fact::HoldPlaced {
            all: false,
            environment: plan.environment,
            reason: format!("rolled back{left} to {target}"),
            rollback: Some(deployment),
        });
        let hold = Seq(next.0 + facts.len() as u64 - 1);
        facts.extend(tick::listed(plan, hold, deployment));
    }
    let again = plan.retries.map_or_else(String::new, |retried| format!(", retry of {retried}"));
    let said = format!(
        "{} of {target} to {} requested ({deployment}{again})",
        plan.kind, plan.environment
    );
    Decided { facts, deployment: Some(deployment), said }
}

fn verify(service: &ServiceView<'_>, number: BuildNumber, note: &str) -> Result<Decided, Refusal> {
    let build = service
        .state
        .builds
        .get(&number)
        .ok_or_else(|| Refusal::not_found(format!("there is no build {number}")))?;
    let state = service.state.build_state(build, &service.policy.verify);
    if !matches!(state, BuildState::InStaging | BuildState::Verified) {
        let why = match (build.in_staging_since, state) {
            (None, _) => "it was never in staging",
            (_, BuildState::Deploying) => "wait until it is in staging",
            _ => "its last deployment to staging did not succeed",
        };
        let sentence = format!("{number} cannot be verified: {why} ({})", state.as_str());
        let refusal = Refusal::invalid(sentence);
        let retry = plan::retry_in_staging(service.state, build, &service.policy);
        let retry = retry.filter(|_| state.can_be_tried_again());
        return Err(match retry {
            Some(retry) => refusal.with(retry),
            None => refusal,
        });
    }
    let note = text("note", note, Need::Optional)?;
    let said = verified(build, &service.policy.verify);
    Ok(Decided {
        facts: vec![Fact::BuildVerified { build: number, note, kind: VerifyBy::Person }],
        deployment: None,
        said,
    })
}

/// The answer to a person's verification. It names the verifications that the service still requires.
fn verified(build: &Build, kinds: &[VerifyBy]) -> String {
    let missing = kinds.iter().filter(|kind| build.verification(kind).is_none());
    let missing: Vec<_> = missing
        .filter_map(|kind| match kind {
            VerifyBy::Step(name) => Some(format!("step {name}")),
            VerifyBy::Staging => Some("its deployment to staging".to_owned()),
            VerifyBy::Watch => Some("its watch in staging".to_owned()),
            VerifyBy::Person => None,
        })
        .collect();
    let number = build.number;
    match missing.as_slice() {
        [] => format!("{number} is verified"),
        missing => format!("you verified {number}; still missing: {}", missing.join(", ")),
    }
}

fn hold(
    service: &ServiceView<'_>,
    environment: Environment,
    reason: &str,
    all: bool,
) -> Result<Decided, Refusal> {
    if let Some(hold) = service.state.holds.get(&environment) {
        return Err(Refusal::invalid(format!(
            "{environment} is on hold already, by {}: {}",
            hold.by, hold.reason
        )));
    }
    let reason = text("reason", reason, Need::Required)?;
    let facts = vec![Fact::HoldPlaced { environment, reason, rollback: None, all }];
    Ok(Decided { facts, deployment: None, said: format!("{environment} is on hold") })
}

/// Refuses to release a hold that the caller did not see: another may have replaced it since.
fn check_hold(
    service: &ServiceView<'_>,
    environment: Environment,
    seen: Option<Seq>,
) -> Result<(), Refusal> {
    let (Some(seen), Some(hold)) = (seen, service.state.holds.get(&environment)) else {
        return Ok(());
    };
    if hold.id == seen {
        return Ok(());
    }
    let sentence = format!(
        "the hold on {environment} has changed: it is now by {}, {}; read it, then release it",
        hold.by, hold.reason
    );
    Err(Refusal::Moved { sentence })
}

fn release(
    service: &ServiceView<'_>,
    environment: Environment,
    reason: &str,
    bad: Option<&[String]>,
    leave_open: &[u32],
    context: CommandContext<'_>,
) -> Result<Decided, Refusal> {
    let hold = service.state.holds.get(&environment);
    let hold = hold.ok_or_else(|| Refusal::invalid(format!("{environment} is not on hold")))?;
    if bad.is_none() && hold.rollback.is_some() {
        let sentence =
            format!("{environment} was rolled back: name the bad commits, or say that none is bad");
        return Err(
            Refusal::invalid(sentence).with(Remedy::ReleaseHold { environment, name_bad: true })
        );
    }
    let bad = quarantine::named(service, bad.unwrap_or_default(), context)?;
    let reason = text("reason", reason, Need::Required)?;
    let open = tick::open_at_release(service, environment, leave_open)?;
    let (marked, left) = (quarantine::said(&bad), tick::left_open(&open));
    let wave = continue_wave::after_release(service, environment, context.now);
    let said = format!("the hold on {environment} is released{marked}{left}{wave}");
    Ok(Decided {
        facts: vec![Fact::HoldReleased { environment, reason, bad, open }],
        deployment: None,
        said,
    })
}

fn freeze(
    from: DateTime<Utc>,
    until: Option<DateTime<Utc>>,
    reason: &str,
) -> Result<Decided, Refusal> {
    if let Some(until) = until.filter(|until| *until <= from) {
        return Err(Refusal::invalid(format!(
            "the freeze would end {}, not after its start {}; give a later end",
            instant::in_utc(until),
            instant::in_utc(from)
        )));
    }
    let reason = text("reason", reason, Need::Required)?;
    let end =
        until.map_or("until lifted".into(), |until| format!("until {}", instant::in_utc(until)));
    let said = format!("production is frozen from {} {end}", instant::in_utc(from));
    Ok(Decided { facts: vec![Fact::FreezePlaced { from, until, reason }], deployment: None, said })
}

fn lift(service: &ServiceView<'_>, freeze: Seq, reason: &str) -> Result<Decided, Refusal> {
    if !service.state.freezes.iter().any(|f| f.id == freeze) {
        return Err(Refusal::not_found(format!("there is no freeze {freeze} to lift")));
    }
    let reason = text("reason", reason, Need::Required)?;
    let said = format!("freeze {freeze} is lifted");
    Ok(Decided { facts: vec![Fact::FreezeLifted { freeze, reason }], deployment: None, said })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    Required,
    Optional,
}

fn text(what: &str, text: &str, need: Need) -> Result<String, Refusal> {
    let text = text.trim();
    if text.is_empty() && need == Need::Required {
        return Err(Refusal::invalid(format!("a {what} is needed")));
    }
    within(what, text, LONGEST_REASON)
}

fn within(what: &str, text: &str, longest: usize) -> Result<String, Refusal> {
    if text.chars().count() > longest {
        let sentence = format!("the {what} is longer than {longest} characters; shorten it");
        return Err(Refusal::invalid(sentence));
    }
    Ok(text.to_owned())
}

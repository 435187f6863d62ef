//! What changes an incident.

use super::{
    IncidentOpenArgs, IncidentReopenArgs, IncidentResolveArgs, IncidentUpdateArgs, NotAffectedArgs,
};
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::{act, same_key};
use crate::domain::command::{Command, NewIncident, NewIncidentUpdate};
use crate::domain::event::Fact;
use crate::domain::ids::{DeploymentId, IdempotencyKey, IncidentId, ServiceName};
use crate::domain::incident::{IncidentMark, IncidentStanding};
use crate::domain::snapshot::ServiceSnapshot;

pub async fn open(context: &Context, arguments: IncidentOpenArgs) -> Result<(), CliError> {
    let IncidentOpenArgs { title, severity, users_affected, rollback, alone, acting } = arguments;
    let service = context.service().await?;
    let new = NewIncident { title, severity, users_affected, rollback, alone };
    let command = Command::OpenIncident(new);
    act::run(context, &service, command, acting.key).await.map(drop)
}

pub async fn update(context: &Context, arguments: IncidentUpdateArgs) -> Result<(), CliError> {
    let IncidentUpdateArgs { text, id, at, severity, users_affected, acting, .. } = arguments;
    let mark = match (arguments.began, arguments.detected, arguments.restored) {
        (true, ..) => Some(IncidentMark::Began),
        (_, true, _) => Some(IncidentMark::Detected),
        (.., true) => Some(IncidentMark::Restored),
        _ => None,
    };
    let service = context.service().await?;
    let is_same = |fact: &Fact| matches!(fact, Fact::IncidentUpdated(known) if same_key::is_same_text(&known.text, &text));
    if is_answered(context, &service, acting.key.as_ref(), is_same).await? {
        return Ok(());
    }
    let incident = incident(context, &service, id).await?;
    let update = NewIncidentUpdate { incident, text, at, mark, severity, users_affected };
    act::run(context, &service, Command::UpdateIncident(update), acting.key).await?;
    say_how_to_reopen(context, &service, incident).await
}

/// Whoever updates an incident that is over gets the line that opens it again.
async fn say_how_to_reopen(
    context: &Context,
    service: &ServiceName,
    id: IncidentId,
) -> Result<(), CliError> {
    // The update is recorded by now, whatever becomes of this look.
    let Ok(snapshot) = context.snapshot(service).await else { return Ok(()) };
    let updated = snapshot.incidents.iter().find(|of| of.incident.id == id);
    if updated.is_none_or(|of| of.incident.is_open()) {
        return Ok(());
    }
    let line = format!("trunkline incident reopen {id} --service {service} --reason \"why\"");
    context.out.regardless().line(format!("If it is not over: {line}"))
}

pub async fn resolve(context: &Context, arguments: IncidentResolveArgs) -> Result<(), CliError> {
    let IncidentResolveArgs { text, id, at, acting } = arguments;
    let service = context.service().await?;
    let is_same = |fact: &Fact| matches!(fact, Fact::IncidentResolved(known) if same_key::is_same_text(&known.text, &text));
    if is_answered(context, &service, acting.key.as_ref(), is_same).await? {
        return Ok(());
    }
    let incident = incident(context, &service, id).await?;
    let command = Command::ResolveIncident { incident, text, at };
    act::run(context, &service, command, acting.key).await.map(drop)
}

pub async fn reopen(context: &Context, arguments: IncidentReopenArgs) -> Result<(), CliError> {
    let IncidentReopenArgs { id, reason, acting } = arguments;
    let service = context.service().await?;
    let command = Command::ReopenIncident { incident: id, reason };
    act::run(context, &service, command, acting.key).await.map(drop)
}

pub async fn not_affected(context: &Context, arguments: NotAffectedArgs) -> Result<(), CliError> {
    let NotAffectedArgs { mut rollback, note, acting } = arguments;
    rollback.sort_unstable();
    rollback.dedup();
    let service = context.service().await?;
    let is_same = |fact: &Fact| {
        matches!(fact, Fact::UsersNotAffected(known)
            if same_key::is_same_text(&known.note, &note)
                && (rollback.is_empty() || rollback.iter().copied().eq(known.rollbacks())))
    };
    if is_answered(context, &service, acting.key.as_ref(), is_same).await? {
        return Ok(());
    }
    if rollback.is_empty() {
        rollback = only_asked(&context.snapshot(&service).await?)?;
    }
    let Some(last) = rollback.pop() else { return Err(none_asked()) };
    let command = Command::UsersNotAffected { rollback: last, with: rollback, note };
    act::run(context, &service, command, acting.key).await.map(drop)
}

/// Whether a first try with this key was recorded; its answer is printed. By then the incident may not be the only open
/// one any more.
async fn is_answered(
    context: &Context,
    service: &ServiceName,
    key: Option<&IdempotencyKey>,
    is_same: impl Fn(&Fact) -> bool,
) -> Result<bool, CliError> {
    let first = same_key::first_answer(context, service, key, |event| is_same(&event.fact));
    first.await.map(|first| first.is_some())
}

/// The named incident, or the only open one.
async fn incident(
    context: &Context,
    service: &ServiceName,
    named: Option<IncidentId>,
) -> Result<IncidentId, CliError> {
    match named {
        Some(id) => Ok(id),
        None => only_open(&context.snapshot(service).await?).map(|only| only.incident.id),
    }
}

/// The rollback that the question is about. Where there are several, whoever answers may have seen only one of them.
fn only_asked(snapshot: &ServiceSnapshot) -> Result<Vec<DeploymentId>, CliError> {
    let asked = snapshot.users_question.as_deref().ok_or_else(none_asked)?;
    let all = asked.rollbacks.iter().map(|linked| linked.rollback);
    if asked.rollbacks.len() == 1 {
        return Ok(all.collect());
    }
    let named: Vec<_> = all.map(|id| format!("--rollback {id}")).collect();
    let sentence = format!("{}; if not, say it with {}", asked.sentence(), named.join(" "));
    Err(CliError::usage(sentence))
}

fn none_asked() -> CliError {
    CliError::usage("no rollback is without an answer; name one with --rollback, as in d57")
}

/// The only open incident.
pub fn only_open(snapshot: &ServiceSnapshot) -> Result<&IncidentStanding, CliError> {
    let open: Vec<_> = snapshot.incidents.iter().filter(|of| of.incident.is_open()).collect();
    match open.as_slice() {
        [only] => Ok(only),
        [] => Err(CliError::usage("no incident is open; name one, as in i123")),
        several => {
            let ids: Vec<_> = several.iter().map(|of| of.incident.id.to_string()).collect();
            let ids = ids.join(", ");
            Err(CliError::usage(format!("several incidents are open; name one of {ids}")))
        }
    }
}

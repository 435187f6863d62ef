//! Incidents: opened, updated, resolved; their postmortems; and the answer to what a rollback asks.

use chrono::{DateTime, TimeDelta, Utc};

use super::{CommandContext, Decided, Need, ServiceView, text, within};
use crate::domain::command::{Command, NewIncident, NewIncidentUpdate, Refusal};
use crate::domain::deployment::Deployment;
use crate::domain::event::{
    DeploymentKind, Fact, IncidentOpened, IncidentReopened, IncidentResolved, IncidentUpdated,
    PostmortemDismissed, PostmortemWritten, UsersNotAffected,
};
use crate::domain::ids::{DeploymentId, Environment, IncidentId};
use crate::domain::incident::{
    Incident, IncidentTurn, LinkedRollback, MOST_UPDATES, PostmortemRecord, all_of,
};
use crate::domain::instant::in_utc;
use crate::domain::limits::LONGEST_NOTE;

/// How long ago a line may be that is dated back.
const LONGEST_AGO: TimeDelta = TimeDelta::days(90);
/// How far the clock of whoever writes it may be ahead.
const AHEAD: TimeDelta = TimeDelta::minutes(5);

/// Decides a command about incidents.
pub(super) fn decide(
    service: &ServiceView<'_>,
    command: &Command,
    context: CommandContext<'_>,
) -> Result<Decided, Refusal> {
    match command {
        Command::OpenIncident(new) => open(service, new, context),
        Command::UpdateIncident(new) => update(service, new, context.now),
        Command::ResolveIncident { incident, text, at } => {
            resolve(service, *incident, text, *at, context.now)
        }
        Command::ReopenIncident { incident, reason } => reopen(service, *incident, reason),
        Command::WritePostmortem { incident, place } => written(service, *incident, place),
        Command::OpenPostmortemIssue { incident, place } => {
            drafted(service, *incident, place.as_deref())
        }
        Command::DismissPostmortem { incident, reason } => dismiss(service, *incident, reason),
        Command::UsersNotAffected { rollback, with, note } => {
            let with = with.iter().copied().filter(|id| id != rollback).collect();
            let answer = UsersNotAffected { rollback: *rollback, with, note: note.clone() };
            not_affected(service, answer)
        }
        _ => Err(Refusal::invalid("this is no command about incidents")),
    }
}

fn open(
    service: &ServiceView<'_>,
    new: &NewIncident,
    context: CommandContext<'_>,
) -> Result<Decided, Refusal> {
    let title = within("title", new.title.trim(), LONGEST_NOTE)?;
    if title.is_empty() {
        return Err(Refusal::invalid("an incident needs a title; say what is wrong"));
    }
    let severity = severity(service, &new.severity)?;
    let recent = service.state.incidents.recent_question(context.now).filter(|_| !new.alone);
    let linked = match (new.rollback, recent) {
        (Some(rollback), _) => Some(of_rollback(service, rollback)?),
        (None, recent) => recent.map(|rollback| service.state.linked(rollback)),
    };
    if let Some(known) = linked.as_ref().and_then(|linked| about(service, linked.rollback)) {
        let (id, title) = (known.id, &known.title);
        let sentence =
            format!("{id} is about {} already: {title}; update it", known.rollbacks_in_words());
        return Err(Refusal::invalid(sentence));
    }
    let id = IncidentId::from(context.next);
    let after = linked.as_ref().map_or_else(String::new, |of| format!(", after {}", of.in_words()));
    let said = format!("{id} is open, {severity}: {title}{after}");
    let opened = IncidentOpened {
        title,
        severity,
        users_affected: new.users_affected,
        rollback: linked.as_ref().map(|linked| linked.rollback),
        to: linked.as_ref().and_then(|linked| linked.to),
        took_back: linked.and_then(|linked| linked.took_back),
    };
    Ok(decided(Fact::IncidentOpened(opened), said))
}

fn update(
    service: &ServiceView<'_>,
    new: &NewIncidentUpdate,
    now: DateTime<Utc>,
) -> Result<Decided, Refusal> {
    let incident = found(service, new.incident)?;
    let text = text("text", &new.text, Need::Optional)?;
    let severity = new.severity.as_ref().map(|name| severity(service, name)).transpose()?;
    let severity = severity.filter(|severity| *severity != incident.severity);
    let users_affected = new.users_affected.filter(|said| *said != incident.users_affected);
    if text.is_empty() && severity.is_none() && users_affected.is_none() && new.mark.is_none() {
        let sentence = format!("nothing about {} would change; write what is new", incident.id);
        return Err(Refusal::invalid(sentence));
    }
    if incident.updates.len() >= MOST_UPDATES {
        let sentence = format!("{} has {MOST_UPDATES} updates, and takes no more", incident.id);
        return Err(Refusal::invalid(sentence));
    }
    let updated = IncidentUpdated {
        incident: incident.id,
        text,
        at: dated(new.at, now)?,
        mark: new.mark,
        severity,
        users_affected,
    };
    let dated = updated.at.map_or_else(String::new, |at| format!(", of {}", in_utc(at)));
    let id = incident.id;
    let over = if incident.is_open() {
        String::new()
    } else {
        format!("; {id} is resolved: open it again if it is not over")
    };
    let said = format!("noted on {id}{dated}{over}");
    Ok(decided(Fact::IncidentUpdated(updated), said))
}

fn resolve(
    service: &ServiceView<'_>,
    id: IncidentId,
    sentence: &str,
    at: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Result<Decided, Refusal> {
    let incident = found(service, id)?;
    if let Some(end) = &incident.resolved {
        let sentence = format!("{id} was resolved by {}: {}", end.by, end.text);
        return Err(Refusal::invalid(sentence));
    }
    let text = text("sentence of how it ended", sentence, Need::Required)?;
    let at = dated(at, now)?;
    let mut after = incident.clone();
    after.resolved = Some(crate::domain::incident::IncidentEnd {
        seq: service.state.last_seq,
        by: incident.by.clone(),
        written_at: now,
        at,
        text: text.clone(),
    });
    let standing = after.standing(&service.policy.incidents, service.state);
    let next = standing.postmortem.in_words(now).map(|next| format!("; {next}"));
    let said = format!("{id} is resolved{}", next.unwrap_or_default());
    Ok(decided(Fact::IncidentResolved(IncidentResolved { incident: id, text, at }), said))
}

fn reopen(service: &ServiceView<'_>, id: IncidentId, reason: &str) -> Result<Decided, Refusal> {
    let incident = found(service, id)?;
    if incident.is_open() {
        return Err(Refusal::invalid(format!("{id} is open")));
    }
    let turns =
        incident.updates.iter().filter(|update| update.turn == Some(IncidentTurn::Reopened));
    if turns.count() + incident.updates.len() >= MOST_UPDATES {
        return Err(Refusal::invalid(format!("{id} takes no more updates; open a new incident")));
    }
    let reason = text("reason", reason, Need::Required)?;
    let said = format!("{id} is open again");
    Ok(decided(Fact::IncidentReopened(IncidentReopened { incident: id, reason }), said))
}

fn written(service: &ServiceView<'_>, id: IncidentId, place: &str) -> Result<Decided, Refusal> {
    found(service, id)?;
    let place = text("place of the postmortem", place, Need::Required)?;
    let said = format!("the postmortem of {id} is written: {place}");
    let written = PostmortemWritten { incident: id, place, draft: false };
    Ok(decided(Fact::PostmortemWritten(written), said))
}

/// The issue is there already: whoever opened it looked it up.
fn drafted(
    service: &ServiceView<'_>,
    id: IncidentId,
    place: Option<&str>,
) -> Result<Decided, Refusal> {
    let incident = found(service, id)?;
    if let Some(place) = &incident.issue {
        let sentence = format!("the draft of the postmortem of {id} is an issue already: {place}");
        return Err(Refusal::invalid(sentence));
    }
    let Some(place) = place else {
        return Err(Refusal::invalid("this engine opens no issues"));
    };
    let place = text("address of the issue", place, Need::Required)?;
    let said = format!(
        "the draft of the postmortem of {id} is an issue: {place}; fill in what is marked there, then say that it is written"
    );
    let written = PostmortemWritten { incident: id, place, draft: true };
    Ok(decided(Fact::PostmortemWritten(written), said))
}

fn dismiss(service: &ServiceView<'_>, id: IncidentId, reason: &str) -> Result<Decided, Refusal> {
    let incident = found(service, id)?;
    if let Some(PostmortemRecord::Written { place, .. }) = &incident.document {
        return Err(Refusal::invalid(format!("the postmortem of {id} is written: {place}")));
    }
    let reason = text("reason", reason, Need::Required)?;
    let said = format!("{id} gets no postmortem");
    Ok(decided(Fact::PostmortemDismissed(PostmortemDismissed { incident: id, reason }), said))
}

fn not_affected(
    service: &ServiceView<'_>,
    mut answer: UsersNotAffected,
) -> Result<Decided, Refusal> {
    let incidents = &service.state.incidents;
    answer.with.sort_unstable();
    answer.with.dedup();
    let named: Vec<_> = answer.rollbacks().collect();
    for rollback in named.iter().copied() {
        of_rollback(service, rollback)?;
        if let Some(incident) = about(service, rollback) {
            let sentence = format!(
                "{} is about {rollback}: {}; say there that users were not affected",
                incident.id, incident.title
            );
            return Err(Refusal::invalid(sentence));
        }
        if let Some(said) = incidents.not_affected(rollback) {
            return Err(Refusal::invalid(format!("{} said so before of {rollback}", said.by)));
        }
    }
    let asked = incidents.questions().iter();
    let asked = asked.filter(|asked| named.iter().any(|id| asked.is_of(*id)));
    let others = asked.flat_map(|asked| &asked.rollbacks);
    let others: Vec<_> = others.filter(|linked| !named.contains(&linked.rollback)).collect();
    if !others.is_empty() {
        let others: Vec<_> = others.into_iter().map(LinkedRollback::in_words).collect();
        let sentence = format!(
            "the question is about {} too, and nothing was noted; answer for all of them",
            others.join(" and ")
        );
        return Err(Refusal::Moved { sentence });
    }
    answer.note = text("note", &answer.note, Need::Optional)?;
    let said = format!("noted: users were not affected before {}", all_of(answer.rollbacks()));
    Ok(decided(Fact::UsersNotAffected(answer), said))
}

/// A rollback of production, or a move back that trunkline saw.
fn of_rollback(service: &ServiceView<'_>, id: DeploymentId) -> Result<LinkedRollback, Refusal> {
    let state = service.state;
    let is_rollback = |made: &&Deployment| {
        let request = &made.request;
        let asked = state.incidents.questions().iter().any(|asked| asked.is_of(id));
        let answered = state.incidents.not_affected(id).is_some();
        let is_of_kind = request.kind == DeploymentKind::Rollback;
        request.environment == Environment::Production && (is_of_kind || asked || answered)
            || state.incidents.about(id).is_some()
    };
    let made = state.deployments.get(&id).filter(is_rollback);
    made.map(|_| state.linked(id))
        .ok_or_else(|| Refusal::not_found(format!("{id} is no rollback of production")))
}

fn about<'a>(service: &ServiceView<'a>, rollback: DeploymentId) -> Option<&'a Incident> {
    let all = service.state.incidents.iter().rev();
    all.into_iter().find(|of| of.rollbacks.iter().any(|linked| linked.rollback == rollback))
}

fn found<'a>(service: &ServiceView<'a>, id: IncidentId) -> Result<&'a Incident, Refusal> {
    let state = service.state;
    state.incidents.get(id).ok_or_else(|| Refusal::not_found(format!("there is no incident {id}")))
}

fn severity(service: &ServiceView<'_>, name: &str) -> Result<String, Refusal> {
    let policy = &service.policy.incidents;
    policy.severity(name).map(|level| level.name.clone()).ok_or_else(|| {
        let named = if name.trim().is_empty() {
            "an incident needs a severity".to_owned()
        } else {
            format!("there is no severity {:?}", name.trim())
        };
        let sentence =
            format!("{named}; use one of {}; if unsure, the worse one", policy.in_words());
        Refusal::invalid(sentence)
    })
}

fn dated(at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, Refusal> {
    match at {
        Some(at) if at > now + AHEAD => {
            Err(Refusal::invalid("the time is in the future; write what happened"))
        }
        Some(at) if at < now - LONGEST_AGO => {
            Err(Refusal::invalid("the time is more than 90 days ago"))
        }
        at => Ok(at.map(|at| at.min(now))),
    }
}

fn decided(fact: Fact, said: String) -> Decided {
    Decided { facts: vec![fact], deployment: None, said }
}

//! How an incident stands, for its one message; what is said below it; and what people are reminded of.

use chrono::{DateTime, TimeDelta, Utc};

use super::deployment::clock;
use super::view::{IncidentSaid, IncidentView, NoticeInput, NoticeView};
use super::{DetailKind, Notice, NoticeAbout, NoticeDetail, NoticeDue, NoticeKey};
use crate::domain::event::{Event, Fact};
use crate::domain::ids::{IncidentId, ServiceName};
use crate::domain::incident::{
    Incident, IncidentPolicy, IncidentStanding, IncidentUpdate, PostmortemRecord,
    PostmortemStanding,
};
use crate::domain::instant::in_utc;
use crate::domain::people::Actor;
use crate::domain::service::ServiceState;

/// What was due longer ago is no news. It is less than what was told is kept, so nobody is reminded twice.
const REMINDED_WITHIN: TimeDelta = TimeDelta::days(7);

/// Fills in what is known of an incident. It can always be opened again, so its message is never final.
pub(super) fn incident(view: &mut NoticeView, id: IncidentId, input: NoticeInput<'_>) {
    let Some(found) = input.state.incidents.get(id) else {
        (view.symbol, view.state) = ("?", "not known".to_owned());
        (view.settled, view.is_final) = (true, true);
        return;
    };
    let (symbol, state) = if found.is_open() { ("‼", "open") } else { ("✔", "resolved") };
    (view.symbol, view.state, view.settled) = (symbol, state.to_owned(), true);
    view.incident = Some(parts(&found.standing(input.policy, input.state), input.policy));
}

fn parts(standing: &IncidentStanding, policy: &IncidentPolicy) -> IncidentView {
    let incident = &standing.incident;
    let rollbacks = incident.rollbacks_in_words();
    let opened = incident.opened_at;
    let clock = |at| clock(at, Some(opened));
    let mut updates = incident.updates.iter().rev();
    // A line that was dated back tells nothing of now.
    let last = updates.find(|update| update.at.is_none() && update.turn.is_none());
    IncidentView {
        id: incident.id.to_string(),
        title: incident.title.clone(),
        severity: incident.severity.clone(),
        rank: policy.severities.iter().position(|level| level.name == incident.severity),
        users: incident.users_affected.in_words().to_owned(),
        by: incident.by.to_string(),
        opened: clock(opened),
        opened_at: opened,
        rollbacks: (!rollbacks.is_empty()).then_some(rollbacks),
        last: last.map(|update| said(update, clock(update.written_at))),
        update_due: standing.update_due.map(clock),
        resolved: incident.resolved.as_ref().map(|end| IncidentSaid {
            by: end.by.to_string(),
            at: clock(end.written_at),
            text: end.text.clone(),
        }),
        over: incident.resolved.as_ref().and_then(|end| end.at).map(clock),
        postmortem: postmortem(standing, clock),
    }
}

fn said(update: &IncidentUpdate, at: String) -> IncidentSaid {
    let severity = update.severity.as_ref().map(|severity| format!("now {severity}"));
    let users = update.users_affected.map(|users| users.in_words().to_owned());
    let text = (!update.text.is_empty()).then(|| update.text.clone());
    let text: Vec<_> = text.into_iter().chain(severity).chain(users).collect();
    IncidentSaid { by: update.by.to_string(), at, text: text.join("; ") }
}

/// What is known of its postmortem once it is over.
fn postmortem(
    standing: &IncidentStanding,
    clock: impl Fn(DateTime<Utc>) -> String,
) -> Option<String> {
    match (&standing.incident.document, &standing.postmortem) {
        (Some(PostmortemRecord::Written { place, .. }), _) => Some(format!("postmortem: {place}")),
        (Some(PostmortemRecord::Dismissed { reason, .. }), _) => {
            Some(format!("no postmortem: {reason}"))
        }
        (None, PostmortemStanding::Needed { due: Some(due), .. }) => {
            Some(format!("postmortem due {}", clock(*due)))
        }
        _ => None,
    }
}

/// What an event about an incident says below its message.
pub(super) fn detail(event: &Event, state: &ServiceState) -> Option<Notice> {
    let (incident, kind, loud) = match &event.fact {
        Fact::IncidentUpdated(updated) => {
            // What is written down later, or by nobody, is no news of now.
            let is_news = updated.at.is_none() && event.actor != Actor::System;
            let kind = if is_news { DetailKind::IncidentUpdate } else { DetailKind::IncidentNote };
            (updated.incident, kind, updated.severity.is_some())
        }
        Fact::IncidentResolved(of) => (of.incident, DetailKind::IncidentResolved, true),
        Fact::IncidentReopened(of) => (of.incident, DetailKind::IncidentReopened, true),
        Fact::PostmortemWritten(of) => (of.incident, DetailKind::IncidentNote, false),
        Fact::PostmortemDismissed(of) => (of.incident, DetailKind::IncidentNote, false),
        _ => return None,
    };
    let opener = state.incidents.get(incident).map(|incident| &incident.by);
    let detail = NoticeDetail {
        loud,
        incident: Some(incident),
        is_help: opener.is_some_and(|by| *by != event.actor),
        ..NoticeDetail::new(
            NoticeKey::of_incident(&event.service, incident),
            kind,
            event.sentence(),
        )
    };
    Some(Notice {
        key: NoticeKey::of_event(&event.service, event.seq),
        service: event.service.clone(),
        seq: event.seq,
        at: event.at,
        about: NoticeAbout::Detail(detail),
    })
}

/// The messages of the incidents that are open or owe a postmortem.
#[must_use]
pub fn awaited(
    service: &ServiceName,
    state: &ServiceState,
    policy: &IncidentPolicy,
) -> Vec<NoticeKey> {
    let owes = |incident: &&Incident| {
        let standing = || incident.standing(policy, state).postmortem;
        incident.is_open()
            || incident.document.is_none()
                && matches!(standing(), PostmortemStanding::Needed { .. })
    };
    let all = state.incidents.iter().filter(owes);
    all.map(|incident| NoticeKey::of_incident(service, incident.id)).collect()
}

/// What people are reminded of now, each with a key of its own for what is due: the next update of an incident, and its
/// postmortem.
#[must_use]
pub fn reminders(
    service: &ServiceName,
    state: &ServiceState,
    policy: &IncidentPolicy,
    now: DateTime<Utc>,
) -> Vec<Notice> {
    let is_waited_for = |of: &&Incident| of.is_open() || of.document.is_none();
    let waiting = state.incidents.iter().filter(is_waited_for);
    waiting.filter_map(|incident| reminder(service, incident, state, policy, now)).collect()
}

fn reminder(
    service: &ServiceName,
    incident: &Incident,
    state: &ServiceState,
    policy: &IncidentPolicy,
    now: DateTime<Utc>,
) -> Option<Notice> {
    let standing = incident.standing(policy, state);
    let (id, severity) = (incident.id, &incident.severity);
    let (at, due, part, sentence) = match (standing.update_due, &standing.postmortem) {
        (Some(at), _) => {
            let since = incident.last_told();
            let part = format!("update/{}", since.timestamp_millis());
            let (last, due) = (clock(since, Some(at)), clock(at, Some(since)));
            let sentence = format!("{id} {severity}: no update since {last}; one was due {due}");
            (at, NoticeDue::Update { since }, part, sentence)
        }
        (None, PostmortemStanding::Needed { why, due: Some(at) }) => {
            let part = format!("postmortem/{}", at.timestamp());
            let sentence = format!("the postmortem of {id} was due {}: {why}", in_utc(*at));
            (*at, NoticeDue::Postmortem, part, sentence)
        }
        _ => return None,
    };
    if now < at || now - at > REMINDED_WITHIN {
        return None;
    }
    let of = NoticeKey::of_incident(service, id);
    let detail = NoticeDetail {
        loud: true,
        incident: Some(id),
        due: Some(due),
        ..NoticeDetail::new(of.clone(), DetailKind::IncidentDue, sentence)
    };
    let (key, about) = (of.part(&part), NoticeAbout::Detail(detail));
    Some(Notice { key, service: service.clone(), seq: state.last_seq, at, about })
}

/// Whether what a reminder asks for is there by now.
pub(super) fn is_moot(detail: &NoticeDetail, state: &ServiceState) -> bool {
    let Some(due) = detail.due else { return false };
    let Some(incident) = detail.incident.and_then(|id| state.incidents.get(id)) else {
        return true;
    };
    match due {
        NoticeDue::Update { since } => !incident.is_open() || incident.last_told() > since,
        NoticeDue::Postmortem => incident.is_open() || incident.document.is_some(),
    }
}

//! Which notices an event makes.

use super::{Notice, NoticeAbout, NoticeKey};
use super::{detail, incident};
use crate::domain::event::{Event, Fact};
use crate::domain::ids::{DeploymentId, Environment, IncidentId};
use crate::domain::service::ServiceState;

/// What an event of a service makes to tell. `state` has the event, and may have later ones. `held_by` is the message that
/// told of the hold of production before this event.
#[must_use]
pub fn notices(event: &Event, state: &ServiceState, held_by: Option<&NoticeKey>) -> Vec<Notice> {
    let mut all = Vec::new();
    all.extend(message(event, state));
    all.extend(detail::details(event, state, held_by));
    all.extend(incident::detail(event, state));
    all
}

fn message(event: &Event, state: &ServiceState) -> Option<Notice> {
    let (key, about) = match &event.fact {
        Fact::DeploymentRequested(_) | Fact::DeploymentObserved(_) | Fact::UnknownObserved(_) => {
            let deployment = DeploymentId::from(event.seq);
            let found = state.deployments.get(&deployment)?;
            // What ran before trunkline looked is no news.
            if found.seen.as_ref().is_some_and(|seen| seen.taken_over) {
                return None;
            }
            let key = NoticeKey::of_deployment(&event.service, deployment);
            (key, NoticeAbout::Deployment { deployment })
        }
        Fact::IncidentOpened(_) => {
            let incident = IncidentId::from(event.seq);
            let key = NoticeKey::of_incident(&event.service, incident);
            (key, NoticeAbout::Incident { incident })
        }
        Fact::PromoterRequested { .. } => {
            let key = NoticeKey::of_event(&event.service, event.seq);
            (key, NoticeAbout::Request { request: event.seq })
        }
        Fact::HoldPlaced {
            environment: Environment::Production, reason, rollback: None, ..
        } => {
            let key = NoticeKey::of_event(&event.service, event.seq);
            let (hold, environment) = (event.seq, Environment::Production);
            let by = event.actor.to_string();
            (key, NoticeAbout::Hold { hold, environment, reason: reason.clone(), by })
        }
        _ => return None,
    };
    Some(Notice { key, service: event.service.clone(), seq: event.seq, at: event.at, about })
}

/// The message that tells of the hold of production after this event; `None` if the event changes no hold there.
#[must_use]
pub fn hold_after(event: &Event) -> Option<Option<NoticeKey>> {
    match &event.fact {
        Fact::HoldPlaced { environment: Environment::Production, rollback, .. } => {
            Some(Some(match rollback {
                Some(rollback) => NoticeKey::of_deployment(&event.service, *rollback),
                None => NoticeKey::of_event(&event.service, event.seq),
            }))
        }
        Fact::HoldReleased { environment: Environment::Production, .. } => Some(None),
        _ => None,
    }
}

//! Which notices go to a destination: what its kind can tell, and what the service wants told there.

use super::opened::KnownDestination;
use crate::config::notify::StagingNotices;
use crate::domain::event::{Event, Fact, Outcome};
use crate::domain::ids::{DeploymentId, Environment};
use crate::domain::notice::{Notice, NoticeAbout, NoticeKey};
use crate::domain::service::ServiceState;
use crate::store::outbox::NewItem;

/// A notice on its way; `None` if the destination has no place for it.
pub(super) fn route(to: &KnownDestination, channel: &str, notice: Notice) -> Option<NewItem> {
    if !to.hears(&notice) {
        return None;
    }
    let can = to.abilities();
    if let NoticeAbout::Detail(detail) = &notice.about
        && !can.thread
        && !detail.stands_alone(can.edit)
    {
        return None;
    }
    Some(NewItem { destination: to.name.clone(), channel: channel.to_owned(), notice })
}

/// What of an event's notices a service wants told.
pub(super) fn wanted(
    event: &Event,
    notices: &[Notice],
    state: &ServiceState,
    staging: StagingNotices,
) -> Vec<Notice> {
    let in_staging =
        |notice: &&Notice| deployment_of(notice).is_some_and(|id| is_of_staging(id, state));
    let (of_staging, wanted): (Vec<&Notice>, Vec<&Notice>) = notices.iter().partition(in_staging);
    match staging {
        StagingNotices::All => return notices.to_vec(),
        StagingNotices::None => {}
        StagingNotices::Failures => {
            if let Some(id) = failed_in(event).filter(|id| is_of_staging(*id, state)) {
                let key = NoticeKey::of_deployment(&event.service, id);
                let about = NoticeAbout::Deployment { deployment: id };
                let (service, seq, at) = (event.service.clone(), event.seq, event.at);
                let message = Notice { key, service, seq, at, about };
                return [&message].into_iter().chain(of_staging).chain(wanted).cloned().collect();
            }
        }
    }
    wanted.into_iter().cloned().collect()
}

fn is_of_staging(id: DeploymentId, state: &ServiceState) -> bool {
    let found = state.deployments.get(&id);
    found.is_some_and(|of| of.request.environment == Environment::Staging)
}

fn deployment_of(notice: &Notice) -> Option<DeploymentId> {
    match &notice.about {
        NoticeAbout::Deployment { deployment } => Some(*deployment),
        NoticeAbout::Detail(detail) => detail.deployment,
        _ => None,
    }
}

/// The deployment that an event says did not succeed.
fn failed_in(event: &Event) -> Option<DeploymentId> {
    let (Fact::DeploymentEnded { deployment, outcome }
    | Fact::ObservedEnded { deployment, outcome, .. }) = &event.fact
    else {
        return None;
    };
    matches!(outcome, Outcome::Failed(_) | Outcome::Interrupted(_)).then_some(*deployment)
}

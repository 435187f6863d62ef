//! Notes that a console showed a person how a watch ended.

use super::{Decided, ServiceView};
use crate::domain::command::Refusal;
use crate::domain::event::Fact;
use crate::domain::ids::DeploymentId;
use crate::domain::watch::WatchSeen;

pub(super) fn see_watch(
    service: &ServiceView<'_>,
    deployment: DeploymentId,
) -> Result<Decided, Refusal> {
    if service.state.watches.end_of(deployment).is_none() {
        let why = format!("the watch of {deployment} has not ended, or there is none");
        return Err(Refusal::invalid(why));
    }
    Ok(Decided {
        facts: vec![Fact::WatchSeen(WatchSeen { deployment })],
        deployment: None,
        said: format!("it is noted that you saw how the watch of {deployment} ended"),
    })
}

//! Lists on the wire, as objects so that fields can be added beside them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::calendar::FreezeWindow;
use crate::domain::chain::RecordSpan;
use crate::domain::deployment::Deployment;
use crate::domain::event::Event;

/// Deployments of an environment, newest first; the next page is the one `before` the last of these.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeploymentPage {
    pub deployments: Vec<Deployment>,
}

/// The windows of the freezes by calendar, in the order of their beginnings, at most a thousand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FreezePage {
    pub windows: Vec<FreezeWindow>,
}

/// Events, oldest first; the next page is the one `after` the last of these.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EventPage {
    pub events: Vec<Event>,
}

/// The first and the last event of a time; nothing when no event is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SpanPage {
    pub span: Option<RecordSpan>,
}

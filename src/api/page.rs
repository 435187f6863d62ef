//! Lists in answers. Each is an object, so that fields can be added.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::calendar::FreezeWindow;
use crate::domain::chain::RecordSpan;
use crate::domain::deployment::Deployment;
use crate::domain::event::Event;
use crate::domain::incident::IncidentStanding;
use crate::domain::snapshot::BuildRow;
use crate::domain::token::Token;

/// Builds of the trunk, newest first. The next page is `before` the last of these.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BuildPage {
    pub builds: Vec<BuildRow>,
}

/// Deployments of an environment, newest first. The next page is `before` the last of these.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeploymentPage {
    pub deployments: Vec<Deployment>,
}

/// The windows of the calendar freezes, earliest first, at most a thousand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FreezePage {
    pub windows: Vec<FreezeWindow>,
}

/// Incidents of a service, newest first. The next page is `before` the last of these.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IncidentPage {
    pub incidents: Vec<IncidentStanding>,
}

/// Events, oldest first. The next page is `after` the last of these.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EventPage {
    pub events: Vec<Event>,
}

/// The first and the last event of a period; absent if it has no event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SpanPage {
    pub span: Option<RecordSpan>,
}

/// All tokens, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenPage {
    pub tokens: Vec<Token>,
}

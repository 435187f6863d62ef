//! The measures of the service on screen as the console knows them: read once for each change of production, and again after
//! a while.

use tokio::time::Instant;

use crate::console::model::Model;
use crate::domain::ids::{DeploymentId, Environment};
use crate::domain::stats::DeliveryStats;

/// What was read of the measures. A new one belongs to the service on screen.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MeasuresView {
    pub stats: Option<Box<DeliveryStats>>,
    /// Why the last answer was none.
    pub failure: Option<String>,
    pub asked: Option<StatsQuestion>,
}

/// The last question for measures.
#[derive(Debug, Clone, PartialEq)]
pub struct StatsQuestion {
    pub at: Instant,
    pub basis: Option<DeploymentId>,
    pub is_answered: bool,
}

impl Model {
    /// What the measures of the service on screen rest on: the last deployment of production that ended.
    #[must_use]
    pub fn stats_basis(&self) -> Option<DeploymentId> {
        let rows = self.service.iter().flat_map(|service| &service.deployments);
        let ended = rows.map(|row| &row.deployment).filter(|deployment| {
            deployment.request.environment == Environment::Production && !deployment.is_open()
        });
        ended.map(|deployment| deployment.id).max()
    }
}

//! The paths: the patterns of the server's routes, and the paths that a client requests.

use crate::domain::ids::{CommitPrefix, DeploymentId, IdempotencyKey, ServiceName};
use crate::domain::token::TokenId;

pub const DESCRIBE: &str = "/v1";
pub const DOCUMENT: &str = "/v1/openapi.json";
pub const FLEET: &str = "/v1/fleet";
pub const SERVICE: &str = "/v1/services/{service}";
pub const BUILDS: &str = "/v1/services/{service}/builds";
pub const DEPLOYMENTS: &str = "/v1/services/{service}/deployments";
pub const PLAN: &str = "/v1/services/{service}/plan";
pub const STATS: &str = "/v1/services/{service}/stats";
pub const FREEZES: &str = "/v1/services/{service}/freezes";
pub const COMMIT: &str = "/v1/services/{service}/commits/{commit}";
pub const COMMANDS: &str = "/v1/services/{service}/commands";
pub const LOG: &str = "/v1/services/{service}/deployments/{deployment}/steps/{step}/log";
pub const LOG_SEARCH: &str =
    "/v1/services/{service}/deployments/{deployment}/steps/{step}/log/search";
pub const RECEIPT: &str = "/v1/commands/{key}";
pub const EVENTS: &str = "/v1/events";
pub const CHAIN: &str = "/v1/record/chain";
pub const SPAN: &str = "/v1/record/span";
pub const WHO_AM_I: &str = "/v1/whoami";
pub const TOKENS: &str = "/v1/tokens";
pub const TOKEN: &str = "/v1/tokens/{token}";

#[must_use]
pub fn service(service: &ServiceName) -> String {
    format!("/v1/services/{service}")
}

#[must_use]
pub fn builds(service: &ServiceName) -> String {
    format!("/v1/services/{service}/builds")
}

#[must_use]
pub fn deployments(service: &ServiceName) -> String {
    format!("/v1/services/{service}/deployments")
}

#[must_use]
pub fn plan(service: &ServiceName) -> String {
    format!("/v1/services/{service}/plan")
}

#[must_use]
pub fn freezes(service: &ServiceName) -> String {
    format!("/v1/services/{service}/freezes")
}

#[must_use]
pub fn stats(service: &ServiceName) -> String {
    format!("/v1/services/{service}/stats")
}

#[must_use]
pub fn commit(service: &ServiceName, commit: &CommitPrefix) -> String {
    format!("/v1/services/{service}/commits/{commit}")
}

#[must_use]
pub fn commands(service: &ServiceName) -> String {
    format!("/v1/services/{service}/commands")
}

#[must_use]
pub fn log(service: &ServiceName, deployment: DeploymentId, step: usize) -> String {
    format!("/v1/services/{service}/deployments/{}/steps/{step}/log", deployment.0)
}

#[must_use]
pub fn log_search(service: &ServiceName, deployment: DeploymentId, step: usize) -> String {
    format!("{}/search", log(service, deployment, step))
}

#[must_use]
pub fn token(TokenId(id): TokenId) -> String {
    format!("/v1/tokens/{id}")
}

#[must_use]
pub fn receipt(key: &IdempotencyKey) -> String {
    format!("/v1/commands/{}", key.as_str())
}

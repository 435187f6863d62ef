//! The paths: the patterns of the server's routes, and the paths that a client requests.

use crate::domain::ids::{CommitPrefix, DeploymentId, IdempotencyKey, IncidentId, ServiceName};
pub use crate::domain::link::{build_page, run_page, service_page};
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
pub const LOG_FILTER: &str =
    "/v1/services/{service}/deployments/{deployment}/steps/{step}/log/filter";
pub const RECEIPT: &str = "/v1/commands/{key}";
pub const EVENTS: &str = "/v1/events";
pub const TIMELINE: &str = "/v1/timeline";
pub const INCIDENTS: &str = "/v1/services/{service}/incidents";
pub const INCIDENT: &str = "/v1/services/{service}/incidents/{incident}";
pub const NOTES: &str = "/v1/services/{service}/notes";
pub const CHAIN: &str = "/v1/record/chain";
pub const SPAN: &str = "/v1/record/span";
pub const WHO_AM_I: &str = "/v1/whoami";
pub const LOGIN: &str = "/v1/login";
pub const WEBHOOKS: &str = "/v1/webhooks";
pub const WEBHOOK: &str = "/v1/webhooks/{forge}";
pub const HEALTH: &str = "/healthz";
pub const READINESS: &str = "/readyz";
pub const METRICS: &str = "/metrics";
pub const TOKENS: &str = "/v1/tokens";
pub const TOKEN: &str = "/v1/tokens/{token}";
pub const LINK: &str = "/v1/services/{service}/deployments/{deployment}/link";
pub const BROWSER: &str = "/v1/browser";
/// The pages for people.
pub const FLEET_PAGE: &str = "/";
pub const SERVICE_PAGE: &str = "/services/{service}";
pub const BUILD_PAGE: &str = "/services/{service}/builds/{build}";
pub const RUN_PAGE: &str = "/services/{service}/runs/{deployment}";
pub const RUN_LOG: &str = "/services/{service}/runs/{deployment}/log";
pub const SIGN_IN_PAGE: &str = "/sign-in";
/// The way to the provider, and the way back.
pub const SIGN_IN_PROVIDER: &str = "/sign-in/provider";
pub const SIGN_IN_ANSWER: &str = "/sign-in/answer";
pub const ASSET: &str = "/assets/{file}";

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
pub fn incidents(service: &ServiceName) -> String {
    format!("/v1/services/{service}/incidents")
}

#[must_use]
pub fn incident(service: &ServiceName, IncidentId(id): IncidentId) -> String {
    format!("/v1/services/{service}/incidents/{id}")
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
pub fn log_filter(service: &ServiceName, deployment: DeploymentId, step: usize) -> String {
    format!("{}/filter", log(service, deployment, step))
}

#[must_use]
pub fn token(TokenId(id): TokenId) -> String {
    format!("/v1/tokens/{id}")
}

#[must_use]
pub fn link(service: &ServiceName, deployment: DeploymentId) -> String {
    format!("/v1/services/{service}/deployments/{}/link", deployment.0)
}

/// Which log: of a service's deployment the step, for whoever has this link.
pub type StepOfLog<'a> = (&'a ServiceName, DeploymentId, usize, Option<&'a str>);

/// The page of a deployment at a part of a step's log: before or after a cursor, or at its end.
#[must_use]
pub fn log_page(log: StepOfLog<'_>, part: Option<(&str, u64)>) -> String {
    part_of_log(log, "", part) + "#log"
}

/// The stream of a step's log for its page.
#[must_use]
pub fn log_stream(log: StepOfLog<'_>, after: u64) -> String {
    part_of_log(log, "/log", Some(("after", after)))
}

fn part_of_log(
    (service, deployment, step, link): StepOfLog<'_>,
    stream: &str,
    part: Option<(&str, u64)>,
) -> String {
    let part = part.map_or_else(String::new, |(name, cursor)| format!("&{name}={cursor}"));
    let link = link.map_or_else(String::new, |link| format!("&link={link}"));
    format!("{}{stream}?step={step}{part}{link}", run_page(service, deployment))
}

/// The service and the deployment of a page that a link may open.
#[must_use]
pub fn run_of(path: &str) -> Option<(ServiceName, DeploymentId)> {
    let mut parts = path.strip_prefix("/services/")?.split('/');
    let (service, "runs", id) = (parts.next()?, parts.next()?, parts.next()?) else { return None };
    match (parts.next(), parts.next()) {
        (None | Some("log"), None) => {}
        _ => return None,
    }
    let is_number = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit());
    Some((service.parse().ok()?, DeploymentId(id.parse().ok().filter(|_| is_number)?)))
}

/// Whether a path is one by which a browser signs in.
#[must_use]
pub fn is_of_sign_in(path: &str) -> bool {
    path.strip_prefix(SIGN_IN_PAGE).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether a path is one of the API, for programs.
#[must_use]
pub fn is_of_api(path: &str) -> bool {
    path == "/v1" || path.starts_with("/v1/")
}

#[must_use]
pub fn receipt(key: &IdempotencyKey) -> String {
    format!("/v1/commands/{}", key.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_run_of_a_page_is_found_and_of_no_other_path() {
        let service: ServiceName = "checkout".parse().unwrap();
        let run = Some((service.clone(), DeploymentId(57)));
        let page = run_page(&service, DeploymentId(57));
        assert_eq!(run_of(&page), run);
        assert_eq!(run_of(&format!("{page}/log")), run);
        for other in [
            "/",
            "/services/checkout",
            "/services/checkout/runs",
            "/services/checkout/runs/",
            "/services/checkout/runs/+57",
            "/services/checkout/runs/57/",
            "/services/checkout/runs/57/log/x",
            "/services/checkout/runs/57/../58",
            "/services/checkout/builds/57",
            "/services/%2e%2e/runs/57",
            "/services//runs/57",
            "/v1/services/checkout/deployments/57/steps/0/log",
        ] {
            assert_eq!(run_of(other), None, "{other}");
        }
    }
}

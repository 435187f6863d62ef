//! What a monitoring system asks: whether the process answers, whether the engine acts, and its numbers.

use std::fmt;
use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeLabelSet, MetricEncoder, NoLabelSet, prometheus_text,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::connections::Connections;
use super::layers::wrong_method;
use super::response::ProblemResponse;
use super::routes::Session;
use crate::api::path;
use crate::api::problem::{ProblemDocument, ProblemKind};
use crate::backend::Backend;
use crate::backend::access::Readiness;
use crate::domain::engine_metrics::{Durations, EngineMetrics};

/// The type of the Prometheus text format.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What can be told of a server without a caller.
#[derive(Clone)]
pub(super) struct Monitor {
    pub connections: Connections,
    pub ready: Arc<dyn Fn() -> Readiness + Send + Sync>,
    pub metrics: Arc<dyn Fn() -> Option<EngineMetrics> + Send + Sync>,
}

impl Monitor {
    /// The routes that need no token. Nothing that they tell names anything.
    pub fn open_routes(self) -> Router {
        open(OpenApiRouter::new().routes(routes!(health)).routes(routes!(readiness)), self)
    }

    /// The same with the numbers, for a server that shows them to everybody.
    pub fn open_numbers(self) -> Router {
        open(OpenApiRouter::new().routes(routes!(open_metrics)), self)
    }
}

fn open(routes: OpenApiRouter, monitor: Monitor) -> Router {
    let (routes, _) = routes.split_for_parts();
    let routes = routes.method_not_allowed_fallback(wrong_method);
    routes.layer(Extension(monitor))
}

/// Says that the process answers. Needs no token.
#[utoipa::path(
    get,
    path = path::HEALTH,
    security(()),
    responses((status = 200, description = "It answers.", body = String, content_type = "text/plain; charset=utf-8"))
)]
pub(super) async fn health() -> &'static str {
    "ok\n"
}

/// Says whether the engine records, acts and watches the trunks. Needs no token.
///
/// If it does not, the answer is 503 with the reason, which names nothing. Whoever is signed in finds the details in the fleet.
#[utoipa::path(
    get,
    path = path::READINESS,
    security(()),
    responses((status = 200, description = "It does.", body = String, content_type = "text/plain; charset=utf-8"))
)]
pub(super) async fn readiness(
    Extension(monitor): Extension<Monitor>,
) -> Result<&'static str, ProblemResponse> {
    let ready = (monitor.ready)().await;
    let not_ready = |why: &str| ProblemDocument::new(ProblemKind::Unreachable, why);
    ready.map(|()| "ready\n").map_err(|why| not_ready(why).into())
}

/// Returns the numbers of the engine in the Prometheus text format, for a caller who is not limited to services.
#[utoipa::path(
    get,
    path = path::METRICS,
    responses((status = 200, description = "The numbers.", body = String, content_type = "text/plain; version=0.0.4; charset=utf-8"))
)]
pub(super) async fn metrics<B: Backend>(
    State(session): State<Session<B>>,
    Extension(monitor): Extension<Monitor>,
) -> Result<Response, ProblemResponse> {
    let metrics = session.ask(session.backend.metrics()).await?;
    Ok(text(metrics, &monitor.connections))
}

/// The same for everybody.
#[utoipa::path(get, path = path::METRICS, responses((status = 200)))]
async fn open_metrics(Extension(monitor): Extension<Monitor>) -> Result<Response, ProblemResponse> {
    let none = || ProblemDocument::new(ProblemKind::Failed, "this server has no numbers");
    let metrics = (monitor.metrics)().ok_or_else(none)?;
    Ok(text(metrics, &monitor.connections))
}

fn text(engine: EngineMetrics, connections: &Connections) -> Response {
    let mut registry = Registry::with_prefix("trunkline");
    let connections = connections.by_doing();
    registry.register_collector(Box::new(Measured { engine, connections }));
    let mut text = String::new();
    match prometheus_text::encode(&mut text, &registry) {
        Ok(()) => ([(CONTENT_TYPE, TEXT)], text).into_response(),
        Err(error) => {
            let why = format!("the numbers cannot be written: {error}");
            ProblemResponse::from(ProblemDocument::new(ProblemKind::Failed, why)).into_response()
        }
    }
}

/// The numbers of one moment.
#[derive(Debug)]
struct Measured {
    engine: EngineMetrics,
    connections: [(&'static str, u64); 3],
}

impl Collector for Measured {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let (deployments, durations) = (self.deployments(), self.durations());
        counter(&mut encoder, "deployments", "Deployments that ended.", &deployments)?;
        let about = "How long deployments took that began.";
        histogram(&mut encoder, "deployment_duration_seconds", about, &durations)?;
        let about = "Deployments that are queued or running.";
        gauge(&mut encoder, "deployments_open", about, &self.open())?;
        let events = [(NO_LABELS, self.engine.events)];
        counter(&mut encoder, "events", "Events in the record.", &events)?;
        let about = "How long durable writes of the record take.";
        let commits = [(NO_LABELS, &self.engine.commits)];
        histogram(&mut encoder, "record_write_seconds", about, &commits)?;
        let about = "How long fetches of git take that go well.";
        histogram(&mut encoder, "fetch_seconds", about, &[(NO_LABELS, &self.engine.fetches)])?;
        let problems = [(NO_LABELS, self.engine.problems)];
        gauge(&mut encoder, "problems", "Problems that are shown now.", &problems)?;
        let about = "Open connections; consoles are among those that wait for news.";
        let connections: Vec<_> =
            self.connections.iter().map(|(doing, count)| ([("doing", *doing)], *count)).collect();
        gauge(&mut encoder, "connections", about, &connections)
    }
}

type Labels<'a, const N: usize> = [(&'static str, &'a str); N];
const NO_LABELS: Labels<'static, 0> = [];

impl Measured {
    fn deployments(&self) -> Vec<(Labels<'_, 4>, u64)> {
        self.ended().map(|(labels, count, _)| (labels, count)).collect()
    }

    fn durations(&self) -> Vec<(Labels<'_, 4>, &Durations)> {
        self.ended().map(|(labels, _, took)| (labels, took)).collect()
    }

    fn ended(&self) -> impl Iterator<Item = (Labels<'_, 4>, u64, &Durations)> {
        self.engine.services.iter().flat_map(|service| {
            service.ended.iter().map(|((environment, kind, result), ended)| {
                let labels = [
                    ("service", service.service.as_str()),
                    ("environment", environment.as_str()),
                    ("kind", kind.as_str()),
                    ("result", *result),
                ];
                (labels, ended.count, &ended.took)
            })
        })
    }

    fn open(&self) -> Vec<(Labels<'_, 3>, u64)> {
        let of_service = self.engine.services.iter().flat_map(|service| {
            service.open.iter().map(|((environment, state), count)| {
                let service = ("service", service.service.as_str());
                ([service, ("environment", environment.as_str()), ("state", *state)], *count)
            })
        });
        of_service.collect()
    }
}

fn counter<L: EncodeLabelSet>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    about: &str,
    values: &[(L, u64)],
) -> fmt::Result {
    let write = |mut one: MetricEncoder<'_>, count: &u64| {
        one.encode_counter::<NoLabelSet, u64, f64>(count, None)
    };
    family(encoder, name, about, MetricType::Counter, values, write)
}

fn gauge<L: EncodeLabelSet>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    about: &str,
    values: &[(L, u64)],
) -> fmt::Result {
    let write = |mut one: MetricEncoder<'_>, value: &u64| one.encode_gauge(value);
    family(encoder, name, about, MetricType::Gauge, values, write)
}

fn histogram<L: EncodeLabelSet>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    about: &str,
    values: &[(L, &Durations)],
) -> fmt::Result {
    let write = |mut one: MetricEncoder<'_>, all: &&Durations| {
        one.encode_histogram::<NoLabelSet>(all.sum, all.count, &all.buckets(), None)
    };
    family(encoder, name, about, MetricType::Histogram, values, write)
}

fn family<L: EncodeLabelSet, V>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    about: &str,
    of: MetricType,
    values: &[(L, V)],
    write: impl Fn(MetricEncoder<'_>, &V) -> fmt::Result,
) -> fmt::Result {
    let mut encoder = encoder.encode_descriptor(name, about, None, of)?;
    values.iter().try_for_each(|(labels, value)| write(encoder.encode_family(labels)?, value))
}

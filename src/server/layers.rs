//! The layers around all routes: version headers, the handshake and the time limit; and the answers without a route.

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, Uri};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use tokio::time::timeout;

use super::response::ProblemResponse;
use crate::api::problem::{ProblemDocument, ProblemKind};
use crate::api::version::{Side, mismatch};
use crate::api::{API, API_HEADER, VERSION, VERSION_HEADER};
use crate::backend::LONGEST_ANSWER;

pub(super) fn stamped<S: Clone + Send + Sync + 'static>(routes: Router<S>) -> Router<S> {
    routes.layer(middleware::from_fn(handshake)).layer(middleware::map_response(stamp))
}

/// The answer to a request that reaches no route.
pub(super) fn answer(problem: impl Into<ProblemResponse>) -> Response {
    let mut response = problem.into().into_response();
    add_versions(&mut response);
    response
}

async fn stamp(mut response: Response) -> Response {
    add_versions(&mut response);
    response
}

/// Adds the version headers to an answer.
fn add_versions(response: &mut Response) {
    let headers = response.headers_mut();
    headers.insert(API_HEADER, HeaderValue::from(API));
    headers.insert(VERSION_HEADER, HeaderValue::from_static(VERSION));
}

/// Refuses a caller with another version of the API. A request without the header is accepted.
async fn handshake(request: Request, next: Next) -> Response {
    match incompatible(request.headers()) {
        Some(sentence) => {
            ProblemResponse::from(ProblemDocument::new(ProblemKind::Incompatible, sentence))
                .into_response()
        }
        None => next.run(request).await,
    }
}

fn incompatible(headers: &HeaderMap) -> Option<String> {
    let said = |name| headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()));
    mismatch(Side::Engine, &said(API_HEADER)?, said(VERSION_HEADER).as_deref())
}

/// Answers with a problem if a route takes too long.
pub(super) async fn in_time(request: Request, next: Next) -> Response {
    timeout(LONGEST_ANSWER, next.run(request)).await.unwrap_or_else(|_| {
        let sentence = "the backend took too long; try again";
        ProblemResponse::from(ProblemDocument::new(ProblemKind::TimedOut, sentence)).into_response()
    })
}

pub(super) async fn no_such_path(uri: Uri) -> ProblemResponse {
    ProblemDocument::new(ProblemKind::NoSuchPath, format!("there is nothing at {:?}", uri.path()))
        .into()
}

pub(super) async fn wrong_method(method: Method, uri: Uri) -> ProblemResponse {
    let sentence = format!("{:?} does not take {method}", uri.path());
    ProblemDocument::new(ProblemKind::WrongMethod, sentence).into()
}

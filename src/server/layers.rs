//! What lies around all routes: version headers, the handshake, the time limit and the dress of pages; and the answers without
//! a route.

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Method, Request, Uri};
use axum::response::{IntoResponse, Response};
use hyper::body::Incoming;
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use tokio::time::timeout;

use super::page::{dressed, wants_page};
use super::response::ProblemResponse;
use crate::api::problem::{ProblemDocument, ProblemKind};
use crate::api::version::{Side, mismatch};
use crate::api::{API, API_HEADER, VERSION, VERSION_HEADER};
use crate::backend::LONGEST_ANSWER;

/// The answer of these routes. What lies around them is no layer of theirs: a request would take a copy of all that lies inside
/// each layer.
pub(super) async fn answered(routes: Router, request: Request<Incoming>) -> Response {
    if let Some(sentence) = incompatible(request.headers()) {
        return answer(ProblemDocument::new(ProblemKind::Incompatible, sentence));
    }
    let (wants, is_head) = (wants_page(&request), request.method() == Method::HEAD);
    let answer = TowerToHyperService::new(routes).call(request);
    let Ok(answer) = timeout(LONGEST_ANSWER, answer).await.unwrap_or_else(|_| Ok(late()));
    let mut answer = dressed(wants, answer);
    if is_head {
        *answer.body_mut() = Body::empty();
    }
    add_versions(&mut answer);
    answer
}

/// The answer when a route took too long.
fn late() -> Response {
    let sentence = "the backend took too long; try again";
    ProblemResponse::from(ProblemDocument::new(ProblemKind::TimedOut, sentence)).into_response()
}

/// The answer to a request that reaches no route.
pub(super) fn answer(problem: impl Into<ProblemResponse>) -> Response {
    let mut response = problem.into().into_response();
    add_versions(&mut response);
    response
}

/// Adds the version headers to an answer.
fn add_versions(response: &mut Response) {
    let headers = response.headers_mut();
    headers.insert(API_HEADER, HeaderValue::from(API));
    headers.insert(VERSION_HEADER, HeaderValue::from_static(VERSION));
}

/// Why a caller with another version of the API is refused. A request without the header is accepted.
fn incompatible(headers: &HeaderMap) -> Option<String> {
    let said = |name| headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()));
    mismatch(Side::Engine, &said(API_HEADER)?, said(VERSION_HEADER).as_deref())
}

pub(super) async fn no_such_path(uri: Uri) -> ProblemResponse {
    ProblemDocument::new(ProblemKind::NoSuchPath, format!("there is nothing at {:?}", uri.path()))
        .into()
}

pub(super) async fn wrong_method(method: Method, uri: Uri) -> ProblemResponse {
    let sentence = format!("{:?} does not take {method}", uri.path());
    ProblemDocument::new(ProblemKind::WrongMethod, sentence).into()
}

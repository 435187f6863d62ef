//! The pages for people: what the API says, as HTML that needs no script. Nobody changes anything here.

pub(super) mod assets;
pub(super) mod build;
mod dress;
pub(super) mod fleet;
mod frame;
pub(super) mod log;
pub(super) mod provider;
pub(super) mod run;
pub(super) mod service;
pub(super) mod sign_in;
mod text;
pub(super) mod visitor;

use std::time::Duration;

use askama::Template;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};

pub(super) use self::dress::{dressed, wants_page};
use super::response::ProblemResponse;
use super::routes::Session;
use crate::api::problem::{ProblemDocument, ProblemKind};
use crate::backend::Backend;
use crate::calendar::Tz;
use crate::domain::ids::ServiceName;
use crate::domain::snapshot::ServiceSnapshot;

/// Pages do not know where their reader is.
const ZONE: Tz = Tz::UTC;
/// How many builds or deployments a page lists.
const ROWS: usize = 20;

/// Answers with a page.
fn html(page: &impl Template) -> Response {
    match page.render() {
        Ok(text) => {
            let kind = HeaderValue::from_static("text/html; charset=utf-8");
            ([(CONTENT_TYPE, kind)], text).into_response()
        }
        Err(error) => {
            let why = format!("the page cannot be made: {error}");
            let problem = ProblemDocument::new(ProblemKind::Failed, why);
            ProblemResponse::from(problem).into_response()
        }
    }
}

/// The rows of a list, and whether there are more. One more than needed was asked for.
fn cut<T>(mut rows: Vec<T>) -> (Vec<T>, bool) {
    let is_cut = rows.len() > ROWS;
    rows.truncate(ROWS);
    (rows, is_cut)
}

/// The service as it is now.
async fn snapshot<B: Backend>(
    session: &Session<B>,
    name: &ServiceName,
) -> Result<ServiceSnapshot, ProblemResponse> {
    let snapshot = session.ask(session.backend.service(name, None, Duration::ZERO)).await?;
    snapshot.ok_or_else(|| not_found("there is no such service"))
}

/// The answer for something that is not there.
fn not_found(what: impl Into<String>) -> ProblemResponse {
    ProblemDocument::new(ProblemKind::NotFound, what).into()
}

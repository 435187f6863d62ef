//! Reads the parts of a request into domain types, or answers with a problem.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{DefaultBodyLimit, FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::header::{HeaderMap, IF_NONE_MATCH};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use tokio::time::timeout;
use utoipa::IntoParams;
use utoipa::openapi::Required;
use utoipa::openapi::path::{Parameter, ParameterIn};

use super::connections::RequestPlace;
use super::document::in_header;
use super::response::ProblemResponse;
use crate::api::problem::{ProblemDocument, ProblemKind};
use crate::api::{KEY_HEADER, LARGEST_REQUEST};
use crate::domain::command::{Command, NewNote, Refusal};
use crate::domain::ids::IdempotencyKey;
use crate::domain::snapshot::Version;

/// The names in the path.
pub(super) struct InPath<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for InPath<T> {
    type Rejection = ProblemResponse;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ProblemResponse> {
        let path: Result<Path<T>, PathRejection> = Path::from_request_parts(parts, state).await;
        match path {
            Ok(Path(names)) => Ok(Self(names)),
            Err(rejection) => {
                Err(ProblemDocument::new(ProblemKind::NoSuchPath, rejection.body_text()).into())
            }
        }
    }
}

/// The query of the URL.
pub(super) struct InQuery<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for InQuery<T> {
    type Rejection = ProblemResponse;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ProblemResponse> {
        let query: Result<Query<T>, QueryRejection> = Query::from_request_parts(parts, state).await;
        match query {
            Ok(Query(query)) => Ok(Self(query)),
            Err(rejection) => {
                Err(ProblemDocument::new(ProblemKind::BadRequest, rejection.body_text()).into())
            }
        }
    }
}

/// How long the body of a command may take.
pub(super) const BODY: Duration = Duration::from_secs(10);

/// A command in the body and its key in the header.
pub(super) struct KeyedCommand {
    pub command: Command,
    pub key: IdempotencyKey,
}

impl IntoParams for KeyedCommand {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let about =
            "A key that the caller makes for each command. A command with the same key runs once.";
        vec![in_header::<IdempotencyKey>(KEY_HEADER, Required::True, about)]
    }
}

impl<S: Send + Sync> FromRequest<S> for KeyedCommand {
    type Rejection = ProblemResponse;

    async fn from_request(request: Request, state: &S) -> Result<Self, ProblemResponse> {
        let key = key(request.headers())?;
        let InBody(command) = InBody::from_request(request, state).await?;
        Ok(Self { command, key })
    }
}

/// A note in the body and its key in the header.
pub(super) struct KeyedNote {
    pub note: NewNote,
    pub key: IdempotencyKey,
}

impl IntoParams for KeyedNote {
    fn into_params(within: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        KeyedCommand::into_params(within)
    }
}

impl<S: Send + Sync> FromRequest<S> for KeyedNote {
    type Rejection = ProblemResponse;

    async fn from_request(request: Request, state: &S) -> Result<Self, ProblemResponse> {
        let key = key(request.headers())?;
        let InBody(note) = InBody::from_request(request, state).await?;
        Ok(Self { note, key })
    }
}

/// A document in the body.
pub(super) struct InBody<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for InBody<T> {
    type Rejection = ProblemResponse;

    async fn from_request(mut request: Request, state: &S) -> Result<Self, ProblemResponse> {
        let place = request.extensions().get::<Arc<RequestPlace>>().cloned();
        DefaultBodyLimit::max(LARGEST_REQUEST).apply(&mut request);
        let read = timeout(BODY, Json::from_request(request, state)).await;
        let late = |_| ProblemDocument::new(ProblemKind::TimedOut, "the body did not come in time");
        let read = read.map_err(late)?;
        if let Some(place) = place {
            place.work();
        }
        match read {
            Ok(Json(document)) => Ok(Self(document)),
            Err(rejection) => Err(unreadable(&rejection).into()),
        }
    }
}

fn key(headers: &HeaderMap) -> Result<IdempotencyKey, ProblemDocument> {
    let bad = |why: String| ProblemDocument::new(ProblemKind::BadRequest, why);
    let Some(key) = headers.get(KEY_HEADER) else {
        return Err(bad(format!(
            "a command needs the header {KEY_HEADER:?}; make a new key for each command"
        )));
    };
    let key = String::from_utf8_lossy(key.as_bytes()).into_owned();
    IdempotencyKey::try_from(key).map_err(|error| bad(error.to_string()))
}

fn unreadable(rejection: &JsonRejection) -> ProblemDocument {
    let sentence = rejection.body_text();
    match rejection.status().as_u16() {
        413 => ProblemDocument::new(ProblemKind::TooLarge, sentence),
        415 => ProblemDocument::new(ProblemKind::NotJson, sentence),
        422 => Refusal::invalid(sentence).into(),
        _ => ProblemDocument::new(ProblemKind::BadRequest, sentence),
    }
}

/// The versions that the caller has.
pub(super) struct KnownVersions(Vec<Version>);

impl IntoParams for KnownVersions {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let about = "The entity tags of the versions that the caller has.";
        vec![in_header::<String>(IF_NONE_MATCH.as_str(), Required::False, about)]
    }
}

impl<S: Send + Sync> FromRequestParts<S> for KnownVersions {
    type Rejection = ProblemResponse;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ProblemResponse> {
        let lines = parts.headers.get_all(IF_NONE_MATCH).iter();
        let tags = lines.filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(','));
        let unquoted = tags.filter_map(|tag| {
            let tag = tag.trim();
            tag.strip_prefix("W/").unwrap_or(tag).strip_prefix('"')?.strip_suffix('"')
        });
        Ok(Self(unquoted.map(|version| Version(version.to_owned())).collect()))
    }
}

impl KnownVersions {
    /// The version to wait for a change of; `None` if there are several or none.
    pub(super) fn only(&self) -> Option<Version> {
        match self.0.as_slice() {
            [version] => Some(version.clone()),
            _ => None,
        }
    }

    pub(super) fn has(&self, version: &Version) -> bool {
        self.0.contains(version)
    }
}

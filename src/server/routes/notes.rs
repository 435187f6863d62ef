//! Notes of changes beside the deployments, for the programs that make those changes.

use axum::Json;
use axum::extract::State;

use super::{HttpResult, Session};
use crate::api::path;
use crate::backend::Backend;
use crate::domain::command::{Command, NewNote, Receipt};
use crate::domain::ids::ServiceName;
use crate::server::document::{BadRequestResponse, NotFoundResponses, RefusedResponses};
use crate::server::extract::{InPath, KeyedNote};

/// Notes a change beside the deployments: a flag, a setting, a machine, data.
///
/// It is the command `note`: the same key with the same note gets the first receipt again.
#[utoipa::path(
    post,
    path = path::NOTES,
    params(("service" = ServiceName, Path), KeyedNote),
    request_body = NewNote,
    responses(
        (status = 200, description = "It was recorded.", body = Receipt),
        BadRequestResponse,
        NotFoundResponses,
        RefusedResponses,
    )
)]
pub(super) async fn note<B: Backend>(
    State(session): State<Session<B>>,
    InPath(name): InPath<ServiceName>,
    KeyedNote { note, key }: KeyedNote,
) -> HttpResult<Json<Receipt>> {
    Ok(Json(session.backend.command(&name, Command::Note(note), key).await?))
}

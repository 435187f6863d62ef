//! The style, the script and the icon of the pages. Their names have a digest, so that a browser keeps them for good.

use std::sync::LazyLock;

use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};

use crate::api::path;
use crate::api::problem::{ProblemDocument, ProblemKind};
use crate::domain::chain::Hash;
use crate::server::extract::InPath;
use crate::server::response::ProblemResponse;

/// A file that pages use.
pub(super) struct Asset {
    pub path: String,
    file: String,
    kind: &'static str,
    text: &'static str,
}

pub(super) static STYLE: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("css", "text/css; charset=utf-8", include_str!("page.css")));
pub(super) static SCRIPT: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("js", "text/javascript; charset=utf-8", include_str!("page.js")));
pub(super) static ICON: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("svg", "image/svg+xml", include_str!("icon.svg")));

impl Asset {
    fn new(extension: &str, kind: &'static str, text: &'static str) -> Self {
        let digest = Hash::of(text).to_string();
        let file = format!("page-{}.{extension}", &digest[..16]);
        Self { path: path::ASSET.replace("{file}", &file), file, kind, text }
    }
}

/// Returns a file that the pages use. Everybody may read it.
#[utoipa::path(
    get,
    path = path::ASSET,
    params(("file" = String, Path, description = "Its name, as the pages name it.")),
    responses(
        (status = 200, description = "The style, the script or the icon of the pages.", content(
            (String = "text/css"), (String = "text/javascript"), (String = "image/svg+xml")
        )),
        crate::server::document::NotFoundResponses,
    )
)]
pub(in crate::server) async fn asset(
    InPath(file): InPath<String>,
) -> Result<Response, ProblemResponse> {
    let all = [&*STYLE, &*SCRIPT, &*ICON];
    let found = all.into_iter().find(|asset| asset.file == file).ok_or_else(|| {
        ProblemDocument::new(ProblemKind::NotFound, "there is no such file; reload the page")
    })?;
    let mut response = found.text.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(found.kind));
    let forever = "public, max-age=31536000, immutable";
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(forever));
    Ok(response)
}

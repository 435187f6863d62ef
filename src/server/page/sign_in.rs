//! Signs a browser in: the address of `trunkline link --browser` shows who would sign in, and its button does it. Without its code
//! the page shows the ways to sign in.

use askama::Template;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::header::{LOCATION, SET_COOKIE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use tokio::time::timeout;
use utoipa::IntoParams;

use super::dress::{WayIn, ways_in};
use super::frame::Frame;
use super::html;
use super::text::PageText;
use super::visitor::cookie_name;
use crate::api::path;
use crate::api::problem::{ProblemDocument, ProblemKind};
use crate::backend::Backend as _;
use crate::backend::access::Access;
use crate::domain::caller::Caller;
use crate::domain::link::{BROWSER_SESSION, BrowserSession, SIGN_IN};
use crate::domain::time::say;
use crate::server::extract::{BODY, InQuery};
use crate::server::response::ProblemResponse;
use crate::server::routes::Entrance;

/// The largest body of the form, in bytes.
const LARGEST: usize = 1_024;

/// The code of the address that signs in.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::server) struct SignInQuery {
    /// The code that `trunkline link --browser` made.
    code: Option<String>,
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    frame: Frame,
    name: PageText,
    code: String,
    action: &'static str,
    most: String,
}

/// Shows who would sign in, or how to. Looking takes nothing: a program that opens links beforehand does no harm.
#[utoipa::path(
    get,
    path = path::SIGN_IN_PAGE,
    security(()),
    params(SignInQuery),
    responses(
        (status = 200, description = "The page with the button, or with the ways to sign in.", body = String, content_type = "text/html"),
        crate::server::document::BadRequestResponse,
    )
)]
pub(in crate::server) async fn sign_in_page<A: Access>(
    State(Entrance { access, .. }): State<Entrance<A>>,
    InQuery(SignInQuery { code }): InQuery<SignInQuery>,
) -> Result<Response, ProblemResponse> {
    let Some(code) = code else { return Ok(ways_in(WayIn::to(path::FLEET_PAGE, &*access))) };
    let name = access.backend_for(Caller::nobody()).who_signs_in(&code).map_err(|_| over())?;
    let frame = Frame::of_nobody("Sign in");
    let (name, most) = (PageText::name(name), say(BROWSER_SESSION));
    Ok(html(&SignInPage { frame, name, code, action: path::SIGN_IN_PAGE, most }))
}

/// Signs the browser in, once.
#[utoipa::path(
    post,
    path = path::SIGN_IN_PAGE,
    security(()),
    request_body(content = String, content_type = "application/x-www-form-urlencoded",
        description = "`code=` and the code."),
    responses(
        (status = 303, description = "It is signed in: a cookie, and the way to the first page."),
        crate::server::document::BadRequestResponse,
    )
)]
pub(in crate::server) async fn sign_in<A: Access>(
    State(Entrance { access, .. }): State<Entrance<A>>,
    request: Request,
) -> Result<Response, ProblemResponse> {
    let unreadable = || ProblemDocument::new(ProblemKind::BadRequest, "the form cannot be read");
    let body = timeout(BODY, to_bytes(request.into_body(), LARGEST)).await;
    let body = body.ok().and_then(Result::ok).ok_or_else(unreadable)?;
    let code = std::str::from_utf8(&body).ok().and_then(|text| text.strip_prefix("code="));
    let backend = access.backend_for(Caller::nobody());
    let made = backend.sign_in(code.ok_or_else(unreadable)?).map_err(|_| over())?;
    Ok(redirect(path::FLEET_PAGE, &[session_cookie(&made)]).ok_or_else(unreadable)?)
}

/// Sends a browser to an address, with these cookies.
pub(super) fn redirect(address: &str, cookies: &[String]) -> Option<Response> {
    let mut response = StatusCode::SEE_OTHER.into_response();
    let headers = response.headers_mut();
    headers.insert(LOCATION, HeaderValue::from_str(address).ok()?);
    for cookie in cookies {
        headers.append(SET_COOKIE, HeaderValue::from_str(cookie).ok()?);
    }
    Some(response)
}

/// A cookie that no script reads and that no page of others sends along, but for a link that somebody follows.
pub(super) fn cookie_line(name: &str, text: &str, ends: &str, secure: bool) -> String {
    let secure = if secure { "; Secure" } else { "" };
    format!("{name}={text}; Path=/; {ends}; HttpOnly; SameSite=Lax{secure}")
}

/// The cookie of a session.
pub(super) fn session_cookie(session: &BrowserSession) -> String {
    let BrowserSession { text, expires, secure } = session;
    let ends = expires.format("Expires=%a, %d %b %Y %H:%M:%S GMT").to_string();
    cookie_line(cookie_name(*secure), text, &ends, *secure)
}

fn over() -> ProblemDocument {
    let age = say(SIGN_IN);
    let why = format!("this address signed a browser in already, or is older than {age}");
    ProblemDocument::new(ProblemKind::NotSignedIn, why)
}

//! What every answer outside of the API has: the headers that keep a browser safe, and problems as pages for people.

use askama::Template;
use axum::body::{Body, HttpBody as _};
use axum::http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderName, HeaderValue, Request, Response};

use super::frame::Frame;
use super::html;
use super::text::PageText;
use crate::api::path;
use crate::api::problem::{ProblemDocument, ProblemKind};
use crate::backend::access::Access;

/// Nothing but our own style, script and icon; no page of anybody else around it.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; \
                      base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'";

/// A problem as a page.
#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage {
    frame: Frame,
    title: String,
    detail: PageText,
    sign_in: bool,
    way_in: Option<WayIn>,
}

/// How a browser signs in at the provider. It is put beside an answer that a browser gets as a page.
#[derive(Clone)]
pub(in crate::server) struct WayIn {
    href: String,
    provider: String,
}

impl WayIn {
    /// The way to a page, if this server has a provider.
    pub fn to(page: &str, access: &impl Access) -> Option<Self> {
        let (url, provider) = access.way_in()?;
        let page = page.replace('%', "%25").replace('&', "%26");
        // The provider sends browsers back to this address, whatever other name of the server they came by.
        let href = format!("{url}{}?to={page}", path::SIGN_IN_PROVIDER);
        Some(Self { href, provider: provider.to_owned() })
    }
}

/// The page with the ways to sign in.
pub(super) fn ways_in(way_in: Option<WayIn>) -> Response<Body> {
    let detail = PageText::sentence("Whoever is signed in reads the pages of this server.");
    let (frame, title) = (Frame::of_nobody("Sign in"), "Sign in".to_owned());
    html(&ProblemPage { frame, title, detail, sign_in: true, way_in })
}

/// Whether a request wants a page: `Some(true)` from a browser, `Some(false)` from a program, `None` of the API.
pub(in crate::server) fn wants_page<T>(request: &Request<T>) -> Option<bool> {
    if path::is_of_api(request.uri().path()) {
        return None;
    }
    let accepted = request.headers().get_all(ACCEPT).iter();
    let mut accepted = accepted.filter_map(|kinds| kinds.to_str().ok());
    Some(accepted.any(|kinds| kinds.contains("text/html")))
}

/// The answer for whoever wants it like this.
pub(in crate::server) fn dressed(wants: Option<bool>, answer: Response<Body>) -> Response<Body> {
    let Some(by_browser) = wants else { return answer };
    let mut answer = if by_browser { as_page(answer) } else { answer };
    let headers = answer.headers_mut();
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // The page of a link tells nobody its link, and our own form says where it comes from.
        (REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    answer
}

/// A problem document as a page with the same status.
fn as_page(answer: Response<Body>) -> Response<Body> {
    let Some(problem) = answer.extensions().get::<ProblemDocument>().cloned() else {
        return answer;
    };
    let way_in: Option<WayIn> = answer.extensions().get().cloned();
    // While the provider is away, there is the other way.
    let is_away = problem.kind == ProblemKind::Unreachable && way_in.is_some();
    let page = ProblemPage {
        frame: Frame::of_nobody(&problem.title),
        sign_in: is_away || problem.kind == ProblemKind::NotSignedIn,
        way_in,
        detail: PageText::sentence(&problem.detail),
        title: problem.title,
    };
    let (mut parts, _) = answer.into_parts();
    let (of_page, body) = html(&page).into_parts();
    parts.headers.extend(of_page.headers);
    match body.size_hint().exact() {
        Some(length) => parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(length)),
        None => parts.headers.remove(CONTENT_LENGTH),
    };
    Response::from_parts(parts, body)
}

//! Signs a browser in at the provider: sends it there, takes what it brings back, and shows the page that it asked for.

use axum::Extension;
use axum::extract::State;
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderMap, Method, Request};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use utoipa::IntoParams;

use super::dress::WayIn;
use super::sign_in::{cookie_line, redirect, session_cookie};
use super::visitor::{cookie, cookie_name};
use crate::api::path;
use crate::api::problem::{ProblemDocument, ProblemKind};
use crate::backend::access::Access;
use crate::domain::sign_in::{BrowserKey, ProviderAnswer, SignInRefusal};
use crate::server::authenticate::{ClientAddress, not_signed_in};
use crate::server::document::{BadRequestResponse, NotFoundResponses};
use crate::server::extract::InQuery;
use crate::server::response::ProblemResponse;
use crate::server::routes::{Entrance, peer_of};

/// How long a browser may be at the provider, in seconds.
const AWAY: u32 = 600;
/// The longest address of a page that is shown after a sign-in.
const LONGEST: usize = 500;
/// The most characters of a provider's own words that are repeated.
const REPEATED: usize = 300;

/// Where to go after a sign-in.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::server) struct ProviderQuery {
    /// The page of this server, without it the first one.
    to: Option<String>,
}

/// What the provider has the browser bring.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::server) struct AnswerQuery {
    /// What the browser was sent with.
    state: Option<String>,
    /// For this the provider gives an ID token.
    code: Option<String>,
    /// Who answers.
    iss: Option<String>,
    /// Why there is no code.
    error: Option<String>,
    error_description: Option<String>,
}

/// Sends a browser to the provider to sign in. This needs no token.
#[utoipa::path(
    get,
    path = path::SIGN_IN_PROVIDER,
    security(()),
    params(ProviderQuery),
    responses(
        (status = 303, description = "The way to the provider, and a cookie for the way back."),
        BadRequestResponse,
        NotFoundResponses,
    )
)]
pub(in crate::server) async fn send_to_provider<A: Access>(
    State(entrance): State<Entrance<A>>,
    client: Option<Extension<ClientAddress>>,
    InQuery(ProviderQuery { to }): InQuery<ProviderQuery>,
) -> Response {
    let access = &*entrance.access;
    let to = to.filter(|to| is_page(to)).unwrap_or_else(|| path::FLEET_PAGE.to_owned());
    let sent = access.send_to_provider().await.map_err(|why| entrance.refuse(why, peer_of(client)));
    match sent {
        Ok((key, address)) => {
            let cookie = away(access, &format!("{}{to}", key.expose()), AWAY);
            redirect(&address, &[cookie]).unwrap_or_else(unreadable)
        }
        Err(refused) => with_way_in(refused, &to, access),
    }
}

/// Signs a browser in that comes back from the provider. This needs no token.
///
/// The answer counts in the browser alone that was sent, once.
#[utoipa::path(
    get,
    path = path::SIGN_IN_ANSWER,
    security(()),
    params(AnswerQuery),
    responses(
        (status = 303, description = "It is signed in: a cookie, and the way to the page that it asked for."),
        BadRequestResponse,
        NotFoundResponses,
    )
)]
pub(in crate::server) async fn take_answer<A: Access>(
    State(entrance): State<Entrance<A>>,
    client: Option<Extension<ClientAddress>>,
    headers: HeaderMap,
    InQuery(query): InQuery<AnswerQuery>,
) -> Response {
    let access = &*entrance.access;
    let kept = kept(&headers, access);
    let state = query.state.as_deref().unwrap_or_default();
    let Some((key, to)) = kept.filter(|(key, _)| key.has_state(state)) else {
        let why =
            "this answer is for another browser, or came too late, or was used; sign in again";
        return with_way_in(not_signed_in(why), path::FLEET_PAGE, access);
    };
    let peer = peer_of(client);
    let signed_in = match given(query, key) {
        Ok(answer) => access.sign_browser_in(answer).await,
        Err(why) => Err(why),
    };
    let over = away(access, "", 0);
    match signed_in {
        Ok((token, session)) => {
            tracing::info!(%peer, person = token.person, id = %token.id, "somebody signed in by a browser");
            redirect(&to, &[session_cookie(&session), over]).unwrap_or_else(unreadable)
        }
        Err(why) => with_way_in(entrance.refuse(why, peer), &to, access),
    }
}

/// What a browser brings, or why the provider gave it nothing.
fn given(query: AnswerQuery, key: BrowserKey) -> Result<ProviderAnswer, SignInRefusal> {
    let AnswerQuery { code, iss, error, error_description, .. } = query;
    let short = |text: String| text.chars().take(REPEATED).collect::<String>();
    match (code, error) {
        (Some(code), None) => Ok(ProviderAnswer { key, code, issuer: iss }),
        (_, error) => {
            let error = short(error.unwrap_or_else(|| "it gave no code".to_owned()));
            let words =
                error_description.map_or_else(String::new, |text| format!(" ({})", short(text)));
            Err(SignInRefusal::Refused(format!(
                "the provider refuses: {error}{words}; sign in again"
            )))
        }
    }
}

/// The way in to the page that a browser asked for.
pub(in crate::server) fn way_back<T>(request: &Request<T>, access: &impl Access) -> Option<WayIn> {
    let asked = request.uri().path_and_query().map(PathAndQuery::as_str);
    let asked = asked.filter(|page| request.method() == Method::GET && is_page(page));
    WayIn::to(asked.unwrap_or(path::FLEET_PAGE), access)
}

fn with_way_in(mut refused: Response, to: &str, access: &impl Access) -> Response {
    WayIn::to(to, access).map(|way| refused.extensions_mut().insert(way));
    refused
}

fn unreadable() -> Response {
    let why = "the provider names an address that cannot be followed";
    ProblemResponse::from(ProblemDocument::new(ProblemKind::Failed, why)).into_response()
}

/// The cookie of a browser that is at the provider: its key and the page that it asked for.
fn away(access: &impl Access, text: &str, seconds: u32) -> String {
    let secure = access.shows_pages_over_tls();
    cookie_line(&away_name(secure), text, &format!("Max-Age={seconds}"), secure)
}

fn away_name(secure: bool) -> String {
    format!("{}-sign-in", cookie_name(secure))
}

fn kept(headers: &HeaderMap, access: &impl Access) -> Option<(BrowserKey, String)> {
    let text = cookie(headers, &away_name(access.shows_pages_over_tls()))?;
    let (key, to) = text.split_at_checked(BrowserKey::LENGTH)?;
    let to = if is_page(to) { to } else { path::FLEET_PAGE };
    Some((BrowserKey::parse(key)?, to.to_owned()))
}

/// Whether an address is that of a page of this server, written plainly: nothing else is gone to.
fn is_page(to: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/-._~?=&%".contains(c);
    let is_local = to.starts_with('/') && !to.starts_with("//") && to.chars().all(is_plain);
    let page = to.split('?').next().unwrap_or_default();
    is_local && to.len() <= LONGEST && !path::is_of_api(page) && !path::is_of_sign_in(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_sent_to_a_page_of_this_server_and_nowhere_else() {
        let page = "/services/checkout/runs/57?step=0&after=12";
        assert!(is_page("/") && is_page(page));
        let long = format!("/{}", "a".repeat(LONGEST));
        for other in [
            "",
            "services",
            "//evil.example",
            "/\\evil.example",
            "/\tevil",
            "https://evil.example",
            "/a;b",
            "/a b",
            "/a\r\nset-cookie: a",
            "/a#b",
            "/\u{e9}",
            "/v1/fleet",
            "/sign-in",
            "/sign-in/answer?code=1",
            &long,
        ] {
            assert!(!is_page(other), "{other}");
        }
    }

    #[test]
    fn the_words_of_a_provider_are_bounded() {
        let key = BrowserKey::of([1; 32]);
        let query = |code: Option<&str>, error: Option<String>| AnswerQuery {
            state: None,
            code: code.map(str::to_owned),
            iss: None,
            error,
            error_description: Some("x".repeat(10_000)),
        };
        assert!(given(query(Some("1"), None), key.clone()).is_ok());
        for query in [query(None, None), query(Some("1"), Some("access_denied".into()))] {
            let Err(SignInRefusal::Refused(why)) = given(query, key.clone()) else { panic!() };
            assert!(why.starts_with("the provider refuses: ") && why.len() < 400, "{why}");
        }
    }
}

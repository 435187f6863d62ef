//! Requests to another engine: to its address alone, with its token, within bounds, and never repeated by themselves.

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use chrono::DateTime;
use reqwest::header::{ACCEPT, DATE, HeaderMap, HeaderName, LOCATION, RETRY_AFTER};
use reqwest::{
    Certificate, Client, Method, RequestBuilder, Response, StatusCode, Url, redirect, retry,
};
use serde::Serialize;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(5);
/// How long an answer may take, beside what it is asked to wait.
const ANSWER: Duration = Duration::from_secs(20);
/// The most bytes of an answer.
pub(super) const LARGEST: usize = 2 * 1024 * 1024;
/// The longest pause that an engine can ask for.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);
/// The pause where it asks for none.
const PAUSE: Duration = Duration::from_secs(5);
/// The pause after a limit that does not say how long it lasts.
const LIMIT_PAUSE: Duration = Duration::from_mins(1);
/// How long the download of a log may take.
const DOWNLOAD: Duration = Duration::from_mins(5);
/// GitHub answers nobody who does not say what asks.
const AGENT: &str = concat!("trunkline/", env!("CARGO_PKG_VERSION"));
/// The version of GitHub's API that the requests are of.
const GITHUB_API: &str = "2022-11-28";
const REMAINING: &str = "x-ratelimit-remaining";
const RESET: &str = "x-ratelimit-reset";
/// In it GitHub names the permission that a request needs.
const PERMISSION: &str = "x-accepted-github-permissions";
/// The longest address of a page.
const LONGEST_PAGE: usize = 2_000;
/// The most characters of an engine's own sentence.
const LONGEST_SENTENCE: usize = 300;

/// Why there is no answer to use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CallError {
    /// The request certainly did nothing; it may be made again after a pause.
    NotSent { why: String, again: Duration },
    /// It may have done what it asks for.
    Lost(String),
    /// The engine refused it.
    Refused { status: StatusCode, why: String },
}

impl CallError {
    pub fn why(&self) -> &str {
        match self {
            Self::NotSent { why, .. } | Self::Lost(why) | Self::Refused { why, .. } => why,
        }
    }

    /// The pause that the engine asks for.
    pub fn again(&self) -> Duration {
        match self {
            Self::NotSent { again, .. } => *again,
            Self::Lost(_) | Self::Refused { .. } => Duration::ZERO,
        }
    }
}

/// An answer, read whole.
#[derive(Debug)]
pub(super) struct EngineAnswer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

/// Whose rules the answers follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Jobs,
    GitHub,
}

/// One engine's address and token.
#[derive(Clone)]
pub(super) struct EngineClient {
    http: Client,
    url: String,
    token: Option<String>,
    protocol: Protocol,
}

impl EngineClient {
    /// # Errors
    /// When the certificates to trust cannot be used.
    pub fn new(
        url: String,
        ca: Option<&Path>,
        token: Option<String>,
        protocol: Protocol,
    ) -> Result<Self, String> {
        let mut builder = Client::builder()
            .user_agent(AGENT)
            .connect_timeout(CONNECT)
            // A token follows no redirect, and a request that starts something is not repeated unseen.
            .redirect(redirect::Policy::none())
            .retry(retry::never());
        if url.starts_with("http://") {
            // On this machine alone: a proxy would read the token.
            builder = builder.no_proxy();
        }
        if let Some(ca) = ca {
            let pem = std::fs::read(ca).map_err(|why| format!("{}: {why}", ca.display()))?;
            let all = Certificate::from_pem_bundle(&pem).map_err(|why| why.to_string())?;
            builder = builder.tls_certs_only(all);
        }
        let http = builder.build().map_err(|why| why.to_string())?;
        Ok(Self { http, url, token, protocol })
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// Asks below the engine's address. `wait` is how long it is asked to wait with its answer.
    ///
    /// # Errors
    /// When there is no answer, or one that is no success and not "not modified", "not found" or "conflict".
    pub async fn ask(
        &self,
        method: Method,
        path: &str,
        headers: HeaderMap,
        body: Option<&impl Serialize>,
        wait: Duration,
    ) -> Result<EngineAnswer, CallError> {
        let mut request = self.request(method, path).headers(headers);
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.timeout(ANSWER + wait).send().await.map_err(|e| failed(&e))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let again = pause(&headers);
        let body = read(response).await?;
        let is_limited = self.protocol == Protocol::GitHub && is_limit(status, &headers, &body);
        match status {
            _ if is_limited => {
                let why = "it asks for fewer requests".to_owned();
                return Err(CallError::NotSent { why, again: again.unwrap_or(LIMIT_PAUSE) });
            }
            StatusCode::NOT_MODIFIED | StatusCode::NOT_FOUND | StatusCode::CONFLICT => {}
            status if status.is_success() => {}
            // It says that it did nothing, and when to come again.
            StatusCode::TOO_MANY_REQUESTS => {
                let why = "it asks for fewer requests".to_owned();
                return Err(CallError::NotSent { why, again: again.unwrap_or(PAUSE) });
            }
            // These may come after what was asked for was done.
            StatusCode::FOUND | StatusCode::SEE_OTHER | StatusCode::REQUEST_TIMEOUT => {
                return Err(CallError::Lost(format!("it answers {status}{}", says(&body))));
            }
            status if status.is_server_error() => {
                return Err(CallError::Lost(format!("it answers {status}{}", says(&body))));
            }
            status => {
                let why = if status.is_redirection() {
                    self.moved(status)
                } else {
                    format!("it answers {status}{}{}", says(&body), permission(&headers))
                };
                return Err(CallError::Refused { status, why });
            }
        }
        Ok(EngineAnswer { status, headers, body })
    }

    /// What it means that it sends on to another address.
    fn moved(&self, status: StatusCode) -> String {
        match self.protocol {
            Protocol::Jobs => {
                format!("it answers {status}: it has moved, so its url in config.toml is wrong")
            }
            Protocol::GitHub => format!(
                "it answers {status}: the repository was renamed or moved; correct it in trunkline.toml and in may of config.toml"
            ),
        }
    }

    /// Opens what an answer to this path sends on to, which may be at another host: that gets no token. Plain http is only for
    /// this machine. `None` if there is no such thing.
    ///
    /// # Errors
    /// When there is no answer to read.
    pub async fn open(&self, path: &str) -> Result<Option<Response>, CallError> {
        let request = self.request(Method::GET, path).timeout(ANSWER);
        let response = request.send().await.map_err(|e| failed(&e))?;
        let status = response.status();
        if status == StatusCode::NOT_FOUND || status == StatusCode::GONE {
            return Ok(None);
        }
        if !status.is_redirection() {
            return opened(response).map(Some);
        }
        let to = response.headers().get(LOCATION).and_then(|to| Url::parse(to.to_str().ok()?).ok());
        let to = to.filter(|to| self.may_send_to(to)).ok_or_else(|| {
            CallError::Lost("it sends on to an address that is not safe to ask".into())
        })?;
        let response = self.http.get(to).timeout(DOWNLOAD).send().await.map_err(|e| failed(&e))?;
        if response.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        opened(response).map(Some)
    }

    /// Whether a log may be read there. Only an engine on this machine may send on to what is on this machine in the clear.
    fn may_send_to(&self, to: &Url) -> bool {
        let host = to.host_str().unwrap_or_default();
        let is_here = host == "localhost"
            || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
        let is_own = self.url.starts_with("http://") && is_here;
        to.scheme() == "https" || to.scheme() == "http" && is_own
    }

    /// A request below the engine's address, with its token.
    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let mut request = self.http.request(method, format!("{}{path}", self.url));
        if self.protocol == Protocol::GitHub {
            request = request
                .header(ACCEPT, "application/vnd.github+json")
                .header("X-GitHub-Api-Version", GITHUB_API);
        }
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        request
    }
}

fn opened(response: Response) -> Result<Response, CallError> {
    let status = response.status();
    let lost = || CallError::Lost(format!("it answers {status}"));
    status.is_success().then_some(response).ok_or_else(lost)
}

/// Whether GitHub says that it did nothing because there were too many requests.
fn is_limit(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> bool {
    let is_refusal = status == StatusCode::FORBIDDEN || status == StatusCode::TOO_MANY_REQUESTS;
    let said = says(body).to_ascii_lowercase();
    let is_said = ["rate limit", "abuse detection"].iter().any(|words| said.contains(words));
    is_refusal && (is_said || is_spent(headers) || headers.contains_key(RETRY_AFTER))
        || status == StatusCode::TOO_MANY_REQUESTS
}

/// Whether no request is left.
fn is_spent(headers: &HeaderMap) -> bool {
    headers.get(REMAINING).is_some_and(|left| left.as_bytes() == b"0")
}

/// What would allow a request that was refused, as GitHub names it.
pub(super) fn permission(headers: &HeaderMap) -> String {
    let permission = headers.get(PERMISSION).and_then(|named| named.to_str().ok());
    let permission = permission.map(|named| format!("; the token needs {}", sentence(named)));
    permission.unwrap_or_default()
}

/// `: why`, as an engine says it in an answer; nothing if it says nothing.
pub(super) fn says(body: &[u8]) -> String {
    let says = serde_json::from_slice::<serde_json::Value>(body).ok();
    let says = says.as_ref().and_then(|json| {
        // GitHub's own sentence is its message.
        json.get("says").or_else(|| json.get("message"))?.as_str()
    });
    says.map(|says| format!(": {}", sentence(says))).unwrap_or_default()
}

/// An engine's own sentence, in one line of bounded length.
pub(super) fn sentence(text: &str) -> String {
    let line = text.split(|c: char| c.is_control()).collect::<Vec<_>>().join(" ");
    line.trim().chars().take(LONGEST_SENTENCE).collect()
}

fn failed(error: &reqwest::Error) -> CallError {
    // Neither the address nor what is behind it belongs in a sentence that everybody reads.
    let mut why = "it does not answer".to_owned();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        why = format!("it does not answer: {cause}");
        source = cause.source();
    }
    if error.is_connect() {
        CallError::NotSent { why, again: Duration::ZERO }
    } else {
        CallError::Lost(if error.is_timeout() { "it does not answer in time".into() } else { why })
    }
}

/// How long the engine asks to wait.
fn pause(headers: &HeaderMap) -> Option<Duration> {
    let number = |name| headers.get(name)?.to_str().ok()?.parse::<u64>().ok();
    if let Some(seconds) = number(RETRY_AFTER) {
        return Some(Duration::from_secs(seconds).min(LONGEST_PAUSE));
    }
    // By their clock.
    let reset = number(HeaderName::from_static(RESET))?;
    let now = headers.get(DATE)?.to_str().ok()?;
    let now = DateTime::parse_from_rfc2822(now).ok()?.timestamp();
    let left = reset.saturating_sub(u64::try_from(now).ok()?);
    is_spent(headers).then(|| Duration::from_secs(left).min(LONGEST_PAUSE))
}

async fn read(mut response: Response) -> Result<Vec<u8>, CallError> {
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(|e| lost(&e))? {
        if body.len() + piece.len() > LARGEST {
            return Err(CallError::Lost("its answer is too long".into()));
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}

/// The request arrived, since an answer began.
fn lost(error: &reqwest::Error) -> CallError {
    match failed(error) {
        CallError::NotSent { why, .. } => CallError::Lost(why),
        error => error,
    }
}

/// Whether a person can be led there.
pub(super) fn is_page(page: &str) -> bool {
    let is_web = page.starts_with("https://") || page.starts_with("http://");
    let is_plain = |c: char| c.is_ascii_graphic() && !"\"'<>`\\".contains(c);
    is_web && page.len() <= LONGEST_PAGE && page.chars().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn may(engine: &str, to: &str) -> bool {
        let client = EngineClient::new(engine.into(), None, None, Protocol::GitHub).unwrap();
        client.may_send_to(&Url::parse(to).unwrap())
    }

    #[test]
    fn nothing_is_read_in_the_clear_from_another_machine_or_from_this_one_for_another() {
        let (hub, here) = ("https://api.github.com", "http://127.0.0.1:1");
        for (engine, to, is) in [
            (hub, "https://blob.example/log?sig=x", true),
            (hub, "http://blob.example/log", false),
            (hub, "http://127.0.0.1:9000/log", false),
            (hub, "http://localhost/log", false),
            (hub, "file:///etc/passwd", false),
            (here, "http://127.0.0.1:9000/log", true),
            (here, "http://[::1]:9000/log", true),
            (here, "http://192.0.2.1/log", false),
            (here, "http://127.0.0.1.example/log", false),
        ] {
            assert_eq!(may(engine, to), is, "{engine} {to}");
        }
    }

    #[test]
    fn only_what_github_calls_a_limit_is_asked_again() {
        let headers = |all: &[(&'static str, &str)]| {
            let pair = |(name, value): &(&'static str, &str)| {
                (HeaderName::from_static(name), value.parse().unwrap())
            };
            all.iter().map(pair).collect::<HeaderMap>()
        };
        let (no, many) = (StatusCode::FORBIDDEN, StatusCode::TOO_MANY_REQUESTS);
        let spent = headers(&[(REMAINING, "0")]);
        assert!(is_limit(no, &spent, b"") && is_limit(many, &headers(&[]), b""));
        assert!(is_limit(no, &headers(&[("retry-after", "60")]), b""));
        assert!(!is_limit(no, &headers(&[(REMAINING, "4999")]), b""));
        assert!(!is_limit(StatusCode::NOT_FOUND, &spent, b""));
        let said = br#"{"message":"You have exceeded a secondary rate limit."}"#;
        assert!(is_limit(no, &headers(&[]), said), "without a header");
        assert!(!is_limit(no, &headers(&[]), br#"{"message":"Resource not accessible"}"#));
        let date = "Fri, 27 Nov 2026 05:00:00 GMT";
        let reset = DateTime::parse_from_rfc2822(date).unwrap().timestamp() + 40;
        let told = headers(&[(REMAINING, "0"), (RESET, &reset.to_string()), ("date", date)]);
        assert_eq!(pause(&told), Some(Duration::from_secs(40)), "by their clock");
        let both = headers(&[("retry-after", "7"), (RESET, &reset.to_string()), ("date", date)]);
        assert_eq!(pause(&both), Some(Duration::from_secs(7)));
    }
}

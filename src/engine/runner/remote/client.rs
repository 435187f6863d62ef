//! Requests to another engine: to its address alone, with its token, within bounds, and never repeated by themselves.

mod about;
mod answer_cache;
mod app;
mod budget;
mod line;
mod reply;
mod token;
mod urgency;

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::{ACCEPT, ETAG, HeaderMap, IF_NONE_MATCH, LOCATION};
use reqwest::{
    Certificate, Client, Method, RequestBuilder, Response, StatusCode, Url, redirect, retry,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use self::about::{EngineAbout, WRITES};
use self::answer_cache::AnswerCache;
pub(super) use self::app::AppTokens;
pub(super) use self::line::EngineLine;
pub use self::reply::CallError;
use self::reply::{date, failed, is_limit, pause, read};
pub(super) use self::reply::{is_page, permission, says, sentence};
pub(super) use self::token::{Credential, CredentialSource};
pub use self::urgency::CallUrgency;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(5);
/// How long an answer may take, beside what it is asked to wait.
const ANSWER: Duration = Duration::from_secs(20);
/// The pause where an engine asks for none.
const PAUSE: Duration = Duration::from_secs(5);
/// The pause after a limit that does not say how long it lasts.
const LIMIT_PAUSE: Duration = Duration::from_mins(1);
/// How long the download of a log may take.
const DOWNLOAD: Duration = Duration::from_mins(5);
/// GitHub answers nobody who does not say what asks.
const AGENT: &str = concat!("trunkline/", env!("CARGO_PKG_VERSION"));
/// The version of GitHub's API that the requests are of.
const GITHUB_API: &str = "2022-11-28";

/// Whether what would start something is still wanted. It is asked right before the request leaves.
pub(super) type IsWanted<'a> = &'a (dyn Fn() -> bool + Sync);

/// An answer, read whole.
#[derive(Debug)]
pub(super) struct EngineAnswer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

/// What was read at a path.
#[derive(Debug, Clone)]
pub struct EngineRead<T> {
    /// The same allocation as in the read before, as long as the engine says that nothing changed.
    pub value: Arc<T>,
    /// When it was answered, by the engine's own clock.
    pub at: Option<DateTime<Utc>>,
}

/// Whose rules the answers follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Jobs,
    GitHub,
    /// Whoever asks says how the token is told.
    Preset,
}

/// What speaks to the server at an address, trusting these certificates if they are given.
///
/// # Errors
/// When the certificates cannot be used.
pub(super) fn connection(url: &str, ca: Option<&Path>) -> Result<Client, String> {
    let mut builder = Client::builder()
        .user_agent(AGENT)
        .connect_timeout(CONNECT)
        // A token follows no redirect, and a request that starts something is not repeated unseen.
        .redirect(redirect::Policy::none())
        .retry(retry::never());
    if url.starts_with("http://") {
        // On this machine alone: a proxy would read the token. To read all certificates that the system trusts takes time.
        builder = builder.no_proxy().tls_certs_only([]);
    }
    if let Some(ca) = ca {
        let pem = std::fs::read(ca).map_err(|why| format!("{}: {why}", ca.display()))?;
        let all = Certificate::from_pem_bundle(&pem).map_err(|why| why.to_string())?;
        builder = builder.tls_certs_only(all);
    }
    builder.build().map_err(|why| why.to_string())
}

/// One engine, asked with its token. Clones share what they know of it and wait in one line.
#[derive(Clone)]
pub struct EngineClient {
    http: Client,
    url: Arc<str>,
    protocol: Protocol,
    credential: Arc<Credential>,
    line: Arc<EngineLine>,
    answers: Arc<AnswerCache>,
    /// What it is asked for, apart from what starts or ends a run.
    urgency: CallUrgency,
}

impl EngineClient {
    pub(super) fn new(
        http: Client,
        url: &str,
        protocol: Protocol,
        credential: Credential,
        line: Arc<EngineLine>,
    ) -> Self {
        let (credential, answers) = (Arc::new(credential), Arc::default());
        let urgency = CallUrgency::Follow;
        Self { http, url: url.into(), protocol, credential, line, answers, urgency }
    }

    /// The same for requests of this urgency. What starts or ends a run is always the most urgent.
    #[must_use]
    pub fn with_urgency(&self, urgency: CallUrgency) -> Self {
        Self { urgency, ..self.clone() }
    }

    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The token that was read last, to hide it.
    pub(super) fn token(&self) -> Option<String> {
        self.credential.shown()
    }

    /// What the engine told about itself.
    pub(super) fn about(&self) -> EngineAbout {
        let about = self.line.about();
        let lacks = self.credential.lacks().or(about.lacks);
        let lacks_writing = self.credential.lacks_writing().or(about.lacks_writing);
        EngineAbout { lacks, lacks_writing, ..about }
    }

    pub(super) fn credential(&self) -> &Credential {
        &self.credential
    }

    /// Reads below the engine's address what it tells in JSON. What did not change since it was read last is not sent again.
    /// `None` if there is no such thing.
    ///
    /// # Errors
    /// When there is no answer, or none to use.
    pub async fn read<T>(&self, path: &str) -> Result<Option<EngineRead<T>>, CallError>
    where
        T: DeserializeOwned + Send + Sync + 'static,
    {
        let (known, mut headers) = (self.answers.get::<T>(path), HeaderMap::new());
        if let Some((tag, _)) = &known {
            headers.insert(IF_NONE_MATCH, tag.clone());
        }
        let none: Option<&()> = None;
        let answer = self.ask(Method::GET, path, headers, none, Duration::ZERO).await?;
        let at = date(&answer.headers);
        let value = match (answer.status, known) {
            (StatusCode::NOT_FOUND, _) => return Ok(None),
            (StatusCode::NOT_MODIFIED, Some((_, known))) => known,
            (status, _) if status.is_success() => {
                let value = serde_json::from_slice(&answer.body);
                let value: Arc<T> =
                    Arc::new(value.map_err(|_| {
                        CallError::Lost("its answer is not what it describes".into())
                    })?);
                if let Some(tag) = answer.headers.get(ETAG) {
                    self.answers.put(path, tag.clone(), value.clone(), answer.body.len());
                }
                value
            }
            (status, _) => return Err(CallError::Lost(format!("it answers {status}"))),
        };
        Ok(Some(EngineRead { value, at }))
    }

    /// Asks below the engine's address. `wait` is how long it is asked to wait with its answer.
    ///
    /// # Errors
    /// When there is no answer, or one that is no success and not "not modified", "not found" or "conflict".
    pub(super) async fn ask(
        &self,
        method: Method,
        path: &str,
        headers: HeaderMap,
        body: Option<&impl Serialize>,
        wait: Duration,
    ) -> Result<EngineAnswer, CallError> {
        self.ask_while(&|| true, (method, path), headers, body, wait).await
    }

    /// Asks for what starts something, unless it is not wanted any more when the request would leave: then nothing is sent.
    ///
    /// # Errors
    /// As of `ask`, and "not sent" when it is not wanted.
    pub(super) async fn start(
        &self,
        is_wanted: IsWanted<'_>,
        method: Method,
        path: &str,
        headers: HeaderMap,
        body: Option<&impl Serialize>,
    ) -> Result<EngineAnswer, CallError> {
        self.ask_while(is_wanted, (method, path), headers, body, Duration::ZERO).await
    }

    async fn ask_while(
        &self,
        is_wanted: IsWanted<'_>,
        (method, path): (Method, &str),
        headers: HeaderMap,
        body: Option<&impl Serialize>,
        wait: Duration,
    ) -> Result<EngineAnswer, CallError> {
        let urgency = if method == Method::GET { self.urgency } else { CallUrgency::Act };
        let mut request = self.request(method, path).headers(headers);
        if let Some(body) = body {
            request = request.json(body);
        }
        let _turn = self.line.turn(urgency).await?;
        let answer = self.answer(request.timeout(ANSWER + wait), is_wanted).await;
        match &answer {
            Ok(_) | Err(CallError::Refused { .. }) => self.line.answered(),
            Err(CallError::NotSent { again, .. }) if !again.is_zero() => self.line.hold(*again),
            // That may be why: it says nothing of the engine.
            Err(CallError::NotSent { .. }) if !is_wanted() => {}
            Err(CallError::NotSent { why, .. } | CallError::Lost(why)) => self.line.failed(why),
        }
        answer
    }

    async fn answer(
        &self,
        request: RequestBuilder,
        is_wanted: IsWanted<'_>,
    ) -> Result<EngineAnswer, CallError> {
        let response = self.sent(request, is_wanted).await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = read(response).await?;
        self.usable(EngineAnswer { status, headers, body })
    }

    /// An answer that says something to its question.
    fn usable(&self, answer: EngineAnswer) -> Result<EngineAnswer, CallError> {
        let EngineAnswer { status, headers, body } = &answer;
        let again = pause(headers);
        let is_limited = self.protocol == Protocol::GitHub && is_limit(*status, headers, body);
        match *status {
            _ if is_limited => {
                let why = "it asks for fewer requests".to_owned();
                Err(CallError::NotSent { why, again: again.unwrap_or(LIMIT_PAUSE) })
            }
            StatusCode::NOT_MODIFIED | StatusCode::NOT_FOUND | StatusCode::CONFLICT => Ok(answer),
            status if status.is_success() => Ok(answer),
            // It says that it did nothing, and when to come again.
            StatusCode::TOO_MANY_REQUESTS => {
                let why = "it asks for fewer requests".to_owned();
                Err(CallError::NotSent { why, again: again.unwrap_or(PAUSE) })
            }
            // These may come after what was asked for was done.
            StatusCode::FOUND | StatusCode::SEE_OTHER | StatusCode::REQUEST_TIMEOUT => {
                Err(CallError::Lost(format!("it answers {status}{}", says(body))))
            }
            status if status.is_server_error() => {
                Err(CallError::Lost(format!("it answers {status}{}", says(body))))
            }
            status => {
                let why = if status.is_redirection() {
                    self.moved(status)
                } else {
                    format!("it answers {status}{}{}", says(body), permission(headers))
                };
                Err(CallError::Refused { status, why })
            }
        }
    }

    /// What it means that it sends on to another address.
    fn moved(&self, status: StatusCode) -> String {
        match self.protocol {
            Protocol::Jobs | Protocol::Preset => {
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
    pub(super) async fn open(&self, path: &str) -> Result<Option<Response>, CallError> {
        let turn = self.line.turn(self.urgency).await?;
        let response = self.sent(self.request(Method::GET, path).timeout(ANSWER), &|| true).await?;
        drop(turn);
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

    /// A request below the engine's address.
    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.url));
        match self.protocol {
            Protocol::GitHub => of_github(request),
            Protocol::Jobs | Protocol::Preset => request,
        }
    }

    /// Sends it with the token. An engine that refuses that did nothing: if there is another by now, it is sent once more.
    async fn sent(
        &self,
        request: RequestBuilder,
        is_wanted: IsWanted<'_>,
    ) -> Result<Response, CallError> {
        let not_sent = |why| CallError::NotSent { why, again: Duration::ZERO };
        let token = self.credential.token().await.map_err(not_sent)?;
        let unwanted = || not_sent("it is not wanted any more".into());
        if !is_wanted() {
            return Err(unwanted());
        }
        let Some(token) = token else {
            return self.sent_once(request, None).await;
        };
        let again = request.try_clone();
        let response = self.sent_once(request, Some(&token)).await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return Ok(response);
        }
        match again.zip(self.credential.instead_of(&token).await) {
            Some(_) if !is_wanted() => Err(unwanted()),
            Some((again, other)) => self.sent_once(again, Some(&other)).await,
            None => Ok(response),
        }
    }

    async fn sent_once(
        &self,
        request: RequestBuilder,
        token: Option<&str>,
    ) -> Result<Response, CallError> {
        let request = match token {
            Some(token) if self.protocol != Protocol::Preset => request.bearer_auth(token),
            _ => request,
        };
        let response = request.send().await.map_err(|e| failed(&e))?;
        if self.protocol == Protocol::GitHub {
            self.line.told(token, response.headers());
        }
        Ok(response)
    }
}

/// A request as GitHub wants it.
fn of_github(request: RequestBuilder) -> RequestBuilder {
    request.header(ACCEPT, "application/vnd.github+json").header("X-GitHub-Api-Version", GITHUB_API)
}

fn opened(response: Response) -> Result<Response, CallError> {
    let status = response.status();
    let lost = || CallError::Lost(format!("it answers {status}"));
    status.is_success().then_some(response).ok_or_else(lost)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn may(engine: &str, to: &str) -> bool {
        let client = {
            let name = "github".parse().unwrap();
            let credential = Credential::new(name, CredentialSource::None, Arc::default());
            let http = connection(engine, None).unwrap();
            EngineClient::new(http, engine, Protocol::GitHub, credential, Arc::default())
        };
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
}

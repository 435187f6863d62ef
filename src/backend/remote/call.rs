//! One request and its answer, with a deadline and a size limit. A command that may have been recorded is not repeated.

use std::error::Error;
use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::server::Server;
use super::{Remote, Revival, Reviver, Urgency, verdict};
use crate::api::problem::ProblemKind;
use crate::api::{API, API_HEADER, VERSION, VERSION_HEADER};
use crate::backend::{Answer, BackendError, problem};

/// The largest answer that is read, in bytes.
const LARGEST_ANSWER: usize = 32 * 1024 * 1024;

/// A request to be sent.
pub(super) struct Call<'a> {
    remote: &'a Remote,
    request: RequestBuilder,
    method: Method,
    never_recorded_is_an_answer: bool,
    urgency: Urgency,
}

/// An answer that is not an error.
pub(super) struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub bytes: Vec<u8>,
}

impl<'a> Call<'a> {
    pub(super) fn new(remote: &'a Remote, method: Method, path: &str) -> Self {
        let request = remote.client.request(method.clone(), remote.server.url(path));
        let request = request
            .header(API_HEADER, API)
            .header(VERSION_HEADER, VERSION)
            .timeout(remote.server.slack());
        let urgency = Urgency::Watched;
        Self { remote, request, method, never_recorded_is_an_answer: false, urgency }
    }

    pub(super) fn query(self, query: &impl Serialize) -> Self {
        Self { request: self.request.query(query), ..self }
    }

    pub(super) fn header(self, name: impl AsRef<str>, value: &str) -> Self {
        Self { request: self.request.header(name.as_ref(), value), ..self }
    }

    pub(super) fn body(self, body: &impl Serialize) -> Self {
        Self { request: self.request.json(body), ..self }
    }

    /// The server may wait this long before it answers.
    pub(super) fn waits(self, wait: Duration) -> Self {
        let longest = wait.saturating_add(self.remote.server.slack());
        Self { request: self.request.timeout(longest), ..self }
    }

    /// A person waits for it: a server that somebody stopped is started for it too.
    pub(super) fn pressed(self) -> Self {
        Self { urgency: Urgency::Pressed, ..self }
    }

    /// Takes "never recorded" as an answer with the status 404, not as an error.
    pub(super) fn or_never_recorded(self) -> Self {
        Self { never_recorded_is_an_answer: true, ..self }
    }

    pub(super) async fn answer(self) -> Answer<Reply> {
        let again = self.request.try_clone().map(|request| Self {
            request,
            method: self.method.clone(),
            ..self
        });
        let server = &self.remote.server;
        let first = self.answer_once().await;
        match (first, again) {
            // A request that was not admitted did nothing.
            (Err(BackendError::Unauthorized(_)), Some(again)) if server.renewed().await => {
                again.answer_once().await
            }
            (first, _) => first,
        }
    }

    async fn answer_once(self) -> Answer<Reply> {
        let is_read = self.method == Method::GET;
        let send = |request: RequestBuilder| self.remote.server.signed(request).send();
        let again = self.request.try_clone();
        let mut revival = None;
        let response = match (send(self.request).await, again) {
            // Nothing was sent yet, so a command may be sent again too.
            (Err(error), Some(again)) if error.is_connect() => {
                revival = self.remote.revive(self.urgency).await;
                send(again).await
            }
            (Err(error), Some(again))
                if is_read && !error.is_timeout() && self.remote.budget.allows() =>
            {
                tokio::time::sleep(pause()).await;
                send(again).await
            }
            (response, _) => response,
        };
        let no_answer = |error| self.remote.no_answer(&error, is_read, revival);
        let response = response.map_err(no_answer)?;
        self.remote.budget.answered();
        if let Err(why) = verdict::check_version(response.headers()) {
            let why = self.remote.server.explain_version(why, response.status(), is_read);
            return Err(verdict::version_error(
                why,
                response.status(),
                response.headers(),
                is_read,
            ));
        }
        let reply = read(response).await.map_err(|why| lost(why, is_read))?;
        let Some(found) = verdict::problem(&reply) else { return Ok(reply) };
        if self.never_recorded_is_an_answer && found.kind == ProblemKind::NeverRecorded {
            return Ok(reply);
        }
        let found = self.remote.server.explain(found);
        Err(problem::error(found, verdict::retry_after(&reply.headers), is_read))
    }
}

impl Reply {
    pub(super) fn json<T: DeserializeOwned>(&self) -> Answer<T> {
        serde_json::from_slice(&self.bytes).map_err(|error| {
            BackendError::Failed(format!("the engine's answer cannot be read: {error}"))
        })
    }
}

impl Remote {
    /// Lets the reviver start the engine again.
    async fn revive(&self, urgency: Urgency) -> Option<Revival> {
        if let Some(Reviver(revive)) = &self.reviver {
            return Some(revive(urgency).await);
        }
        tokio::time::sleep(pause()).await;
        None
    }

    /// The error if no answer came.
    fn no_answer(
        &self,
        error: &reqwest::Error,
        is_read: bool,
        revival: Option<Revival>,
    ) -> BackendError {
        let why = root(error);
        if error.is_connect() {
            let socket = match &*self.server {
                Server::Socket(socket) => socket.display(),
                Server::OfGroup(socket) => {
                    let (socket, advice) =
                        (socket.display(), "ask whoever runs it, or for the group");
                    let what =
                        format!("no engine of a group answers at \"{socket}\" ({why}); {advice}");
                    return BackendError::Unreachable(what);
                }
                Server::Address { url, .. } => {
                    return BackendError::Unreachable(Server::unreachable(url, &why));
                }
            };
            return BackendError::Unreachable(match (&self.reviver, revival) {
                (None, _) => format!(
                    "the engine does not answer at \"{socket}\" ({why}); run: trunkline engine restart"
                ),
                (Some(_), Some(Revival::Stopped)) => {
                    "the engine was stopped; to start it, run: trunkline engine restart".to_owned()
                }
                (Some(_), Some(Revival::Failed(why))) => {
                    format!("the engine does not answer and cannot be started: {why}")
                }
                (Some(_), Some(Revival::Up) | None) => {
                    format!(
                        "the engine does not answer and is started again, unless somebody stopped it \
                         (\"{socket}\": {why})"
                    )
                }
            });
        }
        if error.is_builder() {
            return BackendError::Failed(format!("the request could not be made: {why}"));
        }
        lost(if error.is_timeout() { "it took too long".into() } else { why }, is_read)
    }
}

/// The error for a lost answer. A read changed nothing; a command may have been recorded.
fn lost(why: String, is_read: bool) -> BackendError {
    if is_read {
        BackendError::Unreachable(format!("the engine did not answer: {why}"))
    } else {
        BackendError::Unknown(why)
    }
}

async fn read(mut response: Response) -> Result<Reply, String> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| root(&error))? {
        if bytes.len() + chunk.len() > LARGEST_ANSWER {
            return Err(format!("it is larger than {} MiB", LARGEST_ANSWER / (1024 * 1024)));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(Reply { status: response.status(), headers: response.headers().clone(), bytes })
}

/// A random pause up to a fifth of a second, so that many consoles do not reconnect at the same moment.
fn pause() -> Duration {
    let (random, _) = Uuid::new_v4().as_u64_pair();
    Duration::from_millis(50 + random % 150)
}

/// The innermost cause, which is the specific one.
fn root(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

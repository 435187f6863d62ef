//! Requests to Slack's API: with the token of the bot, within bounds, and never repeated by themselves.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Certificate, Client, Response, StatusCode, redirect, retry};
use serde_json::Value;

use super::errors::meaning;
use crate::gate;
use crate::notify::destination::{ANSWER, SendOutcome};

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(5);
/// The most bytes of an answer: a page of a channel's messages.
const LARGEST: usize = 8 * 1024 * 1024;
/// The pause after a limit that does not say how long it lasts, and the longest that counts.
const PAUSE: Duration = Duration::from_secs(30);
const LONGEST_PAUSE: Duration = Duration::from_hours(1);
const AGENT: &str = concat!("trunkline/", env!("CARGO_PKG_VERSION"));
/// The header in which Slack lists what the token may do.
const SCOPES: &str = "x-oauth-scopes";

/// The API of a workspace.
pub(super) struct SlackClient {
    http: Client,
    url: String,
    authorization: HeaderValue,
}

/// Why a request did not do what it should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SlackError {
    /// It says what is wrong: `channel_not_found`. Nothing was done.
    Said(String),
    /// It wants a pause.
    Limit(Duration),
    /// Whether it did it is not known.
    Lost(String),
    /// Nobody was reached.
    Unreached(String),
}

/// What it answered.
#[derive(Debug)]
pub(super) struct SlackReply {
    pub body: Value,
    /// What the token may do, where it says so.
    pub scopes: Option<Vec<String>>,
}

impl SlackClient {
    /// # Errors
    /// When the token is none, or the certificates cannot be used. The sentence does not have the token.
    pub fn new(url: &str, token: &str, ca: Option<&Path>) -> Result<Self, String> {
        let mut builder = Client::builder()
            .user_agent(AGENT)
            .connect_timeout(CONNECT)
            .redirect(redirect::Policy::none())
            .retry(retry::never());
        if url.starts_with("http://") {
            // On this machine alone: a proxy would read the token.
            builder = builder.no_proxy().tls_certs_only([]);
        }
        if let Some(ca) = ca {
            let pem = std::fs::read(ca).map_err(|why| format!("{}: {why}", ca.display()))?;
            let all = Certificate::from_pem_bundle(&pem).map_err(|why| why.to_string())?;
            builder = builder.tls_certs_only(all);
        }
        let http = builder.build().map_err(|why| why.to_string())?;
        let value = HeaderValue::try_from(format!("Bearer {token}"));
        let mut authorization = value.map_err(|_| "its token is none".to_owned())?;
        authorization.set_sensitive(true);
        Ok(Self { http, url: url.to_owned(), authorization })
    }

    /// Changes something.
    pub async fn post(&self, method: &str, body: &Value) -> Result<SlackReply, SlackError> {
        let request = self.http.post(format!("{}/{method}", self.url));
        let request = request.header(AUTHORIZATION, self.authorization.clone()).json(body);
        answered(request.timeout(ANSWER).send().await).await
    }

    /// Asks for something.
    pub async fn get(
        &self,
        method: &str,
        query: &[(&str, &str)],
    ) -> Result<SlackReply, SlackError> {
        let request = self.http.get(format!("{}/{method}", self.url)).query(query);
        let request = request.header(AUTHORIZATION, self.authorization.clone());
        answered(request.timeout(ANSWER).send().await).await
    }
}

impl fmt::Debug for SlackClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

async fn answered(response: reqwest::Result<Response>) -> Result<SlackReply, SlackError> {
    let response = response.map_err(|why| failed(&why))?;
    let (status, headers) = (response.status(), response.headers().clone());
    if status == StatusCode::TOO_MANY_REQUESTS {
        return Err(SlackError::Limit(pause(&headers)));
    }
    let bytes = read(response).await?;
    if !status.is_success() {
        // Somebody between may have said so, after it was done.
        return Err(SlackError::Lost(format!("Slack answers {}", status.as_u16())));
    }
    let body: Value = serde_json::from_slice(&bytes)
        .map_err(|_| SlackError::Lost("Slack's answer is no JSON".into()))?;
    match (body["ok"].as_bool(), body["error"].as_str()) {
        (Some(true), _) => {
            let scopes = headers.get(SCOPES).and_then(|all| all.to_str().ok());
            let split = |all: &str| all.split(',').map(|one| one.trim().to_owned()).collect();
            Ok(SlackReply { body, scopes: scopes.map(split) })
        }
        (Some(false), Some("ratelimited" | "rate_limited")) => {
            Err(SlackError::Limit(pause(&headers)))
        }
        // It may have been done in part.
        (Some(false), Some(why @ ("fatal_error" | "internal_error" | "request_timeout"))) => {
            Err(SlackError::Lost(format!("Slack answers {why}")))
        }
        (Some(false), Some(why)) => Err(SlackError::Said(word(why))),
        _ => Err(SlackError::Lost("Slack's answer is not what it describes".into())),
    }
}

async fn read(mut response: Response) -> Result<Vec<u8>, SlackError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|why| failed(&why))? {
        if bytes.len() + chunk.len() > LARGEST {
            return Err(SlackError::Lost("Slack's answer is too long".into()));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// Without the address: an error of the connection says it.
fn failed(why: &reqwest::Error) -> SlackError {
    if why.is_connect() || why.is_builder() {
        return SlackError::Unreached("Slack cannot be reached".into());
    }
    let how = if why.is_timeout() { "does not answer in time" } else { "ended the connection" };
    SlackError::Lost(format!("Slack {how}"))
}

/// An error's name, which is one word of the destination.
fn word(text: &str) -> String {
    gate::line(&text.chars().take(60).collect::<String>())
}

fn pause(headers: &HeaderMap) -> Duration {
    let seconds = headers.get(RETRY_AFTER).and_then(|text| text.to_str().ok()?.trim().parse().ok());
    seconds.map_or(PAUSE, Duration::from_secs).min(LONGEST_PAUSE)
}

impl From<SlackError> for SendOutcome {
    fn from(error: SlackError) -> Self {
        match error {
            SlackError::Said(name) => {
                let (retry, why) = meaning(&name);
                Self::Failed { retry, why }
            }
            SlackError::Limit(after) => Self::Later { after },
            SlackError::Lost(why) => Self::Unknown { why },
            SlackError::Unreached(why) => Self::Failed { retry: true, why },
        }
    }
}

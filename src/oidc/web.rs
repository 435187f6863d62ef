//! Requests to a provider: over TLS alone, without redirects, with limits of time and size.

use std::error::Error;
use std::net::IpAddr;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;

const CONNECT: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(10);
/// The largest answer that is read, in bytes.
const LARGEST: usize = 512 * 1024;
/// The most characters of a provider's own words that are repeated.
const REPEATED: usize = 300;

/// Why a provider did not give what was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProviderError {
    #[error("{0:?} is not an https address")]
    Address(String),
    #[error("the provider does not answer at {url:?}: {why}")]
    Unreachable { url: String, why: String },
    #[error("the answer of the provider at {url:?} cannot be used: {why}")]
    Unusable { url: String, why: String },
    /// An error of OAuth, with the provider's words for it.
    #[error("the provider refuses: {error}{words}", words = .words.as_ref().map_or(String::new(), |words| format!(" ({words})")))]
    Refused { error: String, words: Option<String> },
    #[error("{0}")]
    Ended(&'static str),
}

impl ProviderError {
    /// The provider will never take again what it was shown.
    #[must_use]
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Refused { error, .. } if error == "invalid_grant")
    }
}

/// An answer that is an error of OAuth.
#[derive(Deserialize)]
struct OauthError {
    error: String,
    error_description: Option<String>,
}

/// A client for one provider.
#[derive(Debug, Clone)]
pub(super) struct Web {
    client: Client,
    /// The provider runs on this machine, where TLS protects nothing.
    is_local: bool,
}

impl Web {
    /// # Errors
    /// When the issuer is no address for this, or TLS cannot be set up.
    pub fn of(issuer: &str) -> Result<Self, ProviderError> {
        let is_local =
            Url::parse(issuer).is_ok_and(|url| url.scheme() == "http" && is_loopback(&url));
        let client =
            Client::builder().redirect(Policy::none()).connect_timeout(CONNECT).timeout(PATIENCE);
        let client = if is_local { client.no_proxy().tls_certs_only([]) } else { client };
        let unusable = |why: reqwest::Error| ProviderError::Unusable {
            url: issuer.to_owned(),
            why: format!("TLS cannot be set up: {}", root(&why)),
        };
        let web = Self { client: client.build().map_err(unusable)?, is_local };
        web.url(issuer)?;
        Ok(web)
    }

    /// # Errors
    /// When it does not come in time, is too large, or is something else.
    pub async fn get<T: DeserializeOwned>(&self, url: &str) -> Result<T, ProviderError> {
        self.send(url, self.client.get(self.url(url)?)).await
    }

    /// # Errors
    /// As for [`Self::get`], and with the provider's refusal. A client with a secret shows both here.
    pub async fn post<T: DeserializeOwned>(
        &self,
        url: &str,
        form: &[(&str, &str)],
        client: Option<(&str, &str)>,
    ) -> Result<T, ProviderError> {
        let mut body = self.url(url)?;
        let mut request = self.client.post(body.clone());
        if let Some((id, secret)) = client {
            request = request.basic_auth(encoded(id), Some(encoded(secret)));
        }
        body.set_query(None);
        body.query_pairs_mut().extend_pairs(form);
        let request = request
            .header("content-type", "application/x-www-form-urlencoded")
            .header("accept", "application/json")
            .body(body.query().unwrap_or_default().to_owned());
        self.send(url, request).await
    }

    /// An address of the provider, which is not on the way in the clear.
    pub fn url(&self, text: &str) -> Result<Url, ProviderError> {
        let url = Url::parse(text).ok().filter(|url| {
            let is_secret = url.scheme() == "https"
                || (self.is_local && url.scheme() == "http" && is_loopback(url));
            is_secret && url.has_host() && url.username().is_empty() && url.password().is_none()
        });
        url.ok_or_else(|| ProviderError::Address(text.chars().take(REPEATED).collect()))
    }

    async fn send<T: DeserializeOwned>(
        &self,
        url: &str,
        request: RequestBuilder,
    ) -> Result<T, ProviderError> {
        let unreachable = |why: reqwest::Error| ProviderError::Unreachable {
            url: url.to_owned(),
            why: if why.is_timeout() { "it took too long".to_owned() } else { root(&why) },
        };
        let unusable = |why: String| ProviderError::Unusable { url: url.to_owned(), why };
        let answer = request.send().await.map_err(unreachable)?;
        let status = answer.status();
        let bytes = read(answer).await.map_err(unreachable)?;
        let bytes = bytes.ok_or_else(|| unusable(format!("it has more than {LARGEST} bytes")))?;
        if status.is_success() {
            return serde_json::from_slice(&bytes).map_err(|why| unusable(why.to_string()));
        }
        match serde_json::from_slice(&bytes) {
            Ok(OauthError { error, error_description }) if status.is_client_error() => {
                let shorten = |text: String| text.chars().take(REPEATED).collect();
                let words = error_description.map(shorten);
                Err(ProviderError::Refused { error: shorten(error), words })
            }
            _ => Err(unusable(format!("its status is {status}"))),
        }
    }
}

/// A name or a secret in a header, by RFC 6749.
fn encoded(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let encode = |byte: u8| {
        if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }
    };
    text.bytes().map(encode).collect()
}

/// The body of an answer; `None` if it is too large.
async fn read(mut answer: Response) -> Result<Option<Vec<u8>>, reqwest::Error> {
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        if bytes.len() + chunk.len() > LARGEST {
            return Ok(None);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(Some(bytes))
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// The innermost reason of an error.
fn root(error: &reqwest::Error) -> String {
    let mut why: &dyn Error = error;
    while let Some(source) = why.source() {
        why = source;
    }
    why.to_string()
}

//! Asks a service at its own address which commit it runs. No token goes there, and its answer is believed in nothing else.

use std::sync::LazyLock;

use reqwest::header::{ACCEPT, CACHE_CONTROL};
use reqwest::redirect::{Attempt, Policy};
use reqwest::{Client, Response, Url, retry};

use crate::domain::ids::CommitPrefix;
use crate::domain::live_source::{ADDRESS_TIMEOUT, LiveAddress};

/// The most bytes of an answer.
const LARGEST: usize = 64 * 1024;
/// How many times it may send on to itself.
const MOST_REDIRECTS: usize = 3;
/// The most characters of what an answer has instead of a commit.
const LONGEST_SHOWN: usize = 60;
/// The fewest and the most hex digits that name a commit.
const DIGITS: std::ops::RangeInclusive<usize> = 7..=40;
const AGENT: &str = concat!("trunkline/", env!("CARGO_PKG_VERSION"));

/// What asks services, with and without TLS. Each is made when it is first needed: to read all certificates that the system
/// trusts takes time and room.
pub(super) struct LiveClients {
    safe: LazyLock<Result<Client, String>>,
    plain: LazyLock<Result<Client, String>>,
}

impl LiveClients {
    pub fn new() -> Self {
        Self { safe: LazyLock::new(|| client(false)), plain: LazyLock::new(|| client(true)) }
    }

    /// The commit that a service says it runs.
    ///
    /// # Errors
    /// With what is wrong with its answer, as the end of a sentence about it.
    pub async fn ask(&self, address: &LiveAddress) -> Result<CommitPrefix, String> {
        let url = address.url.whole();
        let client = if url.starts_with("http://") { &self.plain } else { &self.safe };
        let client = client.as_ref().map_err(Clone::clone)?;
        let request = client.get(url).header(ACCEPT, "application/json");
        let request = request.header(CACHE_CONTROL, "no-cache").timeout(ADDRESS_TIMEOUT);
        let response = request.send().await.map_err(|error| failed(&error))?;
        let status = response.status();
        if status.is_redirection() {
            return Err("it sends on to another address, which is not asked".to_owned());
        }
        if !status.is_success() {
            return Err(format!("it answers {}", status.as_u16()));
        }
        commit_in(&read(response).await?, &address.pointer)
    }
}

fn client(is_plain: bool) -> Result<Client, String> {
    let builder = Client::builder()
        .user_agent(AGENT)
        .redirect(Policy::custom(
            |attempt| if is_own(&attempt) { attempt.follow() } else { attempt.stop() },
        ))
        .retry(retry::never())
        // Another connection may lead to another of its replicas.
        .pool_max_idle_per_host(0);
    let builder = if is_plain { builder.no_proxy().tls_certs_only([]) } else { builder };
    builder.build().map_err(|why| why.to_string())
}

/// Whether a redirect leads to the server that was asked.
fn is_own(attempt: &Attempt<'_>) -> bool {
    let origin = |url: &Url| {
        let host = url.host_str().map(str::to_owned);
        (url.scheme().to_owned(), host, url.port_or_known_default())
    };
    let first = attempt.previous().first().map(origin);
    first == Some(origin(attempt.url())) && attempt.previous().len() <= MOST_REDIRECTS
}

async fn read(mut response: Response) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    while let Some(part) = response.chunk().await.map_err(|error| failed(&error))? {
        if body.len() + part.len() > LARGEST {
            return Err(format!("its answer is larger than {} KiB", LARGEST / 1024));
        }
        body.extend_from_slice(&part);
    }
    Ok(body)
}

fn failed(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "it does not answer in time".to_owned();
    }
    let mut why = "it does not answer".to_owned();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        why = format!("it does not answer: {cause}");
        source = cause.source();
    }
    why
}

/// The commit that a text names, if it has enough digits.
pub(super) fn commit_of(text: &str) -> Option<CommitPrefix> {
    text.parse().ok().filter(|_| DIGITS.contains(&text.len()))
}

fn commit_in(body: &[u8], pointer: &str) -> Result<CommitPrefix, String> {
    let json: serde_json::Value =
        serde_json::from_slice(body).map_err(|_| "its answer is no JSON".to_owned())?;
    let found = json.pointer(pointer);
    let found = found.ok_or_else(|| format!("its answer has nothing at {pointer}"))?;
    let Some(text) = found.as_str() else {
        return Err(format!("{pointer} is no text; a commit is wanted there"));
    };
    commit_of(text).ok_or_else(|| {
        let shown: String = text.chars().take(LONGEST_SHOWN).collect();
        format!("{pointer} is {shown:?}, and no commit of 7 to 40 hex digits")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_commit_of_at_least_seven_digits_is_taken_and_else_it_is_said_what_is_there() {
        let ask = |body: &str, pointer: &str| {
            commit_in(body.as_bytes(), pointer).map(|commit| commit.as_str().to_owned())
        };
        assert_eq!(ask(r#"{"sha":"3F2A9C1"}"#, "/sha").unwrap(), "3f2a9c1");
        assert_eq!(ask(r#"{"a":[{"b/c":"3f2a9c1d"}]}"#, "/a/0/b~1c").unwrap(), "3f2a9c1d");
        for (body, said) in [
            ("<html>", "its answer is no JSON"),
            ("", "its answer is no JSON"),
            ("[1]", "its answer has nothing at /sha"),
            (r#"{"sha":3290191}"#, "/sha is no text; a commit is wanted there"),
            (r#"{"sha":null}"#, "/sha is no text; a commit is wanted there"),
            (r##"{"sha":"#1288"}"##, "/sha is \"#1288\", and no commit of 7 to 40 hex digits"),
            (r#"{"sha":"3f2a9c"}"#, "/sha is \"3f2a9c\", and no commit of 7 to 40 hex digits"),
            (r#"{"sha":"v1.2.3"}"#, "/sha is \"v1.2.3\", and no commit of 7 to 40 hex digits"),
        ] {
            assert_eq!(ask(body, "/sha").unwrap_err(), said, "{body}");
        }
        let long = format!("{{\"sha\":\"\\u001b[2J{}\"}}", "x".repeat(5_000));
        let why = ask(&long, "/sha").unwrap_err();
        assert!(why.len() < 200 && !why.contains('\u{1b}'), "{why}");
    }
}

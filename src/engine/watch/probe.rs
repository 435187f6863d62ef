//! Asks addresses for checks, with one client for all of them.

use std::error::Error as _;
use std::io::ErrorKind;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response, retry};
use tokio::time::Instant;

use crate::domain::time::say;
use crate::domain::watch::{HttpProbe, SampleVerdict, WatchSample};
use crate::gate;

/// The most bytes of an answer that are read.
const LARGEST: usize = 256 * 1024;
/// The most characters of what a check says.
const LONGEST_SAID: usize = 160;
const AGENT: &str = concat!("trunkline/", env!("CARGO_PKG_VERSION"));

/// What asks, with and without TLS. It keeps connections open, as it asks the same again soon.
pub struct ProbeClients {
    safe: Result<Client, String>,
    plain: Result<Client, String>,
}

/// Why there is no answer.
pub enum NoAnswer {
    /// Nothing listens there.
    Refused,
    InTime,
    Other(String),
}

impl NoAnswer {
    pub fn sentence(&self) -> String {
        match self {
            Self::Refused => "connection refused".to_owned(),
            Self::InTime => "no answer in time".to_owned(),
            Self::Other(why) => format!("no answer: {why}"),
        }
    }
}

impl ProbeClients {
    pub fn new() -> Self {
        Self { safe: client(false), plain: client(true) }
    }

    /// Looks whether an address answers well.
    pub async fn look(&self, probe: &HttpProbe, longest: Duration) -> WatchSample {
        let longest = probe.within.map_or(longest, |within| within.min(longest));
        let start = Instant::now();
        match self.ask(&probe.url.whole(), longest).await {
            Ok((status, body)) => judged(probe, status, start.elapsed(), &body),
            Err(NoAnswer::Refused) => bad("connection refused".to_owned(), None),
            Err(NoAnswer::InTime) if probe.within.is_some() => {
                bad(format!("no answer within {}", said(longest)), None)
            }
            Err(why) => WatchSample::unknown(why.sentence()),
        }
    }

    /// The status and the body of an answer.
    pub async fn ask(&self, url: &str, longest: Duration) -> Result<(u16, Vec<u8>), NoAnswer> {
        let response = self.send(url, longest).await?;
        let status = response.status().as_u16();
        Ok((status, read(response).await?))
    }

    /// The status of an answer, whose body is left unread.
    pub async fn status(&self, url: &str, longest: Duration) -> Result<u16, NoAnswer> {
        self.send(url, longest).await.map(|response| response.status().as_u16())
    }

    async fn send(&self, url: &str, longest: Duration) -> Result<Response, NoAnswer> {
        let client = if url.starts_with("http://") { &self.plain } else { &self.safe };
        let client = client.as_ref().map_err(|why| NoAnswer::Other(why.clone()))?;
        let request: RequestBuilder = client.get(url).timeout(longest);
        request.send().await.map_err(|error| no_answer(&error))
    }
}

fn client(is_plain: bool) -> Result<Client, String> {
    let builder =
        Client::builder().user_agent(AGENT).redirect(Policy::none()).retry(retry::never());
    // One connection to each host is enough for what looks now and then.
    let builder = builder.pool_max_idle_per_host(1);
    let builder = if is_plain { builder.no_proxy() } else { builder };
    builder.build().map_err(|why| why.to_string())
}

fn judged(probe: &HttpProbe, status: u16, took: Duration, body: &[u8]) -> WatchSample {
    let value = Some(took.as_millis().to_string());
    let is_status = match probe.status {
        Some(wanted) => status == wanted,
        None => (200..300).contains(&status),
    };
    let text = format!("{status} in {}", said(took));
    if !is_status {
        let wanted = probe.status.map_or("200 to 299".to_owned(), |status| status.to_string());
        return bad(format!("{text}; has to be {wanted}"), value);
    }
    if let Some(within) = probe.within.filter(|within| took > *within) {
        return bad(format!("{text}; has to be within {}", said(within)), value);
    }
    let wanted = probe.body.as_ref();
    if let Some(wanted) = wanted.filter(|wanted| !String::from_utf8_lossy(body).contains(*wanted)) {
        return bad(format!("{text}; its body has no {wanted:?}"), value);
    }
    WatchSample { verdict: SampleVerdict::Good, says: text, value }
}

fn bad(says: String, value: Option<String>) -> WatchSample {
    WatchSample { verdict: SampleVerdict::Bad, says, value }
}

/// `34ms` or `2s`.
fn said(time: Duration) -> String {
    if time < Duration::from_secs(1) { format!("{}ms", time.as_millis()) } else { say(time) }
}

async fn read(mut response: Response) -> Result<Vec<u8>, NoAnswer> {
    let mut body = Vec::new();
    while let Some(part) = response.chunk().await.map_err(|error| no_answer(&error))? {
        if body.len() + part.len() > LARGEST {
            let why = format!("it is larger than {} KiB", LARGEST / 1024);
            return Err(NoAnswer::Other(why));
        }
        body.extend_from_slice(&part);
    }
    Ok(body)
}

fn no_answer(error: &reqwest::Error) -> NoAnswer {
    if error.is_timeout() {
        return NoAnswer::InTime;
    }
    let mut why = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        why = cause.to_string();
        let kind = cause.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
        if kind == Some(ErrorKind::ConnectionRefused) {
            return NoAnswer::Refused;
        }
        source = cause.source();
    }
    NoAnswer::Other(why)
}

/// What something outside said, in one short line without control characters.
pub fn say_plainly(text: &str) -> String {
    let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let shown = gate::field(line.trim()).to_string();
    if shown.chars().count() <= LONGEST_SAID {
        return shown;
    }
    let cut: String = shown.chars().take(LONGEST_SAID - 3).collect();
    format!("{cut}...")
}

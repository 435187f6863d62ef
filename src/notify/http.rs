//! Posts JSON to the secret address of a destination: over TLS alone, without redirects, within bounds, and never repeated by
//! itself.

use std::error::Error;
use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, RETRY_AFTER};
use reqwest::{Certificate, Client, Method, Response, StatusCode, Url, redirect, retry};
use serde_json::Value;

use super::destination::{ANSWER, SendOutcome};
use crate::gate;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(5);
/// The most bytes of an answer.
const LARGEST: usize = 64 * 1024;
/// The most bytes of an address.
const LONGEST_ADDRESS: usize = 2_000;
/// The most characters of a destination's own words.
const LONGEST_WORDS: usize = 300;
/// The pause after a limit that does not say how long it lasts, and the longest that counts.
const PAUSE: Duration = Duration::from_secs(30);
const LONGEST_PAUSE: Duration = Duration::from_hours(1);
/// In them others tell in how many seconds there is room again.
const RESETS: [&str; 2] = ["x-ratelimit-reset-after", "x-ratelimit-reset"];
/// More seconds than any pause.
const A_DAY: f64 = 86_400.0;
/// A part of an address that is at least this long may be the secret in it.
const SECRET: usize = 8;
const AGENT: &str = concat!("trunkline/", env!("CARGO_PKG_VERSION"));

/// The address of a destination. Whoever knows it may post, so nothing here says it.
pub(super) struct HttpAddress {
    http: Client,
    url: Url,
    /// What no sentence may repeat.
    secrets: Vec<String>,
    /// The most bytes of an answer.
    largest: usize,
}

/// An answer, as far as it is read.
#[derive(Debug)]
pub(super) struct HttpReply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

/// What a destination wants to be told.
pub(super) struct HttpCall {
    pub method: Method,
    /// What comes after the path of its address.
    pub below: String,
    /// The pairs of the query that come with it.
    pub query: Vec<(&'static str, String)>,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

impl HttpCall {
    pub fn post(body: &Value) -> Self {
        let (method, body) = (Method::POST, body.to_string().into_bytes());
        Self { method, below: String::new(), query: Vec::new(), headers: Vec::new(), body }
    }
}

impl HttpAddress {
    /// # Errors
    /// When it is no address to post to, or the certificates cannot be used. The sentence does not have it.
    pub fn new(address: &str, ca: Option<&Path>) -> Result<Self, String> {
        let url = Url::parse(address.trim()).ok().filter(|url| {
            let is_bare = url.username().is_empty() && url.password().is_none();
            url.has_host() && is_bare && address.len() <= LONGEST_ADDRESS
        });
        let url = url.ok_or("its address is none; write https://HOST/PATH into it")?;
        let is_plain = match url.scheme() {
            "https" => false,
            "http" if is_loopback(&url) => true,
            _ => return Err("its address would send in the clear; write https://".to_owned()),
        };
        let mut client = Client::builder()
            .user_agent(AGENT)
            .connect_timeout(CONNECT)
            .timeout(ANSWER)
            .redirect(redirect::Policy::none())
            .retry(retry::never());
        if is_plain {
            // On this machine alone. To read all certificates that the system trusts takes time.
            client = client.no_proxy().tls_certs_only([]);
        }
        if let Some(ca) = ca {
            let pem = std::fs::read(ca).map_err(|why| format!("{}: {why}", ca.display()))?;
            let all = Certificate::from_pem_bundle(&pem).map_err(|why| why.to_string())?;
            client = client.tls_certs_only(all);
        }
        let http = client.build().map_err(|why| format!("TLS cannot be set up: {}", root(&why)))?;
        let path = url.path_segments().into_iter().flatten().map(str::to_owned);
        let query = url.query_pairs().map(|(_, value)| value.into_owned());
        let secrets = path.chain(query).filter(|part| part.len() >= SECRET).collect();
        Ok(Self { http, url, secrets, largest: LARGEST })
    }

    /// The same at an API, whose address is no secret and whose answers may be as large as this.
    pub fn of_api(mut self, largest: usize) -> Self {
        self.secrets.clear();
        self.largest = largest;
        self
    }

    /// The same with another text that no sentence may repeat.
    pub fn hiding(mut self, secret: &str) -> Self {
        self.secrets.extend(secret.split_whitespace().map(str::to_owned));
        self
    }

    /// # Errors
    /// With what became of it, when there is no answer to read.
    pub async fn send(&self, call: HttpCall) -> Result<HttpReply, SendOutcome> {
        let mut url = self.url.clone();
        if !call.below.is_empty() {
            url.set_path(&format!("{}{}", url.path().trim_end_matches('/'), call.below));
        }
        for (name, value) in &call.query {
            url.query_pairs_mut().append_pair(name, value);
        }
        let mut request = self.http.request(call.method, url).body(call.body);
        request = request.header(CONTENT_TYPE, "application/json");
        for (name, value) in call.headers {
            request = request.header(name, value);
        }
        let response = request.send().await.map_err(|error| self.no_answer(&error))?;
        Ok(read(response, self.largest).await)
    }

    /// The request was not sent, or nobody knows.
    fn no_answer(&self, error: &reqwest::Error) -> SendOutcome {
        if error.is_timeout() && !error.is_connect() {
            return SendOutcome::Unknown { why: "it does not answer in time".to_owned() };
        }
        let why = format!("it does not answer: {}", self.hidden(&root(error)));
        if error.is_connect() {
            SendOutcome::Failed { retry: true, why }
        } else {
            SendOutcome::Unknown { why }
        }
    }

    /// An answer in its own words.
    pub fn said(&self, reply: &HttpReply) -> String {
        let says = reply.words().map(|words| format!(": {}", self.hidden(&words)));
        format!("it answers {}{}", reply.status.as_u16(), says.unwrap_or_default())
    }

    /// What an answer means that is no success.
    pub fn refused(&self, reply: &HttpReply) -> SendOutcome {
        let status = reply.status;
        let why = self.said(reply);
        let for_good =
            |what: &str| SendOutcome::Failed { retry: false, why: format!("{why}; {what}") };
        match status.as_u16() {
            429 => SendOutcome::Later { after: reply.pause() },
            300..=399 => for_good("a redirect is not followed: write the address that it leads to"),
            401 | 403 => {
                for_good("it does not take what it was shown: renew the address or the token")
            }
            404 | 410 => {
                for_good("nothing is there any more: make a new one and write its address")
            }
            413 => for_good("the message is too large for it"),
            // Somebody between may have said so, after it was done.
            408 | 425 | 500.. => SendOutcome::Unknown { why },
            _ => for_good("it does not take such a message: look what it says"),
        }
    }

    /// An answer that says "done", but not as this destination says it.
    pub fn strange(reply: &HttpReply) -> SendOutcome {
        let status = reply.status.as_u16();
        SendOutcome::Unknown {
            why: format!("it answers {status} with something else than it describes"),
        }
    }

    /// A text without what is secret.
    fn hidden(&self, text: &str) -> String {
        let hide = |text: String, secret: &String| text.replace(secret, "[secret]");
        let text = self.secrets.iter().fold(text.to_owned(), hide);
        gate::line(&text).chars().take(LONGEST_WORDS).collect()
    }
}

impl fmt::Debug for HttpAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HttpAddress")
    }
}

impl HttpReply {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// What it says in a member named as most name it.
    fn words(&self) -> Option<String> {
        let json = self.json();
        let names = ["message", "error", "status"];
        let said = names.iter().find_map(|name| json.get(name)?.as_str().map(str::to_owned))?;
        let more = json.get("errors").and_then(Value::as_array);
        let more = more.into_iter().flatten().filter_map(Value::as_str);
        Some([said.as_str()].into_iter().chain(more).collect::<Vec<_>>().join("; "))
    }

    /// How long it asks to wait.
    fn pause(&self) -> Duration {
        let said = self.json().get("retry_after").and_then(Value::as_f64);
        let named = || number(&self.headers, &RETRY_AFTER);
        let reset = || {
            let all = RESETS
                .iter()
                .filter_map(|name| number(&self.headers, &HeaderName::from_static(name)));
            // Some write a moment there, and no time.
            all.into_iter().find(|seconds| *seconds < A_DAY)
        };
        // The body has fractions of a second where there are any.
        said.or_else(named).or_else(reset).and_then(seconds).unwrap_or(PAUSE)
    }

    /// How long to wait although it took this one, since it takes no other until then.
    pub fn spent(&self) -> Option<Duration> {
        let is_spent = self.headers.get("x-ratelimit-remaining")?.as_bytes() == b"0";
        let reset = number(&self.headers, &HeaderName::from_static(RESETS[0]))?;
        seconds(reset).filter(|_| is_spent)
    }
}

fn number(headers: &HeaderMap, name: &HeaderName) -> Option<f64> {
    headers.get(name)?.to_str().ok()?.parse().ok()
}

fn seconds(number: f64) -> Option<Duration> {
    Some(Duration::try_from_secs_f64(number).ok()?.min(LONGEST_PAUSE))
}

/// A body that is too long or breaks off is none; what the status says stays true.
async fn read(mut response: Response, largest: usize) -> HttpReply {
    let (status, headers) = (response.status(), response.headers().clone());
    let mut body = Vec::new();
    while let Ok(Some(piece)) = response.chunk().await {
        if body.len() + piece.len() > largest {
            body.clear();
            break;
        }
        body.extend_from_slice(&piece);
    }
    HttpReply { status, headers, body }
}

/// What is behind an error, without the address.
fn root(error: &reqwest::Error) -> String {
    let mut cause: Option<&dyn Error> = error.source();
    let mut why = "the request cannot be made".to_owned();
    while let Some(found) = cause {
        (why, cause) = (found.to_string(), found.source());
    }
    why
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, headers: &[(&'static str, &str)], body: &str) -> HttpReply {
        let pair = |(name, value): &(&'static str, &str)| {
            (HeaderName::from_static(name), value.parse().unwrap())
        };
        let (status, headers) = (status.try_into().unwrap(), headers.iter().map(pair).collect());
        HttpReply { status, headers, body: body.into() }
    }

    #[test]
    fn only_an_address_that_keeps_its_secret_is_one() {
        for address in [
            "https://chat.example/hooks/canary",
            "http://127.0.0.1:1/canary",
            "http://[::1]:1/canary",
        ] {
            assert!(HttpAddress::new(address, None).is_ok(), "{address}");
        }
        for address in [
            "http://chat.example/canary",
            "http://localhost.evil.example/canary",
            "ftp://127.0.0.1/canary",
            "https://ann:canary@chat.example/",
            "chat.example/canary",
            "canary",
            "",
        ] {
            let why = HttpAddress::new(address, None).unwrap_err();
            assert!(!why.contains("canary"), "{address}: {why}");
        }
    }

    #[test]
    fn an_answer_says_what_became_of_it_and_repeats_no_secret() {
        let to =
            HttpAddress::new("https://chat.example/hooks/secret-canary?sig=other-canary", None);
        let to = to.unwrap().hiding("third-canary");
        let says = r#"{"message":"no secret-canary, other-canary, third-canary\u001b[2J","errors":["bad key"]}"#;
        for status in [301, 307, 400, 401, 403, 404, 410, 413, 418] {
            let outcome = to.refused(&reply(status, &[], says));
            let SendOutcome::Failed { retry: false, why } = outcome else {
                panic!("{status}: {outcome:?}")
            };
            assert!(
                why.starts_with(&format!("it answers {status}: no [secret], [secret], [secret]")),
                "{why}"
            );
            assert!(why.contains("; bad key; ") && !why.contains('\u{1b}'), "{why}");
        }
        for status in [408, 500, 502, 503, 504] {
            let outcome = to.refused(&reply(status, &[("retry-after", "5")], "<html>"));
            assert_eq!(outcome, SendOutcome::Unknown { why: format!("it answers {status}") });
        }
        assert_eq!(format!("{to:?}"), "HttpAddress");
    }

    #[test]
    fn a_limit_is_waited_for_as_long_as_it_says() {
        let to = HttpAddress::new("http://127.0.0.1:1/", None).unwrap();
        for (headers, body, pause) in [
            (&[("retry-after", "7")][..], "", Duration::from_secs(7)),
            (&[("retry-after", "1")], r#"{"retry_after":0.3}"#, Duration::from_millis(300)),
            (&[("x-ratelimit-reset", "2")], "limit exceeded", Duration::from_secs(2)),
            (&[("x-ratelimit-reset", "1796000000")], "", PAUSE),
            (&[("retry-after", "999999999")], "", LONGEST_PAUSE),
            (&[("retry-after", "-1")], "", PAUSE),
            (&[("retry-after", "NaN")], "", PAUSE),
            (&[], r#"{"retry_after":"soon"}"#, PAUSE),
        ] {
            let outcome = to.refused(&reply(429, headers, body));
            assert_eq!(outcome, SendOutcome::Later { after: pause }, "{headers:?} {body}");
        }
        let spent = |left| {
            let headers = [("x-ratelimit-remaining", left), ("x-ratelimit-reset-after", "1.5")];
            reply(200, &headers, "").spent()
        };
        assert_eq!((spent("0"), spent("3")), (Some(Duration::from_millis(1_500)), None));
    }
}

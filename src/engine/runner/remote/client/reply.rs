//! What the answers of an engine say beside what was asked for: limits, pauses, permissions, and why there is none.

use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::StatusCode;
use reqwest::header::{DATE, HeaderMap, HeaderName, RETRY_AFTER};

/// The longest pause that an engine can ask for.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);
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
pub enum CallError {
    /// The request certainly did nothing; it may be made again after a pause.
    NotSent { why: String, again: Duration },
    /// It may have done what it asks for.
    Lost(String),
    /// The engine refused it.
    Refused { status: StatusCode, why: String },
}

impl CallError {
    #[must_use]
    pub fn why(&self) -> &str {
        match self {
            Self::NotSent { why, .. } | Self::Lost(why) | Self::Refused { why, .. } => why,
        }
    }

    /// The pause that the engine asks for.
    #[must_use]
    pub fn again(&self) -> Duration {
        match self {
            Self::NotSent { again, .. } => *again,
            Self::Lost(_) | Self::Refused { .. } => Duration::ZERO,
        }
    }
}

/// Whether GitHub says that it did nothing because there were too many requests.
pub fn is_limit(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> bool {
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
pub fn permission(headers: &HeaderMap) -> String {
    let permission = headers.get(PERMISSION).and_then(|named| named.to_str().ok());
    let permission = permission.map(|named| format!("; the token needs {}", sentence(named)));
    permission.unwrap_or_default()
}

/// `: why`, as an engine says it in an answer; nothing if it says nothing.
pub fn says(body: &[u8]) -> String {
    let says = serde_json::from_slice::<serde_json::Value>(body).ok();
    let says = says.as_ref().and_then(|json| {
        // GitHub's own sentence is its message.
        json.get("says").or_else(|| json.get("message"))?.as_str()
    });
    says.map(|says| format!(": {}", sentence(says))).unwrap_or_default()
}

/// An engine's own sentence, in one line of bounded length.
pub fn sentence(text: &str) -> String {
    let line = text.split(|c: char| c.is_control()).collect::<Vec<_>>().join(" ");
    line.trim().chars().take(LONGEST_SENTENCE).collect()
}

pub fn failed(error: &reqwest::Error) -> CallError {
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
pub fn pause(headers: &HeaderMap) -> Option<Duration> {
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

/// The request arrived, since an answer began.
pub fn lost(error: &reqwest::Error) -> CallError {
    match failed(error) {
        CallError::NotSent { why, .. } => CallError::Lost(why),
        error => error,
    }
}

/// Whether a person can be led there.
pub fn is_page(page: &str) -> bool {
    let is_web = page.starts_with("https://") || page.starts_with("http://");
    let is_plain = |c: char| c.is_ascii_graphic() && !"\"'<>`\\".contains(c);
    is_web && page.len() <= LONGEST_PAGE && page.chars().all(is_plain)
}

/// When it was answered, by the engine's own clock.
pub fn date(headers: &HeaderMap) -> Option<DateTime<Utc>> {
    let date = DateTime::parse_from_rfc2822(headers.get(DATE)?.to_str().ok()?).ok()?;
    Some(date.with_timezone(&Utc))
}

#[cfg(test)]
mod tests {
    use super::*;

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

//! What an engine tells about itself beside its answers: how many requests are left, when the token ends, and its clock.

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use reqwest::header::HeaderMap;

use super::reply::date;
use crate::engine::clock::{Clock as _, SystemClock};

/// The permission with which workflows are started and cancelled.
pub const STARTS: &str = "Actions: write";
/// The permission with which tags, releases and branches are made and moved.
pub const WRITES: &str = "Contents: write";
/// What lets the tokens of an App have it.
pub const WRITES_BY_SETTING: &str = "contents = \"write\" beside the key of its App";
/// What a token may do that has scopes. One of these starts workflows.
const SCOPES: &str = "x-oauth-scopes";
const STARTING_SCOPES: [&str; 2] = ["repo", "public_repo"];
const TOKEN_ENDS: &str = "github-authentication-token-expiration";
/// The kinds of GitHub's tokens, by how they begin.
const KINDS: &[(&str, &str)] = &[
    ("github_pat_", "a fine-grained personal token"),
    ("ghp_", "a classic personal token"),
    ("gho_", "a token of a login, such as that of gh"),
    ("ghu_", "a token of a person by an App"),
    ("ghs_", "a token of an App"),
];

/// What is known of an engine. Nothing of it is known where it does not tell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EngineAbout {
    pub token: Option<&'static str>,
    pub token_ends: Option<DateTime<Utc>>,
    /// The permission that the token certainly lacks to start workflows.
    pub lacks: Option<&'static str>,
    /// What the token certainly lacks to make tags and releases and to move branches.
    pub lacks_writing: Option<&'static str>,
    /// How far its clock is ahead of this machine's.
    pub ahead: Option<TimeDelta>,
    /// How many requests are left of how many, and when there are as many again.
    pub left: Option<(u64, u64, DateTime<Utc>)>,
}

impl EngineAbout {
    /// Takes in what an answer tells.
    pub fn told(&mut self, headers: &HeaderMap) {
        self.ahead = date(headers).map(|theirs| theirs - SystemClock.now()).or(self.ahead);
        let ends = headers.get(TOKEN_ENDS).and_then(|ends| ends.to_str().ok());
        self.token_ends = ends.and_then(instant).or(self.token_ends);
        // Another kind of token has no scopes, and the header is missing or empty.
        let scopes = headers.get(SCOPES).and_then(|scopes| scopes.to_str().ok());
        if let Some(scopes) = scopes.filter(|scopes| !scopes.is_empty()) {
            let starts = |scope: &str| STARTING_SCOPES.contains(&scope.trim());
            self.lacks = (!scopes.split(',').any(starts)).then_some("the scope repo");
            self.lacks_writing = self.lacks;
        }
    }

    /// Knows the kind of the token.
    pub fn sent(&mut self, token: &str) {
        let kind = KINDS.iter().find(|(begin, _)| token.starts_with(begin));
        self.token = kind.map(|(_, kind)| *kind);
    }
}

/// `2026-12-24 05:00:00 UTC`, or with an offset such as `-0500`.
fn instant(text: &str) -> Option<DateTime<Utc>> {
    let (time, zone) = text.rsplit_once(' ')?;
    if zone == "UTC" {
        return NaiveDateTime::parse_from_str(time, "%Y-%m-%d %H:%M:%S")
            .ok()
            .map(|at| at.and_utc());
    }
    let at = DateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S %z").ok()?;
    Some(at.with_timezone(&Utc))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_without_the_scope_for_it_starts_no_workflow() {
        for (scopes, lacks) in [
            ("repo, workflow", None),
            ("read:org, public_repo", None),
            ("read:org, repo:status", Some("the scope repo")),
            ("", None),
        ] {
            let mut about = EngineAbout::default();
            about.told(&[(SCOPES.parse().unwrap(), scopes.parse().unwrap())].into_iter().collect());
            assert_eq!(about.lacks, lacks, "{scopes}");
        }
    }

    #[test]
    fn the_end_of_a_token_is_read_in_any_zone() {
        let ends: Option<DateTime<Utc>> = "2026-12-24T05:00:00Z".parse().ok();
        assert_eq!(instant("2026-12-24 05:00:00 UTC"), ends);
        assert_eq!(instant("2026-12-24 00:00:00 -0500"), ends);
        for wrong in ["", "soon", "2026-12-24", "2026-12-24 05:00:00 CET"] {
            assert_eq!(instant(wrong), None, "{wrong}");
        }
    }
}

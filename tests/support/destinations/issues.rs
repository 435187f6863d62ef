//! The issues of a project at GitHub or GitLab for tests: those that were opened, in pages.

use std::time::Duration;

use serde_json::{Value, json};

use super::{AskedDestination, DestinationReply, DestinationService};

/// What it has.
#[derive(Debug)]
pub struct IssueProject {
    is_github: bool,
    /// The token that it takes.
    pub token: String,
    /// Oldest first.
    pub issues: Vec<Value>,
    /// What it answers to a new issue instead of taking it.
    pub refuses: Option<u16>,
}

impl IssueProject {
    pub fn github(token: &str) -> Self {
        Self { is_github: true, token: token.into(), issues: Vec::new(), refuses: None }
    }

    pub fn gitlab(token: &str) -> Self {
        Self { is_github: false, ..Self::github(token) }
    }

    fn is_shown(&self, asked: &AskedDestination) -> bool {
        let (name, value) = if self.is_github {
            ("authorization", format!("Bearer {}", self.token))
        } else {
            ("private-token", self.token.clone())
        };
        asked.headers.get(name) == Some(&value)
    }

    /// A page of all issues, as long as it is asked for.
    fn page(&self, asked: &AskedDestination) -> DestinationReply {
        let pairs: Vec<_> =
            asked.query.split('&').filter_map(|pair| pair.split_once('=')).collect();
        let of = |wanted| pairs.iter().find(|(name, _)| *name == wanted).map(|(_, value)| *value);
        let number = |name| of(name).and_then(|value| value.parse::<usize>().ok()).unwrap_or(1);
        let since = if self.is_github { "since" } else { "created_after" };
        if of("state") != Some("all") || of(since).is_none() {
            return DestinationReply::json(422, &json!({"message": "this would not be all"}));
        }
        let (on_page, page) = (number("per_page"), number("page"));
        let issues: Vec<_> =
            self.issues.iter().skip(on_page * (page - 1)).take(on_page).cloned().collect();
        DestinationReply::json(200, &Value::Array(issues))
    }

    fn open(&mut self, asked: &AskedDestination) -> DestinationReply {
        if let Some(status) = self.refuses {
            return DestinationReply::json(status, &json!({"message": "no"}));
        }
        let mut issue = asked.json();
        let number = self.issues.len() + 1;
        let (name, place) = if self.is_github {
            ("html_url", format!("https://github.example/acme/ops/issues/{number}"))
        } else {
            ("web_url", format!("https://gitlab.example/acme/ops/-/issues/{number}"))
        };
        issue[name] = place.into();
        self.issues.push(issue.clone());
        DestinationReply::json(201, &issue)
    }
}

impl DestinationService for IssueProject {
    fn take(&mut self, asked: &AskedDestination) -> DestinationReply {
        if !self.is_shown(asked) {
            return DestinationReply::json(401, &json!({"message": "Bad credentials"}));
        }
        let path = if self.is_github { "/repos/acme/ops" } else { "/projects/acme%2Fops" };
        match (asked.method.as_str(), asked.path.strip_prefix(path)) {
            ("GET", Some("")) => DestinationReply::json(200, &json!({})),
            ("GET", Some("/issues")) => self.page(asked),
            ("POST", Some("/issues")) => self.open(asked),
            _ => DestinationReply::json(404, &json!({"message": "Not Found"})),
        }
    }

    fn limited(&self, _pause: Duration) -> DestinationReply {
        DestinationReply::json(429, &json!({"message": "slow down"}))
    }
}

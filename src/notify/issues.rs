//! Issues with drafts of postmortems, at GitHub and GitLab. One is looked up by its key before it is opened, among all that
//! were opened since the incident was, so that it is there once.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::TimeDelta;
use reqwest::Method;
use serde_json::{Value, json};

use super::destination::SendOutcome;
use super::http::{HttpAddress, HttpCall, HttpReply};
use super::opened::secret;
use crate::config::issues::{IssueForge, IssueSettings};
use crate::config::operator_files::OperatorFiles;
use crate::domain::incident::IncidentReport;
use crate::engine::{IssueOpener, NoIssue, OpeningIssue};
use crate::postmortem;

/// The most bytes of one page of issues.
const LARGEST_PAGE: usize = 8 * 1024 * 1024;
/// How many issues a page has, and the most pages that are read.
const ON_PAGE: usize = 50;
const MOST_PAGES: usize = 20;
/// The clock there may be behind.
const BEHIND: TimeDelta = TimeDelta::hours(1);
/// The longest address of an issue.
const LONGEST: usize = 300;
/// The most characters of the words of a title.
const LONGEST_TITLE: usize = 80;

/// Opens issues as the operator's files say when one is asked for.
#[derive(Debug)]
pub struct IssueTracker {
    files: OperatorFiles,
    environment: Arc<BTreeMap<String, String>>,
}

impl IssueTracker {
    #[must_use]
    pub fn new(files: OperatorFiles, environment: Arc<BTreeMap<String, String>>) -> Self {
        Self { files, environment }
    }

    async fn project(&self, report: &IncidentReport) -> Result<IssueProject, String> {
        let settings = self.files.issues().map_err(|why| why.in_one_line())?;
        let settings = settings.ok_or(
            "the engine opens no issues: [incidents.issues] is not in its config.toml or server.toml",
        )?;
        if !settings.takes(report.service.as_str()) {
            let service = &report.service;
            return Err(format!("services of [incidents.issues] does not have {service}"));
        }
        IssueProject::open(settings, &self.environment).await
    }
}

impl IssueOpener for IssueTracker {
    fn open<'a>(&'a self, report: &'a IncidentReport, may_open: bool) -> OpeningIssue<'a> {
        Box::pin(async move {
            let project = self.project(report).await.map_err(NoIssue::Refused)?;
            project.once(report, may_open).await
        })
    }
}

/// A project whose issues can be read and opened.
#[derive(Debug)]
pub struct IssueProject {
    http: HttpAddress,
    settings: IssueSettings,
    token: String,
}

impl IssueProject {
    /// # Errors
    /// When its token or its address cannot be used.
    pub async fn open(
        settings: IssueSettings,
        environment: &BTreeMap<String, String>,
    ) -> Result<Self, String> {
        let token = secret("[incidents.issues]", "token", Some(&settings.token), environment);
        let token = token.await?;
        let http = HttpAddress::new(&settings.url, settings.ca.as_deref())?;
        let http = http.of_api(LARGEST_PAGE).hiding(&token);
        Ok(Self { http, settings, token })
    }

    /// Whether the token reads the project.
    ///
    /// # Errors
    /// With why it does not.
    pub async fn check(&self) -> Result<(), String> {
        let reply = self.send(Method::GET, self.project(), Vec::new(), None).await;
        match reply {
            Ok(reply) if reply.status.is_success() => Ok(()),
            Ok(reply) => Err(self.refused(&reply)),
            Err(outcome) => Err(outcome.why().to_owned()),
        }
    }

    async fn once(&self, report: &IncidentReport, may_open: bool) -> Result<String, NoIssue> {
        let none = |why: &str| NoIssue::Refused(format!("no issue was opened: {why}"));
        let key = key(report);
        match self.find(&key, report).await {
            Ok(Some(place)) => return Ok(place),
            Ok(None) if !may_open => return Err(doubtful("a request for it was just sent")),
            Ok(None) => {}
            Err(why) if !may_open => return Err(doubtful(&why)),
            Err(why) => return Err(none(&why)),
        }
        let text = postmortem::issue(report).map_err(NoIssue::Refused)?;
        let text = format!("{text}\n{key}\n");
        let title = title(report);
        let body = match self.settings.kind {
            IssueForge::GitHub => json!({"title": title, "body": text}),
            IssueForge::GitLab => json!({"title": title, "description": text}),
        };
        let doubt = match self.send(Method::POST, self.issues(), Vec::new(), Some(&body)).await {
            Ok(reply) if reply.status.is_success() => match self.place(&reply.json()) {
                Some(place) => return Ok(place),
                None => HttpAddress::strange(&reply),
            },
            Ok(reply) => match self.http.refused(&reply) {
                doubt @ SendOutcome::Unknown { .. } => doubt,
                _ => return Err(none(&self.refused(&reply))),
            },
            Err(doubt @ SendOutcome::Unknown { .. }) => doubt,
            Err(outcome) => return Err(none(outcome.why())),
        };
        if let Ok(Some(place)) = self.find(&key, report).await {
            return Ok(place);
        }
        Err(doubtful(doubt.why()))
    }

    /// The oldest issue with this key.
    async fn find(&self, key: &str, report: &IncidentReport) -> Result<Option<String>, String> {
        let since = (report.incident.incident.opened_at - BEHIND).format("%Y-%m-%dT%H:%M:%SZ");
        let (is_github, text) = match self.settings.kind {
            IssueForge::GitHub => (true, "body"),
            IssueForge::GitLab => (false, "description"),
        };
        for page in 1..=MOST_PAGES {
            let mut query = vec![
                ("state", "all".to_owned()),
                (if is_github { "since" } else { "created_after" }, since.to_string()),
                (if is_github { "sort" } else { "order_by" }, sort(is_github).to_owned()),
                (if is_github { "direction" } else { "sort" }, "asc".to_owned()),
                ("per_page", ON_PAGE.to_string()),
                ("page", page.to_string()),
            ];
            query.extend((!is_github).then(|| ("scope", "all".to_owned())));
            let reply = self.send(Method::GET, self.issues(), query, None).await;
            let reply = reply.map_err(|outcome| outcome.why().to_owned())?;
            if !reply.status.is_success() {
                return Err(self.refused(&reply));
            }
            let Value::Array(issues) = reply.json() else {
                return Err("the list of its issues cannot be read".to_owned());
            };
            if issues.is_empty() {
                return Ok(None);
            }
            let has_key = |issue: &&Value| {
                let said = issue[text].as_str().unwrap_or_default();
                said.lines().any(|line| line.trim() == key)
            };
            if let Some(issue) = issues.iter().find(has_key) {
                let unreadable = || "the address of the issue cannot be read".to_owned();
                return self.place(issue).ok_or_else(unreadable).map(Some);
            }
        }
        let most = ON_PAGE * MOST_PAGES;
        Err(format!(
            "more than {most} issues and pull requests are new or changed since the incident, too many to look for one of it"
        ))
    }

    async fn send(
        &self,
        method: Method,
        below: String,
        query: Vec<(&'static str, String)>,
        body: Option<&Value>,
    ) -> Result<HttpReply, SendOutcome> {
        let headers = match self.settings.kind {
            IssueForge::GitHub => vec![
                ("authorization", format!("Bearer {}", self.token)),
                ("accept", "application/vnd.github+json".to_owned()),
                ("x-github-api-version", "2022-11-28".to_owned()),
            ],
            IssueForge::GitLab => vec![("private-token", self.token.clone())],
        };
        let body = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        self.http.send(HttpCall { method, below, query, headers, body }).await
    }

    fn project(&self) -> String {
        let project = &self.settings.project;
        match self.settings.kind {
            IssueForge::GitHub => format!("/repos/{project}"),
            IssueForge::GitLab => format!("/projects/{}", project.replace('/', "%2F")),
        }
    }

    fn issues(&self) -> String {
        self.project() + "/issues"
    }

    /// Where people see an issue.
    fn place(&self, issue: &Value) -> Option<String> {
        let name = match self.settings.kind {
            IssueForge::GitHub => "html_url",
            IssueForge::GitLab => "web_url",
        };
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:".contains(c);
        let place = issue[name].as_str()?;
        let is_one = place.starts_with("https://") || place.starts_with("http://");
        (is_one && place.len() <= LONGEST && place.chars().all(is_plain)).then(|| place.to_owned())
    }

    /// What an answer means that is no success.
    fn refused(&self, reply: &HttpReply) -> String {
        let (said, project) = (self.http.said(reply), &self.settings.project);
        let what = match reply.status.as_u16() {
            300..=399 => "a redirect is not followed: correct url or project".to_owned(),
            401 => "renew the token".to_owned(),
            403 | 429 => {
                format!("the token may not do this in {project}, or there were too many requests")
            }
            404 => format!("this token finds no project {project}, or may not use its issues"),
            410 => format!("{project} has no issues: turn them on"),
            _ => return said,
        };
        format!("{said}; {what}")
    }
}

fn doubtful(why: &str) -> NoIssue {
    NoIssue::Unknown(format!(
        "it is not known whether the issue was opened: {why}; ask for it again in a minute: it is looked up first"
    ))
}

fn sort(is_github: bool) -> &'static str {
    if is_github { "created" } else { "created_at" }
}

/// The same for ever, and another one for each incident of each record. People do not see it.
fn key(report: &IncidentReport) -> String {
    let incident = &report.incident.incident;
    let opened = incident.opened_at.timestamp_micros();
    format!("<!-- trunkline: postmortem {} {} {opened} -->", report.service, incident.id)
}

/// With words alone: a title is text in which a forge looks for names.
fn title(report: &IncidentReport) -> String {
    let incident = &report.incident.incident;
    let words = incident.title.split(|c: char| !c.is_alphanumeric());
    let is_plain = |word: &&str| {
        !(word.is_empty() || word.len() >= 7 && word.bytes().all(|b| b.is_ascii_hexdigit()))
    };
    let words: Vec<_> = words.filter(is_plain).collect();
    let words: String = words.join(" ").chars().take(LONGEST_TITLE).collect();
    format!("Postmortem of {} ({}): {words}", incident.id, report.service)
}

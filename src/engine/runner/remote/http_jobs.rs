//! trunkline's own protocol for jobs over HTTP, as `docs/http-jobs.md` describes it.

use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::{ETAG, HeaderMap, HeaderName, IF_NONE_MATCH};
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::json;

use super::answers::{Absence, Found, LogPiece, Looked, RunState, SendAnswer};
use super::client::{CallError, EngineAnswer, EngineClient, IsWanted, is_page, says, sentence};
use super::order::Order;
use crate::domain::remote::{RunKey, RunRef};

/// The run as the engine describes it. Every word of it may be missing or unknown.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RunBody {
    state: Option<String>,
    says: Option<String>,
    page: Option<String>,
    step: Option<String>,
    started_at: Option<String>,
    ended_at: Option<String>,
}

pub(super) struct HttpJobs {
    client: EngineClient,
}

impl HttpJobs {
    /// A key that is not there was never started. A few looks, since the request may still be on its way.
    pub const ABSENCE: Absence = Absence {
        looks: 3,
        lasting: Duration::from_secs(3),
        may_send_again: true,
        what: "run",
        hint: "",
    };

    /// The pause between two looks where the engine does not wait with its answer.
    pub const PACE: Duration = Duration::from_secs(1);
    /// How long a run that was asked to end may take for it.
    pub const END_WITHIN: Duration = Duration::from_secs(90);

    pub fn new(client: EngineClient) -> Self {
        Self { client }
    }

    pub fn token(&self) -> Option<String> {
        self.client.token()
    }

    /// Whether it answers and knows the token.
    pub async fn check(&self) -> Result<(), String> {
        match self.get("/runs/check", HeaderMap::new(), Duration::ZERO).await {
            Ok(answer)
                if answer.status == StatusCode::NOT_FOUND && !says(&answer.body).is_empty() =>
            {
                Ok(())
            }
            Ok(answer) if answer.status == StatusCode::NOT_FOUND => {
                Err("it answers 404, and not as a server of jobs: is its url right?".to_owned())
            }
            Ok(answer) => Err(format!("it answers {} for a run that is not there", answer.status)),
            Err(error) => Err(error.why().to_owned()),
        }
    }

    /// Starts the run, if no run has its key.
    pub async fn send(&self, order: &Order, is_wanted: IsWanted<'_>) -> SendAnswer {
        let body = json!({
            "job": order.job.call.job(),
            "service": order.service,
            "environment": order.environment,
            "build": order.build,
            "sha": order.sha,
            "previous_sha": order.previous_sha,
            "kind": order.kind,
            "deployment": order.run.deployment.to_string(),
            "by": order.by,
            "inputs": order.inputs,
        });
        let path = of(&order.key);
        let sent =
            self.client.start(is_wanted, Method::PUT, &path, HeaderMap::new(), Some(&body)).await;
        match sent {
            Ok(answer) if answer.status.is_success() => match looked(&order.key, &answer) {
                Ok(looked) => SendAnswer::Started(looked.run),
                Err(error) => SendAnswer::Unknown(error.why().to_owned()),
            },
            Ok(answer) => {
                let why = if answer.status == StatusCode::CONFLICT {
                    "it has another run with this key"
                } else {
                    "it does not know the way"
                };
                SendAnswer::Rejected(format!("{why}: {}{}", answer.status, says(&answer.body)))
            }
            Err(CallError::NotSent { why, again }) => SendAnswer::NotYet { why, again },
            Err(CallError::Lost(why)) => SendAnswer::Unknown(why),
            Err(CallError::Refused { why, .. }) => SendAnswer::Rejected(why),
        }
    }

    pub async fn find(&self, key: &RunKey) -> Found {
        match self.look(key, None, Duration::ZERO).await {
            Ok(Some(looked)) => Found::Run(looked.run),
            Ok(None) => Found::Absent,
            Err(error) => Found::CannotTell(error),
        }
    }

    /// Looks at the run; with a tag it waits a while for a change. `None` if there is no such run.
    pub async fn look(
        &self,
        key: &RunKey,
        known: Option<&Looked>,
        wait: Duration,
    ) -> Result<Option<Looked>, CallError> {
        let tag = known.and_then(|known| known.tag.clone());
        let (path, mut headers) = (of(key), HeaderMap::new());
        let path = match tag {
            Some(tag) => {
                headers.insert(IF_NONE_MATCH, tag);
                format!("{path}?wait={}", wait.as_secs())
            }
            None => path,
        };
        let answer = self.get(&path, headers, wait).await?;
        match (answer.status, known) {
            // A proxy or another server says it in its own words.
            (StatusCode::NOT_FOUND, _) if says(&answer.body).is_empty() => Err(CallError::Lost(
                "it answers 404, and not as a server of jobs: is its url right?".into(),
            )),
            (StatusCode::NOT_FOUND, _) => Ok(None),
            (StatusCode::NOT_MODIFIED, Some(known)) => Ok(Some(known.clone())),
            (status, _) if status.is_success() => looked(key, &answer).map(Some),
            (status, _) => Err(CallError::Lost(format!("it answers {status}"))),
        }
    }

    /// The log from this byte on.
    pub async fn log(&self, key: &RunKey, from: u64) -> Result<LogPiece, CallError> {
        let path = format!("{}/log?from={from}", of(key));
        let answer = self.get(&path, HeaderMap::new(), Duration::ZERO).await?;
        if !answer.status.is_success() {
            return Err(CallError::Lost(format!("it answers {} for the log", answer.status)));
        }
        let ended = answer.headers.get(HeaderName::from_static("log-ended"));
        let ended = ended.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"true"));
        let size = answer.headers.get(HeaderName::from_static("log-size"));
        let size: Option<u64> = size.and_then(|size| size.to_str().ok()?.parse().ok());
        let read = from + answer.body.len() as u64;
        Ok(LogPiece { ended: ended && size.is_none_or(|size| read >= size), bytes: answer.body })
    }

    /// Asks the run to end.
    ///
    /// # Errors
    /// When it is not known whether the engine heard it.
    pub async fn cancel(&self, key: &RunKey) -> Result<(), CallError> {
        let (path, none): (_, Option<&()>) = (of(key), None);
        let asked = self.client.ask(Method::DELETE, &path, HeaderMap::new(), none, Duration::ZERO);
        match asked.await {
            Ok(answer) if answer.status.is_success() => Ok(()),
            Ok(answer) => Err(CallError::Lost(format!("it answers {}", answer.status))),
            Err(error) => Err(error),
        }
    }

    async fn get(
        &self,
        path: &str,
        headers: HeaderMap,
        wait: Duration,
    ) -> Result<EngineAnswer, CallError> {
        let none: Option<&()> = None;
        self.client.ask(Method::GET, path, headers, none, wait).await
    }
}

fn of(key: &RunKey) -> String {
    format!("/runs/{key}")
}

fn looked(key: &RunKey, answer: &EngineAnswer) -> Result<Looked, CallError> {
    let body = serde_json::from_slice::<serde_json::Map<_, _>>(&answer.body);
    let body: RunBody = body
        .and_then(|body| serde_json::from_value(body.into()))
        .map_err(|_| CallError::Lost("its answer is not the description of a run".into()))?;
    let word = body.state.unwrap_or_default();
    let (started_at, ended_at) =
        (instant(body.started_at.as_ref()), instant(body.ended_at.as_ref()));
    let state = match word.as_str() {
        "queued" => RunState::Queued,
        "running" => RunState::Running,
        "succeeded" => RunState::Succeeded,
        "failed" => RunState::Failed,
        "cancelled" => RunState::Cancelled,
        // A word that nobody knows is no success.
        _ if ended_at.is_some() => RunState::Failed,
        _ => RunState::Running,
    };
    let page = body.page.filter(|page| is_page(page));
    Ok(Looked {
        state,
        word: sentence(&word),
        says: body.says.or(body.step).map(|says| sentence(&says)).filter(|says| !says.is_empty()),
        run: RunRef::new(key.to_string(), page),
        started_at,
        ended_at,
        tag: answer.headers.get(ETAG).cloned(),
        waits: None,
        jobs: Vec::new(),
    })
}

fn instant(text: Option<&String>) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(text?).ok().map(|at| at.with_timezone(&Utc))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(body: &str) -> Result<Looked, CallError> {
        let (status, headers) = (StatusCode::OK, HeaderMap::new());
        let answer = EngineAnswer { status, headers, body: body.as_bytes().to_vec() };
        let key = serde_json::from_str("\"shop-d1.1-0\"").unwrap();
        looked(&key, &answer)
    }

    #[test]
    fn a_state_that_nobody_knows_is_no_success() {
        let ended = r#""ended_at":"2026-11-30T10:00:00Z""#;
        for (body, state) in [
            (r#"{"state":"queued"}"#.to_owned(), RunState::Queued),
            (r#"{"state":"succeeded"}"#.to_owned(), RunState::Succeeded),
            (r#"{"state":"SUCCEEDED"}"#.to_owned(), RunState::Running),
            (format!(r#"{{"state":"SUCCEEDED",{ended}}}"#), RunState::Failed),
            (format!(r#"{{"state":null,{ended}}}"#), RunState::Failed),
            ("{}".to_owned(), RunState::Running),
            (r#"{"state":"skipped","more":[1]}"#.to_owned(), RunState::Running),
        ] {
            assert_eq!(seen(&body).unwrap().state, state, "{body}");
        }
        for body in ["", "[]", "null", "<html>", r#"{"state":1}"#] {
            assert!(seen(body).is_err(), "{body}");
        }
    }

    #[test]
    fn only_the_address_of_a_page_leads_to_one() {
        let page = |page: &str| seen(&json!({ "page": page }).to_string()).unwrap().run.page;
        assert_eq!(page("https://d.example/1").as_deref(), Some("https://d.example/1"));
        for wrong in
            ["javascript:alert(1)", "https://d.example/\u{1b}[31m", "file:///etc", "https://a b"]
        {
            assert_eq!(page(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_sentence_of_an_engine_is_one_short_line() {
        let body = json!({ "state": "failed", "says": "a\nb\u{7}".to_owned() + &"x".repeat(900) });
        let says = seen(&body.to_string()).unwrap().says.unwrap();
        assert!(says.starts_with("a b ") && says.chars().count() == 300, "{says}");
    }
}

//! Answers that were read before, so that GitHub tells only what changed: an unchanged answer costs nothing of the limit.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH};
use reqwest::{Method, StatusCode};

use super::client::{CallError, EngineClient};

/// The answers of one look, by their paths.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Pages {
    before: BTreeMap<String, Page>,
    now: BTreeMap<String, Page>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Page {
    tag: HeaderValue,
    body: Arc<[u8]>,
}

impl Pages {
    /// Those of the look after this one.
    pub fn next(&self) -> Self {
        Self { before: self.now.clone(), now: BTreeMap::new() }
    }

    /// Reads one. `None` if there is no such thing.
    pub async fn read(
        &mut self,
        client: &EngineClient,
        path: &str,
    ) -> Result<Option<Arc<[u8]>>, CallError> {
        let known = self.before.get(path).cloned();
        let mut headers = HeaderMap::new();
        if let Some(known) = &known {
            headers.insert(IF_NONE_MATCH, known.tag.clone());
        }
        let none: Option<&()> = None;
        let answer = client.ask(Method::GET, path, headers, none, Duration::ZERO).await?;
        let page = match (answer.status, known) {
            (StatusCode::NOT_FOUND, _) => return Ok(None),
            (StatusCode::NOT_MODIFIED, Some(known)) => known,
            (status, _) if status.is_success() => {
                let body = Arc::from(answer.body);
                let Some(tag) = answer.headers.get(ETAG).cloned() else { return Ok(Some(body)) };
                Page { tag, body }
            }
            (status, _) => return Err(CallError::Lost(format!("it answers {status}"))),
        };
        let body = page.body.clone();
        self.now.insert(path.to_owned(), page);
        Ok(Some(body))
    }
}

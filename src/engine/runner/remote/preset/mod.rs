//! Engines that speak HTTP of their own, as a preset describes it: Jenkins, Buildkite, `CircleCI`, Buildbot, or what an operator
//! wrote down.
//!
//! None of them takes a key that makes a start happen once. So a run is sent once, and after a lost answer it is only looked for: the
//! engine shows the key, which the run was given.

mod data;
mod pick;
mod template;

use std::collections::HashSet;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, LOCATION};
use reqwest::{Method, StatusCode};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use self::data::{
    FindData, LogData, LogOffset, PresetData, QueueData, RequestData, TokenForm, WalkData,
    WriteMethod,
};
use self::template::TemplateValues;
use super::answers::{Absence, Found, Looked, RunState, SendAnswer};
use super::client::{CallError, EngineAnswer, EngineClient, IsWanted, is_page, says, sentence};
use super::order::Order;
use crate::config::engines::Preset;
use crate::domain::remote::RunRef;
use crate::domain::token::base64url;

/// What the id of a run begins with while it is that of the queue.
const IN_QUEUE: &str = "queue:";
/// The most of a list for each of which something is read.
const MOST_READ: usize = 20;
/// The most lines of a log that are read at once.
const LINES: usize = 500;
/// The most of a list that are parts of a log.
const MOST_PARTS: usize = 500;
const HINT: &str = "; only its newest runs were looked through";

/// An engine, and how it is spoken to.
pub(super) struct PresetEngine {
    client: EngineClient,
    data: Box<PresetData>,
}

/// A part of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LogPart {
    id: String,
    /// Names it in the mark of the log.
    pub number: u64,
    pub name: String,
    /// Whether nothing comes to it any more.
    is_over: bool,
}

/// What came next of a log.
pub(super) struct PresetPiece {
    pub bytes: Vec<u8>,
    /// Where it goes on.
    pub next: u64,
    pub ended: bool,
}

impl PresetEngine {
    /// How long a run that was asked to end may take for it.
    pub const END_WITHIN: Duration = Duration::from_secs(90);

    /// # Errors
    /// With what is wrong with the file of the preset.
    pub fn open(client: EngineClient, preset: &Preset) -> Result<Self, String> {
        Ok(Self { client, data: Box::new(PresetData::load(preset)?) })
    }

    /// What must not be shown.
    pub fn token(&self) -> Option<String> {
        let token = self.client.token()?;
        let password = token.split_once(':').map(|(_, password)| password.to_owned());
        Some(password.filter(|_| matches!(self.data.token, TokenForm::Basic)).unwrap_or(token))
    }

    /// A run may appear late, and a second one would deploy twice.
    pub fn absence(&self) -> Absence {
        Absence {
            looks: 3,
            lasting: self.data.settling,
            may_send_again: false,
            what: "run",
            hint: HINT,
        }
    }

    pub fn pace(&self) -> Duration {
        self.data.pace
    }

    /// Whether its log can be read.
    pub fn has_log(&self) -> bool {
        self.data.log.is_some()
    }

    /// Whether it answers and knows the token.
    pub async fn check(&self) -> Result<(), String> {
        let path = &self.data.check.get;
        match self.get(path).await {
            Ok(answer) if answer.status.is_success() => Ok(()),
            Ok(answer) => Err(format!(
                "it answers {} to {path}: is its url right, and is the preset the right one?",
                answer.status
            )),
            Err(error) => Err(error.why().to_owned()),
        }
    }

    /// Starts the run. Nothing repeats the request.
    pub async fn send(&self, order: &Order, is_wanted: IsWanted<'_>) -> SendAnswer {
        let values = self.values(order);
        match self.write(&values, &self.data.start.request, is_wanted).await {
            Ok(answer) if answer.status.is_success() => match self.started(&answer) {
                Some(id) => SendAnswer::Started(self.run(&values, id, None)),
                None => SendAnswer::Unknown("its answer does not tell the run".into()),
            },
            Ok(answer) => SendAnswer::Rejected(format!(
                "it does not know {}, or not the way: {}{}",
                order.job.call.job(),
                answer.status,
                says(&answer.body)
            )),
            Err(CallError::NotSent { why, again }) => SendAnswer::NotYet { why, again },
            Err(CallError::Lost(why)) => SendAnswer::Unknown(why),
            Err(CallError::Refused { why, .. }) => SendAnswer::Rejected(why),
        }
    }

    /// The id of the run that an answer says was started.
    fn started(&self, answer: &EngineAnswer) -> Option<String> {
        let id = if let Some(place) = &self.data.start.id {
            pick::id(&serde_json::from_slice(&answer.body).ok()?, place)?
        } else {
            let location = answer.headers.get(LOCATION)?.to_str().ok()?;
            let id = location.trim_end_matches('/').rsplit('/').next()?;
            pick::is_id(id).then(|| id.to_owned())?
        };
        Some(if self.data.queue.is_some() { format!("{IN_QUEUE}{id}") } else { id })
    }

    /// Looks for the run by its key. What stands in a later list counts more: from the queue a run goes to where it runs.
    pub async fn find(&self, order: &Order) -> Found {
        let mut found = None;
        for list in &self.data.find {
            match self.first_in(order, list).await {
                Ok(first) => found = first.or(found),
                Err(error) => return Found::CannotTell(error),
            }
        }
        let values = self.values(order);
        found.map_or(Found::Absent, |id| Found::Run(self.run(&values, id, None)))
    }

    /// The id of the first run of a list that has the key. Somebody there may have started it once more later.
    async fn first_in(&self, order: &Order, list: &FindData) -> Result<Option<String>, CallError> {
        let values = self.values(order);
        let body = self.json(&values.path(&list.get)).await?.ok_or_else(unknown_way)?;
        let mut first: Option<String> = None;
        for (index, one) in pick::list(&body, &list.each).iter().enumerate() {
            let Some(id) = pick::id(one, &list.id) else { continue };
            let has_key = |value| {
                pick::at(value, &list.key).is_some_and(|there| pick::has_key(there, &order.key))
            };
            let is_ours = match &list.then {
                None => has_key(one),
                Some(_) if index >= MOST_READ => false,
                Some(then) => {
                    let path = values.with("id", id.clone()).path(then);
                    self.json(&path).await?.as_ref().is_some_and(has_key)
                }
            };
            let is_first = first.as_ref().is_none_or(|first| is_before(&id, first));
            if is_ours && is_first {
                first = Some(id);
            }
        }
        Ok(first.map(|id| if list.queue { format!("{IN_QUEUE}{id}") } else { id }))
    }

    /// Looks at the run. `None` if there is no such run.
    pub async fn look(&self, order: &Order) -> Result<Option<Looked>, CallError> {
        let id = id_of(order)?;
        let (Some(number), Some(queue)) = (id.strip_prefix(IN_QUEUE), &self.data.queue) else {
            return self.look_at(order, &id).await;
        };
        let values = self.values(order).with("id", number);
        let Some(item) = self.json(&values.path(&queue.get)).await? else {
            // It has left the queue long ago.
            return match self.find(order).await {
                Found::Run(run) if run.id != id => self.look_at(order, &run.id).await,
                Found::CannotTell(error) => Err(error),
                _ => Ok(None),
            };
        };
        if let Some(run) = pick::id(&item, &queue.id) {
            return self.look_at(order, &run).await;
        }
        let is_cancelled = pick::holds(&queue.cancelled, &item, &values);
        let state = if is_cancelled { RunState::Cancelled } else { RunState::Queued };
        let says = queue.says.as_ref().and_then(|place| pick::text(&item, place));
        Ok(Some(self.looked(&values, (state, String::new()), says, id.clone(), None)))
    }

    async fn look_at(&self, order: &Order, id: &str) -> Result<Option<Looked>, CallError> {
        let (values, look) = (self.values(order).with("id", id), &self.data.look);
        let Some(body) = self.json(&values.path(&look.get)).await? else { return Ok(None) };
        let state = if look.each.is_some() {
            let parts = self.parts_of(&body, &values);
            pick::combined(parts.map(|part| pick::state(look, part, &values)).collect())
        } else {
            let run = pick::at(&body, &look.at).ok_or_else(no_run)?;
            pick::state(look, run, &values)
        };
        let run = pick::at(&body, &look.at).unwrap_or(&Value::Null);
        let says = look.says.as_ref().and_then(|place| pick::text(run, place));
        let mut looked = self.looked(&values, state, says, id.to_owned(), Some(&body));
        looked.started_at = look.started.as_ref().and_then(|place| pick::instant(run, place));
        Ok(Some(looked))
    }

    /// The parts of a run that count, where it has several.
    fn parts_of<'v>(
        &self,
        body: &'v Value,
        values: &TemplateValues<'_>,
    ) -> impl Iterator<Item = &'v Value> {
        let look = &self.data.look;
        let counts = move |part: &&Value| {
            look.each.as_ref().is_some_and(|each| pick::holds(each, part, values))
        };
        pick::list(body, &look.at).iter().filter(counts)
    }

    fn looked(
        &self,
        values: &TemplateValues<'_>,
        (state, word): (RunState, String),
        says: Option<String>,
        id: String,
        body: Option<&Value>,
    ) -> Looked {
        Looked {
            state,
            word: sentence(&word),
            says: says.map(|says| sentence(&says)).filter(|says| !says.is_empty()),
            run: self.run(values, id, body),
            started_at: None,
            ended_at: None,
            tag: None,
            waits: None,
            jobs: Vec::new(),
        }
    }

    /// Asks the run to end.
    ///
    /// # Errors
    /// When it is not known whether the engine heard it.
    pub async fn cancel(&self, order: &Order) -> Result<(), CallError> {
        let id = id_of(order)?;
        let values = self.values(order);
        let (values, request) = match (id.strip_prefix(IN_QUEUE), &self.data.queue) {
            (Some(number), Some(queue)) => (values.with("id", number), &queue.cancel),
            _ => (values.with("id", id.as_str()), &self.data.cancel),
        };
        if let Some(place) = &self.data.look.item {
            let body = self.json(&values.path(&self.data.look.get)).await?.ok_or_else(no_run)?;
            let running = |part: &&Value| !pick::state(&self.data.look, part, &values).0.is_over();
            let parts: Vec<_> = self.parts_of(&body, &values).filter(running).collect();
            if parts.is_empty() {
                return Err(CallError::Lost("nothing of it runs".into()));
            }
            for part in parts {
                let item = pick::id(part, place).ok_or_else(no_run)?;
                self.told(&values.with("item", item), request).await?;
            }
            return Ok(());
        }
        self.told(&values, request).await
    }

    async fn told(
        &self,
        values: &TemplateValues<'_>,
        request: &RequestData,
    ) -> Result<(), CallError> {
        let answer = self.write(values, request, &|| true).await?;
        let lost = || CallError::Lost(format!("it answers {}", answer.status));
        answer.status.is_success().then_some(()).ok_or_else(lost)
    }

    /// The parts of the log, in their order. `None` if it has none of its own.
    pub async fn log_parts(
        &self,
        order: &Order,
        walked: &mut HashSet<String>,
        is_done: impl Fn(u64) -> bool,
    ) -> Result<Option<Vec<LogPart>>, CallError> {
        let id = id_of(order)?;
        let Some(log) = self.data.log.as_ref().filter(|log| !log.walk.is_empty()) else {
            return Ok(None);
        };
        if id.starts_with(IN_QUEUE) {
            return Ok(Some(Vec::new()));
        }
        let values = self.values(order).with("id", id.as_str());
        let begin = LogPart { id, number: 0, name: String::new(), is_over: false };
        let mut parts = Vec::new();
        self.walk(&values, &log.walk, begin, (walked, &is_done, &mut parts)).await?;
        Ok(Some(parts))
    }

    /// Goes through one level after the other. Where nothing comes any more and all was read, it does not look again.
    async fn walk(
        &self,
        values: &TemplateValues<'_>,
        levels: &[WalkData],
        above: LogPart,
        (walked, is_done, parts): (&mut HashSet<String>, &impl Fn(u64) -> bool, &mut Vec<LogPart>),
    ) -> Result<bool, CallError> {
        let Some((level, below)) = levels.split_first() else {
            let is_read = is_done(above.number);
            parts.push(above);
            return Ok(is_read);
        };
        let path = values.with("part", above.id.as_str()).path(&level.get);
        if walked.contains(&path) {
            return Ok(true);
        }
        let body = self.json(&path).await?.ok_or_else(unknown_way)?;
        let mut all: Vec<_> = pick::list(&body, &level.each)
            .iter()
            .filter(|one| level.of.as_ref().is_none_or(|of| pick::holds(of, one, values)))
            .filter_map(|one| Some((pick::id(one, &level.id)?, one)))
            .collect();
        all.sort_by(|(a, _), (b, _)| order_of(a).cmp(&order_of(b)));
        all.truncate(MOST_PARTS);
        let mut is_read = above.is_over;
        for (id, one) in all {
            let name = level.name.as_ref().and_then(|place| pick::text(one, place));
            let name = name.map(|name| sentence(&name)).filter(|name| !name.is_empty());
            let part = LogPart {
                number: number_of(&id),
                id,
                name: name.unwrap_or_else(|| above.name.clone()),
                is_over: pick::holds(&level.done, one, values),
            };
            let walk = self.walk(values, below, part, (&mut *walked, is_done, &mut *parts));
            is_read &= Box::pin(walk).await?;
        }
        if is_read {
            walked.insert(path);
        }
        Ok(is_read)
    }

    /// What comes next of the log, or of a part of it.
    pub async fn log(
        &self,
        order: &Order,
        part: Option<&LogPart>,
        from: u64,
    ) -> Result<PresetPiece, CallError> {
        let id = id_of(order)?;
        let none = |ended| PresetPiece { bytes: Vec::new(), next: from, ended };
        let Some(log) = self.data.log.as_ref().filter(|_| !id.starts_with(IN_QUEUE)) else {
            return Ok(none(true));
        };
        let is_over = part.is_none_or(|part| part.is_over);
        if log.by == LogOffset::Whole && !is_over {
            return Ok(none(false));
        }
        let part_id = part.map(|part| part.id.as_str()).unwrap_or_default();
        let values = self.values(order).with("id", id).with("part", part_id);
        let values = values.with("from", from.to_string()).with("limit", LINES.to_string());
        let answer = self.get(&values.path(&log.get)).await?;
        if !answer.status.is_success() {
            return Err(CallError::Lost(format!("it answers {} for the log", answer.status)));
        }
        piece(log, &answer, from, is_over)
    }

    fn values<'a>(&'a self, order: &'a Order) -> TemplateValues<'a> {
        TemplateValues::new(order, &self.data)
    }

    /// A run with its page, which its description may tell.
    fn run(&self, values: &TemplateValues<'_>, id: String, body: Option<&Value>) -> RunRef {
        let (number, template) = match (id.strip_prefix(IN_QUEUE), &self.data.queue) {
            (Some(number), Some(QueueData { page, .. })) => (number, page),
            _ => (id.as_str(), &self.data.page),
        };
        let page = if template.starts_with('/') {
            body.and_then(|body| pick::text(body, template))
        } else {
            Some(values.with("id", number).page(template, self.client.url()))
        };
        RunRef::new(id, page.filter(|page| is_page(page)))
    }

    /// `None` if there is no such thing.
    async fn json(&self, path: &str) -> Result<Option<Value>, CallError> {
        let answer = self.get(path).await?;
        match answer.status {
            StatusCode::NOT_FOUND => Ok(None),
            status if status.is_success() => {
                let body = serde_json::from_slice(&answer.body);
                body.map(Some).map_err(|_| CallError::Lost("its answer is no JSON".into()))
            }
            status => Err(CallError::Lost(format!("it answers {status}"))),
        }
    }

    async fn get(&self, path: &str) -> Result<EngineAnswer, CallError> {
        let none: Option<&()> = None;
        self.client.ask(Method::GET, path, self.headers(), none, Duration::ZERO).await
    }

    async fn write(
        &self,
        values: &TemplateValues<'_>,
        request: &RequestData,
        is_wanted: IsWanted<'_>,
    ) -> Result<EngineAnswer, CallError> {
        let method = match request.method {
            WriteMethod::Post => Method::POST,
            WriteMethod::Put => Method::PUT,
            WriteMethod::Delete => Method::DELETE,
        };
        let body = request.json.as_ref().map(|json| values.json(json));
        let path = values.path_of(request);
        self.client.start(is_wanted, method, &path, self.headers(), body.as_ref()).await
    }

    fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let Some(token) = self.client.token() else { return headers };
        let (name, value) = match &self.data.token {
            TokenForm::Bearer => (Some(AUTHORIZATION), format!("Bearer {token}")),
            TokenForm::Basic => (Some(AUTHORIZATION), format!("Basic {}", base64(&token))),
            TokenForm::Header(name) => (HeaderName::from_bytes(name.as_bytes()).ok(), token),
        };
        if let (Some(name), Ok(mut value)) = (name, HeaderValue::from_str(&value)) {
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        headers
    }
}

/// The next piece of a log, as the answer holds it.
fn piece(
    log: &LogData,
    answer: &EngineAnswer,
    from: u64,
    is_over: bool,
) -> Result<PresetPiece, CallError> {
    let text = match &log.text {
        None => answer.body.clone(),
        Some(place) => {
            let body: Value = serde_json::from_slice(&answer.body)
                .map_err(|_| CallError::Lost("its answer is no JSON".into()))?;
            pick::text(&body, place).unwrap_or_default().into_bytes()
        }
    };
    let (next, ended, text) = match log.by {
        LogOffset::Bytes => {
            let header = |name| answer.headers.get(HeaderName::from_static(name));
            let size = header("x-text-size").and_then(|size| size.to_str().ok()?.parse().ok());
            let next = size.unwrap_or(from + text.len() as u64);
            let more = header("x-more-data").is_some_and(|more| more.as_bytes() == b"true");
            (next.max(from), !more, text)
        }
        LogOffset::Lines => {
            let lines = text.split_inclusive(|byte| *byte == b'\n').count();
            (from + lines as u64, is_over && lines < LINES, text)
        }
        LogOffset::Whole => {
            let known = usize::try_from(from).unwrap_or(usize::MAX).min(text.len());
            (text.len() as u64, true, text[known..].to_vec())
        }
    };
    let bytes = match &log.marks {
        Some(marks) => unmarked(&text, marks.as_bytes()),
        None => text,
    };
    Ok(PresetPiece { bytes, next, ended })
}

/// The lines that begin with one of these letters, without it.
fn unmarked(text: &[u8], marks: &[u8]) -> Vec<u8> {
    let lines = text.split_inclusive(|byte| *byte == b'\n');
    let lines = lines.filter_map(|line| {
        let (mark, line) = line.split_first()?;
        marks.contains(mark).then_some(line)
    });
    lines.flatten().copied().collect()
}

fn id_of(order: &Order) -> Result<String, CallError> {
    let id = order.found.as_ref().map(|run| run.id.clone());
    let id = id.filter(|id| pick::is_id(id.strip_prefix(IN_QUEUE).unwrap_or(id)));
    id.ok_or_else(|| CallError::Lost("its run is not known".into()))
}

/// Ids that are numbers by their size.
fn order_of(id: &str) -> (u64, &str) {
    (id.parse().unwrap_or_default(), id)
}

fn is_before(id: &str, other: &str) -> bool {
    order_of(id) < order_of(other)
}

/// The number of a part: its id, or one that is made of it.
fn number_of(id: &str) -> u64 {
    id.parse().unwrap_or_else(|_| {
        let digest = Sha256::digest(id);
        // As much as any reader of JSON keeps.
        digest.iter().take(6).fold(0, |number, byte| number << 8 | u64::from(*byte))
    })
}

/// As a header has it: the other alphabet, filled up.
fn base64(text: &str) -> String {
    let mut encoded = base64url(text.as_bytes()).replace('-', "+").replace('_', "/");
    while !encoded.len().is_multiple_of(4) {
        encoded.push('=');
    }
    encoded
}

fn no_run() -> CallError {
    CallError::Lost("its answer describes no run".into())
}

fn unknown_way() -> CallError {
    CallError::Lost("it answers 404, and not as this preset expects it: is its url right?".into())
}

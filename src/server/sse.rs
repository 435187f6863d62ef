//! The stream of events as server-sent events, from any sequence number.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderMap;
use axum::http::header::ACCEPT;
use axum::response::sse::{Event as Sent, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, Stream, StreamExt};
use utoipa::IntoParams;
use utoipa::openapi::Required;
use utoipa::openapi::path::{Parameter, ParameterIn};

use super::document::in_header;
use super::routes::Session;
use super::stopping::StopSignal;
use crate::api::problem::ProblemDocument;
use crate::backend::{Answer, Backend, LONGEST_WAIT};
use crate::domain::event::Event;
use crate::domain::ids::{Seq, ServiceName};

/// How often a quiet stream sends a keep-alive.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How many events one read of the backend asks for.
const BATCH: usize = 100;

/// Whether the caller wants a stream instead of a page.
pub(super) fn wanted(headers: &HeaderMap) -> bool {
    let accepted = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    accepted.split(',').any(|kind| kind.trim().starts_with("text/event-stream"))
}

/// The last event that the caller received before its connection broke.
pub(super) struct LastEvent(pub Seq);

impl LastEvent {
    const HEADER: &str = "last-event-id";

    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let seq = headers.get(Self::HEADER)?.to_str().ok()?.parse().ok()?;
        Some(Self(Seq(seq)))
    }
}

impl IntoParams for LastEvent {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let about = "The `id` of the last message that the caller received; overrides `after`.";
        vec![in_header::<Seq>(Self::HEADER, Required::False, about)]
    }
}

/// The events after `after` and all new ones, until the server stops or the backend fails. The last message of a failed
/// stream is the problem.
pub(super) fn stream<B: Backend>(
    session: Session<B>,
    service: Option<ServiceName>,
    after: Seq,
) -> Response {
    answer(events(session.backend, service, after).map(message), &session.stopping)
}

/// The answer of these messages, until the server stops.
pub(super) fn answer(
    messages: impl Stream<Item = Sent> + Send + 'static,
    stopping: &StopSignal,
) -> Response {
    let messages = messages.map(Ok::<_, Infallible>).take_until(stopping.begun());
    Sse::new(messages).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response()
}

fn message(event: Answer<Event>) -> Sent {
    let sent = match event {
        Ok(event) => {
            let named = Sent::default().id(event.seq.to_string()).event(event.fact.kind());
            named.json_data(event)
        }
        Err(error) => Sent::default().event("problem").json_data(ProblemDocument::from(error)),
    };
    sent.unwrap_or_else(|error| Sent::default().comment(error.to_string()))
}

/// The position of a stream in the events.
struct StreamPosition<B> {
    backend: Arc<B>,
    service: Option<ServiceName>,
    after: Seq,
    ready: VecDeque<Event>,
}

fn events<B: Backend>(
    backend: Arc<B>,
    service: Option<ServiceName>,
    after: Seq,
) -> impl Stream<Item = Answer<Event>> + Send {
    let position = StreamPosition { backend, service, after, ready: VecDeque::new() };
    stream::unfold(Some(position), |position| async {
        let mut position = position?;
        match position.next().await {
            Ok(event) => Some((Ok(event), Some(position))),
            Err(error) => Some((Err(error), None)),
        }
    })
}

impl<B: Backend> StreamPosition<B> {
    async fn next(&mut self) -> Answer<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                self.after = event.seq;
                return Ok(event);
            }
            let service = self.service.as_ref();
            let events = self.backend.events(service, self.after, BATCH, LONGEST_WAIT).await?;
            self.ready.extend(events);
        }
    }
}

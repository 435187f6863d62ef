//! An answer holds the place of its request until the caller has taken all of it: what waits for a slow caller is counted.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes, HttpBody};
use axum::http::Response;
use axum::http::header::CONTENT_TYPE;
use futures_util::StreamExt as _;
use hyper::body::{Frame, SizeHint};

use super::connections::RequestPlace;

/// The answer with its place. A stream ends when its place is needed for another.
pub(super) fn held(answer: Response<Body>, place: Arc<RequestPlace>) -> Response<Body> {
    // What has no body waits for nobody.
    if answer.body().is_end_stream() {
        return answer;
    }
    let is_stream = is_stream(&answer);
    place.answered(is_stream);
    answer.map(|body| {
        if !is_stream {
            return Body::new(HeldBody { body, place });
        }
        let chunks = body.into_data_stream().take_until(place.closed());
        Body::from_stream(chunks.map(move |chunk| {
            let _until_the_end = &place;
            chunk
        }))
    })
}

pub(super) fn is_stream(answer: &Response<Body>) -> bool {
    let kind = answer.headers().get(CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"))
}

/// A body whose place is free once its last bytes are sent, which is later than their handing over.
struct HeldBody {
    body: Body,
    place: Arc<RequestPlace>,
}

struct HeldBytes {
    bytes: Bytes,
    _place: Arc<RequestPlace>,
}

impl AsRef<[u8]> for HeldBytes {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl HttpBody for HeldBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        let hold = |bytes| Bytes::from_owner(HeldBytes { bytes, _place: self.place.clone() });
        Poll::Ready(frame.map(|frame| frame.map(|frame| frame.map_data(hold))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

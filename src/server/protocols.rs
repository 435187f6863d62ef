//! One connection in HTTP/1.1 or HTTP/2, until it ends or the server stops.
//!
//! HTTP/2 is for browsers, which open few connections to a host, and for proxies. The console and the command line speak
//! HTTP/1.1: a connection that breaks or stalls then takes one request with it, and never a command with a read.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::Service;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::sleep;

use super::connections::Connection;
use super::stopping::StopSignal;
use super::{GRACE, HEAD};

/// The protocols over TLS, as ALPN names them, the preferred first.
pub(super) const PROTOCOLS: [&[u8]; 2] = [HTTP2, b"http/1.1"];
pub(super) const HTTP2: &[u8] = b"h2";

/// The most requests at the same time over one connection in HTTP/2. Browsers and proxies expect so many.
const STREAMS: u32 = 100;
/// The most bytes of the names and values of a request's head in HTTP/2.
const HEAD_BYTES: u32 = 16 * 1024;
/// How many bytes of bodies the server takes before somebody reads them: of one request, and of all over a connection.
const BODY_BYTES: [u32; 2] = [64 * 1024, 256 * 1024];
/// How many bytes of an answer wait for a slow caller, besides the one piece that is handed over.
const ANSWER_BYTES: usize = 64 * 1024;
/// How often the other side has to show that it is there, and how long it may take.
const PING: [Duration; 2] = [Duration::from_secs(20), Duration::from_secs(10)];

/// Serves HTTP/1.1.
pub(super) async fn serve_http1<S>(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    service: S,
    stopping: &StopSignal,
    connection: &Connection,
) where
    S: Service<Request<Incoming>, Response = Response<Body>, Error = Infallible>,
{
    let open = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let mut open = std::pin::pin!(open);
    tokio::select! {
        biased;
        ended = open.as_mut() => log_end(ended),
        () = stopping.begun() => {
            open.as_mut().graceful_shutdown();
            log_end(open.await);
        }
        // hyper's own time limit sets a timer for the head of each request.
        () = connection.idle(HEAD) => tracing::debug!("a connection idled or sent no whole head"),
    }
}

/// Serves HTTP/2. The protocol has no end of its own: one that idles is closed, and one whose other side is gone is found.
pub(super) async fn serve_http2<S>(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    service: S,
    stopping: &StopSignal,
    connection: &Connection,
) where
    S: Service<Request<Incoming>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    let [of_request, of_all] = BODY_BYTES;
    let [every, answered] = PING;
    let open = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEAD_BYTES)
        .initial_stream_window_size(of_request)
        .initial_connection_window_size(of_all)
        .max_send_buf_size(ANSWER_BYTES)
        .keep_alive_interval(every)
        .keep_alive_timeout(answered)
        .serve_connection(TokioIo::new(stream), service);
    let mut open = std::pin::pin!(open);
    tokio::select! {
        ended = open.as_mut() => return log_end(ended),
        () = stopping.begun() => {}
        () = connection.idle(HEAD) => {}
    }
    open.as_mut().graceful_shutdown();
    let overdue = async {
        sleep(GRACE).await;
        connection.idle(GRACE).await;
    };
    tokio::select! {
        ended = open => log_end(ended),
        () = overdue => {}
    }
}

fn log_end(ended: hyper::Result<()>) {
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::http::Version;
    use hyper::client::conn::http2::{self as client, SendRequest};
    use hyper::service::service_fn;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
    use tokio::sync::Notify;
    use tokio::task::JoinHandle;
    use tokio::time::{Instant, timeout};

    use super::super::connections::{Connections, Door};
    use super::super::stopping::{Stop, channel};
    use super::*;

    /// Longer than any time limit here.
    const LONG: Duration = Duration::from_mins(5);

    /// A server on one connection that answers once it is allowed to.
    struct Served {
        allowed: Arc<Notify>,
        stop: Stop,
        ended: JoinHandle<()>,
    }

    fn serve(stream: DuplexStream) -> Served {
        serve_in(Version::HTTP_2, stream)
    }

    fn serve_in(version: Version, stream: DuplexStream) -> Served {
        let (stop, stopping) = channel();
        let connection = Arc::new(Connections::default().enter(Door::Other).unwrap());
        let allowed = Arc::new(Notify::new());
        let (place_of, answers) = (connection.clone(), allowed.clone());
        let service = service_fn(move |request: Request<Incoming>| {
            let (place, allowed) = (place_of.begin(&request).unwrap(), answers.clone());
            async move {
                allowed.notified().await;
                drop(place);
                Ok(Response::new(Body::from("done")))
            }
        });
        let ended = tokio::spawn(async move {
            match version {
                Version::HTTP_2 => serve_http2(stream, service, &stopping, &connection).await,
                _ => serve_http1(stream, service, &stopping, &connection).await,
            }
        });
        Served { allowed, stop, ended }
    }

    type Opened = (SendRequest<Body>, JoinHandle<hyper::Result<()>>);

    async fn open(stream: DuplexStream) -> Opened {
        let handshake = client::handshake(TokioExecutor::new(), TokioIo::new(stream));
        let (sender, connection) = handshake.await.unwrap();
        (sender, tokio::spawn(connection))
    }

    fn request() -> Request<Body> {
        Request::get("https://localhost/v1/events?wait=20").body(Body::empty()).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn who_says_nothing_is_cut() {
        let (_silent, stream) = duplex(1024);
        timeout(LONG, serve(stream).ended).await.expect("it is cut").unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn who_asks_nothing_more_is_told_and_then_closed() {
        let (near, far) = duplex(1024);
        let served = serve(far);
        served.allowed.notify_one();
        let (mut sender, connection) = open(near).await;
        assert!(sender.send_request(request()).await.is_ok());
        let begun = Instant::now();
        let ended = timeout(LONG, connection).await.expect("it is closed").unwrap();
        assert!(ended.is_ok(), "with a word: {ended:?}");
        assert!(begun.elapsed() >= HEAD);
        served.ended.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_is_kept_as_long_as_it_is_there() {
        let (near, far) = duplex(1024);
        let served = serve(far);
        let (mut sender, _connection) = open(near).await;
        let waiting = tokio::spawn(sender.send_request(request()));
        sleep(LONG).await;
        assert!(!served.ended.is_finished());
        served.allowed.notify_one();
        assert!(waiting.await.unwrap().is_ok());
    }

    /// A client of HTTP/1.1 that asks once and then sends a part of what is next.
    async fn asks_and_sends(more: &str) -> (Duration, Vec<u8>) {
        let (mut near, far) = duplex(1024);
        let served = serve_in(Version::HTTP_11, far);
        let head = "GET /v1/events?wait=20 HTTP/1.1\r\nhost: localhost\r\n\r\n";
        near.write_all(head.as_bytes()).await.unwrap();
        sleep(LONG).await;
        assert!(!served.ended.is_finished(), "who waits is kept");
        served.allowed.notify_one();
        let begun = Instant::now();
        let mut answer = Vec::new();
        for piece in more.split_inclusive(' ') {
            near.write_all(piece.as_bytes()).await.unwrap();
            sleep(Duration::from_secs(5)).await;
        }
        timeout(LONG, near.read_to_end(&mut answer)).await.expect("it is cut").unwrap();
        served.ended.await.unwrap();
        (begun.elapsed(), answer)
    }

    #[tokio::test(start_paused = true)]
    async fn who_idles_or_sends_no_whole_head_in_http_1_is_cut() {
        for more in ["", "GET /v1 HTTP/1.1\r\na: b"] {
            let (took, answer) = asks_and_sends(more).await;
            assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
            assert!(took >= HEAD && took < HEAD + Duration::from_secs(1), "{took:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_says_nothing_in_http_1_is_cut() {
        let (_silent, stream) = duplex(1024);
        let served = serve_in(Version::HTTP_11, stream);
        timeout(LONG, served.ended).await.expect("it is cut").unwrap();
    }

    /// Nobody sends a byte any more, and nobody says so.
    #[tokio::test(start_paused = true)]
    async fn who_waits_and_is_gone_is_found() {
        let (mut near, far) = duplex(1024);
        let served = serve(far);
        let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
        let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
        // GET / over https.
        let head = [0, 0, 3, 1, 5, 0, 0, 0, 1, 0x82, 0x84, 0x87];
        near.write_all(&[&preface[..], &settings, &head].concat()).await.unwrap();
        let begun = Instant::now();
        timeout(LONG, served.ended).await.expect("it is found").unwrap();
        assert!(begun.elapsed() >= PING[0]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_stops_answers_what_was_asked_and_takes_no_more() {
        let (near, far) = duplex(1024);
        let served = serve(far);
        let (mut sender, connection) = open(near).await;
        let asked = tokio::spawn(sender.send_request(request()));
        sleep(Duration::from_secs(1)).await;
        served.stop.stop();
        sleep(Duration::from_secs(1)).await;
        let more = timeout(LONG, sender.send_request(request())).await.expect("it is refused");
        assert!(more.is_err());
        served.allowed.notify_one();
        assert!(asked.await.unwrap().is_ok());
        assert!(connection.await.unwrap().is_ok());
        served.ended.await.unwrap();
    }
}

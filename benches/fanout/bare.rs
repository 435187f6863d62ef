//! The least that has to be done: an axum server that sends the same bytes as server-sent events over TLS, and answers
//! "not modified".

use std::convert::Infallible;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::response::sse::{Event, Sse};
use axum::routing::get;
use chrono::Utc;
use futures_util::stream;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::broadcast;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use trunkline::domain::ids::DeploymentId;
use trunkline::domain::log::{Stream, format};
use trunkline_testing::team::pem;

use super::server::Offer;
use super::{CONSOLES, PIECE, RATE, lines, speed};

/// How often lines come, as the step prints them.
const BURST: Duration = Duration::from_millis(10);

pub async fn serve() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let port = listener.local_addr().expect("it listens").port();
    let app = Router::new()
        .route("/live", get(live))
        .route("/all", get(all))
        .route("/v1/services/checkout", get(unchanged));
    tokio::spawn(accept(listener, app));
    let (tokens, gate) = (vec!["none".into(); CONSOLES], String::new());
    Offer { port, tokens, deployment: DeploymentId(0), gate }.stand().await;
}

async fn accept(listener: TcpListener, app: Router) {
    let tls = acceptor();
    while let Ok((stream, _)) = listener.accept().await {
        stream.set_nodelay(true).expect("it is open");
        let (tls, service) = (tls.clone(), TowerToHyperService::new(app.clone()));
        tokio::spawn(async move {
            let stream = tls.accept(stream).await.expect("a console speaks TLS");
            let _gone = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

fn acceptor() -> TlsAcceptor {
    let certificate = CertificateDer::from_pem_slice(&pem("server.pem")).expect("it is PEM");
    let key = PrivateKeyDer::from_pem_slice(&pem("server.key")).expect("it is PEM");
    let config = ServerConfig::builder().with_no_client_auth();
    let config = config.with_single_cert(vec![certificate], key).expect("they belong together");
    TlsAcceptor::from(Arc::new(config))
}

fn text(numbers: std::ops::Range<u64>) -> String {
    let mut text = String::new();
    for number in numbers {
        let line = format(Utc::now(), Stream::Out, speed::line(number).as_bytes(), false);
        let _memory = write!(text, "{}", String::from_utf8(line).expect("it is text"));
    }
    text
}

/// The consoles that follow, and what they are sent.
static FOLLOWED: std::sync::OnceLock<broadcast::Sender<Arc<str>>> = std::sync::OnceLock::new();

/// The lines as they come, once all consoles are there.
async fn live() -> impl IntoResponse {
    let sender = FOLLOWED.get_or_init(|| broadcast::channel(4_096).0);
    let receiver = sender.subscribe();
    if sender.receiver_count() == CONSOLES {
        tokio::task::spawn_blocking(print);
    }
    let pieces = stream::unfold(receiver, async |mut receiver| {
        let piece = receiver.recv().await.ok().filter(|piece| !piece.is_empty())?;
        Some((Ok::<_, Infallible>(Event::default().data(piece)), receiver))
    });
    Sse::new(pieces)
}

fn print() {
    let sender = FOLLOWED.get().expect("somebody follows");
    let (begun, burst) = (Instant::now(), RATE / 100);
    for (first, turn) in (0..lines()).step_by(usize::try_from(burst).expect("it is small")).zip(1..)
    {
        let _all_gone = sender.send(text(first..first + burst).into());
        std::thread::sleep((begun + BURST * turn).saturating_duration_since(Instant::now()));
    }
    let _all_gone = sender.send("".into());
}

/// All lines, in pieces as large as a console reads them.
async fn all() -> impl IntoResponse {
    static PIECES: std::sync::OnceLock<Vec<String>> = std::sync::OnceLock::new();
    let pieces = PIECES.get_or_init(|| {
        let of_one = PIECE / text(0..1).len();
        let begin = (0..lines()).step_by(of_one);
        begin.map(|first| text(first..lines().min(first + of_one as u64))).collect()
    });
    let pieces = pieces.iter().map(|piece| Ok::<_, Infallible>(Event::default().data(piece)));
    Sse::new(stream::iter(pieces))
}

async fn unchanged(headers: HeaderMap) -> impl IntoResponse {
    let tag = headers.get("if-none-match").cloned().expect("it is asked for");
    (StatusCode::NOT_MODIFIED, [("etag", tag)])
}

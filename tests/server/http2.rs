//! HTTP/2 over TLS: what holds for a connection with one request at a time holds for each of many at the same time.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use axum::http::{Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use trunkline::backend::Backend as _;
use trunkline::domain::caller::{AccessRole, Caller};
use trunkline::domain::token::TokenSecret;
use trunkline_testing::team::{TeamServer, client, pem};
use uuid::Uuid;

use crate::network::watched;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_mins(2);

/// A connection that takes few bytes before somebody reads them.
pub async fn tls(address: SocketAddr, protocols: &[&str]) -> TlsStream<TcpStream> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem("ca.pem")) {
        roots.add(certificate.unwrap()).unwrap();
    }
    let mut config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(8 * 1024).unwrap();
    let stream = socket.connect(address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap()
}

/// One connection in HTTP/2.
#[derive(Clone)]
struct Http2 {
    sender: SendRequest<Body>,
    authority: String,
}

impl Http2 {
    async fn open(team: &TeamServer) -> Self {
        Self::open_by(team, &http2::Builder::new(TokioExecutor::new())).await
    }

    /// One whose client takes so many bytes of an answer before somebody reads it.
    async fn with_window(team: &TeamServer, bytes: u32) -> Self {
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder.initial_stream_window_size(bytes);
        Self::open_by(team, &builder).await
    }

    async fn open_by(team: &TeamServer, builder: &http2::Builder<TokioExecutor>) -> Self {
        let stream = tls(team.address, &["h2", "http/1.1"]).await;
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        let (sender, connection) = builder.handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Self { sender, authority: format!("localhost:{}", team.address.port()) }
    }

    fn request(
        &self,
        method: &str,
        path: &str,
        token: &TokenSecret,
    ) -> axum::http::request::Builder {
        let uri = format!("https://{}{path}", self.authority);
        let request = Request::builder().method(method).uri(uri);
        request.header("authorization", format!("Bearer {}", token.expose()))
    }

    async fn send(&self, request: Request<Body>) -> Response<Incoming> {
        let answer = timeout(PATIENCE, self.sender.clone().send_request(request)).await;
        answer.expect("it is answered").unwrap()
    }

    async fn get(&self, path: &str, token: &TokenSecret) -> Response<Incoming> {
        self.send(self.request("GET", path, token).body(Body::empty()).unwrap()).await
    }

    async fn freeze(&self, token: &TokenSecret) -> StatusCode {
        let body = json!({ "command": "freeze", "reason": "late" });
        let request = self
            .request("POST", "/v1/services/checkout/commands", token)
            .header("content-type", "application/json")
            .header("idempotency-key", Uuid::new_v4().to_string());
        self.send(request.body(Body::from(body.to_string())).unwrap()).await.status()
    }
}

async fn text(answer: Response<Incoming>) -> String {
    let bytes = axum::body::to_bytes(Body::new(answer.into_body()), 1024 * 1024).await.unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn each_request_of_a_connection_is_admitted_by_itself() {
    let world = watched().await;
    let team = TeamServer::new(world.handle()).await;
    let ann = team.token("ann", AccessRole::Viewer, &[]).await.secret;
    let raj = team.token("raj", AccessRole::Deployer, &[]).await.secret;
    let connection = Http2::open(&team).await;
    let name = async |token: &TokenSecret| {
        let answer = connection.get("/v1/whoami", token).await;
        assert_eq!(answer.version(), Version::HTTP_2);
        let who: Value = serde_json::from_str(&text(answer).await).unwrap();
        who["name"].as_str().unwrap().to_owned()
    };
    let (first, second, third) = tokio::join!(name(&ann), name(&raj), name(&ann));
    assert_eq!([first, second, third], ["ann", "raj", "ann"]);
    assert_eq!(connection.freeze(&ann).await, StatusCode::FORBIDDEN);
    assert_eq!(connection.freeze(&raj).await, StatusCode::OK);
    let unknown = TokenSecret::of([9; 32]);
    assert_eq!(connection.get("/v1/fleet", &unknown).await.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(connection.get("/v1/fleet", &ann).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_client_that_knows_one_protocol_gets_it() {
    let world = watched().await;
    let team = TeamServer::new(world.handle()).await;
    for (offered, chosen) in
        [(&["http/1.1"][..], Some("http/1.1")), (&["http/1.1", "h2"], Some("h2")), (&[], None)]
    {
        let stream = tls(team.address, offered).await;
        let told = stream.get_ref().1.alpn_protocol();
        assert_eq!(told, chosen.map(str::as_bytes), "{offered:?}");
    }
}

#[tokio::test]
async fn a_request_under_a_foreign_name_or_from_a_foreign_page_reaches_no_route() {
    let world = watched().await;
    let team = TeamServer::new(world.handle()).await;
    let token = team.token("raj", AccessRole::Admin, &[]).await.secret;
    let own = Http2::open(&team).await;
    let ask = async |authority: &str, headers: &[(&str, &str)]| {
        let asked = Http2 { authority: authority.to_owned(), ..own.clone() };
        let mut request = asked.request("GET", "/v1/fleet", &token);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        own.send(request.body(Body::empty()).unwrap()).await.status()
    };
    let (named, port) = (own.authority.as_str(), team.address.port());
    assert_eq!(ask(named, &[]).await, StatusCode::OK);
    assert_eq!(ask(named, &[("host", named)]).await, StatusCode::OK);
    assert_eq!(ask(named, &[("origin", &format!("https://{named}"))]).await, StatusCode::OK);
    for (authority, headers) in [
        (format!("evil.example:{port}"), vec![]),
        (format!("evil.example:{port}"), vec![("host", named)]),
        (named.to_owned(), vec![("host", "evil.example")]),
        (named.to_owned(), vec![("host", named), ("host", named)]),
        (named.to_owned(), vec![("origin", "https://evil.example")]),
        (named.to_owned(), vec![("origin", "null")]),
    ] {
        let status = ask(&authority, &headers).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{authority} {headers:?}");
    }
}

#[tokio::test]
async fn a_stream_ends_with_its_token_and_the_others_of_its_connection_go_on() {
    let world = watched().await;
    let team = TeamServer::new(world.handle()).await;
    let ann = team.token("ann", AccessRole::Viewer, &[]).await;
    let raj = team.token("raj", AccessRole::Deployer, &[]).await.secret;
    let connection = Http2::open(&team).await;
    let stream = async |token: &TokenSecret| {
        let request = connection.request("GET", "/v1/events?after=1000000", token);
        let request = request.header("accept", "text/event-stream").body(Body::empty()).unwrap();
        let answer = connection.send(request).await;
        assert_eq!(answer.status(), StatusCode::OK);
        answer
    };
    let (of_ann, of_raj) = (stream(&ann.secret).await, stream(&raj).await);
    let waiting = {
        let (connection, secret) = (connection.clone(), ann.secret.clone());
        tokio::spawn(
            async move { connection.get("/v1/events?after=1000000&wait=20", &secret).await },
        )
    };
    let moira = Caller::in_process("moira");
    world.handle().revoke_token(&moira, ann.token.id).await.unwrap();
    timeout(PATIENCE, text(of_ann)).await.expect("the stream ends");
    assert_eq!(waiting.await.unwrap().status(), StatusCode::UNAUTHORIZED);
    assert_eq!(connection.freeze(&raj).await, StatusCode::OK);
    assert!(!of_raj.into_body().is_end_stream());
}

#[tokio::test]
async fn one_connection_has_no_more_places_than_many() {
    let world = watched().await;
    let team = TeamServer::new(world.handle()).await;
    let ann = team.token("ann", AccessRole::Viewer, &[]).await.secret;
    let raj = team.token("raj", AccessRole::Deployer, &[]).await.secret;
    let connection = Http2::open(&team).await;
    let mut streams = Vec::new();
    for _ in 0..96 {
        let request = connection.request("GET", "/v1/events?after=1000000", &ann);
        let request = request.header("accept", "text/event-stream").body(Body::empty()).unwrap();
        streams.push(connection.send(request).await);
    }
    assert!(streams.iter().all(|stream| stream.status() == StatusCode::OK));
    // Neither this connection nor another one has a place for one more of hers.
    for connection in [connection.clone(), Http2::open(&team).await] {
        let refused = connection.get("/v1/events?after=1000000&wait=20", &ann).await;
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(refused.headers().contains_key("retry-after"));
        assert_eq!(connection.get("/v1/fleet", &ann).await.status(), StatusCode::OK);
        assert_eq!(connection.freeze(&raj).await, StatusCode::OK);
    }
    drop(streams);
    // A stream that its reader dropped gives its place back.
    let waits = async || connection.get("/v1/events?after=0&wait=1", &ann).await.status();
    timeout(PATIENCE, async { while waits().await != StatusCode::OK {} }).await.unwrap();
}

/// A frame of HTTP/2.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let head = [&length[1..], &[kind, flags], &stream.to_be_bytes()].concat();
    [&head, payload].concat()
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
// Kinds of frames.
const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;

/// Whether the server says good-bye to who sends this, or cuts it, before it has an answer to all.
async fn is_sent_away(team: &TeamServer, bytes: &[u8]) -> bool {
    let mut stream = tls(team.address, &["h2"]).await;
    let begin = [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat();
    stream.write_all(&begin).await.unwrap();
    // One that is cut takes no more.
    let _cut = stream.write_all(bytes).await;
    let mut read = Vec::new();
    let _cut = timeout(PATIENCE, stream.read_to_end(&mut read)).await.expect("it ends");
    let mut rest = read.as_slice();
    let mut is_told = false;
    while let Some((head, tail)) = rest.split_at_checked(9) {
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        is_told |= head[3] == GOAWAY;
        rest = tail.get(length..).unwrap_or_default();
    }
    is_told
}

#[tokio::test]
async fn who_asks_and_takes_it_back_over_and_over_is_sent_away_and_holds_up_nobody() {
    let world = watched().await;
    let team = TeamServer::new(world.handle()).await;
    let raj = team.token("raj", AccessRole::Deployer, &[]).await.secret;
    // GET / over https, by the static table.
    let head = [0x82, 0x84, 0x87];
    let asks = |n: u32| [frame(HEADERS, 5, n, &head), frame(RESET, 0, n, &8_u32.to_be_bytes())];
    let burst: Vec<u8> = (0..2_000).flat_map(|n| asks(2 * n + 1).concat()).collect();
    // A head that never ends: each part is small.
    let mut endless = frame(HEADERS, 1, 1, &head);
    let part = [&[0x00, 1, b'a', 126][..], &[b'b'; 126]].concat();
    for _ in 0..4_000 {
        endless.extend(frame(CONTINUATION, 0, 1, &part));
    }
    for bytes in [burst, endless] {
        assert!(is_sent_away(&team, &bytes).await);
        assert_eq!(Http2::open(&team).await.freeze(&raj).await, StatusCode::OK);
    }
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let world = watched().await;
    let team = TeamServer::new(world.handle()).await;
    let raj = team.token("raj", AccessRole::Deployer, &[]).await.secret;
    let connection = Http2::open(&team).await;
    let request = connection.request("GET", "/v1/fleet", &raj).header("x-long", "a".repeat(20_000));
    let request = request.body(Body::empty()).unwrap();
    let answer = connection.sender.clone().send_request(request).await;
    let status = answer.map(|answer| answer.status());
    assert!(
        status.as_ref().is_ok_and(|status| *status == StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)
            || status.is_err(),
        "{status:?}"
    );
    assert_eq!(Http2::open(&team).await.freeze(&raj).await, StatusCode::OK);
}

/// Whoever reads nothing of what it asked for keeps what it asked for from nobody else.
#[tokio::test]
async fn a_reader_that_stalls_holds_up_nobody() {
    let world = watched().await;
    let team = TeamServer::new(world.handle()).await;
    let ann = team.token("ann", AccessRole::Viewer, &[]).await.secret;
    let raj = team.token("raj", AccessRole::Deployer, &[]).await.secret;
    let one = Http2::with_window(&team, 1_000).await;
    let mut unread = Vec::new();
    for _ in 0..64 {
        unread.push(one.get("/v1/openapi.json", &ann).await);
    }
    let other = Http2::open(&team).await;
    assert_eq!(other.freeze(&raj).await, StatusCode::OK);
    let again = client().get(format!("{}/v1/fleet", team.url())).bearer_auth(ann.expose());
    let hers = again.send().await.unwrap().status();
    assert_eq!(hers, StatusCode::SERVICE_UNAVAILABLE, "what waits for her is counted");
    assert!(team.person("kim", AccessRole::Viewer).await.describe().await.is_ok());
    drop(unread);
    let reads = async || one.get("/v1/fleet", &ann).await.status();
    timeout(PATIENCE, async { while reads().await != StatusCode::OK {} }).await.unwrap();
}

//! How often a second the server says that nothing has changed, asked over connections that stay open.

use std::sync::Arc;
use std::time::Instant;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use trunkline_testing::team::{client, pem};

use super::server::Server;
use super::{ASKING, process};

/// How many ask at the same time.
const ASKERS: usize = 16;

/// What a server did.
pub struct Rate {
    /// Answers a second.
    pub answers: f64,
    /// The processor time of the server for one answer, in microseconds.
    pub used: f64,
}

pub async fn rate(server: &Server) -> Rate {
    let mut askers = JoinSet::new();
    for token in server.offer.tokens.iter().take(ASKERS) {
        let asker = Asker { port: server.offer.port, token: token.clone() };
        let begun = asker.begin().await;
        askers.spawn(async move { asker.ask(begun).await });
    }
    let (begun, used) = (Instant::now(), process::used(server.process()));
    let mut count = 0;
    while let Some(answers) = askers.join_next().await {
        count += answers.expect("an asker does not panic");
    }
    let used = process::used(server.process()).saturating_sub(used);
    Rate {
        answers: f64::from(count) / begun.elapsed().as_secs_f64(),
        used: used.as_secs_f64() * 1e6 / f64::from(count),
    }
}

struct Asker {
    port: u16,
    token: String,
}

impl Asker {
    /// An open connection, and the request that is sent over and over.
    async fn begin(&self) -> (TlsStream<TcpStream>, Vec<u8>) {
        let Self { port, token } = self;
        let url = format!("https://localhost:{port}/v1/services/checkout");
        let request = client().get(&url).header("if-none-match", "\"none\"").bearer_auth(token);
        let answer = request.send().await.expect("it answers");
        let tag = answer.headers().get("etag").cloned();
        let tag = tag.map_or("\"none\"".into(), |tag| tag.to_str().expect("a tag").to_owned());
        let request = format!(
            "GET /v1/services/checkout HTTP/1.1\r\nhost: localhost:{port}\r\nauthorization: Bearer {token}\r\n\
             if-none-match: {tag}\r\n\r\n",
        );
        (connect(*port).await, request.into_bytes())
    }

    /// How many answers came, each of them "not modified". When something has changed meanwhile, it begins again.
    async fn ask(&self, (mut stream, mut request): (TlsStream<TcpStream>, Vec<u8>)) -> u32 {
        let until = Instant::now() + ASKING;
        let mut count = 0;
        let mut buffer = vec![0; 16 * 1024];
        while Instant::now() < until {
            stream.write_all(&request).await.expect("it listens");
            let mut length = 0;
            while !buffer[..length].ends_with(b"\r\n\r\n") && !buffer.starts_with(b"HTTP/1.1 200") {
                let read = stream.read(&mut buffer[length..]).await.expect("it answers");
                assert!(read > 0, "it is open");
                length += read;
            }
            match &buffer[..12] {
                b"HTTP/1.1 304" => count += 1,
                b"HTTP/1.1 200" => {
                    buffer.fill(0);
                    (stream, request) = self.begin().await;
                }
                _ => panic!("{}", String::from_utf8_lossy(&buffer[..length])),
            }
        }
        count
    }
}

async fn connect(port: u16) -> TlsStream<TcpStream> {
    let mut roots = RootCertStore::empty();
    let ca = CertificateDer::from_pem_slice(&pem("ca.pem")).expect("it is PEM");
    roots.add(ca).expect("it is a certificate");
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let stream = TcpStream::connect(("127.0.0.1", port)).await.expect("it listens");
    stream.set_nodelay(true).expect("it is open");
    let name = ServerName::try_from("localhost").expect("it is a name");
    let tls = TlsConnector::from(Arc::new(config)).connect(name, stream);
    tls.await.expect("it speaks TLS")
}

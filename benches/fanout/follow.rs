//! The consoles that follow a log: real clients, and readers of server-sent events for the bare server.

use std::time::{Duration, Instant};

use memchr::memchr_iter;
use tokio::task::JoinSet;
use tokio::time::sleep;
use trunkline::backend::remote::Remote;
use trunkline::backend::{Backend as _, LONGEST_WAIT};
use trunkline::domain::ids::ServiceName;
use trunkline::domain::log::LogFrom;
use trunkline::domain::token::TokenSecret;
use trunkline_testing::team::{client, remote_at};

use super::server::Server;
use super::{CONSOLES, PIECE, lines, process, speed};

/// What a console does between two reads when it has caught up, as `console::update::log` has it.
const PAUSE: Duration = Duration::from_millis(16);
/// Where the number of a line begins, after its time and stream.
const NUMBER: usize = 27;

/// What all consoles together got.
pub struct Followed {
    took: Duration,
    used: Duration,
    bytes: u64,
    whole: usize,
    requests: u64,
}

#[derive(Default)]
struct Got {
    bytes: u64,
    lines: u64,
    requests: u64,
    in_order: bool,
}

/// When it began, and what the server had used by then.
fn begin(server: &Server) -> (Instant, Duration) {
    (Instant::now(), process::used(server.process()))
}

impl Followed {
    async fn of(server: &Server, mut consoles: JoinSet<Got>, begun: (Instant, Duration)) -> Self {
        let (begun, used) = begun;
        let mut all = Self { took: Duration::ZERO, used, bytes: 0, whole: 0, requests: 0 };
        while let Some(got) = consoles.join_next().await {
            let got = got.expect("a console does not panic");
            all.bytes += got.bytes;
            all.requests += got.requests;
            all.whole += usize::from(got.in_order && got.lines == lines());
        }
        all.took = begun.elapsed();
        all.used = process::used(server.process()).saturating_sub(used);
        all
    }

    /// Whether each console got every line.
    pub fn is_whole(&self) -> bool {
        self.whole == CONSOLES
    }

    /// In bytes of the log a second.
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    pub fn speed(&self) -> f64 {
        self.bytes as f64 / self.took.as_secs_f64()
    }

    pub fn print(&self, what: &str, server: &Server) {
        println!(
            "{what:<44}{:>7.2} s {:>7.1} MB/s, server {:>6.2} s of a core, {:>6.1} MB now, {} requests",
            self.took.as_secs_f64(),
            self.speed() / 1_000_000.0,
            self.used.as_secs_f64(),
            process::resident(server.process()),
            self.requests,
        );
    }
}

/// Real clients on the engine. Those that follow as the lines come also wait for news of the service, as a console does.
pub async fn ours(server: &Server, live: bool) -> Followed {
    let service: ServiceName = "checkout".parse().expect("it is a name");
    let mut consoles = JoinSet::new();
    let mut watching = JoinSet::new();
    let mut begun = begin(server);
    for token in &server.offer.tokens {
        let token = TokenSecret::parse(token).expect("the server made it");
        let console = remote_at(server.url(), token);
        let first = console.service(&service, None, Duration::ZERO).await;
        let first = first.expect("it answers").expect("it is watched");
        if live {
            watching.spawn(watch(console.clone(), service.clone(), first.version));
        }
        consoles.spawn(read(console, service.clone(), server.offer.deployment));
    }
    if live {
        begun = begin(server);
        std::fs::write(&server.offer.gate, "").expect("the gate opens");
    }
    Followed::of(server, consoles, begun).await
}

async fn watch(console: Remote, service: ServiceName, known: trunkline::domain::snapshot::Version) {
    let mut known = known;
    loop {
        let news = console.service(&service, Some(known.clone()), LONGEST_WAIT).await;
        if let Some(news) = news.expect("it answers") {
            known = news.version;
        }
    }
}

async fn read(
    console: Remote,
    service: ServiceName,
    deployment: trunkline::domain::ids::DeploymentId,
) -> Got {
    let (mut cursor, mut got) = (0, Got { in_order: true, ..Got::default() });
    loop {
        let from = LogFrom::After(cursor);
        let page = console.log(&service, deployment, 0, from, PIECE, LONGEST_WAIT).await;
        let page = page.expect("it answers");
        got.requests += 1;
        got.bytes += page.bytes.len() as u64;
        got.in_order &= page.start == cursor;
        let mut begin = 0;
        for end in memchr_iter(b'\n', &page.bytes) {
            let line = &page.bytes[begin..end];
            begin = end + 1;
            if line.ends_with(speed::LAST.as_bytes()) {
                continue;
            }
            let digits = line.get(NUMBER..NUMBER + 7).unwrap_or_default();
            let number = std::str::from_utf8(digits).ok().and_then(|text| text.parse::<u64>().ok());
            got.in_order &= number == Some(got.lines);
            got.lines += 1;
        }
        cursor = page.next;
        if page.ended {
            return got;
        }
        if page.next == page.size {
            sleep(PAUSE).await;
        }
    }
}

/// Readers of the bare server's events.
pub async fn bare(server: &Server, path: &str) -> Followed {
    let begun = begin(server);
    let mut consoles = JoinSet::new();
    for _ in 0..CONSOLES {
        let client = client();
        let url = format!("{}{path}", server.url());
        consoles.spawn(async move {
            let mut answer = client.get(url).send().await.expect("it answers");
            let mut got = Got { requests: 1, in_order: true, ..Got::default() };
            while let Some(piece) = answer.chunk().await.expect("it goes on") {
                got.bytes += piece.len() as u64;
                got.lines += memchr_iter(b'\n', &piece).count() as u64;
            }
            got
        });
    }
    Followed::of(server, consoles, begun).await
}

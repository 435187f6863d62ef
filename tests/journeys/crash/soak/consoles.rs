//! A console that follows the record and each step's log, and whoever follows the stream of events as a browser does.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::Response;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;
use trunkline::backend::remote::Remote;
use trunkline::backend::{Backend as _, LONGEST_WAIT};
use trunkline::domain::event::{Event, Fact};
use trunkline::domain::ids::{DeploymentId, Seq};
use trunkline::domain::log::LogFrom;
use trunkline::domain::token::TokenSecret;
use trunkline::engine::runner::local::run::RunFolder;
use trunkline_testing::team::{client, remote_at};

use super::super::shop::Shop;

/// How long a console waits after a question that failed.
const PAUSE: Duration = Duration::from_millis(50);
/// How many events are asked for at once.
const BATCH: usize = 100;

pub struct Console {
    url: String,
    token: TokenSecret,
    runs: PathBuf,
    /// In the order in which they came.
    pub events: Vec<Seq>,
    /// How many logs it read to their end.
    pub logs: usize,
}

impl Console {
    pub fn new(url: String, token: TokenSecret, runs: PathBuf) -> Self {
        Self { url, token, runs, events: Vec::new(), logs: 0 }
    }

    fn after(&self) -> Seq {
        self.events.last().copied().unwrap_or(Seq(0))
    }

    fn is_through(&self, last: &watch::Receiver<Option<Seq>>) -> bool {
        last.borrow().is_some_and(|last| self.after() >= last)
    }

    /// Asks for news over and over, up to the last event.
    pub async fn ask(mut self, mut last: watch::Receiver<Option<Seq>>) -> Self {
        let remote = remote_at(self.url.clone(), self.token.clone());
        let mut logs = JoinSet::new();
        while !self.is_through(&last) {
            let news = remote.events(None, self.after(), BATCH, LONGEST_WAIT);
            let news = tokio::select! {
                news = news => news,
                _is_known = last.changed() => continue,
            };
            let Ok(news) = news else {
                sleep(PAUSE).await;
                continue;
            };
            for event in &news {
                self.events.push(event.seq);
                if let Fact::StepStarted { deployment, step, .. } = event.fact {
                    logs.spawn(read_log(remote.clone(), self.runs.clone(), deployment, step));
                }
            }
        }
        while let Some(log) = logs.join_next().await {
            log.unwrap();
            self.logs += 1;
        }
        self
    }

    /// Reads the stream of events, and connects again from where it broke.
    pub async fn stream(mut self, mut last: watch::Receiver<Option<Seq>>) -> Self {
        let client = client();
        while !self.is_through(&last) {
            let request = client.get(format!("{}/v1/events", self.url));
            let request = request.bearer_auth(self.token.expose());
            let request = request.header("accept", "text/event-stream");
            let request = request.header("last-event-id", self.after().to_string());
            let opened = tokio::select! {
                opened = request.send() => opened,
                _is_known = last.changed() => continue,
            };
            match opened {
                Ok(stream) if stream.status().is_success() => self.read(stream, &mut last).await,
                _ => sleep(PAUSE).await,
            }
        }
        self
    }

    /// Notes the events of a stream until it breaks or all are there. What came in part comes again.
    async fn read(&mut self, mut stream: Response, last: &mut watch::Receiver<Option<Seq>>) {
        let mut text = Vec::new();
        while !self.is_through(last) {
            let piece = tokio::select! {
                piece = stream.chunk() => piece,
                _is_known = last.changed() => continue,
            };
            let Ok(Some(piece)) = piece else { return };
            text.extend_from_slice(&piece);
            while let Some(end) = text.windows(2).position(|two| two == b"\n\n") {
                let message: Vec<_> = text.drain(..end + 2).collect();
                let message = String::from_utf8(message).unwrap();
                let data = message.lines().find_map(|line| line.strip_prefix("data: "));
                let Some(data) = data else { continue };
                if message.contains("event: problem") {
                    return;
                }
                let event: Event = serde_json::from_str(data).unwrap();
                self.events.push(event.seq);
            }
        }
    }
}

/// Follows a log to its end, whatever breaks, and compares it with the file that the supervisor wrote.
async fn read_log(remote: Remote, runs: PathBuf, deployment: DeploymentId, step: usize) {
    let (mut log, mut cursor) = (Vec::new(), 0);
    loop {
        let from = LogFrom::After(cursor);
        let page = remote.log(&Shop::service(), deployment, step, from, BATCH, LONGEST_WAIT).await;
        let Ok(page) = page else {
            sleep(PAUSE).await;
            continue;
        };
        assert_eq!(page.start, cursor, "{deployment} step {step}");
        log.extend_from_slice(&page.bytes);
        cursor = page.next;
        if page.ended {
            break;
        }
    }
    let written = std::fs::read(RunFolder::of(&runs, deployment, step).log()).unwrap_or_default();
    let (log, written) = (String::from_utf8_lossy(&log), String::from_utf8_lossy(&written));
    assert_eq!(log, written, "{deployment} step {step}");
}

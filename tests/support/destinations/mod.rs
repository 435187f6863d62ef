//! The destinations of tests: each takes requests as the real one does, keeps what people would see, and is as faulty as a
//! test wants.

mod discord;
mod issues;
mod line;
mod mattermost;
mod pagerduty;
mod teams;
mod webhook;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::watch;
use tokio::time::timeout;

pub use discord::Discord;
pub use issues::IssueProject;
pub use line::ENDLESS;
use line::Line;
pub use line::{AskedDestination, DestinationReply};
pub use mattermost::Mattermost;
pub use pagerduty::{PagedAlert, PagerDuty};
pub use teams::Teams;
pub use webhook::WebhookReceiver;

/// How long a test waits for a request.
const PATIENCE: Duration = Duration::from_mins(1);

/// What befalls a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DestinationFault {
    #[default]
    None,
    /// It is not done: one too many, for so many milliseconds.
    Limited(u64),
    /// It is not done, and answered with 503.
    Unavailable,
    /// It is done, and answered with 502.
    FailedAfter,
    /// It is done, and the line breaks before the answer.
    LostAnswer,
    /// It is not done, and the line breaks.
    Cut,
    /// It is done, and answered with 200 and what nobody can read.
    Malformed,
    /// It is done, and the answer never ends.
    Endless,
    /// It is done, and never answered.
    Hang,
    /// It is not done, and sent on to another address.
    Redirect,
}

impl DestinationFault {
    /// All after which whoever asked knows whether it was done.
    pub const TOLD: [Self; 3] = [Self::None, Self::Limited(5), Self::Unavailable];
    /// All after which they do not.
    pub const UNTOLD: [Self; 4] = [Self::FailedAfter, Self::LostAnswer, Self::Malformed, Self::Cut];

    fn is_done(self) -> bool {
        !matches!(self, Self::Limited(_) | Self::Unavailable | Self::Cut | Self::Redirect)
    }
}

/// What a destination does with requests.
pub trait DestinationService: Send + 'static {
    /// Does what is asked for.
    fn take(&mut self, asked: &AskedDestination) -> DestinationReply;
    /// Its answer to one request too many.
    fn limited(&self, pause: Duration) -> DestinationReply;
}

/// One destination, at a port of this machine as long as the value lives.
pub struct DestinationServer<S> {
    line: Line,
    state: Arc<State<S>>,
}

struct State<S> {
    service: Mutex<S>,
    asked: Mutex<Vec<(AskedDestination, DestinationFault)>>,
    faults: Mutex<Box<dyn FnMut() -> DestinationFault + Send>>,
    news: watch::Sender<usize>,
}

impl<S: DestinationService> DestinationServer<S> {
    pub fn new(service: S) -> Self {
        let state = Arc::new(State {
            service: Mutex::new(service),
            asked: Mutex::default(),
            faults: Mutex::new(Box::new(DestinationFault::default)),
            news: watch::Sender::default(),
        });
        let taking = state.clone();
        let line = Line::new(move |asked| {
            let fault = (taking.faults.lock().unwrap())();
            let mut service = taking.service.lock().unwrap();
            let reply = match fault {
                DestinationFault::Limited(millis) => service.limited(Duration::from_millis(millis)),
                fault if fault.is_done() => service.take(&asked),
                _ => DestinationReply::of(503, "busy"),
            };
            drop(service);
            let mut all = taking.asked.lock().unwrap();
            all.push((asked, fault));
            taking.news.send_replace(all.len());
            (reply, fault)
        });
        Self { line, state }
    }

    /// Where it listens: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        self.line.url()
    }

    /// What befalls the requests from now on, each asked for one.
    pub fn faults(&self, next: impl FnMut() -> DestinationFault + Send + 'static) {
        *self.state.faults.lock().unwrap() = Box::new(next);
    }

    /// What befalls all requests from now on.
    pub fn always(&self, fault: DestinationFault) {
        self.faults(move || fault);
    }

    /// Nothing befalls them any more.
    pub fn heal(&self) {
        self.always(DestinationFault::None);
    }

    /// What it has.
    pub fn see<T>(&self, see: impl FnOnce(&S) -> T) -> T {
        see(&self.state.service.lock().unwrap())
    }

    /// How many bytes of answers without an end it gave.
    pub fn poured(&self) -> usize {
        self.line.poured()
    }

    /// Changes what it has.
    pub fn change(&self, change: impl FnOnce(&mut S)) {
        change(&mut self.state.service.lock().unwrap());
    }

    /// Nobody listens any more.
    pub fn stop(&self) {
        self.line.stop();
    }

    /// All that it was asked, in order, with what befell it.
    pub fn asked(&self) -> Vec<(AskedDestination, DestinationFault)> {
        self.state.asked.lock().unwrap().clone()
    }

    /// The bodies of all that it was asked.
    pub fn bodies(&self) -> Vec<Value> {
        self.asked().iter().map(|(asked, _)| asked.json()).collect()
    }

    /// Waits until it has something.
    pub async fn until(&self, what: &str, is_there: impl Fn(&S) -> bool) {
        let mut news = self.state.news.subscribe();
        let wait = async {
            while !self.see(&is_there) {
                news.changed().await.unwrap();
            }
        };
        if timeout(PATIENCE, wait).await.is_err() {
            let asked = self.asked();
            panic!("it never has {what}; it was asked {} times: {asked:?}", asked.len());
        }
    }

    /// Waits until it was asked so often.
    pub async fn until_asked(&self, times: usize) {
        self.until(&format!("{times} requests"), |_| self.asked().len() >= times).await;
    }
}

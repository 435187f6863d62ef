//! The full-screen console: it shows where each build is and lets a person promote it and roll it back.

pub mod actions;
mod age;
mod available;
mod backoff;
pub mod confirm;
pub mod effect;
mod keys;
mod layout;
mod link;
mod list;
pub mod log;
pub mod message;
pub mod model;
mod notes;
mod overlay;
mod pace;
mod remedy;
mod requests;
pub mod runtime;
mod suspects;
pub mod theme;
mod trouble;
mod update;
mod view;
mod wake;

use std::io::{self, BufWriter, Stdout};
use std::time::Duration;

use ratatui::Terminal;
use ratatui::layout::Size;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;

use self::effect::{Outside, Performer};
use self::model::Model;
use self::theme::Theme;
pub use self::update::{drawn, update};
pub use self::view::view;
use crate::backend::Backend;
use crate::calendar::Tz;
use crate::domain::ids::ServiceName;
use crate::gate;
use crate::terminal::guard::Guard;
use crate::terminal::painter::Painter;
use crate::terminal::signals::{JobControl, JobSignal};
use crate::terminal::{attention, clipboard, input};

/// How many answers may wait to be taken in; who answers more waits itself.
pub const INBOX: usize = 256;
/// Larger than a frame, so that the terminal gets each in one piece, in bytes.
const FRAME: usize = 64 * 1024;

/// What a person or the configuration decides about the console.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// The service to open; without one it is the only one there is, or the list of all.
    pub service: Option<ServiceName>,
    /// More than one service is configured: the first to appear does not open by itself.
    pub several: bool,
    pub emergency_countdown: Duration,
    /// Data that is older than this is not acted on.
    pub stale_after: Duration,
    /// Whether this is practice, also when the backend does not say so.
    pub demo: bool,
    /// Where the person is, whose local time the screen tells.
    pub zone: Tz,
    pub theme: Theme,
    /// Escapes for the clipboard must be wrapped.
    pub tmux: bool,
    /// What to say first.
    pub notice: Option<String>,
    /// The folder of the commands whose answers are outstanding; without it they are known to this console alone.
    pub intents: Option<std::path::PathBuf>,
}

impl Options {
    /// The defaults, in this theme.
    #[must_use]
    pub fn new(theme: Theme) -> Self {
        Self {
            service: None,
            several: false,
            emergency_countdown: Duration::from_secs(3),
            stale_after: Duration::from_secs(30),
            demo: false,
            zone: Tz::UTC,
            theme,
            tmux: false,
            notice: None,
            intents: None,
        }
    }
}

/// Why the console ended without anything being wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Somebody left it.
    Left,
    /// There are no more keys to come.
    InputEnded,
}

/// Why the console could not go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("the terminal cannot be taken over: {0}")]
    Terminal(String),
    #[error("the screen cannot be drawn: {0}")]
    Screen(String),
    #[error("the keys cannot be read: {0}")]
    Input(String),
    /// The service that was asked for by name does not exist.
    #[error("{0}")]
    NoService(String),
}

/// Runs the console on this process's terminal until somebody leaves it. The terminal is given back on every way out.
///
/// # Errors
/// When the terminal cannot be taken over, drawn on or read from.
pub async fn run<B: Backend>(backend: B, options: Options) -> Result<Exit, Error> {
    let terminal_error = |why: io::Error| Error::Terminal(why.to_string());
    let jobs = JobControl::listen().map_err(terminal_error)?;
    let guard = Guard::enter(io::stdout()).map_err(terminal_error)?;
    let mut outside = Standard { guard, jobs, tmux: options.tmux };
    let screen = Painter::new(BufWriter::with_capacity(FRAME, io::stdout()));
    let mut terminal = Terminal::new(screen).map_err(terminal_error)?;
    let (width, height) = crossterm::terminal::size().map_err(terminal_error)?;
    let seed = uuid::Uuid::new_v4();
    let model = Model::new(options, seed, Size { width, height }, Instant::now());
    let (sender, inbox) = mpsc::channel(INBOX);
    let performer = Performer::new(backend, sender);
    let input = ReceiverStream::new(input::listen().map_err(terminal_error)?);
    runtime::run(&mut terminal, input, &mut outside, performer, inbox, model).await
}

/// The terminal of this process.
struct Standard {
    guard: Guard<Stdout>,
    jobs: JobControl,
    tmux: bool,
}

impl runtime::Outside for Standard {
    async fn perform(&mut self, asked: &Outside) -> io::Result<()> {
        let mut out = io::stdout();
        match asked {
            Outside::Copy(text) => {
                clipboard::copy(&mut out, text, self.tmux).map_err(io::Error::other)
            }
            Outside::Bell => attention::bell(&mut out),
            Outside::Title(title) => attention::title(&mut out, &gate::field(title)),
            Outside::Redraw => Ok(()),
            Outside::Suspend => self.guard.suspend(self.jobs.continued()).await,
            Outside::Resume => self.guard.resume(),
        }
    }

    async fn told(&mut self) -> Outside {
        match self.jobs.next().await {
            JobSignal::Stop => Outside::Suspend,
            JobSignal::Continue => Outside::Resume,
        }
    }

    fn holds_keys() -> bool {
        input::has_more()
    }
}

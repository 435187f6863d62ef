//! The full-screen console: it shows where each build is and lets a person promote it and roll it back.

pub mod actions;
mod age;
pub mod effect;
mod exit;
mod layout;
pub mod log;
pub mod message;
pub mod model;
mod options;
pub mod runtime;
pub mod theme;
mod update;
mod view;

use std::io::{self, BufWriter, Stdout};

use ratatui::Terminal;
use ratatui::layout::Size;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;

use crate::backend::Backend;
use crate::console::effect::Outside;
pub use crate::console::exit::{Error, Exit};
use crate::console::model::Model;
pub use crate::console::options::{EngineChoice, Options};
use crate::console::runtime::performer::Performer;
pub use crate::console::update::{drawn, update};
pub use crate::console::view::view;
use crate::gate;
use crate::terminal::guard::TerminalGuard;
use crate::terminal::input::Keystroke;
use crate::terminal::painter::Painter;
use crate::terminal::signals::{JobControl, JobSignal};
use crate::terminal::{attention, clipboard, input};

/// How many answers may wait to be taken in; who answers more waits itself.
pub const INBOX: usize = 256;
/// Larger than a frame, so that the terminal gets each in one piece, in bytes.
const FRAME: usize = 64 * 1024;

/// Runs the console on this process's terminal until the user leaves it. The terminal is restored on every way out.
///
/// # Errors
/// When the terminal cannot be taken over, drawn on or read from.
pub async fn run<B: Backend>(
    backend: B,
    options: Options,
    keys: &mut KeySource,
) -> Result<Exit, Error> {
    let terminal_error = |why: io::Error| Error::Terminal(why.to_string());
    let jobs = JobControl::listen().map_err(terminal_error)?;
    let guard = TerminalGuard::enter(io::stdout()).map_err(terminal_error)?;
    let mut outside = Standard { guard, jobs, tmux: options.tmux };
    let screen = Painter::new(BufWriter::with_capacity(FRAME, io::stdout()));
    let mut terminal = Terminal::new(screen).map_err(terminal_error)?;
    let (width, height) = crossterm::terminal::size().map_err(terminal_error)?;
    let seed = uuid::Uuid::new_v4();
    let model = Model::new(options, seed, Size { width, height }, Instant::now());
    let (sender, inbox) = mpsc::channel(INBOX);
    let performer = Performer::new(backend, sender);
    let keys = keys.listen().map_err(terminal_error)?;
    runtime::run(&mut terminal, keys, &mut outside, performer, inbox, model).await
}

/// The keys of this process's terminal, for one console after the other: there is one terminal.
#[derive(Debug, Default)]
pub struct KeySource(Option<ReceiverStream<io::Result<Keystroke>>>);

impl KeySource {
    fn listen(&mut self) -> io::Result<&mut ReceiverStream<io::Result<Keystroke>>> {
        let known = self.0.take().map_or_else(|| input::listen().map(ReceiverStream::new), Ok)?;
        Ok(self.0.insert(known))
    }
}

/// The terminal of this process.
struct Standard {
    guard: TerminalGuard<Stdout>,
    jobs: JobControl,
    tmux: bool,
}

impl runtime::TerminalActions for Standard {
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

    async fn signal(&mut self) -> Outside {
        match self.jobs.next().await {
            JobSignal::Stop => Outside::Suspend,
            JobSignal::Continue => Outside::Resume,
        }
    }

    fn holds_keys() -> bool {
        input::has_more()
    }
}

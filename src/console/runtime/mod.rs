//! The loop: it draws when something changed, takes keys before anything else, and sleeps until there is a reason not to.

pub mod frame_timer;
pub mod performer;
mod save_log;
mod theme_files;

use std::future::poll_fn;
use std::pin::Pin;

use ratatui::Terminal;
use ratatui::backend::Backend as Screen;
use tokio::select;
use tokio::sync::mpsc;
use tokio::task::coop::has_budget_remaining;
use tokio::time::Instant;
use tokio_stream::Stream;

use crate::backend::Backend;
use crate::console::effect::{self, Effect};
use crate::console::exit::{Error, Exit};
use crate::console::message::{Message, TimedMessage};
use crate::console::model::Model;
use crate::console::runtime::frame_timer::{Pace, until};
use crate::console::runtime::performer::Performer;
use crate::console::update::{drawn, fit, spoiled, start, update};
use crate::console::view::view;
use crate::fault::{self, Layer};
use crate::terminal::input::Keystroke;

/// What only the terminal can do for the loop, besides drawing.
pub trait TerminalActions {
    /// Does it, or says why it could not.
    ///
    /// # Errors
    /// When the terminal does not take it.
    fn perform(
        &mut self,
        outside: &effect::Outside,
    ) -> impl Future<Output = std::io::Result<()>> + Send;

    /// Waits for a signal that asks for such an action.
    fn signal(&mut self) -> impl Future<Output = effect::Outside> + Send {
        std::future::pending()
    }

    /// Whether keys lie in the terminal that the stream of keys does not know of yet.
    #[must_use]
    fn holds_keys() -> bool {
        false
    }
}

/// The keys, and when there were none: one that is there at the first look after a pause may have been pressed at any
/// time in it, while a slow terminal took a frame.
struct Keys<I> {
    input: I,
    out: Instant,
    more: fn() -> bool,
}

impl<I> Keys<I>
where
    I: Stream<Item = std::io::Result<Keystroke>> + Unpin,
{
    /// The next one, and when there was none last; `None` when there are no more to come.
    async fn next(&mut self) -> Option<Result<Message, Error>> {
        poll_fn(|context| {
            fault::here(Layer::Input);
            let key = Pin::new(&mut self.input).poll_next(context);
            // Whoever was served for long is told to wait although there are more.
            if key.is_pending() && has_budget_remaining() && !(self.more)() {
                self.out = Instant::now();
            }
            key
        })
        .await
        .map(|event| match event {
            Ok(Keystroke { event, crowd }) => {
                Ok(Message::Input { event, crowd, keys_out: self.out })
            }
            Err(why) => Err(Error::Input(why.to_string())),
        })
    }
}

/// Runs the console until it is left or its input ends.
///
/// # Errors
/// When the screen cannot be drawn or the keys cannot be read.
pub async fn run<S, B, O>(
    terminal: &mut Terminal<S>,
    input: impl Stream<Item = std::io::Result<Keystroke>> + Unpin,
    outside: &mut O,
    mut performer: Performer<B>,
    mut inbox: mpsc::Receiver<Message>,
    mut model: Model,
) -> Result<Exit, Error>
where
    S: Screen,
    S::Error: std::error::Error + Send + Sync + 'static,
    B: Backend,
    O: TerminalActions,
{
    let effects = start(&mut model);
    carry_out(effects, terminal, outside, &mut performer, &mut model).await?;
    let mut pace = Pace::new(Instant::now());
    let mut keys = Keys { input, out: Instant::now(), more: O::holds_keys };
    loop {
        fault::here(Layer::Loop);
        if !model.is_opening() {
            pace.is_filled(Instant::now());
        }
        let wake = model.next_wake();
        let message = select! {
            biased;
            // First, so that a flood of messages cannot keep the screen from being drawn.
            () = until(pace.due()), if model.dirty => {
                draw(terminal, &mut model)?;
                pace.drawn(Instant::now());
                continue;
            }
            // Before the inbox, so that no backlog of it delays a key.
            key = keys.next() => match key {
                Some(key) => {
                    pace.hurry(Instant::now());
                    key?
                }
                None => return Ok(Exit::InputEnded),
            },
            told = outside.signal() => {
                leave_to_terminal(terminal, outside, &told, &mut model).await?;
                continue;
            }
            () = until(wake.unwrap_or(pace.due())), if wake.is_some() => Message::Wake,
            Some(message) = inbox.recv() => message,
        };
        let effects = update(&mut model, TimedMessage { at: Instant::now(), message });
        if let Some(exit) =
            carry_out(effects, terminal, outside, &mut performer, &mut model).await?
        {
            performer.finish().await;
            return Ok(exit);
        }
    }
}

/// Starts what was asked for; the exit, when that was asked for.
async fn carry_out<S, B, O>(
    effects: Vec<Effect>,
    terminal: &mut Terminal<S>,
    outside: &mut O,
    performer: &mut Performer<B>,
    model: &mut Model,
) -> Result<Option<Exit>, Error>
where
    S: Screen,
    S::Error: std::error::Error + Send + Sync + 'static,
    B: Backend,
    O: TerminalActions,
{
    for effect in effects {
        match effect {
            Effect::Quit => return Ok(Some(Exit::Left)),
            Effect::Switch(profile) => return Ok(Some(Exit::Switch(profile))),
            Effect::Fail(why) => return Err(why),
            Effect::Outside(asked) => leave_to_terminal(terminal, outside, &asked, model).await?,
            effect => performer.perform(effect),
        }
    }
    Ok(None)
}

fn draw<S>(terminal: &mut Terminal<S>, model: &mut Model) -> Result<(), Error>
where
    S: Screen,
    S::Error: std::error::Error + Send + Sync + 'static,
{
    let size = terminal.size().map_err(|why| Error::Screen(why.to_string()))?;
    fit(model, size);
    terminal.draw(|frame| view(model, frame)).map_err(|why| Error::Screen(why.to_string()))?;
    drawn(model, Instant::now());
    Ok(())
}

async fn leave_to_terminal<S, O>(
    terminal: &mut Terminal<S>,
    outside: &mut O,
    asked: &effect::Outside,
    model: &mut Model,
) -> Result<(), Error>
where
    S: Screen,
    S::Error: std::error::Error + Send + Sync + 'static,
    O: TerminalActions,
{
    if let Err(why) = outside.perform(asked).await {
        model.say(
            crate::console::model::notes::Tone::Bad,
            format!("the terminal did not do it: {why}"),
        );
    }
    if asked.spoils_the_screen() {
        forget_what_is_drawn(terminal).map_err(|why| Error::Screen(why.to_string()))?;
        spoiled(model, Instant::now());
    }
    Ok(())
}

/// Empties the screen, so that the next frame draws all of it. `Terminal::clear` would do more: it asks the terminal
/// where the cursor is, and the answer has to be found among the keys, which the loop is reading.
fn forget_what_is_drawn<S: Screen>(terminal: &mut Terminal<S>) -> Result<(), S::Error> {
    let size = terminal.size()?;
    terminal.resize(size.into())
}

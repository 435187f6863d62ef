//! The loop: it draws when something changed, takes keys before anything else, and sleeps until there is a reason not to.

use crossterm::event::Event;
use ratatui::Terminal;
use ratatui::backend::Backend as Screen;
use tokio::select;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_stream::{Stream, StreamExt};

use super::effect::{self, Effect, Performer};
use super::message::{Message, News};
use super::model::Model;
use super::pace::{Pace, until};
use super::update::{start, update};
use super::view::view;
use super::{Error, Exit};
use crate::backend::Backend;

/// What only the terminal can do for the loop, besides drawing.
pub trait Outside {
    /// Does it, or says why it could not.
    ///
    /// # Errors
    /// When the terminal does not take it.
    fn perform(
        &mut self,
        outside: &effect::Outside,
    ) -> impl Future<Output = std::io::Result<()>> + Send;
}

/// Runs the console until it is left or its input ends.
///
/// # Errors
/// When the screen cannot be drawn or the keys cannot be read.
pub async fn run<S, B, O>(
    terminal: &mut Terminal<S>,
    mut input: impl Stream<Item = std::io::Result<Event>> + Unpin,
    outside: &mut O,
    mut performer: Performer<B>,
    mut inbox: mpsc::Receiver<News>,
    mut model: Model,
) -> Result<Exit, Error>
where
    S: Screen,
    S::Error: std::error::Error + Send + Sync + 'static,
    B: Backend,
    O: Outside,
{
    let effects = start(&model);
    carry_out(effects, terminal, outside, &mut performer, &mut model).await?;
    let mut pace = Pace::new(Instant::now());
    loop {
        if !model.is_opening() {
            pace.is_filled(Instant::now());
        }
        let wake = model.next_wake();
        let news = select! {
            biased;
            // First, so that a flood of news cannot keep the screen from being drawn.
            () = until(pace.due()), if model.dirty => {
                draw(terminal, &mut model)?;
                pace.drawn(Instant::now());
                continue;
            }
            // Before the inbox, so that no backlog of it delays a key.
            key = input.next() => match key {
                Some(event) => {
                    pace.hurry(Instant::now());
                    News::Input(event.map_err(|why| Error::Input(why.to_string()))?)
                }
                None => return Ok(Exit::InputEnded),
            },
            () = sleep_until(wake.unwrap_or(pace.due())), if wake.is_some() => News::Wake,
            Some(news) = inbox.recv() => news,
        };
        let effects = update(&mut model, Message { at: Instant::now(), news });
        if let Some(exit) =
            carry_out(effects, terminal, outside, &mut performer, &mut model).await?
        {
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
    O: Outside,
{
    for effect in effects {
        match effect {
            Effect::Quit => return Ok(Some(Exit::Left)),
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
    terminal.draw(|frame| view(model, frame)).map_err(|why| Error::Screen(why.to_string()))?;
    model.dirty = false;
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
    O: Outside,
{
    if let Err(why) = outside.perform(asked).await {
        model.say(super::notes::Tone::Bad, format!("the terminal did not do it: {why}"));
    }
    if matches!(asked, effect::Outside::Redraw | effect::Outside::Suspend) {
        forget_what_is_drawn(terminal).map_err(|why| Error::Screen(why.to_string()))?;
        model.dirty = true;
    }
    Ok(())
}

/// Empties the screen, so that the next frame draws all of it. `Terminal::clear` would do more: it asks the terminal
/// where the cursor is, and the answer has to be found among the keys, which the loop is reading.
fn forget_what_is_drawn<S: Screen>(terminal: &mut Terminal<S>) -> Result<(), S::Error> {
    let size = terminal.size()?;
    terminal.resize(size.into())
}

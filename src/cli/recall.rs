//! Before a command acts it says what became of those that died before their answers came.

use std::io::{self, Write as _};
use std::time::Duration;

use super::Global;
use super::context::Context;
use super::error::CliError;
use super::wording::ago;
use crate::backend::Backend;
use crate::backend::intents::{Intent, Intents};
use crate::domain::time::between;
use crate::engine::clock::{Clock as _, SystemClock};
use crate::terminal::gate;

/// All of it may take this long: a rollback does not wait for the past.
const PATIENCE: Duration = Duration::from_secs(1);
/// What was not recorded within so long after it was sent is not on its way any more.
const ON_ITS_WAY: Duration = Duration::from_mins(1);

/// Connects for a command that changes something.
pub async fn connect(global: Global) -> Result<Context, CliError> {
    let context = Context::connect(global).await?;
    let telling = tell(&context.backend, &context.intents);
    // What there was no time for is told by the next one.
    let _out_of_time = tokio::time::timeout(PATIENCE, telling).await;
    Ok(context)
}

async fn tell(backend: &impl Backend, intents: &Intents) {
    for intent in intents.left().await {
        let end = end(backend, &intent).await;
        let (sentence, is_known) = match end {
            Some(End::Recorded(said)) => (format!("was recorded: {said}"), true),
            Some(End::Never) => ("never arrived: nothing was done".to_owned(), true),
            None => ("has no answer: unknown whether it was recorded".to_owned(), false),
        };
        let sent = ago(intent.at, SystemClock.now());
        let line = format!("{}: {}, sent {sent}, {sentence}", intent.service, intent.what);
        // It goes beside the answer of this command, and where nobody reads it nothing is lost.
        let _ = writeln!(io::stderr(), "{}", gate::line(&line));
        if is_known {
            intents.settle(&intent.key).await;
        }
    }
}

enum End {
    Recorded(String),
    Never,
}

/// What became of it, as far as one look can tell.
async fn end(backend: &impl Backend, intent: &Intent) -> Option<End> {
    match backend.receipt(&intent.key).await {
        Ok(Some(receipt)) => Some(End::Recorded(receipt.said)),
        Ok(None) if between(intent.at, SystemClock.now()) > ON_ITS_WAY => Some(End::Never),
        Ok(None) | Err(_) => None,
    }
}

//! Reports earlier commands whose sender ended before the answer came.

use std::io::{self, Write as _};
use std::time::Duration;

use super::Global;
use super::context::Context;
use super::error::CliError;
use super::wording::{ago, sentence};
use crate::backend::Backend;
use crate::backend::intents::Intents;
use crate::backend::lost_answer::look_once;
use crate::engine::clock::{Clock as _, SystemClock};
use crate::gate;

/// The report takes at most this long, so that a rollback does not wait for older commands.
const PATIENCE: Duration = Duration::from_secs(1);

/// Connects for a command that changes something.
pub async fn connect(global: Global) -> Result<Context, CliError> {
    let context = Context::connect(global).await?;
    let report = report(&context.backend, &context.intents);
    // The next command reports what there was no time for.
    let _out_of_time = tokio::time::timeout(PATIENCE, report).await;
    Ok(context)
}

async fn report(backend: &impl Backend, intents: &Intents) {
    for intent in intents.orphaned().await {
        let now = SystemClock.now();
        let answer = look_once(backend, &intent, now).await;
        let became = match &answer {
            Ok(Some(receipt)) => format!("was recorded: {}", sentence(&receipt.said)),
            Ok(None) => "was not recorded: nothing was done".to_owned(),
            Err(_) => "has no answer: unknown whether it was recorded".to_owned(),
        };
        let sent = ago(intent.at, now);
        let line = format!("{}: {}, sent {sent}, {became}", intent.service, intent.what);
        // Standard error, beside this command's own answer. A failed write loses nothing.
        let _ = writeln!(io::stderr(), "{}", gate::line(&line));
        if answer.is_ok() {
            intents.settle(&intent.key).await;
        }
    }
}

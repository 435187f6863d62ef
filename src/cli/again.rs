//! A command that was recorded under the same key before: what was answered then is the answer to every retry.

use std::time::Duration;

use super::context::Context;
use super::failure::Failure;
use crate::backend::Backend as _;
use crate::domain::command::{Receipt, Refusal};
use crate::domain::event::Event;
use crate::domain::ids::{IdempotencyKey, Seq, ServiceName};

/// Prints and answers what was said to the command that this key recorded; `None` when none was. What a command is made
/// of may be another by now, so that only its event tells whether it is the same.
///
/// # Errors
/// When the key belongs to a different command.
pub async fn told(
    context: &Context,
    service: &ServiceName,
    key: Option<&IdempotencyKey>,
    is_same: impl FnOnce(&Event) -> bool,
) -> Result<Option<Receipt>, Failure> {
    let Some(key) = key else { return Ok(None) };
    let Some(receipt) = context.backend.receipt(key).await? else { return Ok(None) };
    // A deployment that the command made is named by its event; one that it cancelled is older.
    let made = receipt.deployment.map(|deployment| Seq(deployment.0));
    let seq = made.filter(|made| *made >= receipt.seq).unwrap_or(receipt.seq);
    let before = Seq(seq.0.saturating_sub(1));
    let events = context.backend.events(Some(service), before, 1, Duration::ZERO).await?;
    if !events.first().filter(|event| event.seq == seq).is_some_and(is_same) {
        return Err(Refusal::KeyReused.into());
    }
    context.out.regardless().line(&receipt.said)?;
    Ok(Some(receipt))
}

/// Whether a text was recorded from these words.
pub fn says(recorded: &str, words: &str) -> bool {
    recorded == words.trim()
}

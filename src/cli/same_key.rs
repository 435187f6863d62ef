//! A retry with the key of a recorded command gets the first answer again.

use std::time::Duration;

use super::context::Context;
use super::error::CliError;
use super::wording::sentence;
use crate::backend::Backend as _;
use crate::domain::command::{Receipt, Refusal};
use crate::domain::event::Event;
use crate::domain::ids::{IdempotencyKey, Seq, ServiceName};

/// Prints and returns the receipt of the command that this key recorded; `None` when the key recorded none. A plan may
/// have changed since, so the recorded event decides whether it is the same command.
///
/// # Errors
/// When the key belongs to a different command.
pub async fn first_answer(
    context: &Context,
    service: &ServiceName,
    key: Option<&IdempotencyKey>,
    is_same: impl FnOnce(&Event) -> bool,
) -> Result<Option<Receipt>, CliError> {
    let Some(key) = key else { return Ok(None) };
    let Some(receipt) = context.backend.receipt(key).await? else { return Ok(None) };
    // A new deployment is named by its event; a cancelled one is older.
    let made = receipt.deployment.map(|deployment| Seq(deployment.0));
    let seq = made.filter(|made| *made >= receipt.seq).unwrap_or(receipt.seq);
    let before = Seq(seq.0.saturating_sub(1));
    let events = context.backend.events(Some(service), before, 1, Duration::ZERO).await?;
    if !events.first().filter(|event| event.seq == seq).is_some_and(is_same) {
        return Err(Refusal::KeyReused.into());
    }
    context.out.regardless().line(sentence(&receipt.said))?;
    Ok(Some(receipt))
}

/// True if a recorded text comes from this argument.
pub fn is_same_text(recorded: &str, argument: &str) -> bool {
    recorded == argument.trim()
}

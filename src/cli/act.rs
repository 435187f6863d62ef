//! Sends a command once, and finds out what became of it when the answer gets lost.

use std::time::Duration;

use super::context::Context;
use super::failure::Failure;
use crate::backend::{Backend, BackendError};
use crate::domain::command::{Command, Receipt};
use crate::domain::ids::{IdempotencyKey, ServiceName};

/// How long to look for the receipt of a command whose answer got lost, one pause after each look.
const LOOKS: [Duration; 6] = [
    Duration::from_millis(100),
    Duration::from_millis(300),
    Duration::from_millis(600),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(3),
];

/// Sends the command and prints what happened. It is never sent twice.
pub async fn run(
    context: &Context,
    service: &ServiceName,
    command: Command,
    key: Option<IdempotencyKey>,
) -> Result<Receipt, Failure> {
    let key = key.unwrap_or_else(new_key);
    let receipt = match context.backend.command(service, command, key.clone()).await {
        Ok(receipt) => receipt,
        Err(BackendError::Unknown(why)) => look_up(context, &key, &why).await?,
        Err(error) => return Err(error.into()),
    };
    context.out.line(&receipt.said)?;
    Ok(receipt)
}

fn new_key() -> IdempotencyKey {
    let text = uuid::Uuid::now_v7().to_string();
    IdempotencyKey::try_from(text).expect("a UUID is 36 hex digits and dashes")
}

/// The command may have been recorded: only its key can tell.
async fn look_up(context: &Context, key: &IdempotencyKey, why: &str) -> Result<Receipt, Failure> {
    eprintln!("the answer got lost, looking for what became of it");
    let mut answered = false;
    for pause in LOOKS {
        match context.backend.receipt(key).await {
            Ok(Some(receipt)) => return Ok(receipt),
            Ok(None) => answered = true,
            Err(_) => answered = false,
        }
        tokio::time::sleep(pause).await;
    }
    let state = if answered {
        "it was not recorded, so nothing was done"
    } else {
        "nobody answers, so it is unknown whether it was recorded"
    };
    let key = key.as_str();
    Err(Failure::failed(format!(
        "the answer got lost ({why}); {state}; to try again without acting twice add --key {key}"
    )))
}

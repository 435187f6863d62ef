//! Sends a command once, and looks up its receipt when the answer is lost.

use std::io::{self, Write};
use std::time::Duration;

use tokio::time::timeout;

use super::context::Context;
use super::error::CliError;
use super::wording::sentence;
use crate::backend::intents::{Intent, Intents};
use crate::backend::lost_answer::look_up;
use crate::backend::{Backend, BackendError};
use crate::domain::command::{Command, Receipt};
use crate::domain::ids::{IdempotencyKey, ServiceName};
use crate::engine::clock::{Clock as _, SystemClock};

/// How long to look for the receipt of a command whose answer was lost.
const PATIENCE: Duration = Duration::from_secs(20);

/// Sends the command and prints what happened. It is never sent twice.
pub async fn run(
    context: &Context,
    service: &ServiceName,
    command: Command,
    key: Option<IdempotencyKey>,
) -> Result<Receipt, CliError> {
    let receipt = sent(context, service, command, key).await?;
    context.out.regardless().line(sentence(&receipt.said))?;
    Ok(receipt)
}

/// Sends the command and prints nothing. It is never sent twice.
pub async fn sent(
    context: &Context,
    service: &ServiceName,
    command: Command,
    key: Option<IdempotencyKey>,
) -> Result<Receipt, CliError> {
    let key = key.unwrap_or_else(new_key);
    let what = command.what(None);
    let intent = Intent { key, service: service.clone(), what, at: SystemClock.now() };
    send(&context.backend, &context.intents, command, intent).await
}

fn new_key() -> IdempotencyKey {
    let text = uuid::Uuid::new_v4().to_string();
    IdempotencyKey::try_from(text).expect("a UUID is 36 hex digits and dashes")
}

/// Saves the intent, so that a later command can look it up if this process dies before the answer, and sends it.
async fn send(
    backend: &impl Backend,
    intents: &Intents,
    command: Command,
    intent: Intent,
) -> Result<Receipt, CliError> {
    let Intent { key, service, what, .. } = intent.clone();
    if let Err(why) = intents.note(intent).await {
        let warning = format!("cannot save {what} on disk ({why}); sending it anyway");
        // The command is sent even if the warning cannot be written.
        let _ = writeln!(io::stderr(), "{warning}");
    }
    let answer = match backend.command(&service, command, key.clone()).await {
        Ok(receipt) => Ok(receipt),
        Err(BackendError::Unknown(why)) => find(backend, &key, &why).await,
        Err(error) => Err(error.into()),
    };
    intents.settle(&key).await;
    answer
}

/// Looks up the receipt of a command whose answer was lost.
async fn find(
    backend: &impl Backend,
    key: &IdempotencyKey,
    why: &str,
) -> Result<Receipt, CliError> {
    // The search continues even if this cannot be written.
    let _ = writeln!(io::stderr(), "the answer was lost; looking for the receipt");
    match timeout(PATIENCE, look_up(backend, key)).await {
        Ok(Ok(Some(receipt))) => Ok(receipt),
        Ok(Ok(None)) => Err(lost(why, "it was not recorded, so nothing was done", key)),
        Ok(Err(_)) | Err(_) => {
            let state = "the engine does not answer, so it is unknown whether it was recorded";
            Err(lost(why, state, key))
        }
    }
}

fn lost(why: &str, state: &str, key: &IdempotencyKey) -> CliError {
    let key = key.as_str();
    CliError::failed(format!(
        "the answer was lost ({why}); {state}; to retry without acting twice, add --key {key}"
    ))
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::{find, new_key, send};
    use crate::backend::Backend;
    use crate::backend::intents::{Intent, Intents};
    use crate::backend::scripted::{Fault, SERVICE, Scripted};
    use crate::domain::command::Command;
    use crate::domain::ids::{Environment, Seq};

    fn hold() -> Command {
        Command::Hold { environment: Environment::Production, reason: "a look around".into() }
    }

    fn intent() -> Intent {
        let (service, what) = (SERVICE.parse().unwrap(), "the hold on production".into());
        Intent { key: new_key(), service, what, at: DateTime::UNIX_EPOCH }
    }

    #[tokio::test]
    async fn a_lost_answer_is_looked_up_and_the_command_not_sent_again() {
        let backend = Scripted::new(DateTime::UNIX_EPOCH);
        let folder = tempfile::tempdir().unwrap();
        let intents = Intents::in_folder(folder.path().join("intents"));
        backend.fault(Fault::LostAnswer);
        let receipt = send(&backend, &intents, hold(), intent()).await.unwrap();
        let events = backend.events(None, Seq(0), 100, std::time::Duration::ZERO).await.unwrap();
        let holds: Vec<_> = events.iter().filter(|e| e.fact.kind() == "hold_placed").collect();
        assert_eq!(holds.len(), 1);
        assert_eq!(holds[0].seq, receipt.seq);
    }

    #[tokio::test(start_paused = true)]
    async fn an_engine_that_does_not_answer_leaves_the_command_unknown() {
        let backend = Scripted::new(DateTime::UNIX_EPOCH);
        let key = new_key();
        let never = find(&backend, &key, "cut").await.unwrap_err();
        assert!(format!("{never:?}").contains("nothing was done"), "{never:?}");
        backend.fault(Fault::Unreachable);
        let unknown = find(&backend, &key, "cut").await.unwrap_err();
        assert!(format!("{unknown:?}").contains("unknown whether it was recorded"), "{unknown:?}");
    }
}

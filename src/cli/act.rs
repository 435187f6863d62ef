//! Sends a command once, and finds out what became of it when the answer gets lost.

use std::io::{self, Write};
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
    let receipt = send(&context.backend, service, command, key).await?;
    context.out.regardless().line(&receipt.said)?;
    Ok(receipt)
}

fn new_key() -> IdempotencyKey {
    let text = uuid::Uuid::new_v4().to_string();
    IdempotencyKey::try_from(text).expect("a UUID is 36 hex digits and dashes")
}

async fn send(
    backend: &impl Backend,
    service: &ServiceName,
    command: Command,
    key: IdempotencyKey,
) -> Result<Receipt, Failure> {
    match backend.command(service, command, key.clone()).await {
        Ok(receipt) => Ok(receipt),
        Err(BackendError::Unknown(why)) => look_up(backend, &key, &why).await,
        Err(error) => Err(error.into()),
    }
}

/// The command may have been recorded: only its key can tell.
async fn look_up(
    backend: &impl Backend,
    key: &IdempotencyKey,
    why: &str,
) -> Result<Receipt, Failure> {
    // Only to say why this takes a while.
    let _ = writeln!(io::stderr(), "the answer got lost, looking for what became of it");
    let mut answered = false;
    for pause in LOOKS {
        match backend.receipt(key).await {
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

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::{look_up, new_key, send};
    use crate::backend::Backend;
    use crate::backend::scripted::{Fault, SERVICE, Scripted};
    use crate::cli::failure::Failure;
    use crate::domain::command::Command;
    use crate::domain::ids::{Environment, Seq};

    fn hold() -> Command {
        Command::Hold { environment: Environment::Production, reason: "a look around".into() }
    }

    #[tokio::test(start_paused = true)]
    async fn a_lost_answer_is_looked_up_and_the_command_not_sent_again() {
        let backend = Scripted::new(DateTime::UNIX_EPOCH);
        let service = SERVICE.parse().unwrap();
        backend.fault(Fault::LostAnswer);
        let receipt = send(&backend, &service, hold(), new_key()).await.unwrap();
        let events = backend.events(None, Seq(0), 100, std::time::Duration::ZERO).await.unwrap();
        let holds: Vec<_> = events.iter().filter(|e| e.fact.kind() == "hold_placed").collect();
        assert_eq!(holds.len(), 1);
        assert_eq!(holds[0].seq, receipt.seq);
    }

    #[tokio::test(start_paused = true)]
    async fn when_nobody_knows_what_became_of_it_the_key_is_handed_back() {
        let backend = Scripted::new(DateTime::UNIX_EPOCH);
        let key = new_key();
        let said = |failure| match failure {
            Err(Failure::Failed(report)) => report.to_string(),
            other => panic!("{other:?}"),
        };
        let never = said(look_up(&backend, &key, "reset").await);
        assert!(never.contains("nothing was done") && never.contains(key.as_str()), "{never}");
        backend.fault(Fault::Unreachable);
        let unknown = said(look_up(&backend, &key, "reset").await);
        assert!(unknown.contains("unknown whether"), "{unknown}");
    }
}

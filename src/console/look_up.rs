//! Finds out by its key what became of a command whose answer nobody has seen. It is never sent again.

use std::time::Duration;

use tokio::time::sleep;

use super::backoff::spread;
use crate::backend::intents::Intents;
use crate::backend::{Answer, Backend, BackendError};
use crate::domain::command::Receipt;
use crate::domain::ids::IdempotencyKey;

/// How long to wait before each look. Only after as many answers in a row that there is nothing, it is believed: the
/// command may still be on its way at the first of them.
const LOOKS: [Duration; 5] = [
    Duration::from_millis(200),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
];

/// How often the other side may fail to tell before it is given up.
const FAILURES: usize = 5;

/// The receipt, or that the command was never recorded. When nobody could tell, it stays noted for the next console.
pub async fn conclude<B: Backend>(
    backend: &B,
    key: &IdempotencyKey,
    intents: Option<Intents>,
) -> Answer<Option<Receipt>> {
    let answer = look_up(backend, key).await;
    if let Some(intents) = intents.filter(|_| answer.is_ok()) {
        intents.settle(key).await;
    }
    answer
}

/// Looks for as long as nobody answers at all: an engine that stands still may have the command before it.
async fn look_up<B: Backend>(backend: &B, key: &IdempotencyKey) -> Answer<Option<Receipt>> {
    let (mut never, mut silences, mut failures) = (0, 0, 0);
    loop {
        let wait = if never > 0 { never } else { silences + failures };
        sleep(spread(LOOKS[wait.min(LOOKS.len() - 1)], &key.as_str())).await;
        match backend.receipt(key).await {
            Ok(Some(receipt)) => return Ok(Some(receipt)),
            Ok(None) => never += 1,
            Err(why @ (BackendError::Unreachable(_) | BackendError::Busy { .. })) => {
                (never, silences) = (0, silences + 1);
                sleep(why.again().unwrap_or_default()).await;
            }
            Err(why) => {
                (never, failures) = (0, failures + 1);
                if failures == FAILURES {
                    return Err(why);
                }
            }
        }
        if never == LOOKS.len() {
            return Ok(None);
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use tokio::time::timeout;

    use super::*;
    use crate::backend::scripted::{Fault, SERVICE, Scripted};
    use crate::domain::command::Command;
    use crate::domain::ids::Environment;

    fn key() -> IdempotencyKey {
        "12345678".to_owned().try_into().unwrap()
    }

    async fn record(backend: &Scripted, key: IdempotencyKey) -> Receipt {
        let environment = Environment::Production;
        let hold = Command::Hold { environment, reason: "late".into() };
        backend.command(&SERVICE.parse().unwrap(), hold, key).await.unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn what_arrives_late_is_found_all_the_same() {
        let backend = Scripted::new(DateTime::UNIX_EPOCH);
        let late = async {
            sleep(Duration::from_secs(5)).await;
            record(&backend, key()).await
        };
        let key = key();
        let (found, receipt) = tokio::join!(look_up(&backend, &key), late);
        assert_eq!(found, Ok(Some(receipt)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_silence_is_no_answer_however_long() {
        let backend = Scripted::new(DateTime::UNIX_EPOCH);
        backend.fault(Fault::Unreachable);
        let (key, hour) = (key(), Duration::from_hours(1));
        assert!(timeout(hour, look_up(&backend, &key)).await.is_err(), "nobody knows");
        let looking = look_up(&backend, &key);
        let healing = async {
            sleep(hour).await;
            backend.heal();
        };
        assert_eq!(tokio::join!(looking, healing).0, Ok(None));
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_not_there_before_a_silence_may_come_after_it() {
        let backend = Scripted::new(DateTime::UNIX_EPOCH);
        let key = key();
        let meanwhile = async {
            // As late as may be: one more answer that there is nothing, and it would be believed.
            sleep(Duration::from_secs(10)).await;
            backend.fault(Fault::Unreachable);
            sleep(Duration::from_mins(1)).await;
            backend.heal();
            sleep(Duration::from_secs(12)).await;
            record(&backend, key.clone()).await
        };
        let (found, receipt) = tokio::join!(look_up(&backend, &key), meanwhile);
        assert_eq!(found, Ok(Some(receipt)));
    }
}

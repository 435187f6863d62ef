//! Finds out whether a command whose answer was lost was recorded. It looks the receipt up by its key and never sends
//! the command again.
//!
//! A command counts as never recorded after five such answers in a row, over about 15 seconds, or after one answer more
//! than a minute after it was sent. Before that it may still arrive. If the engine does not answer, nothing is known.

use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::sleep;

use super::backoff::spread;
use super::intents::{Intent, Intents};
use super::{Answer, Backend, BackendError};
use crate::domain::command::Receipt;
use crate::domain::ids::IdempotencyKey;
use crate::domain::time::between;

/// The wait before each look, spread by the key. A command counts as never recorded after this many answers in a row
/// without a receipt.
const LOOKS: [Duration; 5] = [
    Duration::from_millis(200),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
];
/// How long a command may take to arrive.
const ON_ITS_WAY: Duration = Duration::from_mins(1);
/// How many errors of the engine end the search.
const FAILURES: usize = 5;

/// The receipt, or `None` if the command was never recorded. On an error the intent stays on disk for a later process.
///
/// # Errors
/// As [`look_up`].
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

/// Looks the receipt up until the result is known. It continues while the engine does not answer: a hanging engine may
/// still record the command. A caller can cancel it; the result is then unknown.
///
/// # Errors
/// The engine's error, after five of them.
pub async fn look_up<B: Backend>(backend: &B, key: &IdempotencyKey) -> Answer<Option<Receipt>> {
    let (mut looks, mut never, mut silences, mut failures) = (0_u64, 0, 0, 0);
    loop {
        looks += 1;
        let wait = if never > 0 { never } else { silences + failures };
        let wait = LOOKS[wait.min(LOOKS.len() - 1)];
        sleep(spread(wait, &(looks, key.as_str()))).await;
        match backend.receipt(key).await {
            Ok(Some(receipt)) => return Ok(Some(receipt)),
            Ok(None) => never += 1,
            // The engine may record the command while it does not answer.
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

/// Looks once for the command of a dead sender.
///
/// # Errors
/// The engine's error, or [`BackendError::Unknown`] if the command may still arrive.
pub async fn look_once<B: Backend>(
    backend: &B,
    intent: &Intent,
    now: DateTime<Utc>,
) -> Answer<Option<Receipt>> {
    match backend.receipt(&intent.key).await? {
        None if between(intent.at, now) <= ON_ITS_WAY => {
            Err(BackendError::Unknown("it may still arrive".into()))
        }
        answer => Ok(answer),
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
    async fn a_command_that_arrives_late_is_found() {
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
    async fn an_engine_that_does_not_answer_leaves_the_result_unknown() {
        let backend = Scripted::new(DateTime::UNIX_EPOCH);
        backend.fault(Fault::Unreachable);
        let (key, hour) = (key(), Duration::from_hours(1));
        assert!(timeout(hour, look_up(&backend, &key)).await.is_err(), "it is unknown");
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

    #[tokio::test(start_paused = true)]
    async fn two_commands_that_were_lost_together_are_not_looked_up_in_step() {
        let backend = Scripted::new(DateTime::UNIX_EPOCH);
        let mut spans = Vec::new();
        for key in [key(), "87654321".to_owned().try_into().unwrap()] {
            let began = tokio::time::Instant::now();
            assert_eq!(look_up(&backend, &key).await, Ok(None));
            spans.push(began.elapsed());
        }
        assert_ne!(spans[0], spans[1]);
    }

    #[tokio::test(start_paused = true)]
    async fn one_look_believes_only_what_had_time_to_arrive() {
        let backend = Scripted::new(DateTime::UNIX_EPOCH);
        let (service, what) = (SERVICE.parse().unwrap(), "the hold on production".into());
        let intent = Intent { key: key(), service, what, at: DateTime::UNIX_EPOCH };
        let later = |seconds| DateTime::UNIX_EPOCH + chrono::TimeDelta::seconds(seconds);
        let soon = look_once(&backend, &intent, later(60)).await;
        assert!(matches!(soon, Err(BackendError::Unknown(_))), "{soon:?}");
        assert_eq!(look_once(&backend, &intent, later(61)).await, Ok(None));
        let receipt = record(&backend, key()).await;
        assert_eq!(look_once(&backend, &intent, later(1)).await, Ok(Some(receipt)));
    }
}

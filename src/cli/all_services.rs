//! One command for every service: what is sent to each, and what became of it.

use super::context::Context;
use super::error::CliError;
use super::{act, output};
use crate::domain::chain::Hash;
use crate::domain::command::Command;
use crate::domain::ids::{IdempotencyKey, ServiceName};

/// Where a command goes, or why a service is left as it is.
pub enum ForService {
    Send(Command),
    Leave(String),
}

/// Sends each service its command, whatever becomes of the others, and says all that happened.
///
/// # Errors
/// When one of them failed; the sentence names those.
pub async fn run(
    context: &Context,
    wanted: Vec<(ServiceName, ForService)>,
    key: Option<&IdempotencyKey>,
) -> Result<(), CliError> {
    let mut failed = Vec::new();
    let count = wanted.len();
    for (service, what) in wanted {
        match what {
            ForService::Leave(why) => context.out.line(format!("{service}: {why}"))?,
            ForService::Send(command) => {
                let key = key.map(|key| of_service(key, &service));
                match act::sent(context, &service, command, key).await {
                    Ok(receipt) => {
                        context.out.regardless().line(format!("{service}: {}", receipt.said))?;
                    }
                    Err(CliError::ClosedPipe) => {}
                    Err(error) => {
                        CliError::warn(&format!("{service}: NOT done: {}", error.sentence()));
                        failed.push(service.to_string());
                    }
                }
            }
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    let (of, failed) = (failed.len(), failed.join(", "));
    Err(CliError::failed(format!("{of} of {count} services failed: {failed}; the others are done")))
}

/// Says what this engine cannot read: services may be missing.
pub fn say_missing(fleet: &crate::domain::snapshot::FleetSnapshot) {
    for problem in &fleet.problems {
        let what = &problem.what;
        output::note(&format!("{what}; a service of it may be missing here"));
    }
}

/// A key for one service of a command for all: the same as the last time.
fn of_service(key: &IdempotencyKey, service: &ServiceName) -> IdempotencyKey {
    let digest = Hash::of(&format!("{} {service}", key.as_str())).to_string();
    let text = digest.get(..40).unwrap_or(&digest).to_owned();
    IdempotencyKey::try_from(text).expect("40 hex digits are a key")
}

//! Runs the command that tells what an environment runs.

use crate::domain::ids::{Environment, ServiceName};
use crate::domain::live_source::LiveCommand;
use crate::engine::asked::AskedCommands;

/// The most characters of its errors that are shown.
const LONGEST_SHOWN: usize = 200;

/// What it prints.
///
/// # Errors
/// With what went wrong, as the end of a sentence.
pub(super) async fn ask(
    asked: &AskedCommands,
    (service, environment): (&ServiceName, Environment),
    command: &LiveCommand,
) -> Result<String, String> {
    let facts = [("TRUNKLINE_ENVIRONMENT", environment.to_string())];
    let answer = asked.ask(service, (&command.run, command.timeout), &facts).await?;
    if answer.status.success() {
        return Ok(answer.out);
    }
    let code = answer.status.code();
    let how = code.map_or("is killed".to_owned(), |code| format!("exits {code}"));
    let shown: String = answer.err.trim().chars().take(LONGEST_SHOWN).collect();
    Err(if shown.is_empty() { format!("it {how}") } else { format!("it {how}: {shown:?}") })
}

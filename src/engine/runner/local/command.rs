//! How what a service file declares is started: a program with arguments, or a line for a shell.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::domain::event::Run;

/// How long a shell may take to say whether it knows `pipefail`.
const SHELL_ANSWERS: Duration = Duration::from_secs(5);

/// The command of a run in this folder: in a process group of its own, with nothing to read and no other variables than these.
///
/// # Errors
/// When it runs at another engine.
pub(in crate::engine) fn command(
    run: &Run,
    (folder, environment): (&Path, &BTreeMap<String, String>),
    has_pipefail: bool,
) -> io::Result<Command> {
    let mut command = match run {
        Run::Shell(line) => shell("sh", line, has_pipefail),
        Run::Bash(line) => shell("bash", line, has_pipefail),
        Run::Remote(job) => {
            return Err(io::Error::other(format!("it runs at {}", job.engine)));
        }
        Run::Argv(argv) => {
            let (program, arguments) = argv.split_first().map_or(("", &[][..]), |(p, a)| (p, a));
            let mut command = Command::new(program);
            command.args(arguments);
            command
        }
    };
    command.current_dir(folder).env_clear().envs(environment).stdin(Stdio::null()).process_group(0);
    Ok(command)
}

/// A shell that stops at the first line that fails, and counts a pipeline as failed if any part of it fails. An old `sh`
/// knows no `pipefail`: there the last part decides.
fn shell(program: &str, line: &str, has_pipefail: bool) -> Command {
    let mut shell = Command::new(program);
    shell.arg("-e");
    if has_pipefail {
        shell.args(["-o", "pipefail"]);
    }
    shell.arg("-c").arg(line);
    shell
}

/// Whether the shell of a run counts a pipeline as failed if any part of it fails, once it is told to.
pub(in crate::engine) async fn has_pipefail(
    run: &Run,
    environment: &BTreeMap<String, String>,
) -> bool {
    match run {
        Run::Shell(_) => shell_has_pipefail("sh", environment).await,
        Run::Bash(_) => shell_has_pipefail("bash", environment).await,
        Run::Argv(_) | Run::Remote(_) => false,
    }
}

pub(in crate::engine) async fn shell_has_pipefail(
    program: &str,
    environment: &BTreeMap<String, String>,
) -> bool {
    let mut asked = Command::new(program);
    asked.args(["-c", "set -o pipefail"]).env_clear().envs(environment).stdin(Stdio::null());
    asked.stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let answer = tokio::time::timeout(SHELL_ANSWERS, asked.status()).await;
    answer.is_ok_and(|ended| ended.is_ok_and(|status| status.success()))
}

//! One run of an observed command: its output, bounded and with its secrets masked.

use std::io;
use std::path::Path;
use std::process::Stdio;

use tokio::io::AsyncReadExt as _;
use tokio::process::Command;
use tokio::time::timeout;

use crate::domain::event::Run;
use crate::domain::ids::ServiceName;
use crate::domain::observed_command::ObservedCommand;
use crate::domain::time::say;
use crate::engine::runner::masked;
use crate::engine::variables::StepVariables;
use crate::git::ChildGroup;

/// The most bytes that are compared.
const LARGEST: u64 = 64 * 1024;

/// What it prints on its standard output.
///
/// # Errors
/// When it cannot be started, takes too long, fails or prints too much: then it is not known.
pub(super) async fn printed(
    observed: &ObservedCommand,
    service: &ServiceName,
    folder: &Path,
    variables: &StepVariables,
) -> Result<String, String> {
    let mut command = command(&observed.run).map_err(|error| error.to_string())?;
    command
        .current_dir(folder)
        .env_clear()
        .envs(&variables.environment)
        .env("TRUNKLINE_SERVICE", service.as_str())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .kill_on_drop(true);
    let mut child = command.spawn().map_err(|error| format!("cannot start: {error}"))?;
    // Whatever it started ends with it, also where it ended by itself.
    let _group = ChildGroup::of(&child);
    let output = child.stdout.take().ok_or("has no output")?;
    let mut bytes = Vec::new();
    let read = async {
        output.take(LARGEST + 1).read_to_end(&mut bytes).await?;
        if bytes.len() as u64 > LARGEST {
            return Ok(None);
        }
        child.wait().await.map(Some)
    };
    let ended: io::Result<_> = timeout(observed.timeout, read)
        .await
        .map_err(|_| format!("did not end within {}", say(observed.timeout)))?;
    match ended.map_err(|error| error.to_string())? {
        None => Err(format!("prints more than {LARGEST} bytes")),
        Some(status) if status.success() => {
            let hidden = masked(&bytes, &variables.secrets);
            Ok(String::from_utf8_lossy(&hidden).into_owned())
        }
        Some(status) => Err(match status.code() {
            Some(code) => format!("exit {code}"),
            None => "ended by a signal".to_owned(),
        }),
    }
}

fn command(run: &Run) -> io::Result<Command> {
    Ok(match run {
        Run::Shell(line) => shell("sh", line),
        Run::Bash(line) => shell("bash", line),
        Run::Argv(argv) => {
            let (program, arguments) = argv.split_first().map_or(("", &[][..]), |(p, a)| (p, a));
            let mut command = Command::new(program);
            command.args(arguments);
            command
        }
        Run::Remote(job) => return Err(io::Error::other(format!("it runs at {}", job.engine))),
    })
}

/// A shell that stops at the first line that fails.
fn shell(program: &str, line: &str) -> Command {
    let mut shell = Command::new(program);
    shell.args(["-e", "-c"]).arg(line);
    shell
}

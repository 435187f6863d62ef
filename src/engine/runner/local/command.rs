//! How what a service file declares is started: a program with arguments, or a line for a shell.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::fs::{Access, access};
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
    place: RunPlace<'_>,
    has_pipefail: bool,
) -> io::Result<Command> {
    command_of(run, place, has_pipefail, |name| Command::new(name))
}

/// The same with the file of its program. The system starts it without a copy of this process, which takes a large one
/// longer than what a quick program does.
///
/// # Errors
/// As above. It does not start what is neither a program nor begins with `#!`, which [`command`] gives to a shell.
pub(in crate::engine) fn quick_command(
    run: &Run,
    place: RunPlace<'_>,
    has_pipefail: bool,
) -> io::Result<Command> {
    command_of(run, place, has_pipefail, |name| match file_of(name, place) {
        Some(file) => {
            let mut command = Command::new(file);
            command.arg0(name);
            command
        }
        None => Command::new(name),
    })
}

/// The folder in which a program runs, and its variables.
pub(in crate::engine) type RunPlace<'a> = (&'a Path, &'a BTreeMap<String, String>);

/// The file that the system starts for a name without a slash.
fn file_of(name: &str, (folder, environment): RunPlace<'_>) -> Option<PathBuf> {
    if name.is_empty() || name.contains('/') {
        return None;
    }
    // An empty part is the folder itself.
    let parts = environment.get("PATH")?.split(':');
    let mut files = parts.map(|part| folder.join(part).join(name));
    files.find(|file| file.is_file() && access(file, Access::EXEC_OK).is_ok())
}

fn command_of(
    run: &Run,
    (folder, environment): RunPlace<'_>,
    has_pipefail: bool,
    start: impl Fn(&str) -> Command,
) -> io::Result<Command> {
    let mut command = match run {
        Run::Shell(line) => shell(start("sh"), line, has_pipefail),
        Run::Bash(line) => shell(start("bash"), line, has_pipefail),
        Run::Remote(job) => {
            return Err(io::Error::other(format!("it runs at {}", job.engine)));
        }
        Run::Argv(argv) => {
            let (program, arguments) = argv.split_first().map_or(("", &[][..]), |(p, a)| (p, a));
            let mut command = start(program);
            command.args(arguments);
            command
        }
    };
    command.current_dir(folder).env_clear().envs(environment).stdin(Stdio::null()).process_group(0);
    Ok(command)
}

/// A shell that stops at the first line that fails, and counts a pipeline as failed if any part of it fails. An old `sh`
/// knows no `pipefail`: there the last part decides.
fn shell(mut shell: Command, line: &str, has_pipefail: bool) -> Command {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Its exit code and what it prints, or why it cannot start.
    async fn ran(command: io::Result<Command>) -> Result<(Option<i32>, String), io::ErrorKind> {
        let ended = command.unwrap().kill_on_drop(true).output().await;
        let ended = ended.map_err(|why| why.kind())?;
        Ok((ended.status.code(), String::from_utf8_lossy(&ended.stdout).into_owned()))
    }

    #[tokio::test]
    async fn what_starts_quickly_is_the_same_program_with_the_same_name_in_the_same_place() {
        let folder = tempfile::tempdir().unwrap();
        // Written by another process: what this one still writes cannot be started.
        let makes = "mkdir no dir dir/tell own; echo 'exit 9' > no/tell; \
                     printf '#!/bin/sh\necho own $(pwd) $# $A; exit 3\n' > own/tell; chmod +x own/tell";
        let mut shell = std::process::Command::new("sh");
        let made = shell.args(["-c", makes]).current_dir(&folder).status();
        assert!(made.unwrap().success());
        let path = ("PATH".to_owned(), "no:dir:own:/usr/bin:/bin".to_owned());
        let environment = BTreeMap::from([path, ("A".to_owned(), "a value".to_owned())]);
        let none = BTreeMap::new();
        let argv = |argv: &[&str]| Run::Argv(argv.iter().map(ToString::to_string).collect());
        let ours = std::fs::canonicalize(&folder).unwrap().display().to_string();
        for (run, environment, expected) in [
            (argv(&["tell", "x"]), &environment, Ok((Some(3), format!("own {ours} 1 a value\n")))),
            (argv(&["own/tell"]), &environment, Ok((Some(3), format!("own {ours} 0 a value\n")))),
            (argv(&["nowhere"]), &environment, Err(io::ErrorKind::NotFound)),
            (argv(&[""]), &environment, Err(io::ErrorKind::NotFound)),
            (Run::Shell("echo $0; exit 4".into()), &environment, Ok((Some(4), "sh\n".into()))),
            (Run::Shell("echo $0; false; :".into()), &none, Ok((Some(1), "sh\n".into()))),
        ] {
            let place = (folder.path(), environment);
            let quick = ran(quick_command(&run, place, false)).await;
            assert_eq!(quick, expected, "{run:?}");
            assert_eq!(ran(command(&run, place, false)).await, expected, "{run:?}");
        }
    }
}

//! The token of a profile: from its `token_command`, or from a file that only its owner can read.

use std::pin::pin;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Command;
use tokio::time::timeout;

use super::error::CliError;
use super::kept::KeptFile;
use crate::config::places::Places;
use crate::config::profile::Profile;
use crate::domain::token::TokenSecret;
use crate::gate;

/// How long the command may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long its output is read after its end, while something that it started keeps the output open.
const AFTER: Duration = Duration::from_secs(1);
/// The most bytes that are kept of what the command prints.
const LARGEST: u64 = 8 * 1024;
/// The most characters of the command's complaint that are shown.
const SHOWN: usize = 300;

/// The token of a profile.
///
/// # Errors
/// With what to do, if there is none.
pub async fn token(
    places: &Places,
    name: &str,
    profile: &Profile,
) -> Result<TokenSecret, CliError> {
    let Some(command) = &profile.token_command else {
        let signed_in = file(places, name, &profile.url).read()?.map(|kept| kept.token);
        return signed_in.ok_or_else(|| {
            let login = format!("trunkline login {} --profile {name}", profile.url);
            CliError::usage(format!("you are not signed in; run: {login}"))
        });
    };
    let wrong = |why| CliError::usage(format!("the token_command of the profile {name} {why}"));
    let text = run(command, PATIENCE).await.map_err(wrong)?;
    let parsed = TokenSecret::parse(text.trim());
    parsed.map_err(|why| wrong(format!("prints something else: {why}")))
}

/// Where the token of a profile is kept.
pub fn file(places: &Places, name: &str, url: &str) -> KeptFile {
    KeptFile::in_folder(&places.profile(name, url))
}

/// The first line that a program prints. It runs in a process group of its own, which ends when the time is over.
async fn run(command: &[String], patience: Duration) -> Result<String, String> {
    let [program, arguments @ ..] = command else { return Err("names no program".into()) };
    let mut child = Command::new(program)
        .args(arguments)
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|why| format!("cannot be started: {why}"))?;
    let group = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (mut out, mut complaint) = (Vec::new(), Vec::new());
    let ended = timeout(patience, async {
        let read =
            async { tokio::join!(read_some(stdout, &mut out), read_some(stderr, &mut complaint)) };
        let mut read = pin!(read);
        tokio::select! {
            _ = &mut read => child.wait().await,
            status = child.wait() => {
                let _kept_open = timeout(AFTER, read).await;
                status
            }
        }
    });
    let Ok(status) = ended.await else {
        // The whole group: a shell may have started others.
        let _ended_already = group.map(|group| kill_process_group(group, Signal::KILL));
        return Err(format!("did not end within {} s", patience.as_secs()));
    };
    let status = status.map_err(|why| format!("was lost: {why}"))?;
    let [out, complaint] = [out, complaint].map(|text| String::from_utf8_lossy(&text).into_owned());
    if !status.success() {
        let shown = gate::line(complaint.lines().next().unwrap_or_default());
        let shown: String = shown.chars().take(SHOWN).collect();
        return Err(format!("failed ({status}): {shown}"));
    }
    match out.lines().next() {
        Some(line) => Ok(line.to_owned()),
        None => Err("printed nothing".into()),
    }
}

/// Keeps the beginning of what comes, until all has come.
async fn read_some(from: Option<impl AsyncRead + Unpin>, kept: &mut Vec<u8>) {
    let Some(mut from) = from else { return };
    let _cut = (&mut from).take(LARGEST).read_to_end(kept).await;
    let _rest = tokio::io::copy(&mut from, &mut tokio::io::sink()).await;
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};

    use super::*;

    async fn sh(script: &str) -> Result<String, String> {
        let words = ["sh", "-c", script].map(str::to_owned);
        run(&words, Duration::from_secs(20)).await
    }

    #[tokio::test]
    async fn the_first_line_of_a_command_is_the_token_whatever_else_it_does() {
        assert_eq!(sh("echo one; echo two").await, Ok("one".into()));
        assert_eq!(sh("echo one; yes | head -c 1000000").await, Ok("one".into()));
        assert_eq!(sh("echo beside >&2; echo one").await, Ok("one".into()));
        assert_eq!(sh("true").await, Err("printed nothing".into()));
        let failed = sh("printf 'no \\033[31mkey\\n' >&2; exit 3").await.unwrap_err();
        assert!(failed.contains("exit status: 3") && !failed.contains('\u{1b}'), "{failed}");
        let missing = run(&["/no/such/program".to_owned()], PATIENCE).await;
        assert!(missing.unwrap_err().contains("cannot be started"));
    }

    /// As `gpg-agent` does when it is started to decrypt a token.
    #[tokio::test]
    async fn a_command_is_over_when_it_ends_whoever_keeps_its_output_open() {
        let folder = tempfile::tempdir().unwrap();
        let fifo = folder.path().join("end");
        let script = format!("mkfifo {0}; (read end <{0}) & echo one", fifo.display());
        assert_eq!(sh(&script).await, Ok("one".into()));
        // What it started was left alone: somebody still reads here.
        let writing = tokio::task::spawn_blocking(move || fs::write(fifo, "end\n"));
        timeout(Duration::from_mins(1), writing).await.expect("it still runs").unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_command_that_hangs_is_ended_with_all_that_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let lock = folder.path().join("held");
        let script = format!("exec 9>{}; flock 9; sleep 600 & sleep 600", lock.display());
        let words = ["sh".to_owned(), "-c".to_owned(), script];
        let late = run(&words, Duration::from_secs(1)).await.unwrap_err();
        assert_eq!(late, "did not end within 1 s");
        // Whoever still ran would hold the lock.
        let file = File::create(&lock).unwrap();
        file.lock().unwrap();
    }
}

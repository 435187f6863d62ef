//! The token of a profile: from its `token_command`, or from a file that only its owner can read.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Command;
use tokio::time::timeout;

use super::error::CliError;
use crate::config::places::Places;
use crate::config::profile::Profile;
use crate::domain::token::TokenSecret;
use crate::gate;

/// How long the command may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// The most bytes that are read of the command or the file.
const LARGEST: u64 = 8 * 1024;
/// The most characters of the command's complaint that are shown.
const SHOWN: usize = 300;
/// The group and others can read or write it.
const OTHERS: u32 = 0o077;

/// The token of a profile.
///
/// # Errors
/// With what to do, if there is none.
pub async fn token(
    places: &Places,
    name: &str,
    profile: &Profile,
) -> Result<TokenSecret, CliError> {
    let (text, from) = if let Some(command) = &profile.token_command {
        let why = |why| CliError::usage(format!("the token_command of the profile {name} {why}"));
        (run(command, PATIENCE).await.map_err(why)?, "what token_command prints")
    } else {
        let login = format!("trunkline login {} --profile {name}", profile.url);
        (read(&file(places, name), &login)?, "what its file has")
    };
    let parsed = TokenSecret::parse(text.trim());
    parsed.map_err(|why| CliError::usage(format!("the profile {name}, {from}: {why}")))
}

/// Where the token of a profile is kept.
pub fn file(places: &Places, name: &str) -> PathBuf {
    places.profile(name).join("token")
}

fn read(path: &Path, login: &str) -> Result<String, CliError> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let sentence = format!("you are not signed in; run: {login}");
            return Err(CliError::usage(sentence));
        }
        opened => opened?,
    };
    let found = file.metadata()?;
    if found.mode() & OTHERS != 0 || found.uid() != rustix::process::geteuid().as_raw() {
        let shown = path.display();
        let sentence = format!("others can read the token in {shown}; revoke it and sign in again");
        return Err(CliError::usage(sentence));
    }
    let mut text = String::new();
    file.take(LARGEST).read_to_string(&mut text)?;
    Ok(text)
}

/// Keeps a token in the file of its profile, which nobody else can read at any time.
pub fn keep(places: &Places, name: &str, token: &TokenSecret) -> Result<(), CliError> {
    let path = file(places, name);
    DirBuilder::new().recursive(true).mode(0o700).create(places.profile(name))?;
    let beside = path.with_extension(format!("new.{}", std::process::id()));
    let write = || -> io::Result<()> {
        let mut new = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
        writeln!(new, "{}", token.expose())?;
        new.sync_all()?;
        fs::rename(&beside, &path)
    };
    let written = write();
    if written.is_err() {
        let _never_made = fs::remove_file(&beside);
    }
    Ok(written?)
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
    let (out, complaint) = (child.stdout.take(), child.stderr.take());
    let ended = timeout(patience, async {
        let (out, complaint) = tokio::join!(read_some(out), read_some(complaint));
        (child.wait().await, out, complaint)
    });
    let Ok((status, out, complaint)) = ended.await else {
        // The whole group: a shell may have started others.
        let _ended_already = group.map(|group| kill_process_group(group, Signal::KILL));
        return Err(format!("did not end within {} s", patience.as_secs()));
    };
    let status = status.map_err(|why| format!("was lost: {why}"))?;
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

/// The beginning of what comes, until all has come.
async fn read_some(from: Option<impl AsyncRead + Unpin>) -> String {
    let Some(mut from) = from else { return String::new() };
    let mut bytes = Vec::new();
    let _cut = (&mut from).take(LARGEST).read_to_end(&mut bytes).await;
    let _rest = tokio::io::copy(&mut from, &mut tokio::io::sink()).await;
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
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

//! Writes commits into the demo's repository, many in one go, by `git fast-import`.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use chrono::{DateTime, Utc};
use color_eyre::eyre::Context as _;

use crate::cli::error::CliError;
use crate::domain::people::Identity;

/// The trunk of the demo.
pub const TRUNK: &str = "main";

/// A commit to write.
#[derive(Debug, Clone)]
pub struct NewCommit {
    pub author: Identity,
    pub at: DateTime<Utc>,
    pub message: String,
    /// Paths and their new contents.
    pub files: Vec<(String, String)>,
}

/// Makes an empty bare repository.
pub fn init(repository: &Path) -> Result<(), CliError> {
    std::fs::create_dir_all(repository)?;
    let mut command = git(repository);
    command.args(["init", "--quiet", "--bare", "--initial-branch", TRUNK, "."]);
    let output = command.output().wrap_err("cannot run git, which the demo needs")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure_succeeded(output.status.success(), said.trim())
}

/// Puts the commits on top of the trunk, oldest first.
pub fn commit(repository: &Path, commits: &[NewCommit]) -> Result<(), CliError> {
    let grows = repository.join("refs/heads").join(TRUNK).exists()
        || repository.join("packed-refs").exists();
    let mut command = git(repository);
    command.args(["fast-import", "--quiet"]).stdin(Stdio::piped());
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().wrap_err("cannot run git, which the demo needs")?;
    let mut input = child.stdin.take().expect("standard input was asked for as a pipe");
    for (index, commit) in commits.iter().enumerate() {
        let on_top = grows && index == 0;
        // When git ends early this fails too, and what git said is worth more.
        if write(&mut input, commit, on_top).is_err() {
            break;
        }
    }
    drop(input);
    let output = child.wait_with_output().wrap_err("git fast-import got lost")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure_succeeded(output.status.success(), said.trim())
}

fn ensure_succeeded(succeeded: bool, said: &str) -> Result<(), CliError> {
    if succeeded {
        Ok(())
    } else {
        Err(CliError::failed(format!("git could not write the demo's repository: {said}")))
    }
}

fn git(repository: &Path) -> Command {
    let mut command = Command::new("git");
    command.current_dir(repository);
    command.env_remove("GIT_DIR").env_remove("GIT_WORK_TREE").env_remove("GIT_INDEX_FILE");
    command
}

fn write(out: &mut impl Write, commit: &NewCommit, on_top: bool) -> std::io::Result<()> {
    let NewCommit { author, at, message, files } = commit;
    let who =
        format!("{} <{}> {} +0000", plain(&author.name), plain(&author.email), at.timestamp());
    writeln!(out, "commit refs/heads/{TRUNK}\nauthor {who}\ncommitter {who}")?;
    data(out, message)?;
    if on_top {
        writeln!(out, "from refs/heads/{TRUNK}^0")?;
    }
    for (path, text) in files {
        writeln!(out, "M 100644 inline {path}")?;
        data(out, text)?;
    }
    writeln!(out)
}

fn data(out: &mut impl Write, text: &str) -> std::io::Result<()> {
    writeln!(out, "data {}\n{text}", text.len())
}

/// A name without the characters that mean something in a commit's header.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !matches!(c, '<' | '>' | '\n' | '\r' | '\0')).collect()
}

//! Writes commits into the demo's repository with `git fast-import`.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use chrono::{DateTime, Utc};
use color_eyre::eyre::Context as _;

use crate::cli::error::CliError;
use crate::domain::people::Identity;

/// The trunk of the demo.
pub const TRUNK: &str = "main";
const CANNOT_RUN: &str = "cannot run git, which the demo needs; install git";

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
    let output = command.output().wrap_err(CANNOT_RUN)?;
    ensure_succeeded(&output)
}

/// Adds the commits to the trunk, oldest first.
pub fn commit(repository: &Path, commits: &[NewCommit]) -> Result<(), CliError> {
    let has_trunk = repository.join("refs/heads").join(TRUNK).exists()
        || repository.join("packed-refs").exists();
    let mut command = git(repository);
    command.args(["fast-import", "--quiet"]).stdin(Stdio::piped());
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().wrap_err(CANNOT_RUN)?;
    let mut input = child.stdin.take().expect("standard input is a pipe");
    for (index, commit) in commits.iter().enumerate() {
        let on_trunk = has_trunk && index == 0;
        // A failed write means that git ended early; its own message below explains more.
        if write(&mut input, commit, on_trunk).is_err() {
            break;
        }
    }
    drop(input);
    let output = child.wait_with_output().wrap_err("cannot wait for git fast-import")?;
    ensure_succeeded(&output)
}

fn ensure_succeeded(output: &Output) -> Result<(), CliError> {
    if output.status.success() {
        return Ok(());
    }
    let message = String::from_utf8_lossy(&output.stderr);
    Err(CliError::failed(format!("git cannot write the demo's repository: {}", message.trim())))
}

fn git(repository: &Path) -> Command {
    let mut command = Command::new("git");
    command.current_dir(repository);
    command.env_remove("GIT_DIR").env_remove("GIT_WORK_TREE").env_remove("GIT_INDEX_FILE");
    command
}

/// Writes one commit for `git fast-import`. `on_trunk` names the trunk's head as its parent.
fn write(out: &mut impl Write, commit: &NewCommit, on_trunk: bool) -> std::io::Result<()> {
    let NewCommit { author, at, message, files } = commit;
    let who =
        format!("{} <{}> {} +0000", plain(&author.name), plain(&author.email), at.timestamp());
    writeln!(out, "commit refs/heads/{TRUNK}\nauthor {who}\ncommitter {who}")?;
    data(out, message)?;
    if on_trunk {
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

/// Removes the characters that have a meaning in a commit's header.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !matches!(c, '<' | '>' | '\n' | '\r' | '\0')).collect()
}

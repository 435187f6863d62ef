//! Checks the programs that trunkline needs, and its folders and files: that they exist, and who can write them.

use std::fs::{self, Metadata};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::Path;

use super::Check;
use crate::cli::engine_lock::{Holder, holder};
use crate::cli::engine_process;
use crate::config::places::{Places, is_of_root, is_own};
use crate::config::user_file::UserFile;

/// The oldest git with `--remerge-diff`.
const OLDEST_GIT: (u32, u32) = (2, 35);
/// The variable that names the folder of the settings.
const CONFIG: &str = "TRUNKLINE_CONFIG_DIR";
/// The permission bit for others to write.
const OTHERS_WRITE: u32 = 0o002;
/// The permission bit for the group to write.
const GROUP_WRITES: u32 = 0o020;

pub(super) async fn programs() -> [Check; 2] {
    let git = git(output_of("git", &["--version"]).await);
    let sh = match output_of("sh", &["-c", "echo works"]).await {
        Ok(_) => Check::fine("sh", "works"),
        Err(why) => Check::wrong("sh", why, "put sh on the PATH; steps given as a text need it"),
    };
    [git, sh]
}

/// The output of a program, or why it did not run or succeed.
async fn output_of(program: &str, arguments: &[&str]) -> Result<String, String> {
    let output = tokio::process::Command::new(program).args(arguments).output().await;
    let output = output.map_err(|error| format!("cannot start: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if output.status.success() { Ok(text) } else { Err(format!("fails ({})", output.status)) }
}

fn git(output: Result<String, String>) -> Check {
    match output {
        Ok(text) if version(&text).is_some_and(|version| version < OLDEST_GIT) => {
            let (major, minor) = OLDEST_GIT;
            Check::wrong(
                "git",
                format!("{text} is too old"),
                format!("install {major}.{minor} or newer"),
            )
        }
        Ok(text) => Check::fine("git", text),
        Err(why) => Check::wrong("git", why, "install git and put it on the PATH"),
    }
}

/// The first two numbers of `git version 2.47.3`.
fn version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.split_whitespace().nth(2)?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

pub(super) fn places(places: &Places) -> Vec<Check> {
    let mut checks = vec![
        folder("config", &places.config, CONFIG),
        folder("data", &places.data, "TRUNKLINE_DATA_DIR"),
        user_file(&places.user_file()),
        socket(&places.socket()),
        lock(&places.lock()),
        Check::fine("database", size(&places.database())),
        Check::fine("engine log", size(&places.engine_log())),
    ];
    checks.extend(secrets(&places.user_file()));
    checks
}

fn folder(what: &'static str, path: &Path, variable: &str) -> Check {
    let shown = path.display().to_string();
    let writable =
        rustix::fs::access(path, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK);
    match (fs::metadata(path), writable) {
        (Ok(found), _) if !found.is_dir() => Check::wrong(
            what,
            format!("{shown} is not a folder"),
            format!("move it away, or set {variable} to another folder"),
        ),
        (Ok(found), Ok(())) if open_to_others(&found) => Check::wrong(
            what,
            format!("other users can write to {shown}, and so can run commands as you"),
            format!("run: chmod go-w {shown}"),
        ),
        (Ok(_), Err(_)) if variable == CONFIG && is_of_root(path) => {
            Check::fine(what, format!("{shown} (only root changes it)"))
        }
        (Ok(_), Ok(())) if !is_own(path) => Check::wrong(
            what,
            format!("{shown} belongs to another user, or is a link of one"),
            format!("set {variable} to a folder of yours"),
        ),
        (Ok(_), Ok(())) if engine_process::is_full(path) => {
            Check::wrong(what, format!("the disk of {shown} is full"), "free some space")
        }
        (Ok(_), Ok(())) => Check::fine(what, shown),
        (Err(error), _) if error.kind() == std::io::ErrorKind::NotFound => {
            Check::fine(what, format!("{shown} (created when needed)"))
        }
        (Err(error), _) => not_writable(what, &shown, &error.to_string(), variable),
        (Ok(_), Err(error)) => not_writable(what, &shown, &error.to_string(), variable),
    }
}

fn not_writable(what: &'static str, shown: &str, why: &str, variable: &str) -> Check {
    let remedy = format!("make it writable, or set {variable} to another folder");
    Check::wrong(what, format!("{shown}: {why}"), remedy)
}

/// True if others can write to it. The user's own primary group does not count: on many systems it has no other member.
fn open_to_others(found: &Metadata) -> bool {
    let own_group = found.gid() == rustix::process::getgid().as_raw();
    found.mode() & OTHERS_WRITE != 0 || (found.mode() & GROUP_WRITES != 0 && !own_group)
}

fn user_file(path: &Path) -> Check {
    let shown = path.display();
    match UserFile::load(path) {
        Ok(_) if fs::metadata(path).is_ok_and(|found| open_to_others(&found)) => Check::wrong(
            "services",
            format!("other users can write to {shown}, and so can run commands as you"),
            format!("run: chmod go-w {shown}"),
        ),
        Ok(user) if user.services.is_empty() => Check::fine(
            "services",
            format!("none in {shown}; to add one, run in its repository: trunkline init"),
        ),
        Ok(user) => Check::fine("services", format!("{} in {shown}", user.services.len())),
        Err(error) => Check::wrong("services", error.to_string(), "correct the file"),
    }
}

/// The first file of secrets that others can read.
fn secrets(user_file: &Path) -> Option<Check> {
    let user = UserFile::load(user_file).ok()?;
    let file = user.env_files().find(|file| is_readable_by_others(file))?.display();
    let found = format!("other users can read {file}");
    Some(Check::wrong("secrets", found, format!("run: chmod go-rwx {file}")))
}

fn is_readable_by_others(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.mode() & 0o077 != 0)
}

fn socket(path: &Path) -> Check {
    let shown = path.display().to_string();
    match fs::symlink_metadata(path) {
        Ok(found) if !found.file_type().is_socket() => Check::wrong(
            "socket",
            format!("{shown} is not a socket; no engine can listen there"),
            "move it away",
        ),
        _ => Check::fine("socket", shown),
    }
}

fn lock(path: &Path) -> Check {
    let shown = path.display();
    if fs::symlink_metadata(path).is_ok_and(|found| !found.is_file()) {
        let found = format!("{shown} is not a file; no engine can lock it");
        return Check::wrong("lock", found, "move it away");
    }
    let held = match holder(path) {
        Holder::None => "no engine".to_owned(),
        Holder::Process(Some(pid)) => format!("held by process id {pid}"),
        Holder::Process(None) => "held".to_owned(),
    };
    Check::fine("lock", format!("{shown} ({held})"))
}

fn size(path: &Path) -> String {
    match fs::metadata(path) {
        Ok(found) => format!("{} ({} KB)", path.display(), found.len().div_ceil(1024)),
        Err(_) => format!("{} (does not exist yet)", path.display()),
    }
}

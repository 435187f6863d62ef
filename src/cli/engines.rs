//! Finds all engines of this user by the locks that they hold, also of a data folder that is gone (Linux).

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// The name of the lock in a data folder.
const LOCK: &str = "engine.lock";
/// What the kernel adds to the path of a file that was removed.
const REMOVED: &str = " (deleted)";

/// A running engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundEngine {
    pub pid: i32,
    /// Its data folder, as it was called when the kernel was asked.
    pub folder: PathBuf,
    /// Its lock is not the one in that folder: the folder or the lock was removed or replaced.
    pub is_lost: bool,
}

/// All engines of this user that see the same files. Empty without `/proc`.
pub fn all() -> Vec<FoundEngine> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    ids.filter(|pid| serves(*pid)).filter_map(engine).collect()
}

/// The engines whose data folder has the place of ours, and whose lock is not in it any more.
pub fn lost_here() -> impl Iterator<Item = FoundEngine> {
    all().into_iter().filter(|engine| engine.is_lost && has_our_places(engine.pid))
}

/// Whether a process was started with the variables that our data folder follows from. Its path does not tell: the kernel
/// names a folder by the last place that it was moved to.
fn has_our_places(pid: i32) -> bool {
    let theirs = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    let value = |name: &str| {
        let mut entries = theirs.split(|byte| *byte == 0);
        entries.find_map(|entry| entry.strip_prefix(name.as_bytes())?.strip_prefix(b"="))
    };
    ["TRUNKLINE_DATA_DIR", "XDG_DATA_HOME", "HOME"].iter().all(|name| {
        let ours = std::env::var_os(name);
        value(name) == ours.as_deref().map(OsStrExt::as_bytes)
    })
}

/// Whether it is a process of this user that was started as `… serve …`. One in a container sees other files at the same
/// paths, so that its lock would look lost.
fn serves(pid: i32) -> bool {
    let own = rustix::process::geteuid().as_raw();
    let is_own = fs::metadata(format!("/proc/{pid}")).is_ok_and(|process| process.uid() == own);
    let files = |id: &str| fs::read_link(format!("/proc/{id}/ns/mnt")).ok();
    let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    is_own
        && files(&pid.to_string()) == files("self")
        && words.split(|byte| *byte == 0).any(|word| word == b"serve")
}

fn engine(pid: i32) -> Option<FoundEngine> {
    let mut files = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    files.find_map(|file| lock(pid, &file.path()))
}

/// The engine, if this open file of its is the lock.
fn lock(pid: i32, open: &Path) -> Option<FoundEngine> {
    let target = fs::read_link(open).ok()?.into_os_string().into_string().ok()?;
    let path = PathBuf::from(target.strip_suffix(REMOVED).unwrap_or(&target));
    if path.file_name()? != LOCK {
        return None;
    }
    let id = |path: &Path| fs::metadata(path).map(|found| (found.dev(), found.ino())).ok();
    let is_lost = id(&path) != id(open) || id(open).is_none();
    Some(FoundEngine { pid, folder: path.parent()?.to_owned(), is_lost })
}

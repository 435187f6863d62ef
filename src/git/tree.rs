//! Folder trees: copy, size, a digest that ordinary changes change, and a removal that write protection does not stop.

use std::fmt::Write as _;
use std::fs::{self, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, UTIME_OMIT, utimensat};
use sha2::{Digest as _, Sha256};

/// The unit of `st_blocks`.
const BLOCK: u64 = 512;

/// Copies a tree with modes and times of change. Links stay links.
///
/// # Errors
/// When a file cannot be read or written, or is neither a file, a folder nor a link.
pub fn copy(from: &Path, into: &Path) -> io::Result<()> {
    fs::create_dir(into)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (source, target) = (entry.path(), into.join(entry.file_name()));
        let kind = entry.file_type()?;
        if kind.is_dir() {
            copy(&source, &target)?;
            continue;
        }
        if kind.is_symlink() {
            std::os::unix::fs::symlink(fs::read_link(&source)?, &target)?;
        } else if kind.is_file() {
            fs::copy(&source, &target)?;
        } else {
            let why = format!("{} is neither a file, a folder nor a link", source.display());
            return Err(io::Error::other(why));
        }
        keep_time(&entry.metadata()?, &target)?;
    }
    fs::set_permissions(into, fs::metadata(from)?.permissions())
}

/// Gives a copy the time of change of its original, so that git sees it unchanged without reading it.
fn keep_time(original: &Metadata, copy: &Path) -> io::Result<()> {
    let times = Timestamps {
        last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
        last_modification: Timespec { tv_sec: original.mtime(), tv_nsec: original.mtime_nsec() },
    };
    Ok(utimensat(CWD, copy, &times, AtFlags::SYMLINK_NOFOLLOW)?)
}

/// A digest over the names, kinds, modes, sizes, times of change and link targets of a tree, without its file `except`.
/// It reads no contents.
///
/// # Errors
/// When a folder cannot be read.
pub fn digest(root: &Path, except: &Path) -> io::Result<String> {
    let mut lines = Vec::new();
    list(root, root, &root.join(except), &mut lines)?;
    lines.sort_unstable();
    let mut digest = Sha256::new();
    for line in lines {
        digest.update((line.len() as u64).to_be_bytes());
        digest.update(line);
    }
    let mut text = String::new();
    for byte in digest.finalize() {
        let _memory = write!(text, "{byte:02x}");
    }
    Ok(text)
}

fn list(root: &Path, folder: &Path, except: &Path, lines: &mut Vec<Vec<u8>>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        if path == except {
            continue;
        }
        let found = entry.metadata()?;
        let name = path.strip_prefix(root).unwrap_or(&path);
        let mut line = name.as_os_str().as_encoded_bytes().to_vec();
        line.extend(format!("\0{:o}", found.mode()).into_bytes());
        if found.is_dir() {
            list(root, &path, except, lines)?;
        } else {
            let (size, seconds, nanoseconds) = (found.size(), found.mtime(), found.mtime_nsec());
            line.extend(format!("\0{size}\0{seconds}\0{nanoseconds}\0").into_bytes());
        }
        if found.is_symlink() {
            line.extend(fs::read_link(&path)?.as_os_str().as_encoded_bytes());
        }
        lines.push(line);
    }
    Ok(())
}

/// How many bytes of the disk a folder takes. What goes away meanwhile does not count.
///
/// # Errors
/// When a folder cannot be read.
pub fn size(folder: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let gone = |why: io::Error| {
            if why.kind() == io::ErrorKind::NotFound { Ok(0) } else { Err(why) }
        };
        let Ok(found) = entry.metadata() else { continue };
        bytes += found.blocks() * BLOCK;
        if found.is_dir() {
            bytes += size(&entry.path()).or_else(gone)?;
        }
    }
    Ok(bytes)
}

/// Removes a tree, also one whose folders are write-protected.
///
/// # Errors
/// When something of it cannot be removed.
pub fn remove(root: &Path) -> io::Result<()> {
    match fs::remove_dir_all(root) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            make_writable(root)?;
            fs::remove_dir_all(root)
        }
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => fs::remove_file(root),
        removed => removed,
    }
}

fn make_writable(folder: &Path) -> io::Result<()> {
    fs::set_permissions(folder, Permissions::from_mode(0o700))?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            make_writable(&entry.path())?;
        }
    }
    Ok(())
}

//! The lock that allows one engine for a data folder and holds its process id.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

/// How many times an engine tries to take the lock: `holder` takes it for an instant to check it.
const TRIES: u32 = 10;
const PAUSE: Duration = Duration::from_millis(10);

/// The lock of a running engine. The system releases it when the process ends.
#[derive(Debug)]
pub struct EngineLock {
    _file: File,
}

/// Why the lock was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    #[error(
        "another engine with process id {} uses this data folder; run: trunkline engine stop",
        pid.map_or("unknown".to_owned(), |pid| pid.to_string())
    )]
    Held { pid: Option<i32> },
    #[error("cannot lock {0:?} ({1}); make it writable or move it away")]
    Io(std::path::PathBuf, io::Error),
}

impl EngineLock {
    /// Takes the lock and writes this process's id into it.
    pub fn take(path: &Path) -> Result<Self, LockError> {
        let failed = |error| LockError::Io(path.to_owned(), error);
        let mut file = open(path).map_err(failed)?;
        for _ in 0..TRIES {
            match file.try_lock() {
                Ok(()) => {
                    write_pid(&mut file).map_err(failed)?;
                    return Ok(Self { _file: file });
                }
                Err(TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
                Err(TryLockError::Error(error)) => return Err(failed(error)),
            }
        }
        Err(LockError::Held { pid: read_pid(&mut file) })
    }
}

/// Who holds the lock now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    None,
    /// `None` in the instant before the holder has written its id.
    Process(Option<i32>),
}

/// Checks the lock without keeping it.
pub fn holder(path: &Path) -> Holder {
    let Ok(mut file) = File::open(path) else { return Holder::None };
    match file.try_lock_shared() {
        Ok(()) => Holder::None,
        Err(_) => Holder::Process(read_pid(&mut file)),
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

fn write_pid(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

fn read_pid(file: &mut File) -> Option<i32> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok().filter(|pid| *pid > 0)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{EngineLock, Holder, LockError, holder};

    #[test]
    fn the_second_engine_learns_the_process_id_of_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        assert_eq!(holder(&path), Holder::None);
        let first = EngineLock::take(&path).unwrap();
        let me = i32::try_from(std::process::id()).unwrap();
        assert_eq!(holder(&path), Holder::Process(Some(me)));
        let second = EngineLock::take(&path).unwrap_err();
        assert!(matches!(second, LockError::Held { pid: Some(pid) } if pid == me), "{second:?}");
        drop(first);
        // A process that another test starts at this moment has the file until it is its own program.
        let patience = Instant::now() + Duration::from_mins(1);
        while holder(&path) != Holder::None {
            assert!(Instant::now() < patience, "it is still held");
            std::thread::yield_now();
        }
    }
}

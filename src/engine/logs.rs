//! Reading a step's log file by byte cursor, always in whole lines.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use crate::domain::log::{LogFrom, LogPage};

/// A page is never smaller than the longest line that a supervisor writes, so that every page can move on.
const SMALLEST: usize = 64 * 1024;
/// The most bytes of one page.
const LARGEST: usize = 4 * 1024 * 1024;

/// Reads about `limit` bytes. `complete` says that nobody writes any more, so that an unfinished last line counts.
///
/// # Errors
/// When the file is there and cannot be read.
pub(super) fn read(
    path: &Path,
    from: LogFrom,
    limit: usize,
    complete: bool,
) -> io::Result<LogPage> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Ok(LogPage { ended: complete, ..LogPage::default() });
        }
        Err(error) => return Err(error),
    };
    let size = file.metadata()?.len();
    let limit = limit.clamp(SMALLEST, LARGEST) as u64;
    let (start, end) = match from {
        LogFrom::After(cursor) => {
            let start = cursor.min(size);
            (start, size.min(start + limit))
        }
        LogFrom::Before(cursor) => {
            let end = cursor.min(size);
            (end.saturating_sub(limit), end)
        }
        LogFrom::End => (size.saturating_sub(limit), size),
    };
    let bytes = bytes(&file, start, end)?;
    let page = match from {
        LogFrom::After(_) => whole_lines(start, bytes, false, complete && end == size),
        LogFrom::Before(_) => whole_lines(start, bytes, start > 0, true),
        LogFrom::End => whole_lines(start, bytes, start > 0, complete),
    };
    Ok(LogPage { size, ended: complete && page.next == size, ..page })
}

fn bytes(file: &File, start: u64, end: u64) -> io::Result<Vec<u8>> {
    let length = usize::try_from(end - start).map_err(io::Error::other)?;
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, start)?;
    Ok(bytes)
}

/// Drops a first line that begins before the bytes and a last one that is not finished.
fn whole_lines(start: u64, mut bytes: Vec<u8>, cut_head: bool, keep_tail: bool) -> LogPage {
    if !keep_tail {
        let end = bytes.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
        bytes.truncate(end);
    }
    let head = match bytes.iter().position(|b| *b == b'\n') {
        Some(at) if cut_head => at + 1,
        _ => 0,
    };
    let next = start + bytes.len() as u64;
    let bytes = bytes.split_off(head);
    LogPage { start: start + head as u64, next, size: 0, ended: false, bytes }
}

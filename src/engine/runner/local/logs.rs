//! Reads a step's log file by byte cursor, in whole lines.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use crate::domain::log::{
    Extent, FilteredPage, FilteredRead, LogFind, LogFrom, LogPage, LogSearch,
};
use crate::engine::commands::CommandError;

/// The smallest page. It is larger than the longest line of a log, so that every page advances.
const SMALLEST_PAGE: usize = 64 * 1024;
/// The most bytes of one page.
const LARGEST_PAGE: usize = 4 * 1024 * 1024;

/// How many bytes one request searches. It takes about 50 ms, so that a search can be cancelled and shows its progress.
const SEARCH_CHUNK: u64 = 32 * 1024 * 1024;

/// Reads about `limit` bytes. `complete` means that the log is final, so an unfinished last line counts.
///
/// # Errors
/// When the file is there and cannot be read.
pub(super) fn read(
    path: &Path,
    from: LogFrom,
    limit: usize,
    complete: bool,
) -> io::Result<LogPage> {
    let Some(file) = open(path)? else {
        return Ok(LogPage { ended: complete, ..LogPage::default() });
    };
    let size = file.metadata()?.len();
    let limit = limit.clamp(SMALLEST_PAGE, LARGEST_PAGE) as u64;
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

/// Searches a bounded part of the log for a line.
///
/// # Errors
/// When the file is there and cannot be read, or the search is invalid.
pub(super) fn search(
    path: &Path,
    search: &LogSearch,
    complete: bool,
) -> Result<LogFind, CommandError> {
    let Some(file) = open(path).map_err(failed)? else { return Ok(LogFind::Nowhere { size: 0 }) };
    let size = file.metadata().map_err(failed)?.len();
    let read = |at, buffer: &mut [u8]| file.read_exact_at(buffer, at).map_err(failed);
    search.run(Extent { size, complete }, SEARCH_CHUNK, read)
}

/// Reads the lines of a bounded part of the log that pass a filter.
///
/// # Errors
/// When the file is there and cannot be read, or the filter is invalid.
pub(super) fn filter(
    path: &Path,
    wanted: &FilteredRead,
    complete: bool,
) -> Result<FilteredPage, CommandError> {
    let Some(file) = open(path).map_err(failed)? else {
        return Ok(FilteredPage { ended: complete, ..FilteredPage::default() });
    };
    let size = file.metadata().map_err(failed)?.len();
    let read = |at, buffer: &mut [u8]| file.read_exact_at(buffer, at).map_err(failed);
    wanted.run(Extent { size, complete }, SEARCH_CHUNK, read)
}

#[expect(clippy::needless_pass_by_value, reason = "it maps errors")]
fn failed(error: io::Error) -> CommandError {
    CommandError::Failed(format!("the log cannot be read: {error}"))
}

/// `None` when the step has not begun to write.
fn open(path: &Path) -> io::Result<Option<File>> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn bytes(file: &File, start: u64, end: u64) -> io::Result<Vec<u8>> {
    let length = usize::try_from(end - start).map_err(io::Error::other)?;
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, start)?;
    Ok(bytes)
}

/// Removes a first line that starts before the bytes and a last line that is not finished.
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

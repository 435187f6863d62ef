//! Pages and searches of a log in memory.

use crate::domain::command::Refusal;
use crate::domain::log::{
    Extent, FilteredPage, FilteredRead, LogFind, LogFrom, LogPage, LogSearch,
};

/// Whole lines of `log`, about `limit` bytes and at least one line. `closed` means that the log will not grow.
pub(super) fn page(log: &[u8], closed: bool, from: LogFrom, limit: usize) -> LogPage {
    let (start, next) = match from {
        LogFrom::After(cursor) => forward(log, clamp(cursor, log), limit),
        LogFrom::Before(cursor) => backward(log, clamp(cursor, log), limit),
        LogFrom::End => backward(log, log.len(), limit),
    };
    LogPage {
        start: start as u64,
        next: next as u64,
        size: log.len() as u64,
        ended: closed && next == log.len(),
        bytes: log[start..next].to_vec(),
    }
}

/// Searches all of `log`.
pub(super) fn search(log: &[u8], closed: bool, search: &LogSearch) -> Result<LogFind, Refusal> {
    let extent = Extent { size: log.len() as u64, complete: closed };
    search.run(extent, u64::MAX, |at, buffer| {
        copy(log, at, buffer);
        Ok(())
    })
}

/// The lines of all of `log` that pass a filter.
pub(super) fn filter(
    log: &[u8],
    closed: bool,
    read: &FilteredRead,
) -> Result<FilteredPage, Refusal> {
    let extent = Extent { size: log.len() as u64, complete: closed };
    read.run(extent, u64::MAX, |at, buffer| {
        copy(log, at, buffer);
        Ok(())
    })
}

fn copy(log: &[u8], at: u64, buffer: &mut [u8]) {
    let at = clamp(at, log);
    buffer.copy_from_slice(&log[at..at + buffer.len()]);
}

fn clamp(cursor: u64, log: &[u8]) -> usize {
    usize::try_from(cursor).unwrap_or(usize::MAX).min(log.len())
}

fn forward(log: &[u8], cursor: usize, limit: usize) -> (usize, usize) {
    let start = if cursor == 0 { 0 } else { line_end(log, cursor - 1) };
    let full = start.saturating_add(limit).min(log.len());
    let next = match line_start(log, full) {
        next if next > start => next,
        _ => line_end(log, start),
    };
    (start, next)
}

fn backward(log: &[u8], cursor: usize, limit: usize) -> (usize, usize) {
    let next = line_start(log, cursor);
    let Some(last) = next.checked_sub(1) else { return (0, 0) };
    let full = next.saturating_sub(limit);
    let start = if full == 0 { 0 } else { line_end(log, full - 1) };
    (start.min(line_start(log, last)), next)
}

/// The first position at or before `at` where a line starts.
fn line_start(log: &[u8], at: usize) -> usize {
    log[..at].iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1)
}

/// The position after the line that the byte `at` belongs to.
fn line_end(log: &[u8], at: usize) -> usize {
    log[at..].iter().position(|byte| *byte == b'\n').map_or(log.len(), |end| at + end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &[u8] = b"one\ntwo\nthree\n";

    fn read(from: LogFrom, limit: usize) -> (u64, String) {
        let page = page(LOG, true, from, limit);
        (page.start, String::from_utf8(page.bytes).unwrap())
    }

    #[test]
    fn a_page_is_whole_lines_and_at_least_one() {
        assert_eq!(read(LogFrom::After(0), 7), (0, "one\n".into()));
        assert_eq!(read(LogFrom::After(0), 8), (0, "one\ntwo\n".into()));
        assert_eq!(read(LogFrom::After(8), 1), (8, "three\n".into()));
        assert_eq!(read(LogFrom::End, 1), (8, "three\n".into()));
        assert_eq!(read(LogFrom::End, 10), (4, "two\nthree\n".into()));
        assert_eq!(read(LogFrom::Before(8), 4), (4, "two\n".into()));
        assert_eq!(read(LogFrom::Before(0), 4), (0, String::new()));
    }

    #[test]
    fn a_cursor_inside_a_line_goes_to_the_next_forward_and_leaves_it_out_backward() {
        assert_eq!(read(LogFrom::After(5), 100), (8, "three\n".into()));
        assert_eq!(read(LogFrom::Before(6), 100), (0, "one\n".into()));
        assert_eq!(read(LogFrom::After(99), 100), (14, String::new()));
    }
}

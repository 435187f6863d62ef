//! Splits off the time with which each line of a log begins: `2026-11-27T05:00:00.1234567Z text`.

use chrono::{DateTime, Utc};

/// The most bytes before the space after a time.
const LONGEST: usize = 40;

/// The lines of a text that comes in pieces.
#[derive(Debug, Default)]
pub(super) struct TimedLines {
    /// The begin of a line, until its time is there.
    head: Vec<u8>,
    /// Whether the time of the line is split off.
    is_inside: bool,
    /// The time of the line.
    at: Option<DateTime<Utc>>,
}

impl TimedLines {
    /// Hands on pieces of lines without their times. A line without one has that of the line before.
    pub fn push(&mut self, bytes: &[u8], mut each: impl FnMut(Option<DateTime<Utc>>, &[u8])) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let ends = piece.ends_with(b"\n");
            if self.is_inside {
                each(self.at, piece);
                self.is_inside = !ends;
                continue;
            }
            self.head.extend_from_slice(piece);
            if ends || self.head.len() > LONGEST {
                self.begin(&mut each);
                self.is_inside = !ends;
            }
        }
    }

    /// Hands on what waits: nothing more comes.
    pub fn finish(&mut self, mut each: impl FnMut(Option<DateTime<Utc>>, &[u8])) {
        if !self.head.is_empty() {
            self.begin(&mut each);
        }
        *self = Self::default();
    }

    /// Whether the next byte begins a line.
    pub fn is_between(&self) -> bool {
        self.head.is_empty() && !self.is_inside
    }

    fn begin(&mut self, each: &mut impl FnMut(Option<DateTime<Utc>>, &[u8])) {
        let head = std::mem::take(&mut self.head);
        let line = head.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&head);
        let space = line.iter().take(LONGEST).position(|byte| *byte == b' ');
        let timed = space.and_then(|space| {
            let (time, rest) = (std::str::from_utf8(&line[..space]).ok()?, &line[space + 1..]);
            Some((DateTime::parse_from_rfc3339(time).ok()?, rest))
        });
        match timed {
            Some((at, rest)) => {
                self.at = Some(at.with_timezone(&Utc));
                each(self.at, rest);
            }
            None => each(self.at, line),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_has_its_own_time_wherever_the_text_is_cut() {
        let text = "\u{feff}2026-11-27T05:00:00.1234567Z one\nno time\n2026-11-27T05:00:01.0000000Z \n2026-11-27T05:00:02Z last";
        for size in 1..text.len() {
            let (mut lines, mut timed) = (Vec::new(), TimedLines::default());
            let mut each = |at: Option<DateTime<Utc>>, piece: &[u8]| {
                lines.push((at.unwrap().timestamp() % 60, piece.to_vec()));
            };
            for piece in text.as_bytes().chunks(size) {
                timed.push(piece, &mut each);
            }
            timed.finish(&mut each);
            lines.retain(|(_, piece)| !piece.is_empty());
            let all: Vec<_> = lines.iter().flat_map(|(_, piece)| piece.clone()).collect();
            assert_eq!(String::from_utf8(all).unwrap(), "one\nno time\n\nlast", "{size}");
            assert_eq!(lines.first().map(|(at, _)| *at), Some(0), "{size}");
            assert_eq!(lines.last().map(|(at, _)| *at), Some(2), "{size}");
        }
    }
}

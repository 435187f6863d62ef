//! Whatever a person sees in the log pane is found by the search in the log's file.

use std::collections::BTreeSet;

use chrono::DateTime;
use trunkline::domain::log::{
    Direction, Extent, LogFind, LogSearch, Stream, Unsearchable, Wanted, format,
};
use trunkline::gate::log_rows;

use trunkline_testing::dice::{Dice, Seed, number};

/// What lines are made of here: words, colours, controls, and characters that are not drawn as they are.
const PARTS: &[&[u8]] = &[
    b"deploy",
    b"Error",
    b"ERROR",
    b"12",
    b"a",
    b"e",
    b"FE0F",
    b"mark",
    b"<",
    b">",
    b" ",
    b"  ",
    b"\t",
    b"\x1b[31m",
    b"\x1b[0m",
    b"\x1b[1;38;5;208m",
    b"\x1b[2K",
    b"\x1b[?25l",
    b"\x1b[6n",
    b"\x1b[",
    b"\x1b",
    b"\x1b(B",
    b"\x1b]0;title\x07",
    b"\x1b]8;;http://x\x1b\\",
    b"\x1b]52;c;aGk=\x07",
    b"\x1b]0;",
    b"\x1bP1$r\x1b\\",
    b"\r",
    b"\x07",
    b"\x0f",
    b"\0",
    b"\x7f",
    b"\xff",
    b"\xc3",
    b"\xe2\x9c",
    "ä".as_bytes(),
    "Ü".as_bytes(),
    "日本".as_bytes(),
    "⚠\u{FE0F}".as_bytes(),
    "👩\u{200D}💻".as_bytes(),
    "x\u{200D}y".as_bytes(),
    "\u{202E}".as_bytes(),
    "\u{9b}31m".as_bytes(),
    "e\u{301}".as_bytes(),
    "\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}".as_bytes(),
    "\u{AD}".as_bytes(),
    "\u{3164}".as_bytes(),
    b"123456789012345678901234567890",
    b"fail",
    b"WARN",
    b"[6n",
    b"^G",
    b"U+202E",
];

/// A log in memory and where the lines of the step begin and end in it.
#[derive(Default)]
struct Log {
    bytes: Vec<u8>,
    lines: Vec<Line>,
}

struct Line {
    start: u64,
    end: u64,
    rows: Vec<String>,
}

impl Log {
    /// Adds a line of the step, cut into as many pieces as there are.
    fn say(&mut self, stream: Stream, pieces: &[&[u8]]) {
        let start = self.bytes.len() as u64;
        let at = DateTime::from_timestamp(1_795_403_642, 0).unwrap();
        for (nth, piece) in pieces.iter().enumerate() {
            self.bytes.extend(format(at, stream, piece, nth + 1 < pieces.len()));
        }
        let rows = log_rows(&pieces.concat()).into_iter().map(|row| row.text).collect();
        self.lines.push(Line { start, end: self.bytes.len() as u64, rows });
    }

    fn find(&self, search: &LogSearch, budget: u64) -> LogFind {
        let extent = Extent { size: self.bytes.len() as u64, complete: true };
        let read = |at, buffer: &mut [u8]| {
            let at = usize::try_from(at).unwrap();
            buffer.copy_from_slice(&self.bytes[at..at + buffer.len()]);
            Ok::<_, Unsearchable>(())
        };
        search.run(extent, budget, read).unwrap()
    }

    /// The first cursor after this one where a line begins.
    fn after(&self, at: u64) -> u64 {
        let rest = &self.bytes[usize::try_from(at).unwrap()..];
        rest.iter().position(|byte| *byte == b'\n').map_or(at + 1, |end| at + end as u64 + 1)
    }

    /// The lines that a search goes to, one after the other.
    fn walk(&self, wanted: &Wanted, direction: Direction, budget: u64) -> BTreeSet<usize> {
        let mut found = BTreeSet::new();
        let mut from = if direction == Direction::Newer { 0 } else { self.bytes.len() as u64 };
        loop {
            let search = LogSearch { wanted: wanted.clone(), direction, from };
            from = match self.find(&search, budget) {
                LogFind::Nowhere { .. } => return found,
                LogFind::NotYet { reached, .. } => {
                    assert_ne!(reached, from, "it goes on");
                    reached
                }
                LogFind::Found { at, .. } => {
                    let line = self.lines.partition_point(|line| line.end <= at);
                    found.insert(line);
                    if direction == Direction::Newer { self.after(at) } else { at }
                }
            };
        }
    }

    /// As much of the step's line as is shown by who reads the log from this cursor.
    fn shown_from(&self, at: u64) -> String {
        let bytes = &self.bytes[usize::try_from(at).unwrap()..];
        let bytes = &bytes[..bytes.len().min(64 * 1024)];
        let texts = bytes.split(|byte| *byte == b'\n').filter_map(|line| line.get(27..));
        String::from_utf8(texts.collect::<Vec<_>>().concat()).unwrap()
    }

    fn walks(&self, wanted: &Wanted) -> [BTreeSet<usize>; 2] {
        [Direction::Newer, Direction::Older].map(|direction| self.walk(wanted, direction, u64::MAX))
    }
}

fn text(text: &str) -> Wanted {
    Wanted::Text(text.to_owned())
}

/// What the pane promises: letters match in either case unless one of them is upper case.
fn shows(row: &str, text: &str) -> bool {
    if text.chars().any(char::is_uppercase) {
        return row.contains(text);
    }
    row.to_lowercase().contains(&text.to_lowercase())
}

fn some_line(dice: &mut Dice) -> Vec<u8> {
    let parts = dice.below(9);
    (0..parts).flat_map(|_| dice.pick(PARTS).to_vec()).collect()
}

fn some_log(dice: &mut Dice) -> Log {
    let mut log = Log::default();
    for _ in 0..=dice.below(12) {
        let line = some_line(dice);
        let stream = dice.one_of(&[Stream::Out, Stream::Err, Stream::Note]);
        let (first, second) = (dice.below(line.len() + 1), dice.below(line.len() + 1));
        let (first, second) = (first.min(second), first.max(second));
        match dice.below(3) {
            0 => log.say(stream, &[&line[..first], &line[first..second], &line[second..]]),
            1 => log.say(stream, &[&line[..first], &line[first..]]),
            _ => log.say(stream, &[&line]),
        }
    }
    log
}

/// Something that stands on the screen, perhaps in small letters.
fn something_shown(log: &Log, dice: &mut Dice) -> Option<String> {
    let line = dice.pick(&log.lines);
    let row: Vec<char> = dice.pick(&line.rows).chars().collect();
    let start = dice.below(row.len().max(1));
    let some: String = row.into_iter().skip(start).take(1 + dice.below(8)).collect();
    let some = if dice.below(2) == 0 { some.to_lowercase() } else { some };
    (!some.is_empty()).then_some(some)
}

#[test]
fn whatever_is_on_screen_is_found_in_the_file() {
    let seed = Seed::of_this_run();
    let mut dice = Dice::of(seed.0);
    for nth in 0..number("TRUNKLINE_SEARCHES").unwrap_or(1_000) {
        let log = some_log(&mut dice);
        let Some(some) = something_shown(&log, &mut dice) else { continue };
        let has = |line: &Line| line.rows.iter().any(|row| shows(row, &some));
        let wanted: BTreeSet<_> = (0..log.lines.len()).filter(|n| has(&log.lines[*n])).collect();
        for found in log.walks(&text(&some)) {
            assert!(
                found.is_superset(&wanted),
                "TRUNKLINE_SEED={} search {nth}: {some:?} is in {wanted:?}, found in {found:?} of {:?}",
                seed.0,
                String::from_utf8_lossy(&log.bytes)
            );
        }
    }
}

#[test]
fn lines_without_anything_odd_are_found_only_when_they_have_it() {
    let mut log = Log::default();
    for n in 0..2_000 {
        log.say(Stream::Out, &[format!("request {n} took {} ms", n * 7 % 911).as_bytes()]);
    }
    for some in ["request 12", "took 9", "2026", "o req", "1 ms", "nothing"] {
        let wanted: BTreeSet<_> =
            (0..2_000).filter(|n| log.lines[*n].rows[0].contains(some)).collect();
        assert_eq!(log.walks(&text(some)), [wanted.clone(), wanted], "{some}");
    }
}

#[test]
fn coloured_lines_are_found_only_when_they_have_it() {
    let mut log = Log::default();
    for n in 0..500 {
        log.say(Stream::Out, &[format!("\x1b[32mre\x1b[1mquest\x1b[0m\t{n}").as_bytes()]);
    }
    let wanted: BTreeSet<_> = (0..500).filter(|n| n.to_string().starts_with("31")).collect();
    assert_eq!(log.walks(&text("request 31")), [wanted.clone(), wanted]);
    assert_eq!(log.walks(&text("32m")), [BTreeSet::new(), BTreeSet::new()]);
}

#[test]
fn a_word_is_found_wherever_it_is_in_a_line_that_does_not_end() {
    const PIECE: usize = 16 * 1024;
    let mut giant = vec![b'.'; 100 * PIECE];
    let places = [PIECE - 3, 5 * PIECE - 1, 31 * PIECE + 77, 64 * PIECE - 2, 100 * PIECE - 6];
    for place in places {
        giant[place..place + 6].copy_from_slice(b"needle");
    }
    let pieces: Vec<_> = giant.chunks(PIECE).collect();
    let mut log = Log::default();
    log.say(Stream::Out, &[b"before"]);
    log.say(Stream::Out, &pieces);
    let mut from = 0;
    for place in places {
        let search = LogSearch { wanted: text("needle"), direction: Direction::Newer, from };
        let LogFind::Found { at, .. } = log.find(&search, u64::MAX) else { panic!("{place}") };
        assert!(log.shown_from(at).contains("needle"), "{place} is not shown from {at}");
        let begins = log.lines[1].start + (place / PIECE * (PIECE + 28)) as u64;
        assert!(at == begins || at == log.lines[1].start, "{place}: {at} {begins}");
        from = log.after(begins);
    }
    assert_eq!(log.walk(&text("needle"), Direction::Older, 1), [1].into());
    assert_eq!(log.walk(&text("needle"), Direction::Newer, 1), [1].into());
}

#[test]
fn a_sequence_that_is_cut_into_two_pieces_is_found_where_it_begins() {
    const PIECE: usize = 16 * 1024;
    let mut giant = vec![b'.'; 8 * PIECE];
    let cut = 6 * PIECE;
    giant[cut - 2..cut + 2].copy_from_slice(b"\x1b[6n");
    let mut log = Log::default();
    log.say(Stream::Out, &giant.chunks(PIECE).collect::<Vec<_>>());
    let search = LogSearch { wanted: text("^[[6n"), direction: Direction::Newer, from: 0 };
    let LogFind::Found { at, .. } = log.find(&search, u64::MAX) else { panic!("it is on screen") };
    assert_eq!(at, (5 * (PIECE + 28)) as u64);
}

#[test]
fn whatever_a_line_that_does_not_end_shows_is_offered_where_it_can_be_read() {
    const PIECE: usize = 16 * 1024;
    let seed = Seed::of_this_run();
    let mut dice = Dice::of(seed.0);
    for nth in 0..number("TRUNKLINE_SEARCHES").unwrap_or(1_000) / 100 {
        let mut giant = Vec::new();
        while giant.len() < 7 * PIECE {
            giant.extend_from_slice(dice.one_of(PARTS));
        }
        // A tab is as wide as its column, which depends on where the reader starts.
        giant.retain(|byte| *byte != b'\t');
        let pieces: Vec<_> = giant.chunks(PIECE).collect();
        let mut log = Log::default();
        log.say(Stream::Out, &pieces);
        let whole = log.lines[0].rows.join("\n");
        let place = whole.floor_char_boundary(dice.below(whole.len()));
        let some: String = whole[place..].chars().take(12).collect();
        let some = some.split('\n').next().unwrap_or_default();
        if some.len() < 6 {
            continue;
        }
        let begins = |n: usize| (n * (PIECE + 28)) as u64;
        let reads = |n: usize| log_rows(&giant[n * PIECE..giant.len().min((n + 4) * PIECE)]);
        let shows = |n: usize| reads(n).iter().any(|row| row.text.contains(some));
        let can_be_read = (0..pieces.len()).any(shows);
        let mut from = 0;
        let is_offered = std::iter::from_fn(|| {
            let search = LogSearch { wanted: text(some), direction: Direction::Newer, from };
            let LogFind::Found { at, .. } = log.find(&search, u64::MAX) else { return None };
            from = log.after(at);
            Some(at)
        })
        .any(|at| (0..pieces.len()).any(|n| begins(n) == at && shows(n)));
        assert!(is_offered || !can_be_read, "TRUNKLINE_SEED={} search {nth}: {some:?}", seed.0);
    }
}

#[test]
fn errors_are_the_lines_that_the_pane_calls_errors() {
    let mut log = Log::default();
    let lines: [(Stream, &[u8], bool); 12] = [
        (Stream::Out, b"0 errors, all fine", false),
        (Stream::Out, b"ERROR upstream timeout", true),
        (Stream::Err, b"error: no such file", true),
        (Stream::Err, b"all terrors are fine", false),
        (Stream::Out, b"E\x1b[31mRR\x1b[0mOR in colour", true),
        (Stream::Note, b"ERROR of ours", false),
        (Stream::Out, b"12:00 FAILED", true),
        (Stream::Out, b"12:00 failed", false),
        (Stream::Err, b"thread panicked", true),
        (Stream::Out, b"git: fatal: not a repository", true),
        (Stream::Out, b"error[E1]: no", true),
        (Stream::Out, b"thread 'main' panicked at x", true),
    ];
    for (stream, line, _) in lines {
        log.say(stream, &[line]);
    }
    log.say(Stream::Out, &[b"it says ER", b"ROR across a cut"]);
    let wanted: BTreeSet<_> = (0..12).filter(|n| lines[*n].2).chain([12]).collect();
    assert_eq!(log.walks(&Wanted::Error), [wanted.clone(), wanted]);
}

#[test]
fn a_search_looks_at_so_much_at_a_time_and_goes_on_from_there() {
    let mut log = Log::default();
    for n in 0..number("TRUNKLINE_LINES").unwrap_or(100_000) {
        let word = if n == 3 { "needle" } else { "hay" };
        log.say(
            Stream::Out,
            &[format!("{n} {word} and so on, as long as a line of a log is").as_bytes()],
        );
    }
    let search = LogSearch {
        wanted: text("needle"),
        direction: Direction::Older,
        from: log.bytes.len() as u64,
    };
    let LogFind::NotYet { reached, size } = log.find(&search, 1 << 20) else { panic!() };
    assert!(size - reached >= 1 << 20 && size - reached < 3 << 20, "{reached} of {size}");
    assert_eq!(log.walk(&text("needle"), Direction::Older, 1 << 20), [3].into());
    assert_eq!(log.walk(&text("needle"), Direction::Newer, 1 << 20), [3].into());
}

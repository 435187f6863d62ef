//! The log pane through its public door: pages in, commands in, a drawn screen out.

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier};
use trunkline::calendar::Tz;
use trunkline::console::log::{Limits, LogCommand, LogPane, Want, view};
use trunkline::console::theme::{Role, Theme};
use trunkline::domain::log::{
    Extent, FilteredPage, FilteredRead, LogFind, LogFrom, LogPage, LogSearch, Stream, Unsearchable,
    format,
};
use trunkline::terminal::capabilities::{Charset, Depth};

const PAGE: usize = 2_000;
const SMALL: Limits = Limits { lines: 100, bytes: 1 << 20 };

fn at(second: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_403_642 + second, 0).unwrap()
}

/// A log on its backend, and the pane that reads it.
pub(crate) struct Rig {
    pub(crate) log: Vec<u8>,
    pub(crate) ended: bool,
    pub(crate) pane: LogPane,
    pub(crate) width: u16,
    pub(crate) height: u16,
    pub(crate) reads: usize,
    pub(crate) now: DateTime<Utc>,
}

impl Rig {
    pub(crate) fn new(width: u16, height: u16) -> Self {
        Self::with_limits(width, height, Limits::default())
    }

    pub(crate) fn with_limits(width: u16, height: u16, limits: Limits) -> Self {
        let mut pane = LogPane::with_limits(Tz::Etc__GMTMinus1, limits);
        pane.resize(width, height);
        Self { log: Vec::new(), ended: false, pane, width, height, reads: 0, now: at(100) }
    }

    pub(crate) fn numbered(width: u16, height: u16, lines: std::ops::Range<usize>) -> Self {
        let mut rig = Self::new(width, height);
        rig.say_numbered(lines);
        rig.read();
        rig
    }

    pub(crate) fn say_numbered(&mut self, lines: std::ops::Range<usize>) {
        for n in lines {
            self.say(Stream::Out, &format!("line {n}"));
        }
    }

    pub(crate) fn say(&mut self, stream: Stream, text: &str) {
        self.log.extend(format(at(0), stream, text.as_bytes(), false));
    }

    /// Answers what the pane wants until it waits for news.
    pub(crate) fn read(&mut self) {
        while let Some(want) = self.pane.wants() {
            match want {
                Want::Read(from) => {
                    let page = self.page(from);
                    if from == LogFrom::After(page.next) && !page.ended {
                        return;
                    }
                    self.pane.feed(from, &page, self.now);
                }
                Want::Search(search) => self.pane.found(&search, self.search(&search)),
                Want::Filter(read) => {
                    let page = self.filter(&read);
                    if read.from == LogFrom::After(page.next) && read.limit > 0 && !page.ended {
                        return;
                    }
                    self.pane.feed_filtered(&read, &page, self.now);
                }
            }
            self.reads += 1;
            assert!(self.reads < 500, "the pane reads without an end");
        }
    }

    pub(crate) fn search(&self, search: &LogSearch) -> LogFind {
        let extent = Extent { size: self.log.len() as u64, complete: self.ended };
        let read = |at, buffer: &mut [u8]| {
            let at = usize::try_from(at).unwrap();
            buffer.copy_from_slice(&self.log[at..at + buffer.len()]);
            Ok::<_, Unsearchable>(())
        };
        search.run(extent, u64::MAX, read).unwrap()
    }

    pub(crate) fn filter(&self, read: &FilteredRead) -> FilteredPage {
        let extent = Extent { size: self.log.len() as u64, complete: self.ended };
        let fill = |at, buffer: &mut [u8]| {
            let at = usize::try_from(at).unwrap();
            buffer.copy_from_slice(&self.log[at..at + buffer.len()]);
            Ok::<_, Unsearchable>(())
        };
        read.run(extent, u64::MAX, fill).unwrap()
    }

    pub(crate) fn page(&self, from: LogFrom) -> LogPage {
        let size = self.log.len();
        // Whole lines, and at least one of them.
        let end_after = |at: usize| {
            self.log[at..].iter().position(|b| *b == b'\n').map_or(size, |end| at + end + 1)
        };
        let start_before =
            |at: usize| self.log[..at].iter().rposition(|b| *b == b'\n').map_or(0, |end| end + 1);
        let tail =
            |end: usize| start_before(end.saturating_sub(PAGE).min(end.saturating_sub(1)))..end;
        let range = match from {
            LogFrom::After(start) => {
                let start = usize::try_from(start).unwrap();
                start..start_before((start + PAGE).min(size)).max(end_after(start))
            }
            LogFrom::Before(end) => tail(usize::try_from(end).unwrap()),
            LogFrom::End => tail(size),
        };
        LogPage {
            start: range.start as u64,
            next: range.end as u64,
            size: size as u64,
            ended: self.ended && range.end == size,
            bytes: self.log[range].to_vec(),
        }
    }

    pub(crate) fn press(&mut self, command: LogCommand) {
        self.pane.update(command);
        self.read();
    }

    pub(crate) fn buffer(&self) -> Buffer {
        let area = Rect::new(0, 0, self.width, self.height);
        let mut buffer = Buffer::empty(area);
        view(&self.pane, area, &mut buffer, &theme(), self.now);
        buffer
    }

    pub(crate) fn screen(&self) -> Vec<String> {
        let buffer = self.buffer();
        let row = |y| (0..self.width).map(|x| buffer[(x, y)].symbol()).collect::<String>();
        (0..self.height).map(|y| row(y).trim_end().to_owned()).collect()
    }

    pub(crate) fn title(&self) -> String {
        self.pane.title().into_iter().map(|(text, _)| text).collect::<Vec<_>>().join(" ")
    }
}

pub(crate) fn theme() -> Theme {
    Theme::terminal(Depth::Ansi16, Charset::Unicode)
}

#[test]
fn it_opens_at_the_end_with_one_read() {
    let mut rig = Rig::new(20, 3);
    rig.say_numbered(0..10_000);
    assert_eq!(rig.pane.wants(), Some(Want::Read(LogFrom::End)));
    let page = rig.page(LogFrom::End);
    rig.pane.feed(LogFrom::End, &page, rig.now);
    assert_eq!(rig.screen(), [" line 9997", " line 9998", " line 9999"]);
    assert_eq!(rig.title(), "FOLLOW");
}

#[test]
fn following_shows_each_new_line() {
    let mut rig = Rig::numbered(20, 2, 0..5);
    rig.say_numbered(5..8);
    rig.read();
    assert_eq!(rig.screen(), [" line 6", " line 7"]);
}

#[test]
fn scrolling_up_pauses_and_new_lines_are_counted_and_not_shown() {
    let mut rig = Rig::numbered(20, 2, 0..10);
    rig.press(LogCommand::Up(3));
    let before = rig.screen();
    assert_eq!(before, [" line 5", " line 6"]);
    rig.say_numbered(10..138);
    rig.read();
    assert_eq!(rig.screen(), before);
    assert_eq!(rig.title(), "PAUSED +128 new");
    rig.press(LogCommand::Follow);
    assert_eq!(rig.screen(), [" line 136", " line 137"]);
    assert_eq!(rig.title(), "FOLLOW");
}

#[test]
fn scrolling_up_goes_on_into_pages_that_were_not_read_yet() {
    let mut rig = Rig::numbered(20, 4, 0..1_000);
    for _ in 0..400 {
        rig.press(LogCommand::PageUp);
    }
    assert_eq!(rig.screen(), [" line 0", " line 1", " line 2", " line 3"]);
    for n in 1..=600 {
        rig.press(LogCommand::Down(1));
        assert_eq!(rig.screen()[0], format!(" line {n}"));
    }
}

#[test]
fn the_whole_log_can_be_walked_through_a_window_that_holds_a_part_of_it() {
    let mut rig = Rig::with_limits(20, 5, SMALL);
    rig.say_numbered(0..600);
    rig.ended = true;
    rig.read();
    assert_eq!(rig.title(), "ENDED");
    rig.press(LogCommand::Top);
    assert_eq!(rig.screen()[0], " line 0");
    for n in 1..=595 {
        rig.press(LogCommand::Down(1));
        assert_eq!(rig.screen()[0], format!(" line {n}"));
    }
    for n in (0..595).rev() {
        rig.press(LogCommand::Up(1));
        assert_eq!(rig.screen()[0], format!(" line {n}"));
    }
    rig.press(LogCommand::Bottom);
    assert_eq!(rig.screen()[4], " line 599");
}

#[test]
fn a_log_that_has_ended_and_was_read_to_its_end_wants_nothing() {
    let mut rig = Rig::numbered(20, 3, 0..3);
    rig.ended = true;
    rig.read();
    assert_eq!(rig.pane.wants(), None);
}

#[test]
fn an_answer_that_is_no_longer_wanted_changes_nothing() {
    let mut rig = Rig::numbered(20, 3, 0..500);
    let late = rig.page(LogFrom::Before(200));
    let before = rig.screen();
    rig.pane.feed(LogFrom::Before(200), &late, rig.now);
    assert_eq!(rig.screen(), before);
}

#[test]
fn a_long_line_is_clipped_with_its_size_and_wrapped_on_request() {
    let mut rig = Rig::new(20, 3);
    rig.say(Stream::Out, &"x".repeat(40));
    rig.say(Stream::Out, &format!("y{}", "z".repeat(86_012)));
    rig.read();
    assert_eq!(rig.screen()[0], format!(" {}…+25", "x".repeat(15)));
    assert_eq!(rig.screen()[1], " yzzzzzzzzzzzzz…+85k");
    rig.press(LogCommand::Top);
    rig.press(LogCommand::Wrap);
    assert_eq!(rig.screen()[0], format!(" {}", "x".repeat(19)));
    assert_eq!(rig.screen()[1], format!("↪{}", "x".repeat(19)));
    assert_eq!(rig.screen()[2], "↪xx");
}

#[test]
fn wrapped_rows_are_scrolled_one_by_one() {
    let mut rig = Rig::new(11, 2);
    rig.press(LogCommand::Wrap);
    rig.say(Stream::Out, "aaaaaaaaaabbbbbbbbbbcccccccccc");
    rig.say(Stream::Out, "end");
    rig.read();
    assert_eq!(rig.screen(), ["↪cccccccccc", " end"]);
    rig.press(LogCommand::Up(1));
    assert_eq!(rig.screen(), ["↪bbbbbbbbbb", "↪cccccccccc"]);
    rig.press(LogCommand::Up(1));
    assert_eq!(rig.screen(), [" aaaaaaaaaa", "↪bbbbbbbbbb"]);
}

#[test]
fn a_line_that_was_stored_in_pieces_is_one_line_again() {
    let mut rig = Rig::new(40, 3);
    for (text, continues) in [("one \x1b[3", true), ("1mred ", true), ("line", false)] {
        rig.log.extend(format(at(0), Stream::Out, text.as_bytes(), continues));
        rig.read();
    }
    rig.say(Stream::Out, "next");
    rig.read();
    assert_eq!(rig.screen(), [" one red line", " next", ""]);
    assert_eq!(rig.buffer()[(5, 0)].fg, Color::Red);
}

#[test]
fn a_piece_that_the_first_page_began_with_is_joined_once_the_rest_is_read() {
    let mut rig = Rig::new(60, 4);
    rig.say_numbered(0..300);
    let seam = rig.log.len() as u64;
    rig.log.extend(format(at(0), Stream::Out, b"first half, ", true));
    let second = rig.log.len();
    rig.log.extend(format(at(0), Stream::Out, b"second half", false));
    let end = rig.log.len() as u64;
    let bytes = rig.log[second..].to_vec();
    let tail = LogPage { start: second as u64, next: end, size: end, ended: true, bytes };
    rig.pane.feed(LogFrom::End, &tail, rig.now);
    assert_eq!(rig.screen()[0], " second half");
    rig.ended = true;
    rig.read();
    assert_eq!(rig.screen()[2..], [" line 299", " first half, second half"], "seam at {seam}");
}

#[test]
fn errors_are_counted_and_jumped_to_and_on_standard_output_only_those_in_capitals() {
    let mut rig = Rig::new(30, 4);
    rig.say_numbered(0..20);
    rig.say(Stream::Err, "ERROR upstream timeout");
    rig.say(Stream::Out, "error in name only");
    rig.say(Stream::Out, "12:00 ERROR lost the cache");
    rig.say(Stream::Err, "all terrors are fine");
    rig.say_numbered(20..40);
    rig.say(Stream::Err, "thread panicked");
    rig.say_numbered(40..60);
    rig.read();
    assert_eq!(rig.title(), "FOLLOW e:3+");
    rig.press(LogCommand::PreviousError);
    assert!(rig.screen().contains(&"▸thread panicked".to_owned()), "{:?}", rig.screen());
    rig.press(LogCommand::PreviousError);
    assert!(rig.screen().iter().any(|line| line.starts_with("▸12:00 ERROR")), "{:?}", rig.screen());
    rig.press(LogCommand::PreviousError);
    assert!(rig.screen().contains(&"▸ERROR upstream timeout".to_owned()), "{:?}", rig.screen());
    rig.press(LogCommand::PreviousError);
    assert!(rig.title().ends_with("no more found"), "{}", rig.title());
    rig.press(LogCommand::NextError);
    rig.press(LogCommand::NextError);
    assert!(rig.screen().contains(&"▸thread panicked".to_owned()), "{:?}", rig.screen());
}

#[test]
fn an_error_far_outside_of_what_is_in_memory_is_found() {
    let mut rig = Rig::with_limits(30, 4, SMALL);
    rig.say_numbered(0..50);
    rig.say(Stream::Err, "fatal: no space left");
    rig.say_numbered(50..3_000);
    rig.read();
    rig.press(LogCommand::PreviousError);
    assert!(rig.screen().contains(&"▸fatal: no space left".to_owned()), "{:?}", rig.screen());
    assert_eq!(rig.title(), "PAUSED e:1+");
}

#[test]
fn a_search_in_vain_beyond_what_is_in_memory_ends_where_it_began() {
    let mut rig = Rig::with_limits(30, 4, SMALL);
    rig.say_numbered(0..1_000);
    rig.read();
    rig.press(LogCommand::Search("nowhere".into()));
    assert_eq!(rig.title(), "FOLLOW no more found");
    assert_eq!(rig.screen()[3], " line 999");
    rig.press(LogCommand::Top);
    rig.press(LogCommand::Down(200));
    let before = rig.screen();
    for command in [LogCommand::NextMatch, LogCommand::PreviousMatch, LogCommand::NextError] {
        rig.press(command);
        assert!(rig.title().ends_with("no more found"), "{}", rig.title());
        assert_eq!(rig.screen(), before);
    }
}

#[test]
fn a_search_finds_older_and_newer_lines_and_marks_them() {
    let mut rig = Rig::numbered(20, 3, 0..200);
    rig.press(LogCommand::Search("LINE 1".into()));
    assert!(rig.title().contains("no more found"), "upper case is meant: {}", rig.title());
    rig.press(LogCommand::Search("line 10".into()));
    assert!(rig.screen().contains(&"▸line 109".to_owned()), "{:?}", rig.screen());
    let buffer = rig.buffer();
    let search = theme().style(Role::Search);
    let y = u16::try_from(rig.screen().iter().position(|row| row == "▸line 109").unwrap()).unwrap();
    assert_eq!(buffer[(7, y)].bg, search.bg.unwrap());
    assert_ne!(buffer[(8, y)].bg, search.bg.unwrap());
    rig.press(LogCommand::PreviousMatch);
    rig.press(LogCommand::PreviousMatch);
    assert!(rig.screen().contains(&"▸line 107".to_owned()), "{:?}", rig.screen());
    rig.press(LogCommand::NextMatch);
    assert!(rig.screen().contains(&"▸line 108".to_owned()), "{:?}", rig.screen());
    rig.press(LogCommand::Search(String::new()));
    assert_eq!(rig.title(), "PAUSED");
}

#[test]
fn the_time_column_says_local_utc_and_how_long_ago() {
    let mut rig = Rig::new(60, 1);
    rig.say(Stream::Out, "released");
    rig.read();
    let mut seen = Vec::new();
    for _ in 0..4 {
        rig.press(LogCommand::Time);
        seen.extend(rig.screen());
    }
    assert_eq!(
        seen,
        [" 04:14:02  released", " 03:14:02Z released", " -1m40s    released", " released"]
    );
}

#[test]
fn what_came_from_where_is_told_apart_without_colour() {
    let mut rig = Rig::new(30, 4);
    rig.say(Stream::Out, "out");
    rig.say(Stream::Err, "err");
    rig.say(Stream::Note, "step took 2s");
    rig.log.extend(b"not our form\n");
    rig.read();
    assert_eq!(rig.screen(), [" out", "▏err", " step took 2s", " not our form"]);
    let note = theme().style(Role::LogNote).add_modifier;
    assert!(rig.buffer()[(1, 2)].modifier.contains(note));
    rig.press(LogCommand::Plain);
    assert_eq!(rig.screen()[1], "err");
}

#[test]
fn nothing_hostile_is_drawn_and_what_is_refused_looks_like_no_text() {
    let mut rig = Rig::new(60, 2);
    rig.say(Stream::Out, "\x1b[2J\x1b[31mred\x1b[0m \x1b[6n \u{202e}evil");
    rig.say(Stream::Out, "50%\r100%");
    rig.read();
    rig.press(LogCommand::Top);
    assert_eq!(rig.screen(), [" red ^[[6n <U+202E>evil", " 50%"]);
    let buffer = rig.buffer();
    assert_eq!(buffer[(1, 0)].fg, Color::Red);
    assert!(buffer[(5, 0)].modifier.contains(Modifier::DIM | Modifier::REVERSED));
    assert!(!buffer[(4, 0)].modifier.contains(Modifier::REVERSED));
}

#[test]
fn a_lost_stream_and_a_hole_are_drawn() {
    let mut rig = Rig::numbered(70, 4, 0..2);
    rig.pane.interrupted(at(100));
    assert_eq!(rig.title(), "LOST, retrying FOLLOW");
    rig.say_numbered(2..3);
    rig.now = at(112);
    rig.read();
    assert_eq!(rig.screen()[2], " -- lost for 12s, then resumed; nothing is missing --");
    assert_eq!(rig.screen()[3], " line 2");
    let Some(Want::Read(LogFrom::After(end))) = rig.pane.wants() else { panic!("it follows") };
    let page = LogPage {
        start: end + 86,
        next: end + 86 + 5,
        size: end + 91,
        ended: false,
        bytes: b"late\n".to_vec(),
    };
    rig.pane.feed(LogFrom::After(end), &page, rig.now);
    assert_eq!(rig.screen()[2..], [" -- 86 bytes of the log are missing here --", " late"]);
}

#[test]
fn another_steps_log_starts_anew_and_keeps_how_it_is_seen() {
    let mut rig = Rig::numbered(20, 2, 0..50);
    rig.press(LogCommand::Wrap);
    rig.press(LogCommand::Up(5));
    rig.pane.restart();
    rig.log.clear();
    rig.say(Stream::Out, &"w".repeat(25));
    rig.read();
    assert_eq!(rig.screen(), [format!(" {}", "w".repeat(19)), format!("↪{}", "w".repeat(6))]);
    assert_eq!(rig.title(), "FOLLOW");
}

fn command() -> impl Strategy<Value = LogCommand> {
    use LogCommand as C;
    prop_oneof![
        (0_usize..50).prop_map(C::Up),
        (0_usize..50).prop_map(C::Down),
        "[a-z0-9 ]{0,3}".prop_map(C::Search),
        prop::sample::select(vec![
            C::PageUp,
            C::PageDown,
            C::HalfPageUp,
            C::HalfPageDown,
            C::Top,
            C::Bottom,
            C::Follow,
            C::Wrap,
            C::Time,
            C::Plain,
            C::NextError,
            C::PreviousError,
            C::NextMatch,
            C::PreviousMatch,
        ]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 32, max_shrink_iters: 20, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn no_size_no_text_and_no_command_makes_it_panic_or_read_for_ever(
        width in 0_u16..70,
        height in 0_u16..30,
        lines in prop::collection::vec(".{0,60}", 0..80),
        commands in prop::collection::vec(command(), 0..30),
        resized in (0_u16..70, 0_u16..30),
    ) {
        let limits = Limits { lines: 20, bytes: 4_000 };
        let mut rig = Rig::with_limits(width, height, limits);
        for line in &lines {
            rig.say(Stream::Err, line);
        }
        rig.read();
        for command in commands {
            rig.press(command);
            rig.screen();
        }
        (rig.width, rig.height) = resized;
        rig.screen();
        rig.pane.resize(resized.0, resized.1);
        rig.press(LogCommand::Up(3));
        rig.screen();
    }
}

#[test]
fn an_old_line_on_screen_says_how_old_it_is_now() {
    let mut rig = Rig::new(60, 1);
    rig.say(Stream::Out, "released");
    rig.read();
    (0..3).for_each(|_| rig.press(LogCommand::Time));
    rig.now += TimeDelta::hours(2);
    assert_eq!(rig.screen(), [" -2h1m     released"]);
}

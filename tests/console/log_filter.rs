//! Only the lines of a log that pass a filter: on screen, counted, and with the way back to the whole log.

use chrono::DateTime;
use trunkline::backend::scripted::Scripted;
use trunkline::console::log::LogCommand;
use trunkline::domain::log::{
    Extent, FilteredPage, FilteredRead, LineFilter, LogFrom, Stream, Unsearchable, Wanted, format,
};
use trunkline_testing::console::{Console, talkative};
use trunkline_testing::dice::{Dice, Seed};

use crate::log_pane::Rig;

/// 300 lines, of which each tenth has a word.
fn tenths() -> Rig {
    let mut rig = Rig::new(60, 4);
    say_tenths(&mut rig, 0..300);
    rig.read();
    rig
}

fn say_tenths(rig: &mut Rig, lines: std::ops::Range<usize>) {
    for n in lines {
        let word = if n % 10 == 0 { "Timeout" } else { "fine" };
        rig.say(Stream::Out, &format!("line {n} {word}"));
    }
}

fn filter(rig: &mut Rig, text: &str) {
    rig.pane.filter_by(text).unwrap();
    rig.read();
}

#[test]
fn a_filter_shows_the_lines_that_pass_and_counts_them_in_the_whole_log() {
    let mut rig = tenths();
    filter(&mut rig, "timeout");
    let last = [" line 260 Timeout", " line 270 Timeout", " line 280 Timeout", "▸line 290 Timeout"];
    assert_eq!(rig.screen(), last);
    assert_eq!(rig.title(), "FOLLOW &timeout  30 of 300 lines");
    filter(&mut rig, "TIMEOUT");
    assert_eq!(rig.title(), "FOLLOW &TIMEOUT  0 of 300 lines", "upper case is meant");
    filter(&mut rig, "/line 2.0 t/");
    assert_eq!(rig.title(), "FOLLOW &/line 2.0 t/  10 of 300 lines");
    filter(&mut rig, "!fine");
    assert_eq!(rig.screen(), last);
    filter(&mut rig, "!/fine|0$|Time/");
    assert_eq!(rig.title(), "FOLLOW &!/fine|0$|Time/  0 of 300 lines");
    filter(&mut rig, "/^line 29. /");
    assert_eq!(rig.title(), "FOLLOW &/^line 29. /  10 of 300 lines");
}

#[test]
fn as_long_as_not_all_was_looked_at_the_count_says_so() {
    let mut rig = tenths();
    rig.pane.filter_by("timeout").unwrap();
    assert_eq!(rig.title(), "FOLLOW &timeout  looking");
    let Some(trunkline::console::log::Want::Filter(read)) = rig.pane.wants() else { panic!() };
    let page = rig.filter(&FilteredRead { limit: 6, ..read.clone() });
    rig.pane.feed_filtered(&read, &page, rig.now);
    assert_eq!(rig.title(), "FOLLOW &timeout  6 of 69 lines so far");
    rig.read();
    assert_eq!(rig.title(), "FOLLOW &timeout  30 of 300 lines");
}

#[test]
fn new_lines_that_pass_are_followed_and_while_paused_counted() {
    let mut rig = tenths();
    filter(&mut rig, "timeout");
    say_tenths(&mut rig, 300..320);
    rig.read();
    assert_eq!(rig.screen()[3], "▸line 310 Timeout");
    assert_eq!(rig.title(), "FOLLOW &timeout  32 of 320 lines");
    rig.press(LogCommand::Up(6));
    let before = rig.screen();
    assert_eq!(before[0], "▸line 250 Timeout");
    say_tenths(&mut rig, 320..350);
    rig.read();
    assert_eq!(rig.screen(), before);
    assert_eq!(rig.title(), "PAUSED +3 new &timeout  35 of 350 lines");
    rig.press(LogCommand::Bottom);
    assert_eq!(rig.screen()[3], "▸line 340 Timeout");
}

#[test]
fn lines_around_those_that_pass_are_shown_and_a_match_that_comes_later_brings_those_before() {
    let mut rig = Rig::new(40, 9);
    say_tenths(&mut rig, 0..15);
    rig.read();
    filter(&mut rig, "timeout");
    rig.press(LogCommand::MoreAround);
    assert_eq!(rig.title(), "FOLLOW &timeout +/-2  2 of 15 lines");
    let shown = |rig: &Rig| -> Vec<usize> {
        let number =
            |row: &String| row.trim_start_matches([' ', '▸']).split(' ').nth(1)?.parse().ok();
        rig.screen().iter().filter_map(number).collect()
    };
    assert_eq!(shown(&rig), [0, 1, 2, 8, 9, 10, 11, 12]);
    say_tenths(&mut rig, 15..21);
    rig.read();
    assert_eq!(shown(&rig), [2, 8, 9, 10, 11, 12, 18, 19, 20]);
    say_tenths(&mut rig, 21..22);
    rig.read();
    assert_eq!(shown(&rig), [8, 9, 10, 11, 12, 18, 19, 20, 21]);
    rig.press(LogCommand::LessAround);
    assert_eq!(shown(&rig), [0, 10, 20]);
}

#[test]
fn enter_shows_the_line_in_the_whole_log_and_esc_what_was_there_before() {
    let mut rig = tenths();
    rig.press(LogCommand::Top);
    rig.press(LogCommand::Down(42));
    let before = rig.screen();
    filter(&mut rig, "timeout");
    rig.press(LogCommand::Up(9));
    assert!(rig.screen().contains(&"▸line 200 Timeout".into()), "{:?}", rig.screen());
    assert!(rig.pane.leave_filter_at_line());
    rig.read();
    assert_eq!(rig.screen()[1], "▸line 200 Timeout");
    assert_eq!(rig.screen()[2], " line 201 fine");
    filter(&mut rig, "timeout");
    assert!(rig.pane.step_back());
    rig.read();
    assert_eq!(rig.screen()[1], " line 200 Timeout");
    rig.press(LogCommand::Top);
    rig.press(LogCommand::Down(42));
    assert_eq!(rig.screen(), before);
    assert!(!rig.pane.step_back());
}

#[test]
fn all_lines_that_pass_are_walked_through_with_a_memory_that_holds_some() {
    let limits = trunkline::console::log::Limits { lines: 500, bytes: 1 << 20 };
    let mut rig = Rig::with_limits(60, 4, limits);
    say_tenths(&mut rig, 0..9_000);
    rig.ended = true;
    rig.read();
    filter(&mut rig, "timeout");
    for n in (0..900).rev() {
        assert!(rig.screen().contains(&format!("▸line {} Timeout", 10 * n)), "{:?}", rig.screen());
        rig.press(LogCommand::Up(1));
        rig.reads = 0;
    }
    for n in 1..900 {
        rig.press(LogCommand::Down(1));
        rig.reads = 0;
        assert!(rig.screen().contains(&format!("▸line {} Timeout", 10 * n)), "{:?}", rig.screen());
    }
    assert_eq!(rig.title(), "PAUSED &timeout  900 of 9,000 lines");
}

#[test]
fn what_is_no_regular_expression_is_refused_in_one_line() {
    let mut rig = tenths();
    let why = rig.pane.filter_by("/time(out/").unwrap_err();
    assert_eq!(why, "/time(out/ is not a regular expression: unclosed group");
    assert_eq!(rig.pane.filter_text(), None);
}

/// Reads a log through a filter from an end to the other, in pages that end anywhere.
fn pages(log: &[u8], read: &FilteredRead, forward: bool) -> FilteredPage {
    let mut all = FilteredPage::default();
    let mut cursor = if forward { 0 } else { log.len() as u64 };
    loop {
        let from = if forward { LogFrom::After(cursor) } else { LogFrom::Before(cursor) };
        let fill = |at: u64, buffer: &mut [u8]| {
            let at = usize::try_from(at).unwrap();
            buffer.copy_from_slice(&log[at..at + buffer.len()]);
            Ok::<_, Unsearchable>(())
        };
        let extent = Extent { size: log.len() as u64, complete: true };
        let page = FilteredRead { from, ..read.clone() }.run(extent, 1, fill).unwrap();
        all.lines += page.lines;
        all.passed += page.passed;
        for line in page.kept {
            match all.kept.binary_search_by_key(&line.cursor, |line| line.cursor) {
                Ok(at) => all.kept[at].passes |= line.passes,
                Err(at) => all.kept.insert(at, line),
            }
        }
        let next = if forward { page.next } else { page.start };
        assert_ne!(next, cursor, "it goes on");
        cursor = next;
        if cursor == if forward { log.len() as u64 } else { 0 } {
            return all;
        }
    }
}

#[test]
fn a_filter_finds_the_same_lines_in_pages_that_end_anywhere() {
    let seed = Seed::of_this_run();
    let mut dice = Dice::of(seed.0);
    for _ in 0..30 {
        let at = DateTime::from_timestamp(1_795_403_642, 0).unwrap();
        let (mut log, mut lines) = (Vec::new(), Vec::new());
        for n in 0..=dice.below(120) {
            let word = if dice.below(6) == 0 { "nee\u{1b}[31mdle" } else { "hay" };
            let filler = if dice.below(9) == 0 { 20_000 } else { 40 };
            let text = format!("{n} {} {word}", "x".repeat(filler));
            let (start, cut) = (log.len() as u64, text.len() / 2);
            lines.push((start, word != "hay"));
            if filler > 40 {
                log.extend(format(at, Stream::Out, &text.as_bytes()[..cut], true));
                log.extend(format(at, Stream::Out, &text.as_bytes()[cut..], false));
            } else {
                log.extend(format(at, Stream::Out, text.as_bytes(), false));
            }
        }
        let around = dice.below(3);
        let inverted = dice.below(2) == 0;
        let wanted = match dice.below(3) {
            0 => Wanted::Text("needle".into()),
            1 => Wanted::Pattern("ne+dle".into()),
            _ => Wanted::Pattern("needle$".into()),
        };
        let filter = LineFilter { wanted, inverted, around };
        let limit = dice.below(5) + 1;
        let read = FilteredRead { filter, from: LogFrom::End, limit };
        let passes = |nth: usize| lines.get(nth).is_some_and(|(_, has)| *has != inverted);
        let near = |nth: usize| (nth.saturating_sub(around)..=nth + around).any(passes);
        let starts = |wanted: &dyn Fn(usize) -> bool| -> Vec<u64> {
            (0..lines.len()).filter(|nth| wanted(*nth)).map(|nth| lines[nth].0).collect()
        };
        for forward in [true, false] {
            let all = pages(&log, &read, forward);
            let is_start = |cursor: &u64| lines.iter().any(|(start, _)| start == cursor);
            let kept: Vec<_> = all.kept.iter().map(|line| line.cursor).filter(is_start).collect();
            let listed = all.kept.iter().filter(|line| line.passes);
            let listed: Vec<_> = listed.map(|line| line.cursor).filter(is_start).collect();
            assert_eq!(listed, starts(&passes), "{read:?} {forward}");
            assert_eq!(kept, starts(&near), "{read:?} {forward}");
            assert_eq!(all.lines, lines.len() as u64, "{read:?} {forward}");
            assert_eq!(all.passed, listed.len() as u64, "{read:?} {forward}");
        }
    }
}

/// With one word three times.
fn with_a_word() -> Scripted {
    talkative(3_000, |n| {
        let word = if n % 1_000 == 7 { "needle" } else { "hay" };
        format!("{n:04} {word} and so on, as lines go")
    })
}

#[tokio::test(start_paused = true)]
async fn the_filter_of_the_log_is_typed_kept_and_left_with_keys() {
    let console = Console::sized(&with_a_word(), (120, 40));
    console.until("2999 hay").await.press(&["4", "&"]).until("only lines with").await;
    console.type_text("needle").press(&["enter"]);
    console.until("3 of 3,000 lines").await.until("0007 needle").await;
    assert!(!console.text().contains("2999 hay"));
    console.press(&["k", "k", "enter"]).until("0008 hay").await.until_gone("of 3,000 lines").await;
    console.press(&["&"]).type_text("!hay").press(&["enter"]).until("&!hay").await;
    console.press(&["esc"]).until_gone("&!hay").await.until("0008 hay").await;
    console.press(&["&"]).type_text("/nee(dle/").press(&["enter"]);
    console.until("is not a regular expression: unclosed group").await;
}

//! The gate against the corpus of hostile strings: each entry as its columns say, in every cut, and what must hold for
//! any bytes at all.

use std::collections::HashSet;
use std::ops::Range;

use proptest::prelude::*;
use ratatui::style::{Color, Modifier, Style};
use trunkline::gate::{self, Ink, LogRow};

use super::corpus::log;
use trunkline_testing::corpus::{SHORT, corpus};

fn log_text(reads: &[&[u8]]) -> String {
    let texts: Vec<String> = log(reads).into_iter().map(|row| row.text).collect();
    texts.join("\n")
}

/// What must hold for the output of any input.
fn assert_drawable(text: &str) {
    for c in text.chars() {
        let code = u32::from(c);
        assert!(!matches!(code, 0..=0x1F | 0x7F..=0x9F), "control U+{code:04X} in {text:?}");
        assert!(!matches!(code, 0x202A..=0x202E | 0x2066..=0x2069 | 0x200E | 0x200F | 0x61C));
        assert!(!matches!(code, 0x200B | 0x2060..=0x2064 | 0xFEFF | 0xAD | 0xE0000..=0xE0FFF));
    }
}

fn assert_spans_cover(row: &LogRow) {
    assert_eq!(row.runs().map(|(run, _)| run).collect::<String>(), row.text);
    for (run, ink) in row.runs() {
        assert!(!run.is_empty());
        if let Ink::Plain(style) = ink {
            let modifier = style.add_modifier;
            assert!(!modifier.intersects(Modifier::HIDDEN | Modifier::SLOW_BLINK));
            assert!(!modifier.contains(Modifier::DIM | Modifier::REVERSED));
            assert!(style.fg.is_none() || style.fg != style.bg);
        }
    }
}

#[test]
fn every_entry_comes_out_of_the_log_gate_as_the_corpus_says() {
    for entry in corpus() {
        let reads: Vec<&[u8]> = entry.reads.iter().map(Vec::as_slice).collect();
        entry.log.check(&entry.id, "log", &log_text(&reads));
        let whole = entry.bytes();
        assert_eq!(log_text(&[&whole]), log_text(&reads), "{}: in one read", entry.id);
    }
}

#[test]
fn every_entry_comes_out_of_the_field_gate_as_the_corpus_says() {
    for entry in corpus() {
        entry.field.check(&entry.id, "field", gate::field(entry.bytes()).as_str());
    }
}

#[test]
fn no_cut_between_two_reads_makes_a_difference() {
    for entry in corpus() {
        let bytes = entry.bytes();
        if bytes.len() >= SHORT {
            continue;
        }
        let whole = log(&[&bytes]);
        for at in 0..=bytes.len() {
            let (left, right) = bytes.split_at(at);
            assert_eq!(log(&[left, right]), whole, "{} cut at {at}", entry.id);
        }
    }
}

#[test]
fn what_is_stripped_is_counted() {
    for entry in corpus().iter().filter(|entry| entry.log_policy == "strip") {
        let removed: usize = log(&[&entry.bytes()]).iter().map(|row| row.removed).sum();
        assert!(removed > 0, "{}", entry.id);
    }
    assert_eq!(log(&[b"\x1b[32mplain\x1b[0m"])[0].removed, 0);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_become_drawable_rows(bytes: Vec<u8>, cut: prop::sample::Index) {
        let at = cut.index(bytes.len() + 1);
        let rows = log(&[&bytes[..at], &bytes[at..]]);
        for row in &rows {
            assert_drawable(&row.text);
            assert_spans_cover(row);
        }
        prop_assert_eq!(rows, log(&[&bytes]));
    }

    #[test]
    fn any_text_becomes_a_drawable_field(text in "\\PC*|.*|[a\u{301}\u{200d}\u{1f468} ]*") {
        assert_drawable(gate::field(&text).as_str());
        assert_drawable(&gate::line(&text));
    }

    #[test]
    fn what_is_safe_passes_unchanged(bytes: Vec<u8>) {
        let once = gate::line(&String::from_utf8_lossy(&bytes));
        prop_assert_eq!(gate::line(&once), once);
        let row = log_text(&[&bytes]);
        prop_assert_eq!(log_text(&[row.as_bytes()]), row);
    }

    #[test]
    fn a_clip_is_never_wider_than_asked(text in ".*", columns in 0_usize..40) {
        let safe = gate::field(&text);
        let clipped = safe.clip(columns, "…");
        prop_assert!(clipped.width() <= columns);
        prop_assert_eq!(clipped.runs().map(|(run, _)| run).collect::<String>(), clipped.as_str());
    }
}

#[test]
fn a_literal_escape_and_a_made_one_are_told_apart() {
    let runs = |safe: &gate::Safe| -> Vec<(String, bool)> {
        safe.runs().map(|(run, escape)| (run.to_owned(), escape)).collect()
    };
    let made = gate::field(b"a\x1b[b\xff");
    assert_eq!(
        runs(&made),
        [("a".into(), false), ("^[".into(), true), ("[b".into(), false), ("<FF>".into(), true)]
    );
    assert_eq!(runs(&gate::field("a^[[b")), [("a^[[b".into(), false)]);
}

#[test]
fn only_plain_ascii_goes_without_a_badge() {
    let badged: HashSet<&str> = ["pr\u{43E}d", "main\u{200B}", "", " main", "main "].into();
    for name in ["main", "feature/x-1", "two words"].into_iter().chain(badged.clone()) {
        assert_eq!(gate::field(name).is_plain_ascii(), !badged.contains(name), "{name:?}");
    }
    assert_eq!(gate::field("pr\u{43E}d").code_points(), ["U+043E"]);
}

#[test]
fn an_emoji_is_selected_once_and_carries_nothing_unseen() {
    let text = |bytes: &str| log_text(&[bytes.as_bytes()]);
    assert_eq!(text("\u{2764}\u{FE0F}"), "\u{2764}\u{FE0F}");
    assert_eq!(text("\u{2764}\u{FE0E}\u{FE0F}"), "\u{2764}\u{FE0E}<U+FE0F>");
    assert_eq!(text("1\u{FE0F}\u{20E3}\u{FE0F}\u{20E3}"), "1\u{FE0F}\u{20E3}<U+FE0F><U+20E3>");
    let flame = "\u{2764}\u{FE0F}\u{200D}\u{1F525}";
    assert_eq!(text(flame), flame);
}

#[test]
fn a_clipped_field_says_so_and_keeps_its_escapes_apart() {
    let safe = gate::field(b"abc\x00def");
    assert_eq!(safe.clip(9, "…").as_str(), "abc^@def");
    let clipped = safe.clip(5, "…");
    assert_eq!(clipped.as_str(), "abc^…");
    assert_eq!(clipped.runs().nth(1), Some(("^", true)));
    assert_eq!(gate::field("日本語").clip(4, "…").as_str(), "日…");
    assert_eq!(safe.clip(0, "…").as_str(), "");
}

#[test]
fn colour_reaches_its_text_and_ends_with_its_row() {
    let styles = |row: &LogRow| -> Vec<(String, Ink)> {
        row.runs().map(|(run, ink)| (run.to_owned(), ink)).collect()
    };
    let rows = log(&[b"a\x1b[1;31mb\x1b[6nc\nd"]);
    let red = Ink::Plain(Style::new().fg(Color::Red).add_modifier(Modifier::BOLD));
    let plain = Ink::Plain(Style::new());
    let first: Range<usize> = 0..4;
    assert_eq!(
        styles(&rows[0])[first],
        [("a".into(), plain), ("b".into(), red), ("^[[6n".into(), Ink::Escape), ("c".into(), red)]
    );
    assert_eq!(styles(&rows[1]), [("d".into(), plain)]);
}

//! Each entry of the corpus, and each character there is, through both policies of the gate.

use std::collections::HashMap;

use ratatui::style::{Color, Modifier, Style};
use trunkline::gate::{self, Ink, LogGate, LogRow, Safe};

use super::oracle::{fault_in_field, fault_in_log, is_unseen, refused};
use trunkline_testing::corpus::{Entry, SHORT, corpus};
use trunkline_testing::dice::{Dice, Seed};

/// At how many places a long entry is cut.
const CUTS: u64 = 6;

pub fn log(reads: &[&[u8]]) -> Vec<LogRow> {
    let mut gate = LogGate::default();
    for read in reads {
        gate.push(read);
    }
    gate.finish()
}

fn text(rows: &[LogRow]) -> String {
    rows.iter().map(|row| row.text.as_str()).collect::<Vec<_>>().join("\n")
}

fn has_escape(rows: &[LogRow]) -> bool {
    rows.iter().flat_map(LogRow::runs).any(|(_, ink)| ink == Ink::Escape)
}

/// A field as it is seen: its text, and which parts of it look like no text.
fn seen(safe: &Safe) -> Vec<(String, bool)> {
    safe.runs().map(|(run, escape)| (run.to_owned(), escape)).collect()
}

#[test]
fn every_entry_comes_out_as_its_columns_say_and_the_oracle_has_nothing_against_it() {
    for Entry { id, log: log_column, field, reads, .. } in &corpus() {
        let whole = reads.concat();
        let rows = log(&[&whole]);
        log_column.check(id, "log", &text(&rows));
        field.check(id, "field", gate::field(&whole).as_str());
        assert_eq!(fault_in_field(gate::field(&whole).as_str()), None, "{id}");
        for row in &rows {
            assert_eq!(fault_in_log(&row.text), None, "{id}");
        }
    }
}

#[test]
fn cuts_make_no_difference_at_any_place_of_short_entries_and_at_drawn_places_of_long_ones() {
    for entry in corpus() {
        let bytes = entry.bytes();
        let whole = log(&[&bytes]);
        let mut dice = Dice::of(Seed::of_this_run().0);
        let places: Vec<usize> = match bytes.len() {
            0..SHORT => (0..=bytes.len()).collect(),
            _ => (0..CUTS).map(|_| dice.below(bytes.len() + 1)).collect(),
        };
        for at in places {
            let (left, right) = bytes.split_at(at);
            assert_eq!(log(&[left, right]), whole, "{} cut at {at}", entry.id);
        }
        let bytewise: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(log(&bytewise), whole, "{} byte by byte", entry.id);
    }
}

#[test]
fn each_policy_does_what_its_name_says() {
    for entry in corpus() {
        let (id, bytes) = (&entry.id, entry.bytes());
        let rows = log(&[&bytes]);
        let removed: usize = rows.iter().map(|row| row.removed).sum();
        match entry.log_policy.as_str() {
            "keep" => assert!(removed == 0 && !has_escape(&rows), "{id}"),
            "strip" => assert!(removed > 0 && !has_escape(&rows), "{id}"),
            "show" => assert!(has_escape(&rows), "{id}"),
            "split" => assert!(rows.len() > 1 && !has_escape(&rows), "{id}"),
            other => panic!("{id}: {other}"),
        }
        let field = gate::field(&bytes);
        let escapes = field.runs().any(|(_, escape)| escape);
        match entry.field_policy.as_str() {
            "keep" if field.is_plain_ascii() => assert!(!escapes, "{id}"),
            "flag" => assert!(!escapes && !field.code_points().is_empty(), "{id}"),
            // What "keep" says of spaces is about their place, which their escapes hold.
            "keep" | "show" => assert!(escapes && !field.is_plain_ascii(), "{id}"),
            other => panic!("{id}: {other}"),
        }
    }
}

#[test]
fn what_came_out_comes_out_again_as_it_is() {
    for entry in corpus().iter().filter(|entry| entry.bytes().len() < SHORT) {
        let rows = log(&[&entry.bytes()]);
        for row in &rows {
            assert_eq!(text(&log(&[row.text.as_bytes()])), row.text, "{}", entry.id);
        }
        let once = gate::field(entry.bytes());
        assert_eq!(gate::field(once.as_str()).as_str(), once.as_str(), "{}", entry.id);
    }
}

#[test]
fn every_character_there_is_comes_out_as_itself_or_as_its_escape() {
    for c in (0..=0x10_FFFF).filter_map(char::from_u32) {
        let between = format!("a{c}b");
        let safe = gate::field(&between);
        assert_eq!(fault_in_field(safe.as_str()), None, "U+{:04X} as a field", u32::from(c));
        let kept = safe.as_str() == between;
        assert!(kept || seen(&safe).len() == 3, "U+{:04X} as a field: {safe}", u32::from(c));
        if c == '\u{F}' {
            continue;
        }
        for row in gate::log_rows(between.as_bytes()) {
            assert_eq!(fault_in_log(&row.text), None, "U+{:04X} in a log", u32::from(c));
        }
    }
}

#[test]
fn what_no_policy_lets_through_is_shown_at_every_place_of_a_name() {
    for c in refused() {
        for name in [format!("{c}main"), format!("ma{c}in"), format!("main{c}"), format!("{c}{c}")]
        {
            let safe = gate::field(&name);
            assert_eq!(fault_in_field(safe.as_str()), None, "{name:?}");
            assert!(safe.runs().any(|(_, escape)| escape), "{name:?}");
        }
    }
}

#[test]
fn two_names_that_differ_are_seen_to_differ() {
    let mut names: Vec<Vec<u8>> = corpus().iter().map(Entry::bytes).collect();
    for base in ["main", "prod", "alice", "e\u{301}"] {
        for c in refused() {
            for at in 0..=base.chars().count() {
                let mut name: Vec<char> = base.chars().collect();
                name.insert(at, c);
                names.push(name.into_iter().collect::<String>().into_bytes());
            }
        }
    }
    let mut by_look: HashMap<Vec<(String, bool)>, Vec<u8>> = HashMap::new();
    for name in names {
        let safe = gate::field(&name);
        if safe.as_str().contains(" marks>") {
            continue;
        }
        if let Some(other) = by_look.insert(seen(&safe), name.clone()) {
            assert_eq!(other, name, "both look like {safe}");
        }
    }
}

#[test]
fn a_sequence_that_never_ends_swallows_no_row() {
    let openings: [&[u8]; 9] = [
        b"\x1b]0;title",
        b"\x1b]8;;https://evil.example/",
        b"\x1b]52;c;QUFB",
        b"\x1bPq#0",
        b"\x1b_Ga=T",
        b"\x1b^private",
        b"\x1bXsos",
        b"\x1b[31",
        b"\x1b",
    ];
    for opening in openings {
        let mut gate = LogGate::default();
        gate.push(opening);
        gate.push(b"\n");
        for row in 0..1000 {
            gate.push(format!("row {row}\n").as_bytes());
        }
        let rows = gate.finish();
        for row in 0..1000 {
            assert_eq!(rows[row + 1].text, format!("row {row}"), "{opening:?}");
        }
    }
}

#[test]
fn no_colour_hides_text_or_outlives_its_row() {
    let shown = log(&[
        b"\x1b[8mhidden\x1b[0m \x1b[30;40mblack on black\n\x1b[37;47mwhite\x1b[5mblink\nnext",
    ]);
    for row in &shown {
        for (run, ink) in row.runs() {
            let Ink::Plain(style) = ink else { panic!("{run:?} is an escape") };
            assert!(!style.add_modifier.intersects(Modifier::HIDDEN | Modifier::SLOW_BLINK));
            assert!(style.fg.is_none() || style.fg != style.bg, "{run:?}: {style:?}");
        }
    }
    assert_eq!(shown[2].runs().collect::<Vec<_>>(), [("next", Ink::Plain(Style::new()))]);
    let truecolour = log(&[b"\x1b[38;2;9;9;9;48;2;9;9;9mgrey on grey"]);
    let Some((_, Ink::Plain(style))) = truecolour[0].runs().next() else { panic!() };
    assert!(style.fg.is_none() || style.fg != style.bg);
    let reset = log(&[b"\x1b[31mred\x1b[0mplain"]);
    assert_eq!(reset[0].runs().next().unwrap().1, Ink::Plain(Style::new().fg(Color::Red)));
}

#[test]
fn the_oracle_can_say_no() {
    for bad in ["\u{1b}", "a\u{202e}b", "ma\u{200d}in", "main\u{fe0f}", "\u{9b}", "\u{e0041}"] {
        assert!(fault_in_log(bad).is_some() && fault_in_field(bad).is_some(), "{bad:?}");
    }
    for bad in ["", " main", "main\u{a0}", "e\u{301}\u{301}\u{301}"] {
        assert!(fault_in_field(bad).is_some(), "{bad:?}");
    }
    assert!(refused().all(|c| is_unseen(c) || c.is_whitespace() || c == '\u{2800}'));
}

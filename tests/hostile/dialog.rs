//! What a person decides by keeps its place and its look, whatever names stand around it.

use std::collections::HashMap;

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::Style;
use trunkline::console::theme::{Role, Theme};
use trunkline::gate;
use trunkline::terminal::capabilities::{Charset, Depth};

use super::desk::{Desk, World};
use super::screens::Always;
use trunkline_testing::corpus::{Entry, corpus};

const LARGE: (u16, u16) = (200, 50);

type Row = Vec<Cell>;

fn rows(buffer: &Buffer) -> Vec<Row> {
    buffer.content.chunks(usize::from(buffer.area.width)).map(<[Cell]>::to_vec).collect()
}

fn text(row: &[Cell]) -> String {
    row.iter().map(Cell::symbol).collect()
}

/// The rows of the screen that begin somewhere with this, from there on.
fn find(rows: &[Row], what: &str) -> (usize, usize) {
    let at = |row: &Row| (0..row.len()).find(|x| text(&row[*x..]).starts_with(what));
    let found = rows.iter().enumerate().find_map(|(y, row)| Some((y, at(row)?)));
    found.unwrap_or_else(|| {
        let screen: Vec<_> = rows.iter().map(|row| text(row)).collect();
        panic!("{what:?} is not there:\n{}", screen.join("\n"))
    })
}

/// What a promote is decided by: the title with build and environment, the rows with the shas of what would be live and
/// what is, the fields and the buttons, each with where it stands in its row and how far from the dialog's edge.
fn decisive(world: &World, size: (u16, u16), name: &[u8]) -> Vec<(usize, Row)> {
    let mut desk = Desk::open(world, size, Always(name.to_vec()));
    desk.press(&["j", "j", "j", "P"]);
    let rows = rows(desk.draw());
    let (top, left) = find(&rows, "┏ Promote #4 to PRODUCTION ");
    let (bottom, _) = rows
        .iter()
        .enumerate()
        .skip(top)
        .find_map(|(y, row)| (row[left].symbol() == "┗").then_some((y, left)))
        .unwrap();
    let part = |y: usize, width: usize| (left, rows[y][left..left + width].to_vec());
    let header = (0, rows[0][..25].to_vec());
    let hints = (0, rows[rows.len() - 1].clone());
    let head = [part(top, 30), part(top + 1, 27), part(top + 2, 27)];
    let fields = (bottom - 5..bottom - 1).map(|y| part(y, 78));
    [header, hints].into_iter().chain(head).chain(fields).collect()
}

#[test]
fn sha_build_environment_fields_and_buttons_stay_as_they_are_whatever_the_names() {
    let world = World::new();
    for size in [(80, 24), LARGE] {
        let plain = decisive(&world, size, b"plain");
        let words: Vec<String> = plain.iter().map(|(_, row)| text(row)).collect();
        let screen = words.join("\n");
        for said in [
            "PROD checkout #3",
            "build       #4  0000000",
            "live        #3  0000000",
            "[  Cancel  ]",
        ] {
            assert!(screen.contains(said), "no {said:?} in\n{screen}");
        }
        for Entry { id, reads, .. } in &corpus() {
            let hostile = decisive(&world, size, &reads.concat());
            let words: Vec<_> = hostile.iter().map(|(_, row)| text(row)).collect();
            assert_eq!(words.join("\n"), screen, "{id} at {size:?}");
            assert_eq!(hostile, plain, "{id} at {size:?}: places or looks");
        }
    }
}

#[test]
fn two_names_that_differ_are_drawn_differently() {
    let world = World::new();
    let entries = corpus();
    let mut names: Vec<String> = entries
        .iter()
        .map(|entry| String::from_utf8_lossy(&entry.bytes()).into_owned())
        .filter(|name| gate::field(name).width() < 80 && !name.contains('\u{FFFD}'))
        .collect();
    // What an escape looks like, written out.
    names.extend(names.clone().iter().map(|name| gate::field(name).to_string()));
    for base in ["main", "prod"] {
        for unseen in ['\u{200B}', '\u{AD}', '\u{2060}', '\u{202E}', '\u{FE0F}', '\u{E0041}', ' '] {
            names.extend([format!("{base}{unseen}"), format!("{unseen}{base}"), base.to_owned()]);
        }
    }
    names.sort();
    names.dedup();
    let mut by_look: HashMap<Vec<(String, Style)>, String> = HashMap::new();
    for name in names {
        if gate::field(&name).as_str().contains(" marks>") {
            continue;
        }
        let mut desk = Desk::open(&world, LARGE, Always(name.clone().into_bytes()));
        let buffer = desk.draw();
        let (y, _) = find(&rows(buffer), "#4 ");
        let row = &buffer.content[y * usize::from(LARGE.0)..][..usize::from(LARGE.0)];
        let look = row.iter().map(|cell| (cell.symbol().to_owned(), cell.style())).collect();
        if let Some(other) = by_look.insert(look, name.clone()) {
            panic!("{other:?} and {name:?} look the same");
        }
    }
}

#[test]
fn a_name_beyond_ascii_has_a_badge_in_lists_and_its_code_points_in_the_dialog() {
    let world = World::new();
    let theme = Theme::terminal(Depth::Ansi256, Charset::Unicode);
    let escape = theme.style(Role::Escape);
    let mut desk = Desk::open(&world, LARGE, Always("pr\u{43E}d".into()));
    let listed = rows(desk.draw());
    let (y, x) = find(&listed, "pr\u{43E}d*  ");
    let badge = &listed[y][x + "prod".len()];
    assert_eq!((badge.symbol(), Some(badge.fg)), ("*", escape.fg));
    assert!(badge.modifier.contains(escape.add_modifier));
    desk.press(&["j", "j", "j", "P"]);
    find(&rows(desk.draw()), "not ASCII   U+043E");
    let mut desk = Desk::open(&world, LARGE, Always("prod".into()));
    desk.press(&["j", "j", "j", "P"]);
    let shown: Vec<String> = rows(desk.draw()).iter().map(|row| text(row)).collect();
    assert!(!shown.join("\n").contains("not ASCII"));
}

#[test]
fn a_refused_byte_looks_like_no_text_also_in_the_row_that_a_key_acts_on() {
    let world = World::new();
    let escape = Theme::terminal(Depth::Ansi256, Charset::Unicode).style(Role::Escape);
    for keys in [&[][..], &["j"]] {
        let mut desk = Desk::open(&world, LARGE, Always(b"a\x1b[31m".to_vec()));
        desk.press(keys);
        let drawn = rows(desk.draw());
        let (y, x) = find(&drawn, "a^[[31m");
        for cell in &drawn[y][x + 1..x + 3] {
            assert_eq!(Some(cell.fg), escape.fg, "{keys:?}");
            assert!(cell.modifier.contains(escape.add_modifier), "{keys:?}");
        }
        assert_ne!(drawn[y][x + 3].modifier, drawn[y][x + 1].modifier, "{keys:?}");
    }
}

//! Every screen of the console with hostile text in every slot, cell by cell.

use std::thread;

use ratatui::buffer::{Buffer, Cell};

use super::desk::{Desk, SIZES, World};
use super::mutations::Mutator;
use super::oracle::fault_in_cell;
use super::slots::Texts;
use trunkline_testing::corpus::{Entry, corpus};
use trunkline_testing::dice::{Dice, Seed, number};

/// How many models full of mutations are drawn when nothing else is asked for.
const MODELS: u64 = 40;

/// One entry, everywhere.
pub struct Always(pub Vec<u8>);

impl Texts for Always {
    fn bytes(&mut self) -> Vec<u8> {
        self.0.clone()
    }
}

/// A new mutation for each slot.
struct Mutations<'a> {
    mutator: &'a Mutator,
    dice: Dice,
    made: u64,
}

impl Texts for Mutations<'_> {
    fn bytes(&mut self) -> Vec<u8> {
        self.made += 1;
        self.mutator.mutation(&mut self.dice)
    }
}

/// The first cell that holds what no cell may.
fn fault(buffer: &Buffer) -> Option<String> {
    buffer.content.iter().map(Cell::symbol).find_map(fault_in_cell)
}

/// The keys that open something over a screen.
const OPENING: [&str; 15] =
    ["d", "p", "P", "R", "V", "H", "F", "X", "i", "!", "M", "?", ":", "a", "@"];

/// Goes from screen to screen, and presses these keys; `look` sees each of them under its name.
fn walk<T: Texts>(
    desk: &mut Desk<'_, T>,
    keys: impl Iterator<Item = &'static str>,
    mut look: impl FnMut(&str, &Buffer),
) {
    let mut at = |desk: &mut Desk<'_, T>, name: &str| look(name, desk.draw());
    at(desk, "service");
    for pane in ["2", "3", "4", "5", "6", "1"] {
        desk.press(&[pane]);
        at(desk, "panes");
        desk.press(&["z"]);
        at(desk, "one pane");
        desk.press(&["z"]);
    }
    desk.press(&["2", "j", "3", "z"]);
    at(desk, "details of a deployment");
    desk.press(&["z", "1", "l"]);
    at(desk, "what stays behind");
    desk.press(&["esc"]);
    for key in keys {
        desk.press(&[key]);
        at(desk, key);
        desk.press(&["tab"]);
        desk.paste();
        desk.press(&["shift-tab", "shift-tab"]);
        desk.paste();
        at(desk, key);
        desk.press(&["enter"]);
        at(desk, key);
        desk.press(&["esc", "esc"]);
    }
    for verb in [&["b", "y"][..], &["c", "h", "a", "n"], &["l", "o", "g", "s"]] {
        desk.press(&[":"]);
        desk.press(verb);
        desk.press(&["tab"]);
        at(desk, "what a verb is done with");
        desk.press(&["esc"]);
    }
    desk.press(&["4", "/"]);
    desk.type_text();
    at(desk, "search in the log");
    desk.press(&["enter"]);
    at(desk, "found in the log");
    desk.press(&["esc", "1", "/"]);
    desk.paste();
    at(desk, "filter");
    desk.press(&["enter"]);
    at(desk, "filtered");
    desk.press(&["esc", "esc"]);
    desk.hear_trouble();
    at(desk, "trouble");
    desk.press(&["q"]);
    at(desk, "fleet");
}

/// Each entry at one of the sizes and in every third dialog; at each of them and in all when `TRUNKLINE_MUTATIONS` asks for more.
#[test]
fn every_entry_in_every_slot_of_every_screen_is_drawn_as_text() {
    let is_deep = number("TRUNKLINE_MUTATIONS").is_some();
    let world = World::new();
    let entries = corpus();
    thread::scope(|scope| {
        for half in 0..2 {
            let (world, entries) = (&world, &entries);
            scope.spawn(move || {
                for (at, entry) in entries.iter().enumerate().skip(half).step_by(2) {
                    let Entry { id, reads, .. } = entry;
                    let all = SIZES.iter().enumerate();
                    let here = all.filter(|(size, _)| is_deep || at % SIZES.len() == *size);
                    for (_, &size) in here {
                        let mut desk = Desk::open(world, size, Always(reads.concat()));
                        // Entries of one kind lie beside each other, and here each dialog gets some of every kind.
                        let mine = |key: &usize| is_deep || key % 3 == (at / SIZES.len()) % 3;
                        let keys = (0..OPENING.len()).filter(mine).map(|key| OPENING[key]);
                        walk(&mut desk, keys, |screen, buffer| {
                            assert_eq!(fault(buffer), None, "{id} in {screen} at {size:?}");
                        });
                    }
                }
            });
        }
    });
}

#[test]
fn mutations_in_every_slot_of_every_screen_are_drawn_as_text() {
    let world = World::new();
    let mutator = Mutator::new();
    let models = number("TRUNKLINE_MUTATIONS").map_or(MODELS, |count| count / 8_000);
    let draw = |model: u64| {
        let seed = Seed::of_this_run();
        let dice = Dice::of(seed.0).fork(u64::MAX - model);
        let size = SIZES[usize::try_from(model % 3).unwrap()];
        let texts = Mutations { mutator: &mutator, dice, made: 0 };
        let mut desk = Desk::open(&world, size, texts);
        walk(&mut desk, OPENING.into_iter(), |screen, buffer| {
            let fault = fault(buffer);
            assert_eq!(fault, None, "model {model}, {screen}");
        });
        desk.texts.made
    };
    let made: u64 = thread::scope(|scope| {
        let halves = [0, 1]
            .map(|half| scope.spawn(move || (half..models).step_by(2).map(draw).sum::<u64>()));
        halves.into_iter().map(|half| half.join().unwrap()).sum()
    });
    assert!(made > models * 300, "{made} in {models} models");
}

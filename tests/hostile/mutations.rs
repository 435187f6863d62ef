//! Mutations of the corpus through both policies of the gate.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use trunkline::gate::{self, Ink, LogGate, LogRow};

use super::oracle::{fault_in_field, fault_in_log, fault_in_sentence, refused};
use trunkline_testing::corpus::{SHORT, corpus};
use trunkline_testing::dice::{Dice, Seed, number};

/// How many there are when nothing else is asked for.
const MUTATIONS: u64 = 200_000;
/// The largest mutation that is not asked for by repeating.
const LARGEST: usize = 400;
/// One in so many is also cut in two, and gone through again.
const CUT: u64 = 16;

/// Bytes that begin or end something.
const ACTING: &[u8] = b"\x1b\x07\\\n\r\t\x9b\x9d;m[]P_^X\x18\x1a\xe2\xf0 ";

/// What mutations are made of.
pub struct Mutator {
    pieces: Vec<Vec<u8>>,
    refused: Vec<char>,
}

impl Mutator {
    pub fn new() -> Self {
        let pieces =
            corpus().into_iter().map(|entry| entry.bytes()).filter(|bytes| bytes.len() < SHORT);
        Self { pieces: pieces.collect(), refused: refused().collect() }
    }

    /// One to three changes of a piece, of a part of it, or of two joined.
    pub fn mutation(&self, dice: &mut Dice) -> Vec<u8> {
        let mut bytes = slice(dice, &self.pieces).to_vec();
        for _ in 0..=dice.below(3) {
            self.change(&mut bytes, dice);
        }
        bytes.truncate(LARGEST);
        bytes
    }

    fn change(&self, bytes: &mut Vec<u8>, dice: &mut Dice) {
        let at = dice.below(bytes.len() + 1);
        match dice.below(8) {
            0 if at < bytes.len() => bytes[at] ^= 1 << dice.below(8),
            1 if at < bytes.len() => bytes[at] = dice.roll().to_le_bytes()[0],
            2 => bytes.truncate(at),
            3 => {
                let refused = dice.pick(&self.refused).to_string();
                bytes.splice(at..at, refused.into_bytes());
            }
            4 => {
                let part = slice(dice, &self.pieces).to_vec();
                let part = part[..part.len().min(8)].repeat(dice.below(20));
                bytes.splice(at..at, part);
            }
            5 => bytes.splice(at..at, slice(dice, &self.pieces).iter().copied()).for_each(drop),
            6 => bytes.extend(slice(dice, &self.pieces)),
            _ => {
                bytes.insert(at, dice.one_of(ACTING));
            }
        }
    }
}

/// What the gate makes of one mutation that it must not; nothing when all is well.
fn fault(case: u64, bytes: &[u8]) -> Option<String> {
    let rows = gate::log_rows(bytes);
    if let Some(fault) = rows.iter().find_map(fault_of_row) {
        return Some(format!("in a log: {fault}"));
    }
    let field = gate::field(bytes);
    if let Some(fault) = fault_in_field(field.as_str()) {
        return Some(format!("in a field: {fault}"));
    }
    case.is_multiple_of(CUT).then(|| fault_of_more(bytes, &rows, &field)).flatten()
}

fn fault_of_row(row: &LogRow) -> Option<String> {
    let end = row.spans.last().map_or(0, |span| span.end);
    if end != row.text.len() || row.spans.iter().any(|span| !row.text.is_char_boundary(span.end)) {
        return Some(format!("the spans do not cover {:?}", row.text));
    }
    let unreadable = row.spans.iter().any(|span| match span.ink {
        Ink::Plain(style) => style.fg.is_some() && style.fg == style.bg,
        Ink::Escape => false,
    });
    if unreadable {
        return Some(format!("unreadable: {:?}", row.spans));
    }
    fault_in_log(&row.text)
}

/// What takes longer to find out.
fn fault_of_more(bytes: &[u8], rows: &[LogRow], field: &gate::Safe) -> Option<String> {
    let mut cut = LogGate::default();
    let (left, right) = bytes.split_at(bytes.len() / 2);
    cut.push(left);
    cut.push(right);
    if cut.finish() != rows {
        return Some("a cut in the middle makes a difference".to_owned());
    }
    let again = gate::field(field.as_str());
    if again.as_str() != field.as_str() || again.runs().any(|(_, escape)| escape) {
        return Some(format!("what is safe is not left as it is: {field:?}, {again:?}"));
    }
    let sentence = gate::line(&String::from_utf8_lossy(bytes));
    let clipped = field.clip(20, "…");
    if clipped.width() > 20 || field.wrap(20).iter().any(|line| line.width() > 20) {
        return Some(format!("wider than asked: {field:?}"));
    }
    fault_in_sentence(&sentence)
}

/// A random part of a random piece.
fn slice<'a>(dice: &mut Dice, pieces: &'a [Vec<u8>]) -> &'a [u8] {
    let piece = dice.pick(pieces);
    let start = dice.below(piece.len() + 1);
    let end = start + dice.below(piece.len() - start + 1);
    &piece[start..end]
}

/// Looks at every `step`-th case from `first` on; each can be made again without those before it.
fn run(mutator: &Mutator, first: u64, step: u64, count: u64) {
    let seed = Seed::of_this_run();
    let dice = Dice::of(seed.0);
    for case in (first..count).step_by(usize::try_from(step).unwrap()) {
        let bytes = mutator.mutation(&mut dice.fork(case));
        let fault = catch_unwind(AssertUnwindSafe(|| fault(case, &bytes)));
        let fault = fault.unwrap_or_else(|_| Some("it panicked".to_owned()));
        assert_eq!(fault, None, "case {case}: {}", bytes.escape_ascii());
    }
}

#[test]
fn mutations_come_out_of_the_gate_as_text() {
    let mutator = Mutator::new();
    let count = number("TRUNKLINE_MUTATIONS").unwrap_or(MUTATIONS);
    thread::scope(|scope| {
        let mutator = &mutator;
        let halves = [0, 1].map(|first| scope.spawn(move || run(mutator, first, 2, count)));
        for half in halves {
            half.join().unwrap();
        }
    });
}

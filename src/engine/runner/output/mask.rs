//! Masks secrets: their values become `***` before a line is written to disk, in every form in which programs print them.
//!
//! A secret is found through what the screen does not draw: escape sequences, control characters, invisible characters and
//! line ends in it. The bytes are also searched as they are, since a sequence may hold a secret itself.

use std::collections::HashMap;
use std::ops::Range;

use aho_corasick::Anchored;
use aho_corasick::automaton::{Automaton as _, StateID};
use aho_corasick::nfa::contiguous::NFA;

use super::forms::{self, SHORTEST};
use super::sequences::Sequences;
use crate::engine::variables::Secret;
use crate::gate::is_hidden;

const MASKED: &[u8] = b"***";
/// A shorter beginning of a secret at the end of the bytes so far is not held back.
const HELD: usize = 4;
/// The most bytes of all forms. Beyond that the longest are left out.
const LARGEST: usize = 8 * 1024 * 1024;

/// The values to hide.
#[derive(Debug, Default)]
pub(in crate::engine) struct Mask {
    /// `None` without values.
    finder: Option<Finder>,
    notes: Vec<String>,
}

/// Finds all forms of all secrets in one pass.
#[derive(Debug)]
struct Finder {
    automaton: NFA,
    start: StateID,
    /// How many bytes of a form lead to a state.
    depths: HashMap<StateID, usize>,
    longest: usize,
    /// The bytes that some form starts with.
    starts: [bool; 256],
}

impl Mask {
    pub fn new(secrets: &[Secret]) -> Self {
        let mut forms: Vec<_> =
            secrets.iter().flat_map(|secret| forms::of(&secret.value)).collect();
        forms.sort_by_key(Vec::len);
        forms.dedup();
        let mut total = 0;
        forms.retain(|form| {
            total += form.len();
            total <= LARGEST
        });
        let notes = secrets.iter().filter(|secret| secret.own).filter_map(note).collect();
        Self { finder: Finder::new(&forms), notes }
    }

    /// What is not masked, for people.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The text with its secrets masked.
    pub fn hide(&self, text: &[u8]) -> Vec<u8> {
        let mut hiding = Hiding::default();
        let mut hidden = hiding.push(text, self);
        hidden.extend(hiding.flush(self));
        hidden
    }
}

/// What of a secret is shown although it is declared.
fn note(secret: &Secret) -> Option<String> {
    let Secret { name, value, .. } = secret;
    let is_short = |text: &str| text.trim().len() < SHORTEST;
    if is_short(value) {
        return Some(format!(
            "{name} is shorter than {SHORTEST} bytes, so it is NOT masked in this log, in any form"
        ));
    }
    let short =
        value.trim().lines().filter(|line| !line.trim().is_empty() && is_short(line)).count();
    (short > 0).then(|| {
        let lines = if short == 1 { "1 line" } else { "some lines" };
        format!(
            "{name} is masked as a whole, but {lines} of it shorter than {SHORTEST} bytes not where printed alone"
        )
    })
}

impl Finder {
    fn new(forms: &[Vec<u8>]) -> Option<Self> {
        let longest = forms.iter().map(Vec::len).max()?;
        let automaton = NFA::new(forms).expect("the forms are bounded");
        let start = automaton.start_state(Anchored::No).expect("it searches from any start");
        let (mut depths, mut starts) = (HashMap::new(), [false; 256]);
        for form in forms {
            starts[usize::from(form[0])] = true;
            let mut state = start;
            for (before, byte) in form.iter().enumerate() {
                state = automaton.next_state(Anchored::No, state, *byte);
                depths.insert(state, before + 1);
            }
        }
        Some(Self { automaton, start, depths, longest, starts })
    }

    /// The length of the longest form that ends in this state.
    fn found(&self, state: StateID) -> Option<usize> {
        if !self.automaton.is_match(state) {
            return None;
        }
        let patterns = 0..self.automaton.match_len(state);
        let length = |nth| self.automaton.pattern_len(self.automaton.match_pattern(state, nth));
        patterns.map(length).max()
    }
}

/// One way to read the bytes: how far it is into a secret, and where the bytes of that are in what is held.
#[derive(Debug, Clone, Default)]
struct View {
    state: Option<StateID>,
    places: Vec<usize>,
}

impl View {
    /// Takes the byte at this place. Returns where a secret begins that ends with it.
    fn take(&mut self, byte: u8, at: usize, finder: &Finder) -> Option<usize> {
        let before = self.state.unwrap_or(finder.start);
        if before == finder.start && !finder.starts[usize::from(byte)] {
            return None;
        }
        let state = finder.automaton.next_state(Anchored::No, before, byte);
        self.state = Some(state);
        if state == finder.start {
            self.places.clear();
            return None;
        }
        self.places.push(at);
        if self.places.len() > 2 * finder.longest {
            self.places.drain(..finder.longest);
        }
        let found = finder.found(state)?;
        // What was given out before cannot be masked any more, but the rest can.
        Some(self.places[self.places.len().saturating_sub(found)])
    }

    /// The place from which on the bytes may belong to a secret that has not ended, and that place with the number of its
    /// bytes so far added.
    fn open(&self, finder: &Finder) -> Option<Range<usize>> {
        let depth = *finder.depths.get(&self.state?)?;
        let start = *self.places.iter().rev().take(depth).next_back()?;
        Some(start..start + depth)
    }

    /// Forgets the first bytes.
    fn given(&mut self, length: usize) {
        let gone = self.places.iter().take_while(|place| **place < length).count();
        self.places.drain(..gone);
        self.places.iter_mut().for_each(|place| *place -= length);
    }

    fn is_at_start(&self, finder: &Finder) -> bool {
        self.state.is_none_or(|state| state == finder.start)
    }
}

/// The masking of one stream, which comes in pieces of any size.
#[derive(Debug, Clone, Default)]
pub(in crate::engine::runner) struct Hiding {
    held: Vec<u8>,
    /// How many bytes of `held` were searched.
    searched: usize,
    secrets: Vec<Range<usize>>,
    /// Whether what is held begins within a secret whose start was given out masked.
    is_cut: bool,
    /// As the bytes are, apart from line ends.
    raw: View,
    /// Without what the screen does not draw.
    drawn: View,
    /// Whether the two differ.
    differ: bool,
    sequences: Sequences,
}

impl Hiding {
    /// Takes bytes and returns the masked ones that no later byte can change.
    pub fn push(&mut self, bytes: &[u8], mask: &Mask) -> Vec<u8> {
        let Some(finder) = &mask.finder else { return bytes.to_vec() };
        self.held.extend_from_slice(bytes);
        let whole = self.held.len() - unfinished_char(&self.held);
        self.search(whole, finder);
        let open = [&self.raw, &self.drawn].map(|view| view.open(finder));
        let open = open.into_iter().flatten().min_by_key(|open| open.start);
        let Some(Range { start, end }) = open else { return self.give(whole) };
        // A whole line waits only for what is likely the beginning of a secret.
        let line_end = memchr::memrchr(b'\n', &self.held[start..whole]).map(|at| start + at + 1);
        self.give(line_end.filter(|_| end - start < HELD).unwrap_or(start))
    }

    /// Returns the whole lines that are held back: nothing came after them for a while.
    pub fn flush_lines(&mut self) -> Vec<u8> {
        let end = memchr::memrchr(b'\n', &self.held[..self.searched]).map_or(0, |at| at + 1);
        self.give(end)
    }

    /// Whether nothing is held back.
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Whether whole lines are held back.
    pub fn holds_lines(&self) -> bool {
        self.held.contains(&b'\n')
    }

    /// Returns what is held back: nothing more comes.
    pub fn flush(&mut self, mask: &Mask) -> Vec<u8> {
        if let Some(finder) = &mask.finder {
            self.search(self.held.len(), finder);
        }
        self.give(self.held.len())
    }

    fn search(&mut self, end: usize, finder: &Finder) {
        let mut at = self.searched;
        while at < end {
            let byte = self.held[at];
            let length = self.undrawn(at, end);
            if length > 0 && !self.differ {
                self.drawn = self.raw.clone();
                self.differ = true;
            }
            for at in at..at + length.max(1) {
                if !matches!(self.held[at], b'\n' | b'\r')
                    && let Some(start) = self.raw.take(self.held[at], at, finder)
                {
                    add(&mut self.secrets, start..at + 1);
                }
            }
            if length == 0
                && self.differ
                && let Some(start) = self.drawn.take(byte, at, finder)
            {
                add(&mut self.secrets, start..at + 1);
            }
            at += length.max(1);
            if self.differ && self.raw.is_at_start(finder) && self.drawn.is_at_start(finder) {
                self.differ = false;
            }
        }
        self.searched = end;
        if !self.differ {
            self.drawn = View::default();
        }
    }

    /// How many bytes at this place the screen does not draw.
    fn undrawn(&mut self, at: usize, end: usize) -> usize {
        let byte = self.held[at];
        if (b' '..0x7F).contains(&byte) && self.sequences.is_ground() {
            return 0;
        }
        if self.sequences.push(byte) || byte.is_ascii_control() {
            return 1;
        }
        if byte.is_ascii() {
            return 0;
        }
        let rest = &self.held[at..end.min(at + 4)];
        let text = match std::str::from_utf8(rest) {
            Ok(text) => text,
            Err(error) => std::str::from_utf8(&rest[..error.valid_up_to()]).unwrap_or_default(),
        };
        text.chars().next().filter(|c| is_hidden(*c)).map_or(0, char::len_utf8)
    }

    /// Gives out the first bytes, masked.
    fn give(&mut self, length: usize) -> Vec<u8> {
        let mut given = Vec::with_capacity(length);
        let mut from = 0;
        let (mut kept, mut is_cut) = (Vec::new(), false);
        for secret in self.secrets.drain(..) {
            let (start, end) = (secret.start.min(length), secret.end.min(length));
            if start < end {
                given.extend_from_slice(&self.held[from..start]);
                // The lines stay as many as they are.
                let is_rest = std::mem::take(&mut self.is_cut) && start == 0;
                for (nth, part) in self.held[start..end].split(|byte| *byte == b'\n').enumerate() {
                    given.extend((nth > 0).then_some(b'\n'));
                    let is_shown = !part.is_empty() && (nth > 0 || !is_rest);
                    given.extend(is_shown.then_some(MASKED).into_iter().flatten());
                }
                from = end;
            }
            if secret.end > length {
                is_cut |= secret.start < length;
                kept.push(secret.start.max(length) - length..secret.end - length);
            }
        }
        given.extend_from_slice(&self.held[from..length]);
        self.secrets = kept;
        self.is_cut = is_cut || length == 0 && self.is_cut;
        self.held.drain(..length);
        self.searched -= length;
        self.raw.given(length);
        self.drawn.given(length);
        given
    }
}

/// Adds a secret. It may begin before the last ones and then takes them in.
fn add(secrets: &mut Vec<Range<usize>>, Range { mut start, end }: Range<usize>) {
    while let Some(last) = secrets.pop_if(|last| last.end >= start) {
        start = start.min(last.start);
    }
    secrets.push(start..end);
}

/// How many bytes at the end begin a character whose rest has not come.
fn unfinished_char(bytes: &[u8]) -> usize {
    let tail = &bytes[bytes.len().saturating_sub(3)..];
    match std::str::from_utf8(tail) {
        Err(error) if error.error_len().is_none() => tail.len() - error.valid_up_to(),
        _ => {
            // The tail may begin within a character.
            let skipped = tail.iter().take_while(|b| *b & 0b1100_0000 == 0b1000_0000).count();
            match std::str::from_utf8(&tail[skipped..]) {
                Err(error) if error.error_len().is_none() => {
                    tail.len() - skipped - error.valid_up_to()
                }
                _ => 0,
            }
        }
    }
}

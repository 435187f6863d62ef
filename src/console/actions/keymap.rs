//! Which key does what for this person: the tables, and what a person changed in them.

use crate::console::actions::action::KeyAction;
use crate::console::actions::chord::Chord;
use crate::console::actions::context::InputContext;
use crate::console::actions::key_sequence::KeySequence;
use crate::console::actions::tables::{ACTIONS, Entry};

/// Every key that does something. By default it is the keys of the tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keymap(Vec<Binding>);

/// What a key does in one place.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Binding {
    context: InputContext,
    keys: KeySequence,
    action: KeyAction,
}

/// What a key that was pressed is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PressedKey {
    Does(KeyAction),
    /// The first of two.
    Begins,
    Unbound,
}

impl Default for Keymap {
    fn default() -> Self {
        let keys = ACTIONS.iter().flat_map(|entry| entry.keys.iter().map(move |key| (entry, key)));
        let binding = |(entry, key): (&Entry, &&str)| Binding {
            context: entry.context,
            keys: key.parse().expect("a test parses every key of the tables"),
            action: entry.action.clone(),
        };
        Self(keys.map(binding).collect())
    }
}

impl Keymap {
    /// What a key alone does in a place.
    #[must_use]
    pub fn action(&self, context: InputContext, chord: Chord) -> Option<&KeyAction> {
        context.tables().iter().find_map(|table| {
            self.of_table(*table).find(|b| b.keys.single() == Some(chord)).map(|b| &b.action)
        })
    }

    /// What a key is in a place, after the first of two keys if that was pressed before.
    #[must_use]
    pub fn pressed(&self, context: InputContext, first: Option<Chord>, chord: Chord) -> PressedKey {
        let found = context.tables().iter().find_map(|table| {
            let both = first.map(|first| KeySequence { first, then: Some(chord) });
            let wanted = both.unwrap_or_else(|| chord.into());
            let begins = || first.is_none() && self.of_table(*table).any(|b| b.keys.first == chord);
            match self.of_table(*table).find(|binding| binding.keys == wanted) {
                Some(binding) => Some(PressedKey::Does(binding.action.clone())),
                None => begins().then_some(PressedKey::Begins),
            }
        });
        found.unwrap_or(PressedKey::Unbound)
    }

    /// The keys of a row of the tables.
    pub fn keys(&self, entry: &Entry) -> impl Iterator<Item = KeySequence> {
        let of = |b: &&Binding| b.action == entry.action;
        self.of_table(entry.context).filter(of).map(|binding| binding.keys)
    }

    /// The first key of an action, as the screen shows it; empty where it has none.
    #[must_use]
    pub fn shown(&self, action: &KeyAction) -> String {
        let entries = ACTIONS.iter().filter(|entry| entry.action == *action);
        let key = entries.flat_map(|entry| self.keys(entry)).next();
        key.map_or_else(String::new, KeySequence::shown)
    }

    /// Gives a row other keys, and takes these from the other rows of its table.
    pub fn rebind(&mut self, entry: &Entry, keys: &[KeySequence]) {
        let context = entry.context;
        let is_taken = |b: &Binding| keys.iter().any(|new| new.clashes(b.keys));
        self.0.retain(|b| b.context != context || (b.action != entry.action && !is_taken(b)));
        let action = &entry.action;
        let new = keys.iter().map(|keys| Binding { context, keys: *keys, action: action.clone() });
        self.0.extend(new);
    }

    fn of_table(&self, table: InputContext) -> impl Iterator<Item = &Binding> {
        self.0.iter().filter(move |binding| binding.context == table)
    }
}

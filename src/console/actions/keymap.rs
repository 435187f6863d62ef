//! Which key does what for this person: the tables, and what a person changed in them.

use crate::console::actions::action::KeyAction;
use crate::console::actions::chord::Chord;
use crate::console::actions::context::InputContext;
use crate::console::actions::tables::{ACTIONS, Entry};

/// Every key that does something. By default it is the keys of the tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keymap(Vec<Binding>);

/// A key and what it does in one place.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Binding {
    context: InputContext,
    chord: Chord,
    action: KeyAction,
}

impl Default for Keymap {
    fn default() -> Self {
        let keys = ACTIONS.iter().flat_map(|entry| entry.keys.iter().map(move |key| (entry, key)));
        let binding = |(entry, key): (&Entry, &&str)| Binding {
            context: entry.context,
            chord: key.parse().expect("a test parses every key of the tables"),
            action: entry.action.clone(),
        };
        Self(keys.map(binding).collect())
    }
}

impl Keymap {
    /// What a key does in a place.
    #[must_use]
    pub fn action(&self, context: InputContext, chord: Chord) -> Option<&KeyAction> {
        context.tables().iter().find_map(|table| {
            let binding = self.0.iter().find(|b| b.context == *table && b.chord == chord);
            binding.map(|binding| &binding.action)
        })
    }

    /// The keys of a row of the tables.
    pub fn keys(&self, entry: &Entry) -> impl Iterator<Item = Chord> {
        let of = |b: &&Binding| b.context == entry.context && b.action == entry.action;
        self.0.iter().filter(of).map(|binding| binding.chord)
    }

    /// The first key of an action, as the screen shows it; empty where it has none.
    #[must_use]
    pub fn shown(&self, action: &KeyAction) -> String {
        let entries = ACTIONS.iter().filter(|entry| entry.action == *action);
        let key = entries.flat_map(|entry| self.keys(entry)).next();
        key.map_or_else(String::new, Chord::shown)
    }

    /// Gives a row other keys, and takes these from the other rows of its table.
    pub fn rebind(&mut self, entry: &Entry, keys: &[Chord]) {
        let context = entry.context;
        self.0.retain(|b| {
            b.context != context || (b.action != entry.action && !keys.contains(&b.chord))
        });
        let action = &entry.action;
        let new =
            keys.iter().map(|chord| Binding { context, chord: *chord, action: action.clone() });
        self.0.extend(new);
    }
}

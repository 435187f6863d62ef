//! What keys can do: one list of actions with a table of keys for each place. Dispatch, hints and help read it.

pub mod action;
pub(crate) mod available;
pub mod chord;
pub mod command_line;
pub mod context;
pub mod fuzzy;
pub mod groups;
pub mod key_rules;
pub mod key_sequence;
pub mod keymap;
pub mod keys_file;
pub mod offer;
pub mod offers;
pub mod remedy;
pub mod row_offers;
pub mod tables;
pub mod verbs;

pub use crate::console::actions::tables::{ACTIONS, Entry};

use crate::console::actions::action::KeyAction;
use crate::console::actions::groups::KeyGroup;
use crate::console::actions::keymap::Keymap;

/// The row of an action; of the first table that has it.
///
/// # Panics
/// Never: a test holds the list complete.
#[must_use]
pub fn entry(action: &KeyAction) -> &'static Entry {
    ACTIONS.iter().find(|entry| entry.action == *action).expect("the tables have every action")
}

/// The rows that a search of the help leaves, by what they are about.
#[must_use]
pub fn matching(keymap: &Keymap, search: &str) -> Vec<&'static Entry> {
    let wanted = search.to_lowercase();
    let hit = |entry: &&Entry| {
        let key = keymap.keys(entry).any(|chord| chord.to_string() == search);
        key || entry.name.contains(&wanted) || entry.help.to_lowercase().contains(&wanted)
    };
    let mut found: Vec<_> =
        ACTIONS.iter().filter(|entry| !entry.help.is_empty()).filter(hit).collect();
    found.sort_by_key(|entry| KeyGroup::of(entry));
    found
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::console::actions::chord::Chord;
    use crate::console::actions::context::InputContext;

    #[test]
    fn no_table_binds_a_key_or_uses_a_name_twice() {
        let (mut keys, mut names) = (HashSet::new(), HashSet::new());
        for entry in ACTIONS {
            let table = entry.context;
            assert!(names.insert((table, entry.name)), "{table:?} has {:?} twice", entry.name);
            for key in entry.keys {
                let chord: Chord = key.parse().unwrap();
                assert!(keys.insert((table, chord)), "{table:?} binds {key:?} twice");
            }
        }
    }

    #[test]
    fn only_the_ten_upper_case_acts_change_something() {
        assert!(ACTIONS.iter().take(10).all(|entry| entry.action.changes_something()));
        assert!(!ACTIONS.iter().skip(10).any(|entry| entry.action.changes_something()));
        let acts: Vec<_> = ACTIONS.iter().take(10).flat_map(|entry| entry.keys).collect();
        assert_eq!(acts, [&"P", &"R", &"!", &"V", &"H", &"F", &"X", &"C", &"T", &"I"]);
    }

    #[test]
    fn every_place_reads_its_own_table_first() {
        for context in InputContext::ALL {
            assert_eq!(context.tables()[0], context);
        }
    }

    #[test]
    fn a_row_with_other_keys_takes_them_from_its_table_alone() {
        let mut keymap = Keymap::default();
        let (promote, hold) = (entry(&KeyAction::Promote), entry(&KeyAction::Hold));
        let key = |name: &str| name.parse::<Chord>().unwrap();
        keymap.rebind(promote, &[key("H").into(), key("enter").into()]);
        assert_eq!(keymap.action(InputContext::Lists, key("H")), Some(&KeyAction::Promote));
        assert_eq!(keymap.action(InputContext::Log, key("H")), Some(&KeyAction::Promote));
        assert_eq!(keymap.action(InputContext::Lists, key("P")), None);
        assert_eq!(keymap.keys(hold).count(), 0);
        assert_eq!(keymap.shown(&KeyAction::Promote), "H");
        let press = keymap.action(InputContext::Field, key("enter"));
        assert_eq!(press, Keymap::default().action(InputContext::Field, key("enter")));
    }
}

//! What a keys file must not do: two actions on one key, what changes something on a key that is pressed by the way, a
//! letter that could not be typed any more, a place without a way out.

use crate::console::actions::action::{
    ChoiceAction, DialogAction, HelpAction, InputAction, KeyAction, MenuAction, PageAction,
    PaletteAction,
};
use crate::console::actions::chord::Chord;
use crate::console::actions::context::InputContext;
use crate::console::actions::key_sequence::KeySequence;
use crate::console::actions::keymap::Keymap;
use crate::console::actions::tables::{ACTIONS, Entry};
use crate::settings::{Located, Mistakes};

/// The keys that a file gives to an action; none where it takes them away.
#[derive(Debug, Clone)]
pub struct GivenKeys {
    pub entry: &'static Entry,
    pub keys: Vec<Located<KeySequence>>,
    /// The byte of its name.
    pub at: usize,
    /// `lists.promote`
    pub path: String,
}

impl GivenKeys {
    #[must_use]
    pub fn sequences(&self) -> Vec<KeySequence> {
        self.keys.iter().map(|key| key.value).collect()
    }
}

/// What is wrong with a key where it stands, and with two keys of a file beside each other.
pub fn check_each(given: &[GivenKeys], text: &str, mistakes: &mut Mistakes<'_>) {
    for (at, row) in given.iter().enumerate() {
        for key in &row.keys {
            let wrong = unfit(row.entry, key.value);
            let wrong = wrong.or_else(|| clash(&given[..at], row, key.value, text));
            if let Some(sentence) = wrong {
                mistakes.add(key.at, &row.path, sentence);
            }
        }
    }
}

/// Why an action cannot have these keys.
fn unfit(entry: &Entry, keys: KeySequence) -> Option<String> {
    let (name, context) = (entry.name, entry.context);
    if keys.then.is_some() && !takes_two(context) {
        return Some(format!("\"{keys}\" is two keys, and [{}] takes one key", context.name()));
    }
    if keys.chords().any(Chord::is_way_out) && !leaves(&entry.action) {
        return Some(format!("\"{keys}\" only closes and goes back; give {name:?} another key"));
    }
    let is_loud = keys.chords().any(Chord::is_loud);
    if entry.action.changes_something() && !is_loud {
        return Some(format!(
            "{name:?} changes something and \"{keys}\" is pressed by the way; use upper case, or {}",
            Chord::MODIFIERS
        ));
    }
    let is_typed = keys.first.is_typed() && types(context) && !may_be_typed(&entry.action);
    is_typed.then(|| format!("\"{keys}\" is typed there; {name:?} needs a key that types nothing"))
}

/// Whether two keys can be one after the other: nowhere where something is typed or confirmed.
fn takes_two(context: InputContext) -> bool {
    matches!(
        context,
        InputContext::Lists
            | InputContext::Log
            | InputContext::Page
            | InputContext::Changed
            | InputContext::Checklist
    )
}

/// Whether letters are typed there, or may be.
fn types(context: InputContext) -> bool {
    matches!(
        context,
        InputContext::Everywhere
            | InputContext::Text
            | InputContext::Filter
            | InputContext::Search
            | InputContext::Help
            | InputContext::Palette
            | InputContext::Choice
            | InputContext::Dialog
            | InputContext::Field
            | InputContext::Picks
    )
}

/// What is told from a letter that is typed.
fn may_be_typed(action: &KeyAction) -> bool {
    matches!(
        action,
        KeyAction::Emergency
            | KeyAction::InHelp(HelpAction::CloseIfEmpty)
            | KeyAction::Dialog(DialogAction::PickNext | DialogAction::PickPrevious)
    )
}

/// Whether it closes, cancels or goes back.
fn leaves(action: &KeyAction) -> bool {
    matches!(action, KeyAction::Back | KeyAction::Quit) || is_way_out(action)
}

/// What every place keeps a key for.
fn is_way_out(action: &KeyAction) -> bool {
    matches!(
        action,
        KeyAction::Interrupt
            | KeyAction::Input(InputAction::Cancel)
            | KeyAction::InHelp(HelpAction::Close)
            | KeyAction::InPalette(PaletteAction::Close)
            | KeyAction::InMenu(MenuAction::Close)
            | KeyAction::Choice(ChoiceAction::Close)
            | KeyAction::Page(PageAction::Close)
            | KeyAction::Dialog(DialogAction::Close)
    )
}

/// The other action of the file that has the same key, with its line.
fn clash(before: &[GivenKeys], row: &GivenKeys, keys: KeySequence, text: &str) -> Option<String> {
    let others = before.iter().filter(|other| other.entry.context == row.entry.context);
    let mut all = others.flat_map(|other| other.keys.iter().map(move |key| (other, key)));
    let (other, key) = all.find(|(_, key)| key.value.clashes(keys))?;
    let (name, line) = (other.entry.name, line_of(text, key.at));
    Some(if key.value == keys {
        format!(
            "\"{keys}\" is the key of {name:?} in line {line} already; give one of them another"
        )
    } else if key.value.then.is_none() {
        format!(
            "\"{keys}\" begins with the key of {name:?} in line {line}; give one of them another"
        )
    } else {
        format!(
            "\"{keys}\" begins \"{}\" of {name:?} in line {line}; give one of them another",
            key.value
        )
    })
}

fn line_of(text: &str, at: usize) -> usize {
    text.get(..at).unwrap_or(text).matches('\n').count() + 1
}

/// What is wrong with the keymap that a file leads to.
pub fn check_whole(keymap: &Keymap, given: &[GivenKeys], mistakes: &mut Mistakes<'_>) {
    let place = |entry: &Entry| given.iter().find(|row| std::ptr::eq(row.entry, entry));
    for entry in ACTIONS.iter().filter(|entry| is_way_out(&entry.action)) {
        if keymap.keys(entry).next().is_none() {
            let (name, mode) = (entry.name, entry.context.name());
            let of_mode = || given.iter().find(|row| row.entry.context == entry.context);
            let (at, path) = place(entry)
                .or_else(of_mode)
                .map_or((0, String::new()), |row| (row.at, row.path.clone()));
            mistakes.add(at, &path, format!("{name:?} in [{mode}] needs a key: it is the way out"));
        }
    }
    for row in given.iter().filter(|row| row.entry.context == InputContext::Everywhere) {
        for key in &row.keys {
            if let Some(hidden) = hidden_by(keymap, key.value) {
                let (name, mode) = (hidden.name, hidden.context.name());
                let sentence = format!(
                    "\"{}\" would never reach {name:?} in [{mode}]; give one of them another key",
                    key.value
                );
                mistakes.add(key.at, &row.path, sentence);
            }
        }
    }
}

/// What a key that works everywhere is taken from. A small screen looks up its own keys first.
fn hidden_by(keymap: &Keymap, keys: KeySequence) -> Option<&'static Entry> {
    let others = ACTIONS
        .iter()
        .filter(|entry| !matches!(entry.context, InputContext::Everywhere | InputContext::Tiny));
    others.into_iter().find(|entry| keymap.keys(entry).any(|other| other.first == keys.first))
}

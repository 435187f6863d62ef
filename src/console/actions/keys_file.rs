//! `keys.toml`: the keys of a person. A text in, a keymap out; every mistake has its line and what to do.

use crate::console::actions::action::KeyAction;
use crate::console::actions::context::InputContext;
use crate::console::actions::key_rules::{self, GivenKeys};
use crate::console::actions::key_sequence::KeySequence;
use crate::console::actions::keymap::Keymap;
use crate::console::actions::tables::{ACTIONS, Entry};
use crate::settings::{
    InvalidSettings, Located, Mistakes, Section, Setting, did_you_mean, list, tree,
};

/// What unbinds an action.
const NONE: &str = "none";

/// The keys of a person.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PersonalKeys {
    pub keymap: Keymap,
    pub preset: Option<KeyPreset>,
    /// What lost its last key to another action: not wrong, but perhaps not meant.
    pub left_without: Vec<String>,
}

/// Keys that are shipped, for hands that are used to other programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyPreset {
    Vim,
    K9s,
    Arrows,
}

impl KeyPreset {
    pub const ALL: [(&'static str, Self); 3] =
        [("vim", Self::Vim), ("k9s", Self::K9s), ("arrows", Self::Arrows)];

    /// The file that it is: as a person could write it.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Vim => include_str!("../../../assets/keys/vim.toml"),
            Self::K9s => include_str!("../../../assets/keys/k9s.toml"),
            Self::Arrows => include_str!("../../../assets/keys/arrows.toml"),
        }
    }
}

/// Reads the text of a keys file; `file` is what errors call it.
///
/// # Errors
/// With every mistake.
pub fn parse(text: &str, file: &str) -> Result<PersonalKeys, InvalidSettings> {
    let tree = tree(text, file)?;
    let mut mistakes = Mistakes::new(file, text);
    let mut top = Section::of_file(&tree);
    let preset = top.take("preset").and_then(|entry| entry.choice(&KeyPreset::ALL, &mut mistakes));
    let given = given(&mut top, &mut mistakes);
    top.finish(&mut mistakes);
    key_rules::check_each(&given, text, &mut mistakes);
    let mut keymap = preset.map_or_else(Keymap::default, preset_keymap);
    let before = keymap.clone();
    for row in &given {
        keymap.rebind(row.entry, &row.sequences());
    }
    if mistakes.count() == 0 {
        key_rules::check_whole(&keymap, &given, &mut mistakes);
    }
    let left_without = left_without(&before, &keymap, &given);
    mistakes.finish(Some(PersonalKeys { keymap, preset, left_without }))
}

/// The keymap of a preset alone.
fn preset_keymap(preset: KeyPreset) -> Keymap {
    parse(preset.text(), "preset").expect("a test parses every preset").keymap
}

/// What the file gives, table by table.
fn given(top: &mut Section<'_>, mistakes: &mut Mistakes<'_>) -> Vec<GivenKeys> {
    let mut given = Vec::new();
    for context in InputContext::ALL {
        let section = top.take(context.name()).and_then(|entry| entry.section(mistakes));
        for setting in section.into_iter().flat_map(|section| section.all()) {
            let Some(entry) = row(context, &setting, mistakes) else { continue };
            let keys = keys(&setting, mistakes);
            given.push(GivenKeys { entry, keys, at: setting.key_at, path: setting.path.clone() });
        }
    }
    // As they stand in the file.
    given.sort_by_key(|row| row.at);
    given
}

/// The row of the tables that a setting names.
fn row(
    context: InputContext,
    setting: &Setting<'_>,
    mistakes: &mut Mistakes<'_>,
) -> Option<&'static Entry> {
    let name = setting.name.as_str();
    let here = ACTIONS.iter().filter(|entry| entry.context == context);
    let found = here.clone().find(|entry| entry.name == name);
    if found.is_none() {
        let known: Vec<_> = here.map(|entry| entry.name).collect();
        let mode = context.name();
        let elsewhere = ACTIONS.iter().find(|entry| entry.name == name);
        let advice = match (did_you_mean(name, &known), elsewhere) {
            (Some(advice), _) => advice,
            (None, Some(other)) => format!("; it is in [{}]", other.context.name()),
            (None, None) if known.is_empty() => "; it has none of its own".to_owned(),
            (None, None) => format!("; see: trunkline keys, or one of {}", list(&known)),
        };
        let sentence = format!("unknown action {name:?} in [{mode}]{advice}");
        mistakes.add(setting.key_at, "", sentence);
    }
    found
}

/// `"x"`, `["x", "g g"]`, or `"none"`.
fn keys(setting: &Setting<'_>, mistakes: &mut Mistakes<'_>) -> Vec<Located<KeySequence>> {
    let texts = if setting.is_list() {
        setting.texts(mistakes)
    } else {
        let text = setting.text(mistakes);
        text.map(|value| Located { value, at: setting.at }).into_iter().collect()
    };
    let is_none = matches!(&texts[..], [only] if only.value == NONE);
    let texts = texts.into_iter().filter(|_| !is_none);
    let mut keys = Vec::new();
    for text in texts {
        match text.value.parse::<KeySequence>() {
            Ok(value) => keys.push(Located { value, at: text.at }),
            Err(why) => mistakes.add(text.at, &setting.path, why.to_string()),
        }
    }
    keys
}

/// The actions that had a key and have none, without anybody saying so.
fn left_without(before: &Keymap, after: &Keymap, given: &[GivenKeys]) -> Vec<String> {
    let is_given = |entry: &Entry| given.iter().any(|row| std::ptr::eq(row.entry, entry));
    let lost = ACTIONS.iter().filter(|entry| {
        let had = before.keys(entry).next().is_some();
        had && after.keys(entry).next().is_none() && !is_given(entry)
    });
    let palette = after.shown(&KeyAction::Palette);
    let found = if palette.is_empty() { String::new() } else { format!("; {palette} finds it") };
    lost.map(|entry| {
        format!("{:?} in [{}] has no key any more{found}", entry.name, entry.context.name())
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::actions::chord::Chord;
    use crate::console::actions::keymap::PressedKey;

    fn chord(name: &str) -> Chord {
        name.parse().unwrap()
    }

    fn wrong(text: &str) -> String {
        parse(text, "keys.toml").expect_err(text).to_string()
    }

    #[test]
    fn a_file_gives_keys_takes_keys_and_starts_from_a_preset() {
        let text = "preset = \"vim\"\n[lists]\npromote = \"ctrl-x p\"\nzoom = \"none\"\n\
                    changes = [\"d\", \"D\"]\n";
        let keys = parse(text, "keys.toml").unwrap();
        let pressed = |first: Option<&str>, key| {
            keys.keymap.pressed(InputContext::Lists, first.map(chord), chord(key))
        };
        assert_eq!(keys.preset, Some(KeyPreset::Vim));
        assert_eq!(pressed(None, "ctrl-x"), PressedKey::Begins);
        assert_eq!(pressed(Some("ctrl-x"), "p"), PressedKey::Does(KeyAction::Promote));
        assert_eq!(pressed(Some("ctrl-x"), "x"), PressedKey::Unbound);
        assert_eq!(pressed(None, "P"), PressedKey::Unbound);
        assert_eq!(pressed(None, "z"), PressedKey::Unbound);
        assert_eq!(pressed(None, "D"), PressedKey::Does(KeyAction::Changes));
        assert_eq!(pressed(None, "g"), PressedKey::Begins, "by the preset");
        assert_eq!(keys.keymap.shown(&KeyAction::Promote), "ctrl-x p");
        assert_eq!(parse("", "keys.toml").unwrap(), PersonalKeys::default());
    }

    #[test]
    fn every_preset_is_a_file_without_a_clash_in_which_lower_case_looks() {
        for (name, preset) in KeyPreset::ALL {
            let keys = parse(preset.text(), name).unwrap_or_else(|why| panic!("{why}"));
            assert_ne!(keys.keymap, Keymap::default(), "{name} changes nothing");
            assert!(keys.left_without.is_empty(), "{name}: {:?}", keys.left_without);
            assert_eq!(parse(&format!("preset = {name:?}"), "x").unwrap().keymap, keys.keymap);
        }
    }

    #[test]
    fn a_mistake_names_its_line_and_what_to_do() {
        let cases = [
            (
                "[lists]\npromot = \"P\"",
                "keys.toml:2:1: unknown action \"promot\" in [lists]; did you mean \"promote\"?",
            ),
            ("[lists]\nnext-error = \"E\"", "in [lists]; it is in [log]"),
            ("[list]\nzoom = \"z\"", "keys.toml:1:2: list: unknown key; did you mean \"lists\"?"),
            ("preset = \"vi\"", "unknown value \"vi\"; did you mean \"vim\"?"),
            ("[lists]\nzoom = \"Enter\"", "keys.toml:2:8: lists.zoom: \"Enter\" is no key"),
            ("[lists]\nzoom = \"a b c\"", "is no key"),
            ("[lists]\nzoom = 3", "found a number"),
            (
                "[lists]\nzoom = \"c\"\nfilter = \"c\"",
                "keys.toml:3:10: lists.filter: \"c\" is the key of \"zoom\" in line 2 already",
            ),
            (
                "[lists]\nzoom = \"c\"\nfilter = \"c c\"",
                "\"c c\" begins with the key of \"zoom\" in line 2",
            ),
            ("[lists]\npromote = \"p\"", "\"promote\" changes something"),
            ("[lists]\nretry = \"g t\"", "\"retry\" changes something"),
            ("[lists]\nhold = \"1\"", "\"hold\" changes something"),
            ("[everywhere]\nredraw = \"x\"", "is typed there"),
            ("[help]\nrun = \"r\"", "is typed there"),
            ("[dialog]\npress = \"P\"", "is typed there"),
            ("[dialog]\nnext = \"g g\"", "takes one key"),
            ("[dialog]\npress = \"esc\"", "only closes and goes back"),
            ("[dialog]\nclose = \"none\"", "needs a key"),
            ("[everywhere]\nredraw = \"ctrl-r\"", "\"refresh\" in [lists]"),
        ];
        for (text, says) in cases {
            let why = wrong(text);
            assert!(why.contains(says), "{text}\n{why}\nhas not: {says}");
        }
    }

    #[test]
    fn every_mistake_of_a_file_is_told_at_once() {
        let why = wrong("[lists]\npromot = \"P\"\nzoom = \"Enter\"\nhold = \"h\"\n");
        assert_eq!(why.lines().count(), 3, "{why}");
    }

    #[test]
    fn what_lost_its_last_key_is_said_and_works_by_its_name() {
        let keys = parse("[lists]\nchanges = \"z\"\n", "keys.toml").unwrap();
        assert_eq!(keys.left_without, ["\"zoom\" in [lists] has no key any more; : finds it"]);
    }
}

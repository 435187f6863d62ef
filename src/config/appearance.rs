//! How the console looks, from the user file: the theme and the colours. A theme that was picked is written there.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use super::error::ConfigError;
use super::user_file::{TOP_KEYS, UserFile, read, write_whole};
use crate::settings::{Mistakes, Section, Setting, tree};

/// The longest name of a theme, in characters.
const LONGEST: usize = 40;

/// The name of a theme, which is that of its file: letters and digits, and so no way out of the folder of themes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ThemeName(String);

impl ThemeName {
    /// The theme that needs no more than the terminal's own colours.
    #[must_use]
    pub fn terminal() -> Self {
        Self("terminal".to_owned())
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ThemeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ThemeName {
    type Err = InvalidThemeName;

    fn from_str(text: &str) -> Result<Self, InvalidThemeName> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c);
        let starts_well = text.starts_with(|c: char| c.is_ascii_alphanumeric());
        if starts_well && text.len() <= LONGEST && text.chars().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidThemeName(text.to_owned()))
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a name of a theme; use up to {LONGEST} of a-z, 0-9, \"-\" and \"_\", starting with a letter or digit"
)]
pub struct InvalidThemeName(String);

/// What the user file says about looks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Appearance {
    pub theme: ThemeChoice,
    pub colour: ColourSetting,
}

/// Which theme is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ThemeChoice {
    One(ThemeName),
    /// By the background of the terminal.
    ByBackground {
        dark: ThemeName,
        light: ThemeName,
    },
}

impl Default for ThemeChoice {
    fn default() -> Self {
        Self::One(ThemeName::terminal())
    }
}

/// How many colours are used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ColourSetting {
    /// As many as the terminal has, and none where `NO_COLOR` is set.
    #[default]
    Auto,
    /// As many as the terminal has.
    Always,
    Never,
    Sixteen,
    TwoHundredFiftySix,
    True,
}

impl ColourSetting {
    /// Each with its word.
    pub const WORDS: [(&str, Self); 6] = [
        ("auto", Self::Auto),
        ("always", Self::Always),
        ("never", Self::Never),
        ("16", Self::Sixteen),
        ("256", Self::TwoHundredFiftySix),
        ("true", Self::True),
    ];
}

/// Reads `theme` and `color`.
pub(super) fn read_from(top: &mut Section<'_>, mistakes: &mut Mistakes<'_>) -> Appearance {
    let theme = top.take("theme").and_then(|entry| choice(&entry, mistakes));
    let colour = top.take("color");
    let colour = colour.and_then(|entry| entry.choice(&ColourSetting::WORDS, mistakes));
    Appearance { theme: theme.unwrap_or_default(), colour: colour.unwrap_or_default() }
}

fn choice(entry: &Setting<'_>, mistakes: &mut Mistakes<'_>) -> Option<ThemeChoice> {
    if !entry.is_table() {
        return name(entry, mistakes).map(ThemeChoice::One);
    }
    let mut section = entry.section(mistakes)?;
    let [dark, light] = ["dark", "light"].map(|key| {
        let entry = section.take(key);
        if entry.is_none() {
            let sentence = format!("needs {key} = \"NAME\" too, the theme on a {key} background");
            mistakes.add(section.at, &section.path, sentence);
        }
        entry.and_then(|entry| name(&entry, mistakes))
    });
    section.finish(mistakes);
    Some(ThemeChoice::ByBackground { dark: dark?, light: light? })
}

fn name(entry: &Setting<'_>, mistakes: &mut Mistakes<'_>) -> Option<ThemeName> {
    let text = entry.text(mistakes)?;
    text.parse().map_err(|why: InvalidThemeName| entry.reject(mistakes, why.to_string())).ok()
}

/// Writes `theme = "NAME"` into the user file, or creates it. Any other text is kept.
///
/// # Errors
/// If the file has or would get mistakes, chooses the theme by the background, or cannot be written. The file is unchanged
/// then.
pub fn keep_theme(path: &Path, theme: &ThemeName) -> Result<(), ConfigError> {
    let (text, file) = (read(path)?, path.display().to_string());
    let before = UserFile::parse(&text, &file)?;
    if let ThemeChoice::ByBackground { .. } = before.appearance.theme {
        return Err(ConfigError::ThemeByBackground { file: path.to_owned() });
    }
    let chosen = ThemeChoice::One(theme.clone());
    if before.appearance.theme == chosen {
        return Ok(());
    }
    let text = with_theme(&text, &file, theme)?;
    let after = UserFile::parse(&text, &file)?;
    let appearance = Appearance { theme: chosen, ..before.appearance.clone() };
    if after != (UserFile { appearance, ..before }) {
        return Err(ConfigError::ThemeByHand { file: path.to_owned() });
    }
    write_whole(path, &text).map_err(|why| ConfigError::Unwritable { file: path.to_owned(), why })
}

/// The text with the theme in the place of the one that it names, or below its first settings, or on top of it.
fn with_theme(text: &str, file: &str, theme: &ThemeName) -> Result<String, ConfigError> {
    let tree = tree(text, file)?;
    let mut top = Section::of_file(&tree);
    if let Some(entry) = top.take("theme") {
        return Ok(format!("{}\"{theme}\"{}", &text[..entry.at], &text[entry.end..]));
    }
    let last = TOP_KEYS.into_iter().filter_map(|key| top.take(key)).map(|entry| entry.end).max();
    let Some(end) = last else { return Ok(format!("theme = \"{theme}\"\n\n{text}")) };
    let line_end = text[end..].find('\n').map(|at| end + at + 1);
    Ok(match line_end {
        Some(at) => format!("{}theme = \"{theme}\"\n{}", &text[..at], &text[at..]),
        None => format!("{text}\ntheme = \"{theme}\"\n"),
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn parsed(text: &str) -> Result<Appearance, String> {
        UserFile::parse(text, "config.toml")
            .map(|file| file.appearance)
            .map_err(|why| why.to_string())
    }

    fn kept(text: &str) -> Result<String, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        fs::write(&path, text).unwrap();
        let kept = keep_theme(&path, &"dark".parse().unwrap());
        let after = fs::read_to_string(&path).unwrap();
        match kept {
            Ok(()) => Ok(after),
            Err(why) => {
                assert_eq!(after, text, "it is unchanged");
                Err(why.to_string())
            }
        }
    }

    #[test]
    fn a_theme_is_one_name_or_two_and_a_colour_is_one_of_the_words() {
        let one = parsed("theme = \"my-theme\"\ncolor = \"256\"").unwrap();
        assert_eq!(one.theme, ThemeChoice::One("my-theme".parse().unwrap()));
        assert_eq!(one.colour, ColourSetting::TwoHundredFiftySix);
        let both = parsed("theme = { dark = \"dark\", light = \"light\" }").unwrap();
        let [dark, light] = ["dark", "light"].map(|name| name.parse().unwrap());
        assert_eq!(both.theme, ThemeChoice::ByBackground { dark, light });
        assert_eq!(parsed("").unwrap(), Appearance::default());
        let cases = [
            ("theme = \"../x\"", "config.toml:1:9: theme: \"../x\" is not a name of a theme"),
            ("theme = { dark = \"dark\" }", "config.toml:1:1: theme: needs light = \"NAME\" too"),
            ("theme = 7", "config.toml:1:9: theme: found a number, expected a text in quotes"),
            (
                "color = \"nver\"",
                "config.toml:1:9: color: unknown value \"nver\"; did you mean \"never\"?",
            ),
        ];
        for (text, said) in cases {
            let told = parsed(text).unwrap_err();
            assert!(told.contains(said), "{text}: {told}");
        }
    }

    #[test]
    fn no_name_leads_out_of_the_folder_of_themes() {
        for name in [
            "",
            ".",
            "..",
            "../x",
            "a/b",
            "/etc/passwd",
            "a.b",
            "A",
            "-a",
            "a\0b",
            "ä",
            &"a".repeat(41),
        ] {
            assert!(name.parse::<ThemeName>().is_err(), "{name:?}");
        }
        assert!("catppuccin-mocha".parse::<ThemeName>().is_ok());
    }

    #[test]
    fn a_picked_theme_changes_its_own_value_and_nothing_else() {
        let cases = [
            ("", "theme = \"dark\"\n\n"),
            (
                "# mine\n\n[[services]]\nrepository = \"/x\" # y\n",
                "theme = \"dark\"\n\n# mine\n\n[[services]]\nrepository = \"/x\" # y\n",
            ),
            (
                "# a\ntheme = 'light' # keep me\n\n# b\n[profiles.x]\nurl = \"https://x\"\n",
                "# a\ntheme = \"dark\" # keep me\n\n# b\n[profiles.x]\nurl = \"https://x\"\n",
            ),
            (
                "poll = \"2s\" # often\nstale_after = \"1m\"\r\n[live]\n",
                "poll = \"2s\" # often\nstale_after = \"1m\"\r\ntheme = \"dark\"\n[live]\n",
            ),
            ("poll = \"2s\"", "poll = \"2s\"\ntheme = \"dark\"\n"),
            ("theme = \"dark\"", "theme = \"dark\""),
        ];
        for (before, after) in cases {
            assert_eq!(kept(before).as_deref(), Ok(after), "{before}");
        }
    }

    #[test]
    fn a_file_with_a_mistake_or_with_a_choice_of_two_is_left_as_it_is() {
        let told = kept("pol = \"2s\"\n").unwrap_err();
        assert!(told.contains("did you mean \"poll\"?"), "{told}");
        let told = kept("theme = { dark = \"dark\", light = \"light\" }\n").unwrap_err();
        assert!(told.contains("chooses the theme by the background"), "{told}");
    }
}

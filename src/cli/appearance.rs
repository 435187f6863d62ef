//! How things look on this terminal: what `--color` and `--theme` say, then `NO_COLOR`, then the user file, then the terminal.

use std::sync::OnceLock;

use super::Global;
use super::error::CliError;
use crate::config::appearance::{Appearance, ColourSetting, ThemeChoice, ThemeName};
use crate::config::places::Places;
use crate::config::user_file::UserFile;
use crate::console::theme::Theme;
use crate::console::theme::in_use::ThemeInUse;
use crate::console::theme::library::ThemeLibrary;
use crate::terminal::capabilities::{
    self, Background, ColourChoice, Depth, TerminalCapabilities, background,
};

/// What `--color` says.
static OPTION: OnceLock<ColourSetting> = OnceLock::new();

/// `--color` counts for all that this process prints.
pub fn begin(global: &Global) {
    if let Some(option) = global.color {
        OPTION.get_or_init(|| option);
    }
}

/// Reads `--color`.
pub fn colour(text: &str) -> Result<ColourSetting, String> {
    let words = ColourSetting::WORDS;
    let found = words.iter().find(|(word, _)| *word == text).map(|(_, setting)| *setting);
    let names: Vec<_> = words.iter().map(|(word, _)| *word).collect();
    found.ok_or_else(|| format!("write one of {}", names.join(", ")))
}

/// What this terminal can show, and may.
pub fn terminal() -> TerminalCapabilities {
    static FOUND: OnceLock<TerminalCapabilities> = OnceLock::new();
    *FOUND.get_or_init(|| {
        let forbids = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let choice = match OPTION.get() {
            Some(option) => choice(*option),
            // It comes before the user file.
            None if forbids => ColourChoice::Auto,
            None => choice(
                Places::discover().map_or(Appearance::default(), |places| of_user(&places)).colour,
            ),
        };
        capabilities::detect(choice)
    })
}

/// Whether what is printed may have colours.
pub fn has_colours(is_terminal: bool) -> bool {
    match OPTION.get() {
        Some(ColourSetting::Auto) | None => {
            is_terminal && capabilities::takes_sequences() && terminal().depth != Depth::Mono
        }
        Some(ColourSetting::Never) => false,
        // Who asks for colours wants them in a pipe too.
        Some(_) => true,
    }
}

fn choice(setting: ColourSetting) -> ColourChoice {
    match setting {
        ColourSetting::Auto => ColourChoice::Auto,
        ColourSetting::Always => ColourChoice::Always,
        ColourSetting::Never => ColourChoice::Never,
        ColourSetting::Sixteen => ColourChoice::Exactly(Depth::Ansi16),
        ColourSetting::TwoHundredFiftySix => ColourChoice::Exactly(Depth::Ansi256),
        ColourSetting::True => ColourChoice::Exactly(Depth::Rgb),
    }
}

/// What the user file says of looks. A mistake about something else does not concern it.
fn of_user(places: &Places) -> Appearance {
    let read = UserFile::load_for_profile(&places.user_file());
    read.map_or_else(|_| Appearance::default(), |(file, _)| file.appearance)
}

/// The themes of this user and those that come with the program. The practice service has none of its own.
pub fn library() -> Result<ThemeLibrary, CliError> {
    Ok(ThemeLibrary::new(Places::discover()?.themes()))
}

/// The theme of the option, or of the user file, or the default.
pub fn theme_name(global: &Global) -> Result<ThemeName, CliError> {
    if let Some(name) = &global.theme {
        return Ok(name.clone());
    }
    Ok(match of_user(&Places::discover()?).theme {
        ThemeChoice::One(name) => name,
        ThemeChoice::ByBackground { dark, light } => match background() {
            Some(Background::Light) => light,
            Some(Background::Dark) | None => dark,
        },
    })
}

/// The theme for the console. One of the user file that cannot be used is no reason not to open it.
pub fn theme(global: &Global) -> Result<(Theme, ThemeInUse), CliError> {
    let (places, library, name) = (Places::discover()?, library()?, theme_name(global)?);
    let TerminalCapabilities { depth, charset, .. } = terminal();
    let kept_in = Some(places.user_file());
    let in_use = ThemeInUse { library, name, kept_in, ..ThemeInUse::default() };
    match in_use.library.load(&in_use.name) {
        Ok(loaded) => {
            let theme = Theme::new(&loaded.looks, depth, charset);
            Ok((theme, ThemeInUse { files: loaded.files, ..in_use }))
        }
        Err(why) if global.theme.is_some() => Err(CliError::usage(why.sentence)),
        Err(why) => {
            let in_use = ThemeInUse { files: why.files, mistake: Some(why.sentence), ..in_use };
            Ok((Theme::terminal(depth, charset), in_use))
        }
    }
}

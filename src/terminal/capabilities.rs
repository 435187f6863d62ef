//! What the terminal can show, read from the environment. A query could be answered too late on a slow line.

use std::io::IsTerminal;

/// The colour depth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Depth {
    /// No colour: attributes carry the meaning.
    Mono,
    Ansi16,
    Ansi256,
    Rgb,
}

/// The characters that the terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Charset {
    Unicode,
    Ascii,
}

/// The colour option, from the command line or the configuration.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ColourChoice {
    #[default]
    Auto,
    Always,
    Never,
    /// Whatever the terminal says.
    Exactly(Depth),
}

/// The background of the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Background {
    Dark,
    Light,
}

/// What the terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TerminalCapabilities {
    pub depth: Depth,
    pub charset: Charset,
    /// Escapes for the outer terminal must be wrapped.
    pub tmux: bool,
}

/// Why the console cannot start here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    #[error("the console needs a terminal, but standard input is not one; use `trunkline status`")]
    Input,
    #[error("the console needs a terminal, but standard output is not one; use `trunkline status`")]
    Output,
    #[error(
        "the console cannot draw on a terminal with TERM=\"{0}\"; set TERM, or use `trunkline status`"
    )]
    Dumb(String),
}

/// Checks whether the console can run on the standard streams of this process. Changes nothing.
///
/// # Errors
///
/// With a sentence that says why it cannot.
pub fn check() -> Result<(), Unusable> {
    let streams = (std::io::stdin().is_terminal(), std::io::stdout().is_terminal());
    usable(streams, env)
}

/// Whether this process's terminal takes escape sequences.
#[must_use]
pub fn takes_sequences() -> bool {
    !is_dumb(&env("TERM").unwrap_or_default())
}

/// What this process's terminal can show.
#[must_use]
pub fn detect(choice: ColourChoice) -> TerminalCapabilities {
    TerminalCapabilities::from_env(choice, env)
}

/// What the terminal says of its background, if it does. Only the variable is read: the answer to a question could come late
/// on a slow line, and be taken for keys.
#[must_use]
pub fn background() -> Option<Background> {
    background_of(env)
}

/// `COLORFGBG` ends with the number of the background among the sixteen colours, where that is one of them.
fn background_of(env: impl Fn(&str) -> Option<String>) -> Option<Background> {
    match env("COLORFGBG")?.rsplit(';').next()?.parse().ok()? {
        0..=6 | 8 => Some(Background::Dark),
        7 | 9..=15 => Some(Background::Light),
        _ => None,
    }
}

fn env(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn usable(
    (input, output): (bool, bool),
    env: impl Fn(&str) -> Option<String>,
) -> Result<(), Unusable> {
    if !input {
        return Err(Unusable::Input);
    }
    if !output {
        return Err(Unusable::Output);
    }
    let term = env("TERM").unwrap_or_default();
    if is_dumb(&term) { Err(Unusable::Dumb(term)) } else { Ok(()) }
}

/// Whether such a terminal takes no escape sequences, or may take none.
fn is_dumb(term: &str) -> bool {
    term.is_empty() || term == "dumb"
}

impl TerminalCapabilities {
    /// Reads the capabilities from the environment.
    #[must_use]
    pub fn from_env(choice: ColourChoice, env: impl Fn(&str) -> Option<String>) -> Self {
        let tmux = env("TMUX").is_some_and(|v| !v.is_empty());
        Self { depth: depth(choice, &env), charset: charset(&env), tmux }
    }
}

/// The option overrides `NO_COLOR`, which overrides the terminal's depth.
fn depth(choice: ColourChoice, env: &impl Fn(&str) -> Option<String>) -> Depth {
    let no_colour = env("NO_COLOR").is_some_and(|v| !v.is_empty());
    match choice {
        ColourChoice::Never => return Depth::Mono,
        ColourChoice::Auto if no_colour => return Depth::Mono,
        ColourChoice::Exactly(depth) => return depth,
        ColourChoice::Auto | ColourChoice::Always => {}
    }
    let term = env("TERM").unwrap_or_default();
    match env("COLORTERM").as_deref() {
        Some("truecolor" | "24bit") => Depth::Rgb,
        _ if term.ends_with("-direct") => Depth::Rgb,
        _ if term.contains("256color") => Depth::Ansi256,
        _ if ["vt52", "vt100", "vt220"].contains(&term.as_str()) => Depth::Mono,
        _ => Depth::Ansi16,
    }
}

/// The first of the three that is set decides, as in the C library.
fn charset(env: &impl Fn(&str) -> Option<String>) -> Charset {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .filter_map(env)
        .find(|value| !value.is_empty())
        .unwrap_or_default()
        .to_ascii_lowercase();
    if locale.contains("utf-8") || locale.contains("utf8") {
        Charset::Unicode
    } else {
        Charset::Ascii
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Vars = &'static [(&'static str, &'static str)];

    fn of(vars: Vars, choice: ColourChoice) -> TerminalCapabilities {
        TerminalCapabilities::from_env(choice, lookup(vars))
    }

    fn lookup(vars: Vars) -> impl Fn(&str) -> Option<String> {
        |name| vars.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
    }

    #[test]
    fn the_depth_follows_option_then_no_color_then_terminal() {
        use ColourChoice::{Always, Auto, Exactly, Never};
        let cases: [(Vars, ColourChoice, Depth); 11] = [
            (&[], Auto, Depth::Ansi16),
            (&[("TERM", "xterm-256color")], Auto, Depth::Ansi256),
            (&[("TERM", "xterm"), ("COLORTERM", "truecolor")], Auto, Depth::Rgb),
            (&[("TERM", "xterm"), ("COLORTERM", "1")], Auto, Depth::Ansi16),
            (&[("TERM", "vt100")], Auto, Depth::Mono),
            (&[("NO_COLOR", "1"), ("COLORTERM", "truecolor")], Auto, Depth::Mono),
            (&[("NO_COLOR", "")], Auto, Depth::Ansi16),
            (&[("NO_COLOR", "1")], Always, Depth::Ansi16),
            (&[("COLORTERM", "truecolor")], Never, Depth::Mono),
            (&[("NO_COLOR", "1")], Exactly(Depth::Ansi256), Depth::Ansi256),
            (&[("COLORTERM", "truecolor")], Exactly(Depth::Ansi16), Depth::Ansi16),
        ];
        for (vars, choice, depth) in cases {
            assert_eq!(of(vars, choice).depth, depth, "{vars:?} {choice:?}");
        }
    }

    #[test]
    fn the_first_locale_variable_that_is_set_decides_the_charset() {
        let cases: [(Vars, Charset); 6] = [
            (&[], Charset::Ascii),
            (&[("LANG", "en_US.UTF-8")], Charset::Unicode),
            (&[("LANG", "C.utf8")], Charset::Unicode),
            (&[("LANG", "C")], Charset::Ascii),
            (&[("LC_ALL", "C"), ("LANG", "en_US.UTF-8")], Charset::Ascii),
            (&[("LC_ALL", ""), ("LC_CTYPE", "de_DE.UTF-8"), ("LANG", "C")], Charset::Unicode),
        ];
        for (vars, charset) in cases {
            assert_eq!(of(vars, ColourChoice::Auto).charset, charset, "{vars:?}");
        }
    }

    #[test]
    fn the_background_is_the_last_number_of_its_variable_and_not_guessed() {
        let cases = [
            ("15;0", Some(Background::Dark)),
            ("0;15", Some(Background::Light)),
            ("0;default;15", Some(Background::Light)),
            ("7;8", Some(Background::Dark)),
            ("0;7", Some(Background::Light)),
            ("15;default", None),
            ("0;99", None),
            ("", None),
        ];
        for (value, background) in cases {
            let vars = |name: &str| (name == "COLORFGBG").then(|| value.to_owned());
            assert_eq!(background_of(vars), background, "{value}");
        }
        assert_eq!(background_of(lookup(&[])), None);
    }

    #[test]
    fn no_terminal_and_a_dumb_one_are_refused_in_a_sentence() {
        let fine = lookup(&[("TERM", "xterm")]);
        assert_eq!(usable((true, true), &fine), Ok(()));
        assert_eq!(usable((false, true), &fine), Err(Unusable::Input));
        assert_eq!(usable((true, false), &fine), Err(Unusable::Output));
        let dumb = usable((true, true), lookup(&[("TERM", "dumb")])).unwrap_err();
        assert_eq!(
            dumb.to_string(),
            "the console cannot draw on a terminal with TERM=\"dumb\"; set TERM, or use `trunkline status`"
        );
        assert!(usable((true, true), lookup(&[])).is_err());
    }
}

//! What each thing on screen looks like: semantic roles, resolved once for what the terminal can do.

use std::collections::BTreeMap;

use ratatui::style::{Color, Modifier, Style};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
pub use symbols::Symbols;

use crate::terminal::capabilities::{Charset, Depth};
use crate::terminal::colour;

mod symbols;

/// The shipped theme: it needs no more than the terminal's own sixteen colours.
const TERMINAL: &str = include_str!("../../themes/terminal.toml");

/// Declares the roles, each with its name in a theme file and the role that it looks like where a theme is silent.
macro_rules! roles {
    ($($role:ident $name:literal => $fallback:ident,)*) => {
        /// What a piece of the screen means. A theme decides how that looks.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Role { $($role,)* }

        impl Role {
            /// Every role, in the order of its discriminant.
            pub const ALL: &[Self] = &[$(Self::$role,)*];

            /// Its name in a theme file.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$role => $name,)* }
            }

            /// The role that it looks like where a theme does not name it. `Text` falls back to itself.
            fn fallback(self) -> Self {
                match self { $(Self::$role => Self::$fallback,)* }
            }
        }
    };
}

roles! {
    Text "text" => Text,
    Muted "muted" => Text,
    Accent "accent" => Text,
    Key "key" => Accent,
    Border "border" => Muted,
    BorderFocus "border.focus" => Accent,
    Selection "selection" => Text,
    Search "search" => Selection,
    Escape "escape" => Selection,
    Ok "ok" => Text,
    Running "running" => Accent,
    Warn "warn" => Accent,
    Danger "danger" => Warn,
    Unknown "unknown" => Warn,
    Inactive "inactive" => Muted,
    Live "live" => Ok,
    Frozen "frozen" => Warn,
    Held "held" => Warn,
    Stale "stale" => Warn,
    EnvProduction "env.production" => Danger,
    EnvStaging "env.staging" => Accent,
    Dialog "dialog" => Text,
    DialogDanger "dialog.danger" => Danger,
    Button "button" => Text,
    ButtonFocus "button.focus" => Selection,
    LogError "log.error" => Danger,
    LogWarn "log.warn" => Warn,
    LogInfo "log.info" => Text,
    LogDebug "log.debug" => Muted,
    LogTime "log.time" => Muted,
    LogNote "log.note" => Accent,
    DiffAdd "diff.add" => Ok,
    DiffDel "diff.del" => Danger,
    AuthorMe "author.me" => Accent,
    AuthorOther "author.other" => Text,
}

/// The looks of all roles, resolved, and the symbols that go with them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Theme {
    styles: Vec<Style>,
    depth: Depth,
    pub symbols: Symbols,
}

impl Theme {
    /// The default theme: the terminal's own colours and background.
    #[must_use]
    #[expect(
        clippy::missing_panics_doc,
        reason = "what it reads is compiled in, and a test reads it"
    )]
    pub fn terminal(depth: Depth, charset: Charset) -> Self {
        let looks = toml::from_str(TERMINAL).expect("the shipped theme is well formed");
        Self::resolve(&looks, depth, charset)
    }

    /// How to draw what means `role`. A style is a patch: it leaves alone what it does not name.
    #[must_use]
    pub fn style(&self, role: Role) -> Style {
        self.styles[role as usize]
    }

    /// A style that did not come from the theme (a log's own colours), within what the terminal can show.
    #[must_use]
    pub fn adapt(&self, style: Style) -> Style {
        colour::degrade(style, self.depth)
    }

    fn resolve(looks: &BTreeMap<String, Look>, depth: Depth, charset: Charset) -> Self {
        let styles = Role::ALL
            .iter()
            .map(|role| colour::degrade(Look::of(looks, *role).style(depth), depth))
            .collect();
        Self { styles, depth, symbols: Symbols::of(charset) }
    }
}

/// One role as a theme file has it.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "the file names each attribute by itself")]
struct Look {
    #[serde(deserialize_with = "colour")]
    fg: Option<Color>,
    /// Instead of `fg` where there are 256 colours or more.
    #[serde(deserialize_with = "colour")]
    deep: Option<Color>,
    #[serde(deserialize_with = "colour")]
    bg: Option<Color>,
    bold: bool,
    dim: bool,
    italic: bool,
    underline: bool,
    reverse: bool,
}

impl Look {
    /// The look of the role, or of the nearest role that it falls back to.
    fn of(looks: &BTreeMap<String, Self>, role: Role) -> Self {
        match looks.get(role.name()) {
            Some(look) => *look,
            None if role.fallback() == role => Self::default(),
            None => Self::of(looks, role.fallback()),
        }
    }

    fn style(self, depth: Depth) -> Style {
        let attributes = [
            (self.bold, Modifier::BOLD),
            (self.dim, Modifier::DIM),
            (self.italic, Modifier::ITALIC),
            (self.underline, Modifier::UNDERLINED),
            (self.reverse, Modifier::REVERSED),
        ];
        let modifier = attributes.into_iter().filter(|(on, _)| *on).map(|(_, m)| m).collect();
        let deep = self.deep.filter(|_| depth >= Depth::Ansi256);
        let style = Style { fg: deep.or(self.fg), bg: self.bg, ..Style::default() };
        style.add_modifier(modifier)
    }
}

fn colour<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Color>, D::Error> {
    let name = String::deserialize(deserializer)?;
    let unknown =
        |_| D::Error::custom(format!("unknown colour {name:?}; name one or write #rrggbb"));
    name.parse().map(Some).map_err(unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEPTHS: [Depth; 4] = [Depth::Mono, Depth::Ansi16, Depth::Ansi256, Depth::Rgb];

    fn looks() -> BTreeMap<String, Look> {
        toml::from_str(TERMINAL).unwrap()
    }

    #[test]
    fn the_shipped_theme_names_only_roles_that_there_are() {
        let unknown: Vec<_> = looks()
            .into_keys()
            .filter(|name| !Role::ALL.iter().any(|role| role.name() == name))
            .collect();
        assert_eq!(unknown, [""; 0]);
    }

    #[test]
    fn a_role_is_found_at_its_own_place_in_every_depth() {
        for (at, role) in Role::ALL.iter().enumerate() {
            assert_eq!(*role as usize, at);
        }
        for depth in DEPTHS {
            let theme = Theme::terminal(depth, Charset::Unicode);
            assert_eq!(theme.styles.len(), Role::ALL.len());
        }
    }

    #[test]
    fn no_role_draws_its_text_in_the_colour_behind_it() {
        for depth in DEPTHS {
            let theme = Theme::terminal(depth, Charset::Ascii);
            for role in Role::ALL {
                let style = theme.style(*role);
                let both = style.fg.zip(style.bg);
                assert!(both.is_none_or(|(fg, bg)| fg != bg), "{role:?} at {depth:?}");
                assert!(!style.add_modifier.contains(Modifier::HIDDEN), "{role:?} at {depth:?}");
            }
        }
    }

    /// How much light a colour has, from 0 to 1, and the contrast of two such values.
    fn light(colour: Color) -> f64 {
        let Color::Rgb(red, green, blue) = colour else { panic!("{colour:?} is no rgb colour") };
        let linear = |part: u8| (f64::from(part) / 255.0).powf(2.2);
        0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)
    }

    #[test]
    fn with_many_colours_every_role_can_be_read_on_white_and_on_black() {
        let theme = Theme::terminal(Depth::Rgb, Charset::Unicode);
        for role in Role::ALL {
            let style = theme.style(*role);
            let Some(Color::Rgb(..)) = style.fg.filter(|_| style.bg.is_none()) else {
                assert!(style.fg.is_none() || style.bg.is_some(), "{role:?} has no deep colour");
                continue;
            };
            let light = light(style.fg.unwrap());
            let (on_white, on_black) = (1.05 / (light + 0.05), (light + 0.05) / 0.05);
            assert!(on_white >= 3.8 && on_black >= 3.8, "{role:?}: {on_white} {on_black}");
        }
    }

    #[test]
    fn without_colour_no_role_sets_one_and_what_must_stand_out_still_does() {
        let theme = Theme::terminal(Depth::Mono, Charset::Ascii);
        for role in Role::ALL {
            let style = theme.style(*role);
            assert_eq!((style.fg, style.bg), (None, None), "{role:?}");
        }
        for role in [Role::Selection, Role::Danger, Role::ButtonFocus, Role::Search, Role::Escape] {
            assert_ne!(theme.style(role), theme.style(Role::Text), "{role:?}");
        }
    }

    #[test]
    fn a_silent_theme_falls_back_from_role_to_role() {
        let looks = toml::from_str("[danger]\nfg = \"red\"\n").unwrap();
        let theme = Theme::resolve(&looks, Depth::Ansi16, Charset::Ascii);
        assert_eq!(theme.style(Role::EnvProduction).fg, Some(Color::Red));
        assert_eq!(theme.style(Role::AuthorOther), Style::default());
    }
}

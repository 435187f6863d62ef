//! What a theme says of each role, with all that it inherits.

use std::collections::BTreeMap;

use ratatui::style::{Modifier, Style};

use super::colour::ThemeColour;
use super::role::Role;
use crate::terminal::capabilities::Depth;

/// The background that a theme is made for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ThemeMode {
    Dark,
    Light,
    #[default]
    Any,
}

impl ThemeMode {
    /// Each with its word in a theme file.
    pub const WORDS: [(&str, Self); 3] =
        [("dark", Self::Dark), ("light", Self::Light), ("any", Self::Any)];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dark => "dark",
            Self::Light => "light",
            Self::Any => "any",
        }
    }
}

/// What a theme and those that it inherits say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ThemeLooks {
    pub mode: ThemeMode,
    pub palette: BTreeMap<String, ThemeColour>,
    pub roles: BTreeMap<Role, RoleEntry>,
}

/// What a theme says of one role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleEntry {
    pub look: RoleLook,
    /// Its line in the file of the theme, counted from 1; none if it is inherited.
    pub line: Option<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoleLook {
    /// It looks like another role.
    Like(Role),
    Own(Look),
}

/// The colours and attributes of a role.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Look {
    pub text: Option<PaletteColour>,
    pub background: Option<PaletteColour>,
    pub attributes: Modifier,
}

/// A colour as a role names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PaletteColour {
    /// By a name of the palette, which whoever inherits the theme may change.
    Named(String),
    Own(ThemeColour),
}

impl ThemeLooks {
    /// How a role is drawn where the terminal has this many colours.
    #[must_use]
    pub fn style(&self, role: Role, depth: Depth) -> Style {
        let Some(look) = self.look(role) else { return Style::default() };
        let colour = |of: &Option<PaletteColour>| self.colour(of.as_ref()?)?.at(depth);
        Style { fg: colour(&look.text), bg: colour(&look.background), ..Style::default() }
            .add_modifier(look.attributes | self.without_colour(look, depth))
    }

    /// Where there is no colour, what has a background of its own is reversed: it would not be seen otherwise.
    fn without_colour(&self, look: &Look, depth: Depth) -> Modifier {
        let ground = self.look(Role::Text).and_then(|text| text.background.as_ref());
        let is_filled = look.background.is_some() && look.background.as_ref() != ground;
        if depth == Depth::Mono && is_filled { Modifier::REVERSED } else { Modifier::empty() }
    }

    /// The line of what decides how the role looks, if it is in the file of the theme.
    #[must_use]
    pub fn line(&self, role: Role) -> Option<usize> {
        self.path(role).find_map(|role| self.roles.get(&role)).and_then(|entry| entry.line)
    }

    /// Whether a role that looks like another leads back to itself.
    #[must_use]
    pub fn is_circle(&self, role: Role) -> bool {
        self.path(role).skip(1).any(|next| next == role)
    }

    fn look(&self, role: Role) -> Option<&Look> {
        self.path(role).find_map(|role| match &self.roles.get(&role)?.look {
            RoleLook::Own(look) => Some(look),
            RoleLook::Like(_) => None,
        })
    }

    fn colour(&self, of: &PaletteColour) -> Option<ThemeColour> {
        match of {
            PaletteColour::Named(name) => self.palette.get(name).copied(),
            PaletteColour::Own(colour) => Some(*colour),
        }
    }

    /// The role, the one that it looks like, and so on; no further than to the first one that has a look of its own.
    fn path(&self, role: Role) -> impl Iterator<Item = Role> {
        let next = |role: &Role| match self.roles.get(role).map(|entry| &entry.look) {
            Some(RoleLook::Like(other)) => Some(*other),
            Some(RoleLook::Own(_)) => None,
            None => Some(role.fallback()).filter(|fallback| fallback != role),
        };
        std::iter::successors(Some(role), next).take(Role::ALL.len() + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looks(roles: &[(Role, RoleLook)]) -> ThemeLooks {
        let entry = |look: &RoleLook| RoleEntry { look: look.clone(), line: None };
        let roles = roles.iter().map(|(role, look)| (*role, entry(look))).collect();
        ThemeLooks { roles, ..ThemeLooks::default() }
    }

    fn bold() -> RoleLook {
        RoleLook::Own(Look { attributes: Modifier::BOLD, ..Look::default() })
    }

    #[test]
    fn a_role_looks_like_the_nearest_that_has_a_look() {
        let looks =
            looks(&[(Role::Danger, bold()), (Role::LogDebug, RoleLook::Like(Role::Danger))]);
        let style = |role| looks.style(role, Depth::Ansi16);
        let danger = Style::default().add_modifier(Modifier::BOLD);
        for role in [Role::Danger, Role::EnvProduction, Role::DiffDel, Role::LogDebug] {
            assert_eq!(style(role), danger, "{role:?}");
        }
        for role in [Role::Text, Role::Warn, Role::LogTime] {
            assert_eq!(style(role), Style::default(), "{role:?}");
        }
    }

    #[test]
    fn without_colours_what_is_filled_is_reversed_and_the_ground_is_not() {
        let on = |colour| {
            let background = ThemeColour::written(colour).map(PaletteColour::Own);
            RoleLook::Own(Look { background, ..Look::default() })
        };
        let looks = looks(&[(Role::Text, on("black")), (Role::Selection, on("cyan"))]);
        let reversed = Style::default().add_modifier(Modifier::REVERSED);
        assert_eq!(looks.style(Role::Selection, Depth::Mono), reversed);
        for role in [Role::Text, Role::Muted, Role::LogInfo] {
            assert_eq!(looks.style(role, Depth::Mono), Style::default(), "{role:?}");
        }
        assert_eq!(looks.style(Role::Selection, Depth::Ansi16).add_modifier, Modifier::empty());
    }

    #[test]
    fn roles_that_look_like_each_other_are_a_circle_and_end() {
        let circle = looks(&[(Role::Accent, RoleLook::Like(Role::Key))]);
        assert!(circle.is_circle(Role::Accent), "a key falls back to the accent");
        assert_eq!(circle.style(Role::Accent, Depth::Rgb), Style::default());
        assert!(
            !looks(&[(Role::Ok, RoleLook::Like(Role::Live)), (Role::Live, bold())])
                .is_circle(Role::Ok)
        );
    }
}

//! What each thing on screen looks like: semantic roles, resolved once for what the terminal can do.

pub mod check;
mod colour;
mod file;
pub mod in_use;
pub mod library;
mod looks;
mod role;
pub mod shipped;
mod symbols;

use ratatui::buffer::Buffer;
use ratatui::style::{Color, Style};

pub use self::looks::{ThemeLooks, ThemeMode};
pub use self::role::Role;
pub use self::symbols::Symbols;
use crate::config::appearance::ThemeName;
use crate::console::theme::library::ThemeLibrary;
use crate::gate::palette::force_apart;
use crate::terminal::capabilities::{Charset, Depth};
use crate::terminal::colour as depths;

/// The looks of all roles, resolved, and the symbols that go with them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Theme {
    styles: Vec<Style>,
    /// What the theme has in the place of the terminal's own text and background.
    ground: Style,
    depth: Depth,
    charset: Charset,
    pub symbols: Symbols,
}

impl Theme {
    /// The default theme: the terminal's own colours and background.
    #[must_use]
    pub fn terminal(depth: Depth, charset: Charset) -> Self {
        let loaded = ThemeLibrary::default().load(&ThemeName::terminal());
        let looks = loaded.map(|loaded| loaded.looks).unwrap_or_default();
        Self::new(&looks, depth, charset)
    }

    /// A theme for a terminal that can show this much.
    #[must_use]
    pub fn new(looks: &ThemeLooks, depth: Depth, charset: Charset) -> Self {
        let ground = looks.style(Role::Text, depth);
        let style = |role: &Role| {
            let style = looks.style(*role, depth);
            // The background of the screen is there already.
            Style { bg: style.bg.filter(|_| style.bg != ground.bg), ..style }
        };
        let styles = Role::ALL.iter().map(style).collect();
        Self { styles, ground, depth, charset, symbols: Symbols::of(charset) }
    }

    /// Another theme for the same terminal.
    #[must_use]
    pub fn dressed(&self, looks: &ThemeLooks) -> Self {
        Self::new(looks, self.depth, self.charset)
    }

    /// What is in the place of the terminal's own text and background.
    #[must_use]
    pub fn ground(&self) -> Style {
        self.ground
    }

    /// How to draw what means `role`. A style is a patch: it leaves alone what it does not name.
    #[must_use]
    pub fn style(&self, role: Role) -> Style {
        self.styles[role as usize]
    }

    /// A style that did not come from the theme (a log's own colours), within what the terminal can show.
    #[must_use]
    pub fn adapt(&self, style: Style) -> Style {
        depths::degrade(style, self.depth)
    }

    /// The style, without its colours if its text could not be read on its background or on that of the theme.
    #[must_use]
    pub fn readable(&self, style: Style) -> Style {
        let on_ground = Style { bg: style.bg.or(self.ground.bg), ..style };
        if force_apart(on_ground) == on_ground {
            style
        } else {
            Style { fg: None, bg: None, ..style }
        }
    }

    /// Puts the theme's own text and background where a cell has those of the terminal.
    pub fn paint(&self, buffer: &mut Buffer) {
        let (text, background) = (self.ground.fg, self.ground.bg);
        if text.is_none() && background.is_none() {
            return;
        }
        for cell in &mut buffer.content {
            if let (Color::Reset, Some(text)) = (cell.fg, text) {
                cell.fg = text;
            }
            if let (Color::Reset, Some(background)) = (cell.bg, background) {
                cell.bg = background;
            }
        }
    }
}

#[cfg(test)]
mod tests;

//! The themes that come with the program.

use crate::config::appearance::ThemeName;

/// A theme that comes with the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShippedTheme {
    pub name: &'static str,
    pub text: &'static str,
}

/// All of them, the default first.
pub const SHIPPED: [ShippedTheme; 10] = [
    ShippedTheme { name: "terminal", text: include_str!("../../../themes/terminal.toml") },
    ShippedTheme { name: "dark", text: include_str!("../../../themes/dark.toml") },
    ShippedTheme { name: "light", text: include_str!("../../../themes/light.toml") },
    ShippedTheme {
        name: "high-contrast",
        text: include_str!("../../../themes/high-contrast.toml"),
    },
    ShippedTheme {
        name: "high-contrast-light",
        text: include_str!("../../../themes/high-contrast-light.toml"),
    },
    ShippedTheme { name: "deuteran", text: include_str!("../../../themes/deuteran.toml") },
    ShippedTheme { name: "tritan", text: include_str!("../../../themes/tritan.toml") },
    ShippedTheme { name: "mono", text: include_str!("../../../themes/mono.toml") },
    ShippedTheme {
        name: "catppuccin-mocha",
        text: include_str!("../../../themes/catppuccin-mocha.toml"),
    },
    ShippedTheme { name: "gruvbox-dark", text: include_str!("../../../themes/gruvbox-dark.toml") },
];

impl ShippedTheme {
    /// The shipped theme of this name.
    #[must_use]
    pub fn named(name: &ThemeName) -> Option<Self> {
        SHIPPED.into_iter().find(|theme| theme.name == name.as_str())
    }

    /// The first sentence of its file, which says what it is.
    #[must_use]
    pub fn about(self) -> &'static str {
        about(self.text)
    }
}

/// The first line of a theme's text, where it is a comment.
#[must_use]
pub fn about(text: &str) -> &str {
    let first = text.lines().next().unwrap_or_default();
    first.strip_prefix('#').map_or("", str::trim)
}

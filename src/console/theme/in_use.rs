//! The theme that is shown, where it is from, and where one that is picked is kept.

use std::path::PathBuf;

use tokio::time::Instant;

use super::Theme;
use super::library::{SeenFile, ThemeLibrary};
use crate::config::appearance::ThemeName;

#[derive(Debug, Clone, PartialEq)]
pub struct ThemeInUse {
    pub library: ThemeLibrary,
    pub name: ThemeName,
    /// The files that say how it looks, as they were when it was read.
    pub files: Vec<SeenFile>,
    /// What is wrong in them now, while the theme is shown as it was before.
    pub mistake: Option<String>,
    /// The user file, for the name of one that is picked.
    pub kept_in: Option<PathBuf>,
    /// The theme to go back to while others are tried.
    pub before: Option<Theme>,
    /// When the files were last looked at.
    pub looked: Option<Instant>,
}

impl Default for ThemeInUse {
    /// The default theme, and none of a user.
    fn default() -> Self {
        Self {
            library: ThemeLibrary::default(),
            name: ThemeName::terminal(),
            files: Vec::new(),
            mistake: None,
            kept_in: None,
            before: None,
            looked: None,
        }
    }
}

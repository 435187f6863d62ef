//! The `[migrations]` table of a service file: paths, dialect, and how long code bakes before a drop.

use std::time::Duration;

use crate::migrations::{Dialect, Glob};
use crate::settings::{Mistakes, Section};

/// How long code must be live without an object before a migration drops it.
pub const DEFAULT_MIN_BAKE: Duration = Duration::from_hours(24);

/// The migration settings of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationSettings {
    /// Valid `Glob` patterns; if empty, the layouts of well-known tools decide.
    pub paths: Vec<String>,
    pub dialect: Option<Dialect>,
    pub min_bake: Duration,
}

impl Default for MigrationSettings {
    fn default() -> Self {
        Self { paths: Vec::new(), dialect: None, min_bake: DEFAULT_MIN_BAKE }
    }
}

impl MigrationSettings {
    /// The patterns, compiled.
    #[must_use]
    pub fn globs(&self) -> Vec<Glob> {
        self.paths.iter().filter_map(|path| path.parse().ok()).collect()
    }
}

pub(super) fn read(top: &mut Section<'_>, mistakes: &mut Mistakes<'_>) -> MigrationSettings {
    let mut settings = MigrationSettings::default();
    let section = top.take("migrations").and_then(|entry| entry.section(mistakes));
    let Some(mut section) = section else { return settings };
    if let Some(entry) = section.take("paths") {
        for path in entry.texts(mistakes) {
            match path.value.parse::<Glob>() {
                Ok(_) => settings.paths.push(path.value.to_owned()),
                Err(invalid) => mistakes.add(path.at, &entry.path, invalid.to_string()),
            }
        }
    }
    if let Some(entry) = section.take("dialect") {
        settings.dialect = entry.choice(&Dialect::WORDS, mistakes);
    }
    if let Some(bake) = section.take("min_bake").and_then(|entry| entry.duration(mistakes)) {
        settings.min_bake = bake;
    }
    section.finish_below(&super::TOP, mistakes);
    settings
}

//! `freezes.toml`: its text becomes rules.

mod calendars;
mod feed_source;
mod freezes;
mod kinds;
mod thaws;
mod values;

use trunkline_settings::{InvalidSettings, Mistakes, Section, Setting, tree};

pub use self::feed_source::{FeedPlace, FeedSource};
use crate::rules::FreezeRules;

/// The name of the file, beside the user's settings or beside a service file.
pub const FREEZES_FILE: &str = "freezes.toml";

/// The most bytes of the file.
pub const LARGEST_FILE: usize = 256 * 1024;

/// The contents of the file.
#[derive(Debug, Clone, Default)]
pub struct FreezesFile {
    /// A rule with a feed has no events yet.
    pub rules: FreezeRules,
    pub feeds: Vec<FeedSource>,
}

impl FreezesFile {
    /// Reads the text of the file; `file` is what errors call it.
    ///
    /// # Errors
    /// With every mistake, at its line and column.
    pub fn parse(text: &str, file: &str) -> Result<Self, InvalidSettings> {
        let mut mistakes = Mistakes::new(file, text);
        if text.len() > LARGEST_FILE {
            mistakes.add(0, "", format!("is larger than {} KiB; split it up", LARGEST_FILE / 1024));
            return Err(mistakes.into_error());
        }
        let tree = tree(text, file)?;
        let read = read(Section::of_file(&tree), &mut mistakes);
        mistakes.finish(Some(read))
    }
}

fn read(mut top: Section<'_>, mistakes: &mut Mistakes<'_>) -> FreezesFile {
    if let Some(version) = top.take("version")
        && version.count(mistakes).is_some_and(|number| number != 1)
    {
        version.reject(mistakes, "this trunkline reads version 1 only");
    }
    let zone = top.take("default_tz").and_then(|entry| values::zone(&entry, mistakes));
    let calendars = calendars::read(&mut top, zone, mistakes);
    let mut file = freezes::read(&mut top, zone, &calendars, mistakes);
    thaws::read(&mut top, zone, &mut file, mistakes);
    top.finish(mistakes);
    let feeds = file.iter().filter_map(|read| read.feed.clone()).collect();
    let rules = file.into_iter().filter_map(|read| read.rule).collect();
    FreezesFile { rules: FreezeRules::new(rules), feeds }
}

/// The tables of a list, at most so many.
fn bounded<'a>(entry: &Setting<'a>, most: usize, mistakes: &mut Mistakes<'_>) -> Vec<Section<'a>> {
    let mut sections = entry.sections(mistakes);
    if sections.len() > most {
        mistakes.add(
            sections[most].at,
            &entry.path,
            format!("there are more than {most} of these"),
        );
        sections.truncate(most);
    }
    sections
}

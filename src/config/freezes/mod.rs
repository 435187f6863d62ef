//! `freezes.toml`: when promotes need a reason, as people say it, resolved into rules.

mod calendars;
pub mod feeds;
mod kinds;
mod rules;
mod tables;
mod thaws;
mod values;

use std::time::Duration;

use chrono_tz::Tz;

pub use self::tables::{countries, subdivisions, table};
use super::error::{Complaints, ConfigError};
use super::reader::{Entry, Section, tree};
use crate::domain::freeze::Rules;

/// The name of the file, beside the user's settings or beside a service file.
pub const FREEZES_FILE: &str = "freezes.toml";

/// The most bytes of the file.
pub const LARGEST: usize = 256 * 1024;

/// Everything that the file says.
#[derive(Debug, Clone, Default)]
pub struct FreezesFile {
    /// Where a rule has a feed, it has not been read yet.
    pub rules: Rules,
    pub feeds: Vec<FeedSource>,
}

/// Where the events of a rule come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedSource {
    /// The id of its rule.
    pub freeze: String,
    pub place: FeedPlace,
    /// How old a copy may grow; a file is read whenever it is asked.
    pub max_age: Duration,
    /// The zone of dates and of times that say none.
    pub zone: Tz,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FeedPlace {
    /// Relative to the folder of freezes.toml, and inside it.
    Path(String),
    Url(String),
}

impl FreezesFile {
    /// Reads the text of the file; `file` is what errors call it.
    ///
    /// # Errors
    /// With everything that is wrong in it, each at its line and column.
    pub fn parse(text: &str, file: &str) -> Result<Self, ConfigError> {
        let mut complaints = Complaints::new(file, text);
        if text.len() > LARGEST {
            complaints.add(0, "", format!("is larger than {} KiB; split it up", LARGEST / 1024));
            return Err(complaints.into_error());
        }
        let tree = tree(text, file)?;
        let read = read(Section::of_file(&tree), &mut complaints);
        complaints.finish(Some(read))
    }
}

fn read(mut top: Section<'_>, complaints: &mut Complaints<'_>) -> FreezesFile {
    if let Some(version) = top.take("version")
        && version.count(complaints).is_some_and(|number| number != 1)
    {
        version.complain(complaints, "this trunkline knows version 1 of the file");
    }
    let zone = top.take("default_tz").and_then(|entry| values::zone(&entry, complaints));
    let calendars = calendars::read(&mut top, zone, complaints);
    let mut file = rules::read(&mut top, zone, &calendars, complaints);
    thaws::read(&mut top, zone, &mut file, complaints);
    top.finish(complaints);
    let feeds = file.iter().filter_map(|read| read.feed.clone()).collect();
    let rules = file.into_iter().filter_map(|read| read.rule).collect();
    FreezesFile { rules: Rules::new(rules), feeds }
}

/// The tables of a list, of which only the first so many are read.
fn bounded<'a>(
    entry: &Entry<'a>,
    most: usize,
    complaints: &mut Complaints<'_>,
) -> Vec<Section<'a>> {
    let mut sections = entry.sections(complaints);
    if sections.len() > most {
        complaints.add(
            sections[most].at,
            &entry.path,
            format!("there are more than {most} of these"),
        );
        sections.truncate(most);
    }
    sections
}

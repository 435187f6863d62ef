//! The engine's own freezes.toml and its feed files, read after a change. A change that removes freezes applies only once
//! two reads agree.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::file_feeds::Files;
use super::source::{Source, parse};
use crate::calendar::ical::LARGEST_FEED;
use crate::calendar::{FeedPlace, FreezesFile, LARGEST_FILE};
use crate::config::freezes as files;

#[derive(Debug)]
pub(super) struct OwnFile {
    /// `None` without a settings folder.
    path: Option<PathBuf>,
    /// The stamp of each file before it was read. Empty before the first read.
    stamps: BTreeMap<PathBuf, Option<FreezesStamp>>,
    /// The last text, if a second read has to confirm it.
    doubted: Option<FreezesText>,
}

/// The file as it was read.
#[derive(Debug, PartialEq, Eq)]
enum FreezesText {
    Missing,
    Text(String),
}

/// The device, inode, size, and times of the last change in nanoseconds of a file.
type FreezesStamp = (u64, u64, u64, i128, i128);

/// The result of a read. Without a source the previous one stays in force.
pub(super) struct OwnRead {
    pub source: Option<Source>,
    pub trouble: Option<String>,
}

impl OwnFile {
    pub fn new(path: Option<PathBuf>) -> Self {
        Self { path, stamps: BTreeMap::new(), doubted: None }
    }

    /// Whether a file changed since it was read, or needs a second read.
    pub fn is_due(&self) -> bool {
        let is_other = |(path, known): (&PathBuf, &Option<FreezesStamp>)| stamp(path) != *known;
        let is_unread = self.stamps.is_empty() && self.path.is_some();
        is_unread || self.doubted.is_some() || self.stamps.iter().any(is_other)
    }

    /// Reads the files if they are due; `known` is in force.
    pub fn look(&mut self, known: &Source) -> Option<OwnRead> {
        let path = self.path.clone().filter(|_| self.is_due())?;
        let shown = path.display().to_string();
        // Stamped before the read, so that the next check finds a change in between.
        self.stamps = BTreeMap::from([(path.clone(), stamp(&path))]);
        let doubted = self.doubted.take();
        let found = text_of(&path).map_err(|why| format!("{shown}: cannot be read: {why}"));
        let read = found.and_then(|found| {
            let file = match &found {
                FreezesText::Text(text) => parse(text, &shown)?,
                // A known file may be lost by mistake, so a missing file does not count as empty.
                FreezesText::Missing if known.text.is_some() => {
                    return Err(format!(
                        "{shown}: is missing; to end its freezes, leave an empty file"
                    ));
                }
                FreezesText::Missing => FreezesFile::default(),
            };
            if doubted.as_ref() != Some(&found)
                && let Some(doubt) = doubt(known, &found, &file)
            {
                self.doubted = Some(found);
                return Err(format!("{shown}: {doubt}"));
            }
            let FreezesText::Text(text) = found else { return Ok(Source::none()) };
            let files = self.files(&file, path.parent().unwrap_or(&path));
            Ok(Source::of(None, text, file, files))
        });
        Some(match read {
            Ok(source) => OwnRead { source: Some(source), trouble: None },
            Err(trouble) => self.broken(known, trouble),
        })
    }

    /// The last valid file stays in force, with its current feed files.
    fn broken(&mut self, known: &Source, trouble: String) -> OwnRead {
        let source = match (&known.text, &known.file) {
            (Some(text), Some(file)) => {
                let folder = self.path.as_deref().and_then(Path::parent).map(Path::to_owned);
                let files = self.files(file, &folder.unwrap_or_default());
                let source = || Source::of(None, text.clone(), file.clone(), files.clone());
                (files != known.feeds.files).then(source)
            }
            // The saved copy cannot be read, and the source in force reports that.
            (Some(_), None) => None,
            (None, _) => Some(Source::unreadable(None, &trouble)),
        };
        OwnRead { source, trouble: Some(trouble) }
    }

    /// The texts of the feeds that are files.
    fn files(&mut self, file: &FreezesFile, folder: &Path) -> Files {
        let mut files = Files::new();
        for source in &file.feeds {
            if let FeedPlace::Path(below) = &source.place {
                let path = folder.join(below);
                let stamp = stamp(&path);
                let text = files::text(&path, LARGEST_FEED);
                let text = text.map(Arc::from).map_err(|why| format!("{below:?}: {why}"));
                self.stamps.insert(path, stamp);
                files.insert(source.id.clone(), text);
            }
        }
        files
    }
}

/// Why the file may be incomplete.
fn doubt(known: &Source, found: &FreezesText, file: &FreezesFile) -> Option<String> {
    let unsure = "if the next check finds the same";
    let FreezesText::Text(text) = found else {
        let was_unreadable = known.file.is_none();
        return was_unreadable.then(|| format!("is missing; its freezes end {unsure}"));
    };
    let before = known.file.as_ref()?;
    let has = |id: &str| file.rules.all().any(|rule| rule.id == id);
    let lost: Vec<_> =
        before.rules.all().map(|rule| &rule.id).filter(|id| !has(id.as_str())).collect();
    let is_begin =
        known.text.as_ref().is_some_and(|all| all != text && all.starts_with(text.as_str()));
    match lost.as_slice() {
        [] if is_begin => Some(format!("is cut off; it applies {unsure}")),
        [] => None,
        [first] => Some(format!("lost its freeze {first:?}, which ends {unsure}")),
        [first, ..] => {
            let more = lost.len() - 1;
            Some(format!("lost its freeze {first:?} and {more} more, which end {unsure}"))
        }
    }
}

fn stamp(path: &Path) -> Option<FreezesStamp> {
    let nanoseconds = |s: i64, n: i64| i128::from(s) * 1_000_000_000 + i128::from(n);
    let of = |found: Metadata| {
        let written = nanoseconds(found.mtime(), found.mtime_nsec());
        let changed = nanoseconds(found.ctime(), found.ctime_nsec());
        (found.dev(), found.ino(), found.len(), written, changed)
    };
    std::fs::metadata(path).ok().map(of)
}

/// Follows links, since settings are often links. A broken link does not count as a missing file.
fn text_of(path: &Path) -> Result<FreezesText, String> {
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(FreezesText::Missing),
        _ => files::text(path, LARGEST_FILE).map(FreezesText::Text),
    }
}

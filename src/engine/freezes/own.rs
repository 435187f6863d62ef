//! The engine's own freezes.toml and the feeds beside it: read when they were written, and doubted when they lost something.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::source::{Files, Source, parse};
use crate::calendar::ical::LARGEST_FEED;
use crate::calendar::{FeedPlace, FreezesFile, LARGEST_FILE};
use crate::config::freezes as files;

#[derive(Debug)]
pub(super) struct OwnFile {
    /// `None` where there is no folder of settings.
    path: Option<PathBuf>,
    /// How each file stood before it was read; empty before the first look.
    stamps: BTreeMap<PathBuf, Option<Stamp>>,
    /// What the last look found and did not believe.
    doubted: Option<Found>,
}

/// What stands in the file's place.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    Nothing,
    Text(String),
}

/// The device, inode, size, and times of the last change in nanoseconds of a file.
type Stamp = (u64, u64, u64, i128, i128);

/// What a look found. Without a source the one before holds.
pub(super) struct Read {
    pub source: Option<Source>,
    pub trouble: Option<String>,
}

impl OwnFile {
    pub fn new(path: Option<PathBuf>) -> Self {
        Self { path, stamps: BTreeMap::new(), doubted: None }
    }

    /// Whether any of the files was written since it was read, or has to be seen once more to be believed.
    pub fn is_due(&self) -> bool {
        let is_other = |(path, known): (&PathBuf, &Option<Stamp>)| stamp(path) != *known;
        let is_unread = self.stamps.is_empty() && self.path.is_some();
        is_unread || self.doubted.is_some() || self.stamps.iter().any(is_other)
    }

    /// Reads the files, when they are due; `known` is what holds.
    pub fn look(&mut self, known: &Source) -> Option<Read> {
        let path = self.path.clone().filter(|_| self.is_due())?;
        let shown = path.display().to_string();
        // Stamped before they are read: what is written meanwhile is found by the next look.
        self.stamps = BTreeMap::from([(path.clone(), stamp(&path))]);
        let doubted = self.doubted.take();
        let found = text_of(&path).map_err(|why| format!("{shown}: cannot be read: {why}"));
        let read = found.and_then(|found| {
            let file = match &found {
                Found::Text(text) => parse(text, &shown)?,
                // What was good once may have been lost; only what never was there may be taken away.
                Found::Nothing if known.text.is_some() => {
                    return Err(format!("{shown}: is gone; an empty file ends its freezes"));
                }
                Found::Nothing => FreezesFile::default(),
            };
            if doubted.as_ref() != Some(&found)
                && let Some(doubt) = doubt(known, &found, &file)
            {
                self.doubted = Some(found);
                return Err(format!("{shown}: {doubt}"));
            }
            let Found::Text(text) = found else { return Ok(Source::none()) };
            let files = self.files(&file, path.parent().unwrap_or(&path));
            Ok(Source::of(None, text, file, files))
        });
        Some(match read {
            Ok(source) => Read { source: Some(source), trouble: None },
            Err(trouble) => self.broken(known, trouble),
        })
    }

    /// The last good file holds, with the feeds beside it as they are now.
    fn broken(&mut self, known: &Source, trouble: String) -> Read {
        let source = match (&known.text, &known.file) {
            (Some(text), Some(file)) => {
                let folder = self.path.as_deref().and_then(Path::parent).map(Path::to_owned);
                let files = self.files(file, &folder.unwrap_or_default());
                let source = || Source::of(None, text.clone(), file.clone(), files.clone());
                (files != known.files).then(source)
            }
            // One whose kept copy cannot be read says so; any other says what is wrong now.
            (Some(_), None) => None,
            (None, _) => Some(Source::unreadable(None, &trouble)),
        };
        Read { source, trouble: Some(trouble) }
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
                files.insert(source.freeze.clone(), text);
            }
        }
        files
    }
}

/// Why what was found may be a file that somebody is writing at this moment.
fn doubt(known: &Source, found: &Found, file: &FreezesFile) -> Option<String> {
    let unsure = "when the next look finds the same";
    let Found::Text(text) = found else {
        let was_unreadable = known.file.is_none();
        return was_unreadable.then(|| format!("is gone; that ends its freezes {unsure}"));
    };
    let before = known.file.as_ref()?;
    let has = |id: &str| file.rules.all().any(|rule| rule.id == id);
    let lost: Vec<_> =
        before.rules.all().map(|rule| &rule.id).filter(|id| !has(id.as_str())).collect();
    let is_begin =
        known.text.as_ref().is_some_and(|all| all != text && all.starts_with(text.as_str()));
    match lost.as_slice() {
        [] if is_begin => Some(format!("lost its end; that is taken {unsure}")),
        [] => None,
        [first] => Some(format!("lost its freeze {first:?}, which ends {unsure}")),
        [first, ..] => {
            let more = lost.len() - 1;
            Some(format!("lost its freeze {first:?} and {more} more, which end {unsure}"))
        }
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let nanoseconds = |s: i64, n: i64| i128::from(s) * 1_000_000_000 + i128::from(n);
    let of = |found: Metadata| {
        let written = nanoseconds(found.mtime(), found.mtime_nsec());
        let changed = nanoseconds(found.ctime(), found.ctime_nsec());
        (found.dev(), found.ino(), found.len(), written, changed)
    };
    std::fs::metadata(path).ok().map(of)
}

/// A link is followed here, as settings often are links; one that leads nowhere is no missing file.
fn text_of(path: &Path) -> Result<Found, String> {
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Found::Nothing),
        _ => files::text(path, LARGEST_FILE).map(Found::Text),
    }
}

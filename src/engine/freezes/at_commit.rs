//! Reads a service's own freezes at a commit, ready for the writer to take in.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::file_feeds::Files;
use super::source::{Source, parse};
use super::{FEEDS_PROBLEM, FileInForce, Freezes, trouble_of};
use crate::calendar::ical::LARGEST_FEED;
use crate::calendar::{FREEZES_FILE, FeedPlace, FreezesFile, LARGEST_FILE};
use crate::domain::ids::{ServiceName, Sha};
use crate::engine::world::{Service, Trouble};
use crate::git::{FileEntry, GitError, Mirror};

/// The most bytes of all feeds that one file names in its repository.
const ALL_FEEDS: usize = 16 * 1024 * 1024;

/// A service's own freezes at a commit.
#[derive(Debug, Default)]
pub struct FreezesAtCommit {
    own: OwnFileUpdate,
    /// What is wrong with the file.
    trouble: Option<String>,
    /// Git failed in part, so the same commit is read again.
    is_partial: bool,
}

#[derive(Debug, Default)]
pub(super) enum OwnFileUpdate {
    /// The freezes in force stay.
    #[default]
    AsBefore,
    /// The commit has no file, which ends the service's freezes: the removal was reviewed like any change.
    Gone,
    New(Arc<Source>),
}

/// A freezes.toml and its feeds at a commit.
struct CommitFreezes {
    text: String,
    file: FreezesFile,
    files: Files,
}

/// Reads a service's freezes. A mistake becomes a problem of these files and never fails the look at the trunk.
pub(in crate::engine) async fn at_commit(
    freezes: &Freezes,
    mirror: &Mirror,
    folder: Option<&str>,
    at: &Sha,
    service: &ServiceName,
    now: DateTime<Utc>,
) -> FreezesAtCommit {
    let held = freezes.own_of(service);
    let mut is_partial = false;
    let read = match read(mirror, folder, at, &mut is_partial).await {
        Ok(Some(read)) => read,
        Ok(None) => {
            return FreezesAtCommit { own: OwnFileUpdate::Gone, ..FreezesAtCommit::default() };
        }
        Err(why) => {
            let is_reported = |held: &FileInForce| held.trouble.as_ref() == Some(&why);
            let stays = held.is_some_and(|held| held.source.file.is_some() || is_reported(&held));
            let unreadable =
                || OwnFileUpdate::New(Arc::new(Source::unreadable(Some(service.clone()), &why)));
            let own = if stays { OwnFileUpdate::AsBefore } else { unreadable() };
            return FreezesAtCommit { own, trouble: Some(why), is_partial };
        }
    };
    let known = held.map(|held| held.source);
    let is_known = known.as_ref().is_some_and(|known| known.is_from(Some(&read.text), &read.files));
    if is_known {
        return FreezesAtCommit { is_partial, ..FreezesAtCommit::default() };
    }
    let (feeds, service) = (freezes.feeds.clone(), service.clone());
    let compute = move || {
        let source = Source::of(Some(service), read.text, read.file, read.files);
        Arc::new(source.with_events(&known.unwrap_or_default(), &feeds, now))
    };
    match tokio::task::spawn_blocking(compute).await {
        Ok(source) => {
            FreezesAtCommit { own: OwnFileUpdate::New(source), trouble: None, is_partial }
        }
        Err(_) => FreezesAtCommit {
            own: OwnFileUpdate::AsBefore,
            trouble: Some(format!("{FREEZES_FILE}: cannot be computed")),
            is_partial: true,
        },
    }
}

async fn read(
    mirror: &Mirror,
    folder: Option<&str>,
    at: &Sha,
    is_partial: &mut bool,
) -> Result<Option<CommitFreezes>, String> {
    let found = mirror.entry(at, &beside(folder, FREEZES_FILE), LARGEST_FILE as u64).await;
    let Some(text) = text(found, FREEZES_FILE, is_partial)? else { return Ok(None) };
    let parsing = move || parse(&text, FREEZES_FILE).map(|file| (text, file));
    let parsed = tokio::task::spawn_blocking(parsing).await;
    let (text, file) = parsed.map_err(|_| format!("{FREEZES_FILE}: cannot be read"))??;
    let (mut files, mut left) = (Files::new(), ALL_FEEDS);
    for source in &file.feeds {
        if let FeedPlace::Path(path) = &source.place {
            let most = LARGEST_FEED.min(left) as u64;
            let found = mirror.entry(at, &beside(folder, path), most).await;
            let text = self::text(found, &format!("{path:?}"), is_partial);
            let missing = || format!("{path:?}: is not on the trunk");
            let text = text.and_then(|text| text.ok_or_else(missing));
            left -= text.as_ref().map_or(0, String::len);
            files.insert(source.id.clone(), text.map(Arc::from));
        }
    }
    Ok(Some(CommitFreezes { text, file, files }))
}

/// The path of a file of a service in this folder.
pub(super) fn beside(folder: Option<&str>, file: &str) -> String {
    folder.map_or_else(|| file.to_owned(), |folder| format!("{folder}/{file}"))
}

pub(super) fn text(
    found: Result<FileEntry, GitError>,
    path: &str,
    is_partial: &mut bool,
) -> Result<Option<String>, String> {
    match found {
        Ok(FileEntry::Text(text)) => Ok(Some(text)),
        Ok(FileEntry::Missing) => Ok(None),
        Ok(FileEntry::Unreadable(why)) => Err(format!("{path}: {why}")),
        Err(error) => {
            *is_partial = true;
            Err(format!("{path}: {error}"))
        }
    }
}

impl FreezesAtCommit {
    /// Gives a service the freezes. Everything is computed before, because the world is locked here.
    pub(in crate::engine) fn settle(
        &self,
        service: &mut Service,
        freezes: &Freezes,
        tip: &Sha,
        now: DateTime<Utc>,
    ) {
        let (rules, own) = freezes.take(&service.name, &self.own, self.trouble.clone());
        if !rules.are_same(&service.freezes) {
            service.freezes = rules;
        }
        service.freezes_at = (!self.is_partial).then(|| tip.clone());
        let remedy = "fix it on the trunk; until then the last good file applies";
        let trouble = self.trouble.as_ref().map(|what| Trouble::new(what, remedy));
        service.set_trouble("freezes", now, trouble);
        service.set_trouble(FEEDS_PROBLEM, now, own.and_then(|own| trouble_of(&own.rules, now)));
    }
}

//! What a look at a trunk finds of a service's own freezes, ready to be taken in.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::source::{Files, Source, parse};
use super::{FEEDS, Freezes, Held, trouble_of};
use crate::calendar::ical::LARGEST_FEED;
use crate::calendar::{FREEZES_FILE, FeedPlace, FreezesFile, LARGEST_FILE};
use crate::domain::ids::{ServiceName, Sha};
use crate::engine::world::{Service, Trouble};
use crate::git::{FileEntry, GitError, Mirror};

/// The most bytes of all the feeds together that one file may name in its repository.
const ALL_FEEDS: usize = 16 * 1024 * 1024;

/// A service's own freezes at a commit.
#[derive(Debug, Default)]
pub struct Found {
    own: Own,
    /// What is wrong with the file.
    trouble: Option<String>,
    /// Git could not tell everything; the same commit is looked at again.
    is_partial: bool,
}

#[derive(Debug, Default)]
pub(super) enum Own {
    /// What holds goes on.
    #[default]
    AsBefore,
    /// The commit has none. It was reviewed like any other, so that ends its freezes.
    Gone,
    New(Arc<Source>),
}

/// A freezes.toml and its feeds, as a commit has them.
struct CommitFreezes {
    text: String,
    file: FreezesFile,
    files: Files,
}

/// Whatever is wrong with them is the trouble of these files and never of the look that comes by here.
pub(in crate::engine) async fn at_commit(
    freezes: &Freezes,
    mirror: &Mirror,
    folder: Option<&str>,
    at: &Sha,
    service: &ServiceName,
    now: DateTime<Utc>,
) -> Found {
    let held = freezes.own_of(service);
    let mut is_partial = false;
    let read = match read(mirror, folder, at, &mut is_partial).await {
        Ok(Some(read)) => read,
        Ok(None) => return Found { own: Own::Gone, ..Found::default() },
        Err(why) => {
            let is_said = |held: &Held| held.trouble.as_ref() == Some(&why);
            let holds = held.is_some_and(|held| held.source.file.is_some() || is_said(&held));
            let unreadable = || Own::New(Arc::new(Source::unreadable(Some(service.clone()), &why)));
            let own = if holds { Own::AsBefore } else { unreadable() };
            return Found { own, trouble: Some(why), is_partial };
        }
    };
    let known = held.map(|held| held.source);
    let is_known = known.as_ref().is_some_and(|known| known.is_from(Some(&read.text), &read.files));
    if is_known {
        return Found { is_partial, ..Found::default() };
    }
    let (feeds, service) = (freezes.feeds.clone(), service.clone());
    let lay_out = move || {
        let source = Source::of(Some(service), read.text, read.file, read.files);
        Arc::new(source.laid_out(&known.unwrap_or_default(), &feeds, now))
    };
    match tokio::task::spawn_blocking(lay_out).await {
        Ok(source) => Found { own: Own::New(source), trouble: None, is_partial },
        Err(_) => Found {
            own: Own::AsBefore,
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
    let beside = |file: &str| match folder {
        Some(folder) => format!("{folder}/{file}"),
        None => file.to_owned(),
    };
    let found = mirror.entry(at, &beside(FREEZES_FILE), LARGEST_FILE as u64).await;
    let Some(text) = text(found, FREEZES_FILE, is_partial)? else { return Ok(None) };
    let parsing = move || parse(&text, FREEZES_FILE).map(|file| (text, file));
    let parsed = tokio::task::spawn_blocking(parsing).await;
    let (text, file) = parsed.map_err(|_| format!("{FREEZES_FILE}: cannot be read"))??;
    let (mut files, mut left) = (Files::new(), ALL_FEEDS);
    for source in &file.feeds {
        if let FeedPlace::Path(path) = &source.place {
            let most = LARGEST_FEED.min(left) as u64;
            let found = mirror.entry(at, &beside(path), most).await;
            let text = self::text(found, &format!("{path:?}"), is_partial);
            let missing = || format!("{path:?}: is not on the trunk");
            let text = text.and_then(|text| text.ok_or_else(missing));
            left -= text.as_ref().map_or(0, String::len);
            files.insert(source.freeze.clone(), text.map(Arc::from));
        }
    }
    Ok(Some(CommitFreezes { text, file, files }))
}

fn text(
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

impl Found {
    /// Gives a service what was found. All of it was made before, since the world waits for this.
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
        let remedy = "mend it on the trunk; until then the last good file holds";
        let trouble = self.trouble.as_ref().map(|what| Trouble::new(what, remedy));
        service.set_trouble("freezes", now, trouble);
        service.set_trouble(FEEDS, now, own.and_then(|own| trouble_of(&own.rules, now)));
    }
}

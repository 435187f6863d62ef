//! Replaces the record by a checked copy. Whenever the process dies, the record is the one before or the new one, whole;
//! what it replaces is moved aside and never deleted.

use std::collections::{BTreeSet, HashMap};
use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};

use super::links;
use super::record_check::{DATABASE, RUNS};
use super::runner::StepRunner;
use super::runner::local::RunningStep;
use crate::domain::chain::ChainHead;
use crate::domain::event::Fact;
use crate::domain::ids::ServiceName;
use crate::domain::people::Actor;
use crate::store::{KnownToken, NewEvent, Reader, Store, StoreError};

/// The folder of a copy that is not ready.
const DRAFT: &str = "restore.draft";
/// The folder of a copy that is ready begins with this, and ends with the time.
const READY: &str = "restoring-";
/// The folder of what was replaced begins with this, and ends with the same time.
pub const ASIDE: &str = "before-restore-";
/// What belongs to the record that is replaced. Deployments of the new one may get the same numbers.
/// And so may tokens: what was signed for the earlier ones must open nothing.
const REPLACED: [&str; 7] =
    ["intents", RUNS, "checkouts", links::FILE, DATABASE, "trunkline.db-wal", "trunkline.db-shm"];

/// A checked copy in the data folder that nothing uses yet. Dropping it removes it.
#[derive(Debug)]
pub struct Replacement {
    data: PathBuf,
    /// The last row of the copy.
    pub head: ChainHead,
}

/// The record that is there, compared with a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PresentRecord {
    /// There is none, or the copy has all of it.
    Contained,
    /// It goes on after the end of the copy, with this many events.
    Newer {
        events: u64,
        head: ChainHead,
    },
    /// It and the copy each have events that the other does not have.
    Parted {
        head: ChainHead,
    },
    Unreadable(String),
}

/// What a replacement did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replaced {
    /// The last row of the new record.
    pub head: ChainHead,
    pub services: BTreeSet<ServiceName>,
    /// Whether it is known which tokens were revoked after the copy; those stay revoked.
    pub knows_revoked: bool,
    /// Where what was there is kept.
    pub aside: Option<PathBuf>,
}

/// A replacement that is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// Where what was there is kept.
    pub aside: Option<PathBuf>,
}

/// Why the record was not replaced.
#[derive(Debug, thiserror::Error)]
pub enum ReplaceError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{path}: {why}")]
    Folder { path: String, why: io::Error },
    #[error("{0}")]
    StillRuns(String),
}

impl Replacement {
    /// Copies a file into the data folder and checks the copy. The record stays as it is.
    ///
    /// # Errors
    /// When the file is damaged or no record, or the copy cannot be written.
    pub fn draft(data: &Path, file: &Path) -> Result<Self, ReplaceError> {
        let folder = data.join(DRAFT);
        let made = remove(&folder).and_then(|()| private(&folder));
        made.map_err(|why| failed(&folder, why))?;
        let copied = Reader::open(file).and_then(|file| file.copy_to(&folder.join(DATABASE)));
        match copied {
            Ok(head) => Ok(Self { data: data.to_owned(), head }),
            Err(why) => {
                let _left_for_the_next_restore = remove(&folder);
                Err(why.into())
            }
        }
    }

    fn database(&self) -> PathBuf {
        self.data.join(DRAFT).join(DATABASE)
    }

    /// Compares the record that is there with the copy.
    #[must_use]
    pub fn present(&self) -> PresentRecord {
        let path = self.data.join(DATABASE);
        match path.try_exists() {
            Ok(false) => PresentRecord::Contained,
            Ok(true) => {
                self.compare(&path).unwrap_or_else(|why| PresentRecord::Unreadable(why.to_string()))
            }
            Err(why) => PresentRecord::Unreadable(format!("{}: {why}", path.display())),
        }
    }

    fn compare(&self, path: &Path) -> Result<PresentRecord, StoreError> {
        let (present, copy) = (Reader::open(path)?, Reader::open(&self.database())?);
        let head = match present.check() {
            Err(StoreError::NoEvents { .. }) => return Ok(PresentRecord::Contained),
            checked => checked?,
        };
        let has = |record: &Reader, row| record.walk(Some(row)).map(|walk| walk.broken.is_none());
        if has(&copy, &head)? {
            return Ok(PresentRecord::Contained);
        }
        if has(&present, &self.head)? {
            return Ok(PresentRecord::Newer { events: head.rows - self.head.rows, head });
        }
        Ok(PresentRecord::Parted { head })
    }

    /// Makes the copy the record, with the event that says so for each of its services. No engine may run.
    ///
    /// # Errors
    /// When a step still runs, or something cannot be written. Then the record is as before, or the next engine or restore
    /// finishes it.
    pub fn commit(self, by: &Actor, now: DateTime<Utc>) -> Result<Replaced, ReplaceError> {
        nothing_runs(&self.data)?;
        let (head, services, knows_revoked) = self.record(by, now)?;
        let draft = self.data.join(DRAFT);
        let written = || {
            sync(&self.database())?;
            sync(&draft)?;
            let ready = self.data.join(format!("{READY}{}", unused_time(&self.data, now)?));
            fs::rename(&draft, ready)?;
            sync(&self.data)?;
            finish(&self.data)
        };
        let finished = written().map_err(|why| failed(&self.data, why))?;
        Ok(Replaced {
            head,
            services,
            knows_revoked,
            aside: finished.and_then(|finished| finished.aside),
        })
    }

    fn record(
        &self,
        by: &Actor,
        now: DateTime<Utc>,
    ) -> Result<(ChainHead, BTreeSet<ServiceName>, bool), StoreError> {
        let mut store = Store::open(&self.database())?;
        let (mut services, mut last) = (BTreeSet::new(), now);
        store.replay(|event| {
            services.insert(event.service);
            last = event.at;
        })?;
        let fact = Fact::RecordRestored { head: store.head(), at: last };
        let event =
            |service: ServiceName| NewEvent { service, actor: by.clone(), fact: fact.clone() };
        store.append(now, services.iter().cloned().map(event).collect(), None)?;
        let knows_revoked = self.keep_revoked(&mut store)?;
        let head = store.reader()?.check()?;
        store.settle()?;
        Ok((head, services, knows_revoked))
    }

    /// A token that the record there has revoked stays revoked: a restore gives nobody back the access that they lost. False
    /// where there is no such record, or nobody can read it: then nothing is known of it.
    fn keep_revoked(&self, store: &mut Store) -> Result<bool, StoreError> {
        let there = Reader::open(&self.data.join(DATABASE)).and_then(|record| record.tokens());
        let Ok(there) = there else { return Ok(false) };
        let revoked: HashMap<_, _> = there
            .into_iter()
            .filter_map(|known| Some((known.digest.0, known.token.revoked?)))
            .collect();
        for KnownToken { token, digest } in store.tokens()? {
            if let (None, Some(revocation)) = (token.revoked, revoked.get(&digest.0)) {
                store.revoke_tokens(&[token.id], revocation)?;
            }
        }
        Ok(true)
    }
}

impl Drop for Replacement {
    fn drop(&mut self) {
        let _left_for_the_next_restore = remove(&self.data.join(DRAFT));
    }
}

/// Finishes a replacement whose copy is ready: moves what was there aside and the copy to its place. `None` without a ready
/// copy. What a killed one did already is not done again.
///
/// # Errors
/// When something cannot be moved. The next call goes on.
pub fn finish(data: &Path) -> io::Result<Option<Finished>> {
    let Some((ready, time)) = ready_copy(data)? else { return Ok(None) };
    let aside = data.join(format!("{ASIDE}{time}"));
    let copy = ready.join(DATABASE);
    if copy.try_exists()? {
        for name in REPLACED {
            move_aside(&data.join(name), &aside, name)?;
        }
        if aside.is_dir() {
            sync(&aside)?;
        }
        fs::rename(&copy, data.join(DATABASE))?;
        sync(data)?;
    }
    fs::remove_dir_all(&ready)?;
    Ok(Some(Finished { aside: Some(aside).filter(|aside| aside.is_dir()) }))
}

fn ready_copy(data: &Path) -> io::Result<Option<(PathBuf, String)>> {
    for entry in fs::read_dir(data)? {
        let entry = entry?;
        let name = entry.file_name();
        if let Some(time) = name.to_str().and_then(|name| name.strip_prefix(READY)) {
            return Ok(Some((entry.path(), time.to_owned())));
        }
    }
    Ok(None)
}

fn move_aside(from: &Path, aside: &Path, name: &str) -> io::Result<()> {
    if let Err(why) = fs::symlink_metadata(from) {
        return if why.kind() == ErrorKind::NotFound { Ok(()) } else { Err(why) };
    }
    private(aside)?;
    match fs::rename(from, aside.join(name)) {
        // After a restore that was killed, a console may have written this folder again. What it wrote is of no record.
        // File systems name that differently.
        Err(why)
            if matches!(why.kind(), ErrorKind::DirectoryNotEmpty | ErrorKind::AlreadyExists) =>
        {
            Ok(())
        }
        moved => moved,
    }
}

/// A step that runs would belong to no record afterwards, and somebody might deploy beside it.
fn nothing_runs(data: &Path) -> Result<(), ReplaceError> {
    let runs = data.join(RUNS);
    let running = StepRunner::new(runs.clone(), PathBuf::new()).running();
    let Some(RunningStep { deployment, group }) = running.map_err(|why| failed(&runs, why))? else {
        return Ok(());
    };
    let end = group.map_or_else(String::new, |group| {
        format!(", or end its process group with: kill -TERM -- -{group}")
    });
    let sentence =
        format!("a step of {deployment} still runs on this machine; wait until it has ended{end}");
    Err(ReplaceError::StillRuns(sentence))
}

/// The time as a part of a file name that no earlier replacement has.
fn unused_time(data: &Path, now: DateTime<Utc>) -> io::Result<String> {
    let time = now.format("%Y%m%dT%H%M%SZ").to_string();
    let mut names =
        (1..).map(|count| if count == 1 { time.clone() } else { format!("{time}-{count}") });
    loop {
        let name = names.next().unwrap_or_default();
        if !data.join(format!("{ASIDE}{name}")).try_exists()? {
            return Ok(name);
        }
    }
}

fn failed(path: &Path, why: io::Error) -> ReplaceError {
    ReplaceError::Folder { path: path.display().to_string(), why }
}

fn private(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(why) if why.kind() != ErrorKind::NotFound => Err(why),
        _ => Ok(()),
    }
}

fn sync(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::caller::AccessRole;
    use crate::domain::ids::BuildNumber;
    use crate::domain::policy::VerifyBy;
    use crate::domain::token::{NewToken, Revocation, TokenSecret};

    fn record(path: &Path, events: u64) -> ChainHead {
        let mut store = Store::open(path).unwrap();
        for number in 1..=events {
            let (build, note) = (BuildNumber(number), String::new());
            let fact = Fact::BuildVerified { build, note, kind: VerifyBy::Person };
            let (service, actor) = ("shop".parse().unwrap(), Actor::Person("ann".into()));
            let event = NewEvent { service, actor, fact };
            store.append(DateTime::UNIX_EPOCH, vec![event], None).unwrap();
        }
        store.reader().unwrap().check().unwrap()
    }

    #[test]
    fn a_replacement_that_dies_after_any_move_is_finished_and_loses_nothing() {
        for moved in 0..=REPLACED.len() + 1 {
            let folder = tempfile::tempdir().unwrap();
            let data = folder.path();
            let before = record(&data.join(DATABASE), 3);
            let (ready, aside) = (data.join("restoring-x"), data.join("before-restore-x"));
            private(&ready).unwrap();
            let new = record(&ready.join(DATABASE), 2);
            private(&data.join(RUNS).join("1")).unwrap();
            for name in REPLACED.iter().take(moved) {
                move_aside(&data.join(name), &aside, name).unwrap();
            }
            if moved > REPLACED.len() {
                fs::rename(ready.join(DATABASE), data.join(DATABASE)).unwrap();
            }
            let finished = Finished { aside: Some(aside.clone()) };
            assert_eq!(finish(data).unwrap(), Some(finished), "after {moved} moves");
            let check = |path: PathBuf| Reader::open(&path).unwrap().check().unwrap();
            assert_eq!(check(data.join(DATABASE)), new, "after {moved} moves");
            assert_eq!(check(aside.join(DATABASE)), before, "after {moved} moves");
            assert!(aside.join(RUNS).join("1").is_dir() && !ready.exists(), "after {moved} moves");
            assert_eq!(finish(data).unwrap(), None, "only once");
        }
    }

    #[test]
    fn a_token_that_was_revoked_after_the_backup_stays_revoked() {
        let folder = tempfile::tempdir().unwrap();
        let (data, copy) = (folder.path().join("data"), folder.path().join("copy"));
        private(&data).unwrap();
        let database = data.join(DATABASE);
        record(&database, 1);
        let mut store = Store::open(&database).unwrap();
        let [lost, kept] = ["lost", "kept"].map(|name| {
            let new = NewToken {
                name: name.into(),
                person: "ann".into(),
                email: None,
                role: AccessRole::Admin,
                services: None,
                expires: None,
            };
            let secret = TokenSecret::of(std::array::from_fn(|_| name.as_bytes()[0]));
            store
                .add_token(new, secret.digest(), None, "ann", DateTime::UNIX_EPOCH)
                .unwrap()
                .token
                .id
        });
        Reader::open(&database).unwrap().copy_to(&copy).unwrap();
        let revoked = Revocation { by: "raj".into(), at: DateTime::UNIX_EPOCH };
        store.revoke_tokens(&[lost], &revoked).unwrap();
        drop(store);
        let replacement = Replacement::draft(&data, &copy).unwrap();
        replacement.commit(&Actor::Person("ann".into()), DateTime::UNIX_EPOCH).unwrap();
        let tokens = Store::open(&database).unwrap().tokens().unwrap();
        let now: Vec<_> =
            tokens.into_iter().map(|known| (known.token.id, known.token.revoked)).collect();
        assert_eq!(now, [(lost, Some(revoked)), (kept, None)]);
    }

    #[test]
    fn a_copy_that_was_not_ready_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path();
        let before = record(&data.join(DATABASE), 3);
        private(&data.join(DRAFT)).unwrap();
        record(&data.join(DRAFT).join(DATABASE), 2);
        assert_eq!(finish(data).unwrap(), None);
        assert_eq!(Reader::open(&data.join(DATABASE)).unwrap().check().unwrap(), before);
    }

    #[test]
    fn two_replacements_in_one_second_keep_both() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path();
        private(&data.join("before-restore-19700101T000000Z")).unwrap();
        assert_eq!(unused_time(data, DateTime::UNIX_EPOCH).unwrap(), "19700101T000000Z-2");
    }
}

//! The durable record in `SQLite`: hash-chained events, the receipts of commands and the known services.

mod chain;
mod check;
mod copy;
pub mod outbox;
mod reader;
mod rows;
mod schema;
mod tokens;

use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use chrono::{DateTime, SubsecRound as _, Utc};
use rusqlite::{Connection, Transaction, params};

pub use self::check::try_write;
pub use self::reader::Reader;
pub use self::rows::NewestOf;
use self::rows::{answered, events, in_transaction, insert, insert_receipt, parsed};
pub use self::tokens::KnownToken;
pub use crate::domain::chain::Hash;
use crate::domain::command::Receipt;
use crate::domain::event::{Event, Fact};
use crate::domain::ids::{IdempotencyKey, Seq, ServiceName};
use crate::domain::people::Actor;

/// The only writer of a database. Events that [`Store::append`] returned are on disk.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
    path: PathBuf,
    head: Seq,
    hash: Hash,
}

/// A fact to append as an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    pub service: ServiceName,
    pub actor: Actor,
    pub fact: Fact,
}

/// A command's answer, stored together with its events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    pub key: IdempotencyKey,
    /// A digest of the caller and the command.
    pub request: Hash,
    pub receipt: Receipt,
}

/// A repository and the service in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownService {
    pub name: ServiceName,
    pub repository: String,
    /// Empty for the repository's root.
    pub folder: String,
}

/// Why the record cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("{path}: {why}")]
    Sqlite { path: String, why: rusqlite::Error },
    #[error("cannot open {path:?} ({why}); make it a file that you can read and write")]
    Unopened { path: String, why: rusqlite::Error },
    #[error(
        "{path:?} is damaged or is not a trunkline record ({why}); restore a backup with: trunkline restore FILE --instead; or move it away to start a new record"
    )]
    Damaged { path: String, why: rusqlite::Error },
    #[error(
        "{path:?} was written by a newer trunkline (its schema is {found}, this version supports {known}); install that version"
    )]
    Newer { path: String, found: u32, known: u32 },
    #[error("SQLite {0} can corrupt a database in WAL mode; install 3.51.3 or newer")]
    OldSqlite(String),
    #[error(
        "{path:?} cannot use WAL mode (SQLite stays in mode {mode:?}); put the data folder on a local disk"
    )]
    NoWal { path: String, mode: String },
    #[error("{path:?} is damaged: {fault}")]
    Faulty { path: String, fault: String },
    #[error("{path:?} has no event of trunkline")]
    NoEvents { path: String },
    #[error("{path:?} cannot be written: {why}")]
    Unwritten { path: String, why: io::Error },
    #[error("the rest of the disk is kept for a rollback")]
    Reserved,
    #[error("event {seq} cannot be read: {why}; run: trunkline doctor")]
    Unreadable { seq: u64, why: String },
}

impl StoreError {
    /// What kind of failure of the disk it is, as far as the database tells.
    #[must_use]
    pub fn kind(&self) -> io::ErrorKind {
        use rusqlite::ErrorCode::{DiskFull, PermissionDenied, ReadOnly};
        match self {
            Self::Reserved => io::ErrorKind::StorageFull,
            Self::Sqlite { why, .. } | Self::Unopened { why, .. } => {
                match why.sqlite_error_code() {
                    Some(DiskFull) => io::ErrorKind::StorageFull,
                    Some(PermissionDenied | ReadOnly) => io::ErrorKind::PermissionDenied,
                    _ => io::ErrorKind::Other,
                }
            }
            _ => io::ErrorKind::Other,
        }
    }
}

impl Store {
    /// Opens or creates the database and brings its schema up to date.
    ///
    /// # Errors
    /// When the file cannot be opened or written, or is from a newer version.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        schema::check_library()?;
        let at = |source| sqlite(path, source);
        make_private(path);
        let mut connection = Connection::open(path).map_err(at)?;
        schema::configure(&connection, path)?;
        schema::migrate(&mut connection, path)?;
        let (head, hash) = chain::head(&connection).map_err(at)?;
        Ok(Self { connection, path: path.to_owned(), head, hash })
    }

    /// The last event's number.
    #[must_use]
    pub fn head(&self) -> Seq {
        self.head
    }

    /// Appends events in one durable transaction, together with the answer of the command that caused them.
    ///
    /// # Errors
    /// When they cannot be written. Then none of them is.
    pub fn append(
        &mut self,
        at: DateTime<Utc>,
        events: Vec<NewEvent>,
        answered: Option<&Answered>,
    ) -> Result<Vec<Event>, StoreError> {
        let at = at.trunc_subsecs(6);
        let (mut seq, mut hash) = (self.head, self.hash);
        let events: Vec<Event> = events
            .into_iter()
            .map(|event| {
                seq.0 += 1;
                let NewEvent { service, actor, fact } = event;
                Event { seq, at, service, actor, fact }
            })
            .collect();
        let write = |transaction: &mut Transaction<'_>| -> rusqlite::Result<()> {
            for event in &events {
                hash = insert(transaction, event, hash)?;
            }
            answered.map_or(Ok(()), |answered| insert_receipt(transaction, at, answered))
        };
        in_transaction(&mut self.connection, write).map_err(|e| sqlite(&self.path, e))?;
        (self.head, self.hash) = (seq, hash);
        Ok(events)
    }

    /// Checks that an event can be appended, without appending it: inserts it, rolls that back, and durably writes a
    /// value that does not change.
    ///
    /// # Errors
    /// When it cannot be appended.
    pub fn try_append(&mut self, at: DateTime<Utc>, event: NewEvent) -> Result<(), StoreError> {
        let NewEvent { service, actor, fact } = event;
        let (seq, hash) = (Seq(self.head.0 + 1), self.hash);
        let event = Event { seq, at: at.trunc_subsecs(6), service, actor, fact };
        let write = |transaction: &mut Transaction<'_>| -> rusqlite::Result<()> {
            let mut tried = transaction.savepoint()?;
            insert(&tried, &event, hash)?;
            tried.rollback()?;
            drop(tried);
            let version = schema::applied(transaction)?;
            transaction.pragma_update(None, "user_version", version)
        };
        in_transaction(&mut self.connection, write).map_err(|e| sqlite(&self.path, e))
    }

    /// Calls `each` with all events, oldest first.
    ///
    /// # Errors
    /// When one of them cannot be read.
    pub fn replay(&self, each: impl FnMut(Event)) -> Result<(), StoreError> {
        self.pages(None, each)
    }

    /// Calls `each` with all events of one service, oldest first.
    ///
    /// # Errors
    /// When one of them cannot be read.
    pub fn replay_of(
        &self,
        service: &ServiceName,
        each: impl FnMut(Event),
    ) -> Result<(), StoreError> {
        self.pages(Some(service), each)
    }

    fn pages(
        &self,
        service: Option<&ServiceName>,
        mut each: impl FnMut(Event),
    ) -> Result<(), StoreError> {
        let mut after = Seq(0);
        loop {
            let page = events(&self.connection, &self.path, service, after, 1_000)?;
            let Some(last) = page.last() else { return Ok(()) };
            after = last.seq;
            page.into_iter().for_each(&mut each);
        }
    }

    /// The digest of the command that used this key, and its answer.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn answered(&self, key: &IdempotencyKey) -> Result<Option<(Hash, Receipt)>, StoreError> {
        answered(&self.connection, key).map_err(|e| sqlite(&self.path, e))
    }

    /// Records the repository of a service. A known service keeps its events.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn know(&mut self, service: &KnownService) -> Result<(), StoreError> {
        const SQL: &str =
            "INSERT OR REPLACE INTO services (name, repository, folder) VALUES (?1, ?2, ?3)";
        let KnownService { name, repository, folder } = service;
        self.connection
            .execute(SQL, params![name.as_str(), repository, folder])
            .map(|_| ())
            .map_err(|e| sqlite(&self.path, e))
    }

    /// All services that were ever watched.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn services(&self) -> Result<Vec<KnownService>, StoreError> {
        const SQL: &str = "SELECT name, repository, folder FROM services ORDER BY name";
        let read = || -> rusqlite::Result<Vec<KnownService>> {
            let mut statement = self.connection.prepare(SQL)?;
            let rows = statement.query_map([], |row| {
                Ok(KnownService {
                    name: parsed(row, 0, |text: String| ServiceName::try_from(text))?,
                    repository: row.get(1)?,
                    folder: row.get(2)?,
                })
            })?;
            rows.collect()
        };
        read().map_err(|e| sqlite(&self.path, e))
    }

    /// Moves everything into the database file: what is left of an engine that ended is one file.
    ///
    /// # Errors
    /// When that cannot be written. Then it stays in the log beside the file, where the next engine finds it.
    pub fn settle(&self) -> Result<(), StoreError> {
        let settled = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        settled.map_err(|e| sqlite(&self.path, e))
    }

    /// Opens another connection that only reads.
    ///
    /// # Errors
    /// When the file cannot be opened again.
    pub fn reader(&self) -> Result<Reader, StoreError> {
        Reader::open(&self.path)
    }
}

/// Creates a missing database readable and writable only by its owner. `SQLite` gives its other files the same mode. An
/// error here is ignored: opening the database fails with the same error.
fn make_private(path: &Path) {
    let _ = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
}

fn sqlite(path: &Path, why: rusqlite::Error) -> StoreError {
    use rusqlite::ErrorCode::{CannotOpen, DatabaseCorrupt, NotADatabase};
    let path = path.display().to_string();
    match why.sqlite_error_code() {
        Some(DatabaseCorrupt | NotADatabase) => StoreError::Damaged { path, why },
        Some(CannotOpen) => StoreError::Unopened { path, why },
        _ => StoreError::Sqlite { path, why },
    }
}

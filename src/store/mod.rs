//! The durable record: hash-chained events in `SQLite`, the receipts of commands and the known services.

mod chain;
mod schema;

use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, SubsecRound as _, Utc};
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, Transaction, params};

pub use self::chain::{Break, Hash, Head, Walk};
use crate::domain::command::Receipt;
use crate::domain::event::{Event, Fact};
use crate::domain::ids::{IdempotencyKey, Seq, ServiceName};
use crate::domain::people::Actor;

/// The one writer of a database. What [`Store::append`] returned is on disk.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
    path: PathBuf,
    head: Seq,
    hash: Hash,
}

/// A second connection to the same database that only reads.
#[derive(Debug)]
pub struct Reader {
    connection: Connection,
    path: PathBuf,
}

/// A fact on its way to become an event.
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
    /// A digest of who asked for what.
    pub request: Hash,
    pub receipt: Receipt,
}

/// A repository and the service that it carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownService {
    pub name: ServiceName,
    pub repository: String,
    /// Empty for the repository's root.
    pub folder: String,
}

/// Why the record could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("{path}: {why}")]
    Sqlite { path: String, why: rusqlite::Error },
    #[error("{path} cannot be opened ({why}); see that it is a file that you may read and write")]
    Unopened { path: String, why: rusqlite::Error },
    #[error(
        "{path} is damaged, or no record of trunkline's ({why}); put it back from a copy, or move it away to begin a new one"
    )]
    Damaged { path: String, why: rusqlite::Error },
    #[error(
        "{path} was written by a newer trunkline (schema {found}, this one knows {known}); install that version again"
    )]
    Newer { path: String, found: u32, known: u32 },
    #[error("SQLite {0} can corrupt a database in WAL mode; 3.51.3 or newer is needed")]
    OldSqlite(String),
    #[error(
        "{path} cannot be written ahead (SQLite stays with the mode {mode:?}); put the data folder on a local disk"
    )]
    NoWal { path: String, mode: String },
    #[error("event {seq} cannot be read: {why}; `trunkline doctor` tells more")]
    Unreadable { seq: u64, why: String },
}

impl Store {
    /// Opens or creates the database and brings its schema up to date.
    ///
    /// # Errors
    /// When the file cannot be opened, is from a newer version, or an event in it cannot be read.
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

    /// Appends events in one durable transaction, with the answer of the command that caused them.
    ///
    /// # Errors
    /// When they could not be written: then none of them is.
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

    /// Finds out whether an event could be appended, without appending it; what is written durably is what the
    /// database says already.
    ///
    /// # Errors
    /// When it could not.
    pub fn rehearse(&mut self, at: DateTime<Utc>, event: NewEvent) -> Result<(), StoreError> {
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

    /// All events, oldest first.
    ///
    /// # Errors
    /// When one of them cannot be read.
    pub fn replay(&self, each: impl FnMut(Event)) -> Result<(), StoreError> {
        self.pages(None, each)
    }

    /// All events of one service, oldest first.
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

    /// The digest of the request that used this key, and what was answered.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn answered(&self, key: &IdempotencyKey) -> Result<Option<(Hash, Receipt)>, StoreError> {
        answered(&self.connection, key).map_err(|e| sqlite(&self.path, e))
    }

    /// Remembers which repository carries a service; a known name keeps its events.
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

    /// The services that were ever watched.
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

    /// Another connection that only reads.
    ///
    /// # Errors
    /// When the file cannot be opened again.
    pub fn reader(&self) -> Result<Reader, StoreError> {
        Reader::open(&self.path)
    }
}

impl Reader {
    /// Opens a database that is there, whether an engine has it or not.
    ///
    /// # Errors
    /// When the file cannot be opened, or is from a newer version.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let open = || -> rusqlite::Result<Connection> {
            let connection = Connection::open_with_flags(path, flags)?;
            connection.busy_timeout(Duration::from_secs(5))?;
            Ok(connection)
        };
        let reader = open().map(|connection| Self { connection, path: path.to_owned() });
        let reader = reader.map_err(|e| sqlite(path, e))?;
        schema::version(&reader.connection, path)?;
        Ok(reader)
    }

    /// Walks the hash chain.
    ///
    /// # Errors
    /// When the database cannot be read; a broken chain is an answer, not an error.
    pub fn verify(&self) -> Result<Option<Break>, StoreError> {
        Ok(self.walk(None)?.broken)
    }

    /// Walks the hash chain; with a head from before, also says whether that row is still in it.
    ///
    /// # Errors
    /// When the database cannot be read; a broken chain is an answer, not an error.
    pub fn walk(&self, before: Option<&Head>) -> Result<Walk, StoreError> {
        if schema::version(&self.connection, &self.path)? == 0 {
            // Nothing was ever recorded here.
            return Ok(Walk::over_nothing(before));
        }
        chain::walk(&self.connection, before).map_err(|e| sqlite(&self.path, e))
    }

    /// The events after `after`, oldest first, at most `limit`, of one service or of all.
    ///
    /// # Errors
    /// When one of them cannot be read.
    pub fn events(
        &self,
        service: Option<&ServiceName>,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<Event>, StoreError> {
        events(&self.connection, &self.path, service, after, limit)
    }

    /// The first and the last of the events that were recorded in a time, whatever clock said so: none of them is
    /// before the first or after the last, though others may be between. Both ends count as in it.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn stretch(
        &self,
        since: Option<DateTime<Utc>>,
        until: Option<DateTime<Utc>>,
    ) -> Result<Option<(Seq, Seq)>, StoreError> {
        if schema::version(&self.connection, &self.path)? == 0 {
            return Ok(None);
        }
        stretch(&self.connection, since, until).map_err(|e| sqlite(&self.path, e))
    }

    /// The chain's hash of the row that says exactly this; `None` when there is no such row here.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn hash_of(&self, event: &Event) -> Result<Option<Hash>, StoreError> {
        chain::hash_of(&self.connection, event).map_err(|e| sqlite(&self.path, e))
    }

    /// What was answered to the command with this key.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn receipt(&self, key: &IdempotencyKey) -> Result<Option<Receipt>, StoreError> {
        let found = answered(&self.connection, key);
        found.map(|found| found.map(|(_, receipt)| receipt)).map_err(|e| sqlite(&self.path, e))
    }
}

/// A new database is its owner's alone, whatever the folder's mode; `SQLite` gives its companions the same mode. What
/// goes wrong here goes wrong again when the database is opened, and is said there.
fn make_private(path: &Path) {
    let _there_already =
        std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
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

fn in_transaction(
    connection: &mut Connection,
    write: impl FnOnce(&mut Transaction<'_>) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    let mut transaction =
        connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    write(&mut transaction)?;
    transaction.commit()
}

fn insert(connection: &Connection, event: &Event, before: Hash) -> rusqlite::Result<Hash> {
    const SQL: &str = "INSERT INTO events (seq, at, service, actor, kind, fact, hash)
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let row = chain::Stored::of(event)?;
    let hash = row.hash(before);
    connection.prepare_cached(SQL)?.execute(params![
        row.seq,
        row.at,
        row.service,
        row.actor,
        row.kind,
        row.fact,
        hash.0
    ])?;
    Ok(hash)
}

fn insert_receipt(
    transaction: &Transaction<'_>,
    at: DateTime<Utc>,
    answered: &Answered,
) -> rusqlite::Result<()> {
    const SQL: &str = "INSERT INTO receipts (key, request, receipt, at) VALUES (?1, ?2, ?3, ?4)";
    let receipt = json(&answered.receipt)?;
    let key = answered.key.as_str();
    transaction.execute(SQL, params![key, answered.request.0, receipt, timestamp(at)])?;
    Ok(())
}

fn answered(
    connection: &Connection,
    key: &IdempotencyKey,
) -> rusqlite::Result<Option<(Hash, Receipt)>> {
    const SQL: &str = "SELECT request, receipt FROM receipts WHERE key = ?1";
    let read = |row: &Row<'_>| {
        let receipt = parsed(row, 1, |text: String| serde_json::from_str(&text))?;
        Ok((Hash(row.get(0)?), receipt))
    };
    connection.query_row(SQL, [key.as_str()], read).optional()
}

fn events(
    connection: &Connection,
    path: &Path,
    service: Option<&ServiceName>,
    after: Seq,
    limit: usize,
) -> Result<Vec<Event>, StoreError> {
    const ALL: &str = "SELECT seq, at, service, actor, kind, fact FROM events
                       WHERE seq > ?1 ORDER BY seq LIMIT ?2";
    const ONE: &str = "SELECT seq, at, service, actor, kind, fact FROM events
                       WHERE seq > ?1 AND service = ?3 ORDER BY seq LIMIT ?2";
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let after = i64::try_from(after.0).unwrap_or(i64::MAX);
    let read = || -> rusqlite::Result<Vec<chain::Stored>> {
        match service {
            None => rows(connection, ALL, params![after, limit]),
            Some(service) => rows(connection, ONE, params![after, limit, service.as_str()]),
        }
    };
    let stored = read().map_err(|e| sqlite(path, e))?;
    stored.iter().map(chain::Stored::event).collect()
}

fn stretch(
    connection: &Connection,
    since: Option<DateTime<Utc>>,
    until: Option<DateTime<Utc>>,
) -> rusqlite::Result<Option<(Seq, Seq)>> {
    // Asked one by one, each end of the whole record is found at once.
    const ALL: &str = "SELECT (SELECT min(seq) FROM events), (SELECT max(seq) FROM events)";
    const SOME: &str = "SELECT min(seq), max(seq) FROM events WHERE at >= ?1 AND at <= ?2";
    let read = |row: &Row<'_>| {
        let seq = |column| row.get(column).map(|seq: Option<i64>| seq.map(i64::cast_unsigned));
        Ok(seq(0)?.map(Seq).zip(seq(1)?.map(Seq)))
    };
    if since.is_none() && until.is_none() {
        return connection.query_row(ALL, [], read);
    }
    let since = since.map_or_else(String::new, timestamp);
    // No time is spelled with a letter in front.
    let until = until.map_or_else(|| "~".to_owned(), timestamp);
    connection.query_row(SOME, [since, until], read)
}

fn rows(
    connection: &Connection,
    sql: &str,
    parameters: impl rusqlite::Params,
) -> rusqlite::Result<Vec<chain::Stored>> {
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map(parameters, chain::Stored::read)?;
    rows.collect()
}

/// Reads a text column and parses it, with the parser's error as the column's.
fn parsed<T, E>(
    row: &Row<'_>,
    column: usize,
    parse: impl FnOnce(String) -> Result<T, E>,
) -> rusqlite::Result<T>
where
    E: std::error::Error + Send + Sync + 'static,
{
    parse(row.get(column)?).map_err(|e| {
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(e))
    })
}

fn json(value: &impl serde::Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|e| rusqlite::Error::ToSqlConversionFailure(Box::new(e)))
}

/// The one spelling of an instant in the database: UTC with microseconds.
fn timestamp(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

//! What is to be told to other places, in an `SQLite` file of its own, so that it is never in the way of the record: the
//! position in the record, the items with what became of them, and which message told of a hold.

mod upkeep;

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, Utc};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params, params_from_iter};
use serde::{Deserialize, Serialize};

use super::{StoreError, make_private, schema, sqlite};
use crate::domain::ids::{Seq, ServiceName};
use crate::domain::notice::{DestinationName, Notice, NoticeAbout, NoticeKey};

/// The name of the file in the data folder.
pub const OUTBOX: &str = "outbox.db";

/// How long to wait for a lock of another connection: of the command that has something sent again.
const BUSY: Duration = Duration::from_secs(2);

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS position (one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS destinations (name TEXT PRIMARY KEY, since INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS files (one INTEGER PRIMARY KEY CHECK (one = 1), server TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS holds (service TEXT PRIMARY KEY, key TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS items (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    destination TEXT NOT NULL,
    channel TEXT NOT NULL,
    key TEXT NOT NULL,
    parent TEXT,
    service TEXT NOT NULL,
    notice TEXT NOT NULL,
    turn INTEGER NOT NULL,
    state TEXT NOT NULL,
    wanted_at TEXT NOT NULL,
    remote TEXT,
    told TEXT NOT NULL DEFAULT '',
    final INTEGER NOT NULL DEFAULT 0,
    pinned INTEGER NOT NULL DEFAULT 0,
    doubtful INTEGER NOT NULL DEFAULT 0,
    aside INTEGER NOT NULL DEFAULT 0,
    stuck INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,
    due TEXT NOT NULL,
    error TEXT,
    changed_at TEXT NOT NULL,
    UNIQUE (destination, channel, key)
);
CREATE INDEX IF NOT EXISTS items_open ON items (destination, turn) WHERE state IN ('open', 'sending');
CREATE INDEX IF NOT EXISTS items_standing ON items (service) WHERE final = 0 AND parent IS NULL;
";

/// A notice on its way to one channel of a destination.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a column of its own")]
pub struct OutboxItem {
    pub id: i64,
    pub destination: DestinationName,
    /// As the destination calls it; empty where it has none.
    pub channel: String,
    pub notice: Notice,
    pub state: ItemState,
    /// Since when what it says is to be told.
    pub wanted_at: DateTime<Utc>,
    /// What the destination calls the message, once it has it.
    pub remote: Option<String>,
    /// A digest of what was told last; empty before.
    pub told: String,
    /// Whether nothing more can change what it says.
    pub is_final: bool,
    pub is_pinned: bool,
    /// Whether it was sent as something new and nobody knows whether it arrived. It is looked up before it is sent again.
    pub is_doubtful: bool,
    /// Whether nothing waits for it: what is told elsewhere does not depend on it.
    pub is_aside: bool,
    /// Whether it cannot be worded now, as when its service is not known: only what is of its service waits for it.
    pub is_stuck: bool,
    /// The tries in a row that failed.
    pub attempts: u32,
    /// Not before this.
    pub due: DateTime<Utc>,
    /// Why the last try failed.
    pub error: Option<String>,
    pub changed_at: DateTime<Utc>,
}

/// What became of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemState {
    /// It is to be sent, or what it says changed.
    Open,
    /// It was about to be sent, so that it may have arrived.
    Sending,
    /// It was told as it stands.
    Done,
    /// It was tried often enough, or cannot be told.
    Failed,
    /// It made room for others.
    Dropped,
}

impl ItemState {
    /// As it is stored and shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Sending => "sending",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Dropped => "dropped",
        }
    }

    fn parse(text: &str) -> Self {
        match text {
            "sending" => Self::Sending,
            "done" => Self::Done,
            "failed" => Self::Failed,
            "dropped" => Self::Dropped,
            _ => Self::Open,
        }
    }
}

/// How many items of a destination are in which state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OutboxCount {
    pub destination: DestinationName,
    pub waiting: u64,
    pub failed: u64,
    pub dropped: u64,
    /// Since when the oldest one waits.
    pub oldest: Option<DateTime<Utc>>,
}

/// A notice for one channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewItem {
    pub destination: DestinationName,
    pub channel: String,
    pub notice: Notice,
}

/// The outbox.
#[derive(Debug)]
pub struct Outbox {
    connection: Connection,
    path: PathBuf,
}

impl Outbox {
    /// Opens or creates it.
    ///
    /// # Errors
    /// When the file cannot be opened or written.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        schema::check_library()?;
        make_private(path);
        let opened = || -> rusqlite::Result<Connection> {
            let connection = Connection::open(path)?;
            connection.busy_timeout(BUSY)?;
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "synchronous", "FULL")?;
            connection.execute_batch(SCHEMA)?;
            add_columns(&connection)?;
            Ok(connection)
        };
        let connection = opened().map_err(|why| sqlite(path, why))?;
        Ok(Self { connection, path: path.to_owned() })
    }

    fn at(&self, why: rusqlite::Error) -> StoreError {
        sqlite(&self.path, why)
    }

    /// The last event that was looked at; `None` at a first start.
    ///
    /// # Errors
    /// When the file cannot be read. So do all others.
    pub fn position(&self) -> Result<Option<Seq>, StoreError> {
        let seq = self.connection.query_row("SELECT seq FROM position", [], |row| row.get(0));
        let seq: Option<i64> = seq.optional().map_err(|why| self.at(why))?;
        Ok(seq.map(|seq| Seq(seq.unsigned_abs())))
    }

    /// Since which event a destination is told; `None` if it is new.
    ///
    /// # Errors
    /// As [`Self::position`].
    pub fn since(&self, destination: &DestinationName) -> Result<Option<Seq>, StoreError> {
        const SQL: &str = "SELECT since FROM destinations WHERE name = ?1";
        let seq = self.connection.query_row(SQL, [destination.as_str()], |row| row.get(0));
        let seq: Option<i64> = seq.optional().map_err(|why| self.at(why))?;
        Ok(seq.map(|seq| Seq(seq.unsigned_abs())))
    }

    /// Notes that a destination is told from here on.
    ///
    /// # Errors
    /// As [`Self::position`].
    pub fn know(&mut self, destination: &DestinationName, since: Seq) -> Result<(), StoreError> {
        const SQL: &str = "INSERT OR IGNORE INTO destinations (name, since) VALUES (?1, ?2)";
        let done = self.connection.execute(SQL, params![destination.as_str(), stored(since)]);
        done.map(drop).map_err(|why| self.at(why))
    }

    /// The message that told of the hold of a service's production.
    ///
    /// # Errors
    /// As [`Self::position`].
    pub fn held_by(&self, service: &ServiceName) -> Result<Option<NoticeKey>, StoreError> {
        const SQL: &str = "SELECT key FROM holds WHERE service = ?1";
        let key = self.connection.query_row(SQL, [service.as_str()], |row| row.get(0));
        let key: Option<String> = key.optional().map_err(|why| self.at(why))?;
        Ok(key.map(NoticeKey::stored))
    }

    /// Adds items and moves the position, in one transaction. An item that is there stays as it is. `hold` is what tells of the
    /// hold of a service from then on.
    ///
    /// # Errors
    /// When the file cannot be written. Then nothing changed.
    pub fn add(
        &mut self,
        position: Option<Seq>,
        items: &[NewItem],
        hold: Option<(&ServiceName, Option<&NoticeKey>)>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let path = self.path.clone();
        let mut write = || -> rusqlite::Result<()> {
            let transaction = self.connection.transaction()?;
            for item in items {
                insert(&transaction, item, now)?;
            }
            if let Some(position) = position {
                const SQL: &str = "INSERT OR REPLACE INTO position (one, seq) VALUES (1, ?1)";
                transaction.execute(SQL, [stored(position)])?;
            }
            match hold {
                Some((service, Some(key))) => {
                    const SQL: &str = "INSERT OR REPLACE INTO holds (service, key) VALUES (?1, ?2)";
                    transaction.execute(SQL, params![service.as_str(), key.as_str()])?;
                }
                Some((service, None)) => {
                    transaction
                        .execute("DELETE FROM holds WHERE service = ?1", [service.as_str()])?;
                }
                None => {}
            }
            transaction.commit()
        };
        write().map_err(|why| sqlite(&path, why))
    }

    /// The items of a destination that are to be sent, in their order, at most `limit`.
    ///
    /// # Errors
    /// As [`Self::position`].
    pub fn open_items(
        &self,
        destination: &DestinationName,
        limit: usize,
    ) -> Result<Vec<OutboxItem>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.items(
            "destination = ?1 AND state IN ('open', 'sending') ORDER BY turn LIMIT ?2",
            &[Value::from(destination.as_str().to_owned()), Value::from(limit)],
        )
    }

    /// The next item of each channel of a destination, each that is aside, and the next of each service that is stuck.
    ///
    /// # Errors
    /// As [`Self::position`].
    pub fn first_items(
        &self,
        destination: &DestinationName,
    ) -> Result<Vec<OutboxItem>, StoreError> {
        self.items(
            "destination = ?1 AND turn IN (SELECT MIN(turn) FROM items WHERE destination = ?1 \
             AND state IN ('open', 'sending') GROUP BY channel, CASE WHEN aside THEN id WHEN service IN \
             (SELECT service FROM items WHERE destination = ?1 AND stuck AND state IN ('open', 'sending')) \
             THEN service ELSE 0 END) ORDER BY turn",
            &[Value::from(destination.as_str().to_owned())],
        )
    }

    /// The messages that may change, of a service or of all.
    ///
    /// # Errors
    /// As [`Self::position`].
    pub fn standing(&self, service: Option<&ServiceName>) -> Result<Vec<OutboxItem>, StoreError> {
        let of = "final = 0 AND parent IS NULL AND state <> 'dropped'";
        match service {
            Some(service) => self.items(
                &format!("{of} AND service = ?1 ORDER BY id"),
                &[Value::from(service.as_str().to_owned())],
            ),
            None => self.items(&format!("{of} ORDER BY id"), &[]),
        }
    }

    /// One item by its key.
    ///
    /// # Errors
    /// As [`Self::position`].
    pub fn find(
        &self,
        destination: &DestinationName,
        channel: &str,
        key: &NoticeKey,
    ) -> Result<Option<OutboxItem>, StoreError> {
        let found = self.items(
            "destination = ?1 AND channel = ?2 AND key = ?3",
            &[
                Value::from(destination.as_str().to_owned()),
                Value::from(channel.to_owned()),
                Value::from(key.as_str().to_owned()),
            ],
        )?;
        Ok(found.into_iter().next())
    }

    /// The items that were not told, newest first.
    ///
    /// # Errors
    /// As [`Self::position`].
    pub fn failed(&self, limit: usize) -> Result<Vec<OutboxItem>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.items("state = 'failed' ORDER BY id DESC LIMIT ?1", &[Value::from(limit)])
    }

    /// How many items wait or failed, by destination.
    ///
    /// # Errors
    /// As [`Self::position`].
    pub fn counts(&self) -> Result<Vec<OutboxCount>, StoreError> {
        const SQL: &str = "SELECT destination, SUM(state IN ('open', 'sending')), SUM(state = 'failed'), \
             SUM(state = 'dropped'), MIN(CASE WHEN state IN ('open', 'sending') THEN wanted_at END) \
             FROM items GROUP BY destination ORDER BY destination";
        let read = || -> rusqlite::Result<Vec<OutboxCount>> {
            let mut statement = self.connection.prepare(SQL)?;
            let rows = statement.query_map([], |row| {
                let count = |at| row.get(at).map(i64::unsigned_abs);
                let oldest: Option<String> = row.get(4)?;
                Ok(OutboxCount {
                    destination: name(row, 0)?,
                    waiting: count(1)?,
                    failed: count(2)?,
                    dropped: count(3)?,
                    oldest: oldest.map(|text| time(&text)).transpose()?,
                })
            })?;
            rows.collect()
        };
        read().map_err(|why| self.at(why))
    }

    /// Writes what became of an item.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn update(&mut self, item: &OutboxItem, now: DateTime<Utc>) -> Result<(), StoreError> {
        const SQL: &str = "UPDATE items SET state = ?2, remote = ?3, told = ?4, final = ?5, pinned = ?6, \
             attempts = ?7, due = ?8, error = ?9, changed_at = ?10, doubtful = ?11, aside = ?12, stuck = ?13 WHERE id = ?1";
        let done = self.connection.execute(
            SQL,
            params![
                item.id,
                item.state.as_str(),
                item.remote,
                item.told,
                item.is_final,
                item.is_pinned,
                item.attempts,
                item.due.to_rfc3339(),
                item.error,
                now.to_rfc3339(),
                item.is_doubtful,
                item.is_aside,
                item.is_stuck,
            ],
        );
        done.map(drop).map_err(|why| self.at(why))
    }

    /// Has a message told again that says something else since then. One that waits already keeps its turn.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn touch(
        &mut self,
        id: i64,
        since: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        const SQL: &str = "UPDATE items SET state = 'open', turn = (SELECT MAX(turn) + 1 FROM items), \
             attempts = 0, final = 0, due = ?2, wanted_at = ?3, changed_at = ?2 \
             WHERE id = ?1 AND state IN ('done', 'failed')";
        let values = params![id, now.to_rfc3339(), since.to_rfc3339()];
        self.connection.execute(SQL, values).map(drop).map_err(|why| self.at(why))
    }

    /// Has failed items sent again: this one, or all. Returns how many.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn retry(&mut self, item: Option<i64>, now: DateTime<Utc>) -> Result<usize, StoreError> {
        const SQL: &str = "UPDATE items SET state = 'open', attempts = 0, told = '', due = ?2 \
             WHERE state = 'failed' AND (?1 IS NULL OR id = ?1)";
        let done = self.connection.execute(SQL, params![item, now.to_rfc3339()]);
        done.map_err(|why| self.at(why))
    }

    fn items(&self, of: &str, values: &[Value]) -> Result<Vec<OutboxItem>, StoreError> {
        let sql = format!(
            "SELECT id, destination, channel, notice, state, wanted_at, remote, told, final, pinned, attempts, due, \
             error, changed_at, doubtful, aside, stuck FROM items WHERE {of}"
        );
        let unreadable_ids = RefCell::new(Vec::<i64>::new());
        let read = || -> rusqlite::Result<Vec<OutboxItem>> {
            let mut statement = self.connection.prepare(&sql)?;
            let mut rows = statement.query(params_from_iter(values))?;
            let mut all = Vec::new();
            while let Some(row) = rows.next()? {
                match row_to_item(row) {
                    Ok(item) => all.push(item),
                    // Another program wrote it, or the disk lost something. Everything else is told.
                    Err(_) => unreadable_ids.borrow_mut().push(row.get(0)?),
                }
            }
            Ok(all)
        };
        let all = read().map_err(|why| self.at(why))?;
        for id in unreadable_ids.into_inner() {
            self.fail_unreadable(id)?;
        }
        Ok(all)
    }

    /// A row that cannot be read counts as not told, and is in nobody's way.
    fn fail_unreadable(&self, id: i64) -> Result<(), StoreError> {
        const SQL: &str =
            "UPDATE items SET state = 'failed', final = 1 WHERE id = ?1 AND state <> 'failed'";
        let done = self.connection.execute(SQL, [id]).map_err(|why| self.at(why))?;
        if done > 0 {
            tracing::error!(id, "an item of the outbox cannot be read; it is not told");
        }
        Ok(())
    }
}

/// A file of before has no place for what is noted since.
fn add_columns(connection: &Connection) -> rusqlite::Result<()> {
    for name in ["doubtful", "aside", "stuck"] {
        const SQL: &str = "SELECT COUNT(*) FROM pragma_table_info('items') WHERE name = ?1";
        let has: i64 = connection.query_row(SQL, [name], |row| row.get(0))?;
        if has == 0 {
            let add = format!("ALTER TABLE items ADD COLUMN {name} INTEGER NOT NULL DEFAULT 0");
            connection.execute_batch(&add)?;
        }
    }
    Ok(())
}

fn insert(
    transaction: &Transaction<'_>,
    item: &NewItem,
    now: DateTime<Utc>,
) -> rusqlite::Result<()> {
    const SQL: &str = "INSERT OR IGNORE INTO items (destination, channel, key, parent, service, notice, turn, state, \
         wanted_at, due, changed_at, aside) VALUES (?1, ?2, ?3, ?4, ?5, ?6, \
         (SELECT COALESCE(MAX(turn), 0) + 1 FROM items), 'open', ?7, ?8, ?8, ?9)";
    let NewItem { destination, channel, notice } = item;
    let json = serde_json::to_string(notice).map_err(unreadable)?;
    transaction.execute(
        SQL,
        params![
            destination.as_str(),
            channel,
            notice.key.as_str(),
            notice.parent().map(NoticeKey::as_str),
            notice.service.as_str(),
            json,
            notice.at.to_rfc3339(),
            now.to_rfc3339(),
            matches!(notice.about, NoticeAbout::Topic | NoticeAbout::Test { .. }),
        ],
    )?;
    Ok(())
}

fn row_to_item(row: &Row<'_>) -> rusqlite::Result<OutboxItem> {
    let (notice, state): (String, String) = (row.get(3)?, row.get(4)?);
    let at = |column| row.get(column).and_then(|text: String| time(&text));
    Ok(OutboxItem {
        id: row.get(0)?,
        destination: name(row, 1)?,
        channel: row.get(2)?,
        notice: serde_json::from_str(&notice).map_err(unreadable)?,
        state: ItemState::parse(&state),
        wanted_at: at(5)?,
        remote: row.get(6)?,
        told: row.get(7)?,
        is_final: row.get(8)?,
        is_pinned: row.get(9)?,
        attempts: row.get(10)?,
        due: at(11)?,
        error: row.get(12)?,
        changed_at: at(13)?,
        is_doubtful: row.get(14)?,
        is_aside: row.get(15)?,
        is_stuck: row.get(16)?,
    })
}

fn name(row: &Row<'_>, column: usize) -> rusqlite::Result<DestinationName> {
    let text: String = row.get(column)?;
    text.parse().map_err(unreadable)
}

fn time(text: &str) -> rusqlite::Result<DateTime<Utc>> {
    let parsed = DateTime::parse_from_rfc3339(text).map_err(unreadable)?;
    Ok(parsed.with_timezone(&Utc))
}

fn unreadable(why: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(Box::new(why))
}

fn stored(seq: Seq) -> i64 {
    i64::try_from(seq.0).unwrap_or(i64::MAX)
}

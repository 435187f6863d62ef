//! Reads the record while the engine writes it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OpenFlags};

use super::rows::{NewestOf, answered, events, newest, newest_of, span};
use super::{StoreError, chain, schema, sqlite};
use crate::domain::chain::{ChainFrom, ChainHead, ChainPage, ChainWalk, RecordSpan};
use crate::domain::command::Receipt;
use crate::domain::event::Event;
use crate::domain::ids::{IdempotencyKey, Seq, ServiceName};

/// A second connection to the same database that only reads.
#[derive(Debug)]
pub struct Reader {
    pub(super) connection: Connection,
    pub(super) path: PathBuf,
}

impl Reader {
    /// Opens an existing database, also while an engine uses it.
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

    /// Walks the whole hash chain. Also checks that the row `kept` is still in it.
    ///
    /// # Errors
    /// When the database cannot be read. A broken chain is not an error.
    pub fn walk(&self, kept: Option<&ChainHead>) -> Result<ChainWalk, StoreError> {
        if self.is_empty()? {
            return Ok(ChainWalk::default().ended(kept));
        }
        chain::walk(&self.connection, kept).map_err(|e| sqlite(&self.path, e))
    }

    /// Walks a part of the hash chain.
    ///
    /// # Errors
    /// As [`Self::walk`].
    pub fn chain(&self, from: ChainFrom, limit: usize) -> Result<ChainPage, StoreError> {
        if self.is_empty()? {
            return Ok(ChainPage::default());
        }
        chain::page(&self.connection, from, limit).map_err(|e| sqlite(&self.path, e))
    }

    /// True if the database has no schema yet.
    fn is_empty(&self) -> Result<bool, StoreError> {
        Ok(schema::version(&self.connection, &self.path)? == 0)
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

    /// The newest events of these kinds since a time and before an event, newest first, at most `limit`.
    ///
    /// # Errors
    /// When one of them cannot be read.
    pub fn newest(
        &self,
        kinds: &[&str],
        since: DateTime<Utc>,
        before: Option<Seq>,
        limit: usize,
    ) -> Result<Vec<Event>, StoreError> {
        newest(&self.connection, &self.path, kinds, (since, before), limit)
    }

    /// The newest events of these kinds in a period, of one service or of all others, newest first, at most `limit`.
    ///
    /// # Errors
    /// When one of them cannot be read.
    pub fn newest_of(
        &self,
        kinds: &[&str],
        of: &NewestOf,
        limit: usize,
    ) -> Result<Vec<Event>, StoreError> {
        newest_of(&self.connection, &self.path, kinds, of, limit)
    }

    /// The first and last event whose time is in this range, ends included. Events outside of the range may be between
    /// them, since event times go backwards when a clock is set.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn span(
        &self,
        since: Option<DateTime<Utc>>,
        until: Option<DateTime<Utc>>,
    ) -> Result<Option<RecordSpan>, StoreError> {
        if self.is_empty()? {
            return Ok(None);
        }
        let span = span(&self.connection, since, until).map_err(|e| sqlite(&self.path, e))?;
        Ok(span.map(|(first, last)| RecordSpan { first, last }))
    }

    /// The answer to the command with this key.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn receipt(&self, key: &IdempotencyKey) -> Result<Option<Receipt>, StoreError> {
        let found = answered(&self.connection, key);
        found.map(|found| found.map(|(_, receipt)| receipt)).map_err(|e| sqlite(&self.path, e))
    }
}

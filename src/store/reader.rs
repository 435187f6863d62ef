//! Reading the record, beside the one who writes it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OpenFlags};

use super::rows::{answered, events, stretch};
use super::{Break, Hash, Head, StoreError, Walk, chain, schema, sqlite};
use crate::domain::command::Receipt;
use crate::domain::event::Event;
use crate::domain::ids::{IdempotencyKey, Seq, ServiceName};

/// A second connection to the same database that only reads.
#[derive(Debug)]
pub struct Reader {
    connection: Connection,
    path: PathBuf,
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

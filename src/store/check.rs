//! Checks of a database beyond its hash chain: `SQLite`'s own check, every row of every table, and a write.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::{Reader, StoreError, schema, sqlite};
use crate::domain::ids::{Seq, ServiceName};
use crate::store::rows::{events, parsed};

/// The most faults that `SQLite`'s check lists.
const FAULTS: u32 = 5;
/// How many events are read at once.
const PAGE: usize = 1_000;

impl Reader {
    /// What is wrong with the database, in sentences; empty if an engine can read all of it.
    ///
    /// # Errors
    /// When it cannot be read at all.
    pub fn faults(&self) -> Result<Vec<String>, StoreError> {
        let at = |why| sqlite(&self.path, why);
        let found = || -> rusqlite::Result<Vec<String>> {
            let sql = format!("PRAGMA integrity_check({FAULTS})");
            self.connection.prepare(&sql)?.query_map([], |row| row.get(0))?.collect()
        };
        let found = found().map_err(at)?;
        if found != ["ok"] {
            return Ok(found.into_iter().map(|fault| fault.replace('\n', " ")).collect());
        }
        if schema::version(&self.connection, &self.path)? == 0 {
            return Ok(Vec::new());
        }
        Ok(self.read_all().err().map(|error| error.to_string()).into_iter().collect())
    }

    /// Reads every row as an engine does.
    fn read_all(&self) -> Result<(), StoreError> {
        let mut after = Seq(0);
        while let Some(last) = events(&self.connection, &self.path, None, after, PAGE)?.last() {
            after = last.seq;
        }
        let read = || -> rusqlite::Result<()> {
            let mut services =
                self.connection.prepare("SELECT name, repository, folder FROM services")?;
            let mut rows = services.query([])?;
            while let Some(row) = rows.next()? {
                parsed(row, 0, |text: String| ServiceName::try_from(text))?;
                let _text: (String, String) = (row.get(1)?, row.get(2)?);
            }
            let mut receipts = self.connection.prepare("SELECT receipt FROM receipts")?;
            let mut rows = receipts.query([])?;
            while let Some(row) = rows.next()? {
                parsed(row, 0, |text| {
                    serde_json::from_str::<crate::domain::command::Receipt>(&text)
                })?;
            }
            Ok(())
        };
        read().map_err(|why| sqlite(&self.path, why))?;
        self.tokens().map(drop)
    }
}

/// Writes to the database and takes it back, and writes durably what is there already.
///
/// # Errors
/// When an engine could record nothing.
pub fn try_write(path: &Path) -> Result<(), StoreError> {
    let write = || -> rusqlite::Result<()> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(Duration::from_secs(5))?;
        let mut transaction =
            connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let version = schema::applied(&transaction)?;
        if version > 0 {
            let mut tried = transaction.savepoint()?;
            let values = "VALUES ('a check that is taken back', '', '')";
            tried.execute(
                &format!("INSERT INTO services (name, repository, folder) {values}"),
                [],
            )?;
            tried.rollback()?;
            drop(tried);
        }
        transaction.pragma_update(None, "user_version", version)?;
        transaction.commit()
    };
    write().map_err(|why| sqlite(path, why))
}

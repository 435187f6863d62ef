//! The database's schema: numbered migrations, and the settings that make a commit durable.

use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;

use super::{StoreError, sqlite};

/// In order; one that was released is never edited.
const MIGRATIONS: &[&str] = &[include_str!("migrations/0001_events.sql")];

/// Before this version a race in WAL mode could corrupt the database.
const OLDEST_SQLITE: i32 = 3_051_003;

pub(super) fn check_library() -> Result<(), StoreError> {
    if rusqlite::version_number() < OLDEST_SQLITE {
        return Err(StoreError::OldSqlite(rusqlite::version().to_owned()));
    }
    Ok(())
}

/// Full durability: a commit that was answered survives a power cut.
pub(super) fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    Ok(())
}

/// The version of the schema that is there; 0 before there is one. A newer one than this program's is refused.
pub(super) fn version(connection: &Connection, path: &Path) -> Result<u32, StoreError> {
    let known = u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX);
    let read = |row: &rusqlite::Row<'_>| row.get(0);
    let found = connection.query_row("PRAGMA user_version", [], read);
    let found: u32 = found.map_err(|source| sqlite(path, source))?;
    if found > known {
        return Err(StoreError::Newer { path: path.display().to_string(), found, known });
    }
    Ok(found)
}

pub(super) fn migrate(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let at = |source| sqlite(path, source);
    let found = version(connection, path)?;
    for (version, sql) in (1_u32..).zip(MIGRATIONS).skip(found as usize) {
        let mut apply = || {
            let transaction = connection.transaction()?;
            transaction.execute_batch(sql)?;
            transaction.pragma_update(None, "user_version", version)?;
            transaction.commit()
        };
        apply().map_err(at)?;
    }
    Ok(())
}

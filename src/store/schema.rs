//! The database's schema: numbered migrations, and the settings that make a commit durable.

use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;

use super::{StoreError, sqlite};

/// The migrations in order. A released migration is never edited. `rusqlite_migration` does not support this version of
/// `rusqlite`.
const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001_events.sql"),
    include_str!("migrations/0002_events_by_time.sql"),
    include_str!("migrations/0003_tokens.sql"),
    include_str!("migrations/0004_sessions.sql"),
];

/// The version of the schema from which on there are tokens.
pub(super) const WITH_TOKENS: u32 = 3;
/// The same for sessions.
pub(super) const WITH_SESSIONS: u32 = 4;

/// The oldest safe version: before it, a race in WAL mode could corrupt the database.
const OLDEST_SQLITE: i32 = 3_051_003;

pub(super) fn check_library() -> Result<(), StoreError> {
    if rusqlite::version_number() < OLDEST_SQLITE {
        return Err(StoreError::OldSqlite(rusqlite::version().to_owned()));
    }
    Ok(())
}

/// How long to wait for a lock of another connection.
const BUSY: Duration = Duration::from_secs(5);

/// Sets full durability: a commit survives a power cut.
pub(super) fn configure(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let at = |source| sqlite(path, source);
    connection.busy_timeout(BUSY).map_err(at)?;
    // On a file system without shared memory, SQLite keeps another mode and returns no error.
    let mode: String = connection
        .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))
        .map_err(at)?;
    if mode != "wal" {
        return Err(StoreError::NoWal { path: path.display().to_string(), mode });
    }
    connection.pragma_update(None, "synchronous", "FULL").map_err(at)?;
    connection.pragma_update(None, "foreign_keys", true).map_err(at)
}

/// The number of the last applied migration.
pub(super) fn applied(connection: &Connection) -> rusqlite::Result<u32> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
}

/// The version of the database's schema, 0 without one. Refuses a version newer than this program's.
pub(super) fn version(connection: &Connection, path: &Path) -> Result<u32, StoreError> {
    let known = u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX);
    let found = applied(connection).map_err(|source| sqlite(path, source))?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_durable_and_strict() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trunkline.db");
        let connection = Connection::open(&path).unwrap();
        configure(&connection, &path).unwrap();
        let setting = |name: &str| -> String {
            let sql = format!("SELECT CAST({name} AS TEXT) FROM pragma_{name}");
            connection.query_row(&sql, [], |row| row.get(0)).unwrap()
        };
        assert_eq!(setting("journal_mode"), "wal");
        assert_eq!(setting("synchronous"), "2", "FULL");
        assert_eq!(setting("foreign_keys"), "1");
        let timeout: i64 =
            connection.query_row("PRAGMA busy_timeout", [], |row| row.get(0)).unwrap();
        assert_eq!(i128::from(timeout), i128::try_from(BUSY.as_millis()).unwrap());
        check_library().unwrap();
    }

    #[test]
    fn a_database_that_cannot_use_wal_mode_is_refused() {
        let connection = Connection::open_in_memory().unwrap();
        let refused = configure(&connection, Path::new("memory")).unwrap_err();
        assert!(refused.to_string().contains("local disk"), "{refused}");
    }
}

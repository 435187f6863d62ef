//! Writes and reads events and receipts as rows of the database.

use std::path::Path;

use chrono::{DateTime, SecondsFormat, Utc};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::{Answered, Hash, StoreError, chain, sqlite};
use crate::domain::command::Receipt;
use crate::domain::event::Event;
use crate::domain::ids::{IdempotencyKey, Seq, ServiceName};

pub(super) fn in_transaction(
    connection: &mut Connection,
    write: impl FnOnce(&mut Transaction<'_>) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    let mut transaction =
        connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    write(&mut transaction)?;
    transaction.commit()
}

pub(super) fn insert(
    connection: &Connection,
    event: &Event,
    before: Hash,
) -> rusqlite::Result<Hash> {
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

pub(super) fn insert_receipt(
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

pub(super) fn answered(
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

pub(super) fn events(
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

pub(super) fn newest(
    connection: &Connection,
    path: &Path,
    kinds: &[&str],
    (since, before): (DateTime<Utc>, Option<Seq>),
    limit: usize,
) -> Result<Vec<Event>, StoreError> {
    // The first event of the period bounds the walk. The kinds are a JSON list, as a statement has a fixed number of values.
    const SQL: &str = "SELECT seq, at, service, actor, kind, fact FROM events
                       WHERE seq < ?1 AND seq >= (SELECT min(seq) FROM events WHERE at >= ?2)
                       AND at >= ?2 AND kind IN (SELECT value FROM json_each(?3))
                       ORDER BY seq DESC LIMIT ?4";
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let before = before.map_or(i64::MAX, |seq| i64::try_from(seq.0).unwrap_or(i64::MAX));
    let read = || -> rusqlite::Result<Vec<chain::Stored>> {
        rows(connection, SQL, params![before, timestamp(since), json(&kinds)?, limit])
    };
    let stored = read().map_err(|e| sqlite(path, e))?;
    stored.iter().map(chain::Stored::event).collect()
}

/// Which events [`super::Reader::newest_of`] reads.
#[derive(Debug, Clone)]
pub struct NewestOf {
    pub since: DateTime<Utc>,
    pub until: Option<DateTime<Utc>>,
    pub before: Option<Seq>,
    pub service: ServiceName,
    /// Whether they are of every service but this one.
    pub is_other: bool,
}

pub(super) fn newest_of(
    connection: &Connection,
    path: &Path,
    kinds: &[&str],
    of: &NewestOf,
    limit: usize,
) -> Result<Vec<Event>, StoreError> {
    // Both ends of the period bound the walk. "~" sorts after every timestamp.
    const SQL: &str = "SELECT seq, at, service, actor, kind, fact FROM events
                       WHERE seq < ?1 AND seq >= (SELECT min(seq) FROM events WHERE at >= ?2)
                       AND seq <= (SELECT max(seq) FROM events WHERE at <= ?3)
                       AND at >= ?2 AND at <= ?3 AND (service <> ?4) = ?5
                       AND kind IN (SELECT value FROM json_each(?6))
                       ORDER BY seq DESC LIMIT ?7";
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let before = of.before.map_or(i64::MAX, |seq| i64::try_from(seq.0).unwrap_or(i64::MAX));
    let until = of.until.map_or_else(|| "~".to_owned(), timestamp);
    let (since, service) = (timestamp(of.since), of.service.as_str());
    let read = || -> rusqlite::Result<Vec<chain::Stored>> {
        let values = params![before, since, until, service, of.is_other, json(&kinds)?, limit];
        rows(connection, SQL, values)
    };
    let stored = read().map_err(|e| sqlite(path, e))?;
    stored.iter().map(chain::Stored::event).collect()
}

pub(super) fn span(
    connection: &Connection,
    since: Option<DateTime<Utc>>,
    until: Option<DateTime<Utc>>,
) -> rusqlite::Result<Option<(Seq, Seq)>> {
    // With two subqueries SQLite finds both ends by the primary key, without a scan.
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
    // "" sorts before every timestamp and "~" after it.
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

/// Reads and parses a text column. A parse error becomes a conversion error of the column.
pub(super) fn parsed<T, E>(
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

pub(super) fn json(value: &impl serde::Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|e| rusqlite::Error::ToSqlConversionFailure(Box::new(e)))
}

/// A time as the database stores it: UTC with microseconds.
pub(super) fn timestamp(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

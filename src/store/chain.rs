//! The hash chain in the database: the hash of each row, and the walk that finds the first broken row.

use std::ops::ControlFlow;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, Row};
use sha2::{Digest, Sha256};

use super::StoreError;
use super::rows::{json, timestamp};
use crate::domain::chain::{ChainBreak, ChainFrom, ChainHead, ChainPage, ChainWalk, Hash};
use crate::domain::event::{Event, Fact};
use crate::domain::ids::Seq;
use crate::domain::people::Actor;

/// An event as the texts of its row. The hash covers these texts, not their decoded values.
#[derive(Debug)]
pub(super) struct Stored {
    pub seq: i64,
    pub at: String,
    pub service: String,
    pub actor: String,
    pub kind: String,
    pub fact: String,
}

impl Stored {
    pub fn of(event: &Event) -> rusqlite::Result<Self> {
        Ok(Self {
            seq: i64::try_from(event.seq.0).unwrap_or(i64::MAX),
            at: timestamp(event.at),
            service: event.service.to_string(),
            actor: json(&event.actor)?,
            kind: event.fact.kind().to_owned(),
            fact: json(&event.fact)?,
        })
    }

    pub fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            seq: row.get(0)?,
            at: row.get(1)?,
            service: row.get(2)?,
            actor: row.get(3)?,
            kind: row.get(4)?,
            fact: row.get(5)?,
        })
    }

    /// The digest of the previous hash and this row. Each field is preceded by its length, so that different rows never
    /// give the same bytes.
    pub fn hash(&self, before: Hash) -> Hash {
        let mut digest = Sha256::new();
        digest.update(before.0);
        digest.update(self.seq.to_be_bytes());
        for field in [&self.at, &self.service, &self.actor, &self.kind, &self.fact] {
            digest.update((field.len() as u64).to_be_bytes());
            digest.update(field);
        }
        Hash(digest.finalize().into())
    }

    pub fn event(&self) -> Result<Event, StoreError> {
        let seq = self.seq.cast_unsigned();
        let unreadable = |why: String| StoreError::Unreadable { seq, why };
        let at = DateTime::parse_from_rfc3339(&self.at).map_err(|e| unreadable(e.to_string()))?;
        let actor: Actor =
            serde_json::from_str(&self.actor).map_err(|e| unreadable(e.to_string()))?;
        let fact: Fact = serde_json::from_str(&self.fact).map_err(|e| unreadable(e.to_string()))?;
        Ok(Event {
            seq: Seq(seq),
            at: at.with_timezone(&Utc),
            service: self.service.parse().map_err(|e| unreadable(format!("{e}")))?,
            fact: fact.recorded_by(&actor),
            actor,
        })
    }
}

/// The last row's number and hash.
pub(super) fn head(connection: &Connection) -> rusqlite::Result<(Seq, Hash)> {
    const SQL: &str = "SELECT seq, hash FROM events ORDER BY seq DESC LIMIT 1";
    let read = |row: &Row<'_>| Ok((Seq(row.get::<_, i64>(0)?.cast_unsigned()), Hash(row.get(1)?)));
    Ok(connection.query_row(SQL, [], read).optional()?.unwrap_or((Seq(0), Hash::GENESIS)))
}

/// Walks the whole chain. Also checks that the row `kept` is still in it.
pub(super) fn walk(
    connection: &Connection,
    kept: Option<&ChainHead>,
) -> rusqlite::Result<ChainWalk> {
    let mut walk = ChainWalk::default();
    let each = |row| walk.take(row, kept);
    rows(connection, i64::MIN, i64::MAX, ChainFrom::default(), each)?;
    Ok(walk.ended(kept))
}

/// Walks at most `limit` rows after `from`.
pub(super) fn page(
    connection: &Connection,
    from: ChainFrom,
    limit: usize,
) -> rusqlite::Result<ChainPage> {
    let from = match from.hash {
        Some(_) => from,
        None => ChainFrom { hash: stored_hash(connection, from.seq)?, ..from },
    };
    // A walk from the beginning also reads rows with a number below 1, which break the chain.
    let after = if from.seq == Seq(0) { i64::MIN } else { number(from.seq) };
    let mut page = ChainPage::default();
    let each = |row: Result<ChainHead, ChainBreak>| match row {
        Ok(head) => {
            page.rows.push(head);
            ControlFlow::Continue(())
        }
        Err(broken) => {
            page.broken = Some(broken);
            ControlFlow::Break(())
        }
    };
    rows(connection, after, i64::try_from(limit).unwrap_or(i64::MAX), from, each)?;
    page.more = page.broken.is_none() && page.rows.len() == limit;
    Ok(page)
}

fn number(Seq(seq): Seq) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}

/// The stored hash of a row, not checked.
fn stored_hash(connection: &Connection, seq: Seq) -> rusqlite::Result<Option<Hash>> {
    const SQL: &str = "SELECT hash FROM events WHERE seq = ?1";
    let read = |row: &Row<'_>| row.get(0).map(Hash);
    connection.prepare_cached(SQL)?.query_row([number(seq)], read).optional()
}

/// Calls `each` with every row after `after` as the new head, or with the break in the chain, until `each` breaks.
fn rows(
    connection: &Connection,
    after: i64,
    limit: i64,
    from: ChainFrom,
    mut each: impl FnMut(Result<ChainHead, ChainBreak>) -> ControlFlow<()>,
) -> rusqlite::Result<()> {
    const SQL: &str = "SELECT seq, at, service, actor, kind, fact, hash FROM events
                       WHERE seq >= ?1 ORDER BY seq LIMIT ?2";
    let mut statement = connection.prepare_cached(SQL)?;
    let mut rows = statement.query([after.saturating_add(i64::from(after > i64::MIN)), limit])?;
    let (mut seq, mut hash) = (from.seq, from.hash.unwrap_or(Hash::GENESIS));
    while let Some(row) = rows.next()? {
        let head = next(row, seq, hash);
        if let Ok(head) = &head {
            (seq, hash) = (head.seq, head.hash);
        }
        if each(head).is_break() {
            break;
        }
    }
    Ok(())
}

/// The row as the new head, if it continues the chain after the row `after`.
fn next(row: &Row<'_>, Seq(after): Seq, before: Hash) -> Result<ChainHead, ChainBreak> {
    let expected = after + 1;
    let seq = row.get(0).map(i64::cast_unsigned).unwrap_or_default();
    let broken = |why: String| ChainBreak { seq: Seq(seq), why };
    if seq != expected {
        return Err(broken(format!("event {expected} is missing; event {seq} follows instead")));
    }
    let read = || Ok((Stored::read(row)?, Hash(row.get(6)?)));
    let (stored, hash) =
        read().map_err(|e: rusqlite::Error| broken(format!("its row cannot be read: {e}")))?;
    if stored.hash(before) != hash {
        return Err(broken("its hash does not match its content and the event before".into()));
    }
    Ok(ChainHead { seq: Seq(seq), hash, at: stored.at, rows: expected })
}

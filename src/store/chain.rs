//! The hash chain: one encoding for each row, and a walk that finds the first row that was changed.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, Row};
use sha2::{Digest, Sha256};

use super::{StoreError, json, timestamp};
use crate::domain::event::Event;
use crate::domain::ids::Seq;

/// A SHA-256 digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// What the first event's hash covers in place of a row before it.
    const GENESIS: Self = Self([0; 32]);

    /// The digest of a text.
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self(Sha256::digest(text).into())
    }
}

/// The first row at which the chain does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Break {
    pub seq: Seq,
    pub why: String,
}

/// An event exactly as its row spells it; the hash is over these texts, never over what they decode to.
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

    /// The digest over the row before and this row, every field with its length, so that no two rows are spelled
    /// alike.
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
        Ok(Event {
            seq: Seq(seq),
            at: at.with_timezone(&Utc),
            service: self.service.parse().map_err(|e| unreadable(format!("{e}")))?,
            actor: serde_json::from_str(&self.actor).map_err(|e| unreadable(e.to_string()))?,
            fact: serde_json::from_str(&self.fact).map_err(|e| unreadable(e.to_string()))?,
        })
    }
}

/// The last row's number and hash.
pub(super) fn head(connection: &Connection) -> rusqlite::Result<(Seq, Hash)> {
    const SQL: &str = "SELECT seq, hash FROM events ORDER BY seq DESC LIMIT 1";
    let read = |row: &Row<'_>| Ok((Seq(row.get::<_, i64>(0)?.cast_unsigned()), Hash(row.get(1)?)));
    Ok(connection.query_row(SQL, [], read).optional()?.unwrap_or((Seq(0), Hash::GENESIS)))
}

pub(super) fn verify(connection: &Connection) -> rusqlite::Result<Option<Break>> {
    const SQL: &str = "SELECT seq, at, service, actor, kind, fact, hash FROM events ORDER BY seq";
    let (mut expected, mut before) = (1, Hash::GENESIS);
    let mut statement = connection.prepare(SQL)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (stored, hash) = (Stored::read(row)?, Hash(row.get(6)?));
        let seq = Seq(stored.seq.cast_unsigned());
        if stored.seq != expected {
            let why = format!("event {expected} is missing, {seq} comes instead");
            return Ok(Some(Break { seq, why }));
        }
        if stored.hash(before) != hash {
            let why = "its hash does not fit its content and the event before".into();
            return Ok(Some(Break { seq, why }));
        }
        (expected, before) = (expected + 1, hash);
    }
    Ok(None)
}

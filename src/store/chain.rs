//! The hash chain: one encoding for each row, and a walk that finds the first row that was changed.

use std::fmt;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, Row};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::StoreError;
use super::rows::{json, timestamp};
use crate::domain::event::{Event, Fact};
use crate::domain::ids::Seq;
use crate::domain::people::Actor;

/// A SHA-256 digest, spelled in hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
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

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl From<Hash> for String {
    fn from(hash: Hash) -> Self {
        hash.to_string()
    }
}

impl TryFrom<String> for Hash {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let wrong = || format!("{text:?} is no hash; it has 64 digits of 0-9 and a-f");
        if text.len() != 64 || !text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(wrong());
        }
        let mut hash = [0; 32];
        for (byte, digits) in hash.iter_mut().zip(text.as_bytes().chunks(2)) {
            let digits = std::str::from_utf8(digits).map_err(|_| wrong())?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| wrong())?;
        }
        Ok(Self(hash))
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

/// The hash of the row that says exactly this.
pub(super) fn hash_of(connection: &Connection, event: &Event) -> rusqlite::Result<Option<Hash>> {
    const SQL: &str = "SELECT seq, at, service, actor, kind, fact, hash FROM events WHERE seq = ?1";
    let read = |row: &Row<'_>| Ok((Stored::read(row)?, Hash(row.get(6)?)));
    let seq = i64::try_from(event.seq.0).unwrap_or(i64::MAX);
    let found = connection.prepare_cached(SQL)?.query_row([seq], read).optional()?;
    let is_same = |stored: &Stored| stored.event().is_ok_and(|stored| stored == *event);
    Ok(found.filter(|(stored, _)| is_same(stored)).map(|(_, hash)| hash))
}

/// A row of the chain, to be looked for again later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    pub seq: Seq,
    pub hash: Hash,
    /// When it was recorded, as its row spells it.
    pub at: String,
    /// How many rows there were up to it.
    pub rows: u64,
}

/// What a walk over the chain found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Walk {
    /// How many rows hold.
    pub rows: u64,
    /// The last row that holds; `None` when there is none.
    pub head: Option<Head>,
    pub broken: Option<Break>,
}

impl Walk {
    /// A record without a row.
    pub(super) fn over_nothing(before: Option<&Head>) -> Self {
        Self { rows: 0, head: None, broken: cut_off(0, before) }
    }
}

/// Walks the chain and, where a row from before is given, wants to meet it.
pub(super) fn walk(connection: &Connection, before: Option<&Head>) -> rusqlite::Result<Walk> {
    const SQL: &str = "SELECT seq, at, service, actor, kind, fact, hash FROM events ORDER BY seq";
    let mut walk = Walk { rows: 0, head: None, broken: None };
    let mut statement = connection.prepare(SQL)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        match next(row, &walk).and_then(|head| met(head, before)) {
            Ok(head) => (walk.rows, walk.head) = (head.rows, Some(head)),
            Err(broken) => {
                walk.broken = Some(broken);
                return Ok(walk);
            }
        }
    }
    walk.broken = cut_off(walk.rows, before);
    Ok(walk)
}

/// The row as the new head, when it goes on where the walk is.
fn next(row: &Row<'_>, walk: &Walk) -> Result<Head, Break> {
    let before = walk.head.as_ref().map_or(Hash::GENESIS, |head| head.hash);
    let expected = walk.rows + 1;
    let seq = row.get(0).map(i64::cast_unsigned).unwrap_or_default();
    let broken = |why: String| Break { seq: Seq(seq), why };
    if seq != expected {
        return Err(broken(format!("event {expected} is missing, {seq} comes instead")));
    }
    let read = || Ok((Stored::read(row)?, Hash(row.get(6)?)));
    let (stored, hash) =
        read().map_err(|e: rusqlite::Error| broken(format!("its row cannot be read: {e}")))?;
    if stored.hash(before) != hash {
        return Err(broken("its hash does not fit its content and the event before".into()));
    }
    Ok(Head { seq: Seq(seq), hash, at: stored.at, rows: expected })
}

/// A chain that was computed anew holds in itself; only a row that was kept elsewhere tells.
fn met(head: Head, before: Option<&Head>) -> Result<Head, Break> {
    match before {
        Some(before) if before.seq == head.seq && before.hash != head.hash => {
            let why = "its hash is another than before: the history up to it was rewritten";
            Err(Break { seq: head.seq, why: why.into() })
        }
        _ => Ok(head),
    }
}

/// A chain that ends before a row that was there once.
fn cut_off(rows: u64, before: Option<&Head>) -> Option<Break> {
    let Seq(seq) = before.filter(|before| before.rows > rows)?.seq;
    let why = format!("event {seq} was there before and is missing: the end was cut off");
    Some(Break { seq: Seq(rows + 1), why })
}

//! The hash chain of the record: its rows, the result of a walk over them, and the comparison with a row that was kept
//! elsewhere.

use std::fmt;
use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::ids::Seq;

/// A SHA-256 digest, written in hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, pattern = "^[0-9a-f]{64}$")]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// The previous hash of the first event.
    pub const GENESIS: Self = Self([0; 32]);

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
        let wrong = || format!("{text:?} is not a hash; give 64 digits of 0-9 and a-f");
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

/// The first row that breaks the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChainBreak {
    pub seq: Seq,
    pub why: String,
}

/// A row of the chain. A later walk can compare with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChainHead {
    pub seq: Seq,
    pub hash: Hash,
    /// When it was recorded, as text exactly as in the row.
    pub at: String,
    /// How many rows there are up to it.
    pub rows: u64,
}

/// The row after which a walk starts; by default it starts with the first row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ChainFrom {
    pub seq: Seq,
    /// The hash that this row must have; without it, the row's own hash.
    pub hash: Option<Hash>,
}

/// A part of a walk over the chain.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChainPage {
    /// The valid rows, in order.
    pub rows: Vec<ChainHead>,
    /// The row after them, if it breaks the chain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broken: Option<ChainBreak>,
    /// True if there may be more rows: continue after the last of these.
    pub more: bool,
}

/// The first and the last event of a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RecordSpan {
    pub first: Seq,
    pub last: Seq,
}

/// The result of a walk over the chain.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChainWalk {
    /// How many rows are valid.
    pub rows: u64,
    /// The last valid row; `None` if there is none.
    pub head: Option<ChainHead>,
    pub broken: Option<ChainBreak>,
}

impl ChainWalk {
    /// Takes the next row. The walk ends at the first row that breaks the chain or differs from the kept row.
    pub fn take(
        &mut self,
        row: Result<ChainHead, ChainBreak>,
        kept: Option<&ChainHead>,
    ) -> ControlFlow<()> {
        match row.and_then(|head| same_as_kept(head, kept)) {
            Ok(head) => {
                (self.rows, self.head) = (head.rows, Some(head));
                ControlFlow::Continue(())
            }
            Err(broken) => {
                self.broken = Some(broken);
                ControlFlow::Break(())
            }
        }
    }

    /// Ends the walk when there are no more rows. A chain that ends before the kept row was cut off.
    #[must_use]
    pub fn ended(mut self, kept: Option<&ChainHead>) -> Self {
        if let (None, Some(kept)) = (&self.broken, kept.filter(|kept| kept.rows > self.rows)) {
            let why = format!("event {} is missing: the end of the record was cut off", kept.seq);
            self.broken = Some(ChainBreak { seq: Seq(self.rows + 1), why });
        }
        self
    }
}

/// Compares a row with the kept one. Only this finds a chain whose hashes were all computed again.
fn same_as_kept(head: ChainHead, kept: Option<&ChainHead>) -> Result<ChainHead, ChainBreak> {
    match kept {
        Some(kept) if kept.seq == head.seq && kept.hash != head.hash => {
            let why = "its hash changed: the record up to it was rewritten";
            Err(ChainBreak { seq: head.seq, why: why.into() })
        }
        _ => Ok(head),
    }
}

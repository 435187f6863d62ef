//! The hash chain of the record as values: its rows, what a walk over them finds, and the rule that compares it with a row
//! that was kept elsewhere.

use std::fmt;
use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::ids::Seq;

/// A SHA-256 digest, spelled in hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, pattern = "^[0-9a-f]{64}$")]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// What the first event's hash covers in place of a row before it.
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChainBreak {
    pub seq: Seq,
    pub why: String,
}

/// A row of the chain, to be looked for again later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChainHead {
    pub seq: Seq,
    pub hash: Hash,
    /// When it was recorded, as its row spells it.
    pub at: String,
    /// How many rows there are up to it.
    pub rows: u64,
}

/// The row behind which a walk goes on; by default it begins with the first row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ChainFrom {
    pub seq: Seq,
    /// The hash that this row must have; without it, the hash that the row has.
    pub hash: Option<Hash>,
}

/// A part of a walk over the chain.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChainPage {
    /// The rows that hold, in their order.
    pub rows: Vec<ChainHead>,
    /// The row after them, when it does not hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broken: Option<ChainBreak>,
    /// True if there may be more rows: go on behind the last of these.
    pub more: bool,
}

/// The first and the last event of a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RecordSpan {
    pub first: Seq,
    pub last: Seq,
}

/// What a walk over the chain finds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChainWalk {
    /// How many rows hold.
    pub rows: u64,
    /// The last row that holds; `None` when there is none.
    pub head: Option<ChainHead>,
    pub broken: Option<ChainBreak>,
}

impl ChainWalk {
    /// Takes the next row; the walk ends with the first that is broken, or is another one than was kept.
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

    /// There are no more rows. A chain that ends before the kept row was cut off.
    #[must_use]
    pub fn ended(mut self, kept: Option<&ChainHead>) -> Self {
        if let (None, Some(kept)) = (&self.broken, kept.filter(|kept| kept.rows > self.rows)) {
            let why =
                format!("event {} was there before and is missing: the end was cut off", kept.seq);
            self.broken = Some(ChainBreak { seq: Seq(self.rows + 1), why });
        }
        self
    }
}

/// A chain that was computed again is consistent in itself; only a row that was kept elsewhere shows it.
fn same_as_kept(head: ChainHead, kept: Option<&ChainHead>) -> Result<ChainHead, ChainBreak> {
    match kept {
        Some(kept) if kept.seq == head.seq && kept.hash != head.hash => {
            let why = "its hash is another than before: the history up to it was rewritten";
            Err(ChainBreak { seq: head.seq, why: why.into() })
        }
        _ => Ok(head),
    }
}

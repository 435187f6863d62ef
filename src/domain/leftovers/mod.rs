//! What stays behind after a rollback: what the service file says of it, and what the record knows.

mod found;
mod words;

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ids::{BuildNumber, DeploymentId, Environment, Seq};
use super::people::Actor;
use super::time::{Milliseconds, millis};

pub use self::words::STAYS_BEHIND;

/// Something that a rollback leaves behind, as the service file declares it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub struct DeclaredLeftover {
    /// What it is: `the page cache has pages of the new form`.
    pub what: String,
    /// How to see whether it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<String>,
    /// How to get rid of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<String>,
}

/// What a rollback leaves behind, as far as it is known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Leftovers {
    /// What ran since its target did, and may have written data. Absent if no such deployment is recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<WrittenData>,
    /// What somebody has to look after. The first has the number 1.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<Leftover>,
    /// Why there may be more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub doubts: Vec<String>,
}

/// The builds that a rollback takes away, and how long they could write data in their own form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WrittenData {
    /// Oldest first.
    pub builds: Vec<BuildNumber>,
    /// From the begin of the first one's steps to the rollback.
    #[serde(with = "millis")]
    #[schema(value_type = Milliseconds)]
    pub ran: Duration,
}

/// One thing that stays behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Leftover {
    pub kind: LeftoverKind,
    pub what: String,
    /// How to see whether it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<String>,
    /// How to get rid of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<String>,
    /// Who looked after it; absent while it is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticked: Option<LeftoverMark>,
}

/// How it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LeftoverKind {
    /// The service file says so.
    Declared,
    /// A change beside the deployments that was noted while the builds ran.
    Change,
    /// A migration that a promote of one of the builds brought.
    Migration,
}

/// Who ticked it, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LeftoverMark {
    pub by: Actor,
    pub at: DateTime<Utc>,
}

/// What stays behind after a rollback, for the hold that it placed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LeftoversListed {
    pub environment: Environment,
    /// The hold that has the list.
    pub hold: Seq,
    pub rollback: DeploymentId,
    pub left: Leftovers,
}

/// Somebody looked after one of them, or takes that back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LeftoverTick {
    pub environment: Environment,
    pub hold: Seq,
    /// Its number in the list of the hold.
    pub item: u32,
    pub what: String,
}

impl Leftovers {
    /// All of them with their numbers.
    pub fn numbered(&self) -> impl Iterator<Item = (u32, &Leftover)> {
        (1..).zip(&self.items)
    }

    /// Those that nobody has ticked, with their numbers.
    pub fn open(&self) -> impl Iterator<Item = (u32, &Leftover)> {
        self.numbered().filter(|(_, item)| item.ticked.is_none())
    }

    /// The item with this number.
    #[must_use]
    pub fn item(&self, number: u32) -> Option<&Leftover> {
        self.items.get(place(number)?)
    }

    pub(super) fn item_mut(&mut self, number: u32) -> Option<&mut Leftover> {
        self.items.get_mut(place(number)?)
    }
}

fn place(number: u32) -> Option<usize> {
    usize::try_from(number.checked_sub(1)?).ok()
}

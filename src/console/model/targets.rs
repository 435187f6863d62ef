//! What some keys act on that is no row under a cursor: no key that was meant for what was there before takes what came.

use std::fmt;

use tokio::time::Instant;

use crate::console::model::list::MovedBy;
use crate::console::model::seen::Seen;
use crate::domain::ids::{DeploymentId, Seq};

/// What a key acts on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyTarget {
    /// What would be cancelled.
    Deployment(DeploymentId),
    /// What would be released.
    Hold(Seq),
    /// What would be lifted.
    Freeze(Seq),
}

/// What keys act on now, and what of it came by itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Targets {
    /// `None` until the service is on screen: what is there from the beginning took nothing's place.
    now: Option<Vec<KeyTarget>>,
    came: Vec<(KeyTarget, Seen)>,
}

impl fmt::Display for KeyTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deployment(id) => write!(f, "{id}"),
            Self::Hold(_) => f.write_str("the hold"),
            Self::Freeze(id) => write!(f, "freeze {id}"),
        }
    }
}

impl Targets {
    /// Takes what keys act on now.
    pub fn settle(&mut self, now: Vec<KeyTarget>, by: MovedBy) {
        self.came.retain(|(came, _)| now.contains(came));
        if let Some(before) = self.now.as_ref().filter(|_| by == MovedBy::News) {
            let new = now.iter().filter(|target| !before.contains(target));
            self.came.extend(new.map(|target| (*target, Seen::default())));
        }
        self.now = Some(now);
    }

    /// They are on screen.
    pub fn drawn(&mut self, at: Instant) {
        self.came.iter_mut().for_each(|(_, seen)| seen.drawn(at));
    }

    /// Whether it came so late that who pressed a `key` at that instant may have meant what was there before it.
    #[must_use]
    pub fn came_before(&self, target: KeyTarget, key: Instant) -> bool {
        self.came.iter().any(|(came, seen)| *came == target && !seen.before(key))
    }

    /// From when on a key is about what came.
    pub fn counts_at(&self) -> impl Iterator<Item = Instant> {
        self.came.iter().filter_map(|(_, seen)| seen.counts_at())
    }
}

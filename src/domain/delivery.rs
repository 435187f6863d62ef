//! What a forge says when somebody pushed or a run changed, and what became of it. It only makes the engine look at once, at the
//! trunk or at the runs; what follows comes from what git or the forge's API then answers.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::repository_address::RepositoryAddress;

/// A forge that sends webhooks, by the form of what it sends.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum WebhookForge {
    Github,
    Gitlab,
    /// Forgejo sends the same.
    Gitea,
    Bitbucket,
}

impl WebhookForge {
    pub const ALL: [Self; 4] = [Self::Github, Self::Gitlab, Self::Gitea, Self::Bitbucket];

    /// Its name in paths and settings.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Github => "github",
            Self::Gitlab => "gitlab",
            Self::Gitea => "gitea",
            Self::Bitbucket => "bitbucket",
        }
    }

    /// The forge of this name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|forge| forge.as_str() == name)
    }
}

impl fmt::Display for WebhookForge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a forge says, after its signature was found right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookNews {
    pub forge: WebhookForge,
    /// The forge's name for this delivery. One that is sent again has the same.
    pub id: String,
    pub about: WebhookSubject,
    /// The addresses of the repository.
    pub addresses: Vec<RepositoryAddress>,
}

/// What a webhook is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebhookSubject {
    Push,
    /// A run of a workflow, one of its jobs, or a deployment.
    Run,
    Else,
}

/// What became of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryResult {
    /// The engine looks at the trunk now.
    Woke,
    /// The engine looks at the runs now.
    WokeRuns,
    /// It came before.
    Repeated,
    /// It is about something else than a push or a run.
    NotAPush,
    /// No service is in this repository.
    NotWatched,
    /// No run of this repository is followed.
    NotFollowed,
    /// The signature is missing or wrong. Nothing of it was read.
    Refused,
    /// It is signed, and not in the form of this forge.
    Unreadable,
}

impl DeliveryResult {
    /// What happened, in words.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Woke => "the engine looks at the trunk now",
            Self::WokeRuns => "the engine looks at the runs now",
            Self::Repeated => "this delivery came before",
            Self::NotAPush => "this is about neither a push nor a run; nothing follows",
            Self::NotWatched => "no service is in this repository",
            Self::NotFollowed => "no run of this repository is followed",
            Self::Refused => "the signature is missing or wrong",
            Self::Unreadable => "this is not in the form that this forge sends",
        }
    }
}

/// A delivery and its result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WebhookDelivery {
    pub at: DateTime<Utc>,
    pub forge: WebhookForge,
    /// The forge's name for it. Empty if it was refused.
    pub id: String,
    pub result: DeliveryResult,
}

/// The deliveries since the engine started.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeliveryLog {
    /// The last ones that were signed, newest first.
    pub taken: Vec<WebhookDelivery>,
    /// The last one that was refused.
    pub refused: Option<WebhookDelivery>,
    /// How many were refused.
    pub refused_total: u64,
    /// The forges that sent some.
    #[serde(default)]
    pub totals: Vec<DeliveryTotal>,
}

/// How many deliveries of a forge came since the engine started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeliveryTotal {
    pub forge: WebhookForge,
    /// Those that were signed.
    pub taken: u64,
    pub refused: u64,
}

impl DeliveryLog {
    /// Adds a delivery, of which no more than `kept` that were signed stay.
    pub fn add(&mut self, delivery: WebhookDelivery, kept: usize) {
        let at = self.totals.iter().position(|total| total.forge == delivery.forge);
        let at = at.unwrap_or_else(|| {
            let (forge, taken, refused) = (delivery.forge, 0, 0);
            self.totals.push(DeliveryTotal { forge, taken, refused });
            self.totals.len() - 1
        });
        if delivery.result == DeliveryResult::Refused {
            // Anybody can send these: they push out none that were signed.
            self.totals[at].refused = self.totals[at].refused.saturating_add(1);
            self.refused_total = self.refused_total.saturating_add(1);
            self.refused = Some(delivery);
        } else {
            self.totals[at].taken = self.totals[at].taken.saturating_add(1);
            self.taken.insert(0, delivery);
            self.taken.truncate(kept);
        }
    }
}

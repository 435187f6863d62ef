//! A place that is told: what it can do, what it is given, and what it says to that.

use std::time::Duration;

use super::slack::Slack;
use crate::config::notify::DestinationKind;
use crate::domain::notice::view::NoticeView;

/// How long one request may take.
pub const ANSWER: Duration = Duration::from_secs(10);

/// What a kind of destination can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "a set of independent abilities")]
pub struct Abilities {
    /// A message is changed in place. One that cannot do this gets one message for each deployment when it has ended, and
    /// the loud details.
    pub edit: bool,
    /// Details stand below their message. One that cannot do this gets the loud ones alone.
    pub thread: bool,
    pub pin: bool,
    pub topic: bool,
    /// What was sent is found by its key, or a repeat has no effect. One without may hear something twice after an answer
    /// that got lost.
    pub look_up: bool,
    /// The shortest time between two messages in one channel.
    pub pace: Duration,
}

/// What to do with one item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// A new message.
    Post,
    /// The message that is there says something else now.
    Edit {
        remote: String,
    },
    /// A detail below its message; `loud` shows it in the channel too.
    Reply {
        parent: String,
        loud: bool,
    },
    Pin {
        remote: String,
    },
    Unpin {
        remote: String,
    },
    /// The topic of the channel.
    Topic,
}

/// One thing to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The same for ever: the receiver's key against repeats, and what a message is looked up by.
    pub key: String,
    /// As the destination calls it; empty where it has none.
    pub channel: String,
    pub act: Act,
    pub view: NoticeView,
    /// From a template, escaped for this destination.
    pub text: String,
    /// Grows with each sending of the same item.
    pub version: u32,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendOutcome {
    /// It was told; `remote` is what the destination calls it, where it says so.
    Done { remote: Option<String> },
    /// The destination wants a pause. It did nothing, and this counts as no try.
    Later { after: Duration },
    /// It was not told. Without `retry`, trying again is of no use until somebody does what `why` says.
    Failed { retry: bool, why: String },
    /// Whether it was told is not known. It is looked up before it is sent again, where the destination can do that.
    Unknown { why: String },
    /// The message that is to be changed is gone. It is told as a new one.
    Gone { why: String },
}

/// Whether something was told before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LookedUp {
    Found {
        remote: String,
    },
    Absent,
    Later {
        after: Duration,
    },
    /// That cannot be told now.
    Failed {
        retry: bool,
        why: String,
    },
}

/// What `doctor` finds of a destination: each with what is wrong, if anything is.
pub type DestinationCheck = (String, Option<String>);

/// A destination that can be spoken to.
#[derive(Debug)]
pub enum Destination {
    Slack(Slack),
}

impl Destination {
    /// What a kind can do.
    #[must_use]
    pub fn abilities_of(kind: DestinationKind) -> Abilities {
        match kind {
            DestinationKind::Slack => Slack::ABILITIES,
            // Until they can be spoken to, nothing is made for them.
            _ => Abilities {
                edit: false,
                thread: false,
                pin: false,
                topic: false,
                look_up: false,
                pace: Duration::from_secs(1),
            },
        }
    }

    #[must_use]
    pub fn abilities(&self) -> Abilities {
        match self {
            Self::Slack(_) => Slack::ABILITIES,
        }
    }

    /// Sends one thing. It never takes much longer than [`ANSWER`].
    pub async fn send(&self, delivery: &Delivery) -> SendOutcome {
        match self {
            Self::Slack(slack) => slack.send(delivery).await,
        }
    }

    /// Looks for what may have been sent before. Only asked of one that can do it.
    pub async fn look_up(&self, delivery: &Delivery) -> LookedUp {
        match self {
            Self::Slack(slack) => slack.look_up(delivery).await,
        }
    }

    /// Looks whether it can be used, without telling anybody anything.
    pub async fn check(&self) -> Vec<DestinationCheck> {
        match self {
            Self::Slack(slack) => slack.check().await,
        }
    }
}

//! Slack, by the token of a bot.

use std::time::Duration;

use super::destination::{Abilities, Delivery, DestinationCheck, LookedUp, SendOutcome};

/// A workspace.
#[derive(Debug)]
pub struct Slack {}

impl Slack {
    pub const ABILITIES: Abilities = Abilities {
        edit: true,
        thread: true,
        pin: true,
        topic: true,
        look_up: true,
        pace: Duration::from_millis(1_100),
    };

    pub async fn send(&self, _delivery: &Delivery) -> SendOutcome {
        todo!()
    }

    pub async fn look_up(&self, _delivery: &Delivery) -> LookedUp {
        todo!()
    }

    pub async fn check(&self) -> Vec<DestinationCheck> {
        todo!()
    }
}

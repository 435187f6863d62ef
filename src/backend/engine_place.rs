//! Which engine a connection leads to, as a person names it in a command line or a sentence.

use chrono::{DateTime, Utc};

use crate::domain::by_hand::ByHand;

/// The engine of this machine, or the server of a profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnginePlace {
    /// The profile of the server; absent for the engine of this machine.
    pub profile: Option<String>,
    /// The address of the server, or the data folder of the engine.
    pub address: String,
    pub demo: bool,
}

impl EnginePlace {
    /// The options that lead a command there: ` --profile prod`, ` --demo`, or nothing.
    #[must_use]
    pub fn options(&self) -> String {
        match &self.profile {
            Some(name) => format!(" --profile {name}"),
            None if self.demo => " --demo".to_owned(),
            None => String::new(),
        }
    }

    /// `the server prod`, or `this machine`.
    #[must_use]
    pub fn named(&self) -> String {
        self.profile
            .as_ref()
            .map_or_else(|| "this machine".to_owned(), |name| format!("the server {name}"))
    }

    /// A rollback by hand as one text, as it was known `at` this time. It is a script for `sh`.
    #[must_use]
    pub fn by_hand(&self, by_hand: &ByHand, at: DateTime<Utc>) -> Vec<String> {
        let machine = match &self.profile {
            Some(name) => format!("the machine of the server {name} ({})", self.address),
            None => "this machine".to_owned(),
        };
        let (sha, service, options) = (by_hand.sha.short(), &by_hand.service, self.options());
        // As after any rollback, the bad build must not come back unseen.
        let afterwards = [format!("adopt {sha}"), "hold".to_owned()].map(|command| {
            format!(
                "trunkline {command} --reason \"rolled back by hand\" --service {service}{options}"
            )
        });
        by_hand.text(at, &machine, &afterwards)
    }
}

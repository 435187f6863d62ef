//! Commands for all services that were sent together, until the last of them is answered.

use crate::console::model::notes::Tone;
use crate::console::model::ticket::Ticket;
use crate::domain::ids::ServiceName;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StopAll {
    /// What production of a service is when it is done: `on hold`.
    pub done: &'static str,
    pub all: usize,
    pub waits: Vec<Ticket>,
    pub failed: Vec<ServiceName>,
}

impl StopAll {
    /// `production of 4 services is on hold`, or which are not.
    #[must_use]
    pub fn in_words(&self) -> (String, Tone) {
        let Self { done, all, failed, .. } = self;
        let good = all - failed.len();
        let s = if good == 1 { "" } else { "s" };
        let text = format!("production of {good} service{s} is {done}");
        if failed.is_empty() {
            return (text, Tone::Good);
        }
        let names: Vec<_> = failed.iter().map(ServiceName::as_str).collect();
        (format!("{text}; NOT {}: see the messages", names.join(", ")), Tone::Bad)
    }
}

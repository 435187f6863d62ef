//! What befalls requests to the GitHub of tests.

use chrono::{DateTime, Utc};

/// What befalls dispatches.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum DispatchFault {
    #[default]
    Pass,
    /// Done, and answered with 502.
    BadGateway,
    /// Not done, and answered with 503 and a time to come again, as before acceptance.
    Unavailable,
    /// Done, and the number of the run is not told.
    NoDetails,
    /// Not done: the token lacks a permission.
    Forbidden,
    /// Not done, once: there were too many requests.
    LimitedOnce,
    /// The same, told by the number of requests that are left.
    SpentOnce,
}

/// What befalls the text of a job.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum LogFault {
    #[default]
    Pass,
    /// Once it breaks off after so many bytes.
    CutOnce(usize),
    /// It is sent on to this address instead.
    Elsewhere(String),
}

/// What befalls the next requests of a method whose paths have a part.
#[derive(Debug, Clone)]
pub(super) struct PlannedFault {
    pub method: String,
    pub part: String,
    pub times: u32,
    pub kind: FaultKind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum FaultKind {
    /// Nothing is done, and this is answered.
    Refused(u16),
    /// It is done, and this is answered.
    Lost(u16),
    /// It is sent on to another host, which wants no token.
    SentOn,
    /// It waits until it is let go.
    Held,
}

/// A limit that lasts until then.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limited {
    pub until: DateTime<Utc>,
}

//! The watch of an environment after a deployment: what is looked at, what is bad, what is recorded and what is said of it.

mod auto;
mod before;
mod check;
mod fact;
mod rule;
mod sentence;
mod state;
mod word;

pub use self::auto::{AutoDecision, AutoRollback, DecidedWatch, MadeRollback};
pub use self::before::{BeforeDeploy, judge};
pub use self::check::{
    DEFAULT_EVERY, DEFAULT_FOR, DEFAULT_TIMEOUT, EnvironmentWatch, HttpProbe, PrometheusProbe,
    ServiceWatches, Threshold, ValueBound, WatchCheck, WatchProbe,
};
pub use self::fact::{
    CheckSummary, SampleVerdict, WatchBegan, WatchEnd, WatchEnded, WatchSampled, WatchSeen,
    WatchTurned,
};
pub use self::rule::{WatchRule, WatchSample};
pub use self::state::{CheckBar, CheckState, EndedWatch, SeenWatch, WatchState, Watches};
pub use self::word::{
    LiveEvidence, WatchTone, evidence, evidence_of, evidence_short, tone, watch_evidence,
    watch_in_words,
};

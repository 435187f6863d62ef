//! The embedded engine: decides, records, then acts.

pub mod clock;
pub mod run;
pub mod supervisor;

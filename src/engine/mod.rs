//! The embedded engine: decides, records, then acts.

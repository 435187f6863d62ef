//! The audit log on the real binary and a real database: what was tampered with is named, what is exported is read back.

#[path = "../support/corpus.rs"]
mod corpus;
#[path = "../support/home.rs"]
mod home;
#[path = "../support/pty.rs"]
mod pty;

mod chain;
mod export;

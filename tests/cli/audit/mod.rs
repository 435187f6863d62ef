//! The audit log on the real binary and a real database: what was tampered with is named, what is exported is read back,
//! and what somebody was refused is there with the sentence that they saw.

mod chain;
mod export;
mod refusals;

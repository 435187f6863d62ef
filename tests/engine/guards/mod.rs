//! What the guards know that an engineer at 3 a.m. does not: bad commits, phases of a schema change, the way back.
//!
//! The random facts in more numbers: `TRUNKLINE_FACTS=100000 cargo test --test engine guards`.

mod floors;
mod found;
mod phases;
mod quarantine;
mod random;
mod verdict;

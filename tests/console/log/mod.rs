//! Logs of any length: searching them, following them, and how little of that reaches the terminal.
//!
//! `TRUNKLINE_SEED` repeats a random test with the seed that its failure names; `TRUNKLINE_LINES` is how many lines the
//! long logs have (100,000 unless said), `TRUNKLINE_SEARCHES` how many random searches are made (1,000 unless said).
//! At full size: `TRUNKLINE_LINES=1000000 TRUNKLINE_SEARCHES=200000 cargo test --release --test console log::`.

mod follow;
mod search;

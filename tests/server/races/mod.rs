//! Many people at once, lost answers and killed consoles: one winner, one effect, and everybody told the truth.
//!
//! `TRUNKLINE_ROUNDS=200 TRUNKLINE_KEYS=1000 cargo test --test server races` is the full size; `TRUNKLINE_SEED` repeats a run.

mod crowd;
mod history;
mod killed;
mod lost_answers;
mod pairs;
mod same_plan;

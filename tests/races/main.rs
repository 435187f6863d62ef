//! Many people at once, lost answers and killed consoles: one winner, one effect, and everybody told the truth.
//!
//! `TRUNKLINE_ROUNDS=200 TRUNKLINE_KEYS=1000 cargo test --test races` is the full size; `TRUNKLINE_SEED` repeats a run.

mod crowd;
mod history;
mod killed;
mod lost_answers;
mod pairs;
mod same_plan;

#[path = "../support/dice.rs"]
mod dice;
#[path = "../support/proxy.rs"]
mod proxy;
#[path = "../serving/mod.rs"]
mod serving;
#[path = "../support/mod.rs"]
mod support;

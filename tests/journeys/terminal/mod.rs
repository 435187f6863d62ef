//! The terminal in trouble: every way out, floods of keys, stops, lost windows and odd environments.
//!
//! `cargo test --test journeys terminal` runs the small size. The full one:
//! `TRUNKLINE_EXITS=2500 TRUNKLINE_FLOODS=20000 TRUNKLINE_TERMINAL_FLOODS=1000 TRUNKLINE_KEYS=100000 TRUNKLINE_SIZES=5000
//! cargo test --test journeys terminal`.
//! A failure names its seed; `TRUNKLINE_SEED=… cargo test --test journeys terminal` walks the same way again.

mod exits;
mod flood;
mod floods;
mod gone;
mod jobs;
mod lost_engine;
mod modes;
mod plain;
mod process;
mod sizes;
mod stage;

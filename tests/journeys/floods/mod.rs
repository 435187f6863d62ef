//! Floods: more than anybody asked for, from steps, from the record, and from the other end of the connection; a
//! clock that jumps, and surroundings that are broken.
//!
//! The full size of what steps print, on the real program: `TRUNKLINE_FLOOD_BYTES=1073741824 cargo test --release
//! --test journeys floods::output`.

mod answers;
mod clocks;
mod history;
mod memory;
mod output;
mod snapshots;
mod surroundings;
mod unruly;

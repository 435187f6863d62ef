//! What the benchmarks share: a watched service, a screen that is timed, times in a table, and a floor to compare with.

pub mod floor;
pub mod samples;
pub mod screen;
pub mod shop;

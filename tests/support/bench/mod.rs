//! What the benchmarks share: a watched service, a screen that is timed, times in a table, and a floor to compare with, and what
//! a process has used up.

pub mod floor;
pub mod samples;
pub mod screen;
pub mod shop;
pub mod spent;

//! The log pane: a bounded window onto one step's log, as state, update and view, without a clock or any reading.

mod columns;
mod line;
mod long_line;
mod pane;
mod scroll;
mod search;
mod view;
mod window;

pub use columns::TimeColumn;
pub use long_line::LongLine;
pub use pane::{LogCommand, LogPane, SelectedLines, Want};
pub use view::view;
pub use window::Limits;

//! The log pane: a bounded window onto one step's log, as state, update and view, without a clock or any reading.

mod columns;
mod command;
mod line;
mod long_line;
mod pane;
mod scroll;
mod search;
mod view;
mod window;

pub use columns::TimeColumn;
pub use command::LogCommand;
pub use long_line::LongLine;
pub use pane::{LogPane, SelectedLines, Want};
pub use view::view;
pub use window::Limits;

//! What panes, dialogs and overlays are put together from.

pub mod clock;
pub mod fact;
pub mod failure;
pub mod findings;
pub mod frame;
pub mod here;
pub mod incidents;
pub mod lines;
pub mod measures;
pub mod on_call;
pub mod pace;
pub mod problems;
pub mod progress;
pub mod requests;
pub mod row;
pub mod text_input;
pub mod verdict;
pub mod watch;

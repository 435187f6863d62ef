//! The overlays apart from the dialogs: changes, help and messages.

pub mod by_hand;
pub mod changed;
pub mod changes;
pub mod checklist;
pub mod command_lines;
pub mod engines;
pub mod help;
pub mod line;
pub mod messages;
pub mod migrations;
pub mod palette;
pub mod row_menu;

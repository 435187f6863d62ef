//! The overlays apart from the dialogs: changes, help and messages.

pub mod changes;
pub mod help;
pub mod line;
pub mod messages;
pub mod migrations;

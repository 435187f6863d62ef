//! The terminal: entering and leaving it safely, its keys, and drawing with few bytes.

pub mod attention;
pub mod capabilities;
pub mod clipboard;
pub mod colour;
pub mod guard;
pub mod hidden_line;
pub mod input;
pub mod painter;
pub mod signals;

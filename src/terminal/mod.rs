//! The terminal: entering and leaving it safely, its keys, drawing with few bytes, and the one gate for untrusted text.

pub mod attention;
pub mod capabilities;
pub mod clipboard;
pub mod colour;
pub mod columns;
pub mod gate;
pub mod guard;
pub mod input;
pub mod painter;
pub mod signals;

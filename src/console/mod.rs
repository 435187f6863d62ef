//! The full-screen console.

pub mod log;
pub mod theme;

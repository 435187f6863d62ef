//! The full-screen console.

pub mod log;

//! What several test programs stand on.

pub mod engine;
pub mod pty;
pub mod repository;

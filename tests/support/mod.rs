//! What several test programs stand on.

pub mod corpus;
pub mod engine;
pub mod home;
pub mod pty;
pub mod repository;

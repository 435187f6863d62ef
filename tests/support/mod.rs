//! What several test programs stand on.

pub mod clock;
pub mod corpus;
pub mod engine;
pub mod home;
pub mod pty;
pub mod repository;
pub mod shop;

//! The engine over real git, real processes and a real disk.

mod adopt;
mod checkouts;
mod compatibility;
mod deploys;
mod git;
mod guards;
mod moved;
mod offers;
mod paths;
mod recipes;
mod retry;
mod store;
mod tokens;
mod trouble;
mod trunk;
mod variables;

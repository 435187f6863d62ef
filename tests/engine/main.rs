//! The engine over real git, real processes and a real disk.

mod adopt;
mod by_hand;
mod checkouts;
mod compatibility;
mod contract;
mod deploys;
mod git;
mod github;
mod github_document;
mod guards;
mod http_jobs;
mod moved;
mod offers;
mod paths;
mod recipes;
mod remote;
mod restored;
mod retention;
mod retry;
mod store;
mod tokens;
mod trouble;
mod trunk;
mod variables;

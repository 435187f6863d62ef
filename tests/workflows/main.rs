//! Workflows read: what is proposed for many shapes of repositories, what a plan says of the workflow that it starts, and
//! that no file makes it panic.

mod cases;
mod hostile;
mod preflight;

//! The server, its document and its clients; every backend by one contract.

#[macro_use]
mod contract;
mod backends;
mod described;
mod http;
mod network;
mod openapi;
mod races;

//! The server, its document and its clients; every backend by one contract.

#[macro_use]
mod contract;
mod backends;
mod described;
mod http;
mod http2;
mod late_port;
mod monitoring;
mod network;
mod openapi;
mod page;
mod presence;
mod races;
mod run_webhooks;
mod sessions;
mod sign_in;
mod stalled;
mod webhooks;

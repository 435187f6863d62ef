//! The terminal: entering and leaving it safely, what it can do, and the one gate for untrusted text.

//! The durable record: hash-chained events in `SQLite`.

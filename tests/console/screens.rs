//! How it looks, as text.

//! The log pane: what it holds of a log, how it moves through it, and how it looks.

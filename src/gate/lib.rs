//! The gate: all untrusted text passes it before it is drawn or printed. There is one policy for fields, one for logs.
//!
//! [`fn@field`] is for a name or another value in one row: everything that is not visible text becomes a visible escape.
//! [`LogGate`] is for streamed output: colours become styles, cosmetic sequences are removed and counted, everything
//! else becomes a visible escape. The output has no byte that a terminal acts on.
//!
//! The log policy does not use `vte`. A terminal parser discards unknown sequences, has other limits and interprets C1.
//! The gate shows exactly what it refused, byte for byte where that is not UTF-8, and ends a sequence at a fixed size and
//! at the row's end, so that a sequence hides no text.

mod classes;
pub mod columns;
mod escape;
mod field;
mod log;
pub mod palette;
mod quick;
mod row;
mod sequence;
mod sgr;
mod utf8;

pub use classes::is_hidden;
pub use field::{Safe, field, line, sentence};
pub use log::{LogGate, log_rows};
pub use quick::quick_text;
pub use row::{Ink, LogRow, Span};

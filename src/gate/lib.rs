//! The gate makes untrusted text safe to draw or print. It has one policy for fields and one for logs.
//!
//! [`fn@field`] is for a name or another value in one row: everything that is not visible text becomes a visible escape.
//! [`LogGate`] is for streamed output: colours become styles, cosmetic sequences are removed and counted, everything
//! else becomes a visible escape. The output has no byte that a terminal acts on.
//!
//! The log policy does not use `vte`: a terminal parser discards unknown sequences, has other limits and interprets C1.
//! The gate shows what it refuses, byte by byte if that is not UTF-8. It ends a sequence at a fixed size and at the end
//! of the row, so that a sequence cannot hide text.

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

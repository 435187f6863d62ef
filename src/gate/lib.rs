//! The one gate through which untrusted text reaches the screen, with one policy for fields and one for logs.
//!
//! [`fn@field`] is for a value that names something or sits in one row of ours: everything that is not visible text is
//! made visible. [`LogGate`] is for streamed output: colour survives as a style of ours, cosmetic sequences vanish and
//! are counted, all else is made visible. No byte of either policy's input that a terminal would act on comes out.
//!
//! The log policy is a state machine of our own and not built on `vte`: a parser for terminals discards what it does not
//! know, limits sequences elsewhere and interprets C1, while we must show exactly the units that were refused,
//! byte for byte where they are no UTF-8, and end a sequence at a size and at a row end so that it swallows nothing.

mod classes;
pub mod columns;
mod escape;
mod field;
mod log;
pub mod palette;
mod row;
mod sequence;
mod sgr;
mod utf8;

pub use classes::is_hidden;
pub use field::{Safe, field, line, sentence};
pub use log::{LogGate, log_rows};
pub use row::{Ink, Row, Span};

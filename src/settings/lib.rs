//! Reads settings in TOML: typed values out, every mistake with its line, column and key.

pub mod duration;
pub mod mistake;
pub mod name;
pub mod reader;
pub mod words;

pub use self::mistake::{InvalidSettings, Mistake, Mistakes};
pub use self::reader::{Located, Section, Setting, text, tree};
pub use self::words::{did_you_mean, list};

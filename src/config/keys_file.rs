//! Where the keys of a person are written. The console knows what stands there.

use std::path::Path;

use super::error::ConfigError;
use super::user_file;

/// Its name, beside the user file.
pub const NAME: &str = "keys.toml";

/// Its text; empty where there is none.
///
/// # Errors
/// If it cannot be read.
pub fn read(path: &Path) -> Result<String, ConfigError> {
    user_file::read(path)
}

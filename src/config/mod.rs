//! Settings: the service file, the user file and the folders of a user.

mod branch;
pub mod engines;
mod error;
pub mod freezes;
pub mod issues;
pub mod keys_file;
mod live_hosts;
pub mod notify;
pub mod operator_files;
pub mod places;
pub mod profile;
pub mod proposed;
pub mod retention;
pub mod sample;
pub mod secret_sources;
pub mod server_file;
pub mod service_file;
pub mod user_file;
mod webhooks;

pub use self::error::ConfigError;
pub use self::places::Places;
pub use self::service_file::ServiceFile;
pub use self::user_file::{UserFile, Watched};

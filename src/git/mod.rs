//! Wraps the git program: the mirror of a repository, ranges with authors, clean checkouts.

mod branch_state;
mod changed;
mod checkout;
mod clone;
mod entry;
mod error;
mod identity;
mod lfs;
mod locks;
mod mirror;
mod names;
mod origin;
mod paths;
mod process;
mod range;
mod reverts;
mod source;
mod submodules;
pub mod tree;
mod uses;
mod working;

pub use self::branch_state::BranchState;
pub use self::changed::{BoundedList, ChangedFile, FileText};
pub use self::checkout::{is_unfinished, unfinished};
pub use self::clone::{LocalClone, default_branch_of};
pub use self::entry::FileEntry;
pub use self::error::GitError;
pub use self::identity::local_identity;
pub use self::mirror::{Mirror, folder_name};
pub use self::names::CommitMatch;
pub use self::paths::Paths;
pub use self::process::REDIRECTING;
pub use self::range::MOST_FILES;
pub use self::source::display_url;
pub use self::uses::Users;
pub use self::working::Working;

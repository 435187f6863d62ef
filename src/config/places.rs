//! The folders and files of a user: settings, data, and the engine's socket, log and lock.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::error::ConfigError;

/// The longest socket path, in bytes. Systems allow 104 or 108 with the final NUL.
const LONGEST_SOCKET: usize = 100;

/// The permission bits of the group and of others.
const OTHERS: u32 = 0o077;

/// The folders of one user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// The folder of the settings.
    pub config: PathBuf,
    /// The folder of the engine's data.
    pub data: PathBuf,
    /// `XDG_RUNTIME_DIR`, for the socket if its path below `data` is too long.
    pub runtime: Option<PathBuf>,
}

impl Places {
    /// Reads `TRUNKLINE_CONFIG_DIR` and `TRUNKLINE_DATA_DIR`; the defaults are the usual folders of the system.
    ///
    /// # Errors
    /// If one is not set and there is no home folder.
    pub fn discover() -> Result<Self, ConfigError> {
        Self::from_env(|name| std::env::var_os(name))
    }

    /// Like [`Self::discover`], with the given environment.
    ///
    /// # Errors
    /// If one is not set and there is no home folder.
    pub fn from_env(lookup: impl Fn(&str) -> Option<OsString>) -> Result<Self, ConfigError> {
        let named = |name| {
            let value = lookup(name).filter(|value| !value.is_empty())?;
            std::path::absolute(value).ok()
        };
        let own = directories::ProjectDirs::from("", "", "trunkline");
        let config = named("TRUNKLINE_CONFIG_DIR")
            .or_else(|| Some(own.as_ref()?.config_dir().to_owned()))
            .ok_or(ConfigError::NoHome)?;
        let data = named("TRUNKLINE_DATA_DIR")
            .or_else(|| Some(own.as_ref()?.data_local_dir().to_owned()))
            .ok_or(ConfigError::NoHome)?;
        Ok(Self { config, data, runtime: named("XDG_RUNTIME_DIR") })
    }

    #[must_use]
    pub fn user_file(&self) -> PathBuf {
        self.config.join("config.toml")
    }

    /// The keys of the console, where a person wrote their own.
    #[must_use]
    pub fn keys_file(&self) -> PathBuf {
        self.config.join(super::keys_file::NAME)
    }

    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.data.join("trunkline.db")
    }

    #[must_use]
    pub fn engine_log(&self) -> PathBuf {
        self.data.join("engine.log")
    }

    /// The folder of the commands that wait for an answer.
    #[must_use]
    pub fn intents(&self) -> PathBuf {
        self.data.join("intents")
    }

    /// The folder of what was seen last of the engine.
    #[must_use]
    pub fn last_states(&self) -> PathBuf {
        self.data.join("last")
    }

    /// The folder of what is kept for a profile: its token, and the commands that wait for an answer. It is of one address:
    /// another server never gets the token of this one, nor is asked what became of this one's commands.
    #[must_use]
    pub fn profile(&self, name: &str, url: &str) -> PathBuf {
        self.data.join("profiles").join(name).join(short(url.as_bytes()))
    }

    /// The engine holds this lock while it runs.
    #[must_use]
    pub fn lock(&self) -> PathBuf {
        self.data.join("engine.lock")
    }

    /// The engine's socket: below the data folder, or at a short path made from it if that is too long.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        let (folder, file) = self.socket_parts();
        folder.join(file)
    }

    fn socket_parts(&self) -> (PathBuf, String) {
        let usual = (self.data.join("run"), "engine.sock".to_owned());
        if fits(&usual) {
            return usual;
        }
        let file = format!("{}.sock", short(self.data.as_os_str().as_bytes()));
        let user = rustix::process::getuid().as_raw();
        let runtime = self.runtime.as_ref().map(|folder| (folder.join("trunkline"), file.clone()));
        runtime
            .filter(fits)
            .unwrap_or_else(|| (PathBuf::from(format!("/tmp/trunkline-{user}")), file))
    }

    /// Creates the missing folders, private to the user.
    ///
    /// # Errors
    /// If a folder cannot be created, or the socket's folder is not private to the user.
    pub fn create(&self) -> Result<(), ConfigError> {
        let (sockets, _) = self.socket_parts();
        let folders = [
            (&self.config, "TRUNKLINE_CONFIG_DIR"),
            (&self.data, "TRUNKLINE_DATA_DIR"),
            (&sockets, "TRUNKLINE_DATA_DIR"),
        ];
        for (folder, variable) in folders {
            make_private(folder).map_err(|why| match why.kind() {
                io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => {
                    ConfigError::NoFolder { folder: folder.clone(), variable }
                }
                _ => ConfigError::Unwritable { file: folder.clone(), why },
            })?;
        }
        // Settings may belong to root alone, as in /etc or in a container: root can change them anyway.
        let is_right = [is_own(&self.config) || is_of_root(&self.config), is_own(&self.data)];
        for ((folder, variable), is_right) in folders.iter().zip(is_right) {
            if !is_right {
                return Err(ConfigError::NotOwn { folder: (*folder).clone(), variable });
            }
        }
        if is_private(&sockets) {
            return Ok(());
        }
        let folder = sockets;
        Err(ConfigError::NotPrivate { folder, variable: "TRUNKLINE_DATA_DIR" })
    }
}

/// A short name made of a long one.
fn short(name: &[u8]) -> String {
    let digest = Sha256::digest(name);
    let short = digest.iter().take(8).fold(0, |short: u64, byte| short << 8 | u64::from(*byte));
    format!("{short:016x}")
}

fn fits((folder, file): &(PathBuf, String)) -> bool {
    folder.as_os_str().len() + 1 + file.len() <= LONGEST_SOCKET
}

fn make_private(folder: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// True if this user owns the folder, and the link to it if it is one: whoever owns one of them can put other files there.
#[must_use]
pub fn is_own(folder: &Path) -> bool {
    is_of(rustix::process::getuid().as_raw(), folder)
}

/// The same of root, who keeps settings that the user cannot change.
#[must_use]
pub fn is_of_root(folder: &Path) -> bool {
    is_of(0, folder)
}

fn is_of(user: u32, folder: &Path) -> bool {
    let is_of_user = |found: fs::Metadata| found.uid() == user;
    fs::symlink_metadata(folder).is_ok_and(is_of_user) && fs::metadata(folder).is_ok_and(is_of_user)
}

/// True if it is a folder, not a link, that only this user can enter: others can create links and folders in `/tmp`.
fn is_private(folder: &Path) -> bool {
    fs::symlink_metadata(folder).is_ok_and(|found| {
        let user = rustix::process::getuid().as_raw();
        found.is_dir() && found.uid() == user && found.mode() & OTHERS == 0
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn places(config: &Path, data: &Path) -> Places {
        let (config, data) = (config.to_owned(), data.to_owned());
        let lookup = move |name: &str| match name {
            "TRUNKLINE_CONFIG_DIR" => Some(config.clone().into_os_string()),
            "TRUNKLINE_DATA_DIR" => Some(data.clone().into_os_string()),
            "XDG_RUNTIME_DIR" => Some("/run/user/7".into()),
            _ => None,
        };
        Places::from_env(lookup).unwrap()
    }

    #[test]
    fn the_environment_names_the_folders() {
        let places = places(Path::new("/c"), Path::new("/d"));
        assert_eq!(places.user_file(), Path::new("/c/config.toml"));
        assert_eq!(places.socket(), Path::new("/d/run/engine.sock"));
        assert_eq!(places.database(), Path::new("/d/trunkline.db"));
    }

    #[test]
    fn an_empty_variable_counts_as_unset() {
        let all_empty = |_: &str| Some(OsString::new());
        let unset = Places::from_env(|_| None).unwrap();
        assert_eq!(Places::from_env(all_empty).unwrap(), unset);
    }

    #[test]
    fn a_socket_path_always_fits_and_stays_its_own() {
        let long = |last: &str| PathBuf::from(format!("/{}/{last}", "long".repeat(40)));
        let (one, two) = (places(&long("c"), &long("1")), places(&long("c"), &long("2")));
        assert!(one.socket().starts_with("/run/user/7/trunkline"), "{:?}", one.socket());
        assert_ne!(one.socket(), two.socket());
        let without = Places { runtime: Some(long("runtime")), ..one };
        assert!(without.socket().starts_with("/tmp"), "{:?}", without.socket());
        assert!(without.socket().as_os_str().len() <= LONGEST_SOCKET);
    }

    #[test]
    fn folders_are_created_private_to_their_owner() {
        let folder = tempfile::tempdir().unwrap();
        let places = places(&folder.path().join("c/d"), &folder.path().join("data"));
        places.create().unwrap();
        places.create().unwrap();
        for made in ["c/d", "data", "data/run"] {
            let mode = fs::metadata(folder.path().join(made)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o700, "{made}");
        }
    }

    #[test]
    fn a_folder_of_another_user_is_refused_also_behind_a_link() {
        // Another user's folder: of root for most, of somebody else for root.
        let folder = tempfile::tempdir().unwrap();
        let other = if rustix::process::getuid().is_root() {
            let other = folder.path().join("other");
            fs::create_dir(&other).unwrap();
            std::os::unix::fs::chown(&other, Some(1), Some(1)).unwrap();
            other
        } else {
            PathBuf::from("/usr")
        };
        assert!(!is_own(&other) && is_own(folder.path()));
        let (theirs, own) = (folder.path().join("theirs"), folder.path().join("own"));
        std::os::unix::fs::symlink(&other, &theirs).unwrap();
        std::os::unix::fs::symlink(folder.path(), &own).unwrap();
        assert!(!is_own(&theirs) && is_own(&own));
        if rustix::process::getuid().is_root() {
            let refused = places(&folder.path().join("c"), &theirs).create().unwrap_err();
            assert!(refused.to_string().contains("another user"), "{refused}");
        }
    }

    #[test]
    fn a_socket_folder_open_to_others_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let places = places(&folder.path().join("c"), folder.path());
        let run = folder.path().join("run");
        fs::create_dir(&run).unwrap();
        fs::set_permissions(&run, fs::Permissions::from_mode(0o755)).unwrap();
        let refused = places.create().unwrap_err();
        assert!(matches!(refused, ConfigError::NotPrivate { .. }), "{refused}");
    }
}

//! The secret key of the digests in the record. It is beside the record and not in it, so that a copy of the record tells
//! nothing about a value.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use sha2::{Digest as _, Sha256};

/// How many bytes of a digest are kept.
const KEPT: usize = 8;

pub struct DigestKey([u8; 32]);

impl DigestKey {
    /// Reads the key, or makes one.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn open(path: &Path) -> io::Result<Self> {
        match fs::read(path) {
            Ok(bytes) => bytes.try_into().map(Self).map_err(|_| ErrorKind::InvalidData.into()),
            Err(error) if error.kind() == ErrorKind::NotFound => Self::make(path),
            Err(error) => Err(error),
        }
    }

    fn make(path: &Path) -> io::Result<Self> {
        let random = [uuid::Uuid::new_v4(), uuid::Uuid::new_v4(), uuid::Uuid::new_v4()];
        let mut digest = Sha256::new();
        random.iter().for_each(|id| digest.update(id.as_bytes()));
        let key: [u8; 32] = digest.finalize().into();
        let beside = path.with_extension("key.new");
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
        file.write_all(&key)?;
        file.sync_all()?;
        fs::rename(&beside, path)?;
        Ok(Self(key))
    }

    /// Tells this key from others.
    pub fn id(&self) -> String {
        self.digest("", "")
    }

    /// The digest of a variable's value.
    pub fn digest(&self, name: &str, value: &str) -> String {
        let mut digest = Sha256::new();
        digest.update(self.0);
        digest.update((name.len() as u64).to_be_bytes());
        digest.update(name);
        digest.update(value);
        let digest = digest.finalize();
        digest.iter().take(KEPT).map(|byte| format!("{byte:02x}")).collect()
    }
}

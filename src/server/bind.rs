//! Binds the socket so that only its owner can reach it, and never takes it from a server that lives.

use std::fs::{DirBuilder, Permissions, set_permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::Path;

use tokio::net::UnixListener;

/// The mode bit of folders like `/tmp`, in which everyone may make files.
const STICKY: u32 = 0o1000;

/// Listens at `path`: its folder is made with mode 0700, the socket has mode 0600, and a socket without a
/// listener is replaced.
///
/// # Errors
/// `AddrInUse` when somebody answers there, `AlreadyExists` when something else than a socket is there,
/// `PermissionDenied` when the folder is not ours alone, and the errors of the
/// file system.
pub fn bind(path: &Path) -> io::Result<UnixListener> {
    if let Some(folder) = path.parent() {
        private_folder(folder)?;
    }
    remove_stale(path)?;
    let listener = UnixListener::bind(path)?;
    set_permissions(path, Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// The folder's own mode keeps everyone else out before the socket's mode is set. One that others share, or that
/// somebody else made where we were about to, is left as it is and not used.
fn private_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let about = folder.metadata()?;
    let is_shared = about.mode() & STICKY != 0;
    if is_shared || about.uid() != rustix::process::geteuid().as_raw() {
        let sentence =
            format!("\"{}\" belongs to others too; choose a folder of your own", folder.display());
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, sentence));
    }
    set_permissions(folder, Permissions::from_mode(0o700))
}

fn remove_stale(path: &Path) -> io::Result<()> {
    let about = match path.symlink_metadata() {
        Ok(about) => about,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !about.file_type().is_socket() {
        let sentence = format!("\"{}\" is not a socket; move it away", path.display());
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, sentence));
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            std::fs::remove_file(path)
        }
        _ => {
            let sentence =
                format!("another engine answers at \"{}\"; stop that one first", path.display());
            Err(io::Error::new(io::ErrorKind::AddrInUse, sentence))
        }
    }
}

//! Binds the socket so that only its owner, or a group, can reach it. It never replaces the socket of a running server.

use std::fs::{DirBuilder, Permissions, set_permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt, chown};
use std::os::unix::net::UnixStream;
use std::path::Path;

use tokio::net::UnixListener;

/// The mode bit of folders like `/tmp`, in which everyone may create files.
const STICKY: u32 = 0o1000;

/// Listens at `path`. Its folder gets mode 0700 and the socket mode 0600. A socket without a listener is replaced.
///
/// # Errors
/// `AddrInUse` if a server answers there, `AlreadyExists` if `path` is not a socket, `PermissionDenied` if the folder is
/// shared or belongs to another user, and the errors of the file system.
pub fn bind(path: &Path) -> io::Result<UnixListener> {
    if let Some(folder) = path.parent() {
        own_folder(folder)?;
        set_permissions(folder, Permissions::from_mode(0o700))?;
    }
    remove_stale(path)?;
    let listener = UnixListener::bind(path)?;
    set_permissions(path, Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Listens at `path` for the members of a group. Its folder gets mode 0750 and the socket mode 0660, both of the group.
///
/// # Errors
/// As [`bind`], and if this user may not give files to the group.
pub fn bind_for_group(path: &Path, group: u32) -> io::Result<UnixListener> {
    let open = |path: &Path, mode| {
        let given = chown(path, None, Some(group));
        given.and_then(|()| set_permissions(path, Permissions::from_mode(mode)))
    };
    if let Some(folder) = path.parent() {
        own_folder(folder)?;
        open(folder, 0o750)?;
    }
    remove_stale(path)?;
    let listener = UnixListener::bind(path)?;
    open(path, 0o660)?;
    Ok(listener)
}

/// The folder's mode keeps other users out before the socket's mode is set. A shared folder, or one of another user, is
/// not changed and not used.
fn own_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let about = folder.metadata()?;
    let is_shared = about.mode() & STICKY != 0;
    if is_shared || about.uid() != rustix::process::geteuid().as_raw() {
        let sentence = format!(
            "\"{}\" is shared or belongs to another user; choose a folder of your own",
            folder.display()
        );
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, sentence));
    }
    Ok(())
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

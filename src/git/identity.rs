//! Reads the name and email of the local user from the git configuration.

use std::path::Path;
use std::sync::mpsc;
use std::thread;

use super::process::{LOCAL, command};
use crate::domain::people::Identity;

/// The name and email of commits by this user, in a repository or in general; `None` if git has no email configured.
#[must_use]
pub fn local_identity(repository: Option<&Path>) -> Option<Identity> {
    let folder = repository.unwrap_or(Path::new("/"));
    let setting = |key| {
        let mut git = command();
        git.current_dir(folder).args(["config", "--includes", "--get", key]);
        let (sender, receiver) = mpsc::sync_channel(1);
        thread::spawn(move || sender.send(git.output().ok()));
        let output = receiver.recv_timeout(LOCAL).ok()??;
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        (output.status.success() && !text.is_empty()).then_some(text)
    };
    let email = setting("user.email")?;
    let name = setting("user.name").unwrap_or_else(|| email.clone());
    Some(Identity { name, email })
}

//! The login of this process's user.

use std::process::{Command, Stdio};

/// The login that the engine sees for a connection of this user; `uid-N` for a user without a name.
pub fn own() -> String {
    let output = Command::new("id").arg("-un").stdin(Stdio::null()).output();
    let name = output.ok().filter(|output| output.status.success());
    let name = name.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    name.filter(|name| !name.is_empty())
        .unwrap_or_else(|| format!("uid-{}", rustix::process::geteuid().as_raw()))
}

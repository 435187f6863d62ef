//! Identifies the caller of a unix socket connection by the user id from the kernel, never by the request.

use std::collections::BTreeMap;
use std::io;
use std::process::Stdio;
use std::time::Duration;

use tokio::net::UnixStream;
use tokio::process::Command;
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::domain::caller::{Caller, Via};

/// The longest look-up of a name: it may ask a directory server that does not answer.
const LOOKUP: Duration = Duration::from_secs(5);

/// Whether a peer has access.
pub(super) enum Peer {
    /// It has, as this caller.
    Admitted(Caller),
    /// It has not: its user id is another.
    Stranger(u32),
}

pub(super) async fn of(stream: &UnixStream, logins: &Logins) -> io::Result<Peer> {
    let uid = stream.peer_cred()?.uid();
    if admits(uid, rustix::process::geteuid().as_raw()) {
        Ok(Peer::Admitted(Caller::local(logins.of(uid).await, Via::Socket { uid })))
    } else {
        Ok(Peer::Stranger(uid))
    }
}

/// The owner and root have access: root can read and change everything anyway.
fn admits(uid: u32, own: u32) -> bool {
    uid == own || uid == 0
}

/// Login names by user id. Only those of the owner and root are looked up.
#[derive(Default)]
pub(super) struct Logins(Mutex<BTreeMap<u32, String>>);

impl Logins {
    /// The login of a user, or `uid-N` for one that has none.
    async fn of(&self, uid: u32) -> String {
        let mut known = self.0.lock().await;
        if let Some(login) = known.get(&uid) {
            return login.clone();
        }
        let login = look_up(uid).await.unwrap_or_else(|| format!("uid-{uid}"));
        known.insert(uid, login.clone());
        login
    }
}

async fn look_up(uid: u32) -> Option<String> {
    let mut id = Command::new("id");
    id.args(["-un", &uid.to_string()]).stdin(Stdio::null()).kill_on_drop(true);
    let output = timeout(LOOKUP, id.output()).await.ok()?.ok()?;
    let login = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !login.is_empty()).then_some(login)
}

#[cfg(test)]
mod tests {
    use super::admits;

    #[test]
    fn only_the_owner_and_root_are_let_in() {
        assert!(admits(1000, 1000));
        assert!(admits(0, 1000));
        assert!(!admits(1001, 1000));
        assert!(!admits(1000, 0));
    }
}

//! Identifies the caller of a unix socket connection by the user id from the kernel, never by the request.

use std::collections::BTreeMap;
use std::io;
use std::process::Stdio;
use std::time::Duration;

use tokio::net::UnixStream;
use tokio::process::Command;
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::domain::caller::{AccessRole, Caller, Rights, Via};

/// The longest look-up of a name: it may ask a directory server that does not answer.
const LOOKUP: Duration = Duration::from_secs(5);

/// Whether a peer has access.
pub(super) enum Peer {
    /// It has, as this caller.
    Admitted(Caller),
    /// It has not: its user id is another.
    Stranger(u32),
}

/// `others` is the role of whoever else the file system lets reach the socket.
pub(super) async fn of(
    stream: &UnixStream,
    others: Option<AccessRole>,
    logins: &Logins,
) -> io::Result<Peer> {
    let uid = stream.peer_cred()?.uid();
    let Some(role) = role(uid, rustix::process::geteuid().as_raw(), others) else {
        return Ok(Peer::Stranger(uid));
    };
    let caller = Caller::local(logins.of(uid).await, Via::Socket { uid });
    Ok(Peer::Admitted(Caller { rights: Rights::everywhere(role), ..caller }))
}

/// The owner and root may do everything: root can read and change everything anyway.
fn role(uid: u32, own: u32, others: Option<AccessRole>) -> Option<AccessRole> {
    if uid == own || uid == 0 { Some(AccessRole::Admin) } else { others }
}

/// Login names by user id, of those who have access.
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
    use super::{AccessRole, role};

    #[test]
    fn the_owner_and_root_may_do_everything_and_others_what_their_socket_says() {
        for others in [None, Some(AccessRole::Viewer)] {
            assert_eq!(role(1000, 1000, others), Some(AccessRole::Admin));
            assert_eq!(role(0, 1000, others), Some(AccessRole::Admin));
            assert_eq!(role(1001, 1000, others), others);
            assert_eq!(role(1000, 0, others), others);
        }
    }
}

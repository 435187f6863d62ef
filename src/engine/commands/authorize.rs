//! Whether a caller may send a command. Pure. The service's guards are checked after that.
//!
//! Every accepted caller may read. A service outside of a caller's limit does not exist for it, see
//! [`crate::engine::Handle::admit`].

use crate::domain::caller::{AccessRole, Caller};
use crate::domain::command::{Command, Refusal};
use crate::domain::people::Actor;

/// The least role that may send a command.
const NEEDS: AccessRole = AccessRole::Deployer;

/// Whether the role of a caller lets it send commands.
#[must_use]
pub fn has_role(caller: &Caller) -> bool {
    caller.rights.role >= NEEDS
}

/// # Errors
/// With a refusal that names the missing role. It is recorded like a guard's refusal.
pub fn authorize(caller: &Caller, actor: &Actor, command: &Command) -> Result<(), Refusal> {
    if has_role(caller) {
        return Ok(());
    }
    let has = caller.rights.role;
    let what = command.what(None);
    let sentence = format!(
        "{actor} has the role {has}, which does not allow {what}; ask for the role {NEEDS}"
    );
    Err(Refusal::Policy { sentence, findings: Vec::new() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::caller::Rights;
    use crate::domain::ids::Environment;

    #[test]
    fn a_viewer_is_refused_with_a_sentence_and_a_local_caller_is_not() {
        let hold = Command::Hold { environment: Environment::Production, reason: "late".into() };
        let (local, sam) = (Caller::in_process("sam"), Actor::Person("sam".into()));
        assert_eq!(authorize(&local, &sam, &hold), Ok(()));
        let viewer = Caller { rights: Rights::everywhere(AccessRole::Viewer), ..local };
        let Err(Refusal::Policy { sentence, .. }) = authorize(&viewer, &sam, &hold) else {
            panic!("a viewer may hold production");
        };
        assert_eq!(
            sentence,
            "sam has the role viewer, which does not allow the hold on production; ask for the role deployer"
        );
    }
}

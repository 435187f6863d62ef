//! The digest that tells whether two commands with one idempotency key are the same command.

use crate::domain::caller::Caller;
use crate::domain::command::Command;
use crate::domain::ids::ServiceName;
use crate::store::Hash;

/// The digest that is recorded beside a receipt. It must stay the same in every version.
///
/// # Errors
/// When the command cannot be written as JSON.
pub fn digest(
    service: &ServiceName,
    caller: &Caller,
    command: &Command,
) -> Result<Hash, serde_json::Error> {
    let text = serde_json::to_string(&(service, caller.identity.digest_name(), command))?;
    Ok(Hash::of(&text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::caller::{AccessRole, CallerIdentity, Rights};
    use crate::domain::ids::Environment;

    #[test]
    fn the_same_login_has_the_digest_that_0_1_0_recorded() {
        let hold = Command::Hold { environment: Environment::Production, reason: "late".into() };
        let caller = Caller::in_process("raj");
        let now = digest(&"checkout".parse().unwrap(), &caller, &hold).unwrap();
        assert_eq!(
            now.to_string(),
            "d098067c5ba8f1d80a8a41557b41276eb0fbdfea04dbbf43f5198c068ed18db8"
        );
        let viewer = Caller { rights: Rights::everywhere(AccessRole::Viewer), ..caller };
        let later = digest(&"checkout".parse().unwrap(), &viewer, &hold).unwrap();
        assert_eq!(later, now, "rights change, the command stays the same");
        let identity = CallerIdentity::Person { name: "raj".into(), email: None };
        let person = Caller { identity, ..viewer };
        let other = digest(&"checkout".parse().unwrap(), &person, &hold).unwrap();
        assert_ne!(other, now, "the person of a token is not the login of the same name");
    }
}

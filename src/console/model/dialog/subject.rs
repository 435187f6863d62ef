//! What is confirmed: what its button says, what it asks for, and whether it is still there.

use crate::console::model::dialog::FieldKind;
use crate::domain::command::Action;
use crate::domain::ids::{BuildNumber, DeploymentId, Environment, Seq};
use crate::domain::request::Request;
use crate::domain::snapshot::ServiceSnapshot;

/// What is confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    Plan(Action),
    Verify(BuildNumber),
    Hold(Environment),
    Release(Environment),
    Cancel(DeploymentId),
    Freeze,
    Lift(Seq),
    Withdraw(Seq),
}

impl Subject {
    /// What its button says.
    #[must_use]
    pub fn verb(self) -> &'static str {
        match self {
            Self::Plan(Action::Promote { .. }) => "Promote",
            Self::Plan(Action::Rollback { .. }) => "Roll back",
            Self::Verify(_) => "Verify",
            Self::Hold(_) => "Hold",
            Self::Release(_) => "Release",
            Self::Cancel(_) => "Stop it",
            Self::Freeze => "Freeze",
            Self::Lift(_) => "Lift",
            Self::Withdraw(_) => "Withdraw",
        }
    }

    pub(super) fn fields(self) -> &'static [FieldKind] {
        match self {
            Self::Plan(_) => &[],
            Self::Verify(_) | Self::Withdraw(_) => &[FieldKind::Note],
            Self::Freeze => &[FieldKind::Reason, FieldKind::Until],
            Self::Hold(_) | Self::Release(_) | Self::Cancel(_) | Self::Lift(_) => {
                &[FieldKind::Reason]
            }
        }
    }

    /// Whether there is still something to act on; a plan tells that by itself.
    ///
    /// # Errors
    /// The sentence that says what became of it.
    pub fn is_there(self, snapshot: &ServiceSnapshot) -> Result<(), String> {
        let there = match self {
            Self::Plan(_) | Self::Freeze => true,
            Self::Verify(build) => snapshot.builds.iter().any(|row| row.build.number == build),
            Self::Hold(environment) => !snapshot.holds.contains_key(&environment),
            Self::Release(environment) => snapshot.holds.contains_key(&environment),
            Self::Cancel(id) => {
                snapshot.deployments.iter().any(|d| d.deployment.id == id && d.deployment.is_open())
            }
            Self::Lift(id) => snapshot.freezes.iter().any(|freeze| freeze.id == id),
            Self::Withdraw(id) => {
                let open = |request: &Request| request.id == id && request.is_open(snapshot.at);
                snapshot.requests.iter().any(open)
            }
        };
        if there { Ok(()) } else { Err(self.gone()) }
    }

    fn gone(self) -> String {
        match self {
            Self::Plan(_) | Self::Freeze => "it changed".into(),
            Self::Verify(build) => format!("{build} is not listed any more"),
            Self::Hold(environment) => format!("{environment} was put on hold meanwhile"),
            Self::Release(environment) => {
                format!("the hold on {environment} was released meanwhile")
            }
            Self::Cancel(id) => format!("{id} has ended meanwhile"),
            Self::Lift(_) => "the freeze is over or was lifted meanwhile".into(),
            Self::Withdraw(_) => "the request is not open any more".into(),
        }
    }
}

//! Something that can be picked by its name, in the palette or in the menu of a row.

use crate::console::actions::action::KeyAction;
use crate::domain::ids::{BuildNumber, DeploymentId, ServiceName};

/// Something that can be picked by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// As it is typed: `promote 27`.
    pub name: String,
    /// What it does.
    pub about: String,
    /// What else it is called, as by the command line.
    pub words: &'static str,
    pub pick: Pick,
}

/// What a pick does. It never does more than a key: what acts opens its dialog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pick {
    Act(KeyAction),
    /// Selects the build in Staging, then does what the key does.
    OnBuild(BuildNumber, KeyAction),
    /// Selects the deployment in its list, then does what the key does.
    OnDeployment(DeploymentId, KeyAction),
    Open(ServiceName),
    /// Narrows the list to what this person wrote or did.
    By(String),
    /// Lists what the verb can be done with.
    Begin(&'static str),
    /// Copies a command line, to be run in a shell.
    CopyLine(String),
}

impl Pick {
    /// The action of the table that it is about.
    #[must_use]
    pub fn action(&self) -> Option<&KeyAction> {
        match self {
            Self::Act(action) | Self::OnBuild(_, action) | Self::OnDeployment(_, action) => {
                Some(action)
            }
            Self::Open(_) | Self::By(_) | Self::Begin(_) | Self::CopyLine(_) => None,
        }
    }
}

/// An offer that a text matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundOffer {
    pub offer: Offer,
    /// Which characters of its name match.
    pub in_name: Vec<u32>,
    /// Which characters of what it does match.
    pub in_about: Vec<u32>,
    /// It was run before in this session.
    pub recent: bool,
}

//! GitHub workflow files: text in, what they deploy and what trunkline can do with it out.
//!
//! Pure: it reads no file and asks nobody. Start at [`WorkflowFiles::read`] and [`propose`]; what a plan wants to know of the one
//! workflow that it starts is in [`preflight`].

mod calls;
mod change;
mod class;
mod deploys;
mod expression;
mod facts;
mod files;
mod glob;
mod inputs;
mod lanes;
mod matrix;
mod model;
mod occasion;
pub mod preflight;
mod proposal;
mod push;
mod reach;
mod sentences;
mod verbs;
mod ways;
mod yaml;

pub use self::calls::{CallReadiness, WorkflowCall};
pub use self::change::{ChangedWorkflow, ProposedChange};
pub use self::class::{EnvironmentClass, class_of};
pub use self::facts::{SharedGroup, WorkflowFacts, named_group};
pub use self::files::{MOST_FILES, WORKFLOW_FOLDER, WorkflowFiles};
pub use self::inputs::{InputRole, KEY_INPUT, role};
pub use self::lanes::ObservedLane;
pub use self::model::DeclaredInput;
pub use self::occasion::{TriggerKind, WorkflowPlace};
pub use self::proposal::{Answerability, LaneAnswer, LaneName, LaneQuestion, Proposal, propose};
pub use self::push::NoPushRun;
pub use self::verbs::HandOver;
pub use self::ways::ProductionPattern;
pub use self::yaml::{LARGEST, Unreadable};

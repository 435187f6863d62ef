//! What a deployment brought about, by the word of the targets themselves once it had ended.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::event::{SaidCommit, TargetAnswer, TargetSaid};
use super::ids::BuildNumber;
use super::target::grouped;

/// What the targets said that they run after a deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeploymentEffect {
    pub targets: Vec<TargetSaid>,
}

impl DeploymentEffect {
    /// How many targets say that they run this build.
    #[must_use]
    pub fn reached(&self, build: BuildNumber) -> usize {
        self.targets.iter().filter(|said| said.build() == Some(build)).count()
    }

    /// Whether all targets say that they run this build.
    #[must_use]
    pub fn is_whole(&self, build: BuildNumber) -> bool {
        !self.targets.is_empty() && self.reached(build) == self.targets.len()
    }

    /// `took effect on 3 of 3`, `partly: 2 of 3, h3 runs #3`.
    #[must_use]
    pub fn in_words(&self, build: BuildNumber) -> String {
        let (reached, all) = (self.reached(build), self.targets.len());
        if self.is_whole(build) {
            return format!("took effect on {reached} of {all}");
        }
        let others = self.targets.iter().filter(|said| said.build() != Some(build));
        let others: Vec<_> = others.map(|said| (said.target.as_str(), runs(said))).collect();
        format!("partly: {reached} of {all}, {}", grouped(&others))
    }

    /// The same with what targets say that could not be read before.
    pub(super) fn fill(&mut self, now: &[TargetSaid]) {
        for said in &mut self.targets {
            let is_open = matches!(said.answer, TargetAnswer::Unread(_));
            if let Some(now) = now.iter().find(|now| is_open && now.target == said.target) {
                said.answer.clone_from(&now.answer);
            }
        }
    }
}

/// What it runs instead; `None` if nobody knows.
fn runs(said: &TargetSaid) -> Option<String> {
    match said.says()? {
        SaidCommit::Build { build, .. } => Some(build.to_string()),
        SaidCommit::Unknown(commit) => commit.sha.as_ref().map(|sha| sha.short().to_owned()),
    }
}

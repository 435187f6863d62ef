//! What each target of an environment itself says that it runs.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::live_said::SaidCommit;
use crate::domain::ids::Environment;
use crate::domain::target::TargetName;

/// The answers of the targets of an environment: the first after each deployment, and each that is another than before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TargetsSaid {
    pub environment: Environment,
    /// Who was asked: `h1.example and 2 more`, `the command ./which.sh`.
    pub source: String,
    pub targets: Vec<TargetSaid>,
}

/// The answer of one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TargetSaid {
    pub target: TargetName,
    pub answer: TargetAnswer,
}

/// What a target says that it runs, or why that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TargetAnswer {
    Says(SaidCommit),
    Unread(String),
}

impl TargetSaid {
    /// A target of which nobody knows what it runs.
    #[must_use]
    pub fn unread(target: TargetName, why: &str) -> Self {
        Self { target, answer: TargetAnswer::Unread(why.to_owned()) }
    }

    /// The build that it says it runs, if it says one.
    #[must_use]
    pub fn build(&self) -> Option<super::BuildNumber> {
        self.says().and_then(SaidCommit::build)
    }

    /// What it says, if it could be read.
    #[must_use]
    pub fn says(&self) -> Option<&SaidCommit> {
        match &self.answer {
            TargetAnswer::Says(says) => Some(says),
            TargetAnswer::Unread(_) => None,
        }
    }
}

impl TargetsSaid {
    /// What all of them say, if all could be read and say the same.
    #[must_use]
    pub fn whole(&self) -> Option<&SaidCommit> {
        let first = self.targets.first()?.says()?;
        let is_same = |said: &TargetSaid| said.says().is_some_and(|says| says.is_same(first));
        self.targets.iter().all(is_same).then_some(first)
    }

    /// `h1 h2 run #2, h3 runs #3`, `h1 h2 run #2, h3 could not be read: it does not answer`.
    #[must_use]
    pub fn in_words(&self) -> String {
        let mut groups: Vec<(String, Vec<&str>)> = Vec::new();
        for said in &self.targets {
            let what = match &said.answer {
                TargetAnswer::Says(SaidCommit::Build { build, .. }) => build.to_string(),
                TargetAnswer::Says(SaidCommit::Unknown(commit)) => commit.to_string(),
                TargetAnswer::Unread(why) => format!("\u{0}{why}"),
            };
            match groups.iter_mut().find(|(known, _)| *known == what) {
                Some((_, names)) => names.push(said.target.as_str()),
                None => groups.push((what, vec![said.target.as_str()])),
            }
        }
        let words = groups.into_iter().map(|(what, names)| {
            let run = if names.len() == 1 { "runs" } else { "run" };
            match what.strip_prefix('\u{0}') {
                Some(why) => format!("{} could not be read: {why}", names.join(" ")),
                None => format!("{} {run} {what}", names.join(" ")),
            }
        });
        words.collect::<Vec<_>>().join(", ")
    }
}

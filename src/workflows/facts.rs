//! Facts of one workflow that matter to a deploy: its inputs, its title, and the concurrency groups that it shares.

use crate::WorkflowFiles;
use crate::calls;
use crate::deploys::DeployingJob;
use crate::expression::{self, Certainty, KnownValues};
use crate::model::{ConcurrencySetting, DeclaredInput, WorkflowFile};
use crate::occasion::{self, Occasion, TriggerKind, WorkflowPlace};
use crate::reach;
use crate::ways::ProductionPattern;

/// Facts of one workflow, with the other workflows of its repository.
#[derive(Debug, Clone, Copy)]
pub struct WorkflowFacts<'a> {
    files: &'a WorkflowFiles,
    workflow: &'a WorkflowFile,
    place: &'a WorkflowPlace,
}

/// The concurrency group of all runs of a workflow, if its file names it without an expression. What is not certain is none.
#[must_use]
pub fn named_group(text: &str) -> Option<String> {
    let group = WorkflowFile::parse(text, "").ok()?.concurrency?.group;
    let is_inside = |c: char| c.is_ascii_alphanumeric() || "-_./ ".contains(c);
    (!group.is_empty() && group.chars().all(is_inside)).then_some(group)
}

/// A concurrency group that runs of merges use as well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedGroup {
    pub group: String,
    /// The workflow whose runs for a merge use it.
    pub with: String,
    /// Such a run cancels the one that has the group. Else it only takes the place of one that waits for it.
    pub cancels: bool,
}

/// A group that a run uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UsedGroup {
    pub name: GroupName,
    pub cancels: Certainty,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum GroupName {
    Known(String),
    /// Another one for each run.
    OwnOfRun,
    Computed,
}

impl<'a> WorkflowFacts<'a> {
    /// `None` if there is no such workflow.
    #[must_use]
    pub fn of(files: &'a WorkflowFiles, file: &str, place: &'a WorkflowPlace) -> Option<Self> {
        Some(Self { files, workflow: files.workflow(file)?, place })
    }

    /// Its name in the folder of workflows.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.workflow.file
    }

    /// The inputs of `workflow_dispatch`. `None` if it cannot be started.
    #[must_use]
    pub fn inputs(&self) -> Option<&[DeclaredInput]> {
        self.workflow.triggers.dispatch.as_deref()
    }

    /// Whether the title of a run shows this input.
    #[must_use]
    pub fn shows(&self, input: &str) -> bool {
        calls::shows(self.workflow, input)
    }

    /// The groups of a dispatch with these inputs.
    pub(crate) fn groups(&self, inputs: &[(String, String)]) -> Vec<UsedGroup> {
        let occasions = occasion::occasions(self.workflow, self.files.workflows(), self.place);
        let of_inputs = |occasion: &&Occasion| {
            occasion.trigger == TriggerKind::Dispatch
                && occasion
                    .inputs
                    .iter()
                    .all(|(name, value)| inputs.iter().any(|(n, v)| n == name && v == value))
        };
        let dispatch = occasions.iter().find(of_inputs);
        let dispatch =
            dispatch.or_else(|| occasions.iter().find(|o| o.trigger == TriggerKind::Dispatch));
        dispatch.map_or_else(Vec::new, |occasion| used(self.workflow, occasion, self.files))
    }

    /// The groups of a dispatch that runs for merges use as well, those of other workflows too.
    #[must_use]
    pub fn shared_groups(&self, inputs: &[(String, String)]) -> Vec<SharedGroup> {
        let mut shared: Vec<SharedGroup> = Vec::new();
        let own: Vec<_> = self
            .groups(inputs)
            .into_iter()
            .filter_map(|used| match used.name {
                GroupName::Known(name) => Some(name),
                GroupName::OwnOfRun | GroupName::Computed => None,
            })
            .collect();
        for workflow in self.files.workflows() {
            for occasion in occasion::occasions(workflow, self.files.workflows(), self.place) {
                if !is_merge(occasion.root()) {
                    continue;
                }
                for used in used(workflow, &occasion, self.files) {
                    let GroupName::Known(name) = used.name else { continue };
                    let is_own = own.iter().any(|own| own.eq_ignore_ascii_case(&name));
                    let cancels = used.cancels != Certainty::No;
                    match shared.iter_mut().find(|s| s.group == name && s.with == workflow.file) {
                        Some(known) => known.cancels |= cancels,
                        None if is_own => {
                            shared.push(SharedGroup {
                                group: name,
                                with: workflow.file.clone(),
                                cancels,
                            });
                        }
                        None => {}
                    }
                }
            }
        }
        shared
    }

    /// What its groups mean for a production that follows merges.
    pub(crate) fn merge_notes(&self, job: &DeployingJob) -> Vec<String> {
        if !is_merge(job.occasion.root())
            && !matches!(job.occasion.root(), TriggerKind::PushBranch(_))
        {
            return Vec::new();
        }
        let file = &self.workflow.file;
        let used = used_by(self.workflow, &job.occasion, self.files, &job.job.id);
        let mut notes = Vec::new();
        for group in used
            .iter()
            .filter(|group| group.name != GroupName::OwnOfRun && group.cancels != Certainty::No)
        {
            let name = match &group.name {
                GroupName::Known(name) => format!("{name:?}"),
                GroupName::OwnOfRun | GroupName::Computed => "that is computed".to_owned(),
            };
            let next = match job.occasion.root() {
                TriggerKind::PushBranch(branch) => format!("push of {branch}"),
                _ => "merge".to_owned(),
            };
            notes.push(format!(
                "The next {next} cancels a deploy that runs or waits: {file} has cancel-in-progress for its concurrency group {name}."
            ));
        }
        let is_apart = used.iter().any(|group| group.name != GroupName::OwnOfRun);
        if !is_apart {
            notes.push(format!(
                "Nothing keeps two runs of {file} apart: an older one can deploy, or be approved, after a newer one."
            ));
        }
        notes
    }
}

impl ProductionPattern {
    /// The letter by which it is known.
    #[must_use]
    pub fn letter(self) -> char {
        match self {
            Self::EveryMerge => 'A',
            Self::AfterStaging => 'B',
            Self::TagOrRelease => 'C',
            Self::Branch => 'D',
            Self::Dispatch => 'E',
            Self::HandedOver => 'F',
            Self::NoneHere => 'G',
        }
    }
}

fn is_merge(trigger: &TriggerKind) -> bool {
    matches!(
        trigger,
        TriggerKind::PushTrunk | TriggerKind::MergeGroup | TriggerKind::PullRequestMerged
    )
}

/// The groups of a run: the workflow's, and those of its jobs.
fn used(workflow: &WorkflowFile, occasion: &Occasion, files: &WorkflowFiles) -> Vec<UsedGroup> {
    used_by(workflow, occasion, files, "")
}

/// The same, of the jobs whose id begins with this one.
fn used_by(
    workflow: &WorkflowFile,
    occasion: &Occasion,
    files: &WorkflowFiles,
    id: &str,
) -> Vec<UsedGroup> {
    let mut used: Vec<UsedGroup> = Vec::new();
    used.extend(workflow.concurrency.as_ref().map(|setting| group(setting, &occasion.known)));
    for job in reach::reached(workflow, occasion, files).iter().filter(|job| job.id.starts_with(id))
    {
        for (name, cancels) in &job.concurrency {
            let name = name.clone().map_or(GroupName::Computed, GroupName::Known);
            let group = UsedGroup { name, cancels: *cancels };
            if !used.contains(&group) {
                used.push(group);
            }
        }
    }
    used
}

fn group(setting: &ConcurrencySetting, known: &KnownValues) -> UsedGroup {
    let cancels = setting.cancel.as_deref().map_or(Certainty::No, |text| known.holds(text));
    let of_run = ["github.run_id", "github.run_number", "github.run_attempt", "github.sha"];
    let paths = expression::paths(&setting.group);
    let name = match known.fill(&setting.group) {
        Some(name) => GroupName::Known(name),
        None if paths.iter().any(|path| of_run.contains(&path.as_str())) => GroupName::OwnOfRun,
        None => GroupName::Computed,
    };
    UsedGroup { name, cancels }
}

//! The targets of a step: `targets = [{ name = "eu", github = {…} }, …]`, each with a run of its own.

use std::collections::BTreeMap;

use super::names::required;
use super::pipeline_name::PipelineName;
use super::remote::{CallKey, RemoteKeys, TARGET, WaitKeys, job};
use super::shared_way;
use crate::domain::event::StepSpec;
use crate::domain::remote::RemoteJob;
use crate::domain::target::{MOST_TARGETS, StepTarget, TargetName, TargetOrder};
use crate::settings::{Mistakes, Section, Setting};

/// The keys of a step that has targets.
pub(super) struct TargetKeys<'a> {
    targets: Option<Setting<'a>>,
    order: Option<Setting<'a>>,
}

impl<'a> TargetKeys<'a> {
    pub fn take(section: &mut Section<'a>) -> Self {
        Self { targets: section.take("targets"), order: section.take("order") }
    }

    pub fn targets(&self) -> Option<&Setting<'a>> {
        self.targets.as_ref()
    }

    /// The step has something else to run: adds a mistake for each that is there.
    pub fn reject(&self, mistakes: &mut Mistakes<'_>) {
        if let Some(entry) = &self.targets {
            entry.reject(mistakes, "stands beside run, github or http; a step has one of them");
        } else if let Some(entry) = &self.order {
            entry.reject(mistakes, "is for a step with targets; this one has none");
        }
    }

    /// The job of each target of a step.
    pub fn jobs(
        self,
        (pipeline, step, before): (PipelineName, Option<&str>, &[StepSpec]),
        (keys, waits): (RemoteKeys<'_>, &WaitKeys<'_>),
        mistakes: &mut Mistakes<'_>,
    ) -> Vec<(StepTarget, RemoteJob)> {
        let orders = [("one-by-one", TargetOrder::OneByOne), ("together", TargetOrder::Together)];
        let order = self.order.and_then(|entry| entry.choice(&orders, mistakes));
        let order = order.unwrap_or_default();
        let common = keys.inputs(true, mistakes);
        let Some(entry) = self.targets else { return Vec::new() };
        let sections = entry.sections(mistakes);
        if sections.is_empty() && entry.is_list() {
            entry.reject(mistakes, "is empty; name at least one target");
        }
        if sections.len() > MOST_TARGETS {
            let sentence = format!("has more than {MOST_TARGETS} targets; use more steps");
            entry.reject(mistakes, sentence);
        }
        let mut declared: Vec<DeclaredTarget<'_>> = Vec::new();
        for section in sections.into_iter().take(MOST_TARGETS) {
            let target = DeclaredTarget::read(section, &declared, mistakes);
            declared.extend(target);
        }
        let (calls, rest): (Vec<_>, Vec<_>) =
            declared.into_iter().map(|target| (target.call, (target.name, target.inputs))).unzip();
        let patience = waits.patience(&calls, mistakes);
        let mut jobs: Vec<(StepTarget, RemoteJob)> = Vec::new();
        for (call, (name, own)) in calls.iter().zip(rest) {
            // What a target says itself counts before what all have in common.
            let inputs: BTreeMap<_, _> = common.clone().into_iter().chain(own).collect();
            let fill = |(key, value): (String, String)| (key, value.replace(TARGET, name.as_str()));
            let inputs = inputs.into_iter().map(fill).collect();
            let job = job(call, inputs, (pipeline, patience), mistakes);
            let (Some(job), Some(step)) = (job, step) else { continue };
            let why = shared_way::beside_steps(&job.call, before);
            let why = why.or_else(|| shared_way::beside_targets(&job.call, order, &jobs));
            if let Some(why) = why {
                call.entry().reject(mistakes, why);
            }
            let step = step.to_owned();
            jobs.push((StepTarget { step, name, order, wave: None }, job));
        }
        jobs
    }
}

struct DeclaredTarget<'a> {
    name: TargetName,
    call: CallKey<'a>,
    inputs: BTreeMap<String, String>,
}

impl<'a> DeclaredTarget<'a> {
    fn read(
        mut section: Section<'a>,
        before: &[DeclaredTarget<'_>],
        mistakes: &mut Mistakes<'_>,
    ) -> Option<Self> {
        let name = required(&mut section, "name", mistakes);
        let name = name.and_then(|entry| target_name(&entry, before, mistakes));
        let mut keys = RemoteKeys::take(&mut section);
        let call = keys.call(mistakes);
        if call.is_none() {
            mistakes.add(section.at, &section.path, "a target needs github = {…} or http = {…}");
        }
        let inputs = keys.inputs(true, mistakes);
        section.finish_below(&super::TOP, mistakes);
        Some(Self { name: name?, call: call?, inputs })
    }
}

fn target_name(
    entry: &Setting<'_>,
    before: &[DeclaredTarget<'_>],
    mistakes: &mut Mistakes<'_>,
) -> Option<TargetName> {
    let name = entry.text(mistakes)?;
    let Ok(parsed) = name.parse::<TargetName>() else {
        let rule = "use up to 40 of a-z, 0-9, \"-\", \"_\" and \".\"";
        entry.reject(mistakes, format!("{name:?} cannot name a target; {rule}"));
        return None;
    };
    if before.iter().any(|target| target.name == parsed) {
        let sentence = format!("there is a target {name:?} above; give each its own name");
        entry.reject(mistakes, sentence);
        return None;
    }
    Some(parsed)
}

//! What `init` says of workflows, in words.

use crate::WorkflowFiles;
use crate::calls::WorkflowCall;
use crate::deploys::DeployingJob;
use crate::expression::Certainty;
use crate::facts::WorkflowFacts;
use crate::glob::has_wildcard;
use crate::lanes::{self, LaneGuess, ObservedLane};
use crate::occasion::{TriggerKind, WorkflowPlace};
use crate::proposal::{LaneName, Proposal, target_name};
use crate::verbs::moved_branch;
use crate::ways::{ProductionPattern, ProductionWay};

/// How builds come to production, and what follows.
pub(crate) fn pattern(
    way: &ProductionWay<'_>,
    lane: &ObservedLane,
    proposal: &Proposal,
    place: &WorkflowPlace,
    is_sure: bool,
) -> String {
    let said = if_sure(way, lane, proposal, place);
    if is_sure {
        return said;
    }
    format!("No name says which environment is production. If it is {}: {said}", observed(lane))
}

fn if_sure(
    way: &ProductionWay<'_>,
    lane: &ObservedLane,
    proposal: &Proposal,
    place: &WorkflowPlace,
) -> String {
    let (file, jobs) = (&lane.workflow, lane.jobs.join(", "));
    let call = proposal.call.as_ref();
    let other_way = call.map(|call| format!("{} promotes and rolls back by build.", call.workflow));
    match way.pattern {
        ProductionPattern::EveryMerge => {
            let begin = every_merge(way.first(), file, &jobs, &place.trunk);
            let rest = other_way.unwrap_or_else(|| {
                "There is nothing to promote; trunkline shows it, and can roll back once promote.yml is added.".into()
            });
            format!("{begin} {rest}")
        }
        ProductionPattern::AfterStaging => {
            let rest = other_way.unwrap_or_else(|| {
                "Promoting means approving that run, which trunkline does with a token of whoever promotes; whether it waits for an \
                 approval is not in the file. To roll back, and to promote by build, add promote.yml (shown)."
                    .into()
            });
            format!("One run deploys staging and then production ({file}). {rest}")
        }
        ProductionPattern::TagOrRelease => {
            let what = lane
                .tag
                .as_ref()
                .map_or_else(|| "releases".to_owned(), |tag| format!("tags {tag}"));
            let is_moved = lane.tag.as_deref().is_some_and(|tag| !has_wildcard(tag));
            let makes = match &other_way {
                Some(_) => "trunkline shows it.",
                None if is_moved => "trunkline shows it; it moves no tag.",
                None => {
                    "trunkline can make one at the commit of a build; how it is named is asked."
                }
            };
            let rest = other_way
                .unwrap_or_else(|| "With an input for the commit it can be started, too.".into());
            format!("Production follows {what} ({file}). {makes} {rest}")
        }
        ProductionPattern::Branch => {
            let branch = lane.branch.as_deref().unwrap_or("unknown");
            let rest =
                other_way.unwrap_or_else(|| "trunkline can move it forwards to a build; a rollback needs a workflow that deploys a commit.".into());
            format!(
                "Production is the branch {branch} ({file}). Its commits are matched to builds of {}. {rest}",
                place.trunk
            )
        }
        ProductionPattern::Dispatch => by_hand(file, proposal),
        ProductionPattern::HandedOver | ProductionPattern::NoneHere => String::new(),
    }
}

fn every_merge(job: &DeployingJob, file: &str, jobs: &str, trunk: &str) -> String {
    match job.trigger() {
        TriggerKind::MergeGroup => format!(
            "The merge queue deploys production before a change is on {trunk} ({file}, job {jobs})."
        ),
        TriggerKind::PullRequestMerged => format!(
            "Every pull request that is merged into {trunk} goes straight to production ({file}, job {jobs})."
        ),
        TriggerKind::Schedule => format!("A timer deploys production ({file}, job {jobs})."),
        TriggerKind::RepositoryDispatch => {
            format!(
                "Something outside of this repository starts production's deploy ({file}, job {jobs})."
            )
        }
        _ => format!("Every merge to {trunk} goes straight to production ({file}, job {jobs})."),
    }
}

fn by_hand(file: &str, proposal: &Proposal) -> String {
    match &proposal.call {
        Some(call) if call.shows_key => {
            format!(
                "{} {} trunkline can promote and roll back with it.",
                call.workflow,
                deploys(call)
            )
        }
        Some(call) => format!(
            "{} {} trunkline can promote with it; it cannot find a lost run until run-name shows our key (shown).",
            call.workflow,
            deploys(call)
        ),
        None => format!("Production is deployed by hand ({file})."),
    }
}

fn deploys(call: &WorkflowCall) -> String {
    let commit =
        call.inputs.iter().find(|(_, value)| *value == "{sha}").map_or("", |(name, _)| name);
    format!("deploys {commit} to production.")
}

pub(crate) fn observed(lane: &ObservedLane) -> String {
    let on = match (&lane.branch, &lane.tag) {
        (Some(branch), _) => format!("{} of {branch}", lane.event),
        (None, Some(tag)) => format!("{} of tags {tag}", lane.event),
        (None, None) => lane.event.clone(),
    };
    let jobs = match &lane.jobs[..] {
        [] => String::new(),
        [one] => format!(", job {one}"),
        several => format!(", jobs {}", several.join(", ")),
    };
    format!("{}{jobs}, on {on}", lane.workflow)
}

/// Staging that somebody starts by hand tells of no merge.
pub(crate) fn starts_by_itself(job: &DeployingJob) -> bool {
    matches!(
        job.occasion.root(),
        TriggerKind::PushTrunk
            | TriggerKind::PushBranch(_)
            | TriggerKind::MergeGroup
            | TriggerKind::PullRequestMerged
    )
}

pub(crate) fn no_staging(way: &ProductionWay<'_>) -> String {
    match way.pattern {
        ProductionPattern::EveryMerge => {
            "no job deploys staging: a merge is production, and the console shows one lane"
                .to_owned()
        }
        _ => "no job here deploys an environment that is called staging".to_owned(),
    }
}

pub(crate) fn doubtful(lane: LaneName, guess: &LaneGuess<'_>) -> String {
    let name = lane.as_str();
    let shown = observed(&guess.lane);
    if guess.doubts.is_empty() {
        return if starts_by_itself(guess.jobs[0]) {
            format!("Is {name} what these runs deploy: {shown}?")
        } else {
            format!("No merge starts what deploys {name} ({shown}). Is it {name} for builds?")
        };
    }
    format!("Should {name} be read off {shown}? Know that {}.", guess.doubts.join(", and that "))
}

pub(crate) fn which(lane: LaneName, guesses: &[LaneGuess<'_>], last: &[usize]) -> String {
    let name = |guess: &LaneGuess<'_>| {
        let environments = guess.lane.environments.join(" + ");
        let jobs = guess.lane.jobs.join(" + ");
        let what = if environments.is_empty() { jobs } else { environments };
        format!("{what} ({})", guess.lane.workflow)
    };
    let names: Vec<_> = guesses.iter().map(name).collect();
    let hint = match last {
        [one] if guesses.len() > 1 => format!(" The last of them in its run is {}.", names[*one]),
        _ => String::new(),
    };
    let services = match lane {
        LaneName::Production => {
            " If each is a service of its own, each gets a trunkline.toml of its own."
        }
        _ => "",
    };
    match &names[..] {
        [one] => format!("Is {} what deploys {one}?", lane.as_str()),
        names => {
            format!("Which of these is {}: {}?{hint}{services}", lane.as_str(), names.join(", "))
        }
    }
}

pub(crate) fn is_this_production(guess: &LaneGuess<'_>, way: &ProductionWay<'_>) -> String {
    let what =
        target_name(way.first()).map_or_else(String::new, |name| format!(", which deploys {name}"));
    format!("Is this production: {}{what}? Its name does not say so.", observed(&guess.lane))
}

pub(crate) fn is_this_staging(guess: &LaneGuess<'_>) -> String {
    let what = target_name(guess.jobs[0])
        .map_or_else(String::new, |name| format!(", which deploys {name}"));
    format!("Is this staging: {}{what}? Its name does not say so.", observed(&guess.lane))
}

pub(crate) fn starts(call: &WorkflowCall) -> String {
    let inputs: Vec<_> =
        call.inputs.iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!("starts {} with {}", call.workflow, inputs.join(", "))
}

pub(crate) fn question_of_call(question: &str) -> String {
    let mut letters = question.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().collect::<String>() + letters.as_str()
    })
}

/// Whether a run waits between staging and production stands in no file.
pub(crate) fn is_approved(way: &ProductionWay<'_>) -> String {
    format!(
        "Does a run of {} wait for an approval before production? Then approving it promotes its build. If not, each \
         merge goes on to production by itself.",
        way.first().file
    )
}

/// Why nothing here can be started for a promote and for a rollback.
pub(crate) fn no_call(way: &ProductionWay<'_>, why: Option<&str>) -> (String, String) {
    let promote = match way.pattern {
        ProductionPattern::EveryMerge => {
            "there is nothing to promote: a merge is production".to_owned()
        }
        ProductionPattern::TagOrRelease => {
            "no workflow takes a commit; a tag or release that trunkline makes can do it, once it is said how it is named".to_owned()
        }
        ProductionPattern::Branch => {
            "no workflow takes a commit; trunkline can move the branch forwards, once there are steps for a rollback".to_owned()
        }
        _ => "no workflow takes a commit".to_owned(),
    };
    let with_why = |text: String| why.map_or(text.clone(), |why| format!("{text}; {why}"));
    (with_why(promote), with_why("no workflow deploys a commit that it is given".to_owned()))
}

pub(crate) fn hands_over(jobs: &[&DeployingJob]) -> String {
    let mut named: Vec<String> = Vec::new();
    for to in jobs.iter().filter_map(|job| job.hand_over.as_ref()) {
        let repository = to.repository.as_deref().unwrap_or("a place that the file does not name");
        let name = match &to.workflow {
            Some(workflow) => format!("{repository} ({workflow})"),
            None => repository.to_owned(),
        };
        if !named.contains(&name) {
            named.push(name);
        }
    }
    format!(
        "This repository hands over to {}. What is live is known there; name that repository to see it.",
        named.join(", ")
    )
}

pub(crate) fn nothing_here(files: &WorkflowFiles) -> String {
    let seen = match files.workflows().len() {
        0 => "none of its workflows could be read".to_owned(),
        1 => "1 workflow was read".to_owned(),
        count => format!("{count} workflows were read"),
    };
    format!(
        "No workflow here deploys production ({seen}). Whether somebody else posts deployments at GitHub was not asked."
    )
}

/// What has to be known about the workflows beside the proposal.
pub(crate) fn notes(
    way: &ProductionWay<'_>,
    production: &LaneGuess<'_>,
    files: &WorkflowFiles,
    place: &WorkflowPlace,
) -> Vec<String> {
    let mut notes = Vec::new();
    let first = way.first();
    let file = &first.file;
    if let Some(facts) = WorkflowFacts::of(files, file, place) {
        notes.extend(facts.merge_notes(first));
    }
    if *first.trigger() == TriggerKind::MergeGroup {
        notes.push("A change is live before it is on the trunk, and a queue that drops it does not take it back.".into());
    }
    let is_last = !first.job.before.is_empty() && !first.job.id.contains('/');
    if way.pattern == ProductionPattern::EveryMerge && is_last {
        notes.push(format!(
            "{} is the last job of {file}: when a job before it fails, nothing was deployed.",
            production.lane.jobs.join(", ")
        ));
    }
    notes.extend(unread(way));
    if way.jobs.iter().any(|job| lanes::hands_over(job)) {
        notes.push(format!(
            "{file} seems to call a webhook: that it succeeds may not be that the build is live."
        ));
    }
    if way.jobs.iter().any(|job| job.certainty == Certainty::Perhaps) {
        notes.push(format!(
            "Whether {} runs is decided while {file} runs; a run that skipped it deployed nothing.",
            production.lane.jobs.join(", ")
        ));
    }
    if files
        .workflow(file)
        .and_then(|f| f.triggers.push.as_ref())
        .is_some_and(|push| push.paths.is_some() || push.paths_ignore.is_some())
    {
        notes.push(format!(
            "{file} runs only for some paths: a merge without a run of it is normal."
        ));
    }
    notes.extend(movers(files, production.lane.branch.as_deref(), place));
    notes
}

fn unread(way: &ProductionWay<'_>) -> Option<String> {
    let call = way.jobs.iter().find_map(|job| job.job.foreign.as_ref())?;
    Some(format!("{} is a workflow of another repository; what it does was not read.", call.path))
}

/// The other ways to production.
pub(crate) fn second_ways(ways: &[ProductionWay<'_>], way: &ProductionWay<'_>) -> Vec<String> {
    let mut notes: Vec<String> = Vec::new();
    for other in ways {
        let is_same = other.first().file == way.first().file
            && other.first().trigger() == way.first().trigger();
        let how = match other.first().trigger() {
            _ if is_same => continue,
            TriggerKind::Dispatch => "by hand".to_owned(),
            TriggerKind::Tag(tag) => format!("for tags {tag}"),
            TriggerKind::Release => "for releases".to_owned(),
            TriggerKind::PushBranch(branch) => format!("for pushes of {branch}"),
            TriggerKind::PushTrunk => "for each merge".to_owned(),
            TriggerKind::Schedule => "by a timer".to_owned(),
            TriggerKind::MergeGroup => "in the merge queue".to_owned(),
            TriggerKind::PullRequestMerged => "for merged pull requests".to_owned(),
            TriggerKind::AfterWorkflow(name) => format!("after the workflow {name:?}"),
            TriggerKind::RepositoryDispatch => "when something outside starts it".to_owned(),
        };
        let note = format!("{} deploys production too, {how}.", other.first().file);
        if !notes.contains(&note) {
            notes.push(note);
        }
    }
    notes
}

/// Workflows that move the branch of production.
fn movers(files: &WorkflowFiles, branch: Option<&str>, place: &WorkflowPlace) -> Vec<String> {
    let Some(branch) = branch.filter(|branch| *branch != place.trunk) else { return Vec::new() };
    let mut notes = Vec::new();
    for workflow in files.workflows() {
        let mut steps = workflow.jobs.iter().flat_map(|job| &job.steps);
        let moves = |run: &String| moved_branch(run).is_some_and(|moved| moved == branch);
        if !steps.any(|step| step.run.as_ref().is_some_and(moves)) {
            continue;
        }
        let text = format!("{} moves the branch {branch}", workflow.file);
        let by_own_token = uses_own_token(workflow);
        notes.push(if by_own_token {
            format!("{text} with GITHUB_TOKEN: such a push starts no workflow, so it deploys nothing by itself.")
        } else {
            format!("{text} as a whole, not to a commit that it is given: a promote cannot use it.")
        });
    }
    notes
}

/// Whether it pushes with the token of its own run.
fn uses_own_token(workflow: &crate::model::WorkflowFile) -> bool {
    let mut steps = workflow.jobs.iter().flat_map(|job| &job.steps);
    let names_other = |text: &str| {
        let text = text.to_ascii_lowercase();
        let is_own = text.contains("secrets.github_token") || text.contains("github.token");
        (text.contains("secrets.") || text.contains("outputs.token")) && !is_own
    };
    !steps.any(|step| {
        let with = step.with.iter().chain(&step.env).map(|(_, value)| value.as_str());
        with.chain(step.run.as_deref()).any(names_other)
    })
}

/// Deploying jobs of the same run whose environment's name says nothing.
pub(crate) fn beside(all: &[DeployingJob], way: &ProductionWay<'_>) -> Option<String> {
    let mut names: Vec<&str> = Vec::new();
    let first = way.first();
    for job in all.iter().filter(|job| {
        job.class().is_none() && job.file == first.file && job.trigger() == first.trigger()
    }) {
        if let Some(name) = target_name(job).filter(|name| !name.contains("${{"))
            && !names.contains(&name)
        {
            names.push(name);
        }
    }
    (!names.is_empty()).then(|| {
        format!(
            "{} also deploys {}, whose names say neither staging nor production.",
            first.file,
            names.join(", ")
        )
    })
}

//! Every event as one sentence: the activity pane, `trunkline events` and `trunkline audit` all show this one.

use chrono::{DateTime, Utc};

use super::{Adoption, ChangeNote, DeploymentKind, DeploymentRequest, Event, Fact, SaidCommit};
use crate::domain::commit::Commit;
use crate::domain::ids::{BuildNumber, DeploymentId, Environment, Seq, Sha};
use crate::domain::instant;
use crate::domain::people::Actor;
use crate::domain::quarantine::BadCommit;
use crate::domain::remote::{FoundBy, RunRef};
use crate::domain::target::TargetName;
use crate::domain::words::run_in_words;

impl Event {
    /// What happened, who did it and why: `kim put production on hold: the database moves`.
    #[must_use]
    pub fn sentence(&self) -> String {
        self.fact.sentence(&self.actor, self.seq)
    }

    /// The build, the environment and the deployment that the event names.
    #[must_use]
    pub fn subject(&self) -> Subject {
        self.fact.subject(self.seq)
    }
}

/// What an event is about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Subject {
    pub build: Option<BuildNumber>,
    pub environment: Option<Environment>,
    pub deployment: Option<DeploymentId>,
}

impl Fact {
    fn sentence(&self, by: &Actor, seq: Seq) -> String {
        match self {
            Self::BuildFound { build, sha, commits, .. } => {
                build_found(by, *build, sha, commits.first())
            }
            Self::TrunkRewritten { from, to, off_trunk, .. } => rewritten(from, to, off_trunk),
            Self::DeploymentRequested(request) => {
                let id = DeploymentId::from(seq);
                let requested = format!("{by} {} ({id})", request.action());
                let retry = request.retries.map(|retried| format!("retry of {retried}"));
                let parts = std::iter::once(requested).chain(retry);
                let parts = parts.chain(request.override_sentences());
                parts.collect::<Vec<_>>().join("; ")
            }
            Self::DeploymentStarted { deployment, .. } => format!("{deployment} started"),
            Self::StepStarted { deployment, step, target } => {
                format!("{deployment} {} started", step_of(*step, target.as_ref()))
            }
            Self::RunSent { .. }
            | Self::RunFound { .. }
            | Self::RunWaits { .. }
            | Self::DeploymentObserved(_)
            | Self::UnknownObserved(_)
            | Self::LiveSaid(_)
            | Self::TargetsSaid(_) => self.of_other_engine(by, seq),
            Self::StepEnded { deployment, step, target, outcome, .. } => {
                format!("{deployment} {}: {outcome}", step_of(*step, target.as_ref()))
            }
            Self::CancelRequested { deployment, reason } => {
                format!("{by} cancels {deployment}{}", because(reason))
            }
            Self::DeploymentEnded { deployment, outcome }
            | Self::ObservedEnded { deployment, outcome, .. } => format!("{deployment} {outcome}"),
            Self::BuildVerified { build, note, .. } => {
                format!("{by} verified {build}{}", because(note))
            }
            Self::HoldPlaced { environment, reason, all, .. } => {
                let all = if *all { " with all services" } else { "" };
                format!("{by} put {environment} on hold{all}{}", because(reason))
            }
            Self::HoldReleased { environment, reason, bad, open } => {
                let (why, bad, open) = (because(reason), commits("bad", bad), left_open(open));
                format!("{by} released the hold on {environment}{why}{bad}{open}")
            }
            Self::CommitsQuarantined { bad, reason } => {
                format!("{by} marked commits bad{}{}", because(reason), commits("commits", bad))
            }
            Self::CommitCleared { sha, reason } => {
                format!("{by} cleared {}{}", sha.short(), because(reason))
            }
            Self::PromoterRequested { build, note, .. } => {
                format!("{by} asked for a promoter of {build}{}", because(note))
            }
            Self::RequestWithdrawn { request, reason } => {
                format!("{by} withdrew request {request}{}", because(reason))
            }
            Self::FreezePlaced { from, until, reason } => froze(by, *from, *until, reason),
            Self::FreezeLifted { freeze, reason } => {
                format!("{by} lifted freeze {freeze}{}", because(reason))
            }
            Self::ProductionAdopted(adopted) => {
                let Adoption { build, sha, corrects, reason, .. } = &**adopted;
                let corrects = corrects.map(|id| format!(" and corrected {id}"));
                let (sha, corrects) = (sha.short(), corrects.unwrap_or_default());
                format!(
                    "{by} stated that production runs {build} {sha}{corrects}{}",
                    because(reason)
                )
            }
            Self::RecordRestored { head, at } => format!(
                "{by} restored the record from a copy that ends at event {head} of {}; what was done after is not known",
                instant::in_utc(*at)
            ),
            Self::RunsRemoved { deployments, rule } => {
                format!("{by} removed the logs of {}, by {rule}", some(deployments))
            }
            Self::Refused { what, sentence, .. } => {
                format!("{by} was refused {what}{}", because(sentence))
            }
            Self::WatchBegan(_)
            | Self::WatchSampled(_)
            | Self::WatchTurned(_)
            | Self::WatchEnded(_)
            | Self::WatchSeen(_)
            | Self::AutoRollback(_)
            | Self::WaveWaits(_)
            | Self::WaveContinued(_) => self.of_watch(by),
            Self::Noted(note) => noted(note, by),
            Self::LeftoversListed(listed) => listed.sentence(),
            Self::LeftoverTicked(tick) => tick.sentence(by, "ticked"),
            Self::LeftoverUnticked(tick) => tick.sentence(by, "opened again"),
            Self::IncidentOpened(_)
            | Self::IncidentUpdated(_)
            | Self::IncidentResolved(_)
            | Self::IncidentReopened(_)
            | Self::PostmortemWritten(_)
            | Self::PostmortemDismissed(_)
            | Self::UsersNotAffected(_) => self.of_incident(by, seq),
        }
    }

    /// What became known of a run at another engine.
    fn of_other_engine(&self, by: &Actor, seq: Seq) -> String {
        match self {
            Self::RunSent { deployment, step, target, engine, key } => {
                let step = step_of(*step, target.as_ref());
                format!("{deployment} {step} goes to {engine} as {key}")
            }
            Self::RunFound { deployment, step, target, run, how } => {
                let step = step_of(*step, target.as_ref());
                run_found(&format!("{deployment} {step}"), run, *how, seq)
            }
            Self::RunWaits { deployment, step, target, waits } => {
                let step = step_of(*step, target.as_ref());
                match waits {
                    Some(waits) => format!("{deployment} {step} waits for {waits}"),
                    None => format!("{deployment} {step} waits no more"),
                }
            }
            Self::DeploymentObserved(seen) => {
                let (id, run) = (DeploymentId::from(seq), run_in_words(&seen.run));
                format!("{by} deploys {} to {} ({id}, {run})", seen.build, seen.environment)
            }
            Self::UnknownObserved(seen) => {
                let (id, run) = (DeploymentId::from(seq), run_in_words(&seen.run));
                let (commit, to) = (&seen.commit, seen.environment);
                format!("{by} deploys to {to} ({id}, {run}): {commit}")
            }
            Self::LiveSaid(said) => {
                let what = match &said.says {
                    SaidCommit::Build { build, sha, .. } => format!("{build} {}", sha.short()),
                    SaidCommit::Unknown(commit) => commit.to_string(),
                };
                format!("{by} says that {} runs {what}", said.environment)
            }
            Self::TargetsSaid(said) => {
                format!("{by} says of {}: {}", said.environment, said.in_words())
            }
            _ => String::new(),
        }
    }

    fn subject(&self, seq: Seq) -> Subject {
        let none = Subject::default();
        match self {
            Self::DeploymentRequested(request) => Subject {
                build: Some(request.build),
                environment: Some(request.environment),
                deployment: Some(DeploymentId::from(seq)),
            },
            Self::DeploymentObserved(seen) => Subject {
                build: Some(seen.build),
                environment: Some(seen.environment),
                deployment: Some(DeploymentId::from(seq)),
            },
            Self::UnknownObserved(seen) => Subject {
                environment: Some(seen.environment),
                deployment: Some(DeploymentId::from(seq)),
                ..none
            },
            Self::LiveSaid(said) => {
                Subject { build: said.says.build(), environment: Some(said.environment), ..none }
            }
            Self::TargetsSaid(said) => Subject {
                build: said.whole().and_then(SaidCommit::build),
                environment: Some(said.environment),
                ..none
            },
            Self::ProductionAdopted(adopted) => Subject {
                build: Some(adopted.build),
                environment: Some(Environment::Production),
                deployment: Some(DeploymentId::from(seq)),
            },
            Self::BuildFound { build, .. }
            | Self::BuildVerified { build, .. }
            | Self::PromoterRequested { build, .. } => Subject { build: Some(*build), ..none },
            Self::DeploymentStarted { deployment, .. }
            | Self::StepStarted { deployment, .. }
            | Self::RunSent { deployment, .. }
            | Self::RunFound { deployment, .. }
            | Self::RunWaits { deployment, .. }
            | Self::StepEnded { deployment, .. }
            | Self::CancelRequested { deployment, .. }
            | Self::DeploymentEnded { deployment, .. }
            | Self::ObservedEnded { deployment, .. } => {
                Subject { deployment: Some(*deployment), ..none }
            }
            Self::HoldPlaced { environment, rollback, .. } => {
                Subject { environment: Some(*environment), deployment: *rollback, ..none }
            }
            Self::HoldReleased { environment, .. } => {
                Subject { environment: Some(*environment), ..none }
            }
            Self::LeftoversListed(listed) => Subject {
                environment: Some(listed.environment),
                deployment: Some(listed.rollback),
                ..none
            },
            Self::LeftoverTicked(tick) | Self::LeftoverUnticked(tick) => {
                Subject { environment: Some(tick.environment), ..none }
            }
            Self::IncidentOpened(opened) => Subject {
                build: opened.took_back.map(|taken| taken.build),
                deployment: opened.rollback,
                ..none
            },
            Self::UsersNotAffected(answer) => Subject { deployment: Some(answer.rollback), ..none },
            _ => Subject { deployment: self.watched(), ..none },
        }
    }
}

impl DeploymentRequest {
    /// What it does, after the name of who asked: `promotes #12 to production`.
    #[must_use]
    pub fn action(&self) -> String {
        let Self { build, environment, .. } = self;
        match self.kind {
            DeploymentKind::Auto | DeploymentKind::External => {
                format!("deploys {build} to {environment}")
            }
            DeploymentKind::Promote => format!("promotes {build} to {environment}"),
            DeploymentKind::Rollback => format!("rolls {environment} back to {build}"),
            DeploymentKind::Redeploy => format!("redeploys {build} to {environment}"),
            DeploymentKind::Retry => format!("deploys {build} to {environment} again"),
            DeploymentKind::Rehearsal => {
                format!("rehearses the rollback to {build} in {environment}")
            }
            DeploymentKind::Return => {
                format!("brings {environment} forward to {build} after the rehearsal")
            }
        }
    }

    /// Each override with the finding that asked for it: `overrode soak (too young): it cannot wait`.
    pub fn override_sentences(&self) -> impl Iterator<Item = String> {
        self.overrides.iter().map(|(guard, reason)| {
            let findings = self.findings.iter().filter(|finding| finding.guard == *guard);
            let findings: Vec<_> = findings.map(|finding| finding.sentence.as_str()).collect();
            format!("overrode {guard} ({}): {reason}", findings.join("; "))
        })
    }
}

fn build_found(by: &Actor, build: BuildNumber, sha: &Sha, commit: Option<&Commit>) -> String {
    let subject = commit.map_or("", |commit| &commit.subject);
    let how = match by {
        Actor::System => format!("{build} merged"),
        by => format!("{by} made {build} of the trunk's newest commit"),
    };
    format!("{how}{}", because(format!("{} {subject}", sha.short()).trim()))
}

fn rewritten(from: &Sha, to: &Sha, off_trunk: &[BuildNumber]) -> String {
    let moved = format!("trunk force-pushed from {} to {}", from.short(), to.short());
    let builds: Vec<_> = off_trunk.iter().map(BuildNumber::to_string).collect();
    let builds = builds.join(", ");
    if builds.is_empty() { moved } else { format!("{moved}; off the trunk: {builds}") }
}

/// `step 2`, or `step 2 (target us)`.
fn step_of(step: usize, target: Option<&TargetName>) -> String {
    let target = target.map_or_else(String::new, |target| format!(" (target {target})"));
    format!("step {}{target}", step + 1)
}

fn run_found(step: &str, run: &RunRef, how: FoundBy, seq: Seq) -> String {
    let run = &run.id;
    match how {
        FoundBy::Answer | FoundBy::Search => format!("{step} is run {run}"),
        FoundBy::Late => {
            let late = DeploymentId::from(seq);
            format!("{step} was given up and turned up as run {run} ({late}); it is cancelled")
        }
    }
}

/// The first of them, and how many more: `d12, d15, d16 and 3 more`.
fn some(deployments: &[DeploymentId]) -> String {
    const NAMED: usize = 3;
    let named: Vec<_> = deployments.iter().take(NAMED).map(DeploymentId::to_string).collect();
    let more = deployments.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", named.join(", "))
}

/// `sam noted: flag search-v2 to 100 % (changed by kim, 2026-11-30 03:14 UTC)`, or that trunkline saw it.
fn noted(note: &ChangeNote, by: &Actor) -> String {
    let label = note.label();
    if note.observed.is_some() {
        return format!("{by} saw a change: {label}");
    }
    let who = note.who.as_ref().map(|who| format!("changed by {who}"));
    let when = note.changed_at.map(|at| format!("changed {}", instant::in_utc(at)));
    let details: Vec<_> = who.into_iter().chain(when).collect();
    let details =
        if details.is_empty() { String::new() } else { format!(" ({})", details.join(", ")) };
    format!("{by} noted: {label}{details}")
}

fn froze(by: &Actor, from: DateTime<Utc>, until: Option<DateTime<Utc>>, reason: &str) -> String {
    let until = until.map_or("lifted".to_owned(), instant::in_utc);
    let from = instant::in_utc(from);
    format!("{by} froze production from {from} until {until}{}", because(reason))
}

/// `; left open: the page cache`, or nothing where nothing was.
fn left_open(open: &[String]) -> String {
    if open.is_empty() { String::new() } else { format!("; left open: {}", open.join(", ")) }
}

/// `: the reason`, or nothing without one.
fn because(reason: &str) -> String {
    if reason.is_empty() { String::new() } else { format!(": {reason}") }
}

/// `; bad: 3f9ac21 fix: retry webhook, a91f3c4 …`, or nothing without any.
fn commits(label: &str, all: &[BadCommit]) -> String {
    let all: Vec<_> =
        all.iter().map(|commit| format!("{} {}", commit.sha.short(), commit.subject)).collect();
    if all.is_empty() { String::new() } else { format!("; {label}: {}", all.join(", ")) }
}

//! The proposal: how builds come to production, what to observe, what to start, and how certain each of it is.

use serde::Serialize;

use crate::WorkflowFiles;
use crate::calls::{self, CallReadiness, WorkflowCall};
use crate::change::{self, ProposedChange};
use crate::class::EnvironmentClass;
use crate::deploys::{DeployTarget, DeployingJob, deploying};
use crate::lanes::{self, LaneGuess, ObservedLane};
use crate::occasion::{TriggerKind, WorkflowPlace};
use crate::sentences;
use crate::verbs::HandOver;
use crate::ways::{self, ProductionPattern, ProductionWay};

/// What the workflows of a repository let trunkline do.
#[derive(Debug, Clone, Serialize)]
pub struct Proposal {
    pub pattern: ProductionPattern,
    /// How builds come to production and what follows from it, in words.
    pub sentence: String,
    /// What is certain to tell of staging.
    pub staging: Option<ObservedLane>,
    pub production: Option<ObservedLane>,
    /// What is certain to promote and to roll back.
    pub call: Option<WorkflowCall>,
    pub questions: Vec<LaneQuestion>,
    /// What a person has to know about these workflows.
    pub notes: Vec<String>,
    /// One for each of staging, production, promote and rollback.
    pub answers: Vec<LaneAnswer>,
    pub change: Option<ProposedChange>,
    /// Who deploys instead of this repository.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub handed_over: Vec<HandOver>,
    /// The files that could not be read, with their lines.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LaneName {
    Staging,
    Production,
    Promote,
    Rollback,
}

impl LaneName {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Staging => "staging",
            Self::Production => "production",
            Self::Promote => "promote",
            Self::Rollback => "rollback",
        }
    }
}

/// Something that only a person can answer, with what would be written then.
#[derive(Debug, Clone, Serialize)]
pub struct LaneQuestion {
    pub lane: LaneName,
    pub question: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub observe: Vec<ObservedLane>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call: Option<WorkflowCall>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Answerability {
    Sure,
    Asked,
    NotPossible,
}

impl Answerability {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sure => "sure",
            Self::Asked => "asked",
            Self::NotPossible => "not possible",
        }
    }
}

#[derive(Debug, Clone, Serialize)]
pub struct LaneAnswer {
    pub lane: LaneName,
    pub is: Answerability,
    pub sentence: String,
}

/// What the workflows say. It never guesses: what is not certain becomes a question.
#[must_use]
pub fn propose(files: &WorkflowFiles, place: &WorkflowPlace) -> Proposal {
    let mut proposal = certain(files, place);
    if files.are_too_many() {
        proposal.notes.push("There is more in these workflows than was looked at: other ways to production may be missing here.".into());
    }
    if place.repository.is_none() {
        // Where the runs are to be looked for is not known.
        for answer in proposal.answers.iter_mut().filter(|answer| answer.is == Answerability::Sure)
        {
            answer.is = Answerability::Asked;
            answer.sentence = format!("In which repository at GitHub? {}", answer.sentence);
        }
    }
    proposal
}

fn certain(files: &WorkflowFiles, place: &WorkflowPlace) -> Proposal {
    let all = deploying(files, place);
    let reading = ProposalReading { files, place, all: &all };
    let is_production = |job: &DeployingJob| job.class() == Some(EnvironmentClass::Production);
    let is_own = |job: &DeployingJob| is_production(job) && !reading.is_handed_on(job);
    let ways = ways::ways(&all, is_own);
    if !ways.is_empty() {
        return reading.of_ways(&ways, true);
    }
    if all.iter().any(|job| is_production(job) && reading.is_handed_on(job)) {
        return reading.handed_over();
    }
    let is_unclear = |job: &DeployingJob| job.class().is_none() && job.hand_over.is_none();
    let unclear = ways::ways(&all, is_unclear);
    if !unclear.is_empty() {
        return reading.of_unclear(unclear);
    }
    if all.iter().any(|job| reading.is_handed_on(job)) {
        return reading.handed_over();
    }
    reading.none()
}

/// The workflows as they were read, with the jobs that deploy.
struct ProposalReading<'a> {
    files: &'a WorkflowFiles,
    place: &'a WorkflowPlace,
    all: &'a [DeployingJob],
}

impl<'a> ProposalReading<'a> {
    /// Whether somebody else does the work: another repository is asked to.
    fn is_handed_on(&self, job: &DeployingJob) -> bool {
        let own = self.place.repository.as_deref();
        job.hand_over
            .as_ref()
            .is_some_and(|to| to.repository.is_none() || to.repository.as_deref() != own)
    }

    fn empty(&self, pattern: ProductionPattern) -> Proposal {
        Proposal {
            pattern,
            sentence: String::new(),
            staging: None,
            production: None,
            call: None,
            questions: Vec::new(),
            notes: Vec::new(),
            answers: Vec::new(),
            change: None,
            handed_over: Vec::new(),
            unreadable: self.files.unreadable().iter().map(ToString::to_string).collect(),
        }
    }

    /// Production is deployed here, on these ways. `is_sure` if its name says that it is production.
    fn of_ways(&self, ways: &[ProductionWay<'a>], is_sure: bool) -> Proposal {
        let way = self.normal(ways);
        let mut proposal = self.empty(way.pattern);
        self.staging(ways, way, &mut proposal);
        let production = self.production(ways, way, is_sure, &mut proposal);
        self.promote(ways, way, is_sure, &mut proposal);
        proposal.notes = sentences::notes(way, &production, self.files, self.place);
        if is_sure {
            proposal.notes.extend(sentences::second_ways(ways, way));
            proposal.notes.extend(sentences::beside(self.all, way));
        }
        proposal.sentence =
            sentences::pattern(way, &production.lane, &proposal, self.place, is_sure);
        proposal
    }

    /// The way on which production is deployed as a rule. By hand only if there is no other.
    fn normal<'w>(&self, ways: &'w [ProductionWay<'a>]) -> &'w ProductionWay<'a> {
        let by_itself = |way: &&ProductionWay<'_>| *way.first().trigger() != TriggerKind::Dispatch;
        let is_timer = |way: &&ProductionWay<'_>| {
            matches!(way.first().trigger(), TriggerKind::Schedule | TriggerKind::RepositoryDispatch)
        };
        let has_call = |way: &&ProductionWay<'_>| {
            let file = &way.first().file;
            let calls = calls::calls(ways, self.files, self.place);
            calls
                .iter()
                .any(|(name, call)| name == file && !matches!(call, CallReadiness::NotPossible(_)))
        };
        let event = ways.iter().find(|way| by_itself(way) && !is_timer(way));
        let by_hand = || ways.iter().find(|way| !by_itself(way) && has_call(way));
        event
            .or_else(by_hand)
            .or_else(|| ways.iter().find(|way| !by_itself(way)))
            .unwrap_or(&ways[0])
    }

    fn staging(
        &self,
        ways: &[ProductionWay<'a>],
        way: &ProductionWay<'a>,
        proposal: &mut Proposal,
    ) {
        let mut lanes = if way.staging.is_empty() {
            lanes::staging_lanes(self.all)
        } else {
            split(&way.staging)
        };
        for other in beside(ways, way).filter(|_| !way.staging.is_empty()) {
            lanes.extend(split(&other.staging));
        }
        let guesses: Vec<_> = lanes.iter().map(|lane| self.guess(lane)).collect();
        let question = match &guesses[..] {
            [] => {
                let sentence = sentences::no_staging(way);
                proposal.answer(LaneName::Staging, Answerability::NotPossible, sentence);
                return;
            }
            [guess] if guess.doubts.is_empty() && sentences::starts_by_itself(guess.jobs[0]) => {
                let sentence = sentences::observed(&guess.lane);
                proposal.staging = Some(guess.lane.clone());
                proposal.answer(LaneName::Staging, Answerability::Sure, sentence);
                return;
            }
            [guess] => sentences::doubtful(LaneName::Staging, guess),
            several => {
                let last = lanes::last_of(&lanes);
                sentences::which(LaneName::Staging, several, &last)
            }
        };
        proposal.ask(
            LaneName::Staging,
            question,
            guesses.into_iter().map(|guess| guess.lane).collect(),
        );
    }

    fn guess(&self, jobs: &[&'a DeployingJob]) -> LaneGuess<'a> {
        lanes::lane(jobs, self.all, self.files, self.place)
    }

    /// What to observe of production. Several workflows that start together are several services.
    fn production(
        &self,
        ways: &[ProductionWay<'a>],
        way: &ProductionWay<'a>,
        is_sure: bool,
        proposal: &mut Proposal,
    ) -> LaneGuess<'a> {
        let mut guess = self.guess(&way.jobs);
        let has_timer = ways.iter().any(|other| {
            *other.first().trigger() == TriggerKind::Schedule
                && other.first().file == way.first().file
        });
        if has_timer && *way.first().trigger() == TriggerKind::Dispatch {
            guess.doubts.push("a timer starts it too, and those runs would not be seen".into());
        }
        let beside: Vec<_> = beside(ways, way).map(|other| self.guess(&other.jobs)).collect();
        if !is_sure {
            let question = sentences::is_this_production(&guess, way);
            proposal.ask(LaneName::Production, question, vec![guess.lane.clone()]);
        } else if !beside.is_empty() {
            let all: Vec<_> = std::iter::once(guess.clone()).chain(beside).collect();
            let question = sentences::which(LaneName::Production, &all, &[]);
            proposal.ask(LaneName::Production, question, all.into_iter().map(|g| g.lane).collect());
        } else if guess.doubts.is_empty() && !has_choices(ways, way) {
            proposal.production = Some(guess.lane.clone());
            let sentence = sentences::observed(&guess.lane);
            proposal.answer(LaneName::Production, Answerability::Sure, sentence);
        } else {
            let question = sentences::doubtful(LaneName::Production, &guess);
            proposal.ask(LaneName::Production, question, vec![guess.lane.clone()]);
        }
        guess
    }

    fn promote(
        &self,
        ways: &[ProductionWay<'a>],
        way: &ProductionWay<'a>,
        is_sure: bool,
        proposal: &mut Proposal,
    ) {
        let calls = calls::calls(ways, self.files, self.place);
        let ready: Vec<_> = calls
            .iter()
            .filter_map(|(_, call)| match call {
                CallReadiness::Ready(call) => Some(call),
                _ => None,
            })
            .collect();
        let asked = calls.iter().find_map(|(_, call)| match call {
            CallReadiness::Asked(call, questions) => Some((call, questions)),
            _ => None,
        });
        match (&ready[..], asked) {
            ([call], _) if is_sure => {
                proposal.call = Some((*call).clone());
                for lane in [LaneName::Promote, LaneName::Rollback] {
                    proposal.answer(lane, Answerability::Sure, sentences::starts(call));
                }
            }
            ([], None) => {
                let why = calls.iter().find_map(|(_, call)| match call {
                    CallReadiness::NotPossible(why) => Some(why.clone()),
                    _ => None,
                });
                let (promote, rollback) = sentences::no_call(way, why.as_deref());
                if way.pattern == ProductionPattern::AfterStaging {
                    proposal.ask(LaneName::Promote, sentences::is_approved(way), Vec::new());
                } else {
                    proposal.answer(LaneName::Promote, Answerability::NotPossible, promote);
                }
                proposal.answer(LaneName::Rollback, Answerability::NotPossible, rollback);
            }
            ([], Some((call, questions))) => {
                let question = questions.join(" ");
                proposal.ask_call(&sentences::question_of_call(&question), call);
            }
            ([call, ..], _) => {
                let files: Vec<_> = ready.iter().map(|call| call.workflow.as_str()).collect();
                let question = if files.len() == 1 {
                    format!("Does {} deploy production?", files[0])
                } else {
                    format!("Which workflow should a promote start: {}?", files.join(" or "))
                };
                proposal.ask_call(&question, call);
            }
        }
        proposal.change = change::of(
            way,
            proposal.call.as_ref().or_else(|| asked.map(|(call, _)| call)),
            ways,
            self.files,
        );
    }

    /// Jobs deploy, and no name says which environment it is. What runs last on a build's way is the candidate.
    fn of_unclear(&self, mut unclear: Vec<ProductionWay<'a>>) -> Proposal {
        let is_trunk = |way: &ProductionWay<'_>| *way.first().trigger() == TriggerKind::PushTrunk;
        let has_staging = self.all.iter().any(|job| job.class() == Some(EnvironmentClass::Staging));
        let trunk: Vec<_> =
            unclear.iter().filter(|way| is_trunk(way)).map(|way| way.jobs.clone()).collect();
        let has_later =
            unclear.iter().any(|way| !is_trunk(way) && way.pattern != ProductionPattern::Dispatch);
        if has_later {
            unclear.retain(|way| !is_trunk(way));
        }
        let mut proposal = self.of_ways(&unclear, false);
        if !has_staging
            && has_later
            && let Some(jobs) = trunk.first()
        {
            let guess = self.guess(jobs);
            proposal.answers.retain(|answer| answer.lane != LaneName::Staging);
            let question = sentences::is_this_staging(&guess);
            proposal.ask(LaneName::Staging, question, vec![guess.lane]);
        }
        proposal.answers.sort_by_key(|answer| answer.lane as u8);
        proposal
    }

    /// The staging lanes that merges deploy.
    fn by_merge(&self) -> Vec<Vec<&'a DeployingJob>> {
        let mut lanes = lanes::staging_lanes(self.all);
        lanes.retain(|lane| sentences::starts_by_itself(lane[0]));
        lanes
    }

    fn handed_over(&self) -> Proposal {
        let mut proposal = self.empty(ProductionPattern::HandedOver);
        let jobs: Vec<_> = self.all.iter().filter(|job| self.is_handed_on(job)).collect();
        for to in jobs.iter().filter_map(|job| job.hand_over.clone()) {
            if !proposal.handed_over.contains(&to) {
                proposal.handed_over.push(to);
            }
        }
        proposal.sentence = sentences::hands_over(&jobs);
        let lanes = self.by_merge();
        if lanes.is_empty() {
            let sentence = "no workflow here deploys staging itself".to_owned();
            proposal.answer(LaneName::Staging, Answerability::NotPossible, sentence);
        } else {
            let guesses: Vec<_> = lanes.iter().map(|lane| self.guess(lane)).collect();
            let question = sentences::which(LaneName::Staging, &guesses, &lanes::last_of(&lanes));
            proposal.ask(
                LaneName::Staging,
                question,
                guesses.into_iter().map(|g| g.lane).collect(),
            );
        }
        let known = "that a hand-over succeeded is not that a build is live".to_owned();
        proposal.answer(LaneName::Production, Answerability::NotPossible, known);
        for lane in [LaneName::Promote, LaneName::Rollback] {
            let sentence = "name the repository and the workflow that deploy".to_owned();
            proposal.answer(lane, Answerability::NotPossible, sentence);
        }
        proposal
    }

    fn none(&self) -> Proposal {
        let mut proposal = self.empty(ProductionPattern::NoneHere);
        proposal.sentence = sentences::nothing_here(self.files);
        let lanes = self.by_merge();
        let guesses: Vec<_> = lanes.iter().map(|lane| self.guess(lane)).collect();
        match &guesses[..] {
            [] => proposal.answer(
                LaneName::Staging,
                Answerability::NotPossible,
                "no workflow here deploys staging".into(),
            ),
            [guess] if guess.doubts.is_empty() && sentences::starts_by_itself(guess.jobs[0]) => {
                proposal.answer(
                    LaneName::Staging,
                    Answerability::Sure,
                    sentences::observed(&guess.lane),
                );
                proposal.staging = Some(guess.lane.clone());
            }
            several => {
                let question =
                    sentences::which(LaneName::Staging, several, &lanes::last_of(&lanes));
                proposal.ask(
                    LaneName::Staging,
                    question,
                    several.iter().map(|g| g.lane.clone()).collect(),
                );
            }
        }
        for lane in [LaneName::Production, LaneName::Promote, LaneName::Rollback] {
            let sentence = "no workflow here deploys production".to_owned();
            proposal.answer(lane, Answerability::NotPossible, sentence);
        }
        proposal
    }
}

/// The ways of other workflows that are taken when this one is: several services.
fn beside<'w, 'a>(
    ways: &'w [ProductionWay<'a>],
    way: &'w ProductionWay<'a>,
) -> impl Iterator<Item = &'w ProductionWay<'a>> {
    ways.iter().filter(move |other| {
        other.pattern == way.pattern
            && other.first().file != way.first().file
            && *other.first().trigger() != TriggerKind::Dispatch
    })
}

/// Whether one workflow has several choices for production.
fn has_choices(ways: &[ProductionWay<'_>], way: &ProductionWay<'_>) -> bool {
    let of_file = |other: &&ProductionWay<'_>| {
        other.first().file == way.first().file && *other.first().trigger() == TriggerKind::Dispatch
    };
    *way.first().trigger() == TriggerKind::Dispatch && ways.iter().filter(of_file).count() > 1
}

/// Jobs of one run by what their environments are called.
fn split<'a>(jobs: &[&'a DeployingJob]) -> Vec<Vec<&'a DeployingJob>> {
    let mut lanes: Vec<Vec<&DeployingJob>> = Vec::new();
    for job in jobs {
        let words = crate::deploys::lane_words(job);
        match lanes.iter_mut().find(|lane| crate::deploys::lane_words(lane[0]) == words) {
            Some(lane) => lane.push(job),
            None => lanes.push(vec![job]),
        }
    }
    lanes
}

impl Proposal {
    fn answer(&mut self, lane: LaneName, is: Answerability, sentence: String) {
        self.answers.push(LaneAnswer { lane, is, sentence });
    }

    fn ask(&mut self, lane: LaneName, question: String, observe: Vec<ObservedLane>) {
        self.answer(lane, Answerability::Asked, question.clone());
        self.questions.push(LaneQuestion { lane, question, observe, call: None });
    }

    fn ask_call(&mut self, question: &str, call: &WorkflowCall) {
        for lane in [LaneName::Promote, LaneName::Rollback] {
            self.answer(lane, Answerability::Asked, question.to_owned());
        }
        let call = Some(call.clone());
        let question = question.to_owned();
        self.questions.push(LaneQuestion {
            lane: LaneName::Promote,
            question,
            observe: Vec::new(),
            call,
        });
    }
}

/// What an unclear target is called, for a question.
pub(crate) fn target_name(job: &DeployingJob) -> Option<&str> {
    match &job.target {
        DeployTarget::Sure { name, .. } | DeployTarget::Unclear(Some(name)) => Some(name),
        DeployTarget::Unclear(None) => None,
    }
}

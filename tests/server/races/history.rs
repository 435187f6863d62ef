//! Checks what callers were told against what was recorded.
//!
//! Every receipt belongs to the events that it names, every event of a person to one key, a refusal to none, an unknown
//! to one or none; and the record has commands in an order in which they can have happened.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use trunkline::backend::{Answer, BackendError};
use trunkline::domain::command::{Command, Receipt, Refusal};
use trunkline::domain::event::{DeploymentKind, Event, Fact};
use trunkline::domain::ids::{DeploymentId, Environment, IdempotencyKey, Seq};
use trunkline::domain::people::Actor;

/// One call: who sent what under which key, when, and what came back.
#[derive(Debug, Clone)]
pub struct Call {
    pub key: IdempotencyKey,
    pub who: String,
    pub command: Command,
    pub sent: Instant,
    pub answered: Instant,
    pub answer: Answer<Receipt>,
}

impl Call {
    pub fn receipt(&self) -> Option<&Receipt> {
        self.answer.as_ref().ok()
    }

    fn is_unknown(&self) -> bool {
        matches!(self.answer, Err(BackendError::Unknown(_)))
    }
}

/// Everything that was called about one key.
struct Intent<'a> {
    who: &'a str,
    command: &'a Command,
    first_sent: Instant,
    /// When somebody was first told that it is recorded.
    told: Option<(Instant, Receipt)>,
    unknown: bool,
}

/// # Panics
/// With what is wrong, when the calls and the record contradict each other.
pub fn check(calls: &[Call], events: &[Event]) {
    let intents = intents(calls);
    let mut owners: BTreeMap<Seq, &IdempotencyKey> = BTreeMap::new();
    for (key, intent) in &intents {
        let Some((_, receipt)) = &intent.told else { continue };
        for event in caused(receipt, intent.command, events) {
            let actor = Actor::Person(intent.who.to_owned());
            assert_eq!(event.actor, actor, "{key:?} was answered with somebody else's {event:?}");
            let other = owners.insert(event.seq, key);
            assert_eq!(other, None, "{event:?} answers two keys, the other is {key:?}");
        }
    }
    let mut unclaimed: Vec<_> = events
        .iter()
        .filter(|e| e.actor != Actor::System && !owners.contains_key(&e.seq))
        .filter(|e| !matches!(e.fact, Fact::Refused { .. }))
        .collect();
    for intent in intents.values().filter(|intent| intent.told.is_none() && intent.unknown) {
        let actor = Actor::Person(intent.who.to_owned());
        let fits = |event: &&Event| event.actor == actor && first_fact(intent.command, &event.fact);
        if let Some(at) = unclaimed.iter().position(fits) {
            unclaimed.remove(at);
        }
    }
    assert_eq!(unclaimed, Vec::<&Event>::new(), "recorded, but nobody asked for it");
    refusals_are_recorded(calls, events);
    in_real_time(&intents);
    one_at_a_time(events);
}

/// Whoever was refused by a guard or a changed world is in the record, and a sentence only if somebody was told it.
/// The same refusal is recorded once, however much older what it tells of has become.
fn refusals_are_recorded(calls: &[Call], events: &[Event]) {
    let recorded = || {
        events.iter().filter_map(|event| match &event.fact {
            Fact::Refused { what, sentence, .. } => Some((&event.actor, what, sentence)),
            _ => None,
        })
    };
    let told: Vec<_> = calls.iter().filter_map(refused).collect();
    for (actor, call, sentence) in &told {
        let wanted = call.command.what(None);
        let is_there =
            |(by, what, _): (&Actor, &String, &String)| by == actor && what.starts_with(&wanted);
        assert!(recorded().any(is_there), "{actor} was refused and it is not recorded: {sentence}");
    }
    for (by, what, sentence) in recorded() {
        let was_told = told.iter().any(|(actor, _, told)| actor == by && told == sentence);
        let may_be_lost = calls.iter().any(|call| call.is_unknown() && call.who == by.to_string());
        assert!(was_told || may_be_lost, "nobody told {by} of {what}: {sentence}");
    }
}

/// Who was refused by a decision, at which call, and in which words.
fn refused(call: &Call) -> Option<(Actor, &Call, String)> {
    match &call.answer {
        Err(BackendError::Refused(
            refusal @ (Refusal::Policy { .. } | Refusal::Changed { .. }),
        )) => Some((Actor::Person(call.who.clone()), call, refusal.to_string())),
        _ => None,
    }
}

fn intents(calls: &[Call]) -> BTreeMap<&IdempotencyKey, Intent<'_>> {
    let mut intents: BTreeMap<&IdempotencyKey, Intent<'_>> = BTreeMap::new();
    for call in calls {
        let intent = intents.entry(&call.key).or_insert_with(|| Intent {
            who: &call.who,
            command: &call.command,
            first_sent: call.sent,
            told: None,
            unknown: false,
        });
        intent.first_sent = intent.first_sent.min(call.sent);
        intent.unknown |= call.is_unknown();
        if let Some(receipt) = call.receipt() {
            let answered = match intent.told.take() {
                Some((before, other)) => {
                    assert_eq!(other, *receipt, "two receipts for {:?}", call.key);
                    before.min(call.answered)
                }
                None => call.answered,
            };
            intent.told = Some((answered, receipt.clone()));
        }
    }
    intents
}

/// The events that a receipt stands for: its first one and those that were recorded with it.
fn caused<'a>(
    receipt: &Receipt,
    command: &Command,
    events: &'a [Event],
) -> impl Iterator<Item = &'a Event> {
    let at = events.iter().position(|event| event.seq == receipt.seq);
    let at = at.unwrap_or_else(|| panic!("there is no event {} for {receipt:?}", receipt.seq));
    assert!(
        first_fact(command, &events[at].fact),
        "{receipt:?} of {command:?} names {:?}",
        events[at]
    );
    let count = match command {
        Command::Execute { .. } => {
            let id = receipt.deployment.expect("an execution starts a deployment");
            let request = events.iter().find(|event| DeploymentId::from(event.seq) == id);
            let request = request.expect("the deployment of a receipt is recorded");
            let Fact::DeploymentRequested(asked) = &request.fact else {
                panic!("{id} is not a request but {request:?}")
            };
            // A rollback places a hold, and lists what it leaves behind.
            let beside = if asked.kind == DeploymentKind::Rollback { 2 } else { 0 };
            request.seq.0 - receipt.seq.0 + 1 + beside
        }
        _ => 1,
    };
    events[at..].iter().take(usize::try_from(count).expect("a handful"))
}

/// Whether a command's first event can be this.
fn first_fact(command: &Command, fact: &Fact) -> bool {
    match command {
        Command::Execute { .. } => {
            matches!(fact, Fact::DeploymentRequested(_) | Fact::CancelRequested { .. })
        }
        Command::Cancel { .. } => matches!(fact, Fact::CancelRequested { .. }),
        Command::Verify { .. } => matches!(fact, Fact::BuildVerified { .. }),
        Command::GiveUp { .. } => matches!(fact, Fact::StepEnded { .. }),
        Command::Hold { .. } => matches!(fact, Fact::HoldPlaced { .. }),
        Command::Release { .. } => matches!(fact, Fact::HoldReleased { .. }),
        Command::Quarantine { .. } => matches!(fact, Fact::CommitsQuarantined { .. }),
        Command::Clear { .. } => matches!(fact, Fact::CommitCleared { .. }),
        Command::Ask { .. } => matches!(fact, Fact::PromoterRequested { .. }),
        Command::Withdraw { .. } => matches!(fact, Fact::RequestWithdrawn { .. }),
        Command::Freeze { .. } => matches!(fact, Fact::FreezePlaced { .. }),
        Command::Lift { .. } => matches!(fact, Fact::FreezeLifted { .. }),
        Command::Rehearse {} => matches!(fact, Fact::DeploymentRequested(_)),
        Command::BuildTip {} => matches!(fact, Fact::BuildFound { .. }),
        Command::Adopt { .. } => matches!(fact, Fact::ProductionAdopted(_)),
        Command::SeeWatch { .. } => matches!(fact, Fact::WatchSeen(_)),
        Command::StopAll { .. } => matches!(fact, Fact::HoldPlaced { all: true, .. }),
        Command::Note(_) => matches!(fact, Fact::Noted(_)),
        Command::Tick(_) => matches!(fact, Fact::LeftoverTicked(_)),
        Command::Untick(_) => matches!(fact, Fact::LeftoverUnticked(_)),
        Command::Continue { .. } => matches!(fact, Fact::WaveContinued(_)),
        Command::OpenIncident(_) => matches!(fact, Fact::IncidentOpened(_)),
        Command::UpdateIncident(_) => matches!(fact, Fact::IncidentUpdated(_)),
        Command::ResolveIncident { .. } => matches!(fact, Fact::IncidentResolved(_)),
        Command::ReopenIncident { .. } => matches!(fact, Fact::IncidentReopened(_)),
        Command::WritePostmortem { .. } => matches!(fact, Fact::PostmortemWritten(_)),
        Command::OpenPostmortemIssue { .. } => matches!(fact, Fact::PostmortemWritten(_)),
        Command::DismissPostmortem { .. } => matches!(fact, Fact::PostmortemDismissed(_)),
        Command::UsersNotAffected { .. } => matches!(fact, Fact::UsersNotAffected(_)),
    }
}

/// What was answered before something else was sent is recorded before it.
fn in_real_time(intents: &BTreeMap<&IdempotencyKey, Intent<'_>>) {
    let told: Vec<_> = intents
        .values()
        .filter_map(|intent| intent.told.as_ref().map(|(at, r)| (intent.first_sent, *at, r.seq)))
        .collect();
    let (mut by_sent, mut by_answered) = (told.clone(), told);
    by_sent.sort_by_key(|(sent, ..)| *sent);
    by_answered.sort_by_key(|(_, answered, _)| *answered);
    let mut answered = by_answered.into_iter().peekable();
    let mut newest = Seq(0);
    for (sent, _, seq) in by_sent {
        while let Some((.., before)) = answered.next_if(|(_, at, _)| *at < sent) {
            newest = newest.max(before);
        }
        assert!(seq > newest, "{seq} was sent after {newest} was answered");
    }
}

/// One deployment at a time runs in an environment, each ends once, and each of its steps begins once.
pub fn one_at_a_time(events: &[Event]) {
    let mut environments: BTreeMap<DeploymentId, Environment> = BTreeMap::new();
    let mut running: BTreeMap<Environment, DeploymentId> = BTreeMap::new();
    let (mut ended, mut steps) = (BTreeSet::new(), BTreeSet::new());
    for event in events {
        match &event.fact {
            Fact::DeploymentRequested(request) => {
                environments.insert(event.seq.into(), request.environment);
            }
            Fact::DeploymentStarted { deployment, .. } => {
                let before = running.insert(environments[deployment], *deployment);
                assert_eq!(before, None, "{deployment} starts while another runs");
            }
            Fact::StepStarted { deployment, step, .. } => {
                assert!(steps.insert((*deployment, *step)), "{deployment} runs {step} twice");
            }
            Fact::DeploymentEnded { deployment, .. } => {
                assert!(ended.insert(*deployment), "{deployment} ends twice");
                running.retain(|_, id| id != deployment);
            }
            _ => {}
        }
    }
    let open: Vec<_> = environments.keys().filter(|id| !ended.contains(id)).collect();
    assert!(open.is_empty(), "{open:?} have no end");
}

//! The record against what clients were told and what steps noted: nothing lost, nothing doubled, nothing torn.

use std::collections::BTreeMap;

use rusqlite::Connection;
use trunkline::domain::command::Command;
use trunkline::domain::deployment::Deployment;
use trunkline::domain::event::{DeploymentKind, Event, Fact, StepOutcome};
use trunkline::domain::ids::{DeploymentId, Seq};
use trunkline::domain::log::{LogPage, Stream};
use trunkline::domain::service::ServiceState;
use trunkline::engine::runner::local::run::RunFolder;
use trunkline::store::Reader;

use super::clients::{Asked, Told};
use super::shop::{LINES, Shop};

pub struct History {
    pub events: Vec<Event>,
    pub state: ServiceState,
    reader: Reader,
}

impl History {
    /// Reads the record, which has to be whole.
    pub fn read(shop: &Shop) -> Self {
        is_sound(&shop.database());
        let reader = Reader::open(&shop.database()).unwrap();
        let events = reader.events(None, Seq(0), usize::MAX).unwrap();
        let mut state = ServiceState::default();
        for event in &events {
            state.apply(event);
        }
        Self { events, state, reader }
    }

    /// Everything that was acknowledged is there once, and nothing else that a person could have asked for.
    pub fn has_what_was_told(&self, asked: &[Asked]) {
        let mut deployments = 0;
        for asked in asked {
            let receipt = self.reader.receipt(&asked.key).unwrap();
            let mut done = asked.told.iter().filter_map(|told| match told {
                Told::Done(receipt) => Some(receipt),
                Told::Nothing(_) | Told::Lost => None,
            });
            let may_be = asked.told.contains(&Told::Lost);
            match (&receipt, done.next()) {
                (Some(kept), Some(told)) => {
                    assert_eq!(kept, told, "another receipt than was told: {asked:#?}");
                    assert!(done.all(|again| again == told), "told two things: {asked:#?}");
                }
                (None, Some(_)) => panic!("acknowledged, and not in the record: {asked:#?}"),
                (Some(_), None) => assert!(may_be, "said not to be done, and was: {asked:#?}"),
                (None, None) => {}
            }
            let Some(receipt) = receipt else { continue };
            let event = self.events.iter().find(|event| event.seq == receipt.seq);
            assert!(event.is_some(), "a receipt without its event: {asked:#?}");
            if let Command::Execute { .. } = asked.command {
                deployments += 1;
                let id = receipt.deployment.expect("an execution is a deployment");
                assert!(self.state.deployments.contains_key(&id), "no {id}: {asked:#?}");
            }
        }
        assert_eq!(self.by_hand().count(), deployments, "deployments that nobody asked for");
    }

    /// The deployments that a person asked for.
    pub fn by_hand(&self) -> impl Iterator<Item = &Deployment> {
        let by_hand = |d: &&Deployment| d.request.kind != DeploymentKind::Auto;
        self.state.deployments.values().filter(by_hand)
    }

    /// Every deployment has ended, each of its facts stands once, and its steps ran as the record says.
    pub fn agrees_with_the_steps(&self, shop: &Shop) {
        self.each_fact_stands_once();
        let ran = shop.ran();
        for deployment in self.state.deployments.values() {
            let id = deployment.id;
            assert!(!deployment.is_open(), "{id} stays open for ever: {deployment:#?}");
            for step in 0..deployment.steps.len() {
                let times = ran.get(&(id, step)).copied().unwrap_or_default();
                let outcome = self.outcome(id, step);
                let wanted = match outcome {
                    None | Some(StepOutcome::NotStarted(_)) => 0..=0,
                    Some(StepOutcome::Succeeded) => 1..=1,
                    Some(_) => 0..=1,
                };
                assert!(wanted.contains(&times), "{id} step {step} ran {times} times: {outcome:?}");
                if outcome == Some(&StepOutcome::Succeeded) {
                    log_is_whole(shop, id, step);
                }
            }
        }
        let running = shop.living();
        assert!(running.is_empty(), "steps of ended deployments run: {running:?}");
    }

    fn each_fact_stands_once(&self) {
        let mut seen: BTreeMap<String, Seq> = BTreeMap::new();
        for event in &self.events {
            let name = match &event.fact {
                Fact::DeploymentStarted { deployment, .. } => format!("{deployment} started"),
                Fact::DeploymentEnded { deployment, .. } => format!("{deployment} ended"),
                Fact::StepStarted { deployment, step, .. } => {
                    format!("{deployment} {step} started")
                }
                Fact::StepEnded { deployment, step, .. } => format!("{deployment} {step} ended"),
                Fact::BuildFound { build, .. } => format!("{build} found"),
                _ => continue,
            };
            let before = seen.insert(name.clone(), event.seq);
            assert_eq!(before, None, "recorded twice, again as {}: {name}", event.seq);
        }
    }

    pub fn outcome(&self, id: DeploymentId, at: usize) -> Option<&StepOutcome> {
        self.events.iter().find_map(|event| match &event.fact {
            Fact::StepEnded { deployment, step, outcome, .. } => {
                (*deployment == id && *step == at).then_some(outcome)
            }
            _ => None,
        })
    }
}

/// The database is in order by its own judgement and by that of the chain, which also finds a gap.
pub fn is_sound(database: &std::path::Path) {
    let connection = Connection::open(database).unwrap();
    let verdict: String =
        connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(verdict, "ok", "{}", database.display());
    let broken = Reader::open(database).unwrap().walk(None).unwrap().broken;
    assert_eq!(broken, None, "{}", database.display());
}

/// Each line that the step wrote stands there once and in order.
fn log_is_whole(shop: &Shop, id: DeploymentId, step: usize) {
    let path = RunFolder::of(&shop.runs(), id, step).log();
    let page = LogPage { bytes: std::fs::read(&path).unwrap(), ..LogPage::default() };
    let lines: Vec<_> = page
        .lines()
        .filter(|line| line.stream != Stream::Note)
        .map(|line| String::from_utf8_lossy(&line.text).into_owned())
        .collect();
    let wanted: Vec<_> = (1..=LINES).map(|line| format!("line {line}")).collect();
    assert_eq!(lines, wanted, "{}", path.display());
}

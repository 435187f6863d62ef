//! The rows of the recovery table: what the record has last when an engine is killed, and what the other engine knows then.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode};
use trunkline::domain::deployment::{Deployment, StepState};
use trunkline::domain::ids::{Seq, Sha};
use trunkline::domain::service::ServiceState;
use trunkline::store::Reader;

use super::place::Place;

/// How long a row is waited for that may be over already.
const LONGEST: Duration = Duration::from_secs(20);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Row {
    /// Nothing is under way, or everything has ended.
    Idle,
    /// 0: it was requested, perhaps it has started, and no step of it has.
    Requested,
    /// 1: its step has started, and is not recorded as sent.
    Started,
    /// 2: its step is recorded as sent, and its run is not known.
    Sent,
    /// 3: its run is known.
    Found,
    /// 4: the same, and it is to be cancelled.
    Cancelled,
    /// 5: its run has ended there, which is not recorded.
    EndedThere,
    /// 6: one of its steps has ended, and the next has not started.
    Between,
}

impl Row {
    /// Those in which engines are killed.
    pub const ALL: [Self; 7] = [
        Self::Requested,
        Self::Started,
        Self::Sent,
        Self::Found,
        Self::Cancelled,
        Self::EndedThere,
        Self::Between,
    ];

    /// Whether it lasts only from one commit to the next.
    pub fn is_short(self) -> bool {
        matches!(self, Self::Requested | Self::Started | Self::Between | Self::EndedThere)
    }
}

/// The record of an engine, looked at from outside, and held still if need be.
pub struct Record {
    lock: Connection,
    is_held: bool,
    reader: Reader,
    seen: Seq,
    state: ServiceState,
}

impl Record {
    pub fn open(database: &Path) -> Self {
        let lock = Connection::open(database).unwrap();
        lock.busy_timeout(Duration::ZERO).unwrap();
        let (reader, seen) = (Reader::open(database).unwrap(), Seq(0));
        Self { lock, is_held: false, reader, seen, state: ServiceState::default() }
    }

    /// Waits for the row of a commit's deployment, and holds the record still in it if that is wanted: the engine then
    /// cannot record what follows. `false` if it was over before it was seen.
    pub fn meet(&mut self, sha: &Sha, row: Row, holds: bool, place: &Place) -> bool {
        let deadline = Instant::now() + LONGEST;
        // What has ended there is known to the engine by a look, which comes later than the mark of its script.
        let wanted = if row == Row::EndedThere { Row::Found } else { row };
        while Instant::now() < deadline {
            let is_held = holds && self.hold();
            if holds && !is_held {
                std::thread::yield_now();
                continue;
            }
            let now = self.row(sha);
            let is_there = now == wanted
                && (row != Row::EndedThere
                    || self.key(sha).is_some_and(|key| place.has_printed_all(&key)));
            if is_there {
                return true;
            }
            self.let_go();
            if now == Row::Idle && self.deployment(sha).is_some() {
                return false;
            }
            std::thread::park_timeout(Duration::from_micros(300));
        }
        false
    }

    /// Takes the right to write from the engine, if it has it not just now.
    fn hold(&mut self) -> bool {
        match self.lock.execute_batch("BEGIN IMMEDIATE") {
            Ok(()) => self.is_held = true,
            Err(error) => assert_eq!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy)),
        }
        self.is_held
    }

    pub fn let_go(&mut self) {
        if std::mem::take(&mut self.is_held) {
            self.lock.execute_batch("ROLLBACK").unwrap();
        }
    }

    /// Where the deployment of a commit is by the record.
    pub fn row(&mut self, sha: &Sha) -> Row {
        for event in self.reader.events(None, self.seen, 10_000).unwrap() {
            self.seen = event.seq;
            self.state.apply(&event);
        }
        let Some(deployment) = self.deployment(sha).filter(|deployment| deployment.is_open())
        else {
            return Row::Idle;
        };
        let ended = deployment.steps.iter().any(|step| matches!(step, StepState::Ended { .. }));
        let Some(step) = deployment.running_step() else {
            return if ended { Row::Between } else { Row::Requested };
        };
        match deployment.sent(step) {
            None => Row::Started,
            Some(sent) if sent.run.is_none() => Row::Sent,
            Some(_) if deployment.cancel.is_some() => Row::Cancelled,
            Some(_) => Row::Found,
        }
    }

    /// The key of the step that runs, and the number of its run there.
    pub fn run(&self, sha: &Sha) -> Option<(String, String)> {
        let deployment = self.deployment(sha)?;
        let sent = deployment.sent(deployment.running_step()?)?;
        Some((sent.key.to_string(), sent.run.as_ref()?.id.clone()))
    }

    /// The key of the step that runs.
    pub fn key(&self, sha: &Sha) -> Option<String> {
        let deployment = self.deployment(sha)?;
        Some(deployment.sent(deployment.running_step()?)?.key.to_string())
    }

    fn deployment(&self, sha: &Sha) -> Option<&Deployment> {
        self.state.deployments.values().find(|deployment| deployment.request.sha == *sha)
    }
}

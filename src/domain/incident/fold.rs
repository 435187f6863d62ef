//! The incidents of a service after its events, and the questions that its rollbacks leave open.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::standing::UsersQuestion;
use super::{
    Incident, IncidentEnd, IncidentTurn, IncidentUpdate, LinkedRollback, NotAffected,
    PostmortemRecord, TakenBack,
};
use crate::domain::deployment::{Deployment, DeploymentState};
use crate::domain::event::{DeploymentKind, Event, Fact, IncidentOpened, IncidentUpdated};
use crate::domain::ids::{BuildNumber, DeploymentId, Environment, IncidentId};
use crate::domain::service::ServiceState;

/// How long after a rollback an incident is about it, unless somebody says otherwise.
pub(super) const RECENT: TimeDelta = TimeDelta::days(1);

/// The incidents of one service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Incidents {
    all: BTreeMap<IncidentId, Incident>,
    /// The rollbacks of which nobody said yet whether users were affected, oldest first.
    questions: Vec<UsersQuestion>,
    /// What was said of the others.
    not_affected: BTreeMap<DeploymentId, NotAffected>,
}

impl Incidents {
    #[must_use]
    pub fn get(&self, id: IncidentId) -> Option<&Incident> {
        self.all.get(&id)
    }

    /// Oldest first.
    #[must_use]
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Incident> {
        self.all.values()
    }

    /// Those that are not resolved, oldest first.
    #[must_use]
    pub fn open(&self) -> impl DoubleEndedIterator<Item = &Incident> {
        self.iter().filter(|incident| incident.is_open())
    }

    /// The newest one that is about this deployment.
    #[must_use]
    pub fn about(&self, deployment: DeploymentId) -> Option<&Incident> {
        self.iter().rev().find(|incident| incident.is_about(deployment))
    }

    /// The rollbacks of which nobody said yet whether users were affected, oldest first.
    #[must_use]
    pub fn questions(&self) -> &[UsersQuestion] {
        &self.questions
    }

    /// The newest of them, if it is of the last day: an incident that is opened now is about that one.
    #[must_use]
    pub fn recent_question(&self, now: DateTime<Utc>) -> Option<DeploymentId> {
        let newest = self.questions.last().filter(|asked| now - asked.at <= RECENT)?;
        newest.rollback()
    }

    /// Who said that users were not affected by what this rollback took back.
    #[must_use]
    pub fn not_affected(&self, rollback: DeploymentId) -> Option<&NotAffected> {
        self.not_affected.get(&rollback)
    }

    fn take_in(&mut self, event: &Event, earlier: Vec<TakenBack>) {
        match &event.fact {
            Fact::IncidentOpened(opened) => self.opened(event, opened, earlier),
            Fact::IncidentUpdated(updated) => self.updated(event, updated),
            Fact::IncidentResolved(resolved) => {
                let end = IncidentEnd {
                    seq: event.seq,
                    by: event.actor.clone(),
                    written_at: event.at,
                    at: resolved.at,
                    text: resolved.text.clone(),
                };
                self.turned(event, resolved.incident, &resolved.text, IncidentTurn::Resolved);
                self.change(resolved.incident, |incident| incident.resolved = Some(end));
            }
            Fact::IncidentReopened(reopened) => {
                self.turned(event, reopened.incident, &reopened.reason, IncidentTurn::Reopened);
                self.change(reopened.incident, |incident| incident.resolved = None);
            }
            Fact::PostmortemWritten(written) if written.draft => {
                let place = written.place.clone();
                self.change(written.incident, |incident| incident.issue = Some(place));
            }
            Fact::PostmortemWritten(written) => {
                let (by, at, place) = (event.actor.clone(), event.at, written.place.clone());
                let document = PostmortemRecord::Written { by, at, place };
                self.change(written.incident, |incident| incident.document = Some(document));
            }
            Fact::PostmortemDismissed(dismissed) => {
                let (by, at, reason) = (event.actor.clone(), event.at, dismissed.reason.clone());
                let document = PostmortemRecord::Dismissed { by, at, reason };
                self.change(dismissed.incident, |incident| incident.document = Some(document));
            }
            Fact::UsersNotAffected(answer) => {
                let said = NotAffected {
                    by: event.actor.clone(),
                    at: event.at,
                    note: answer.note.clone(),
                };
                for rollback in answer.rollbacks() {
                    self.not_affected.insert(rollback, said.clone());
                    for asked in &mut self.questions {
                        asked.rollbacks.retain(|linked| linked.rollback != rollback);
                    }
                }
                self.questions.retain(|asked| !asked.rollbacks.is_empty());
            }
            _ => {}
        }
    }

    fn opened(&mut self, event: &Event, opened: &IncidentOpened, earlier: Vec<TakenBack>) {
        let mut rollbacks: Vec<LinkedRollback> = Vec::new();
        if let Some(rollback) = opened.rollback {
            self.not_affected.remove(&rollback);
            rollbacks = self.answered(rollback);
            if rollbacks.iter().all(|linked| linked.rollback != rollback) {
                let (to, took_back) = (opened.to, opened.took_back);
                rollbacks.push(LinkedRollback { rollback, to, took_back, earlier });
            }
        }
        let id = IncidentId::from(event.seq);
        let incident = Incident {
            id,
            title: opened.title.clone(),
            severity: opened.severity.clone(),
            users_affected: opened.users_affected,
            by: event.actor.clone(),
            opened_at: event.at,
            rollbacks,
            updates: Vec::new(),
            resolved: None,
            document: None,
            issue: None,
        };
        self.all.insert(id, incident);
    }

    fn updated(&mut self, event: &Event, updated: &IncidentUpdated) {
        let update = IncidentUpdate {
            seq: event.seq,
            by: event.actor.clone(),
            written_at: event.at,
            at: updated.at,
            text: updated.text.clone(),
            mark: updated.mark,
            severity: updated.severity.clone(),
            users_affected: updated.users_affected,
            turn: None,
        };
        self.change(updated.incident, |incident| {
            if let Some(severity) = &update.severity {
                incident.severity.clone_from(severity);
            }
            incident.users_affected = update.users_affected.unwrap_or(incident.users_affected);
            incident.updates.push(update);
        });
    }

    fn turned(&mut self, event: &Event, id: IncidentId, text: &str, turn: IncidentTurn) {
        let update = IncidentUpdate {
            seq: event.seq,
            by: event.actor.clone(),
            written_at: event.at,
            at: None,
            text: text.to_owned(),
            mark: None,
            severity: None,
            users_affected: None,
            turn: Some(turn),
        };
        self.change(id, |incident| incident.updates.push(update));
    }

    fn change(&mut self, id: IncidentId, change: impl FnOnce(&mut Incident)) {
        if let Some(incident) = self.all.get_mut(&id) {
            change(incident);
        }
    }

    /// Closes the question of a rollback, with those that it took over.
    fn answered(&mut self, rollback: DeploymentId) -> Vec<LinkedRollback> {
        let is_asked = |asked: &UsersQuestion| asked.is_of(rollback);
        let Some(at) = self.questions.iter().position(is_asked) else { return Vec::new() };
        self.questions.remove(at).rollbacks
    }

    /// A rollback asks whether users were affected. One that an open incident takes belongs to that, and while the hold of an
    /// earlier rollback stands, the two are one question.
    fn asked(&mut self, event: &Event, linked: LinkedRollback, held_by: Option<DeploymentId>) {
        if let Some(open) = self.all.values_mut().rev().find(|of| of.takes_rollback(event.at)) {
            open.rollbacks.push(linked);
            return;
        }
        let earlier = held_by
            .and_then(|earlier| self.questions.iter_mut().find(|asked| asked.is_of(earlier)));
        if let Some(earlier) = earlier {
            earlier.rollbacks.push(linked);
            earlier.at = event.at;
            return;
        }
        self.questions.push(UsersQuestion { rollbacks: vec![linked], at: event.at });
    }
}

impl ServiceState {
    /// What a rollback of production took back, as it is known when it is requested.
    #[must_use]
    pub fn linked(&self, rollback: DeploymentId) -> LinkedRollback {
        let is_earlier = |made: &&Deployment| {
            made.id < rollback
                && made.request.environment == Environment::Production
                && made.request.kind != DeploymentKind::Rollback
                && (made.started_at.is_some() || made.is_open())
        };
        let before = self.deployments.range(..rollback).map(|(_, made)| made).rev();
        let before = before.into_iter().find(is_earlier);
        let took_back =
            before.map(|made| TakenBack { deployment: made.id, build: made.request.build });
        let to = self.deployments.get(&rollback).map(|made| made.request.build);
        let earlier = to.zip(took_back).map(|(to, taken)| self.since(to, taken.deployment));
        LinkedRollback { rollback, to, took_back, earlier: earlier.unwrap_or_default() }
    }

    /// What was deployed over this build before that deployment, oldest first.
    fn since(&self, to: BuildNumber, before: DeploymentId) -> Vec<TakenBack> {
        let made = self.deployments.range(..before).map(|(_, made)| made).rev();
        let made = made.filter(|made| made.request.environment == Environment::Production);
        let is_back = |made: &&Deployment| {
            made.request.build == to && made.state() == DeploymentState::Succeeded
        };
        let is_over = |made: &&Deployment| {
            made.request.kind != DeploymentKind::Rollback
                && (made.started_at.is_some() || made.is_open())
                && (made.request.build > to || made.unknown_commit().is_some())
        };
        let over = made.take_while(|made| !is_back(made)).filter(is_over);
        let mut all: Vec<_> =
            over.map(|made| TakenBack { deployment: made.id, build: made.request.build }).collect();
        all.reverse();
        all
    }

    pub(in crate::domain) fn take_in_of_incidents(&mut self, event: &Event) {
        let rollback = match &event.fact {
            Fact::IncidentOpened(opened) => opened.rollback,
            _ => None,
        };
        let earlier = rollback.map(|rollback| self.linked(rollback).earlier);
        self.incidents.take_in(event, earlier.unwrap_or_default());
    }

    /// The hold of a rollback was placed: it asks whether users were affected.
    pub(in crate::domain) fn ask_of_users(&mut self, event: &Event, rollback: DeploymentId) {
        let linked = self.linked(rollback);
        let held = self.holds.get(&Environment::Production);
        let held_by = held.and_then(|hold| hold.rollback).filter(|held| *held != rollback);
        self.incidents.asked(event, linked, held_by);
    }
}

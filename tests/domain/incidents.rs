//! Incidents: what a rollback asks, what follows from severity and users, and when something is due.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use trunkline::domain::event::{
    DeploymentKind, DeploymentRequest, Event, Fact, IncidentOpened, IncidentReopened,
    IncidentResolved, IncidentUpdated, Outcome, PostmortemDismissed, UsersNotAffected,
};
use trunkline::domain::ids::{BuildNumber, DeploymentId, Environment, IncidentId};
use trunkline::domain::incident::{
    IncidentPolicy, IncidentStanding, PostmortemStanding, PostmortemTime, TakenBack, UsersAffected,
    UsersQuestion, users_question,
};
use trunkline_testing::record::{Record, commit, found, person, request};

const PRODUCTION: Environment = Environment::Production;

/// #1 and #2 were promoted, and #2 is live.
pub(super) struct Night {
    pub record: Record,
}

impl Night {
    pub fn begin() -> Self {
        let now = "2026-11-30T02:30:00Z".parse().unwrap();
        let mut night = Self { record: Record { now, ..Record::default() } };
        for number in [1, 2] {
            night.add("ada", found(number, vec![commit(number, "ada")]));
            night.deploy("sam", DeploymentKind::Promote, number);
            night.pass(10);
        }
        night
    }

    pub fn pass(&mut self, minutes: i64) {
        self.record.now += TimeDelta::minutes(minutes);
    }

    pub fn add(&mut self, who: &str, fact: Fact) -> u64 {
        self.record.push(person(who), fact).0
    }

    pub fn request(&mut self, who: &str, kind: DeploymentKind, build: u64) -> DeploymentId {
        let asked = DeploymentRequest { kind, ..request(PRODUCTION, build) };
        DeploymentId(self.add(who, Fact::DeploymentRequested(asked)))
    }

    pub fn finish(&mut self, deployment: DeploymentId, outcome: Outcome) {
        self.add("sam", Fact::DeploymentStarted { deployment, variables: None });
        self.record.now += TimeDelta::seconds(90);
        self.add("sam", Fact::DeploymentEnded { deployment, outcome });
    }

    fn deploy(&mut self, who: &str, kind: DeploymentKind, build: u64) -> DeploymentId {
        let deployment = self.request(who, kind, build);
        self.finish(deployment, Outcome::Succeeded);
        deployment
    }

    pub fn hold(&mut self, who: &str, rollback: Option<DeploymentId>) {
        let (environment, reason) = (PRODUCTION, "rolled back".into());
        self.add(who, Fact::HoldPlaced { environment, reason, rollback, all: false });
    }

    pub fn roll_back(&mut self, who: &str, to: u64) -> DeploymentId {
        let rollback = self.request(who, DeploymentKind::Rollback, to);
        self.hold(who, Some(rollback));
        self.finish(rollback, Outcome::Succeeded);
        rollback
    }

    pub fn release(&mut self, who: &str) {
        let (environment, reason) = (PRODUCTION, "it is well".into());
        let (bad, open) = (Vec::new(), Vec::new());
        self.add(who, Fact::HoldReleased { environment, reason, bad, open });
    }

    fn open(&mut self, severity: &str, users: UsersAffected) -> IncidentId {
        IncidentId(self.add("sam", opened(severity, users, None)))
    }

    fn say(&mut self, incident: IncidentId, at: Option<DateTime<Utc>>) {
        let updated = IncidentUpdated {
            incident,
            text: "looking".into(),
            at,
            mark: None,
            severity: None,
            users_affected: None,
        };
        self.add("raj", Fact::IncidentUpdated(updated));
    }

    fn resolve(&mut self, incident: IncidentId) {
        let resolved = IncidentResolved { incident, text: "gone".into(), at: None };
        self.add("sam", Fact::IncidentResolved(resolved));
    }

    fn asked(&self) -> Option<UsersQuestion> {
        users_question(&self.record.state, self.record.now).cloned()
    }

    fn standing(&self, incident: IncidentId) -> IncidentStanding {
        let state = &self.record.state;
        let incident = state.incidents.get(incident).expect("it was opened");
        incident.standing(&IncidentPolicy::default(), state)
    }

    fn needs_postmortem(&self, incident: IncidentId) -> bool {
        matches!(self.standing(incident).postmortem, PostmortemStanding::Needed { .. })
    }
}

fn opened(severity: &str, users_affected: UsersAffected, rollback: Option<DeploymentId>) -> Fact {
    Fact::IncidentOpened(IncidentOpened {
        title: "checkout answers 500".into(),
        severity: severity.into(),
        users_affected,
        rollback,
        to: None,
        took_back: None,
    })
}

#[test]
fn a_rollback_asks_whether_users_were_affected_once_it_is_over_and_until_somebody_says() {
    let mut night = Night::begin();
    assert_eq!(night.asked(), None, "a promote asks nothing");
    let promote = night.record.state.live(PRODUCTION).unwrap().deployment;
    let rollback = night.request("raj", DeploymentKind::Rollback, 1);
    night.hold("raj", Some(rollback));
    assert_eq!(night.asked(), None, "it still runs");
    night.finish(rollback, Outcome::Succeeded);
    let asked = night.asked().expect("it asks");
    let taken = TakenBack { deployment: promote, build: BuildNumber(2) };
    assert_eq!(asked.rollbacks[0].took_back, Some(taken));
    assert_eq!(asked.rollbacks[0].to, Some(BuildNumber(1)));
    assert!(asked.sentence().contains(&format!("of #2 ({promote}) to #1")), "{asked:?}");
    night.add(
        "sam",
        Fact::UsersNotAffected(UsersNotAffected { rollback, with: Vec::new(), note: "no".into() }),
    );
    assert_eq!(night.asked(), None);
    let said = night.record.state.incidents.not_affected(rollback).unwrap();
    assert_eq!((&said.by, said.note.as_str()), (&person("sam"), "no"));
}

#[test]
fn a_hold_by_hand_asks_nothing() {
    let mut night = Night::begin();
    night.hold("sam", None);
    assert_eq!(night.asked(), None);
}

#[test]
fn a_second_rollback_over_the_hold_of_the_first_is_the_same_question() {
    let mut night = Night::begin();
    let failed = night.request("raj", DeploymentKind::Rollback, 1);
    night.hold("raj", Some(failed));
    night.finish(failed, Outcome::Failed("step release: exit 1".into()));
    let again = night.roll_back("raj", 1);
    let asked = night.asked().unwrap();
    assert_eq!(asked.rollbacks.len(), 2);
    assert_eq!(asked.rollbacks[1].took_back, asked.rollbacks[0].took_back, "of the same promote");
    let id = IncidentId(night.add("sam", opened("SEV-2", UsersAffected::Yes, Some(again))));
    assert_eq!(night.asked(), None);
    let incident = night.record.state.incidents.get(id).unwrap();
    assert!(incident.is_about(failed) && incident.is_about(again));
}

#[test]
fn a_rollback_after_a_released_hold_asks_anew_and_one_during_an_incident_belongs_to_it() {
    let mut night = Night::begin();
    let first = night.roll_back("raj", 1);
    night.release("raj");
    let second = night.roll_back("raj", 1);
    let asked = night.asked().unwrap();
    assert!(asked.is_of(second) && !asked.is_of(first), "{asked:?}");
    let id = IncidentId(night.add("sam", opened("SEV-2", UsersAffected::Yes, Some(second))));
    night.release("raj");
    let third = night.roll_back("raj", 1);
    let incident = night.record.state.incidents.get(id).unwrap();
    assert!(incident.is_about(third), "{incident:?}");
    assert!(night.asked().unwrap().is_of(first), "the first one still has no answer");
}

#[test]
fn an_incident_is_about_a_rollback_of_the_last_day_also_while_that_runs() {
    let mut night = Night::begin();
    let rollback = night.request("raj", DeploymentKind::Rollback, 1);
    night.hold("raj", Some(rollback));
    let recent = |night: &Night| night.record.state.incidents.recent_question(night.record.now);
    assert_eq!(recent(&night), Some(rollback));
    night.finish(rollback, Outcome::Succeeded);
    night.pass(60 * 24 - 2);
    assert_eq!(recent(&night), Some(rollback));
    night.pass(2);
    assert_eq!(recent(&night), None);
}

#[test]
fn a_question_is_not_shown_for_ever() {
    let mut night = Night::begin();
    night.roll_back("raj", 1);
    let at = night.asked().unwrap().at;
    let state = &night.record.state;
    assert!(users_question(state, at + TimeDelta::days(14)).is_some());
    assert!(users_question(state, at + TimeDelta::days(14) + TimeDelta::seconds(1)).is_none());
}

#[test]
fn an_update_is_due_a_quarter_of_an_hour_after_the_last_that_tells_of_now() {
    let mut night = Night::begin();
    let opened_at = night.record.now;
    let id = night.open("SEV-2", UsersAffected::NotKnown);
    let quarter = TimeDelta::minutes(15);
    assert_eq!(night.standing(id).update_due, Some(opened_at + quarter));
    assert!(!night.standing(id).is_update_due(opened_at + quarter - TimeDelta::seconds(1)));
    assert!(night.standing(id).is_update_due(opened_at + quarter));
    night.pass(5);
    night.say(id, Some(opened_at));
    assert_eq!(night.standing(id).update_due, Some(opened_at + quarter), "it tells of the past");
    night.say(id, None);
    assert_eq!(night.standing(id).update_due, Some(night.record.now + quarter));
    night.resolve(id);
    assert_eq!(night.standing(id).update_due, None);
}

#[test]
fn users_or_the_severity_ask_for_a_postmortem() {
    let cases = [
        ("SEV-1", UsersAffected::No, true),
        ("SEV-2", UsersAffected::NotKnown, true),
        ("SEV-3", UsersAffected::Yes, true),
        ("SEV-4", UsersAffected::Yes, true),
        ("SEV-3", UsersAffected::NotKnown, false),
        ("SEV-4", UsersAffected::No, false),
        ("of before", UsersAffected::No, false),
    ];
    for (severity, users, needed) in cases {
        let mut night = Night::begin();
        let id = night.open(severity, users);
        assert_eq!(night.needs_postmortem(id), needed, "{severity} {users}");
    }
}

#[test]
fn a_severity_that_recurs_makes_a_postmortem_optional() {
    let mut night = Night::begin();
    let first = night.open("SEV-3", UsersAffected::No);
    assert_eq!(night.standing(first).postmortem, PostmortemStanding::NotNeeded);
    night.pass(60 * 24 * 30);
    let again = night.open("SEV-3", UsersAffected::No);
    let PostmortemStanding::Optional { why } = night.standing(again).postmortem else {
        panic!("it recurs")
    };
    assert!(why.contains(&format!("SEV-3 recurs: {first} was opened")), "{why}");
    let other = night.open("SEV-4", UsersAffected::No);
    assert_eq!(night.standing(other).postmortem, PostmortemStanding::NotNeeded);
    night.pass(60 * 24 * 31);
    let late = night.open("SEV-3", UsersAffected::No);
    assert_eq!(night.standing(late).postmortem, PostmortemStanding::NotNeeded);
}

#[test]
fn the_time_for_a_postmortem_runs_from_the_end_until_it_is_there_or_dismissed() {
    let mut night = Night::begin();
    let id = night.open("SEV-1", UsersAffected::Yes);
    let due = |night: &Night| match night.standing(id).postmortem {
        PostmortemStanding::Needed { due, .. } => due,
        other => panic!("{other:?}"),
    };
    assert_eq!(due(&night), None, "it is not over");
    night.resolve(id);
    assert_eq!(due(&night), Some(night.record.now + TimeDelta::days(1)));
    let reason = "the errors are back".into();
    night.add("raj", Fact::IncidentReopened(IncidentReopened { incident: id, reason }));
    assert_eq!(due(&night), None);
    night.pass(30);
    night.resolve(id);
    assert_eq!(due(&night), Some(night.record.now + TimeDelta::days(1)));
    assert!(night.standing(id).is_unfinished());
    let reason = "the same as i99".into();
    night.add("sam", Fact::PostmortemDismissed(PostmortemDismissed { incident: id, reason }));
    assert!(!night.standing(id).is_unfinished());
}

#[test]
fn business_days_leave_weekends_out() {
    let at = |text: &str| format!("{text}:00Z").parse::<DateTime<Utc>>().unwrap();
    let friday = at("2026-11-27T17:00");
    assert_eq!(PostmortemTime::BusinessDays(1).after(friday), at("2026-11-30T17:00"));
    assert_eq!(PostmortemTime::BusinessDays(5).after(friday), at("2026-12-04T17:00"));
    assert_eq!(
        PostmortemTime::BusinessDays(1).after(at("2026-11-28T03:00")),
        at("2026-11-30T03:00")
    );
    assert_eq!(PostmortemTime::Days(3).after(friday), at("2026-11-30T17:00"));
}

#[test]
fn a_severity_is_found_by_its_name_or_its_number() {
    let policy = IncidentPolicy::default();
    assert_eq!(policy.remind, Duration::from_mins(15));
    for name in ["SEV-2", "sev-2", " 2 "] {
        assert_eq!(policy.severity(name).map(|level| level.name.as_str()), Some("SEV-2"), "{name}");
    }
    assert!(policy.severity("5").is_none() && policy.severity("").is_none());
}

#[test]
fn each_event_of_an_incident_is_a_sentence_of_who_and_what() {
    let mut night = Night::begin();
    let rollback = night.roll_back("raj", 1);
    let id = IncidentId(night.add("sam", opened("SEV-2", UsersAffected::NotKnown, Some(rollback))));
    let at = "2026-11-30T02:51:00Z".parse().unwrap();
    night.say(id, Some(at));
    night.resolve(id);
    let said: Vec<_> = night.record.events.iter().rev().take(3).map(Event::sentence).collect();
    assert_eq!(said[0], format!("sam resolved {id}: gone"));
    assert_eq!(said[1], format!("raj on {id}, of Mon 2026-11-30 02:51 UTC: looking"));
    assert_eq!(
        said[2],
        format!(
            "sam opened incident {id}, SEV-2: checkout answers 500 (not known whether users are affected, after rollback {rollback})"
        )
    );
}

//! What every place says of one world: status, header, list of services, plan, both dialogs, and what a client reads in the
//! JSON of the API.

use chrono::{DateTime, Utc};
use trunkline::calendar::{FreezeRules, Tz};
use trunkline::domain::command::Action;
use trunkline::domain::commit::Range;
use trunkline::domain::event::StepSpec;
use trunkline::domain::people::People;
use trunkline::domain::plan::{Migrations, Plan, PlanInput, plan};
use trunkline::domain::policy::Policy;
use trunkline::domain::schema::Verdict;
use trunkline::domain::service::ServiceState;
use trunkline::domain::snapshot::build::{self, SnapshotInput};
use trunkline::domain::snapshot::{FleetSnapshot, ServiceSnapshot, Version};
use trunkline::domain::variables::KnownVariables;
use trunkline::domain::words::standing;
use trunkline_testing::record::{checkout, commit, person, sha};

use crate::simulation::screen::Screen;

/// The world that is told of.
pub struct Place<'a> {
    pub state: &'a ServiceState,
    pub policy: &'a Policy,
    /// The rollback steps of the build to which a rollback goes.
    pub rollback: &'a [StepSpec],
    pub now: DateTime<Utc>,
}

impl Place<'_> {
    pub fn snapshot(&self) -> ServiceSnapshot {
        let (freezes, people) = (FreezeRules::default(), People::default());
        let made = self.input(&freezes, &people, |input| {
            build::service(input, &person("sam"), Version("1".into()), self.now)
        });
        ServiceSnapshot { rules_in_doubt: Some(Vec::new()), ..made }
    }

    fn fleet(&self) -> FleetSnapshot {
        let (freezes, people) = (FreezeRules::default(), People::default());
        let row = self.input(&freezes, &people, |input| build::fleet_row(input, self.now));
        let (version, at) = (Version("1".into()), self.now);
        FleetSnapshot { version, at, services: vec![row], problems: Vec::new() }
    }

    fn input<T>(
        &self,
        freezes: &FreezeRules,
        people: &People,
        made: impl FnOnce(SnapshotInput<'_>) -> T,
    ) -> T {
        made(SnapshotInput {
            service: &checkout(),
            repository: "shop",
            trunk: "main",
            state: self.state,
            policy: self.policy,
            people,
            freezes,
            rollback: Some(self.rollback),
            rollback_blocked: None,
            rollback_unread: false,
            problems: &[],
            present: &[],
            on_call: None,
        })
    }

    pub fn plan(&self, action: Action, steps: &[StepSpec]) -> Plan {
        let range = Range::of(None, sha(2), vec![commit(3, "sam")]);
        let input = PlanInput {
            service: &checkout(),
            state: self.state,
            policy: self.policy,
            people: &People::default(),
            on_call: &[],
            calendar: &FreezeRules::default().promote_to_production("checkout", self.now),
            range: &range,
            steps,
            migrations: &Migrations::default(),
            variables: &KnownVariables::default(),
            unusable_engine: None,
        };
        plan(input, action, &person("raj"), self.now).expect("a plan can be made")
    }

    pub fn back(&self) -> Plan {
        self.plan(Action::Rollback { to: None }, self.rollback)
    }

    /// Each place with what it says.
    pub fn said(&self) -> Vec<(&'static str, String)> {
        let (snapshot, plan, fleet) = (self.snapshot(), self.back(), self.fleet());
        let header = Screen::of_service(&snapshot, (200, 40)).text();
        let header = header.lines().next().unwrap_or_default().to_owned();
        let rows = fleet.services.iter().map(|row| standing::in_fleet(row, &fleet, Tz::UTC));
        let fleet_status = rows.flatten().collect::<Vec<_>>().join("; ");
        let list = Screen::of_fleet(fleet.clone(), (200, 20)).text();
        let api = [
            status(&read_back(&snapshot)),
            of_plan(&read_back(&plan), self.now),
            rows_of(&read_back(&fleet)),
        ];
        vec![
            ("status", status(&snapshot)),
            ("header", header),
            ("fleet", format!("{fleet_status}\n{list}")),
            ("plan", of_plan(&plan, self.now)),
            ("dialog", self.dialog(&snapshot, "R")),
            ("emergency", self.dialog(&snapshot, "!")),
            ("api", api.join("\n")),
        ]
    }

    /// What a dialog shows, which a key opens on a large screen, as one text.
    fn dialog(&self, snapshot: &ServiceSnapshot, key: &str) -> String {
        let mut screen = Screen::of_service(snapshot, (200, 60));
        screen.asks(key, |action| self.plan(action, self.rollback));
        // A sentence goes on in the next line; what is beside the dialog is no part of it.
        let text = screen.text();
        let inside = text.lines().filter_map(|line| line.split('\u{2503}').nth(1));
        let words: Vec<_> = inside.flat_map(str::split_whitespace).collect();
        assert!(!words.is_empty(), "no dialog in {text}");
        words.join(" ")
    }
}

/// What a client makes of the JSON.
fn read_back<T: serde::Serialize + serde::de::DeserializeOwned>(value: &T) -> T {
    let json = serde_json::to_string(value).expect("it is written");
    serde_json::from_str(&json).expect("it is read")
}

fn status(snapshot: &ServiceSnapshot) -> String {
    let lines = standing::lines(snapshot, Tz::UTC).into_iter();
    lines.map(|(about, text)| format!("{about} {text}")).collect::<Vec<_>>().join("\n")
}

fn rows_of(fleet: &FleetSnapshot) -> String {
    let rows = fleet.services.iter().flat_map(|row| standing::in_fleet(row, fleet, Tz::UTC));
    rows.collect::<Vec<_>>().join("; ")
}

/// What the plan of a rollback says of the way back and of what stays behind.
fn of_plan(plan: &Plan, now: DateTime<Utc>) -> String {
    let tried = plan.tried.as_ref().map(|tried| tried.at(now));
    let verdict = plan.verdict.as_ref().map(Verdict::headline);
    let left = plan.stays_behind.as_ref().map(|left| left.in_brief());
    verdict.into_iter().chain(tried).chain(left).collect::<Vec<_>>().join("; ")
}

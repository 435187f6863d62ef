//! The words about what targets run: each with the evidence that it needs, taken away.

use chrono::{DateTime, TimeDelta, Utc};
use trunkline::calendar::{FreezeRules, Tz};
use trunkline::domain::command::Action;
use trunkline::domain::commit::Range;
use trunkline::domain::event::{
    DeploymentKind, DeploymentRequest, Fact, Outcome, SaidCommit, TargetAnswer, TargetSaid,
    TargetsSaid, UnknownCommit,
};
use trunkline::domain::ids::{BuildNumber, DeploymentId, Environment};
use trunkline::domain::live_source::AskedOf;
use trunkline::domain::people::{Actor, People};
use trunkline::domain::plan::{Migrations, Plan, PlanInput, Severity, plan};
use trunkline::domain::policy::Policy;
use trunkline::domain::said::service_at;
use trunkline::domain::snapshot::build::{SnapshotInput, fleet_row, service};
use trunkline::domain::snapshot::{FleetSnapshot, Version};
use trunkline::domain::target::in_words;
use trunkline::domain::variables::KnownVariables;
use trunkline::domain::words::{how_it_goes, standing};

use trunkline_testing::record::{Record, checkout, commit, found, person, request, sha, step};

const PRODUCTION: Environment = Environment::Production;

/// A service with builds 1 to 4 and three hosts that are asked what they run.
pub(crate) struct Hosts {
    pub(crate) record: Record,
}

impl Hosts {
    /// Builds 1 to 3 went live one after the other, and all hosts said so.
    pub(crate) fn live() -> Self {
        let mut record = Record { now: noon(), ..Record::default() };
        for number in 1..=4 {
            record.push(Actor::System, found(number, vec![commit(number, "ann")]));
        }
        record.state.asked_of_production = Some(AskedOf::Targets);
        let mut hosts = Self { record };
        for build in 1..=3 {
            hosts.deployed(DeploymentKind::Promote, build, Outcome::Succeeded);
            hosts.say(&[build, build, build]);
        }
        hosts
    }

    pub(crate) fn deployed(
        &mut self,
        kind: DeploymentKind,
        build: u64,
        outcome: Outcome,
    ) -> DeploymentId {
        self.record.now += TimeDelta::minutes(5);
        let asked = request(PRODUCTION, build);
        let asked = DeploymentRequest { kind, steps: vec![step("release")], ..asked };
        let deployment = self.record.push(person("sam"), Fact::DeploymentRequested(asked)).into();
        self.record.push(Actor::System, Fact::DeploymentStarted { deployment, variables: None });
        self.record.push(Actor::System, Fact::DeploymentEnded { deployment, outcome });
        deployment
    }

    /// What h1, h2 and h3 answer; a 0 is silence.
    pub(crate) fn say(&mut self, builds: &[u64]) {
        let answer = |build: &u64| match build {
            0 => TargetAnswer::Unread("it does not answer".into()),
            build => TargetAnswer::Says(SaidCommit::Build {
                build: BuildNumber(*build),
                sha: sha(*build),
                older: None,
            }),
        };
        self.answer(builds.iter().map(answer).collect());
    }

    pub(crate) fn answer(&mut self, answers: Vec<TargetAnswer>) {
        self.record.now += TimeDelta::minutes(1);
        let target = |(at, answer): (usize, TargetAnswer)| TargetSaid {
            target: format!("h{}", at + 1).parse().unwrap(),
            answer,
        };
        let source = "the command ./which.sh".to_owned();
        let targets = answers.into_iter().enumerate().map(target).collect();
        let said = TargetsSaid { environment: PRODUCTION, source, targets };
        if !self.record.state.is_told(&said) {
            self.record.push(service_at(&said.source.clone()), Fact::TargetsSaid(said));
        }
    }

    pub(crate) fn standing(&self) -> String {
        in_words(self.record.state.targets(PRODUCTION))
    }

    pub(crate) fn in_doubt(&self) -> bool {
        self.record.state.unsettled(PRODUCTION).is_some()
    }

    pub(crate) fn plan(&self, action: Action) -> Plan {
        let input = PlanInput {
            service: &checkout(),
            state: &self.record.state,
            policy: &Policy::default(),
            people: &People::default(),
            on_call: &[],
            calendar: &FreezeRules::default().promote_to_production("checkout", self.record.now),
            range: &Range::of(None, sha(4), Vec::new()),
            steps: &[step("release")],
            migrations: &Migrations::default(),
            variables: &KnownVariables::default(),
            unusable_engine: None,
        };
        plan(input, action, &person("sam"), self.record.now).unwrap()
    }

    /// Everything that is said of production, each place on a line of its own.
    pub(crate) fn words(&self) -> String {
        let state = &self.record.state;
        let input = SnapshotInput {
            service: &checkout(),
            repository: "",
            trunk: "main",
            state,
            policy: &Policy::default(),
            people: &People::default(),
            freezes: &FreezeRules::default(),
            rollback: None,
            rollback_blocked: None,
            rollback_unread: false,
            problems: &[],
            present: &[],
            on_call: None,
        };
        let now = self.record.now;
        let snapshot = service(input, &person("sam"), Version("1".into()), now);
        let row = fleet_row(input, now);
        let (version, problems) = (Version("1".into()), Vec::new());
        let fleet = FleetSnapshot { version, at: now, services: vec![row], problems };
        let mut words: Vec<_> = standing::lines(&snapshot, Tz::UTC)
            .into_iter()
            .filter(|(about, _)| ["production", "attention"].contains(about))
            .map(|(about, text)| format!("{about}: {text}"))
            .collect();
        words.push(format!(
            "fleet: {}",
            standing::in_fleet(&fleet.services[0], &fleet, Tz::UTC).join(" | ")
        ));
        let last = state.last_ended(PRODUCTION).unwrap();
        words.push(format!("history: {}", how_it_goes(last, now)));
        let promote = self.plan(Action::Promote { build: BuildNumber(4) });
        words.extend(promote.findings.iter().map(|found| format!("plan: {}", found.sentence)));
        words.join("\n")
    }
}

fn noon() -> DateTime<Utc> {
    "2026-11-30T12:00:00Z".parse().unwrap()
}

/// What takes evidence away, and how.
type Taken = (&'static str, fn(&mut Hosts));

/// A word that reassures, where it stands, and what takes its evidence away.
struct Evidence {
    word: &'static str,
    taken: &'static [Taken],
}

const ONE_SAYS_ANOTHER: Taken = ("one says another build", |h| h.say(&[3, 3, 2]));
const NO_BUILD: Taken = ("one says a commit that is no build", |hosts| {
    let build = |n| SaidCommit::Build { build: BuildNumber(n), sha: sha(n), older: None };
    let why = "which is no build of main".to_owned();
    let unknown = SaidCommit::Unknown(UnknownCommit { sha: Some(sha(9)), why });
    hosts.answer([build(3), build(3), unknown].map(TargetAnswer::Says).into());
});
const NOBODY_HEARD: Taken = ("nobody was heard after a deployment", |hosts| {
    hosts.deployed(DeploymentKind::Redeploy, 3, Outcome::Succeeded);
});
const ONE_SILENT: Taken = ("one was silent after a deployment", |hosts| {
    hosts.deployed(DeploymentKind::Redeploy, 3, Outcome::Succeeded);
    hosts.say(&[3, 3, 0]);
});
const NOT_READ: Taken = ("the last question had no answer", |hosts| {
    hosts.record.state.unread.insert(PRODUCTION, "h3 does not answer".into());
});
const NOT_ASKED: Taken = ("nobody is asked any more", |hosts| {
    hosts.record.state.asked_of_production = Some(AskedOf::Nobody);
});
const ASKED_AS_ONE: Taken = ("one address is asked in their place", |hosts| {
    hosts.record.state.asked_of_production = Some(AskedOf::Service);
});
const FAILED: Taken = ("a deployment failed since", |hosts| {
    hosts.deployed(DeploymentKind::Promote, 4, Outcome::Failed("smoke".into()));
    hosts.say(&[3, 3, 3]);
});

const TABLE: &[Evidence] = &[
    Evidence {
        word: "(3 of 3 say so)",
        taken: &[
            ONE_SAYS_ANOTHER,
            NO_BUILD,
            NOBODY_HEARD,
            ONE_SILENT,
            NOT_READ,
            NOT_ASKED,
            ASKED_AS_ONE,
            FAILED,
        ],
    },
    Evidence {
        word: "plan: #3 runs on 3 of 3 targets, by their own word",
        taken: &[
            ONE_SAYS_ANOTHER,
            NO_BUILD,
            NOBODY_HEARD,
            ONE_SILENT,
            NOT_READ,
            NOT_ASKED,
            ASKED_AS_ONE,
            FAILED,
        ],
    },
    Evidence { word: "took effect on 3 of 3", taken: &[NOBODY_HEARD, ONE_SILENT] },
    Evidence { word: "fleet: #3 live since", taken: &[ONE_SAYS_ANOTHER, NO_BUILD, ONE_SILENT] },
];

#[test]
fn each_word_about_what_targets_run_goes_with_its_evidence() {
    let words = Hosts::live().words();
    for Evidence { word, taken } in TABLE {
        assert!(words.contains(word), "{word:?} stands nowhere: {words}");
        for (what, take) in *taken {
            let mut hosts = Hosts::live();
            take(&mut hosts);
            let words = hosts.words();
            assert!(!words.contains(word), "{what}, and {word:?} still stands: {words}");
        }
    }
}

#[test]
fn what_is_not_known_of_targets_is_said() {
    for ((what, take), said) in [
        (ONE_SAYS_ANOTHER, "attention: production is in doubt: h3 runs #2 since"),
        (NO_BUILD, "attention: production is in doubt: h3 runs something else since"),
        (NOBODY_HEARD, "plan: What the targets of production run was not heard since d"),
        (NOBODY_HEARD, "change 3 (its targets were not heard since d"),
        (ONE_SILENT, "history: partly: 2 of 3, h3 not known (its steps succeeded in 0s)"),
        (
            ONE_SILENT,
            "attention: production is in doubt: redeploy of #3 ended partly: 2 of 3, h3 not known",
        ),
        (
            ONE_SILENT,
            "plan: What some targets of production run is not known: h3: it does not answer",
        ),
        (NOT_READ, "plan: What production runs now is not known: h3 does not answer"),
        (NOT_ASKED, "plan: Nothing tells what production really runs"),
    ] {
        let mut hosts = Hosts::live();
        take(&mut hosts);
        let words = hosts.words();
        assert!(words.contains(said), "{what}: {said:?} is not said: {words}");
    }
}

#[test]
fn before_the_service_file_is_read_nothing_is_said_of_whom_is_asked() {
    let mut hosts = Hosts::live();
    hosts.record.state.asked_of_production = None;
    let plan = hosts.plan(Action::Promote { build: BuildNumber(4) });
    let says = plan.findings.iter().any(|found| found.sentence.contains("Nothing tells"));
    assert!(!says, "{:#?}", plan.findings);
    hosts.record.state.asked_of_production = Some(AskedOf::Nobody);
    let plan = hosts.plan(Action::Promote { build: BuildNumber(4) });
    let told: Vec<_> =
        plan.findings.iter().filter(|f| f.sentence.contains("Nothing tells")).collect();
    assert_eq!(told.len(), 1, "once");
    assert_eq!(told[0].severity, Severity::Info);
    assert!(told[0].unknown, "what is not known speaks for nothing");
}

#[test]
fn the_targets_of_staging_say_so_only_while_they_are_asked() {
    let mut hosts = Hosts::live();
    let staging = Environment::Staging;
    let record = &mut hosts.record;
    let deployment = record.push(Actor::System, Fact::DeploymentRequested(request(staging, 4)));
    let deployment = deployment.into();
    record.push(Actor::System, Fact::DeploymentStarted { deployment, variables: None });
    let outcome = Outcome::Succeeded;
    record.push(Actor::System, Fact::DeploymentEnded { deployment, outcome });
    let says = SaidCommit::Build { build: BuildNumber(4), sha: sha(4), older: None };
    let answer = TargetAnswer::Says(says);
    let targets = vec![TargetSaid { target: "s1".parse().unwrap(), answer }];
    let said = TargetsSaid { environment: staging, source: "s1.example".into(), targets };
    record.push(service_at("s1.example"), Fact::TargetsSaid(said));
    for (asked, says) in [
        (Some(AskedOf::Targets), Some(1)),
        (Some(AskedOf::Service), None),
        (Some(AskedOf::Nobody), None),
        (None, None),
    ] {
        hosts.record.state.asked_of_staging = asked;
        assert_eq!(hosts.record.state.all_say_live(staging), says, "{asked:?}");
    }
}

#[test]
fn a_plan_that_was_not_answered_yet_says_no_word_of_now() {
    let hosts = Hosts::live();
    let plan = || hosts.plan(Action::Promote { build: BuildNumber(4) });
    let has = |plan: &Plan, words: &str| plan.findings.iter().any(|f| f.sentence.contains(words));
    assert!(has(&plan().without_word_of_now(None), "by their own word"));
    let later = plan().without_word_of_now(Some("no answer yet".into()));
    assert!(!has(&later, "by their own word") && has(&later, "no answer yet"));
    assert_eq!(later.fingerprint, plan().fingerprint, "what was confirmed stays confirmed");
}

//! A service's record that a test writes fact by fact: what stands in it, and the state that follows from it.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use trunkline::domain::commit::Commit;
use trunkline::domain::event::{
    Adoption, DeploymentKind, DeploymentRequest, Event, Fact, Run, StepSpec,
};
use trunkline::domain::ids::{BuildNumber, Environment, Seq, ServiceName, Sha};
use trunkline::domain::people::{Actor, Identity, People, Person};
use trunkline::domain::remote::{RemoteCall, RemoteJob};
use trunkline::domain::service::ServiceState;
use trunkline::domain::target::{StepTarget, TargetOrder};
use trunkline::domain::wave::{StepWave, WavePause};

/// The record of the service `checkout`.
#[derive(Debug, Clone, Default)]
pub struct Record {
    pub events: Vec<Event>,
    pub state: ServiceState,
    /// When the next fact happens.
    pub now: DateTime<Utc>,
}

impl Record {
    /// One more fact, by this actor.
    pub fn push(&mut self, actor: Actor, fact: Fact) -> Seq {
        let seq = Seq(self.state.last_seq.0 + 1);
        let event = Event { seq, at: self.now, service: checkout(), actor, fact };
        self.state.apply(&event);
        self.events.push(event);
        seq
    }
}

pub fn checkout() -> ServiceName {
    "checkout".parse().expect("the name is a good one")
}

pub fn person(name: &str) -> Actor {
    Actor::Person(name.to_owned())
}

/// People with one address each, at `example.com`.
pub fn people<const N: usize>(names: [&str; N]) -> People {
    let person = |name: &str| {
        let emails = vec![format!("{name}@example.com")];
        (name.to_owned(), Person { emails, ..Person::default() })
    };
    People { people: names.map(person).into(), bots: Vec::new() }
}

/// The commit of this number, which is also that of its build.
pub fn sha(number: u64) -> Sha {
    format!("{number:040x}").parse().expect("forty hex digits")
}

/// A commit of no file.
pub fn commit(number: u64, author: &str) -> Commit {
    Commit {
        sha: sha(number),
        parents: 1,
        author: Identity { name: author.to_owned(), email: format!("{author}@example.com") },
        co_authors: Vec::new(),
        has_unread_people: false,
        pull_request: None,
        reverts: Vec::new(),
        at: DateTime::UNIX_EPOCH,
        subject: format!("change {number}"),
        files: Vec::new(),
        beside: false,
    }
}

/// A build with these commits, the first of which is its own.
pub fn found(number: u64, commits: Vec<Commit>) -> Fact {
    let sha = commits.first().map_or_else(|| sha(number), |commit| commit.sha.clone());
    let (build, more, reverts) = (BuildNumber(number), 0, Vec::new());
    Fact::BuildFound { build, sha, commits, more, reverts, recipe: None, trunk: None }
}

/// That production runs a build, as somebody says.
pub fn adopted(number: u64) -> Adoption {
    Adoption {
        build: BuildNumber(number),
        sha: sha(number),
        commit: None,
        no_way_back: false,
        recipe: None,
        bad: BTreeMap::new(),
        corrects: None,
        reason: String::new(),
    }
}

/// A step that does nothing.
pub fn step(name: &str) -> StepSpec {
    StepSpec {
        name: name.to_owned(),
        run: Run::Argv(vec!["true".to_owned()]),
        timeout: Duration::from_mins(1),
        expected: None,
        target: None,
    }
}

/// A promote of a build, or its way to staging, without steps, findings and migrations.
pub fn request(environment: Environment, build: u64) -> DeploymentRequest {
    let kind = match environment {
        Environment::Staging => DeploymentKind::Auto,
        Environment::Production => DeploymentKind::Promote,
    };
    DeploymentRequest {
        build: BuildNumber(build),
        sha: sha(build),
        environment,
        kind,
        previous: None,
        previous_sha: None,
        steps: Vec::new(),
        schema: Some(Vec::new()),
        schema_trouble: None,
        migrations: Some(Vec::new()),
        cancels: None,
        retries: None,
        findings: Vec::new(),
        overrides: BTreeMap::new(),
        presser: None,
        by_trunk: false,
    }
}

/// The steps of a step `release` with these targets, each a job at the engine `deployer`.
pub fn targets(names: &[&str], order: TargetOrder) -> Vec<StepSpec> {
    let step_of = |name: &&str| {
        let call = RemoteCall::Http { job: format!("shop-{name}") };
        let (engine, inputs) = ("deployer".parse().expect("a good name"), BTreeMap::new());
        let run = Run::Remote(RemoteJob { engine, call, inputs, start_within: FROM_QUEUE });
        let name = name.parse().expect("a good name");
        let target = StepTarget { step: "release".to_owned(), name, order, wave: None };
        StepSpec { run, target: Some(target.clone()), ..step(&target.step_name()) }
    };
    names.iter().map(step_of).collect()
}

/// A step `release` for each of these waves: its name, its targets, and the pause after it.
pub fn waves(all: &[(&str, &[&str], Option<WavePause>)]) -> Vec<StepSpec> {
    let count = |index: usize| u32::try_from(index).expect("there are few");
    let of_wave = |(index, (name, targets, pause)): (usize, &(&str, &[&str], _))| {
        let named = |name: &&str| name.parse().expect("a good name");
        let wave = StepWave {
            number: count(index + 1),
            of: count(all.len()),
            targets: targets.iter().map(named).collect(),
            pause: *pause,
        };
        let target = StepTarget {
            step: "release".to_owned(),
            name: named(name),
            order: TargetOrder::OneByOne,
            wave: Some(Box::new(wave)),
        };
        StepSpec { target: Some(target.clone()), ..step(&target.step_name()) }
    };
    all.iter().enumerate().map(of_wave).collect()
}

const FROM_QUEUE: Duration = Duration::from_mins(10);

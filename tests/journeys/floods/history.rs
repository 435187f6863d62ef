//! A long past, written straight into the record: nobody merges ten thousand times to test what comes after.

use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use trunkline::domain::commit::Commit;
use trunkline::domain::event::{DeploymentRequest, Fact, Outcome, StepOutcome};
use trunkline::domain::ids::{BuildNumber, DeploymentId, Environment, ServiceName, Sha};
use trunkline::domain::people::Actor;
use trunkline::domain::policy::VerifyBy;
use trunkline::store::{KnownService, NewEvent, Store};

use trunkline_testing::record::{self, found, request, sha, step};

/// Every third build came to staging before the next one overtook it.
const STAGED: u64 = 3;
/// Every third of those was promoted.
const PROMOTED: u64 = 3;
const AT_ONCE: usize = 2_000;

/// Writes the past of services into a data folder that no engine has.
pub struct Past {
    store: Store,
    at: DateTime<Utc>,
    events: Vec<NewEvent>,
}

impl Past {
    pub fn into(data: &Path) -> Self {
        std::fs::create_dir_all(data).unwrap();
        let store = Store::open(&data.join("trunkline.db")).unwrap();
        let at = Utc::now() - TimeDelta::days(300);
        Self { store, at, events: Vec::new() }
    }

    /// A service with so many builds, of which the last is this commit.
    pub fn service(&mut self, name: &str, place: (&str, &str), builds: u64, tip: &Sha) {
        let service: ServiceName = name.parse().unwrap();
        let (repository, folder) = (place.0.to_owned(), place.1.to_owned());
        self.store.know(&KnownService { name: service.clone(), repository, folder }).unwrap();
        for number in 1..=builds {
            let sha = if number == builds { tip.clone() } else { sha(number) };
            self.build(&service, number, &sha);
            if number % STAGED == 0 {
                let verified = Fact::BuildVerified {
                    build: BuildNumber(number),
                    note: "seen".into(),
                    kind: VerifyBy::Person,
                };
                self.deploy(&service, number, &sha, Environment::Staging);
                self.fact(&service, verified);
            }
            if number % (STAGED * PROMOTED) == 0 {
                self.deploy(&service, number, &sha, Environment::Production);
            }
        }
        self.write();
    }

    fn build(&mut self, service: &ServiceName, number: u64, sha: &Sha) {
        let subject = format!("Change number {number} of a service with a long past");
        let commit =
            Commit { sha: sha.clone(), at: self.at, subject, ..record::commit(number, "ann") };
        self.fact(service, found(number, vec![commit]));
    }

    fn deploy(&mut self, service: &ServiceName, number: u64, sha: &Sha, to: Environment) {
        let (sha, steps) = (sha.clone(), vec![step("release")]);
        let request = DeploymentRequest { sha, steps, ..request(to, number) };
        let deployment = DeploymentId(self.store.head().0 + self.events.len() as u64 + 1);
        let (step, outcome, took) = (0, StepOutcome::Succeeded, Duration::from_secs(20));
        self.fact(service, Fact::DeploymentRequested(request));
        self.fact(service, Fact::DeploymentStarted { deployment, variables: None });
        self.fact(service, Fact::StepStarted { deployment, step, target: None });
        self.fact(
            service,
            Fact::StepEnded { deployment, step, target: None, outcome, took, ended_at: None },
        );
        self.fact(service, Fact::DeploymentEnded { deployment, outcome: Outcome::Succeeded });
    }

    fn fact(&mut self, service: &ServiceName, fact: Fact) {
        self.events.push(NewEvent { service: service.clone(), actor: Actor::System, fact });
        if self.events.len() >= AT_ONCE {
            self.write();
        }
    }

    fn write(&mut self) {
        self.at += TimeDelta::hours(1);
        self.store.append(self.at, std::mem::take(&mut self.events), None).unwrap();
    }
}

//! The contract of a backend, held against every implementation.

mod contract;
mod serving;

use chrono::DateTime;
use contract::Stage;
use serving::Serving;
use trunkline::backend::Backend;
use trunkline::backend::remote::Remote;
use trunkline::backend::scripted::{SERVICE, Scripted, World};
use trunkline::domain::ids::{BuildNumber, ServiceName};

every_claim_holds_for!(scripted, super::Play::direct());
every_claim_holds_for!(remote_over_scripted, super::Play::served());

/// A scripted world, and the backend through which it is seen.
struct Play<B> {
    world: Scripted,
    backend: B,
    service: ServiceName,
    _serving: Option<Serving>,
}

impl Play<Scripted> {
    fn direct() -> Self {
        let world = scripted();
        let backend = world.clone();
        Self { world, backend, service: SERVICE.parse().unwrap(), _serving: None }
    }
}

impl Play<Remote> {
    fn served() -> Self {
        let world = scripted();
        let behind = world.clone();
        let serving = Serving::new(move |_| behind.clone());
        let backend = Remote::over(serving.socket());
        Self { world, backend, service: SERVICE.parse().unwrap(), _serving: Some(serving) }
    }
}

fn scripted() -> Scripted {
    Scripted::new(DateTime::from_timestamp(1_790_000_000, 0).unwrap())
}

impl<B: Backend> Stage for Play<B> {
    type Backend = B;

    fn backend(&self) -> &B {
        &self.backend
    }

    fn service(&self) -> &ServiceName {
        &self.service
    }

    async fn with_verified_build(&self) -> BuildNumber {
        self.world.change(|world| world.verified_build(&self.service, "ada"))
    }

    async fn finish_running(&self) {
        self.world.change(|world| {
            while world.advance(&self.service).is_some() {
                chatter(world, &self.service);
            }
        });
    }
}

/// Whatever runs writes a few dozen lines.
fn chatter(world: &mut World, service: &ServiceName) {
    let deployments = &world.service(service).unwrap().state.deployments;
    let running = deployments.values().find_map(|d| Some((d.id, d.running_step()?)));
    if let Some((id, step)) = running {
        for line in 0..30 {
            world.write(service, id, step, &format!("line {line} of step {step}"));
        }
    }
}

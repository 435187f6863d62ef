//! The contract of a backend, held against every implementation.

use super::contract::Stage;
use chrono::DateTime;
use trunkline::backend::Backend;
use trunkline::backend::embedded::Embedded;
use trunkline::backend::remote::Remote;
use trunkline::backend::scripted::{SERVICE, Scripted, ScriptedWorld as Script};
use trunkline::domain::ids::{BuildNumber, ServiceName};
use trunkline::domain::snapshot::ServiceSnapshot;
use trunkline_testing::engine::{QUICK, World};
use trunkline_testing::login;
use trunkline_testing::serving::Serving;

every_claim_holds_for!(scripted, super::Play::direct());
every_claim_holds_for!(remote_over_scripted, super::Play::served());
every_claim_holds_for!(embedded, super::Real::direct().await);
every_claim_holds_for!(remote_over_embedded, super::Real::served().await);

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
fn chatter(world: &mut Script, service: &ServiceName) {
    let deployments = &world.service(service).unwrap().state.deployments;
    let running = deployments.values().find_map(|d| Some((d.id, d.running_step()?)));
    if let Some((id, step)) = running {
        for line in 0..30 {
            world.write(service, id, step, &format!("line {line} of step {step}"));
        }
    }
}

/// A real engine over a real repository, and the backend through which it is seen. Its releases wait until they are
/// let go, so that "running" lasts as long as a claim needs it.
struct Real<B> {
    world: World,
    backend: B,
    _serving: Option<Serving>,
}

impl Real<Embedded> {
    async fn direct() -> Self {
        let world = real_world().await;
        let backend = world.backend(&login());
        Self { world, backend, _serving: None }
    }
}

impl Real<Remote> {
    async fn served() -> Self {
        let world = real_world().await;
        let engine = world.handle().clone();
        let serving = Serving::new(move |caller| Embedded::new(engine.clone(), caller));
        let backend = Remote::over(serving.socket());
        Self { world, backend, _serving: Some(serving) }
    }
}

async fn real_world() -> World {
    let caller =
        format!("[people.caller]\nlogins = [{:?}]\nemails = [\"caller@example.com\"]", login());
    let world =
        World::open(&QUICK.replacen("[people.ann]", &format!("{caller}\n[people.ann]"), 1)).await;
    world
        .until_build("the first build is verified", |row| !row.build.verifications.is_empty())
        .await;
    world.close_gate();
    world
}

impl<B: Backend> Stage for Real<B> {
    type Backend = B;

    fn backend(&self) -> &B {
        &self.backend
    }

    fn service(&self) -> &ServiceName {
        &self.world.service
    }

    async fn with_verified_build(&self) -> BuildNumber {
        let change = uuid::Uuid::new_v4().to_string();
        self.world.verified(&change).await
    }

    async fn finish_running(&self) {
        self.world.open_gate();
        let idle = |snapshot: &ServiceSnapshot| {
            snapshot.deployments.iter().all(|row| !row.deployment.is_open()).then_some(())
        };
        self.world.until("nothing runs any more", idle).await;
        self.world.close_gate();
    }
}

//! Many people before one engine, each with a connection of their own over the real socket.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::Barrier;
use tokio::task::JoinSet;
use trunkline::backend::Backend as _;
use trunkline::backend::embedded::Embedded;
use trunkline::backend::remote::Remote;
use trunkline::domain::caller::Caller;
use trunkline::domain::command::{Action, Command};
use trunkline::domain::event::Event;
use trunkline::domain::ids::{IdempotencyKey, Seq, ServiceName};
use trunkline::domain::plan::{Guard, Plan};

use super::history::Call;
use trunkline_testing::engine::{QUICK, World};
use trunkline_testing::serving::Serving;

pub const PEOPLE: [&str; 4] = ["ann", "raj", "sam", "kim"];

/// The usual service file, with everybody in it.
pub fn service_file() -> String {
    let more = ["sam", "kim"].map(|n| format!("[people.{n}]\nemails = [\"{n}@example.com\"]\n"));
    QUICK.replacen("[[staging", &format!("{}[[staging", more.concat()), 1)
}

/// One person at one connection.
#[derive(Clone)]
pub struct Client {
    pub who: &'static str,
    pub remote: Remote,
}

/// The doors of an engine, one for each person: who comes through it is that person to the engine.
pub struct Crowd {
    pub service: ServiceName,
    pub clients: Vec<Client>,
    _doors: Vec<Serving>,
}

impl Crowd {
    pub fn before(world: &World, size: usize) -> Self {
        let doors: Vec<_> = PEOPLE.iter().map(|who| door(world, who)).collect();
        let person = |n: usize| (PEOPLE[n % PEOPLE.len()], &doors[n % PEOPLE.len()]);
        let clients = (0..size).map(person);
        let clients =
            clients.map(|(who, door)| Client { who, remote: Remote::over(door.socket()) });
        Self { service: world.service.clone(), clients: clients.collect(), _doors: doors }
    }

    /// The plan as this person is shown it.
    pub async fn plan(&self, who: &str, action: Action) -> Plan {
        let client = self.clients.iter().find(|client| client.who == who).unwrap();
        client.remote.plan(&self.service, action).await.unwrap()
    }

    /// Everybody sends their command at the same instant, each as an intent of its own.
    pub async fn rush(&self, commands: Vec<Command>) -> Vec<Call> {
        let start = Arc::new(Barrier::new(commands.len()));
        let mut calls = JoinSet::new();
        for (client, command) in self.clients.iter().cloned().zip(commands) {
            let (start, service) = (start.clone(), self.service.clone());
            calls.spawn(async move {
                start.wait().await;
                call(&client, &service, command, new_key()).await
            });
        }
        calls.join_all().await
    }
}

/// A server over the engine at which everybody is this person.
pub fn door(world: &World, who: &'static str) -> Serving {
    let handle = world.handle().clone();
    Serving::new(move |_| Embedded::new(handle.clone(), Caller::in_process(who)))
}

pub fn new_key() -> IdempotencyKey {
    IdempotencyKey::try_from(uuid::Uuid::new_v4().to_string()).unwrap()
}

/// Sends once and notes what came back.
pub async fn call(
    client: &Client,
    service: &ServiceName,
    command: Command,
    key: IdempotencyKey,
) -> Call {
    let sent = Instant::now();
    let answer = client.remote.command(service, command.clone(), key.clone()).await;
    let (who, answered) = (client.who.to_owned(), Instant::now());
    Call { key, who, command, sent, answered, answer }
}

/// The execution of a plan, with a reason for everything.
pub fn execution(plan: &Plan) -> Command {
    let overrides = Guard::ALL.map(|guard| (guard, "a test".to_owned())).into();
    Command::Execute { action: plan.action, fingerprint: plan.fingerprint.clone(), overrides }
}

/// Everything that the service's record has, once all that was answered is in it.
pub async fn record(world: &World) -> Vec<Event> {
    assert_eq!(world.handle().receipt(&new_key()).await, Ok(None));
    world.handle().events(Some(&world.service), Seq(0), 1_000_000).await.unwrap()
}

//! How long it takes until a person sees on screen what another one did: two real consoles of two people who signed in, over
//! TLS, on an engine in this process: `cargo bench --bench seen`.

use std::io::Write as _;
use std::process::Stdio;
use std::time::Instant;

use tokio::task::block_in_place;
use trunkline::backend::Backend as _;
use trunkline::backend::remote::Remote;
use trunkline::domain::caller::AccessRole;
use trunkline::domain::command::Command;
use trunkline::domain::ids::Environment;
use trunkline_testing::bench::samples::{Samples, print_alone};
use trunkline_testing::engine::{QUICK, World};
use trunkline_testing::home::Home;
use trunkline_testing::pty::Pty;
use trunkline_testing::team::{TeamServer, pem};
use uuid::Uuid;

/// How often each of the two acts.
const TURNS: usize = 50;
/// What a console shows of a hold on production.
const SHOWN: &str = "ON HOLD";

/// Somebody at a console of their own.
struct Person {
    client: Remote,
    screen: Pty,
    _laptop: Home,
}

impl Person {
    async fn of(team: &TeamServer, name: &str) -> Self {
        let token = team.token(name, AccessRole::Deployer, &[]).await.secret;
        let laptop = Home::new();
        std::fs::write(laptop.path("ca.pem"), pem("ca.pem")).expect("the folder can be written");
        let login = ["login", &team.url(), "--ca", "ca.pem", "--profile", "prod"];
        let mut command = laptop.command(&login);
        let mut login = command.stdin(Stdio::piped()).spawn().expect("it starts");
        let mut input = login.stdin.take().expect("it is piped");
        writeln!(input, "{}", token.expose()).expect("it reads");
        drop(input);
        let ended = block_in_place(|| login.wait()).expect("it ends");
        assert!(ended.success(), "{ended}");
        let screen = laptop.on_terminal(&["console", "--profile", "prod"], (120, 40));
        block_in_place(|| screen.shows("PROD checkout"));
        Self { client: team.remote(token), screen, _laptop: laptop }
    }

    async fn does(&self, command: Command) {
        let key = Uuid::new_v4().to_string().try_into().expect("it is a key");
        let service = "checkout".parse().expect("it is a name");
        self.client.command(&service, command, key).await.expect("it is recorded");
    }
}

#[tokio::main]
async fn main() {
    let world = World::open(QUICK).await;
    world.verified("a change of ann").await;
    let team = TeamServer::new(world.handle()).await;
    let (ann, raj) = (Person::of(&team, "ann").await, Person::of(&team, "raj").await);
    let (environment, reason) = (Environment::Production, "a look".to_owned());
    let hold = Command::Hold { environment, reason: reason.clone() };
    let release = Command::Release {
        environment,
        reason,
        bad: Some(Vec::new()),
        hold: None,
        leave_open: Vec::new(),
    };
    let (mut holds, mut releases) = (Samples::default(), Samples::default());
    for turn in 0..2 * TURNS {
        let (who, other) = if turn % 2 == 0 { (&ann, &raj) } else { (&raj, &ann) };
        let begun = Instant::now();
        who.does(hold.clone()).await;
        block_in_place(|| other.screen.shows(SHOWN));
        holds.push(begun.elapsed());
        block_in_place(|| who.screen.shows(SHOWN));
        let begun = Instant::now();
        who.does(release.clone()).await;
        block_in_place(|| other.screen.hides(SHOWN));
        releases.push(begun.elapsed());
        block_in_place(|| who.screen.hides(SHOWN));
    }
    print_alone(&holds, "until the other sees it (limit 200 ms)", "a hold");
    print_alone(&releases, "until the other sees it (limit 200 ms)", "a release");
}

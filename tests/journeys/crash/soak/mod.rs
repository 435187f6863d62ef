//! Twenty consoles over TLS on a bad line, while people merge, promote and roll back and the engine restarts: every console
//! gets every event and every log once, and nothing grows.
//!
//! A plain run takes some seconds. `TRUNKLINE_SOAK=1800 cargo test --release --test journeys a_soak_of_twenty -- --nocapture` goes on for
//! half an hour (120 for two minutes) and prints what the engine holds after each round; from twenty minutes on its memory is judged
//! too: it may grow with the record, as that of a new engine on the same record does, and by little besides.

mod consoles;
mod line;
mod memory;

use std::fs;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;
use trunkline::backend::Backend as _;
use trunkline::domain::caller::AccessRole;
use trunkline::domain::ids::Seq;
use trunkline::domain::token::{NewToken, TokenSecret};
use trunkline::server::TlsFiles;
use trunkline_testing::dice::{Dice, Seed, number};
use trunkline_testing::home::until;
use trunkline_testing::team::{new_session, put_pair, remote_at};

use self::consoles::Console;
use self::line::Line;
use self::memory::{Held, growth, own_memory};
use super::clients::{Clients, Told};
use super::engine::Engine;
use super::history::History;
use super::kills::nothing_is_left_to_do;
use super::shop::Shop;

/// How long a plain run goes on, in seconds.
const SECONDS: u64 = 6;
/// A run of at least so many seconds also judges the memory: its last engine warms up for several minutes, and is judged by
/// what it has after that.
const LONG: u64 = 1_200;
const CONSOLES: u16 = 20;
const PEOPLE: u64 = 3;
/// How many descriptors may come and go with what the consoles happen to do: each has one idle connection more at times.
const SLACK: u16 = CONSOLES + 16;

#[test]
fn a_soak_of_twenty_consoles_on_a_bad_line_loses_and_doubles_nothing() {
    let seed = Seed::of_this_run();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let seconds = number("TRUNKLINE_SOAK").unwrap_or(SECONDS);
    let soak = async { Box::pin(Soak::begin(Dice::of(seed.0), seconds).await.go_on()).await };
    runtime.block_on(soak);
}

struct Soak {
    shop: Shop,
    line: Line,
    dice: Dice,
    seconds: u64,
    engine: Engine,
    clients: Clients,
    /// Whether people act; `None` when it is time to go home.
    acting: watch::Sender<Option<bool>>,
    people: JoinSet<()>,
    /// The last event, once it is known.
    last: watch::Sender<Option<Seq>>,
    consoles: JoinSet<Console>,
    merges: u32,
    faults: u32,
    restarts: u32,
    /// After the first round.
    descriptors: Option<usize>,
}

impl Soak {
    async fn begin(dice: Dice, seconds: u64) -> Self {
        let shop = Shop::new();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let line = Line::to(port).await;
        serve_over_tls(&shop, port, line.port());
        let engine = Engine::start(&shop.home);
        engine.snapshot().await;
        let pause = Duration::from_secs(seconds) / 200;
        let (acting, engine_is_there) = watch::channel(Some(false));
        let sent = Arc::new(AtomicU64::new(0));
        let clients = Clients { asked: Arc::default(), sent, engine: engine_is_there, pause };
        let mut soak = Self {
            shop,
            line,
            dice,
            seconds,
            engine,
            clients,
            acting,
            people: JoinSet::new(),
            last: watch::channel(None).0,
            consoles: JoinSet::new(),
            merges: 0,
            faults: 0,
            restarts: 0,
            descriptors: None,
        };
        soak.all_come().await;
        soak
    }

    fn url(&self) -> String {
        format!("https://localhost:{}", self.line.port())
    }

    async fn token(&self, person: &str, role: AccessRole) -> TokenSecret {
        let new = NewToken { role, ..new_session(person) };
        self.engine.remote().create_token(new).await.unwrap().secret
    }

    async fn all_come(&mut self) {
        for number in 0..CONSOLES {
            let token = self.token(&format!("person-{number}"), AccessRole::Viewer).await;
            let console = Console::new(self.url(), token, self.shop.runs());
            let last = self.last.subscribe();
            // Every fourth is a browser.
            if number % 4 == 0 {
                self.consoles.spawn(console.stream(last));
            } else {
                self.consoles.spawn(console.ask(last));
            }
        }
        for number in 0..PEOPLE {
            let token = self.token("raj", AccessRole::Deployer).await;
            let remote = remote_at(self.url(), token);
            self.people.spawn(self.clients.clone().work(remote, self.dice.fork(number)));
        }
    }

    async fn go_on(mut self) {
        let rounds = (self.seconds / 20).clamp(2, 60);
        let is_long = self.seconds >= LONG;
        let length = Duration::from_secs(self.seconds) / u32::try_from(rounds).unwrap();
        let mut memory = Vec::new();
        for round in 0..rounds {
            if !is_long || round < rounds / 4 {
                self = self.restart(round % 2 == 0);
            }
            self.round(length).await;
            self.descriptors_are_flat(round);
            if is_long && round >= rounds * 5 / 8 {
                let held = Held::now(&self.shop, &self.engine).await;
                println!("  a new engine on this record holds {} KiB", held.fresh);
                memory.push(held);
            }
        }
        Box::pin(self.end()).await;
        if is_long {
            let (more, before) = growth(&memory);
            println!("besides the record the engine of {before} KiB grew by {more} KiB");
            assert!(more * 100 < before * 5, "its memory grows: {memory:?}");
        }
    }

    /// The next engine, after one that was killed or told to stop.
    fn restart(self, kill: bool) -> Self {
        if kill {
            self.engine.kill();
        } else {
            self.engine.stop();
        }
        let engine = Engine::start(&self.shop.home);
        Self { engine, restarts: self.restarts + 1, ..self }
    }

    /// People act and the line fails now and then; then all comes to rest.
    async fn round(&mut self, length: Duration) {
        self.acting.send_replace(Some(true));
        let end = Instant::now() + length;
        while Instant::now() < end {
            self.merges += 1;
            let content = self.merges.to_string();
            self.shop.repository.commit_by("Ann", "ann@example.com", "change", &content, "more");
            sleep(self.dice.within(length / 5)).await;
            self.faults += 1;
            if self.dice.chance(50) {
                self.line.cut();
            } else {
                self.line.hold(true);
                sleep(self.dice.within(length / 10)).await;
                self.line.hold(false);
            }
            sleep(self.dice.within(length / 5)).await;
        }
        self.acting.send_replace(Some(false));
        nothing_is_left_to_do(&self.shop, &self.engine).await;
    }

    fn descriptors_are_flat(&mut self, round: u64) {
        let first = *self.descriptors.get_or_insert_with(|| descriptors(&self.engine));
        until("the engine has as many descriptors as before", || {
            descriptors(&self.engine) <= first + usize::from(SLACK)
        });
        let (now, memory) = (descriptors(&self.engine), own_memory(&self.engine));
        println!("round {round}: {now} descriptors, {memory} KiB of its own");
    }

    async fn end(mut self) {
        self.acting.send_replace(None);
        while let Some(person) = self.people.join_next().await {
            person.unwrap();
        }
        nothing_is_left_to_do(&self.shop, &self.engine).await;
        let remote = self.engine.remote();
        let last = remote.span(None, None).await.unwrap().unwrap().last;
        self.last.send_replace(Some(last));
        let mut seen = Vec::new();
        while let Some(console) = self.consoles.join_next().await {
            seen.push(console.unwrap());
        }
        self.engine.stop();
        let history = History::read(&self.shop);
        let recorded: Vec<_> = history.events.iter().map(|event| event.seq).collect();
        let logs = seen.iter().map(|console| console.logs).sum::<usize>();
        for console in &seen {
            assert_eq!(console.events, recorded, "an event was lost or doubled");
        }
        let asked = self.clients.asked.lock().unwrap();
        history.has_what_was_told(&asked);
        history.agrees_with_the_steps(&self.shop);
        let unanswered = asked.iter().filter(|asked| asked.told.contains(&Told::Lost)).count();
        println!(
            "{} s, {} merges, {} restarts, {} faults of the line: {} events, each once at every console, {} deployments, {} \
             commands, of which {unanswered} got no answer; {} consoles read {logs} logs",
            self.seconds,
            self.merges,
            self.restarts,
            self.faults,
            recorded.len(),
            history.state.deployments.len(),
            asked.len(),
            seen.len(),
        );
        assert!(logs > 0);
    }
}

/// Has the engine listen on a port, as a server that is reached by the line's.
fn serve_over_tls(shop: &Shop, port: u16, line: u16) {
    let config = shop.home.path("config");
    let files = TlsFiles { certificate: config.join("cert.pem"), key: config.join("key.pem") };
    put_pair(&files, "server", "server");
    let text = format!(
        "listen = '127.0.0.1:{port}'\nhosts = ['localhost:{line}']\n[tls]\ncertificate = 'cert.pem'\nkey = 'key.pem'\n"
    );
    fs::write(config.join("server.toml"), text).unwrap();
}

fn descriptors(engine: &Engine) -> usize {
    let folder = format!("/proc/{}/fd", engine.pid().as_raw_nonzero());
    fs::read_dir(folder).unwrap().count()
}

//! What a fleet of 50 services costs whose deploys are observed at GitHub, and how soon a change there is seen:
//! `cargo bench --bench lanes`, Linux only. GitHub is the one of the tests; a request that it answers with 304 counts for no
//! limit, as at github.com.

use std::time::{Duration, Instant};

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;
use trunkline::domain::chain::Hash;
use trunkline::domain::delivery::WebhookForge;
use trunkline::domain::ids::Environment;
use trunkline::domain::snapshot::ServiceSnapshot;
use trunkline::engine::RemoteTimes;
use trunkline::server::{NetworkOptions, WebhookSecret};
use trunkline_testing::bench::samples::{Samples, print_alone};
use trunkline_testing::bench::spent::{Spent, status};
use trunkline_testing::engine::World;
use trunkline_testing::github::{GITHUB_TOKEN, GitHub, RunOf};
use trunkline_testing::home::{Home, until};
use trunkline_testing::repository::Repository;
use trunkline_testing::team::TeamServer;

/// So long is looked at, in seconds, unless this variable says otherwise.
const SECONDS: &str = "TRUNKLINE_BENCH_SECONDS";
/// So many runs each repository has had, one unless this variable says otherwise. More than a page takes a second list.
const RUNS: &str = "TRUNKLINE_BENCH_RUNS";
const SERVICES: usize = 50;
/// What GitHub answers in an hour to one token.
const LIMIT: f64 = 5_000.0;
/// How many changes are waited for, with webhooks and without.
const CHANGES: usize = 10;
const SECRET: &str = "a secret for the webhooks of a bench";

/// A service whose staging is what CI deploys, and whose production is a workflow.
fn service_file(name: &str) -> String {
    let step = format!(
        "name = \"release\"\ngithub = {{ engine = \"github\", repository = \"acme/{name}\", workflow = \"deploy.yml\", ref = \"main\", job = \"deploy\" }}\n\
         inputs = {{ sha = \"{{sha}}\", trunkline = \"{{run}}\" }}\n"
    );
    format!(
        "service = \"{name}\"\ntrunk = \"main\"\n[policy]\nverify = \"staging\"\n\
         [staging.observe]\ngithub = {{ engine = \"github\", repository = \"acme/{name}\", workflow = \"deploy-staging.yml\", jobs = [\"deploy\"], event = \"push\", branch = \"main\" }}\n\
         [production.observe]\ngithub = {{ engine = \"github\", repository = \"acme/{name}\", workflow = \"deploy.yml\", jobs = [\"deploy\"], sha = 'title:deploy ([0-9a-f]{{40}})' }}\n\
         [[production.steps]]\n{step}[[rollback.steps]]\n{step}"
    )
}

struct Fleet {
    home: Home,
    github: GitHub,
    repositories: Vec<Repository>,
}

fn name(number: usize) -> String {
    format!("shop-{number:02}")
}

impl Fleet {
    async fn open() -> Self {
        let runs = std::env::var(RUNS).ok().and_then(|text| text.parse().ok()).unwrap_or(1);
        let (github, home) = (GitHub::start().await, Home::new());
        let repositories: Vec<_> = (0..SERVICES).map(|_| Repository::new()).collect();
        std::fs::create_dir(home.path("config")).expect("the folder is new");
        std::fs::write(home.path("token"), GITHUB_TOKEN).expect("it can be written");
        let mut settings = format!(
            "[engines.github]\nkind = \"github\"\nurl = \"{}\"\ntoken = {{ file = '{}' }}\nmay = [\"acme/*\"]\n",
            github.url(),
            home.path("token").display(),
        );
        for (number, repository) in repositories.iter().enumerate() {
            let name = name(number);
            repository.write("trunkline.toml", &service_file(&name));
            let sha = repository.commit_all("Ann", "ann@example.com", "begin").to_string();
            let full = format!("acme/{name}");
            github.add_repository(&full);
            for _ in 0..runs {
                let run = RunOf { repository: &full, sha: &sha, ..RunOf::default() };
                github.succeed(github.push_run(run), "deploy");
            }
            settings.extend(["[[services]]\nrepository = '", repository.address(), "'\n"]);
        }
        std::fs::write(home.path("config/config.toml"), settings).expect("it can be written");
        Self { home, github, repositories }
    }

    /// The build that staging of this service runs, if one is known.
    fn staging(&self, number: usize) -> Option<u64> {
        // The engine may not know the service yet.
        let said = self.home.trunkline(&["status", "--json", "--service", &name(number)]);
        let said: Value = serde_json::from_slice(&said.stdout).ok()?;
        said["live"]["staging"]["build"].as_u64()
    }
}

#[tokio::main]
async fn main() {
    let seconds = std::env::var(SECONDS).ok().and_then(|text| text.parse().ok()).unwrap_or(60);
    let time = Duration::from_secs(seconds);
    let fleet = Fleet::open().await;
    let _started = fleet.home.trunkline(&["status"]);
    let engine = fleet.home.engine().expect("an engine runs");
    for number in 0..SERVICES {
        until("all of staging is known", || fleet.staging(number).is_some());
    }
    tokio::time::sleep(Duration::from_secs(20)).await;

    let (before, spent, asked) =
        (Spent::by(engine), fleet.github.spent(), fleet.github.seen().len());
    tokio::time::sleep(time).await;
    let (after, memory) = (Spent::by(engine), status(&format!("/proc/{engine}/status")));
    let an_hour = 3_600.0 / time.as_secs_f64();
    let asked = fleet.github.seen().len() - asked;
    #[expect(clippy::cast_precision_loss, reason = "they are few")]
    let spent = (fleet.github.spent() - spent) as f64 * an_hour;
    println!("{SERVICES} services observed at GitHub, calm, {seconds} s");
    println!(
        "  requests                {asked}, of which an hour's limit counts {spent:.0}: {:.1} %",
        spent / LIMIT * 100.0
    );
    println!(
        "  resident                {} KiB, {} KiB of its own",
        memory("VmRSS"),
        memory("RssAnon")
    );
    let ran = after.running.saturating_sub(before.running).as_secs_f64() / time.as_secs_f64();
    println!("  core                    {:.2} %", ran * 100.0);

    let mut times = Samples::default();
    for number in 0..CHANGES {
        let at = number * SERVICES / CHANGES;
        let sha = fleet.repositories[at].commit("change").to_string();
        until("it is a build", || {
            let builds = fleet.home.json(&["builds", "--json", "--service", &name(at)]);
            builds[0]["sha"] == sha.as_str()
        });
        let full = format!("acme/{}", name(at));
        let run = fleet.github.push_run(RunOf { repository: &full, sha: &sha, ..RunOf::default() });
        let began = Instant::now();
        fleet.github.succeed(run, "deploy");
        until("it is seen", || fleet.staging(at) == Some(2));
        times.push(began.elapsed());
    }
    print_alone(&times, "a deploy to staging ends at GitHub", "seen without webhooks");
    drop(fleet);
    let times = with_webhooks().await;
    print_alone(&times, "a deploy to staging ends at GitHub", "seen with webhooks");
}

/// How long it takes from the end of a deploy at GitHub, which tells a server of it, until everybody sees it.
async fn with_webhooks() -> Samples {
    let github = GitHub::start().await;
    let mut world = World::with_file(
        &service_file("shop").replace("service = \"shop\"", "service = \"checkout\""),
    );
    world.remote_times = RemoteTimes::default();
    let token = world.folder().join("token");
    std::fs::write(&token, GITHUB_TOKEN).expect("it can be written");
    let token = token.display();
    let settings = format!(
        "[engines.github]\nkind = \"github\"\nurl = \"{}\"\ntoken = {{ file = '{token}' }}\nmay = [\"acme/shop\"]\n",
        github.url()
    );
    world.start_by_file(&settings).await;
    let secret = WebhookSecret::parse(SECRET).expect("it is long enough");
    let webhooks = [(WebhookForge::Github, secret)].into();
    let options = NetworkOptions { webhooks, ..NetworkOptions::default() };
    let team = TeamServer::plain(world.handle(), options).await;
    let client = reqwest::Client::builder().no_proxy().build().expect("it can be built");
    let mut times = Samples::default();
    for number in 0..CHANGES {
        let change = format!("change-{number}");
        let sha = world.repository.commit(&change).to_string();
        let row = world.until_build("it is a build", |row| row.build.subject() == change).await;
        let run = github.push_run(RunOf { sha: &sha, ..RunOf::default() });
        let began = Instant::now();
        github.succeed(run, "deploy");
        let body = json!({ "repository": { "full_name": "acme/shop" } }).to_string();
        let url = format!("{}/v1/webhooks/github", team.url());
        let request = client.post(url).header("x-github-event", "workflow_run");
        let request = request.header("x-github-delivery", &change);
        let request = request.header("x-hub-signature-256", signature(body.as_bytes())).body(body);
        let answer = request.send().await.expect("the server answers");
        assert!(answer.status().is_success(), "{answer:?}");
        let is_live = |snapshot: &ServiceSnapshot| {
            let live = snapshot.live.get(&Environment::Staging)?;
            (live.build == row.build.number).then_some(())
        };
        world.until("it is seen in staging", is_live).await;
        times.push(began.elapsed());
    }
    times
}

fn signature(body: &[u8]) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("any key will do");
    let digest = mac.chain_update(body).finalize().into_bytes();
    format!("sha256={}", Hash(digest.into()))
}

//! Webhooks of forges: only what is signed wakes the engine, and what it says deploys nothing.

use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use trunkline::backend::{Backend as _, BackendError};
use trunkline::domain::caller::AccessRole;
use trunkline::domain::chain::Hash;
use trunkline::domain::delivery::{DeliveryResult, WebhookForge};
use trunkline::server::{NetworkOptions, WebhookSecret};
use trunkline_testing::engine::{QUICK, World};
use trunkline_testing::team::TeamServer;

const SECRET: &str = "a secret of the forge and the server";
/// Longer than a test: without a webhook, the engine does not look again.
const NEVER: Duration = Duration::from_hours(1);

/// A forge that sends webhooks to a server of this engine.
pub(crate) struct GithubForge {
    pub team: TeamServer,
    client: Client,
}

impl GithubForge {
    pub async fn of(world: &World) -> Self {
        let secret = WebhookSecret::parse(SECRET).unwrap();
        let webhooks = [(WebhookForge::Github, secret)].into();
        let options = NetworkOptions { webhooks, ..NetworkOptions::default() };
        let team = TeamServer::plain(world.handle(), options).await;
        Self { team, client: Client::builder().no_proxy().build().unwrap() }
    }

    fn post(&self, forge: &str, id: &str, event: &str, body: &[u8]) -> RequestBuilder {
        let url = format!("{}/v1/webhooks/{forge}", self.team.url());
        let request = self.client.post(url).header("x-github-delivery", id);
        request.header("x-github-event", event).body(body.to_vec())
    }

    /// Sends a signed webhook and returns what the server says of it.
    pub async fn send(&self, id: &str, event: &str, body: &Value) -> String {
        let body = body.to_string();
        let request = self.post("github", id, event, body.as_bytes());
        let answer = request.header("x-hub-signature-256", signature(body.as_bytes()));
        let answer = answer.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        let answer: Value = answer.json().await.unwrap();
        answer["result"].as_str().unwrap().to_owned()
    }

    async fn status(&self, request: RequestBuilder) -> u16 {
        request.send().await.unwrap().status().as_u16()
    }
}

fn signature(body: &[u8]) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap().chain_update(body);
    format!("sha256={}", Hash(mac.finalize().into_bytes().into()))
}

async fn watched() -> World {
    let mut world = World::with_file(QUICK);
    world.poll = NEVER;
    world.start().await;
    world.until("the service is known", |_| Some(())).await;
    world
}

fn push_to(world: &World) -> Value {
    json!({ "ref": "refs/heads/main", "after": "0".repeat(40),
        "repository": { "clone_url": world.repository.address() } })
}

#[tokio::test]
async fn a_signed_push_makes_the_engine_look_at_once() {
    let world = watched().await;
    let forge = GithubForge::of(&world).await;
    world.repository.commit("next");
    let push = push_to(&world);
    assert_eq!(forge.send("one", "push", &push).await, "woke");
    world.until_build("the pushed commit is a build", |row| row.build.subject() == "next").await;
    assert_eq!(forge.send("one", "push", &push).await, "repeated");
    assert_eq!(forge.send("two", "ping", &json!({})).await, "not_a_push");
    let other = json!({ "repository": { "clone_url": "https://forge.example/acme/other.git" } });
    assert_eq!(forge.send("three", "push", &other).await, "not_watched");

    let log = forge.team.person("raj", AccessRole::Viewer).await.deliveries().await.unwrap();
    let results: Vec<_> = log.taken.iter().map(|one| (one.id.as_str(), one.result)).collect();
    let expected = [
        ("three", DeliveryResult::NotWatched),
        ("two", DeliveryResult::NotAPush),
        ("one", DeliveryResult::Repeated),
        ("one", DeliveryResult::Woke),
    ];
    assert_eq!((results.as_slice(), log.refused_total), (expected.as_slice(), 0));
    let limited = forge.team.token("kim", AccessRole::Deployer, &["other"]).await.secret;
    let refused = forge.team.remote(limited).deliveries().await;
    assert!(matches!(refused, Err(BackendError::NotAllowed(_))), "{refused:?}");
}

#[tokio::test]
async fn what_is_not_signed_wakes_nobody() {
    let world = watched().await;
    let forge = GithubForge::of(&world).await;
    let body = push_to(&world).to_string();
    let (body, right) = (body.as_bytes(), signature(body.as_bytes()));
    let post = |of: &str| forge.post(of, "one", "push", body);
    let signed = |of: &str, value: &str| post(of).header("x-hub-signature-256", value);
    let altered = [body, b" "].concat();
    let refused = [
        post("github"),
        signed("github", &right.to_uppercase()),
        signed("github", "sha256="),
        signed("github", &right).header("x-hub-signature-256", &right),
        forge.post("github", "one", "push", &altered).header("x-hub-signature-256", &right),
        // The server has no secret of these.
        signed("gitea", &right),
        post("gitlab").header("x-gitlab-token", SECRET),
    ];
    // Nothing is noted of a forge of which no webhook is expected.
    let count = refused.len() - 2;
    for request in refused {
        assert_eq!(forge.status(request).await, 401);
    }
    assert_eq!(forge.status(signed("svn", &right)).await, 404);
    let elsewhere = signed("github", &right).header("host", "deploys.evil.example");
    assert_eq!(forge.status(elsewhere).await, 403);
    let get = forge.client.get(format!("{}/v1/webhooks/github", forge.team.url()));
    assert_eq!(forge.status(get).await, 401);
    // Signed, and still not taken: no JSON, no name, too much.
    let form = forge.post("github", "one", "push", b"payload=1");
    assert_eq!(
        forge.status(form.header("x-hub-signature-256", signature(b"payload=1"))).await,
        400
    );
    let nameless = forge.post("github", "", "push", body).header("x-hub-signature-256", &right);
    assert_eq!(forge.status(nameless).await, 400);
    let large = vec![b' '; 1024 * 1024 + 1];
    let large_signed = forge.post("github", "one", "push", &large);
    assert_eq!(
        forge.status(large_signed.header("x-hub-signature-256", signature(&large))).await,
        413
    );

    let log = world.backend("ann").deliveries().await.unwrap();
    let taken: Vec<_> = log.taken.iter().map(|one| one.result).collect();
    assert_eq!(taken, [DeliveryResult::Unreadable; 2]);
    assert_eq!(log.refused_total, u64::try_from(count).unwrap());
    assert_eq!(log.refused.unwrap().result, DeliveryResult::Refused);
}

#[tokio::test]
async fn strangers_with_slow_bodies_keep_no_webhook_out() {
    let world = watched().await;
    let forge = GithubForge::of(&world).await;
    let mut slow = Vec::new();
    for of in ["gitlab", "github"].repeat(20) {
        let mut stream = TcpStream::connect(forge.team.address).await.unwrap();
        let host = forge.team.address;
        let head = format!(
            "POST /v1/webhooks/{of} HTTP/1.1\r\nhost: {host}\r\nx-gitlab-token: x\r\ncontent-length: 9\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 401", "before the body has come");
        slow.push(stream);
    }
    assert_eq!(forge.send("one", "ping", &json!({})).await, "not_a_push");
}

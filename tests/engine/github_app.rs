//! The tokens of a GitHub App: signed for with its key, as small as the operator's list, and made anew when they end.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, DATE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use chrono::{TimeDelta, Utc};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Validation};
use serde_json::{Value, json};
use trunkline::config::operator_files::OperatorFiles;
use trunkline::domain::deployment::DeploymentState;
use trunkline::domain::remote::EngineName;
use trunkline::domain::token::base64url;
use trunkline::engine::RemoteTimes;
use trunkline::engine::runner::remote::{
    CallError, EngineClient, Engines, NoEngine, check_engines,
};
use trunkline_testing::engine::{QUICK, World};
use trunkline_testing::github::{GITHUB_TOKEN, GitHub};

/// A GitHub that makes tokens for App 12345, whose one installation is that of acme.
#[derive(Clone)]
struct Forge {
    upstream: String,
    state: Arc<Mutex<Made>>,
}

struct Made {
    /// The public key of the App.
    key: DecodingKey,
    /// The bodies of all requests for a token that were granted.
    bodies: Vec<Value>,
    /// The token that counts. There is none after it was revoked.
    token: Option<String>,
    /// How far its clock is ahead.
    ahead: TimeDelta,
    /// What the installation was given.
    permissions: Value,
    /// How many signatures it refused.
    unsigned: usize,
    looked_up: usize,
}

impl Forge {
    async fn before(github: &GitHub, key: &[u8]) -> (Self, String) {
        let key = EncodingKey::from_rsa_der(key);
        let key = Jwk::from_encoding_key(&key, Algorithm::RS256).unwrap();
        let key = DecodingKey::from_jwk(&key).unwrap();
        let made = Made {
            key,
            bodies: Vec::new(),
            token: None,
            ahead: TimeDelta::zero(),
            permissions: json!({ "actions": "write", "contents": "write", "metadata": "read" }),
            unsigned: 0,
            looked_up: 0,
        };
        let forge = Self { upstream: github.url(), state: Arc::new(Mutex::new(made)) };
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(forge.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        (forge, url)
    }

    fn change(&self, change: impl FnOnce(&mut Made)) {
        change(&mut self.state.lock().unwrap());
    }

    fn bodies(&self) -> Vec<Value> {
        self.state.lock().unwrap().bodies.clone()
    }
}

impl Made {
    /// Whether the App itself asks, in the way that GitHub wants it.
    fn is_signed(&self, headers: &HeaderMap) -> bool {
        let token = headers[AUTHORIZATION].to_str().unwrap().strip_prefix("Bearer ").unwrap();
        let mut check = Validation::new(Algorithm::RS256);
        // By its own clock, below.
        check.validate_exp = false;
        check.required_spec_claims.clear();
        let Ok(decoded) = jsonwebtoken::decode::<Value>(token, &self.key, &check) else {
            return false;
        };
        let (claims, now) = (decoded.claims, (Utc::now() + self.ahead).timestamp());
        let time = |name: &str| claims[name].as_i64().unwrap();
        let is_now = time("iat") <= now && time("exp") > now && time("exp") <= now + 600;
        is_now && claims["iss"] == "12345"
    }

    fn grant(&mut self, body: Value) -> Response {
        let wanted = body["permissions"].as_object().unwrap();
        let is_given = |(name, level): (&String, &Value)| {
            let given = &self.permissions[name];
            given == level || given == "write"
        };
        if !wanted.iter().all(is_given) {
            let why = "The permissions requested are not granted to this installation.";
            return (StatusCode::UNPROCESSABLE_ENTITY, axum::Json(json!({ "message": why })))
                .into_response();
        }
        self.bodies.push(body);
        // As long as GitHub's own.
        let token = format!("ghs_{}_{}", self.bodies.len(), "x".repeat(900));
        self.token = Some(token.clone());
        let expires_at = Utc::now() + self.ahead + TimeDelta::hours(1);
        let body = json!({ "token": token, "expires_at": expires_at, "permissions": {} });
        (StatusCode::CREATED, axum::Json(body)).into_response()
    }

    fn of_app(&mut self, method: &str, path: &str, headers: &HeaderMap, body: &[u8]) -> Response {
        if !self.is_signed(headers) {
            self.unsigned += 1;
            let why = "A JSON web token could not be decoded";
            return (StatusCode::UNAUTHORIZED, axum::Json(json!({ "message": why })))
                .into_response();
        }
        match (method, path) {
            ("GET", "/users/acme/installation" | "/app/installations/678") => {
                self.looked_up += usize::from(path.starts_with("/users"));
                let permissions = &self.permissions;
                axum::Json(json!({ "id": 678, "permissions": permissions })).into_response()
            }
            ("POST", "/app/installations/678/access_tokens") => {
                self.grant(serde_json::from_slice(body).unwrap())
            }
            _ => {
                let body = axum::Json(json!({ "message": "Not Found" }));
                (StatusCode::NOT_FOUND, body).into_response()
            }
        }
    }
}

async fn answer(State(forge): State<Forge>, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let path = parts.uri.path().to_owned();
    let is_of_app = path.starts_with("/app/") || path.ends_with("/installation");
    let token = {
        let mut made = forge.state.lock().unwrap();
        if is_of_app {
            let mut response = made.of_app(parts.method.as_str(), &path, &parts.headers, &body);
            let date = (Utc::now() + made.ahead).format("%a, %d %b %Y %H:%M:%S GMT");
            response.headers_mut().insert(DATE, date.to_string().parse().unwrap());
            return response;
        }
        made.token.clone()
    };
    if token.is_some_and(|token| parts.headers[AUTHORIZATION] == format!("Bearer {token}")) {
        parts.headers.insert(AUTHORIZATION, format!("Bearer {GITHUB_TOKEN}").parse().unwrap());
    }
    let redirect = reqwest::redirect::Policy::none();
    let client = reqwest::Client::builder().no_proxy().redirect(redirect).build().unwrap();
    let asked = client.request(parts.method, format!("{}{}", forge.upstream, parts.uri));
    let answer = asked.headers(parts.headers).body(body).send().await.unwrap();
    let (status, mut headers) = (answer.status(), answer.headers().clone());
    headers.remove("transfer-encoding");
    (status, headers, answer.bytes().await.unwrap()).into_response()
}

/// An operator with an App and its key.
struct Operator {
    github: GitHub,
    forge: Forge,
    url: String,
    folder: tempfile::TempDir,
    engines: Engines,
    pkcs8: Vec<u8>,
}

impl Operator {
    async fn new() -> Self {
        let pkcs8 = new_key();
        let (github, folder) = (GitHub::start().await, tempfile::tempdir().unwrap());
        let (forge, url) = Forge::before(&github, &pkcs8[26..]).await;
        let file = Some(OperatorFiles::new(&folder.path().join("config.toml"), None));
        let engines = Engines::new(file, BTreeMap::new(), RemoteTimes::default());
        let operator = Self { github, forge, url, folder, engines, pkcs8 };
        operator.write_key(&pem("RSA PRIVATE KEY", &operator.pkcs8[26..]), 0o600);
        operator.write("may = [\"acme/shop\", \"acme/site\", \"other/x\"]", "");
        operator
    }

    fn key_file(&self) -> PathBuf {
        self.folder.path().join("app.pem")
    }

    fn write_key(&self, text: &str, mode: u32) {
        std::fs::write(self.key_file(), text).unwrap();
        let mode = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(self.key_file(), mode).unwrap();
    }

    fn settings(&self, may: &str, installation: &str) -> String {
        let (url, key) = (&self.url, self.key_file().display().to_string());
        format!(
            "[engines.hub]\nkind = \"github\"\nurl = {url:?}\ntoken = {{ app = 12345, key = {key:?}{installation} }}\n{may}\n"
        )
    }

    fn write(&self, may: &str, installation: &str) {
        let settings = self.settings(may, installation);
        std::fs::write(self.folder.path().join("config.toml"), settings).unwrap();
    }

    async fn client(&self) -> Result<EngineClient, String> {
        let client = self.engines.for_repository(&hub(), "acme/shop").await;
        client.map_err(|(NoEngine::Ever(why) | NoEngine::Now(why))| why)
    }

    async fn workflows(&self) -> Result<u64, CallError> {
        let client = self.client().await.unwrap();
        let read = client.read::<Value>("/repos/acme/shop/actions/workflows").await?;
        Ok(read.unwrap().value["total_count"].as_u64().unwrap())
    }
}

fn hub() -> EngineName {
    "hub".parse().unwrap()
}

/// A private key in PKCS#8, which puts 26 bytes before the bare key.
fn new_key() -> Vec<u8> {
    let key = KeyPair::generate(KeySize::Rsa2048).unwrap();
    AsDer::<Pkcs8V1Der>::as_der(&key).unwrap().as_ref().to_vec()
}

fn pem(what: &str, der: &[u8]) -> String {
    let text = base64url(der).replace('-', "+").replace('_', "/");
    let text = text.clone() + &"=".repeat((4 - text.len() % 4) % 4);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    format!("-----BEGIN {what}-----\n{}\n-----END {what}-----\n", lines.join("\n"))
}

/// Whether this key is in any file below a folder but its own.
fn is_elsewhere(key: &Path, folder: &Path) -> bool {
    let secret = std::fs::read_to_string(key).unwrap();
    let line = secret.lines().nth(3).unwrap().to_owned();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
            } else if path != key {
                let bytes = std::fs::read(&path).unwrap_or_default();
                if bytes.windows(line.len()).any(|part| part == line.as_bytes()) {
                    return true;
                }
            }
        }
    }
    false
}

#[tokio::test]
async fn an_app_asks_for_no_more_than_the_operator_allows() {
    let operator = Operator::new().await;
    assert_eq!(operator.workflows().await, Ok(1));
    assert_eq!(operator.workflows().await, Ok(1));
    let wanted = json!({
        "permissions": { "actions": "write", "contents": "read" },
        "repositories": ["shop", "site"],
    });
    assert_eq!(operator.forge.bodies(), [wanted], "one token, and not of the other owner");
    assert_eq!(operator.forge.state.lock().unwrap().looked_up, 1);
    // Any of the owner's repositories, and an installation that is named.
    operator.write("may = [\"acme/*\"]", ", installation = 678");
    let given = json!({ "actions": "read", "deployments": "read", "metadata": "read" });
    operator.forge.change(|made| made.permissions = given);
    assert_eq!(operator.workflows().await, Ok(1));
    let wanted = json!({ "permissions": { "actions": "read", "deployments": "read" } });
    assert_eq!(operator.forge.bodies()[1..], [wanted]);
    assert_eq!(operator.forge.state.lock().unwrap().looked_up, 1);
    let user = operator.folder.path().join("config.toml");
    let file = OperatorFiles::new(&user, None).load().unwrap();
    let [checked] = check_engines(&file, user, BTreeMap::new()).await.try_into().unwrap();
    assert_eq!((checked.answers, checked.about.lacks), (Ok(()), Some("Actions: write")));
    assert_eq!(checked.about.lacks_writing, Some("contents = \"write\" beside the key of its App"));
    // Only where the operator says so it may make tags and move branches.
    operator.write("may = [\"acme/shop\"]", ", contents = \"write\"");
    let given = json!({ "actions": "write", "contents": "write" });
    operator.forge.change(|made| made.permissions = given.clone());
    assert_eq!(operator.workflows().await, Ok(1));
    let asked = operator.forge.bodies().pop().unwrap();
    assert_eq!(asked["permissions"], given);
}

#[tokio::test]
async fn many_who_ask_at_once_get_one_token() {
    let operator = Operator::new().await;
    let all = futures_util::future::join_all((0..12).map(|_| operator.workflows())).await;
    assert!(all.iter().all(|read| *read == Ok(1)), "{all:?}");
    assert_eq!(operator.forge.bodies().len(), 1);
    // All find out at once that it counts no more.
    operator.forge.change(|made| made.token = None);
    let all = futures_util::future::join_all((0..12).map(|_| operator.workflows())).await;
    assert!(all.iter().all(|read| *read == Ok(1)), "{all:?}");
    assert_eq!(operator.forge.bodies().len(), 2);
}

#[tokio::test]
async fn a_clock_that_is_off_signs_by_that_of_github() {
    for minutes in [40, -40] {
        let operator = Operator::new().await;
        operator.forge.change(|made| made.ahead = TimeDelta::minutes(minutes));
        assert_eq!(operator.workflows().await, Ok(1), "{minutes}");
        operator.forge.change(|made| made.token = None);
        assert_eq!(operator.workflows().await, Ok(1), "{minutes}");
        assert_eq!(operator.forge.state.lock().unwrap().unsigned, 1, "it knows the difference");
    }
}

#[tokio::test]
async fn an_app_that_cannot_be_used_says_why() {
    let operator = Operator::new().await;
    let good = std::fs::read_to_string(operator.key_file()).unwrap();
    let other = pem("RSA PRIVATE KEY", &new_key()[26..]);
    let pkcs8 = pem("PRIVATE KEY", &operator.pkcs8);
    let broken = pem("RSA PRIVATE KEY", b"no key");
    let secret = pem("ENCRYPTED PRIVATE KEY", b"no key");
    for (text, mode, said) in [
        (&good, 0o640, "others can read it; give it the mode 600"),
        (&pkcs8, 0o600, "openssl rsa -traditional"),
        (&secret, 0o600, "it has a passphrase"),
        (&"hello".to_owned(), 0o600, "it is no private key"),
        (&broken, 0o600, "no RSA key that can sign"),
        (&other, 0o600, "look at the number and the key of the App"),
    ] {
        operator.write_key(text, mode);
        let why = operator.client().await.err().unwrap();
        assert!(why.contains("the token of hub cannot be used") && why.contains(said), "{why}");
    }
    operator.write_key(&good, 0o600);
    operator.write("may = [\"acme/shop\"]", ", installation = 999");
    let why = operator.client().await.err().unwrap();
    assert!(why.contains("App 12345 has no installation 999"), "{why}");
    operator.write("may = [\"acme/shop\"]", "");
    operator.forge.change(|made| made.permissions = json!({ "metadata": "read" }));
    let why = operator.client().await.err().unwrap();
    assert!(why.contains("may not see Actions; give it Actions: write"), "{why}");
    let other = operator.engines.for_repository(&hub(), "other/x").await;
    assert!(matches!(other, Err(NoEngine::Ever(_))), "it is not allowed any more");
    operator.write("may = [\"other/x\"]", "");
    let other = operator.engines.for_repository(&hub(), "other/x").await;
    let Err(NoEngine::Now(why)) = other else { panic!("it is not installed there") };
    assert!(why.contains("App 12345 is not installed at other"), "{why}");
    std::fs::remove_file(operator.key_file()).unwrap();
    operator.write("may = [\"acme/shop\"]", "");
    let why = operator.client().await.err().unwrap();
    assert!(why.contains("app.pem: No such file"), "{why}");
}

/// The times of the product, for an impatient reader.
fn times() -> RemoteTimes {
    let (pace, settling) = (Duration::from_millis(20), Duration::from_millis(500));
    RemoteTimes { pace, settling, ..RemoteTimes::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_ends_while_a_run_is_followed_is_renewed() {
    let operator = Operator::new().await;
    let step = "name = \"release\"\ntimeout = \"1m\"\n\
         github = { engine = \"hub\", repository = \"acme/shop\", workflow = \"deploy.yml\", ref = \"main\" }\n\
         inputs = { sha = \"{sha}\", trunkline = \"{run}\" }\n";
    let file = QUICK.split("[[production.steps]]").next().unwrap();
    let file = format!("{file}[[production.steps]]\n{step}[[rollback.steps]]\n{step}");
    let mut world = World::with_file(&file);
    world.remote_times = times();
    world.start_by_file(&operator.settings("may = [\"acme/shop\"]", "")).await;
    operator.github.on_dispatch(|run| run.runs("deploy", "checkout"));
    let build = world.verified("a change").await;
    let id = world.promote(build).await;
    let run = operator.github.run().await;
    operator.github.until("it is looked at", |github| github.count("GET", "/jobs?") > 2).await;
    operator.forge.change(|made| made.token = None);
    operator.github.change(run, |run| run.runs("deploy", "migrate"));
    let looks = operator.github.count("GET", "/jobs?");
    operator
        .github
        .until("it is still looked at", |github| github.count("GET", "/jobs?") > looks + 2)
        .await;
    let token = operator.forge.state.lock().unwrap().token.clone().unwrap();
    operator.github.change(run, |run| run.succeeds("deploy", &format!("deployed with {token}")));
    let deployment = world.ended(id).await;
    assert_eq!(deployment.state(), DeploymentState::Succeeded, "{deployment:#?}");
    assert_eq!((operator.forge.bodies().len(), operator.github.runs().len()), (2, 1));
    let log = world.log(id, 0).await;
    assert!(log.last().is_some_and(|line| line.starts_with("deployed with ")), "{log:?}");
    assert!(!log.concat().contains("ghs_2_"), "the new token is hidden too: {log:?}");
    assert!(!is_elsewhere(&operator.key_file(), world.folder()), "the key is in no file");
}

//! The server over the network: who is let in, what each may do, and what reaches no route.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use trunkline::backend::remote::{Remote, RenewToken, ServerAddress};
use trunkline::backend::sign_in::Provider;
use trunkline::backend::{Backend as _, BackendError};
use trunkline::config::server_file::{BrowserSettings, OidcSettings};
use trunkline::domain::caller::{AccessRole, Caller};
use trunkline::domain::command::{Action, Command};
use trunkline::domain::ids::{BuildNumber, Environment, Seq};
use trunkline::domain::people::Actor;
use trunkline::domain::plan::{Finding, Guard, Plan, Severity};
use trunkline::domain::token::TokenSecret;
use trunkline::server::{NetworkListener, NetworkOptions, TlsError};
use trunkline_testing::engine::{QUICK, World};
use trunkline_testing::team::{TeamServer, client, pem, put_pair};
use uuid::Uuid;

const NOW: Duration = Duration::ZERO;

pub async fn watched() -> World {
    let world = World::open(QUICK).await;
    world.until("the service is known", |_| Some(())).await;
    world
}

/// A route, a request for it, and the status that a viewer, a deployer and an admin get.
type Row = (&'static str, &'static str, &'static str, Option<Value>, [u16; 3]);

/// What is open to everybody: nothing of a service is there.
const OPEN: [&str; 6] =
    ["/assets/{file}", "/sign-in", "/sign-in/provider", "/sign-in/answer", "/healthz", "/readyz"];
/// What needs no token either, and has one as its answer.
const DOOR: &str = "/v1/login";

/// Everybody may read; a deployer also acts; an admin also manages tokens.
fn matrix() -> Vec<Row> {
    let read = |route, path, status| ("GET", route, path, None, [status; 3]);
    let freeze = json!({ "command": "freeze", "reason": "late" });
    let token = json!({ "name": "one", "person": "kim", "role": "viewer" });
    vec![
        read("/v1", "/v1", 200),
        read("/v1/openapi.json", "/v1/openapi.json", 200),
        read("/v1/whoami", "/v1/whoami", 200),
        read("/healthz", "/healthz", 200),
        read("/readyz", "/readyz", 200),
        read("/metrics", "/metrics", 200),
        read("/v1/webhooks", "/v1/webhooks", 200),
        // Its signature takes the place of a token, and this one has none.
        ("POST", "/v1/webhooks/{forge}", "/v1/webhooks/github", Some(json!({})), [401; 3]),
        read("/v1/fleet", "/v1/fleet", 200),
        read("/v1/events", "/v1/events", 200),
        read("/v1/timeline", "/v1/timeline?minutes=60", 200),
        read("/v1/record/chain", "/v1/record/chain", 200),
        read("/v1/record/span", "/v1/record/span", 200),
        read("/v1/commands/{key}", "/v1/commands/12345678", 404),
        read("/v1/services/{service}", "/v1/services/checkout", 200),
        read("/v1/services/{service}/builds", "/v1/services/checkout/builds", 200),
        read(
            "/v1/services/{service}/deployments",
            "/v1/services/checkout/deployments?environment=production",
            200,
        ),
        read(
            "/v1/services/{service}/freezes",
            "/v1/services/checkout/freezes?environment=production&from=2026-11-01T00:00:00Z&until=2026-11-02T00:00:00Z",
            200,
        ),
        read("/v1/services/{service}/stats", "/v1/services/checkout/stats?days=7", 200),
        read("/v1/services/{service}/incidents", "/v1/services/checkout/incidents", 200),
        read(
            "/v1/services/{service}/incidents/{incident}",
            "/v1/services/checkout/incidents/99",
            404,
        ),
        read("/v1/services/{service}/plan", "/v1/services/checkout/plan?action=none", 400),
        read("/v1/services/{service}/commits/{commit}", "/v1/services/checkout/commits/0000", 200),
        read(
            "/v1/services/{service}/deployments/{deployment}/steps/{step}/log",
            "/v1/services/checkout/deployments/99/steps/0/log",
            404,
        ),
        read(
            "/v1/services/{service}/deployments/{deployment}/steps/{step}/log/search",
            "/v1/services/checkout/deployments/99/steps/0/log/search?text=a&after=0",
            404,
        ),
        read(
            "/v1/services/{service}/deployments/{deployment}/steps/{step}/log/filter",
            "/v1/services/checkout/deployments/99/steps/0/log/filter?text=a&end=",
            404,
        ),
        (
            "POST",
            "/v1/services/{service}/commands",
            "/v1/services/checkout/commands",
            Some(freeze),
            [403, 200, 200],
        ),
        (
            "POST",
            "/v1/services/{service}/notes",
            "/v1/services/checkout/notes",
            Some(json!({ "kind": "flag", "what": "search-v2" })),
            [403, 200, 200],
        ),
        read(DOOR, DOOR, 200),
        ("POST", DOOR, DOOR, Some(json!({ "id_token": "wrong" })), [401; 3]),
        read("/", "/", 200),
        read("/services/{service}", "/services/checkout", 200),
        read("/services/{service}/builds/{build}", "/services/checkout/builds/99", 404),
        read("/services/{service}/runs/{deployment}", "/services/checkout/runs/99", 404),
        read(
            "/services/{service}/runs/{deployment}/log",
            "/services/checkout/runs/99/log?step=0",
            404,
        ),
        read("/assets/{file}", "/assets/none", 404),
        read("/sign-in", "/sign-in?code=none", 401),
        ("POST", "/sign-in", "/sign-in", None, [400; 3]),
        read("/sign-in/provider", "/sign-in/provider", 503),
        read("/sign-in/answer", "/sign-in/answer?state=a&code=b", 401),
        (
            "POST",
            "/v1/services/{service}/deployments/{deployment}/link",
            "/v1/services/checkout/deployments/99/link",
            Some(json!({})),
            [404; 3],
        ),
        ("POST", "/v1/browser", "/v1/browser", None, [200; 3]),
        ("GET", "/v1/tokens", "/v1/tokens", None, [403, 403, 200]),
        ("POST", "/v1/tokens", "/v1/tokens", Some(token), [403, 403, 200]),
        ("DELETE", "/v1/tokens/{token}", "/v1/tokens/99", None, [403, 403, 404]),
    ]
}

/// A provider that is away.
pub fn provider() -> Provider {
    let word = || "trunkline".to_owned();
    let settings = OidcSettings {
        issuer: "http://127.0.0.1:9".into(),
        client_id: word(),
        audience: word(),
        scopes: Vec::new(),
        session: Duration::from_hours(12),
        roles: Vec::new(),
        browser: BrowserSettings::default(),
    };
    Provider::new(settings, BTreeMap::new()).unwrap()
}

#[tokio::test]
async fn every_route_answers_each_credential_as_the_matrix_says() {
    let world = watched().await;
    let team = TeamServer::trusting(world.handle(), provider()).await;
    let client = client();
    let url = team.url();
    let document = client.get(format!("{url}/v1/openapi.json"));
    let admin = team.token("moira", AccessRole::Admin, &[]).await.secret;
    let document = document.bearer_auth(admin.expose()).send().await.unwrap();
    let document: Value = document.json().await.unwrap();
    let described = document["paths"].as_object().unwrap().iter();
    let described = described.flat_map(|(path, item)| {
        let keys = item.as_object().unwrap().keys().filter(|key| *key != "parameters");
        keys.map(move |method| (method.to_uppercase(), path.clone()))
    });
    let described: BTreeSet<_> = described.collect();
    let rows = matrix();
    let listed = rows.iter().map(|(method, route, ..)| ((*method).into(), (*route).into()));
    assert_eq!(listed.collect::<BTreeSet<(String, String)>>(), described, "a route has no row");

    let revoked = team.token("raj", AccessRole::Admin, &[]).await;
    let moira = Caller::in_process("moira");
    world.handle().revoke_token(&moira, revoked.token.id).await.unwrap();
    let unknown = TokenSecret::of([9; 32]);
    let strangers = [None, Some("tl_wrong"), Some(unknown.expose()), Some(revoked.secret.expose())];
    let roles = [AccessRole::Viewer, AccessRole::Deployer, AccessRole::Admin];
    let mut known = Vec::new();
    for (role, id_token) in roles.into_iter().zip(1..) {
        let token = team.token("raj", role, &[]).await.secret;
        known.push([token, team.session("raj", role, [id_token; 32]).await.secret]);
    }
    for (method, route, path, body, statuses) in rows {
        let ask = async |token: Option<&str>| {
            let method: Method = method.parse().unwrap();
            let mut request = client.request(method, format!("{url}{path}"));
            request = request.header("idempotency-key", Uuid::new_v4().to_string());
            if let Some(token) = token {
                request = request.bearer_auth(token);
            }
            if let Some(mut body) = body.clone() {
                if let Some(name) = body.get_mut("name") {
                    *name = Uuid::new_v4().simple().to_string().into();
                }
                request = request.json(&body);
            }
            request.send().await.unwrap()
        };
        let is_door = path == DOOR;
        for token in strangers {
            let answer = ask(token).await;
            let status = answer.status().as_u16();
            // A route without a caller looks at no token at all.
            let is_open = (OPEN.contains(&route) || is_door) && status == statuses[0];
            let may_wait = token.is_some() || is_door;
            let is_refused = status == 401 || (status == 429 && may_wait) || is_open;
            assert!(is_refused, "{method} {path} with {token:?}: {status}");
            assert!(answer.headers().contains_key("trunkline-api"));
        }
        for (credentials, wanted) in known.iter().zip(statuses) {
            for token in credentials {
                let status = ask(Some(token.expose())).await.status().as_u16();
                let tried_too_often = is_door && wanted == 401 && status == 429;
                assert!(status == wanted || tried_too_often, "{method} {path}: {status}");
            }
        }
    }
}

#[tokio::test]
async fn what_a_request_says_about_its_sender_counts_for_nothing() {
    let world = watched().await;
    let team = TeamServer::new(world.handle()).await;
    let token = team.token("raj", AccessRole::Deployer, &[]).await.secret;
    let send = async |body: Value| {
        let path = format!("{}/v1/services/checkout/commands", team.url());
        let request = client().post(path).bearer_auth(token.expose()).json(&body);
        let claims = ["x-user", "x-forwarded-user", "x-remote-user", "from", "x-forwarded-for"];
        let request = claims.iter().fold(request, |request, name| request.header(*name, "ann"));
        let request = request.header("idempotency-key", Uuid::new_v4().to_string());
        request.send().await.unwrap()
    };
    let hold = json!({
        "command": "hold", "environment": "staging", "reason": "late", "actor": "ann", "user": "ann",
    });
    assert_eq!(send(hold).await.status(), StatusCode::OK);
    let events = world.handle().events(None, Seq(0), 1_000).await.unwrap();
    let actors = events.iter().map(|event| event.actor.clone());
    let people: Vec<_> = actors.filter(|actor| *actor != Actor::System).collect();
    assert_eq!(people, [Actor::Person("raj".into())]);
}

#[tokio::test]
async fn a_stream_and_a_waiting_read_end_with_their_token() {
    let world = watched().await;
    let team = TeamServer::new(world.handle()).await;
    let made = team.token("raj", AccessRole::Viewer, &[]).await;
    let (client, url) = (client(), team.url());
    let get = |path: &str| client.get(format!("{url}{path}")).bearer_auth(made.secret.expose());
    let events = get("/v1/events?after=1000000");
    let mut stream = events.header("accept", "text/event-stream").send().await.unwrap();
    assert_eq!(stream.status(), StatusCode::OK);
    let waiting = tokio::spawn(get("/v1/events?after=1000000&wait=20").send());
    let moira = Caller::in_process("moira");
    world.handle().revoke_token(&moira, made.token.id).await.unwrap();
    let end = async { while let Ok(Some(_)) = stream.chunk().await {} };
    tokio::time::timeout(Duration::from_mins(2), end).await.expect("the stream ends");
    // One that waited to its end would be an empty page.
    let waited = waiting.await.unwrap().unwrap();
    assert_eq!(waited.status(), StatusCode::UNAUTHORIZED);
    let again = get("/v1/fleet").send().await.unwrap();
    assert_eq!(again.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(again.headers()["www-authenticate"], "Bearer");
}

#[tokio::test]
async fn a_console_that_stays_open_takes_the_token_of_a_new_login() {
    let world = watched().await;
    let team = TeamServer::new(world.handle()).await;
    let old = team.token("raj", AccessRole::Deployer, &[]).await;
    let kept = Arc::new(Mutex::new(old.secret.clone()));
    let renew = RenewToken(Arc::new({
        let kept = kept.clone();
        move |_| {
            let token = kept.lock().unwrap().clone();
            Box::pin(async move { Some(token) })
        }
    }));
    let (ca, profile) = (Some(pem("ca.pem")), Some("prod".to_owned()));
    let address = ServerAddress {
        url: team.url(),
        ca,
        token: old.secret,
        renew: Some(renew),
        profile,
        by_command: false,
    };
    let console = Remote::at(address).unwrap();
    assert_eq!(console.who_am_i().await.unwrap().name, "raj");
    let moira = Caller::in_process("moira");
    world.handle().revoke_token(&moira, old.token.id).await.unwrap();
    let refused = console.who_am_i().await.unwrap_err().to_string();
    let login = format!("trunkline login {} --profile prod", team.url());
    assert!(refused.contains(&login), "{refused}");
    *kept.lock().unwrap() = team.token("raj", AccessRole::Deployer, &[]).await.secret;
    let service = "checkout".parse().unwrap();
    let hold = Command::Hold { environment: Environment::Staging, reason: "late".into() };
    let key = Uuid::new_v4().to_string().try_into().unwrap();
    console.command(&service, hold, key).await.expect("the new token is used");
}

/// Nothing is sent before TLS is there, however long that takes.
#[tokio::test]
async fn a_command_that_reached_no_server_is_not_called_unknown() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let url = format!("https://localhost:{}", address.port());
    let (token, ca) = (TokenSecret::of([1; 32]), Some(pem("ca.pem")));
    let remote =
        Remote::at(ServerAddress { url, ca, token, renew: None, profile: None, by_command: false })
            .unwrap();
    let hold = Command::Hold { environment: Environment::Staging, reason: "late".into() };
    let key = Uuid::new_v4().to_string().try_into().unwrap();
    let why = remote.command(&"checkout".parse().unwrap(), hold, key).await.unwrap_err();
    assert!(matches!(why, BackendError::Unreachable(_)), "{why:?}");
    drop(listener);
}

#[tokio::test]
async fn an_address_that_tries_tokens_has_to_wait_and_a_good_token_does_not() {
    let world = watched().await;
    let team = TeamServer::new(world.handle()).await;
    let good = team.token("raj", AccessRole::Viewer, &[]).await.secret;
    let (client, url) = (client(), format!("{}/v1/fleet", team.url()));
    let ask = async |token: &str| client.get(&url).bearer_auth(token).send().await.unwrap();
    let revoked = team.token("kim", AccessRole::Viewer, &[]).await;
    let moira = Caller::in_process("moira");
    world.handle().revoke_token(&moira, revoked.token.id).await.unwrap();
    for _ in 0..30 {
        // An open console whose token was revoked does not guess.
        assert_eq!(ask(revoked.secret.expose()).await.status(), StatusCode::UNAUTHORIZED);
    }
    for _ in 0..20 {
        assert_eq!(ask("tl_wrong").await.status(), StatusCode::UNAUTHORIZED);
    }
    let told = ask("tl_wrong").await;
    assert_eq!(told.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(told.headers().contains_key("retry-after"));
    assert_eq!(ask(good.expose()).await.status(), StatusCode::OK);
}

/// The status line and the headers of the answer to these bytes.
fn raw(address: std::net::SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let (mut text, mut bytes) = (Vec::new(), [0; 1024]);
    while !text.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut bytes) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            read => match read.unwrap() {
                0 => break,
                length => text.extend_from_slice(&bytes[..length]),
            },
        }
    }
    String::from_utf8(text).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_under_a_foreign_name_or_from_a_foreign_page_reaches_no_route() {
    let world = watched().await;
    let team = TeamServer::plain(world.handle(), NetworkOptions::default()).await;
    let token = team.token("raj", AccessRole::Admin, &[]).await.secret;
    let port = team.address.port();
    let ask = |method: &str, target: &str, headers: &str| {
        let token = token.expose();
        let body = "environment=staging";
        raw(
            team.address,
            &format!(
                "{method} {target} HTTP/1.1\r\n{headers}Authorization: Bearer {token}\r\n\
                 Content-Length: {}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
                 Idempotency-Key: 12345678\r\nConnection: close\r\n\r\n{body}",
                body.len()
            ),
        )
    };
    let own = format!("Host: localhost:{port}\r\n");
    let commands = "/v1/services/checkout/commands";
    assert!(ask("GET", "/v1/fleet", &own).starts_with("HTTP/1.1 200"));
    let foreign = [
        format!("Host: evil.example:{port}\r\n"),
        format!("Host: 127.0.0.1.evil.example:{port}\r\n"),
        "Host: localhost:1\r\n".to_owned(),
        String::new(),
        own.repeat(2),
        format!("{own}Origin: https://evil.example\r\n"),
        format!("{own}Origin: null\r\n"),
    ];
    for headers in foreign {
        for (method, target) in [("GET", "/v1/fleet"), ("POST", commands), ("OPTIONS", commands)] {
            let answer = ask(method, target, &headers);
            assert!(answer.starts_with("HTTP/1.1 403"), "{method} {headers:?}: {answer}");
            assert!(!answer.to_lowercase().contains("access-control"), "{answer}");
        }
    }
    let smuggled = ask("GET", &format!("http://evil.example:{port}/v1/fleet"), &own);
    assert!(smuggled.starts_with("HTTP/1.1 403"), "{smuggled}");
    let form = ask("POST", commands, &own);
    assert!(form.starts_with("HTTP/1.1 415"), "{form}");
    let preflight = ask("OPTIONS", commands, &format!("{own}Origin: http://localhost:{port}\r\n"));
    assert!(preflight.starts_with("HTTP/1.1 405"), "{preflight}");
    assert!(!preflight.to_lowercase().contains("access-control"), "{preflight}");
}

#[tokio::test]
async fn a_port_that_others_reach_is_not_opened_without_tls_or_a_proxy() {
    let open = |proxies: Vec<IpAddr>| {
        let listen = "0.0.0.0:0".to_owned();
        NetworkListener::bind(NetworkOptions { listen, proxies, ..NetworkOptions::default() })
    };
    let refused = open(Vec::new()).await.err().unwrap().to_string();
    assert!(refused.contains("[tls]") && refused.contains("--behind-proxy"), "{refused}");
    assert!(open(vec!["10.0.0.7".parse().unwrap()]).await.is_ok());
}

#[tokio::test]
async fn only_a_proxy_says_for_whom_it_asks() {
    let world = watched().await;
    let host = ["deploys.example.org".to_owned()].to_vec();
    for (proxy, shown) in [("127.0.0.1", "10.1.2.3"), ("10.0.0.7", "127.0.0.1")] {
        let proxies = vec![proxy.parse().unwrap()];
        let options = NetworkOptions { proxies, hosts: host.clone(), ..NetworkOptions::default() };
        let team = TeamServer::plain(world.handle(), options).await;
        let token = team.token("raj", AccessRole::Viewer, &[]).await.secret;
        let request = Client::builder().no_proxy().build().unwrap();
        let request = request.get(format!("http://{}/v1/whoami", team.address));
        let request = request.header("host", &host[0]).bearer_auth(token.expose());
        let request = request.header("x-forwarded-for", "10.9.9.9, 10.1.2.3");
        let who: Value = request.send().await.unwrap().json().await.unwrap();
        assert!(who["via"].as_str().unwrap().ends_with(shown), "{who}");
    }
}

/// Why a client that trusts the authority of the tests does not get through.
async fn refusal(url: &str, ca: &str) -> String {
    let token = TokenSecret::of([1; 32]);
    let address = ServerAddress {
        url: url.to_owned(),
        ca: Some(pem(ca)),
        token,
        renew: None,
        profile: None,
        by_command: false,
    };
    Remote::at(address).unwrap().describe().await.unwrap_err().to_string()
}

#[tokio::test]
async fn a_certificate_that_is_not_trusted_is_told_in_words() {
    let world = watched().await;
    let pairs = [
        ("server", "stranger.pem", "signed its certificate; set ca"),
        ("stranger", "ca.pem", "that of an authority"),
        ("expired", "ca.pem", "has expired"),
        ("elsewhere", "ca.pem", "of another host"),
    ];
    for (pair, ca, words) in pairs {
        let team = TeamServer::with_pair(world.handle(), pair).await;
        let told = refusal(&team.url(), ca).await;
        assert!(told.contains(words), "{pair}: {told}");
    }
    let plain = TeamServer::plain(world.handle(), NetworkOptions::default()).await;
    let told = refusal(&plain.url().replace("http:", "https:"), "ca.pem").await;
    assert!(told.contains("does not speak TLS"), "{told}");
}

#[tokio::test]
async fn who_is_not_signed_in_is_told_how() {
    let world = watched().await;
    let team = TeamServer::new(world.handle()).await;
    let told = refusal(&team.url(), "ca.pem").await;
    assert_eq!(
        told,
        format!("this token is not known here; sign in again: trunkline login {}", team.url())
    );
}

#[tokio::test]
async fn a_new_certificate_is_used_and_a_bad_one_is_not() {
    let world = watched().await;
    let team = TeamServer::new(world.handle()).await;
    let certificates = team.certificates.clone().unwrap();
    let raj = team.person("raj", AccessRole::Viewer).await;
    assert!(raj.describe().await.is_ok());
    assert!(!certificates.renew().unwrap(), "nothing has changed");

    put_pair(&team.files(), "renewed", "server");
    assert!(matches!(certificates.renew(), Err(TlsError::Mismatch { .. })));
    let kim = team.person("kim", AccessRole::Viewer).await;
    assert!(kim.describe().await.is_ok(), "the old pair goes on");

    put_pair(&team.files(), "expired", "expired");
    for _ in 0..2 {
        assert!(matches!(certificates.renew(), Err(TlsError::OutOfTime { .. })));
    }
    assert!(certificates.in_time().is_ok());
    let lea = team.person("lea", AccessRole::Viewer).await;
    assert!(lea.describe().await.is_ok(), "the old pair goes on");

    put_pair(&team.files(), "elsewhere", "elsewhere");
    assert!(certificates.renew().unwrap());
    assert!(refusal(&team.url(), "ca.pem").await.contains("of another host"));
    std::fs::write(&team.files().certificate, "not a certificate").unwrap();
    assert!(matches!(certificates.renew(), Err(TlsError::NotPem { .. })));

    put_pair(&team.files(), "server", "server");
    let mode = |mode| {
        std::fs::set_permissions(&team.files().key, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    mode(0o644);
    assert!(matches!(certificates.renew(), Err(TlsError::OpenKey { .. })));
    mode(0o600);
    assert!(certificates.renew().unwrap(), "the remedy is enough");
}

#[tokio::test]
async fn a_token_is_nowhere_on_the_disk_of_the_server() {
    let world = watched().await;
    let team = TeamServer::new(world.handle()).await;
    let made = team.token("raj", AccessRole::Deployer, &[]).await;
    let raj = team.remote(made.secret.clone());
    raj.who_am_i().await.unwrap();
    let mut folders = vec![world.data()];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            files += 1;
            let bytes = std::fs::read(&path).unwrap_or_default();
            let text = made.secret.expose().as_bytes();
            let is_there = bytes.windows(text.len()).any(|part| part == text);
            assert!(!is_there, "{}", path.display());
        }
    }
    assert!(files > 2);
}

#[tokio::test]
async fn of_two_people_one_asks_and_the_other_promotes_and_the_guard_knows_who_wrote_it() {
    let world = World::open(QUICK).await;
    let build: BuildNumber = world.verified("a change of ann").await;
    let team = TeamServer::new(world.handle()).await;
    let ann = team.person("ann", AccessRole::Deployer).await;
    let raj = team.person("raj", AccessRole::Deployer).await;
    let service = "checkout".parse().unwrap();
    let plan = ann.plan(&service, Action::Promote { build }).await.unwrap();
    let wrote_it = |plan: &Plan| {
        let is_own =
            |found: &Finding| found.guard == Guard::Author && found.severity == Severity::Override;
        plan.findings.iter().any(is_own)
    };
    assert!(wrote_it(&plan), "{plan:#?}");
    let ask = Command::Ask { build, fingerprint: plan.fingerprint, note: "please".into() };
    let key = || Uuid::new_v4().to_string().try_into().unwrap();
    ann.command(&service, ask, key()).await.unwrap();

    let seen = raj.service(&service, None, NOW).await.unwrap().unwrap();
    assert_eq!(seen.me.actor, Actor::Person("raj".into()));
    assert_eq!(seen.requests[0].by, Actor::Person("ann".into()));
    let plan = raj.plan(&service, Action::Promote { build }).await.unwrap();
    assert!(!wrote_it(&plan), "{plan:#?}");
    let promote = Command::Execute {
        action: Action::Promote { build },
        fingerprint: plan.fingerprint,
        overrides: BTreeMap::new(),
    };
    let receipt = raj.command(&service, promote, key()).await.unwrap();
    let live = world.ended(receipt.deployment.unwrap()).await;
    assert!(live.succeeded());
    assert_eq!(live.by, Actor::Person("raj".into()));
}

//! People sign in at a real provider of `OpenID` Connect, with the real program.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::{Value, json};
use trunkline_testing::home::{Home, until};
use trunkline_testing::team::client;

use crate::team::{TeamHome, error, has_text, laptop};

/// A provider that runs as long as the value lives.
pub struct Provider {
    process: Child,
    pub issuer: String,
    /// It would end at its next word if nobody could hear it.
    _output: ChildStdout,
}

impl Drop for Provider {
    fn drop(&mut self) {
        // It ends with its input.
        drop(self.process.stdin.take());
        self.process.wait().unwrap();
    }
}

impl Provider {
    /// One, or none and why: it must be there where it is said to be.
    pub fn if_installed() -> Option<Self> {
        let why = match Self::start() {
            Ok(provider) => return Some(provider),
            Err(why) => why,
        };
        let is_installed = std::env::var_os("TRUNKLINE_OIDC_PROVIDER").is_some();
        assert!(!is_installed, "the provider does not run: {why}");
        eprintln!("signing in is not tried at a provider: {why}");
        None
    }

    /// # Errors
    /// With the reason why it cannot run here.
    fn start() -> Result<Self, String> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let script = root.join(".ci/oidc-provider");
        let found = Command::new(&script).arg("where").output().map_err(|why| why.to_string())?;
        let folder = PathBuf::from(String::from_utf8(found.stdout).unwrap().trim());
        if !folder.join("node_modules/oidc-provider").is_dir() {
            return Err(format!("there is no oidc-provider; run {}", script.display()));
        }
        let process = Command::new("node")
            .args([root.join("tests/data/oidc/provider.mjs"), folder])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut process = process.map_err(|why| format!("node cannot be started: {why}"))?;
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let mut issuer = String::new();
        output.read_line(&mut issuer).unwrap();
        let issuer = issuer.trim().to_owned();
        assert!(issuer.starts_with("http://"), "{issuer}");
        Ok(Self { process, issuer, _output: output.into_inner() })
    }

    /// Has the provider do something that is no part of the protocol.
    pub fn act(&self, path: &str, asked: &Value) -> String {
        let host = self.issuer.strip_prefix("http://").unwrap();
        let body = asked.to_string();
        let mut stream = TcpStream::connect(host).unwrap();
        let request = format!(
            "POST /test/{path} HTTP/1.1\r\nhost: {host}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        if head.to_lowercase().contains("transfer-encoding") {
            return body.split("\r\n").nth(1).unwrap().to_owned();
        }
        body.to_owned()
    }

    /// What it could say of raj at this moment, with these claims instead.
    fn signs(&self, instead: &Value) -> String {
        let at = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
        let mut claims = json!({
            "iss": self.issuer, "aud": "trunkline", "sub": "raj", "iat": at, "exp": at + 600,
            "email": "raj@example.com", "email_verified": true, "groups": ["dev"],
        });
        claims.as_object_mut().unwrap().extend(instead.as_object().unwrap().clone());
        self.act("sign", &json!({ "claims": claims }))
    }
}

/// A login that waits for its user.
struct Login {
    process: Child,
    output: BufReader<ChildStdout>,
    code: String,
}

impl Drop for Login {
    fn drop(&mut self) {
        let _ended_already = self.process.kill();
        self.process.wait().unwrap();
    }
}

impl Login {
    fn begin(home: &Home, url: &str) -> Self {
        let arguments = ["login", url, "--ca", "ca.pem", "--profile", "prod"];
        let mut command = home.command(&arguments);
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let mut code = None;
        let mut line = String::new();
        while code.is_none() && output.read_line(&mut line).unwrap() > 0 {
            code = line.trim().strip_prefix("and enter the code ").map(str::to_owned);
            line.clear();
        }
        let Some(code) = code else { panic!("{:?}", process.wait_with_output()) };
        Self { process, output, code }
    }

    fn decided(mut self, provider: &Provider, how: &Value) -> (bool, String) {
        let mut how = how.clone();
        how["user_code"] = json!(self.code);
        provider.act("decide", &how);
        let mut said = String::new();
        self.output.read_to_string(&mut said).unwrap();
        self.process.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        (self.process.wait().unwrap().success(), said)
    }
}

/// The status of the server's answer to an ID token.
fn shown(url: &str, id_token: &str) -> u16 {
    let request = client().post(format!("{url}/v1/login")).json(&json!({ "id_token": id_token }));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { request.send().await.unwrap().status().as_u16() })
}

pub fn settings(issuer: &str) -> String {
    format!(
        "[oidc]\nissuer = '{issuer}'\nclient_id = 'trunkline'\nscopes = ['groups']\nsession = '12h'\n\
         [[oidc.roles]]\nvalue = 'dev'\nrole = 'deployer'\n\
         [people.'Raj P.']\nemails = ['raj@example.com', 'raj@private.example']\n"
    )
}

/// The session in force.
fn session(team: &TeamHome) -> String {
    let tokens = team.home.json(&["token", "list", "--json"]);
    let is_open = |token: &&Value| token["session"] == true && token["revoked"].is_null();
    let found = tokens.as_array().unwrap().iter().rfind(is_open).unwrap();
    found["name"].as_str().unwrap().to_owned()
}

/// Tries ID tokens of all kinds. Returns the one that was taken after the provider changed its keys.
fn takes_only_what_the_provider_signed(provider: &Provider, url: &str) -> String {
    let old = [1, 2].map(|number| provider.signs(&json!({ "jti": number })));
    assert_eq!(shown(url, &old[0]), 200);
    provider.act("rotate", &json!({}));
    let good = provider.signs(&json!({ "jti": 3 }));
    assert_eq!((shown(url, &good), shown(url, &good)), (200, 401), "replayed");
    assert_eq!(shown(url, &old[1]), 401, "its key was withdrawn");
    let at = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let [head, body, signature] = good.split('.').collect::<Vec<_>>()[..] else { panic!("{good}") };
    let other = provider.signs(&json!({ "sub": "eve" }));
    let refused = [
        provider.signs(&json!({ "exp": at - 61 })),
        provider.signs(&json!({ "iat": at - 700 })),
        provider.signs(&json!({ "aud": "other" })),
        provider.signs(&json!({ "iss": "https://login.example.org" })),
        format!("{head}.{}.{signature}", other.split('.').nth(1).unwrap()),
        format!("eyJhbGciOiJub25lIn0.{body}."),
    ];
    for (number, id_token) in refused.iter().enumerate() {
        assert_eq!(shown(url, id_token), 401, "{number}");
    }
    good
}

/// A session that is far from its own end.
fn a_logout_ends_the_session(provider: &Provider, team: &TeamHome) {
    let other = laptop();
    let login = Login::begin(&other, &team.url);
    let (is_in, said) = login.decided(provider, &json!({ "sub": "raj" }));
    assert!(is_in, "{said}");
    let name = session(team);
    let said = other.said(&["logout", "--profile", "prod"]);
    assert_eq!(said.trim(), format!("signed out of {}", team.url));
    let tokens = team.home.json(&["token", "list", "--json"]);
    let ended = tokens.as_array().unwrap().iter().find(|token| token["name"] == *name).unwrap();
    assert_eq!(ended["revoked"]["by"], "Raj P.", "{ended}");
}

#[test]
fn people_sign_in_at_a_provider_and_are_known_by_what_it_has_verified() {
    let Some(provider) = Provider::if_installed() else { return };
    let mut team = TeamHome::with(&settings(&provider.issuer));
    a_logout_ends_the_session(&provider, &team);
    let mine = laptop();
    let login = Login::begin(&mine, &team.url);
    let strangers: Vec<_> = ["eve", "guest", "nobody"]
        .into_iter()
        .map(|who| {
            let home = laptop();
            (who, Login::begin(&home, &team.url), home)
        })
        .collect();
    let (is_in, said) = login.decided(&provider, &json!({ "sub": "raj" }));
    assert!(
        is_in && said.contains(" as Raj P., deployer for all services (token session-"),
        "{said}"
    );
    for (who, login, home) in strangers {
        let (how, why) = match who {
            "nobody" => (json!({ "error": "access_denied" }), "refused in the browser"),
            "eve" => (json!({ "sub": who }), "has verified no address of \"eve\""),
            _ => (json!({ "sub": who }), "guest@example.com has no role here"),
        };
        let (is_in, said) = login.decided(&provider, &how);
        assert!(!is_in && said.contains(why), "{who}: {said}");
        assert!(!home.path("data/profiles").exists(), "{who}");
    }
    let told = |arguments: &[&str]| {
        let mut with = arguments.to_vec();
        with.extend(["--profile", "prod"]);
        mine.trunkline(&with)
    };
    let text = |arguments: &[&str]| String::from_utf8(told(arguments).stdout).unwrap();

    team.home.verified(1);
    let promoted = told(&["promote", "1", "--yes"]);
    assert!(promoted.status.success(), "{promoted:?}");
    let events = team.home.said(&["events", "--json"]);
    assert!(events.contains(r#"{"person":"raj"}"#), "the service calls Raj P. so: {events}");
    team.repository.write("page", "two");
    team.repository.commit_all("R.", "raj@private.example", "by an address that the server knows");
    team.home.verified(2);
    let own = text(&["plan", "promote", "2"]);
    let guard = own.lines().find(|line| line.contains(" author ")).unwrap_or(&own);
    assert!(guard.contains("OVERRIDE"), "{own}");

    let good = takes_only_what_the_provider_signed(&provider, &team.url);
    let body = good.split('.').nth(1).unwrap();

    let said = text(&["whoami"]);
    team.restart(|text| text.replace("'12h'", "'1s'"));
    assert_eq!(shown(&team.url, &good), 401, "replayed after a restart");
    assert_eq!(text(&["whoami"]), said, "nobody has to sign in again");
    let mine_alone = said.split("(token ").nth(1).unwrap().split(' ').next().unwrap();
    team.home.said(&["token", "revoke", mine_alone]);
    for _ in 0..2 {
        let out = told(&["whoami"]);
        assert!(error(&out).contains("was revoked; sign in again: trunkline login"), "{out:?}");
    }

    let login = Login::begin(&mine, &team.url);
    let (is_in, said) = login.decided(&provider, &json!({ "sub": "raj" }));
    assert!(is_in, "{said}");
    let first = session(&team);
    until("the session is renewed without a question", || {
        let out = told(&["whoami"]);
        assert!(out.status.success(), "{out:?}");
        session(&team) != first
    });
    let log = std::fs::read_to_string(team.home.path("data/engine.log")).unwrap();
    assert!(log.contains("a sign-in was refused") && !log.contains(body), "{log}");
    let kept = std::fs::read_to_string(
        mine.path("data/profiles/prod")
            .read_dir()
            .unwrap()
            .next()
            .unwrap()
            .unwrap()
            .path()
            .join("token"),
    );
    let kept: Value = serde_json::from_str(&kept.unwrap()).unwrap();
    let secret = kept["session"]["refresh_token"].as_str().unwrap();
    assert_eq!(has_text(&mine.path(""), secret), ["token"], "it is in its file alone");
    assert!(has_text(&team.home.path(""), secret).is_empty(), "and never at the server");
    let out = text(&["logout"]);
    // After a second the session has ended by itself.
    assert!(out.contains("signed out of") || out.contains("did not end it"), "{out}");
    assert!(error(&told(&["whoami"])).contains("you are not signed in"));
}

//! The tokens that GitHub makes for an App: signed for with its key, for the repositories of one owner that the operator allows.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::header::HeaderMap;
use reqwest::{Client, Method, StatusCode};
use rustls_pki_types::PrivatePkcs1KeyDer;
use rustls_pki_types::pem::PemObject as _;
use serde::Deserialize;
use serde_json::{Value, json};

use super::about::{STARTS, WRITES, WRITES_BY_SETTING};
use super::reply::{date, failed, read, says};
use super::{ANSWER, of_github};
use crate::config::engines::AppKey;
use crate::engine::clock::{Clock as _, SystemClock};

/// The most bytes of a key file.
const LARGEST_KEY: u64 = 64 * 1024;
/// The permission bits of the group and of others.
const OTHERS: u32 = 0o077;
/// The signature counts from a little before now, since clocks differ, and for less than the ten minutes that GitHub takes.
const BEFORE: TimeDelta = TimeDelta::seconds(60);
const AFTER: TimeDelta = TimeDelta::minutes(8);
/// A smaller difference of the clocks is no reason for a refusal.
const CLOCKS_DIFFER: TimeDelta = TimeDelta::seconds(20);
/// What a token is for: workflows, and reading which of them keep an order and what was deployed.
const WANTED: [(&str, &str); 3] =
    [("actions", "write"), ("contents", "read"), ("deployments", "read")];
/// The shortest time for which a token counts.
const SHORTEST: Duration = Duration::from_mins(1);

/// How the tokens of one installation of an App are made.
pub struct AppTokens {
    http: Client,
    /// The address of GitHub.
    url: String,
    app: AppKey,
    /// Whose repositories they are for.
    owner: String,
    /// The repositories of this owner. None: all that the installation has.
    repositories: Vec<String>,
    found: Mutex<AppFacts>,
}

/// What was found out on the way.
#[derive(Debug, Clone, Copy)]
struct AppFacts {
    /// How far GitHub's clock is ahead of ours.
    ahead: TimeDelta,
    /// The permission that the last token lacks to start workflows.
    lacks: Option<&'static str>,
    /// What it lacks to change contents.
    lacks_writing: Option<&'static str>,
}

#[derive(Deserialize)]
struct InstallationBody {
    id: u64,
    /// What the App may do there, and how far.
    #[serde(default)]
    permissions: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct TokenBody {
    token: String,
    expires_at: DateTime<Utc>,
}

/// An answer of GitHub to the App.
struct AppAnswer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl AppTokens {
    pub fn new(
        http: Client,
        url: &str,
        app: &AppKey,
        owner: &str,
        repositories: Vec<String>,
    ) -> Self {
        let found =
            Mutex::new(AppFacts { ahead: TimeDelta::zero(), lacks: None, lacks_writing: None });
        let (url, owner) = (url.to_owned(), owner.to_owned());
        Self { http, url, app: app.clone(), owner, repositories, found }
    }

    /// A new token, and for how long it counts.
    ///
    /// # Errors
    /// With what to correct.
    pub async fn token(&self) -> Result<(String, Duration), String> {
        let key = key(&self.app.key).await?;
        let InstallationBody { id, permissions } = self.installation(&key).await?;
        let wanted = wanted(&permissions, self.app.writes);
        if !wanted.contains_key("actions") {
            let app = self.app.app;
            return Err(format!("App {app} may not see Actions; give it {STARTS}"));
        }
        let starts = wanted["actions"] == "write";
        let mut body = json!({ "permissions": wanted });
        if !self.repositories.is_empty() {
            body["repositories"] = json!(self.repositories);
        }
        let path = format!("/app/installations/{id}/access_tokens");
        let answer = self.ask(&key, Method::POST, &path, Some(&body)).await?;
        if !answer.status.is_success() {
            return Err(self.refusal(&answer));
        }
        let lacks_writing = match wanted.get("contents") {
            Some(&"write") => None,
            _ if self.app.writes => Some(WRITES),
            _ => Some(WRITES_BY_SETTING),
        };
        let mut found = self.found();
        (found.lacks, found.lacks_writing) = ((!starts).then_some(STARTS), lacks_writing);
        drop(found);
        made(&answer)
    }

    /// The permission that the last token lacks to start workflows.
    pub fn lacks(&self) -> Option<&'static str> {
        self.found().lacks
    }

    /// What the last token lacks to change contents.
    pub fn lacks_writing(&self) -> Option<&'static str> {
        self.found().lacks_writing
    }

    /// The installation that is named, or that at the owner of the repositories.
    async fn installation(&self, key: &EncodingKey) -> Result<InstallationBody, String> {
        let owner = &self.owner;
        let paths = match self.app.installation {
            Some(id) => vec![format!("/app/installations/{id}")],
            None => ["orgs", "users"].map(|kind| format!("/{kind}/{owner}/installation")).to_vec(),
        };
        for path in paths {
            let answer = self.ask(key, Method::GET, &path, None).await?;
            if answer.status == StatusCode::NOT_FOUND {
                continue;
            }
            let found = serde_json::from_slice(&answer.body).ok();
            let found = found.filter(|_| answer.status.is_success());
            return found.ok_or_else(|| self.refusal(&answer));
        }
        let app = self.app.app;
        Err(match self.app.installation {
            Some(id) => format!("App {app} has no installation {id}; correct installation"),
            None => format!("App {app} is not installed at {owner}; install it there"),
        })
    }

    /// Asks as the App. A signature that is not of GitHub's time is made again by GitHub's clock.
    async fn ask(
        &self,
        key: &EncodingKey,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<AppAnswer, String> {
        let ahead = self.found().ahead;
        let answer = self.asked(key, ahead, method.clone(), path, body).await?;
        let now = SystemClock.now();
        let is = date(&answer.headers).map(|theirs| theirs - now);
        let is_off = is.filter(|is| (*is - ahead).abs() > CLOCKS_DIFFER);
        match is_off.filter(|_| answer.status == StatusCode::UNAUTHORIZED) {
            Some(ahead) => {
                self.found().ahead = ahead;
                self.asked(key, ahead, method, path, body).await
            }
            None => Ok(answer),
        }
    }

    async fn asked(
        &self,
        key: &EncodingKey,
        ahead: TimeDelta,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<AppAnswer, String> {
        let signed = signed(key, self.app.app, SystemClock.now() + ahead)?;
        let request = self.http.request(method, format!("{}{path}", self.url)).bearer_auth(signed);
        let mut request = of_github(request).timeout(ANSWER);
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.map_err(|e| failed(&e).why().to_owned())?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = read(response).await.map_err(|error| error.why().to_owned())?;
        Ok(AppAnswer { status, headers, body })
    }

    fn refusal(&self, answer: &AppAnswer) -> String {
        let hint = match answer.status {
            StatusCode::UNAUTHORIZED => "; look at the number and the key of the App".to_owned(),
            StatusCode::UNPROCESSABLE_ENTITY => {
                format!("; is it installed for {} of {}?", self.repositories.join(", "), self.owner)
            }
            _ => String::new(),
        };
        let (status, said) = (answer.status, says(&answer.body));
        format!("GitHub answers {status} to App {}{said}{hint}", self.app.app)
    }

    fn found(&self) -> MutexGuard<'_, AppFacts> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The permissions to ask for, of those that were given.
fn wanted(given: &BTreeMap<String, String>, writes: bool) -> BTreeMap<&'static str, &'static str> {
    let wanted = WANTED.iter().filter_map(|(name, level)| {
        let given = given.get(*name)?;
        let level = if writes && *name == "contents" { "write" } else { *level };
        Some((*name, if given == "read" { "read" } else { level }))
    });
    wanted.collect()
}

fn made(answer: &AppAnswer) -> Result<(String, Duration), String> {
    let body = serde_json::from_slice::<TokenBody>(&answer.body);
    let TokenBody { token, expires_at } =
        body.map_err(|_| "GitHub's answer is not a token".to_owned())?;
    let now = date(&answer.headers).unwrap_or_else(|| SystemClock.now());
    let lasts = (expires_at - now).to_std().unwrap_or_default();
    Ok((token, lasts.max(SHORTEST)))
}

/// What proves to GitHub that the App asks, at this time by its clock.
fn signed(key: &EncodingKey, app: u32, now: DateTime<Utc>) -> Result<String, String> {
    let claims = json!({
        "iat": (now - BEFORE).timestamp(),
        "exp": (now + AFTER).timestamp(),
        "iss": app.to_string(),
    });
    let signed = jsonwebtoken::encode(&Header::new(Algorithm::RS256), &claims, key);
    signed.map_err(|_| "its key is no RSA key that can sign".to_owned())
}

/// Reads the private key of an App, which nobody else may read.
async fn key(file: &Path) -> Result<EncodingKey, String> {
    let wrong = |why: &str| format!("the key {}: {why}", file.display());
    let about = tokio::fs::metadata(file).await.map_err(|why| wrong(&why.to_string()))?;
    if !about.is_file() || about.len() > LARGEST_KEY {
        return Err(wrong("it is no file of a key"));
    }
    if about.mode() & OTHERS != 0 {
        return Err(wrong("others can read it; give it the mode 600"));
    }
    let pem = tokio::fs::read(file).await.map_err(|why| wrong(&why.to_string()))?;
    PrivatePkcs1KeyDer::from_pem_slice(&pem)
        .map(|key| EncodingKey::from_rsa_der(key.secret_pkcs1_der()))
        .map_err(|_| {
            let text = String::from_utf8_lossy(&pem);
            wrong(if text.contains("BEGIN PRIVATE KEY") {
                "it is in PKCS#8; convert it with openssl rsa -traditional, or take the file as GitHub gave it"
            } else if text.contains("ENCRYPTED") {
                "it has a passphrase; take the file as GitHub gave it"
            } else {
                "it is no private key; GitHub's begins with BEGIN RSA PRIVATE KEY"
            })
        })
}

//! Browsers sign in at a real provider of `OpenID` Connect, at the real program.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use reqwest::{Method, Url};
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};
use trunkline_testing::team::client;

use crate::oidc::{Provider, settings};
use crate::team::{TeamHome, has_text};

/// What a page answered.
struct Shown {
    status: u16,
    /// Where it sends the browser.
    location: Option<Url>,
    text: String,
    url: Url,
}

/// A browser without scripts, with its cookies by host and port.
struct Browser {
    runtime: Runtime,
    cookies: BTreeMap<(String, String), String>,
}

impl Browser {
    fn new() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        Self { runtime, cookies: BTreeMap::new() }
    }

    fn ask(&mut self, method: Method, url: &Url, form: Option<&str>) -> Shown {
        let site = url.authority().to_owned();
        let own = self.cookies.iter().filter(|((of, _), _)| *of == site);
        let own: Vec<_> = own.map(|((_, name), text)| format!("{name}={text}")).collect();
        // A connection of before ends with the server.
        let mut request = client().request(method, url.clone()).header("accept", "text/html");
        request = request.header("cookie", own.join("; "));
        if let Some(form) = form {
            let kind = "application/x-www-form-urlencoded";
            request = request.header("content-type", kind).body(form.to_owned());
        }
        let answer = self.runtime.block_on(async { request.send().await.unwrap() });
        for line in answer.headers().get_all("set-cookie") {
            let line = line.to_str().unwrap();
            let (name, text) = line.split(';').next().unwrap().split_once('=').unwrap();
            let is_over = text.is_empty() || line.to_lowercase().contains("max-age=0");
            let key = (site.clone(), name.to_owned());
            if is_over {
                self.cookies.remove(&key)
            } else {
                self.cookies.insert(key, text.into())
            };
        }
        let location = answer.headers().get("location");
        let location = location.map(|to| url.join(to.to_str().unwrap()).unwrap());
        let status = answer.status().as_u16();
        let text = self.runtime.block_on(answer.text()).unwrap();
        Shown { status, location, text, url: url.clone() }
    }

    fn get(&mut self, url: &str) -> Shown {
        self.ask(Method::GET, &url.parse().unwrap(), None)
    }

    /// Follows where a page sends the browser, until one is shown or is at this site.
    fn follow(&mut self, mut shown: Shown, until: &str) -> Shown {
        for _ in 0..10 {
            match &shown.location {
                Some(to) if !to.as_str().starts_with(until) => {
                    shown = self.ask(Method::GET, &to.clone(), None);
                }
                _ => return shown,
            }
        }
        panic!("it is sent around: {}", shown.url);
    }

    /// Fills in the form of a page.
    fn submit(&mut self, shown: &Shown, fields: &str) -> Shown {
        let action = between(&shown.text, "action=\"", "\"");
        let hidden = between(&shown.text, "name=\"prompt\" value=\"", "\"");
        let url = shown.url.join(action).unwrap();
        self.ask(Method::POST, &url, Some(&format!("prompt={hidden}&{fields}")))
    }

    /// Goes from a page that is not open to the provider's own.
    fn sent_to_provider(&mut self, url: &str) -> Shown {
        let shown = self.get(url);
        assert_eq!(shown.status, 401, "{}", shown.text);
        let href = between(&shown.text, "class=\"button\" href=\"", "\"");
        let sent = self.get(shown.url.join(href).unwrap().as_str());
        assert_eq!(sent.status, 303, "{}", sent.text);
        sent
    }

    /// Signs in at the provider; the answer with which it sends the browser back.
    fn answer(&mut self, url: &str, login: Option<&str>) -> Url {
        let site = url.split("/services").next().unwrap();
        let sent = self.sent_to_provider(url);
        let mut shown = self.follow(sent, site);
        if let Some(login) = login {
            shown = self.submit(&shown, &format!("login={login}&password=any"));
            shown = self.follow(shown, site);
        }
        if shown.location.is_none() {
            // The provider asks whether the server may know who it is.
            shown = self.submit(&shown, "");
            shown = self.follow(shown, site);
        }
        shown.location.unwrap()
    }
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let found = text.split_once(before).and_then(|(_, rest)| rest.split_once(after));
    found.unwrap_or_else(|| panic!("no {before} in {text}")).0
}

/// The sessions of browsers that are in force.
fn sessions(team: &TeamHome) -> Vec<String> {
    let tokens = team.home.json(&["token", "list", "--json"]);
    let is_open = |token: &&Value| {
        token["revoked"].is_null() && token["name"].as_str().unwrap().starts_with("browser-")
    };
    let all = tokens.as_array().unwrap().iter().filter(is_open);
    let told = |token: &Value| {
        assert!(token["last_used"].is_string(), "reading a page is a use: {token}");
        format!("{} {}", token["name"].as_str().unwrap(), token["person"])
    };
    all.map(told).collect()
}

fn strangers_are_told_why(team: &TeamHome, page: &str, provider: &Provider) {
    for (login, why) in
        [("guest", "guest@example.com has no role here"), ("eve", "has verified no address of")]
    {
        let mut stranger = Browser::new();
        let answer = stranger.answer(page, Some(login));
        let refused = stranger.get(answer.as_str());
        assert!(refused.status == 401 && refused.text.contains(why), "{login}: {}", refused.text);
        assert_eq!(stranger.get(page).status, 401, "{login}");
    }
    let mut undecided = Browser::new();
    let sent = undecided.sent_to_provider(page);
    let form = undecided.follow(sent, &team.url);
    let abort = format!("{}/abort", form.url);
    assert!(abort.starts_with(&provider.issuer) && form.text.contains("/abort"), "{}", form.text);
    let shown = undecided.get(&abort);
    let shown = undecided.follow(shown, &team.url);
    let refused = undecided.get(shown.location.unwrap().as_str());
    assert!(refused.status == 401, "{}", refused.text);
    assert!(refused.text.contains("the provider refuses: access_denied"), "{}", refused.text);
}

#[test]
fn a_browser_signs_in_at_the_provider_to_read_the_page_that_it_asked_for() {
    let Some(provider) = Provider::if_installed() else { return };
    let mut team = TeamHome::with(&settings(&provider.issuer));
    let site = team.url.clone();
    team.restart(|text| text.replace("https://deploys.example.org", &site));
    provider.act("back", &json!({ "address": format!("{site}/sign-in/answer") }));
    let check = team.home.said(&["serve", "--check"]);
    assert!(check.contains(&format!("{site}/sign-in/answer must be registered")), "{check}");
    let page = format!("{site}/services/checkout");

    let mut raj = Browser::new();
    let answer = raj.answer(&page, Some("raj"));
    let mut other = Browser::new();
    other.sent_to_provider(&page);
    for url in [answer.as_str(), &answer.as_str().replace("code=", "code=x")] {
        let refused = other.get(url);
        assert!(refused.text.contains("is for another browser"), "{}", refused.text);
    }
    let kept = raj.cookies.clone();
    let signed_in = raj.get(answer.as_str());
    assert_eq!(signed_in.status, 303, "{}", signed_in.text);
    assert_eq!(signed_in.location.as_ref().map(Url::as_str), Some(page.as_str()));
    let shown = raj.get(&page);
    assert!(shown.status == 200 && shown.text.contains("Raj P., read only"), "{}", shown.text);
    let [open] = sessions(&team).try_into().unwrap();
    assert!(open.ends_with("\"Raj P.\""), "{open}");
    // The same answer again, also with the cookies of before.
    assert!(raj.get(answer.as_str()).text.contains("is for another browser"));
    let mut replays = Browser { cookies: kept, ..Browser::new() };
    let refused = replays.get(answer.as_str());
    assert!(refused.status == 401, "{}", refused.text);
    assert!(refused.text.contains("the provider refuses: invalid_grant"), "{}", refused.text);
    assert_eq!(sessions(&team).len(), 1);
    strangers_are_told_why(&team, &page, &provider);

    let secret = team.home.path("config/oidc.secret");
    fs::write(&secret, "a secret: 100% & more\n").unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    let own = "[oidc.browser]\nclient_id = 'browsers'\nsecret_file = 'oidc.secret'\n[[oidc.roles]]";
    team.restart(|text| text.replacen("[[oidc.roles]]", own, 1));
    assert_eq!(raj.get(&page).status, 200, "nobody has to sign in again");
    let name = open.split(' ').next().unwrap();
    let said = team.home.said(&["token", "revoke", name]);
    assert!(said.contains("of Raj P. is revoked, and all other sessions of the same"), "{said}");
    let refused = raj.get(&page);
    assert!(refused.status == 401, "{}", refused.text);
    assert!(refused.text.contains("you are not signed in any more"), "{}", refused.text);

    // By a client of its own, and at the provider without a password: it knows the browser.
    let answer = raj.answer(&page, None);
    let signed_in = raj.get(answer.as_str());
    assert_eq!(signed_in.status, 303, "{}", signed_in.text);
    assert_eq!(raj.get(&page).status, 200);
    let log = fs::read_to_string(team.home.path("data/engine.log")).unwrap();
    assert!(log.contains("somebody signed in by a browser"), "{log}");
    for (name, text) in answer.query_pairs().filter(|(name, _)| name == "code" || name == "state") {
        assert!(!log.contains(&*text), "{name}");
    }
    for text in raj.cookies.values() {
        assert!(has_text(&team.home.path("data"), text).is_empty(), "a session is not kept");
    }
    assert_eq!(has_text(&team.home.path(""), "a secret: 100%"), ["oidc.secret"]);
}

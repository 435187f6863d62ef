//! The pages for people: what they say, who may open them, and that nothing that others wrote acts in a browser.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::{Client, Response};
use roxmltree::{Document, ParsingOptions};
use serde_json::Value;
use trunkline::api::path;
use trunkline::backend::access::Access as _;
use trunkline::backend::embedded::EngineAccess;
use trunkline::backend::{Backend as _, BackendError};
use trunkline::calendar::Tz;
use trunkline::domain::caller::{AccessRole, Caller};
use trunkline::domain::command::Command;
use trunkline::domain::ids::{DeploymentId, Environment};
use trunkline::domain::link::{MadeLink, NewLink};
use trunkline::domain::words::standing;
use trunkline::gate;
use trunkline_testing::clock::SetClock;
use trunkline_testing::corpus::corpus;
use trunkline_testing::engine::{QUICK, World};
use trunkline_testing::team::{TeamServer, client};

const BROWSER: &str = "text/html,application/xhtml+xml";

/// A browser, with what it has: a token, or a cookie, or nothing.
struct Browser {
    client: Client,
    url: String,
    token: Option<String>,
    cookie: Option<String>,
}

impl Browser {
    fn new(team: &TeamServer) -> Self {
        Self { client: client(), url: team.url(), token: None, cookie: None }
    }

    async fn of_viewer(team: &TeamServer) -> Self {
        let token = team.token("kim", AccessRole::Viewer, &[]).await.secret;
        Self { token: Some(token.expose().to_owned()), ..Self::new(team) }
    }

    async fn get(&self, path: &str) -> Response {
        let mut request = self.client.get(format!("{}{path}", self.url)).header("accept", BROWSER);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(cookie) = &self.cookie {
            request = request.header("cookie", format!("theme=dark; {cookie}; other=1"));
        }
        request.send().await.unwrap()
    }

    /// The text of a page that is there.
    async fn page(&self, path: &str) -> String {
        let answer = self.get(path).await;
        assert_eq!(answer.status(), 200, "{path}");
        assert_safe(path, &answer);
        let text = answer.text().await.unwrap();
        assert_inert(path, &text);
        text
    }

    async fn status(&self, path: &str) -> u16 {
        self.get(path).await.status().as_u16()
    }
}

/// The headers that every page has, also one that only says why there is no page.
fn assert_safe(path: &str, answer: &Response) {
    let header =
        |name: &str| answer.headers().get(name).map_or("", |value| value.to_str().unwrap());
    let policy: BTreeMap<_, _> = header("content-security-policy")
        .split("; ")
        .filter_map(|rule| rule.split_once(' '))
        .collect();
    for (rule, sources) in [
        ("default-src", "'none'"),
        ("script-src", "'self'"),
        ("style-src", "'self'"),
        ("frame-ancestors", "'none'"),
        ("form-action", "'self'"),
        ("base-uri", "'none'"),
    ] {
        assert_eq!(policy.get(rule), Some(&sources), "{path}: {policy:?}");
    }
    assert_eq!(header("x-content-type-options"), "nosniff", "{path}");
    assert_eq!(header("referrer-policy"), "same-origin", "{path}");
    assert_eq!(header("cache-control"), "no-store", "{path}");
    assert_eq!(header("content-type"), "text/html; charset=utf-8", "{path}");
}

fn parsed(text: &str) -> Document<'_> {
    let options = ParsingOptions { allow_dtd: true, ..ParsingOptions::default() };
    Document::parse_with_options(text, options).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// The page is well-formed, and nothing of it acts but our own script.
fn assert_inert(path: &str, text: &str) {
    let document = parsed(text);
    for node in document.descendants().filter(roxmltree::Node::is_element) {
        let name = node.tag_name().name();
        let is_known = [
            "html", "head", "meta", "title", "link", "script", "body", "a", "header", "nav", "ol",
            "li", "span", "p", "main", "h1", "h2", "footer", "ul", "dl", "div", "dt", "dd", "bdi",
            "code", "pre", "form", "input", "button", "b",
        ]
        .contains(&name);
        assert!(is_known, "{path}: <{name}>");
        for attribute in node.attributes() {
            let (name, value) = (attribute.name(), attribute.value());
            assert!(!name.starts_with("on") && name != "style", "{path}: {name}={value:?}");
            if ["href", "src", "action", "data-follow"].contains(&name) {
                let is_own = value.starts_with('/') && !value.starts_with("//");
                assert!(is_own || value == "#main", "{path}: {name}={value:?}");
            }
        }
        if name == "script" {
            assert!(node.text().is_none() && node.has_attribute("src"), "{path}");
        }
    }
    // What joins letters or turns an emoji may stand in a log.
    let joins = |c: char| matches!(c, '\u{200C}' | '\u{200D}' | '\u{FE0E}' | '\u{FE0F}');
    let hidden = text.chars().find(|c| *c != '\n' && !joins(*c) && gate::is_hidden(*c));
    assert_eq!(hidden, None, "{path}");
}

/// Where the page leads, and what it uses.
fn links(text: &str) -> Vec<String> {
    let document = parsed(text);
    let nodes = document.descendants();
    let found =
        nodes.flat_map(|node| ["href", "src"].map(|name| node.attribute(name).map(str::to_owned)));
    let paths = found.flatten().map(|href| href.split('#').next().unwrap_or_default().to_owned());
    paths.filter(|path| !path.is_empty()).collect()
}

/// The text of every fact on a page, with its name.
fn facts(text: &str) -> Vec<(String, String)> {
    let document = parsed(text);
    let inner = |node: roxmltree::Node<'_, '_>| {
        node.descendants()
            .filter(roxmltree::Node::is_text)
            .filter_map(|part| part.text())
            .collect::<String>()
    };
    let named =
        |name: &'static str| move |node: roxmltree::Node<'_, '_>| node.tag_name().name() == name;
    let divs = document.descendants().filter(|node| named("div")(*node));
    divs.filter_map(|div| {
        let of = |name| div.children().find(|node| named(name)(*node)).map(inner);
        Some((of("dt")?, of("dd")?))
    })
    .collect()
}

/// A world with a run in production that has ended, behind a server.
async fn served() -> (World, TeamServer, DeploymentId) {
    let (world, build) = World::with_build().await;
    let run = world.live(build).await;
    let team = TeamServer::new(world.handle()).await;
    (world, team, run)
}

async fn link(
    world: &World,
    team: &TeamServer,
    run: DeploymentId,
) -> (String, trunkline::domain::token::TokenId) {
    let made = team.token("raj", AccessRole::Viewer, &[]).await;
    let raj = team.remote(made.secret);
    let link = raj.link_run(&world.service, run, NewLink::default()).await.unwrap();
    (link.url.strip_prefix(&team.url()).unwrap().to_owned(), made.token.id)
}

#[tokio::test]
async fn from_the_first_page_every_link_leads_to_a_page_that_no_script_is_needed_for() {
    let (world, _, bad) = World::with_two_live().await;
    world.rollback().await;
    world.until_build("a bad build is there", |row| row.build.number == bad).await;
    let team = TeamServer::new(world.handle()).await;
    let browser = Browser::of_viewer(&team).await;
    let mut seen = BTreeSet::new();
    let mut next = vec!["/".to_owned()];
    while let Some(path) = next.pop() {
        if !seen.insert(path.clone()) {
            continue;
        }
        if path.starts_with("/assets/") {
            let answer = browser.get(&path).await;
            assert_eq!(answer.status(), 200, "{path}");
            assert!(answer.headers()["cache-control"].to_str().unwrap().contains("immutable"));
            assert!(!answer.text().await.unwrap().is_empty());
            continue;
        }
        next.extend(links(&browser.page(&path).await));
    }
    for part in ["/services/checkout", "/builds/", "/runs/", ".css", ".svg"] {
        assert!(seen.iter().any(|path| path.contains(part)), "{part}: {seen:?}");
    }
}

#[tokio::test]
async fn a_page_says_what_status_says() {
    let (world, _, _) = World::with_two_live().await;
    let hold = Command::Hold { environment: Environment::Production, reason: "late".into() };
    world.command("raj", hold).await.unwrap();
    let team = TeamServer::new(world.handle()).await;
    let page = Browser::of_viewer(&team).await.page("/services/checkout").await;
    let snapshot = world.handle().service(&world.service, &Caller::in_process("raj")).unwrap();
    // Ages go on between the two.
    let ageless = |text: &str| {
        let words = text.split(' ').filter(|word| {
            let number = word.trim_end_matches(['s', 'm', ',', ';']);
            !number.bytes().all(|byte| byte.is_ascii_digit())
        });
        words.collect::<Vec<_>>().join(" ")
    };
    let said: Vec<_> = standing::lines(&snapshot, Tz::UTC)
        .into_iter()
        .map(|(about, text)| (about.to_owned(), ageless(&text)))
        .collect();
    let shown = facts(&page).into_iter().map(|(about, text)| (about, ageless(&text)));
    assert_eq!(shown.take(said.len()).collect::<Vec<_>>(), said);
    let rollback = &said.iter().find(|(about, _)| about == "rollback").unwrap().1;
    assert!(rollback.contains("schema SAFE: no blocking migration found"), "{rollback}");
    assert!(said.iter().any(|(about, _)| about == "on hold"));
}

/// Texts as somebody with push rights may choose them.
const HOSTILE: [&str; 6] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "javascript:alert(1) {{7*7}} ${7*7} {% raw %}",
    "safe\u{202e}gnp.exe \u{200b}\u{feff}",
    "\u{1b}[31mred\u{1b}]0;title\u{7} &lt;b&gt; ]]> <!-- -->",
];

#[tokio::test]
async fn what_others_wrote_is_text_on_every_page() {
    let mut script = "#!/bin/sh\n".to_owned();
    for entry in corpus().iter().filter(|entry| entry.bytes().len() < 2_000) {
        let octal = entry.bytes().iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "\\{byte:03o}");
            text
        });
        let _ = writeln!(script, "printf '{octal}\\n'");
    }
    for text in HOSTILE {
        let quoted = text.replace('\'', "'\\''");
        let _ = writeln!(script, "printf '%s\\n' '{quoted}'");
    }
    let mut world = World::with_file(QUICK);
    world.repository.write_script("release", &script);
    world.repository.commit_all("Ann", "ann@example.com", "begin");
    world.start().await;
    for text in HOSTILE {
        let author = text.replace(['<', '>'], "\"");
        world.repository.commit_by(&author, "eve@example.com", "file", text, text);
    }
    let build = world.verified("the last change").await;
    let run = world.live(build).await;
    for reason in HOSTILE {
        let freeze = Command::Freeze { from: None, until: None, reason: reason.into() };
        world.command("raj", freeze).await.unwrap();
    }
    let hold = Command::Hold { environment: Environment::Staging, reason: HOSTILE[0].into() };
    world.command("raj", hold).await.unwrap();
    let team = TeamServer::new(world.handle()).await;
    let browser = Browser::of_viewer(&team).await;
    let mut all = browser.page("/").await;
    for path in links(&browser.page("/services/checkout").await) {
        if path.starts_with("/services/") {
            all += &browser.page(&path).await;
        }
    }
    let service = browser.page("/services/checkout").await;
    let frozen = facts(&service).into_iter().filter(|(about, _)| *about == "freeze");
    assert_eq!(frozen.count(), HOSTILE.len(), "{service}");
    all += &service;
    let log = browser.page(&path::run_page(&world.service, run)).await;
    assert!(log.contains("<span class=\"escape\">"), "the gate marks what it replaced");
    assert!(log.contains("&#60;script&#62;alert(1)&#60;/script&#62;"), "the text is there");
    assert!(all.contains("&#60;script&#62;alert(1)&#60;/script&#62;"), "the text is there");
    assert!(all.contains("&#60;U+202E&#62;"), "as on the console");
    for raw in ["<script>", "<img", "<!--", "]]>", "\u{1b}", "\u{202e}"] {
        assert!(!all.contains(raw) && !log.contains(raw), "{raw:?}");
    }
}

#[tokio::test]
async fn a_long_log_is_read_part_by_part_without_a_script_and_no_line_is_missed() {
    let mut world = World::with_file(QUICK);
    let script = "#!/bin/sh\nseq -f 'line %06g of many, with some more text in it' 1 9000\n";
    world.repository.write_script("release", script);
    world.repository.commit_all("Ann", "ann@example.com", "begin");
    world.start().await;
    let build = world.verified("a change").await;
    let run = world.live(build).await;
    let team = TeamServer::new(world.handle()).await;
    let browser = Browser::of_viewer(&team).await;
    let numbers = |text: &str| -> Vec<u32> {
        text.split("line ").skip(1).filter_map(|rest| rest.get(..6)?.parse().ok()).collect()
    };
    let here = path::run_page(&world.service, run);
    let (mut path, mut lines, mut pages) = (format!("{here}?step=0"), Vec::new(), 0);
    loop {
        let page = browser.page(&path).await;
        lines.splice(0..0, numbers(&page));
        pages += 1;
        match links(&page).into_iter().find(|path| path.contains("before=")) {
            Some(older) => path = older,
            None => break,
        }
    }
    assert!(pages > 2, "{pages}");
    assert_eq!(lines, (1..=9_000).collect::<Vec<_>>());
    let first = browser.page(&format!("{here}?step=0&after=0")).await;
    assert_eq!(numbers(&first)[0], 1);
    let newer = links(&first)
        .into_iter()
        .find(|path| path.contains("after=") && !path.ends_with("after=0"));
    let second = browser.page(&newer.unwrap()).await;
    assert_eq!(numbers(&second)[0], *numbers(&first).last().unwrap() + 1);
}

#[tokio::test]
async fn the_lines_of_a_running_step_come_by_themselves_until_it_ends() {
    let (world, run) = World::with_running_promote().await;
    let team = TeamServer::new(world.handle()).await;
    let browser = Browser::of_viewer(&team).await;
    let page = browser.page(&path::run_page(&world.service, run)).await;
    assert!(page.contains("line 20 of 20") && page.contains("Reload"), "the text is in the page");
    let follow = page.split("data-follow=\"").nth(1).unwrap().split('"').next().unwrap();
    let follow = follow.replace("&#38;", "&");
    let stream = browser.client.get(format!("{}{follow}", browser.url));
    let stream = stream.header("accept", "text/event-stream");
    let stream = stream.bearer_auth(browser.token.clone().unwrap());
    let mut stream = stream.send().await.unwrap();
    assert_eq!(stream.status(), 200);
    world.open_gate();
    let mut text = String::new();
    while let Some(piece) = stream.chunk().await.unwrap() {
        text += std::str::from_utf8(&piece).unwrap();
    }
    let data = text
        .lines()
        .filter_map(|line| line.strip_prefix("data: {").or(line.strip_prefix("data: [")));
    let rows: String = data.collect();
    assert!(rows.contains("\"released\"") && !rows.contains("line 20 of 20"), "{text}");
    assert!(text.trim_end().ends_with("event: end\ndata: ended"), "{text}");
    world.ended(run).await;
    let page = browser.page(&path::run_page(&world.service, run)).await;
    assert!(!page.contains("data-follow") && !page.contains("<script"), "nothing comes any more");
}

/// Every path that the server describes, filled in with what is there.
async fn described(browser: &Browser, run: DeploymentId) -> Vec<String> {
    let document = browser.get("/v1/openapi.json").await.json::<Value>().await.unwrap();
    let paths = document["paths"].as_object().unwrap().keys();
    let filled = paths.map(|path| {
        path.replace("{service}", "checkout")
            .replace("{deployment}", &run.0.to_string())
            .replace("{build}", "1")
            .replace("{step}", "0")
            .replace("{file}", "none")
            .replace("{commit}", "0000")
            .replace("{key}", "12345678")
            .replace("{token}", "1")
    });
    filled.collect()
}

#[tokio::test]
async fn a_link_opens_one_run_and_its_log_and_nothing_else() {
    let (world, team, run) = served().await;
    let (address, _) = link(&world, &team, run).await;
    let stranger = Browser::new(&team);
    let page = stranger.page(&address).await;
    assert!(page.contains("released"), "its log is there");
    assert!(!page.contains("href=\"/\"") && !page.contains("/builds/"), "it leads nowhere else");
    for path in links(&page) {
        assert_eq!(stranger.status(&path).await, 200, "{path}");
    }
    let (own, query) = address.split_once('?').unwrap();
    let reader = Browser::of_viewer(&team).await;
    let mut closed = described(&reader, run).await;
    let staging = world.until("staging ran", |snapshot| {
        let mut runs = snapshot.deployments.iter().map(|row| row.deployment.id);
        runs.find(|id| *id != run)
    });
    let other = path::run_page(&world.service, staging.await);
    closed.extend([
        other.clone(),
        format!("{other}/log"),
        format!("{own}/"),
        format!("{own}/log/x"),
    ]);
    let log = format!("{own}/log");
    // The rest of these is open to everybody, and tells nothing of a service.
    let open = [own, &log, "/assets/none", "/sign-in", "/healthz", "/readyz", path::LOGIN];
    closed.retain(|path| !open.contains(&path.as_str()) && !path.starts_with("/sign-in/"));
    assert!(closed.len() > 25, "{closed:?}");
    for path in &closed {
        let status = stranger.status(&format!("{path}?{query}")).await;
        assert!([401, 429].contains(&status), "{path}: {status}");
    }
    let address = format!("{}{own}?{query}", team.url());
    for method in ["POST", "DELETE", "PUT"] {
        let request = client().request(method.parse().unwrap(), &address);
        assert!([401, 429].contains(&request.send().await.unwrap().status().as_u16()), "{method}");
    }
    assert_eq!(stranger.status(&format!("{own}/log?step=0&{query}")).await, 200);
    assert_eq!(stranger.status(&format!("{own}/log?step=9&{query}")).await, 404);
}

#[tokio::test]
async fn a_link_ends_with_its_time_and_when_the_token_of_its_maker_is_revoked() {
    let mut world = World::with_file(QUICK);
    let clock = SetClock::new();
    world.start_by(clock.clone()).await;
    let build = world.verified("a change").await;
    let run = world.live(build).await;
    let team = TeamServer::new(world.handle()).await;
    let stranger = Browser::new(&team);
    let (address, token) = link(&world, &team, run).await;
    assert_eq!(stranger.status(&address).await, 200);
    let refused = stranger.get(&address.replace("link=v1", "link=v2")).await;
    assert_eq!(refused.status(), 401);
    assert_safe("a refusal", &refused);
    let told = refused.text().await.unwrap();
    assert!(told.contains("does not open this page") && told.contains("trunkline link --browser"));
    let moira = Caller::in_process("moira");
    world.handle().revoke_token(&moira, token).await.unwrap();
    let told = stranger.get(&address).await;
    assert_eq!(told.status(), 401);
    assert!(told.text().await.unwrap().contains("ended with the token of whoever made it"));

    let (address, _) = link(&world, &team, run).await;
    clock.set(TimeDelta::days(6));
    assert_eq!(stranger.status(&address).await, 200);
    clock.set(TimeDelta::days(1));
    let told = stranger.get(&address).await;
    assert_eq!(told.status(), 401);
    assert!(told.text().await.unwrap().contains("this link ended at"));

    let raj = team.person("raj", AccessRole::Viewer).await;
    let now = world.handle().service(&world.service, &moira).unwrap().at;
    let asked = async |expires: DateTime<Utc>| {
        raj.link_run(&world.service, run, NewLink { expires: Some(expires) }).await
    };
    assert!(asked(now + TimeDelta::days(29)).await.is_ok());
    for wrong in [now - TimeDelta::seconds(1), now + TimeDelta::days(31)] {
        assert!(matches!(asked(wrong).await, Err(BackendError::Refused(_))));
    }
    let none = raj.link_run(&world.service, DeploymentId(99), NewLink::default()).await;
    assert!(matches!(none, Err(BackendError::Refused(_))));
}

#[tokio::test]
async fn outside_of_a_token_s_limit_nobody_makes_a_link() {
    let (world, team, run) = served().await;
    let made = team.token("raj", AccessRole::Deployer, &["search"]).await;
    let raj = team.remote(made.secret);
    let refused = raj.link_run(&world.service, run, NewLink::default()).await;
    assert!(matches!(refused, Err(BackendError::Refused(_))), "{refused:?}");
}

async fn press(browser: &Browser, code: &str, origin: Option<&str>) -> Response {
    let request = browser.client.post(format!("{}/sign-in", browser.url));
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let request = request.header("accept", BROWSER).body(format!("code={code}"));
    let request = match origin {
        Some(origin) => request.header("origin", origin),
        None => request,
    };
    request.send().await.unwrap()
}

#[tokio::test]
async fn a_browser_signs_in_once_to_read_and_is_out_with_the_token_that_made_it() {
    let (world, team, run) = served().await;
    let made = team.token("raj", AccessRole::Admin, &[]).await;
    let raj = team.remote(made.secret.clone());
    let MadeLink { url, .. } = raj.sign_in_link().await.unwrap();
    let address = url.strip_prefix(&team.url()).unwrap();
    let code = address.split("code=").nth(1).unwrap();
    let mut browser = Browser::new(&team);
    assert_eq!(browser.status("/").await, 401);
    for _ in 0..2 {
        // A chat that looks at links takes nothing.
        assert!(browser.page(address).await.contains("<b>raj</b>"));
    }
    assert_eq!(press(&browser, code, Some("https://evil.example")).await.status(), 403);
    assert_eq!(press(&browser, "0000", None).await.status(), 401);
    let answer = press(&browser, code, Some(&team.url())).await;
    assert_eq!(answer.status(), 303);
    assert_eq!(answer.headers()["location"], "/");
    let cookie = answer.headers()["set-cookie"].to_str().unwrap().to_owned();
    for part in ["__Host-trunkline=", "; HttpOnly", "; SameSite=Lax", "; Secure", "; Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert_eq!(press(&browser, code, None).await.status(), 401, "only once");

    browser.cookie = cookie.split(';').next().map(str::to_owned);
    assert!(browser.page("/").await.contains("raj, read only"));
    browser.page(&path::run_page(&world.service, run)).await;
    let reader = Browser::of_viewer(&team).await;
    let mut api = described(&reader, run).await;
    api.retain(|path| path.starts_with("/v1") && path != path::LOGIN);
    for path in &api {
        // A page of somebody else that sends the cookie along reaches no route of the API.
        assert_eq!(browser.status(path).await, 401, "{path}");
    }
    let post = browser.client.post(format!("{}/v1/services/checkout/commands", browser.url));
    let post = post.header("cookie", browser.cookie.clone().unwrap()).json(&serde_json::json!({}));
    assert_eq!(post.send().await.unwrap().status(), 401);

    world.handle().revoke_token(&Caller::in_process("moira"), made.token.id).await.unwrap();
    assert_eq!(browser.status("/").await, 401);
    let forged = browser.cookie.take().unwrap().replace(".t", ".u");
    browser.cookie = Some(forged);
    assert_eq!(browser.status("/").await, 401);
}

#[tokio::test]
async fn a_browser_sees_the_services_of_its_token_alone() {
    let (world, team, run) = served().await;
    let made = team.token("raj", AccessRole::Viewer, &["search"]).await;
    let raj = team.remote(made.secret);
    let MadeLink { url, .. } = raj.sign_in_link().await.unwrap();
    let mut browser = Browser::new(&team);
    let answer = press(&browser, url.split("code=").nth(1).unwrap(), None).await;
    let cookie = answer.headers()["set-cookie"].to_str().unwrap();
    browser.cookie = cookie.split(';').next().map(str::to_owned);
    assert!(browser.page("/").await.contains("no service that you may see"));
    assert_eq!(browser.status("/services/checkout").await, 404);
    let run_page = path::run_page(&world.service, run);
    assert_eq!(browser.status(&run_page).await, 404);
    let (address, _) = link(&world, &team, run).await;
    assert_eq!(browser.status(&address).await, 200, "a link opens what it is for");
}

#[tokio::test]
async fn a_program_gets_a_problem_and_a_browser_a_page() {
    let world = World::open(QUICK).await;
    world.until("the service is known", |_| Some(())).await;
    let team = TeamServer::new(world.handle()).await;
    let token = team.token("kim", AccessRole::Viewer, &[]).await.secret;
    let browser = Browser::of_viewer(&team).await;
    for (path, status) in
        [("/services/none", 404), ("/nowhere", 404), ("/services/checkout/runs/x", 404)]
    {
        let answer = browser.get(path).await;
        assert_eq!(answer.status(), status, "{path}");
        assert_safe(path, &answer);
        assert_inert(path, &answer.text().await.unwrap());
        let plain = client().get(format!("{}{path}", team.url())).bearer_auth(token.expose());
        let plain = plain.send().await.unwrap();
        assert_eq!(plain.headers()["content-type"], "application/problem+json", "{path}");
    }
}

#[tokio::test]
async fn a_server_without_a_public_address_makes_no_links_and_says_what_to_set() {
    let (world, build) = World::with_build().await;
    let run = world.live(build).await;
    let backend = EngineAccess::new(world.handle().clone()).backend_for(Caller::in_process("raj"));
    let told = backend.link_run(&world.service, run, NewLink::default()).await.unwrap_err();
    assert!(told.to_string().contains("set listen and public_url in its server.toml"), "{told}");
    assert_eq!(backend.describe().await.unwrap().public_url, None);
}

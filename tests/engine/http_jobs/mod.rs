//! The protocol of HTTP jobs, row by row, at the sample server of docs/http-jobs.md.

mod document;
mod faults;
mod refused;
mod restarts;

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use reqwest::header::{ETAG, HeaderMap, IF_NONE_MATCH};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, Response, StatusCode};
use serde_json::{Value, json};
use trunkline_testing::faulty_proxy::FaultyProxy;
use trunkline_testing::jobs::JobServer;

/// What asks a server, or the line before it.
struct Asks {
    client: Client,
    url: String,
}

impl Asks {
    fn new(url: String) -> Self {
        // A connection that was kept may belong to a server that has ended meanwhile.
        let client =
            Client::builder().no_proxy().redirect(Policy::none()).pool_max_idle_per_host(0);
        Self { client: client.timeout(Duration::from_mins(1)).build().unwrap(), url }
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, format!("{}/runs/{path}", self.url))
    }

    async fn put(&self, key: &str, body: &Value) -> (StatusCode, Value) {
        let answer = self.request(Method::PUT, key).json(body).send().await.unwrap();
        (answer.status(), answer.json().await.unwrap())
    }

    /// Starts a run of a job.
    async fn starts(&self, key: &str, job: &str) {
        assert_eq!(self.put(key, &body(job)).await.0, StatusCode::CREATED);
    }

    async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.unwrap()
    }

    async fn run(&self, key: &str) -> Value {
        self.get(key).await.json().await.unwrap()
    }

    /// A look that waits for something else than this.
    async fn wait(&self, key: &str, tag: &str, seconds: u32) -> Response {
        let look = self.request(Method::GET, &format!("{key}?wait={seconds}"));
        look.header(IF_NONE_MATCH, tag).send().await.unwrap()
    }

    /// Looks until the run has ended.
    async fn end(&self, key: &str) -> Value {
        let mut tag = String::new();
        loop {
            let look = self.wait(key, &tag, 20).await;
            if look.status() == StatusCode::NOT_MODIFIED {
                continue;
            }
            tag = text(look.headers(), ETAG.as_str());
            let run: Value = look.json().await.unwrap();
            if !matches!(run["state"].as_str().unwrap(), "queued" | "running") {
                return run;
            }
        }
    }

    async fn delete(&self, key: &str) -> StatusCode {
        self.request(Method::DELETE, key).send().await.unwrap().status()
    }

    /// The bytes of a log from there on, how many there are, and whether there will be no more.
    async fn log(&self, key: &str, from: usize) -> (Vec<u8>, usize, bool) {
        let answer = self.get(&format!("{key}/log?from={from}")).await;
        assert_eq!(answer.status(), StatusCode::OK);
        let size = text(answer.headers(), "log-size").parse().unwrap();
        let ended = text(answer.headers(), "log-ended").parse().unwrap();
        (answer.bytes().await.unwrap().to_vec(), size, ended)
    }
}

fn text(headers: &HeaderMap, name: &str) -> String {
    headers[name].to_str().unwrap().to_owned()
}

fn body(job: &str) -> Value {
    json!({
        "job": job, "service": "shop", "environment": "production", "build": 1290, "sha": "3f2a9c1",
        "previous_sha": null, "kind": "promote", "deployment": "d57", "by": "ann",
        "inputs": { "region": "eu", "Note_2": "two\nlines, \"quoted\" $HOME `id`" },
    })
}

/// A job waits at a gate for as long as a test wants: `read _ <NAME`.
fn gate(server: &JobServer, name: &str) -> PathBuf {
    let gate = server.jobs().join(name);
    assert!(Command::new("mkfifo").arg(&gate).status().unwrap().success());
    gate
}

fn open(gate: &PathBuf) {
    fs::write(gate, "open\n").unwrap();
}

#[tokio::test]
async fn a_job_is_told_what_it_is_for_and_its_end_is_answered() {
    let Some(server) = JobServer::if_python(None) else { return };
    server.job("shop", "env; echo canary >\"$JOB_FOLDER/step\"; echo oh >&2");
    server.job("bad", "exit 3");
    server.job("known", "echo 'no space left' >\"$JOB_FOLDER/says\"; exit 1");
    let asks = Asks::new(server.url());
    asks.starts("shop-d57.1", "shop").await;
    let run = asks.end("shop-d57.1").await;
    assert_eq!((&run["state"], &run["step"]), (&json!("succeeded"), &json!("canary")));
    assert_eq!((&run["says"], &run["page"]), (&Value::Null, &Value::Null));
    let time = |name: &str| chrono::DateTime::parse_from_rfc3339(run[name].as_str().unwrap());
    assert!(time("started_at").unwrap() <= time("ended_at").unwrap(), "{run}");
    let log = String::from_utf8(asks.log("shop-d57.1", 0).await.0).unwrap();
    for line in [
        "JOB_SHA=3f2a9c1",
        "JOB_PREVIOUS_SHA=",
        "JOB_BUILD=1290",
        "JOB_KIND=promote",
        "JOB_ENVIRONMENT=production",
        "JOB_SERVICE=shop",
        "JOB_DEPLOYMENT=d57",
        "JOB_BY=ann",
        "JOB_RUN=shop-d57.1",
        "JOB_INPUT_REGION=eu",
        "JOB_INPUT_NOTE_2=two\nlines, \"quoted\" $HOME `id`",
        "oh",
    ] {
        assert!(format!("\n{log}").contains(&format!("\n{line}\n")), "{line} is not in {log}");
    }
    for (job, says) in [("bad", "exit status 3"), ("known", "no space left")] {
        asks.starts(job, job).await;
        let run = asks.end(job).await;
        assert_eq!((&run["state"], &run["says"]), (&json!("failed"), &json!(says)));
    }
}

#[tokio::test]
async fn a_key_is_started_once_however_many_ask_at_once() {
    let Some(server) = JobServer::if_python(None) else { return };
    server.job("shop", "");
    let asks = Asks::new(server.url());
    for round in 0..8 {
        let key = format!("k{round}");
        let (mut other, same) = (body("shop"), body("shop"));
        other["by"] = json!("raj");
        let all = (0..12).map(|number| asks.put(&key, if number == 6 { &other } else { &same }));
        let answers = futures_util::future::join_all(all).await;
        let count = |status| answers.iter().filter(|(code, _)| *code == status).count();
        assert_eq!(count(StatusCode::CREATED), 1, "{answers:?}");
        let (same, other) = (count(StatusCode::OK), count(StatusCode::CONFLICT));
        assert!((same, other) == (10, 1) || (same, other) == (0, 11), "{answers:?}");
        asks.end(&key).await;
        assert_eq!(server.starts(&key), 1);
    }
    assert_eq!(server.all_starts().len(), 8);
}

#[tokio::test]
async fn a_look_waits_for_a_change() {
    let Some(server) = JobServer::if_python(None) else { return };
    server.job("shop", "read _ <gate");
    let gate = gate(&server, "gate");
    let proxy = FaultyProxy::before(server.address());
    let asks = Asks::new(proxy.url());
    asks.starts("k", "shop").await;
    server.until_started("k").await;
    let look = asks.get("k?wait=20").await;
    let tag = text(look.headers(), ETAG.as_str());
    assert!(tag.starts_with('"'), "it is a strong tag: {tag}");
    assert_eq!(look.json::<Value>().await.unwrap()["state"], "running");
    assert_eq!(asks.wait("k", &tag, 1).await.status(), StatusCode::NOT_MODIFIED);

    let before = proxy.seen().len();
    let (look, ()) = tokio::join!(asks.wait("k", &tag, 20), async {
        proxy.until_seen(|seen| seen.len() > before).await;
        open(&gate);
    });
    assert_eq!(look.status(), StatusCode::OK);
    assert_ne!(text(look.headers(), ETAG.as_str()), tag);
    assert_eq!(look.json::<Value>().await.unwrap()["state"], "succeeded");
}

#[tokio::test]
async fn a_log_is_whole_in_whatever_pieces_it_is_read() {
    let Some(server) = JobServer::if_python(None) else { return };
    // 2.4 MB in which a piece may end within a character.
    server.job("shop", "seq 1 200000 | sed 's/$/ größe/'; read _ <gate; echo end");
    let gate = gate(&server, "gate");
    let asks = Asks::new(server.url());
    asks.starts("k", "shop").await;
    let lines = (1..=200_000).map(|number| format!("{number} größe\n"));
    let mut whole = lines.collect::<String>().into_bytes();
    let mut read = Vec::new();
    while read.len() < whole.len() {
        let (part, size, ended) = asks.log("k", read.len()).await;
        assert!(part.len() <= 1 << 20 && read.len() + part.len() <= size && !ended);
        read.extend(part);
    }
    assert!(read == whole, "the log so far");

    open(&gate);
    asks.end("k").await;
    whole.extend(b"end\n");
    for from in [0, 1, 7, 1 << 20, whole.len() - 1, whole.len()] {
        let (part, size, ended) = asks.log("k", from).await;
        assert_eq!((size, ended), (whole.len(), true));
        assert!(part == whole[from..whole.len().min(from + (1 << 20))], "the log from {from}");
    }
    assert_eq!(asks.log("k", whole.len() + 9).await, (Vec::new(), whole.len(), true));
}

#[tokio::test]
async fn whoever_is_asked_to_end_does() {
    let Some(server) = JobServer::if_python(None) else { return };
    let proxy = FaultyProxy::before(server.address());
    let asks = Asks::new(proxy.url());
    assert_eq!(asks.delete("none").await, StatusCode::NOT_FOUND);
    // Each waits for a child, which has to end as well; its end is seen by the end of `child`.
    gate(&server, "gate");
    server.job("mild", "cat gate & wait");
    server.job("stubborn", "trap '' TERM; cat gate; cat gate");
    server.job("well", "trap 'echo rolled back; exit 0' TERM; cat gate & wait");
    for (job, state, says) in [
        ("mild", "cancelled", json!("it was asked to end")),
        ("stubborn", "cancelled", json!("it was asked to end")),
        ("well", "succeeded", Value::Null),
    ] {
        asks.starts(job, job).await;
        server.until_started(job).await;
        assert_eq!(asks.delete(job).await, StatusCode::ACCEPTED);
        let run = asks.end(job).await;
        assert_eq!((&run["state"], &run["says"]), (&json!(state), &says), "{job}");
        assert!(run["ended_at"].is_string(), "{run}");
        assert_eq!(asks.delete(job).await, StatusCode::ACCEPTED, "it had ended");
        assert_eq!(asks.run(job).await, run);
    }
}

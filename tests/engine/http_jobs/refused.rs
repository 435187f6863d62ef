//! What the sample server refuses: it starts nothing and makes nothing.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use trunkline_testing::jobs::JobServer;
use trunkline_testing::write_script;

use super::{Asks, body};

/// The status of the answer to a request with exactly this path.
fn raw(server: &JobServer, method: &str, path: &str) -> u16 {
    let body = if method == "PUT" { body("shop").to_string() } else { String::new() };
    let mut stream = TcpStream::connect(server.address()).unwrap();
    let length = body.len();
    write!(stream, "{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{body}")
        .unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

/// That no run was made, not even one that nobody sees.
fn made_nothing(server: &JobServer) {
    let made: Vec<_> = fs::read_dir(server.run("")).unwrap().map(|run| run.unwrap()).collect();
    assert!(made.is_empty(), "{made:?}");
    assert!(server.all_starts().is_empty());
}

#[tokio::test]
async fn a_key_reaches_no_file_but_its_own() {
    let Some(server) = JobServer::if_python(None) else { return };
    server.job("shop", "");
    fs::write(server.jobs().join("log"), "secret").unwrap();
    let long = "k".repeat(101);
    let keys = [
        "",
        ".",
        "..",
        "../jobs",
        "..%2fjobs",
        "%2e%2e",
        ".k",
        "-k",
        "K",
        "k/",
        "k%00",
        "k\u{e9}",
        "k_1",
        "/k",
        "k/log/..",
        &long,
    ];
    for key in keys {
        for method in ["PUT", "GET", "DELETE"] {
            assert_eq!(raw(&server, method, &format!("/runs/{key}")), 400, "{method} {key:?}");
        }
        assert_eq!(raw(&server, "GET", &format!("/runs/{key}/log?from=0")), 400, "{key:?}");
    }
    for path in ["/", "/run/k", "/runs/k?wait=-1", "/runs/k?wait=x", "/runs/k/log?from=", "*"] {
        assert_eq!(raw(&server, "GET", path), 400, "{path}");
    }
    assert_eq!(raw(&server, "PUT", "/runs/k/log?from=0"), 400);
    made_nothing(&server);
    assert_eq!(raw(&server, "PUT", &format!("/runs/{}", &long[..100])), 201);
}

#[tokio::test]
async fn what_is_no_job_is_not_started_and_it_is_said_why() {
    let Some(server) = JobServer::if_python(None) else { return };
    server.job("shop", "");
    let beside = server.jobs().join("../beside");
    write_script(&beside, "#!/bin/sh\necho \"$JOB_RUN\" >>../starts\n");
    fs::write(server.jobs().join("text"), "no program").unwrap();
    fs::create_dir(server.jobs().join("folder")).unwrap();
    fs::rename(&beside, server.jobs().join(".hidden")).unwrap();
    let asks = Asks::new(server.url());
    let jobs = ["none", "../beside", "/bin/sh", ".", "..", "", "folder", "text", ".hidden", "a/b"];
    let mut bodies: Vec<_> = jobs.iter().map(|job| body(job)).collect();
    for (field, value) in [
        ("job", json!(null)),
        ("job", json!(["shop"])),
        ("inputs", json!(null)),
        ("inputs", json!({ "a": 1 })),
        ("inputs", json!({ "a-b": "c" })),
        ("inputs", json!({ "": "c" })),
        ("inputs", json!({ "a": "one", "A": "two" })),
        ("inputs", json!({ "a": "zero\0" })),
        ("by", json!("zero\0")),
    ] {
        let mut odd = body("shop");
        odd[field] = value;
        bodies.push(odd);
    }
    let mut lacks_one = body("shop");
    lacks_one.as_object_mut().unwrap().remove("sha");
    bodies.extend([lacks_one, json!([]), json!("shop"), json!(null)]);
    for body in bodies {
        let (status, why) = asks.put("k", &body).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
        assert!(why["says"].is_string(), "{why}");
        assert_eq!(asks.get("k").await.status(), StatusCode::NOT_FOUND, "{body}");
        assert_eq!(asks.get("k/log?from=0").await.status(), StatusCode::NOT_FOUND);
    }
    let half_a_character = body("shop").to_string().replace("ann", r"\ud800");
    for (text, status) in [
        ("", StatusCode::UNPROCESSABLE_ENTITY),
        ("{\"job\":", StatusCode::UNPROCESSABLE_ENTITY),
        (&half_a_character, StatusCode::UNPROCESSABLE_ENTITY),
        (&" ".repeat(100_000), StatusCode::PAYLOAD_TOO_LARGE),
    ] {
        let asked = asks.request(Method::PUT, "k").body(text.to_owned()).send().await.unwrap();
        assert_eq!(asked.status(), status);
    }
    made_nothing(&server);
}

#[tokio::test]
async fn without_its_token_a_server_does_nothing() {
    let Some(server) = JobServer::if_python(Some("s3cret\n")) else { return };
    server.job("shop", "");
    let asks = Asks::new(server.url());
    let wrong =
        [None, Some("Bearer"), Some("Bearer s3cre"), Some("Bearer s3cret2"), Some("s3cret")];
    for token in wrong {
        for method in [Method::PUT, Method::GET, Method::DELETE] {
            let request = asks.request(method, "k").json(&body("shop"));
            let request =
                token.into_iter().fold(request, |all, one| all.header("authorization", one));
            let answer = request.send().await.unwrap();
            assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{token:?}");
            let says: Value = answer.json().await.unwrap();
            assert_eq!(says["says"], "the token is missing or wrong");
        }
    }
    made_nothing(&server);
    let request = asks.request(Method::PUT, "k").json(&body("shop")).bearer_auth("s3cret");
    assert_eq!(request.send().await.unwrap().status(), StatusCode::CREATED);
    server.until_started("k").await;
}

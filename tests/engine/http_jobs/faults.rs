//! The bad line of the tests does to a request what it says, and no more.

use reqwest::{Method, StatusCode};
use trunkline_testing::faulty_proxy::{Fault, FaultyProxy, SeenRequest};
use trunkline_testing::jobs::JobServer;

use super::{Asks, body, text};

async fn put(asks: &Asks, key: &str) -> Result<reqwest::Response, reqwest::Error> {
    asks.request(Method::PUT, key).json(&body("shop")).send().await
}

#[tokio::test]
async fn a_lost_answer_leaves_a_run_that_was_started() {
    let Some(server) = JobServer::if_python(None) else { return };
    server.job("shop", "");
    let proxy = FaultyProxy::before(server.address());
    let asks = Asks::new(proxy.url());
    proxy.set(Fault::LoseAnswer);
    assert_eq!(asks.get("k").await.status(), StatusCode::NOT_FOUND, "only of a PUT");
    put(&asks, "k").await.unwrap_err();
    assert_eq!(proxy.fault(), Fault::Pass);
    assert_eq!(put(&asks, "k").await.unwrap().status(), StatusCode::OK);
    proxy.set(Fault::BadGateway);
    assert_eq!(put(&asks, "other").await.unwrap().status(), StatusCode::BAD_GATEWAY);
    server.until_started("k").await;
    server.until_started("other").await;
    let starts = server.all_starts();
    assert_eq!((starts["k"], starts["other"], starts.len()), (1, 1, 2));
}

#[tokio::test]
async fn what_is_refused_limited_or_sent_on_starts_nothing() {
    let Some(server) = JobServer::if_python(None) else { return };
    server.job("shop", "");
    let proxy = FaultyProxy::before(server.address());
    let asks = Asks::new(proxy.url());
    proxy.set(Fault::Unavailable { retry_after: 7 });
    let answer = put(&asks, "k").await.unwrap();
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(text(answer.headers(), "retry-after"), "7");
    proxy.set(Fault::Redirect { to: "http://127.0.0.1:1".into() });
    let answer = put(&asks, "k").await.unwrap();
    assert_eq!(answer.status(), StatusCode::TEMPORARY_REDIRECT);
    assert_eq!(text(answer.headers(), "location"), "http://127.0.0.1:1/runs/k");
    proxy.set(Fault::LimitedOnce { retry_after: 3 });
    let answer = put(&asks, "k").await.unwrap();
    assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(asks.get("k").await.status(), StatusCode::NOT_FOUND, "the limit was for once");

    let seen = proxy.seen().len();
    proxy.set(Fault::Refuse);
    assert!(put(&asks, "k").await.unwrap_err().is_connect());
    assert_eq!(proxy.seen().len(), seen);
    proxy.set(Fault::Pass);
    assert_eq!(asks.get("k").await.status(), StatusCode::NOT_FOUND, "none of them was forwarded");
    assert_eq!(put(&asks, "k").await.unwrap().status(), StatusCode::CREATED);
}

#[tokio::test]
async fn a_line_that_hangs_takes_requests_and_is_cut_when_nobody_listens() {
    let Some(server) = JobServer::if_python(None) else { return };
    let proxy = FaultyProxy::before(server.address());
    let asks = Asks::new(proxy.url());
    proxy.set(Fault::Hang);
    let (cut, ()) = tokio::join!(put(&asks, "k"), async {
        proxy.until_seen(|seen| seen.len() == 1).await;
        proxy.set(Fault::Refuse);
    });
    assert!(!cut.unwrap_err().is_timeout());
    proxy.set(Fault::Pass);
    assert_eq!(asks.get("k").await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn it_is_recorded_who_shows_a_token() {
    let Some(server) = JobServer::if_python(None) else { return };
    let proxy = FaultyProxy::before(server.address());
    let asks = Asks::new(proxy.url());
    asks.get("k?wait=1").await;
    asks.request(Method::DELETE, "k").bearer_auth("t").send().await.unwrap();
    let request = |method: &str, path: &str, has_token| SeenRequest {
        method: method.into(),
        path: path.into(),
        has_token,
    };
    let all = [request("GET", "/runs/k?wait=1", false), request("DELETE", "/runs/k", true)];
    assert_eq!(proxy.seen(), all);
    assert_eq!(proxy.count("DELETE"), 1);
}

//! The sample server is killed and started again: it knows what it started, and starts nothing twice.

use std::fs;

use reqwest::StatusCode;
use serde_json::json;
use trunkline_testing::jobs::JobServer;

use super::{Asks, body, gate, open};

#[tokio::test]
async fn a_restart_keeps_every_run_and_starts_none_again() {
    let Some(mut server) = JobServer::if_python(None) else { return };
    server.job("shop", "echo begins; read _ <gate; echo ends");
    server.job("meanwhile", "read _ <other; exit 4");
    server.job("lost", "read _ <gate");
    let (gate, other) = (gate(&server, "gate"), gate(&server, "other"));
    let asks = Asks::new(server.url());
    for job in ["shop", "meanwhile", "lost"] {
        asks.starts(job, job).await;
        server.until_started(job).await;
    }
    server.kill();
    open(&other);
    server.until_ended("meanwhile").await;
    server.lose("lost");
    server.start_again();

    let state = |run: serde_json::Value| (run["state"].clone(), run["says"].clone());
    assert_eq!(state(asks.run("shop").await), (json!("running"), json!(null)));
    assert_eq!(state(asks.run("meanwhile").await), (json!("failed"), json!("exit status 4")));
    let lost = (json!("failed"), json!("its process was lost"));
    assert_eq!(state(asks.run("lost").await), lost);
    for job in ["shop", "meanwhile", "lost"] {
        assert_eq!(asks.put(job, &body(job)).await.0, StatusCode::OK);
        assert_eq!(asks.put(job, &body("other")).await.0, StatusCode::CONFLICT);
    }
    open(&gate);
    assert_eq!(asks.end("shop").await["state"], "succeeded");
    assert_eq!(asks.log("shop", 0).await.0, b"begins\nends\n");
    assert!(server.all_starts().into_values().eq([1, 1, 1]), "{:?}", server.all_starts());
}

#[tokio::test]
async fn a_run_of_before_a_restart_can_be_ended() {
    let Some(mut server) = JobServer::if_python(None) else { return };
    server.job("shop", "cat gate");
    gate(&server, "gate");
    let asks = Asks::new(server.url());
    asks.starts("k", "shop").await;
    server.until_started("k").await;
    server.restart();
    assert_eq!(asks.delete("k").await, StatusCode::ACCEPTED);
    assert_eq!(asks.end("k").await["state"], "cancelled");
}

/// A server that ends between the folder and the start leaves this.
#[tokio::test]
async fn a_run_that_was_taken_and_never_started_is_never_started_later() {
    let Some(server) = JobServer::if_python(None) else { return };
    server.job("shop", "");
    fs::create_dir(server.run("k")).unwrap();
    fs::write(server.run("k").join("lock"), "").unwrap();
    fs::write(server.run("k").join("body"), body("shop").to_string()).unwrap();
    let asks = Asks::new(server.url());
    let (status, run) = asks.put("k", &body("shop")).await;
    assert_eq!((status, &run["state"]), (StatusCode::OK, &json!("failed")));
    assert_eq!(run["says"], "it was never started");
    assert_eq!(asks.log("k", 0).await, (Vec::new(), 0, true));
    assert_eq!(server.starts("k"), 0);
}

//! A port that could not be opened at the start is served once it is open.

use reqwest::{Client, StatusCode};
use tokio::sync::oneshot;
use trunkline::backend::embedded::EngineAccess;
use trunkline::domain::delivery::WebhookForge;
use trunkline::server::{
    self, NetworkListener, NetworkOptions, ServerListeners, WebhookSecret, WebhookSecrets,
};
use trunkline_testing::engine::{QUICK, World};

const SECRET: &str = "a secret of the forge and the server";

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_is_opened_late_is_served() {
    let mut world = World::open(QUICK).await;
    let folder = tempfile::tempdir().unwrap();
    let socket = server::bind(&folder.path().join("run/engine.sock")).unwrap();
    let (opened, late) = oneshot::channel();
    let secret = WebhookSecret::parse(SECRET).unwrap();
    let webhooks: WebhookSecrets = [(WebhookForge::Gitlab, secret)].into();
    let listeners =
        ServerListeners { late: Some(late), webhooks, ..ServerListeners::of_socket(socket) };
    let (stop, stopped) = oneshot::channel::<()>();
    let access = EngineAccess::new(world.handle().clone());
    let served = tokio::spawn(server::serve_all(listeners, access, async {
        let _ = stopped.await;
    }));
    let options = NetworkOptions { listen: "127.0.0.1:0".into(), ..NetworkOptions::default() };
    let port = NetworkListener::bind(options).await.unwrap();
    let address = port.address();
    assert!(opened.send(port).is_ok(), "it is waited for");
    let client = Client::builder().no_proxy().build().unwrap();
    let answer = client.get(format!("http://{address}/healthz")).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let push = client.post(format!("http://{address}/v1/webhooks/gitlab")).body("{}");
    let push = push.header("x-gitlab-token", SECRET).header("idempotency-key", "one");
    let push = push.header("x-gitlab-event", "Push Hook").send().await.unwrap();
    assert_eq!(push.status(), StatusCode::OK, "it knows the secrets of the forges");
    drop(stop);
    served.await.unwrap().unwrap();
    world.stop().await;
}

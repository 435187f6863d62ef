//! Callers that read nothing, are gone without a word or lose their answers, beside one that follows a long log.

use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use trunkline::backend::Backend as _;
use trunkline::domain::caller::AccessRole;
use trunkline::domain::command::Command;
use trunkline::domain::log::{LogFrom, Stream};
use trunkline_testing::engine::{QUICK, World};
use trunkline_testing::team::TeamServer;
use uuid::Uuid;

use crate::http2::tls;

const LINES: usize = 50_000;
/// How many callers of each bad kind.
const EACH: usize = 4;

#[tokio::test]
async fn who_stalls_is_gone_or_loses_its_answers_keeps_no_line_and_no_command_from_others() {
    let print = QUICK.replace("echo staging $TRUNKLINE_BUILD", &format!("seq {LINES}"));
    let world = World::open(&print).await;
    let first = world
        .until("it is asked for", |seen| seen.deployments.first().map(|row| row.deployment.id));
    let id = first.await;
    let team = TeamServer::new(world.handle()).await;
    let token = team.token("ann", AccessRole::Viewer, &[]).await.secret;
    let get = |path: &str| {
        let (port, token) = (team.address.port(), token.expose());
        format!(
            "GET {path} HTTP/1.1\r\nhost: localhost:{port}\r\nauthorization: Bearer {token}\r\n"
        )
    };
    let follow = get(&format!("/services/checkout/runs/{}/log?step=0", id.0));
    let page = get(&format!(
        "/v1/services/checkout/deployments/{}/steps/0/log?after=0&limit=1000000",
        id.0
    ));
    let mut open = Vec::new();
    for _ in 0..EACH {
        for (request, stays) in [
            // Whoever follows on a page, and whoever reads a part, take nothing of it.
            (format!("{follow}accept: text/event-stream\r\n\r\n"), true),
            (format!("{page}\r\n"), true),
            // The rest of the head never comes.
            (page.clone(), true),
            // The answer finds nobody.
            (format!("{page}\r\n"), false),
        ] {
            let mut stream = tls(team.address, &["http/1.1"]).await;
            stream.write_all(request.as_bytes()).await.unwrap();
            open.extend(stays.then_some(stream));
        }
    }

    let raj = team.person("raj", AccessRole::Deployer).await;
    let (mut cursor, mut lines) = (0, Vec::new());
    loop {
        let from = LogFrom::After(cursor);
        let wait = Duration::from_secs(20);
        let page = raj.log(&world.service, id, 0, from, 64 * 1024, wait).await.unwrap();
        assert_eq!(page.start, cursor);
        let of_step = page.lines().filter(|line| line.stream == Stream::Out);
        lines.extend(of_step.map(|line| String::from_utf8(line.text).unwrap()));
        cursor = page.next;
        if page.ended {
            break;
        }
    }
    let wanted: Vec<_> = (1..=LINES).map(|number| number.to_string()).collect();
    assert!(lines == wanted, "{} lines", lines.len());
    let freeze = Command::Freeze { from: None, until: None, reason: "late".into() };
    let key = Uuid::new_v4().to_string().try_into().unwrap();
    raj.command(&world.service, freeze, key).await.unwrap();
    drop(open);
}

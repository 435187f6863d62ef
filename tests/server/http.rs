//! The server as plain HTTP shows it, and its client when answers get lost.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chrono::DateTime;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};
use trunkline::api::API;
use trunkline::api::problem::{ProblemDocument, ProblemKind};
use trunkline::backend::remote::Remote;
use trunkline::backend::scripted::{Fault, SERVICE, Scripted};
use trunkline::backend::{Backend, BackendError, LONGEST_WAIT};
use trunkline::domain::command::{Action, Command, Refusal};
use trunkline::domain::ids::{BuildNumber, Environment, IdempotencyKey, ServiceName};
use trunkline::domain::log::LogFrom;
use trunkline::domain::people::Actor;
use trunkline::domain::plan::{Guard, Severity};
use trunkline::server;
use trunkline_testing::serving::Serving;

/// The longest that a server lets a caller wait.
const LONG: Duration = LONGEST_WAIT;
/// How long a test waits for what must happen; much longer than it ever takes.
const PATIENCE: Duration = Duration::from_mins(2);
const HOLD: &str = r#"{"command":"hold","environment":"production","reason":"errors"}"#;

fn scripted() -> Scripted {
    Scripted::new(DateTime::from_timestamp(1_790_000_000, 0).unwrap())
}

fn service() -> ServiceName {
    SERVICE.parse().unwrap()
}

fn serving(world: &Scripted) -> Serving {
    let world = world.clone();
    Serving::new(move |_| world.clone())
}

fn key(text: &str) -> IdempotencyKey {
    IdempotencyKey::try_from(text.to_owned()).unwrap()
}

fn hold() -> Command {
    Command::Hold { environment: Environment::Production, reason: "errors".into() }
}

/// Waits until this many callers wait for news.
async fn until_waiting(world: &Scripted, callers: usize) {
    let all_wait = async {
        while world.waiting() < callers {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, all_wait).await.unwrap();
}

/// An answer as it came over the wire.
#[derive(Debug)]
struct Reply {
    status: u16,
    head: String,
    body: String,
}

impl Reply {
    fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The problem document that every error is.
    fn problem(&self) -> ProblemDocument {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let problem: ProblemDocument = serde_json::from_str(&self.body).unwrap();
        assert_eq!(problem.status, self.status);
        problem
    }
}

async fn ask(socket: &Path, method: &str, path: &str, headers: &str, body: &str) -> Reply {
    let mut stream = UnixStream::connect(socket).await.unwrap();
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    timeout(PATIENCE, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Reply { status, head: head.to_owned(), body: body.to_owned() }
}

async fn get(socket: &Path, path: &str, headers: &str) -> Reply {
    ask(socket, "GET", path, headers, "").await
}

async fn post(socket: &Path, headers: &str, body: &str) -> Reply {
    let headers = format!("content-type: application/json\r\n{headers}");
    ask(socket, "POST", "/v1/services/checkout/commands", &headers, body).await
}

#[tokio::test]
async fn the_caller_is_who_the_kernel_says_whatever_they_claim() {
    let world = scripted();
    let serving = Serving::new(move |caller| world.called_by(caller));
    let claim = "authorization: Bearer kim\r\nx-forwarded-user: kim\r\n";
    let reply = get(&serving.socket(), "/v1/services/checkout", claim).await;
    let snapshot: Value = serde_json::from_str(&reply.body).unwrap();
    assert_eq!(
        snapshot["me"]["actor"],
        serde_json::to_value(Actor::Person(trunkline_testing::login())).unwrap()
    );
}

#[tokio::test]
async fn every_error_is_a_problem_document_with_its_status() {
    let serving = serving(&scripted());
    let socket = serving.socket();
    let keyed = "idempotency-key: 12345678\r\n";
    let large = format!(r#"{{"command":"verify","build":1,"note":"{}"}}"#, "x".repeat(300_000));
    let cases = [
        (post(&socket, "", HOLD).await, 400, ProblemKind::BadRequest),
        (post(&socket, "idempotency-key: no\r\n", HOLD).await, 400, ProblemKind::BadRequest),
        (post(&socket, keyed, "{").await, 400, ProblemKind::BadRequest),
        (post(&socket, keyed, r#"{"command":"dance"}"#).await, 422, ProblemKind::Invalid),
        (post(&socket, keyed, &large).await, 413, ProblemKind::TooLarge),
        (get(&socket, "/v1/nothing", "").await, 404, ProblemKind::NoSuchPath),
        (get(&socket, "/v1/services/No%20Name", "").await, 404, ProblemKind::NoSuchPath),
        (get(&socket, "/v1/services/nobody", "").await, 404, ProblemKind::NotFound),
        (get(&socket, "/v1/commands/12345678", "").await, 404, ProblemKind::NeverRecorded),
        (get(&socket, "/v1/services/checkout/commands", "").await, 405, ProblemKind::WrongMethod),
        (get(&socket, "/v1/fleet?wait=soon", "").await, 400, ProblemKind::BadRequest),
        (
            get(&socket, "/v1/services/checkout/plan?action=promote", "").await,
            400,
            ProblemKind::BadRequest,
        ),
        (get(&socket, "/v1/fleet", "trunkline-api: 0\r\n").await, 426, ProblemKind::Incompatible),
    ];
    for (reply, status, kind) in cases {
        assert_eq!((reply.status, reply.problem().kind), (status, kind), "{reply:?}");
        assert_eq!(reply.header("trunkline-api"), Some(API.to_string().as_str()));
        assert_eq!(reply.header("trunkline-version"), Some(env!("CARGO_PKG_VERSION")));
    }
}

#[tokio::test]
async fn a_body_that_is_not_json_by_its_type_is_not_read_as_json() {
    let serving = serving(&scripted());
    let headers = "idempotency-key: 12345678\r\ncontent-type: text/plain\r\n";
    let path = "/v1/services/checkout/commands";
    let reply = ask(&serving.socket(), "POST", path, headers, HOLD).await;
    assert_eq!((reply.status, reply.problem().kind), (415, ProblemKind::NotJson));
}

#[tokio::test]
async fn refusals_have_a_status_each_and_travel_whole() {
    let world = scripted();
    let serving = serving(&world);
    let plan = world.change(|world| world.verified_build(&service(), "ada"));
    let plan = world.plan(&service(), Action::Promote { build: plan }).await.unwrap();
    let finding = plan.findings[0].clone();
    let refusals = [
        (403, Refusal::Policy { sentence: "no".into(), findings: vec![finding] }),
        (409, Refusal::Changed { changes: vec!["all".into()], plan: Box::new(plan) }),
        (404, Refusal::not_found("gone")),
        (422, Refusal::invalid("nonsense")),
        (422, Refusal::KeyReused),
    ];
    for (status, refusal) in refusals {
        world.fault(Fault::Refuse(refusal.clone()));
        let reply = post(&serving.socket(), "idempotency-key: 12345678\r\n", HOLD).await;
        assert_eq!(reply.status, status);
        assert_eq!(reply.problem().refusal, Some(refusal));
    }
}

#[tokio::test]
async fn a_caller_of_an_older_protocol_is_told_which_side_is_older() {
    let serving = serving(&scripted());
    let reply = get(&serving.socket(), "/v1", "trunkline-api: 0\r\n").await;
    assert!(reply.problem().detail.starts_with("this program is older than the engine"));
    let reply = get(&serving.socket(), "/v1", "trunkline-api: 9\r\n").await;
    let detail = reply.problem().detail;
    assert!(detail.starts_with("the engine is older than this program"), "{detail}");
    assert!(detail.contains("trunkline engine restart"), "{detail}");
}

#[tokio::test]
async fn a_snapshot_that_has_not_changed_costs_a_304() {
    let world = scripted();
    let serving = serving(&world);
    for path in ["/v1/fleet", "/v1/services/checkout"] {
        let first = get(&serving.socket(), path, "").await;
        let tag = first.header("etag").unwrap();
        let known = [tag.to_owned(), format!("W/{tag}"), format!("\"other\", {tag}")];
        for known in known {
            let headers = format!("if-none-match: {known}\r\n");
            let same = get(&serving.socket(), path, &headers).await;
            assert_eq!((same.status, same.body.as_str()), (304, ""), "{known}");
            assert_eq!(same.header("etag"), Some(tag));
        }
        world.change(|world| world.merge(&service(), "ada", "Sell more"));
        let headers = format!("if-none-match: {tag}\r\n");
        assert_eq!(get(&serving.socket(), path, &headers).await.status, 200);
    }
}

/// Reads server-sent events until there are `count` of them, and gives their ids.
async fn ids(socket: &Path, headers: &str, count: usize) -> Vec<u64> {
    let mut stream = UnixStream::connect(socket).await.unwrap();
    let request =
        format!("GET /v1/events HTTP/1.1\r\nhost: x\r\naccept: text/event-stream\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let (mut text, mut buffer) = (String::new(), [0; 4096]);
    loop {
        let ids: Vec<_> =
            text.lines().filter_map(|line| line.strip_prefix("id: ")?.parse().ok()).collect();
        if ids.len() >= count {
            return ids;
        }
        let read = timeout(PATIENCE, stream.read(&mut buffer)).await.unwrap().unwrap();
        assert!(read > 0, "the stream ended: {text}");
        text.push_str(std::str::from_utf8(&buffer[..read]).unwrap());
    }
}

#[tokio::test]
async fn an_event_stream_resumes_after_the_last_event_id() {
    let world = scripted();
    let serving = serving(&world);
    for subject in ["one", "two", "three"] {
        world.change(|world| world.merge(&service(), "ada", subject));
    }
    assert_eq!(ids(&serving.socket(), "", 3).await, [1, 2, 3]);
    assert_eq!(ids(&serving.socket(), "last-event-id: 1\r\n", 2).await, [2, 3]);
    let (news, _) =
        tokio::join!(async { ids(&serving.socket(), "last-event-id: 3\r\n", 1).await }, async {
            world.change(|world| world.merge(&service(), "ada", "four"))
        },);
    assert_eq!(news, [4]);
}

#[tokio::test(start_paused = true)]
async fn a_log_reader_waits_for_the_next_line() {
    let world = scripted();
    let serving = serving(&world);
    let id = world.change(|world| {
        let build = world.verified_build(&service(), "ada");
        let (kind, by) = (trunkline::domain::event::DeploymentKind::Promote, Actor::System);
        let id = world.request(&service(), build, Environment::Production, kind, by);
        world.advance(&service());
        world.advance(&service());
        id
    });
    let remote = Remote::over(serving.socket());
    let (page, ()) = tokio::join!(
        async { remote.log(&service(), id, 0, LogFrom::After(0), 100, LONG).await },
        async {
            until_waiting(&world, 1).await;
            world.change(|world| world.write(&service(), id, 0, "migrating"));
        },
    );
    let page = page.unwrap();
    assert_eq!(page.lines().next().unwrap().text, b"migrating");
    assert!(!page.ended && page.next == page.size);
}

/// Passes requests on to `socket`, hangs up instead of passing the answer back, and counts them.
fn deaf_to_answers(socket: PathBuf, folder: &Path) -> (PathBuf, Arc<AtomicUsize>) {
    let path = folder.join("deaf.sock");
    let (listener, passed) = (UnixListener::bind(&path).unwrap(), Arc::<AtomicUsize>::default());
    let count = passed.clone();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            let server = UnixStream::connect(&socket).await.unwrap();
            let (answers, mut requests) = server.into_split();
            tokio::select! {
                _ = tokio::io::copy(&mut client, &mut requests) => {}
                _ = answers.readable() => {}
            }
        }
    });
    (path, passed)
}

#[tokio::test]
async fn a_lost_answer_is_unknown_and_its_receipt_is_found_by_key() {
    let serving = serving(&scripted());
    let folder = tempfile::tempdir().unwrap();
    let (deaf, passed) = deaf_to_answers(serving.socket(), folder.path());
    let lost = Remote::over(deaf).command(&service(), hold(), key("the-lost-one")).await;
    assert!(matches!(lost, Err(BackendError::Unknown(_))), "{lost:?}");
    let remote = Remote::over(serving.socket());
    let receipt = remote.receipt(&key("the-lost-one")).await.unwrap();
    assert_eq!(receipt.unwrap().said, "production is on hold");
    assert_eq!(passed.load(Ordering::SeqCst), 1, "it was not sent again");
}

#[tokio::test]
async fn a_backend_that_lost_its_own_answer_says_so_through_the_server() {
    let world = scripted();
    let serving = serving(&world);
    world.fault(Fault::LostAnswer);
    let remote = Remote::over(serving.socket());
    let lost = remote.command(&service(), hold(), key("the-lost-one")).await;
    assert!(matches!(lost, Err(BackendError::Unknown(_))), "{lost:?}");
    assert!(remote.receipt(&key("the-lost-one")).await.unwrap().is_some());
}

#[tokio::test]
async fn where_nobody_listens_nothing_was_done() {
    let folder = tempfile::tempdir().unwrap();
    let remote = Remote::over(folder.path().join("engine.sock"));
    let silence = remote.command(&service(), hold(), key("12345678")).await;
    assert!(matches!(silence, Err(BackendError::Unreachable(_))), "{silence:?}");
    let silence = remote.describe().await;
    assert!(matches!(silence, Err(BackendError::Unreachable(_))), "{silence:?}");
}

#[tokio::test]
async fn an_unreachable_backend_says_when_to_try_again() {
    let world = scripted();
    let serving = serving(&world);
    world.fault(Fault::Unreachable);
    let Err(busy) = Remote::over(serving.socket()).describe().await else {
        panic!("it answered");
    };
    assert_eq!(busy.again(), Some(Duration::from_secs(1)), "{busy:?}");
    assert!(busy.to_string().ends_with("try again in 1s"), "{busy}");
    world.heal();
    assert!(Remote::over(serving.socket()).describe().await.is_ok());
}

/// Answers everything with these bytes.
fn always(answer: String, folder: &Path) -> PathBuf {
    let path = folder.join("always.sock");
    let listener = UnixListener::bind(&path).unwrap();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let _ = client.read(&mut [0; 4096]).await;
            let _ = client.write_all(answer.as_bytes()).await;
        }
    });
    path
}

#[tokio::test]
async fn an_engine_of_another_protocol_is_incompatible_and_the_older_side_is_named() {
    let cases = [
        (format!("trunkline-api: {}\r\n", API - 1), "the engine is older"),
        (format!("trunkline-api: {}\r\n", API + 1), "this program is older"),
        (String::new(), "not a trunkline engine"),
    ];
    for (header, sentence) in cases {
        let folder = tempfile::tempdir().unwrap();
        let answer = format!("HTTP/1.1 200 OK\r\n{header}content-length: 2\r\n\r\n{{}}");
        let answer = Remote::over(always(answer, folder.path())).describe().await;
        let Err(BackendError::Incompatible(why)) = answer else { panic!("{answer:?}") };
        assert!(why.contains(sentence), "{why}");
    }
}

#[tokio::test]
async fn the_socket_and_its_folder_are_their_owners_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run/engine.sock");
    let _listener = server::bind(&path).unwrap();
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(path.parent().unwrap()), 0o700);
}

#[tokio::test]
async fn a_socket_that_nobody_answers_on_is_replaced_and_a_live_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run/engine.sock");
    drop(server::bind(&path).unwrap());
    assert!(path.exists(), "a server that dies leaves its socket behind");
    let _live = server::bind(&path).unwrap();
    let refused = server::bind(&path).unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::AddrInUse);
    assert!(UnixStream::connect(&path).await.is_ok(), "the live one was not touched");
}

#[tokio::test]
async fn a_folder_that_others_share_is_neither_used_nor_changed() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o1777)).unwrap();
    let refused = server::bind(&folder.path().join("engine.sock")).unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::PermissionDenied);
    assert_eq!(folder.path().metadata().unwrap().permissions().mode() & 0o7777, 0o1777);
}

#[tokio::test]
async fn what_is_not_a_socket_is_not_removed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("engine.sock");
    std::fs::write(&path, "mine").unwrap();
    assert_eq!(server::bind(&path).unwrap_err().kind(), std::io::ErrorKind::AlreadyExists);
    assert_eq!(std::fs::read(&path).unwrap(), b"mine");
}

#[tokio::test(start_paused = true)]
async fn a_stopping_server_sends_everyone_who_waits_away_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run/engine.sock");
    let (world, (stop, stopped)) = (scripted(), oneshot::channel::<()>());
    let listener = server::bind(&path).unwrap();
    let behind = world.clone();
    let server = tokio::spawn(server::serve(listener, move |_| behind.clone(), async {
        let _ = stopped.await;
    }));
    let version = world.fleet(None, Duration::ZERO).await.unwrap().unwrap().version;
    let headers = format!("if-none-match: \"{}\"\r\n", version.0);
    // Whoever had waited to the end would have got an answer of another kind.
    let (polled, ids, ()) = tokio::join!(
        get(&path, "/v1/fleet?wait=25", &headers),
        get(&path, "/v1/events", "accept: text/event-stream\r\n"),
        async {
            until_waiting(&world, 2).await;
            drop(stop);
        },
    );
    assert_eq!((polled.status, polled.problem().kind), (503, ProblemKind::Stopping));
    assert_eq!(ids.status, 200);
    server.await.unwrap().unwrap();
}

/// Opens this many connections that send this and then nothing, and read nothing.
async fn hold_open(serving: &Serving, many: usize, sent: &str) -> Vec<UnixStream> {
    let mut held = Vec::new();
    for _ in 0..many {
        let mut stream = UnixStream::connect(serving.socket()).await.unwrap();
        // The server may have closed it for another already.
        let _closed = stream.write_all(sent.as_bytes()).await;
        held.push(stream);
    }
    held
}

#[tokio::test]
async fn held_connections_shut_nobody_out() {
    let half_body = format!(
        "POST /v1/services/{SERVICE}/commands HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
         idempotency-key: 12345678\r\ncontent-length: 100\r\n\r\n{{"
    );
    let stream = "GET /v1/events HTTP/1.1\r\nhost: x\r\naccept: text/event-stream\r\n\r\n";
    let poll = "GET /v1/fleet?wait=25 HTTP/1.1\r\nhost: x\r\n\r\n";
    for sent in ["", "GET /v1 HT", &half_body, stream, poll] {
        let world = scripted();
        let serving = serving(&world);
        let _held = hold_open(&serving, 300, sent).await;
        let status = timeout(PATIENCE, get(&serving.socket(), "/v1/fleet", "")).await.unwrap();
        assert_eq!(status.status, 200, "{sent:?}");
        let remote = Remote::over(serving.socket());
        let held = timeout(PATIENCE, remote.command(&service(), hold(), key("87654321"))).await;
        assert!(held.unwrap().is_ok(), "a command finds room beside {sent:?}");
    }
}

#[tokio::test]
async fn of_many_who_wait_for_news_one_more_is_told_to_come_again() {
    let world = scripted();
    let serving = serving(&world);
    let stream = "GET /v1/events HTTP/1.1\r\nhost: x\r\naccept: text/event-stream\r\n\r\n";
    let mut held = hold_open(&serving, 96, stream).await;
    for stream in &mut held {
        let read = timeout(PATIENCE, stream.read(&mut [0; 4096])).await.unwrap().unwrap();
        assert!(read > 0, "it is one of those who may wait");
    }
    let more = get(&serving.socket(), "/v1/fleet?wait=1", "").await;
    assert_eq!((more.status, more.header("retry-after")), (503, Some("5")));
    assert!(more.problem().detail.contains("commands still work"), "{more:?}");
    assert_eq!(get(&serving.socket(), "/v1/fleet", "").await.status, 200);
    drop(held);
    let freed = async {
        while get(&serving.socket(), "/v1/fleet?wait=0.01", "").await.status != 200 {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, freed).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_says_nothing_is_not_waited_for_forever() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("silent.sock");
    let _listener = UnixListener::bind(&path).unwrap();
    let remote = Remote::over(path);
    let lost = remote.command(&service(), hold(), key("12345678")).await;
    assert!(matches!(lost, Err(BackendError::Unknown(_))), "{lost:?}");
    let began = Instant::now();
    let silence = remote.fleet(None, Duration::from_secs(3)).await;
    assert!(matches!(silence, Err(BackendError::Unreachable(_))), "{silence:?}");
    assert!(began.elapsed() < Duration::from_secs(9), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_promote_has_the_time_that_its_engine_has_and_a_rollback_only_a_moment() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("silent.sock");
    let _listener = UnixListener::bind(&path).unwrap();
    let remote = Remote::over(path);
    let waits = async |action: Action| {
        let began = Instant::now();
        let silence = remote.plan(&service(), action).await;
        assert!(matches!(silence, Err(BackendError::Unreachable(_))), "{silence:?}");
        began.elapsed()
    };
    let promote = waits(Action::Promote { build: BuildNumber(1) }).await;
    assert!(promote > trunkline::backend::LONGEST_ANSWER, "{promote:?}");
    let rollback = waits(Action::Rollback { to: None }).await;
    assert!(rollback < Duration::from_secs(6), "{rollback:?}");
}

#[tokio::test]
async fn the_findings_of_a_plan_survive_the_wire() {
    let world = scripted();
    let serving = serving(&world);
    let build = world.change(|world| world.verified_build(&service(), "sam"));
    let remote = Remote::over(serving.socket());
    let plan = remote.plan(&service(), Action::Promote { build }).await.unwrap();
    assert_eq!(Ok(plan.clone()), world.plan(&service(), Action::Promote { build }).await);
    let own = plan.of(Severity::Override).map(|finding| finding.guard).collect::<Vec<_>>();
    assert_eq!(own, [Guard::Author]);
}

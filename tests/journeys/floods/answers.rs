//! Answers that are cut, slow, false or too large: every one has a name and an end, nothing is taken for what it is
//! not, and the console lives, says how old its data is, acts on nothing, and comes back by itself.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::time::timeout;
use trunkline::backend::remote::Remote;
use trunkline::backend::{Backend as _, BackendError};
use trunkline::console::Options;
use trunkline::domain::command::Command;
use trunkline::domain::ids::{Environment, IdempotencyKey};

use super::unruly::{Manner, Unruly, answer, head};
use trunkline_testing::console::{Console, SMALL, checkout, options, ready};
use trunkline_testing::serving::Serving;

/// The longest that anybody waits for an answer that was not asked to wait.
const DEADLINE: Duration = Duration::from_secs(11);

/// What came of it, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Unreachable,
    Busy,
    Unknown,
    Incompatible,
    Failed,
}

fn end<T: std::fmt::Debug>(answer: Result<T, BackendError>) -> End {
    match answer.unwrap_err() {
        BackendError::Unreachable(_) => End::Unreachable,
        BackendError::Busy { .. } => End::Busy,
        BackendError::Unknown(_) => End::Unknown,
        BackendError::Incompatible(_) => End::Incompatible,
        BackendError::Failed(_) => End::Failed,
        other => panic!("{other:?}"),
    }
}

fn html(status: &str) -> Manner {
    let body = "<html><h1>Bad Gateway</h1></html>";
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status}\r\ncontent-type: text/html\r\ncontent-length: {length}\r\n");
    Manner::Says(format!("{head}\r\n{body}"))
}

fn long(bytes: usize) -> String {
    head("200 OK", &format!("content-length: {bytes}\r\n"))
}

/// Each manner, and what a question and a command come to by it. A command may have been recorded unless the answer
/// says that it was not.
fn manners() -> Vec<(&'static str, Manner, End, End)> {
    use End::{Busy, Failed, Incompatible, Unknown, Unreachable};
    let ok = |body: &str| answer("200 OK", "content-type: application/json\r\n", body);
    let half = long(100) + "{\"version\":";
    let problem =
        r#"{"type":"urn:trunkline:problem:stopping","title":"x","status":503,"detail":"stopping"}"#;
    vec![
        ("closes", Manner::Closes, Unreachable, Unknown),
        ("hangs", Manner::Hangs, Unreachable, Unknown),
        ("stalls in the head", Manner::Stalls("HTTP/1.1 200".into()), Unreachable, Unknown),
        ("stalls in the body", Manner::Stalls(half.clone()), Unreachable, Unknown),
        ("cut in the head", Manner::Says("HTTP/1.1 20".into()), Unreachable, Unknown),
        ("cut in the body", Manner::Says(half), Unreachable, Unknown),
        ("a byte a second", Manner::Drips(long(10_000)), Unreachable, Unknown),
        ("no HTTP", Manner::Says("SSH-2.0-OpenSSH_9.9\r\n".into()), Unreachable, Unknown),
        ("no JSON", ok("<html>"), Failed, Unknown),
        ("other JSON", ok("[1, 2, 3]"), Failed, Unknown),
        ("wrong types", ok(r#"{"version": 7, "api": "one"}"#), Failed, Unknown),
        ("no body", ok(""), Failed, Unknown),
        ("500", answer("500 Internal Server Error", "", "oops"), Failed, Unknown),
        ("502 of a proxy", html("502 Bad Gateway"), Incompatible, Unknown),
        ("404 of a proxy", html("404 Not Found"), Incompatible, Incompatible),
        ("301 to itself", answer("301 Moved", "location: /v1\r\n", ""), Failed, Failed),
        ("429", answer("429 Too Many Requests", "retry-after: 7\r\n", ""), Busy, Busy),
        ("503 and later", answer("503 Unavailable", "retry-after: 7\r\n", problem), Busy, Busy),
        ("503 of who knows", answer("503 Unavailable", "retry-after: 7\r\n", ""), Busy, Unknown),
        (
            "a body without end",
            Manner::Pours(long(1 << 40), "x".repeat(65_536)),
            Unreachable,
            Unknown,
        ),
        (
            "headers without end",
            Manner::Pours("HTTP/1.1 200 OK\r\n".into(), "x-filler: yes\r\n".repeat(100)),
            Unreachable,
            Unknown,
        ),
    ]
}

fn unruly(folder: &tempfile::TempDir) -> (Unruly, Serving) {
    let world = ready();
    let serving = Serving::new(move |_| world.clone());
    (Unruly::before(serving.socket(), folder.path()), serving)
}

fn hold() -> Command {
    Command::Hold { environment: Environment::Production, reason: "errors".into() }
}

#[tokio::test(start_paused = true)]
async fn every_bad_answer_has_a_name_and_comes_to_an_end() {
    let folder = tempfile::tempdir().unwrap();
    let (unruly, _serving) = unruly(&folder);
    for (name, manner, question, command) in manners() {
        unruly.turns(manner);
        let remote = Remote::over(unruly.socket());
        let before = unruly.asked().len();
        let asked = timeout(DEADLINE, remote.describe()).await;
        let asked = asked.unwrap_or_else(|_| panic!("{name} takes too long"));
        assert_eq!(end(asked), question, "a question to what {name}");
        assert!(unruly.asked().len() <= before + 2, "{name}: asked too often");
        let before = unruly.asked().len();
        let key = IdempotencyKey::try_from("the-only-key".to_owned()).unwrap();
        let sent = timeout(DEADLINE, remote.command(&checkout(), hold(), key)).await;
        let sent = sent.unwrap_or_else(|_| panic!("{name} takes too long"));
        assert_eq!(end(sent), command, "a command to what {name}");
        assert_eq!(unruly.asked().len(), before + 1, "{name}: a command is sent once");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_without_an_end_is_read_to_a_limit_and_no_further() {
    let folder = tempfile::tempdir().unwrap();
    let (unruly, _serving) = unruly(&folder);
    unruly.turns(Manner::Pours(long(1 << 40), "x".repeat(65_536)));
    let error = Remote::over(unruly.socket()).describe().await.unwrap_err();
    assert!(error.to_string().ends_with("it is larger than 32 MiB"), "{error}");
    assert!(unruly.poured() < 40 * 1024 * 1024, "{} bytes were read", unruly.poured());
}

/// Whoever is stopped or slow reads its answer later or never; that is between it and its own connection.
#[tokio::test]
async fn readers_that_never_read_keep_nobody_from_anything() {
    let world = ready();
    let live = world.service(&checkout(), None, Duration::ZERO).await.unwrap().unwrap();
    let deployment = live.live[&Environment::Production].deployment;
    world.change(|world| {
        let text = "a line of a log that nobody reads ".repeat(30);
        (0..2_000).for_each(|_| world.write(&checkout(), deployment, 0, &text));
    });
    let serving = Serving::new(move |_| world.clone());
    let mut readers = Vec::new();
    for _ in 0..100 {
        let mut reader = UnixStream::connect(serving.socket()).await.unwrap();
        let path = format!("/v1/services/checkout/deployments/{}/steps/0/log", deployment.0);
        let request = format!("GET {path}?after=0&limit=1048576 HTTP/1.1\r\nhost: x\r\n\r\n");
        reader.write_all(request.as_bytes()).await.unwrap();
        // The answer has begun, and is much larger than what the system holds for a reader.
        reader.readable().await.unwrap();
        readers.push(reader);
    }
    let remote = Remote::over(serving.socket());
    let key = IdempotencyKey::try_from("the-only-key".to_owned()).unwrap();
    remote.command(&checkout(), hold(), key).await.unwrap();
    let mut head = [0; 12];
    readers[99].read_exact(&mut head).await.unwrap();
    assert_eq!(&head, b"HTTP/1.1 200");
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_is_asked_for_is_known_and_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let (unruly, _serving) = unruly(&folder);
    let date =
        "date: Wed, 21 Oct 2015 07:28:00 GMT\r\nretry-after: Wed, 21 Oct 2015 07:28:45 GMT\r\n";
    let past =
        "date: Wed, 21 Oct 2015 07:28:00 GMT\r\nretry-after: Wed, 21 Oct 2015 01:00:00 GMT\r\n";
    let cases = [
        ("retry-after: 7\r\n", Some(7)),
        ("retry-after: 86400\r\n", Some(120)),
        ("retry-after: 18446744073709551616\r\n", None),
        ("retry-after: -3\r\n", None),
        ("retry-after: soon\r\n", None),
        ("retry-after: Wed, 21 Oct 2015 07:28:45 GMT\r\n", None),
        (date, Some(45)),
        (past, Some(0)),
    ];
    for (headers, seconds) in cases {
        unruly.turns(answer("429 Too Many Requests", headers, ""));
        let busy = Remote::over(unruly.socket()).describe().await.unwrap_err();
        assert_eq!(busy.again(), seconds.map(Duration::from_secs), "{headers:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn in_an_outage_few_questions_are_asked_twice() {
    let folder = tempfile::tempdir().unwrap();
    let (unruly, _serving) = unruly(&folder);
    unruly.turns(Manner::Closes);
    let remote = Remote::over(unruly.socket());
    for _ in 0..200 {
        remote.describe().await.unwrap_err();
    }
    let asked = unruly.asked().len();
    assert!((200..=220).contains(&asked), "200 questions were asked {asked} times");
}

fn console(unruly: &Unruly) -> Console<Remote> {
    let options = Options { service: Some(checkout()), ..options() };
    Console::with(&Remote::over(unruly.socket()), SMALL, options, |_| {})
}

#[tokio::test(start_paused = true)]
async fn the_console_lives_through_every_bad_answer_and_comes_back() {
    for (name, manner, ..) in manners() {
        let folder = tempfile::tempdir().unwrap();
        let (unruly, _serving) = unruly(&folder);
        let console = console(&unruly);
        console.until("fresh").await;
        unruly.turns(manner);
        console.until("STALE").await.until("actions off").await;
        console.press(&["P"]).until("actions are off until it is fresh").await;
        console.press(&["?"]).until("Esc closes").await;
        console.press(&["esc"]).until_gone("Esc closes").await;
        unruly.turns(Manner::Proper);
        console.until("fresh").await;
        assert!(console.is_running(), "after what {name}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_console_asks_again_when_it_was_told_to_and_not_before() {
    let folder = tempfile::tempdir().unwrap();
    let (unruly, _serving) = unruly(&folder);
    let console = console(&unruly);
    console.until("fresh").await;
    unruly.turns(answer("429 Too Many Requests", "retry-after: 90\r\n", ""));
    let told = unruly.asked().len();
    console.until("STALE 1m").await;
    unruly.turns(Manner::Proper);
    console.until("fresh").await;
    let asked = unruly.asked().split_off(told);
    for path in ["/v1/services/checkout?", "/v1/fleet"] {
        let times: Vec<_> = asked.iter().filter(|(_, line)| line.contains(path)).collect();
        let apart = times.windows(2).next().map(|two| two[1].0 - two[0].0).unwrap();
        assert!(apart >= Duration::from_secs(90), "{path} was asked {apart:?} later");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_never_read_is_not_shown_as_empty() {
    let folder = tempfile::tempdir().unwrap();
    let (unruly, _serving) = unruly(&folder);
    unruly.turns(html("502 Bad Gateway"));
    let console = Console::with(&Remote::over(unruly.socket()), SMALL, options(), |_| {});
    console.until("nothing could be read yet").await.until("not a trunkline engine").await;
    assert!(!console.text().contains("no services yet"), "{}", console.text());
    unruly.turns(Manner::Proper);
    console.until("fresh").await.until("#3").await;
}

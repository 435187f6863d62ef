//! Freezes by calendar in a running engine: its own file and a service's, read on change, the last good ones kept over
//! mistakes and restarts, and feeds that come over the network.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use trunkline::backend::Backend as _;
use trunkline::backend::embedded::Embedded;
use trunkline::calendar::FreezeWindow;
use trunkline::domain::caller::Caller;
use trunkline::domain::command::Action;
use trunkline::domain::ids::Environment;
use trunkline::domain::plan::{Finding, Guard, Severity};
use trunkline::domain::policy::FreezeMode;
use trunkline::domain::snapshot::ServiceSnapshot;
use trunkline::engine::clock::Clock;
use trunkline::engine::{Engine, EngineOptions, Handle, RemoteTimes, Services};

use trunkline_testing::engine::QUICK;
use trunkline_testing::home::until;
use trunkline_testing::repository::Repository;

/// Much longer than anything here ever takes.
const PATIENCE: Duration = Duration::from_mins(1);

/// A clock that goes on evenly and is set ahead together with the one that nobody sets.
pub(super) struct Leap {
    begun: (DateTime<Utc>, Instant),
    pub(super) ahead: Mutex<TimeDelta>,
}

impl Leap {
    fn passed(&self) -> TimeDelta {
        TimeDelta::from_std(self.begun.1.elapsed()).unwrap() + *self.ahead.lock().unwrap()
    }
}

impl Clock for Leap {
    fn now(&self) -> DateTime<Utc> {
        self.begun.0 + self.passed()
    }

    fn steady(&self) -> Option<Duration> {
        self.passed().to_std().ok()
    }
}

pub(super) struct Desk {
    pub(super) repository: Repository,
    folder: tempfile::TempDir,
    pub(super) clock: Arc<Leap>,
    poll: Duration,
    handle: Option<Handle>,
}

impl Desk {
    /// On a Wednesday without any holiday near it.
    pub(super) async fn open(freezes: Option<&str>) -> Self {
        let repository = Repository::new();
        repository.write("trunkline.toml", QUICK);
        repository.commit_all("Ann", "ann@example.com", "begin");
        let folder = tempfile::tempdir().unwrap();
        let begun = ("2026-08-12T12:00:00Z".parse().unwrap(), Instant::now());
        let clock = Arc::new(Leap { begun, ahead: Mutex::default() });
        let poll = Duration::from_millis(20);
        let mut desk = Self { repository, folder, clock, poll, handle: None };
        let watched = format!("[[services]]\nrepository = '{}'\n", desk.repository.address());
        fs::write(desk.folder.path().join("config.toml"), watched).unwrap();
        if let Some(text) = freezes {
            desk.write(text);
        }
        desk.start().await;
        desk
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("freezes.toml")
    }

    /// As an editor does it: whole, and never with the stamp of before.
    fn write(&self, text: &str) {
        let beside = self.folder.path().join("freezes.toml~");
        fs::write(&beside, text).unwrap();
        fs::rename(beside, self.file()).unwrap();
    }

    pub(super) async fn start(&mut self) {
        let options = EngineOptions {
            data: self.folder.path().join("data"),
            lock: None,
            services: Services::File(self.folder.path().join("config.toml")),
            server_file: None,
            environment: std::env::vars().collect(),
            program: env!("CARGO_BIN_EXE_trunkline").into(),
            poll: self.poll,
            owner: None,
            people: std::collections::BTreeMap::new(),
            demo: false,
            remote_times: RemoteTimes::default(),
            clock: self.clock.clone(),
        };
        self.handle = Some(Box::pin(Engine::open(options)).await.unwrap());
    }

    pub(super) async fn stop(&mut self) {
        if let Some(handle) = self.handle.take() {
            handle.shutdown().await;
        }
    }

    pub(super) fn backend(&self) -> Embedded {
        Embedded::new(self.handle.clone().unwrap(), Caller::in_process("raj"))
    }

    /// Waits until the service is as it should be.
    pub(super) async fn until(
        &self,
        what: &str,
        is: impl Fn(&ServiceSnapshot) -> bool,
    ) -> ServiceSnapshot {
        let (backend, name) = (self.backend(), "checkout".parse().unwrap());
        let mut changes = self.handle.as_ref().unwrap().changes();
        let waiting = async {
            loop {
                if let Ok(Some(snapshot)) = backend.service(&name, None, Duration::ZERO).await
                    && is(&snapshot)
                {
                    return snapshot;
                }
                changes.changed().await.unwrap();
            }
        };
        let told = tokio::time::timeout(PATIENCE, waiting).await;
        told.unwrap_or_else(|_| panic!("not within a minute: {what}"))
    }

    async fn until_frozen_by(&self, reason: &str) -> ServiceSnapshot {
        let now = self.clock.now();
        self.until(reason, |seen| covering(seen, now).iter().any(|w| w.reason == reason)).await
    }

    /// What the plan of the first build that was found says of freezes.
    async fn finding(&self) -> Finding {
        let (backend, name) = (self.backend(), "checkout".parse().unwrap());
        let seen = backend.service(&name, None, Duration::ZERO).await.unwrap().unwrap();
        let build = seen.builds.last().unwrap().build.number;
        let plan = backend.plan(&name, Action::Promote { build }).await.unwrap();
        plan.findings.into_iter().find(|finding| finding.guard == Guard::Freeze).unwrap()
    }

    /// A folder of the engine's for what it keeps.
    fn kept(&self) -> PathBuf {
        self.folder.path().join("data/freezes")
    }

    /// Waits until the backend as a whole has or has not a problem.
    async fn until_said(&self, what: &str, is: impl Fn(&str) -> bool) {
        let mut changes = self.handle.as_ref().unwrap().changes();
        while !is(&self.problems().await) {
            let told = tokio::time::timeout(PATIENCE, changes.changed()).await;
            told.unwrap_or_else(|_| panic!("not within a minute: {what}")).unwrap();
        }
    }

    /// Waits until something about the service is said.
    pub(super) async fn until_told(&self, words: &str) -> ServiceSnapshot {
        let is_told = |seen: &ServiceSnapshot| seen.problems.iter().any(|p| p.what.contains(words));
        self.until(words, is_told).await
    }

    /// Commits a file, and waits until its build is in staging: the trunk goes on.
    pub(super) async fn commit(&self, path: &str, text: &str) {
        self.repository.write(path, text);
        self.deployed().await;
    }

    pub(super) async fn deployed(&self) {
        self.repository.commit_all("Ann", "ann@example.com", "a change");
        let tip = self.repository.head();
        let is_there = |seen: &ServiceSnapshot| {
            let build = seen.builds.iter().find(|row| row.build.sha == tip);
            build.is_some_and(|row| row.build.in_staging_since.is_some())
        };
        self.until("the commit is in staging", is_there).await;
    }

    async fn problems(&self) -> String {
        let fleet = self.backend().fleet(None, Duration::ZERO).await.unwrap().unwrap();
        fleet.problems.iter().map(|problem| problem.what.clone()).collect::<Vec<_>>().join("\n")
    }
}

fn covering(seen: &ServiceSnapshot, at: DateTime<Utc>) -> Vec<FreezeWindow> {
    seen.calendar.iter().filter(|window| window.covers(at)).cloned().collect()
}

/// A freeze of the whole August.
fn august(id: &str, reason: &str) -> String {
    format!(
        "[[freeze]]\nid = \"{id}\"\nkind = \"window\"\ntz = \"UTC\"\nreason = \"{reason}\"\n\
         start = 2026-08-01\nend = 2026-09-01\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn the_engine_s_own_file_is_read_when_it_changes_and_a_broken_one_leaves_the_last_good_one() {
    let mut desk = Desk::open(None).await;
    desk.until("it is found", |seen| seen.builds_total == 1).await;
    assert_eq!(desk.finding().await.severity, Severity::Info);
    desk.write(&august("a", "the sale"));
    desk.until_frozen_by("the sale").await;
    let finding = desk.finding().await;
    assert_eq!(finding.severity, Severity::Override);
    assert!(finding.sentence.contains("a: the sale"), "{}", finding.sentence);

    desk.write("[[freeze]]\nid = 7\n");
    let mut changes = desk.handle.as_ref().unwrap().changes();
    while !desk.problems().await.contains("freezes.toml:2:6: freeze.id: found a number") {
        tokio::time::timeout(PATIENCE, changes.changed()).await.unwrap().unwrap();
    }
    let problems = desk.problems().await;
    assert!(problems.contains("; ") && !problems.contains('\n'), "one line each: {problems:?}");
    assert_eq!(desk.finding().await.severity, Severity::Override);
    desk.stop().await;
    desk.start().await;
    desk.until_frozen_by("the sale").await;
    assert!(desk.problems().await.contains("freezes.toml:2:6"), "{}", desk.problems().await);

    fs::remove_file(desk.file()).unwrap();
    let mut changes = desk.handle.as_ref().unwrap().changes();
    while !desk.problems().await.contains("is missing") {
        tokio::time::timeout(PATIENCE, changes.changed()).await.unwrap().unwrap();
    }
    assert_eq!(desk.finding().await.severity, Severity::Override);

    desk.write("");
    desk.until("an empty file ends its freezes", |seen| seen.calendar.is_empty()).await;
    assert_eq!(desk.finding().await.severity, Severity::Info);
    assert_eq!(desk.problems().await, "");
    desk.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_never_could_be_read_asks_for_a_reason() {
    let mut desk = Desk::open(Some("default_tz = \"EST\"\n")).await;
    desk.until("it is found", |seen| seen.builds_total == 1).await;
    let finding = desk.finding().await;
    assert_eq!(finding.severity, Severity::Override);
    assert!(
        finding.sentence.contains("\"EST\" is an ambiguous abbreviation"),
        "{}",
        finding.sentence
    );
    desk.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_s_own_file_comes_from_the_tip_of_its_trunk_and_adds_to_the_engine_s() {
    let mut desk = Desk::open(Some(&august("same", "of the engine"))).await;
    desk.until("it is found", |seen| seen.builds_total == 1).await;
    desk.repository.write("freezes.toml", &august("same", "of the service"));
    desk.repository.commit_all("Ann", "ann@example.com", "freeze");
    let seen = desk.until_frozen_by("of the service").await;
    let ids: Vec<_> = seen.calendar.iter().map(|window| window.freeze.as_str()).collect();
    assert_eq!(ids, ["same", "checkout/same"]);
    // The first build has no such file, and is frozen all the same.
    assert!(desk.finding().await.sentence.contains("checkout/same: of the service"));

    desk.repository.write("freezes.toml", "[[freeze]]\nid = 7\n");
    desk.repository.commit_all("Ann", "ann@example.com", "mistake");
    let is_said = |seen: &ServiceSnapshot| {
        seen.problems.iter().any(|problem| problem.what.contains("freezes.toml:2:6"))
    };
    desk.until("the mistake is said", is_said).await;
    desk.until_frozen_by("of the service").await;
    desk.stop().await;
    desk.start().await;
    let seen = desk.until("the mistake is said after a restart", is_said).await;
    assert!(covering(&seen, desk.clock.now()).iter().any(|w| w.freeze == "checkout/same"));

    fs::remove_file(desk.repository.path().join("freezes.toml")).unwrap();
    desk.repository.commit_all("Ann", "ann@example.com", "no freezes");
    let seen = desk.until("only the engine's is left", |seen| seen.calendar.len() == 1).await;
    assert!(seen.problems.is_empty(), "{:?}", seen.problems);
    desk.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_beside_the_file_is_read_when_it_changes() {
    let rule = "[[freeze]]\nid = \"e\"\nkind = \"ics\"\npath = \"e.ics\"\ntz = \"UTC\"\nreason = \"events\"\n";
    let mut desk = Desk::open(Some(rule)).await;
    let missing = desk.until_frozen_by("events").await;
    assert!(missing.calendar[0].why.contains("could not be read"), "{}", missing.calendar[0].why);
    fs::write(desk.folder.path().join("e.ics"), feed("20260901")).unwrap();
    let from = "2026-09-01T00:00:00Z".parse::<DateTime<Utc>>().unwrap();
    let seen = desk.until("the event", |seen| seen.calendar.iter().any(|w| w.from == from)).await;
    assert_eq!(covering(&seen, desk.clock.now()), []);
    desk.stop().await;
}

fn feed(day: &str) -> String {
    format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:1\r\nSUMMARY:Fair\r\n\
         DTSTART;VALUE=DATE:{day}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    )
}

/// A server of one feed: once with it, then that nothing is new, then broken.
async fn serve(asked: Arc<AtomicUsize>, seen: Arc<Mutex<Vec<String>>>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 4096];
            let read = stream.read(&mut request).await.unwrap();
            seen.lock().unwrap().push(String::from_utf8_lossy(&request[..read]).to_lowercase());
            let body = feed("20260901");
            let answer = match asked.fetch_add(1, Ordering::SeqCst) {
                0 => format!(
                    "HTTP/1.1 200 OK\r\nETag: \"one\"\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
                    body.len()
                ),
                1 => "HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n".to_owned(),
                _ => "HTTP/1.1 500 Oh\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".to_owned(),
            };
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_that_is_down_holds_by_its_last_copy_and_then_only_warns() {
    let (asked, requests) = (Arc::default(), Arc::default());
    let port = serve(Arc::clone(&asked), Arc::clone(&requests)).await;
    let rule = format!(
        "[[freeze]]\nid = \"e\"\nkind = \"ics\"\nurl = \"http://127.0.0.1:{port}/secret.ics\"\n\
         tz = \"UTC\"\nmax_age = \"24h\"\nreason = \"events\"\n"
    );
    let mut desk = Desk::open(Some(&rule)).await;
    let from = "2026-09-01T00:00:00Z".parse::<DateTime<Utc>>().unwrap();
    let knows = |seen: &ServiceSnapshot| seen.calendar.iter().any(|w| w.from == from);
    let seen = desk.until("the event", knows).await;
    assert_eq!(covering(&seen, desk.clock.now()), []);

    let ahead = |by| *desk.clock.ahead.lock().unwrap() += by;
    ahead(TimeDelta::hours(23));
    let mut changes = desk.handle.as_ref().unwrap().changes();
    while asked.load(Ordering::SeqCst) < 2 {
        tokio::time::timeout(PATIENCE, changes.changed()).await.unwrap().unwrap();
    }
    // What has not changed is as good as read anew: a day later it is an hour too early to warn.
    ahead(TimeDelta::hours(23));
    let is_down = |seen: &ServiceSnapshot| {
        let said = seen.problems.iter().any(|problem| problem.what.contains("500"));
        said || asked.load(Ordering::SeqCst) > 2
    };
    desk.until("it is down", is_down).await;
    assert_eq!(desk.finding().await.severity, Severity::Info);
    assert!(requests.lock().unwrap()[1].contains("if-none-match: \"one\""));

    ahead(TimeDelta::hours(2));
    let finding = desk.finding().await;
    assert_eq!(finding.severity, Severity::Warn);
    assert!(finding.sentence.contains("last read"), "{}", finding.sentence);
    desk.stop().await;
    desk.start().await;
    let now = desk.clock.now();
    let seen = desk.until("the copy after a restart", knows).await;
    let warns = covering(&seen, now).iter().all(|window| window.policy == FreezeMode::Warn);
    assert!(warns && !covering(&seen, now).is_empty(), "{:?}", seen.calendar);
    let fleet = desk.problems().await;
    assert!(!fleet.contains("secret"), "{fleet}");
    let (backend, name) = (desk.backend(), "checkout".parse().unwrap());
    let stretch = (from, from + TimeDelta::days(1));
    let windows = backend.freezes(&name, Environment::Production, stretch.0, stretch.1).await;
    assert!(windows.unwrap().iter().any(|window| window.from == from));
    desk.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_lost_its_freezes_is_believed_when_two_looks_see_it() {
    let mut desk = Desk::open(Some(&august("a", "the sale"))).await;
    desk.until_frozen_by("the sale").await;
    for (lost, said) in [
        ("", "lost its freeze \"a\""),
        ("version = 1\n", "lost its freeze \"a\""),
        (&august("b", "another"), "lost its freeze \"a\""),
    ] {
        desk.stop().await;
        desk.write(lost);
        // Only the first look comes.
        desk.poll = Duration::from_hours(1);
        desk.start().await;
        desk.until_frozen_by("the sale").await;
        assert_eq!(desk.finding().await.severity, Severity::Override);
        assert!(desk.problems().await.contains(said), "{}", desk.problems().await);
        desk.stop().await;
    }
    desk.poll = Duration::from_millis(20);
    desk.start().await;
    desk.until_frozen_by("another").await;
    desk.write("");
    desk.until("two looks saw it", |seen| seen.calendar.is_empty()).await;
    desk.until_said("the problem is over", str::is_empty).await;
    desk.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_file_that_could_not_be_kept_is_not_replaced_by_an_older_one() {
    let mut desk = Desk::open(Some(&august("a", "the old sale"))).await;
    desk.until_frozen_by("the old sale").await;
    fs::create_dir(desk.kept().join("engine.new")).unwrap();
    desk.write(&format!("{}{}", august("a", "the old sale"), august("b", "the new sale")));
    desk.until_frozen_by("the new sale").await;
    desk.until_said("it is not kept", |said| said.contains("cannot be saved")).await;
    desk.write("[[freeze]]\nid = 7\n");
    desk.until_said("the mistake", |said| said.contains("freezes.toml:2:6")).await;
    desk.until_frozen_by("the new sale").await;
    assert!(desk.finding().await.sentence.contains("b: the new sale"));
    fs::remove_dir(desk.kept().join("engine.new")).unwrap();
    desk.until_said("it is kept", |said| !said.contains("cannot be saved")).await;
    desk.stop().await;
    desk.start().await;
    desk.until_frozen_by("the new sale").await;
    desk.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_stands_in_place_of_a_service_s_file_ends_its_freezes_or_stops_the_trunk() {
    let mut desk = Desk::open(None).await;
    desk.commit("freezes.toml", &august("a", "the sale")).await;
    desk.until_frozen_by("the sale").await;

    desk.commit("freezes.toml", &"#".repeat(2 * 1024 * 1024)).await;
    desk.until_told("freezes.toml: is larger than 256 KiB").await;
    desk.until_frozen_by("the sale").await;

    desk.repository.write("elsewhere.toml", "");
    let file = desk.repository.path().join("freezes.toml");
    fs::remove_file(&file).unwrap();
    std::os::unix::fs::symlink("elsewhere.toml", &file).unwrap();
    desk.deployed().await;
    desk.until_told("freezes.toml: is a link, which is not followed").await;
    desk.until_frozen_by("the sale").await;

    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    desk.commit("freezes.toml/x", "").await;
    desk.until_told("freezes.toml: is a folder").await;
    let seen = desk.until_frozen_by("the sale").await;
    assert_eq!(seen.calendar_problems, ["freezes.toml: is a folder; commit a file in its place"]);
    desk.stop().await;
    desk.start().await;
    desk.until_told("freezes.toml: is a folder").await;
    desk.until_frozen_by("the sale").await;
    desk.stop().await;
}

/// A rule of a feed in the repository.
fn beside(path: &str) -> String {
    format!(
        "[[freeze]]\nid = \"e\"\nkind = \"ics\"\npath = \"{path}\"\ntz = \"UTC\"\nreason = \"events\"\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_in_the_repository_that_cannot_be_read_leaves_the_last_good_one_and_the_trunk_alone()
{
    let mut desk = Desk::open(None).await;
    desk.repository.write("e.ics", &feed("20260812"));
    desk.commit("freezes.toml", &beside("./e.ics")).await;
    desk.until_frozen_by("events").await;
    // All of what follows would be open if the last good one did not hold.
    for (text, said) in [
        ("x".repeat(6 * 1024 * 1024), "is larger than 5120 KiB"),
        ("x".to_owned(), "is not a calendar"),
        (minutely(), "more than 5000 occurrences"),
    ] {
        desk.commit("e.ics", &text).await;
        desk.until_told(said).await;
        let seen = desk.until_frozen_by("events").await;
        assert!(covering(&seen, desk.clock.now()).iter().any(|w| w.why == "checkout/e: Fair"));
    }
    desk.stop().await;
    desk.start().await;
    desk.until_told("more than 5000 occurrences").await;
    let seen = desk.until_frozen_by("events").await;
    assert!(seen.calendar.iter().all(|w| w.why == "checkout/e: Fair"), "{:?}", seen.calendar);
    *desk.clock.ahead.lock().unwrap() += TimeDelta::days(2);
    assert_eq!(desk.finding().await.severity, Severity::Warn, "it grew too old");
    desk.commit("freezes.toml", &beside("./")).await;
    desk.until_told("is not a file name").await;
    desk.commit("e.ics", &feed("20260901")).await;
    desk.commit("freezes.toml", &beside("e.ics")).await;
    let seen = desk.until("it is mended", |seen| seen.problems.is_empty()).await;
    assert_eq!(covering(&seen, desk.clock.now()), []);
    desk.stop().await;
}

/// A feed that is small on any one day and too large over a year.
fn minutely() -> String {
    feed("20260901").replace("END:VEVENT", "RRULE:FREQ=HOURLY;BYDAY=MO,TU,WE,TH,FR\r\nEND:VEVENT")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_of_the_web_that_cannot_be_laid_out_never_takes_the_place_of_a_good_one() {
    let body = Arc::new(Mutex::new(feed("20260812")));
    let (port, asked) = serve_body(body.clone()).await;
    let rule = format!(
        "[[freeze]]\nid = \"e\"\nkind = \"ics\"\nurl = \"http://127.0.0.1:{port}/e.ics\"\n\
         tz = \"UTC\"\nreason = \"events\"\n"
    );
    let mut desk = Desk::open(Some(&rule)).await;
    let is_frozen = |seen: &ServiceSnapshot| seen.calendar.iter().any(|w| w.why == "e: Fair");
    desk.until("the event", is_frozen).await;
    let begun = asked.load(Ordering::SeqCst);
    *body.lock().unwrap() = minutely();
    *desk.clock.ahead.lock().unwrap() += TimeDelta::hours(2);
    desk.until_said("it is refused", |said| said.contains("more than 5000 occurrences")).await;
    assert!(asked.load(Ordering::SeqCst) > begun);
    desk.stop().await;
    desk.start().await;
    let seen = desk.until("the good one after a restart", is_frozen).await;
    assert_eq!(covering(&seen, desk.clock.now()).len(), 1, "{:?}", seen.calendar);
    let copies = || {
        let kept = fs::read_dir(desk.kept()).unwrap().map(|entry| entry.unwrap().file_name());
        kept.filter(|name| name.to_str().unwrap().starts_with("feed-")).count()
    };
    assert_eq!(copies(), 2);
    desk.write("");
    desk.until("no file names it", |seen| seen.calendar.is_empty()).await;
    // The service may be told by a look at its trunk, before the last copy is removed.
    until("its copies are gone", || copies() == 0);
    desk.stop().await;
}

/// A server of one feed, whatever it is now, and how often it was asked.
pub(super) async fn serve_body(body: Arc<Mutex<String>>) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, asked) = (listener.local_addr().unwrap().port(), Arc::new(AtomicUsize::new(0)));
    let asking = asked.clone();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _request = stream.read(&mut vec![0; 4096]).await.unwrap();
            asking.fetch_add(1, Ordering::SeqCst);
            let body = body.lock().unwrap().clone();
            let head = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length:";
            let answer = format!("{head} {}\r\n\r\n{body}", body.len());
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    (port, asked)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_tip_with_the_same_freezes_tells_nobody_that_they_changed() {
    let mut desk = Desk::open(None).await;
    desk.commit("freezes.toml", &beside("gone.ics")).await;
    let told = desk.until_told("is not on the trunk").await;
    let since = |seen: &ServiceSnapshot| seen.problems[0].since;
    *desk.clock.ahead.lock().unwrap() += TimeDelta::minutes(5);
    desk.commit("other", "x").await;
    assert_eq!(since(&desk.until_told("is not on the trunk").await), since(&told));
    desk.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_that_takes_long_keeps_no_command_waiting() {
    let mut desk = Desk::open(None).await;
    let event = "BEGIN:VEVENT\r\nUID:1\r\nDTSTART:20000101T000000Z\r\nDURATION:PT1M\r\n\
        RRULE:FREQ=MINUTELY;COUNT=40000\r\nEND:VEVENT\r\n";
    let text =
        feed("20260812").replace("BEGIN:VEVENT", &format!("{}BEGIN:VEVENT", event.repeat(25)));
    desk.repository.write("e.ics", &text);
    desk.repository.write("freezes.toml", &beside("e.ics"));
    desk.repository.commit_all("Ann", "ann@example.com", "a feed");
    let (begun, mut longest, mut number) = (Instant::now(), Duration::ZERO, 0);
    let (backend, name) = (desk.backend(), "checkout".parse().unwrap());
    let laid_out = async {
        loop {
            let asked = Instant::now();
            let seen = backend.service(&name, None, Duration::ZERO).await;
            // Of a command that never was, the writer itself says so: this waits as long as a rollback would.
            let key = format!("a-key-that-nobody-used-{number}").try_into().unwrap();
            assert_eq!(backend.receipt(&key).await.unwrap(), None);
            longest = longest.max(asked.elapsed());
            number += 1;
            let now = desk.clock.now();
            if seen.is_ok_and(|seen| seen.is_some_and(|seen| !covering(&seen, now).is_empty())) {
                break;
            }
        }
    };
    tokio::time::timeout(PATIENCE, laid_out).await.expect("it is laid out");
    let whole = begun.elapsed();
    eprintln!("laid out after {whole:?}; the longest answer took {longest:?} of {number}");
    // An answer that had to wait for the feed takes nearly all of the time; on a slow machine both take longer.
    assert!(longest < whole / 2, "laid out after {whole:?}, an answer took {longest:?}");
    desk.stop().await;
}

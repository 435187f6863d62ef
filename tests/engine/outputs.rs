//! Observed commands: what they print else than before is on the timeline, and nothing waits for them.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use trunkline::backend::Backend as _;
use trunkline::backend::embedded::Embedded;
use trunkline::domain::caller::Caller;
use trunkline::domain::timeline::{EntryKind, TimelineEntry, TimelinePage, TimelineRange};
use trunkline_testing::engine::{QUICK, World};
use trunkline_testing::home::until;

/// A service with one observed command, which reads a file that anybody may change.
struct Observed {
    world: World,
    file: PathBuf,
}

impl Observed {
    async fn open(run: &str, more: &str) -> Self {
        let file = tempfile::NamedTempFile::new().unwrap().into_temp_path().keep().unwrap();
        let run = run.replace("FILE", &file.display().to_string());
        let observe = format!(
            "[[observe]]\nname = \"prices\"\nrun = {run:?}\nevery = \"1s\"\nkind = \"config\"\nundo = \"put-prices old\"\n{more}"
        );
        let mut world = World::with_file(&format!("{QUICK}\n{observe}"));
        world.exported.insert("PRICE_TOKEN".into(), "a-very-secret-token".into());
        fs::write(&file, "eu=10\nus=12\n").unwrap();
        world.start().await;
        Self { world, file }
    }

    /// Waits until the first output is kept.
    fn await_baseline(&self) {
        let kept = self.world.data().join("observed/checkout/prices.json");
        on_disk("the first output is kept", || kept.exists());
    }

    /// Waits until the timeline tells what is asked for.
    async fn until<T>(&self, what: &str, tells: impl Fn(&TimelinePage) -> Option<T>) -> T {
        let backend = self.world.backend("sam");
        let range = TimelineRange { within: Duration::from_hours(1), before: None, limit: 100 };
        let waiting = async {
            let mut after = None;
            loop {
                let page = backend.timeline(range, after.clone(), Duration::from_secs(1)).await;
                let Some(page) = page.unwrap() else { continue };
                if let Some(told) = tells(&page) {
                    return told;
                }
                after = Some(page.version);
            }
        };
        let told = tokio::time::timeout(Duration::from_mins(1), waiting).await;
        told.unwrap_or_else(|_| panic!("not within a minute: {what}"))
    }

    /// The observed changes, newest first, once there are so many.
    async fn changes(&self, count: usize) -> Vec<TimelineEntry> {
        self.until("so many changes", |page| {
            let all = page.entries.iter().filter(|entry| entry.kind == EntryKind::Config);
            let all: Vec<_> = all.cloned().collect();
            (all.len() >= count).then_some(all)
        })
        .await
    }

    /// Waits until the command cannot be read, or can be again.
    async fn until_unread(&self, is: bool) -> TimelinePage {
        self.until("what is unknown", |page| (page.unread.is_empty() != is).then(|| page.clone()))
            .await
    }
}

/// Waits on the disk while the engine goes on.
fn on_disk(what: &str, is: impl Fn() -> bool) {
    tokio::task::block_in_place(|| until(what, is));
}

impl Drop for Observed {
    fn drop(&mut self) {
        let _gone = fs::remove_file(&self.file);
    }
}

/// Story 6, its second half: somebody copies a file by hand, and a pipeline puts the old one back.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_changed_by_hand_and_put_back_is_on_the_timeline_without_secrets() {
    let more = "[secrets]\nenv = [\"PRICE_TOKEN\"]\n";
    let mut observed = Observed::open("cat FILE; echo token $PRICE_TOKEN", more).await;
    observed.await_baseline();
    assert!(observed.changes(0).await.is_empty(), "the first output is the baseline");
    fs::write(&observed.file, "eu=10\nus=13\na-very-secret-token\n").unwrap();
    let by_hand = observed.changes(1).await.remove(0);
    assert_eq!(by_hand.what, "trunkline saw a change: config prices: us=13");
    assert_eq!(by_hand.diff.as_deref(), Some("-us=12\n+us=13\n+***"));
    assert_eq!(by_hand.undo.as_deref(), Some("put-prices old"));
    fs::write(&observed.file, "eu=10\nus=12\n").unwrap();
    assert_eq!(observed.changes(2).await[0].diff.as_deref(), Some("-us=13\n-***\n+us=12"));
    let kept = observed.world.data().join("observed/checkout/prices.json");
    let kept = || fs::read_to_string(&kept).unwrap_or_default();
    // It is written once the change is in the record.
    on_disk("the last output is kept", || kept().contains("us=12"));
    assert!(!kept().contains("a-very-secret-token"));

    // A restart is no change; what changes after it is one.
    observed.world.stop().await;
    observed.world.start().await;
    fs::write(&observed.file, "eu=11\nus=12\n").unwrap();
    let changes = observed.changes(3).await;
    assert_eq!(changes.len(), 3, "{changes:?}");
    assert_eq!(changes[0].diff.as_deref(), Some("-eu=10\n+eu=11"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_fails_is_unknown_once_and_no_change() {
    let observed = Observed::open("cat FILE", "").await;
    observed.await_baseline();
    let text = fs::read_to_string(&observed.file).unwrap();
    fs::remove_file(&observed.file).unwrap();
    let page = observed.until_unread(true).await;
    assert!(
        page.unread[0].why.contains("not known whether it changed: prices: exit 1"),
        "{page:?}"
    );
    fs::write(&observed.file, text).unwrap();
    observed.until_unread(false).await;
    // Nothing but the next change is one.
    fs::write(&observed.file, "eu=9\n").unwrap();
    assert_eq!(observed.changes(1).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_hangs_is_ended_with_what_it_started_and_nothing_waits_for_it() {
    let observed =
        Observed::open("sleep 600 & echo $! > FILE; sleep 600", "timeout = \"1s\"\n").await;
    on_disk("it has begun", || {
        let written = fs::read_to_string(&observed.file).unwrap_or_default();
        written.trim().parse::<u32>().is_ok()
    });
    // A build goes live meanwhile.
    let build = observed.world.verified("change").await;
    observed.world.live(build).await;
    let page = observed.until_unread(true).await;
    assert!(page.unread[0].why.contains("prices: it takes longer than 1s"), "{page:?}");
    let child = fs::read_to_string(&observed.file).unwrap().trim().to_owned();
    let runs = |process: &str| {
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        stat.rsplit(')').next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with(" Z"))
    };
    on_disk("what it started has ended too", || !runs(&child));
}

#[tokio::test]
async fn a_caller_sees_no_change_of_services_outside_of_their_limit() {
    let (world, build) = World::with_build().await;
    world.live(build).await;
    let seen = async |services: Option<&str>| {
        let mut caller = Caller::in_process("kim");
        caller.rights.services = services.map(|name| [name.parse().unwrap()].into());
        let backend = Embedded::new(world.handle().clone(), caller);
        let range = TimelineRange { within: Duration::from_hours(1), before: None, limit: 100 };
        let page = backend.timeline(range, None, Duration::ZERO).await.unwrap().unwrap();
        page.entries.len()
    };
    assert!(seen(None).await >= 2, "staging and production");
    assert_eq!(seen(Some("checkout")).await, seen(None).await);
    assert_eq!(seen(Some("search")).await, 0);
}

//! What a service itself says that it runs: it counts more than the record, and whoever is about to deploy learns of it.

use std::time::Duration;

use trunkline::domain::command::{Action, Command, Refusal};
use trunkline::domain::ids::{BuildNumber, Environment, Seq};
use trunkline::domain::may_promote::{MayAnswer, MayPromote};
use trunkline::domain::plan::{Finding, Guard, Plan, Severity};
use trunkline::domain::remedy::Remedy;
use trunkline::domain::snapshot::ServiceSnapshot;
use trunkline::domain::snapshot::alarm::Alarm;
use trunkline::engine::RemoteTimes;
use trunkline_testing::engine::{QUICK, World, refusal};
use trunkline_testing::version_page::{VersionAnswer, VersionPage};

const PRODUCTION: Environment = Environment::Production;

/// The times of the product, for an impatient reader.
fn times() -> RemoteTimes {
    let (pace, live) = (Duration::from_millis(20), Duration::from_millis(20));
    RemoteTimes { pace, live, settling: Duration::from_millis(200), ..RemoteTimes::default() }
}

/// A service that answers at its own address which commit production runs.
struct Told {
    world: World,
    page: VersionPage,
}

impl Told {
    /// `more` stands in the setting beside the address, `hosts` is what the operator lists.
    async fn with(more: &str, hosts: &str, times: RemoteTimes) -> Self {
        let page = VersionPage::start(VersionAnswer::Status(503));
        let live = format!(
            "[production]\nlive = {{ url = {:?}, pointer = \"/sha\"{more} }}\n[[production.steps]]",
            page.url()
        );
        let mut world = World::with_file(&QUICK.replacen("[[production.steps]]", &live, 1));
        world.remote_times = times;
        let hosts = hosts.replace("HOST", &page.host());
        world.start_by_file(&format!("poll = \"50ms\"\n[live]\nhosts = [{hosts}]\n")).await;
        Self { world, page }
    }

    async fn open() -> Self {
        Self::with(", settle = \"0s\"", "\"http://HOST\"", times()).await
    }

    /// A build that is live, and that the service says it runs.
    async fn live(&self, change: &str) -> (BuildNumber, String) {
        let build = self.world.verified(change).await;
        // What is still on its way answers nothing.
        self.page.set(VersionAnswer::Status(503));
        self.world.live(build).await;
        let sha = self.world.repository.head().to_string();
        self.page.runs(&sha);
        self.until_live(build).await;
        (build, sha)
    }

    async fn until_live(&self, build: BuildNumber) -> ServiceSnapshot {
        let is_live = |snapshot: &ServiceSnapshot| {
            let is = snapshot.live.get(&PRODUCTION).is_some_and(|live| live.build == build);
            (is && snapshot.alarms.is_empty() && snapshot.problems.is_empty())
                .then(|| snapshot.clone())
        };
        self.world.until(&format!("{build} is live and nothing is wrong"), is_live).await
    }

    async fn alarm(&self, is: impl Fn(&Alarm) -> bool) -> (Alarm, ServiceSnapshot) {
        let find = |snapshot: &ServiceSnapshot| {
            let alarm = snapshot.alarms.iter().find(|alarm| is(alarm))?;
            Some((alarm.clone(), snapshot.clone()))
        };
        self.world.until("there is an alarm", find).await
    }

    /// The problem that it cannot be asked.
    async fn problem(&self, said: &str) -> String {
        let find = |snapshot: &ServiceSnapshot| {
            let all = snapshot.problems.iter().map(|problem| problem.what.clone());
            all.into_iter().find(|what| what.contains(said))
        };
        self.world.until(&format!("it is said: {said}"), find).await
    }

    async fn plan(&self, action: Action) -> Plan {
        self.world.plan("raj", action).await.unwrap()
    }

    async fn sentences(&self) -> Vec<String> {
        let events = self.world.handle().events(None, Seq(0), 1_000).await.unwrap();
        let said = events.iter().filter(|event| event.fact.kind() == "live_said");
        said.map(trunkline::domain::event::Event::sentence).collect()
    }
}

fn of_order(plan: &Plan, words: &str) -> Finding {
    let mut order = plan.findings.iter().filter(|found| found.guard == Guard::Order);
    let found = order.find(|found| found.sentence.contains(words));
    found.unwrap_or_else(|| panic!("nobody says {words:?}: {:#?}", plan.findings)).clone()
}

fn is_drift(alarm: &Alarm) -> bool {
    matches!(alarm, Alarm::Drift { .. })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_service_says_counts_more_than_the_record() {
    let shop = Told::open().await;
    shop.live("zero").await;
    let (first, old) = shop.live("one").await;
    let (second, _) = shop.live("two").await;
    let third = shop.world.verified("three").await;
    let (promote, back) = (Action::Promote { build: third }, Action::Rollback { to: None });
    let confirmed = [shop.plan(promote).await, shop.plan(back).await];
    assert!(confirmed[0].severity() < Severity::Override, "{:?}", confirmed[0].findings);
    // Seven digits are enough.
    shop.page.runs(&old[..7].to_uppercase());
    let (alarm, snapshot) = shop.alarm(is_drift).await;
    let by = format!("the service at {}", shop.page.host());
    let says = format!("production runs {first} ({by} says so); trunkline's record says {second}");
    assert_eq!(alarm.sentence(), says);
    assert_eq!(snapshot.live[&PRODUCTION].build, first);
    let hold = &snapshot.holds[&PRODUCTION];
    let reason = format!("production runs {first}; trunkline's record says {second}");
    assert_eq!((hold.by.to_string(), &hold.reason), (by.clone(), &reason), "it went back");
    for plan in confirmed {
        let changed = refusal(shop.world.execute("raj", &plan).await);
        let Refusal::Changed { changes, .. } = &changed else { panic!("{changed:?}") };
        let said = format!("production changed: {first} is live; {by} said that production runs");
        assert!(changes.iter().any(|change| change.starts_with(&said)), "{changes:?}");
    }
    let plan = shop.plan(promote).await;
    let found = of_order(&plan, "record says");
    assert_eq!(found.severity, Severity::Override);
    assert_eq!(found.remedy, Some(Remedy::Adopt { commit: Some(old[..7].to_owned()) }));
    assert_eq!(plan.range.commits.len(), 2, "all that comes after what really runs");
    let seen = Command::Adopt { commit: old.clone(), reason: "sam did it by hand".into() };
    shop.world.command("raj", seen).await.unwrap();
    shop.until_live(first).await;
    let plan = shop.plan(promote).await;
    let order = plan.findings.iter().filter(|found| found.guard == Guard::Order);
    assert!(order.clone().all(|found| found.severity < Severity::Override), "a person saw it");
    let said: Vec<_> = shop.sentences().await;
    assert_eq!(said.len(), 4, "one for each change: {said:?}");
    assert!(said[3].starts_with(&format!("{by} says that production runs {first} ")), "{said:?}");
    assert!(shop.page.questions().iter().all(|asked| !asked.has_token));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_is_asked_once_more_before_a_press() {
    // No answer is young enough for the press after it.
    let pace = Duration::from_millis(1);
    let calm = RemoteTimes { live: Duration::from_hours(1), pace, ..times() };
    let shop = Told::with(", settle = \"0s\"", "\"http://HOST\"", calm).await;
    shop.page.until_asked(1).await;
    let first = shop.world.verified("one").await;
    let old = shop.world.repository.head().to_string();
    shop.world.live(first).await;
    shop.page.runs(&old);
    let second = shop.world.verified("two").await;
    let new = shop.world.repository.head().to_string();
    let plan = shop.plan(Action::Promote { build: second }).await;
    // Somebody else was faster, and nobody asked since.
    shop.page.runs(&new);
    let changed = refusal(shop.world.execute("raj", &plan).await);
    assert!(matches!(changed, Refusal::Changed { .. }), "{changed:?}");
    assert_eq!(shop.world.live_now(), Some(second));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_does_not_answer_keeps_nobody_from_a_press() {
    let shop = Told::open().await;
    let (first, _) = shop.live("one").await;
    let second = shop.world.verified("two").await;
    shop.page.set(VersionAnswer::Nothing);
    let what = shop.problem("it does not answer in time").await;
    assert!(what.contains("; its last answer is of "), "{what}");
    let snapshot = shop.world.until("a snapshot", |s| Some(s.clone())).await;
    let may = MayPromote::of(&snapshot);
    assert_eq!(may.may, MayAnswer::Unknown, "other pipelines wait: {may:?}");
    let plan = shop.plan(Action::Promote { build: second }).await;
    let found = of_order(&plan, "What production runs now is not known");
    assert_eq!(found.severity, Severity::Warn);
    shop.world.live(second).await;
    let back = shop.world.rollback().await;
    assert_eq!(shop.world.ended(back).await.request.build, first);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_none_is_told_and_believed_in_nothing() {
    let shop = Told::open().await;
    let (first, sha) = shop.live("one").await;
    let other = VersionPage::start(VersionAnswer::Commits(vec![sha.clone()]));
    for (answer, said) in [
        (VersionAnswer::Status(500), "it answers 500"),
        (VersionAnswer::Text("<html>".into()), "its answer is no JSON"),
        (VersionAnswer::Text("{\"commit\":1}".into()), "its answer has nothing at /sha"),
        (VersionAnswer::Text("{\"sha\":\"#1288\"}".into()), "and no commit of 7 to 40 hex digits"),
        (VersionAnswer::Huge(100_000), "its answer is larger than 64 KiB"),
        (VersionAnswer::SentOn(other.url()), "it sends on to another address"),
        (VersionAnswer::SentOn("/version".into()), "it sends on to another address"),
    ] {
        shop.page.set(answer);
        let what = shop.problem(said).await;
        assert!(
            what.starts_with(&format!("{} does not say what production runs", shop.page.host()))
        );
        assert_eq!(shop.world.live_now(), Some(first));
    }
    assert!(other.questions().is_empty(), "nobody else is asked");
    shop.page.runs(&sha);
    shop.until_live(first).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_answer_right_after_a_deployment_says_nothing() {
    let shop = Told::with(", settle = \"1h\"", "\"http://HOST\"", times()).await;
    let (first, _) = shop.live("one").await;
    let second = shop.world.verified("two").await;
    shop.world.live(second).await;
    shop.page.until_asked(5).await;
    let snapshot = shop.until_live(second).await;
    assert!(snapshot.holds.is_empty(), "{first} is answered for a while");
    shop.page.runs(shop.world.repository.head().as_str());
    shop.page.until_asked(5).await;
    let said = shop.sentences().await;
    assert!(said.last().unwrap().contains(&format!("runs {second}")), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_flap_say_that_nobody_knows_what_runs() {
    let shop = Told::open().await;
    let (first, old) = shop.live("one").await;
    let (second, new) = shop.live("two").await;
    let third = shop.world.verified("three").await;
    shop.page.set(VersionAnswer::Commits(vec![old.clone(), new.clone()]));
    let is_unknown = |alarm: &Alarm| matches!(alarm, Alarm::InDoubt { unknown: Some(_), .. });
    let (alarm, _) = shop.alarm(is_unknown).await;
    let mut both = [&old[..7], &new[..7]];
    both.sort_unstable();
    let [a, b] = both;
    let says = format!("because its answers flap between {a} and {b}");
    assert!(alarm.sentence().ends_with(&says), "{}", alarm.sentence());
    let plan = shop.plan(Action::Promote { build: third }).await;
    assert_eq!(of_order(&plan, "is not known").severity, Severity::Override);
    let back = shop.plan(Action::Rollback { to: None }).await;
    assert!(back.severity() < Severity::Override, "{:?}", back.findings);
    shop.page.until_asked(20).await;
    assert!(shop.sentences().await.len() <= 6, "{:?}", shop.sentences().await);
    shop.page.runs(&new);
    let snapshot = shop.until_live(second).await;
    assert!(snapshot.live[&PRODUCTION].build > first);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_is_no_build_makes_live_unknown() {
    let shop = Told::open().await;
    let (first, _) = shop.live("one").await;
    shop.page.runs("3f2a9c1d3f2a9c1d3f2a9c1d3f2a9c1d3f2a9c1d");
    let (alarm, _) = shop.alarm(|alarm| matches!(alarm, Alarm::InDoubt { .. })).await;
    let says = format!(
        "what production runs is not known: the service at {} says that it runs 3f2a9c1, which is no build that trunkline knows",
        shop.page.host()
    );
    assert_eq!(alarm.sentence(), says);
    let back = shop.plan(Action::Rollback { to: None }).await;
    assert_eq!(back.target.build, first, "what is known to have run");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_the_operator_does_not_list_is_not_asked() {
    let shop = Told::with("", "\"shop.example\", \"HOST\"", times()).await;
    let host = shop.page.host();
    let what = shop.problem("does not let services be asked there").await;
    assert!(what.contains(&format!("add \"http://{host}\" to hosts of [live]")), "{what}");
    let build = shop.world.verified("one").await;
    shop.world.live(build).await;
    assert!(shop.page.questions().is_empty());
}

//! What runs on three hosts, by their own word: a deployment or a rollback that leaves one behind, a host that somebody changed, one
//! that does not answer, and a release that dies midway.

use std::time::Duration;

use trunkline::domain::command::{Action, Refusal};
use trunkline::domain::deployment::Deployment;
use trunkline::domain::event::Event;
use trunkline::domain::ids::{BuildNumber, DeploymentId, Environment, Seq};
use trunkline::domain::plan::{Plan, Severity};
use trunkline::domain::snapshot::ServiceSnapshot;
use trunkline::domain::snapshot::alarm::Alarm;
use trunkline::domain::target::in_words;
use trunkline::engine::RemoteTimes;
use trunkline_testing::engine::{QUICK, World, refusal};
use trunkline_testing::hosts::{COPY, Hosts, WHICH};

const PRODUCTION: Environment = Environment::Production;
const BACK: Action = Action::Rollback { to: None };

/// The times of the product, for an impatient reader.
fn times() -> RemoteTimes {
    let (pace, live) = (Duration::from_millis(20), Duration::from_millis(20));
    RemoteTimes { pace, live, settling: Duration::from_millis(200), ..RemoteTimes::default() }
}

/// How it is asked what runs.
#[derive(Clone, Copy)]
enum Asked {
    Addresses,
    /// With more keys beside it.
    Command(&'static str),
}

struct Fleet {
    world: World,
    hosts: Hosts,
}

impl Fleet {
    async fn with(asked: Asked, times: RemoteTimes) -> Self {
        Self::of_scripts(asked, times, &[("release", COPY), ("which.sh", WHICH)]).await
    }

    async fn of_scripts(asked: Asked, times: RemoteTimes, scripts: &[(&str, &str)]) -> Self {
        let hosts = Hosts::start();
        let how = match asked {
            Asked::Command(more) => format!("run = \"./which.sh\"\nsettle = \"0s\"\n{more}\n"),
            Asked::Addresses => {
                let of = |(name, address)| {
                    format!("{name} = {{ url = \"http://{address}/version\", pointer = \"/sha\" }}")
                };
                let all: Vec<_> = hosts.all().map(of).collect();
                format!("targets = {{ {} }}\nsettle = \"0s\"\n", all.join(", "))
            }
        };
        let start = QUICK.find("[[production.steps]]").expect("it has production");
        let file = format!(
            "{}[env]\npass = [\"HOSTS\"]\n[production.live]\n{how}\
             [[production.steps]]\nname = \"release\"\nrun = \"./release\"\n\
             [[rollback.steps]]\nname = \"release\"\nrun = \"./release\"\n",
            &QUICK[..start]
        );
        let mut world = World::with_file(&file);
        for (name, text) in scripts {
            world.repository.write_script(name, text);
        }
        world.repository.commit_all("Ann", "ann@example.com", "scripts");
        world.exported.insert("HOSTS".into(), hosts.path().display().to_string());
        world.remote_times = times;
        let listed: Vec<_> = hosts.all().map(|(_, at)| format!("\"http://{at}\"")).collect();
        let listed = listed.join(", ");
        world.start_by_file(&format!("poll = \"50ms\"\n[live]\nhosts = [{listed}]\n")).await;
        Self { world, hosts }
    }

    async fn open(asked: Asked) -> Self {
        Self::with(asked, times()).await
    }

    /// A build that is live on all hosts, as they say, with its commit.
    async fn live(&self, change: &str) -> (BuildNumber, String) {
        let build = self.world.verified(change).await;
        let sha = self.world.repository.head().to_string();
        let id = self.world.live(build).await;
        assert_eq!(self.effect(id).await, "took effect on 3 of 3");
        self.until_whole(build).await;
        (build, sha)
    }

    async fn until_whole(&self, build: BuildNumber) -> ServiceSnapshot {
        let is = |snapshot: &ServiceSnapshot| {
            let live = snapshot.live.get(&PRODUCTION).is_some_and(|live| live.build == build);
            let is_whole = snapshot.heard.get(&PRODUCTION) == Some(&3);
            (live && is_whole && snapshot.alarms.is_empty() && snapshot.problems.is_empty())
                .then(|| snapshot.clone())
        };
        self.world.until(&format!("all hosts say that they run {build}"), is).await
    }

    /// What a deployment brought about, once that is heard.
    async fn effect(&self, id: DeploymentId) -> String {
        let words = |deployment: &Deployment| {
            Some(deployment.effect.as_ref()?.in_words(deployment.request.build))
        };
        let find = |snapshot: &ServiceSnapshot| {
            let mut rows = snapshot.deployments.iter();
            words(&rows.find(|row| row.deployment.id == id)?.deployment)
        };
        self.world.until(&format!("it is heard what {id} brought about"), find).await
    }

    async fn alarm(&self, words: &str) -> (String, ServiceSnapshot) {
        let find = |snapshot: &ServiceSnapshot| {
            let mut all = snapshot.alarms.iter().map(Alarm::sentence);
            Some((all.find(|said| said.contains(words))?, snapshot.clone()))
        };
        self.world.until(&format!("there is an alarm: {words}"), find).await
    }

    async fn problem(&self, words: &str) -> String {
        let find = |snapshot: &ServiceSnapshot| {
            let mut all = snapshot.problems.iter().map(|problem| problem.what.clone());
            all.find(|what| what.contains(words))
        };
        self.world.until(&format!("there is a problem: {words}"), find).await
    }

    async fn plan(&self, action: Action) -> Plan {
        self.world.plan("raj", action).await.unwrap()
    }

    /// A plan that says this, once its question was not asked a moment ago.
    async fn plan_that_says(&self, action: Action, words: &str) -> Plan {
        let asking = async {
            loop {
                let plan = self.plan(action).await;
                if plan.findings.iter().any(|found| found.sentence.contains(words)) {
                    return plan;
                }
            }
        };
        let told = tokio::time::timeout(Duration::from_mins(1), asking).await;
        told.unwrap_or_else(|_| panic!("no plan says {words:?}"))
    }

    async fn sentences(&self) -> Vec<String> {
        let events = self.world.handle().events(None, Seq(0), 1_000).await.unwrap();
        let said = events.iter().filter(|event| event.fact.kind() == "targets_said");
        said.map(Event::sentence).collect()
    }
}

fn says(plan: &Plan, words: &str) -> Severity {
    let found = plan.findings.iter().find(|found| found.sentence.contains(words));
    found.unwrap_or_else(|| panic!("nobody says {words:?}: {:#?}", plan.findings)).severity
}

/// Story 3: the rollback leaves one host behind and ends with 0.
async fn two_of_three(asked: Asked) {
    let fleet = Fleet::open(asked).await;
    let (first, old) = fleet.live("one").await;
    let (second, new) = fleet.live("two").await;
    let third = fleet.world.verified("three").await;
    fleet.hosts.mark("h3", "skip");
    let back = fleet.world.rollback().await;
    let partly = format!("partly: 2 of 3, h3 runs {second}");
    assert_eq!(fleet.effect(back).await, partly);
    let (alarm, snapshot) = fleet.alarm("ended partly").await;
    let said = format!("production is in doubt: rollback of {first} ended {partly}");
    assert_eq!(alarm, said);
    assert_eq!(snapshot.unsettled, Some(back), "on every screen");
    assert_eq!(in_words(&snapshot.targets[&PRODUCTION]), format!("h1 h2 {first}, h3 {second}"));
    assert_eq!(snapshot.rollback.unwrap().to, first, "the same build again");
    let plan = fleet.plan(Action::Promote { build: third }).await;
    says(&plan, &format!("Targets of production differ: h1 h2 {first}, h3 {second}"));
    let again = fleet.plan(BACK).await;
    assert_eq!((again.target.build, again.leaves), (first, Some(second)));
    fleet.hosts.unmark("h3", "skip");
    let again = fleet.world.rollback().await;
    assert_eq!(fleet.effect(again).await, "took effect on 3 of 3");
    fleet.until_whole(first).await;
    assert_eq!(
        ["h1", "h2", "h3"].map(|host| fleet.hosts.runs(host)),
        [&old, &old, &old].map(Clone::clone)
    );
    assert_ne!(old, new);
    let plan = fleet.plan(Action::Promote { build: third }).await;
    says(&plan, &format!("{first} runs on 3 of 3 targets, by their own word"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_that_reaches_two_of_three_hosts_leaves_production_in_doubt() {
    two_of_three(Asked::Addresses).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_tells_that_a_rollback_reached_two_of_three_hosts() {
    two_of_three(Asked::Command("")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promote_that_reaches_two_of_three_hosts_and_one_changed_by_hand() {
    let fleet = Fleet::open(Asked::Addresses).await;
    let (first, old) = fleet.live("one").await;
    let second = fleet.world.verified("two").await;
    let new = fleet.world.repository.head().to_string();
    fleet.hosts.mark("h3", "skip");
    let promote = fleet.world.live(second).await;
    assert_eq!(fleet.effect(promote).await, format!("partly: 2 of 3, h3 runs {first}"));
    assert_eq!(fleet.plan(BACK).await.target.build, first);
    // Somebody copies it by hand.
    fleet.hosts.put("h3", &new);
    fleet.until_whole(second).await;
    let third = fleet.world.verified("three").await;
    let confirmed = [fleet.plan(Action::Promote { build: third }).await, fleet.plan(BACK).await];
    fleet.hosts.put("h1", &old);
    let by_hand = format!("h1 runs {first} since ");
    let (alarm, _) = fleet.alarm(&by_hand).await;
    assert!(alarm.ends_with(", which nobody deployed"), "{alarm}");
    for plan in confirmed {
        let changed = refusal(fleet.world.execute("raj", &plan).await);
        let Refusal::Changed { changes, plan } = &changed else { panic!("{changed:?}") };
        assert!(changes[0].starts_with(&format!("production changed: {by_hand}")), "{changes:?}");
        says(plan, &by_hand);
    }
    let plan = fleet.plan(Action::Promote { build: third }).await;
    assert_eq!(says(&plan, &by_hand), Severity::Override);
    fleet.hosts.put("h1", &new);
    fleet.until_whole(second).await;
    let said = fleet.sentences().await;
    let last = said.last().unwrap();
    assert!(last.ends_with(&format!("of production: h1 h2 h3 run {second}")), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_does_not_answer_is_unknown_and_never_fine() {
    let fleet = Fleet::open(Asked::Command("")).await;
    let (first, _) = fleet.live("one").await;
    fleet.hosts.mark("h2", "down");
    let what = fleet.problem("it is not known what production runs at h2").await;
    assert!(what.ends_with("h2 (it is not named any more)"), "{what}");
    let second = fleet.world.verified("two").await;
    let plan = fleet.plan(Action::Promote { build: second }).await;
    assert_eq!(
        says(&plan, "What production runs now is not known: it is not known"),
        Severity::Warn
    );
    let events = fleet.sentences().await.len();
    let promote = fleet.world.live(second).await;
    assert_eq!(fleet.effect(promote).await, "partly: 2 of 3, h2 not known");
    assert_eq!(fleet.sentences().await.len(), events + 1, "silence is no event of its own");
    let (_, snapshot) = fleet.alarm("ended partly: 2 of 3, h2 not known").await;
    assert_eq!(snapshot.unsettled, Some(promote));
    assert_eq!(fleet.plan(BACK).await.target.build, first);
    // A host that is gone for good is in doubt for one deployment.
    let third = fleet.world.verified("three").await;
    let promote = fleet.world.live(third).await;
    assert_eq!(fleet.effect(promote).await, "took effect on 2 of 2");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_does_not_answer_after_a_deployment_leaves_it_in_doubt() {
    let fleet = Fleet::open(Asked::Addresses).await;
    fleet.live("one").await;
    let second = fleet.world.verified("two").await;
    fleet.hosts.mark("h2", "down");
    fleet.problem("h2 (it does not answer in time)").await;
    let promote = fleet.world.live(second).await;
    assert_eq!(fleet.effect(promote).await, "partly: 2 of 3, h2 not known");
    let (_, snapshot) = fleet.alarm("ended partly: 2 of 3, h2 not known").await;
    assert_eq!(snapshot.heard.get(&PRODUCTION), None);
    fleet.hosts.unmark("h2", "down");
    fleet.until_whole(second).await;
    assert_eq!(fleet.effect(promote).await, "took effect on 3 of 3", "it was there all the time");
}

/// Story 9: the release dies on the second host.
#[tokio::test(flavor = "multi_thread")]
async fn a_release_that_dies_midway_is_put_back_everywhere_and_not_one_too_far() {
    let fleet = Fleet::open(Asked::Command("")).await;
    fleet.live("zero").await;
    let (first, old) = fleet.live("one").await;
    let second = fleet.world.verified("two").await;
    fleet.hosts.mark("h2", "dies");
    let promote = Box::pin(fleet.world.promote(second)).await;
    fleet.world.ended(promote).await;
    assert_eq!(fleet.effect(promote).await, format!("partly: 1 of 3, h2 h3 run {first}"));
    let (alarm, snapshot) = fleet.alarm("production differs by target").await;
    let standing = format!("h1 {second}, h2 h3 {first}");
    assert!(alarm.contains(&standing) && alarm.contains("failed at step release"), "{alarm}");
    assert_eq!(snapshot.rollback.unwrap().to, first, "what ran before, not one further back");
    fleet.hosts.unmark("h2", "dies");
    let back = fleet.world.rollback().await;
    assert_eq!(fleet.world.ended(back).await.request.build, first);
    assert_eq!(fleet.effect(back).await, "took effect on 3 of 3");
    fleet.until_whole(first).await;
    assert_eq!(
        ["h1", "h2", "h3"].map(|host| fleet.hosts.runs(host)),
        [old.clone(), old.clone(), old]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_plan_asks_freshly_and_waits_for_no_command_that_hangs() {
    let gate = "#!/bin/sh\n[ -e \"$HOSTS/hangs\" ] && { sleep 600 & wait; }\n";
    let which = WHICH.replacen("#!/bin/sh\n", gate, 1);
    let calm = RemoteTimes { live: Duration::from_hours(1), ..times() };
    let scripts = [("release", COPY), ("which.sh", which.as_str())];
    let fleet = Fleet::of_scripts(Asked::Command("timeout = \"1m\""), calm, &scripts).await;
    let (first, old) = fleet.live("one").await;
    let (second, new) = fleet.live("two").await;
    let third = fleet.world.verified("three").await;
    // Nobody asks for an hour, but a plan does.
    let promote = Action::Promote { build: third };
    fleet.hosts.put("h1", &old);
    fleet.plan_that_says(promote, &format!("h1 runs {first} since ")).await;
    fleet.hosts.put("h1", &new);
    let whole = format!("{second} runs on 3 of 3 targets, by their own word");
    fleet.plan_that_says(promote, &whole).await;
    std::fs::write(fleet.hosts.path().join("hangs"), "").unwrap();
    let silent =
        "the command ./which.sh has not said yet what production runs now; its last answer";
    let plan = fleet.plan_that_says(promote, silent).await;
    assert!(!plan.findings.iter().any(|found| found.sentence.contains("by their own word")));
    // The last answer is younger than the next one would be: nobody else is told.
    fleet.until_whole(second).await;
    // It hangs for a minute, and both go through.
    fleet.world.live(third).await;
    let back = fleet.world.rollback().await;
    assert_eq!(fleet.world.ended(back).await.request.build, second);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_goes_wrong_is_told_without_its_secrets_and_believed_in_nothing() {
    let which = "#!/bin/sh\nif [ -e \"$HOSTS/fails\" ]; then echo \"denied for $TOKEN\" >&2; exit 3; fi\n\
                 if [ -e \"$HOSTS/leaks\" ]; then echo \"$TOKEN 1234567\"; exit; fi\n";
    let which = format!("{which}{}", WHICH.trim_start_matches("#!/bin/sh\n"));
    let scripts = [("release", COPY), ("which.sh", which.as_str())];
    let mut fleet = Fleet::of_scripts(Asked::Command(""), times(), &scripts).await;
    let file = fleet.world.repository.path().join("trunkline.toml");
    let text = std::fs::read_to_string(file).unwrap();
    let text =
        text.replacen("[production.live]", "[secrets]\nenv = [\"TOKEN\"]\n[production.live]", 1);
    fleet.world.repository.write("trunkline.toml", &text);
    fleet.world.stop().await;
    fleet.world.exported.insert("TOKEN".into(), "s3cr3t-0f-the-h0use".into());
    fleet.world.start_by_file_as_it_is().await;
    let (first, _) = fleet.live("one").await;
    std::fs::write(fleet.hosts.path().join("fails"), "").unwrap();
    let what = fleet.problem("it exits 3").await;
    assert!(what.contains("it exits 3: \"denied for ***\""), "{what}");
    std::fs::remove_file(fleet.hosts.path().join("fails")).unwrap();
    std::fs::write(fleet.hosts.path().join("leaks"), "").unwrap();
    let what = fleet.problem("does not begin with a target's name").await;
    assert!(what.contains("its line \"*** 1234567\""), "{what}");
    assert_eq!(fleet.world.live_now(), Some(first));
    let events = fleet.world.handle().events(None, Seq(0), 1_000).await.unwrap();
    assert!(!format!("{events:?}").contains("s3cr3t"), "no event has it");
}

#[test]
fn hosts_are_asked_every_thirty_seconds() {
    assert_eq!(RemoteTimes::default().live, Duration::from_secs(30));
}

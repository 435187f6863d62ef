//! The engine over real git, real processes and a real disk.

use std::time::Duration;

use trunkline::domain::build::BuildState;
use trunkline::domain::caller::Caller;
use trunkline::domain::command::{Action, Command, Refusal};
use trunkline::domain::deployment::{DeploymentState, StepState};
use trunkline::domain::event::{Outcome, StepOutcome};
use trunkline::domain::ids::{BuildNumber, DeploymentId, Environment, IdempotencyKey, Seq};
use trunkline::domain::plan::{Guard, Severity};
use trunkline::engine::runner::local::run::RunFolder;
use trunkline_testing::engine::{QUICK, World, refusal};

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_reaches_staging_and_its_step_verifies_it() {
    let mut world = World::open(QUICK).await;
    let first = world
        .until_build("the first build is verified", |row| !row.build.verifications.is_empty())
        .await;
    assert_eq!(first.build.number, BuildNumber(1));
    let second = world.verified("a change").await;
    assert_eq!(second, BuildNumber(2));
    let staging =
        world.until("staging has it", |s| s.live.get(&Environment::Staging).cloned()).await;
    assert_eq!(staging.build, second);
    assert_eq!(world.log(staging.deployment, 0).await, ["staging 2"]);
    world.stop().await;
}

/// A git that answers nothing: it waits in every mirror for somebody to write its head.
struct Silence {
    head: std::path::PathBuf,
    kept: std::path::PathBuf,
}

impl Silence {
    fn falls(world: &World) -> Self {
        let mut mirrors = std::fs::read_dir(world.data().join("mirrors")).unwrap();
        let head = mirrors.next().unwrap().unwrap().path().join("HEAD");
        let kept = world.folder().join("head");
        std::fs::rename(&head, &kept).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(&head).status().unwrap().success());
        Self { head, kept }
    }

    fn ends(self) {
        use std::os::unix::fs::OpenOptionsExt as _;
        let aside = self.kept.with_file_name("silence");
        std::fs::rename(&self.head, &aside).unwrap();
        std::fs::rename(&self.kept, &self.head).unwrap();
        // Who waits is let go; nobody may.
        let nonblock = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap();
        let _nobody = std::fs::OpenOptions::new().write(true).custom_flags(nonblock).open(aside);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_starts_while_git_hangs_rolls_back_and_promotes_only_by_known_rules() {
    let (mut world, good, bad) = World::with_two_live().await;
    world.stop().await;
    let silence = Silence::falls(&world);
    let starts = tokio::time::timeout(Duration::from_mins(1), world.start());
    starts.await.expect("it listens while git hangs");
    let promote = world.plan("raj", Action::Promote { build: bad }).await;
    let why = format!("{promote:?}");
    assert!(promote.is_err() && why.contains("its rules are unknown"), "{why}");
    let rollback = world.rollback().await;
    assert_eq!(world.ended(rollback).await.state(), DeploymentState::Succeeded);
    assert_eq!(world.live_now(), Some(good));
    silence.ends();
    let known = |s: &trunkline::domain::snapshot::ServiceSnapshot| {
        (s.policy.soak == Duration::ZERO).then_some(())
    };
    world.until("the rules are read once git answers", known).await;
    let plan = world.plan("raj", Action::Promote { build: bad }).await.unwrap();
    assert_eq!(plan.target.build, bad);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_withdrawn_by_nobody_but_who_asked() {
    let (mut world, build) = World::with_build().await;
    let plan = world.plan("raj", Action::Promote { build }).await.unwrap();
    let fingerprint = plan.fingerprint.clone();
    let ask = Command::Ask { build, fingerprint, note: String::new() };
    let request = world.command("raj", ask).await.unwrap().seq;
    let withdraw = || Command::Withdraw { request, reason: String::new() };
    let Refusal::Policy { sentence, .. } = refusal(world.command("ann", withdraw()).await) else {
        panic!("not refused by policy");
    };
    assert!(sentence.contains("belongs to raj"), "{sentence}");
    world.command("raj", withdraw()).await.unwrap();
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_ends_only_the_hold_that_was_looked_at() {
    let mut world = World::open(QUICK).await;
    world.until_build("the service is there", |row| row.build.number == BuildNumber(1)).await;
    let environment = Environment::Production;
    let hold = || Command::Hold { environment, reason: "errors".into() };
    let release = |hold| Command::Release {
        environment,
        reason: "fine".into(),
        bad: None,
        hold,
        leave_open: Vec::new(),
    };
    let first = world.command("raj", hold()).await.unwrap().seq;
    world.command("raj", release(Some(first))).await.unwrap();
    let second = world.command("raj", hold()).await.unwrap().seq;
    let Refusal::Moved { sentence } = refusal(world.command("ann", release(Some(first))).await)
    else {
        panic!("the hold of somebody else was released");
    };
    assert!(
        sentence.contains("the hold on production has changed") && sentence.contains("raj"),
        "{sentence}"
    );
    world.command("ann", release(Some(second))).await.unwrap();
    world.command("raj", hold()).await.unwrap();
    let unbound = r#"{"command":"release","environment":"production","reason":"fine"}"#;
    let unbound: Command = serde_json::from_str(unbound).unwrap();
    assert_eq!(unbound, release(None));
    world.command("ann", unbound).await.unwrap();
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_promote_ships_everything_that_was_seen() {
    let mut world = World::open(QUICK).await;
    world
        .until_build("the first build is verified", |row| !row.build.verifications.is_empty())
        .await;
    let second = world.verified("a change").await;
    let plan = world.plan("raj", Action::Promote { build: second }).await.unwrap();
    let subjects: Vec<_> = plan.range.commits.iter().map(|c| c.subject.as_str()).collect();
    assert_eq!(subjects, ["a change", "begin"]);
    assert_eq!(plan.range.files(), 3, "{:#?}", plan.range);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn builds_that_were_overtaken_say_so() {
    let mut world = World::open(QUICK).await;
    world.until_build("the first is verified", |row| !row.build.verifications.is_empty()).await;
    world.stop().await;
    for change in ["two", "three", "four"] {
        world.repository.commit(change);
    }
    world.start().await;
    let newest = |row: &trunkline::domain::snapshot::BuildRow| {
        row.build.number == BuildNumber(4) && row.state == BuildState::Verified
    };
    world.until_build("the newest is verified", newest).await;
    let snapshot = world.handle().service(&world.service, &Caller::in_process("raj")).unwrap();
    let states: Vec<_> =
        snapshot.builds.iter().map(|row| (row.build.number.0, row.state)).collect();
    assert_eq!(
        states,
        [
            (4, BuildState::Verified),
            (3, BuildState::Superseded),
            (2, BuildState::Superseded),
            (1, BuildState::Verified)
        ]
    );
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promote_runs_the_pipeline_of_its_commit_and_its_log_is_whole() {
    let (mut world, build) = World::with_build().await;
    let id = world.live(build).await;
    let mut expected: Vec<_> = (1..=20).map(|line| format!("line {line} of 20")).collect();
    expected.push("released".into());
    assert_eq!(world.log(id, 0).await, expected);
    assert_eq!(world.ran(), [format!("ran {} promote", build.0)]);
    assert_eq!(world.live_now(), Some(build));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_goes_and_comes_back_finds_the_true_outcome_and_runs_nothing_twice() {
    let (mut world, id) = World::with_running_promote().await;
    world.stop().await;
    world.start().await;
    world.running(id).await;
    world.stop().await;
    // The step ends while nobody watches.
    world.open_gate();
    world.start().await;
    assert_eq!(world.ended(id).await.state(), DeploymentState::Succeeded);
    assert_eq!(world.ran().len(), 1, "it ran once: {:?}", world.ran());
    let log = world.log(id, 0).await;
    assert_eq!((log.len(), log.last().map(String::as_str)), (21, Some("released")));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emergency_cancels_the_running_promote_and_goes_back_as_one_intent() {
    let (mut world, good) = World::with_build().await;
    world.live(good).await;
    let bad = world.verified("bad").await;
    let promote = world.promote_and_hold(bad).await;
    let rollback = world.rollback().await;
    // The intent is durable from here on: the engine goes away before anything was cancelled for sure.
    world.stop().await;
    world.start().await;
    assert_eq!(world.ended(promote).await.state(), DeploymentState::Cancelled);
    assert_eq!(world.ended(rollback).await.state(), DeploymentState::Succeeded);
    assert_eq!(world.log(rollback, 0).await, [format!("back to {}", good.0)]);
    let snapshot = world.handle().service(&world.service, &Caller::in_process("raj")).unwrap();
    let hold = snapshot.holds.get(&Environment::Production).expect("production is on hold");
    assert_eq!(hold.rollback, Some(rollback));
    assert_eq!(hold.reason, format!("rolled back from {bad} to {good}"));
    assert_eq!(world.live_now(), Some(good));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_needs_no_repository() {
    let (mut world, _, _) = World::with_two_live().await;
    let away = world.folder().join("away");
    std::fs::rename(world.repository.path(), &away).unwrap();
    let rollback = world.rollback().await;
    assert_eq!(world.ended(rollback).await.state(), DeploymentState::Succeeded);
    let problem = world.until("the lost repository is said", |s| s.problems.first().cloned()).await;
    assert!(!problem.remedy.is_empty());
    std::fs::rename(away, world.repository.path()).unwrap();
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_needs_no_mirror_either() {
    let (mut world, good, _) = World::with_two_live().await;
    world.stop().await;
    let away = world.folder().join("away");
    std::fs::rename(world.repository.path(), &away).unwrap();
    std::fs::remove_dir_all(world.data().join("mirrors")).unwrap();
    world.start().await;
    let rollback = world.rollback().await;
    assert_eq!(world.ended(rollback).await.state(), DeploymentState::Succeeded);
    assert_eq!(world.live_now(), Some(good));
    std::fs::rename(away, world.repository.path()).unwrap();
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn that_a_command_was_never_recorded_is_said_after_all_that_came_before_it() {
    let mut world = World::open(QUICK).await;
    world.verified("a change").await;
    let database = rusqlite::Connection::open(world.data().join("trunkline.db")).unwrap();
    database.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (handle, service) = (world.handle(), &world.service);
    let key: IdempotencyKey = "the-disk-is-slow".to_owned().try_into().unwrap();
    let hold = Command::Hold { environment: Environment::Production, reason: "why".into() };
    let asked_then_freed = async {
        let receipt = handle.receipt(&key);
        let freed = async {
            // Read where the receipt is looked for first: it is not there.
            handle.events(Some(service), Seq(0), 1).await.unwrap();
            database.execute_batch("ROLLBACK").unwrap();
        };
        tokio::join!(receipt, freed).0.unwrap()
    };
    let raj = Caller::in_process("raj");
    let command = handle.command(service, &raj, hold, key.clone());
    let (recorded, found) = tokio::join!(command, asked_then_freed);
    assert_eq!(found, Some(recorded.unwrap()), "what waits for the disk is not called lost");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_step_ends_the_deployment_and_says_which() {
    let failing = QUICK.replace("run = \"./release\"", "run = \"echo no; exit 3\"");
    let mut world = World::open(&failing).await;
    let build = world.verified("a change").await;
    let id = world.promote(build).await;
    let deployment = world.ended(id).await;
    assert_eq!(deployment.trouble(), Some("step release: exit 3"));
    assert_eq!(world.live_now(), None, "what failed is not live");
    let unsettled =
        world.handle().service(&world.service, &Caller::in_process("raj")).unwrap().unsettled;
    assert_eq!(unsettled, Some(id), "the screen is told that production is in doubt");
    world.verified("the next one, whose end tidies up").await;
    let checkout = format!("checkouts/checkout/{id}");
    assert!(world.data().join(checkout).is_dir(), "what may run in production keeps its files");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_takes_too_long_is_ended_with_all_its_children() {
    let slow = QUICK.replace("run = \"./release\"\ntimeout = \"1m\"", SLOW);
    assert_ne!(slow, QUICK);
    let mut world = World::open(&slow).await;
    let build = world.verified("a change").await;
    let id = world.promote(build).await;
    let deployment = world.ended(id).await;
    assert_eq!(deployment.trouble(), Some("step release: timed out"));
    let log = world.log(id, 0).await;
    // Where nobody collects orphans the dead child stays listed as a zombie.
    let listing = std::process::Command::new("ps").args(["-o", "state=", "-p", &log[0]]).output();
    let state = String::from_utf8(listing.unwrap().stdout).unwrap();
    assert!(matches!(state.trim(), "" | "Z"), "the child lives: {state}");
    world.stop().await;
}

const SLOW: &str = "run = \"sleep 600 & echo $!; wait\"\ntimeout = \"1s\"";

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_stops_the_step_and_the_deployment() {
    let (mut world, id) = World::with_running_promote().await;
    let cancel = Command::Cancel { deployment: id, reason: "wrong one".into() };
    world.command("raj", cancel.clone()).await.unwrap();
    let deployment = world.ended(id).await;
    assert_eq!(deployment.ended.unwrap().outcome, Outcome::Cancelled);
    let Refusal::Invalid { sentence, .. } = refusal(world.command("raj", cancel).await) else {
        panic!("it has ended already");
    };
    assert_eq!(sentence, format!("{id} has ended already: cancelled"));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_supervisor_makes_the_deployment_interrupted_and_takes_the_step_along() {
    let (mut world, id) = World::with_running_promote().await;
    let run = RunFolder::of(&world.data().join("runs"), id, 0);
    let supervisor = run.started().unwrap().expect("it has begun").supervisor;
    let supervisor = rustix::process::Pid::from_raw(supervisor).unwrap();
    rustix::process::kill_process(supervisor, rustix::process::Signal::KILL).unwrap();
    let deployment = world.ended(id).await;
    assert_eq!(deployment.state(), DeploymentState::Interrupted);
    assert_eq!(run.living_group().unwrap(), None, "nothing of the step is left");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_never_reach_the_log() {
    // The variable is set for every process by cargo, and stands in for a secret.
    let secret = std::env::var("CARGO_PKG_REPOSITORY").unwrap();
    let step = "run = \"printenv CARGO_PKG_REPOSITORY; printf 'x%sx' $CARGO_PKG_REPOSITORY\"";
    let file = QUICK.replace("run = \"./release\"", step);
    let file = format!("{file}\n[secrets]\nenv = [\"CARGO_PKG_REPOSITORY\"]\n");
    let mut world = World::open(&file).await;
    let build = world.verified("a change").await;
    let id = world.live(build).await;
    assert_eq!(world.log(id, 0).await, ["***", "x***x"]);
    let run = RunFolder::of(&world.data().join("runs"), id, 0);
    for entry in std::fs::read_dir(run.path()).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!text.contains(&secret), "{}", path.display());
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn both_streams_of_a_step_are_logged_in_the_order_in_which_it_wrote_them() {
    let step =
        "run = \"i=0; while [ $i -lt 500 ]; do echo out $i; echo err $i >&2; i=$((i + 1)); done\"";
    let mut world = World::open(&QUICK.replace("run = \"./release\"", step)).await;
    let build = world.verified("a change").await;
    let id = world.live(build).await;
    let expected: Vec<_> =
        (0..500).flat_map(|i| [format!("out {i}"), format!("err {i}")]).collect();
    assert_eq!(world.log(id, 0).await, expected);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_force_pushed_trunk_is_noticed_and_said() {
    let mut world = World::open(QUICK).await;
    let base = world.repository.head();
    let lost = world.verified("lost").await;
    world.live(lost).await;
    world.repository.rewrite(&base);
    let next = world.verified("instead").await;
    let off = world.until_build("the lost build is off the trunk", |row| row.build.off_trunk).await;
    assert_eq!(off.build.number, lost);
    let plan = world.plan("raj", Action::Promote { build: next }).await.unwrap();
    let said = plan.findings.iter().find(|finding| finding.sentence.contains("rewritten"));
    assert_eq!(said.map(|finding| finding.severity), Some(Severity::Warn), "{:#?}", plan.findings);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_service_file_is_a_problem_and_the_last_good_one_holds() {
    let mut world = World::open(QUICK).await;
    // A service whose first build is not its first commit has a past that a plan warns of.
    world.until_build("the first is there", |row| row.build.number == BuildNumber(1)).await;
    let good = world.verified("good").await;
    world.repository.commit_by("Ann", "ann@example.com", "trunkline.toml", "service = 7", "oops");
    let problem = world.until("the mistake is said", |s| s.problems.first().cloned()).await;
    assert!(problem.what.starts_with("trunkline.toml:1:"), "{}", problem.what);
    let plan = world.plan("raj", Action::Promote { build: good }).await.unwrap();
    assert_eq!(plan.severity(), Severity::Info, "{:#?}", plan.findings);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_plan_is_not_executed_after_another_one_was() {
    let (mut world, build) = World::with_build().await;
    let plan = world.plan("raj", Action::Promote { build }).await.unwrap();
    world.live(build).await;
    let Refusal::Changed { changes, .. } = refusal(world.execute("raj", &plan).await) else {
        panic!("production moved");
    };
    assert!(changes[0].starts_with("production changed: #2 is live"), "{changes:?}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_text_from_git_reaches_a_step_as_text() {
    let step = "run = \"printenv | grep ^TRUNKLINE_ | sort\"";
    let file = QUICK.replace("run = \"./release\"", step);
    let mut world = World::open(&file).await;
    let build = world.merged("$(id) `id` ;id", "a@b", "-rf $(touch pwned)\u{1b}]0;x\u{7}").await;
    let id = world.live(build).await;
    let log = world.log(id, 0).await;
    assert_eq!(log[0], format!("TRUNKLINE_BUILD={}", build.0));
    assert_eq!(log.len(), 7, "{log:?}");
    world.stop().await;
}

/// The identities of `raj` and of a bot, for the table of the author guard.
const AUTHORS: &str = r#"
bots = ["*[bot]@users.noreply.github.com"]
"#;

/// One row of the table: what it is, how the range is made, and whether raj wrote some of it.
type Authored = (&'static str, fn(&World), Severity);

fn authored() -> Vec<Authored> {
    use Severity::{Info, Override};
    vec![
        ("somebody else", |w| change(w, "Ann", "ann@example.com", "x"), Info),
        ("the author", |w| change(w, "Raj", "raj@example.com", "x"), Override),
        ("the author in other letters", |w| change(w, "R", "Raj@Example.COM", "x"), Override),
        ("a second identity", |w| change(w, "Raj at home", "raj@home.example", "x"), Override),
        (
            "the same name, another address",
            |w| change(w, "Raj", "other@example.com", "x"),
            Override,
        ),
        (
            "a co-author",
            |w| change(w, "Ann", "ann@example.com", "x\n\nCo-authored-by: Raj <raj@example.com>"),
            Override,
        ),
        (
            "a co-author among several",
            |w| {
                let trailers = "Co-authored-by: Bo <bo@x>\nCo-authored-by: R <raj@example.com>";
                change(w, "Ann", "ann@example.com", &format!("x\n\n{trailers}"));
            },
            Override,
        ),
        (
            "the mailmap's true name",
            |w| {
                w.repository.write(".mailmap", "Raj <raj@example.com> <old-raj@example.com>\n");
                change(w, "Old Raj", "old-raj@example.com", "x");
            },
            Override,
        ),
        (
            "a bot's own commit",
            |w| change(w, "dep[bot]", "1+dep[bot]@users.noreply.github.com", "x"),
            Info,
        ),
        (
            "rebased by a bot, which is the committer of every commit here",
            |w| change(w, "Raj", "raj@example.com", "x"),
            Override,
        ),
        (
            "merged by raj, written by ann",
            |w| {
                merge_of(w, "ann@example.com");
            },
            Info,
        ),
        (
            "merged by raj, written by raj",
            |w| {
                merge_of(w, "raj@example.com");
            },
            Override,
        ),
        (
            "merged by raj, with a change of raj's own in the merge",
            |w| {
                topic_of(w, "ann@example.com");
                w.repository.begin_merge("topic");
                w.repository.write("own", "raj's");
                w.repository.commit_all("Raj", "raj@example.com", "Merge topic");
            },
            Override,
        ),
        (
            "merged by ann, with a change of ann's own in the merge",
            |w| {
                topic_of(w, "ann@example.com");
                w.repository.begin_merge("topic");
                w.repository.write("own", "ann's");
                w.repository.commit_all("Ann", "ann@example.com", "Merge topic");
            },
            Info,
        ),
        (
            "one of many builds",
            |w| {
                for number in 0..10 {
                    change(w, "Ann", "ann@example.com", &format!("before {number}"));
                }
                change(w, "Raj", "raj@example.com", "in the middle");
                for number in 0..10 {
                    change(w, "Ann", "ann@example.com", &format!("after {number}"));
                }
            },
            Override,
        ),
    ]
}

fn change(world: &World, name: &str, email: &str, message: &str) {
    let content = format!("{name} {email} {message}");
    world.repository.commit_by(name, email, "file", &content, message);
}

/// A branch with one commit, merged by raj, whose pressing the button is not writing.
fn merge_of(world: &World, email: &str) {
    topic_of(world, email);
    world.repository.merge_by("Raj", "raj@example.com", "topic", "Merge topic");
}

/// A branch with one commit, which is to be merged.
fn topic_of(world: &World, email: &str) {
    world.repository.branch("topic");
    change(world, "Somebody", email, "on the branch");
    world.repository.switch("main");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_wrote_a_change_is_told_apart_from_who_passed_it_on() {
    let people = QUICK.replace(
        "emails = [\"raj@example.com\"]",
        "emails = [\"raj@example.com\", \"raj@home.example\"]",
    );
    for (what, make, expected) in authored() {
        let mut world = World::open(&format!("{AUTHORS}{people}")).await;
        world.until_build("the first is verified", |row| !row.build.verifications.is_empty()).await;
        world.live(BuildNumber(1)).await;
        make(&world);
        let tip = world.repository.head();
        let build = world.until_build(what, |row| row.build.sha == tip).await.build.number;
        let plan = world.plan("raj", Action::Promote { build }).await.unwrap();
        let author = plan.findings.iter().find(|f| f.guard == Guard::Author).expect("it is judged");
        assert_eq!(author.severity, expected, "{what}: {}", author.sentence);
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_cannot_be_started_is_a_failure_not_a_silence() {
    let file = QUICK.replace("run = \"./release\"", "run = [\"/nowhere/at/all\"]");
    let mut world = World::open(&file).await;
    let build = world.verified("a change").await;
    let id = world.promote(build).await;
    let deployment = world.ended(id).await;
    let why = deployment.trouble().expect("it failed");
    assert!(why.starts_with("step release: not started: "), "{why}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_claimed_once_whoever_tries() {
    let folder = tempfile::tempdir().unwrap();
    let run = RunFolder::of(folder.path(), DeploymentId(1), 0);
    let spec = trunkline::engine::runner::local::run::Spec {
        run: trunkline::domain::event::Run::Shell(format!(
            "echo ran >> {}/ran",
            folder.path().display()
        )),
        folder: folder.path().to_owned(),
        environment: std::collections::BTreeMap::new(),
        timeout: Duration::from_secs(30),
        grace: Duration::from_secs(1),
        secrets: vec![],
    };
    run.prepare(&spec).unwrap();
    let supervisors: Vec<_> = (0..8)
        .map(|_| {
            std::process::Command::new(env!("CARGO_BIN_EXE_trunkline"))
                .arg("supervise")
                .arg(run.path())
                .stdout(std::process::Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    for mut supervisor in supervisors {
        supervisor.wait().unwrap();
    }
    let ran = std::fs::read_to_string(folder.path().join("ran")).unwrap();
    assert_eq!(ran, "ran\n", "of eight supervisors one runs the step");
    assert_eq!(run.status().unwrap().expect("it ended").outcome, StepOutcome::Succeeded);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shell_step_stops_at_the_first_command_that_fails() {
    for (run, shell, outcome) in [
        ("echo migrating; false\necho deploying", "sh", "exit 1"),
        ("false | tee deploy.log", "bash", "exit 1"),
        ("set -- a b; [ $# = 2 ] && [[ x == x ]]; echo done", "bash", "succeeded"),
        ("false || true; if false; then :; fi; echo done", "sh", "succeeded"),
    ] {
        let step = format!("run = {run:?}\nshell = {shell:?}");
        let file = QUICK.replace("run = \"./release\"", &step);
        let mut world = World::open(&file).await;
        let build = world.verified("a change").await;
        let id = world.promote(build).await;
        let ended = world.ended(id).await;
        let StepState::Ended { outcome: how, .. } = &ended.steps[0] else { panic!("{ended:?}") };
        assert_eq!(how.to_string(), outcome, "{run}");
        let is_done = world.log(id, 0).await.contains(&"done".to_owned());
        assert_eq!(is_done, outcome == "succeeded", "{run}");
        world.stop().await;
    }
}

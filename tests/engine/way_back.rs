//! A way back that fails, another one that goes, and a rehearsal of it, with real steps.

use chrono::TimeDelta;
use trunkline::domain::command::{Action, Command};
use trunkline::domain::deployment::{Deployment, DeploymentState};
use trunkline::domain::event::DeploymentKind;
use trunkline::domain::ids::{BuildNumber, DeploymentId, Environment};
use trunkline::domain::needs::NeedState;
use trunkline::domain::plan::{Guard, Severity};
use trunkline::domain::schema::Outlook;
use trunkline_testing::clock::SetClock;
use trunkline_testing::engine::{QUICK, World, refusal};
use trunkline_testing::version_page::{VersionAnswer, VersionPage};

const BACK: &str = "run = \"echo back to $TRUNKLINE_BUILD\"";
const NO_IMAGE: &str = "echo no image of $TRUNKLINE_BUILD; exit 3";

/// A service file whose first rollback step asks a registry, which is a folder, for the image of the build.
fn with_registry(registry: &std::path::Path) -> String {
    let ask =
        format!("run = \"test -e {}/$TRUNKLINE_BUILD || {{ {NO_IMAGE}; }}\"", registry.display());
    let fetch =
        format!("name = \"fetch-image\"\n{ask}\n[[rollback.steps]]\nname = \"release\"\n{BACK}");
    QUICK.replace(&format!("name = \"release\"\n{BACK}"), &fetch)
}

/// The old image is gone: the rollback fails in its first step, the build before is offered, and goes.
#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_whose_image_is_gone_fails_and_the_build_before_is_offered_and_goes() {
    let registry = tempfile::tempdir().unwrap();
    let mut world = World::open(&with_registry(registry.path())).await;
    let mut builds = Vec::new();
    for change in ["one", "two", "three"] {
        let build = world.verified(change).await;
        std::fs::write(registry.path().join(build.0.to_string()), "").unwrap();
        world.live(build).await;
        builds.push(build);
    }
    let [one, two, three] = builds[..] else { panic!("three builds") };
    std::fs::remove_file(registry.path().join(two.0.to_string())).unwrap();
    let promote = world.verified("four").await;
    let never = world.plan("raj", Action::Promote { build: promote }).await.unwrap();
    let said: Vec<_> = never.findings.iter().map(|found| found.sentence.as_str()).collect();
    assert!(said.contains(&"The way back was never tried: no rollback ran here yet"), "{said:?}");

    let failed = world.rollback().await;
    assert_eq!(world.ended(failed).await.failed_step(), Some("fetch-image"));
    let offer = world.until("the offer", |snapshot| snapshot.rollback.clone()).await;
    assert_eq!((offer.to, offer.instead), (two, Some(one)));
    let said = offer.outlook_in_words(chrono::DateTime::UNIX_EPOCH);
    assert!(said.contains("; FAILED 0s ago at fetch-image; the good build before is"), "{said}");
    let again = world.plan("raj", Action::Rollback { to: None }).await.unwrap();
    assert_eq!((again.target.build, again.from()), (two, Some(three)));
    let after = again.after_failure.expect("a rollback failed");
    assert_eq!((after.deployment, after.before), (failed, Some(one)));
    assert!(!again.by_hand.expect("there are commands").commands.is_empty());

    let other = world.plan("raj", Action::Rollback { to: Some(one) }).await.unwrap();
    let went = world.execute("raj", &other).await.unwrap().deployment.unwrap();
    assert_eq!(world.ended(went).await.state(), DeploymentState::Succeeded);
    assert_eq!(world.live_now(), Some(one));
    let tried = world.plan("raj", Action::Promote { build: promote }).await.unwrap().tried.unwrap();
    assert_eq!((tried.last.map(|last| last.deployment), tried.changed), (Some(went), Some(false)));
    world.stop().await;
}

/// A promote breaks half-way, and the rollback fails too: the hold and the plan name what may run, not only what was live.
#[tokio::test(flavor = "multi_thread")]
async fn a_hold_after_a_promote_that_failed_names_the_build_that_it_brought() {
    let file = QUICK.replace("run = \"./release\"", "run = \"test $TRUNKLINE_BUILD != 4\"");
    let mut world = World::open(&file.replace(BACK, "run = \"false\"")).await;
    let (one, two) = (world.verified("one").await, world.verified("two").await);
    world.live(one).await;
    world.live(two).await;
    let three = world.verified("three").await;
    let broken = world.promote(three).await;
    assert_eq!(world.ended(broken).await.state(), DeploymentState::Failed);
    for _ in 0..2 {
        let plan = world.plan("raj", Action::Rollback { to: None }).await.unwrap();
        assert_eq!((plan.target.build, plan.from()), (two, Some(three)));
        assert_eq!(plan.range.len(), 1, "it takes the one commit away");
        let rollback = world.execute("raj", &plan).await.unwrap().deployment.unwrap();
        world.ended(rollback).await;
        let hold = |s: &trunkline::domain::snapshot::ServiceSnapshot| {
            s.holds.get(&Environment::Production).map(|hold| hold.reason.clone())
        };
        assert_eq!(
            world.until("the hold", hold).await,
            format!("rolled back from {three} to {two}")
        );
    }
    world.stop().await;
}

/// An older build's own steps do not work any more. The trunk's do, and the record says whose ran.
#[tokio::test(flavor = "multi_thread")]
async fn an_older_build_is_brought_back_by_the_repaired_steps_of_the_trunk() {
    let mut world = World::open(&QUICK.replace(BACK, "run = \"exit 3\"")).await;
    let (one, two) = (world.verified("one").await, world.verified("two").await);
    world.live(one).await;
    world.live(two).await;
    world.repository.write("trunkline.toml", QUICK);
    let three = world.verified("three").await;
    world.live(three).await;
    let own = world.plan("raj", Action::Rollback { to: None }).await.unwrap();
    assert!(own.trunk_differs && own.target.build == two);
    let failed = world.execute("raj", &own).await.unwrap().deployment.unwrap();
    assert_eq!(world.ended(failed).await.state(), DeploymentState::Failed);
    let by_trunk = world.plan("raj", Action::RollbackByTrunk { to: Some(two) }).await.unwrap();
    let went = world.execute("raj", &by_trunk).await.unwrap().deployment.unwrap();
    let went = world.ended(went).await;
    assert_eq!((went.state(), went.request.by_trunk), (DeploymentState::Succeeded, true));
    assert_eq!(world.log(went.id, 0).await, [format!("back to {}", two.0)]);
    assert!(!world.deployment(failed).request.by_trunk);
    world.stop().await;
}

/// The schema closes the way back: that a rollback worked before does not open it.
#[tokio::test(flavor = "multi_thread")]
async fn a_point_of_no_return_stays_one_however_well_a_rollback_worked_before() {
    let mut world = World::open(QUICK).await;
    let (one, two) = (world.verified("one").await, world.verified("two").await);
    world.live(one).await;
    world.live(two).await;
    let back = world.rollback().await;
    world.ended(back).await;
    world.repository.write("migrations/001_rename.sql", "ALTER TABLE t RENAME COLUMN a TO b;\n");
    let three = world.verified("three").await;
    world.live(three).await;
    let offer = world.until("the offer", |snapshot| snapshot.rollback.clone()).await;
    assert_eq!(offer.verdict.outlook, Outlook::PointOfNoReturn);
    let said = offer.outlook_in_words(chrono::DateTime::UNIX_EPOCH);
    assert!(said.starts_with("POINT OF NO RETURN") && !said.contains("SAFE"), "{said}");
    let plan = world.plan("raj", Action::Rollback { to: None }).await.unwrap();
    assert!(plan.is_past_the_floor());
    let four = world.verified("four reads both").await;
    world.live(four).await;
    assert_eq!(world.live_now(), Some(four));
    world.stop().await;
}

fn rehearsed(rehearse: &str) -> String {
    let gated = "run = \"./release\"";
    let file = QUICK
        .replace(BACK, gated)
        .replace("[[rollback.steps]]", "[rollback]\nREHEARSE\n[[rollback.steps]]");
    let file = file.replace("REHEARSE", rehearse);
    file.replace(
        "name = \"release\"\nrun = \"./release\"\ntimeout",
        "name = \"release\"\nrun = \"echo out\"\ntimeout",
    )
}

async fn forward(world: &World, back: DeploymentId) -> Deployment {
    world.ended(DeploymentId(back.0 + 1)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rehearsal_by_hand_goes_back_and_forward_in_staging_while_a_promote_goes_to_production() {
    let mut world = World::open(&rehearsed("rehearse = \"by-hand\"")).await;
    let (one, two) = (world.verified("one").await, world.verified("two").await);
    world.close_gate();
    let receipt = world.command("raj", Command::Rehearse {}).await.unwrap();
    let back = receipt.deployment.unwrap();
    world.running(back).await;
    let refused = refusal(world.command("raj", Command::Rehearse {}).await).to_string();
    assert!(
        refused.contains(&format!("{back}, rehearsal of {one}, is not over in staging")),
        "{refused}"
    );
    let merged = world.repository.commit("three");
    world.live(two).await;
    assert!(world.deployment(back).is_open(), "nothing waited for it");
    world.open_gate();
    assert_eq!(world.ended(back).await.state(), DeploymentState::Succeeded);
    let came = forward(&world, back).await;
    assert_eq!((came.request.kind, came.request.build), (DeploymentKind::Return, two));
    assert_eq!(came.state(), DeploymentState::Succeeded);
    let next = |row: &trunkline::domain::snapshot::BuildRow| {
        row.build.sha == merged && !row.build.verifications.is_empty()
    };
    world.until_build("the merge came after it", next).await;
    let ran = format!("ran {} rollback", one.0);
    assert_eq!(world.ran(), [ran], "in staging, and no step of production");
    let next = BuildNumber(two.0 + 1);
    let plan = world.plan("raj", Action::Promote { build: next }).await.unwrap();
    let tried = plan.tried.unwrap();
    let last = tried.last.unwrap();
    assert_eq!((last.deployment, last.environment), (back, Environment::Staging));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daily_rehearsal_runs_by_itself_at_a_quiet_hour_and_once_a_day_also_over_a_restart() {
    let mut world = World::with_file(&rehearsed("rehearse = \"daily\""));
    let clock = SetClock::new();
    world.start_by(clock.clone()).await;
    let (one, two) = (world.verified("one").await, world.verified("two").await);
    assert_eq!(world.ran().len(), 0, "it is noon");
    world.close_gate();
    clock.set(TimeDelta::hours(15));
    let begun = |s: &trunkline::domain::snapshot::ServiceSnapshot| {
        let mut rows = s.deployments.iter().map(|row| &row.deployment);
        rows.find(|d| d.request.kind == DeploymentKind::Rehearsal).map(|d| d.id)
    };
    let rehearsal = world.until("it begins", begun).await;
    world.running(rehearsal).await;
    world.live(two).await;
    assert!(world.deployment(rehearsal).is_open(), "a promote passes it");
    world.open_gate();
    let is_back = |s: &trunkline::domain::snapshot::ServiceSnapshot| {
        let mut rows = s.deployments.iter().map(|row| &row.deployment);
        let back = rows.find(|d| d.request.kind == DeploymentKind::Return && d.succeeded());
        back.map(|back| back.by.to_string())
    };
    assert_eq!(world.until("it went and came back", is_back).await, "trunkline");
    world.stop().await;
    world.start_by(clock.clone()).await;
    world.verified("three").await;
    assert_eq!(world.ran(), [format!("ran {} rollback", one.0)], "once");
    clock.set(TimeDelta::days(1));
    world.verified("four").await;
    let again = move |s: &trunkline::domain::snapshot::ServiceSnapshot| {
        let rows = s.deployments.iter().map(|row| &row.deployment);
        rows.filter(|d| d.request.kind == DeploymentKind::Return && d.succeeded())
            .find(|d| d.request.build > two)
            .map(|_| ())
    };
    world.until("it went the next day", again).await;
    world.stop().await;
}

/// A need that goes missing is said before anybody needs it, in every plan, and keeps nobody from a rollback.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_rollback_steps_need_is_looked_at_and_said_and_blocks_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let registry = folder.path().join("registry");
    std::fs::write(&registry, "").unwrap();
    let need = |name: &str, run: &str| {
        format!("[[rollback.needs]]\nname = {name:?}\nrun = {run:?}\nevery = \"10s\"\n")
    };
    let needs = [
        need("registry", &format!("test \"$REGION\" = eu && test -e {}", registry.display())),
        need("cluster", "echo a secret; exit 7"),
    ];
    let file = format!("{QUICK}{}[env]\nset = {{ REGION = \"eu\" }}\n", needs.concat());
    let mut world = World::open(&file).await;
    let (one, two) = (world.verified("one").await, world.verified("two").await);
    world.live(one).await;
    world.live(two).await;
    let standing = world
        .until("both were looked at", |snapshot| {
            let needs = snapshot.rollback.as_ref()?.needs.clone();
            needs.iter().all(|need| need.since.is_some()).then_some(needs)
        })
        .await;
    let states: Vec<_> = standing.iter().map(|need| (need.name.as_str(), need.state)).collect();
    assert_eq!(states, [("registry", NeedState::There), ("cluster", NeedState::Missing)]);
    assert_eq!(standing[0].sentence(), None);
    let said = standing[1].sentence().unwrap();
    assert!(said.starts_with("rollback needs cluster: missing since "), "{said}");
    assert!(said.ends_with("(exit 7)"), "nothing of what it printed: {said}");
    let plan = world.plan("raj", Action::Rollback { to: None }).await.unwrap();
    let warned = plan.findings.iter().filter(|found| found.guard == Guard::WayBack);
    let warned: Vec<_> = warned.map(|found| (found.severity, found.sentence.as_str())).collect();
    let sentence = said.replacen('r', "R", 1);
    assert_eq!(warned, [(Severity::Warn, sentence.as_str())]);
    let back = world.execute("raj", &plan).await.unwrap().deployment.unwrap();
    assert_eq!(world.ended(back).await.state(), DeploymentState::Succeeded);
    world.stop().await;
}

/// A need that is an address: it answers, answers something else, nobody listens, or the operator does not list its host.
#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_rollback_steps_need_is_asked_only_where_the_operator_lets_it_be() {
    let page = VersionPage::start(VersionAnswer::Text("a secret".into()));
    let broken = VersionPage::start(VersionAnswer::Status(503));
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let need = |name: &str, url: &str| {
        format!("[[rollback.needs]]\nname = {name:?}\nurl = {url:?}\nevery = \"10s\"\n")
    };
    let needs = [
        need("registry", &page.url()),
        need("vault", &broken.url()),
        need("cluster", &format!("http://{gone}/")),
        need("elsewhere", "http://127.0.0.1:9/"),
    ];
    let mut world = World::with_file(&format!("{QUICK}{}", needs.concat()));
    let hosts = [page.host(), broken.host(), gone.to_string()]
        .map(|host| format!("\"http://{host}\""))
        .join(", ");
    world.start_by_file(&format!("poll = \"50ms\"\n[live]\nhosts = [{hosts}]\n")).await;
    let (one, two) = (world.verified("one").await, world.verified("two").await);
    world.live(one).await;
    world.live(two).await;
    let standing = world
        .until("all were looked at", |snapshot| {
            let needs = snapshot.rollback.as_ref()?.needs.clone();
            needs.iter().all(|need| need.since.is_some()).then_some(needs)
        })
        .await;
    let said: Vec<_> = standing.iter().map(|need| (need.state, need.why.clone())).collect();
    let why = |text: &str| Some(text.to_owned());
    assert_eq!(said[0], (NeedState::There, None));
    assert_eq!(said[1], (NeedState::Missing, why("it answers 503")));
    assert_eq!(said[2], (NeedState::Missing, why("connection refused")));
    assert_eq!(said[3].0, NeedState::Unknown);
    let says = said[3].1.as_deref().unwrap();
    assert!(says.contains("does not let services be asked there; add"), "{says}");
    world.stop().await;
}

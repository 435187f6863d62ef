//! Several targets in a step: how they go on, and what is said when they differ.

use std::time::Duration;

use trunkline::backend::Backend as _;
use trunkline::backend::scripted::{Scripted, ScriptedWorld};
use trunkline::calendar::Tz;
use trunkline::domain::event::{
    DeploymentRequest, Fact, LiveSaid, Outcome, SaidCommit, StepOutcome, StepSpec,
};
use trunkline::domain::ids::{BuildNumber, DeploymentId, Environment};
use trunkline::domain::people::Actor;
use trunkline::domain::remote::{FoundBy, RunRef};
use trunkline::domain::said::service_at;
use trunkline::domain::target::TargetOrder::{self, OneByOne, Together};
use trunkline::domain::words::standing::{self, places};
use trunkline_testing::console::{Console, SMALL, checkout, ready};
use trunkline_testing::record::{request, step, targets};

const WIDE: (u16, u16) = (120, 40);

/// What happens to a deployment, fact by fact.
struct Course<'a> {
    world: &'a mut ScriptedWorld,
    deployment: DeploymentId,
    steps: Vec<StepSpec>,
}

impl<'a> Course<'a> {
    /// A promote of #3 to three targets, and a check after them.
    fn begins(world: &'a mut ScriptedWorld, order: TargetOrder) -> Self {
        let mut steps = targets(&["eu", "us", "ap"], order);
        steps.push(step("smoke"));
        let builds = &world.service(&checkout()).unwrap().state.builds;
        let sha = builds.values().last().unwrap().sha.clone();
        let asked = request(Environment::Production, 3);
        let asked = DeploymentRequest { steps: steps.clone(), sha, ..asked };
        let asked = Fact::DeploymentRequested(asked);
        let deployment = world.record(&checkout(), Actor::Person("sam".into()), asked).into();
        let mut course = Self { world, deployment, steps };
        course.record(Fact::DeploymentStarted { deployment, variables: None });
        course
    }

    fn record(&mut self, fact: Fact) {
        self.world.record(&checkout(), Actor::System, fact);
    }

    fn runs(&mut self, step: usize) {
        let deployment = self.deployment;
        let target = self.steps[step].target.as_ref().unwrap().name.clone();
        let key = format!("\"checkout-{deployment}.{}-{target}-0\"", step + 1);
        let key = serde_json::from_str(&key).unwrap();
        let target = Some(target);
        let engine = "deployer".parse().unwrap();
        self.record(Fact::StepStarted { deployment, step, target: target.clone() });
        self.record(Fact::RunSent { deployment, step, target: target.clone(), engine, key });
        let page = Some(format!("https://deployer.example/runs/{}", 881 + step));
        let run = RunRef::new((881 + step).to_string(), page);
        let how = FoundBy::Answer;
        self.record(Fact::RunFound { deployment, step, target, run, how });
        self.world.pass(Duration::from_secs(35));
    }

    fn ends(&mut self, step: usize, outcome: StepOutcome) {
        let (deployment, took) = (self.deployment, Duration::from_secs(35));
        let target = self.steps[step].target.as_ref().map(|target| target.name.clone());
        self.record(Fact::StepEnded { deployment, step, target, outcome, took, ended_at: None });
    }

    fn fails(&mut self, why: &str) {
        let (deployment, outcome) = (self.deployment, Outcome::Failed(why.to_owned()));
        self.record(Fact::DeploymentEnded { deployment, outcome });
        self.world.pass(Duration::from_mins(2));
    }
}

/// One of three targets has the build, the next one has failed.
fn apart() -> Scripted {
    let backend = ready();
    backend.change(|world| {
        let mut course = Course::begins(world, OneByOne);
        course.runs(0);
        course.ends(0, StepOutcome::Succeeded);
        course.runs(1);
        course.ends(1, StepOutcome::Concluded("failed at deployer: no room".into()));
        course.fails("step release@us: failed at deployer: no room (eu succeeded; ap not begun)");
    });
    backend
}

/// One of three has the build and the two others run.
fn on_their_way() -> Scripted {
    let backend = ready();
    backend.change(|world| {
        let mut course = Course::begins(world, Together);
        (0..3).for_each(|step| course.runs(step));
        course.ends(0, StepOutcome::Succeeded);
    });
    backend
}

#[tokio::test(start_paused = true)]
async fn the_steps_of_targets_at_80x24() {
    let console = Console::sized(&on_their_way(), SMALL);
    console.until("→ #3").await.press(&["2", "j", "3", "z"]).settled().await;
    insta::assert_snapshot!(console.text());
}

#[tokio::test(start_paused = true)]
async fn the_steps_of_targets_at_120x40() {
    let console = Console::sized(&on_their_way(), WIDE);
    console.until("→ #3").await.press(&["2", "j"]).settled().await;
    insta::assert_snapshot!(console.text());
}

#[tokio::test(start_paused = true)]
async fn targets_that_differ_at_80x24() {
    let console = Console::sized(&apart(), SMALL);
    console.until("eu #3, us #2 or #3, ap #2").await.press(&["2", "j"]).settled().await;
    insta::assert_snapshot!(console.text());
}

#[tokio::test(start_paused = true)]
async fn targets_that_differ_at_120x40() {
    let console = Console::sized(&apart(), WIDE);
    console.until("eu #3, us #2 or #3, ap #2").await.press(&["2", "j"]).settled().await;
    insta::assert_snapshot!(console.text());
}

#[tokio::test(start_paused = true)]
async fn the_rollback_of_targets_that_differ() {
    let console = Console::sized(&apart(), WIDE);
    console.until("eu #3, us #2 or #3, ap #2").await.press(&["2", "R"]);
    console.until("Targets of production differ").await;
    insta::assert_snapshot!(console.text());
}

#[tokio::test(start_paused = true)]
async fn the_header_takes_no_target_for_the_word_of_the_service() {
    let backend = ready();
    backend.change(|world| {
        let mut course = Course::begins(world, Together);
        (0..3).for_each(|step| course.runs(step));
        (0..4).for_each(|step| course.ends(step, StepOutcome::Succeeded));
        let (deployment, outcome) = (course.deployment, Outcome::Succeeded);
        course.record(Fact::DeploymentEnded { deployment, outcome });
        let builds = &world.service(&checkout()).unwrap().state.builds;
        let sha = builds[&BuildNumber(2)].sha.clone();
        let says = SaidCommit::Build { build: BuildNumber(2), sha, older: None };
        let (environment, host) = (Environment::Production, "shop.example".to_owned());
        let said = Fact::LiveSaid(LiveSaid { environment, host, says });
        world.record(&checkout(), service_at("shop.example"), said);
    });
    let console = Console::sized(&backend, (200, 60));
    console.until("eu us ap #3 or #2").await.settled().await;
    let text = console.text();
    assert!(!text.lines().next().unwrap().contains("by its own word"), "{text}");
    assert!(text.contains(" ! 1 of 2, M shows all: production differs by target"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn nothing_says_that_a_build_is_live_that_one_of_three_targets_has() {
    let backend = apart();
    for size in [(60, 12), SMALL, WIDE, (200, 60)] {
        let console = Console::sized(&backend, size);
        console.until("PROD").await.settled().await;
        let header = console.text().lines().next().unwrap().to_owned();
        assert!(!header.contains("checkout #"), "{header}");
        assert!(header.contains("eu #3") || header.contains("TARGETS DIFFER"), "{header}");
        let text = console.text();
        let mut live = text.lines().filter(|line| line.contains("LIVE"));
        assert!(live.all(|line| line.contains("at us? ap: ")), "{text}");
    }
    let snapshot = backend.service(&checkout(), None, Duration::ZERO).await.unwrap().unwrap();
    let places = [1, 2, 3].map(|build| places(&snapshot, BuildNumber(build)).join(", "));
    assert_eq!(places, ["", "production at ap", "staging, production at eu"]);
    let lines = standing::lines(&snapshot, Tz::UTC);
    let live = &lines.iter().find(|(about, _)| *about == "production").unwrap().1;
    assert!(live.starts_with("eu #3, us #2 or #3, ap #2 (unsettled: d"), "{live}");
}

#[tokio::test(start_paused = true)]
async fn the_fleet_with_targets_that_differ() {
    let backend = apart();
    let search = "search".parse().expect("the name is a good one");
    backend.change(|world| world.add_service(&search));
    let console = Console::sized(&backend, WIDE);
    console.until("Services").await.settled().await;
    insta::assert_snapshot!(console.text());
}

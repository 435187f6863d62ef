//! Runs at other engines that do not end when they should, or turn up when nobody expects them any more.

use std::time::Duration;

use trunkline::backend::scripted::ScriptedWorld;
use trunkline::domain::event::{DeploymentRequest, Fact, Outcome, Run, StepOutcome, StepSpec};
use trunkline::domain::ids::{DeploymentId, Environment};
use trunkline::domain::people::Actor;
use trunkline::domain::remote::{FoundBy, RemoteCall, RemoteJob, RunRef, Waits};
use trunkline_testing::console::{Console, checkout, ready};
use trunkline_testing::record::{request, step};

/// A promote whose one step is run 881 at GitHub.
fn promote(world: &mut ScriptedWorld) -> DeploymentId {
    let call = RemoteCall::GitHub {
        repository: "acme/shop".into(),
        workflow: "deploy.yml".into(),
        at: "main".into(),
        job: None,
        wait_within: Duration::from_hours(24),
    };
    let (engine, start_within) = ("github".parse().unwrap(), Duration::from_mins(10));
    let job = RemoteJob { engine, call, inputs: [].into(), start_within };
    let steps = vec![StepSpec { run: Run::Remote(job), ..step("release") }];
    let sha = world.service(&checkout()).unwrap().state.builds.values().last().unwrap().sha.clone();
    let request = DeploymentRequest { steps, sha, ..request(Environment::Production, 3) };
    let requested = Fact::DeploymentRequested(request);
    let deployment = world.record(&checkout(), Actor::Person("sam".into()), requested).into();
    let key = serde_json::from_str("\"checkout-d1.1-0\"").unwrap();
    for fact in [
        Fact::DeploymentStarted { deployment, variables: None },
        Fact::StepStarted { deployment, step: 0 },
        Fact::RunSent { deployment, step: 0, engine: "github".parse().unwrap(), key },
        found(deployment, FoundBy::Answer),
    ] {
        world.record(&checkout(), Actor::System, fact);
    }
    deployment
}

fn found(deployment: DeploymentId, how: FoundBy) -> Fact {
    let page = Some("https://github.example/acme/shop/actions/runs/881".to_owned());
    Fact::RunFound { deployment, step: 0, run: RunRef { id: "881".into(), page }, how }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_does_not_end_is_given_up_by_the_same_key_and_never_by_accident() {
    let backend = ready();
    let id = backend.change(promote);
    let console = Console::sized(&backend, (120, 40));
    console.until("→ #3 promote").await.press(&["1", "g", "X"]);
    console.until(&format!("Stop {id}: promote of #3 to production")).await;
    console.type_text("wrong build").press(&["tab", "tab"]).quiet().await;
    console.press(&["enter"]).until_gone("Stop d").await;
    console.quiet().await.press(&["X"]).until(&format!("Give up {id}: promote of #3")).await;
    let text = console.text();
    assert!(text.contains("the run at github, run 881 was asked to end"), "{text}");
    assert!(text.contains("may still change production"), "{text}");
    console.until("[  Wait on  ]").await.type_text("it hangs").press(&["tab", "tab"]);
    console.quiet().await.press(&["enter"]).until_gone("Give up d").await;
    let outcome = backend.change(|world| {
        let state = &world.service(&checkout()).unwrap().state;
        state.deployments[&id].steps[0].clone()
    });
    let said = format!("{outcome:?}");
    assert!(said.contains("sam stopped waiting for run 881 at github"), "{said}");
}

#[tokio::test(start_paused = true)]
async fn a_promote_that_waits_for_a_reviewer_is_nowhere_called_late() {
    let backend = ready();
    let waits = |deployment, waits| Fact::RunWaits { deployment, step: 0, waits };
    let id = backend.change(|world| {
        let deployment = promote(world);
        let (environment, by) = ("production".to_owned(), vec!["@ann".to_owned()]);
        let review = Waits::Approval { environment, by };
        world.record(&checkout(), Actor::System, waits(deployment, Some(review)));
        world.pass(Duration::from_mins(90));
        deployment
    });
    let console = Console::sized(&backend, (160, 40));
    console.until("→ #3 promote waits 1h30m").await;
    assert!(!console.text().contains("late"), "{}", console.text());
    backend.change(|world| {
        world.record(&checkout(), Actor::System, waits(id, None));
        world.pass(Duration::from_secs(10));
    });
    console.until("→ #3 promote 1h30m").await;
    assert!(!console.text().contains("late"), "{}", console.text());
    backend.change(|world| world.pass(Duration::from_hours(1)));
    console.until("late").await;
}

#[tokio::test(start_paused = true)]
async fn a_run_that_turned_up_late_is_the_first_of_the_problems() {
    let backend = ready();
    let id = backend.change(|world| {
        let deployment = promote(world);
        let outcome = StepOutcome::Unfound("no run appeared".into());
        let took = Duration::ZERO;
        for fact in [
            Fact::StepEnded { deployment, step: 0, outcome, took, ended_at: None },
            Fact::DeploymentEnded {
                deployment,
                outcome: Outcome::Interrupted("step release".into()),
            },
            found(deployment, FoundBy::Late),
        ] {
            let by = Actor::External { login: "trunkline".into(), engine: "github".into() };
            world.record(&checkout(), by, fact);
        }
        deployment
    });
    let console = Console::sized(&backend, (160, 40));
    console.until(&format!("a run of {id} that was given up turned up: https://github")).await;
    console.until("it is being cancelled").await;
}

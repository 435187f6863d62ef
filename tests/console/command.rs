//! The commands without a plan: verify, hold and release, cancel, freeze and lift.

use trunkline::calendar::Tz;
use trunkline::console::Options;
use trunkline::domain::event::DeploymentKind;
use trunkline::domain::ids::{BuildNumber, Environment};
use trunkline::domain::people::Actor;

use trunkline_testing::console::{Console, checkout, options, ready};

#[tokio::test(start_paused = true)]
async fn a_build_in_staging_is_verified_with_a_note() {
    let backend = ready();
    backend.change(|world| {
        let build = world.merge(&checkout(), "kim", "To be seen");
        world.stage(&checkout(), build);
    });
    let console = Console::open(&backend);
    console.until("To be seen").await.press(&["V"]).until("Verify #4 in staging").await;
    console.press(&["shift-tab"]).type_text("clicked through").settled().await;
    console.press(&["tab", "tab"]).quiet().await.press(&["enter"]);
    console.until_gone("Verify #4 in staging").await.settled().await;
    assert!(console.line("To be seen").contains("verified"));
}

#[tokio::test(start_paused = true)]
async fn production_is_held_with_a_reason_and_released() {
    let console = Console::open(&ready());
    console.until("OPEN").await.press(&["H"]).until("off: type a reason").await;
    console.type_text("looking into it").press(&["tab", "tab"]);
    console.quiet().await.press(&["enter"]).until("ON HOLD by sam").await;
    console.press(&["H"]).until("Release the hold on production").await;
    console.until("looking into it").await.type_text("was nothing");
    console.press(&["tab", "tab"]).quiet().await.press(&["enter"]).until("OPEN").await;
}

#[tokio::test(start_paused = true)]
async fn production_is_frozen_for_two_hours_and_the_freeze_lifted() {
    let console = Console::open(&ready());
    console.until("OPEN").await.press(&["F"]).until("Freeze PRODUCTION").await;
    console.type_text("launch").press(&["tab"]).type_text("soon");
    console.until("off: an end is like").await;
    console
        .press(&["ctrl-u"])
        .type_text("1M")
        .until("1M_")
        .await
        .until("off: an end is like")
        .await;
    console.press(&["ctrl-u"]).type_text("2h").until("] until 16:0").await;
    console.press(&["tab", "tab"]).quiet().await;
    console.press(&["enter"]).until("FROZEN to 16:0").await;
    console.press(&["F"]).until("Lift the freeze").await.type_text("over");
    console.press(&["tab", "tab"]).quiet().await.press(&["enter"]).until("OPEN").await;
}

#[tokio::test(start_paused = true)]
async fn a_freeze_ends_at_the_local_time_of_its_own_day() {
    let backend = ready();
    let berlin = Options { zone: Tz::Europe__Berlin, ..options() };
    let console = Console::with(&backend, (90, 24), berlin, |_| {});
    console.until("OPEN").await.press(&["F"]).until("Freeze PRODUCTION").await;
    console.type_text("launch").press(&["tab"]).type_text("2027-07-01 09:00");
    console.until("] until 1 Jul 09:00").await.press(&["tab", "tab"]).quiet().await;
    console.press(&["enter"]).until("FROZEN to 1 Jul 09:00").await;
    let until = backend.change(|world| {
        let service = world.service(&checkout()).expect("it is there");
        service.state.freezes.iter().find_map(|freeze| freeze.until)
    });
    assert_eq!(until, "2027-07-01T07:00:00Z".parse().ok(), "summer is two hours ahead, now is one");
}

#[tokio::test(start_paused = true)]
async fn the_promote_of_a_build_is_cancelled_where_the_build_is_selected() {
    let backend = ready();
    backend.change(|world| {
        let sam = Actor::Person("sam".into());
        let (environment, kind) = (Environment::Production, DeploymentKind::Promote);
        world.request(&checkout(), BuildNumber(3), environment, kind, sam);
        world.advance(&checkout());
    });
    let console = Console::open(&backend);
    console.until("→ #3 promote").await.press(&["1", "g", "X"]);
    console.until("stops the promote of #3 to production").await;
}

#[tokio::test(start_paused = true)]
async fn a_running_deployment_is_cancelled_with_a_reason() {
    let backend = ready();
    backend.change(|world| {
        let build = world.merge(&checkout(), "kim", "Too slow");
        let (environment, kind) = (Environment::Staging, DeploymentKind::Auto);
        world.request(&checkout(), build, environment, kind, Actor::System);
        world.advance(&checkout());
        world.advance(&checkout());
    });
    let console = Console::open(&backend);
    console.until("Too slow").await.press(&["X"]).until("off: type a reason").await;
    console.until(": deploy of #4 to staging").await.until("[  Keep it  ]").await;
    assert!(console.line("Stop d").contains("Esc keeps it"), "{}", console.text());
    assert!(!console.text().contains("Cancel"), "{}", console.text());
    console.type_text("wrong branch").press(&["tab", "tab"]).quiet().await;
    console.press(&["enter"]).until_gone("Stop d").await;
    let cancelled = backend.change(|world| {
        let service = world.service(&checkout()).expect("it is there");
        service.state.deployments.values().any(|d| d.cancel.is_some())
    });
    assert!(cancelled);
}

#[tokio::test(start_paused = true)]
async fn a_dialog_whose_target_is_gone_disarms() {
    let backend = ready();
    let console = Console::open(&backend);
    console.until("OPEN").await.press(&["H"]).until("Hold production").await;
    console.type_text("me too").press(&["tab", "tab"]);
    backend.change(|world| {
        let fact = trunkline::domain::event::Fact::HoldPlaced {
            all: false,
            environment: Environment::Production,
            reason: "first".into(),
            rollback: None,
        };
        world.record(&checkout(), Actor::Person("kim".into()), fact);
    });
    console.until("DISARMED").await.until("production was put on hold meanwhile").await;
}

#[tokio::test(start_paused = true)]
async fn lower_case_r_only_says_which_key_rolls_back() {
    let console = Console::open(&ready());
    console.until("#3").await.press(&["r"]).until("R rolls back").await;
    assert!(!console.text().contains("Roll PRODUCTION back"));
}

#[tokio::test(start_paused = true)]
async fn the_selected_history_row_is_what_is_rolled_back_to() {
    let console = Console::open(&ready());
    console.until("#3").await.press(&["2", "j", "R"]).until("Roll PRODUCTION back to #1").await;
    console.press(&["right"]).quiet().await.press(&["enter"]).until("ON HOLD").await;
}

#[tokio::test(start_paused = true)]
async fn every_rollback_says_that_production_is_on_hold_afterwards() {
    let console = Console::open(&ready());
    for key in ["R", "!"] {
        console.until("#3").await.press(&[key]).until("production is on hold until").await;
        console.press(&["esc"]).until_gone("production is on hold until").await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_live_already_is_redeployed() {
    let console = Console::open(&ready());
    console.until("#3").await.press(&["j", "P"]).until("Redeploy #2 to PRODUCTION").await;
    console.press(&["right"]).until("[> Redeploy <]").await.quiet().await.press(&["enter"]);
    console.until_gone("Redeploy #2 to PRODUCTION").await.until("redeploy of #2").await;
}

#[tokio::test(start_paused = true)]
async fn lifting_says_which_freeze_it_is_and_what_stays_frozen() {
    let backend = ready();
    let ids = backend.change(|world| {
        let (from, until) = (world.now(), Some(world.now() + chrono::TimeDelta::hours(3)));
        ["the launch", "the audit"].map(|reason| {
            let fact = trunkline::domain::event::Fact::FreezePlaced {
                from,
                until,
                reason: reason.to_owned(),
            };
            world.record(&checkout(), Actor::Person("kim".into()), fact)
        })
    });
    let console = Console::open(&backend);
    console.until("FROZEN").await.press(&["F"]).until("Lift the freeze").await;
    let title = console.line("Lift the freeze");
    assert!(ids.iter().any(|id| title.contains(&format!("freeze {id} "))), "{title}");
    console
        .until("14:05 → 17:05 UTC, set by kim")
        .await
        .until("frozen: 47 by kim: the audit")
        .await;
    console
        .type_text("over")
        .press(&["tab", "tab"])
        .quiet()
        .await
        .press(&["enter"])
        .settled()
        .await;
    console.press(&["F"]).until("No other freeze is").await;
}

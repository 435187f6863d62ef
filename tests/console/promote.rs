//! Promoting: what it takes, and everything that does not do it.

use std::time::Duration;

use crossterm::event::Event;
use trunkline::backend::scripted::Fault;
use trunkline::domain::event::{DeploymentKind, Fact};
use trunkline::domain::ids::Environment;
use trunkline::domain::people::Actor;

use trunkline_testing::console::{Console, checkout, put_live, ready};

/// How many deployments production has had.
fn production(console: &Console) -> usize {
    let world = |world: &mut trunkline::backend::scripted::ScriptedWorld| {
        let service = world.service(&checkout()).expect("it is there");
        let deployments = service.state.deployments.values();
        deployments.filter(|d| d.request.environment == Environment::Production).count()
    };
    console.backend.change(world)
}

#[tokio::test(start_paused = true)]
async fn a_green_build_is_promoted_with_an_arrow_and_enter() {
    let console = Console::open(&ready());
    console.until("verified").await.press(&["P"]).until("Promote #3 to PRODUCTION").await;
    console.press(&["right"]).quiet().await.press(&["enter"]);
    console.until_gone("Promote #3 to PRODUCTION").await.until("queued").await;
    assert_eq!(production(&console), 3);
    console.backend.change(|world| world.finish(&checkout()));
    console.until("PROD checkout #3 live").await;
}

#[tokio::test(start_paused = true)]
async fn cancel_has_the_focus_so_enter_alone_closes() {
    let console = Console::open(&ready());
    console.until("verified").await.press(&["P"]).until("[> Cancel <]").await;
    console.quiet().await.press(&["enter"]).until_gone("Cancel <]").await;
    assert_eq!(production(&console), 2);
}

#[tokio::test(start_paused = true)]
async fn keys_typed_ahead_confirm_nothing() {
    let console = Console::open(&ready());
    console.until("verified").await.press(&["P", "right", "enter", "right", "enter", "enter"]);
    console.until("Promote #3 to PRODUCTION").await;
    console.press(&["right", "enter", "enter", "enter"]).rest(Duration::from_secs(5)).await;
    assert_eq!(production(&console), 2);
    assert!(console.text().contains("[> Promote <]"));
}

#[tokio::test(start_paused = true)]
async fn a_held_enter_confirms_nothing() {
    let console = Console::open(&ready());
    console.until("verified").await.press(&["P"]).until("[> Cancel <]").await.press(&["right"]);
    for _ in 0..100 {
        console.press(&["enter"]).rest(Duration::from_millis(33)).await;
    }
    assert_eq!(production(&console), 2);
}

#[tokio::test(start_paused = true)]
async fn a_paste_never_confirms() {
    let console = Console::open(&ready());
    console.until("verified").await.press(&["P"]).until("[> Cancel <]").await;
    console.press(&["right"]).quiet().await;
    console.event(Event::Paste("yes\r\n\r\n3\n".into()));
    console.rest(Duration::from_secs(2)).await;
    assert_eq!(production(&console), 2);
    assert!(console.text().contains("Promote #3 to PRODUCTION"));
}

#[tokio::test(start_paused = true)]
async fn an_override_needs_a_reason_and_the_build_number() {
    let backend = ready();
    backend.change(|world| world.verified_build(&checkout(), "sam"));
    let console = Console::open(&backend);
    console.until("#4").await.press(&["P"]).until("[!!]").await;
    console.press(&["shift-tab"]).until("[> Promote <]").await.quiet().await.press(&["enter"]);
    console.settled().await.until("off: type a reason").await;
    console.press(&["tab"]).type_text("kim is asleep").settled().await;
    console.until("off: type 4 to go on").await.press(&["tab"]).type_text("4");
    console.until_gone("off:").await.press(&["tab", "tab", "tab"]).quiet().await.press(&["enter"]);
    console.until_gone("Promote #4 to PRODUCTION").await;
    assert_eq!(production(&console), 3);
    let reason = backend.change(|world| {
        let service = world.service(&checkout()).expect("it is there");
        let last = service.state.deployments.values().next_back().expect("it was promoted");
        last.request.overrides.values().next().cloned()
    });
    assert_eq!(reason.as_deref(), Some("kim is asleep"));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_has_no_button() {
    let backend = ready();
    let console = Console::open(&backend);
    console.until("#3").await.press(&["j", "j"]).settled().await.press(&["P"]);
    console.until("[NO]").await.until("[> Close <]").await;
    assert!(!console.text().contains("[  Promote  ]"));
    console.press(&["right", "right"]).quiet().await.press(&["enter"]).settled().await;
    assert_eq!(production(&console), 2);
}

#[tokio::test(start_paused = true)]
async fn the_dialog_disarms_when_the_world_moves_and_can_be_checked_again() {
    let backend = ready();
    backend.change(|world| world.verified_build(&checkout(), "ada"));
    let console = Console::open(&backend);
    console.until("#4").await.press(&["P"]).until("[> Cancel <]").await.press(&["right"]);
    backend.change(|world| put_live(world, trunkline::domain::ids::BuildNumber(3)));
    console
        .until("DISARMED")
        .await
        .until("production changed: #3 is live; promote of #3 by sam")
        .await;
    console.quiet().await.press(&["enter"]).settled().await;
    assert_eq!(production(&console), 3, "Close had the focus");
    console.press(&["P"]).until("Promote #4 to PRODUCTION").await.until("live        #3").await;
}

#[tokio::test(start_paused = true)]
async fn a_freeze_that_begins_disarms_and_re_check_asks_for_the_reason() {
    let backend = ready();
    let console = Console::open(&backend);
    console.until("#3").await.press(&["P"]).until("[> Cancel <]").await.press(&["right"]);
    let (from, until, reason) = (trunkline_testing::console::monday(), None, "launch".to_owned());
    backend.change(|world| {
        let fact = Fact::FreezePlaced { from, until, reason };
        world.record(&checkout(), Actor::Person("kim".into()), fact);
    });
    console.until("DISARMED").await.press(&["right"]).quiet().await.press(&["enter"]);
    console.until_gone("DISARMED").await.until("off: type a reason").await;
    assert_eq!(production(&console), 2);
}

#[tokio::test(start_paused = true)]
async fn what_does_not_touch_the_plan_leaves_the_dialog_armed() {
    let backend = ready();
    let console = Console::open(&backend);
    console.until("#3").await.press(&["P"]).until("[> Cancel <]").await.press(&["right"]);
    backend.change(|world| world.merge(&checkout(), "kim", "Something else"));
    console.until("Not included: 1 newer build").await.quiet().await;
    assert!(!console.text().contains("DISARMED"));
    console.press(&["enter"]).until_gone("Promote #3 to PRODUCTION").await;
    assert_eq!(production(&console), 3);
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_looked_up_and_never_sent_again() {
    let backend = ready();
    let console = Console::open(&backend);
    console.until("#3").await.press(&["P"]).until("[> Cancel <]").await.press(&["right"]);
    console.quiet().await;
    backend.fault(Fault::LostAnswer);
    console.press(&["enter"]).until("unknown, checking").await;
    console.until_gone("Promote #3 to PRODUCTION").await;
    console.rest(Duration::from_secs(30)).await;
    assert_eq!(production(&console), 3);
}

#[tokio::test(start_paused = true)]
async fn a_command_that_nobody_answers_is_said_not_to_have_happened() {
    let backend = ready();
    let console = Console::open(&backend);
    console.until("#3").await.press(&["P"]).until("[> Cancel <]").await.press(&["right"]);
    console.quiet().await;
    backend.fault(Fault::Unreachable);
    console.press(&["enter"]).until("nothing was done").await;
    backend.heal();
    assert_eq!(production(&console), 2);
}

#[tokio::test(start_paused = true)]
async fn a_disarmed_dialog_leads_to_the_log_of_what_went_live_instead() {
    let backend = ready();
    backend.change(|world| world.verified_build(&checkout(), "ada"));
    let console = Console::open(&backend);
    console.until("#4").await.press(&["P"]).until("[> Cancel <]").await;
    backend.change(|world| {
        let id = put_live(world, trunkline::domain::ids::BuildNumber(3));
        world.write(&checkout(), id, 2, "what colleagues shipped");
    });
    console.until("DISARMED").await.until("Watch #3").await.quiet().await;
    console.press(&["right"]).until("[> Watch #3 <]").await.quiet().await.press(&["enter"]);
    console.until("what colleagues shipped").await.until_gone("DISARMED").await;
}

#[tokio::test(start_paused = true)]
async fn a_promote_refused_for_a_running_one_offers_to_watch_that() {
    let backend = ready();
    backend.change(|world| {
        let build = world.verified_build(&checkout(), "ada");
        let (to, kind) = (Environment::Production, DeploymentKind::Promote);
        let by = Actor::Person("kim".into());
        let id = world.request(&checkout(), build, to, kind, by);
        world.advance(&checkout());
        world.advance(&checkout());
        world.write(&checkout(), id, 0, "somebody is at it");
    });
    let console = Console::open(&backend);
    console.until("somebody is at it").await.press(&["P"]).until("Watch #4").await.quiet().await;
    console.press(&["right", "enter"]).settled().await;
    assert!(console.text().contains("Watch #4"), "the key before the Enter was not quiet");
    console.quiet().await.press(&["enter"]).until_gone("Watch #4").await;
    console.until("somebody is at it").await;
}

#[tokio::test(start_paused = true)]
async fn a_soak_that_ends_while_one_looks_asks_for_nothing_any_more() {
    let backend = ready();
    backend.change(|world| {
        world.edit(&checkout(), |service| service.policy.soak = Duration::from_hours(3));
    });
    let console = Console::open(&backend);
    console.until("verified").await.press(&["P"]).until("type build number").await;
    console.backend.change(|world| world.pass(Duration::from_hours(3)));
    console.until_gone("type build number").await.until("in staging, needs 3h").await;
    console.press(&["right"]).quiet().await.press(&["enter"]);
    console.until_gone("Promote #3 to PRODUCTION").await;
    assert_eq!(production(&console), 3);
}

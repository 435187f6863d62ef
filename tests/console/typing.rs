//! What is typed into a dialog stays in it: no letter of a reason does anything else.

use std::time::Duration;

use trunkline::backend::scripted::Scripted;
use trunkline::domain::event::{DeploymentKind, Fact};
use trunkline::domain::ids::Environment;
use trunkline::domain::people::Actor;

use trunkline_testing::console::{Console, checkout, ready};

/// A world in which sam wrote the newest build, #4, so that a promote of it wants a reason.
fn written_by_sam() -> Scripted {
    let backend = ready();
    backend.change(|world| world.verified_build(&checkout(), "sam"));
    backend
}

fn of_kind(backend: &Scripted, kind: DeploymentKind) -> usize {
    backend.change(|world| {
        let service = world.service(&checkout()).expect("it is there");
        service.state.deployments.values().filter(|d| d.request.kind == kind).count()
    })
}

fn rollbacks(backend: &Scripted) -> usize {
    of_kind(backend, DeploymentKind::Rollback)
}

/// Somebody else puts production on hold, which every open plan feels.
fn hold(backend: &Scripted) {
    backend.change(|world| {
        let (environment, reason) = (Environment::Production, "looking".to_owned());
        let fact = Fact::HoldPlaced { all: false, environment, reason, rollback: None };
        world.record(&checkout(), Actor::Person("kim".into()), fact);
    });
}

#[tokio::test(start_paused = true)]
async fn a_dialog_that_wants_a_reason_takes_it_right_away() {
    let console = Console::open(&written_by_sam());
    console.until("#4").await.press(&["P"]).until("[!!]").await;
    console.type_text("prod is down! trust me, quick").until("[prod is down! trust me").await;
    console.rest(Duration::from_secs(10)).await.until("trust me, quick").await;
    assert_eq!(rollbacks(&console.backend), 0);
    for (key, title) in [("H", "Hold production"), ("F", "Freeze PRODUCTION")] {
        console.press(&["esc", key]).until(title).await.type_text("quick!").until("[quick!").await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_enter_in_a_field_confirms_nothing_however_often_it_comes() {
    let backend = written_by_sam();
    let before = of_kind(&backend, DeploymentKind::Promote);
    let console = Console::open(&backend);
    console.until("#4").await.press(&["P"]).until("[!!]").await.type_text("known");
    console.press(&["enter"]).type_text("4").settled().await;
    for _ in 0..3 {
        console.quiet().await.press(&["enter"]).settled().await;
    }
    assert_eq!(of_kind(&backend, DeploymentKind::Promote), before);
    console.until_gone("Promote #4 to PRODUCTION").await;
}

#[tokio::test(start_paused = true)]
async fn what_is_typed_before_the_plan_is_there_does_nothing() {
    let console = Console::open(&written_by_sam());
    console.until("#4").await.press(&["P"]).type_text("quick! it is down! ").until("[!!]").await;
    console.rest(Duration::from_secs(10)).await;
    assert_eq!(rollbacks(&console.backend), 0);
    assert!(console.text().contains("Promote #4 to PRODUCTION"), "{}", console.text());
}

#[tokio::test(start_paused = true)]
async fn the_rest_of_a_reason_whose_dialog_disarmed_does_nothing() {
    let backend = written_by_sam();
    let console = Console::open(&backend);
    console.until("#4").await.press(&["P"]).until("[!!]").await.type_text("seen by kim");
    hold(&backend);
    console.until("DISARMED").await;
    for rest in [" quick and safe!", "qd!"] {
        for letter in rest.chars() {
            console.type_text(&letter.to_string()).rest(Duration::from_millis(300)).await;
        }
    }
    console.rest(Duration::from_secs(10)).await.until("DISARMED").await;
    assert_eq!(rollbacks(&backend), 0);
    // After a pause the keys mean what they say, and the reason is still there.
    console.press(&["tab"]).until("[> Re-check <]").await.quiet().await.press(&["enter"]);
    console.until_gone("DISARMED").await.until("seen by kim").await;
}

#[tokio::test(start_paused = true)]
async fn the_emergency_is_one_key_away_for_who_pauses() {
    let backend = written_by_sam();
    let console = Console::open(&backend);
    for keys in [&["P"][..], &["P", "tab"], &["P", "tab", "tab"], &["H"], &["P", "tab", "tab", "d"]]
    {
        console.until("#4").await.press(&keys[..1]).settled().await.press(&keys[1..]).quiet().await;
        console
            .press(&["!"])
            .until("ROLLING BACK")
            .await
            .press(&["esc"])
            .until_gone("ROLLING")
            .await;
    }
    assert_eq!(rollbacks(&backend), 0);
}

#[tokio::test(start_paused = true)]
async fn who_does_not_pause_is_told_to() {
    let console = Console::open(&ready());
    console.until("#3").await.press(&["P"]).until("[> Cancel <]").await.type_text("x!");
    console.until("pause, then press !").await;
    assert!(!console.text().contains("ROLLING"), "{}", console.text());
    console.quiet().await.press(&["!"]).until("ROLLING BACK").await;
}

#[tokio::test(start_paused = true)]
async fn a_search_of_the_help_takes_the_key_of_the_emergency() {
    let console = Console::open(&ready());
    console.until("#3").await.press(&["?"]).type_text("what!").until("search what!_").await;
    console.rest(Duration::from_secs(5)).await;
    assert_eq!(rollbacks(&console.backend), 0);
    console.press(&["!"]).until("ROLLING BACK").await.press(&["esc"]);
}

#[tokio::test(start_paused = true)]
async fn the_rest_of_a_reason_that_is_not_wanted_any_more_does_nothing() {
    let backend = ready();
    backend.change(|world| {
        world.edit(&checkout(), |service| service.policy.soak = Duration::from_hours(3));
    });
    let console = Console::open(&backend);
    console.until("#3").await.press(&["P"]).until("type build number").await.type_text("it is");
    backend.change(|world| world.pass(Duration::from_hours(3)));
    console.until_gone("type build number").await.type_text(" quick and safe!");
    console.rest(Duration::from_secs(10)).await.until("Promote #3 to PRODUCTION").await;
    assert_eq!(rollbacks(&backend), 0);
}

#[tokio::test(start_paused = true)]
async fn a_text_is_corrected_in_its_middle() {
    let console = Console::open(&written_by_sam());
    console.until("#4").await.press(&["P"]).until("[!!]").await.type_text("errors are dwn");
    console.press(&["left", "left"]).type_text("o").until("[errors are down ").await;
    console.press(&["home", "del"]).type_text("E").until("[Errors are down ").await;
    console.press(&["end", "ctrl-w"]).until("[Errors are _").await;
    console.press(&["esc", "/"]).type_text("ad").press(&["left", "left"]).type_text("#3");
    console.press(&["backspace", "del", "del"]).until("filter #_").await;
}

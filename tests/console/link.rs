//! Losing the backend: the screen says how old it is, acts on nothing, and comes back by itself.

use std::time::Duration;

use trunkline::backend::scripted::Fault;
use trunkline::console::{Exit, Options};
use trunkline::domain::ids::{BuildNumber, ServiceName};

use trunkline_testing::console::{Console, checkout, options, put_live, ready, told};

#[tokio::test(start_paused = true)]
async fn old_data_is_loud_and_nothing_is_done_on_it() {
    let backend = ready();
    let console = Console::open(&backend);
    console.until("fresh").await;
    backend.fault(Fault::Unreachable);
    console.until("no answer").await.until("STALE 30s").await.until("actions off").await;
    console.press(&["P"]).until("actions are off until it is fresh").await;
    assert!(!console.text().contains("Promote #3"));
}

#[tokio::test(start_paused = true)]
async fn it_asks_again_ever_more_seldom_and_recovers_by_itself() {
    let backend = ready();
    let console = Console::open(&backend);
    console.until("fresh").await;
    backend.fault(Fault::Unreachable);
    console.until("STALE 1m").await;
    backend.heal();
    console.until("connected again").await.until("fresh").await;
    backend.change(|world| world.merge(&checkout(), "kim", "After the break"));
    console.until("After the break").await;
}

#[tokio::test(start_paused = true)]
async fn an_open_dialog_is_off_while_the_data_is_old() {
    let backend = ready();
    let console = Console::open(&backend);
    console.until("#3").await.press(&["P"]).until("[> Cancel <]").await.press(&["right"]);
    backend.fault(Fault::Unreachable);
    console.until("STALE").await.until("off: the data is").await.press(&["enter"]).settled().await;
    assert!(console.text().contains("Promote #3 to PRODUCTION"));
}

#[tokio::test(start_paused = true)]
async fn paused_means_paused() {
    let backend = ready();
    let console = Console::open(&backend);
    console.until("fresh").await.press(&["space"]).until("PAUSED").await;
    backend.change(|world| world.merge(&checkout(), "kim", "Meanwhile"));
    console.rest(Duration::from_secs(10)).await.press(&["P"]).settled().await;
    assert!(!console.text().contains("Meanwhile"));
    console.until("the screen is paused").await.press(&["space"]).until("Meanwhile").await;
}

#[tokio::test(start_paused = true)]
async fn ctrl_c_at_the_root_quits_on_the_second_press() {
    let console = Console::open(&ready());
    console.until("#3").await.press(&["ctrl-c"]).until("again to quit").await;
    console.rest(Duration::from_secs(5)).await.press(&["ctrl-c"]).settled().await;
    assert!(console.is_running(), "the first press was forgotten");
    console.press(&["ctrl-c"]);
    assert_eq!(console.ended().await, Exit::Left);
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_is_back_is_found_within_two_seconds_however_long_it_was_gone() {
    let backend = ready();
    let console = Console::sized(&backend, (120, 40));
    console.until("fresh").await;
    backend.fault(Fault::Unreachable);
    console.until("the engine does not answer").await.until("STALE 1m").await;
    console.rest(Duration::from_mins(4)).await;
    backend.heal();
    console.rest(Duration::from_secs(2)).await.until_gone("STALE").await;
    assert!(console.text().contains("fresh"), "{}", console.text());
}

#[tokio::test(start_paused = true)]
async fn an_emergency_waits_for_the_engine_and_says_how_to_do_it_by_hand() {
    let backend = ready();
    let console = Console::open(&backend);
    console.until("fresh").await;
    backend.fault(Fault::Unreachable);
    console.press(&["!"]).until("ROLLING BACK PRODUCTION: waiting for the engine").await;
    console.until("waiting for the engine for 4s").await;
    assert!(!console.text().contains("in a shell"), "{}", console.text());
    console.until("or do it in a shell:").await.until("trunkline engine restart").await;
    // No number: where it goes by now is known to the engine alone.
    console.until("trunkline rollback --service checkout --yes").await;
    backend.heal();
    console.until("ROLLING BACK PRODUCTION  #2 → #1  in 3").await;
    console.until_gone("ROLLING BACK PRODUCTION").await.until("ON HOLD").await;
    assert_eq!(console.rollbacks(), 1);
}

#[tokio::test(start_paused = true)]
async fn esc_ends_the_wait_for_the_engine() {
    let backend = ready();
    let console = Console::open(&backend);
    console.until("fresh").await;
    backend.fault(Fault::Unreachable);
    console.press(&["!"]).until("waiting for the engine for 3s").await.press(&["esc"]);
    console.until_gone("waiting for the engine").await;
    backend.heal();
    console.rest(Duration::from_secs(20)).await;
    assert_eq!(console.rollbacks(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_emergency_that_waited_for_long_starts_only_by_a_key() {
    let backend = ready();
    let console = Console::open(&backend);
    console.until("fresh").await;
    backend.fault(Fault::Unreachable);
    console.press(&["!"]).until("waiting for the engine for 40s").await;
    backend.heal();
    console.until("the engine answered late: only Enter starts it").await;
    console.rest(Duration::from_secs(20)).await;
    assert_eq!(console.rollbacks(), 0);
    console.press(&["enter"]).until("ON HOLD").await;
    assert_eq!(console.rollbacks(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_emergency_that_came_too_late_starts_only_by_a_key() {
    let backend = ready();
    let console = Console::open(&backend);
    console.until("fresh").await;
    backend.fault(Fault::Unreachable);
    console.press(&["!"]).until("waiting for the engine for 4s").await;
    backend.change(|world| put_live(world, BuildNumber(3)));
    backend.heal();
    console.until("production changed meanwhile: only Enter starts it").await;
    console.rest(Duration::from_secs(20)).await;
    assert_eq!(console.rollbacks(), 0);
    console.until("Roll PRODUCTION back  #3 → #2").await;
}

#[tokio::test(start_paused = true)]
async fn an_emergency_behind_the_commands_by_hand_starts_only_by_a_key() {
    let backend = told();
    let console = Console::open(&backend);
    console.until("fresh").await;
    backend.fault(Fault::Unreachable);
    console.press(&["!"]).until("b shows the commands").await.press(&["b"]);
    console.until("Roll back by hand").await;
    backend.heal();
    console.rest(Duration::from_secs(20)).await;
    assert_eq!(console.rollbacks(), 0, "nobody saw its countdown");
    console.press(&["esc"]).until("a page hid this when the plan came: only Enter starts it").await;
    console.rest(Duration::from_secs(20)).await;
    assert_eq!(console.rollbacks(), 0);
    console.press(&["enter"]).until("ON HOLD").await;
    assert_eq!(console.rollbacks(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_never_answers_ends_the_wait_in_the_end() {
    let backend = ready();
    let console = Console::open(&backend);
    console.until("fresh").await;
    backend.fault(Fault::Unreachable);
    console.press(&["!"]).until("waiting for the engine").await;
    console.rest(Duration::from_mins(6)).await.until("Rollback NOT started").await;
    backend.heal();
    console.rest(Duration::from_secs(20)).await;
    assert_eq!(console.rollbacks(), 0);
    console.press(&["enter"]).until("#2 → #1").await;
}

#[tokio::test(start_paused = true)]
async fn the_commands_to_do_it_by_hand_are_whole_on_every_screen() {
    let long: ServiceName = "a-service-with-the-longest-name-there-is".parse().expect("40 letters");
    for width in [60, 80, 120] {
        let backend = ready();
        backend.change(|world| {
            world.add_service(&long);
            world.verified_build(&long, "kim");
        });
        let options = Options { service: Some(long.clone()), demo: true, ..options() };
        let console = Console::with(&backend, (width, 24), options, |_| {});
        console.until("fresh").await;
        backend.fault(Fault::Unreachable);
        console.press(&["!"]).until("in a shell:").await;
        let screen = console.text();
        let below = screen.lines().skip_while(|line| !line.contains("in a shell:")).skip(1);
        let words = |line: &str| line.split('┃').nth(1).unwrap_or_default().replace('\\', " ");
        let text = below.map(words).collect::<Vec<_>>().join(" ");
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let rollback = format!("trunkline rollback --service {long} --demo --yes");
        assert!(text.contains("trunkline engine restart --demo"), "{screen}");
        assert!(text.contains(&rollback), "{screen}");
    }
}

//! Losing the backend: the screen says how old it is, acts on nothing, and comes back by itself.

use std::time::Duration;

use trunkline::backend::scripted::Fault;
use trunkline::console::Exit;

use trunkline_testing::console::{Console, checkout, ready};

#[tokio::test(start_paused = true)]
async fn old_data_is_loud_and_nothing_is_done_on_it() {
    let backend = ready();
    let console = Console::open(&backend);
    console.until("fresh").await;
    backend.fault(Fault::Unreachable);
    console.until("no answer for").await.until("STALE 30s").await.until("actions off").await;
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

//! What the lists mark, and what their borders say.

use trunkline::console::theme::{Role, Theme};
use trunkline::terminal::capabilities::{Charset, Depth};
use trunkline_testing::console::{Console, checkout, ready, turns_red};

#[tokio::test(start_paused = true)]
async fn the_row_that_a_rollback_goes_to_is_marked() {
    let console = Console::open(&ready());
    console.until(" R→#1 ").await;
    assert!(console.line("LIVE").contains("#2"), "{}", console.text());
    assert_eq!(console.text().matches("R→").count(), 1, "{}", console.text());
}

#[tokio::test(start_paused = true)]
async fn a_failure_stays_marked_until_a_person_looked_at_it() {
    let backend = ready();
    let console = Console::sized(&backend, (120, 40));
    console.until("#3").await.press(&["j"]).settled().await;
    backend.change(|world| turns_red(world, "raj"));
    console.until("!#4 ").await.quiet().await;
    backend.change(|world| {
        world.verified_build(&checkout(), "ada");
    });
    // What came after it does not take it away, and a key elsewhere is no look at it.
    console.until("STG #5 live").await.until("#4 FAILED, not looked at").await.quiet().await;
    console.press(&["j", "2", "1"]).settled().await.until("!#4 ").await;
    console.press(&["g", "j"]).until("▸!#4").await.quiet().await;
    console.press(&["k"]).until_gone("not looked at").await.until_gone("!#4").await;
}

#[tokio::test(start_paused = true)]
async fn what_failed_before_the_console_came_is_marked_only_if_it_is_the_last_word() {
    let backend = ready();
    backend.change(|world| turns_red(world, "raj"));
    let console = Console::open(&backend);
    console.until("▸!#4 ").await;
    backend.change(|world| {
        world.verified_build(&checkout(), "ada");
    });
    let later = Console::open(&backend);
    later.until("✗ FAILED").await.settled().await;
    assert!(!later.text().contains("!#4"), "{}", later.text());
}

#[tokio::test(start_paused = true)]
async fn newer_rows_that_are_out_of_sight_are_counted_in_the_border() {
    let backend = ready();
    for _ in 0..20 {
        backend.change(|world| world.merge(&checkout(), "kim", "One more"));
    }
    let console = Console::open(&backend);
    console.until("#23").await.settled().await;
    assert!(!console.text().contains("newer"), "{}", console.text());
    console.press(&["G"]).settled().await;
    let head = console.line(" 1 Staging ");
    let shown = console.text().lines().filter(|line| line.contains(" kim ")).count();
    assert!(head.contains(" newer "), "{head} {shown}");
    console.press(&["g"]).until_gone(" newer ").await;
}

#[test]
fn what_runs_what_is_on_hold_and_what_is_frozen_look_different_at_every_depth() {
    for depth in [Depth::Ansi16, Depth::Ansi256, Depth::Rgb] {
        let theme = Theme::terminal(depth, Charset::Unicode);
        let [running, held, frozen] =
            [Role::Running, Role::Hold, Role::Frozen].map(|role| theme.style(role));
        assert!(running != held && held != frozen && running != frozen, "{depth:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_filter_takes_fields_in_both_lists() {
    let backend = ready();
    backend.change(|world| turns_red(world, "raj"));
    let console = Console::open(&backend);
    console.until("#4").await.press(&["/"]).type_text("is:failed").until_gone("by ada").await;
    console
        .until("▸!#4")
        .await
        .press(&["esc", "/"])
        .type_text("by:ada")
        .until_gone("Does not start")
        .await;
    console.until("Change by ada").await.press(&["esc", "2", "/"]).type_text("is:live");
    console.until_gone("was live").await.until("● LIVE").await;
    console.press(&["esc", "/"]).type_text("is:never").until("nothing passes the filter").await;
}

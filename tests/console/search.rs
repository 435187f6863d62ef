//! Looking for something in a log that is longer than what the console has of it.

use std::time::Duration;

use trunkline::backend::scripted::{Fault, Scripted};

use trunkline_testing::console::{Console, talkative};

/// With one word near the beginning.
fn with_a_word() -> Scripted {
    talkative(3_000, |n| {
        let word = if n == 7 { "\u{1b}[31mnee\u{1b}[0mdle" } else { "hay" };
        format!("{n:04} {word} and so on, as lines go")
    })
}

async fn looking_for(text: &str) -> Console {
    let console = Console::sized(&with_a_word(), (120, 40));
    console.until("2999 hay").await.press(&["4", "/"]).type_text(text);
    console.settled().await;
    console
}

#[tokio::test(start_paused = true)]
async fn a_coloured_word_far_outside_of_what_was_read_is_found() {
    let console = looking_for("0007 needle").await;
    console.press(&["enter"]).until("0007 needle").await.until("0006 hay").await;
    console.press(&["G"]).until("2999 hay").await;
}

#[tokio::test(start_paused = true)]
async fn what_is_nowhere_is_said_to_be_nowhere_and_the_screen_stays() {
    let console = looking_for("no such word").await;
    console.press(&["enter"]).until("no more found").await.until("2999 hay").await;
}

#[tokio::test(start_paused = true)]
async fn a_search_that_takes_long_says_how_far_it_is_and_esc_gives_it_up() {
    for key in ["esc", "ctrl-c"] {
        let console = looking_for("needle").await;
        console.backend.fault(Fault::Slow(Duration::from_secs(20)));
        console.press(&["enter"]).until("searching 0%").await;
        console.press(&[key]).until_gone("searching").await.until("2999 hay").await;
        console.backend.heal();
        console.rest(Duration::from_mins(1)).await;
        assert!(!console.text().contains("0007"), "{key}: {}", console.text());
        assert!(console.is_running(), "{key} quits nothing while a search runs");
    }
}

//! Looking for something in a log that is longer than what the console has of it.

use std::time::Duration;

use trunkline::backend::scripted::{Fault, Scripted};
use trunkline::domain::event::DeploymentKind;
use trunkline::domain::ids::Environment;
use trunkline::domain::people::Actor;

use trunkline_testing::console::{Console, checkout, ready};

/// A step that runs and has written more than is read at once, with one word near the beginning.
fn talkative() -> Scripted {
    let backend = ready();
    backend.change(|world| {
        let build = world.merge(&checkout(), "ada", "Next");
        let (environment, kind) = (Environment::Production, DeploymentKind::Promote);
        let id = world.request(&checkout(), build, environment, kind, Actor::System);
        world.advance(&checkout());
        world.advance(&checkout());
        for n in 0..3_000 {
            let word = if n == 7 { "\u{1b}[31mnee\u{1b}[0mdle" } else { "hay" };
            world.write(&checkout(), id, 0, &format!("{n:04} {word} and so on, as lines go"));
        }
    });
    backend
}

async fn looking_for(text: &str) -> Console {
    let console = Console::sized(&talkative(), (120, 40));
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

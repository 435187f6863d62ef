//! The keys of a person: two keys one after the other, keys that do nothing, and a file that cannot be used.

use trunkline::console::Options;
use trunkline::console::actions::keys_file::parse;

use trunkline_testing::console::{Console, checkout, options, ready};

async fn opened(keys: &str) -> Console {
    let keymap = parse(keys, "keys.toml").expect("the keys are right").keymap;
    let options = Options { service: Some(checkout()), keymap, ..options() };
    let console = Console::with(&ready(), (100, 30), options, |_| {});
    console.until("#3").await;
    console
}

#[tokio::test(start_paused = true)]
async fn two_keys_show_the_first_and_can_be_given_up() {
    let console = opened("[lists]\npromote = \"ctrl-x p\"\n").await;
    console
        .until("ctrl-x p promote")
        .await
        .press(&["ctrl-x"])
        .until("ctrl-x waits for the second key")
        .await;
    console.press(&["esc"]).until_gone("waits for").await.press(&["p"]).until("Preview").await;
    console.press(&["esc", "ctrl-x", "X"]).until("ctrl-x X does nothing").await;
    console.press(&["P"]).until("P does nothing here").await;
    console.press(&["ctrl-x", "p"]).until("Promote #3 to PRODUCTION").await;
    // What the first key was pressed for is given up by whatever comes between.
    let console = opened("[lists]\npromote = \"ctrl-x p\"\n").await;
    console
        .press(&["ctrl-x", "!"])
        .until("ROLLING BACK")
        .await
        .press(&["esc", "p"])
        .until("Preview")
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_key_that_does_nothing_says_so_once() {
    let console = opened("").await;
    console.press(&["U"]).until("U does nothing here; ? shows the keys").await;
    console.press(&["U", "U", "U", "M"]).until("Messages").await;
    assert_eq!(console.text().matches("U does nothing").count(), 1, "{}", console.text());
    let console = opened("[lists]\nhelp = [\"ctrl-g\", \"?\"]\n").await;
    console
        .press(&["U"])
        .until("ctrl-g shows the keys")
        .await
        .press(&["ctrl-g"])
        .until("Help")
        .await;
}

#[tokio::test(start_paused = true)]
async fn own_keys_show_wherever_keys_are_named() {
    let console = opened("[lists]\npromote = \"ctrl-p\"\nchanges = [\"D\", \"d\"]\n").await;
    console.until("ctrl-p promote").await.until("D changes").await;
    console.press(&["?"]).type_text("promote the sel").until("ctrl-p").await;
    console.press(&["esc", ":"]).type_text("changes").until("D").await.press(&["esc", "a"]);
    console.until("ctrl-p").await.press(&["ctrl-p"]).until("Promote #3 to PRODUCTION").await;
}

#[tokio::test(start_paused = true)]
async fn keys_that_cannot_be_used_are_said_until_somebody_saw_it() {
    let keys_trouble = Some("your keys are NOT used".to_owned());
    let options = Options { keys_trouble, service: Some(checkout()), ..options() };
    let console = Console::with(&ready(), (100, 30), options, |_| {});
    console.until("your keys are NOT used").await.rest(std::time::Duration::from_mins(1)).await;
    console.until("your keys are NOT used").await.press(&["esc"]).until_gone("NOT used").await;
    console.press(&["P"]).until("Promote #3 to PRODUCTION").await;
}

#[tokio::test(start_paused = true)]
async fn the_help_has_groups_and_finds_by_what_a_key_does() {
    let console = opened("").await;
    console.press(&["?"]).until("Acts: a dialog or a countdown comes first").await;
    console.type_text("wrap long").until("Log").await.until("log: wrap long lines").await;
    console.press(&["enter"]).until("that key works in the log").await;
}

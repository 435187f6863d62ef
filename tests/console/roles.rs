//! What a role or the person forbids is off, with the reason, and the header says where and how one is here.

use std::time::Duration;

use trunkline::backend::scripted::Fault;
use trunkline::console::Options;
use trunkline::console::actions::ACTIONS;
use trunkline::domain::caller::{AccessRole, Caller, Rights};
use trunkline_testing::console::{Console, SMALL, options, ready};

/// Every key that changes something: the first entries of the table of actions.
fn acting_keys() -> impl Iterator<Item = &'static str> {
    ACTIONS.iter().take(10).filter_map(|entry| entry.keys.first().copied())
}

async fn nothing_acts(console: &Console, why: &str) {
    console.until("READ-ONLY").await;
    for key in acting_keys() {
        console.rest(Duration::from_secs(1)).await;
        console.press(&[key]).until(why).await;
        console.press(&["esc"]).until_gone(why).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_viewer_acts_on_nothing_and_is_told_which_role_may() {
    let rights = Rights::everywhere(AccessRole::Viewer);
    let viewer = ready().called_by(Caller { rights, ..Caller::in_process("sam") });
    let console = Console::open(&viewer);
    nothing_acts(&console, "your role viewer may not").await;
    assert!(!console.text().contains("RW"));
}

#[tokio::test(start_paused = true)]
async fn a_console_that_is_read_only_acts_on_nothing() {
    let options = Options { read_only: true, ..options() };
    let console = Console::with(&ready(), SMALL, options, |_| {});
    nothing_acts(&console, "this console is read-only").await;
}

#[tokio::test(start_paused = true)]
async fn the_header_names_the_profile_and_the_person() {
    let options = Options { profile: Some("prod".into()), ..options() };
    let console = Console::with(&ready(), (120, 30), options, |_| {});
    console.until("prod sam RW").await;
}

#[tokio::test(start_paused = true)]
async fn an_emergency_on_another_machine_s_engine_names_no_command_of_this_one() {
    let options = Options { profile: Some("prod".into()), ..options() };
    let backend = ready();
    let console = Console::with(&backend, (120, 40), options, |_| {});
    console.until("prod sam RW").await;
    backend.fault(Fault::Unreachable);
    console.press(&["!"]).until("--profile prod").await;
    assert!(!console.text().contains("engine restart"), "{}", console.text());
}

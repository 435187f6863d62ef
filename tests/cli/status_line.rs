//! `trunkline status --line`: one line for tmux and prompts.

use trunkline_testing::home::{Home, until};
use trunkline_testing::small_shop::service_file;

/// The engine may be too slow for one line on a busy machine: then it is asked again.
fn line_of(home: &Home, style: &str) -> String {
    let last = std::cell::RefCell::new(String::new());
    until("the engine answers in time", || {
        let said = home.said(&["status", style]);
        let is_known = !said.starts_with('?') && !said.contains("]?");
        *last.borrow_mut() = said;
        is_known
    });
    last.into_inner()
}

#[test]
fn one_line_for_tmux_says_how_production_stands_and_starts_no_engine() {
    let home = Home::with_service(&service_file("exit 3"));
    assert_eq!(home.said(&["status", "--line"]), "? the engine does not answer\n");
    assert_eq!(home.engine(), None, "it starts none");
    home.await_build(1, "verified");
    assert_eq!(line_of(&home, "--line"), "shop PROD nothing live\n");
    let failed = home.trunkline(&["promote", "1", "--yes", "--wait"]);
    assert_eq!(failed.status.code(), Some(1));
    let line = line_of(&home, "--line");
    assert!(line.starts_with("shop PROD nothing live | FAILED #1 promote"), "{line}");
    let line = line_of(&home, "--line=tmux");
    assert!(line.contains("| #[fg=red]FAILED #1 promote#[default]"), "{line}");
    home.kill_engine();
    let line = home.said(&["status", "--line=tmux"]);
    assert_eq!(line, "#[fg=yellow]? the engine does not answer#[default]\n");
    assert_eq!(home.engine(), None, "it starts none again");
    let both = home.trunkline(&["status", "--line", "--json"]);
    assert_eq!(both.status.code(), Some(2));
}

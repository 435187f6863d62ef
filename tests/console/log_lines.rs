//! Lines of the log that a person selects, copies, saves and marks.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use trunkline::backend::scripted::Scripted;
use trunkline::console::effect::Outside;
use trunkline::console::log::LogCommand;
use trunkline::console::theme::Role;
use trunkline::domain::log::Stream;
use trunkline_testing::console::{Console, talkative};

use crate::log_pane::{Rig, theme};

#[test]
fn selecting_begins_at_the_last_line_and_moving_extends_it() {
    let mut rig = Rig::numbered(20, 4, 0..100);
    rig.press(LogCommand::Select);
    rig.press(LogCommand::Up(2));
    let lines = rig.pane.selected().unwrap().unwrap();
    assert_eq!((lines.count, lines.text.as_str()), (3, "line 97\nline 98\nline 99\n"));
    rig.press(LogCommand::Up(8));
    assert_eq!(rig.pane.selected().unwrap().unwrap().count, 11);
    assert_eq!(rig.screen()[0], "▸line 89");
    rig.say_numbered(100..110);
    rig.read();
    assert_eq!(rig.pane.selected().unwrap().unwrap().count, 11, "new lines are not in it");
    assert!(rig.pane.step_back());
    assert_eq!(rig.pane.selected(), Ok(None));
}

#[test]
fn a_selection_that_memory_does_not_hold_is_not_copied_in_part() {
    let limits = trunkline::console::log::Limits { lines: 100, bytes: 1 << 20 };
    let mut rig = Rig::with_limits(20, 4, limits);
    rig.say_numbered(0..600);
    rig.read();
    rig.press(LogCommand::Select);
    for _ in 0..100 {
        rig.press(LogCommand::Up(4));
        rig.reads = 0;
    }
    let why = rig.pane.selected().unwrap_err();
    assert!(why.contains("longer than what is in memory"), "{why}");
}

#[test]
fn marks_are_gone_to_one_after_the_other_and_stay_when_the_log_goes_on() {
    let limits = trunkline::console::log::Limits { lines: 100, bytes: 1 << 20 };
    let mut rig = Rig::with_limits(20, 4, limits);
    rig.say_numbered(0..600);
    rig.read();
    rig.press(LogCommand::Mark);
    rig.press(LogCommand::Top);
    rig.press(LogCommand::Down(7));
    rig.press(LogCommand::Mark);
    assert_eq!(rig.screen()[3], "◆line 10");
    rig.press(LogCommand::NextMark);
    assert!(rig.screen().contains(&"▸line 599".into()), "{:?}", rig.screen());
    rig.press(LogCommand::NextMark);
    assert!(rig.screen().contains(&"▸line 10".into()), "{:?}", rig.screen());
    rig.press(LogCommand::Mark);
    rig.press(LogCommand::Down(1));
    rig.press(LogCommand::NextMark);
    assert!(rig.screen().contains(&"▸line 599".into()), "the other mark was taken away");
}

/// With what no terminal is to get.
fn some_lines() -> Scripted {
    talkative(200, |n| format!("{n:04} \u{1b}[31mred\u{1b}[0m\u{202e}"))
}

#[tokio::test(start_paused = true)]
async fn selected_lines_are_copied_with_keys_as_they_are_on_screen() {
    let console = Console::sized(&some_lines(), (120, 40));
    console.until("0199 red").await.press(&["4", "v", "k", "y"]);
    console.until("sent 2 lines of the log to the terminal's clipboard").await;
    let copied = "0198 red<U+202E>\n0199 red<U+202E>\n".to_owned();
    assert!(console.asked().contains(&Outside::Copy(copied)), "{:?}", console.asked());
    assert!(console.is_running());
}

#[tokio::test(start_paused = true)]
async fn the_log_is_saved_to_a_new_file_that_is_private_and_never_over_another() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("all.log");
    let console = Console::sized(&some_lines(), (160, 40));
    let save = async |keys: &[&str], path: &str| {
        console.press(keys).until("to the new file").await.press(&["ctrl-u"]).type_text(path);
        console.settled().await;
        console.press(&["enter"]);
    };
    console.until("0199 red").await;
    save(&["4", "S"], path.to_str().unwrap()).await;
    console.until("saved 200 lines to").await;
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("0000 red<U+202E>\n0001"), "{text}");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    save(&["S"], path.to_str().unwrap()).await;
    console.until("there is such a file already").await;
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
    let some = folder.path().join("some.log");
    save(&["v", "k", "k", "S"], some.to_str().unwrap()).await;
    console.until("saved 3 lines to").await;
    assert_eq!(fs::read_to_string(&some).unwrap().lines().count(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_paste_saves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.log");
    let console = Console::sized(&some_lines(), (160, 40));
    console.until("0199 red").await.press(&["4"]).settled().await;
    let typed = path.to_str().unwrap().chars().map(|c| c.to_string());
    let keys: Vec<_> = ["S".to_owned(), "ctrl-u".to_owned()].into_iter().chain(typed).collect();
    let keys: Vec<_> = keys.iter().map(String::as_str).chain(["enter"]).collect();
    console.burst(&keys);
    console.until("saved nothing: keys came together").await;
    assert!(!path.exists());
}

#[test]
fn cut_lines_are_moved_sideways_as_far_as_the_longest_goes() {
    let mut rig = Rig::new(21, 3);
    rig.say(Stream::Out, "0123456789abcdefghijABCDEFGHIJ");
    rig.say(Stream::Out, "short");
    rig.say(Stream::Out, "0123456789ab日本語efghijABCDEFGHIJ");
    rig.read();
    assert_eq!(rig.screen()[0], " 0123456789abcdef…+14");
    rig.press(LogCommand::Right);
    assert_eq!(rig.screen()[0], " …bcdefghijABCDEFGHIJ");
    assert_eq!(rig.screen()[1], " …");
    rig.press(LogCommand::Right);
    rig.press(LogCommand::Right);
    assert!(rig.screen()[2].ends_with("…BCDEFGHIJ"), "{:?}", rig.screen());
    for _ in 0..3 {
        rig.press(LogCommand::Left);
    }
    assert_eq!(rig.screen()[1], " short");
    rig.press(LogCommand::Wrap);
    rig.press(LogCommand::Right);
    assert!(rig.screen()[1].starts_with(" 0123456789ab"), "{:?}", rig.screen());
}

#[test]
fn a_level_that_a_line_names_is_its_level_also_far_away_in_the_log() {
    let mut rig = Rig::new(60, 3);
    rig.say(Stream::Out, "time=1 level=error msg=\"no route\"");
    rig.say_numbered(0..300);
    rig.say(Stream::Out, r#"{"time":1,"level":"fatal","msg":"gone"}"#);
    rig.say_numbered(0..300);
    rig.say(Stream::Out, r#"{"level": "info", "msg": "error: none, ERROR in words"}"#);
    rig.say(Stream::Out, "level=warning msg=slow");
    rig.say(Stream::Out, "the level error is a word");
    rig.read();
    assert_eq!(rig.title(), "FOLLOW");
    let row = |rig: &Rig, y| rig.buffer()[(1, y)].fg;
    assert_eq!(row(&rig, 1), theme().style(Role::LogWarn).fg.unwrap());
    rig.press(LogCommand::PreviousError);
    assert!(rig.screen().iter().any(|row| row.contains("fatal")), "{:?}", rig.screen());
    rig.press(LogCommand::PreviousError);
    assert!(rig.screen().iter().any(|row| row.contains("no route")), "{:?}", rig.screen());
    rig.press(LogCommand::PreviousError);
    assert!(rig.title().ends_with("no more found"), "{}", rig.title());
}

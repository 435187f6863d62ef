//! The list of themes, a theme whose file changes, and every shipped theme on terminals with few colours.

use std::fs;
use std::num::NonZeroU16;
use std::path::Path;
use std::time::Duration;

use crossterm::event::Event;
use trunkline::backend::LONGEST_WAIT;
use trunkline::console::Options;
use trunkline::console::theme::Theme;
use trunkline::console::theme::in_use::ThemeInUse;
use trunkline::console::theme::library::ThemeLibrary;
use trunkline::console::theme::shipped::SHIPPED;
use trunkline::terminal::capabilities::{Charset, Depth};
use trunkline_testing::console::{Console, SMALL, options, ready};

const DARK: vt100::Color = vt100::Color::Rgb(0x14, 0x18, 0x1d);
const MINE: &str = "inherits = \"dark\"\n[palette]\npaper = { rgb = \"#102030\" }\n";
const MINE_GROUND: vt100::Color = vt100::Color::Rgb(0x10, 0x20, 0x30);

/// A console whose user has this folder for settings and uses this theme.
fn themed(folder: &Path, name: &str, (depth, charset): (Depth, Charset)) -> Options {
    let library = ThemeLibrary::new(folder.join("themes"));
    let loaded = library.load(&name.parse().unwrap()).unwrap();
    let theme = Theme::new(&loaded.looks, depth, charset);
    let kept_in = Some(folder.join("config.toml"));
    let themes = ThemeInUse {
        library,
        name: loaded.name,
        files: loaded.files,
        kept_in,
        ..ThemeInUse::default()
    };
    Options { theme, themes, ..options() }
}

fn deep(folder: &Path, name: &str) -> Options {
    themed(folder, name, (Depth::Rgb, Charset::Unicode))
}

/// The screen as a real terminal shows it.
fn emulated(console: &Console) -> vt100::Screen {
    let some = |cells| NonZeroU16::new(cells).expect("the screen has cells");
    let mut emulator = vt100::Parser::new(some(SMALL.1), some(SMALL.0), 0);
    emulator.process(&console.bytes());
    emulator.screen().clone()
}

/// The background of a corner that nothing is written in.
fn ground(console: &Console) -> vt100::Color {
    emulated(console).cell(0, 0).expect("the screen has a corner").bgcolor()
}

fn folder_with_mine() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("themes")).unwrap();
    fs::write(folder.path().join("themes/mine.toml"), MINE).unwrap();
    folder
}

#[tokio::test(start_paused = true)]
async fn each_theme_of_the_list_is_on_screen_at_once_and_going_back_brings_the_one_before() {
    let folder = folder_with_mine();
    let console = Console::with(&ready(), SMALL, deep(folder.path(), "terminal"), |_| {});
    console.until("LIVE").await.press(&[","]).until("gruvbox-dark").await.settled().await;
    assert_eq!(ground(&console), vt100::Color::Default);
    assert!(console.line("terminal").contains("in use"), "{}", console.text());
    console.press(&["down"]).settled().await;
    assert_eq!(ground(&console), DARK);
    let behind = emulated(&console).contents();
    assert!(behind.contains("LIVE"), "the screen that it dresses stays to be seen: {behind}");
    console.type_text("mine").settled().await;
    assert_eq!(ground(&console), MINE_GROUND);
    assert!(console.line("mine ").contains("yours"), "{}", console.text());
    console.press(&["esc"]).until_gone("Themes").await.settled().await;
    assert_eq!(ground(&console), vt100::Color::Default);
    assert!(!folder.path().join("config.toml").exists());
}

#[tokio::test(start_paused = true)]
async fn a_theme_that_is_kept_is_written_into_the_user_file_and_its_comments_stay() {
    let folder = folder_with_mine();
    let file = folder.path().join("config.toml");
    fs::write(&file, "# of ana\ntheme = \"light\" # at noon\n\n[live]\n").unwrap();
    let console = Console::with(&ready(), SMALL, deep(folder.path(), "terminal"), |_| {});
    console.until("LIVE").await.press(&[","]).until("gruvbox-dark").await;
    console.press(&["down", "enter"]).until("theme dark, written to").await.settled().await;
    assert_eq!(ground(&console), DARK);
    let text = fs::read_to_string(&file).unwrap();
    assert_eq!(text, "# of ana\ntheme = \"dark\" # at noon\n\n[live]\n");
    fs::write(&file, "them = \"x\"\n").unwrap();
    console.press(&[","]).until("gruvbox-dark").await;
    console.press(&["down", "enter"]).until("theme light is for this console only").await;
    assert_eq!(fs::read_to_string(&file).unwrap(), "them = \"x\"\n");
}

#[tokio::test(start_paused = true)]
async fn keys_that_came_together_keep_no_theme() {
    let folder = folder_with_mine();
    let console = Console::with(&ready(), SMALL, deep(folder.path(), "terminal"), |_| {});
    console.until("LIVE").await.press(&[","]).until("gruvbox-dark").await;
    console.burst(&["down", "enter"]).until("started nothing").await.settled().await;
    assert!(!folder.path().join("config.toml").exists());
    console.press(&["esc"]).until_gone("Themes").await.settled().await;
    assert_eq!(ground(&console), vt100::Color::Default);
    console.burst(&[",", "enter"]).settled().await;
    assert!(!console.text().contains("Themes"), "{}", console.text());
}

#[tokio::test(start_paused = true)]
async fn an_emergency_ends_the_trying_of_themes() {
    let folder = folder_with_mine();
    let console = Console::with(&ready(), SMALL, deep(folder.path(), "terminal"), |_| {});
    console.until("LIVE").await.press(&[","]).until("gruvbox-dark").await;
    console
        .press(&["down"])
        .quiet()
        .await
        .press(&["!"])
        .until("ROLLING BACK")
        .await
        .settled()
        .await;
    assert_eq!(ground(&console), vt100::Color::Default);
}

#[tokio::test(start_paused = true)]
async fn a_theme_file_that_changes_is_shown_and_one_with_a_mistake_keeps_the_last_good_one() {
    let folder = folder_with_mine();
    let file = folder.path().join("themes/mine.toml");
    let console = Console::with(&ready(), SMALL, deep(folder.path(), "mine"), |_| {});
    console.until("LIVE").await.rest(Duration::from_secs(2)).await;
    assert_eq!(ground(&console), MINE_GROUND);
    fs::write(&file, MINE.replace("#102030", "#000000") + "# longer\n").unwrap();
    console.event(Event::FocusGained);
    console.until("theme mine was read again").await.settled().await;
    assert_eq!(ground(&console), vt100::Color::Rgb(0, 0, 0));
    fs::write(&file, "inherits = \"dark\"\n[roles]\nok = { fg = \"gren\" }\n").unwrap();
    // Without the focus an answer of the engine is the time to look, which comes anyway.
    console.rest(LONGEST_WAIT * 2).await;
    let line = console.line("mine.toml:3:13");
    assert!(line.contains("themes/mine.toml") && line.contains("\"gren\""), "{line}");
    assert_eq!(ground(&console), vt100::Color::Rgb(0, 0, 0), "the last good one stays");
    console.rest(LONGEST_WAIT * 3).await.press(&["M"]).until("Messages").await;
    let told = console.text().matches("the theme stays as it was").count();
    assert_eq!(told, 1, "one mistake is told once: {}", console.text());
    console.press(&["esc"]).until_gone("Messages").await;
    fs::write(&file, MINE).unwrap();
    console.event(Event::FocusGained);
    console.until_gone("mine.toml:3:13").await.settled().await;
    assert_eq!(ground(&console), MINE_GROUND);
}

#[tokio::test(start_paused = true)]
async fn a_theme_with_a_file_costs_no_byte_while_nothing_happens() {
    let folder = folder_with_mine();
    let with_file = deep(folder.path(), "mine");
    let without = Options { theme: with_file.theme.clone(), ..options() };
    let mut written = Vec::new();
    for options in [without, with_file] {
        let console = Console::with(&ready(), SMALL, options, |_| {});
        console.until("LIVE").await.rest(Duration::from_mins(1)).await;
        let before = console.bytes().len();
        console.rest(Duration::from_mins(10)).await;
        written.push(console.bytes().len() - before);
    }
    assert_eq!(written[0], written[1], "as much as without a file");
}

/// Every colour on the screen, and whether any cell has an attribute.
fn colours(screen: &vt100::Screen) -> (Vec<vt100::Color>, bool) {
    let cells = (0..SMALL.1).flat_map(|row| (0..SMALL.0).map(move |column| (row, column)));
    let cells: Vec<_> = cells.filter_map(|(row, column)| screen.cell(row, column)).collect();
    let mut all = Vec::new();
    for colour in cells.iter().flat_map(|cell| [cell.fgcolor(), cell.bgcolor()]) {
        if !all.contains(&colour) {
            all.push(colour);
        }
    }
    (all, cells.iter().any(|cell| cell.bold() || cell.inverse() || cell.dim()))
}

#[tokio::test(start_paused = true)]
async fn every_shipped_theme_says_the_same_and_keeps_to_what_the_terminal_can_show() {
    let folder = tempfile::tempdir().unwrap();
    let is_of_16 =
        |colour: &vt100::Color| matches!(colour, vt100::Color::Default | vt100::Color::Idx(0..=15));
    let mut texts = Vec::new();
    for shipped in SHIPPED {
        for depth in [Depth::Mono, Depth::Ansi16, Depth::Ansi256] {
            let options = themed(folder.path(), shipped.name, (depth, Charset::Ascii));
            let console = Console::with(&ready(), SMALL, options, |_| {});
            console.until("LIVE").await.settled().await;
            let screen = emulated(&console);
            let (all, has_attributes) = colours(&screen);
            let name = shipped.name;
            assert!(has_attributes, "{name}: the selection is to be seen");
            match depth {
                Depth::Mono => assert_eq!(all, [vt100::Color::Default], "{name}"),
                Depth::Ansi16 => assert!(all.iter().all(is_of_16), "{name}: {all:?}"),
                _ => assert!(
                    !all.iter().any(|c| matches!(c, vt100::Color::Rgb(..))),
                    "{name}: {all:?}"
                ),
            }
            let text = console.text();
            assert!(text.is_ascii(), "{name}: {text}");
            texts.push(text);
        }
    }
    texts.dedup();
    assert_eq!(texts.len(), 1, "no theme changes a word");
}

//! Terminals that cannot draw, streams that are none, and outputs that take nothing: words and an exit code.

use std::fs::File;
use std::process::{Output, Stdio};

use super::stage::{SIZE, Stage};
use trunkline_testing::home::Home;
use trunkline_testing::shop::leave;

fn text(output: &Output) -> String {
    [&output.stdout[..], &output.stderr[..]].map(String::from_utf8_lossy).concat()
}

#[test]
fn without_a_terminal_the_console_says_what_to_use_instead() {
    let home = Home::new();
    let refused = home.trunkline(&["console"]);
    assert_eq!(refused.status.code(), Some(2));
    let said = text(&refused);
    assert!(said.contains("standard input is not one; use `trunkline status`"), "{said}");
    assert!(!said.contains('\x1b'), "{said:?}");
    let mut piped = home.shell_on_terminal("\"$TRUNKLINE\" console | cat", SIZE);
    piped.shows("standard output is not one; use `trunkline status`");
    assert_eq!(piped.exit_code(), 0, "the exit code is cat's");
}

#[test]
fn a_terminal_that_cannot_draw_is_told_so() {
    let home = Home::new();
    for term in ["dumb", ""] {
        let mut screen = home.on_terminal_with(&["console"], SIZE, &[("TERM", term)]);
        screen.shows(&format!("TERM=\"{term}\"; set TERM, or use"));
        assert_eq!(screen.exit_code(), 2);
        assert!(!screen.bytes().contains(&0x1b), "{:?}", screen.text());
    }
}

/// The parameters of every sequence that sets colours or attributes.
fn looks(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let parts = text.split("\x1b[").skip(1);
    let looks = parts.filter_map(|part| {
        let end = part.find(|c: char| c.is_ascii_alphabetic())?;
        part[end..].starts_with('m').then(|| part[..end].to_owned())
    });
    looks.collect()
}

#[test]
fn no_color_draws_without_colours_and_an_old_locale_without_unicode() {
    let stage = Stage::set();
    let plain = stage.console(&[("NO_COLOR", "1")]);
    plain.shows("change 3");
    let coloured = |look: &String| {
        look.split(';').any(|part| matches!(part.parse(), Ok(30..=38 | 40..=48 | 90..=107)))
    };
    let colours: Vec<_> = looks(&plain.bytes()).into_iter().filter(coloured).collect();
    assert_eq!(colours, Vec::<String>::new());
    leave(plain);
    for locale in ["C", "POSIX", "en_US.ISO-8859-1", ""] {
        let old = stage.console(&[("LANG", locale), ("LC_ALL", ""), ("LC_CTYPE", "")]);
        old.shows("change 3");
        assert!(old.bytes().is_ascii(), "{locale}: {}", old.text());
        leave(old);
    }
}

#[test]
fn a_console_runs_without_a_standard_error() {
    let stage = Stage::set();
    let mut screen = stage.shop.home.shell_on_terminal("exec \"$TRUNKLINE\" console 2>&-", SIZE);
    screen.shows("change 3");
    screen.keys("q");
    assert_eq!(screen.exit_code(), 0);
    assert!(screen.is_restored());
}

/// Every command that prints and changes nothing.
const PRINTS: [&[&str]; 14] = [
    &["status"],
    &["status", "--json"],
    &["builds"],
    &["builds", "--json"],
    &["history"],
    &["events"],
    &["events", "--json"],
    &["plan", "promote", "3"],
    &["doctor"],
    &["engine", "status"],
    &["--help"],
    &["--version"],
    &["man"],
    &["completions", "bash"],
];

fn full() -> File {
    File::options().write(true).open("/dev/full").unwrap()
}

fn printing_to(home: &Home, arguments: &[&str], output: impl Into<Stdio>) -> Output {
    let mut command = home.command(arguments);
    command.stdout(output).stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap()
}

#[test]
fn an_output_that_takes_nothing_is_an_error_in_words_and_a_closed_one_is_none() {
    let stage = Stage::set();
    for arguments in PRINTS {
        let output = printing_to(&stage.shop.home, arguments, full());
        let said = text(&output);
        assert!(!said.contains("panicked"), "{arguments:?}: {said}");
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
        assert!(said.contains("No space left"), "{arguments:?}: {said}");

        let (reader, closed) = std::io::pipe().unwrap();
        drop(reader);
        let output = printing_to(&stage.shop.home, arguments, closed);
        assert_eq!(text(&output), "", "{arguments:?}");
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");

        let output = stage.shop.home.trunkline(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        // The manual and the completions are programs of their own kind.
        assert!(!text(&output).contains('\x1b'), "{arguments:?}: {}", text(&output));
    }
    // Nowhere to say it: the exit code is left.
    let refused = stage.shop.home.command(&["promote"]).stdout(full()).stderr(full()).status();
    assert_eq!(refused.unwrap().code(), Some(2));
}

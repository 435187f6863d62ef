//! A console as a job of a shell: stopped and continued, it loses nothing and leaves nothing behind.

use rustix::process::Signal;

use super::process::{innermost, tell};
use super::stage::{SIZE, Stage};
use trunkline_testing::dice::number;
use trunkline_testing::pty::Pty;

/// What a shell does with a job that stops: it goes on with the next command.
const SHELL: &str = r#"
set -m
n=0
"$TRUNKLINE" console
code=$?
while [ $code -ge 147 ]; do
    n=$((n + 1))
    echo "STOPPED $n."
    read line
    fg
    code=$?
done
echo "CODE $code."
read line
"#;

/// How a job is stopped; the last one cannot be seen coming.
const STOPS: [&str; 3] = ["ctrl-z", "TSTP", "STOP"];

fn stop(screen: &mut Pty, how: &str) {
    let console = innermost(screen.process());
    match how {
        "ctrl-z" => screen.keys("\x1a"),
        "TSTP" => tell(console, Signal::TSTP),
        _ => tell(console, Signal::STOP),
    }
}

#[test]
fn a_console_that_is_stopped_and_continued_loses_no_key_and_doubles_none() {
    let stage = Stage::set();
    let mut screen = stage.shop.home.shell_on_terminal(SHELL, SIZE);
    screen.shows("change 3");
    screen.keys("/");
    // What is stopped before it has read a key leaves it to the shell.
    screen.shows("filter _");
    let mut typed = String::new();
    for time in 1..=number("TRUNKLINE_STOPS").unwrap_or(50) {
        let how = STOPS[usize::try_from(time).unwrap() % STOPS.len()];
        stop(&mut screen, how);
        screen.shows(&format!("STOPPED {time}."));
        if how != "STOP" {
            assert!(screen.is_restored(), "stopped by {how}:\n{}", screen.text());
        }
        // Who was stopped unawares left the terminal as it was, where only this ends a line.
        screen.keys("\n");
        let letter = char::from(b'a' + u8::try_from(time % 26).unwrap());
        screen.shows(&format!("filter {typed}_"));
        screen.keys(&letter.to_string());
        typed.push(letter);
        screen.shows(&format!("filter {typed}_"));
    }
    stop(&mut screen, "ctrl-z");
    let last = number("TRUNKLINE_STOPS").unwrap_or(50) + 1;
    screen.shows(&format!("STOPPED {last}."));
    tell(innermost(screen.process()), Signal::TERM);
    screen.keys("\n");
    screen.shows("CODE 143.");
    assert!(screen.is_restored(), "{}", screen.text());
    stage.is_untouched();
}

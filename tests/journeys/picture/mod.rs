//! The pictures of the README, made from the running program: the demo reaches what they show, and they show all of it.
//!
//! `TRUNKLINE_RENEW_PICTURES=1 cargo test --test journeys picture` writes them to `assets`.

mod look;
mod shape;
mod svg;

use std::fs;
use std::path::Path;
use std::time::Duration;

use roxmltree::{Document, Node};
use trunkline_testing::pty::Pty;
use trunkline_testing::shop::{acts, later};
use vt100::Screen;

use super::practice::{Demo, header};

/// How wide the lists are at that size.
const LIST: usize = 78;

#[test]
fn the_pictures_show_what_the_demo_reaches() {
    // A picture is of what everybody sees.
    let demo = if is_to_be_renewed() { Demo::as_it_is() } else { Demo::hurried() };
    let mut screen = demo.on_terminal(&["demo"]);
    let promote = your_own_build_needs_a_reason(&mut screen);
    let main = a_promote_runs(&demo, &mut screen);
    let emergency = the_emergency_counts_down(&mut screen);
    screen.keys("\x1b");
    screen.hides("ROLLING BACK");
    assert!(screen.quits(), "{}", screen.text());
    for (name, title, screen) in [
        ("promote", "The promote dialog: a build that you wrote wants a typed reason", promote),
        ("screen", "The console while a build goes to production", main),
        ("emergency", "The emergency rollback counts down", emergency),
    ] {
        let svg = svg::draw(&screen, title);
        shows_all_of(&svg, &screen);
        renew(&format!("assets/{name}.svg"), &svg);
    }
}

/// Waits for the build that you wrote, and begins to promote it.
fn your_own_build_needs_a_reason(screen: &mut Pty) -> Screen {
    for (build, state) in [("#20", "verified"), ("#22", "FAILED"), ("#26", "verified")] {
        screen.until(&format!("{build} {state}"), |text| staged(text, build).contains(state));
    }
    screen.until("#20 live", |text| header(text).contains("checkout #20 live"));
    screen.keys("g");
    screen.shows("▸ #26");
    screen.keys("j");
    screen.shows("▸ #25");
    open_a_soaked_plan(screen);
    screen.shows("Promote #25 to PRODUCTION");
    screen.until("what needs a reason", |text| text.contains("[!!] You wrote"));
    screen.keys("Lena does not answer; Moira has read it");
    screen.shows("Moira has read it");
    let picture = screen.screen();
    screen.keys("\x1b");
    screen.hides("Promote #25");
    picture
}

/// Promotes a colleague's build and waits for the middle of it.
fn a_promote_runs(demo: &Demo, screen: &mut Pty) -> Screen {
    screen.keys("j");
    screen.shows("▸ #24");
    open_a_soaked_plan(screen);
    screen.keys("\x1b[C");
    screen.shows("[> Promote <]");
    confirm(screen);
    let line = "instance 3: draining";
    if is_to_be_renewed() {
        screen.until("the log of a promote", |text| text.contains(line));
    } else {
        // A slow machine may show nothing of it until it is over.
        screen.until("#24 live", |text| header(text).contains("checkout #24 live"));
        let log = demo.command(&["logs", &format!("d{}", demo.json(&["history"])[0]["id"])]);
        assert!(String::from_utf8_lossy(&log.stdout).contains(line), "{log:?}");
    }
    screen.screen()
}

/// Enter counts once the keyboard was quiet for a moment.
fn confirm(screen: &mut Pty) {
    let gone = |text: &str| !text.contains("[> Promote <]");
    let pressed = (0..20).any(|_| {
        screen.keys("\r");
        screen.becomes(Duration::from_secs(2), gone)
    });
    assert!(pressed, "it is not confirmed:\n{}", screen.text());
}

/// Looks at the plan until the build has been in staging for long enough.
fn open_a_soaked_plan(screen: &mut Pty) {
    for _ in 0..60 {
        acts(screen, "P", "in staging, needs");
        if !screen.text().contains("[!!] Only") {
            return;
        }
        screen.keys("\x1b");
        screen.hides("in staging, needs");
        screen.becomes(Duration::from_secs(1), |text| text.contains("[> Cancel <]"));
    }
    panic!("it is never in staging for long enough:\n{}", screen.text());
}

/// Begins to roll back, as soon as the watch of the promote is bad.
fn the_emergency_counts_down(screen: &mut Pty) -> Screen {
    screen.until("#24 live", |text| header(text).contains("checkout #24 live"));
    screen.until("its watch", |text| {
        header(text).contains("WATCH BAD") || header(text).contains("orders BAD")
    });
    screen.keys("!");
    screen.shows("ROLLING BACK PRODUCTION");
    screen.shows("takes away");
    screen.shows("#24 is watched: orders BAD");
    if is_to_be_renewed() {
        screen.until("the countdown", |text| text.contains("in 2"));
    }
    let picture = screen.screen();
    screen.keys("\r");
    screen.until("#20 live again", |text| header(text).contains("checkout #20 live"));
    later(screen);
    picture
}

/// The line of a build in the list of staging, without the panes beside it.
fn staged(text: &str, build: &str) -> String {
    let left = |line: &str, columns| line.chars().take(columns).collect::<String>();
    let row = text.lines().skip(2).find(|line| left(line, 8).contains(build));
    left(row.unwrap_or_default(), LIST)
}

/// Every character of the screen is written or drawn, row by row and in order, and the picture has the right size.
fn shows_all_of(svg: &str, screen: &Screen) {
    let document = Document::parse(svg).expect("the picture is well-formed");
    let root = document.root_element();
    let (rows, columns) = screen.size();
    let (width, height) = svg::size(columns.get(), rows.get());
    assert_eq!(root.attribute("viewBox"), Some(&*format!("0 0 {width} {height}")));
    let groups = document.descendants().filter(|node| is_row(*node));
    let written: Vec<String> = groups.map(words).collect();
    let letters = |row: &String| {
        let mark = |c: &char| !c.is_whitespace() && shape::of(&c.to_string()).is_none();
        row.chars().filter(mark).collect::<String>()
    };
    let shown: Vec<String> = screen.rows(0, columns.get()).map(|row| letters(&row)).collect();
    assert_eq!(written, shown);
}

fn is_row(node: Node) -> bool {
    node.has_tag_name("g") && node.attribute("font-family").is_none()
}

fn words(row: Node) -> String {
    row.children().filter(|node| node.has_tag_name("text")).filter_map(|node| node.text()).collect()
}

fn is_to_be_renewed() -> bool {
    std::env::var_os("TRUNKLINE_RENEW_PICTURES").is_some()
}

/// Writes the picture where that was asked for; what is there otherwise has to be a picture.
fn renew(path: &str, svg: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if is_to_be_renewed() {
        fs::write(&path, svg).unwrap();
    }
    let there = fs::read_to_string(&path).unwrap();
    Document::parse(&there).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

/// What a terminal of twelve columns and three rows shows after these bytes.
fn small(bytes: &str) -> Screen {
    let some = |cells| std::num::NonZeroU16::new(cells).unwrap();
    let mut terminal = vt100::Parser::new(some(3), some(12), 0);
    terminal.process(format!("\x1b[?25l{bytes}").as_bytes());
    terminal.screen().clone()
}

#[test]
fn the_lines_of_a_frame_join() {
    let svg = svg::draw(&small("╭──╮\r\n│  │\r\n╰──╯"), "");
    for path in ["M23 23.5H41", "M23 23.5Q18.5 23.5 18.5 28V33.5", "M18.5 33V52.5", "M45.5 33V52.5"]
    {
        assert!(svg.contains(path), "no {path} in {svg}");
    }
}

#[test]
fn every_character_has_its_place() {
    let screen = small("日本 e\u{301}x\r\n\x1b[32mok\x1b[0m & <up>\r\n│█ 1/2");
    let svg = svg::draw(&screen, "");
    shows_all_of(&svg, &screen);
    for place in ["x=\"14 32\" y=\"28\"", "x=\"59\" y=\"28\"", "x=\"68\" y=\"28\""] {
        assert!(svg.contains(place), "nothing at {place} in {svg}");
    }
}

#[test]
fn hostile_text_stays_text() {
    let svg = svg::draw(&small("<a>&\"</svg>"), "<script>");
    let document = Document::parse(&svg).unwrap();
    assert!(document.descendants().any(|node| node.text() == Some("<a>&\"</svg>")));
    assert!(!document.descendants().any(|node| node.has_tag_name("script")));
}

#[test]
fn colours_bold_dim_and_reverse_are_seen() {
    let svg =
        svg::draw(&small("\x1b[1;31mA\x1b[0;2mB\x1b[0;7mC\x1b[0;38;5;196mD\x1b[0;38;5;244mE"), "");
    for look in [
        "fill=\"#f07178\" font-weight=\"bold\">A<",
        "fill=\"#878b92\">B<",
        "fill=\"#12161c\">C<",
        "fill=\"#ff0000\">D<",
        "fill=\"#808080\">E<",
    ] {
        assert!(svg.contains(look), "no {look} in {svg}");
    }
}

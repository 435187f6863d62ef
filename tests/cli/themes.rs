//! `trunkline themes`, and which of options, environment and settings decides about looks, on the real binary.

use std::fs;

use trunkline_testing::home::Home;

const SIZE: (u16, u16) = (80, 24);
/// A preview has more lines than the usual screen.
const HIGH: (u16, u16) = (80, 60);
const DARK: vt100::Color = vt100::Color::Rgb(0x14, 0x18, 0x1d);

fn home_with_theme(text: &str) -> Home {
    let home = Home::new();
    fs::create_dir_all(home.path("config/themes")).unwrap();
    fs::write(home.path("config/themes/mine.toml"), text).unwrap();
    home
}

#[test]
fn every_theme_is_listed_and_the_one_in_use_is_marked() {
    let home = home_with_theme("# Mine, and mine alone\ninherits = \"dark\"\n");
    fs::write(home.path("config/themes/evil.toml"), "# \u{1b}]0;x\u{7}\u{202e}evil\n").unwrap();
    let list = home.said(&["themes", "list"]);
    assert!(!list.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{list:?}");
    let line = |name: &str| {
        let line = list.lines().find(|line| line.starts_with(name));
        line.unwrap_or_else(|| panic!("no {name} in {list}")).to_owned()
    };
    for name in ["dark", "light", "high-contrast", "deuteran", "tritan", "mono", "gruvbox-dark"] {
        assert!(!line(name).contains("in use"), "{list}");
    }
    assert!(line("terminal ").contains("in use"), "{list}");
    assert!(line("mine").contains("yours") && line("mine").contains("mine alone"), "{list}");
    fs::write(home.path("config/config.toml"), "theme = \"mine\"\n").unwrap();
    let list = home.said(&["themes", "list"]);
    assert!(list.lines().any(|line| line.starts_with("mine") && line.contains("in use")), "{list}");
}

#[test]
fn a_shipped_theme_that_is_printed_is_one_that_can_be_used_and_changed() {
    let home = home_with_theme("");
    let own = home.path("config/themes/harbor.toml");
    for shipped in trunkline::console::theme::shipped::SHIPPED {
        let text = home.said(&["themes", "show", shipped.name]);
        assert_eq!(text.trim_end(), shipped.text.trim_end());
        fs::write(&own, text).unwrap();
        let said = home.said(&["themes", "check", own.to_str().unwrap()]);
        assert!(said.contains("the theme can be used") && !said.contains("FAILS"), "{said}");
    }
    let unknown = home.trunkline(&["themes", "show", "drak"]);
    assert_eq!(unknown.status.code(), Some(2), "{unknown:?}");
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("did you mean \"dark\"?"));
    let outside = home.trunkline(&["themes", "show", "../config"]);
    assert_eq!(outside.status.code(), Some(2), "{outside:?}");
}

#[test]
fn a_check_tells_each_mistake_and_each_weak_role_with_its_line_and_fails() {
    let home = home_with_theme("");
    let file = home.path("mine.toml");
    let check = |text: &str| {
        fs::write(&file, text).unwrap();
        let checked = home.trunkline(&["themes", "check", file.to_str().unwrap()]);
        (checked.status.code(), String::from_utf8(checked.stdout).unwrap())
    };
    let (code, said) =
        check("inherits = \"dark\"\n[roles]\nrunnin = \"ok\"\nok = { fg = \"gren\" }\n");
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("mine.toml:3:1: roles.runnin: unknown role; did you mean \"running\"?"),
        "{said}"
    );
    assert!(said.contains("mine.toml:4:13: roles.ok.fg: unknown colour"), "{said}");
    let (code, said) = check("inherits = \"dark\"\n[roles]\n\nok = { fg = \"#333333\" }\n");
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("mine.toml:4: FAILS: roles.ok: contrast 1.4:1, needs 4.5:1"), "{said}");
    let (code, said) = check("inherits = \"dark\"\n[roles]\nhold = \"frozen\"\n");
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("mine.toml:3: note: roles.frozen and roles.hold have one look"),
        "{said}"
    );
}

#[test]
fn a_preview_is_plain_in_a_pipe_and_has_the_colours_that_are_asked_for() {
    let home = Home::new();
    let plain = home.said(&["themes", "preview", "dark"]);
    for word in ["dark, with", "border.focus", "went well", "a hold"] {
        assert!(plain.contains(word), "no {word} in {plain}");
    }
    assert!(!plain.contains('\u{1b}'), "{plain}");
    let preview = |color: &str| home.said(&["themes", "preview", "dark", "--color", color]);
    assert!(preview("true").contains("\u{1b}[0;38;2;14;187;140;48;2;20;24;29m went well"));
    assert!(preview("256").contains("\u{1b}[0;38;5;36;48;5;234m went well"));
    assert!(preview("16").contains("\u{1b}[0;32;40m went well"));
    assert!(!preview("never").contains('\u{1b}'));
    let wrong = home.trunkline(&["themes", "preview", "--color", "blue"]);
    assert_eq!(wrong.status.code(), Some(2), "{wrong:?}");
}

#[test]
fn the_option_comes_before_no_color_and_no_color_before_the_settings() {
    let home = Home::new();
    fs::create_dir_all(home.path("config")).unwrap();
    let settings = |text: &str| fs::write(home.path("config/config.toml"), text).unwrap();
    let colours = |arguments: &[&str], more: &[(&str, &str)]| {
        let mut list = home.on_terminal_with(
            &[&["themes", "preview", "dark"], arguments].concat(),
            HIGH,
            more,
        );
        assert_eq!(list.exit_code(), 0);
        let first = list.text().lines().next().unwrap().to_owned();
        first.split_once(", ").unwrap().1.trim().to_owned()
    };
    let deep = ("COLORTERM", "truecolor");
    assert_eq!(colours(&[], &[]), "with 256 colours");
    assert_eq!(colours(&[], &[deep]), "with 24-bit colour");
    settings("color = \"16\"\n");
    assert_eq!(colours(&[], &[deep]), "with 16 colours");
    assert_eq!(colours(&["--color", "auto"], &[deep]), "with 24-bit colour");
    assert_eq!(colours(&[], &[deep, ("NO_COLOR", "1")]), "without colours");
    assert_eq!(colours(&["--color", "256"], &[deep, ("NO_COLOR", "1")]), "with 256 colours");
    settings("color = \"never\"\n");
    assert_eq!(colours(&[], &[deep]), "without colours");
}

#[test]
fn a_theme_is_picked_on_the_real_screen_and_is_there_at_the_next_start() {
    let home = Home::with_one_live();
    let file = home.path("config/config.toml");
    let before = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("# of sam\n{before}")).unwrap();
    let deep = [("COLORTERM", "truecolor")];
    let ground = |pty: &trunkline_testing::pty::Pty| pty.screen().cell(0, 0).unwrap().bgcolor();
    let mut console = home.on_terminal_with(&[], SIZE, &deep);
    console.shows("LIVE");
    assert_eq!(ground(&console), vt100::Color::Default);
    console.keys(",");
    console.shows("gruvbox-dark");
    console.keys("\u{1b}[B");
    console.keys("\r");
    console.shows("theme dark, written to");
    assert!(console.quits());
    let after = fs::read_to_string(&file).unwrap();
    assert_eq!(after.replace("theme = \"dark\"\n", ""), format!("# of sam\n{before}"));
    assert_eq!(after.matches("theme").count(), 1, "{after}");
    let mut console = home.on_terminal_with(&[], SIZE, &deep);
    console.shows("LIVE");
    assert_eq!(ground(&console), DARK);
    assert!(console.quits());
    let mut light = home.on_terminal_with(&["--theme", "light"], SIZE, &deep);
    light.shows("LIVE");
    assert_eq!(ground(&light), vt100::Color::Rgb(0xfb, 0xfb, 0xf8));
    assert!(light.quits());
    let mut wrong = home.on_terminal(&["--theme", "drak"], SIZE);
    assert_eq!(wrong.exit_code(), 2);
    assert!(wrong.text().contains("did you mean \"dark\"?"), "{}", wrong.text());
    fs::write(&file, after.replace("\"dark\"", "\"gone\"")).unwrap();
    let mut gone = home.on_terminal_with(&[], SIZE, &deep);
    gone.shows("there is no theme \"gone\"");
    gone.shows("LIVE");
    assert!(gone.quits());
}

#[test]
fn a_choice_of_two_themes_follows_what_the_terminal_says_of_its_background() {
    let home = Home::new();
    fs::create_dir_all(home.path("config")).unwrap();
    let choice = "theme = { dark = \"gruvbox-dark\", light = \"light\" }\n";
    fs::write(home.path("config/config.toml"), choice).unwrap();
    for (says, name) in [("15;0", "gruvbox-dark"), ("0;15", "light"), ("", "gruvbox-dark")] {
        let mut list = home.command(&["themes", "preview"]);
        let printed =
            String::from_utf8(list.env("COLORFGBG", says).output().unwrap().stdout).unwrap();
        assert!(printed.starts_with(&format!("{name}, ")), "{says}: {printed}");
    }
}

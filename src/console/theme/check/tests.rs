//! That the shipped themes can be read and told apart by every eye, and that the check finds a theme that cannot.

use super::*;
use crate::console::theme::library::ThemeLibrary;
use crate::console::theme::shipped::SHIPPED;

fn looks(name: &str) -> ThemeLooks {
    ThemeLibrary::default().load(&name.parse().unwrap()).unwrap().looks
}

fn names() -> impl Iterator<Item = &'static str> {
    SHIPPED.iter().map(|theme| theme.name)
}

fn parsed(text: &str) -> ThemeLooks {
    let parent = |name: &crate::config::appearance::ThemeName| Ok(looks(name.as_str()));
    crate::console::theme::file::parse(text, "my.toml", parent).unwrap()
}

/// Every role whose contrast is below its share of what it needs, in words.
fn weak_roles(name: &str, depth: Depth, share: f64) -> Vec<String> {
    let looks = looks(name);
    let weak = Role::ALL.iter().filter_map(|role| {
        let (contrast, _) = least_contrast(&looks, *role, depth);
        let is_weak = contrast < needed(*role) * share;
        is_weak.then(|| format!("{name} {} {contrast:.2}", role.name()))
    });
    weak.collect()
}

const NOTHING: [String; 0] = [];

#[test]
fn every_text_of_every_shipped_theme_has_a_contrast_of_4_5_and_every_frame_of_3() {
    for name in names() {
        assert_eq!(weak_roles(name, Depth::Rgb, 1.0), NOTHING);
        // The 240 fixed colours have no better one of each hue for black and for white.
        let share = if name == "terminal" { 3.99 / 4.5 } else { 1.0 };
        assert_eq!(weak_roles(name, Depth::Ansi256, share), NOTHING);
    }
}

#[test]
fn with_the_sixteen_colours_of_xterm_a_theme_with_its_own_ground_can_be_read() {
    for name in names().filter(|name| !["terminal", "mono"].contains(name)) {
        assert_eq!(weak_roles(name, Depth::Ansi16, 4.0 / 4.5), NOTHING);
    }
}

#[test]
fn nothing_that_is_filled_becomes_grey_where_bold_black_is_drawn_so() {
    for name in names() {
        let looks = looks(name);
        for role in Role::ALL {
            let style = looks.style(*role, Depth::Ansi16);
            let is_filled = style.bg.is_some() && style.fg == Some(Color::Black);
            let is_bold = style.add_modifier.contains(Modifier::BOLD);
            assert!(!(is_filled && is_bold), "{name}: {}", role.name());
        }
    }
}

#[test]
fn on_a_white_xterm_with_sixteen_colours_the_default_theme_is_weak_in_known_roles() {
    let mut white = looks("terminal");
    white.mode = ThemeMode::Light;
    let weak = |looks: &ThemeLooks| -> Vec<_> {
        let is_weak = |role: &Role| least_contrast(looks, *role, Depth::Ansi16).0 < FRAME_CONTRAST;
        Role::ALL.iter().filter(|role| is_weak(role)).map(|role| role.name()).collect()
    };
    // Each of them is bold, or has a glyph and a word beside it; the theme `light` is for such a terminal.
    let known = [
        "accent",
        "key",
        "border.focus",
        "ok",
        "warn",
        "live",
        "env.staging",
        "log.warn",
        "log.note",
        "diff.add",
    ];
    assert_eq!(weak(&white), known);
    white.mode = ThemeMode::Dark;
    assert_eq!(weak(&white), [""; 0]);
}

#[test]
fn the_themes_of_high_contrast_have_7_for_every_text() {
    for name in ["high-contrast", "high-contrast-light"] {
        let texts = |depth, least: f64| -> Vec<_> {
            let looks = looks(name);
            let weak = |role: &Role| least_contrast(&looks, *role, depth).0 < least;
            Role::ALL.iter().filter(|role| weak(role)).map(|role| role.name()).collect()
        };
        assert_eq!(texts(Depth::Rgb, 7.0), [""; 0], "{name}");
        assert_eq!(texts(Depth::Ansi256, 6.5), [""; 0], "{name}");
    }
}

#[test]
fn what_means_opposite_things_is_told_apart_by_every_eye_in_every_shipped_theme() {
    // By a word and a glyph everywhere; here by colour alone, or with an attribute where there are none or they are as
    // they are loved.
    let by_attribute = ["mono", "catppuccin-mocha"];
    for name in names() {
        let looks = looks(name);
        for depth in [Depth::Rgb, Depth::Ansi256] {
            let close = close_pairs(&looks, depth);
            if by_attribute.contains(&name) {
                assert!(close.iter().all(|pair| pair.attribute), "{name}: {close:?}");
            } else {
                assert!(close.is_empty(), "{name}: {close:?}");
            }
        }
    }
}

#[test]
fn every_state_has_a_look_of_its_own_at_every_depth() {
    for name in names() {
        for (depth, colours) in DEPTHS {
            assert_eq!(same_pairs(&looks(name), depth), [], "{name} with {colours}");
        }
    }
    assert_eq!(
        same_pairs(&looks("mono"), Depth::Mono),
        [],
        "mono tells them apart without colours"
    );
}

#[test]
fn the_check_finds_a_text_that_cannot_be_read_and_names_its_line() {
    let grey = parsed(
        "inherits = \"dark\"\n[roles]\nok = { fg = \"#333333\" }\nwarn = { fg = \"#505050\" }\n",
    );
    let findings = check(&grey);
    let fails: Vec<_> = findings.iter().filter(|finding| finding.fails).collect();
    assert_eq!(fails[0].line, Some(3));
    assert_eq!(
        fails[0].sentence,
        "roles.ok: contrast 1.4:1, needs 4.5:1 (#333333 on #14181d with 24-bit colour)"
    );
    assert!(fails[1].sentence.starts_with("roles.warn: contrast 2.2:1"), "{findings:?}");
    assert_eq!(check(&looks("dark")), []);
}

#[test]
fn the_check_finds_pairs_that_only_some_eyes_tell_apart() {
    let pair =
        "inherits = \"dark\"\n[roles]\nok = { fg = \"#8fa600\" }\ndanger = { fg = \"#e08a30\" }\n";
    let told: Vec<_> = check(&parsed(pair)).into_iter().map(|finding| finding.sentence).collect();
    let has = |beginning: &str| told.iter().any(|sentence| sentence.starts_with(beginning));
    assert!(has("roles.ok and roles.danger look alike to deutan eyes: distance"), "{told:?}");
    assert!(!has("roles.ok and roles.danger look alike to usual eyes"), "{told:?}");
    assert!(!has("roles.ok and roles.danger look alike to tritan eyes"), "{told:?}");
    let bold = pair.replace("\"#e08a30\"", "\"#e08a30\", mods = [\"bold\"]");
    assert!(
        check(&parsed(&bold)).iter().all(|finding| !finding.sentence.starts_with("roles.ok and"))
    );
}

#[test]
fn the_check_finds_roles_that_become_one_look_where_there_are_fewer_colours() {
    let theme = "inherits = \"dark\"\n[palette]\na = { rgb = \"#56b4e9\", c16 = \"cyan\" }\n\
                 b = { rgb = \"#7fd4c1\", c16 = \"cyan\" }\n[roles]\nrunning = { fg = \"a\" }\nok = { fg = \"b\" }\n";
    let told: Vec<_> = check(&parsed(theme)).into_iter().map(|finding| finding.sentence).collect();
    let same = "roles.ok and roles.running have one look with 16 colours".to_owned();
    assert!(told.contains(&same), "{told:?}");
    let sides = told.iter().filter(|sentence| sentence.contains("have one look")).count();
    assert_eq!(sides, 1, "{told:?}");
}

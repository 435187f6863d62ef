//! What holds for every shipped theme on every terminal.

use ratatui::layout::Rect;
use ratatui::style::Modifier;

use super::*;
use crate::console::theme::shipped::SHIPPED;

const DEPTHS: [Depth; 4] = [Depth::Mono, Depth::Ansi16, Depth::Ansi256, Depth::Rgb];

/// Each shipped theme at a depth, with its name.
fn shipped(depth: Depth) -> Vec<(&'static str, Theme)> {
    let library = ThemeLibrary::default();
    let theme = |name: &str| library.load(&name.parse().unwrap()).unwrap();
    let all = SHIPPED.iter().map(|shipped| (shipped.name, theme(shipped.name).looks));
    all.map(|(name, looks)| (name, Theme::new(&looks, depth, Charset::Ascii))).collect()
}

#[test]
fn every_shipped_theme_is_read_and_says_what_it_is() {
    for shipped in SHIPPED {
        let loaded = ThemeLibrary::default().load(&shipped.name.parse().unwrap());
        assert!(loaded.is_ok(), "{}: {}", shipped.name, loaded.unwrap_err());
        assert!(shipped.about().len() > 20, "{}", shipped.name);
    }
}

#[test]
fn no_role_draws_its_text_in_the_colour_behind_it() {
    for depth in DEPTHS {
        for (name, theme) in shipped(depth) {
            for role in Role::ALL {
                let style = theme.style(*role);
                let both = style.fg.zip(style.bg.or(theme.ground.bg));
                assert!(both.is_none_or(|(fg, bg)| fg != bg), "{name}: {role:?} at {depth:?}");
                assert!(!style.add_modifier.contains(Modifier::HIDDEN), "{name}: {role:?}");
            }
        }
    }
}

#[test]
fn without_colour_no_theme_sets_one_and_what_must_stand_out_still_does() {
    for (name, theme) in shipped(Depth::Mono) {
        for role in Role::ALL {
            let style = theme.style(*role);
            assert_eq!((style.fg, style.bg), (None, None), "{name}: {role:?}");
        }
        for role in [Role::Selection, Role::Danger, Role::ButtonFocus, Role::Search, Role::Escape] {
            assert_ne!(theme.style(role), theme.style(Role::Text), "{name}: {role:?}");
        }
        assert_ne!(theme.style(Role::Selection), theme.style(Role::Escape), "{name}");
        let mut buffer = Buffer::empty(Rect::new(0, 0, 2, 1));
        theme.paint(&mut buffer);
        assert_eq!(buffer, Buffer::empty(Rect::new(0, 0, 2, 1)), "{name}");
    }
}

#[test]
fn with_sixteen_colours_no_theme_uses_another_and_with_256_none_beyond_them() {
    for (depth, is_beyond) in [
        (
            Depth::Ansi16,
            (|colour| matches!(colour, Color::Rgb(..) | Color::Indexed(_))) as fn(_) -> _,
        ),
        (Depth::Ansi256, |colour| matches!(colour, Color::Rgb(..))),
    ] {
        for (name, theme) in shipped(depth) {
            let styles = theme.styles.iter().chain([&theme.ground]);
            let mut colours = styles.flat_map(|style| style.fg.into_iter().chain(style.bg));
            assert!(!colours.any(is_beyond), "{name} at {depth:?}");
        }
    }
}

#[test]
fn a_theme_paints_its_own_ground_and_leaves_what_has_a_colour() {
    let (_, dark) = shipped(Depth::Rgb).into_iter().find(|(name, _)| *name == "dark").unwrap();
    let mut buffer = Buffer::empty(Rect::new(0, 0, 2, 1));
    buffer[(1, 0)].fg = Color::Red;
    dark.paint(&mut buffer);
    assert_eq!(
        (Some(buffer[(0, 0)].fg), Some(buffer[(0, 0)].bg)),
        (dark.ground.fg, dark.ground.bg)
    );
    assert_eq!((buffer[(1, 0)].fg, Some(buffer[(1, 0)].bg)), (Color::Red, dark.ground.bg));
    assert_eq!(dark.style(Role::Ok).bg, None, "the ground is there already");
}

#[test]
fn a_log_that_would_write_in_the_colour_of_the_ground_is_written_in_that_of_the_text() {
    let (_, light) = shipped(Depth::Rgb).into_iter().find(|(name, _)| *name == "light").unwrap();
    let white = Style::new().fg(Color::White).add_modifier(Modifier::BOLD);
    assert_eq!(light.readable(white), Style::new().add_modifier(Modifier::BOLD));
    let red = Style::new().fg(Color::Red);
    assert_eq!(light.readable(red), red);
    let on_red = white.bg(Color::Red);
    assert_eq!(light.readable(on_red), on_red);
}

//! What a theme file may say, and how its mistakes are told.

use ratatui::style::{Color, Style};

use super::*;
use crate::terminal::capabilities::Depth;

fn read(text: &str) -> Result<ThemeLooks, String> {
    let parent = |name: &ThemeName| match name.as_str() {
        "dark" => Ok(parse(
            "[palette]\nink = \"#eeeeee\"\n[roles]\ntext = { fg = \"ink\" }\n",
            "dark",
            |_| Err("nothing".to_owned()),
        )
        .unwrap()),
        other => Err(format!("there is no theme {other:?}")),
    };
    parse(text, "my.toml", parent).map_err(|why| why.to_string())
}

#[test]
fn each_mistake_of_a_theme_is_named_with_its_place_and_what_may_be_meant() {
    let cases = [
        (
            "[roles]\nrunnin = \"ok\"",
            "my.toml:2:1: roles.runnin: unknown role; did you mean \"running\"?",
        ),
        (
            "[roles]\nzzz = \"ok\"",
            "my.toml:2:1: roles.zzz: unknown role; `trunkline themes show dark` has every role",
        ),
        (
            "[roles]\nenv.production = { fg = \"red\" }",
            "my.toml:2:1: roles.env: unknown role; write a role with a dot in quotes: \"env.production\"",
        ),
        (
            "[palette]\nsea = \"#56b4e9\"\n[roles]\nok = { fg = \"see\" }",
            "my.toml:4:13: roles.ok.fg: unknown colour \"see\"; did you mean \"sea\"?",
        ),
        (
            "[roles]\nok = { fg = \"gren\" }",
            "my.toml:2:13: roles.ok.fg: unknown colour \"gren\"; did you mean \"green\"?",
        ),
        (
            "[roles]\nok = { gf = \"red\" }",
            "my.toml:2:8: roles.ok.gf: unknown key; did you mean \"fg\"?",
        ),
        (
            "[roles]\nok = \"livee\"",
            "my.toml:2:6: roles.ok: unknown role \"livee\"; did you mean \"live\"?",
        ),
        (
            "[roles]\nok = { mods = [\"blink\"] }",
            "my.toml:2:16: roles.ok.mods: unknown attribute \"blink\"; known: \"bold\", \"dim\", \"italic\", \
             \"underlined\" and \"reversed\"",
        ),
        (
            "[palette]\nsea = { rgb = \"56b4e9\" }",
            "my.toml:2:15: palette.sea.rgb: \"56b4e9\" is not written as \"#rrggbb\"",
        ),
        (
            "[palette]\nsea = { c256 = 7 }",
            "my.toml:2:16: palette.sea.c256: 7 is not a number from 16 to 255\nmy.toml:2:1: ",
        ),
        ("[palete]", "my.toml:1:2: palete: unknown key; did you mean \"palette\"?"),
        ("mode = \"drak\"", "my.toml:1:8: mode: unknown value \"drak\"; did you mean \"dark\"?"),
        ("inherits = \"nope\"", "my.toml:1:12: inherits: there is no theme \"nope\""),
        (
            "inherits = \"../../etc/passwd\"",
            "my.toml:1:12: inherits: \"../../etc/passwd\" is not a name of a theme",
        ),
        ("[roles]\naccent = \"key\"", "my.toml:2:10: roles.accent: leads back to this role"),
        ("[roles\n", "my.toml:1:7: not TOML"),
    ];
    for (text, said) in cases {
        let told = read(text).expect_err(text);
        let lines: Vec<_> = said.lines().collect();
        assert!(lines.iter().all(|line| told.contains(line)), "{text}\n{told}\nnot {said}");
    }
}

#[test]
fn a_theme_says_over_what_it_inherits() {
    let looks = read(
        "inherits = \"dark\"\nmode = \"light\"\n[palette]\nink = { rgb = \"#101010\", c16 = \"black\" }\n\
         [roles]\n\"border.focus\" = { fg = \"#ff0000\", mods = [\"bold\", \"italic\"] }\nlive = \"border.focus\"\n",
    )
    .unwrap();
    let style = |role| looks.style(role, Depth::Rgb);
    assert_eq!(
        style(Role::Text).fg,
        Some(Color::Rgb(0x10, 0x10, 0x10)),
        "the palette counts for the parent too"
    );
    let focus =
        Style::new().fg(Color::Rgb(255, 0, 0)).add_modifier(Modifier::BOLD | Modifier::ITALIC);
    assert_eq!((style(Role::BorderFocus), style(Role::Live)), (focus, focus));
    assert_eq!(looks.style(Role::Text, Depth::Ansi16).fg, Some(Color::Black));
    assert_eq!(looks.mode, ThemeMode::Light);
    assert_eq!((looks.line(Role::Text), looks.line(Role::Live)), (None, Some(7)));
}

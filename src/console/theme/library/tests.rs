//! Which file a theme is read from, and what it inherits.

use ratatui::style::Color;

use super::*;
use crate::console::theme::Role;
use crate::terminal::capabilities::Depth;

fn name(text: &str) -> ThemeName {
    text.parse().unwrap()
}

fn folder_with(files: &[(&str, &str)]) -> (tempfile::TempDir, ThemeLibrary) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let library = ThemeLibrary::new(folder.path().to_owned());
    (folder, library)
}

fn danger(library: &ThemeLibrary, theme: &str) -> Option<Color> {
    library.load(&name(theme)).unwrap().looks.style(Role::Danger, Depth::Rgb).fg
}

#[test]
fn a_file_of_the_user_comes_before_a_shipped_theme_and_may_inherit_the_one_of_its_own_name() {
    let (_folder, library) = folder_with(&[
        ("dark.toml", "inherits = \"dark\"\n[roles]\ndanger = { fg = \"#ff0000\" }\n"),
        ("mine.toml", "inherits = \"dark\"\n"),
    ]);
    let red = Some(Color::Rgb(255, 0, 0));
    assert_eq!((danger(&library, "dark"), danger(&library, "mine")), (red, red));
    assert_ne!(danger(&ThemeLibrary::default(), "dark"), red);
    let ok = library.load(&name("dark")).unwrap().looks.style(Role::Ok, Depth::Rgb);
    let shipped = ThemeLibrary::default().load(&name("dark")).unwrap();
    assert_eq!(
        ok,
        shipped.looks.style(Role::Ok, Depth::Rgb),
        "the rest is that of the shipped one"
    );
}

#[test]
fn themes_that_inherit_each_other_are_a_mistake_with_a_line() {
    let (_folder, library) = folder_with(&[
        ("a.toml", "inherits = \"b\"\n"),
        ("b.toml", "mode = \"dark\"\ninherits = \"a\"\n"),
    ]);
    let told = library.load(&name("a")).unwrap_err().sentence;
    assert!(told.contains("a.toml:1:12: inherits:"), "{told}");
    assert!(told.contains("b.toml:2:12: inherits: the theme \"a\" inherits itself"), "{told}");
}

#[test]
fn a_theme_that_is_not_there_names_the_nearest() {
    let (_folder, library) = folder_with(&[("harbor.toml", "")]);
    let why = |theme: &str| library.load(&name(theme)).unwrap_err().sentence;
    assert_eq!(why("drak"), "there is no theme \"drak\"; did you mean \"dark\"?");
    assert_eq!(why("habor"), "there is no theme \"habor\"; did you mean \"harbor\"?");
    assert_eq!(why("zzz"), "there is no theme \"zzz\"; `trunkline themes list` has all");
}

#[test]
fn only_a_file_that_is_one_and_not_too_large_is_read() {
    let (folder, library) = folder_with(&[("big.toml", &"#".repeat(70_000)), ("latin.toml", "")]);
    fs::create_dir(folder.path().join("folder.toml")).unwrap();
    fs::write(folder.path().join("latin.toml"), b"# \xe9").unwrap();
    let why = |theme: &str| library.load(&name(theme)).unwrap_err().sentence;
    assert!(why("big").ends_with("big.toml: is larger than 64 KiB"), "{}", why("big"));
    assert!(why("folder").ends_with("folder.toml: is not a file"), "{}", why("folder"));
    assert!(why("latin").contains("is not UTF-8"), "{}", why("latin"));
}

#[test]
fn the_list_has_the_shipped_ones_and_those_of_the_user_with_their_mistakes() {
    let (_folder, library) = folder_with(&[
        ("mono.toml", "# Mine\n"),
        ("bad.toml", "[rolls]\n"),
        ("Not a name.toml", ""),
        ("notes.txt", ""),
    ]);
    let offers = library.offers();
    let names: Vec<_> = offers.iter().map(|offer| offer.name.as_str()).collect();
    assert_eq!(names.len(), SHIPPED.len() + 1, "{names:?}");
    assert_eq!(names[names.len() - 2..], ["bad", "mono"]);
    let bad = &offers[names.len() - 2];
    assert!(bad.loaded.as_ref().unwrap_err().sentence.contains("bad.toml:1:2: rolls: unknown key"));
    assert_eq!(offers.last().unwrap().about, "Mine");
    assert!(
        offers[..names.len() - 2].iter().all(|offer| offer.loaded.is_ok() && offer.path.is_none())
    );
}

#[test]
fn a_file_that_changes_appears_or_goes_is_seen() {
    let (folder, library) = folder_with(&[("mine.toml", "inherits = \"dark\"\n")]);
    let loaded = library.load(&name("mine")).unwrap();
    let changed = |loaded: &LoadedTheme| loaded.files.iter().any(SeenFile::has_changed);
    assert_eq!(loaded.files.len(), 2, "its own, and the one that would replace the shipped parent");
    assert!(!changed(&loaded));
    fs::write(folder.path().join("dark.toml"), "inherits = \"dark\"\n").unwrap();
    assert!(changed(&loaded));
    let loaded = library.load(&name("mine")).unwrap();
    fs::remove_file(folder.path().join("mine.toml")).unwrap();
    assert!(changed(&loaded));
    let failure = library.load(&name("mine")).unwrap_err();
    assert!(!failure.files.iter().any(SeenFile::has_changed), "a failure is told once");
    fs::write(folder.path().join("mine.toml"), "").unwrap();
    assert!(failure.files.iter().any(SeenFile::has_changed));
}

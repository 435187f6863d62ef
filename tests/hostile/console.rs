//! The bytes that the real console writes to a real terminal over a repository full of the corpus.

use super::shop::Shop;
use super::wire::Wire;
use trunkline_testing::pty::Pty;

const SIZE: (u16, u16) = (200, 60);
/// How many rows are gone down before the screen is waited for.
const STRIDE: u64 = 10;
/// How many builds a snapshot carries.
const LISTED: u64 = 100;
const CTRL_D: &str = "\x04";
const ESC: &str = "\x1b";

/// Goes down the whole list of builds; each is drawn in the list, and every tenth in the details.
fn reads_the_builds(screen: &mut Pty, newest: u64) {
    for below in 1..LISTED.min(newest) / STRIDE {
        screen.keys(&"j".repeat(usize::try_from(STRIDE).unwrap()));
        screen.shows(&format!("#{} is ", newest - below * STRIDE));
    }
}

fn reads_the_changes(screen: &mut Pty) {
    screen.keys("g");
    screen.keys("d");
    screen.shows(" Changes from ");
    screen.shows("Esc closes");
    for _ in 0..12 {
        screen.keys(CTRL_D);
    }
    screen.keys(ESC);
    screen.hides(" Changes from ");
}

fn reads_the_log(screen: &mut Pty) {
    screen.keys("2");
    screen.keys("4z");
    screen.shows("ENDED");
    screen.keys("g");
    screen.shows("deploy finished in 12.4s");
    for _ in 0..12 {
        screen.keys(CTRL_D);
    }
    screen.keys("G");
    screen.shows("secret cut by a chunk border");
    // This terminal does not join emoji: they stand side by side, and nothing is drawn over what follows.
    screen.shows(&format!("{}\u{1F469} long ZWJ chain", "\u{1F468}".repeat(40)));
    screen.keys("/github");
    screen.shows("search the log github");
    screen.keys("\r");
    screen.keys("n");
    screen.keys("z1");
    screen.shows("2 Production");
}

fn opens_every_dialog(screen: &mut Pty) {
    for (key, title) in [
        ("P", "to PRODUCTION"),
        ("p", "Preview: "),
        ("H", "Hold production"),
        ("F", "Freeze PRODUCTION"),
        ("?", " Help "),
        ("M", " Messages "),
    ] {
        screen.keys(key);
        screen.shows(title);
        screen.keys("\x1b[200~\u{202e}evil\x1b[31m\u{7}\x1b[201~");
        screen.keys(ESC);
        screen.hides(title);
    }
    for key in ["5", "6", "3", "2", "1"] {
        screen.keys(key);
        screen.keys("z");
        screen.keys("z");
    }
}

#[test]
fn the_console_writes_only_sequences_of_its_own_whatever_others_wrote() {
    let shop = Shop::open();
    let mut screen = shop.home.on_terminal(&["console"], SIZE);
    screen.shows(&format!("#{} is ", shop.newest));
    reads_the_builds(&mut screen, shop.newest);
    reads_the_changes(&mut screen);
    reads_the_log(&mut screen);
    opens_every_dialog(&mut screen);
    screen.resize(80, 24);
    screen.shows("? help");
    screen.resize(20, 5);
    screen.shows("PROD");
    screen.resize(120, 40);
    screen.shows("? help");
    let inside = screen.screen();
    assert!(inside.alternate_screen() && inside.hide_cursor() && inside.bracketed_paste());
    assert!(!inside.application_cursor() && !inside.application_keypad());
    assert_eq!(inside.mouse_protocol_mode(), vt100::MouseProtocolMode::None);
    screen.keys("q");
    screen.keys("q");
    assert_eq!(screen.exit_code(), 0);
    assert!(screen.is_restored());
    let wire = Wire::read(&screen.bytes());
    assert_eq!(wire.strange, [""; 0]);
    assert!(!wire.titles.is_empty());
    assert!(wire.titles.iter().all(|title| title == "shop - trunkline"), "{:?}", wire.titles);
}

#[test]
fn a_foreign_sequence_is_told_from_ours() {
    let ours =
        "\x1b[?1049h\x1b[?25l\x1b[1;31mred\x1b[0m\x1b[10;20Hthere\x1b[2J\x1b]2;shop\x07\x1b[22;2t";
    assert_eq!(Wire::read(ours.as_bytes()).strange, [""; 0]);
    for foreign in [
        "\x1b[6n",
        "\x1b]52;c;QUFB\x07",
        "\x1b]0;owned\x07",
        "\x1bPq\x1b\\",
        "\x1b_Ga=T\x1b\\",
        "\x1bc",
        "\x1b[?1000h",
        "\x1b[3A",
        "\x1b[21t",
        "\u{9b}31m",
        "\u{202e}",
        "\x08",
    ] {
        assert_ne!(Wire::read(foreign.as_bytes()).strange, [""; 0], "{foreign:?}");
    }
}

//! What fingers, cats and pastes do to a keyboard: one flood, as events for the loop and as bytes for a terminal.

use crossterm::event::{Event, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use trunkline::console::actions::ACTIONS;

use trunkline_testing::console::key;
use trunkline_testing::dice::Dice;

/// One thing that arrives from the keyboard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Press {
    /// By its name, as in the table of actions.
    Key(String),
    Paste(String),
    Mouse(u16, u16),
    Focus(bool),
    /// Bytes that are no key: cut sequences, invalid UTF-8, answers to questions that nobody asked.
    Garbage(&'static [u8]),
}

/// What leads closest to a button: each opens a dialog and goes for it.
const TEMPTATIONS: [&[&str]; 16] = [
    &["P", "right", "enter"],
    &["P", "tab", "enter", "enter"],
    &["R", "right", "enter"],
    &["!", "enter"],
    &["!", "enter", "enter", "enter"],
    &["V", "right", "enter"],
    &["V", "up", "enter"],
    &["H", "up", "o", "h", "enter", "enter", "enter"],
    &["F", "up", "up", "w", "enter", "2", "h", "enter", "enter", "enter"],
    &["X", "up", "n", "o", "tab", "tab", "enter"],
    &[":", "enter", "right", "enter", "enter"],
    &[":", "p", "r", "o", "m", "enter", "right", "enter"],
    &[":", "e", "m", "e", "r", "g", "enter", "enter", "enter"],
    &[":", "r", "o", "l", "l", "tab", "enter", "right", "enter"],
    &["a", "P", "right", "enter"],
    &["a", "down", "down", "down", "enter", "right", "enter"],
];

const GARBAGE: [&[u8]; 12] = [
    b"\x1b",
    b"\x1b[",
    b"\x1b[1;",
    b"\x1b[200",
    b"\x1bO",
    b"\xff\xfe\x80",
    b"\xc3",
    b"\xe2\x82",
    b"\x00",
    b"\x1b[12;40R",
    b"\x1b]11;rgb:0000/0000/0000\x07",
    b"\x1bP1$r0m\x1b\\",
];

/// What somebody had in the clipboard.
const CLIPBOARDS: [&str; 7] = [
    "\r\r\r\r",
    "y\rP\r\n!\r",
    "3\n",
    "a reason\r3\r\r\r",
    "\x1b[C\r\x1b[C\r",
    "x\x1b[201~\r!\r\r",
    "\x1b[201~P\x1b[C\r\r",
];

/// Keys that end or stop the console, which a flood must outlive.
const WAYS_OUT: [&str; 3] = ["q", "ctrl-c", "ctrl-z"];

pub fn flood(dice: &mut Dice, length: usize) -> Vec<Press> {
    let keys = ACTIONS.iter().flat_map(|entry| entry.keys).copied();
    let keys: Vec<&str> = keys.filter(|key| !WAYS_OUT.contains(key)).collect();
    let mut flood = Vec::new();
    while flood.len() < length {
        match dice.below(20) {
            0..=4 => flood.extend(dice.pick(&TEMPTATIONS).iter().map(|key| named(key))),
            5..=8 => flood.push(named(dice.one_of(&keys))),
            9..=10 => flood.extend(vec![named("enter"); 1 + dice.below(30)]),
            11 => flood.extend(vec![named(dice.one_of(&keys)); 1 + dice.below(10)]),
            12..=13 => flood.push(named(dice.one_of(&["left", "right", "up", "down", "tab"]))),
            14 => flood.push(named(dice.one_of(&["3", "4", "1", "a", "ü", "ctrl-w", "del"]))),
            15 => flood.push(Press::Paste(clipboard(dice))),
            16 => flood.push(Press::Mouse(40, 20)),
            17 => flood.push(Press::Focus(dice.below(2) == 0)),
            18 => flood.push(Press::Garbage(dice.one_of(&GARBAGE))),
            _ => flood.push(named("enter")),
        }
    }
    flood
}

fn clipboard(dice: &mut Dice) -> String {
    match dice.below(40) {
        // Where its beginning was cut off, each of these is a key.
        0 => "!\rP".repeat(500),
        1 => "\r".repeat(1 << 11),
        _ => dice.one_of(&CLIPBOARDS).to_owned(),
    }
}

fn named(key: &str) -> Press {
    Press::Key(key.to_owned())
}

impl Press {
    /// As the loop gets it; garbage does not get that far.
    pub fn event(&self) -> Option<Event> {
        Some(match self {
            Self::Key(name) => Event::Key(key(name)),
            Self::Paste(text) => Event::Paste(text.clone()),
            Self::Mouse(column, row) => Event::Mouse(MouseEvent {
                kind: MouseEventKind::Down(MouseButton::Left),
                column: *column,
                row: *row,
                modifiers: KeyModifiers::NONE,
            }),
            Self::Focus(true) => Event::FocusGained,
            Self::Focus(false) => Event::FocusLost,
            Self::Garbage(_) => return None,
        })
    }

    /// As a terminal sends it. A clipboard may hold what ends a paste, and then the rest of it is typed.
    pub fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Key(name) => sent(name),
            Self::Paste(text) => [b"\x1b[200~", text.as_bytes(), b"\x1b[201~"].concat(),
            Self::Mouse(column, row) => format!("\x1b[<0;{column};{row}M").into_bytes(),
            Self::Focus(gained) => format!("\x1b[{}", if *gained { 'I' } else { 'O' }).into_bytes(),
            Self::Garbage(bytes) => bytes.to_vec(),
        }
    }
}

fn sent(name: &str) -> Vec<u8> {
    if let Some(letter) = name.strip_prefix("ctrl-") {
        return vec![letter.as_bytes()[0] & 0x1f];
    }
    let sequence = match name {
        "enter" => "\r",
        "esc" => "\x1b",
        "tab" => "\t",
        "shift-tab" => "\x1b[Z",
        "up" => "\x1b[A",
        "down" => "\x1b[B",
        "right" => "\x1b[C",
        "left" => "\x1b[D",
        "home" => "\x1b[H",
        "end" => "\x1b[F",
        "pgup" => "\x1b[5~",
        "pgdn" => "\x1b[6~",
        "del" => "\x1b[3~",
        "space" => " ",
        "f1" => "\x1bOP",
        letter => letter,
    };
    sequence.as_bytes().to_vec()
}

//! Parses one escape sequence: where it ends, and whether it sets colours, is removed, or is shown.

use std::fmt;

use super::classes::{is_hidden, is_mark};
use super::escape::Escape;
use super::utf8::Unit;

/// The most units of a control sequence after the ESC. A longer one is cut.
const CSI_UNITS: usize = 64;
/// The most units of a string (OSC, DCS, APC, PM, SOS).
const STRING_UNITS: usize = 4096;
/// The most units of one sequence that are shown.
const SHOWN: usize = 64;

pub const ESC: char = '\u{1B}';
const BEL: char = '\u{7}';
const CAN: char = '\u{18}';
const SUB: char = '\u{1A}';

/// The effect of a unit on the sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The sequence continues.
    More,
    /// The unit completes the sequence.
    Complete,
    /// The sequence is cut after this unit.
    Full,
    /// The sequence is broken off before this unit.
    Broken,
    /// The sequence is broken off before the ESC that precedes this unit.
    BrokenAtEscape,
}

/// What to do with a sequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SequenceVerdict {
    /// It sets colours with these parameters.
    Colour(String),
    /// It is cosmetic and is removed.
    Remove,
    Show,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SequenceKind {
    /// ESC, and intermediates if any.
    Escape,
    Control,
    /// `bel` ends an OSC only.
    String {
        bel: bool,
        closing: bool,
    },
}

/// The sequence so far, ESC included.
#[derive(Debug, Clone)]
pub struct Sequence {
    kind: SequenceKind,
    units: Vec<Unit>,
}

impl Sequence {
    /// A sequence after its ESC.
    pub fn start() -> Self {
        let mut units = Vec::with_capacity(16);
        units.push(Unit::Char(ESC));
        Self { kind: SequenceKind::Escape, units }
    }

    pub fn push(&mut self, unit: Unit) -> Step {
        match self.kind {
            SequenceKind::Escape => self.in_escape(unit),
            SequenceKind::Control => self.in_control(unit),
            SequenceKind::String { bel, closing } => self.in_string(unit, bel, closing),
        }
    }

    /// What to do with the complete sequence.
    pub fn verdict(&self) -> SequenceVerdict {
        let body: String = self.units[1..].iter().map(|unit| unit.char()).collect();
        match self.kind {
            SequenceKind::Escape if matches!(body.as_str(), "(B" | ")B") => SequenceVerdict::Remove,
            SequenceKind::Control => control_verdict(body.strip_prefix('[').unwrap_or(&body)),
            SequenceKind::String { bel: true, .. } => {
                osc_verdict(body.strip_prefix(']').unwrap_or(&body))
            }
            SequenceKind::Escape | SequenceKind::String { bel: false, .. } => SequenceVerdict::Show,
        }
    }

    /// True if the last unit was an ESC that may start the string's terminator.
    pub fn has_open_escape(&self) -> bool {
        matches!(self.kind, SequenceKind::String { closing: true, .. })
    }

    fn in_escape(&mut self, unit: Unit) -> Step {
        let Unit::Char(c) = unit else { return Step::Broken };
        let after_esc = self.units.len() == 1;
        match c {
            '[' if after_esc => self.turn(unit, SequenceKind::Control),
            ']' if after_esc => self.turn(unit, SequenceKind::String { bel: true, closing: false }),
            'P' | '_' | '^' | 'X' if after_esc => {
                self.turn(unit, SequenceKind::String { bel: false, closing: false })
            }
            ' '..='/' => self.add(unit, CSI_UNITS),
            '0'..='~' => self.complete(unit),
            _ => Step::Broken,
        }
    }

    fn in_control(&mut self, unit: Unit) -> Step {
        match unit {
            Unit::Char('@'..='~') => self.complete(unit),
            Unit::Char(' '..='?') => self.add(unit, CSI_UNITS),
            _ => Step::Broken,
        }
    }

    fn in_string(&mut self, unit: Unit, bel: bool, closing: bool) -> Step {
        match unit {
            Unit::Char('\\') if closing => {
                self.units.push(Unit::Char(ESC));
                self.complete(unit)
            }
            _ if closing => Step::BrokenAtEscape,
            Unit::Char(BEL) if bel => self.complete(unit),
            Unit::Char(ESC) => {
                self.kind = SequenceKind::String { bel, closing: true };
                Step::More
            }
            Unit::Char('\n' | CAN | SUB) => Step::Broken,
            _ => self.add(unit, STRING_UNITS),
        }
    }

    fn turn(&mut self, unit: Unit, kind: SequenceKind) -> Step {
        self.kind = kind;
        self.units.push(unit);
        Step::More
    }

    fn complete(&mut self, unit: Unit) -> Step {
        self.units.push(unit);
        Step::Complete
    }

    fn add(&mut self, unit: Unit, limit: usize) -> Step {
        self.units.push(unit);
        if self.units.len() > limit { Step::Full } else { Step::More }
    }
}

/// Shows the sequence as visible text. Of a long one, shows the start and the number of further units.
impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for unit in self.units.iter().take(SHOWN) {
            match *unit {
                Unit::Char(c) if is_hidden(c) || is_mark(c) => write!(f, "{}", Escape::Char(c))?,
                Unit::Char(c) => write!(f, "{c}")?,
                Unit::Byte(byte) => write!(f, "{}", Escape::Byte(byte))?,
            }
        }
        match self.units.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, "<+{more} more>"),
        }
    }
}

/// The verdict on a control sequence. `body` is the text after the introducer, with the final character.
pub fn control_verdict(body: &str) -> SequenceVerdict {
    let Some((end, last)) = body.char_indices().next_back() else { return SequenceVerdict::Show };
    let parameters = &body[..end];
    let plain = parameters.chars().all(|c| matches!(c, '0'..=';'));
    match last {
        'm' if plain => SequenceVerdict::Colour(parameters.to_owned()),
        'h' | 'l' if matches!(parameters, "?25" | "?7" | "?12" | "?2026") => {
            SequenceVerdict::Remove
        }
        '@' | 'A'..='M' | 'P' | 'S' | 'T' | 'X' | 'Z' | '`' | 'a' | 'd' | 'e' | 'f' | 's' | 'u'
            if plain =>
        {
            SequenceVerdict::Remove
        }
        _ => SequenceVerdict::Show,
    }
}

/// The verdict on an OSC. `body` is the text after the introducer, with the terminator.
fn osc_verdict(body: &str) -> SequenceVerdict {
    let payload = body.strip_suffix(BEL).or_else(|| body.strip_suffix("\u{1B}\\")).unwrap_or(body);
    let number = payload.split(';').next().unwrap_or_default();
    let cosmetic = matches!(number, "0" | "1" | "2" | "7" | "8" | "133");
    if cosmetic && !payload.chars().any(char::is_control) {
        SequenceVerdict::Remove
    } else {
        SequenceVerdict::Show
    }
}

impl Unit {
    /// The character. A byte that is not UTF-8 counts as a control character.
    fn char(self) -> char {
        match self {
            Self::Char(c) => c,
            Self::Byte(_) => '\u{80}',
        }
    }
}

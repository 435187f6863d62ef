//! The glyphs of the screen, one column wide each, for terminals with and without Unicode.

use ratatui::symbols::border;

use crate::domain::words::measures;
use crate::terminal::capabilities::Charset;

/// One column each; words next to them carry the meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Symbols {
    /// In front of the selected row.
    pub cursor: &'static str,
    pub live: &'static str,
    pub ok: &'static str,
    pub failed: &'static str,
    pub running: &'static str,
    pub queued: &'static str,
    pub superseded: &'static str,
    pub verified: &'static str,
    pub rolled_back: &'static str,
    pub warn: &'static str,
    pub frozen: &'static str,
    pub held: &'static str,
    pub arrow: &'static str,
    /// In front of how many newer rows are out of sight.
    pub newer: &'static str,
    pub separator: &'static str,
    /// In front of a log line that came from standard error.
    pub stderr: &'static str,
    /// In front of what goes on from the row above.
    pub wrapped: &'static str,
    /// Stands for what was cut off. The only one that is wider where there is no Unicode.
    pub ellipsis: &'static str,
    pub border: border::Set<'static>,
    pub border_focus: border::Set<'static>,
    /// A cell of a progress bar, from empty to full.
    pub progress: &'static [&'static str],
    /// The blocks of a sparkline, the lowest first.
    pub bars: [char; 8],
}

impl Symbols {
    #[must_use]
    pub fn of(charset: Charset) -> Self {
        match charset {
            Charset::Unicode => UNICODE,
            Charset::Ascii => ASCII,
        }
    }
}

const UNICODE: Symbols = Symbols {
    cursor: "▸",
    live: "●",
    ok: "✓",
    failed: "✗",
    running: "►",
    queued: "○",
    superseded: "·",
    verified: "✓",
    rolled_back: "↶",
    warn: "!",
    frozen: "◆",
    held: "■",
    arrow: "→",
    newer: "↑",
    separator: "·",
    stderr: "▏",
    wrapped: "↪",
    ellipsis: "…",
    border: border::ROUNDED,
    border_focus: border::THICK,
    progress: &["░", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"],
    bars: measures::BLOCKS,
};

const ASCII: Symbols = Symbols {
    cursor: ">",
    live: "*",
    ok: "+",
    failed: "x",
    running: ">",
    queued: "o",
    superseded: "-",
    verified: "v",
    rolled_back: "<",
    warn: "!",
    frozen: "#",
    held: "=",
    arrow: ">",
    newer: "^",
    separator: "-",
    stderr: "|",
    wrapped: "\\",
    ellipsis: "...",
    border: ascii_border("-"),
    border_focus: ascii_border("="),
    progress: &["-", "#"],
    bars: measures::ASCII_BLOCKS,
};

const fn ascii_border(horizontal: &'static str) -> border::Set<'static> {
    border::Set {
        top_left: "+",
        top_right: "+",
        bottom_left: "+",
        bottom_right: "+",
        vertical_left: "|",
        vertical_right: "|",
        horizontal_top: horizontal,
        horizontal_bottom: horizontal,
    }
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthStr;

    use super::*;

    fn all(symbols: &Symbols) -> Vec<&'static str> {
        let Symbols { border: b, border_focus: f, .. } = symbols;
        let mut all = symbols.progress.to_vec();
        all.extend([symbols.cursor, symbols.live, symbols.ok, symbols.failed, symbols.running]);
        all.extend([symbols.queued, symbols.superseded, symbols.verified, symbols.rolled_back]);
        all.extend([symbols.warn, symbols.frozen, symbols.held, symbols.arrow, symbols.separator]);
        all.extend([symbols.stderr, symbols.wrapped, symbols.newer]);
        for set in [b, f] {
            all.extend([set.top_left, set.top_right, set.bottom_left, set.bottom_right]);
            all.extend([set.vertical_left, set.vertical_right]);
            all.extend([set.horizontal_top, set.horizontal_bottom]);
        }
        all
    }

    #[test]
    fn every_symbol_is_one_column_wide() {
        for symbol in all(&UNICODE).into_iter().chain(all(&ASCII)).chain([UNICODE.ellipsis]) {
            assert_eq!(symbol.width(), 1, "{symbol:?}");
        }
    }

    #[test]
    fn the_ascii_symbols_are_ascii() {
        assert!(all(&ASCII).iter().all(|symbol| symbol.is_ascii()));
        assert!(ASCII.ellipsis.is_ascii());
    }
}

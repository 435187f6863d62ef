//! `trunkline themes preview`: what each role looks like in this terminal, and its name in plain text.

use ratatui::style::Style;

use crate::cli::error::CliError;
use crate::cli::output::Output;
use crate::cli::{Global, appearance};
use crate::config::appearance::ThemeName;
use crate::console::theme::{Role, Theme};
use crate::terminal::capabilities::Depth;

/// The columns of a name, and of a whole line.
const NAME: usize = 16;
const LINE: usize = 72;

pub fn run(global: &Global, name: Option<ThemeName>) -> Result<(), CliError> {
    let name = name.map_or_else(|| appearance::theme_name(global), Ok)?;
    let loaded = appearance::library()?.load(&name);
    let looks = loaded.map_err(|why| CliError::usage(why.sentence))?.looks;
    let terminal = appearance::terminal();
    let theme = Theme::new(&looks, terminal.depth, terminal.charset);
    let out = Output::new();
    let colours = match terminal.depth {
        Depth::Mono => "without colours",
        Depth::Ansi16 => "with 16 colours",
        Depth::Ansi256 => "with 256 colours",
        Depth::Rgb => "with 24-bit colour",
    };
    out.line(format!("{name}, {colours}"))?;
    Role::ALL.iter().try_for_each(|role| line(out, &theme, *role))
}

fn line(out: Output, theme: &Theme, role: Role) -> Result<(), CliError> {
    let on_ground = |style: Style| theme.ground().patch(style);
    let sample = format!(" {} ", role.about());
    let rest = LINE.saturating_sub(NAME + 1 + sample.len());
    out.styled(&[
        (format!(" {:NAME$}", role.name()), on_ground(theme.style(Role::Muted))),
        (sample, on_ground(theme.style(role))),
        (" ".repeat(rest), theme.ground()),
    ])
}

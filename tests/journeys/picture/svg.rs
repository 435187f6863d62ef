//! A terminal's screen as an SVG file: words stand on the grid of cells, and frames are lines that join.

use std::fmt::Write as _;

use vt100::Screen;

use super::look::{BACKGROUND, Look};
use super::shape::{self, Shape};

/// The size of a cell; odd, so that the middle of a line one pixel wide falls on a pixel.
pub const CELL: (f32, f32) = (9.0, 19.0);
/// Between the edge of the picture and the first cell.
pub const MARGIN: f32 = 14.0;
/// How far below the top of its cell a character stands.
const BASELINE: f32 = 14.0;
const FONT: &str = "ui-monospace, SFMono-Regular, 'JetBrains Mono', Menlo, Consolas, 'DejaVu Sans Mono', 'Liberation Mono', monospace";

/// One place of the grid and what stands there.
struct Placed {
    column: u16,
    text: String,
    look: Look,
    shape: Option<Shape>,
}

/// The picture of a screen; `title` is what is read out to those who cannot see it.
pub fn draw(screen: &Screen, title: &str) -> String {
    let (rows, columns) = screen.size();
    let (width, height) = size(columns.get(), rows.get());
    let title = escaped(title);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" role=\"img\">\n\
         <title>{title}</title>\n\
         <rect width=\"{width}\" height=\"{height}\" rx=\"10\" fill=\"{BACKGROUND}\"/>\n\
         <g font-family=\"{FONT}\" font-size=\"15\">\n"
    );
    for row in 0..rows.get() {
        draw_row(&mut svg, row, &placed(screen, row, columns.get()));
    }
    svg.push_str("</g>\n</svg>\n");
    svg
}

/// How large the picture of so many cells is.
pub fn size(columns: u16, rows: u16) -> (f32, f32) {
    (f32::from(columns) * CELL.0 + 2.0 * MARGIN, f32::from(rows) * CELL.1 + 2.0 * MARGIN)
}

fn placed(screen: &Screen, row: u16, columns: u16) -> Vec<Placed> {
    let cursor = (!screen.hide_cursor()).then(|| screen.cursor_position());
    let cells = (0..columns).filter_map(|column| Some((column, screen.cell(row, column)?)));
    cells
        .filter(|(_, cell)| !cell.is_wide_continuation())
        .map(|(column, cell)| {
            let text = cell.contents().to_owned();
            let look = Look::of(cell, cursor == Some((row, column)));
            let shape = shape::of(&text);
            Placed { column, text, look, shape }
        })
        .collect()
}

fn draw_row(svg: &mut String, row: u16, cells: &[Placed]) {
    let top = MARGIN + f32::from(row) * CELL.1;
    svg.push_str("<g>\n");
    for run in cells.chunk_by(|a, b| a.look.background == b.look.background) {
        draw_background(svg, top, run);
    }
    for run in cells.chunk_by(|a, b| a.shape.is_some() == b.shape.is_some() && a.look == b.look) {
        draw_shapes(svg, top, run);
    }
    for word in cells.chunk_by(|a, b| is_letter(a) && is_letter(b) && a.look == b.look) {
        draw_word(svg, top, word);
    }
    svg.push_str("</g>\n");
}

fn draw_background(svg: &mut String, top: f32, run: &[Placed]) {
    let Some(colour) = run[0].look.background else { return };
    let (x, width) = (left(&run[0]), f32::from(columns(run)) * CELL.0);
    writeln!(
        svg,
        "<rect x=\"{x}\" y=\"{top}\" width=\"{width}\" height=\"{}\" fill=\"{colour}\"/>",
        CELL.1
    )
    .expect("a string takes everything");
}

fn draw_shapes(svg: &mut String, top: f32, run: &[Placed]) {
    let colour = run[0].look.foreground;
    let mut at = 0;
    while let Some(shape) = run.get(at).and_then(|cell| cell.shape.as_ref()) {
        // Neighbours of one kind are drawn in one go, so that no seam shows between them.
        let same = run[at..].iter().take_while(|cell| cell.shape.as_ref() == Some(shape)).count();
        let (x, count) = (left(&run[at]), if shape.runs_on() { same } else { 1 });
        let width = f32::from(u16::try_from(count).expect("a row is short")) * CELL.0;
        shape.draw(svg, (x, top), width, colour);
        at += count;
    }
}

/// Each letter has its own place, since nobody knows how wide the reader's font is.
fn draw_word(svg: &mut String, top: f32, word: &[Placed]) {
    if !is_written(&word[0]) {
        return;
    }
    let places: Vec<_> = word.iter().map(|cell| left(cell).to_string()).collect();
    let text: String = word.iter().map(|cell| cell.text.as_str()).collect();
    let look = word[0].look;
    writeln!(
        svg,
        "<text x=\"{}\" y=\"{}\" fill=\"{}\"{}>{}</text>",
        places.join(" "),
        top + BASELINE,
        look.foreground,
        look.weight(),
        escaped(&text)
    )
    .expect("a string takes everything");
}

/// Whether it is written rather than drawn.
fn is_written(cell: &Placed) -> bool {
    cell.shape.is_none() && !cell.text.trim().is_empty()
}

/// Whether it can stand in a word. What is made of several characters stands alone, since it has one place for them.
fn is_letter(cell: &Placed) -> bool {
    is_written(cell) && cell.text.chars().count() == 1
}

fn left(cell: &Placed) -> f32 {
    MARGIN + f32::from(cell.column) * CELL.0
}

fn columns(run: &[Placed]) -> u16 {
    let last = run.last().map_or(0, |cell| cell.column);
    last - run[0].column + 1
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

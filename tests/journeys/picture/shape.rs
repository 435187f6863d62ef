//! What is drawn instead of written: frames and bars, which no font joins without gaps.

use std::fmt::Write as _;

use super::look::Rgb;
use super::svg::CELL;

/// How thick the line from the middle of a cell to one of its edges is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
pub enum Arm {
    None,
    Light,
    Heavy,
}

/// How far a line reaches into the cell below, so that no seam shows where they meet.
const OVERLAP: f32 = 0.5;

use Arm::{Heavy, Light, None as Off};

#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// Lines to the top, right, bottom and left.
    Cross([Arm; 4]),
    /// A rounded corner between the horizontal edge in this direction and the vertical one in that.
    Round(f32, f32),
    /// A filled part of the cell, from its left or its bottom edge: how wide, how high, how opaque.
    Block(f32, f32, f32),
}

const CROSSES: &[(char, [Arm; 4])] = &[
    ('─', [Off, Light, Off, Light]),
    ('│', [Light, Off, Light, Off]),
    ('┌', [Off, Light, Light, Off]),
    ('┐', [Off, Off, Light, Light]),
    ('└', [Light, Light, Off, Off]),
    ('┘', [Light, Off, Off, Light]),
    ('├', [Light, Light, Light, Off]),
    ('┤', [Light, Off, Light, Light]),
    ('┬', [Off, Light, Light, Light]),
    ('┴', [Light, Light, Off, Light]),
    ('┼', [Light, Light, Light, Light]),
    ('━', [Off, Heavy, Off, Heavy]),
    ('┃', [Heavy, Off, Heavy, Off]),
    ('┏', [Off, Heavy, Heavy, Off]),
    ('┓', [Off, Off, Heavy, Heavy]),
    ('┗', [Heavy, Heavy, Off, Off]),
    ('┛', [Heavy, Off, Off, Heavy]),
];

const ROUND: &[(char, f32, f32)] =
    &[('╭', 1.0, 1.0), ('╮', -1.0, 1.0), ('╰', 1.0, -1.0), ('╯', -1.0, -1.0)];

/// The shape that a character stands for.
pub fn of(text: &str) -> Option<Shape> {
    let mut characters = text.chars();
    let (Some(character), None) = (characters.next(), characters.next()) else { return None };
    let cross = CROSSES.iter().find(|(known, _)| *known == character);
    let round = ROUND.iter().find(|(known, ..)| *known == character);
    cross
        .map(|(_, arms)| Shape::Cross(*arms))
        .or_else(|| round.map(|(_, x, y)| Shape::Round(*x, *y)))
        .or_else(|| block(character))
}

fn block(character: char) -> Option<Shape> {
    let eighths = |number: u32| f32::from(u8::try_from(number).expect("at most eight")) / 8.0;
    match character {
        '▁'..='█' => Some(Shape::Block(1.0, eighths(character as u32 - 0x2580), 1.0)),
        '▉'..='▏' => Some(Shape::Block(eighths(0x2590 - character as u32), 1.0, 1.0)),
        '░' => Some(Shape::Block(1.0, 1.0, 0.22)),
        '▒' => Some(Shape::Block(1.0, 1.0, 0.45)),
        '▓' => Some(Shape::Block(1.0, 1.0, 0.7)),
        _ => None,
    }
}

impl Shape {
    /// Whether several of it side by side are one wider shape.
    pub fn runs_on(&self) -> bool {
        match self {
            Self::Cross([up, _, down, _]) => (up, down) == (&Off, &Off),
            Self::Round(..) => false,
            Self::Block(wide, ..) => *wide >= 1.0,
        }
    }

    /// Draws it with its upper left corner here, over so many pixels.
    pub fn draw(&self, svg: &mut String, (x, y): (f32, f32), width: f32, colour: Rgb) {
        match self {
            Self::Cross(arms) => {
                for weight in [Light, Heavy] {
                    cross(svg, (x, y), width, arms.map(|arm| arm == weight), (weight, colour));
                }
            }
            Self::Round(right, down) => round(svg, (x, y), (*right, *down), colour),
            Self::Block(wide, high, opacity) => {
                let (width, height) = (width * wide, CELL.1 * high);
                let y = y + CELL.1 - height;
                writeln!(
                    svg,
                    "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" fill=\"{colour}\" fill-opacity=\"{opacity}\"/>"
                )
                .expect("a string takes everything");
            }
        }
    }
}

fn cross(
    svg: &mut String,
    (x, y): (f32, f32),
    width: f32,
    [up, right, down, left]: [bool; 4],
    (weight, colour): (Arm, Rgb),
) {
    let (middle_x, middle_y) = (x + CELL.0 / 2.0, y + CELL.1 / 2.0);
    // A line that ends in the middle goes on by half its thickness, so that corners are full.
    let over = thickness(weight) / 2.0;
    let mut path = String::new();
    if left || right {
        let from = if left { x } else { middle_x - over };
        let to = if right { x + width } else { middle_x + over };
        write!(path, "M{from} {middle_y}H{to}").expect("a string takes everything");
    }
    if up || down {
        let from = if up { y } else { middle_y - over };
        let to = if down { y + CELL.1 + OVERLAP } else { middle_y + over };
        write!(path, "M{middle_x} {from}V{to}").expect("a string takes everything");
    }
    stroke(svg, &path, thickness(weight), colour);
}

fn round(svg: &mut String, (x, y): (f32, f32), (right, down): (f32, f32), colour: Rgb) {
    let (half_x, half_y) = (CELL.0 / 2.0, CELL.1 / 2.0);
    let (middle_x, middle_y) = (x + half_x, y + half_y);
    let (edge_x, edge_y) =
        (middle_x + half_x * right, middle_y + half_y * down + OVERLAP * down.max(0.0));
    let turn = middle_y + half_x * down;
    let path = format!("M{edge_x} {middle_y}Q{middle_x} {middle_y} {middle_x} {turn}V{edge_y}");
    stroke(svg, &path, thickness(Light), colour);
}

fn stroke(svg: &mut String, path: &str, thickness: f32, colour: Rgb) {
    if !path.is_empty() {
        writeln!(
            svg,
            "<path d=\"{path}\" stroke=\"{colour}\" stroke-width=\"{thickness}\" fill=\"none\"/>"
        )
        .expect("a string takes everything");
    }
}

fn thickness(weight: Arm) -> f32 {
    match weight {
        Off => 0.0,
        Light => 1.0,
        Heavy => 2.4,
    }
}

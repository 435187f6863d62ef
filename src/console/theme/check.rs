//! Whether a theme can be read: the contrast of each role, pairs that mean opposite things to every eye, and roles that become
//! one look where there are fewer colours.

mod contrast;
mod vision;

use ratatui::style::{Color, Modifier, Style};

use self::contrast::contrast;
use self::vision::Vision;
use super::looks::{ThemeLooks, ThemeMode};
use super::role::Role;
use crate::gate::palette::{Rgb, rgb};
use crate::terminal::capabilities::Depth;

/// The least contrast of a text, and of a frame.
pub const TEXT_CONTRAST: f64 = 4.5;
pub const FRAME_CONTRAST: f64 = 3.0;
/// The least distance of two colours that mean opposite things.
pub const APART: f64 = 10.0;

/// What means opposite things. A word and a glyph beside each tell it too, on every screen.
pub const OPPOSITES: [(Role, Role); 5] = [
    (Role::Ok, Role::Danger),
    (Role::Live, Role::Danger),
    (Role::DiffAdd, Role::DiffDel),
    (Role::Running, Role::Frozen),
    (Role::Warn, Role::Ok),
];

/// States that each have a look of their own.
pub const STATES: [Role; 7] =
    [Role::Danger, Role::Warn, Role::Ok, Role::Running, Role::Frozen, Role::Hold, Role::Unknown];

/// The depths with colours, the most first.
const DEPTHS: [(Depth, &str); 3] =
    [(Depth::Rgb, "24-bit colour"), (Depth::Ansi256, "256 colours"), (Depth::Ansi16, "16 colours")];

/// Something that is hard to read or to tell apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThemeFinding {
    /// Whether the theme fails by it.
    pub fails: bool,
    /// The line in the file of the theme, if that decides it.
    pub line: Option<usize>,
    pub sentence: String,
}

/// A text and its background.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DrawnColours {
    pub text: Rgb,
    pub background: Rgb,
    /// Whether both are said by the theme. A terminal gives its sixteen colours and its background any value.
    pub is_sure: bool,
}

/// Two roles that are close to each other for some eye.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClosePair {
    pub roles: (Role, Role),
    pub vision: Vision,
    pub depth: Depth,
    pub distance: f64,
    /// Whether they differ by an attribute, such as bold.
    pub attribute: bool,
}

/// All that is hard to read or to tell apart in a theme, in the order of its lines.
#[must_use]
pub fn check(looks: &ThemeLooks) -> Vec<ThemeFinding> {
    let mut findings: Vec<_> = Role::ALL.iter().filter_map(|role| weak(looks, *role)).collect();
    findings.extend(close(looks));
    findings.extend(same(looks));
    findings.sort_by_key(|finding| (!finding.fails, finding.line));
    findings
}

/// What a role needs.
#[must_use]
pub fn needed(role: Role) -> f64 {
    match role {
        Role::Border | Role::BorderFocus | Role::Dialog | Role::DialogDanger => FRAME_CONTRAST,
        _ => TEXT_CONTRAST,
    }
}

/// The least contrast of a role on the backgrounds that the theme is for, and what it is on.
#[must_use]
pub fn least_contrast(looks: &ThemeLooks, role: Role, depth: Depth) -> (f64, DrawnColours) {
    let grounds = grounds(looks, depth);
    let drawn = grounds.into_iter().map(|ground| drawn(looks.style(role, depth), ground));
    let contrast = |colours: DrawnColours| (contrast(colours.text, colours.background), colours);
    let least = drawn.map(contrast).min_by(|(one, _), (other, _)| one.total_cmp(other));
    least.expect("a theme is for some background")
}

/// The pairs that mean opposite things and are too close to each other.
#[must_use]
pub fn close_pairs(looks: &ThemeLooks, depth: Depth) -> Vec<ClosePair> {
    let grounds = grounds(looks, depth);
    let mut close = Vec::new();
    for roles in OPPOSITES {
        let styles = (looks.style(roles.0, depth), looks.style(roles.1, depth));
        let attribute = styles.0.add_modifier != styles.1.add_modifier;
        for vision in Vision::ALL {
            let apart = |ground: &DrawnColours| {
                let (one, other) = (drawn(styles.0, *ground), drawn(styles.1, *ground));
                let background = vision.distance(one.background, other.background);
                vision.distance(one.text, other.text).max(background)
            };
            let distance = grounds.iter().map(apart).fold(f64::INFINITY, f64::min);
            if distance < APART {
                close.push(ClosePair { roles, vision, depth, distance, attribute });
            }
        }
    }
    close
}

/// The pairs of states that have one look.
#[must_use]
pub fn same_pairs(looks: &ThemeLooks, depth: Depth) -> Vec<(Role, Role)> {
    let states = STATES.iter().enumerate();
    let pairs = states.flat_map(|(at, one)| STATES[at + 1..].iter().map(|other| (*one, *other)));
    pairs.filter(|(one, other)| looks.style(*one, depth) == looks.style(*other, depth)).collect()
}

fn weak(looks: &ThemeLooks, role: Role) -> Option<ThemeFinding> {
    DEPTHS.into_iter().find_map(|(depth, colours)| {
        let (contrast, on) = least_contrast(looks, role, depth);
        let needed = needed(role);
        if contrast >= needed {
            return None;
        }
        let (text, background) = (hex(on.text), hex(on.background));
        let where_from = if on.is_sure { "" } else { ", as xterm has them" };
        let sentence = format!(
            "roles.{}: contrast {contrast:.1}:1, needs {needed}:1 ({text} on {background} with {colours}{where_from})",
            role.name(),
        );
        // What the terminal makes of its own colours is not for a theme to say.
        Some(ThemeFinding { fails: on.is_sure, line: looks.line(role), sentence })
    })
}

fn close(looks: &ThemeLooks) -> Vec<ThemeFinding> {
    let depths = [Depth::Rgb, Depth::Ansi256];
    let pairs = depths.into_iter().flat_map(|depth| close_pairs(looks, depth));
    let mut findings: Vec<ThemeFinding> = Vec::new();
    for pair in pairs.filter(|pair| !pair.attribute) {
        let (one, other) = (pair.roles.0.name(), pair.roles.1.name());
        let sentence =
            format!("roles.{one} and roles.{other} look alike to {} eyes", pair.vision.as_str());
        let is_told = findings.iter().any(|told| told.sentence.starts_with(&sentence));
        if !is_told {
            let sentence = format!("{sentence}: distance {:.0}, should be {APART}", pair.distance);
            let line = looks.line(pair.roles.0).or_else(|| looks.line(pair.roles.1));
            findings.push(ThemeFinding { fails: false, line, sentence });
        }
    }
    findings
}

fn same(looks: &ThemeLooks) -> Vec<ThemeFinding> {
    let mut findings: Vec<ThemeFinding> = Vec::new();
    let mut told = Vec::new();
    for (depth, colours) in DEPTHS {
        for (one, other) in same_pairs(looks, depth) {
            if told.contains(&(one, other)) {
                continue;
            }
            told.push((one, other));
            let (first, second) = (one.name(), other.name());
            let sentence = format!("roles.{first} and roles.{second} have one look with {colours}");
            let line = looks.line(one).or_else(|| looks.line(other));
            findings.push(ThemeFinding { fails: false, line, sentence });
        }
    }
    findings
}

/// The text and background that the theme is drawn on: its own, or those of a terminal of its mode.
fn grounds(looks: &ThemeLooks, depth: Depth) -> Vec<DrawnColours> {
    let own = looks.style(Role::Text, depth);
    let is_sure = is_said(own.fg) && is_said(own.bg);
    if let (Some(text), Some(background)) = (own.fg.and_then(rgb), own.bg.and_then(rgb)) {
        return vec![DrawnColours { text, background, is_sure }];
    }
    let (black, white) = ((0, 0, 0), (255, 255, 255));
    let dark = DrawnColours { text: (229, 229, 229), background: black, is_sure: false };
    let light = DrawnColours { text: black, background: white, is_sure: false };
    match looks.mode {
        ThemeMode::Dark => vec![dark],
        ThemeMode::Light => vec![light],
        ThemeMode::Any => vec![dark, light],
    }
}

/// What a style draws on this ground.
fn drawn(style: Style, ground: DrawnColours) -> DrawnColours {
    let text = style.fg.and_then(rgb).unwrap_or(ground.text);
    let background = style.bg.and_then(rgb).unwrap_or(ground.background);
    let text_is_sure = style.fg.map_or(ground.is_sure, |text| is_said(Some(text)));
    let background_is_sure = style.bg.map_or(ground.is_sure, |colour| is_said(Some(colour)));
    let is_sure = text_is_sure && background_is_sure;
    if style.add_modifier.contains(Modifier::REVERSED) {
        DrawnColours { text: background, background: text, is_sure }
    } else {
        DrawnColours { text, background, is_sure }
    }
}

/// Whether a colour looks the same in every terminal.
fn is_said(colour: Option<Color>) -> bool {
    matches!(colour, Some(Color::Rgb(..) | Color::Indexed(16..)))
}

fn hex((red, green, blue): Rgb) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}

#[cfg(test)]
mod tests;

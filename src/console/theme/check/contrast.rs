//! The contrast of a text and its background, by WCAG 2: <https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio>.

use crate::gate::palette::Rgb;

/// The contrast of two colours, from 1 to 21.
#[must_use]
pub fn contrast(one: Rgb, other: Rgb) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

/// How much light a colour gives, from 0 to 1.
fn luminance(colour: Rgb) -> f64 {
    let [red, green, blue] = linear(colour);
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}

/// The light of each part of an sRGB colour, from 0 to 1.
#[must_use]
pub fn linear((red, green, blue): Rgb) -> [f64; 3] {
    [red, green, blue].map(|part| {
        let part = f64::from(part) / 255.0;
        if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_contrast_is_that_of_the_standard() {
        let white = (255, 255, 255);
        assert!((contrast((0, 0, 0), white) - 21.0).abs() < 1e-9);
        assert!((contrast(white, white) - 1.0).abs() < 1e-9);
        // The grey that is known as the lightest one that passes on white.
        assert!((contrast((0x76, 0x76, 0x76), white) - 4.54).abs() < 0.005);
    }
}

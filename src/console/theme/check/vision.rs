//! How far apart two colours look, also to eyes that see fewer colours.
//!
//! The eyes: Machado, Oliveira and Fernandes, "A Physiologically-based Model for Simulation of Color Vision Deficiency", 2009,
//! at full severity. The distance: CIEDE2000 (CIE 142:2001), as Sharma, Wu and Dalal write it, 2005.

use super::contrast::linear;
use crate::gate::palette::Rgb;

/// An eye, by the colours that it tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vision {
    Usual,
    /// Without the cones for long waves.
    Protan,
    /// Without the cones for middle waves, the most frequent kind.
    Deutan,
    /// Without the cones for short waves.
    Tritan,
}

impl Vision {
    pub const ALL: [Self; 4] = [Self::Usual, Self::Protan, Self::Deutan, Self::Tritan];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Usual => "usual",
            Self::Protan => "protan",
            Self::Deutan => "deutan",
            Self::Tritan => "tritan",
        }
    }

    /// What is seen of light, as the light that looks so to all.
    fn matrix(self) -> [[f64; 3]; 3] {
        match self {
            Self::Usual => [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
            Self::Protan => [
                [0.152_286, 1.052_583, -0.204_868],
                [0.114_503, 0.786_281, 0.099_216],
                [-0.003_882, -0.048_116, 1.051_998],
            ],
            Self::Deutan => [
                [0.367_322, 0.860_646, -0.227_968],
                [0.280_085, 0.672_501, 0.047_413],
                [-0.011_820, 0.042_940, 0.968_881],
            ],
            Self::Tritan => [
                [1.255_528, -0.076_749, -0.178_779],
                [-0.078_411, 0.930_809, 0.147_602],
                [0.004_733, 0.691_367, 0.303_900],
            ],
        }
    }

    /// How far apart the two look to this eye; the usual eye sees a distance from 2 on beside each other.
    #[must_use]
    pub fn distance(self, one: Rgb, other: Rgb) -> f64 {
        ciede2000(self.lab(one), self.lab(other))
    }

    fn lab(self, colour: Rgb) -> [f64; 3] {
        let light = linear(colour);
        let seen = self.matrix().map(|row| product(row, light).clamp(0.0, 1.0));
        lab(seen)
    }
}

fn product(row: [f64; 3], column: [f64; 3]) -> f64 {
    row.iter().zip(column).map(|(one, other)| one * other).sum()
}

/// CIE L*a*b* of linear sRGB under D65.
fn lab(light: [f64; 3]) -> [f64; 3] {
    const TO_XYZ: [[f64; 3]; 3] = [
        [0.412_456_4, 0.357_576_1, 0.180_437_5],
        [0.212_672_9, 0.715_152_2, 0.072_175_0],
        [0.019_333_9, 0.119_192_0, 0.950_304_1],
    ];
    const WHITE: [f64; 3] = [0.950_47, 1.0, 1.088_83];
    let root = |share: f64| {
        if share > 216.0 / 24_389.0 {
            share.cbrt()
        } else {
            (24_389.0 / 27.0 * share + 16.0) / 116.0
        }
    };
    let [x, y, z] = [0, 1, 2].map(|at| root(product(TO_XYZ[at], light) / WHITE[at]));
    [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
}

/// The letters are those of Sharma, Wu and Dalal: L lightness, C chroma, h hue, a prime for what is corrected.
fn ciede2000([l1, a1, b1]: [f64; 3], [l2, a2, b2]: [f64; 3]) -> f64 {
    let saturation = |chroma: f64| (chroma.powi(7) / (chroma.powi(7) + 25_f64.powi(7))).sqrt();
    let grey = 1.0 + 0.5 * (1.0 - saturation(f64::midpoint(a1.hypot(b1), a2.hypot(b2))));
    let (a1, a2) = (a1 * grey, a2 * grey);
    let (c1, c2) = (a1.hypot(b1), a2.hypot(b2));
    let hue = |a: f64, b: f64| b.atan2(a).to_degrees().rem_euclid(360.0);
    let (h1, h2) = (hue(a1, b1), hue(a2, b2));
    let has_hue = c1 * c2 > 0.0;
    let turn = match h2 - h1 {
        _ if !has_hue => 0.0,
        turn if turn > 180.0 => turn - 360.0,
        turn if turn < -180.0 => turn + 360.0,
        turn => turn,
    };
    let mean_hue = match h1 + h2 {
        sum if !has_hue => sum,
        sum if (h1 - h2).abs() <= 180.0 => sum / 2.0,
        sum if sum < 360.0 => f64::midpoint(sum, 360.0),
        sum => f64::midpoint(sum, -360.0),
    };
    let (lightness, chroma) = (f64::midpoint(l1, l2) - 50.0, f64::midpoint(c1, c2));
    let cosine = |degrees: f64| degrees.to_radians().cos();
    let t = 1.0 - 0.17 * cosine(mean_hue - 30.0)
        + 0.24 * cosine(2.0 * mean_hue)
        + 0.32 * cosine(3.0 * mean_hue + 6.0)
        - 0.20 * cosine(4.0 * mean_hue - 63.0);
    let in_lightness =
        (l2 - l1) / (1.0 + 0.015 * lightness.powi(2) / (20.0 + lightness.powi(2)).sqrt());
    let in_chroma = (c2 - c1) / (1.0 + 0.045 * chroma);
    let in_hue =
        2.0 * (c1 * c2).sqrt() * (turn / 2.0).to_radians().sin() / (1.0 + 0.015 * chroma * t);
    let blue = 60.0 * (-((mean_hue - 275.0) / 25.0).powi(2)).exp();
    let rotation = -blue.to_radians().sin() * 2.0 * saturation(chroma);
    let squares = in_lightness.powi(2) + in_chroma.powi(2) + in_hue.powi(2);
    (squares + rotation * in_chroma * in_hue).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_is_that_of_the_published_test_data() {
        // From the 34 pairs that Sharma, Wu and Dalal publish for this.
        let pairs = [
            ([50.0, 2.6772, -79.7751], [50.0, 0.0, -82.7485], 2.0425),
            ([50.0, 0.0, 0.0], [50.0, -1.0, 2.0], 2.3669),
            ([50.0, 2.5, 0.0], [73.0, 25.0, -18.0], 27.1492),
            ([60.2574, -34.0099, 36.2677], [60.4626, -34.1751, 39.4387], 1.2644),
            ([2.0776, 0.0795, -1.1350], [0.9033, -0.0636, -0.5514], 0.9082),
        ];
        for (one, other, distance) in pairs {
            assert!((ciede2000(one, other) - distance).abs() < 1e-4, "{one:?} {other:?}");
        }
    }

    #[test]
    fn red_and_green_come_close_for_those_who_are_red_green_blind_and_grey_stays_grey() {
        let (red, green) = ((0xb0, 0x60, 0x30), (0x70, 0x80, 0x30));
        let usual = Vision::Usual.distance(red, green);
        for vision in [Vision::Protan, Vision::Deutan] {
            assert!(vision.distance(red, green) < usual / 2.0, "{vision:?}");
        }
        assert!(Vision::Tritan.distance(red, green) > usual / 2.0);
        for vision in Vision::ALL {
            let [lightness, a, b] = vision.lab((128, 128, 128));
            assert!(a.abs() < 0.1 && b.abs() < 0.1 && lightness > 50.0, "{vision:?}");
        }
    }
}

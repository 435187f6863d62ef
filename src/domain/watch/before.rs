//! How a value of now is judged, by a bound or against the time before the deployment.

use super::check::ValueBound;
use super::fact::SampleVerdict;
use super::rule::WatchSample;

/// The values of a query before a deployment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BeforeDeploy {
    /// What 95 of 100 of them did not exceed.
    usual: f64,
}

/// The fewest values that tell what was usual.
const FEWEST: usize = 5;

impl BeforeDeploy {
    /// What was usual; nothing where there are too few values.
    #[must_use]
    pub fn of(mut values: Vec<f64>) -> Option<Self> {
        values.retain(|value| value.is_finite());
        if values.len() < FEWEST {
            return None;
        }
        values.sort_by(f64::total_cmp);
        let at = (values.len() * 95).div_ceil(100).saturating_sub(1);
        values.get(at).map(|usual| Self { usual: *usual })
    }
}

/// Judges one value. `before` is needed by a bound that is a factor.
#[must_use]
pub fn judge(value: f64, bound: ValueBound, before: Option<BeforeDeploy>) -> WatchSample {
    if !value.is_finite() {
        return WatchSample::unknown(format!("the query gives {value}, which is no number"));
    }
    let (is_good, than) = match bound {
        ValueBound::Below(limit) => (value < limit.value(), format!("has to be below {limit}")),
        ValueBound::Above(limit) => (value > limit.value(), format!("has to be above {limit}")),
        ValueBound::AtMostTimesBefore { factor, ignore_below } => {
            let Some(BeforeDeploy { usual }) = before else {
                let says = "too little is known of the time before the deployment";
                return WatchSample { value: Some(shown(value)), ..WatchSample::unknown(says) };
            };
            let is_good = value < ignore_below.value() || value <= usual * factor.value();
            let usual = shown(usual);
            (is_good, format!("was up to {usual} before, may be {factor} times that"))
        }
    };
    let verdict = if is_good { SampleVerdict::Good } else { SampleVerdict::Bad };
    let value = shown(value);
    WatchSample { verdict, says: format!("{value}; {than}"), value: Some(value) }
}

/// A number with at most four significant digits, so that the record stays small and equal on all machines.
fn shown(value: f64) -> String {
    if value == 0.0 || value.abs() >= 10_000.0 {
        return format!("{value:.0}");
    }
    let digits = value.abs().log10().floor();
    let decimals = (3.0 - digits).clamp(0.0, 9.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 9")]
    let text = format!("{value:.*}", decimals as usize);
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn a_number_is_short_and_keeps_its_size() {
        for (value, text) in [
            (0.0, "0"),
            (0.012_345_6, "0.01235"),
            (0.5, "0.5"),
            (12.0, "12"),
            (1234.5678, "1235"),
            (123_456_789.0, "123456789"),
            (-2.5, "-2.5"),
        ] {
            assert_eq!(shown(value), text);
        }
    }
}

//! Times that were measured alternately, and the table that tells of them.

use std::time::Duration;

/// How often something took how long.
#[derive(Debug, Clone, Default)]
pub struct Samples(Vec<Duration>);

impl Samples {
    pub fn push(&mut self, time: Duration) {
        self.0.push(time);
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    /// The time below which so many of a hundred lie.
    fn percentile(&self, percent: usize) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let at = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
        sorted.get(at).copied().unwrap_or_default()
    }

    fn in_milliseconds(&self) -> [f64; 4] {
        [0, 50, 99, 100].map(|percent| milliseconds(self.percentile(percent)))
    }
}

/// What one thing costs beyond another, measured one after the other, pair by pair.
#[derive(Debug, Clone, Default)]
pub struct Pairs {
    pub floor: Samples,
    pub ours: Samples,
}

impl Pairs {
    /// Measures both by turns.
    pub fn measure(
        count: usize,
        mut floor: impl FnMut() -> Duration,
        mut ours: impl FnMut() -> Duration,
    ) -> Self {
        let mut pairs = Self::default();
        for _ in 0..count {
            pairs.floor.push(floor());
            pairs.ours.push(ours());
        }
        pairs
    }

    /// Prints a table in milliseconds; the last line is how much longer ours took, pair by pair.
    pub fn print(&self, title: &str, floor: &str, ours: &str) {
        heading(&format!("{title}, {} pairs", self.ours.len()));
        row(floor, &self.floor.in_milliseconds());
        row(ours, &self.ours.in_milliseconds());
        let both = self.ours.0.iter().zip(&self.floor.0);
        let mut beyond: Vec<_> = both.map(|(o, f)| milliseconds(*o) - milliseconds(*f)).collect();
        beyond.sort_by(f64::total_cmp);
        let at = |percent: usize| {
            let at = (beyond.len() * percent).div_ceil(100).saturating_sub(1);
            beyond.get(at).copied().unwrap_or_default()
        };
        row("difference", &[0, 50, 99, 100].map(at));
    }
}

/// Prints the times of something that has no floor.
pub fn print_alone(samples: &Samples, title: &str, what: &str) {
    heading(&format!("{title}, {} times", samples.len()));
    row(what, &samples.in_milliseconds());
}

fn heading(title: &str) {
    println!("\n{title:<58}{:>10}{:>10}{:>10}{:>10}", "min", "p50", "p99", "max");
}

fn row(name: &str, numbers: &[f64; 4]) {
    let [min, half, most, max] = numbers;
    println!("  {name:<56}{min:>7.2} ms{half:>7.2} ms{most:>7.2} ms{max:>7.2} ms");
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

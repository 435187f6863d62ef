//! When a check counts as bad, good or unknown. One sample alone is no alarm, since single blips are common.

use std::collections::VecDeque;

use super::fact::SampleVerdict;

/// What one look found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchSample {
    pub verdict: SampleVerdict,
    /// In few words, for people.
    pub says: String,
    /// Its number, if it has one.
    pub value: Option<String>,
}

impl WatchSample {
    #[must_use]
    pub fn unknown(says: impl Into<String>) -> Self {
        Self { verdict: SampleVerdict::Unknown, says: says.into(), value: None }
    }
}

/// How many samples in a row make a check bad, and how many make it unknown.
const IN_A_ROW: usize = 2;
/// A check is bad too if so many of the last samples are.
const MOST: usize = 3;
const OF_LAST: usize = 5;
/// A bad check needs so many good samples in a row to be good again.
const GOOD_AGAIN: usize = 3;

/// The rule over the samples of one check:
///
/// - bad: two bad samples in a row, or three of the last five;
/// - good again after bad: three good samples in a row;
/// - unknown: two samples in a row that could not be taken. A bad check stays bad;
/// - at the start, and after it was unknown: good by one good sample.
///
/// A sample that could not be taken counts neither for nor against the first two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchRule {
    verdict: SampleVerdict,
    /// The last samples that could be taken.
    known: VecDeque<SampleVerdict>,
    /// How many samples in a row could not be taken.
    untaken: usize,
}

impl WatchRule {
    /// Goes on from what was recorded last; at the start of a watch that is unknown.
    #[must_use]
    pub fn from(verdict: SampleVerdict) -> Self {
        Self { verdict, known: VecDeque::new(), untaken: 0 }
    }

    #[must_use]
    pub fn verdict(&self) -> SampleVerdict {
        self.verdict
    }

    /// Whether the last samples in a row could not be taken.
    #[must_use]
    pub fn is_blind(&self) -> bool {
        self.untaken >= IN_A_ROW
    }

    /// Takes one more sample. Returns how the check counts now.
    pub fn add(&mut self, sample: SampleVerdict) -> SampleVerdict {
        if sample == SampleVerdict::Unknown {
            self.untaken += 1;
            if self.is_blind() && self.verdict != SampleVerdict::Bad {
                self.verdict = SampleVerdict::Unknown;
                self.known.clear();
            }
            return self.verdict;
        }
        self.untaken = 0;
        self.known.push_back(sample);
        while self.known.len() > OF_LAST {
            self.known.pop_front();
        }
        self.verdict = match self.verdict {
            _ if self.is_bad() => SampleVerdict::Bad,
            SampleVerdict::Bad if self.last(SampleVerdict::Good) < GOOD_AGAIN => SampleVerdict::Bad,
            SampleVerdict::Unknown if sample == SampleVerdict::Bad => SampleVerdict::Unknown,
            _ => SampleVerdict::Good,
        };
        self.verdict
    }

    fn is_bad(&self) -> bool {
        let bad = self.known.iter().filter(|verdict| **verdict == SampleVerdict::Bad).count();
        let is_over = self.last(SampleVerdict::Good) >= GOOD_AGAIN;
        self.last(SampleVerdict::Bad) >= IN_A_ROW || bad >= MOST && !is_over
    }

    /// How many of the last samples in a row are this.
    fn last(&self, verdict: SampleVerdict) -> usize {
        self.known.iter().rev().take_while(|known| **known == verdict).count()
    }
}

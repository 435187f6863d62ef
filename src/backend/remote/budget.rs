//! Limits how many requests are sent a second time, so that retries do not make an outage worse.

use std::sync::atomic::{AtomicU32, Ordering};

/// The cost of a second try. Each answer earns 1.
const COST: u32 = 10;
const MOST: u32 = 10 * COST;

/// Shared by all clones of a remote.
#[derive(Debug)]
pub(super) struct Budget(AtomicU32);

impl Default for Budget {
    fn default() -> Self {
        Self(AtomicU32::new(MOST))
    }
}

impl Budget {
    /// Whether a request may be sent once more.
    pub fn allows(&self) -> bool {
        let pay = |left: u32| left.checked_sub(COST);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, pay).is_ok()
    }

    /// Counts an answer.
    pub fn answered(&self) {
        let earn = |left: u32| (left < MOST).then_some(left + 1);
        let _full = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, earn);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nine_of_ten_answers_are_good_before_a_tenth_question_is_asked_twice() {
        let budget = Budget::default();
        assert_eq!((0..1_000).filter(|_| budget.allows()).count(), 10);
        for _ in 0..COST {
            assert!(!budget.allows());
            budget.answered();
        }
        assert!(budget.allows() && !budget.allows());
        (0..1_000).for_each(|_| budget.answered());
        assert_eq!((0..1_000).filter(|_| budget.allows()).count(), 10);
    }
}

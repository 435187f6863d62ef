//! The pause before the next try: longer each time, and not the same for all.

use std::time::Duration;

use uuid::Uuid;

/// The pause after so many tries that failed: twice as long each time up to `longest`, and then up to a quarter more or less.
pub(super) fn pause(first: Duration, longest: Duration, tries: u32, item: i64) -> Duration {
    let doubled = first.saturating_mul(1 << tries.saturating_sub(1).min(20)).min(longest);
    let chance = Uuid::new_v4().as_u128() ^ u128::from(item.unsigned_abs());
    let per_mille = 750 + u32::try_from(chance % 501).expect("501 fits into 32 bits");
    doubled * per_mille / 1_000
}

//! How long to wait before a thing is tried again: growing, capped, and spread so that not all come at once.

use k8s_openapi::jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

/// A growing delay with its first step and its cap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    first: SignedDuration,
    cap: SignedDuration,
}

/// For what no event announces: 403, quota, an admission refusal.
pub const UNANNOUNCED: Backoff = Backoff { first: SignedDuration::from_secs(5), cap: SignedDuration::from_secs(300) };

/// After a try that failed: as the Job controller's (10 s, doubled, at most 6 min).
pub const RETRY: Backoff = Backoff { first: SignedDuration::from_secs(10), cap: SignedDuration::from_secs(360) };

/// After a Pod that the cluster itself took away.
pub const DISRUPTED: Backoff = Backoff { first: SignedDuration::from_secs(1), cap: SignedDuration::from_secs(300) };

/// For an API server that does not answer or fails.
pub const TRANSIENT: Backoff = Backoff { first: SignedDuration::from_millis(200), cap: SignedDuration::from_secs(15) };

impl Backoff {
    /// The delay after `failures` failures (from 1): doubled with each, capped, and of that between one half and all.
    /// The share is derived from `seed` and the count, so that equal inputs give equal delays and no state is kept.
    #[must_use]
    pub fn delay(self, failures: u32, seed: &str) -> SignedDuration {
        let doublings = failures.saturating_sub(1).min(20);
        let full = self.first.saturating_mul(1_i32 << doublings).min(self.cap);
        let mut hash = Sha256::new();
        hash.update(failures.to_be_bytes());
        hash.update(seed.as_bytes());
        let share = i32::from(hash.finalize().first().copied().unwrap_or_default());
        full / 2 + (full / 2).saturating_mul(share) / 255
    }

    /// The time of the next try.
    #[must_use]
    pub fn next(self, now: Timestamp, failures: u32, seed: &str) -> Timestamp {
        now.checked_add(self.delay(failures, seed)).unwrap_or(Timestamp::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_delay_grows_to_its_cap() {
        let seconds = |failures| UNANNOUNCED.delay(failures, "uid").as_secs_f64();
        assert!((2.5..=5.0).contains(&seconds(1)));
        assert!((5.0..=10.0).contains(&seconds(2)));
        assert!((150.0..=300.0).contains(&seconds(30)));
    }

    #[test]
    fn other_subjects_come_at_other_times() {
        assert_ne!(UNANNOUNCED.delay(3, "a"), UNANNOUNCED.delay(3, "b"));
    }

    proptest! {
        #[test]
        fn the_delay_is_never_negative_nor_above_the_cap(failures in any::<u32>(), seed in any::<String>()) {
            let delay = TRANSIENT.delay(failures, &seed);
            prop_assert!(delay >= SignedDuration::from_millis(100) && delay <= SignedDuration::from_secs(15));
        }
    }
}

//! How long to wait before the next try.

use std::time::Duration;

use rand::Rng;

/// A server's `Retry-After` up to this is waited as given; a longer one cools the key and the chain goes on.
pub const MAX_HONOURED_RETRY_AFTER: Duration = Duration::from_secs(20);

/// The wait before retry `n` (from 1) of the same provider: 2, 4, 8, then 10 s, less up to a quarter by jitter, so
/// that many jobs that failed together do not come back together.
pub fn backoff(retry: u32, rng: &mut impl Rng) -> Duration {
    let seconds = 2u64.saturating_pow(retry.clamp(1, 4)).min(10);
    Duration::from_secs(seconds).mul_f64(rng.random_range(0.75..=1.0))
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::StdRng};

    use super::*;

    #[test]
    fn waits_double_up_to_ten_seconds() {
        let mut rng = StdRng::seed_from_u64(1);
        for (retry, full) in [(1, 2.0), (2, 4.0), (3, 8.0), (4, 10.0), (9, 10.0)] {
            for _ in 0..100 {
                let wait = backoff(retry, &mut rng).as_secs_f64();
                assert!(wait <= full && wait >= full * 0.75, "retry {retry}: {wait}");
            }
        }
    }
}

//! Stops asking a provider that keeps failing.

use std::time::Duration;

use tokio::time::Instant;

/// Failures in a row that open the circuit.
const FAILURES_TO_OPEN: u32 = 5;
/// How long it stays open before one probe is let through.
const OPEN_FOR: Duration = Duration::from_mins(1);
/// How long a provider rests that closed the whole account.
const SUSPENDED_FOR: Duration = Duration::from_mins(10);

/// A circuit of one provider. Counts only failures that say something about the provider (overload, unanswered), not
/// about a request or a key.
#[derive(Clone, Copy, Debug, Default)]
pub struct Circuit {
    failures: u32,
    open_until: Option<Instant>,
    probing: bool,
}

impl Circuit {
    /// Whether a call may be made now. After the rest, exactly one caller is let through until its outcome is known.
    pub fn admits(&mut self, now: Instant) -> bool {
        let admits = self.would_admit(now);
        self.probing |= admits && self.open_until.is_some();
        admits
    }

    /// Whether [`admits`](Self::admits) would let a call through now; takes no probe.
    pub fn would_admit(&self, now: Instant) -> bool {
        self.open_until.is_none_or(|until| until <= now && !self.probing)
    }

    /// Whether the one call is under way that decides.
    pub fn is_probing(&self) -> bool {
        self.probing
    }

    /// When it will admit again, if it is open.
    pub fn open_until(&self) -> Option<Instant> {
        self.open_until
    }

    /// A call came back with anything that proves the provider alive.
    pub fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// A call failed in a way that speaks against the provider.
    pub fn failed(&mut self, now: Instant) {
        self.failures += 1;
        if self.probing || self.failures >= FAILURES_TO_OPEN {
            self.open_until = Some(now + OPEN_FOR);
            self.probing = false;
        }
    }

    /// The provider closed the whole account.
    pub fn suspend(&mut self, now: Instant) {
        *self = Self { failures: FAILURES_TO_OPEN, open_until: Some(now + SUSPENDED_FOR), probing: false };
    }

    /// A call ended without saying anything about the provider (cancelled).
    pub fn unprobed(&mut self) {
        self.probing = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_after_repeated_failures_and_probes_once() {
        let start = Instant::now();
        let mut circuit = Circuit::default();
        for _ in 0..FAILURES_TO_OPEN {
            assert!(circuit.admits(start));
            circuit.failed(start);
        }
        assert!(!circuit.admits(start));
        let later = start + OPEN_FOR;
        assert!(circuit.would_admit(later) && !circuit.is_probing(), "looking takes no probe");
        assert!(circuit.admits(later), "one probe after the rest");
        assert!(!circuit.would_admit(later) && circuit.is_probing());
        assert!(!circuit.admits(later), "and only one");
        circuit.failed(later);
        assert!(!circuit.admits(later + OPEN_FOR - Duration::from_millis(1)));
        assert!(circuit.admits(later + OPEN_FOR));
        circuit.succeeded();
        assert!(circuit.admits(later + OPEN_FOR));
    }

    #[test]
    fn a_suspended_account_rests_longer() {
        let now = Instant::now();
        let mut circuit = Circuit::default();
        circuit.suspend(now);
        assert!(!circuit.admits(now + OPEN_FOR));
        assert!(circuit.admits(now + SUSPENDED_FOR));
    }
}

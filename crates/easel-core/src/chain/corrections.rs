//! How often one provider is asked again because it learned from a refusal: the same for jobs and for a probe.
//!
//! Nobody pays for a refusal, so none of this counts as a try; it only has to end.

use crate::error::{ErrorClass, ProviderError, Retry};

/// Repetitions with a corrected request, per provider and job.
const MOST: usize = 2;
/// Repetitions with another model, per provider and job: every model that a provider may know of.
const MOST_MODELS: usize = 16;

/// The corrections of one request to one provider.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Corrections {
    made: usize,
    models: usize,
    extra: usize,
}

impl Corrections {
    /// None so far; so many more are allowed than usual, for what real requests don't carry.
    pub fn with_extra(extra: usize) -> Self {
        Self { extra, ..Self::default() }
    }

    /// Whether the provider is asked once more after this failure, with what it learned from it. Counts that.
    pub fn again(&mut self, error: &ProviderError) -> bool {
        if error.retry != Retry::Corrected {
            return false;
        }
        // Each time another model is tried, and nobody pays for one that is not there.
        let (count, most) = if error.class == ErrorClass::NotFound && self.models < MOST_MODELS {
            (&mut self.models, MOST_MODELS)
        } else {
            (&mut self.made, MOST + self.extra)
        };
        let again = *count < most;
        *count += usize::from(again);
        again
    }

    /// Corrections made, apart from the models that are not there.
    pub fn made(&self) -> usize {
        self.made
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn corrections_and_models_end_each_by_itself() {
        #[track_caller]
        fn check(mut corrections: Corrections, class: ErrorClass, times: usize, made: usize) {
            let mut error = ProviderError::new("a", class, "");
            assert!(!corrections.again(&error), "nothing was learned");
            error.retry = Retry::Corrected;
            assert_eq!((0..99).filter(|_| corrections.again(&error)).count(), times, "{class:?}");
            assert_eq!(corrections.made(), made);
        }
        check(Corrections::default(), ErrorClass::BadRequest, 2, 2);
        check(Corrections::with_extra(1), ErrorClass::BadRequest, 3, 3);
        // A missing model that comes back for ever is a correction in the end.
        check(Corrections::default(), ErrorClass::NotFound, 18, 2);
    }
}

//! A counter in sled and the same counter in a small file beside it. sled often opens after damage without an error and
//! with records missing; a counter in sled that is behind the file's gives that away.

use std::{collections::BTreeMap, fs, io, path::Path};

use serde::{Deserialize, Serialize};

use crate::files::write_durably;

/// The engine's own record in the `meta` tree.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Recorded {
    /// Grows with each checkpoint.
    pub(crate) generation: u64,
    /// Records per tree at that checkpoint.
    pub(crate) counts: BTreeMap<String, u64>,
    /// Whether the store was shut down in order and not changed since: only then are the counts exact.
    pub(crate) clean: bool,
}

impl Recorded {
    /// The signs of loss: the counter in sled is behind the file's, or a clean shutdown's counts do not fit.
    /// Returns the number of records known to be missing.
    pub(crate) fn loss(&self, side: Option<u64>, present: &BTreeMap<String, u64>) -> Option<u64> {
        let missing = if self.clean {
            self.counts
                .iter()
                .map(|(tree, count)| count.saturating_sub(present.get(tree).copied().unwrap_or(0)))
                .sum()
        } else {
            0
        };
        (missing > 0 || side.is_some_and(|side| side > self.generation)).then_some(missing)
    }
}

/// The side file's number; `None` when there is none or it can't be read as one.
pub(crate) fn read_side(path: &Path) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

pub(crate) fn write_side(path: &Path, generation: u64) -> io::Result<()> {
    write_durably(path, format!("{generation}\n").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loss_shows_in_the_counter_or_in_the_counts() {
        #[track_caller]
        fn check(generation: u64, clean: bool, side: Option<u64>, present: u64, expected: Option<u64>) {
            let recorded = Recorded { generation, clean, counts: [("keys".to_owned(), 5)].into() };
            assert_eq!(recorded.loss(side, &[("keys".to_owned(), present)].into()), expected);
        }
        check(7, true, Some(7), 5, None);
        check(7, true, None, 5, None);
        check(8, false, Some(7), 5, None);
        check(7, false, Some(7), 3, None);
        check(6, false, Some(7), 5, Some(0));
        check(7, true, Some(7), 3, Some(2));
        check(7, true, Some(7), 6, None);
    }
}

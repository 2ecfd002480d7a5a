//! What the owner says that results cost.

use std::collections::BTreeMap;

/// What may stand before the `@` of a price's name.
const OPERATIONS: [&str; 3] = ["generate", "edit", "clip"];

/// `[providers.NAME] prices`: per result, by operation (`edit`) or by operation and tier (`edit@4K`).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Prices(BTreeMap<(String, Option<u8>), f64>);

/// A price that can't be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PriceError {
    /// Its name is none: `generate`, `edit` or `clip`, alone or with `@1K`, `@2K` or `@4K`.
    #[error("{0:?} names no price; write generate, edit or clip, alone or with a tier, as in \"edit@4K\"")]
    Name(String),
    /// It is no amount of money.
    #[error("the price of {0:?} is not a number of 0 or more")]
    Amount(String),
}

impl Prices {
    /// Reads the table of a section.
    ///
    /// # Errors
    /// The first entry that can't be read.
    pub fn parse<'a>(table: impl IntoIterator<Item = (&'a String, &'a f64)>) -> Result<Self, PriceError> {
        let mut prices = BTreeMap::new();
        for (name, price) in table {
            let (operation, tier) = match name.split_once('@') {
                None => (name.as_str(), None),
                Some((operation, "1K" | "1k")) => (operation, Some(1)),
                Some((operation, "2K" | "2k")) => (operation, Some(2)),
                Some((operation, "4K" | "4k")) => (operation, Some(4)),
                Some(_) => return Err(PriceError::Name(name.clone())),
            };
            if !OPERATIONS.contains(&operation) {
                return Err(PriceError::Name(name.clone()));
            }
            if !price.is_finite() || *price < 0.0 {
                return Err(PriceError::Amount(name.clone()));
            }
            prices.insert((operation.to_owned(), tier), *price);
        }
        Ok(Self(prices))
    }

    /// The price of one result: that of its tier, else that of the operation; `None` = the owner says nothing.
    pub fn of(&self, operation: &str, tier: Option<u8>) -> Option<f64> {
        let price = |tier| self.0.get(&(operation.to_owned(), tier)).copied();
        tier.and_then(|tier| price(Some(tier))).or_else(|| price(None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prices(table: &[(&str, f64)]) -> Result<Prices, PriceError> {
        let table: BTreeMap<_, _> = table.iter().map(|(name, price)| ((*name).to_owned(), *price)).collect();
        Prices::parse(&table)
    }

    #[test]
    fn a_tier_has_its_own_price_or_that_of_the_operation() {
        let prices =
            prices(&[("generate", 0.04), ("edit@4K", 0.12), ("edit", 0.06), ("clip@2k", 1.0)]).unwrap();
        for (operation, tier, expected) in [
            ("generate", Some(4), Some(0.04)),
            ("generate", None, Some(0.04)),
            ("edit", Some(4), Some(0.12)),
            ("edit", Some(1), Some(0.06)),
            ("clip", Some(2), Some(1.0)),
            ("clip", None, None),
        ] {
            assert_eq!(prices.of(operation, tier), expected, "{operation} {tier:?}");
        }
    }

    #[test]
    fn what_is_no_price_is_told() {
        for name in ["draw", "edit@8K", "edit@", "@4K", ""] {
            assert_eq!(prices(&[(name, 1.0)]), Err(PriceError::Name(name.to_owned())));
        }
        for amount in [-1.0, f64::NAN, f64::INFINITY] {
            assert!(matches!(prices(&[("edit", amount)]), Err(PriceError::Amount(_))));
        }
    }
}

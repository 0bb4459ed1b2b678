//! An exact quotient, and its comparison with a threshold: no float decides whether somebody is paged.

use crate::domain::money::{MICROS_PER_UNIT, Micros, ratio};
use ethnum::I256;
use std::cmp::Ordering;

/// `numerator / denominator`, the denominator greater than 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fraction {
    numerator: i128,
    denominator: i128,
}

impl Fraction {
    /// `None` for a denominator of 0: the quotient is undefined.
    pub fn new(numerator: i128, denominator: i128) -> Option<Fraction> {
        match denominator.cmp(&0) {
            Ordering::Equal => None,
            Ordering::Greater => Some(Fraction { numerator, denominator }),
            Ordering::Less => Some(Fraction { numerator: -numerator, denominator: -denominator }),
        }
    }

    /// Money in major units.
    pub fn money(micros: Micros) -> Fraction {
        Fraction { numerator: micros, denominator: MICROS_PER_UNIT }
    }

    /// Numerator and denominator.
    pub fn parts(self) -> (i128, i128) {
        (self.numerator, self.denominator)
    }

    /// How it stands to a threshold in millionths.
    pub fn cmp_micros(self, threshold: Micros) -> Ordering {
        let scaled = I256::from(self.numerator) * I256::from(MICROS_PER_UNIT);
        scaled.cmp(&(I256::from(threshold) * I256::from(self.denominator)))
    }

    /// The nearest double, for people and gauges.
    pub fn to_f64(self) -> f64 {
        ratio(self.numerator, self.denominator).unwrap_or(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comparison_is_exact() {
        for (numerator, denominator, threshold, expected) in [
            (1, 10, 100_000, Ordering::Equal),
            (20_000, 200_000, 100_000, Ordering::Equal),
            (99_999_999_999_999_999, 1_000_000_000_000_000_000, 100_000, Ordering::Less),
            (100_000_000_000_000_001, 1_000_000_000_000_000_000, 100_000, Ordering::Greater),
            (-1, 4, -250_000, Ordering::Equal),
            (1, -4, -250_000, Ordering::Equal),
            (-251, 1000, -250_000, Ordering::Less),
            (i128::MAX, 1, i64::MAX.into(), Ordering::Greater),
            (0, 7, 0, Ordering::Equal),
        ] {
            let fraction = Fraction::new(numerator, denominator).expect("defined");
            assert_eq!(fraction.cmp_micros(threshold), expected, "{numerator}/{denominator}");
        }
    }

    #[test]
    fn nothing_is_divided_by_zero() {
        assert_eq!(Fraction::new(1, 0), None);
        assert_eq!(Fraction::money(1_500_000).to_f64(), 1.5);
    }
}

//! Exact numbers: fractions of unbounded integers, rounded only where the semantics say so.

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{Signed, ToPrimitive, Zero};

pub fn big(value: i64) -> BigInt {
    BigInt::from(value)
}

pub fn fraction(numerator: BigInt, denominator: BigInt) -> BigRational {
    BigRational::new(numerator, denominator)
}

/// The nearest integer; halves go to the even one.
pub fn half_even(exact: &BigRational) -> BigInt {
    let below = exact.floor().to_integer();
    let above: BigInt = &below + 1;
    let (down, up) = (exact - BigRational::from(below.clone()), BigRational::from(above.clone()) - exact);
    match down.cmp(&up) {
        std::cmp::Ordering::Less => below,
        std::cmp::Ordering::Greater => above,
        std::cmp::Ordering::Equal if (&below % 2u8).is_zero() => below,
        std::cmp::Ordering::Equal => above,
    }
}

/// The double nearest an exact fraction, halves to the even one: a guess, then its neighbours while one of them is nearer.
pub fn nearest_double(exact: &BigRational) -> f64 {
    if exact.is_zero() {
        return 0.0;
    }
    let distance = |double: f64| (exact - BigRational::from_float(double).expect("a finite double")).abs();
    let nearer =
        |one: &f64, other: &f64| distance(*one).cmp(&distance(*other)).then((one.to_bits() & 1).cmp(&(other.to_bits() & 1)));
    let mut double = exact.to_f64().expect("within the range of doubles");
    loop {
        let candidates = [double.next_down(), double, double.next_up()];
        let best = candidates.into_iter().min_by(nearer).expect("three candidates");
        if best == double {
            return best;
        }
        double = best;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_go_to_even() {
        for (n, d, expected) in [(5, 2, 2), (7, 2, 4), (-5, 2, -2), (-7, 2, -4), (2, 3, 1), (-1, 3, 0), (8, 2, 4)] {
            assert_eq!(half_even(&fraction(big(n), big(d))), big(expected), "{n}/{d}");
        }
    }

    #[test]
    fn doubles_are_the_nearest() {
        for (n, d, expected) in [
            (1, 3, 1.0 / 3.0),
            (-1, 3, -1.0 / 3.0),
            (0, 7, 0.0),
            ((1 << 53) + 1, 1, 9_007_199_254_740_992.0),
            ((1 << 53) + 3, 1, 9_007_199_254_740_996.0),
        ] {
            assert_eq!(nearest_double(&fraction(big(n), big(d))), expected, "{n}/{d}");
        }
    }
}

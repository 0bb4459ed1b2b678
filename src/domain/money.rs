//! Exact money arithmetic: signed integers in micro-units, rounded half to even only where the semantics say so.
//!
//! Guarantees: no float except in [`ratio`], whose result is the double nearest the exact fraction; no product is ever
//! rounded or wrapped before its division, because products that pass 128 bits continue in 256.

use ethnum::I256;

/// Money in micro-units (1e-6 of a currency's major unit). Sums and intermediate products use the full 128 bits.
pub type Micros = i128;

/// Micro-units in one major unit of any currency.
pub const MICROS_PER_UNIT: Micros = 1_000_000;

/// `numerator / denominator` rounded half to even. The denominator is positive.
#[inline]
pub fn half_even(numerator: i128, denominator: i128) -> i128 {
    debug_assert!(denominator > 0);
    // Nearly all numbers fit 64 bits, whose division takes a fraction of the time.
    if let (Ok(numerator), Ok(denominator)) = (i64::try_from(numerator), i64::try_from(denominator)) {
        return half_even_narrow(numerator, denominator).into();
    }
    let quotient = numerator.div_euclid(denominator);
    let remainder = numerator.rem_euclid(denominator);
    let up = match remainder.cmp(&(denominator - remainder)) {
        std::cmp::Ordering::Less => 0,
        std::cmp::Ordering::Greater => 1,
        std::cmp::Ordering::Equal => quotient & 1,
    };
    quotient + up
}

/// The same of small numbers, at a fraction of the time.
#[inline]
pub fn half_even_narrow(numerator: i64, denominator: i64) -> i64 {
    let quotient = numerator.div_euclid(denominator);
    // Less than the denominator, whatever the product wraps to.
    let remainder = numerator.wrapping_sub(quotient.wrapping_mul(denominator));
    let up = match remainder.cmp(&(denominator - remainder)) {
        std::cmp::Ordering::Less => 0,
        std::cmp::Ordering::Greater => 1,
        std::cmp::Ordering::Equal => quotient & 1,
    };
    quotient + up
}

/// `numerator / denominator` rounded half to even, for products of two 128-bit numbers.
pub fn half_even_wide(numerator: I256, denominator: I256) -> I256 {
    let quotient = numerator.div_euclid(denominator);
    let remainder = numerator.rem_euclid(denominator);
    let up = match remainder.cmp(&(denominator - remainder)) {
        std::cmp::Ordering::Less => I256::ZERO,
        std::cmp::Ordering::Greater => I256::ONE,
        std::cmp::Ordering::Equal => quotient & I256::ONE,
    };
    quotient + up
}

/// `a * b / denominator` rounded half to even, exact whatever the size of the product.
#[inline]
pub fn mul_div(a: i128, b: i128, denominator: i128) -> I256 {
    match a.checked_mul(b) {
        Some(product) => I256::from(half_even(product, denominator)),
        None => half_even_wide(I256::from(a) * I256::from(b), I256::from(denominator)),
    }
}

/// The double nearest `numerator / denominator` (ties to even); `None` when the denominator is 0.
pub fn ratio(numerator: i128, denominator: i128) -> Option<f64> {
    if denominator == 0 {
        return None;
    }
    let negative = numerator.is_negative() != denominator.is_negative();
    let (n, d) = (numerator.unsigned_abs(), denominator.unsigned_abs());
    if n == 0 {
        return Some(0.0);
    }
    // Both below 2^53: the hardware division of two exact doubles is correctly rounded already.
    let magnitude = if n < 1 << 53 && d < 1 << 53 { n as f64 / d as f64 } else { nearest(n, d) };
    Some(if negative { -magnitude } else { magnitude })
}

/// The double nearest `n / d` for positive numbers of any size: a quotient of at least 66 bits with a sticky last bit,
/// rounded once. A u128 quotient with a sticky bit far below the 53rd converts to f64 with the right rounding.
fn nearest(n: u128, d: u128) -> f64 {
    // Shift so that the quotient has 66 to 68 significant bits: more than 53 + guard, less than 128.
    let shift = 67 + (n.leading_zeros() as i32 - d.leading_zeros() as i32);
    let (wide_n, wide_d) = (ethnum::U256::from(n), ethnum::U256::from(d));
    let (wide_n, wide_d) = if shift >= 0 { (wide_n << shift as u32, wide_d) } else { (wide_n, wide_d << (-shift) as u32) };
    let quotient = (wide_n / wide_d).as_u128();
    let sticky = u128::from(wide_n % wide_d != ethnum::U256::ZERO);
    (quotient | sticky) as f64 * 2f64.powi(-shift)
}

/// Decimal text with six places in major units, exact: `-1.500000`.
pub fn decimal(micros: Micros) -> String {
    let sign = if micros < 0 { "-" } else { "" };
    let magnitude = micros.unsigned_abs();
    let unit = MICROS_PER_UNIT.unsigned_abs();
    format!("{sign}{}.{:06}", magnitude / unit, magnitude % unit)
}

/// Money as the double nearest its value in major units: for gauges, never for further arithmetic.
pub fn major_units(micros: Micros) -> f64 {
    ratio(micros, MICROS_PER_UNIT).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_goes_to_even() {
        for (n, d, expected) in
            [(5, 2, 2), (7, 2, 4), (-5, 2, -2), (-7, 2, -4), (1, 3, 0), (2, 3, 1), (-1, 3, 0), (-2, 3, -1), (0, 9, 0)]
        {
            assert_eq!(half_even(n, d), expected, "{n}/{d}");
            assert_eq!(half_even_wide(I256::from(n), I256::from(d)), I256::from(expected), "{n}/{d} wide");
        }
    }

    #[test]
    fn products_beyond_128_bits_stay_exact() {
        let a = 10i128.pow(27);
        assert_eq!(mul_div(a, 3 * 10i128.pow(15), 10i128.pow(15)), I256::from(3 * a));
        assert_eq!(mul_div(i128::MAX, i128::MAX, i128::MAX), I256::from(i128::MAX));
        assert_eq!(mul_div(-i128::MAX, 3, 2), half_even_wide(I256::from(-i128::MAX) * 3, I256::from(2)));
    }

    #[test]
    fn decimals_are_exact() {
        for (micros, text) in
            [(0, "0.000000"), (1, "0.000001"), (-1, "-0.000001"), (-1_500_000, "-1.500000"), (620_000_000, "620.000000")]
        {
            assert_eq!(decimal(micros), text);
        }
    }

    #[test]
    fn ratios_are_the_nearest_double() {
        for (n, d, expected) in [
            (1, 0, None),
            (0, 5, Some(0.0)),
            (1, 3, Some(1.0 / 3.0)),
            (-1, 3, Some(-1.0 / 3.0)),
            (25, 620, Some(25.0 / 620.0)),
            // 2^53 + 1 lies halfway between two doubles: to even.
            ((1 << 53) + 1, 1, Some(9_007_199_254_740_992.0)),
            ((1 << 53) + 3, 1, Some(9_007_199_254_740_996.0)),
            // just above the half: up
            (((1i128 << 53) + 1) * 1_000_000 + 1, 1_000_000, Some(9_007_199_254_740_994.0)),
            // a little above the half, by the quotient's last bit and a remainder: up
            ((((1i128 << 67) + (1 << 14) + 1) * 3 + 1) / 2, 3, Some(73_786_976_294_838_222_848.0)),
            // two numbers that are no doubles
            ((1 << 54) + 1, (1 << 54) + 3, Some(1.0 - f64::EPSILON / 2.0)),
            (0, -5, Some(0.0)),
            (3, -2, Some(-1.5)),
            (-3, -2, Some(1.5)),
            (i128::MAX, 1, Some(2f64.powi(127))),
            (1, i128::MAX, Some(2f64.powi(-127))),
        ] {
            assert_eq!(ratio(n, d), expected, "{n}/{d}");
        }
        assert_eq!(major_units(90_071_992_547_409_930_000), 90_071_992_547_409.93);
    }
}

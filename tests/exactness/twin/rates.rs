//! Rates of the published sums: exact fractions, then the nearest double.

use super::number::{fraction, nearest_double};
use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::Zero;
use upswell::domain::rates::{Band, Rates, Sums};

fn quotient(numerator: impl Into<BigInt>, denominator: impl Into<BigInt>) -> Option<BigRational> {
    let denominator = denominator.into();
    (!denominator.is_zero()).then(|| fraction(numerator.into(), denominator))
}

/// Every rate of a window or segment.
pub fn rates(sums: &Sums, has_comparison: bool) -> Rates {
    let (money, customers) = (&sums.money, &sums.customers);
    let opening = money.opening;
    let expansion: i128 = money.expansion.iter().sum();
    let contraction: i128 = money.contraction.iter().sum();
    let before = money.comparison_expansion;
    let closing = opening + money.new + money.reactivation + expansion - contraction - money.churn;
    let with_revenue = customers.opening + customers.new + customers.reactivation - customers.churn;
    let double = |exact: Option<BigRational>| exact.as_ref().map(nearest_double);
    Rates {
        expansion_rate: double(quotient(expansion, opening)),
        expansion_growth: double(quotient(expansion - before, before).filter(|_| has_comparison)),
        net_revenue_retention: double(quotient(opening + expansion - contraction - money.churn, opening)),
        gross_revenue_retention: double(quotient(opening - contraction - money.churn, opening)),
        quick_ratio: double(quotient(money.new + money.reactivation + expansion, contraction + money.churn)),
        customer_churn_rate: double(quotient(customers.churn, customers.opening)),
        customer_expansion_share: double(quotient(customers.expansion, customers.opening)),
        arpa: double(quotient(closing, BigInt::from(with_revenue) * 1_000_000)),
    }
}

/// The expansion rate of each motion.
pub fn motion_rates(sums: &Sums) -> [Option<f64>; 5] {
    sums.money.expansion.map(|expansion| quotient(expansion, sums.money.opening).as_ref().map(nearest_double))
}

/// Strong over 20 %, moderate from 10 % to 20 %, lagging below.
pub fn band(sums: &Sums) -> Option<Band> {
    let expansion: i128 = sums.money.expansion.iter().sum();
    let rate = quotient(expansion, sums.money.opening)?;
    Some(if rate > fraction(20.into(), 100.into()) {
        Band::Strong
    } else if rate >= fraction(10.into(), 100.into()) {
        Band::Moderate
    } else {
        Band::Lagging
    })
}

//! The figures that a rule can judge: every rate and every sum of money of a window, by its name in the report.

use super::Fraction;
use crate::domain::money::{MICROS_PER_UNIT, Micros};
use crate::domain::motion::Motion;
use crate::domain::rates::Sums;

/// A figure of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    ExpansionRate,
    /// The expansion rate of one motion.
    MotionExpansionRate(Motion),
    ExpansionGrowth,
    NetRevenueRetention,
    GrossRevenueRetention,
    QuickRatio,
    CustomerChurnRate,
    CustomerExpansionShare,
    Arpa,
    Opening,
    New,
    Reactivation,
    /// Of one motion, or of all.
    Expansion(Option<Motion>),
    /// Of one motion, or of all; positive.
    Contraction(Option<Motion>),
    /// Positive.
    Churn,
    Closing,
    ComparisonExpansion,
}

/// In what a figure is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A fraction, shown as percent.
    Ratio,
    /// Major units of the reporting currency.
    Money,
    /// A plain number.
    Number,
}

impl Metric {
    /// The names, without motions.
    pub const NAMES: [(&'static str, Metric); 16] = [
        ("expansion_rate", Metric::ExpansionRate),
        ("expansion_growth", Metric::ExpansionGrowth),
        ("net_revenue_retention", Metric::NetRevenueRetention),
        ("gross_revenue_retention", Metric::GrossRevenueRetention),
        ("quick_ratio", Metric::QuickRatio),
        ("customer_churn_rate", Metric::CustomerChurnRate),
        ("customer_expansion_share", Metric::CustomerExpansionShare),
        ("arpa", Metric::Arpa),
        ("opening", Metric::Opening),
        ("new", Metric::New),
        ("reactivation", Metric::Reactivation),
        ("expansion", Metric::Expansion(None)),
        ("contraction", Metric::Contraction(None)),
        ("churn", Metric::Churn),
        ("closing", Metric::Closing),
        ("comparison_expansion", Metric::ComparisonExpansion),
    ];

    /// The figure of a name.
    pub fn named(name: &str) -> Option<Metric> {
        Metric::NAMES.iter().find(|(known, _)| *known == name).map(|(_, metric)| *metric)
    }

    /// Its name in the report.
    pub fn name(self) -> &'static str {
        let all = match self {
            Metric::MotionExpansionRate(_) => Metric::ExpansionRate,
            Metric::Expansion(_) => Metric::Expansion(None),
            Metric::Contraction(_) => Metric::Contraction(None),
            metric => metric,
        };
        Metric::NAMES.iter().find(|(_, metric)| *metric == all).map_or("", |(name, _)| name)
    }

    /// The same figure of one motion; `None` where motions do not apply.
    pub fn of_motion(self, motion: Motion) -> Option<Metric> {
        match self {
            Metric::ExpansionRate => Some(Metric::MotionExpansionRate(motion)),
            Metric::Expansion(None) => Some(Metric::Expansion(Some(motion))),
            Metric::Contraction(None) => Some(Metric::Contraction(Some(motion))),
            _ => None,
        }
    }

    /// The motion it is of, if it is of one.
    pub fn motion(self) -> Option<Motion> {
        match self {
            Metric::MotionExpansionRate(motion) => Some(motion),
            Metric::Expansion(motion) | Metric::Contraction(motion) => motion,
            _ => None,
        }
    }

    /// Whether it looks at the comparison window as well.
    pub fn needs_comparison(self) -> bool {
        matches!(self, Metric::ExpansionGrowth | Metric::ComparisonExpansion)
    }

    pub fn unit(self) -> Unit {
        match self {
            Metric::ExpansionRate
            | Metric::MotionExpansionRate(_)
            | Metric::ExpansionGrowth
            | Metric::NetRevenueRetention
            | Metric::GrossRevenueRetention
            | Metric::CustomerChurnRate
            | Metric::CustomerExpansionShare => Unit::Ratio,
            Metric::QuickRatio => Unit::Number,
            _ => Unit::Money,
        }
    }

    /// The figure over these sums, exactly; `None` while it is undefined.
    pub fn of(self, sums: &Sums, has_comparison: bool) -> Option<Fraction> {
        let (money, customers) = (&sums.money, &sums.customers);
        let (opening, expansion, contraction) = (money.opening, money.expansion(), money.contraction());
        let retained = opening - contraction - money.churn;
        let comparison = if has_comparison { money.comparison_expansion } else { 0 };
        let whole = |micros: Micros| Some(Fraction::money(micros));
        let count = |numerator: i64, denominator: i64| Fraction::new(numerator.into(), denominator.into());
        let motion_of = |by_motion: &[Micros], motion: Option<Motion>, all: Micros| {
            whole(motion.map_or(all, |motion| by_motion[motion as usize]))
        };
        match self {
            Metric::ExpansionRate => Fraction::new(expansion, opening),
            Metric::MotionExpansionRate(motion) => Fraction::new(money.expansion[motion as usize], opening),
            Metric::ExpansionGrowth => Fraction::new(expansion - comparison, comparison),
            Metric::NetRevenueRetention => Fraction::new(retained + expansion, opening),
            Metric::GrossRevenueRetention => Fraction::new(retained, opening),
            Metric::QuickRatio => Fraction::new(money.new + money.reactivation + expansion, contraction + money.churn),
            Metric::CustomerChurnRate => count(customers.churn, customers.opening),
            Metric::CustomerExpansionShare => count(customers.expansion, customers.opening),
            Metric::Arpa => Fraction::new(money.closing(), i128::from(customers.closing()) * MICROS_PER_UNIT),
            Metric::Opening => whole(opening),
            Metric::New => whole(money.new),
            Metric::Reactivation => whole(money.reactivation),
            Metric::Expansion(motion) => motion_of(&money.expansion, motion, expansion),
            Metric::Contraction(motion) => motion_of(&money.contraction, motion, contraction),
            Metric::Churn => whole(money.churn),
            Metric::Closing => whole(money.closing()),
            Metric::ComparisonExpansion => has_comparison.then(|| Fraction::money(comparison)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::rates::{Customers, Money};

    fn sums() -> Sums {
        let money = Money {
            opening: 200_000_000,
            new: 30_000_000,
            reactivation: 5_000_000,
            expansion: [10_000_000, 0, 8_000_000, 2_000_000, 0],
            contraction: [0, 0, 4_000_000, 0, 0],
            churn: 6_000_000,
            comparison_expansion: 16_000_000,
        };
        Sums { money, customers: Customers { opening: 40, churn: 2, expansion: 5, new: 3, ..Customers::default() } }
    }

    #[test]
    fn every_figure_is_the_reports() {
        let (sums, rates) = (sums(), sums().rates(true));
        for (name, expected) in [
            ("expansion_rate", rates.expansion_rate),
            ("expansion_growth", rates.expansion_growth),
            ("net_revenue_retention", rates.net_revenue_retention),
            ("gross_revenue_retention", rates.gross_revenue_retention),
            ("quick_ratio", rates.quick_ratio),
            ("customer_churn_rate", rates.customer_churn_rate),
            ("customer_expansion_share", rates.customer_expansion_share),
            ("arpa", rates.arpa),
            ("opening", Some(200.0)),
            ("new", Some(30.0)),
            ("reactivation", Some(5.0)),
            ("expansion", Some(20.0)),
            ("contraction", Some(4.0)),
            ("churn", Some(6.0)),
            ("closing", Some(245.0)),
            ("comparison_expansion", Some(16.0)),
        ] {
            let metric = Metric::named(name).expect(name);
            assert_eq!(metric.of(&sums, true).map(Fraction::to_f64), expected, "{name}");
            assert!(expected.is_some(), "{name}");
            assert_eq!(metric.name(), name);
        }
    }

    #[test]
    fn motions_of_what_has_motions() {
        let of = |name: &str, motion| {
            let metric = Metric::named(name).expect(name).of_motion(motion)?;
            assert_eq!((metric.name(), metric.motion()), (name, Some(motion)));
            metric.of(&sums(), true).map(Fraction::to_f64)
        };
        assert_eq!(of("expansion_rate", Motion::Seats), Some(0.04));
        assert_eq!(of("expansion", Motion::Upsell), Some(10.0));
        assert_eq!(of("contraction", Motion::Seats), Some(4.0));
        assert_eq!(of("churn", Motion::Seats), None);
    }

    #[test]
    fn undefined_figures_are_none() {
        for (name, metric) in Metric::NAMES {
            let is_money = metric.unit() == Unit::Money && !matches!(metric, Metric::Arpa | Metric::ComparisonExpansion);
            assert_eq!(metric.of(&Sums::default(), false).is_some(), is_money, "{name}");
        }
        assert_eq!(Metric::ExpansionGrowth.of(&sums(), false), None);
    }
}

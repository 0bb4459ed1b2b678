//! Sums of contributions over customers, and the rates that are drawn from them: integers throughout, one division at the end.

use super::money::{MICROS_PER_UNIT, Micros, ratio};
use super::motion::MOTIONS;

/// Money of one window (or one segment of it), in micro-units of the reporting currency, summed over customers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Money {
    pub opening: Micros,
    pub new: Micros,
    pub reactivation: Micros,
    /// By motion, in the order of `Motion::ALL`; never negative.
    pub expansion: [Micros; MOTIONS],
    /// By motion, in the order of `Motion::ALL`; never negative.
    pub contraction: [Micros; MOTIONS],
    pub churn: Micros,
    /// Expansion of the comparison window; 0 where there is none.
    pub comparison_expansion: Micros,
}

impl Money {
    pub fn expansion(&self) -> Micros {
        self.expansion.iter().sum()
    }

    pub fn contraction(&self) -> Micros {
        self.contraction.iter().sum()
    }

    pub fn closing(&self) -> Micros {
        self.opening + self.new + self.reactivation + self.expansion() - self.contraction() - self.churn
    }
}

/// Customers of one window (or one segment of it) by class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Customers {
    /// With revenue at the opening edge: the existing customers.
    pub opening: i64,
    pub new: i64,
    pub reactivation: i64,
    pub expansion: i64,
    pub contraction: i64,
    pub churn: i64,
}

impl Customers {
    pub fn closing(&self) -> i64 {
        self.opening + self.new + self.reactivation - self.churn
    }
}

/// Everything that is summed for one window or one segment of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    pub money: Money,
    pub customers: Customers,
}

impl Sums {
    pub fn add(&mut self, other: &Sums) {
        self.merge(other, 1);
    }

    pub fn subtract(&mut self, other: &Sums) {
        self.merge(other, -1);
    }

    fn merge(&mut self, other: &Sums, sign: i64) {
        let (money, more) = (&mut self.money, &other.money);
        let by = i128::from(sign);
        money.opening += by * more.opening;
        money.new += by * more.new;
        money.reactivation += by * more.reactivation;
        money.churn += by * more.churn;
        money.comparison_expansion += by * more.comparison_expansion;
        for motion in 0..MOTIONS {
            money.expansion[motion] += by * more.expansion[motion];
            money.contraction[motion] += by * more.contraction[motion];
        }
        let (customers, more) = (&mut self.customers, &other.customers);
        customers.opening += sign * more.opening;
        customers.new += sign * more.new;
        customers.reactivation += sign * more.reactivation;
        customers.expansion += sign * more.expansion;
        customers.contraction += sign * more.contraction;
        customers.churn += sign * more.churn;
    }

    /// The rates over these sums; growth only where the window has a comparison window.
    pub fn rates(&self, has_comparison: bool) -> Rates {
        let (money, customers) = (&self.money, &self.customers);
        let (expansion, contraction) = (money.expansion(), money.contraction());
        let retained = money.opening - contraction - money.churn;
        let count = |numerator: i64, denominator: i64| ratio(numerator.into(), denominator.into());
        let comparison = if has_comparison { money.comparison_expansion } else { 0 };
        Rates {
            expansion_rate: ratio(expansion, money.opening),
            expansion_growth: ratio(expansion - comparison, comparison),
            net_revenue_retention: ratio(retained + expansion, money.opening),
            gross_revenue_retention: ratio(retained, money.opening),
            quick_ratio: ratio(money.new + money.reactivation + expansion, contraction + money.churn),
            customer_churn_rate: count(customers.churn, customers.opening),
            customer_expansion_share: count(customers.expansion, customers.opening),
            arpa: ratio(money.closing(), i128::from(customers.closing()) * MICROS_PER_UNIT),
        }
    }

    /// Band of the expansion rate, judged on the exact fraction; `None` while the rate is undefined.
    pub fn band(&self) -> Option<Band> {
        let (expansion, opening) = (self.money.expansion(), self.money.opening);
        match opening {
            0 => None,
            _ if expansion * 5 > opening => Some(Band::Strong),
            _ if expansion * 10 >= opening => Some(Band::Moderate),
            _ => Some(Band::Lagging),
        }
    }

    /// The expansion rate of each motion, in the order of `Motion::ALL`.
    pub fn motion_rates(&self) -> [Option<f64>; MOTIONS] {
        self.money.expansion.map(|expansion| ratio(expansion, self.money.opening))
    }
}

/// Rates as the doubles nearest the exact fractions; undefined ones are absent, never 0 or NaN. ARPA is in major units.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rates {
    pub expansion_rate: Option<f64>,
    pub expansion_growth: Option<f64>,
    pub net_revenue_retention: Option<f64>,
    pub gross_revenue_retention: Option<f64>,
    pub quick_ratio: Option<f64>,
    pub customer_churn_rate: Option<f64>,
    pub customer_expansion_share: Option<f64>,
    pub arpa: Option<f64>,
}

/// How an expansion rate stands: strong over 20 %, moderate from 10 % to 20 % inclusive, lagging below 10 %.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Band {
    Strong,
    Moderate,
    Lagging,
}

impl Band {
    pub fn as_str(self) -> &'static str {
        match self {
            Band::Strong => "strong",
            Band::Moderate => "moderate",
            Band::Lagging => "lagging",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sums(opening: i128, expansion: i128, contraction: i128, churn: i128) -> Sums {
        let money = Money {
            opening,
            churn,
            expansion: [expansion, 0, 0, 0, 0],
            contraction: [0, 0, 0, 0, contraction],
            ..Money::default()
        };
        Sums { money, ..Sums::default() }
    }

    #[test]
    fn bands_are_judged_on_the_exact_fraction() {
        for (opening, expansion, band) in [
            (0, 0, None),
            (100, 9, Some(Band::Lagging)),
            (1000, 99, Some(Band::Lagging)),
            (100, 10, Some(Band::Moderate)),
            (100, 20, Some(Band::Moderate)),
            (1000, 201, Some(Band::Strong)),
        ] {
            assert_eq!(sums(opening, expansion, 0, 0).band(), band, "{expansion} of {opening}");
        }
    }

    #[test]
    fn bands_have_names() {
        let names = [Band::Strong, Band::Moderate, Band::Lagging].map(Band::as_str);
        assert_eq!(names, ["strong", "moderate", "lagging"]);
    }

    #[test]
    fn undefined_rates_are_absent() {
        assert_eq!(Sums::default().rates(true), Rates::default());
    }

    #[test]
    fn rates_of_a_quarter() {
        let rates = sums(200_000, 20_000, 4_000, 6_000).rates(true);
        assert_eq!(rates.expansion_rate, Some(0.1));
        assert_eq!(rates.net_revenue_retention, Some(1.05));
        assert_eq!(rates.gross_revenue_retention, Some(0.95));
        assert_eq!(rates.quick_ratio, Some(2.0));
        assert_eq!(rates.expansion_growth, None);
    }

    #[test]
    fn adding_and_subtracting_cancel() {
        let (one, two) = (sums(5, 3, 2, 1), sums(50, 30, 20, 10));
        let mut total = one;
        total.add(&two);
        assert_eq!(total.money.opening, 55);
        total.subtract(&two);
        assert_eq!(total, one);
    }
}

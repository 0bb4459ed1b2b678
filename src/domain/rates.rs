//! Sums of contributions over customers, and the rates that are drawn from them: integers throughout, one division at the end.

use super::assess::{Class, Contribution};
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

/// What a customer who stays in their class adds more than before: money alone, they are counted already.
#[derive(Clone, Copy, Debug)]
pub struct Difference {
    class: Class,
    is_existing: bool,
    opening: Micros,
    closing: Micros,
    motions: [Micros; MOTIONS],
}

impl Difference {
    /// `None` if the customer changes class, or is an existing one only before or only after.
    #[inline]
    pub fn between(before: &Contribution, after: &Contribution) -> Option<Difference> {
        let is_existing = after.opening > 0;
        (before.class == after.class && is_existing == (before.opening > 0)).then(|| Difference {
            class: after.class,
            is_existing,
            opening: after.opening - before.opening,
            closing: after.closing - before.closing,
            motions: std::array::from_fn(|motion| after.motions[motion] - before.motions[motion]),
        })
    }
}

impl Sums {
    pub fn add(&mut self, other: &Sums) {
        let (money, more) = (&mut self.money, &other.money);
        money.opening += more.opening;
        money.new += more.new;
        money.reactivation += more.reactivation;
        money.churn += more.churn;
        money.comparison_expansion += more.comparison_expansion;
        for motion in 0..MOTIONS {
            money.expansion[motion] += more.expansion[motion];
            money.contraction[motion] += more.contraction[motion];
        }
        let (customers, more) = (&mut self.customers, &other.customers);
        customers.opening += more.opening;
        customers.new += more.new;
        customers.reactivation += more.reactivation;
        customers.expansion += more.expansion;
        customers.contraction += more.contraction;
        customers.churn += more.churn;
    }

    /// Adds what one customer contributes so many times: 1, or -1 to take it out.
    #[inline]
    pub fn put(&mut self, contribution: &Contribution, times: i64) {
        let (money, customers, by) = (&mut self.money, &mut self.customers, Micros::from(times));
        if contribution.opening > 0 {
            money.opening += by * contribution.opening;
            customers.opening += times;
        }
        let by_motion = |sums: &mut [Micros; MOTIONS]| {
            for (sum, motion) in sums.iter_mut().zip(&contribution.motions) {
                *sum += by * motion;
            }
        };
        match contribution.class {
            Class::New => (money.new, customers.new) = (money.new + by * contribution.closing, customers.new + times),
            Class::Reactivation => {
                (money.reactivation, customers.reactivation) =
                    (money.reactivation + by * contribution.closing, customers.reactivation + times);
            }
            Class::Churn => (money.churn, customers.churn) = (money.churn + by * contribution.opening, customers.churn + times),
            Class::Expansion => {
                by_motion(&mut money.expansion);
                customers.expansion += times;
            }
            Class::Contraction => {
                by_motion(&mut money.contraction);
                customers.contraction += times;
            }
            Class::Retained => {}
        }
    }

    /// Adds a difference: the same as taking out what the customer contributed and putting in what they contribute now.
    #[inline]
    pub fn shift(&mut self, difference: &Difference) {
        let money = &mut self.money;
        if difference.is_existing {
            money.opening += difference.opening;
        }
        let by_motion = |sums: &mut [Micros; MOTIONS]| {
            for (sum, motion) in sums.iter_mut().zip(&difference.motions) {
                *sum += motion;
            }
        };
        match difference.class {
            Class::New => money.new += difference.closing,
            Class::Reactivation => money.reactivation += difference.closing,
            Class::Churn => money.churn += difference.opening,
            Class::Expansion => by_motion(&mut money.expansion),
            Class::Contraction => by_motion(&mut money.contraction),
            Class::Retained => {}
        }
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
    fn what_a_customer_contributes_comes_and_goes() {
        let of = |class, opening, closing| Contribution { class, opening, closing, motions: [1, 2, 3, 4, 5] };
        let mut total = Sums::default();
        for (class, opening, closing, existing, customers) in [
            (Class::New, 0, 15, 0, 1),
            (Class::Reactivation, 0, 15, 0, 1),
            (Class::Churn, 15, 0, 1, 0),
            (Class::Expansion, 15, 30, 1, 1),
            (Class::Contraction, 30, 15, 1, 1),
            (Class::Retained, 15, 15, 1, 1),
        ] {
            let contribution = of(class, opening, closing);
            let mut alone = Sums::default();
            alone.put(&contribution, 1);
            assert_eq!((alone.money.opening, alone.money.closing()), (opening, closing), "{class:?}");
            assert_eq!((alone.customers.opening, alone.customers.closing()), (existing, customers), "{class:?}");
            total.add(&alone);
            total.put(&contribution, 1);
        }
        for (class, opening, closing) in [
            (Class::New, 0, 15),
            (Class::Reactivation, 0, 15),
            (Class::Churn, 15, 0),
            (Class::Expansion, 15, 30),
            (Class::Contraction, 30, 15),
            (Class::Retained, 15, 15),
        ] {
            total.put(&of(class, opening, closing), -2);
        }
        assert_eq!(total, Sums::default());
    }

    #[test]
    fn a_difference_is_one_contribution_taken_out_and_another_put_in() {
        let classes = [Class::New, Class::Reactivation, Class::Churn, Class::Expansion, Class::Contraction, Class::Retained];
        // An opening that is not positive fits few classes, but none may count it.
        let figures = [(0, 15, [0; MOTIONS]), (15, 0, [9, 8, 7, 6, 5]), (30, 45, [1, 2, 3, 4, 5]), (-1, 45, [0, 0, 0, 1, 0])];
        let of = |class| figures.map(|(opening, closing, motions)| Contribution { class, opening, closing, motions });
        let all: Vec<Contribution> = classes.into_iter().flat_map(of).collect();
        for (before, after) in all.iter().flat_map(|before| all.iter().map(move |after| (before, after))) {
            let difference = Difference::between(before, after);
            let is_counted_alike = before.class == after.class && (before.opening > 0) == (after.opening > 0);
            assert_eq!(difference.is_some(), is_counted_alike, "{before:?} {after:?}");
            let Some(difference) = difference else { continue };
            let (mut shifted, mut put) = (Sums::default(), Sums::default());
            shifted.shift(&difference);
            put.put(before, -1);
            put.put(after, 1);
            assert_eq!(shifted, put, "{before:?} {after:?}");
        }
    }
}

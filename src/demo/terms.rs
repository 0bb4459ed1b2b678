//! What one customer has agreed to pay, and the items of a subscription that say so.

use super::catalogue::{ADD_ONS, PAY_AS_YOU_GO, TIERS, in_currency, seat_price};
use super::event::Item;
use crate::domain::calendar::Day;
use crate::domain::facts::Interval;

/// How often a customer is billed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Billing {
    Monthly,
    Quarterly,
    Annual,
}

impl Billing {
    /// Days of one billing period, counted from the day the contract began.
    pub fn days(self) -> i32 {
        match self {
            Billing::Monthly => 30,
            Billing::Quarterly => 91,
            Billing::Annual => 365,
        }
    }

    /// Interval, months paid for (a year costs ten) and the end of the plan's name.
    fn price(self) -> (Interval, i64, &'static str) {
        match self {
            Billing::Monthly => (Interval::Month, 1, "monthly"),
            Billing::Quarterly => (Interval::Quarter, 3, "quarterly"),
            Billing::Annual => (Interval::Year, 10, "annual"),
        }
    }
}

/// The terms of one subscription.
#[derive(Clone, Debug, PartialEq)]
pub struct Terms {
    /// Index into [`TIERS`].
    pub tier: usize,
    pub seats: i64,
    pub billing: Billing,
    /// Year of the price list.
    pub list: i32,
    /// Percent off the seats, and the day it ends; `None` is for good.
    pub discount: i64,
    pub discount_ends: Option<Day>,
    pub add_ons: [bool; ADD_ONS.len()],
    /// Counts contracts that replaced their item instead of changing it.
    pub contract: u32,
}

impl Terms {
    /// The items of these terms, in a currency that stands at `percent` of the dollar price. None for pay as you go.
    pub fn items(&self, percent: i64) -> Vec<Item> {
        if self.tier == PAY_AS_YOU_GO {
            return Vec::new();
        }
        let seat = seat_price(self.tier, self.list, percent);
        let item_id = if self.contract == 0 { "seats".to_owned() } else { format!("seats-{}", self.contract + 1) };
        let mut seats = self.item(item_id, "platform", TIERS[self.tier].name, self.seats, seat);
        seats.discount_micros = seats.unit_amount_micros * self.seats / 100 * self.discount;
        let mut items = vec![seats];
        for (add_on, _) in ADD_ONS.iter().zip(self.add_ons).filter(|(_, bought)| *bought) {
            let (quantity, dollars) = match add_on.per_seat {
                Some(price) => (self.seats, price),
                None => (1, TIERS[self.tier].support),
            };
            let price = in_currency(dollars, percent);
            items.push(self.item(add_on.item_id.to_owned(), add_on.product_id, add_on.product_id, quantity, price));
        }
        items
    }

    fn item(&self, item_id: String, product_id: &'static str, plan: &str, quantity: i64, monthly: i64) -> Item {
        let (interval, months, suffix) = self.billing.price();
        Item {
            item_id,
            product_id,
            plan_id: format!("{plan}-{suffix}"),
            quantity,
            unit_amount_micros: monthly * months,
            interval,
            interval_count: 1,
            discount_micros: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::accept;

    fn terms() -> Terms {
        Terms {
            tier: 2,
            seats: 10,
            billing: Billing::Monthly,
            list: 2026,
            discount: 0,
            discount_ends: None,
            add_ons: [false; 3],
            contract: 0,
        }
    }

    fn mrr(terms: &Terms) -> i128 {
        let item = |item: &Item| {
            let (unit, quantity, discount) = (item.unit_amount_micros, item.quantity, item.discount_micros);
            accept::mrr(unit, quantity, discount, item.interval, item.interval_count)
        };
        terms.items(100).iter().map(item).sum()
    }

    #[test]
    fn terms_are_worth_what_the_list_says() {
        let with = |change: fn(&mut Terms)| {
            let mut changed = terms();
            change(&mut changed);
            mrr(&changed)
        };
        assert_eq!(mrr(&terms()), 390_000_000);
        assert_eq!(with(|terms| terms.discount = 10), 351_000_000);
        assert_eq!(with(|terms| terms.billing = Billing::Quarterly), 390_000_000);
        assert_eq!(with(|terms| terms.billing = Billing::Annual), 325_000_000);
        assert_eq!(with(|terms| terms.add_ons = [true, false, true]), 500_000_000);
        assert_eq!(with(|terms| terms.tier = PAY_AS_YOU_GO), 0);
    }

    #[test]
    fn a_replaced_contract_has_an_item_of_its_own() {
        let replaced = Terms { contract: 1, ..terms() };
        assert_eq!(terms().items(100)[0].item_id, "seats");
        assert_eq!(replaced.items(100)[0].item_id, "seats-2");
        assert_eq!(replaced.items(100)[0].plan_id, "team-monthly");
    }
}

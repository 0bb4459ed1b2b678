//! What happens to a customer on one day: at most one change of its subscription, drawn from the chances of the catalogue.

use super::catalogue::{PAY_AS_YOU_GO, TIERS, list_begins, list_of};
use super::customer::{Customer, Planned, Stage, Today};
use super::event::Cause;
use super::terms::Billing;
use crate::domain::calendar::Day;

/// Days a trial lasts.
const TRIAL_DAYS: i32 = 14;

impl Customer {
    pub(super) fn act(&mut self, today: &mut Today) {
        match self.stage {
            Stage::Fresh => self.sign_up(today),
            Stage::Trial { ends } if today.day >= ends => self.end_trial(today),
            Stage::PastDue { ends } if today.day >= ends => self.settle(880_000, Cause::PaymentRecovered, today),
            Stage::Paused { ends } if today.day >= ends => self.settle(750_000, Cause::Resumed, today),
            Stage::Gone { returns: Some(day) } if today.day >= day => self.come_back(today),
            Stage::Active => self.carry_on(today),
            _ => {}
        }
    }

    /// The subscription has ended; some customers come back.
    pub(super) fn leave(&mut self, day: Day) {
        let returns = self.random.chance(220_000).then(|| day.plus(self.random.between(25, 200) as i32));
        self.stage = Stage::Gone { returns };
    }

    fn sign_up(&mut self, today: &mut Today) {
        if self.random.chance(TIERS[self.terms.tier].trial) {
            self.stage = Stage::Trial { ends: today.day.plus(TRIAL_DAYS) };
            return self.write(Cause::TrialStarted, today);
        }
        self.stage = Stage::Active;
        self.write(Cause::SignedUp, today);
    }

    fn end_trial(&mut self, today: &mut Today) {
        if self.random.chance(550_000) {
            (self.stage, self.anchor) = (Stage::Active, today.day);
            return self.write(Cause::Converted, today);
        }
        self.stage = Stage::Gone { returns: None };
        self.write(Cause::TrialLost, today);
    }

    /// A waiting state ends well, so many times in a million, or with the subscription.
    fn settle(&mut self, per_million: u64, well: Cause, today: &mut Today) {
        if self.random.chance(per_million) {
            self.stage = Stage::Active;
            return self.write(well, today);
        }
        self.cancel_now(today);
    }

    fn cancel_now(&mut self, today: &mut Today) {
        self.leave(today.day);
        self.write(Cause::Canceled, today);
    }

    fn come_back(&mut self, today: &mut Today) {
        (self.stage, self.anchor) = (Stage::Active, today.day);
        self.terms.list = list_of(today.day);
        if self.scheduled.is_none() && self.random.chance(500_000) {
            self.subscriptions += 1;
        }
        self.write(Cause::Returned, today);
    }

    fn carry_on(&mut self, today: &mut Today) {
        let day = today.day;
        if self.terms.discount_ends.is_some_and(|end| day >= end) {
            (self.terms.discount, self.terms.discount_ends) = (0, None);
            return self.write(Cause::DiscountEnded, today);
        }
        if self.renew(today) || self.announce(today) {
            return;
        }
        self.draw(today);
    }

    /// Days until the next billing period begins; 0 on its first day.
    fn until_renewal(&self, day: Day) -> i32 {
        (self.anchor.0 - day.0).rem_euclid(self.terms.billing.days())
    }

    /// Longer contracts end, and meet a new price list, only where a period does.
    fn renew(&mut self, today: &mut Today) -> bool {
        let notice = match self.terms.billing {
            Billing::Monthly => return false,
            Billing::Quarterly => 20,
            Billing::Annual => 45,
        };
        let left = self.until_renewal(today.day);
        let list = list_of(today.day);
        if left == 0 && self.terms.list < list && self.terms.tier != PAY_AS_YOU_GO {
            self.terms.list = list;
            self.write(Cause::PriceRise, today);
            return true;
        }
        let chance = self.churn() * self.terms.billing.days() as u64 * 7 / 10;
        if left == notice && self.scheduled.is_none() && self.random.chance(chance) {
            self.schedule(Cause::CancelScheduled, today.day.plus(notice), Planned::Cancel, today);
            return true;
        }
        false
    }

    /// Monthly customers hear in January what they pay from February on.
    fn announce(&mut self, today: &mut Today) -> bool {
        let next = list_of(today.day) + 1;
        let begins = list_begins(next);
        let due = self.terms.billing == Billing::Monthly && self.terms.tier != PAY_AS_YOU_GO && self.scheduled.is_none();
        let left = begins.0 - today.day.0;
        if !due || self.terms.list >= next || !(5..=26).contains(&left) || !(left == 5 || self.random.chance(100_000)) {
            return false;
        }
        self.schedule(Cause::PriceRise, begins, Planned::Reprice(next), today);
        true
    }

    /// Chance per million and day that this customer leaves.
    fn churn(&self) -> u64 {
        TIERS[self.terms.tier].churn * self.outlook.churn_percent / 100
    }

    /// Draws what else happens today; usually nothing.
    fn draw(&mut self, today: &mut Today) {
        type Change = fn(&mut Customer, &mut Today);
        let (tier, monthly) = (self.terms.tier, self.terms.billing == Billing::Monthly);
        let seated = tier != PAY_AS_YOU_GO;
        let only_if = |condition: bool, chance: u64| if condition { chance } else { 0 };
        let revocable = self.scheduled.is_some_and(|scheduled| scheduled.planned == Planned::Cancel);
        let changes: [(u64, Change); 11] = [
            (only_if(monthly && self.scheduled.is_none(), self.churn()), Customer::give_up),
            (only_if(revocable, 9_000), Customer::think_again),
            (if monthly { 350 } else { 50 }, Customer::miss_payment),
            (only_if(monthly, 70), Customer::pause),
            (TIERS[tier].upgrade, Customer::upgrade),
            (only_if(tier > 1, 45), Customer::downgrade),
            (only_if(seated, self.outlook.grow), Customer::add_seats),
            (only_if(seated && self.terms.seats > 1, self.outlook.shrink), Customer::remove_seats),
            (only_if(seated, 700), Customer::buy_add_on),
            (only_if(seated, 110), Customer::drop_add_on),
            (only_if(seated && monthly && self.scheduled.is_none(), 200), Customer::go_annual),
        ];
        let mut drawn = self.random.below(1_000_000);
        for (chance, change) in changes {
            if drawn < chance {
                return change(self, today);
            }
            drawn -= chance;
        }
    }

    fn give_up(&mut self, today: &mut Today) {
        let left = self.until_renewal(today.day);
        if left == 0 || self.random.chance(300_000) {
            return self.cancel_now(today);
        }
        self.schedule(Cause::CancelScheduled, today.day.plus(left), Planned::Cancel, today);
    }

    fn think_again(&mut self, today: &mut Today) {
        if let Some(scheduled) = self.scheduled {
            self.schedule(Cause::CancelRevoked, scheduled.day, Planned::Keep, today);
        }
    }

    fn miss_payment(&mut self, today: &mut Today) {
        self.stage = Stage::PastDue { ends: today.day.plus(self.random.between(3, 21) as i32) };
        self.write(Cause::PaymentFailed, today);
    }

    fn pause(&mut self, today: &mut Today) {
        self.stage = Stage::Paused { ends: today.day.plus(self.random.between(30, 90) as i32) };
        self.write(Cause::Paused, today);
    }

    fn upgrade(&mut self, today: &mut Today) {
        self.terms.tier += 1;
        let least = TIERS[self.terms.tier].seats.0;
        self.terms.seats = self.terms.seats.max((least * 2 / 3).max(1));
        self.terms.contract += u32::from(self.random.chance(300_000));
        self.terms.list = list_of(today.day);
        self.terms.negotiate(&mut self.random, today.day);
        self.write(Cause::Upgraded, today);
    }

    fn downgrade(&mut self, today: &mut Today) {
        self.terms.tier -= 1;
        (self.terms.discount, self.terms.discount_ends) = (0, None);
        self.write(Cause::Downgraded, today);
    }

    fn add_seats(&mut self, today: &mut Today) {
        self.terms.seats += (self.terms.seats * self.random.between(4, 15) / 100).max(1);
        self.write(Cause::SeatsAdded, today);
    }

    fn remove_seats(&mut self, today: &mut Today) {
        let fewer = (self.terms.seats * self.random.between(8, 25) / 100).max(1);
        self.terms.seats -= fewer;
        self.write(Cause::SeatsRemoved, today);
    }

    fn buy_add_on(&mut self, today: &mut Today) {
        self.switch_add_on(true, Cause::AddOnBought, today);
    }

    fn drop_add_on(&mut self, today: &mut Today) {
        self.switch_add_on(false, Cause::AddOnDropped, today);
    }

    /// Switches one add-on, if the one that is drawn is not so already.
    fn switch_add_on(&mut self, bought: bool, cause: Cause, today: &mut Today) {
        let index = self.random.below(self.terms.add_ons.len() as u64) as usize;
        if self.terms.add_ons[index] != bought {
            self.terms.add_ons[index] = bought;
            self.write(cause, today);
        }
    }

    fn go_annual(&mut self, today: &mut Today) {
        (self.terms.billing, self.anchor) = (Billing::Annual, today.day);
        self.terms.list = list_of(today.day);
        self.write(Cause::WentAnnual, today);
    }
}

//! Who moved: the customers behind one figure of one window, of all or of one segment.

use super::Sight;
use super::rows::{Order, Row, Rows, Tally, Why};
use crate::domain::account::Account;
use crate::domain::assess::{Class, Contribution, Placed};
use crate::domain::frame::{Frame, Role};
use crate::domain::money::Micros;
use crate::domain::rates::Sums;
use crate::domain::segment::SegmentValue;
use crate::domain::window::Window;
use crate::engine::plan::Plan;

/// A way to move, or a figure that customers add up to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Movement {
    New,
    Reactivation,
    Expansion,
    Contraction,
    Churn,
    /// Revenue at both edges, and the same.
    Retained,
    /// Revenue at the opening edge, however the customer moved.
    Opening,
    /// Revenue at the closing edge, likewise.
    Closing,
    /// All that moved; amounts are signed, and sum to closing minus opening.
    All,
}

impl Movement {
    /// What can be asked for, by name.
    pub const ASKED: [(&'static str, Movement); 8] = [
        ("new", Movement::New),
        ("reactivation", Movement::Reactivation),
        ("expansion", Movement::Expansion),
        ("contraction", Movement::Contraction),
        ("churn", Movement::Churn),
        ("all", Movement::All),
        ("opening", Movement::Opening),
        ("closing", Movement::Closing),
    ];

    pub fn as_str(self) -> &'static str {
        Movement::ASKED.iter().find(|(_, movement)| *movement == self).map_or("retained", |(name, _)| name)
    }

    /// How a customer of a class moved.
    pub fn of(class: Class) -> Movement {
        match class {
            Class::New => Movement::New,
            Class::Reactivation => Movement::Reactivation,
            Class::Expansion => Movement::Expansion,
            Class::Contraction => Movement::Contraction,
            Class::Churn => Movement::Churn,
            Class::Retained => Movement::Retained,
        }
    }

    /// What a contribution adds to the figure; `None` if the customer is not among it.
    fn amount(self, contribution: &Contribution) -> Option<Micros> {
        let (opening, closing) = (contribution.opening, contribution.closing);
        let amount = match self {
            Movement::Opening => opening,
            Movement::Closing => closing,
            Movement::All => closing - opening,
            asked if asked == Movement::of(contribution.class) => (closing - opening).abs(),
            _ => return None,
        };
        (amount != 0).then_some(amount)
    }

    /// The figure itself.
    pub fn tally(self, sums: &Sums) -> Tally {
        let (money, customers) = (&sums.money, &sums.customers);
        let moved = customers.new + customers.reactivation + customers.expansion + customers.contraction + customers.churn;
        let (customers, amount) = match self {
            Movement::New => (customers.new, money.new),
            Movement::Reactivation => (customers.reactivation, money.reactivation),
            Movement::Expansion => (customers.expansion, money.expansion()),
            Movement::Contraction => (customers.contraction, money.contraction()),
            Movement::Churn => (customers.churn, money.churn),
            Movement::Retained => (customers.opening - customers.expansion - customers.contraction - customers.churn, 0),
            Movement::Opening => (customers.opening, money.opening),
            Movement::Closing => (customers.closing(), money.closing()),
            Movement::All => (moved, money.closing() - money.opening),
        };
        Tally { customers, amount }
    }
}

/// What is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    pub window: Window,
    pub movement: Movement,
    /// Dimension and value; `None` for all customers.
    pub segment: Option<(String, String)>,
    pub order: Order,
    /// Rows that are kept.
    pub most: usize,
}

/// A listing on its way.
#[derive(Clone, Debug)]
pub struct Listing {
    frame: Frame,
    window: usize,
    movement: Movement,
    /// Number of the dimension, and the value.
    segment: Option<(usize, String)>,
    pub(super) rows: Rows,
}

impl Listing {
    /// `None` if the plan has no such window or dimension.
    pub(super) fn new(query: &Query, plan: &Plan, frame: &Frame) -> Option<Listing> {
        let window = plan.windows.iter().position(|window| *window == query.window)?;
        let segment = match &query.segment {
            None => None,
            Some((name, value)) => Some((plan.dimensions.iter().position(|known| known == name)?, value.clone())),
        };
        let rows = Rows::new(query.order, query.most);
        Some(Listing { frame: frame.clone(), window, movement: query.movement, segment, rows })
    }

    pub(super) fn take(&mut self, customer_id: &str, account: &Account, sight: Sight) {
        let Listing { frame, window, movement, segment, rows } = self;
        let is_of = |segments: &[SegmentValue]| {
            segment.as_ref().is_none_or(|(dimension, value)| {
                *sight.dimensions[*dimension].text(segments[*dimension], sight.symbols) == **value
            })
        };
        sight.lens(frame).assess(account, frame.only(Role::Window(*window)), |_, Placed { contribution, segments }| {
            if let Some(amount) = movement.amount(&contribution).filter(|_| is_of(segments)) {
                let Contribution { class, opening, closing, .. } = contribution;
                let why = Why::Moved { movement: Movement::of(class), opening, closing };
                rows.push(Row { customer_id: customer_id.into(), amount, why });
            }
        });
    }
}

//! One customer: every fact and figure that the shard has of it, exact for the view's instant and the facts applied so far.

use super::{Shard, View};
use crate::domain::account::{Account, Item, Subscription, Version};
use crate::domain::assess::{Class, Placed};
use crate::domain::calendar::{Day, Instant};
use crate::domain::currency::Currency;
use crate::domain::facts::Status;
use crate::domain::frame::{Frame, Role, Span};
use crate::domain::money::Micros;
use crate::domain::motion::MOTIONS;
use crate::domain::side::{RunRates, Sides};

/// States, items and attributes that are shown of one customer at most; of each subscription the newest, as far as they reach.
pub const MOST_LINES: usize = 50_000;

/// A customer at one instant. Money is in micro-units, where nothing else is said of the reporting currency.
#[derive(Clone, Debug, PartialEq)]
pub struct Portrait {
    pub as_of: Instant,
    pub customer_id: String,
    pub first_revenue: Option<Instant>,
    /// Committed MRR of all subscriptions.
    pub committed: Micros,
    /// Usage run rate.
    pub run_rate: Micros,
    /// In configured order.
    pub windows: Vec<WindowPortrait>,
    /// By id.
    pub subscriptions: Vec<SubscriptionPortrait>,
    /// States left out, the oldest.
    pub omitted_states: usize,
    /// Usage days that are kept, oldest first: day, currency, and the day's sum in that currency.
    pub usage: Vec<(Day, Currency, Micros)>,
    /// Usage of days before this one is not kept.
    pub usage_since: Day,
}

/// The customer in one window.
#[derive(Clone, Debug, PartialEq)]
pub struct WindowPortrait {
    pub window: String,
    pub opening_edge: Instant,
    pub closing_edge: Instant,
    /// `None` without revenue at either edge.
    pub moved: Option<Moved>,
}

/// How the customer moved in a window.
#[derive(Clone, Debug, PartialEq)]
pub struct Moved {
    pub class: Class,
    pub opening: Micros,
    pub closing: Micros,
    /// Expansion or contraction by motion.
    pub motions: [Micros; MOTIONS],
    /// Dimension and value.
    pub segments: Vec<(String, String)>,
}

/// A subscription and its states, oldest first.
#[derive(Clone, Debug, PartialEq)]
pub struct SubscriptionPortrait {
    pub subscription_id: String,
    pub states: Vec<StatePortrait>,
}

/// A state of a subscription; money is in its own currency.
#[derive(Clone, Debug, PartialEq)]
pub struct StatePortrait {
    pub effective_at: Instant,
    pub version: i64,
    pub event_id: String,
    pub status: Status,
    pub currency: Option<Currency>,
    pub items: Vec<ItemPortrait>,
    pub attributes: Vec<(String, String)>,
}

/// An item, and its MRR before the zero for not counting.
#[derive(Clone, Debug, PartialEq)]
pub struct ItemPortrait {
    pub item_id: String,
    pub product_id: String,
    pub plan_id: String,
    pub quantity: i64,
    pub mrr: Micros,
}

impl Shard {
    /// A customer as of the view's instant; `None` if the shard has no fact of it, or is not live.
    pub fn portrait(&self, customer_id: &str) -> Option<Portrait> {
        let view = self.view.as_ref()?;
        let place = self.accounts.place(customer_id);
        self.accounts.get(place, customer_id).map(|account| self.portray(customer_id, account, view))
    }

    fn portray(&self, customer_id: &str, account: &Account, view: &View) -> Portrait {
        let frame = &view.frame;
        let (committed, run_rate) = self.worth(account, frame);
        let (subscriptions, omitted_states) = self.subscriptions(account);
        Portrait {
            as_of: frame.as_of,
            customer_id: customer_id.to_owned(),
            first_revenue: account.first_revenue(),
            committed,
            run_rate,
            windows: self.windows(account, frame),
            subscriptions,
            omitted_states,
            usage: account.usage().bins().map(|bin| (bin.day, bin.currency, bin.amount)).collect(),
            usage_since: self.floor,
        }
    }

    /// Committed MRR and run rate at the view's instant.
    fn worth(&self, account: &Account, frame: &Frame) -> (Micros, Micros) {
        let (lens, edges) = (self.lens(frame), frame.edges_of(frame.only(Role::Now)));
        let sides = Sides::new(&lens, account.subscriptions(), account.first_revenue(), edges);
        let mut rates = RunRates::new();
        sides.put_rates(&lens, account.usage(), edges, &mut rates);
        (sides.epoch(Frame::LIVE).committed, rates[Frame::LIVE])
    }

    fn windows(&self, account: &Account, frame: &Frame) -> Vec<WindowPortrait> {
        let seen = self.lens(frame).look(account, frame.all_spans());
        let of_window = |(number, span): (usize, &Span)| {
            let Role::Window(window) = span.role else { return None };
            let edge = |number: u8| frame.edges[usize::from(number)].at;
            Some(WindowPortrait {
                window: self.plan.windows[window].to_string(),
                opening_edge: edge(span.opening),
                closing_edge: edge(span.closing),
                moved: seen.contribution(number).map(|placed| self.moved(&placed)),
            })
        };
        frame.spans.iter().enumerate().filter_map(of_window).collect()
    }

    fn moved(&self, Placed { contribution, segments }: &Placed) -> Moved {
        let named = self.plan.dimensions.iter().zip(&self.dimensions).zip(*segments);
        Moved {
            class: contribution.class,
            opening: contribution.opening,
            closing: contribution.closing,
            motions: contribution.motions,
            segments: named.map(|((name, one), value)| (name.clone(), one.text(*value, &self.symbols).to_string())).collect(),
        }
    }

    /// The states there is room for, newest first, each subscription's in order; and how many there is none for.
    fn subscriptions(&self, account: &Account) -> (Vec<SubscriptionPortrait>, usize) {
        let (mut room, mut omitted) = (MOST_LINES, 0);
        let mut portray = |subscription: Subscription| {
            let mut states = Vec::new();
            for version in subscription.versions.iter().rev() {
                let lines = 1 + version.items.len() + version.attributes.len();
                room = if omitted == 0 { room.saturating_sub(lines) } else { 0 };
                if room == 0 {
                    omitted += 1;
                } else {
                    states.push(self.state(version));
                }
            }
            states.reverse();
            SubscriptionPortrait { subscription_id: subscription.id.to_string(), states }
        };
        (account.subscriptions().iter().map(|one| portray(one.to_subscription())).collect(), omitted)
    }

    fn state(&self, version: &Version) -> StatePortrait {
        let text = |symbol| self.symbols.text(symbol).to_string();
        let item = |item: &Item| ItemPortrait {
            item_id: item.id.to_string(),
            product_id: text(item.product),
            plan_id: text(item.plan),
            quantity: item.quantity,
            mrr: item.mrr.into(),
        };
        StatePortrait {
            effective_at: version.effective_at,
            version: version.version,
            event_id: version.event_id.to_string(),
            status: version.status,
            currency: version.currency,
            items: version.items.iter().map(item).collect(),
            attributes: version.attributes.iter().map(|(key, value)| (text(*key), text(*value))).collect(),
        }
    }
}

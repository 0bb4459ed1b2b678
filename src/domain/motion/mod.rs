//! Motions: what expansion and contraction of an existing customer are attributed to.
//!
//! The items that count at the opening edge are matched with those at the closing edge; each match or leftover is worth a delta
//! of one motion, and the deltas sum to the customer's change. Products of two large numbers continue in 256 bits.

pub(super) mod paired;

use super::assess::Lens;
use super::currency::Valuation;
use super::money::{Micros, mul_div};
use super::side::{Epoch, Line, Sides};
use super::symbol::{Symbol, Symbols};
use ethnum::I256;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

/// Number of motions.
pub const MOTIONS: usize = 5;

/// Why revenue of an existing customer moved. The order breaks ties.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Motion {
    Upsell,
    CrossSell,
    Seats,
    Usage,
    Price,
}

impl Motion {
    pub const ALL: [Motion; MOTIONS] = [Motion::Upsell, Motion::CrossSell, Motion::Seats, Motion::Usage, Motion::Price];

    pub fn as_str(self) -> &'static str {
        match self {
            Motion::Upsell => "upsell",
            Motion::CrossSell => "cross_sell",
            Motion::Seats => "seats",
            Motion::Usage => "usage",
            Motion::Price => "price",
        }
    }
}

/// The change between two edges by motion: positive and negative deltas, in the order of [`Motion::ALL`].
type Deltas = [I256; MOTIONS];

/// The change from one edge to another by motion, of which so much is usage: each share in the direction of the whole change and never
/// negative, for an expansion the parts of the expansion, for a contraction the parts of the contraction. They sum to the change
/// exactly.
#[inline]
pub fn attribute(change: Micros, usage: Micros, edges: (usize, usize), sides: &Sides, lens: &Lens) -> [Micros; MOTIONS] {
    let (opening, closing) = (sides.epoch(edges.0), sides.epoch(edges.1));
    if std::ptr::eq(opening, closing) {
        let mut shares = [0; MOTIONS];
        shares[Motion::Usage as usize] = change.abs();
        return shares;
    }
    if let Some(mut deltas) = sides.item_deltas(edges.0, edges.1, &lens.frame.valuation) {
        deltas[Motion::Usage as usize] = usage;
        if let Some(shares) = paired::allocate(change, &deltas) {
            return shares;
        }
    }
    attribute_any(change, usage, (opening, closing), lens)
}

/// Whatever the items and the numbers are.
fn attribute_any(change: Micros, usage: Micros, (opening, closing): (&Epoch, &Epoch), lens: &Lens) -> [Micros; MOTIONS] {
    let mut deltas = item_deltas(opening, closing, lens);
    deltas[Motion::Usage as usize] += I256::from(usage);
    if change.is_negative() {
        deltas = deltas.map(|delta| -delta);
    }
    allocate(change.abs(), &deltas)
}

/// Shares an amount among the positive deltas in proportion, by largest remainder; ties in the order of motions.
fn allocate(amount: Micros, deltas: &Deltas) -> [Micros; MOTIONS] {
    let weights = deltas.map(|delta| delta.max(I256::ZERO));
    let total: I256 = weights.iter().fold(I256::ZERO, |sum, weight| sum + *weight);
    let mut shares = [0; MOTIONS];
    if total == I256::ZERO {
        return shares;
    }
    let mut remainders = [(I256::ZERO, 0); MOTIONS];
    for (motion, weight) in weights.iter().enumerate() {
        let product = I256::from(amount) * *weight;
        shares[motion] = (product / total).as_i128();
        remainders[motion] = (product % total, motion);
    }
    let left = amount - shares.iter().sum::<Micros>();
    remainders.sort_by(|(a, first), (b, second)| b.cmp(a).then(first.cmp(second)));
    for (_, motion) in remainders.iter().take(left as usize) {
        shares[*motion] += 1;
    }
    shares
}

/// Items of one product, or one item, on one side.
#[derive(Clone, Debug, Default, PartialEq)]
struct Group {
    mrr: Micros,
    quantity: i128,
    /// Distinct, sorted.
    plans: Vec<Symbol>,
}

impl Group {
    fn add(&mut self, line: &Line) {
        self.mrr += line.mrr;
        self.quantity += i128::from(line.item.quantity);
        if let Err(index) = self.plans.binary_search(&line.item.plan) {
            self.plans.insert(index, line.item.plan);
        }
    }

    fn of(line: &Line) -> Group {
        let mut group = Group::default();
        group.add(line);
        group
    }
}

/// What is left of one product after items were paired: removed and added ones.
#[derive(Clone, Debug, Default)]
struct Leftover {
    removed: Option<Group>,
    added: Option<Group>,
}

/// Products on one side only, with their MRR.
type Products = Vec<(Micros, Symbol)>;

/// The items of two edges, matched.
#[derive(Debug, Default)]
struct Matching {
    /// Products of items found on both sides.
    paired_products: BTreeSet<Symbol>,
    /// By product.
    leftovers: BTreeMap<Symbol, Leftover>,
    deltas: Deltas,
}

fn item_deltas(opening: &Epoch, closing: &Epoch, lens: &Lens) -> Deltas {
    let mut matching = Matching::default();
    matching.pair_items(opening, closing, &lens.frame.valuation);
    let replacing = matching.settle_products();
    matching.replace(replacing, lens.symbols);
    matching.deltas
}

impl Matching {
    fn put(&mut self, motion: Motion, delta: I256) {
        self.deltas[motion as usize] += delta;
    }

    /// Pairs items of the same subscription and item id; both sides come in that order. The others are grouped by product.
    fn pair_items(&mut self, opening: &Epoch, closing: &Epoch, valuation: &Valuation) {
        let mut before = opening.lines(valuation).peekable();
        let mut after = closing.lines(valuation).peekable();
        loop {
            let order = match (before.peek(), after.peek()) {
                (None, None) => return,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(a), Some(b)) => (a.subscription, a.item.id).cmp(&(b.subscription, b.item.id)),
            };
            let a = before.next_if(|_| order.is_le());
            let b = after.next_if(|_| order.is_ge());
            match (a, b) {
                (Some(a), Some(b)) => {
                    self.paired_products.extend([a.item.product, b.item.product]);
                    self.pair(&Group::of(&a), &Group::of(&b));
                }
                (Some(a), None) => self.leftover(a.item.product).removed.get_or_insert_default().add(&a),
                (None, Some(b)) => self.leftover(b.item.product).added.get_or_insert_default().add(&b),
                (None, None) => return,
            }
        }
    }

    fn leftover(&mut self, product: Symbol) -> &mut Leftover {
        self.leftovers.entry(product).or_default()
    }

    /// A pair's change of quantity is seats, at the old price; the rest is upsell if the plans differ, else price.
    fn pair(&mut self, before: &Group, after: &Group) {
        let change = I256::from(after.mrr - before.mrr);
        let seats = match before.quantity {
            0 => change,
            quantity => mul_div(before.mrr, after.quantity - quantity, quantity),
        };
        self.put(Motion::Seats, seats);
        self.put(if before.plans == after.plans { Motion::Price } else { Motion::Upsell }, change - seats);
    }

    /// Settles products that are on both sides, or more of what a pair holds; returns those that replace one another.
    fn settle_products(&mut self) -> [Products; 2] {
        let (mut removed, mut added) = (Vec::new(), Vec::new());
        for (product, leftover) in std::mem::take(&mut self.leftovers) {
            let more_of_a_pair = self.paired_products.contains(&product);
            match (leftover.removed, leftover.added) {
                (Some(before), Some(after)) => self.pair(&before, &after),
                (Some(before), None) if more_of_a_pair => self.put(Motion::Seats, I256::from(-before.mrr)),
                (None, Some(after)) if more_of_a_pair => self.put(Motion::Seats, I256::from(after.mrr)),
                (Some(before), None) => removed.push((before.mrr, product)),
                (None, Some(after)) => added.push((after.mrr, product)),
                (None, None) => {}
            }
        }
        [removed, added]
    }

    /// The k-th largest removed product was replaced by the k-th largest added one; what remains on one side is cross-sell.
    fn replace(&mut self, [mut removed, mut added]: [Products; 2], symbols: &Symbols) {
        let rank = |(a, first): &(Micros, Symbol), (b, second): &(Micros, Symbol)| {
            b.cmp(a).then_with(|| symbols.text(*first).cmp(symbols.text(*second)))
        };
        removed.sort_by(rank);
        added.sort_by(rank);
        for index in 0..removed.len().max(added.len()) {
            match (removed.get(index), added.get(index)) {
                (Some((before, _)), Some((after, _))) => self.put(Motion::Upsell, I256::from(after - before)),
                (Some((before, _)), None) => self.put(Motion::CrossSell, I256::from(-before)),
                (None, Some((after, _))) => self.put(Motion::CrossSell, I256::from(*after)),
                (None, None) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn motions_have_names() {
        assert_eq!(Motion::ALL.map(Motion::as_str), ["upsell", "cross_sell", "seats", "usage", "price"]);
    }

    #[test]
    fn shares_sum_to_the_amount() {
        for (amount, deltas, expected) in [
            (10, [10, 0, 0, 0, 0], [10, 0, 0, 0, 0]),
            (10, [5, 0, -3, 8, 0], [4, 0, 0, 6, 0]),
            (1, [1, 1, 1, 1, 1], [1, 0, 0, 0, 0]),
            (3, [1, 1, 1, 1, 1], [1, 1, 1, 0, 0]),
            (7, [0, 0, 3, -1, 5], [0, 0, 3, 0, 4]),
            (100, [-7, 1, 1, 1, 104], [0, 1, 1, 1, 97]),
        ] {
            let shares = allocate(amount, &deltas.map(I256::from));
            assert_eq!(shares, expected, "{amount} over {deltas:?}");
            assert_eq!(shares.iter().sum::<i128>(), amount);
        }
    }
}

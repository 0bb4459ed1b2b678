//! The subscriptions of an account with all their states, in one block of memory.
//!
//! Most customers have one subscription of one item that hardly ever changes, so the block is small and read from its start. It is
//! written anew whenever a state comes: a reader has either the old one or the new one.
//!
//! The block, empty for a customer without subscriptions:
//!
//! - 8 bytes: first instant of a state that is revenue, in milliseconds, little-endian; the latest possible one if there is none
//! - subscriptions by id; of each
//!   - varint: bytes of its states
//!   - id
//!   - states by instant, distinct; of each a varint, its length, and its packed form ([`super::state`])

use super::state::{self, State, Version};
use crate::domain::calendar::Instant;
use crate::domain::facts::SubscriptionFact;
use crate::domain::packed::{Block, Id, Packing, Unread, put_id, put_varint};
use crate::domain::symbol::Symbols;
use std::cmp::Ordering;

/// Stands for the first revenue of subscriptions that never brought any.
const NEVER: i64 = i64::MAX;
/// Bytes of the first revenue.
const HEAD: usize = 8;

/// One subscription spelt out: its states by `effective_at`, distinct.
#[derive(Clone, Debug, PartialEq)]
pub struct Subscription {
    pub id: Box<str>,
    pub versions: Vec<Version>,
}

/// All subscriptions of a customer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Subscriptions(Block);

/// A subscription as it is kept.
#[derive(Clone, Copy, Debug)]
pub struct SubscriptionRef<'a> {
    pub id: Id<'a>,
    states: States<'a>,
}

/// States of one subscription by `effective_at`, each read when it is asked for.
#[derive(Clone, Copy, Debug)]
pub struct States<'a>(Unread<'a>);

impl<'a> States<'a> {
    fn unread(self) -> &'a [u8] {
        let Unread(bytes) = self.0;
        bytes
    }
}

impl<'a> Iterator for States<'a> {
    type Item = State<'a>;

    #[inline]
    fn next(&mut self) -> Option<State<'a>> {
        (!self.0.is_empty()).then(|| {
            let length = self.0.varint();
            State::of(self.0.take(length as usize))
        })
    }
}

impl<'a> SubscriptionRef<'a> {
    /// By `effective_at`.
    #[inline]
    pub fn states(self) -> States<'a> {
        self.states
    }

    /// Spelt out.
    pub fn to_subscription(self) -> Subscription {
        Subscription { id: (*self.id.text()).into(), versions: self.states().map(State::to_version).collect() }
    }
}

impl Subscriptions {
    /// Subscriptions by id, each with states by instant; `None` if they cannot be those of an account.
    pub(super) fn of(subscriptions: &[Subscription]) -> Option<Subscriptions> {
        let sound = |subscription: &Subscription| {
            let ordered = subscription.versions.is_sorted_by(|one, next| one.effective_at < next.effective_at);
            ordered && !subscription.versions.is_empty() && subscription.versions.iter().all(Version::is_sound)
        };
        if !subscriptions.is_sorted_by(|one, next| one.id < next.id) || !subscriptions.iter().all(sound) {
            return None;
        }
        if subscriptions.is_empty() {
            return Some(Subscriptions::default());
        }
        let (mut block, mut states, mut packed) = (Packing::from_elem(0, HEAD), Packing::new(), Packing::new());
        for subscription in subscriptions {
            states.clear();
            for version in &subscription.versions {
                packed.clear();
                version.pack(&mut packed);
                put_varint(&mut states, packed.len() as u64);
                states.extend_from_slice(&packed);
            }
            put_varint(&mut block, states.len() as u64);
            put_id(&mut block, &subscription.id);
            block.extend_from_slice(&states);
        }
        Some(Subscriptions(Block::of(&[&block])).with_first_revenue_found())
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// By id.
    #[inline]
    pub fn iter(&self) -> impl Iterator<Item = SubscriptionRef<'_>> + Clone {
        let mut unread = Unread(self.0.get(HEAD..).unwrap_or(&[]));
        std::iter::from_fn(move || (!unread.is_empty()).then(|| read(&mut unread)))
    }

    /// First `effective_at` of a counting state with an item worth something.
    pub fn first_revenue(&self) -> Option<Instant> {
        let (head, _) = self.0.split_first_chunk::<HEAD>()?;
        let first = i64::from_le_bytes(*head);
        (first != NEVER).then_some(Instant(first))
    }

    /// Where the block begins.
    pub(super) fn address(&self) -> *const u8 {
        self.0.address()
    }

    /// Memory of the block in bytes.
    pub fn bytes(&self) -> usize {
        self.0.bytes()
    }

    /// The subscriptions with a fact's state, in place of the one of the same instant if there is one; `None` if a greater state of
    /// the same subscription and instant is known, or this one.
    pub(super) fn with(&self, fact: &SubscriptionFact, symbols: &mut Symbols) -> Option<Subscriptions> {
        let mut id = Packing::new();
        put_id(&mut id, fact.subscription_id);
        let (range, known) = self.find(Unread(&id).id());
        let states = known.map_or(&[][..], |subscription| subscription.states.unread());
        let before = find_state(states, fact)?;
        let (mut state, mut length, mut head) = (Packing::new(), Packing::new(), Packing::new());
        state::pack(fact, symbols, &mut state);
        put_varint(&mut length, state.len() as u64);
        let (earlier, later) = (&states[..before.start], &states[before.end..]);
        put_varint(&mut head, (earlier.len() + length.len() + state.len() + later.len()) as u64);
        let first = self.0.get(..HEAD).map_or(NEVER.to_le_bytes(), |head| head.try_into().expect("eight bytes"));
        let (others_before, others_after) =
            (self.0.get(HEAD..range.start).unwrap_or(&[]), self.0.get(range.end..).unwrap_or(&[]));
        let changed =
            Subscriptions(Block::of(&[&first, others_before, &head, &id, earlier, &length, &state, later, others_after]));
        let unmoved = self.first_revenue().is_some_and(|first| fact.effective_at > first);
        Some(if unmoved { changed } else { changed.with_first_revenue_found() })
    }

    /// Where a subscription stands in the block, or would.
    fn find(&self, id: Id) -> (std::ops::Range<usize>, Option<SubscriptionRef<'_>>) {
        let mut unread = Unread(self.0.get(HEAD..).unwrap_or(&[]));
        let position = |unread: Unread| self.0.len().max(HEAD) - unread.0.len();
        while !unread.is_empty() {
            let start = position(unread);
            let subscription = read(&mut unread);
            match subscription.id.cmp(&id) {
                Ordering::Less => {}
                Ordering::Equal => return (start..position(unread), Some(subscription)),
                Ordering::Greater => return (start..start, None),
            }
        }
        let end = position(unread);
        (end..end, None)
    }

    fn with_first_revenue_found(mut self) -> Subscriptions {
        let first = |subscription: SubscriptionRef| {
            subscription.states().find(|state| state.is_revenue()).map(|state| state.effective_at.0)
        };
        let first = self.iter().filter_map(first).min().unwrap_or(NEVER);
        self.0[..HEAD].copy_from_slice(&first.to_le_bytes());
        self
    }
}

/// The bytes that a fact's state replaces among the states of its subscription: none of a state that comes between two others.
/// `None` if the fact is superseded.
fn find_state(states: &[u8], fact: &SubscriptionFact) -> Option<std::ops::Range<usize>> {
    let mut left = States(Unread(states));
    loop {
        let start = states.len() - left.unread().len();
        let Some(state) = left.next() else { return Some(start..start) };
        match state.effective_at.cmp(&fact.effective_at) {
            Ordering::Less => {}
            Ordering::Greater => return Some(start..start),
            Ordering::Equal => {
                let details = state.details();
                let known = (details.version, &*details.event_id.text()) >= (fact.version, fact.event_id);
                return (!known).then_some(start..states.len() - left.unread().len());
            }
        }
    }
}

#[inline]
fn read<'a>(unread: &mut Unread<'a>) -> SubscriptionRef<'a> {
    let length = unread.varint();
    let id = unread.id();
    SubscriptionRef { id, states: States(Unread(unread.take(length as usize))) }
}

//! What pieces hold, in numbers, and whether those of an image add up to what its head says.
//!
//! Customers and texts are told apart by 128-bit hashes, so that looking takes far less memory than restoring.

use crate::domain::account::Account;
use crate::domain::calendar::Instant;
use crate::domain::facts::FactKind;
use crate::engine::image::Head;
use crate::engine::rejected::{Change, Rejected};
use crate::engine::restoring::Mismatch;
use crate::wire::checkpoint::envelope::checksum;
use crate::wire::checkpoint::{Damage, SectionRef};
use std::collections::{BTreeMap, HashSet};

/// What a piece holds.
#[derive(Debug, Default)]
pub struct Contents {
    /// By number of the first: hashes of texts.
    texts: Vec<(u32, Vec<u128>)>,
    /// Ids by the end of their generation.
    ids: BTreeMap<Instant, u64>,
    /// Hashes of customer ids.
    accounts: Vec<u128>,
    rejected: Vec<(FactKind, Change)>,
    /// Only if they are wanted.
    customers: Vec<(String, Customer)>,
}

/// What is told of a customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Customer {
    pub subscriptions: usize,
    /// Of all subscriptions.
    pub states: usize,
    /// One per civil day and currency.
    pub usage_days: usize,
    pub first_usage: Option<Instant>,
}

/// What the pieces of an image come to.
#[derive(Debug, Default)]
pub struct Whole {
    /// Of subscriptions and usage.
    pub rejected: [Rejected; 2],
    /// Only if they are wanted.
    pub customers: BTreeMap<String, Customer>,
}

impl Contents {
    /// Takes a section up. `texts` is how many texts accounts may name.
    pub fn take(&mut self, section: SectionRef, texts: u32, wants_customers: bool) -> Result<(), Damage> {
        match section {
            SectionRef::Texts { first, texts } => {
                let hashes: Result<Vec<u128>, Damage> = texts.map(|text| text.map(|text| checksum(text.as_bytes()))).collect();
                self.texts.push((first, hashes?));
            }
            SectionRef::Ids { until, ids } => {
                for id in ids {
                    id?;
                    *self.ids.entry(until).or_default() += 1;
                }
            }
            SectionRef::Accounts(accounts) => accounts.each(texts, |customer_id, account| {
                self.accounts.push(checksum(customer_id.as_bytes()));
                if wants_customers {
                    self.customers.push((customer_id.into(), Customer::of(&account)));
                }
                Ok(())
            })?,
            SectionRef::Rejected { topic, changes } => {
                for change in changes {
                    self.rejected.push((topic, change?));
                }
            }
        }
        Ok(())
    }

    /// Texts, ids, accounts and changes of rejected offsets.
    pub fn counts(&self) -> [(&'static str, u64); 4] {
        let texts = self.texts.iter().map(|(_, texts)| texts.len() as u64).sum();
        [
            ("texts", texts),
            ("ids", self.ids.values().sum()),
            ("accounts", self.accounts.len() as u64),
            ("rejected_changes", self.rejected.len() as u64),
        ]
    }

    /// Those of this piece alone.
    pub fn customers(&self) -> impl Iterator<Item = (&str, Customer)> {
        self.customers.iter().map(|(id, customer)| (id.as_str(), *customer))
    }
}

impl Customer {
    fn of(account: &Account) -> Customer {
        let subscriptions = account.subscriptions();
        Customer {
            subscriptions: subscriptions.iter().count(),
            states: subscriptions.iter().map(|subscription| subscription.states().count()).sum(),
            usage_days: account.usage().len(),
            first_usage: account.usage().first_positive(),
        }
    }
}

/// What pieces come to in their order, if that is what the head of their image says.
pub fn add_up(head: &Head, pieces: &[&Contents]) -> Result<Whole, Mismatch> {
    compare_texts(head, pieces)?;
    let accounts: HashSet<u128> = pieces.iter().flat_map(|piece| &piece.accounts).copied().collect();
    if accounts.len() as u64 != head.accounts {
        return Err(Mismatch::Accounts { expected: head.accounts, found: accounts.len() as u64 });
    }
    if !head.generations.is_sorted_by(|(one, _), (next, _)| one < next) {
        return Err(Mismatch::Generations);
    }
    for (until, expected) in &head.generations {
        // A generation that the head does not name was forgotten since, and its ids do not count.
        let found = pieces.iter().filter_map(|piece| piece.ids.get(until)).sum();
        if found != *expected {
            return Err(Mismatch::Ids { until: *until, expected: *expected, found });
        }
    }
    let mut whole = Whole::default();
    for piece in pieces {
        piece.rejected.iter().for_each(|(topic, change)| whole.rejected[*topic as usize].apply(change));
        whole.customers.extend(piece.customers.iter().cloned());
    }
    Ok(whole)
}

fn compare_texts(head: &Head, pieces: &[&Contents]) -> Result<(), Mismatch> {
    let mut texts: Vec<&(u32, Vec<u128>)> =
        pieces.iter().flat_map(|piece| &piece.texts).filter(|(_, texts)| !texts.is_empty()).collect();
    texts.sort_unstable_by_key(|(first, _)| *first);
    let (mut before, mut distinct) = (0, HashSet::<u128>::new());
    for (first, texts) in texts {
        if *first as usize != before {
            return Err(Mismatch::TextOrder { first: *first, before });
        }
        before += texts.len();
        distinct.extend(texts);
    }
    match distinct.len() == before && before == head.texts as usize {
        true => Ok(()),
        false => Err(Mismatch::Texts { expected: head.texts, found: distinct.len() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::calendar::Day;
    use crate::domain::facts::Reason;

    const UNTIL: Instant = Instant(7);

    fn head(accounts: u64, texts: u32, ids: u64) -> Head {
        let generations = vec![(UNTIL, ids)];
        let (floor, floor_at) = (Day(0), Instant(0));
        Head {
            accounts,
            texts,
            floor,
            floor_at,
            record_time: None,
            hash_key: (1, 2),
            generations,
            ahead: Vec::new(),
            passed: Instant(0),
        }
    }

    fn piece(accounts: &[u128], texts: (u32, &[u128]), ids: u64) -> Contents {
        let ids = BTreeMap::from([(UNTIL, ids), (Instant(1), 99)]);
        let customers = Vec::new();
        Contents { texts: vec![(texts.0, texts.1.to_vec())], ids, accounts: accounts.to_vec(), rejected: Vec::new(), customers }
    }

    #[test]
    fn what_does_not_add_up_is_named() {
        let (base, delta) = (piece(&[1, 2], (0, &[1, 2]), 3), piece(&[2, 3], (2, &[3]), 4));
        let both = [&base, &delta];
        assert!(add_up(&head(3, 3, 7), &both).is_ok(), "a later account replaces an earlier one");
        let found = |head: Head, pieces: &[&Contents]| add_up(&head, pieces).expect_err("a mismatch");
        assert_eq!(found(head(4, 3, 7), &both), Mismatch::Accounts { expected: 4, found: 3 });
        assert_eq!(found(head(3, 3, 8), &both), Mismatch::Ids { until: UNTIL, expected: 8, found: 7 });
        assert_eq!(found(head(3, 4, 7), &both), Mismatch::Texts { expected: 4, found: 3 });
        assert_eq!(found(head(2, 3, 4), &[&delta]), Mismatch::TextOrder { first: 2, before: 0 });
        let twice = piece(&[], (0, &[5, 5]), 0);
        assert_eq!(found(head(0, 2, 0), &[&twice]), Mismatch::Texts { expected: 2, found: 1 });
        let unordered = Head { generations: vec![(UNTIL, 3), (UNTIL, 3)], ..head(2, 2, 3) };
        assert_eq!(found(unordered, &[&base]), Mismatch::Generations);
    }

    #[test]
    fn rejected_offsets_are_what_remains_of_all_changes() {
        let mut base = piece(&[], (0, &[]), 0);
        base.rejected.push((FactKind::Usage, Change::Add { first: 3, end: 6, reason: Reason::Decode }));
        let mut delta = piece(&[], (0, &[]), 0);
        delta.rejected.push((FactKind::Usage, Change::Remove { offset: 4 }));
        let whole = add_up(&head(0, 0, 0), &[&base, &delta]).expect("it adds up");
        assert_eq!(whole.rejected[1].runs().collect::<Vec<_>>(), [(3, 4, Reason::Decode), (5, 6, Reason::Decode)]);
        assert!(whole.rejected[0].is_empty());
    }
}

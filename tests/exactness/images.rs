//! Images taken while facts arrive: a partition that is lost and restored from them, again and again, goes on as one that never
//! stopped, event by event.

use crate::harness::{Live, equal, plan, property};
use crate::history::{History, Step, history};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use std::cell::RefCell;
use upswell::domain::account::Account;
use upswell::domain::calendar::Instant;
use upswell::domain::facts::Reason;
use upswell::engine::dedup::Memory;
use upswell::engine::image::{Chunk, Head, Scope, Step as Taken};
use upswell::engine::report::Report;
use upswell::engine::restoring::Restoring;
use upswell::engine::shard::{AuditStep, UsageVerdict};

const HOUR: i64 = 3_600_000;

thread_local! {
    /// Accounts that an image of a test holds; their form is their number here.
    static ENCODED: RefCell<Vec<(String, Account)>> = const { RefCell::new(Vec::new()) };
}

fn encode(customer_id: &str, account: &Account, bytes: &mut Vec<u8>) {
    let number = ENCODED.with_borrow_mut(|encoded| {
        encoded.push((customer_id.to_owned(), account.clone()));
        encoded.len() as u64 - 1
    });
    bytes.extend(number.to_le_bytes());
}

fn decoded(bytes: &[u8]) -> Vec<(String, Account)> {
    let account = |number: &[u8]| {
        let number = number.try_into().map(u64::from_le_bytes).expect("eight bytes");
        ENCODED.with_borrow(|encoded| encoded[number as usize].clone())
    };
    bytes.chunks(8).map(account).collect()
}

/// What happens beside the history, after one of its steps.
#[derive(Clone, Debug)]
struct Beside {
    /// A moment is fixed, if no image is being taken.
    freeze: Option<Scope>,
    /// Slices taken, and how large they are.
    slices: usize,
    budget: usize,
    /// Parts of the map that are audited.
    audit: usize,
    /// The process dies and is restored, from the last whole image.
    dies: bool,
}

fn beside() -> impl Strategy<Value = Beside> {
    let freeze = prop_oneof![3 => Just(None), 2 => Just(Some(Scope::Delta)), 1 => Just(Some(Scope::Base))];
    let (slices, budget) = (select(vec![0, 1, 1, 2, 5000]), select(vec![1, 10, 5_000, 17_000]));
    (freeze, slices, budget, select(vec![0, 100, 700]), prop::bool::weighted(0.1))
        .prop_map(|(freeze, slices, budget, audit, dies)| Beside { freeze, slices, budget, audit, dies })
}

/// The images of a partition: a base and its deltas, and one on its way.
#[derive(Default)]
struct Images {
    whole: Option<Image>,
    taking: Option<(Scope, Image)>,
}

#[derive(Clone)]
struct Image {
    /// Steps of the history taken before.
    steps: usize,
    head: Head,
    chunks: Vec<Chunk>,
}

impl Images {
    fn freeze(&mut self, live: &mut Live, scope: Scope, steps: usize) -> Result<(), String> {
        let scope = if live.shard.needs_base() { Scope::Base } else { scope };
        let head = live.shard.freeze(scope, encode);
        equal("frozen", &head.is_some(), &self.taking.is_none())?;
        if let Some(head) = head {
            self.taking = Some((scope, Image { steps, head, chunks: Vec::new() }));
        }
        Ok(())
    }

    fn capture(&mut self, live: &mut Live, budget: usize) {
        let Some((scope, mut image)) = self.taking.take() else {
            return;
        };
        match live.shard.capture(budget) {
            Taken::Chunk(chunk) => image.chunks.push(chunk),
            Taken::Working => {}
            Taken::Done => {
                if let (Scope::Delta, Some(before)) = (scope, self.whole.take()) {
                    image.chunks.splice(0..0, before.chunks);
                }
                self.whole = Some(image);
                return;
            }
        }
        self.taking = Some((scope, image));
    }

    /// The partition as the last whole image has it, and how many steps it has taken.
    fn restored(&mut self, history: &History, memory: Memory) -> Result<(Live, usize), String> {
        self.taking = None;
        let Some(image) = &self.whole else {
            return Ok((Live::remembering(&history.setup, memory), 0));
        };
        let plan = plan(&history.setup);
        let restoring = Restoring::new(plan.clone(), memory, &image.head);
        for chunk in &image.chunks {
            match chunk {
                Chunk::Texts { first, texts } => restoring.texts(*first, texts.clone()),
                Chunk::Ids { until, ids } => restoring.ids(*until, ids),
                Chunk::Accounts { count, bytes } => {
                    let accounts = decoded(bytes);
                    equal("accounts of a chunk", &(*count as usize), &accounts.len())?;
                    for (customer_id, account) in accounts {
                        let subscriptions: Vec<_> = account.subscriptions().iter().map(|known| known.to_subscription()).collect();
                        let (usage, first) = (account.usage().bins().collect::<Vec<_>>(), account.usage().first_positive());
                        let parts = Account::from_parts(&subscriptions, &usage, first);
                        equal("an account from its parts", &Some(&account), &parts.as_ref())?;
                        restoring.account(&customer_id, account).map_err(|mismatch| mismatch.to_string())?;
                    }
                }
            }
        }
        let shard = restoring.finish().map_err(|mismatch| mismatch.to_string())?;
        equal("customers", &image.head.accounts, &(shard.accounts() as u64))?;
        equal("earliest view", &image.head.floor_at, &shard.earliest_view())?;
        Ok((Live { plan, shard }, image.steps))
    }
}

/// What one step shows from outside.
#[derive(Clone, Debug, PartialEq)]
struct Shown {
    verdict: Result<Option<UsageVerdict>, Reason>,
    report: Option<Report>,
    customers: usize,
    remembered: usize,
}

/// One way through a history: live from the start or only at its end.
struct Way<'a> {
    history: &'a History,
    memory: Memory,
    lags: &'a [Option<i64>],
    live: bool,
}

impl Way<'_> {
    /// `as_of` after so many steps.
    fn as_of(&self, steps: usize) -> i64 {
        History { steps: self.history.steps[..steps].to_vec(), ..self.history.clone() }.end()
    }

    fn begin(&self, live: &mut Live, steps: usize) {
        let as_of = Instant(self.as_of(steps));
        live.shard.observe_clock(as_of);
        if self.live {
            live.shard.go_live(as_of);
        }
    }

    fn step(&self, live: &mut Live, number: usize) -> Result<Shown, String> {
        let as_of = self.as_of(number + 1);
        let verdict = match &self.history.steps[number] {
            Step::Event(event) => live.apply_at(event, self.lags[number % self.lags.len()].map(|lag| as_of + lag)),
            Step::Advance(to) => {
                live.advance(*to);
                Ok(None)
            }
        };
        let report = if self.live { Some(live.report(as_of)?) } else { None };
        Ok(Shown { verdict, report, customers: live.shard.accounts(), remembered: live.shard.dedup_entries() })
    }

    /// The partition that never stops.
    fn whole(&self) -> Result<(Vec<Shown>, Report), String> {
        let mut live = Live::remembering(&self.history.setup, self.memory);
        self.begin(&mut live, 0);
        let shown = (0..self.history.steps.len()).map(|number| self.step(&mut live, number)).collect::<Result<_, _>>()?;
        Ok((shown, self.end(&mut live)?))
    }

    fn end(&self, live: &mut Live) -> Result<Report, String> {
        let end = self.history.end();
        live.shard.go_live(Instant(end));
        live.report(end)
    }

    /// The partition that is lost now and then.
    fn broken(&self, besides: &[Beside], expected: &[Shown]) -> Result<Report, String> {
        let (mut live, mut images) = (Live::remembering(&self.history.setup, self.memory), Images::default());
        self.begin(&mut live, 0);
        let (mut number, mut besides) = (0, besides.iter());
        while number < self.history.steps.len() {
            equal(&format!("step {}", number + 1), &expected[number], &self.step(&mut live, number)?)?;
            number += 1;
            let Some(beside) = besides.next() else {
                continue;
            };
            if let Some(scope) = beside.freeze {
                images.freeze(&mut live, scope, number)?;
            }
            (0..beside.slices).for_each(|_| images.capture(&mut live, beside.budget));
            if beside.audit > 0 {
                let found = live.shard.audit_step(beside.audit, beside.budget);
                equal("nothing violated", &false, &matches!(found, AuditStep::Violated(_)))?;
            }
            if beside.dies {
                (live, number) = images.restored(self.history, self.memory)?;
                self.begin(&mut live, number);
            }
        }
        let expected = images.whole.clone();
        let (mut last, steps) = images.restored(self.history, self.memory)?;
        equal("steps of the last image", &expected.map_or(0, |image| image.steps), &steps)?;
        self.begin(&mut last, steps);
        (steps..self.history.steps.len()).try_for_each(|number| self.step(&mut last, number).map(drop))?;
        let (one, other) = (self.end(&mut live)?, self.end(&mut last)?);
        equal("what was lost once more", &one, &other)?;
        Ok(one)
    }
}

#[test]
fn a_partition_lost_and_restored_is_one_that_never_stopped() {
    let memory = select(vec![Memory::All, Memory::Window { millis: HOUR }, Memory::Window { millis: 40 * 24 * HOUR }]);
    let lag = prop_oneof![4 => (-HOUR..=0).prop_map(Some), 1 => (-400 * 24 * HOUR..0).prop_map(Some), 2 => Just(None)];
    let drawn = (history(40, None), memory, vec(lag, 48), vec(beside(), 0..90), any::<bool>());
    property(60, drawn, |(history, memory, lags, besides, live)| {
        ENCODED.take();
        let way = Way { history: &history, memory, lags: &lags, live };
        let (shown, expected) = way.whole()?;
        equal("the last view", &expected, &way.broken(&besides, &shown)?)
    });
}

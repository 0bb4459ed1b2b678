//! Runs events through the twin and the engine and demands equal views.

use crate::history::{History, Step};
use crate::twin;
use crate::twin::calendar::Calendar;
use crate::twin::facts::{Event, Fact, accept};
pub use crate::twin::same::{equal, same};
use crate::twin::setup::Setup;
use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;
use std::sync::Arc;
use upswell::domain::calendar::{Day, Instant, Zone};
use upswell::domain::currency::{Currency, ExchangeRates, RateTable};
use upswell::domain::facts::Reason;
use upswell::domain::window::Window;
use upswell::engine::dedup::Memory;
use upswell::engine::plan::Plan;
use upswell::engine::report::Report;
use upswell::engine::shard::{Shard, UsageVerdict};

/// The engine's form of a setup.
pub fn plan(setup: &Setup) -> Arc<Plan> {
    let code = |text: &String| Currency::parse(text).expect("a currency code");
    let table = |(from, rates): &(i32, std::collections::BTreeMap<String, i64>)| RateTable {
        from: Day(*from),
        rates: rates.iter().map(|(currency, rate)| (code(currency), *rate)).collect(),
    };
    Arc::new(Plan {
        zone: zone(&setup.zone),
        rates: ExchangeRates::new(code(&setup.currency), setup.tables.iter().map(table).collect()),
        windows: setup.windows.iter().map(|name| Window::parse(name).expect("a window")).collect(),
        dimensions: setup.dimensions.clone(),
        max_values: setup.max_values,
        history: 0,
    })
}

/// A zone's table of midnights takes a while; this thread remembers it.
pub fn zone(name: &str) -> Zone {
    thread_local!(static KNOWN: std::cell::RefCell<HashMap<String, Zone>> = Default::default());
    KNOWN.with_borrow_mut(|known| {
        known.entry(name.to_owned()).or_insert_with(|| Zone::named(name).expect("a zone of the database")).clone()
    })
}

/// The twin: all facts accepted so far.
#[derive(Clone)]
pub struct Twin {
    pub setup: Setup,
    calendar: Rc<Calendar>,
    currencies: BTreeSet<String>,
    pub facts: Vec<Fact>,
}

impl Twin {
    pub fn new(setup: &Setup) -> Twin {
        let calendar = Calendar::of(&setup.zone);
        Twin { setup: setup.clone(), calendar, currencies: setup.currencies(), facts: Vec::new() }
    }

    /// A twin that has been told of every event.
    pub fn of(setup: &Setup, events: &[Event]) -> Twin {
        let mut twin = Twin::new(setup);
        for event in events {
            let _rejected = twin.apply(event);
        }
        twin
    }

    pub fn apply(&mut self, event: &Event) -> Result<(), Reason> {
        self.facts.push(accept(event, &self.currencies)?);
        Ok(())
    }

    /// The same facts under another configuration, which knows the same currencies at least.
    pub fn reconfigured(&self, setup: &Setup) -> Twin {
        Twin { facts: self.facts.clone(), ..Twin::new(setup) }
    }

    pub fn report(&self, as_of: i64) -> Report {
        twin::report(&self.setup, &self.calendar, &self.facts, as_of)
    }
}

/// One partition of the program under test.
pub struct Live {
    pub plan: Arc<Plan>,
    pub shard: Shard,
}

impl Live {
    /// A shard that remembers all, not yet live.
    pub fn new(setup: &Setup) -> Live {
        Live::remembering(setup, Memory::All)
    }

    pub fn remembering(setup: &Setup, memory: Memory) -> Live {
        let plan = plan(setup);
        Live { shard: Shard::new(plan.clone(), memory, (1, 2)), plan }
    }

    /// A shard fed with events, live at `as_of` from then on.
    pub fn fed(setup: &Setup, events: &[Event], as_of: i64) -> Live {
        let mut live = Live::new(setup);
        for event in events {
            let _rejected = live.apply(event);
        }
        live.shard.go_live(Instant(as_of));
        live
    }

    pub fn apply(&mut self, event: &Event) -> Result<(), Reason> {
        self.apply_at(event, None).map(drop)
    }

    /// Applies an event whose record was written at an instant; the verdict is that on usage.
    pub fn apply_at(&mut self, event: &Event, record_at: Option<i64>) -> Result<Option<UsageVerdict>, Reason> {
        use upswell::domain::accept;
        let record_at = record_at.map(Instant);
        match event {
            Event::Subscription(event) => {
                let raw = event.raw();
                let fact = accept::subscription(&raw, &self.plan.rates).map_err(|rejection| rejection.reason)?;
                self.shard.apply_subscription(&fact);
                Ok(None)
            }
            Event::Usage(event) => {
                let raw = event.raw();
                let fact = accept::usage(&raw, &self.plan.rates, record_at).map_err(|rejection| rejection.reason)?;
                Ok(Some(self.shard.apply_usage(&fact, record_at)))
            }
        }
    }

    pub fn advance(&mut self, as_of: i64) {
        self.shard.observe_clock(Instant(as_of));
        self.shard.advance(Instant(as_of));
    }

    /// Replaces the configuration, if the usage days it needs are still there.
    pub fn reconfigure(&mut self, setup: &Setup) -> bool {
        let plan = plan(setup);
        let possible = self.shard.can_serve(&plan);
        if possible {
            self.shard.reconfigure(plan.clone());
            self.plan = plan;
        }
        possible
    }

    /// The view, after the audit has found nothing.
    pub fn report(&self, as_of: i64) -> Result<Report, String> {
        self.shard.audit().map_err(|difference| format!("audit: {difference}"))?;
        merged(&self.plan, std::slice::from_ref(self), as_of)
    }
}

/// The view over several partitions.
pub fn merged(plan: &Plan, parts: &[Live], as_of: i64) -> Result<Report, String> {
    let totals: Option<Vec<_>> = parts.iter().map(|part| part.shard.totals()).collect();
    let totals = totals.ok_or("a shard is not live")?;
    Ok(Report::of(plan, Instant(as_of), &totals))
}

/// The view of `events` at `as_of`, on which twin and engine agree.
pub fn view(setup: &Setup, events: &[Event], as_of: i64) -> Report {
    let actual = Live::fed(setup, events, as_of).report(as_of).expect("an audited view");
    same(&Twin::of(setup, events).report(as_of), &actual).expect("engine and twin agree");
    actual
}

/// Takes a history step by step; after each the engine's view must be the twin's.
pub fn follow(history: &History) -> Result<(), String> {
    let (mut twin, mut live) = (Twin::new(&history.setup), Live::fed(&history.setup, &[], history.start));
    let mut as_of = history.start;
    for (number, step) in history.steps.iter().enumerate() {
        match step {
            Step::Event(event) => equal("verdict", &twin.apply(event), &live.apply(event))?,
            Step::Advance(to) => {
                as_of = *to;
                live.advance(as_of);
            }
        }
        let checked = live.report(as_of).and_then(|actual| same(&twin.report(as_of), &actual));
        checked.map_err(|difference| format!("after step {}: {difference}", number + 1))?;
    }
    Ok(())
}

/// Runs a property over random values. `UPSWELL_SEED` repeats a run, `PROPTEST_CASES` raises the number of cases, and
/// `PROPTEST_MAX_SHRINK_ITERS=0` does without the smallest failing value.
pub fn property<S: Strategy>(cases: u32, strategy: S, test: impl Fn(S::Value) -> Result<(), String>)
where
    S::Value: std::fmt::Debug,
{
    let variable = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seed = variable("UPSWELL_SEED").unwrap_or_else(|| jiff::Timestamp::now().as_nanosecond() as u64);
    let cases = variable("PROPTEST_CASES").map_or(cases, |more| cases.max(more as u32));
    let max_shrink_iters = variable("PROPTEST_MAX_SHRINK_ITERS").map_or(3000, |most| most as u32);
    let config = Config { cases, failure_persistence: None, max_shrink_iters, max_shrink_time: 60_000, ..Config::default() };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let outcome = runner.run(&strategy, |value| test(value).map_err(TestCaseError::fail));
    if let Err(failure) = outcome {
        panic!("with UPSWELL_SEED={seed}: {failure}");
    }
}

//! Properties over random histories: whatever happened in whatever order, the engine's view is the twin's.

use crate::build::UNIT;
use crate::choices::{CUSTOMERS, Pick, setup};
use crate::harness::{Live, Twin, equal, follow, merged, property, same};
use crate::history::{History, Step, history, with};
use crate::twin::facts::Event;
use proptest::prelude::*;
use std::collections::BTreeSet;
use upswell::domain::calendar::Instant;
use upswell::domain::rates::Sums;
use upswell::engine::report::Report;
use upswell::engine::shard::AuditStep;

/// A reproducible sequence of small choices, for orders and repetitions.
struct Choices(u64);

impl Choices {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound.max(1)
    }

    fn shuffle<T>(&mut self, values: &mut [T]) {
        for last in (1..values.len()).rev() {
            values.swap(last, self.below(last + 1));
        }
    }
}

#[test]
fn incremental_is_recomputed_after_every_step() {
    property(150, history(40, None), |history| follow(&history));
}

#[test]
fn amounts_near_their_limits_stay_exact() {
    property(40, history(25, Some(true)), |history| follow(&history));
}

#[test]
fn order_and_repetition_change_nothing() {
    property(100, (history(40, None), any::<u64>()), |(history, seed)| {
        let (mut choices, mut events, end) = (Choices(seed), history.events(), history.end());
        let expected = Twin::of(&history.setup, &events).report(end);
        for _ in 0..events.len() / 2 {
            events.push(events[choices.below(events.len())].clone());
        }
        choices.shuffle(&mut events);
        let bulk = choices.below(events.len());
        let mut live = Live::fed(&history.setup, &events[..bulk], end);
        for event in &events[bulk..] {
            let _rejected = live.apply(event);
        }
        same(&expected, &live.report(end)?)
    });
}

#[test]
fn a_late_start_is_a_start_from_the_beginning() {
    property(50, (history(40, None), any::<usize>()), |(history, cut)| {
        let cut = cut % (history.steps.len() + 1);
        let (mut twin, mut live) = (Twin::new(&history.setup), Live::new(&history.setup));
        let mut as_of = history.start;
        for (number, step) in history.steps.iter().enumerate() {
            if number == cut {
                live.shard.go_live(Instant(as_of));
            }
            take(step, &mut twin, &mut live, &mut as_of)?;
            if number >= cut {
                same(&twin.report(as_of), &live.report(as_of)?)
                    .map_err(|difference| format!("step {}: {difference}", number + 1))?;
            }
        }
        Ok(())
    });
}

#[test]
fn facts_that_arrive_while_a_view_moves_count() {
    property(100, (history(40, None), any::<usize>(), any::<u64>()), |(history, cut, seed)| {
        let cut = cut % (history.steps.len() + 1);
        let (mut twin, mut live, mut choices) = (Twin::new(&history.setup), Live::new(&history.setup), Choices(seed));
        let mut as_of = history.start;
        for (number, step) in history.steps.iter().enumerate() {
            if number == cut {
                live.shard.begin_view(Instant(as_of));
            }
            match step {
                Step::Event(event) => equal("verdict", &twin.apply(event), &live.apply(event))?,
                Step::Advance(to) => {
                    settle(&twin, &mut live, as_of, number >= cut)?;
                    as_of = *to;
                    live.shard.observe_clock(Instant(as_of));
                    live.shard.begin_move(Instant(as_of));
                }
            }
            // A part of the map at a time, most of them empty; now and then all that is left.
            if choices.below(3) > 0 {
                live.shard.move_on(choices.below(1_500));
            }
            // An audit that a midnight interrupts begins anew.
            if choices.below(3) == 0 {
                let found = live.shard.audit_step(choices.below(1_500), 5);
                equal("nothing violated", &false, &matches!(found, AuditStep::Violated(_)))?;
            }
        }
        settle(&twin, &mut live, as_of, cut < history.steps.len())
    });
}

/// Ends the move under way; then the view is that of the twin.
fn settle(twin: &Twin, live: &mut Live, as_of: i64, is_live: bool) -> Result<(), String> {
    while live.shard.move_on(100) {}
    if !is_live {
        return Ok(());
    }
    same(&twin.report(as_of), &live.report(as_of)?).map_err(|difference| format!("at {as_of}: {difference}"))
}

fn take(step: &Step, twin: &mut Twin, live: &mut Live, as_of: &mut i64) -> Result<(), String> {
    match step {
        Step::Event(event) => equal("verdict", &twin.apply(event), &live.apply(event)),
        Step::Advance(to) => {
            *as_of = *to;
            live.advance(*to);
            Ok(())
        }
    }
}

fn customer(event: &Event) -> &str {
    let id = match event {
        Event::Subscription(state) => &state.customer_id,
        Event::Usage(usage) => &usage.customer_id,
    };
    id.as_deref().unwrap_or("")
}

#[test]
fn partitions_add_up_to_the_whole() {
    property(50, (history(40, None), [0..3usize, 0..3, 0..3]), |(history, partitions)| {
        let mut twin = Twin::new(&history.setup);
        let mut parts: Vec<Live> = (0..3).map(|_| Live::fed(&history.setup, &[], history.start)).collect();
        let plan = parts[0].plan.clone();
        let mut as_of = history.start;
        for step in &history.steps {
            match step {
                Step::Event(event) => {
                    let home: Option<Pick> = CUSTOMERS.iter().position(|id| *id == customer(event));
                    let part = &mut parts[partitions[home.unwrap_or(0)]];
                    equal("verdict", &twin.apply(event), &part.apply(event))?;
                }
                Step::Advance(to) => {
                    as_of = *to;
                    parts.iter_mut().for_each(|part| part.advance(as_of));
                    same(&twin.report(as_of), &merged(&plan, &parts, as_of)?)?;
                }
            }
        }
        same(&twin.report(as_of), &merged(&plan, &parts, as_of)?)
    });
}

#[test]
fn a_customer_that_is_gone_never_was() {
    property(40, history(40, None), |mut history| {
        history.setup.max_values = 100;
        let (all, end) = (history.events(), history.end());
        let whole = Live::fed(&history.setup, &all, end).report(end)?;
        let (mine, rest): (Vec<Event>, Vec<Event>) = all.into_iter().partition(|event| customer(event) == CUSTOMERS[0]);
        let mine = Live::fed(&history.setup, &mine, end).report(end)?;
        let rest = Live::fed(&history.setup, &rest, end).report(end)?;
        for (window, (mine, rest)) in whole.windows.iter().zip(mine.windows.iter().zip(&rest.windows)) {
            let mut sums = mine.total;
            sums.add(&rest.total);
            equal(&window.window, &window.total, &sums)?;
        }
        let accounts: BTreeSet<String> =
            Twin::of(&history.setup, &history.events()).facts.iter().map(|fact| fact.customer().to_owned()).collect();
        let live = Live::fed(&history.setup, &history.events(), end);
        equal("accounts", &accounts.len(), &live.shard.accounts())?;
        CUSTOMERS.iter().try_for_each(|id| equal(id, &accounts.contains(*id), &live.shard.directory().holds(id)))
    });
}

#[test]
fn a_new_configuration_is_a_fresh_start() {
    property(60, (history(40, None), setup(false), any::<usize>()), |(history, setup, at)| {
        let at = at % (history.steps.len() + 1);
        let mut next = setup.resolve(&history.setup.zone, history.calendar().day(history.start));
        next.currency = history.setup.currency.clone();
        next.tables.iter_mut().for_each(|(_, rates)| rates.retain(|currency, _| *currency != history.setup.currency));
        let missing = history.setup.currencies().into_iter().filter(|currency| !next.currencies().contains(currency));
        let missing = missing.map(|currency| (currency, UNIT)).collect();
        next.tables.insert(0, (-1, missing));
        let (mut twin, mut live) = (Twin::new(&history.setup), Live::fed(&history.setup, &[], history.start));
        let mut as_of = history.start;
        for (number, step) in history.steps.iter().enumerate() {
            if number == at && live.reconfigure(&next) {
                twin = twin.reconfigured(&next);
                same(&twin.report(as_of), &live.report(as_of)?).map_err(|difference| format!("at once: {difference}"))?;
            }
            take(step, &mut twin, &mut live, &mut as_of)?;
            same(&twin.report(as_of), &live.report(as_of)?).map_err(|difference| format!("step {}: {difference}", number + 1))?;
        }
        Ok(())
    });
}

/// Section 11: what is always true, on the engine's own figures.
#[test]
fn identities_hold() {
    let windows = ["month_to_date", "last_month", "quarter_to_date", "last_quarter", "year_to_date", "last_year", "trailing_9d"];
    property(100, with(history(40, None), &windows), |history: History| {
        let end = history.end();
        identities(&Live::fed(&history.setup, &history.events(), end).report(end)?)
    });
}

fn identities(report: &Report) -> Result<(), String> {
    for window in &report.windows {
        let Sums { money, customers } = &window.total;
        let holds = |what: &str, holds: bool| holds.then_some(()).ok_or_else(|| format!("{}: {what}", window.window));
        let retained = money.opening - money.contraction() - money.churn;
        holds("gross retention lies from 0 to 1", 0 <= retained && retained <= money.opening)?;
        holds("nothing is negative", money.expansion.iter().chain(&money.contraction).all(|motion| *motion >= 0))?;
        holds("customers are not negative", customers.opening >= 0 && customers.closing() >= 0)?;
        let closes_now = window.closing_edge == report.as_of;
        holds("a window to date closes at the present revenue", !closes_now || money.closing() == report.mrr)?;
        for dimension in &window.dimensions {
            let mut sums = Sums::default();
            dimension.segments.iter().for_each(|segment| sums.add(&segment.sums));
            equal(&format!("{}, {}", window.window, dimension.dimension), &window.total, &sums)?;
        }
    }
    for pair in [(0, 1), (2, 3), (4, 5)] {
        let (to_date, last) = (&report.windows[pair.0].total, &report.windows[pair.1].total);
        equal("closing is the next opening", &last.money.closing(), &to_date.money.opening)?;
        equal("customers at the closing", &last.customers.closing(), &to_date.customers.opening)?;
    }
    Ok(())
}

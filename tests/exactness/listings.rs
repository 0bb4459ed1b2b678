//! Looks at all accounts: what is listed is what was so when the look was frozen, and adds up, whatever happens meanwhile.

use crate::build::{ms, setup};
use crate::harness::{Live, Twin, equal, plan, property};
use crate::history::{History, Step, history};
use crate::twin::facts::{Event, Usage};
use crate::twin::setup::Setup;
use proptest::prelude::*;
use upswell::domain::calendar::Instant;
use upswell::domain::window::{Period, Window};
use upswell::engine::shard::Frozen;
use upswell::engine::survey::listing::{Movement, Query};
use upswell::engine::survey::periods::{PeriodSums, reached};
use upswell::engine::survey::rows::{Order, Row, Tally};
use upswell::engine::survey::{Found, Question};

/// A reproducible sequence of small choices.
struct Choices(u64);

impl Choices {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound.max(1)
    }

    fn question(&mut self, setup: &Setup, twin: &Twin, as_of: i64) -> Question {
        let order = Order::ALL[self.below(2)].1;
        if self.below(8) == 0 {
            return Question::Likely(order);
        }
        let number = self.below(setup.windows.len());
        let window = Window::parse(&setup.windows[number]).expect("a window");
        let movement = Movement::ASKED[self.below(Movement::ASKED.len())].1;
        let report = twin.report(as_of);
        let dimensions = &report.windows[number].dimensions;
        let segment = dimensions.get(self.below(dimensions.len() + 2)).map(|dimension| {
            let value =
                dimension.segments.get(self.below(dimension.segments.len() + 1)).map_or("nobody", |segment| &segment.value);
            (dimension.dimension.clone(), value.to_owned())
        });
        Question::Moved(Query { window, movement, segment, order, most: [1, 2, 100][self.below(3)] })
    }
}

/// A look under way, and what it has to find.
struct Look {
    question: Question,
    frozen: Frozen,
    expected: (Vec<Row>, Tally),
}

fn customers(found: Option<Found>) -> Result<(Vec<Row>, Tally), String> {
    match found {
        Some(Found::Customers(rows)) => Ok(rows.done()),
        other => Err(format!("not customers: {other:?}")),
    }
}

impl Look {
    fn begin(live: &mut Live, (setup, events, as_of): (&Setup, &[Event], i64), question: Question) -> Result<Look, String> {
        let frozen = live.shard.begin_look(&question).ok_or("the question is unknown")?;
        let mut fresh = Live::fed(setup, events, as_of);
        let (at_once, found) = fresh.shard.look(&question).ok_or("the question is unknown to a fresh shard")?;
        equal("frozen", &at_once, &frozen)?;
        Ok(Look { question, frozen, expected: customers(Some(found))? })
    }

    fn end(self, live: &mut Live) -> Result<(), String> {
        while live.shard.look_step(1) {}
        let found = customers(live.shard.end_look())?;
        equal(&format!("{:?}", self.question), &self.expected, &found)?;
        let Question::Moved(query) = &self.question else { return Ok(()) };
        let sums = self.frozen.listed.ok_or("nothing is listed")?.sums;
        equal(&format!("total of {query:?}"), &query.movement.tally(&sums), &found.1)?;
        equal("rows", &found.0.len(), &query.most.min(usize::try_from(found.1.customers).unwrap_or(0)))
    }
}

#[test]
fn a_listing_is_of_the_moment_it_was_frozen_at() {
    property(150, (history(40, None), any::<u64>()), |(history, seed)| {
        let mut choices = Choices(seed);
        let mut setup = history.setup.clone();
        let (mut twin, mut live) = (Twin::new(&setup), Live::fed(&setup, &[], history.start));
        let (mut events, mut as_of, mut look) = (Vec::new(), history.start, None::<Look>);
        for step in &history.steps {
            if look.is_none() && choices.below(3) == 0 {
                let question = choices.question(&setup, &twin, as_of);
                look = Some(Look::begin(&mut live, (&setup, &events, as_of), question)?);
            }
            for _ in 0..choices.below(500) {
                live.shard.look_step(1);
            }
            match step {
                Step::Event(event) => {
                    equal("verdict", &twin.apply(event), &live.apply(event))?;
                    events.push(event.clone());
                }
                Step::Advance(to) => {
                    as_of = *to;
                    live.advance(as_of);
                }
            }
            if choices.below(10) == 0 {
                setup.dimensions.reverse();
                (live.reconfigure(&setup), twin = twin.reconfigured(&setup)).0.then_some(()).ok_or("not reconfigured")?;
            }
            if choices.below(6) == 0
                && let Some(look) = look.take()
            {
                look.end(&mut live)?;
            }
        }
        look.map_or(Ok(()), |look| look.end(&mut live))
    });
}

#[test]
fn the_figures_a_listing_is_of_are_the_twins() {
    property(60, history(30, None), |history| {
        let end = history.end();
        let twin = Twin::of(&history.setup, &history.events()).report(end);
        let mut live = Live::fed(&history.setup, &history.events(), end);
        for (window, expected) in history.setup.windows.iter().zip(&twin.windows) {
            for (name, movement) in Movement::ASKED {
                let window = Window::parse(window).expect("a window");
                let query = Query { window, movement, segment: None, order: Order::Amount, most: 100 };
                let (_, found) = live.shard.look(&Question::Moved(query)).ok_or("unknown")?;
                let (rows, all) = customers(Some(found))?;
                equal(&format!("{window} {name}"), &movement.tally(&expected.total), &all)?;
                equal("sum of the rows", &all, &Tally::of(&rows))?;
            }
        }
        Ok(())
    });
}

fn closed(live: &mut Live, every: Period, most: usize) -> Result<Vec<PeriodSums>, String> {
    match live.shard.look(&Question::Closed { every, most }) {
        Some((_, Found::Periods(periods))) => Ok(periods),
        other => Err(format!("no periods: {other:?}")),
    }
}

/// The twin's report at a closing edge, of what took effect before it.
fn at_edge(history: &History, every: Period, edge: Instant) -> upswell::engine::report::Report {
    let setup = Setup { windows: vec![Window::Last(every).to_string()], dimensions: vec![], ..history.setup.clone() };
    let mut twin = Twin::of(&setup, &history.events());
    twin.facts.retain(|fact| fact.at() < edge.0);
    twin.report(edge.0)
}

#[test]
fn a_closed_period_is_what_a_report_at_its_edge_has() {
    property(60, history(40, None), |history| {
        let end = history.end();
        for (every, most) in [(Period::Month, 14), (Period::Quarter, 5), (Period::Year, 3)] {
            let mut fresh = Live::fed(&history.setup, &history.events(), end);
            let periods = closed(&mut fresh, every, most)?;
            for PeriodSums { period, figures } in &periods {
                let expected = &at_edge(&history, every, figures.closing_edge).windows[0];
                equal(&format!("edge of {period}"), &expected.opening_edge, &figures.opening_edge)?;
                equal(&format!("edge of {period}"), &expected.closing_edge, &figures.closing_edge)?;
                equal(&format!("edge of {period}"), &expected.comparison_opening, &figures.comparison_opening)?;
                equal(period, &expected.total, &figures.total)?;
            }
            // What a long life has forgotten is absent, never wrong.
            let mut live = Live::fed(&history.setup, &[], history.start);
            for step in &history.steps {
                match step {
                    Step::Event(event) => drop(live.apply_at(event, Some(end))),
                    Step::Advance(to) => live.advance(*to),
                }
            }
            let known = closed(&mut live, every, most)?;
            equal("as far as it is known", &periods[..known.len().min(periods.len())].to_vec(), &known)?;
        }
        Ok(())
    });
}

/// Usage so many days after the beginning of 2025.
fn usage_of(customer_id: &str, number: i64, amount: i64) -> Event {
    Event::Usage(Usage {
        event_id: Some(format!("{customer_id}{number}")),
        customer_id: Some(customer_id.to_owned()),
        used_at: Some(ms("2025-01-01") + number * 86_400_000),
        meter: Some("m".to_owned()),
        amount: Some(amount),
        currency: Some("USD".to_owned()),
    })
}

fn usage(number: i64) -> Event {
    usage_of("a", number, 1_000_000 * (1 + number / 30))
}

#[test]
fn periods_are_known_of_usage_that_began_after_what_is_not_kept() {
    let (setup, end) = (setup("trailing_30d"), ms("2026-03-15"));
    let days = (end - ms("2025-01-01")) / 86_400_000;
    let live = |begun: i64| {
        let mut live = Live::new(&setup);
        live.shard.go_live(Instant(ms("2025-01-01")));
        for number in 0..days {
            // Time passes by records too; what was used for nothing has no part in any figure.
            let at = ms("2025-01-01") + number * 86_400_000 + 3_600_000;
            let used = (number >= begun).then(|| usage(number));
            for event in [usage_of("b", number, 0)].into_iter().chain(used) {
                live.apply_at(&event, Some(at)).expect("a good event");
            }
            live.advance(at);
        }
        live.advance(end);
        live
    };
    let kept = live(days - 1).shard.portrait("a").expect("a customer").usage_since;
    let kept = i64::from(kept.0) - ms("2025-01-01") / 86_400_000;
    for (begun, is_known) in [(kept + 64, true), (kept + 63, true), (kept + 62, false), (kept + 1, false), (kept - 9, false)] {
        let fresh = closed(&mut Live::fed(&setup, &(begun..days).map(usage).collect::<Vec<_>>(), end), Period::Month, 100);
        let all = reached(fresh.expect("periods"));
        assert!(all.len() >= 2, "{all:?}");
        let periods = reached(closed(&mut live(begun), Period::Month, 100).expect("periods"));
        assert_eq!(periods, if is_known { all } else { vec![] }, "{} days after what is kept", begun - kept);
    }
}

#[test]
fn history_keeps_the_usage_days_that_closed_months_need() {
    let setup = setup("trailing_7d");
    let end = ms("2026-03-15");
    let days = (end - ms("2025-01-01")) / 86_400_000;
    let mut known = Vec::new();
    for months in [0, 1, 6, 12] {
        let mut live = Live::new(&setup);
        let kept = upswell::engine::plan::Plan { history: months, ..(*plan(&setup)).clone() };
        live.shard.reconfigure(std::sync::Arc::new(kept));
        live.shard.go_live(Instant(ms("2025-01-01")));
        for number in 0..days {
            let at = ms("2025-01-01") + number * 86_400_000 + 3_600_000;
            live.apply_at(&usage(number), Some(at)).expect("a good event");
            live.advance(at);
        }
        live.advance(end);
        let mut fresh = Live::fed(&setup, &(0..days).map(usage).collect::<Vec<_>>(), end);
        let (periods, all) = (closed(&mut live, Period::Month, 100), closed(&mut fresh, Period::Month, 100).map(reached));
        let (periods, all) = (periods.expect("periods"), all.expect("periods"));
        assert_eq!(all.len(), 14);
        assert_eq!(reached(periods.clone())[..], all[..periods.len().min(all.len())], "{months} months");
        known.push(periods.len().min(all.len()));
    }
    assert_eq!(known, [0, 1, 6, 12]);
}

//! A partition that forgets: usage ids after a while of record time, usage days that no view can need. Neither shows.

use crate::build::{ms, setup, usage};
use crate::harness::{Live, Twin, equal, property, same};
use crate::history::{History, Step, history};
use crate::twin::facts::{Event, Fact};
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::HashMap;
use upswell::domain::calendar::Instant;
use upswell::engine::dedup::Memory;
use upswell::engine::shard::UsageVerdict;

const HOUR: i64 = 3_600_000;

/// When a record was written, from the present `as_of`: mostly just now, sometimes long ago, sometimes far in the future.
fn lag() -> impl Strategy<Value = i64> {
    prop_oneof![6 => -HOUR..=0, 2 => -400 * 24 * HOUR..0, 1 => 0..HOUR, 1 => Just(3000 * 24 * HOUR)]
}

/// Record time as the semantics bound it: between these two, however the clock's limit is read.
#[derive(Clone, Copy)]
struct RecordTime {
    least: i64,
    most: i64,
}

/// Drives one partition whose clock is `as_of`, and judges its verdicts on repeated usage.
struct Drive {
    window: i64,
    twin: Twin,
    live: Live,
    as_of: i64,
    /// The consumer's clock, `as_of` or a little later.
    clock: i64,
    /// The greatest timestamps of usage records: each bounded by the clock of its time, and unbounded.
    greatest: (i64, i64),
    applied: HashMap<(String, String), RecordTime>,
}

impl Drive {
    fn new(history: &History, window: i64) -> Drive {
        let mut live = Live::remembering(&history.setup, Memory::Window { millis: window });
        live.shard.observe_clock(Instant(history.start));
        live.shard.go_live(Instant(history.start));
        let greatest = (i64::MIN, i64::MIN);
        Drive {
            window,
            twin: Twin::new(&history.setup),
            live,
            as_of: history.start,
            clock: history.start,
            greatest,
            applied: HashMap::new(),
        }
    }

    fn step(&mut self, step: &Step, lag: i64) -> Result<(), String> {
        match step {
            Step::Advance(to) => {
                (self.as_of, self.clock) = (*to, self.clock.max(*to));
                self.live.advance(*to);
                Ok(())
            }
            Step::Event(event) => self.event(event, self.as_of + lag),
        }
    }

    fn event(&mut self, event: &Event, record_at: i64) -> Result<(), String> {
        self.live.shard.observe_clock(Instant(self.clock));
        let verdict = match self.live.apply_at(event, Some(record_at)) {
            // Usage a day after its record is rejected, which only records can show.
            Err(upswell::domain::facts::Reason::FutureUsage) => {
                let used = event.as_usage().and_then(|usage| usage.used_at).unwrap_or(i64::MIN);
                return equal("usage lies in the future", &true, &(used - record_at > 24 * HOUR));
            }
            Err(reason) => return equal("verdict", &Some(reason), &self.twin.apply(event).err()),
            Ok(verdict) => verdict,
        };
        equal("accepted", &Ok(()), &self.twin.apply(event))?;
        let Some(verdict) = verdict else {
            return Ok(());
        };
        self.greatest = (self.greatest.0.max(record_at.min(self.clock)), self.greatest.1.max(record_at));
        let (one, other) = (self.greatest.0, self.greatest.1.min(self.clock));
        self.judge(event, verdict, RecordTime { least: one.min(other), most: one.max(other) })
    }

    /// A repeated usage event is a duplicate for the length of the memory, and counts again after twice that.
    fn judge(&mut self, event: &Event, verdict: UsageVerdict, now: RecordTime) -> Result<(), String> {
        let Some(Fact::Consumption(mut fact)) = self.twin.facts.pop() else {
            return Err("usage became another kind of fact".to_owned());
        };
        let key = (fact.customer_id.clone(), fact.event_id.clone());
        let before = self.applied.get(&key);
        let duplicate = verdict == UsageVerdict::Duplicate;
        match before {
            None => equal(&format!("a first event is no duplicate: {event}"), &false, &duplicate)?,
            Some(before) if now.most - before.least <= self.window => equal(&format!("remembered: {event}"), &true, &duplicate)?,
            Some(before) if now.least - before.most > 2 * self.window => {
                equal(&format!("forgotten: {event}"), &false, &duplicate)?
            }
            Some(_) => {}
        }
        if !duplicate {
            if before.is_some() {
                fact.event_id = format!("{} again {}", fact.event_id, self.twin.facts.len());
            }
            self.applied.insert(key, now);
            self.twin.facts.push(Fact::Consumption(fact));
        }
        Ok(())
    }

    fn check(&self) -> Result<(), String> {
        same(&self.twin.report(self.as_of), &self.live.report(self.as_of)?)
    }
}

#[test]
fn forgetting_is_invisible() {
    let windows = prop_oneof![Just(1), Just(HOUR), Just(24 * HOUR), Just(40 * 24 * HOUR)];
    property(100, (history(40, None), windows, vec(lag(), 64)), |(history, window, lags)| {
        let mut drive = Drive::new(&history, window);
        for (number, step) in history.steps.iter().enumerate() {
            drive.step(step, lags[number % lags.len()])?;
            drive.check().map_err(|difference| format!("after step {}: {difference}", number + 1))?;
        }
        Ok(())
    });
}

/// The same usage event time and again while record time moves on.
#[test]
fn a_repeated_usage_event_is_ignored_while_it_is_remembered() {
    let moves = vec((prop_oneof![Just(0), 0..3 * HOUR, 0..60 * HOUR], any::<bool>()), 1..40);
    property(100, (history(8, None), moves), |(mut history, moves)| {
        history.setup.windows.truncate(1);
        let uses: Vec<Event> = history.events().into_iter().filter(|event| event.as_usage().is_some()).take(2).collect();
        let mut drive = Drive::new(&history, 24 * HOUR);
        for (millis, which) in moves {
            drive.step(&Step::Advance(drive.as_of + millis), 0)?;
            if let Some(event) = uses.get(usize::from(which)) {
                drive.event(event, drive.as_of)?;
            }
            drive.check()?;
        }
        Ok(())
    });
}

/// Sparse usage, day by day, in windows so short that everything is soon forgotten: the 28 days of the earliest edge and the 35
/// before them are still needed.
#[test]
fn usage_days_are_kept_for_as_long_as_an_edge_needs_them() {
    let windows = prop_oneof![Just("month_to_date"), Just("trailing_7d"), Just("last_month")];
    property(15, (windows, vec(1..50i64, 3..8)), |(window, gaps)| {
        let setup = setup(window);
        let mut drive = Drive::new(&History { setup, start: ms("2026-01-01"), steps: Vec::new() }, 24 * HOUR);
        for (number, gap) in gaps.into_iter().enumerate() {
            for _ in 0..gap {
                // Others keep record time going, to which forgetting is bound, up to the instant the view moves to.
                drive.clock = drive.as_of + 24 * HOUR;
                drive.event(&usage("B", "2026-01-01", 0), drive.clock)?;
                drive.step(&Step::Advance(drive.clock), 0)?;
                drive.check()?;
            }
            let at = jiff::Timestamp::from_millisecond(drive.as_of - HOUR).map_err(|error| error.to_string())?;
            drive.event(&usage("A", &at.to_string(), 28 + number as i64), drive.as_of)?;
            drive.check()?;
        }
        Ok(())
    });
}

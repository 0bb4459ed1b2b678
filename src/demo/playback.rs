//! Plays a history into a broker as time goes by; into the embedded one never further ahead of its reader than it keeps.

use super::broker::MAX_AHEAD;
use super::event::Event;
use super::feed::{Feed, FeedError};
use super::history::History;
use crate::domain::calendar::Instant;
use crate::domain::facts::FactKind;
use std::collections::VecDeque;
use std::time::Duration;

/// Days over which the rate of events is averaged: whole weeks, for their rhythm.
const AVERAGED_DAYS: usize = 28;
/// Bytes that are always left free: more than any one record takes.
const RESERVE: usize = 64 * 1024;

/// Where the reader of one partition stands: what it has taken before this offset.
pub type Position = (FactKind, i32, i64);

/// Why a playback ends.
#[derive(Debug, thiserror::Error)]
pub enum PlaybackError {
    #[error(transparent)]
    Feed(#[from] FeedError),
    #[error("ask the embedded broker what it keeps: {0}")]
    Bounds(rdkafka::error::KafkaError),
    #[error(
        "the embedded broker has dropped records of {kind:?} partition {partition} that were not read: \
         it begins at offset {low}, the service stands at {next}; try fewer --customers or --events-per-second"
    )]
    Dropped { kind: FactKind, partition: i32, low: i64, next: i64 },
}

/// A history on its way into the broker.
pub struct Playback {
    history: History,
    feed: Feed,
    /// What is left of the day in progress.
    left: VecDeque<Event>,
    /// Events of each of the last days.
    counts: VecDeque<usize>,
}

impl Playback {
    /// A playback from the history's next day on; the feed has to be watched.
    pub fn new(history: History, feed: Feed) -> Playback {
        Playback { history, feed, left: VecDeque::new(), counts: VecDeque::new() }
    }

    /// Sends what arrives before an instant, as far as there is room; whether that was all of it.
    pub fn advance(&mut self, until: Instant) -> Result<bool, PlaybackError> {
        loop {
            while self.left.is_empty() {
                if self.history.begins() >= until {
                    return Ok(true);
                }
                self.next_day();
            }
            while let Some(event) = self.left.front() {
                if event.arrival >= until {
                    return Ok(true);
                }
                self.feed.poll(Duration::ZERO)?;
                if self.feed.ahead() + RESERVE > MAX_AHEAD {
                    return Ok(false);
                }
                self.feed.send(event)?;
                self.left.pop_front();
            }
        }
    }

    /// Sends what arrives before an instant with nobody reading yet; whether there was room for all of it.
    pub fn fill(&mut self, until: Instant) -> Result<bool, PlaybackError> {
        loop {
            if self.advance(until)? {
                self.feed.settle()?;
                return Ok(true);
            }
            let before = self.feed.acknowledged();
            self.feed.settle()?;
            if self.feed.acknowledged() == before {
                return Ok(false);
            }
        }
    }

    /// Waits until everything sent is acknowledged.
    pub fn finish(&self) -> Result<(), PlaybackError> {
        Ok(self.feed.settle()?)
    }

    /// Takes acknowledgements, waiting for so long at most, and notes how far the reader has come.
    pub fn follow(&self, reader: &[Position], timeout: Duration) -> Result<(), PlaybackError> {
        for (kind, partition, next) in reader {
            self.feed.read_up_to(*kind, *partition, *next);
        }
        Ok(self.feed.poll(timeout)?)
    }

    /// Makes sure that the broker still has everything the reader has not taken.
    pub fn check_kept(&self, reader: &[Position]) -> Result<(), PlaybackError> {
        for (kind, partition, end) in self.feed.ends() {
            let stands = reader.iter().find(|(of, number, _)| (*of, *number) == (kind, partition));
            let next = stands.map_or(0, |(_, _, next)| *next);
            let bounds = self.feed.client().fetch_watermarks(self.feed.topic(kind), partition, Duration::from_secs(10));
            let (low, _) = bounds.map_err(PlaybackError::Bounds)?;
            if low > next && end > next {
                return Err(PlaybackError::Dropped { kind, partition, low, next });
            }
        }
        Ok(())
    }

    /// Events a day, averaged over the last four weeks; at least 1.
    pub fn events_per_day(&self) -> u64 {
        (self.counts.iter().sum::<usize>() / self.counts.len().max(1)).max(1) as u64
    }

    /// Records the broker has taken.
    pub fn acknowledged(&self) -> u64 {
        self.feed.acknowledged()
    }

    fn next_day(&mut self) {
        self.left = self.history.next_day().into();
        self.counts.push_back(self.left.len());
        if self.counts.len() > AVERAGED_DAYS {
            self.counts.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::broker::Broker;
    use crate::demo::feed::Topics;
    use crate::demo::history::Scale;
    use crate::demo::registry::IDS;
    use crate::domain::calendar::Day;

    fn playback(broker: &Broker, customers: u32, months: u32) -> (Playback, Scale) {
        let topics = Topics { subscriptions: "s".into(), usage: "u".into() };
        let feed = Feed::new(broker.servers(), &[], topics, IDS, true).expect("a producer");
        let scale = Scale { customers, months, until: Day::parse("2026-07-01").expect("a date"), seed: 1 };
        (Playback::new(History::new(scale), feed), scale)
    }

    fn broker(partitions: i32) -> Broker {
        Broker::start(vec![("s".into(), partitions), ("u".into(), partitions)]).expect("a broker")
    }

    fn midnight(day: Day) -> Instant {
        Instant(i64::from(day.0) * 86_400_000)
    }

    #[test]
    fn the_history_of_the_default_demo_fits_whole() {
        let broker = broker(8);
        let (mut playback, scale) = playback(&broker, 2_000, 14);
        assert!(playback.fill(midnight(scale.until)).expect("a broker"));
        assert!(playback.acknowledged() > 50_000, "{}", playback.acknowledged());
        playback.check_kept(&[]).expect("everything is still there");
    }

    #[test]
    fn it_waits_for_its_reader_when_the_broker_is_full() {
        let broker = broker(1);
        let (mut playback, scale) = playback(&broker, 1_500, 8);
        let end = midnight(scale.until);
        assert!(!playback.fill(end).expect("a broker"), "two partitions do not hold it all");
        assert!((MAX_AHEAD - 2 * RESERVE..=MAX_AHEAD).contains(&playback.feed.ahead()), "{}", playback.feed.ahead());
        let mut rounds = 0;
        while !playback.advance(end).expect("a broker") {
            let reader = playback.feed.ends();
            playback.follow(&reader, Duration::from_millis(5)).expect("a broker");
            playback.check_kept(&reader).expect("nothing unread is dropped");
            rounds += 1;
        }
        assert!(rounds > 0);
        assert!(playback.events_per_day() > 20);
    }

    #[test]
    fn a_dropped_record_is_noticed() {
        let broker = broker(1);
        let (mut playback, scale) = playback(&broker, 8_000, 8);
        let mut low = 0;
        // A reader that claims to have read everything lets the broker run over.
        while low == 0 && !playback.advance(midnight(scale.until)).expect("a broker") {
            let claimed = playback.feed.ends();
            playback.follow(&claimed, Duration::from_millis(5)).expect("a broker");
            let bounds = playback.feed.client().fetch_watermarks("u", 0, Duration::from_secs(10));
            low = bounds.expect("bounds").0;
        }
        assert!(low > 0, "the broker has dropped the oldest");
        let late = [(FactKind::Usage, 0, low - 1), (FactKind::Subscription, 0, i64::MAX)];
        assert!(matches!(playback.check_kept(&late), Err(PlaybackError::Dropped { partition: 0, .. })));
        let in_time = [(FactKind::Usage, 0, i64::MAX), (FactKind::Subscription, 0, i64::MAX)];
        playback.check_kept(&in_time).expect("what was read may be dropped");
    }
}

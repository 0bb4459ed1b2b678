//! A Kafka broker inside the process, for the demo: librdkafka's mock cluster on loopback.
//!
//! It keeps each partition's log in memory, at most 5 MiB and 100,000 batches of it, and drops the oldest beyond that without
//! a word; whoever writes must not run further ahead of its reader than [`MAX_AHEAD`]. It knows no admin calls, so the topics
//! are made here. The native object belongs to one thread, which holds it until the handle is dropped.

use rdkafka::error::KafkaError;
use rdkafka::mocking::MockCluster;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;

/// Bytes, uncompressed, that may lie unread in one partition: well below what the broker keeps.
pub const MAX_AHEAD: usize = 2 * 1024 * 1024;

/// Why there is no broker.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    #[error("start the embedded broker's thread: {0}")]
    Thread(#[from] std::io::Error),
    #[error("start the embedded broker: {0}")]
    Start(#[from] KafkaError),
    #[error("the embedded broker's thread ended before it had started")]
    Lost,
}

/// A running broker; it stops when this is dropped.
pub struct Broker {
    servers: String,
    /// Dropped to end the thread.
    alive: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Broker {
    /// Starts a broker with these topics, each with its number of partitions.
    pub fn start(topics: Vec<(String, i32)>) -> Result<Broker, BrokerError> {
        let (alive, ended) = mpsc::channel();
        let (tell, told) = mpsc::channel();
        let hold = move || hold(&topics, &tell, &ended);
        let thread = std::thread::Builder::new().name("demo-broker".into()).spawn(hold)?;
        let servers = told.recv().map_err(|_| BrokerError::Lost)??;
        Ok(Broker { servers, alive: Some(alive), thread: Some(thread) })
    }

    /// The addresses clients connect to.
    pub fn servers(&self) -> &str {
        &self.servers
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        drop(self.alive.take());
        if let Some(thread) = self.thread.take() {
            // The thread has nothing left to say; a panic in it was reported where it happened.
            let _ = thread.join();
        }
    }
}

/// Holds the cluster until nobody wants it any more.
fn hold(topics: &[(String, i32)], tell: &Sender<Result<String, KafkaError>>, ended: &Receiver<()>) {
    let started = MockCluster::new(1).and_then(|cluster| {
        topics.iter().try_for_each(|(name, partitions)| cluster.create_topic(name, *partitions, 1))?;
        Ok(cluster)
    });
    let (answer, cluster) = match started {
        Ok(cluster) => (Ok(cluster.bootstrap_servers()), Some(cluster)),
        Err(error) => (Err(error), None),
    };
    if tell.send(answer).is_ok() {
        // Nothing is ever sent: this returns when the handle is dropped.
        let _ = ended.recv();
    }
    drop(cluster);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::feed::{Feed, Topics};
    use crate::demo::history::{Scale, days};
    use crate::demo::record::SchemaIds;
    use crate::domain::calendar::Day;
    use crate::domain::facts::FactKind;
    use std::time::Duration;

    #[test]
    fn a_history_arrives_and_what_is_unread_is_known() {
        let topics = Topics { subscriptions: "s".into(), usage: "u".into() };
        let broker = Broker::start(vec![("s".into(), 4), ("u".into(), 4)]).expect("a broker");
        let ids = SchemaIds { subscription: 1, usage: 2 };
        let feed = Feed::new(broker.servers(), &[], topics, ids, true).expect("a producer");
        let scale = Scale { customers: 60, months: 3, until: Day::parse("2026-07-01").expect("a date"), seed: 1 };
        let mut sent = 0;
        for event in days(scale).flatten() {
            feed.send(&event).expect("room");
            sent += 1;
        }
        assert!(feed.ahead() > 0);
        feed.settle().expect("every record is taken");
        assert_eq!(feed.acknowledged(), sent);
        let ends = feed.ends();
        assert_eq!(ends.iter().map(|(_, _, end)| *end as u64).sum::<u64>(), sent);
        for (kind, partition, end) in ends {
            let topic = if kind == FactKind::Usage { "u" } else { "s" };
            let bounds = feed.client().fetch_watermarks(topic, partition, Duration::from_secs(10)).expect("bounds");
            assert_eq!(bounds, (0, end), "{topic} {partition}");
            feed.read_up_to(kind, partition, end);
        }
        assert_eq!(feed.ahead(), 0);
    }
}

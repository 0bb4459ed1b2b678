//! One member of the consumer group: partitions come and go, and each assigned partition is a queue of its own.
//!
//! A thread of its own polls the member, for events only; records wait in the partitions' queues until a worker takes them, and
//! a queue nobody reads stops being filled, which is the backpressure. Partitions are assigned at their beginning and paused, so no
//! committed offset can ever decide where reading starts; [`Source::begin_at`] takes each to where its state stands. A queue is
//! split off before its partition is fetched, so no record can surface anywhere else. Revocation waits until every reader has let
//! go, or for [`RELEASE_DEADLINE`].
//!
//! Guaranteed: readers never need the polling thread, so waiting for them cannot deadlock; no record of a revoked partition
//! comes out of a source made after it. Not guaranteed: that a commit arrives; committed offsets are for lag tools only.

use super::client;
use super::queue::{Message, Queue};
use crossbeam_channel::{Receiver, Sender, bounded};
use rdkafka::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext, RebalanceProtocol};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaRespErr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant as Moment};

/// How long a revocation waits for the readers of the partitions.
pub const RELEASE_DEADLINE: Duration = Duration::from_secs(20);
/// How often the polling thread looks whether it is to leave.
const POLL: Duration = Duration::from_millis(100);

/// How often the client is asked for a position: it answers for all partitions at once.
const ASK_EVERY: Duration = Duration::from_millis(200);
/// How long taking a partition to an offset may take.
const SEEK_PATIENCE: Duration = Duration::from_secs(5);

/// A topic's partition.
pub type Place = (String, i32);

/// What happens to the membership. Events arrive in order.
pub enum GroupEvent {
    /// Further partitions are ours; with the eager protocol, after all others were revoked. May be empty. They stand still until
    /// [`Source::begin_at`].
    Assigned(Vec<Source>),
    /// These partitions are no longer ours. Drop their sources, then `released`: the group waits for it.
    Revoked { places: Vec<Place>, why: Revocation, released: Sender<()> },
    /// The client is in trouble and goes on trying: a sentence.
    Troubled(String),
    /// The client is dead for good: a sentence.
    Died(String),
}

/// Why partitions are no longer ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revocation {
    /// They go to another member.
    Moved,
    /// Everything was taken away, and is about to be assigned anew.
    Rejoining,
    /// The group has given this member up; others may have the partitions already.
    Lost,
}

/// The membership. Dropped without [`Group::leave`], the group notices only by the session timeout.
pub struct Group {
    consumer: Weak<BaseConsumer<Member>>,
    leaving: Arc<AtomicBool>,
    left: Receiver<()>,
}

impl Group {
    /// Joins the group that `config` names, for these topics; partitions start at their beginning. `config` holds everything but
    /// offsets: no auto commit, no reset policy but `error`.
    pub fn join(config: &ClientConfig, topics: &[&str], events: Sender<GroupEvent>) -> KafkaResult<Group> {
        let member = Member { events, consumer: OnceLock::new() };
        let consumer: Arc<BaseConsumer<Member>> = Arc::new(config.create_with_context(member)?);
        let own = Arc::downgrade(&consumer);
        consumer.context().consumer.get_or_init(|| own.clone());
        consumer.subscribe(topics)?;
        let leaving = Arc::new(AtomicBool::new(false));
        let (done, left) = bounded(0);
        let stop = leaving.clone();
        let poll = move || {
            // Without its polling thread a member would look alive and never hear of a rebalance again.
            if catch_unwind(AssertUnwindSafe(|| poll_events(&consumer, &stop))).is_err() {
                let sentence = "the thread that polls the group panicked; please report this as a defect";
                let _ = consumer.context().events.send(GroupEvent::Died(sentence.to_owned()));
            }
            drop(consumer);
            drop(done);
        };
        let spawned = std::thread::Builder::new().name("kafka-group".into()).spawn(poll);
        spawned.map_err(|error| KafkaError::ClientCreation(format!("start the polling thread: {error}")))?;
        Ok(Group { consumer: own, leaving, left })
    }

    /// Commits next offsets for lag tools, without waiting; failures are logged and otherwise harmless.
    pub fn commit<'p>(&self, positions: impl IntoIterator<Item = (&'p str, i32, i64)>) {
        let Some(consumer) = self.consumer.upgrade() else { return };
        let mut list = TopicPartitionList::new();
        for (topic, partition, next) in positions {
            if let Err(error) = list.add_partition_offset(topic, partition, Offset::Offset(next)) {
                tracing::warn!(topic, partition, next, %error, "could not note an offset to commit");
            }
        }
        if list.count() > 0
            && let Err(error) = consumer.commit(&list, CommitMode::Async)
        {
            tracing::debug!(%error, "offsets were not committed; they are for lag tools only");
        }
    }

    /// The source of an assigned partition once more; the one before must have been dropped. It goes on from [`Source::begin_at`].
    pub fn again(&self, topic: &str, partition: i32) -> Option<Source> {
        Source::split(self.consumer.upgrade()?, (topic.to_owned(), partition))
    }

    /// Leaves the group, so that others take over at once. All sources must have been dropped. `false` if the broker did not let
    /// go within `deadline`; the thread then ends by itself or with the process.
    pub fn leave(self, deadline: Duration) -> bool {
        self.leaving.store(true, Relaxed);
        matches!(self.left.recv_timeout(deadline), Err(crossbeam_channel::RecvTimeoutError::Disconnected))
    }
}

fn poll_events(consumer: &BaseConsumer<Member>, leaving: &AtomicBool) {
    let events = &consumer.context().events;
    while !leaving.load(Relaxed) {
        match consumer.poll(POLL) {
            None => {}
            Some(Ok(record)) => {
                // Cannot happen: every assigned partition was split off before it was fetched. Losing it silently would be worse.
                let _ = events.send(GroupEvent::Died(format!("a record surfaced outside its partition's queue: {record:?}")));
            }
            Some(Err(KafkaError::MessageConsumptionFatal(code))) => {
                let reason = consumer.client().fatal_error().map_or_else(|| code.to_string(), |(_, reason)| reason);
                let _ = events.send(GroupEvent::Died(death(&reason)));
            }
            Some(Err(error)) => {
                let _ = events.send(GroupEvent::Troubled(error.to_string()));
            }
        }
    }
}

/// The sentence about a client that failed for good.
fn death(reason: &str) -> String {
    let taken = reason.contains("instance ID is still used") || reason.contains("fenced");
    let hint = if taken { INSTANCE_ID_TAKEN } else { "" };
    format!("the Kafka client failed for good: {reason}{hint}")
}

/// What to do about a name of a static member that is taken.
const INSTANCE_ID_TAKEN: &str = "; give each instance a kafka.instance_id of its own; that of a member that died is free again when its \
                                 session has ended, so start once more then";

/// The callbacks of the member; they run on the polling thread.
struct Member {
    events: Sender<GroupEvent>,
    /// The consumer itself, to split queues from; weak, or it would never be dropped.
    consumer: OnceLock<Weak<BaseConsumer<Member>>>,
}

impl ClientContext for Member {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        client::log(level, facility, message);
    }

    fn stats_raw(&self, _: &[u8]) {}

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "the Kafka client is in trouble");
        let _ = self.events.send(match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::Fatal | RDKafkaErrorCode::UnreleasedInstanceId) => GroupEvent::Died(death(reason)),
            _ => GroupEvent::Troubled(error.to_string()),
        });
    }
}

impl ConsumerContext for Member {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, event: RDKafkaRespErr, list: &mut TopicPartitionList) {
        let done = match event {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => self.assign(consumer, list),
            _ => self.revoke(consumer, list),
        };
        if let Err(error) = done {
            let _ = self.events.send(GroupEvent::Died(format!("the assignment could not be taken over: {error}")));
        }
    }

    fn commit_callback(&self, result: KafkaResult<()>, _: &TopicPartitionList) {
        if let Err(error) = result {
            tracing::debug!(%error, "offsets were not committed; they are for lag tools only");
        }
    }
}

impl Member {
    fn assign(&self, consumer: &BaseConsumer<Self>, list: &mut TopicPartitionList) -> KafkaResult<()> {
        list.set_all_offsets(Offset::Beginning)?;
        let sources = list.elements().iter().filter_map(|place| self.split(place.topic(), place.partition())).collect::<Vec<_>>();
        match consumer.rebalance_protocol() {
            RebalanceProtocol::Cooperative => consumer.incremental_assign(list)?,
            RebalanceProtocol::Eager | RebalanceProtocol::None => consumer.assign(list)?,
        }
        // Nothing is fetched before it is known from where.
        consumer.pause(list)?;
        let _ = self.events.send(GroupEvent::Assigned(sources));
        Ok(())
    }

    /// `None` only while the consumer is being closed, when nothing is assigned any more.
    fn split(&self, topic: &str, partition: i32) -> Option<Source> {
        Source::split(self.consumer.get()?.upgrade()?, (topic.to_owned(), partition))
    }

    fn revoke(&self, consumer: &BaseConsumer<Self>, list: &TopicPartitionList) -> KafkaResult<()> {
        let places = list.elements().iter().map(|place| (place.topic().to_owned(), place.partition())).collect();
        let cooperative = matches!(consumer.rebalance_protocol(), RebalanceProtocol::Cooperative);
        let why = match (consumer.assignment_lost(), cooperative) {
            (true, _) => Revocation::Lost,
            (false, true) => Revocation::Moved,
            (false, false) => Revocation::Rejoining,
        };
        let (released, wait) = bounded(0);
        let _ = self.events.send(GroupEvent::Revoked { places, why, released });
        if wait.recv_timeout(RELEASE_DEADLINE) == Err(crossbeam_channel::RecvTimeoutError::Timeout) {
            tracing::warn!("revoked partitions were not released in time; the group goes on without waiting");
        }
        if cooperative { consumer.incremental_unassign(list) } else { consumer.unassign() }
    }
}

/// The records of one assigned partition, in order.
pub struct Source {
    pub topic: String,
    pub partition: i32,
    queue: Queue<Member>,
    /// When the position was asked for last.
    asked: Option<Moment>,
}

/// What a source has to offer at the moment.
pub enum Offer<R> {
    Record(R),
    /// Nothing fetched yet.
    Empty,
    /// The log no longer holds the next offset: records were deleted before they were read.
    Truncated,
    /// The client cannot read a batch of the log (a bad checksum or compression, an unknown format), and would go on behind it: a
    /// sentence.
    Unreadable(String),
    /// The client is in trouble with this partition and goes on trying: a sentence.
    Troubled(String),
}

impl Source {
    fn split(consumer: Arc<BaseConsumer<Member>>, place: Place) -> Option<Source> {
        let queue = Queue::split(consumer, &place)?;
        let (topic, partition) = place;
        Some(Source { topic, partition, queue, asked: None })
    }

    /// Has records come from an offset on. What was fetched before may still come first.
    ///
    /// # Errors
    /// The client has not taken over the assignment yet, or no longer has it; try again.
    pub fn begin_at(&self, next: i64) -> KafkaResult<()> {
        let consumer = self.queue.consumer();
        consumer.seek(&self.topic, self.partition, Offset::Offset(next), SEEK_PATIENCE)?;
        let mut list = TopicPartitionList::new();
        list.add_partition(&self.topic, self.partition);
        consumer.resume(&list)
    }

    /// The next record, without waiting. It pins the buffer it was fetched in: use it at once.
    pub fn poll(&self) -> Offer<Message<'_>> {
        match self.queue.poll() {
            Some(Ok(record)) => Offer::Record(record),
            None => Offer::Empty,
            Some(Err(error)) => trouble(&error),
        }
    }

    /// The offset after the last thing taken from the queue, control and aborted records included. `None` before the first, and
    /// if it was asked for a moment ago.
    pub fn position(&mut self) -> Option<i64> {
        if self.asked.is_some_and(|at| at.elapsed() < ASK_EVERY) {
            return None;
        }
        self.asked = Some(Moment::now());
        let positions = self.queue.consumer().position().ok()?;
        match positions.find_partition(&self.topic, self.partition)?.offset() {
            Offset::Offset(next) => Some(next),
            _ => None,
        }
    }

    /// Calls `ring` whenever records arrive while there were none. It runs under the client's locks: it must not block.
    pub fn on_arrival(&mut self, ring: impl Fn() + Send + Sync + 'static) {
        self.queue.on_arrival(ring);
    }
}

fn trouble<R>(error: &KafkaError) -> Offer<R> {
    use RDKafkaErrorCode::{AutoOffsetReset, BadCompression, BadMessage, InvalidMessage, NotImplemented};
    match error.rdkafka_error_code() {
        Some(AutoOffsetReset) => Offer::Truncated,
        Some(BadMessage | BadCompression | NotImplemented | InvalidMessage) => Offer::Unreadable(error.to_string()),
        _ => Offer::Troubled(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_client_would_skip_is_told_from_what_it_retries() {
        use RDKafkaErrorCode as Code;
        for (code, expected) in [
            (Code::AutoOffsetReset, "truncated"),
            (Code::BadMessage, "unreadable"),
            (Code::BadCompression, "unreadable"),
            (Code::NotImplemented, "unreadable"),
            (Code::InvalidMessage, "unreadable"),
            (Code::TopicAuthorizationFailed, "troubled"),
            (Code::BrokerTransportFailure, "troubled"),
        ] {
            let seen = match trouble::<()>(&KafkaError::MessageConsumption(code)) {
                Offer::Truncated => "truncated",
                Offer::Unreadable(_) => "unreadable",
                Offer::Troubled(_) => "troubled",
                Offer::Record(_) | Offer::Empty => "no trouble",
            };
            assert_eq!(seen, expected, "{code:?}");
        }
    }
}

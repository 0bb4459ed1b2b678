//! A look at the cluster before anything is read from it.
//!
//! Everything is asked, then everything found is reported, so `check` prints all troubles at once and `run` takes the gravest.
//! Looking changes nothing: no group is joined, no topic is created. A broker that refuses our credentials says so in an error event
//! while every call merely times out, so the events are read after each attempt and a refusal ends the waiting at once.

use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::bounds::{self, Bound};
use super::client::{Events, LoggingContext};
use super::describe;
use super::settings::Settings;
pub use super::trouble::{Severity, Trouble};

/// How long one attempt may take before the error events are read.
const ATTEMPT: Duration = Duration::from_secs(2);
/// A log that begins late is named by at most so many partitions.
const NAMED_PARTITIONS: usize = 5;

/// One topic. Vectors are indexed by partition; the offset vectors are empty for the dead-letter topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicFacts {
    pub name: String,
    /// Kafka's text form; `None` where the cluster has no topic ids.
    pub id: Option<String>,
    pub partitions: u32,
    /// First offset each log still holds.
    pub start_offsets: Vec<i64>,
    /// The last stable offset: what a reader of committed records can reach.
    pub end_offsets: Vec<i64>,
}

impl TopicFacts {
    /// Partitions whose log no longer begins at offset 0: (partition, first offset).
    pub fn truncated(&self) -> impl Iterator<Item = (usize, i64)> {
        self.start_offsets.iter().copied().enumerate().filter(|(_, start)| *start > 0)
    }
}

/// The cluster as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterFacts {
    pub cluster_id: Option<String>,
    pub subscriptions: TopicFacts,
    pub usage: TopicFacts,
    pub dead_letters: TopicFacts,
    /// `None` if there is no such topic: nothing was ever put back.
    pub retries: Option<TopicFacts>,
}

/// All that a look at the cluster found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Whole only when no trouble kept us from asking.
    pub facts: Option<ClusterFacts>,
    pub troubles: Vec<Trouble>,
    /// Not in the way of a start, but worth a line in the log.
    pub warnings: Vec<String>,
}

/// Looks at the cluster; fails with the gravest trouble. Warnings go to the log. Blocks for `timeout` at most, give or take an
/// attempt.
pub fn preflight(settings: &Settings, timeout: Duration) -> Result<ClusterFacts, Trouble> {
    let Findings { facts, troubles, warnings } = inspect(settings, timeout);
    warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    match (troubles.into_iter().max_by_key(Trouble::severity), facts) {
        (Some(trouble), _) => Err(trouble),
        (None, Some(facts)) => Ok(facts),
        (None, None) => Err(Trouble::transient("the cluster could not be described; it is asked again")),
    }
}

/// Looks at the dead-letter topic alone, and where its logs begin and end. Blocks like [`preflight`].
pub fn dead_letters(settings: &Settings, timeout: Duration) -> Result<TopicFacts, Trouble> {
    let probe = Probe::new(settings, timeout)?;
    let mut topic = match probe.topic("dead_letters", &settings.topics.dead_letters) {
        Ok(topic) => topic,
        Err(Missing::Topic(_, trouble) | Missing::Cluster(trouble)) => return Err(trouble),
    };
    probe.offsets(&mut topic)?;
    Ok(topic)
}

/// Looks at the cluster and reports everything found. Blocks like [`preflight`].
pub fn inspect(settings: &Settings, timeout: Duration) -> Findings {
    let mut findings = Findings::default();
    match Probe::new(settings, timeout) {
        Ok(probe) => findings.facts = probe.look(&mut findings.troubles, &mut findings.warnings),
        Err(trouble) => findings.troubles.push(trouble),
    }
    findings
}

/// A question's way to the cluster, and when to stop asking.
struct Probe<'s> {
    settings: &'s Settings,
    consumer: BaseConsumer<LoggingContext>,
    events: Events,
    timeout: Duration,
    deadline: Instant,
}

impl<'s> Probe<'s> {
    fn new(settings: &'s Settings, timeout: Duration) -> Result<Probe<'s>, Trouble> {
        let context = LoggingContext::default();
        let events = context.events.clone();
        let made = settings.probe().create_with_context(context);
        let consumer = made.map_err(|error| unusable(&error))?;
        Ok(Probe { settings, consumer, events, timeout, deadline: Instant::now() + timeout })
    }

    fn look(&self, troubles: &mut Vec<Trouble>, warnings: &mut Vec<String>) -> Option<ClusterFacts> {
        let topics = &self.settings.topics;
        let named = [("subscriptions", &topics.subscriptions), ("usage", &topics.usage), ("dead_letters", &topics.dead_letters)];
        let mut found = Vec::new();
        for (key, name) in named {
            match self.topic(key, name) {
                Ok(topic) => found.push(topic),
                Err(Missing::Topic(_, trouble)) => troubles.push(trouble),
                Err(Missing::Cluster(trouble)) => {
                    troubles.push(trouble);
                    return None;
                }
            }
        }
        if found.is_empty() {
            return None;
        }
        found.extend(self.retries(troubles, warnings));
        self.policies(troubles, warnings, &found);
        self.timestamps(troubles, warnings, &found);
        let read = found.iter_mut().filter(|topic| topic.name != topics.dead_letters);
        read.for_each(|topic| troubles.extend(self.offsets(topic).err()));
        if !self.settings.accept_truncated_log {
            // Retries are gone with their retention: by then they were judged.
            warnings.extend(found.iter().filter(|topic| topic.name != topics.retries).filter_map(truncation));
        }
        troubles.extend(unequal(self.settings, &found));
        let mut found = self.identified(found, troubles);
        let retries = found.pop_if(|topic| topic.name == topics.retries);
        let [subscriptions, usage, dead_letters] = <[TopicFacts; 3]>::try_from(found).ok()?;
        let cluster_id = self.consumer.client().fetch_cluster_id(Duration::ZERO);
        Some(ClusterFacts { cluster_id, subscriptions, usage, dead_letters, retries })
    }

    /// The retries topic, which nobody needs until something is put back.
    fn retries(&self, troubles: &mut Vec<Trouble>, warnings: &mut Vec<String>) -> Option<TopicFacts> {
        use RDKafkaErrorCode::{TopicAuthorizationFailed, UnknownTopic, UnknownTopicOrPartition};
        match self.topic("retries", &self.settings.topics.retries) {
            Ok(topic) => return Some(topic),
            Err(Missing::Topic(UnknownTopic | UnknownTopicOrPartition, _)) => {}
            Err(Missing::Topic(TopicAuthorizationFailed, trouble)) => {
                warnings.push(format!("{trouble}; until then nothing that is put back is read"));
            }
            Err(Missing::Topic(_, trouble) | Missing::Cluster(trouble)) => troubles.push(trouble),
        }
        None
    }

    /// Asks until there is an answer, a refusal of our credentials, or no time left.
    fn attempt<T>(&self, mut ask: impl FnMut(Duration) -> Result<T, KafkaError>) -> Result<T, Trouble> {
        loop {
            let error = match ask(self.left().min(ATTEMPT)) {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            // Error events are delivered to whoever polls; without a subscription that is all a poll does.
            while self.consumer.poll(Duration::from_millis(50)).is_some() {}
            if let Some(reason) = self.events.refused_credentials() {
                return Err(refused(&reason));
            }
            if self.left().is_zero() {
                return Err(self.unreachable(&error));
            }
        }
    }

    fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    fn unreachable(&self, error: &KafkaError) -> Trouble {
        let last = self.events.last_error().unwrap_or_else(|| error.to_string());
        Trouble::unreachable(format!(
            "no broker of kafka.brokers ({}) answered within {} s: start Kafka, or correct kafka.brokers and the security settings in \
             kafka.properties; the last error was: {last}",
            self.settings.brokers,
            self.timeout.as_secs_f32()
        ))
    }

    fn topic(&self, key: &str, name: &str) -> Result<TopicFacts, Missing> {
        let metadata = self.attempt(|timeout| self.consumer.fetch_metadata(Some(name), timeout)).map_err(Missing::Cluster)?;
        let topic = metadata.topics().iter().find(|topic| topic.name() == name);
        let error = topic.map_or(Some(RDKafkaErrorCode::UnknownTopicOrPartition), |topic| topic.error().map(Into::into));
        if let Some(code) = error {
            return Err(Missing::Topic(code, absent(key, name, code)));
        }
        let partitions = topic.map(|topic| topic.partitions()).unwrap_or_default();
        let leaderless: Vec<i32> = partitions.iter().filter(|part| part.leader() < 0).map(|part| part.id()).collect();
        match (partitions.len(), leaderless.first()) {
            (0, _) => {
                let sentence = format!("topic {name} has no partitions yet; wait, or add some");
                Err(Missing::Topic(RDKafkaErrorCode::LeaderNotAvailable, Trouble::transient(sentence)))
            }
            (_, Some(first)) => {
                let sentence = format!(
                    "{} of topic {name}'s partitions have no leader (the first is {first}): bring the brokers that hold them back",
                    leaderless.len()
                );
                Err(Missing::Topic(RDKafkaErrorCode::LeaderNotAvailable, Trouble::transient(sentence)))
            }
            (count, None) => Ok(TopicFacts {
                name: name.to_owned(),
                id: None,
                partitions: u32::try_from(count).unwrap_or(u32::MAX),
                start_offsets: Vec::new(),
                end_offsets: Vec::new(),
            }),
        }
    }

    /// Where a topic's logs begin and end.
    fn offsets(&self, topic: &mut TopicFacts) -> Result<(), Trouble> {
        let unknown = |trouble: Trouble| trouble.about(&format!("the offsets of {}", topic.name));
        let ask = |bound| self.attempt(|timeout| self.bound(topic, bound, timeout)).map_err(unknown);
        (topic.start_offsets, topic.end_offsets) = (ask(Bound::Start)?, ask(Bound::End)?);
        Ok(())
    }

    /// One bound of all partitions at once: asked one by one, many partitions far away would never be known in time.
    fn bound(&self, topic: &TopicFacts, bound: Bound, timeout: Duration) -> Result<Vec<i64>, KafkaError> {
        let partitions = 0..i32::try_from(topic.partitions).unwrap_or(i32::MAX);
        let places: Vec<(&str, i32)> = partitions.map(|partition| (topic.name.as_str(), partition)).collect();
        let known = bounds::ask(&self.consumer, &places, bound, timeout)?.into_iter().collect::<Option<_>>();
        known.ok_or(KafkaError::OffsetFetch(RDKafkaErrorCode::OperationTimedOut))
    }

    fn brokers(&self) -> Vec<i32> {
        let metadata = self.consumer.fetch_metadata(Some(&self.settings.topics.subscriptions), self.left().min(ATTEMPT));
        metadata
            .map(|metadata| metadata.brokers().iter().map(rdkafka::metadata::MetadataBroker::id).collect())
            .unwrap_or_default()
    }

    /// One setting of each topic.
    fn setting(&self, found: &[TopicFacts], setting: &str, troubles: &mut Vec<Trouble>) -> Vec<describe::SettingOf> {
        let (brokers, names) = (self.brokers(), names(found));
        let ask = |timeout| {
            let answer = describe::topic_setting(self.consumer.client(), &brokers, &names, setting, timeout);
            unless_unsupported(answer)
        };
        self.attempt(ask).map(Option::unwrap_or_default).unwrap_or_else(|trouble| {
            troubles.push(trouble.about(&format!("{setting} of the topics is not known")));
            Vec::new()
        })
    }

    /// Looks at `cleanup.policy`: compaction keeps one record of a key, and our key is the customer.
    fn policies(&self, troubles: &mut Vec<Trouble>, warnings: &mut Vec<String>, found: &[TopicFacts]) {
        for (topic, policy) in self.setting(found, "cleanup.policy", troubles) {
            let letters = topic == self.settings.topics.dead_letters;
            match policy {
                Ok(Some(policy)) if policy.contains("compact") && letters => warnings.push(format!(
                    "cleanup.policy of dead-letter topic {topic} is {policy}: letters of one key replace one another; set it to delete"
                )),
                Ok(Some(policy)) if policy.contains("compact") => troubles.push(compacted(&topic, &policy)),
                Ok(_) => {}
                Err(code) => warnings.push(format!(
                    "cleanup.policy of topic {topic} may not be read ({code}), so compaction would go unnoticed: grant \
                     DescribeConfigs on the topic, and make sure the policy is delete"
                )),
            }
        }
    }

    /// Looks at `message.timestamp.type` of the topics we write to: a record that is put back is judged by its own time.
    fn timestamps(&self, troubles: &mut Vec<Trouble>, warnings: &mut Vec<String>, found: &[TopicFacts]) {
        let topics = &self.settings.topics;
        let written: Vec<TopicFacts> =
            found.iter().filter(|topic| topic.name == topics.dead_letters || topic.name == topics.retries).cloned().collect();
        for (topic, kind) in self.setting(&written, "message.timestamp.type", troubles) {
            if kind.is_ok_and(|kind| kind.as_deref() == Some("LogAppendTime")) {
                warnings.push(format!(
                    "message.timestamp.type of topic {topic} is LogAppendTime: a dead letter that is put back loses its record's own \
                     time, by which future_usage is judged; set it to CreateTime"
                ));
            }
        }
    }

    /// Adds the topic ids.
    fn identified(&self, mut found: Vec<TopicFacts>, troubles: &mut Vec<Trouble>) -> Vec<TopicFacts> {
        let brokers = self.brokers();
        let ids = {
            let names = names(&found);
            self.attempt(|timeout| unless_unsupported(describe::topic_ids(self.consumer.client(), &brokers, &names, timeout)))
        };
        match ids {
            Ok(ids) => {
                for (name, id) in ids.unwrap_or_default() {
                    found.iter_mut().filter(|topic| topic.name == name).for_each(|topic| topic.id.clone_from(&id));
                }
            }
            Err(trouble) => troubles.push(trouble.about("the topic ids are not known")),
        }
        found
    }
}

/// Why a topic could not be looked at.
enum Missing {
    Topic(RDKafkaErrorCode, Trouble),
    /// Nothing else will be answered either.
    Cluster(Trouble),
}

fn names(topics: &[TopicFacts]) -> Vec<&str> {
    topics.iter().map(|topic| topic.name.as_str()).collect()
}

/// A cluster that cannot be asked this (an embedded one) is no trouble: `None`.
fn unless_unsupported<T>(answer: Result<T, RDKafkaErrorCode>) -> Result<Option<T>, KafkaError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(RDKafkaErrorCode::UnsupportedFeature) => Ok(None),
        Err(code) => Err(KafkaError::AdminOp(code)),
    }
}

/// A client that cannot even be made: librdkafka names the property.
pub(super) fn unusable(error: &KafkaError) -> Trouble {
    Trouble::configuration(format!("kafka.properties cannot be used: {error}; correct the property it names"))
}

pub(super) fn refused(reason: &str) -> Trouble {
    Trouble::configuration(format!(
        "the brokers refuse our credentials: correct the security settings in kafka.properties and kafka.properties_files; {reason}"
    ))
}

fn absent(key: &str, name: &str, code: RDKafkaErrorCode) -> Trouble {
    Trouble::transient(match code {
        RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic => format!(
            "topic {name} does not exist: create it (kafka-topics.sh --create --topic {name} --partitions N), or correct \
             kafka.topics.{key}"
        ),
        RDKafkaErrorCode::TopicAuthorizationFailed => {
            format!("topic {name} may not be read by this user: grant Describe and Read (Write for dead letters) on it")
        }
        RDKafkaErrorCode::InvalidTopic => format!("{name} cannot be the name of a topic: correct kafka.topics.{key}"),
        other => format!("topic {name} cannot be described ({other}); it is asked again"),
    })
}

/// A customer's events must be in the same partition of all topics that are read.
fn unequal(settings: &Settings, found: &[TopicFacts]) -> Vec<Trouble> {
    let of = |name: &str| found.iter().find(|topic| topic.name == name);
    let Some(subscriptions) = of(&settings.topics.subscriptions) else { return Vec::new() };
    let counted = |topic: &TopicFacts| {
        (topic.partitions != subscriptions.partitions).then(|| {
            format!(
                "topic {} has {} partitions and topic {} has {}: a customer's events must be in the same partition of both",
                subscriptions.name, subscriptions.partitions, topic.name, topic.partitions
            )
        })
    };
    let usage = of(&settings.topics.usage).and_then(counted);
    let usage =
        usage.map(|found| format!("{found}, so give both topics the same number of partitions (and write the events again)"));
    let retries = of(&settings.topics.retries).and_then(counted);
    let retries = retries.map(|found| {
        let (name, count) = (&settings.topics.retries, subscriptions.partitions);
        format!("{found}, so delete topic {name}, create it with {count} partitions and put the dead letters back again")
    });
    usage.into_iter().chain(retries).map(Trouble::configuration).collect()
}

fn compacted(topic: &str, policy: &str) -> Trouble {
    Trouble::configuration(format!(
        "cleanup.policy of topic {topic} is {policy}: compaction keeps one event of each customer and deletes the others, so no total \
         would be right; set it to delete (kafka-configs.sh --alter --topic {topic} --add-config cleanup.policy=delete)"
    ))
}

/// A start from a checkpoint does not need the beginning of the log; one without is refused partition by partition.
fn truncation(topic: &TopicFacts) -> Option<String> {
    let all: Vec<String> = topic.truncated().map(|(part, start)| format!("partition {part} begins at offset {start}")).collect();
    let rest = all.len().saturating_sub(NAMED_PARTITIONS);
    let named = all.iter().take(NAMED_PARTITIONS).cloned().collect::<Vec<_>>().join(", ");
    let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
    (!all.is_empty()).then(|| {
        format!(
            "the log of topic {} no longer begins at offset 0 ({named}{more}): a partition without a checkpoint does not start unless the \
             topic is restored, or kafka.accept_truncated_log: true is set to start with what is left",
            topic.name
        )
    })
}

#[cfg(test)]
#[path = "preflight_tests.rs"]
mod tests;

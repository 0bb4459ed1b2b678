//! Which group protocol to speak: KIP-848 where the whole cluster offers it, else the classic one.
//!
//! librdkafka offers no look at a cluster's features, and a broker lists the KIP-848 request among its versions even while the
//! feature is off. Only the answer to a heartbeat tells, so with `auto` a trial member sends one. `group.version` is a
//! feature of the whole cluster (finalised only when every broker supports it), so one coordinator's yes counts for all.
//!
//! The trial joins under the real group id, because permissions are granted on that, but subscribes to the dead-letter topic alone:
//! `range` assigns topics with the same subscribers together, so a member that wants another topic moves nothing of ours. It reads
//! nothing, commits nothing and leaves as soon as the answer is known.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, Rebalance};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::client::Events;
use super::preflight::{refused, unusable};
use super::settings::{GroupProtocol, Protocol, Settings};
use super::trouble::Trouble;

/// What librdkafka logs (in its debug context `cgrp`) about a broker from before KIP-848, for which it raises no error.
const TOO_OLD: &str = "ConsumerGroupHeartbeatRequest not supported by broker";

/// How long a start waits for the trial member to be gone.
const LEAVE: Duration = Duration::from_secs(5);

/// The protocol to use. Asks the cluster only if the configuration leaves it open; blocks for `timeout` at most, twice that if the
/// coordinator stays silent. Fails when nothing could be learnt: ask again.
pub fn settle(settings: &Settings, timeout: Duration) -> Result<Protocol, Trouble> {
    match settings.group_protocol {
        GroupProtocol::Consumer => Ok(Protocol::Consumer),
        GroupProtocol::Classic => Ok(Protocol::Classic),
        GroupProtocol::Auto => {
            let trial = Trial::start(settings)?;
            let verdict = trial.verdict(settings, timeout);
            trial.leave();
            verdict
        }
    }
}

/// What the coordinator said to the trial member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    /// It is a member.
    Joined,
    /// The cluster does not speak the protocol, or not with `range`.
    NotOffered,
    /// It is spoken, but not with us: the real member would hear the same.
    Refused(RDKafkaErrorCode),
}

/// Judges a fatal error of the trial member; `None` if it says nothing about the protocol.
fn judge(code: RDKafkaErrorCode) -> Option<Answer> {
    use RDKafkaErrorCode::{GroupAuthorizationFailed, UnsupportedAssignor, UnsupportedFeature, UnsupportedVersion};
    match code {
        UnsupportedVersion | UnsupportedFeature | UnsupportedAssignor => Some(Answer::NotOffered),
        GroupAuthorizationFailed => Some(Answer::Refused(code)),
        _ => None,
    }
}

#[derive(Clone, Default)]
struct TrialContext {
    events: Events,
    answer: Arc<Mutex<Option<Answer>>>,
}

impl TrialContext {
    fn answered(&self, answer: Answer) {
        self.answer.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(answer);
    }
}

impl ClientContext for TrialContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        if message.contains(TOO_OLD) {
            self.answered(Answer::NotOffered);
        }
        tracing::trace!(target: "librdkafka", ?level, facility, "{message}");
    }

    fn stats_raw(&self, _statistics: &[u8]) {}

    fn error(&self, error: KafkaError, reason: &str) {
        self.events.note(&error, reason);
    }
}

impl ConsumerContext for TrialContext {
    /// An assignment, even an empty one, is the coordinator's yes. Nothing is read of what is assigned: no position is committed for
    /// it, and a missing position is an error.
    fn pre_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if matches!(rebalance, Rebalance::Assign(_)) {
            self.answered(Answer::Joined);
        }
    }
}

/// A member that joins only to hear whether it may.
struct Trial {
    consumer: BaseConsumer<TrialContext>,
    context: TrialContext,
}

impl Trial {
    fn start(settings: &Settings) -> Result<Trial, Trouble> {
        let context = TrialContext::default();
        let made = trial_config(settings).create_with_context(context.clone());
        let consumer: BaseConsumer<TrialContext> = made.map_err(|error| unusable(&error))?;
        consumer.subscribe(&[&settings.topics.dead_letters]).map_err(|error| {
            Trouble::transient(format!(
                "cannot try the group protocol ({error}); set kafka.group_protocol: classic to do without"
            ))
        })?;
        Ok(Trial { consumer, context })
    }

    fn verdict(&self, settings: &Settings, timeout: Duration) -> Result<Protocol, Trouble> {
        let deadline = Instant::now() + timeout;
        while Instant::now() < deadline {
            let error = self.consumer.poll(Duration::from_millis(50)).and_then(Result::err);
            // Without permission there is not even a coordinator, which is no fatal error to librdkafka.
            let denied = error.and_then(|error| error.rdkafka_error_code()).and_then(judge);
            if let Some(answer) = self.answer().or(denied) {
                return conclude(answer, settings);
            }
            if let Some(reason) = self.context.events.refused_credentials() {
                return Err(refused(&reason));
            }
        }
        self.silence(settings, timeout)
    }

    /// Leaves the group. A close may wait long for a broker that is gone, so nobody waits for it longer than a moment.
    fn leave(self) {
        let (left, leaving) = std::sync::mpsc::channel();
        let closing = move || {
            // A member that was refused cannot close in order, which rust-rdkafka logs as an error; here it is the expected end.
            tracing::subscriber::with_default(tracing::subscriber::NoSubscriber::default(), || drop(self));
            _ = left.send(());
        };
        if std::thread::Builder::new().name("protocol-trial".to_owned()).spawn(closing).is_ok() {
            _ = leaving.recv_timeout(LEAVE);
        }
    }

    fn answer(&self) -> Option<Answer> {
        let heard = *self.context.answer.lock().unwrap_or_else(PoisonError::into_inner);
        heard.or_else(|| judge(self.consumer.client().fatal_error()?.0))
    }

    /// No answer to the heartbeat. If the coordinator answers an old question meanwhile, the new protocol is not to be had (a live
    /// classic group that may not be converted looks like this); if it answers nothing, it is away.
    fn silence(&self, settings: &Settings, timeout: Duration) -> Result<Protocol, Trouble> {
        match self.consumer.client().fetch_group_list(Some(&settings.group_id), timeout) {
            Ok(_) => {
                tracing::warn!(
                    "the group coordinator does not admit {} to the consumer protocol; using classic (kafka.group_protocol decides \
                     this without asking)",
                    settings.group_id
                );
                Ok(Protocol::Classic)
            }
            Err(error) => Err(Trouble::transient(format!(
                "the coordinator of group {} does not answer ({error}): bring the brokers back; it is asked again",
                settings.group_id
            ))),
        }
    }
}

fn conclude(answer: Answer, settings: &Settings) -> Result<Protocol, Trouble> {
    match answer {
        Answer::Joined => Ok(Protocol::Consumer),
        Answer::NotOffered => Ok(Protocol::Classic),
        Answer::Refused(code) => Err(Trouble::transient(format!(
            "this user may not join group {} ({code}): grant Read on the group, or correct kafka.group_id",
            settings.group_id
        ))),
    }
}

fn trial_config(settings: &Settings) -> ClientConfig {
    let mut config = settings.probe();
    settings.join(&mut config, Protocol::Consumer);
    // The only trace of a broker that lacks the request is a debug line.
    config.set("debug", "cgrp").set_log_level(RDKafkaLogLevel::Debug);
    config
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapter::kafka::settings::Topics;
    use rdkafka::mocking::MockCluster;

    const TIMEOUT: Duration = Duration::from_secs(20);

    fn settings(brokers: &str, group_protocol: GroupProtocol) -> Settings {
        Settings {
            brokers: brokers.to_owned(),
            group_id: "upswell".to_owned(),
            topics: Topics {
                subscriptions: "s".to_owned(),
                usage: "u".to_owned(),
                dead_letters: "d".to_owned(),
                retries: "r".to_owned(),
            },
            group_protocol,
            instance_id: None,
            accept_truncated_log: false,
            properties: Vec::new(),
        }
    }

    #[test]
    fn what_is_configured_is_not_asked() {
        for (configured, settled) in [(GroupProtocol::Consumer, Protocol::Consumer), (GroupProtocol::Classic, Protocol::Classic)]
        {
            assert_eq!(settle(&settings("127.0.0.1:1", configured), Duration::ZERO), Ok(settled));
        }
    }

    #[test]
    fn a_cluster_that_admits_the_trial_speaks_the_new_protocol() {
        let cluster = MockCluster::new(1).unwrap();
        ["s", "u", "d"].iter().for_each(|topic| cluster.create_topic(topic, 2, 1).unwrap());
        let settings = settings(&cluster.bootstrap_servers(), GroupProtocol::Auto);
        assert_eq!(settle(&settings, TIMEOUT), Ok(Protocol::Consumer));
    }

    #[test]
    fn a_silent_cluster_is_asked_again() {
        let trouble = settle(&settings("127.0.0.1:1", GroupProtocol::Auto), Duration::from_millis(100)).unwrap_err();
        assert!(trouble.is_transient(), "{trouble}");
    }

    #[test]
    fn fatal_errors_are_judged() {
        use RDKafkaErrorCode::{FencedMemberEpoch, GroupAuthorizationFailed, UnsupportedAssignor, UnsupportedVersion};
        assert_eq!(judge(UnsupportedVersion), Some(Answer::NotOffered));
        assert_eq!(judge(UnsupportedAssignor), Some(Answer::NotOffered));
        assert_eq!(judge(GroupAuthorizationFailed), Some(Answer::Refused(GroupAuthorizationFailed)));
        assert_eq!(judge(FencedMemberEpoch), None);
        let settings = settings("b", GroupProtocol::Auto);
        assert_eq!(conclude(Answer::NotOffered, &settings), Ok(Protocol::Classic));
        assert!(conclude(Answer::Refused(GroupAuthorizationFailed), &settings).unwrap_err().is_transient());
    }
}

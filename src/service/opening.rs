//! The opening: from nothing to a conductor, waiting for whatever is not there yet.
//!
//! The cluster is looked at before anything is read from it, again and again, with growing pauses. Only what nobody but a person
//! with the configuration can change ends the service here.

use super::archivist::Archivists;
use super::assignment::Assignment;
use super::beginning::Beginnings;
use super::conductor::{Conductor, Events};
use super::crew::Crew;
use super::ledger::{Surroundings, TopicName};
use super::memory::Guard;
use super::placement::Placement;
use super::rounds::Rounds;
use super::schemas::Schemas;
use super::watch::Watch;
use super::{Control, Failure, Settings, Shared, restorer, spawn};
use crate::adapter::kafka::bounds::Bounds;
use crate::adapter::kafka::consumer::Group;
use crate::adapter::kafka::letters::{LetterEvent, Letters};
use crate::adapter::kafka::preflight::{ClusterFacts, TopicFacts, preflight};
use crate::adapter::kafka::protocol::settle;
use crate::adapter::kafka::{FetchBudget, Protocol, Severity, Trouble};
use crate::adapter::registry::Registry;
use crate::adapter::store::Store;
use crate::adapter::store::archive::Archive;
use crate::domain::facts::TopicKind;
use crate::wire::readiness::{Phase, Readiness};
use crate::wire::telemetry::{GroupProtocol, StopReason};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};
use rdkafka::error::KafkaError;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long one look at the cluster may take.
const LOOK: Duration = Duration::from_secs(5);
/// Pauses between looks grow from the first to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LAST_PAUSE: Duration = Duration::from_secs(10);

/// Waits until the cluster is in order and joins the group. `None` if told to stop before.
///
/// # Errors
/// Something that does not pass by itself.
pub fn open(
    mut settings: Settings,
    shared: Shared,
    control: Sender<Control>,
    told: Receiver<Control>,
) -> Result<Option<Conductor>, Failure> {
    let store = settings.store.clone();
    let show = |phase, sentence: &str| shared.published.set_readiness(Readiness::new(phase, sentence));
    show(Phase::WaitingForBrokers, "Looking at the brokers and the topics.");
    let Some(facts) = insist(&mut settings, &shared, &told, |settings| Ok(preflight(&settings.kafka, LOOK)?))? else {
        return Ok(None);
    };
    show(Phase::WaitingForCheckpoints, "Looking at the place of the checkpoints.");
    if insist(&mut settings, &shared, &told, |_| reach(&store))?.is_none() {
        return Ok(None);
    }
    show(Phase::WaitingForAssignment, "Settling the protocol of the consumer group.");
    let Some(protocol) = insist(&mut settings, &shared, &told, |settings| Ok(settle(&settings.kafka, LOOK)?))? else {
        return Ok(None);
    };
    let label = match protocol {
        Protocol::Consumer => GroupProtocol::Consumer,
        Protocol::Classic => GroupProtocol::Classic,
    };
    shared.telemetry.settle_group(label, protocol.assignor());
    show(Phase::WaitingForAssignment, "Joining the consumer group.");
    assemble(settings, shared, &facts, protocol, control, told).map(Some)
}

/// Tries until it succeeds; `None` if told to stop before.
fn insist<T>(
    settings: &mut Settings,
    shared: &Shared,
    told: &Receiver<Control>,
    attempt: impl Fn(&Settings) -> Result<T, Obstacle>,
) -> Result<Option<T>, Failure> {
    let (mut pause, mut said) = (FIRST_PAUSE, String::new());
    loop {
        let (phase, sentence) = match attempt(settings) {
            Ok(found) => return Ok(Some(found)),
            Err(Obstacle::Lasting(sentence)) => return Err(Failure::Configuration(sentence)),
            Err(Obstacle::Passing(phase, sentence)) => (phase, sentence),
        };
        if sentence != said {
            tracing::warn!("cannot start yet, trying again: {sentence}");
            said.clone_from(&sentence);
        }
        shared.published.set_readiness(Readiness::new(phase, sentence));
        if !wait(settings, told, jittered(pause))? {
            return Ok(None);
        }
        pause = (pause * 2).min(LAST_PAUSE);
    }
}

/// Waits, minding what it is told. `false` if told to stop.
fn wait(settings: &mut Settings, told: &Receiver<Control>, pause: Duration) -> Result<bool, Failure> {
    let deadline = Instant::now() + pause;
    loop {
        match told.recv_deadline(deadline) {
            Err(RecvTimeoutError::Timeout) => return Ok(true),
            Ok(Control::Stop) | Err(RecvTimeoutError::Disconnected) => return Ok(false),
            Ok(Control::Failed(failure)) => return Err(failure),
            // There are no customers yet.
            Ok(Control::Search { .. } | Control::Survey(_) | Control::Sight { .. }) => {}
            Ok(Control::Reload { plan, segment_windows, reply }) => {
                (settings.plan, settings.segment_windows) = (plan, segment_windows);
                // Whoever asked may have gone.
                let _ = reply.send(Ok(()));
            }
        }
    }
}

/// Between half of a pause and all of it, so that many instances do not ask in step.
fn jittered(pause: Duration) -> Duration {
    let random = RandomState::new().build_hasher().finish() % 1_000;
    pause / 2 + pause / 2 * u32::try_from(random).unwrap_or(0) / 1_000
}

/// Shows what was found.
fn note(topics: &[&TopicFacts], shared: &Shared) {
    for (kind, topic) in TopicKind::ALL.into_iter().zip(topics) {
        shared.telemetry.topic(kind).partitions.set(u64::from(topic.partitions));
    }
    if topics.len() == TopicKind::ALL.len() {
        shared.telemetry.open_retries();
    }
}

/// The topics there are, retries last.
fn topics(facts: &ClusterFacts) -> Vec<&TopicFacts> {
    [&facts.subscriptions, &facts.usage].into_iter().chain(&facts.retries).collect()
}

fn assemble(
    settings: Settings,
    shared: Shared,
    facts: &ClusterFacts,
    protocol: Protocol,
    control: Sender<Control>,
    told: Receiver<Control>,
) -> Result<Conductor, Failure> {
    let (count, topics) = (facts.subscriptions.partitions, topics(facts));
    note(&topics, &shared);
    let name = |topic: &&TopicFacts| TopicName { name: topic.name.as_str().into(), id: topic.id.as_deref().map(Arc::from) };
    let topics: Arc<[TopicName]> = topics.iter().map(name).collect();
    let letters = Arc::new(post_office(&settings, &shared)?);
    let registry = Registry::new(&settings.registry).map_err(|error| Failure::Configuration(error.to_string()))?;
    let placement = Arc::new(Placement::new(count));
    let surroundings = || Surroundings {
        plan: settings.plan.clone(),
        schemas: Schemas::new(registry.clone()),
        telemetry: shared.telemetry.clone(),
        placement: placement.clone(),
        tally: Default::default(),
    };
    let workers = settings.workers.max(1);
    let (wrong, misplaced) = unbounded();
    let surroundings = (0..workers).map(|_| surroundings()).collect();
    let crew = Crew::hire(surroundings, settings.checkpoint_interval, shared.clock, &wrong, &control)?;
    let archive = Archive::new(settings.store.clone(), &settings.kafka.group_id);
    let writer = RandomState::new().build_hasher().finish();
    let archivists = Archivists::hire(&archive, writer, shared.clock, &shared.telemetry, &control)?;
    let beginnings = Beginnings {
        archive,
        logs: Box::new(Bounds::new(&settings.kafka).map_err(unusable)?),
        topics: topics.clone(),
        cluster_id: facts.cluster_id.clone(),
        partitions: count,
        dedup_window: settings.dedup_window,
        accept_truncated_log: settings.kafka.accept_truncated_log,
        rebuild: settings.rebuild,
        rebuilt: Default::default(),
        telemetry: shared.telemetry.clone(),
        threads: workers,
    };
    let (began, restored) = unbounded();
    let restorers = restorer::hire(beginnings, workers, &began, &control)?;
    let (found, findings) = unbounded();
    let (watch, requests) = Watch::requests();
    let watching = Watch {
        bounds: Bounds::new(&settings.kafka).map_err(unusable)?,
        topics: topics.clone(),
        cluster_id: facts.cluster_id.clone(),
        partitions: count as usize,
        requests,
        findings: found,
    };
    spawn("watch", control, move || watching.run())?;
    let lanes = u32::try_from(topics.len()).unwrap_or(u32::MAX);
    let budget = FetchBudget { total_bytes: settings.fetch_bytes, partitions: count.saturating_mul(lanes) };
    let (happened, group_events) = unbounded();
    let names: Vec<&str> = topics.iter().map(|topic| &*topic.name).collect();
    let group = Group::join(&settings.kafka.consumer(protocol, budget), &names, happened).map_err(unusable)?;
    Ok(Conductor {
        rounds: Rounds::new(settings.plan.clone(), settings.segment_windows.clone(), count as usize),
        shared,
        crew,
        group,
        letters,
        archivists,
        watch,
        restorers,
        assignment: Assignment::new(topics.len()),
        parking: Default::default(),
        memory: Guard::new(settings.memory_limit),
        state: Default::default(),
        events: Events { control: told, group: group_events, findings, misplaced, restored },
        topics,
    })
}

/// Letters are counted once the broker has them; a refused one stops its partition.
fn post_office(settings: &Settings, shared: &Shared) -> Result<Letters, Failure> {
    let shared = shared.clone();
    let settled = move |event| match event {
        LetterEvent::Delivered { reason, .. } => shared.telemetry.dead_letters.add(reason, 1),
        LetterEvent::Refused { partition, refusal, .. } => {
            let boards = shared.boards.load();
            let board = boards.iter().find(|board| board.partition == partition);
            // A partition that was given up has no board, and its next owner sends the letter again.
            board.into_iter().for_each(|board| board.stop(StopReason::DeadLetterRefused, refusal.text.clone()));
        }
    };
    Letters::start(&settings.kafka, settled).map_err(|trouble| Failure::Configuration(trouble.to_string()))
}

/// Whether checkpoints can be read and written.
fn reach(store: &Store) -> Result<(), Obstacle> {
    store.check().map_err(|error| match error.is_transient() {
        true => Obstacle::Passing(Phase::WaitingForCheckpoints, error.to_string()),
        false => Obstacle::Lasting(error.to_string()),
    })
}

/// What keeps the service from starting.
enum Obstacle {
    /// It may pass: the phase meanwhile, and a sentence.
    Passing(Phase, String),
    /// Only a change of configuration helps.
    Lasting(String),
}

impl From<Trouble> for Obstacle {
    fn from(trouble: Trouble) -> Obstacle {
        let phase = match trouble.severity() {
            Severity::Configuration => return Obstacle::Lasting(trouble.to_string()),
            Severity::Unreachable => Phase::WaitingForBrokers,
            Severity::Transient => Phase::WaitingForTopics,
        };
        Obstacle::Passing(phase, trouble.to_string())
    }
}

fn unusable(error: KafkaError) -> Failure {
    Failure::Configuration(format!("the Kafka client cannot be made: {error}; correct kafka.properties"))
}

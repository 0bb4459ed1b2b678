//! What a partition begins with: the newest image that is whole and ours, the state in memory, or the log from its beginning.
//!
//! Positions come from images only. Before anything is read, the cluster and the topics have to be the ones they were. A damaged
//! image is passed over, said and counted. Without a usable one the partition begins anew from the log, but never by itself
//! from a log that has lost its beginning.

use super::Failure;
use super::board::Stall;
use super::lane::truncation;
use super::ledger::TopicName;
use super::placement::Counts;
use crate::adapter::store;
use crate::adapter::store::archive::{Archive, Candidate, Image, ReadError};
use crate::domain::alert::Record;
use crate::domain::facts::TopicKind;
use crate::engine::dedup::Memory;
use crate::engine::plan::Plan;
use crate::engine::rejected::Rejected;
use crate::engine::shard::Shard;
use crate::wire::checkpoint::{Damage, Identity, Manifest, Position, TOPICS, TopicIdentity, parse_name};
use crate::wire::telemetry::{StopReason, Telemetry};
use std::collections::BTreeSet;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant as Moment;

/// Looks that must agree before a log is believed to end before the position: a new leader may not know its end at once.
const LOOKS: u32 = 5;
/// The two billing topics.
const BILLING: usize = 2;

/// What is asked about the logs.
pub trait Logs: Send + Sync {
    /// First offset of each topic's partition, in the order given.
    ///
    /// # Errors
    /// A sentence: not known now.
    fn starts(&self, topics: &[TopicName], partition: i32) -> Result<Vec<i64>, String>;

    /// The same of the ends.
    ///
    /// # Errors
    /// A sentence: not known now.
    fn ends(&self, topics: &[TopicName], partition: i32) -> Result<Vec<i64>, String>;

    /// Id of the cluster and ids of the topics; `None` where the cluster tells none.
    ///
    /// # Errors
    /// A sentence: not known now.
    fn ids(&self, topics: &[TopicName]) -> Result<Ids, String>;
}

/// What the cluster says of who it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ids {
    pub cluster: Option<String>,
    /// In the order asked.
    pub topics: Vec<Option<String>>,
}

/// What every partition of this process begins with.
pub struct Beginnings {
    pub archive: Archive,
    pub logs: Box<dyn Logs>,
    /// As many as there are: retries last.
    pub topics: Arc<[TopicName]>,
    pub cluster_id: Option<String>,
    /// Partitions of each topic.
    pub partitions: u32,
    /// Milliseconds of record time.
    pub dedup_window: i64,
    pub accept_truncated_log: bool,
    /// Whether every partition is to be begun anew, once.
    pub rebuild: bool,
    /// The partitions for which that was done.
    pub rebuilt: Mutex<BTreeSet<i32>>,
    pub telemetry: Arc<Telemetry>,
    /// Threads that decode one image.
    pub threads: usize,
}

/// What a partition begins with.
pub enum Beginning {
    State(Box<State>),
    /// The state in memory, which is as new as any; its next offsets.
    Held([i64; TOPICS]),
}

/// The state of a partition that came back, which is still in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    pub generation: u32,
    /// By topic; 0 where there is no such topic.
    pub next: [i64; TOPICS],
}

/// The state of a partition, and where it stands.
pub struct State {
    pub shard: Shard,
    pub positions: [Option<Position>; TOPICS],
    pub rejected: [Rejected; 2],
    pub placement: [Counts; 2],
    pub identity: Identity,
    pub generation: u32,
    /// The image that it was restored from.
    pub newest: Option<Arc<Manifest>>,
    /// Of the newest image that can be read, though the state may be made anew: what was told was told.
    pub alerts: Vec<Record>,
}

/// Why there is no beginning.
#[derive(Debug)]
pub enum Hindrance {
    /// It may pass: what is waited for.
    Wait(Stall),
    /// The partition has to stop.
    Stop(StopReason, String),
    /// The process has to end.
    Fail(Failure),
}

/// What an image is good for.
enum Fit {
    Usable,
    /// The state has to be made anew: why.
    Rebuild(String),
}

impl Beginnings {
    /// What a partition begins with. `tries` is how often this was asked, this time included.
    ///
    /// # Errors
    /// Nothing yet, or nothing at all.
    pub fn of(&self, partition: i32, plan: &Arc<Plan>, held: Option<Held>, tries: u32) -> Result<Beginning, Hindrance> {
        self.check_ids()?;
        let candidates = self.archive.candidates(partition).map_err(|error| away(&error))?;
        let newest = candidates.first().and_then(rank);
        if self.rebuild && !self.rebuilt().contains(&partition) {
            let state = self.anew(partition, plan, newest, "as told to by --rebuild")?;
            self.rebuilt().insert(partition);
            return Ok(state);
        }
        let held_rank = held.map(|held| (held.generation, held.next.iter().sum()));
        for candidate in &candidates {
            if held_rank >= rank(candidate) {
                break;
            }
            if let Some(beginning) = self.try_image(partition, plan, candidate, newest, tries)? {
                return Ok(beginning);
            }
        }
        if let Some(held) = held {
            return Ok(Beginning::Held(held.next));
        }
        if candidates.is_empty() {
            return self.first(partition, plan);
        }
        self.anew_by_itself(partition, plan, newest, "no checkpoint can be used")
    }

    /// Whether the cluster and the topics are those of the start.
    fn check_ids(&self) -> Result<(), Hindrance> {
        let ids = self.logs.ids(&self.topics).map_err(|sentence| Hindrance::Wait(Stall::Broker(sentence)))?;
        if let (Some(then), Some(now)) = (&self.cluster_id, &ids.cluster)
            && then != now
        {
            return Err(Hindrance::Stop(StopReason::ClusterChanged, other_cluster(then, now)));
        }
        for (topic, now) in self.topics.iter().zip(&ids.topics) {
            if let (Some(then), Some(now)) = (topic.id.as_deref(), now.as_deref())
                && then != now
            {
                return Err(Hindrance::Stop(StopReason::TopicRecreated, recreated(&topic.name, then, now)));
            }
        }
        Ok(())
    }

    /// The state of an image; `None` if it cannot be used.
    fn try_image(
        &self,
        partition: i32,
        plan: &Arc<Plan>,
        candidate: &Candidate,
        newest: Option<(u32, i64)>,
        tries: u32,
    ) -> Result<Option<Beginning>, Hindrance> {
        let manifest = match self.archive.manifest(partition, &candidate.name) {
            Ok(manifest) => manifest,
            Err(error) => return self.pass_over(partition, candidate, error).map(|()| None),
        };
        match self.judge(partition, plan, &manifest)? {
            Fit::Usable => {}
            Fit::Rebuild(why) => return self.anew_by_itself(partition, plan, newest, &why).map(Some),
        }
        self.check_ends(&manifest, tries)?;
        let began = Moment::now();
        let memory = Memory::Window { millis: self.dedup_window };
        let image = match self.archive.load(&manifest, plan.clone(), memory, self.threads) {
            Ok(image) => image,
            Err(error) => return self.pass_over(partition, candidate, error).map(|()| None),
        };
        if let Some(currency) = image.shard.unserved_currency(plan) {
            return Err(Hindrance::Fail(Failure::Configuration(currency_taken_out(currency.as_str()))));
        }
        self.telemetry.restore_duration.set(began.elapsed());
        let state = self.state(partition, plan, manifest, image)?;
        tracing::info!(partition, image = candidate.name, accounts = state.shard.accounts(), "restored a partition");
        Ok(Some(Beginning::State(Box::new(state))))
    }

    /// Makes a note of an image that is damaged.
    fn pass_over(&self, partition: i32, candidate: &Candidate, error: ReadError) -> Result<(), Hindrance> {
        let damage = match error {
            ReadError::Store(error) => return Err(away(&error)),
            // Nothing is wrong with it: going back to an older one would only lose time, and perhaps the log that is needed then.
            ReadError::Damage { damage: damage @ Damage::Newer { .. }, name } => {
                let sentence = format!("the checkpoint file {name} cannot be read: {damage}.");
                return Err(Hindrance::Stop(StopReason::CheckpointUnusable, sentence));
            }
            damage => damage,
        };
        if !candidate.unreadable {
            self.telemetry.checkpoint_unreadable.add(1);
            tracing::error!(partition, image = candidate.name, %damage, "a checkpoint cannot be used; the one before it is tried");
            let noted = self.archive.mark_unreadable(partition, &candidate.name, &damage.to_string());
            noted.map_err(|error| away(&error))?;
        }
        Ok(())
    }

    /// What an image is good for here and now.
    fn judge(&self, partition: i32, plan: &Plan, manifest: &Manifest) -> Result<Fit, Hindrance> {
        let Identity { cluster_id, partition: of, partitions, topics, time_zone } = &manifest.identity;
        if let (Some(then), Some(now)) = (cluster_id, &self.cluster_id)
            && then != now
        {
            return Err(Hindrance::Stop(StopReason::ClusterChanged, other_cluster(then, now)));
        }
        for (then, now) in topics.iter().zip(self.topics.iter()).take(BILLING) {
            let Some(then) = then else { continue };
            let same_id = then.id.as_deref().zip(now.id.as_deref()).is_none_or(|(then, now)| then == now);
            if then.name != *now.name || !same_id {
                let id = |id: Option<&str>| id.unwrap_or("unknown").to_owned();
                let sentence = recreated(&then.name, &id(then.id.as_deref()), &id(now.id.as_deref()));
                return Err(Hindrance::Stop(StopReason::TopicRecreated, sentence));
            }
        }
        if *partitions != self.partitions || *of != partition {
            let sentence = super::watch::recounted("the topics", *partitions as usize, self.partitions as usize);
            return Err(Hindrance::Stop(StopReason::PartitionCountChanged, sentence));
        }
        if *time_zone != plan.zone.name() {
            return Ok(Fit::Rebuild(format!("revenue.time_zone was {time_zone} and is now {}", plan.zone.name())));
        }
        if plan.frame(manifest.head.floor_at).first_usage_day() < manifest.head.floor {
            return Ok(Fit::Rebuild("the windows need usage days that the checkpoint no longer holds".to_owned()));
        }
        Ok(Fit::Usable)
    }

    /// Whether the logs still hold what follows an image.
    fn check_ends(&self, manifest: &Manifest, tries: u32) -> Result<(), Hindrance> {
        let partition = manifest.identity.partition;
        let starts = self.logs.starts(&self.topics, partition).map_err(|sentence| Hindrance::Wait(Stall::Broker(sentence)))?;
        let ends = self.logs.ends(&self.topics, partition).map_err(|sentence| Hindrance::Wait(Stall::Broker(sentence)))?;
        let positions = manifest.positions.iter().take(BILLING).flatten();
        for (((topic, position), start), end) in self.topics.iter().zip(positions).zip(starts).zip(ends) {
            if position.next < start {
                return Err(Hindrance::Stop(StopReason::LogTruncated, truncation(&topic.name, position.next)));
            }
            if position.next > end && tries < LOOKS {
                let sentence = format!("{} ends at offset {end}, before the checkpoint's {}", topic.name, position.next);
                return Err(Hindrance::Wait(Stall::Broker(sentence)));
            }
            if position.next > end {
                return Err(Hindrance::Stop(StopReason::LogTruncated, cut(&topic.name, position.next, end)));
            }
        }
        Ok(())
    }

    fn state(&self, partition: i32, plan: &Arc<Plan>, manifest: Manifest, image: Image) -> Result<State, Hindrance> {
        let identity = self.identity(partition, plan);
        let mut positions = manifest.positions;
        let retries = TopicKind::Retries as usize;
        let beginning = self.beginning_of_logs(partition)?[retries];
        let known = positions[retries].zip(beginning).is_some_and(|(position, beginning)| position.next >= beginning.next);
        // A retries topic that is new or was made anew is read from its beginning: each retry is judged by its origin. One that is
        // gone before it was read can be written once more.
        if identity.topics[retries] != manifest.identity.topics[retries] || !known {
            positions[retries] = beginning;
        }
        let (shard, rejected) = (image.shard, image.rejected);
        let (placement, generation, alerts) = (manifest.placement, manifest.generation, manifest.alerts.clone());
        let newest = Some(Arc::new(manifest));
        Ok(State { shard, positions, rejected, placement, identity, generation, newest, alerts })
    }

    /// There never was an image: the log, if it is whole or what is left of it was accepted.
    fn first(&self, partition: i32, plan: &Arc<Plan>) -> Result<Beginning, Hindrance> {
        let positions = self.beginning_of_logs(partition)?;
        if !self.accept_truncated_log
            && let Some((topic, start)) = self.lost_beginning(&positions)
        {
            return Err(Hindrance::Stop(StopReason::LogTruncated, lost(topic, start)));
        }
        Ok(self.begun_anew(partition, plan, 0, positions))
    }

    /// Makes the state anew from the log without being told to, unless the log has lost its beginning.
    fn anew_by_itself(
        &self,
        partition: i32,
        plan: &Arc<Plan>,
        newest: Option<(u32, i64)>,
        why: &str,
    ) -> Result<Beginning, Hindrance> {
        let positions = self.beginning_of_logs(partition)?;
        match self.lost_beginning(&positions) {
            None => Ok(self.rebuilding(partition, plan, newest, positions, why)),
            Some((topic, start)) => {
                let sentence = format!(
                    "{why}, and the state cannot be made anew from the log, because that of {topic} begins at offset {start}. Undo what \
                     changed or restore the checkpoint; or load the history into new topics; or start over from what is left of the log \
                     with `upswell run --rebuild` and kafka.accept_truncated_log."
                );
                Err(Hindrance::Stop(StopReason::CheckpointUnusable, sentence))
            }
        }
    }

    /// Makes the state anew from the log because somebody wants it.
    fn anew(&self, partition: i32, plan: &Arc<Plan>, newest: Option<(u32, i64)>, why: &str) -> Result<Beginning, Hindrance> {
        let positions = self.beginning_of_logs(partition)?;
        match self.lost_beginning(&positions) {
            Some((topic, start)) if !self.accept_truncated_log => {
                Err(Hindrance::Stop(StopReason::LogTruncated, lost(topic, start)))
            }
            _ => Ok(self.rebuilding(partition, plan, newest, positions, why)),
        }
    }

    fn rebuilding(
        &self,
        partition: i32,
        plan: &Arc<Plan>,
        newest: Option<(u32, i64)>,
        positions: [Option<Position>; TOPICS],
        why: &str,
    ) -> Beginning {
        tracing::warn!(partition, why, "the state is made anew from the log");
        self.telemetry.rebuilds.add(1);
        self.begun_anew(partition, plan, newest.map_or(0, |(generation, _)| generation + 1), positions)
    }

    fn begun_anew(&self, partition: i32, plan: &Arc<Plan>, generation: u32, positions: [Option<Position>; TOPICS]) -> Beginning {
        let random = || RandomState::new().build_hasher().finish();
        let memory = Memory::Window { millis: self.dedup_window };
        let shard = Shard::new(plan.clone(), memory, (random(), random()));
        let (rejected, placement, identity) = (Default::default(), Default::default(), self.identity(partition, plan));
        Beginning::State(Box::new(State {
            shard,
            positions,
            rejected,
            placement,
            identity,
            generation,
            newest: None,
            alerts: self.alerts(partition),
        }))
    }

    /// The alerts that the newest readable image remembers; whatever fails, there are none.
    fn alerts(&self, partition: i32) -> Vec<Record> {
        let candidates = self.archive.candidates(partition).unwrap_or_default();
        let whole = candidates.iter().filter(|candidate| !candidate.unreadable);
        let newest = whole.into_iter().find_map(|candidate| self.archive.manifest(partition, &candidate.name).ok());
        newest.map_or_else(Vec::new, |manifest| manifest.alerts)
    }

    fn beginning_of_logs(&self, partition: i32) -> Result<[Option<Position>; TOPICS], Hindrance> {
        let starts = self.logs.starts(&self.topics, partition).map_err(|sentence| Hindrance::Wait(Stall::Broker(sentence)))?;
        let mut positions = [None; TOPICS];
        for (position, start) in positions.iter_mut().zip(starts) {
            *position = Some(Position { next: start, began: start, ..Position::default() });
        }
        Ok(positions)
    }

    /// The first billing topic whose log no longer begins at offset 0, and where it begins.
    fn lost_beginning(&self, positions: &[Option<Position>; TOPICS]) -> Option<(&str, i64)> {
        let billing = self.topics.iter().zip(positions.iter().flatten()).take(BILLING);
        billing.map(|(topic, position)| (&*topic.name, position.began)).find(|(_, began)| *began > 0)
    }

    fn identity(&self, partition: i32, plan: &Plan) -> Identity {
        let mut topics = [const { None }; TOPICS];
        for (identity, topic) in topics.iter_mut().zip(self.topics.iter()) {
            *identity = Some(TopicIdentity { name: topic.name.to_string(), id: topic.id.as_deref().map(str::to_owned) });
        }
        let (cluster_id, time_zone) = (self.cluster_id.clone(), plan.zone.name().to_owned());
        Identity { cluster_id, partition, partitions: self.partitions, topics, time_zone }
    }

    fn rebuilt(&self) -> std::sync::MutexGuard<'_, BTreeSet<i32>> {
        self.rebuilt.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Generation and progress of an image, which order it among those of its partition.
fn rank(candidate: &Candidate) -> Option<(u32, i64)> {
    let name = parse_name(&candidate.name)?;
    Some((name.generation, i64::try_from(name.sum).ok()?))
}

fn away(error: &store::Error) -> Hindrance {
    Hindrance::Wait(Stall::Checkpoints(error.to_string()))
}

/// The sentence about a cluster that is not the one it was.
pub fn other_cluster(then: &str, now: &str) -> String {
    format!(
        "kafka.brokers lead to the cluster {now}, and the state belongs to the cluster {then}. Correct kafka.brokers, or give the new \
         cluster a checkpoint.url of its own."
    )
}

/// The sentence about a topic that is not the one it was.
pub fn recreated(topic: &str, then: &str, now: &str) -> String {
    format!(
        "topic {topic} was deleted and made again, or another one is named now (its id was {then} and is {now}), so the offsets at hand \
         mean nothing in it. If it holds the whole history, start over with `upswell run --rebuild`; else restore the topic."
    )
}

fn cut(topic: &str, next: i64, end: i64) -> String {
    format!(
        "{topic} ends at offset {end}, but everything before {next} was read: the brokers have lost records, and other ones may take \
         their offsets. Restore the log; or accept the loss and start over with `upswell run --rebuild`."
    )
}

fn lost(topic: &str, start: i64) -> String {
    format!(
        "the log of {topic} begins at offset {start}, so its first events are gone and the figures would miss them. Load the \
         history into new topics with unlimited retention, or set kafka.accept_truncated_log to start without it."
    )
}

fn currency_taken_out(currency: &str) -> String {
    format!(
        "events in {currency} are stored and revenue.exchange_rates no longer have a rate for it, so they could not be valued: put the \
         rate of {currency} back"
    )
}

#[cfg(test)]
#[path = "beginning_tests.rs"]
mod tests;

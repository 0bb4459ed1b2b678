//! The audit of one partition.

use super::Outcome;
use super::difference::differences;
use crate::adapter::clock::Clock;
use crate::adapter::kafka::preflight::{ClusterFacts, TopicFacts};
use crate::adapter::kafka::rereading::reread;
use crate::adapter::kafka::{Settings, Trouble};
use crate::adapter::registry::Registry;
use crate::adapter::store::archive::{Archive, Image, ReadError};
use crate::command::Failure;
use crate::domain::calendar::{Instant, Zone};
use crate::domain::facts::FactKind;
use crate::engine::dedup::Memory;
use crate::engine::plan::Plan;
use crate::engine::report::Report;
use crate::engine::shard::Shard;
use crate::service::ledger::apply;
use crate::service::schemas::{Found, Schemas};
use crate::wire::checkpoint::{Identity, Manifest};
use crate::wire::framing::{self, Frame};
use rdkafka::Message;
use rdkafka::message::BorrowedMessage;
use std::sync::Arc;
use std::time::{Duration, Instant as Moment};

/// How long the registry may take to tell a schema; a denial takes it a minute.
const PATIENCE: Duration = Duration::from_secs(90);
/// How often it is looked whether it has.
const LOOK: Duration = Duration::from_millis(20);
/// Keys the memory of usage ids for the time of an audit.
const HASH_KEY: (u64, u64) = (0x5ca1_ab1e, 0xc0de_d00d);

/// What every partition is audited with.
pub struct Auditor {
    pub settings: Settings,
    pub facts: ClusterFacts,
    pub registry: Registry,
    pub archive: Archive,
    pub plan: Arc<Plan>,
    /// Milliseconds of record time.
    pub dedup_window: i64,
}

impl Auditor {
    /// Number of partitions.
    pub fn partitions(&self) -> i32 {
        i32::try_from(self.facts.subscriptions.partitions).unwrap_or(i32::MAX)
    }

    /// Compares the newest usable image of a partition with the log.
    ///
    /// # Errors
    /// Brokers, registry or store do not give what is needed.
    pub fn audit(&self, partition: i32) -> Result<Outcome, Failure> {
        let Some((manifest, image)) = self.newest(partition)? else {
            return Ok(Outcome::Unauditable("it has no checkpoint that can be used".to_owned()));
        };
        if let Some(why) = self.obstacle(partition, &manifest) {
            return Ok(Outcome::Unauditable(why));
        }
        if let Some(currency) = image.shard.unserved_currency(&self.plan) {
            let why = format!("it holds events in {}, for which revenue.exchange_rates have no rate", currency.as_str());
            return Ok(Outcome::Unauditable(why));
        }
        let now = Clock::wall().now();
        let as_of = now.clamp(image.shard.earliest_view(), Zone::LATEST_VIEW);
        let next = [0, 1].map(|topic: usize| manifest.positions[topic].map_or(0, |position| position.next));
        let log = self.recompute(partition, &image, next, now)?;
        let differences = differences(&self.report(image.shard, as_of), &self.report(log, as_of));
        Ok(Outcome::Compared { image: manifest.file_name(), next, differences })
    }

    fn newest(&self, partition: i32) -> Result<Option<(Manifest, Image)>, Failure> {
        let memory = Memory::Window { millis: self.dedup_window };
        for candidate in self.archive.candidates(partition).map_err(anyhow::Error::new)? {
            let read = self.archive.manifest(partition, &candidate.name).and_then(|manifest| {
                let image = self.archive.load(&manifest, self.plan.clone(), memory, service_threads())?;
                Ok((manifest, image))
            });
            match read {
                Ok(found) => return Ok(Some(found)),
                Err(ReadError::Store(error)) => return Err(anyhow::Error::new(error).into()),
                Err(damage) => tracing::warn!(partition, %damage, "a checkpoint cannot be used; the one before it is audited"),
            }
        }
        Ok(None)
    }

    /// Why the log cannot tell what the image should hold.
    fn obstacle(&self, partition: i32, manifest: &Manifest) -> Option<String> {
        let Identity { cluster_id, topics, time_zone, .. } = &manifest.identity;
        if cluster_id.is_some() && self.facts.cluster_id.is_some() && *cluster_id != self.facts.cluster_id {
            return Some("its checkpoint belongs to another cluster".to_owned());
        }
        if *time_zone != self.plan.zone.name() {
            return Some(format!("its checkpoint was made with revenue.time_zone {time_zone}"));
        }
        for (number, (then, now)) in topics.iter().zip(self.billing()).enumerate() {
            let same = then
                .as_ref()
                .is_some_and(|then| then.name == now.name && (then.id.is_none() || now.id.is_none() || then.id == now.id));
            if !same {
                return Some(format!("its checkpoint belongs to another topic than {}", now.name));
            }
            let start = usize::try_from(partition).ok().and_then(|at| now.start_offsets.get(at)).copied().unwrap_or(0);
            let began = manifest.positions[number].map_or(0, |position| position.began);
            if start > 0 || began > 0 {
                return Some(format!(
                    "the log of {} begins at offset {}, so its first events are gone",
                    now.name,
                    start.max(began)
                ));
            }
        }
        None
    }

    fn billing(&self) -> [&TopicFacts; 2] {
        [&self.facts.subscriptions, &self.facts.usage]
    }

    /// A shard that has applied what the image should hold.
    fn recompute(&self, partition: i32, image: &Image, next: [i64; 2], now: Instant) -> Result<Shard, Failure> {
        let mut shard = Shard::new(self.plan.clone(), Memory::Window { millis: self.dedup_window }, HASH_KEY);
        shard.observe_clock(now);
        let mut schemas = Schemas::new(self.registry.clone());
        for (number, kind) in [FactKind::Subscription, FactKind::Usage].into_iter().enumerate() {
            let rejected = &image.rejected[number];
            let topic = &self.billing()[number].name;
            let read = reread(&self.settings, topic, partition, next[number], |message| match rejected.get(message.offset()) {
                Some(_) => Ok(()),
                None => self.apply(kind, message, &mut schemas, &mut shard),
            });
            read.map_err(|trouble: Trouble| Failure::from(trouble))?;
        }
        Ok(shard)
    }

    /// Applies a record. One that is rejected now although it counts in the image shows as a difference of figures.
    fn apply(&self, kind: FactKind, message: &BorrowedMessage, schemas: &mut Schemas, shard: &mut Shard) -> Result<(), String> {
        let Ok(frame) = framing::parse(message.payload()) else {
            tell(kind, message, "it has no frame");
            return Ok(());
        };
        let began = Moment::now();
        let decoder = loop {
            match schemas.decoder(frame, kind) {
                Found::Decoder(decoder) => break decoder,
                Found::Rejected(rejection) => {
                    tell(kind, message, &rejection.detail);
                    return Ok(());
                }
                Found::NotYet(sentence) if began.elapsed() > PATIENCE => return Err(sentence),
                Found::NotYet(_) => std::thread::park_timeout(LOOK),
            }
        };
        let (Frame::Confluent { datum, .. } | Frame::SingleObject { datum, .. }) = frame;
        let record_at = message.timestamp().to_millis().map(Instant);
        let applied = decoder.decode(datum).and_then(|raw| apply(&raw, record_at, shard, &self.plan).map(drop));
        applied.unwrap_or_else(|rejection| tell(kind, message, &rejection.detail));
        Ok(())
    }

    fn report(&self, mut shard: Shard, as_of: Instant) -> Report {
        shard.observe_clock(as_of);
        shard.go_live(as_of);
        Report::of(&self.plan, as_of, &shard.totals().into_iter().collect::<Vec<_>>())
    }
}

/// Says that a record is not among the checkpoint's rejected ones, and would be rejected now.
fn tell(kind: FactKind, message: &BorrowedMessage, why: &str) {
    let (partition, offset) = (message.partition(), message.offset());
    tracing::warn!(?kind, partition, offset, why, "a record that the checkpoint counts would be rejected now");
}

fn service_threads() -> usize {
    crate::service::Settings::default_workers()
}

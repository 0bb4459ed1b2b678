//! The audit of one partition.

use super::Outcome;
use super::difference::{Difference, differences};
use crate::adapter::clock::Clock;
use crate::adapter::kafka::bounds::{Bound, Bounds};
use crate::adapter::kafka::preflight::{ClusterFacts, TopicFacts};
use crate::adapter::kafka::rereading::reread;
use crate::adapter::kafka::{Settings, Trouble};
use crate::adapter::registry::Registry;
use crate::adapter::store::archive::{Archive, Image, ReadError};
use crate::command::Failure;
use crate::domain::calendar::{Instant, Zone};
use crate::domain::facts::{FactKind, Rejection};
use crate::engine::dedup::Memory;
use crate::engine::plan::Plan;
use crate::engine::rejected::Rejected;
use crate::engine::report::Report;
use crate::engine::shard::Shard;
use crate::service::reading::Fact;
use crate::service::schemas::{Found, Schemas};
use crate::wire::checkpoint::{Damage, Identity, Manifest, TopicIdentity};
use crate::wire::framing::{self, Frame};
use anyhow::anyhow;
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
    /// Asks where the logs begin and end.
    pub bounds: Bounds,
    /// Without a bound on the values of a dimension: what differs must not be summed away.
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
        let (manifest, Image { shard, rejected }) = match self.newest(partition)? {
            Ok(found) => found,
            Err(why) => return Ok(Outcome::Unauditable(why)),
        };
        let next = [0, 1].map(|topic: usize| manifest.positions[topic].map_or(0, |position| position.next));
        let obstacle = self.foreign(partition, &manifest).or_else(|| self.unfit(&shard));
        let obstacle = if obstacle.is_some() { obstacle } else { self.gap(partition, &manifest, next)? };
        if let Some(why) = obstacle {
            return Ok(Outcome::Unauditable(why));
        }
        let now = Clock::wall().now();
        // Usage that the writer's clock had not reached waits in the image, and counts once that has passed.
        let as_of = now.max(manifest.taken_at).max(shard.earliest_view()).max(manifest.head.passed).min(Zone::LATEST_VIEW);
        let customers = shard.accounts();
        // One state at a time: the image's is freed before the log's is made.
        let checkpoint = self.report(shard, as_of);
        let recount = self.recount(partition, &rejected, next, now)?;
        // What was deleted while it was read was passed over in silence.
        if let Some(why) = self.gap(partition, &manifest, next)? {
            return Ok(Outcome::Unauditable(why));
        }
        let mut found = recount.beside_the_figures(customers, &rejected);
        found.extend(differences(&checkpoint, &self.report(recount.shard, as_of)));
        Ok(Outcome::Compared { image: manifest.file_name(), next, differences: found })
    }

    /// The image that a restart would go on from, or why there is none.
    fn newest(&self, partition: i32) -> Result<Result<(Manifest, Image), String>, Failure> {
        let memory = Memory::Window { millis: self.dedup_window };
        for candidate in self.archive.candidates(partition).map_err(anyhow::Error::new)? {
            let read = self.archive.manifest(partition, &candidate.name).and_then(|manifest| {
                let image = self.archive.load(&manifest, self.plan.clone(), memory, service_threads())?;
                Ok((manifest, image))
            });
            match read {
                Ok(found) => return Ok(Ok(found)),
                Err(ReadError::Store(error)) => return Err(anyhow::Error::new(error).into()),
                Err(newer @ ReadError::Damage { damage: Damage::Newer { .. }, .. }) => return Ok(Err(newer.to_string())),
                Err(damage) => tracing::warn!(partition, %damage, "a checkpoint cannot be used; the one before it is audited"),
            }
        }
        Ok(Err("it has no checkpoint that can be used".to_owned()))
    }

    /// Why an image is none of the logs that are read now.
    fn foreign(&self, partition: i32, manifest: &Manifest) -> Option<String> {
        let Identity { cluster_id, partition: own, partitions, topics, time_zone } = &manifest.identity;
        if cluster_id.is_some() && self.facts.cluster_id.is_some() && *cluster_id != self.facts.cluster_id {
            return Some("its checkpoint belongs to another cluster".to_owned());
        }
        if (*own, *partitions) != (partition, self.facts.subscriptions.partitions) {
            return Some(format!("its checkpoint was made of partition {own} of {partitions}"));
        }
        if *time_zone != self.plan.zone.name() {
            return Some(format!("its checkpoint was made with revenue.time_zone {time_zone}"));
        }
        let differs = topics.iter().zip(self.billing()).find(|(then, now)| {
            let same =
                |then: &TopicIdentity| then.name == now.name && (then.id.is_none() || now.id.is_none() || then.id == now.id);
            !then.as_ref().is_some_and(same)
        });
        differs.map(|(_, now)| format!("its checkpoint belongs to another topic than {}", now.name))
    }

    /// Why a state cannot show what the configuration asks for.
    fn unfit(&self, shard: &Shard) -> Option<String> {
        if let Some(currency) = shard.unserved_currency(&self.plan) {
            return Some(format!("it holds events in {}, for which revenue.exchange_rates have no rate", currency.as_str()));
        }
        let short = !shard.can_serve(&self.plan) || shard.earliest_view() > Zone::LATEST_VIEW;
        short.then(|| "the windows need usage days that its checkpoint no longer holds".to_owned())
    }

    /// Why the logs do not hold everything up to the image's offsets now.
    fn gap(&self, partition: i32, manifest: &Manifest, next: [i64; 2]) -> Result<Option<String>, Failure> {
        let places = self.billing().map(|topic| (topic.name.as_str(), partition));
        let ask =
            |bound| self.bounds.of(&places, bound).map_err(|error| anyhow::Error::new(error).context("ask for the offsets"));
        let (starts, ends) = (ask(Bound::Start)?, ask(Bound::End)?);
        for (number, (topic, _)) in places.iter().enumerate() {
            let (Some(start), Some(end)) = (starts[number], ends[number]) else {
                return Err(anyhow!("the brokers did not say where partition {partition} of {topic} begins and ends").into());
            };
            let began = manifest.positions[number].map_or(0, |position| position.began).max(start);
            if began > 0 {
                return Ok(Some(format!("the log of {topic} begins at offset {began}, so its first events are gone")));
            }
            if end < next[number] {
                return Ok(Some(format!("the log of {topic} ends at offset {end}, before the checkpoint's {}", next[number])));
            }
        }
        Ok(None)
    }

    fn billing(&self) -> [&TopicFacts; 2] {
        [&self.facts.subscriptions, &self.facts.usage]
    }

    /// What the log comes to before these offsets, without what the image holds as rejected.
    fn recount(&self, partition: i32, rejected: &[Rejected; 2], next: [i64; 2], now: Instant) -> Result<Recount, Failure> {
        let mut shard = Shard::new(self.plan.clone(), Memory::Window { millis: self.dedup_window }, HASH_KEY);
        shard.observe_clock(now);
        let mut recount = Recount { shard, left_out: [0; 2], refused: [0; 2] };
        let mut schemas = Schemas::new(self.registry.clone());
        for (number, kind) in [FactKind::Subscription, FactKind::Usage].into_iter().enumerate() {
            let topic = &self.billing()[number].name;
            let read = reread(&self.settings, topic, partition, next[number], |message| {
                match rejected[number].get(message.offset()) {
                    Some(_) => recount.left_out[number] += 1,
                    None => self.apply(kind, message, &mut schemas, &mut recount)?,
                }
                Ok(())
            });
            read.map_err(|trouble: Trouble| Failure::from(trouble))?;
        }
        Ok(recount)
    }

    fn apply(
        &self,
        kind: FactKind,
        message: &BorrowedMessage,
        schemas: &mut Schemas,
        recount: &mut Recount,
    ) -> Result<(), String> {
        let frame = match framing::parse(message.payload()) {
            Ok(frame) => frame,
            Err(rejection) => {
                recount.refuse(kind, message, &rejection);
                return Ok(());
            }
        };
        let began = Moment::now();
        let decoder = loop {
            match schemas.decoder(frame, kind) {
                Found::Decoder(decoder) => break decoder,
                Found::Rejected(rejection) => {
                    recount.refuse(kind, message, &rejection);
                    return Ok(());
                }
                Found::NotYet(sentence) if began.elapsed() > PATIENCE => return Err(sentence),
                Found::NotYet(_) => std::thread::park_timeout(LOOK),
            }
        };
        let (Frame::Confluent { datum, .. } | Frame::SingleObject { datum, .. }) = frame;
        let record_at = message.timestamp().to_millis().map(Instant);
        match decoder.decode(datum).and_then(|raw| Fact::accept(&raw, record_at, &self.plan.rates)) {
            Ok(fact) => _ = fact.apply(fact.aim(&recount.shard), record_at, &mut recount.shard),
            Err(rejection) => recount.refuse(kind, message, &rejection),
        }
        Ok(())
    }

    fn report(&self, mut shard: Shard, as_of: Instant) -> Report {
        shard.observe_clock(as_of);
        shard.go_live(as_of);
        Report::of(&self.plan, as_of, &shard.totals().into_iter().collect::<Vec<_>>())
    }
}

/// What the log comes to; numbers are by kind of event.
struct Recount {
    shard: Shard,
    /// Records that the image holds as rejected.
    left_out: [u64; 2],
    /// Records that the image counts, and that would be rejected now.
    refused: [u64; 2],
}

impl Recount {
    fn refuse(&mut self, kind: FactKind, message: &BorrowedMessage, rejection: &Rejection) {
        self.refused[kind as usize] += 1;
        let (partition, offset, why) = (message.partition(), message.offset(), &rejection.detail);
        tracing::warn!(?kind, partition, offset, why, "a record that the checkpoint counts would be rejected now");
    }

    /// What differs besides the figures, which may be the same all the same.
    fn beside_the_figures(&self, customers: usize, rejected: &[Rejected; 2]) -> Vec<Difference> {
        let mut rows = vec![("customers".to_owned(), customers as u64, self.shard.accounts() as u64)];
        for (number, topic) in ["subscriptions", "usage"].into_iter().enumerate() {
            rows.push((format!("{topic}/rejected"), rejected[number].len(), self.left_out[number]));
            rows.push((format!("{topic}/counted_but_rejected_now"), 0, self.refused[number]));
        }
        let named = |(place, checkpoint, log): (String, u64, u64)| Difference {
            place,
            checkpoint: checkpoint.to_string(),
            log: log.to_string(),
        };
        rows.into_iter().filter(|(_, checkpoint, log)| checkpoint != log).map(named).collect()
    }
}

fn service_threads() -> usize {
    crate::service::Settings::default_workers()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::calendar::Zone;
    use crate::domain::currency::{Currency, ExchangeRates};
    use crate::domain::facts::Reason;
    use crate::domain::window::Window;

    #[test]
    fn what_no_figure_shows_is_a_difference_too() {
        let rates = ExchangeRates::new(Currency::parse("USD").expect("a code"), vec![]);
        let zone = Zone::named("UTC").expect("a zone");
        let plan =
            Plan { zone, rates, windows: vec![Window::Trailing(30)], dimensions: vec![], max_values: usize::MAX, history: 0 };
        let shard = Shard::new(Arc::new(plan), Memory::Window { millis: 1 }, HASH_KEY);
        let mut rejected: [Rejected; 2] = Default::default();
        let mut recount = Recount { shard, left_out: [0; 2], refused: [0; 2] };
        assert_eq!(recount.beside_the_figures(0, &rejected), []);
        rejected[0].insert(3, Reason::Decode);
        recount.refused[1] = 2;
        let found = recount.beside_the_figures(1, &rejected);
        let rows: Vec<_> = found.iter().map(|one| (one.place.as_str(), one.checkpoint.as_str(), one.log.as_str())).collect();
        let expected =
            [("customers", "1", "0"), ("subscriptions/rejected", "1", "0"), ("usage/counted_but_rejected_now", "0", "2")];
        assert_eq!(rows, expected);
    }
}

//! The end of a run: nothing fails any more, everything has to come to rest, and the figures have to be the twin's.

use crate::cluster::TOPICS;
use crate::instance::{Began, Instance};
use crate::trouble::Kind::{self, *};
use crate::world::{Outcome, World};
use upswell::wire::telemetry::StopReason;

/// Rounds in which everything has to come to rest.
const ROUNDS: usize = 1_500;

impl World {
    /// Nothing fails any more: everything has to come to rest, and the figures have to be right.
    pub fn heal(&mut self) -> Outcome {
        self.saboteur.disarm();
        // Else every letter of a retry that is rejected again would bring two more.
        self.swarm.remove(&LettersTwice);
        {
            let state = &mut *self.cluster.state();
            (state.poll_trouble, state.ask_trouble, state.unreadable) = (0, 0, None);
        }
        (self.registry_trouble, self.letters_wait, self.late_known, self.store_slow) = (None, false, true, false);
        self.appear();
        Ok(())
    }

    /// Ends both, and has one take everything over and read to the end.
    pub fn settle(&mut self) -> Outcome {
        for slot in [1, 0] {
            self.slots[slot] = None;
        }
        self.owner.iter_mut().for_each(|owner| *owner = None);
        self.start(0);
        for _ in 0..ROUNDS {
            let Some(mut instance) = self.slots[0].take() else { return Err("the last instance died".to_owned()) };
            let outcome = self.round(&mut instance);
            let rest = (0..self.owner.len()).all(|partition| instance.is_drained(partition as i32));
            self.slots[0] = Some(instance);
            self.harvest(0);
            outcome?;
            if rest {
                return self.check_all();
            }
            self.pass(5_000);
        }
        Err("it did not come to rest".to_owned())
    }

    fn round(&mut self, instance: &mut Instance) -> Outcome {
        self.begin(0, instance)?;
        instance.look();
        self.answer(instance);
        instance.take_in(&mut self.images)?;
        self.post(instance, true);
        instance.advance()?;
        instance.keep(&mut self.images)?;
        for number in 0..20 {
            instance.write(number);
        }
        Ok(())
    }

    /// The last word: figures of all partitions, and a letter for every record that is rejected.
    fn check_all(&mut self) -> Outcome {
        let mut trace = 0_u64;
        let Some(instance) = self.slots[0].as_mut() else { return Err("nobody is there".to_owned()) };
        instance.judge(&mut self.images)?;
        if self.strange {
            return Err("a letter is of a record that was never rejected".to_owned());
        }
        for partition in 0..self.owner.len() as i32 {
            let shadow = instance.shadows.get(&partition).ok_or("a partition is missing")?;
            for (kind, topic) in TOPICS.iter().enumerate().take(2) {
                for offset in shadow.rejected[kind].keys() {
                    trace = trace.wrapping_mul(31) ^ *offset as u64;
                    if !self.letters.contains(&((*topic).to_owned(), partition, *offset)) {
                        return Err(format!("{topic} {partition} {offset} was rejected and has no letter"));
                    }
                }
            }
            trace = trace.wrapping_mul(31) ^ shadow.applied.len() as u64;
        }
        self.note(trace);
        Ok(())
    }

    /// At rest: a restart goes on from the image; then what ends a service, said as such, and undone.
    pub fn epilogue(&mut self) -> Outcome {
        self.settle()?;
        self.settle()?;
        let endings = [RetentionPassed, LogCut, TopicAnew, ClusterChanged, PartitionsChanged, RateTakenOut];
        let on: Vec<Kind> = endings.into_iter().filter(|kind| self.swarm.contains(kind)).collect();
        let Some(kind) = self.dice.pick(&on).copied() else { return Ok(()) };
        let (before, euro) = (self.cluster.state().clone(), self.deployment.euro);
        let Some(expected) = self.ending(kind) else { return Ok(()) };
        self.slots[0] = None;
        self.start(0);
        self.expect(kind, expected)?;
        self.counts.hit(kind);
        *self.cluster.state() = before;
        self.deployment.euro = euro;
        self.owner.truncate(self.cluster.state().logs[0].len());
        self.settle()
    }

    /// Makes it; why the first partition then stops, or `None` if it would not.
    fn ending(&mut self, kind: Kind) -> Option<Option<StopReason>> {
        let shadow = self.slots[0].as_ref()?.shadows.get(&0)?.clone();
        let state = &mut *self.cluster.state();
        let log = &mut state.logs[1][0];
        match kind {
            RetentionPassed => {
                log.end += 5;
                log.start = log.end;
                return Some(Some(StopReason::LogTruncated));
            }
            LogCut if log.end > 0 => {
                log.end -= 1;
                return Some(Some(StopReason::LogTruncated));
            }
            TopicAnew => {
                state.topic_ids[1].push('2');
                return Some(Some(StopReason::TopicRecreated));
            }
            ClusterChanged => {
                state.id.push('2');
                return Some(Some(StopReason::ClusterChanged));
            }
            PartitionsChanged => {
                state.logs.iter_mut().for_each(|logs| logs.push(Default::default()));
                self.owner.push(None);
                return Some(Some(StopReason::PartitionCountChanged));
            }
            _ => {}
        }
        let euro = shadow.applied.iter().any(|((kind, _), event)| *kind == 1 && event.currency == "EUR");
        if kind != RateTakenOut || !euro {
            return None;
        }
        self.deployment.euro = None;
        Some(None)
    }

    /// The first partition stops for this reason, or is refused.
    fn expect(&mut self, kind: Kind, expected: Option<StopReason>) -> Outcome {
        let Some(instance) = self.slots[0].as_mut() else { return Err("nobody is there".to_owned()) };
        for _ in 0..10 {
            match (instance.begin(0, 0, &mut self.images)?, expected) {
                (Began::Waits, _) => {}
                (Began::Stopped(reason), Some(expected)) if reason == expected => return Ok(()),
                (Began::Refused, None) => return Ok(()),
                (Began::Stopped(reason), _) => return Err(format!("{kind:?} stops for {reason:?}")),
                _ => return Err(format!("{kind:?} was not noticed")),
            }
        }
        Err(format!("{kind:?} is waited for for ever"))
    }
}

//! Trouble, made: what each kind does to the world, and what may follow when everything is at rest.

use crate::instance::Began;
use crate::trouble::Kind::{self, *};
use crate::world::{Outcome, World};
use upswell::wire::telemetry::StopReason;
use upswell_testkit::faulty::{Fate, Fault, Misread, Operation};

const YEAR: i64 = 365 * 86_400_000;

impl World {
    /// Something goes wrong, of the kinds that are on.
    pub fn trouble(&mut self) -> Outcome {
        let kinds: Vec<Kind> = self.swarm.iter().copied().collect();
        let Some(kind) = self.dice.pick(&kinds).copied() else { return Ok(()) };
        self.note(kind as u64 + 1_000);
        let slot = self.dice.index(2);
        let skip = self.dice.below(3);
        let arm = |operation, part, fate| self.saboteur.arm(kind, operation, part, skip, fate);
        match kind {
            PieceRefused => arm(Operation::Put, "/d-", Fate::Fails(Fault::Refused)),
            PieceReplyLost => arm(Operation::Put, "/d-", Fate::Fails(Fault::ReplyLost)),
            PieceDiesBefore => arm(Operation::Put, "/d-", Fate::Fails(Fault::DiesBefore)),
            PieceDiesAfter => arm(Operation::Put, "/d-", Fate::Fails(Fault::DiesAfter)),
            PieceTorn => arm(Operation::Put, "/d-", Fate::Torn),
            ManifestRefused => arm(Operation::Put, "/m-", Fate::Fails(Fault::Refused)),
            ManifestReplyLost => arm(Operation::Put, "/m-", Fate::Fails(Fault::ReplyLost)),
            ManifestDiesBefore => arm(Operation::Put, "/m-", Fate::Fails(Fault::DiesBefore)),
            ManifestDiesAfter => arm(Operation::Put, "/m-", Fate::Fails(Fault::DiesAfter)),
            ManifestTorn => arm(Operation::Put, "/m-", Fate::Torn),
            RestoreRefused => arm(Operation::Get, "", Fate::Fails(Fault::Refused)),
            RestoreDies => arm(Operation::Get, "", Fate::Fails(Fault::DiesAfter)),
            ListRefused => arm(Operation::List, "", Fate::Fails(Fault::Refused)),
            CleanRefused => arm(Operation::Delete, "", Fate::Fails(Fault::Refused)),
            CleanDies => arm(Operation::Delete, "", Fate::Fails(Fault::DiesAfter)),
            MisreadShort => arm(Operation::Get, "", Fate::Misread(Misread::Short)),
            MisreadFlipped => arm(Operation::Get, "", Fate::Misread(Misread::Flipped)),
            StaleList => arm(Operation::List, "", Fate::Stale(15)),
            PowerLoss => {
                self.counts.hit(kind);
                (0..2).for_each(|slot| self.crash(slot));
                self.store.lose_power();
            }
            PieceDeleted | PieceFlipped | ManifestFlipped | AllDamaged | ForeignImage => self.damage(kind),
            CrashIdle | CrashWriting | CrashRestoring => {
                let Some(instance) = &self.slots[slot] else { return Ok(()) };
                let kind = match (instance.starting.is_empty(), instance.is_writing()) {
                    (false, _) => CrashRestoring,
                    (_, true) => CrashWriting,
                    _ => CrashIdle,
                };
                self.counts.hit(kind);
                self.crash(slot);
            }
            RevokeIdle | RevokeWriting | RevokeRestoring | BackHeld | BackNewer | Overlap => self.rebalance()?,
            AbortedTail => {
                self.counts.hit(kind);
                let (topic, partition) = (self.dice.index(3), self.dice.index(self.owner.len()));
                self.cluster.state().logs[topic][partition].end += 2;
            }
            PollTrouble => {
                self.counts.hit(kind);
                self.cluster.state().poll_trouble = 2;
            }
            AskTrouble => {
                self.counts.hit(kind);
                self.cluster.state().ask_trouble = 2;
            }
            RegistryFails | RegistryGarbage | RegistryAway => {
                self.registry_trouble = if self.registry_trouble.is_none() { Some(kind) } else { None };
            }
            SchemaLate => self.late_known = !self.late_known,
            LettersDelayed => self.letters_wait = !self.letters_wait,
            LettersRefused => self.refuse(slot),
            ClockAhead | ClockBack | ClockStill => self.change_clock(kind, slot),
            DedupWindow => {
                self.counts.hit(kind);
                self.dedup_days = [200, 400, 900][self.dice.index(3)];
                self.crash(slot);
            }
            TimeZone => {
                self.counts.hit(kind);
                self.remade = true;
                self.zone = if self.zone == "UTC" { "Asia/Tokyo" } else { "UTC" };
                (0..2).for_each(|slot| self.crash(slot));
            }
            RebuildAsked => {
                self.counts.hit(kind);
                (self.rebuild, self.remade) = (true, true);
                self.crash(slot);
            }
            Holes | Redelivered | SchemaDenied | RateAdded | RateTakenOut | RetentionPassed | LogCut | TopicAnew
            | ClusterChanged | PartitionsChanged => {}
        }
        Ok(())
    }

    /// The broker will never take a letter: its partition stops, and a person starts the process again.
    fn refuse(&mut self, slot: usize) {
        let Some(instance) = &mut self.slots[slot] else { return };
        let refusal = upswell::adapter::kafka::letters::Refusal { label: "refused", text: "no".to_owned() };
        let Some(letter) = instance.postbag.refuse(0, refusal) else { return };
        if let Some(board) = instance.boards.get(&letter.origin.partition) {
            board.stop(StopReason::DeadLetterRefused, "no".to_owned());
        }
        self.counts.hit(LettersRefused);
        self.crash(slot);
    }

    fn change_clock(&mut self, kind: Kind, slot: usize) {
        let Some(instance) = &mut self.slots[slot] else { return };
        self.counts.hit(kind);
        match kind {
            ClockAhead => {
                instance.skew = YEAR;
                self.cluster.state().clock_was_ahead = true;
            }
            // Not longer than ids are remembered: those of a year ago would be forgotten once the clock is right.
            ClockBack => instance.skew = -YEAR / 12,
            _ => instance.still = Some(self.now),
        }
        self.pass(1);
    }

    /// Somebody damages what is in the store.
    fn damage(&mut self, kind: Kind) {
        let names = self.store.names();
        let part = if matches!(kind, PieceDeleted | PieceFlipped) { "/d-" } else { "/m-" };
        let fitting: Vec<String> = names.into_iter().filter(|name| name.contains(part)).collect();
        let Some(name) = self.dice.pick(&fitting).cloned() else { return };
        self.damaged = true;
        self.counts.hit(kind);
        match kind {
            PieceDeleted => self.store.remove(&name),
            ForeignImage => {
                let other = self.dice.pick(&fitting).and_then(|other| self.store.bytes(other));
                other.into_iter().for_each(|bytes| self.store.set(&name, bytes));
            }
            AllDamaged => fitting.iter().for_each(|name| self.flip(name)),
            _ => self.flip(&name),
        }
    }

    fn flip(&self, name: &str) {
        let mut bytes = self.store.bytes(name).map(|bytes| bytes.to_vec()).unwrap_or_default();
        let middle = bytes.len() / 2;
        bytes.iter_mut().skip(middle).take(1).for_each(|byte| *byte ^= 1);
        self.store.set(name, bytes);
    }

    /// At rest: a restart goes on from the image; then what ends a service, said as such, and undone.
    pub fn epilogue(&mut self) -> Outcome {
        self.settle()?;
        self.settle()?;
        let endings = [RetentionPassed, LogCut, TopicAnew, ClusterChanged, PartitionsChanged, RateTakenOut];
        let on: Vec<Kind> = endings.into_iter().filter(|kind| self.swarm.contains(kind)).collect();
        let Some(kind) = self.dice.pick(&on).copied() else { return Ok(()) };
        let (before, euro) = (self.cluster.state().clone(), self.with_euro);
        let Some(expected) = self.ending(kind) else { return Ok(()) };
        self.slots[0] = None;
        self.start(0);
        self.expect(kind, expected)?;
        self.counts.hit(kind);
        *self.cluster.state() = before;
        self.with_euro = euro;
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
        self.with_euro = false;
        Some(None)
    }

    /// The first partition stops for this reason, or is refused.
    fn expect(&mut self, kind: Kind, expected: Option<StopReason>) -> Outcome {
        let Some(instance) = self.slots[0].as_mut() else { return Err("nobody is there".to_owned()) };
        for _ in 0..10 {
            match (instance.begin(0, 0, &self.images)?, expected) {
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

//! Trouble, made: what each kind does to the world.

use crate::cluster::TOPICS;
use crate::events::DAY;
use crate::instance::Instance;
use crate::trouble::Kind::{self, *};
use crate::world::{Outcome, World};
use std::sync::atomic::Ordering::Relaxed;
use upswell::wire::telemetry::StopReason;
use upswell_testkit::faulty::{Fate, Fault, Misread, Operation};

const YEAR: i64 = 365 * 86_400_000;

impl World {
    /// Something goes wrong, of the kinds that are on.
    pub fn trouble(&mut self) -> Outcome {
        let kinds: Vec<Kind> = self.swarm.iter().copied().collect();
        let Some(kind) = self.dice.pick(&kinds).copied() else { return Ok(()) };
        self.note(kind as u64 + 1_000);
        self.restart_stopped();
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
                let (topic, partition) = (self.dice.index(self.topics), self.dice.index(self.owner.len()));
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
            ClockAhead | ClockBack | ClockStill => self.change_clock(kind, slot)?,
            ClockBehindImage => self.replace_ahead(slot)?,
            DedupWindow => {
                self.counts.hit(kind);
                self.dedup_days = [200, 400, 900][self.dice.index(3)];
                self.crash(slot);
            }
            TimeZone => {
                self.counts.hit(kind);
                self.remade = true;
                self.deployment.zone = if self.deployment.zone == "UTC" { "Asia/Tokyo" } else { "UTC" };
                (0..2).for_each(|slot| self.crash(slot));
            }
            RebuildAsked => {
                self.counts.hit(kind);
                (self.rebuild, self.remade) = (true, true);
                self.crash(slot);
            }
            StoreFull => self.saboteur.fill(),
            StoreSlow => self.store_slow = !self.store_slow,
            MemoryFull => {
                if let Some(instance) = &mut self.slots[slot] {
                    instance.worker.orders.full.fetch_xor(true, Relaxed);
                }
            }
            Drained => self.drain(slot)?,
            MembershipLost => self.lose_membership(slot)?,
            Rejoined => self.rejoin()?,
            UnreadableBatch => self.make_unreadable(),
            RetriesLater => self.appear(),
            LettersFull => {
                let room = self.dice.one_in(2).then_some(1);
                self.slots[slot].iter_mut().for_each(|instance| instance.postbag.set_room(room));
            }
            PlanReload | PlanRefused | DaysMissing => self.change_plan()?,
            // Others make it, or it comes by itself.
            _ => {}
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

    fn change_clock(&mut self, kind: Kind, slot: usize) -> Outcome {
        let Some(instance) = &mut self.slots[slot] else { return Ok(()) };
        self.counts.hit(kind);
        let moving = instance.is_moving();
        match kind {
            ClockAhead => instance.skew = if self.dice.one_in(2) { YEAR } else { DAY / 3 },
            // Not longer than ids are remembered: those of a year ago would be forgotten once the clock is right.
            ClockBack => instance.skew = -YEAR / 12,
            _ => instance.still = Some(self.now),
        }
        self.pass(1);
        if moving {
            self.counts.hit(ClockSliced);
        }
        // Views follow one another several times a second, and one that takes long is left unfinished as likely as not.
        let (whole, mended) = (self.dice.one_in(2), self.dice.one_in(2));
        let Some(instance) = &mut self.slots[slot] else { return Ok(()) };
        if whole {
            return instance.advance();
        }
        instance.begin_round(1)?;
        if instance.is_moving() && mended {
            self.counts.hit(ClockSliced);
            (instance.skew, instance.still) = (0, None);
            self.pass(1);
            return self.slots[slot].as_mut().map_or(Ok(()), |instance| instance.begin_round(1));
        }
        Ok(())
    }

    /// What is written to a log from now on cannot be read; or whoever it stopped is started again after it was mended.
    fn make_unreadable(&mut self) {
        let (topic, partition) = (self.dice.index(self.topics), self.dice.index(self.owner.len()));
        let state = &mut *self.cluster.state();
        state.unreadable = match state.unreadable.take() {
            Some(_) => None,
            None => Some((topic, partition, state.logs[topic][partition].end)),
        };
    }

    /// Starts those again that stopped for a log that can be read now.
    fn restart_stopped(&mut self) {
        let mended = self.cluster.state().unreadable.is_none();
        let stopped = |instance: &Instance| {
            instance
                .boards
                .values()
                .any(|board| board.stopped().is_some_and(|stopped| stopped.reason == StopReason::UnreadableLog))
        };
        for slot in 0..2 {
            if mended && self.slots[slot].as_ref().is_some_and(stopped) {
                self.crash(slot);
            }
        }
    }

    /// The retries topic is there from now on, and whoever did not know it is started again.
    pub fn appear(&mut self) {
        if self.topics == TOPICS.len() {
            return;
        }
        self.counts.hit(RetriesLater);
        self.topics = TOPICS.len();
        (0..2).for_each(|slot| self.crash(slot));
    }

    /// An instance whose clock is ahead takes images, and is replaced by one whose clock is right.
    fn replace_ahead(&mut self, slot: usize) -> Outcome {
        self.change_clock(ClockAhead, slot)?;
        self.pass(60_000);
        let Some(instance) = &mut self.slots[slot] else { return Ok(()) };
        let taken = instance.take_in(&mut self.images).and_then(|()| instance.advance());
        self.take_images(slot)?;
        self.crash(slot);
        taken
    }

    /// Images that are due are begun and completed, if nothing fails.
    pub fn take_images(&mut self, slot: usize) -> Outcome {
        let Some(mut instance) = self.slots[slot].take() else { return Ok(()) };
        for number in 0..30 {
            instance.keep(&mut self.images)?;
            self.post(&mut instance, true);
            self.write(slot, &mut instance, number);
        }
        self.slots[slot] = Some(instance);
        self.harvest(slot);
        Ok(())
    }

    /// A person stops the process, in the night as likely as not: it takes its last images, as far as it comes, and is gone.
    fn drain(&mut self, slot: usize) -> Outcome {
        if self.dice.one_in(2) {
            let by = DAY / 8 + self.dice.between(0, DAY / 2);
            self.pass(by);
            self.slots[slot].as_mut().map_or(Ok(()), |instance| instance.begin_round(1))?;
        }
        let Some(instance) = &mut self.slots[slot] else { return Ok(()) };
        self.counts.hit(Drained);
        if instance.is_moving() {
            self.counts.hit(DrainSliced);
        }
        instance.drain(&mut self.images)?;
        self.take_images(slot)?;
        self.crash(slot);
        Ok(())
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
}

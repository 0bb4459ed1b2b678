//! A run: one or two instances, logs, a store, and everything that may go wrong, all from one seed.

use crate::cluster::Cluster;
use crate::customers::customers;
use crate::deployment::Deployment;
use crate::dice::Dice;
use crate::events::{DAY, Event, LATE_ID, SUBSCRIPTION_ID, USAGE_ID};
use crate::instance::{Began, Config, Images, Instance};
use crate::mistake::Mistake;
use crate::planted::Withheld;
use crate::trim::Trim;
use crate::trouble::{Counts, Kind, Saboteur, Swarm};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant as Moment};
use upswell::adapter::kafka::letters::DeadLetter;
use upswell::adapter::store::Store;
use upswell::wire::avro::{SUBSCRIPTION_SCHEMA, USAGE_SCHEMA};
use upswell_testkit::faulty::Faulty;

/// 2026-09-10T08:00:00Z.
const NOW: i64 = 1_789_027_200_000;
const STEPS: u64 = 220;
/// What makes a clock wrong.
const CLOCKS: [Kind; 5] = [Kind::ClockAhead, Kind::ClockBack, Kind::ClockStill, Kind::ClockBehindImage, Kind::DedupWindow];
/// Turns of an instance between two things that happen outside.
const TURNS: u64 = 7;
/// Accounts that a slice of a move looks at.
const SLICES: [usize; 6] = [1, 2, 3, 100, 400, 1_100];
/// How long ids are remembered in a run in which some are forgotten.
const SHORT_MEMORY: i64 = 8 * 3_600_000;

pub type Outcome = Result<(), String>;

pub struct World {
    pub dice: Dice,
    pub swarm: Swarm,
    pub counts: Counts,
    pub cluster: Cluster,
    pub store: Faulty,
    pub saboteur: Saboteur,
    pub slots: [Option<Instance>; 2],
    /// Who has each partition, as the group sees it.
    pub owner: Vec<Option<usize>>,
    pub now: i64,
    pub deployment: Deployment,
    pub dedup_days: i64,
    /// 2 while there is no retries topic.
    pub topics: usize,
    /// For how long ids are remembered, in a run that is long enough to forget some.
    pub memory: Option<i64>,
    pub rebuild: bool,
    /// Somebody damaged an image: that it cannot be used is no wonder.
    pub damaged: bool,
    /// Somebody asked for the state to be made anew, or changed the zone.
    pub remade: bool,
    /// Somebody changed the windows: usage days may be missing that are no longer kept.
    pub rewindowed: bool,
    pub registry_trouble: Option<Kind>,
    pub late_known: bool,
    pub letters_wait: bool,
    pub store_slow: bool,
    pub images: Images,
    pub trace: u64,
    handle: Store,
    pub steady: Moment,
    writer: u64,
    pub number: u64,
    /// What was written, with its partition: some of it is written once more.
    pub written: Vec<(usize, Arc<Event>)>,
    /// What the dead-letter topic holds: kind, partition, offset.
    pub letters: BTreeSet<(String, i32, i64)>,
    /// A letter came of a record that nobody rejected.
    pub strange: bool,
    pub customers: Vec<(usize, String)>,
    pub mistake: Option<Mistake>,
    steps: u64,
    pub withheld: Withheld,
}

impl World {
    /// Only what is left by `trim` goes wrong.
    pub fn new(seed: u64, mistake: Option<Mistake>, trim: &Trim) -> World {
        let mut dice = Dice::new(seed);
        let partitions = 1 + dice.index(3);
        let share = 1 + dice.below(3);
        let mut drawn = |kind: &Kind| dice.below(4) < share && !trim.without.contains(kind);
        let mut swarm: Swarm = match mistake {
            Some(mistake) => mistake.swarm(),
            None => Kind::made().filter(|kind| drawn(kind)).collect(),
        };
        // What is forgotten when follows from record times alone only as long as every clock is right.
        match dice.one_in(4) {
            true => swarm.retain(|kind| !CLOCKS.contains(kind)),
            false => drop(swarm.remove(&Kind::Forgotten)),
        }
        let memory = swarm.contains(&Kind::Forgotten).then_some(SHORT_MEMORY);
        let topics = if swarm.contains(&Kind::RetriesLater) { 2 } else { 3 };
        let cluster = Cluster::new(partitions);
        let store = Faulty::new();
        let saboteur = Saboteur::attach(&store);
        if let Some(mistake) = mistake {
            mistake.make_with(&cluster);
        }
        World {
            customers: customers(partitions),
            swarm,
            counts: Counts::default(),
            cluster,
            handle: Store::from_backend(Arc::new(store.clone()), "").expect("a store"),
            store,
            saboteur,
            slots: [None, None],
            owner: vec![None; partitions],
            now: NOW,
            deployment: Deployment::first(),
            memory,
            topics,
            dedup_days: 400,
            rebuild: false,
            damaged: false,
            remade: false,
            rewindowed: false,
            registry_trouble: None,
            late_known: true,
            letters_wait: false,
            store_slow: false,
            images: Images::new(),
            trace: 0,
            steady: Moment::now(),
            writer: 0,
            number: 0,
            written: Vec::new(),
            letters: BTreeSet::new(),
            strange: false,
            mistake,
            withheld: Withheld::default(),
            steps: trim.steps.unwrap_or(STEPS),
            dice,
        }
    }

    /// The whole run.
    pub fn run(&mut self) -> Outcome {
        for _ in 0..self.steps {
            self.step()?;
        }
        self.heal()?;
        self.epilogue()
    }

    pub fn note(&mut self, what: u64) {
        self.trace = (self.trace ^ what).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(5);
    }

    fn step(&mut self) -> Outcome {
        let slot = self.dice.index(2);
        if self.slots[slot].is_none() && (slot == 0 || self.dice.one_in(10)) {
            self.start(slot);
        }
        if self.dice.one_in(6) {
            self.trouble()?;
        }
        let action = self.dice.below(20);
        self.note(action);
        match action {
            0..9 => self.produce(),
            9..13 => self.retry(),
            13..15 => self.pass_time(),
            15 => self.rebalance()?,
            16 => self.add_rate()?,
            _ => {}
        }
        for _ in 0..TURNS {
            let slot = if self.slots[1].is_some() { self.dice.index(2) } else { 0 };
            let action = self.dice.below(84);
            self.note(action);
            self.act(slot, 30 + action)?;
            self.harvest(slot);
        }
        let by = self.dice.between(200, 9_000);
        self.pass(by);
        Ok(())
    }

    /// One turn of an instance.
    fn act(&mut self, slot: usize, action: u64) -> Outcome {
        let fetched = self.dice.below(7);
        let choice = self.dice.bits();
        let slice = SLICES[(choice >> 40) as usize % SLICES.len()];
        let Some(mut instance) = self.slots[slot].take() else { return Ok(()) };
        let outcome = match action {
            30..42 => {
                self.cluster.state().fetched = fetched;
                let taken = instance.take_in(&mut self.images);
                self.cluster.state().fetched = u64::MAX;
                taken
            }
            42..54 => instance.keep(&mut self.images),
            54..70 => {
                (0..1 + choice % 4).for_each(|number| self.write(slot, &mut instance, (choice >> 8) as usize + number as usize));
                Ok(())
            }
            70..76 => {
                self.post(&mut instance, false);
                Ok(())
            }
            76..82 => {
                self.answer(&mut instance);
                Ok(())
            }
            82..91 => self.begin(slot, &mut instance),
            91..94 => {
                instance.look();
                Ok(())
            }
            94..96 => instance.begin_round(slice),
            96..97 => {
                instance.clean((choice % self.owner.len() as u64) as i32);
                Ok(())
            }
            // A round under way is compared when it is over.
            97..100 if instance.is_moving() => Ok(()),
            97..98 if choice.is_multiple_of(16) => instance.judge(&mut self.images),
            97..100 => instance.check(&mut self.images),
            100..108 => instance.go_on(slice),
            108..110 => instance.audit(1 + (choice % 700) as usize, 1 + (choice >> 16) as usize % 9),
            110..113 => instance.begin_round(slice),
            _ => {
                instance.order_survey();
                Ok(())
            }
        };
        self.slots[slot] = Some(instance);
        outcome
    }

    /// Goes on writing an image, as fast as the store is.
    pub fn write(&mut self, slot: usize, instance: &mut Instance, number: usize) {
        if self.store_slow && !self.dice.one_in(8) {
            self.counts.hit(Kind::StoreSlow);
            return;
        }
        if self.dice.one_in(12) {
            self.bring(slot, true);
        }
        let Some(partition) = instance.write(number) else { return };
        if self.owner[partition as usize] != Some(slot) && instance.boards.contains_key(&partition) {
            self.counts.hit(Kind::ZombieWrote);
        }
        self.corrupt(slot, instance, partition);
    }

    /// Counts what the store was made to do, and ends a process that died of it.
    pub fn harvest(&mut self, slot: usize) {
        self.count_hits();
        let seen = self.slots[slot].iter_mut().flat_map(|instance| instance.seen.drain(..));
        seen.for_each(|kind| self.counts.hit(kind));
        if self.store.is_dead() {
            self.crash(slot);
            self.store.revive();
        }
    }

    fn count_hits(&mut self) {
        for kind in self.saboteur.hits() {
            self.counts.hit(kind);
            self.note(kind as u64);
            self.damaged |= matches!(kind, Kind::ManifestTorn | Kind::MisreadFlipped | Kind::MisreadShort | Kind::PieceTorn);
        }
    }

    pub fn start(&mut self, slot: usize) {
        self.writer += 1;
        let partitions = self.owner.len() as u32;
        let config = Config {
            deployment: self.deployment.clone(),
            dedup_window: self.memory.unwrap_or(self.dedup_days * DAY),
            memory: self.memory,
            rebuild: std::mem::take(&mut self.rebuild),
            partitions,
            topics: self.topics,
        };
        let places = (&self.handle, &self.saboteur);
        let instance = Instance::start(self.writer, &config, &self.cluster, places, (self.now, self.steady), self.mistake);
        self.slots[slot] = Some(instance);
        for partition in 0..self.owner.len() {
            if self.owner[partition].is_none() {
                self.owner[partition] = Some(slot);
            }
        }
        let mine = self.mine(slot);
        self.slots[slot].iter_mut().for_each(|instance| instance.assign(&mine));
    }

    /// Everything of it is gone.
    pub fn crash(&mut self, slot: usize) {
        if let Some(instance) = self.slots[slot].take() {
            instance.seen.iter().for_each(|kind| self.counts.hit(*kind));
            instance.is_moving().then(|| self.counts.hit(Kind::CrashSliced));
        }
        self.bring(slot, false);
        self.note(777);
        let other = self.slots[1 - slot].is_some().then_some(1 - slot);
        for partition in 0..self.owner.len() {
            if self.owner[partition] == Some(slot) {
                self.owner[partition] = other;
                if let Some(instance) = other.and_then(|other| self.slots[other].as_mut()) {
                    // One that believes to have it already goes on believing.
                    if !instance.boards.contains_key(&(partition as i32)) {
                        instance.assign(&[partition as i32]);
                    }
                }
            }
        }
        if self.mistake == Some(Mistake::PieceLost)
            && let Some(name) = self.store.names().iter().find(|name| name.contains("/d-"))
        {
            self.store.remove(name);
        }
    }

    pub fn begin(&mut self, slot: usize, instance: &mut Instance) -> Outcome {
        let waiting: Vec<i32> = instance.starting.keys().copied().collect();
        let Some(partition) = self.dice.pick(&waiting).copied() else { return Ok(()) };
        let mut back = 0;
        if self.swarm.contains(&Kind::Redelivered) && self.dice.one_in(2) {
            back = 1 + self.dice.below(4) as i64;
            self.counts.hit(Kind::Redelivered);
        }
        self.hide(partition);
        let days_missing = self.days_missing(instance, partition);
        let rebuilds = instance.telemetry.rebuilds.get();
        let began = instance.begin(partition, back, &mut self.images);
        self.show();
        self.count_hits();
        match began? {
            Began::Stopped(reason) => return Err(format!("partition {partition} of {slot} stopped: {reason:?}")),
            Began::Refused => return Err(format!("partition {partition} of {slot} was refused")),
            Began::Held => self.counts.hit(Kind::BackHeld),
            Began::Restored => {
                self.newest_image(instance, partition)?;
                if self.is_ahead(instance, partition) {
                    // Such a view lasts a day at most: it is looked at as soon as there is one.
                    instance.look();
                    for _ in 0..3 {
                        instance.take_in(&mut self.images)?;
                        self.answer(instance);
                        self.post(instance, false);
                    }
                    instance.check(&mut self.images)?;
                }
                if instance.shadows.len() > 1 {
                    self.counts.hit(Kind::BackNewer);
                }
            }
            Began::Waits => {}
        }
        let unreadable = instance.telemetry.checkpoint_unreadable.get();
        self.note(unreadable);
        if unreadable > 0 && !self.damaged {
            let marks = self.store.names().into_iter().filter(|name| name.ends_with(".unreadable"));
            let why = marks.filter_map(|name| self.store.bytes(&name)).map(|text| String::from_utf8_lossy(&text).into_owned());
            return Err(format!("an image cannot be used that nobody damaged: {:?}", why.collect::<Vec<_>>()));
        }
        let anew = instance.telemetry.rebuilds.get() > rebuilds;
        if anew && days_missing && self.rewindowed {
            self.counts.hit(Kind::DaysMissing);
        } else if anew && !self.damaged && !self.remade {
            return Err("a state was made anew for no reason".to_owned());
        }
        Ok(())
    }

    pub fn pass_time(&mut self) {
        let by = match self.dice.below(8) {
            0 => DAY / 2 + self.dice.between(0, DAY),
            1 => self.dice.between(0, 3_600_000),
            _ => self.dice.between(100, 40_000),
        };
        self.pass(by);
    }

    pub fn pass(&mut self, by: i64) {
        self.now += by;
        self.steady += Duration::from_millis(by as u64);
        self.store.set_now(self.now);
        for instance in self.slots.iter_mut().flatten() {
            instance.set_time(self.now, self.steady);
        }
    }

    /// What the registry says to what is asked.
    pub fn answer(&mut self, instance: &mut Instance) {
        while let Ok(id) = instance.questions.next() {
            match self.registry_trouble {
                Some(kind @ Kind::RegistryFails) => {
                    self.counts.hit(kind);
                    instance.questions.answer(id, 503, b"");
                    continue;
                }
                Some(kind @ Kind::RegistryGarbage) => {
                    self.counts.hit(kind);
                    instance.questions.answer(id, 200, b"<html>");
                    continue;
                }
                Some(kind) => {
                    self.counts.hit(kind);
                    instance.questions.no_answer(id);
                    continue;
                }
                None => {}
            }
            let schema = match id {
                SUBSCRIPTION_ID => Some(SUBSCRIPTION_SCHEMA),
                USAGE_ID => Some(USAGE_SCHEMA),
                LATE_ID if self.late_known => Some(USAGE_SCHEMA),
                _ => None,
            };
            match schema {
                Some(schema) => {
                    instance.questions.answer(id, 200, serde_json::json!({ "schema": schema }).to_string().as_bytes());
                }
                None => {
                    self.counts.hit(if id == LATE_ID { Kind::SchemaLate } else { Kind::SchemaDenied });
                    instance.questions.answer(id, 404, br#"{"error_code":40403,"message":"not found"}"#);
                }
            }
        }
    }

    /// Letters reach their topic: some of them, or all.
    pub fn post(&mut self, instance: &mut Instance, all: bool) {
        if self.letters_wait && !all {
            self.counts.hit(Kind::LettersDelayed);
            return;
        }
        if self.mistake == Some(Mistake::LettersUnawaited) {
            return self.post_late(instance, all);
        }
        loop {
            let lying = instance.postbag.letters().len();
            if lying == 0 || !all && self.dice.one_in(4) {
                return;
            }
            let number = if all { 0 } else { self.dice.index(lying) };
            let letter = instance.postbag.deliver(number);
            if let Some(letter) = &letter {
                self.replay_twice(&letter.origin.topic, letter.origin.partition, letter.origin.offset);
            }
            if self.mistake != Some(Mistake::LettersLost) || !self.dice.one_in(4) {
                let origin = letter.map(place);
                self.strange |= origin.as_ref().is_some_and(|origin| !instance.ever.contains(origin));
                self.letters.extend(origin);
            }
        }
    }
}

/// Topic, partition and offset of the record that a letter is about.
pub fn place(letter: DeadLetter) -> (String, i32, i64) {
    (letter.origin.topic, letter.origin.partition, letter.origin.offset)
}

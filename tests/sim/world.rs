//! A run: one or two instances, logs, a store, and everything that may go wrong, all from one seed.

use crate::cluster::{Cluster, TOPICS, zone};
use crate::dice::Dice;
use crate::events::{DAY, Event, LATE_ID, SUBSCRIPTION_ID, USAGE_ID};
use crate::instance::{Began, Config, Images, Instance};
use crate::mistake::Mistake;
use crate::trouble::{Counts, Kind, Saboteur, Swarm};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant as Moment};
use upswell::adapter::store::Store;
use upswell::domain::calendar::Day;
use upswell::domain::currency::{Currency, ExchangeRates, RateTable};
use upswell::domain::window::Window;
use upswell::engine::plan::Plan;
use upswell::service::placement::Partitioner;
use upswell::wire::avro::{SUBSCRIPTION_SCHEMA, USAGE_SCHEMA};
use upswell_testkit::faulty::Faulty;

/// 2026-09-10T08:00:00Z.
const NOW: i64 = 1_789_027_200_000;
const STEPS: u64 = 220;
/// Turns of an instance between two things that happen outside.
const TURNS: u64 = 6;
/// Rounds in which everything has to come to rest once nothing fails any more.
const HEAL_ROUNDS: usize = 1_500;

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
    pub zone: &'static str,
    pub with_euro: bool,
    pub dedup_days: i64,
    pub rebuild: bool,
    /// Somebody damaged an image: that it cannot be used is no wonder.
    pub damaged: bool,
    /// Somebody asked for the state to be made anew, or changed the zone.
    pub remade: bool,
    pub registry_trouble: Option<Kind>,
    pub late_known: bool,
    pub letters_wait: bool,
    pub images: Images,
    pub trace: u64,
    handle: Store,
    steady: Moment,
    writer: u64,
    pub number: u64,
    /// What was written, with its partition: some of it is written once more.
    pub written: Vec<(usize, Arc<Event>)>,
    /// What the dead-letter topic holds: kind, partition, offset.
    letters: BTreeSet<(String, i32, i64)>,
    /// A letter came of a record that nobody rejected.
    strange: bool,
    pub customers: Vec<(usize, String)>,
    mistake: Option<Mistake>,
}

impl World {
    pub fn new(seed: u64, mistake: Option<Mistake>) -> World {
        let mut dice = Dice::new(seed);
        let partitions = 1 + dice.index(3);
        let share = 1 + dice.below(3);
        let harmless = |kind: &Kind| matches!(kind, Kind::RateAdded | Kind::SchemaLate | Kind::CrashIdle | Kind::RevokeIdle);
        let drawn = |kind: &Kind| if mistake.is_some() { harmless(kind) } else { dice.below(4) < share };
        let swarm: Swarm = Kind::ALL.iter().copied().filter(drawn).collect();
        let cluster = Cluster::new(partitions);
        let store = Faulty::new();
        let saboteur = Saboteur::attach(&store);
        if let Some(mistake) = mistake {
            mistake.make_with(&cluster);
        }
        let customer = |number: usize| {
            let id = format!("customer-{number}");
            (Partitioner::Murmur2.place(&id, partitions as u32) as usize, id)
        };
        World {
            customers: (0..12).map(customer).collect(),
            swarm,
            counts: Counts::default(),
            cluster,
            handle: Store::from_backend(Arc::new(store.clone()), "").expect("a store"),
            store,
            saboteur,
            slots: [None, None],
            owner: vec![None; partitions],
            now: NOW,
            zone: "UTC",
            with_euro: false,
            dedup_days: 400,
            rebuild: false,
            damaged: false,
            remade: false,
            registry_trouble: None,
            late_known: true,
            letters_wait: false,
            images: Images::new(),
            trace: 0,
            steady: Moment::now(),
            writer: 0,
            number: 0,
            written: Vec::new(),
            letters: BTreeSet::new(),
            strange: false,
            mistake,
            dice,
        }
    }

    /// The whole run.
    pub fn run(&mut self) -> Outcome {
        for _ in 0..STEPS {
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
            16 => self.reload(),
            _ => {}
        }
        for _ in 0..TURNS {
            let slot = if self.slots[1].is_some() { self.dice.index(2) } else { 0 };
            let action = self.dice.below(70);
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
                (0..1 + choice % 4).for_each(|number| instance.write((choice >> 8) as usize + number as usize));
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
            94..96 => instance.advance(),
            96..97 => {
                instance.clean((choice % self.owner.len() as u64) as i32);
                Ok(())
            }
            _ => instance.check(),
        };
        self.slots[slot] = Some(instance);
        outcome
    }

    /// Counts what the store was made to do, and ends a process that died of it.
    fn harvest(&mut self, slot: usize) {
        self.count_hits();
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

    pub fn plan(&self) -> Arc<Plan> {
        let code = |text: &str| Currency::parse(text).expect("a code");
        let mut rates = BTreeMap::new();
        if self.with_euro {
            rates.insert(code("EUR"), 1_100_000);
        }
        let table = RateTable { from: Day(0), rates };
        Arc::new(Plan {
            zone: zone(self.zone),
            rates: ExchangeRates::new(code("USD"), vec![table]),
            windows: ["trailing_30d", "month_to_date"].iter().filter_map(|name| Window::parse(name)).collect(),
            dimensions: vec!["plan".to_owned(), "vertical".to_owned()],
            max_values: 10,
        })
    }

    pub fn start(&mut self, slot: usize) {
        self.writer += 1;
        let partitions = self.owner.len() as u32;
        let config = Config {
            plan: self.plan(),
            dedup_window: self.dedup_days * DAY,
            rebuild: std::mem::take(&mut self.rebuild),
            partitions,
        };
        let places = (&self.handle, &self.saboteur);
        let instance = Instance::start(self.writer, &config, &self.cluster, places, (self.now, self.steady), self.mistake);
        self.slots[slot] = Some(instance);
        for partition in 0..self.owner.len() {
            if self.owner[partition].is_none() {
                self.owner[partition] = Some(slot);
            }
            if self.owner[partition] == Some(slot) {
                self.slots[slot].iter_mut().for_each(|instance| instance.assign(partition as i32));
            }
        }
    }

    /// Everything of it is gone.
    pub fn crash(&mut self, slot: usize) {
        self.slots[slot] = None;
        self.note(777);
        let other = self.slots[1 - slot].is_some().then_some(1 - slot);
        for partition in 0..self.owner.len() {
            if self.owner[partition] == Some(slot) {
                self.owner[partition] = other;
                if let Some(instance) = other.and_then(|other| self.slots[other].as_mut()) {
                    // One that believes to have it already goes on believing.
                    if !instance.boards.contains_key(&(partition as i32)) {
                        instance.assign(partition as i32);
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

    fn begin(&mut self, slot: usize, instance: &mut Instance) -> Outcome {
        let waiting: Vec<i32> = instance.starting.keys().copied().collect();
        let Some(partition) = self.dice.pick(&waiting).copied() else { return Ok(()) };
        let mut back = 0;
        if self.swarm.contains(&Kind::Redelivered) && self.dice.one_in(2) {
            back = 1 + self.dice.below(4) as i64;
            self.counts.hit(Kind::Redelivered);
        }
        let began = instance.begin(partition, back, &self.images);
        self.count_hits();
        match began? {
            Began::Stopped(reason) => return Err(format!("partition {partition} of {slot} stopped: {reason:?}")),
            Began::Refused => return Err(format!("partition {partition} of {slot} was refused")),
            Began::Held => self.counts.hit(Kind::BackHeld),
            Began::Restored if instance.shadows.len() > 1 => self.counts.hit(Kind::BackNewer),
            Began::Restored | Began::Waits => {}
        }
        let unreadable = instance.telemetry.checkpoint_unreadable.get();
        self.note(unreadable);
        if unreadable > 0 && !self.damaged {
            return Err("an image cannot be used that nobody damaged".to_owned());
        }
        let rebuilds = instance.telemetry.rebuilds.get();
        if rebuilds > 0 && !self.damaged && !self.remade {
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

    /// The group moves a partition.
    pub fn rebalance(&mut self) -> Outcome {
        let partition = self.dice.index(self.owner.len());
        let to = self.dice.index(2);
        if self.slots[to].is_none() {
            return Ok(());
        }
        let (number, before) = (partition as i32, self.owner[partition]);
        let zombie = self.swarm.contains(&Kind::Overlap) && self.dice.one_in(4) && before != Some(to);
        if zombie {
            self.counts.hit(Kind::Overlap);
        } else if let Some(instance) = before.and_then(|slot| self.slots[slot].as_mut()) {
            let kind = match (instance.starting.contains_key(&number), instance.is_writing()) {
                (true, _) => Kind::RevokeRestoring,
                (_, true) => Kind::RevokeWriting,
                _ => Kind::RevokeIdle,
            };
            self.counts.hit(kind);
            instance.release(number, &mut self.images)?;
        }
        self.owner[partition] = Some(to);
        if let Some(instance) = self.slots[to].as_mut()
            && !instance.boards.contains_key(&number)
        {
            instance.assign(number);
        }
        Ok(())
    }

    fn reload(&mut self) {
        if !self.with_euro && self.swarm.contains(&Kind::RateAdded) && self.dice.one_in(3) {
            self.with_euro = true;
            self.counts.hit(Kind::RateAdded);
            for slot in 0..2 {
                let plan = Plan { ..(*self.plan()).clone() };
                let Some(instance) = &mut self.slots[slot] else { continue };
                let plan = Plan { zone: instance.worker.around.plan.zone.clone(), ..plan };
                instance.reload(&Arc::new(plan));
            }
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
        loop {
            let lying = instance.postbag.letters().len();
            if lying == 0 || !all && self.dice.one_in(4) {
                return;
            }
            let number = if all { 0 } else { self.dice.index(lying) };
            let letter = instance.postbag.deliver(number);
            if self.mistake != Some(Mistake::LettersLost) || !self.dice.one_in(4) {
                let origin = letter.map(|letter| letter.origin);
                let origin = origin.map(|origin| (origin.topic, origin.partition, origin.offset));
                self.strange |= origin.as_ref().is_some_and(|origin| !instance.ever.contains(origin));
                self.letters.extend(origin);
            }
        }
    }

    /// Nothing fails any more: everything has to come to rest, and the figures have to be right.
    fn heal(&mut self) -> Outcome {
        self.saboteur.disarm();
        let state = &mut *self.cluster.state();
        (state.poll_trouble, state.ask_trouble) = (0, 0);
        (self.registry_trouble, self.letters_wait, self.late_known) = (None, false, true);
        Ok(())
    }

    /// Ends both, and has one take everything over and read to the end.
    pub fn settle(&mut self) -> Outcome {
        for slot in [1, 0] {
            self.slots[slot] = None;
        }
        self.owner.iter_mut().for_each(|owner| *owner = None);
        self.start(0);
        for _ in 0..HEAL_ROUNDS {
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
        (0..20).for_each(|number| instance.write(number));
        Ok(())
    }

    /// The last word: figures of all partitions, and a letter for every record that is rejected.
    fn check_all(&mut self) -> Outcome {
        let mut trace = 0_u64;
        let Some(instance) = self.slots[0].as_mut() else { return Err("nobody is there".to_owned()) };
        instance.check()?;
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
}

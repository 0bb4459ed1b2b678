//! One process of the service: a worker, an archivist and what a partition begins with, all real, driven by hand.

use crate::cluster::{Cluster, Reader, TOPICS};
use crate::mistake::Mistake;
use crate::shadow::Shadow;
use crate::trouble::{Doing, Saboteur};
use crossbeam_channel::{Receiver, TryRecvError, bounded, never, unbounded};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant as Moment};
use upswell::adapter::clock::Clock;
use upswell::adapter::kafka::letters::{Letters, Postbag};
use upswell::adapter::registry::{self, Questions, Registry};
use upswell::adapter::store::archive::Archive;
use upswell::adapter::store::{Error, Store};
use upswell::domain::calendar::Instant;
use upswell::engine::plan::Plan;
use upswell::engine::report::{Report, ShardTotals};
use upswell::service::Failure;
use upswell::service::archivist::{Archivist, Archivists, Progress, Task, Work};
use upswell::service::beginning::{Beginning, Beginnings, Hindrance, State};
use upswell::service::board::Board;
use upswell::service::custody::Custody;
use upswell::service::keeper::Keeper;
use upswell::service::ledger::{Ledger, Surroundings, TopicName};
use upswell::service::parking::Parking;
use upswell::service::partition::Partition;
use upswell::service::placement::{Evidence, Placement};
use upswell::service::schemas::Schemas;
use upswell::service::worker::{Command, Worker};
use upswell::wire::telemetry::{StopReason, Telemetry};

/// How often an image is begun.
const INTERVAL: Duration = Duration::from_secs(60);
const RELEASE: Duration = Duration::from_secs(20);

/// Shadows of images, by partition and name of the manifest: two of one name are the same image unless one was given up.
pub type Images = BTreeMap<(i32, String), Vec<Shadow>>;

pub struct Config {
    pub plan: Arc<Plan>,
    pub dedup_window: i64,
    pub rebuild: bool,
    pub partitions: u32,
}

/// An image on its way, and whether the last try failed.
struct Job {
    work: Work,
    failed: bool,
}

/// How far a partition has come with its beginning.
pub enum Began {
    Restored,
    Held,
    Waits,
    Stopped(StopReason),
    Refused,
}

pub struct Instance {
    pub worker: Worker<Reader>,
    pub letters: Arc<Letters>,
    pub postbag: Postbag,
    pub questions: Questions,
    pub telemetry: Arc<Telemetry>,
    /// By partition: the board of the present assignment.
    pub boards: BTreeMap<i32, Arc<Board>>,
    /// Assigned and not begun: tries so far.
    pub starting: BTreeMap<i32, u32>,
    pub shadows: BTreeMap<i32, Shadow>,
    /// How far its clock is wrong, and where it stands still.
    pub skew: i64,
    pub still: Option<i64>,
    archivist: Archivist,
    archivists: Archivists,
    tasks: Receiver<Task>,
    jobs: Vec<Job>,
    beginnings: Beginnings,
    hand: Arc<Mutex<Moment>>,
    parking: Parking,
    topics: Arc<[TopicName]>,
    cluster: Cluster,
    saboteur: Saboteur,
    as_of: Instant,
    /// What was rejected here at some time: topic, partition, offset.
    pub ever: BTreeSet<(String, i32, i64)>,
    mistake: Option<Mistake>,
}

impl Instance {
    pub fn start(
        writer: u64,
        config: &Config,
        cluster: &Cluster,
        (store, saboteur): (&Store, &Saboteur),
        (now, steady): (i64, Moment),
        mistake: Option<Mistake>,
    ) -> Instance {
        let archive = Archive::new(store.clone(), "g").with_piece_bytes(300);
        let telemetry = Arc::new(Telemetry::new(TOPICS[0], TOPICS[1], TOPICS[2]));
        let (letters, postbag) = Letters::unattended(|_| {});
        let hand = Arc::new(Mutex::new(steady));
        let read = hand.clone();
        let settings = registry::Settings { url: Some("http://registry".to_owned()), ..registry::Settings::default() };
        let (registry, questions) = Registry::unattended(&settings, move || *read.lock().expect("one thread"));
        let (archivists, tasks) = Archivists::unattended(writer);
        let clock = Clock::held(Instant(now), steady);
        let (id, ids) = {
            let state = cluster.state();
            (state.id.clone(), state.topic_ids.clone())
        };
        let topics: Arc<[TopicName]> =
            TOPICS.iter().zip(&ids).map(|(name, id)| TopicName { name: (*name).into(), id: Some(id.as_str().into()) }).collect();
        let around = Surroundings {
            plan: config.plan.clone(),
            schemas: Schemas::new(registry),
            telemetry: telemetry.clone(),
            placement: Arc::new(Placement::new(config.partitions)),
        };
        let worker = Worker {
            commands: never(),
            bell: never(),
            orders: Arc::default(),
            misplaced: unbounded().0,
            around,
            custody: Custody::new(INTERVAL),
            clock,
            searches: Default::default(),
            reap: drop,
        };
        let beginnings = Beginnings {
            archive: archive.clone(),
            logs: Box::new(cluster.clone()),
            topics: topics.clone(),
            cluster_id: Some(id),
            partitions: config.partitions,
            dedup_window: if mistake == Some(Mistake::ShortMemory) { 1 } else { config.dedup_window },
            accept_truncated_log: false,
            rebuild: config.rebuild,
            rebuilt: Default::default(),
            telemetry: telemetry.clone(),
            threads: 1,
        };
        let archivist = Archivist { archive, clock, telemetry: telemetry.clone(), cleaned: Default::default() };
        Instance {
            worker,
            letters: Arc::new(letters),
            postbag,
            questions,
            telemetry,
            boards: BTreeMap::new(),
            starting: BTreeMap::new(),
            shadows: BTreeMap::new(),
            skew: 0,
            still: None,
            archivist,
            archivists,
            tasks,
            jobs: Vec::new(),
            beginnings,
            hand,
            parking: Parking::default(),
            topics,
            cluster: cluster.clone(),
            saboteur: saboteur.clone(),
            as_of: Instant(0),
            ever: BTreeSet::new(),
            mistake,
        }
    }

    pub fn set_time(&mut self, now: i64, steady: Moment) {
        let clock = Clock::held(Instant(self.still.unwrap_or(now) + self.skew), steady);
        (self.worker.clock, self.archivist.clock) = (clock, clock);
        *self.hand.lock().expect("one thread") = steady;
        let boards = &self.boards;
        for partition in self.parking.expired(steady, false, |partition| boards.contains_key(&partition)) {
            self.worker.obey(Command::Forget(partition));
            self.shadows.remove(&partition);
        }
    }

    /// The group gives it a partition.
    pub fn assign(&mut self, partition: i32) {
        self.boards.insert(partition, Arc::new(Board::new(partition, TOPICS.len())));
        self.starting.insert(partition, 0);
    }

    /// The group takes one away. Its last image may take a while.
    pub fn release(&mut self, partition: i32, images: &mut Images) -> Result<(), String> {
        let Some(board) = self.boards.remove(&partition) else { return Ok(()) };
        board.give_up();
        self.starting.remove(&partition);
        if board.has_begun() {
            let deadline = self.worker.clock.steady() + RELEASE;
            self.worker.obey(Command::Release { partition, released: bounded(1).0, deadline });
        }
        self.parking.park(board, self.worker.clock.steady());
        self.sync(images)
    }

    pub fn is_writing(&self) -> bool {
        !self.jobs.is_empty()
    }

    pub fn take_in(&mut self, images: &mut Images) -> Result<(), String> {
        self.worker.take_in();
        self.sync(images)
    }

    /// Images: begins those that are due, and hands over a little.
    pub fn keep(&mut self, images: &mut Images) -> Result<(), String> {
        let clock = self.worker.clock;
        self.worker.custody.keep(clock.steady(), clock);
        self.sync(images)
    }

    /// Shadows follow, and images that were begun have one.
    fn sync(&mut self, images: &mut Images) -> Result<(), String> {
        let state = self.cluster.state();
        for partition in self.worker.custody.all() {
            let shadow = self.shadows.get_mut(&partition.board.partition).ok_or("no shadow")?;
            shadow.follow(&state, &partition.ledger, &self.worker.around.plan)?;
            let ever = shadow.ever.iter();
            self.ever.extend(ever.map(|(kind, offset)| (TOPICS[*kind].to_owned(), partition.board.partition, *offset)));
        }
        for task in self.tasks.try_iter() {
            let manifest = task.begun();
            let (partition, name) = (manifest.identity.partition, manifest.file_name());
            let shadow = self.shadows.get(&partition).ok_or("an image without a partition")?;
            if manifest.positions.map(|position| position.map_or(0, |position| position.next)) != shadow.next {
                return Err(format!("the image {name} is of other positions"));
            }
            images.entry((partition, name)).or_default().push(shadow.clone());
            self.jobs.push(Job { work: self.archivist.begin(task), failed: false });
        }
        Ok(())
    }

    /// Goes on with one of the images on their way.
    pub fn write(&mut self, number: usize) {
        if self.jobs.is_empty() {
            return;
        }
        let number = number % self.jobs.len();
        let job = &mut self.jobs[number];
        let part = match job.failed {
            true if !job.work.is_wanted(Duration::ZERO) => return drop(self.jobs.remove(number)),
            true => None,
            false => match job.work.parts().try_recv() {
                Ok(part) => Some(part),
                Err(TryRecvError::Empty) => return,
                Err(TryRecvError::Disconnected) => return drop(self.jobs.remove(number)),
            },
        };
        let part = match (part, self.mistake) {
            (Some(part), Some(mistake)) => match mistake.make_in(part) {
                Some(part) => Some(part),
                None => return,
            },
            (part, _) => part,
        };
        self.saboteur.now(Doing::Saving);
        match self.archivist.take(&mut job.work, part) {
            Ok(Progress::More) => job.failed = false,
            Ok(Progress::Saved) | Err(Error::NotFound { .. } | Error::AlreadyExists { .. }) => drop(self.jobs.remove(number)),
            Err(_) => job.failed = true,
        }
    }

    pub fn clean(&mut self, partition: i32) {
        self.saboteur.now(Doing::Cleaning);
        let _ = self.archivist.archive.clean(partition, self.archivist.clock.now());
    }

    /// Looks where the logs end.
    pub fn look(&mut self) {
        let state = self.cluster.state();
        for (partition, board) in &self.boards {
            for topic in board.topics() {
                board.saw_end(*topic, state.logs[*topic as usize][*partition as usize].end);
            }
        }
    }

    pub fn advance(&mut self) -> Result<(), String> {
        let wall = self.worker.clock.now();
        self.as_of = self.as_of.max(wall);
        let (answer, _answers) = unbounded();
        self.worker.obey(Command::Advance { as_of: self.as_of, wall, answer });
        match self.telemetry.invariant_violations.get() {
            0 => Ok(()),
            _ => Err("an audit found a difference".to_owned()),
        }
    }

    /// Compares every live partition with its shadow, and the figures of all together.
    pub fn check(&mut self) -> Result<(), String> {
        let was_ahead = self.cluster.state().clock_was_ahead;
        let (mut found, mut right) = (Vec::new(), Vec::new());
        for partition in self.worker.custody.all() {
            let shadow = &self.shadows[&partition.board.partition];
            right.extend(shadow.check(&partition.ledger, was_ahead)?);
            found.extend(partition.ledger.shard.totals());
            shadow.same_rejected(&partition.ledger)?;
        }
        let Some(as_of) = found.first().map(|totals| totals.as_of) else { return Ok(()) };
        if was_ahead || found.iter().any(|totals| totals.as_of != as_of) {
            return Ok(());
        }
        let report = |parts: &[ShardTotals]| Report::of(&self.worker.around.plan, as_of, parts);
        if report(&found) == report(&right) { Ok(()) } else { Err("the figures of all partitions together are wrong".to_owned()) }
    }

    /// Tries to find what a partition begins with.
    pub fn begin(&mut self, partition: i32, back: i64, images: &Images) -> Result<Began, String> {
        let Some(tries) = self.starting.get_mut(&partition) else { return Ok(Began::Waits) };
        *tries += 1;
        let (board, held) = (self.boards[&partition].clone(), self.parking.held(partition));
        self.saboteur.now(Doing::Restoring);
        let found = self.beginnings.of(partition, &self.worker.around.plan, held, *tries);
        let beginning = match found {
            Ok(beginning) => beginning,
            Err(Hindrance::Wait(_)) => return Ok(Began::Waits),
            Err(Hindrance::Stop(reason, detail)) => {
                board.stop(reason, detail);
                return Ok(Began::Stopped(reason));
            }
            Err(Hindrance::Fail(Failure::Configuration(_) | Failure::Runtime(_))) => return Ok(Began::Refused),
        };
        self.starting.remove(&partition);
        let began = match beginning {
            Beginning::Held(next) => {
                if self.shadows.get(&partition).is_none_or(|shadow| shadow.next != next) {
                    return Err(format!("held {next:?} is not what was parked"));
                }
                let sources = self.sources(partition, next, back);
                self.worker.obey(Command::Resume { board, sources });
                Began::Held
            }
            Beginning::State(state) => {
                self.own(board, *state, back, images)?;
                Began::Restored
            }
        };
        self.parking.left(partition);
        Ok(began)
    }

    fn own(&mut self, board: Arc<Board>, state: State, back: i64, images: &Images) -> Result<(), String> {
        let State { mut shard, mut positions, rejected, placement, identity, generation, newest } = state;
        let (partition, was) = (board.partition, positions.map(|position| position.map_or(0, |position| position.next)));
        let shadow = match &newest {
            None => Shadow { next: was, ..Shadow::default() },
            Some(manifest) => {
                let name = manifest.file_name();
                let known = images.get(&(partition, name.clone())).ok_or_else(|| format!("nobody began the image {name}"))?;
                let found = crate::shadow::rejected(&rejected);
                let same = |shadow: &&Shadow| shadow.next == was && shadow.rejected == found;
                let shadow = known.iter().find(same);
                shadow.cloned().ok_or_else(|| format!("{name} is at {was:?}, rejected {found:?}; begun was {known:?}"))?
            }
        };
        if let Some(mistake) = self.mistake {
            mistake.make_at(&mut positions);
        }
        shard.observe_clock(self.worker.clock.now());
        board.set_generation(generation);
        let next = positions.map(|position| position.map_or(0, |position| position.next));
        let ledger = Ledger {
            partition,
            shard,
            positions,
            rejected,
            evidence: Arc::new(Evidence::new(placement)),
            topics: self.topics.clone(),
            letters: self.letters.clone(),
        };
        let keeper = Keeper::new(self.archivists.clone(), identity, generation, newest);
        let sources = self.sources(partition, next, back);
        self.shadows.insert(partition, shadow);
        self.worker.obey(Command::Own(Box::new(Partition::new(board, ledger, keeper, sources))));
        Ok(())
    }

    /// Readers that stand where the state does, or up to so many offsets before.
    fn sources(&self, partition: i32, next: [i64; 3], back: i64) -> Vec<Reader> {
        let past = if self.mistake == Some(Mistake::SeekPast) { 1 } else { 0 };
        let reader = |topic: usize| {
            let next = (next[topic] - back + past).max(0);
            Reader { cluster: self.cluster.clone(), topic, partition: partition as usize, next, polled: false }
        };
        (0..TOPICS.len()).map(reader).collect()
    }

    /// Takes another plan over, if every partition can be shown with it.
    pub fn reload(&mut self, plan: &Arc<Plan>) {
        if self.worker.custody.can_serve(plan).is_ok() {
            self.worker.obey(Command::Reconfigure(plan.clone()));
        }
    }

    /// Whether everything is read, and the newest image is that of the state at hand.
    pub fn is_drained(&mut self, partition: i32) -> bool {
        let state = self.cluster.state();
        let ends = [0, 1, 2].map(|topic: usize| state.logs[topic][partition as usize].end);
        let mut all = self.worker.custody.owned();
        let found = all.find(|found| found.board.partition == partition);
        found.is_some_and(|found| {
            let next = found.ledger.positions.map(|position| position.map_or(0, |position| position.next));
            next == ends && found.is_live() && !found.keeper.is_saving() && found.keeper.is_current(&found.ledger)
        })
    }
}

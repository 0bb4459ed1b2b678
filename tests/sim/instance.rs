//! One process of the service: a worker, an archivist and what a partition begins with, all real, driven by hand.

use crate::cluster::{Cluster, Reader, TOPICS};
use crate::deployment::Deployment;
use crate::mistake::Mistake;
use crate::shadow::{Circumstances, Shadow};
use crate::surveys::Survey;
use crate::trouble::{Doing, Kind, Saboteur};
use crossbeam_channel::{Receiver, TryRecvError, never, unbounded};
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant as Moment};
use upswell::adapter::clock::Clock;
use upswell::adapter::kafka::letters::{Letters, Postbag};
use upswell::adapter::registry::{self, Questions, Registry};
use upswell::adapter::store::archive::Archive;
use upswell::adapter::store::{Error, Store};
use upswell::domain::calendar::Instant;
use upswell::engine::report::ShardTotals;
use upswell::service::Failure;
use upswell::service::archivist::{Archivist, Archivists, Progress, Task, Work};
use upswell::service::assignment::Assignment;
use upswell::service::beginning::{Beginning, Beginnings, Hindrance, State};
use upswell::service::board::{Board, Stall};
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

/// Shadows of images, by partition and name of the manifest: two of one name are the same image unless one was given up.
pub type Images = BTreeMap<(i32, String), Vec<Shadow>>;

#[derive(Clone)]
pub struct Config {
    pub deployment: Deployment,
    pub dedup_window: i64,
    /// In a run in which ids are forgotten, the same.
    pub memory: Option<i64>,
    pub rebuild: bool,
    pub partitions: u32,
    /// 2 while there is no retries topic.
    pub topics: usize,
}

/// An image on its way, and whether the last try failed.
struct Job {
    partition: i32,
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
    pub config: Config,
    /// By partition: the board of the present assignment.
    pub boards: BTreeMap<i32, Arc<Board>>,
    pub assignment: Assignment<()>,
    /// Partitions whose figures have to count: those that have begun, and those that are about to be assigned again.
    pub counting: BTreeSet<i32>,
    pub suspended: BTreeSet<i32>,
    /// Assigned and not begun: tries so far.
    pub starting: BTreeMap<i32, u32>,
    pub shadows: BTreeMap<i32, Shadow>,
    /// How far its clock is wrong, and where it stands still.
    pub skew: i64,
    pub still: Option<i64>,
    /// The clock that each partition was told last.
    told: BTreeMap<i32, i64>,
    /// Where the billing logs ended when a partition was assigned: no view of it may be drawn before.
    pub ends: BTreeMap<i32, [i64; 2]>,
    /// The image that each partition was restored from.
    pub origins: BTreeMap<i32, String>,
    /// What was met on the way.
    pub seen: Vec<Kind>,
    archivist: Archivist,
    archivists: Archivists,
    tasks: Receiver<Task>,
    jobs: Vec<Job>,
    beginnings: Beginnings,
    hand: Arc<Mutex<Moment>>,
    pub parking: Parking,
    topics: Arc<[TopicName]>,
    pub cluster: Cluster,
    saboteur: Saboteur,
    pub as_of: Instant,
    /// What was rejected here at some time: topic, partition, offset.
    pub ever: BTreeSet<(String, i32, i64)>,
    pub mistake: Option<Mistake>,
    /// A survey under way, and how many were answered.
    pub survey: Option<Survey>,
    pub surveyed: u64,
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
        cluster.saw_clock(now);
        let (id, ids) = {
            let state = cluster.state();
            (state.id.clone(), state.topic_ids.clone())
        };
        let name = |(name, id): (&&str, &String)| TopicName { name: (*name).into(), id: Some(id.as_str().into()) };
        let topics: Arc<[TopicName]> = TOPICS.iter().zip(&ids).map(name).take(config.topics).collect();
        let around = Surroundings {
            plan: config.deployment.plan(),
            schemas: Schemas::new(registry),
            telemetry: telemetry.clone(),
            placement: Arc::new(Placement::new(config.partitions)),
            tally: Default::default(),
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
            surveys: Default::default(),
            advancing: None,
            moved_at_once: 7,
            reap: drop,
        };
        let beginnings = Beginnings {
            archive: archive.clone(),
            logs: Box::new(cluster.clone()),
            topics: topics.clone(),
            cluster_id: Some(id),
            partitions: config.partitions,
            dedup_window: match mistake {
                Some(Mistake::ShortMemory) => 1,
                Some(Mistake::LongMemory) => config.dedup_window * 9,
                _ => config.dedup_window,
            },
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
            config: config.clone(),
            boards: BTreeMap::new(),
            assignment: Assignment::new(config.topics),
            counting: BTreeSet::new(),
            suspended: BTreeSet::new(),
            starting: BTreeMap::new(),
            shadows: BTreeMap::new(),
            skew: 0,
            still: None,
            told: BTreeMap::new(),
            ends: BTreeMap::new(),
            origins: BTreeMap::new(),
            seen: Vec::new(),
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
            survey: None,
            surveyed: 0,
        }
    }

    pub fn set_time(&mut self, now: i64, steady: Moment) {
        let clock = Clock::held(Instant(self.still.unwrap_or(now) + self.skew), steady);
        (self.worker.clock, self.archivist.clock) = (clock, clock);
        self.cluster.saw_clock(clock.now().0);
        *self.hand.lock().expect("one thread") = steady;
        let (full, assignment) = (self.is_full(), &self.assignment);
        for partition in self.parking.expired(steady, full, |partition| assignment.wants(partition)) {
            self.worker.obey(Command::Forget(partition));
            self.shadows.remove(&partition);
        }
    }

    pub fn is_writing(&self) -> bool {
        !self.jobs.is_empty()
    }

    pub fn writer(&self) -> u64 {
        self.archivists.writer()
    }

    /// At the limit of memory nothing is taken in.
    pub fn is_full(&self) -> bool {
        self.worker.orders.full.load(Relaxed)
    }

    pub fn take_in(&mut self, images: &mut Images) -> Result<(), String> {
        let full = self.is_full();
        if full && self.mistake == Some(Mistake::MemoryUnheeded) {
            self.worker.orders.full.store(false, Relaxed);
        }
        let taken = self.worker.take_in();
        self.worker.orders.full.store(full, Relaxed);
        if full {
            self.seen.push(Kind::MemoryFull);
            if taken > 0 {
                return Err("records were taken in at the limit of memory".to_owned());
            }
        }
        if self.mistake == Some(Mistake::RetryTwice) {
            self.forget_retries();
        }
        self.go_on_with_survey()?;
        self.sync(images)
    }

    /// A planted mistake: what a retry has settled counts as rejected once more.
    fn forget_retries(&mut self) {
        for partition in self.worker.custody.all() {
            let shadow = &self.shadows[&partition.board.partition];
            for kind in 0..2 {
                for (offset, reason) in &shadow.rejected[kind] {
                    if partition.ledger.rejected[kind].get(*offset).is_none() {
                        partition.ledger.rejected[kind].insert(*offset, *reason);
                    }
                }
            }
        }
    }

    /// Images: begins those that are due, and hands over a little.
    pub fn keep(&mut self, images: &mut Images) -> Result<(), String> {
        let clock = self.worker.clock;
        self.worker.custody.keep(clock.steady(), clock);
        self.sync(images)
    }

    /// Shadows follow, and images that were begun have one.
    pub fn sync(&mut self, images: &mut Images) -> Result<(), String> {
        let state = self.cluster.state();
        for partition in self.worker.custody.all() {
            let number = partition.board.partition;
            let shadow = self.shadows.get_mut(&number).ok_or("no shadow")?;
            let clock = self.told.get(&number).copied().unwrap_or(0);
            let around = Circumstances { deployment: &self.config.deployment, clock, memory: self.config.memory };
            let before = shadow.forgotten;
            shadow.follow(&state, &partition.ledger, &around)?;
            let ever = shadow.ever.iter();
            self.ever.extend(ever.map(|(kind, offset)| (TOPICS[*kind].to_owned(), number, *offset)));
            self.seen.extend((before < shadow.forgotten).then_some(Kind::Forgotten));
            state.check_unreadable(&partition.ledger)?;
            let stopped = partition.board.stopped().map(|stopped| stopped.reason);
            self.seen.extend((stopped == Some(StopReason::UnreadableLog)).then_some(Kind::UnreadableBatch));
            let stalled = matches!(partition.board.stall(), Some(Stall::DeadLetters(_)));
            self.seen.extend(stalled.then_some(Kind::LettersFull));
        }
        for task in self.tasks.try_iter() {
            let manifest = task.begun();
            let (partition, name) = (manifest.identity.partition, manifest.file_name());
            let shadow = self.shadows.get(&partition).ok_or("an image without a partition")?;
            if manifest.positions.map(|position| position.map_or(0, |position| position.next)) != shadow.next {
                return Err(format!("the image {name} is of other positions"));
            }
            images.entry((partition, name)).or_default().push(shadow.clone());
            self.jobs.push(Job { partition, work: self.archivist.begin(task), failed: false });
        }
        Ok(())
    }

    /// Goes on with one of the images on their way; the partition whose image is complete.
    pub fn write(&mut self, number: usize) -> Option<i32> {
        if self.jobs.is_empty() {
            return None;
        }
        let number = number % self.jobs.len();
        let job = &mut self.jobs[number];
        let part = match job.failed {
            true if !job.work.is_wanted(Duration::ZERO) => return self.end_job(number),
            true => None,
            false => match job.work.parts().try_recv() {
                Ok(part) => Some(part),
                Err(TryRecvError::Empty) => return None,
                Err(TryRecvError::Disconnected) => return self.end_job(number),
            },
        };
        let part = match (part, self.mistake) {
            (Some(part), Some(mistake)) => Some(mistake.make_in(part)?),
            (part, _) => part,
        };
        self.saboteur.now(Doing::Saving);
        match self.archivist.take(&mut job.work, part) {
            Ok(Progress::More) => job.failed = false,
            Ok(Progress::Saved) => {
                let partition = job.partition;
                self.end_job(number);
                return Some(partition);
            }
            Err(Error::NotFound { .. } | Error::AlreadyExists { .. }) => return self.end_job(number),
            Err(_) => job.failed = true,
        }
        None
    }

    fn end_job(&mut self, number: usize) -> Option<i32> {
        self.jobs.remove(number);
        None
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
                let early = if self.mistake == Some(Mistake::EarlyView) { 2 } else { 0 };
                board.saw_end(*topic, (state.logs[*topic as usize][*partition as usize].end - early).max(0));
            }
        }
    }

    /// Moves the view on; the totals of the partitions that are counted.
    pub fn advance(&mut self) -> Result<Vec<(i32, ShardTotals)>, String> {
        let wall = self.worker.clock.now();
        self.as_of = self.as_of.max(wall);
        let live: BTreeSet<i32> = self.live();
        let (answer, answers) = unbounded();
        self.worker.obey(Command::Advance { as_of: self.as_of, wall, answer });
        while self.worker.go_on() {}
        for partition in self.worker.custody.all() {
            self.told.insert(partition.board.partition, wall.0);
        }
        if self.telemetry.invariant_violations.get() > 0 {
            return Err("an audit found a difference".to_owned());
        }
        self.no_early_view(&live)?;
        let parts = answers.try_iter().flat_map(|answer| answer.parts);
        let all = self.mistake == Some(Mistake::RevokedCounted);
        let counted = parts.filter(|(board, _)| all || self.assignment.counts(board));
        Ok(counted.map(|(board, totals)| (board.partition, totals)).collect())
    }

    /// Tries to find what a partition begins with.
    pub fn begin(&mut self, partition: i32, back: i64, images: &mut Images) -> Result<Began, String> {
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
        self.assignment.resumed(partition);
        self.suspended.remove(&partition);
        self.counting.insert(partition);
        self.sync(images)?;
        Ok(began)
    }

    fn own(&mut self, board: Arc<Board>, state: State, back: i64, images: &Images) -> Result<(), String> {
        let State { mut shard, mut positions, rejected, placement, identity, generation, newest, .. } = state;
        let (partition, was) = (board.partition, positions.map(|position| position.map_or(0, |position| position.next)));
        self.origins.remove(&partition);
        self.origins.extend(newest.iter().map(|manifest| (partition, manifest.file_name())));
        let shadow = match &newest {
            None => Shadow::at(was),
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
        let wall = self.worker.clock.now();
        shard.observe_clock(wall);
        self.told.insert(partition, wall.0);
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
            Reader { cluster: self.cluster.clone(), topic, partition: partition as usize, next: Cell::new(next), polled: Cell::new(false) }
        };
        (0..self.config.topics).map(reader).collect()
    }

    /// Takes another configuration over, if no partition is being restored and every one can be shown with it. Whether it did.
    pub fn reload(&mut self, deployment: &Deployment) -> bool {
        let plan = deployment.plan();
        let can = self.starting.is_empty() && self.worker.custody.can_serve(&plan).is_ok();
        if can {
            self.config.deployment = deployment.clone();
            match self.mistake {
                Some(Mistake::StalePlan) => self.worker.around.plan = plan,
                _ => self.worker.obey(Command::Reconfigure(plan)),
            }
        }
        can
    }
}

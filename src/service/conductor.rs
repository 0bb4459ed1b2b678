//! The conductor: the one thread that knows which partitions are ours and what the service shows.
//!
//! It hands partitions to workers and takes them back as the group decides, drives rounds of views, keeps readiness and lag up to
//! date, and begins the end. It waits for nobody: whatever takes long happens on a thread of its own and comes back as an event.
//! So a revocation is acted on at once, even while a new civil day is being worked in.

use super::alerting;
use super::archivist::Archivists;
use super::assignment::Assignment;
use super::beginning::{Beginning, State as Begun};
use super::board::Board;
use super::crew::Crew;
use super::keeper::Keeper;
use super::ledger::{Ledger, TopicName};
use super::memory::Guard;
use super::parking::Parking;
use super::partition::Partition;
use super::placement::{Evidence, Misplaced};
use super::readiness::{Standing, assess};
use super::restorer::{Request, Restored};
use super::rounds::Rounds;
use super::watch::{Finding, grown};
use super::{Control, Failure, Shared};
use crate::adapter::kafka::consumer::{Group, GroupEvent, Place, Revocation, Source};
use crate::adapter::kafka::letters::Letters;
use crate::domain::facts::TopicKind;
use crate::wire::readiness::{Phase, Readiness};
use crate::wire::telemetry::StopReason;
use crossbeam_channel::{Receiver, Sender, select, tick};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant as Moment};

/// How often offsets are committed, for lag tools.
const COMMIT_EVERY: Duration = Duration::from_secs(5);
/// How often the ends of the logs are asked for.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How long the client's last trouble is worth telling: it repeats itself while it lasts.
const FRESH: Duration = Duration::from_secs(15);
/// How long the last letters and images are waited for at the end.
const DRAIN_DEADLINE: Duration = Duration::from_secs(15);
/// How long the last image of a partition that moves is waited for, while the group waits for us.
const MOVE_DEADLINE: Duration = Duration::from_secs(5);
/// How long the brokers have to confirm that we left.
const LEAVE_DEADLINE: Duration = Duration::from_secs(6);
/// How long a reload waits for the workers.
const RELOAD_DEADLINE: Duration = Duration::from_secs(10);

/// Said when the process ends without its last images.
const UNFINISHED: &str =
    "the last checkpoint was not completed in time; the next start goes on from the one before, and nothing is lost";

/// Everything that runs once the cluster has been found in order.
pub struct Conductor {
    pub shared: Shared,
    /// As many as there are: retries last.
    pub topics: Arc<[TopicName]>,
    pub crew: Crew,
    pub group: Group,
    pub rounds: Rounds,
    pub letters: Arc<Letters>,
    pub archivists: Archivists,
    pub assignment: Assignment<Source>,
    pub parking: Parking,
    pub memory: Guard,
    pub state: State,
    /// Where the watch takes its requests.
    pub watch: Sender<Vec<Arc<Board>>>,
    /// Where partitions are given that have to begin.
    pub restorers: Sender<Request>,
    pub events: Events,
}

/// Where events come from.
pub struct Events {
    pub control: Receiver<Control>,
    pub group: Receiver<GroupEvent>,
    pub findings: Receiver<Finding>,
    pub misplaced: Receiver<(i32, Misplaced)>,
    pub restored: Receiver<Restored>,
}

/// What the conductor remembers from one event to the next.
#[derive(Default)]
pub struct State {
    /// Whether the group has assigned partitions since it last took all away.
    assigned: bool,
    /// Why all intake has stopped.
    halted: Option<(StopReason, String)>,
    /// What the client said last, and when.
    trouble: Option<(Moment, String)>,
    /// The topic that does not exist any more, in a sentence.
    gone: Option<String>,
    committed: Option<Moment>,
    looked: Option<Moment>,
}

/// What an event means for the loop.
type Step = Result<Next, Failure>;

/// Whether to go on.
#[derive(PartialEq, Eq)]
pub enum Next {
    GoOn,
    End,
}

impl Conductor {
    /// Conducts until told to stop or until something fails for good; then ends everything in order.
    pub fn run(mut self) -> Result<(), Failure> {
        let beat = tick(self.shared.tick);
        let result = loop {
            match self.step(&beat) {
                Ok(Next::GoOn) => {}
                Ok(Next::End) => break Ok(()),
                Err(failure) => break Err(failure),
            }
        };
        let complete = self.end();
        result.and_then(|()| if complete { Ok(()) } else { Err(Failure::Runtime(UNFINISHED.to_owned())) })
    }

    fn step(&mut self, beat: &Receiver<Moment>) -> Step {
        let answers = self.rounds.answers();
        select! {
            recv(self.events.control) -> control => return self.obey(control.unwrap_or(Control::Stop)),
            recv(self.events.group) -> event => if let Ok(event) = event { self.regroup(event)? },
            recv(self.events.findings) -> finding => if let Ok(finding) = finding { self.act_on(finding) },
            recv(self.events.misplaced) -> found => if let Ok((partition, misplaced)) = found {
                self.halt(StopReason::MisplacedCustomer, misplaced.sentence(partition));
            },
            recv(self.events.restored) -> restored => if let Ok(restored) = restored {
                self.take_up(restored);
                self.show();
            },
            recv(answers) -> answer => if let Ok(answer) = answer {
                self.rounds.take(answer, &self.assignment, &self.shared.published, &self.shared.telemetry);
                self.show();
            },
            recv(beat) -> _ => self.beat(),
        }
        Ok(Next::GoOn)
    }

    fn obey(&mut self, control: Control) -> Step {
        match control {
            Control::Stop => return Ok(Next::End),
            Control::Failed(failure) => return Err(failure),
            Control::Search { query, answer } => self.crew.search(&query, &answer),
            Control::Survey(order) => self.crew.survey(&order),
            Control::Sight { ticket, customer_id, answer } => self.crew.sight(ticket, &customer_id, &answer),
            Control::Reload { plan, segment_windows, reply } => {
                let deadline = Moment::now() + RELOAD_DEADLINE;
                let restoring = self.assignment.boards().iter().any(|board| !board.has_begun() && board.stopped().is_none());
                let outcome = match restoring {
                    true => Err("partitions are being restored; try again".to_owned()),
                    false => self.crew.can_serve(&plan, deadline),
                };
                if outcome.is_ok() {
                    self.crew.reconfigure(&plan);
                    self.shared.plans.fetch_add(1, Relaxed);
                    (self.rounds.plan, self.rounds.segment_windows) = (plan, segment_windows);
                }
                // Whoever asked may have gone.
                let _ = reply.send(outcome);
            }
        }
        Ok(Next::GoOn)
    }

    fn regroup(&mut self, event: GroupEvent) -> Result<(), Failure> {
        match event {
            GroupEvent::Assigned(sources) => self.assign(sources),
            GroupEvent::Revoked { places, why, released } => self.revoke(&places, why, &released),
            GroupEvent::Troubled(trouble) => {
                if self.state.trouble.as_ref().is_none_or(|(_, known)| *known != trouble) {
                    tracing::warn!("the Kafka client is in trouble and goes on trying: {trouble}");
                }
                self.state.trouble = Some((Moment::now(), trouble));
            }
            GroupEvent::Died(reason) => return Err(Failure::Runtime(reason)),
        }
        self.show();
        Ok(())
    }

    fn assign(&mut self, sources: Vec<Source>) {
        (self.state.assigned, self.state.trouble) = (true, None);
        self.shared.telemetry.rebalances.add(1);
        for source in sources {
            if usize::try_from(source.partition).is_ok_and(|partition| partition >= self.rounds.partitions) {
                self.halt(StopReason::PartitionCountChanged, grown(&source.topic, self.rounds.partitions));
            }
            if let Some(topic) = self.topic(&source.topic) {
                self.assignment.assign(topic, source.partition, source);
            }
        }
        for (board, sources) in self.assignment.begin() {
            self.begin(board, sources);
        }
        self.assignment.settle();
        self.rounds.gave_up(&self.assignment, &self.shared.published);
        self.reassigned();
    }

    /// Has a partition restored. A source that was used before is split off once more.
    fn begin(&mut self, board: Arc<Board>, sources: Vec<Option<Source>>) {
        let again = |topic: &TopicName| self.group.again(&topic.name, board.partition);
        let sources: Option<Vec<Source>> =
            sources.into_iter().zip(self.topics.iter()).map(|(source, topic)| source.or_else(|| again(topic))).collect();
        if let Some((reason, sentence)) = &self.state.halted {
            board.stop_with_all(*reason, sentence.clone());
        }
        // Without a source the client is being closed, and nothing is read any more.
        if let Some(sources) = sources {
            let (held, plan) = (self.parking.held(board.partition), self.rounds.plan.clone());
            // Nobody takes it only when the service is ending.
            let _ = self.restorers.send(Request { board, sources, plan, held });
        }
    }

    /// A partition has been restored, or could not be.
    fn take_up(&mut self, restored: Restored) {
        let Restored { board, sources, beginning } = restored;
        let Some(beginning) = beginning.filter(|_| self.assignment.is_present(&board)) else { return };
        let partition = board.partition;
        board.set_begun_at(self.shared.clock.now());
        if partition == alerting::PARTITION {
            self.take_up_alerts(&beginning);
        }
        match beginning {
            Beginning::Held(_) => self.crew.resume(board, sources),
            Beginning::State(state) => self.crew.own(self.partition(board, sources, *state)),
        }
        self.parking.left(partition);
        self.assignment.resumed(partition);
        self.rounds.gave_up(&self.assignment, &self.shared.published);
    }

    /// The alerts of the group come with partition 0: those of its image, or those that are still here.
    fn take_up_alerts(&self, beginning: &Beginning) {
        let records = match beginning {
            Beginning::Held(_) => None,
            Beginning::State(state) => Some(state.alerts.clone()),
        };
        self.shared.memo.take_up(records);
    }

    fn partition(&self, board: Arc<Board>, sources: Vec<Source>, state: Begun) -> Partition<Source> {
        let Begun { mut shard, positions, rejected, placement, identity, generation, newest, alerts: _ } = state;
        shard.observe_clock(self.shared.clock.now());
        board.set_generation(generation);
        let ledger = Ledger {
            partition: board.partition,
            shard,
            positions,
            rejected,
            evidence: Arc::new(Evidence::new(placement)),
            topics: self.topics.clone(),
            letters: self.letters.clone(),
        };
        for (topic, position) in TopicKind::ALL.into_iter().zip(&positions) {
            let newest = position.and_then(|position| position.newest_record);
            newest.into_iter().for_each(|at| self.shared.telemetry.topic(topic).last_event.saw(at));
        }
        let keeper = Keeper::new(self.archivists.clone(), identity, generation, newest);
        let keeper = match board.partition {
            alerting::PARTITION => keeper.with_alerts(self.shared.memo.clone()),
            _ => keeper,
        };
        Partition::new(board, ledger, keeper, sources)
    }

    fn revoke(&mut self, places: &[Place], why: Revocation, released: &Sender<()>) {
        self.shared.telemetry.rebalances.add(1);
        let patience = if why == Revocation::Lost { Duration::ZERO } else { MOVE_DEADLINE };
        for (name, partition) in places {
            let Some(topic) = self.topic(name) else { continue };
            if let Some(board) = self.assignment.revoke(topic, *partition, why == Revocation::Rejoining) {
                // A lost membership says nothing of who judges now: what fires is held until an assignment does.
                if *partition == alerting::PARTITION && why != Revocation::Lost {
                    self.shared.memo.give_up();
                }
                self.commit(std::slice::from_ref(&board));
                self.crew.release(*partition, released.clone(), patience);
                self.parking.park(board, self.shared.clock.steady());
            }
            self.shared.telemetry.partitions.remove(*partition);
        }
        if why == Revocation::Lost {
            self.assignment.lose();
        }
        self.state.assigned = why == Revocation::Moved;
        self.rounds.gave_up(&self.assignment, &self.shared.published);
        self.reassigned();
    }

    fn topic(&self, name: &str) -> Option<TopicKind> {
        TopicKind::ALL.into_iter().zip(self.topics.iter()).find(|(_, topic)| *topic.name == *name).map(|(topic, _)| topic)
    }

    /// Tells everybody who shows or watches partitions which ones there are now.
    fn reassigned(&mut self) {
        let boards = self.assignment.boards();
        tracing::info!(partitions = ?boards.iter().map(|board| board.partition).collect::<Vec<_>>(), "partitions assigned");
        for topic in TopicKind::ALL.into_iter().take(self.topics.len()) {
            self.shared.telemetry.topic(topic).assigned_partitions.set(self.assignment.count(topic) as u64);
        }
        if self.state.assigned && !boards.iter().any(|board| board.partition == alerting::PARTITION) {
            self.shared.memo.is_elsewhere();
        }
        if boards.is_empty() {
            self.shared.telemetry.checkpoint_last_success.clear();
        }
        self.shared.boards.store(Arc::new(boards));
        self.state.looked = None;
        self.look();
    }

    fn act_on(&mut self, finding: Finding) {
        match finding {
            Finding::Changed(reason, sentence) => self.halt(reason, sentence),
            Finding::Gone(sentence) => self.state.gone = sentence,
        }
        self.show();
    }

    /// Stops the intake of all partitions, for good: the figures stay, and readiness says why.
    fn halt(&mut self, reason: StopReason, sentence: String) {
        if self.state.halted.is_none() {
            tracing::error!(reason = reason.as_str(), detail = sentence, "all intake has stopped");
            self.crew.halt();
            for board in self.assignment.boards() {
                board.stop_with_all(reason, sentence.clone());
            }
            self.state.halted = Some((reason, sentence));
        }
        self.show();
    }

    fn beat(&mut self) {
        self.rounds.begin(self.shared.clock.now(), &self.crew);
        self.look();
        if self.state.committed.is_none_or(|at| at.elapsed() >= COMMIT_EVERY) {
            self.state.committed = Some(Moment::now());
            self.commit(&self.assignment.boards());
        }
        let full = self.memory.look(&self.shared.telemetry);
        self.crew.wait_for_memory(full);
        self.parking
            .expired(self.shared.clock.steady(), full, |partition| self.assignment.wants(partition))
            .into_iter()
            .for_each(|partition| self.crew.forget(partition));
        self.show();
    }

    /// Asks the watch for fresh ends, unless it is still busy with the last question.
    fn look(&mut self) {
        let due = self.state.looked.is_none_or(|at| at.elapsed() >= LOOK_EVERY);
        if due && self.watch.try_send(self.assignment.boards()).is_ok() {
            self.state.looked = Some(Moment::now());
        }
    }

    /// Ends in order: no more records, last letters and images out, positions noted, group left. Each step has a deadline, so that
    /// the whole takes less than the 25 seconds an orchestrator gives it. Whether the last images are there.
    fn end(self) -> bool {
        self.shared.published.set_readiness(Readiness::new(Phase::ShuttingDown, "The service is draining and about to exit."));
        let complete = self.crew.drain(DRAIN_DEADLINE);
        self.commit(&self.assignment.boards());
        // Nobody answers a revocation from here on, so the group must not wait for it.
        drop((self.events, self.assignment));
        if !self.group.leave(LEAVE_DEADLINE) {
            tracing::warn!("the brokers did not confirm that this member left; the others take over by the session timeout");
        }
        complete
    }

    /// Commits what may be recorded.
    fn commit(&self, boards: &[Arc<Board>]) {
        let safe = |board: &'_ Arc<Board>| {
            let (board, topics) = (board.clone(), self.topics.iter().zip(board.topics()));
            topics.filter_map(move |(topic, kind)| Some((&*topic.name, board.partition, board.safe(*kind)?)))
        };
        self.group.commit(boards.iter().flat_map(safe));
    }

    /// Shows readiness, lags and stops as they are now.
    fn show(&self) {
        let boards = self.assignment.boards();
        let partitions = &self.shared.telemetry.partitions;
        for board in &boards {
            let lags = board.topics().iter().filter_map(|topic| Some((*topic, board.lag(*topic)?)));
            lags.for_each(|(topic, lag)| partitions.set_lag(topic, board.partition, lag));
            board.stopped().iter().for_each(|stopped| partitions.stop(board.partition, stopped.reason));
        }
        self.shared.telemetry.history_incomplete.set_flag(boards.iter().any(|board| board.is_incomplete()));
        let oldest = boards.iter().filter_map(|board| board.saved_at()).min();
        oldest.into_iter().for_each(|at| self.shared.telemetry.checkpoint_last_success.set(at));
        let trouble = self.state.trouble.as_ref().filter(|(at, _)| at.elapsed() < FRESH);
        let standing = Standing {
            halted: self.state.halted.as_ref().map(|(_, sentence)| sentence.as_str()),
            assigned: self.state.assigned,
            gone: self.state.gone.as_deref(),
            trouble: trouble.map(|(_, trouble)| trouble.as_str()),
            unpaired: &self.assignment.unpaired(),
            boards: &boards,
            published: self.rounds.is_complete(),
        };
        self.shared.published.set_readiness(assess(&standing));
    }
}

//! The conductor: the one thread that knows which partitions are ours and what the service shows.
//!
//! It hands partitions to workers and takes them back as the group decides, drives rounds of views, keeps readiness and lag up to
//! date, and begins the end. It waits for nobody: whatever takes long happens on a thread of its own and comes back as an event.
//! So a revocation is acted on at once, even while a new civil day is being worked in.

use super::assignment::Assignment;
use super::board::{Board, KINDS};
use super::crew::Crew;
use super::intake::{Inlet, Partition};
use super::placement::Misplaced;
use super::readiness::{Standing, assess};
use super::rounds::Rounds;
use super::shards::Shards;
use super::watch::{Finding, grown};
use super::{Control, Failure, Shared};
use crate::adapter::kafka::Topics;
use crate::adapter::kafka::consumer::{Group, GroupEvent, Place, Source};
use crate::adapter::kafka::letters::Letters;
use crate::domain::facts::FactKind;
use crate::wire::readiness::{Phase, Readiness};
use crate::wire::telemetry::StopReason;
use crossbeam_channel::{Receiver, Sender, select, tick};
use std::sync::Arc;
use std::time::{Duration, Instant as Moment};

/// How often offsets are committed, for lag tools.
const COMMIT_EVERY: Duration = Duration::from_secs(5);
/// How often the ends of the logs are asked for.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How long the client's last trouble is worth telling: it repeats itself while it lasts.
const FRESH: Duration = Duration::from_secs(15);
/// How long letters on their way are waited for at the end.
const LETTERS_DEADLINE: Duration = Duration::from_secs(8);
/// How long the workers have to let go at the end.
const DRAIN_DEADLINE: Duration = Duration::from_secs(5);
/// How long the brokers have to confirm that we left.
const LEAVE_DEADLINE: Duration = Duration::from_secs(6);
/// How long a reload waits for the workers.
const RELOAD_DEADLINE: Duration = Duration::from_secs(10);

/// Everything that runs once the cluster has been found in order.
pub struct Conductor {
    pub shared: Shared,
    pub topics: Topics,
    pub crew: Crew,
    pub shards: Shards,
    pub group: Group,
    pub rounds: Rounds,
    pub letters: Arc<Letters>,
    /// In the order of [`KINDS`].
    pub topic_ids: [Option<Arc<str>>; 2],
    pub assignment: Assignment<Source>,
    pub state: State,
    /// Where the watch takes its requests.
    pub watch: Sender<Vec<Arc<Board>>>,
    pub events: Events,
}

/// Where events come from.
pub struct Events {
    pub control: Receiver<Control>,
    pub group: Receiver<GroupEvent>,
    pub findings: Receiver<Finding>,
    pub misplaced: Receiver<(i32, Misplaced)>,
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
        self.end();
        result
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
            Control::Reload { plan, segment_windows, reply } => {
                let deadline = Moment::now() + RELOAD_DEADLINE;
                let outcome = match self.crew.can_serve(&plan, deadline) {
                    None => Err("the workers were too busy to take over a configuration; try again".to_owned()),
                    Some(false) => {
                        Err("the new windows need usage days that are no longer kept; restart to read them again".to_owned())
                    }
                    Some(true) => {
                        self.crew.reconfigure(&plan);
                        self.shards.plan = plan.clone();
                        (self.rounds.plan, self.rounds.segment_windows) = (plan, segment_windows);
                        Ok(())
                    }
                };
                // Whoever asked may have gone.
                let _ = reply.send(outcome);
            }
        }
        Ok(Next::GoOn)
    }

    fn regroup(&mut self, event: GroupEvent) -> Result<(), Failure> {
        match event {
            GroupEvent::Assigned(sources) => self.assign(sources),
            GroupEvent::Revoked { places, rejoining, released } => self.revoke(&places, rejoining, &released),
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
            if let Some(kind) = self.topics.kind(&source.topic) {
                self.assignment.assign(kind, source.partition, source);
            }
        }
        for (board, sources) in self.assignment.begin() {
            self.begin(board, sources);
        }
        self.reassigned();
    }

    fn begin(&mut self, board: Arc<Board>, sources: [Option<Source>; 2]) {
        let partition = board.partition;
        let [one, other] = sources;
        let inlets = [self.inlet(FactKind::Subscription, partition, one), self.inlet(FactKind::Usage, partition, other)];
        if let Some((reason, sentence)) = &self.state.halted {
            board.stop_with_all(*reason, sentence.clone());
        }
        // Without a source the client is being closed, and nothing is read any more.
        if let [Some(one), Some(other)] = inlets {
            let shard = self.shards.begin(self.shared.clock.now());
            self.crew.own(Partition::new(board, shard, [one, other], &self.letters));
        }
    }

    /// The way records of a topic's partition come in; one whose source was used before is read again from its beginning.
    fn inlet(&self, kind: FactKind, partition: i32, source: Option<Source>) -> Option<Inlet> {
        let topic: Arc<str> = self.topics.of(kind).into();
        let source = source.or_else(|| self.group.again(&topic, partition))?;
        Some(Inlet { source, topic, topic_id: self.topic_ids[kind as usize].clone() })
    }

    fn revoke(&mut self, places: &[Place], rejoining: bool, released: &Sender<()>) {
        self.shared.telemetry.rebalances.add(1);
        for (topic, partition) in places {
            let Some(kind) = self.topics.kind(topic) else { continue };
            if let Some(board) = self.assignment.revoke(kind, *partition) {
                self.commit(&[board]);
                self.crew.release(*partition, released.clone());
            }
            self.shared.telemetry.partitions.remove(*partition);
        }
        self.state.assigned = !rejoining;
        self.rounds.gave_up(&self.assignment, &self.shared.published);
        self.reassigned();
    }

    /// Tells everybody who shows or watches partitions which ones there are now.
    fn reassigned(&mut self) {
        let boards = self.assignment.boards();
        tracing::info!(partitions = ?boards.iter().map(|board| board.partition).collect::<Vec<_>>(), "partitions assigned");
        for kind in KINDS {
            self.shared.telemetry.topic(kind).assigned_partitions.set(self.assignment.count(kind) as u64);
        }
        self.shared.boards.store(Arc::new(boards));
        self.state.looked = None;
        self.look();
    }

    fn act_on(&mut self, finding: Finding) {
        match finding {
            Finding::PartitionCountChanged(sentence) => self.halt(StopReason::PartitionCountChanged, sentence),
            Finding::Gone(sentence) => self.state.gone = sentence,
            Finding::Incomplete => self.shared.telemetry.history_incomplete.set_flag(true),
            Finding::Truncated(board, sentence) => board.stop(StopReason::LogTruncated, sentence),
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
        self.show();
    }

    /// Asks the watch for fresh ends, unless it is still busy with the last question.
    fn look(&mut self) {
        let due = self.state.looked.is_none_or(|at| at.elapsed() >= LOOK_EVERY);
        if due && self.watch.try_send(self.assignment.boards()).is_ok() {
            self.state.looked = Some(Moment::now());
        }
    }

    /// Ends in order: no more records, letters out, positions noted, group left. Each step has a deadline, so that the whole takes
    /// less than the 25 seconds an orchestrator gives it.
    fn end(self) {
        self.shared.published.set_readiness(Readiness::new(Phase::ShuttingDown, "The service is draining and about to exit."));
        self.crew.halt();
        if !self.letters.flush(LETTERS_DEADLINE) {
            tracing::warn!("some letters were not acknowledged in time; their records are read again by the next start");
        }
        self.crew.drain(DRAIN_DEADLINE);
        self.commit(&self.assignment.boards());
        // Nobody answers a revocation from here on, so the group must not wait for it.
        drop((self.events, self.assignment));
        if !self.group.leave(LEAVE_DEADLINE) {
            tracing::warn!("the brokers did not confirm that this member left; the others take over by the session timeout");
        }
    }

    /// Commits what may be recorded.
    fn commit(&self, boards: &[Arc<Board>]) {
        let safe = |board: &Arc<Board>| KINDS.map(|kind| Some((self.topics.of(kind), board.partition, board.safe(kind)?)));
        self.group.commit(boards.iter().flat_map(safe).flatten());
    }

    /// Shows readiness, lags and stops as they are now.
    fn show(&self) {
        let boards = self.assignment.boards();
        let partitions = &self.shared.telemetry.partitions;
        for board in &boards {
            let lags = KINDS.into_iter().filter_map(|kind| Some((kind, board.lag(kind)?)));
            lags.for_each(|(kind, lag)| partitions.set_lag(kind, board.partition, lag));
            board.stopped().iter().for_each(|stopped| partitions.stop(board.partition, stopped.reason));
        }
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

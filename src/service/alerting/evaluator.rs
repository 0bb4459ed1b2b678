//! The thread that judges: looks at what is published, takes the book a step further, and has it told.

use super::book::{Book, Evaluation};
use super::movers::Explanations;
use super::notices::Wording;
use super::telling::Telling;
use super::trends::{Trends, Vitals};
use super::{Order, Settings};
use crate::domain::alert::Trouble;
use crate::domain::calendar::Instant;
use crate::domain::facts::TopicKind;
use crate::engine::judgement::Footing;
use crate::service::board::Board;
use crate::service::{Control, Failure, Shared};
use crate::wire::alerting::Standing;
use crate::wire::published::View;
use crate::wire::readiness::{Phase, Readiness};
use crossbeam_channel::{Receiver, Sender, after, select};
use std::sync::Arc;
use std::time::Instant as Moment;

/// See the head of the file.
pub struct Evaluator {
    settings: Settings,
    shared: Shared,
    book: Book,
    /// Which ownership of partition 0 the book belongs to; `None` while it is not ours.
    taken_up: Option<u64>,
    telling: Telling,
    trends: Trends,
    movers: Explanations,
    /// Time as the evaluations go by it never goes back.
    now: Instant,
}

impl Evaluator {
    /// # Errors
    /// A receiver cannot be used.
    pub fn new(settings: Settings, shared: Shared, control: Sender<Control>) -> Result<Evaluator, Failure> {
        let clock = shared.clock;
        let telling = Telling::hire(&settings.receivers, &shared.telemetry, move || clock.now())
            .map_err(|unusable| Failure::Configuration(format!("alerts.receivers: {unusable}")))?;
        let (book, trends, movers) = (Book::default(), Trends::default(), Explanations::new(control));
        Ok(Evaluator { settings, shared, book, taken_up: None, telling, trends, movers, now: Instant(i64::MIN) })
    }

    /// Judges every interval until the orders' sender is gone.
    pub fn run(mut self, orders: &Receiver<Order>) {
        self.evaluate();
        let mut due = after(self.settings.interval);
        loop {
            let delivered = self.telling.delivered();
            select! {
                recv(orders) -> order => match order {
                    Ok(Order::Reload(settings)) => self.reload(*settings),
                    Err(_) => return,
                },
                recv(delivered) -> delivered => if let Ok(delivered) = delivered
                    && self.telling.note(&delivered, &mut self.book)
                {
                    self.remember();
                },
                recv(due) -> _ => {
                    self.evaluate();
                    due = after(self.settings.interval);
                }
            }
        }
    }

    /// Takes over everything but the receivers, which need a restart.
    fn reload(&mut self, settings: Settings) {
        self.settings = settings;
        self.evaluate();
    }

    fn evaluate(&mut self) {
        self.take_over();
        self.now = self.now.max(self.shared.clock.now());
        let (view, readiness) = (self.shared.published.view(), self.shared.published.readiness());
        let boards = self.shared.boards.load_full();
        let vitals = self.vitals(&readiness, &boards);
        let footing = footing(&self.settings, &self.shared, view.as_deref(), &readiness, &boards);
        self.publish(&footing);
        let evaluation = Evaluation {
            rules: &self.settings.rules,
            limits: self.settings.limits,
            report: view.as_deref().map(|view| &view.report),
            footing,
            vitals,
            now: self.now,
            longest: self.settings.longest,
        };
        let changed = self.book.evaluate(&evaluation);
        self.remember();
        self.movers.look(&self.book, &self.settings.rules);
        self.show(view.as_deref());
        self.tell(view.as_deref(), changed);
    }

    /// What Prometheus rules need to know as well.
    fn publish(&self, footing: &Footing) {
        let telemetry = &self.shared.telemetry;
        telemetry.input_stale.set_flag(footing.stale);
        footing.complete_since.into_iter().for_each(|since| telemetry.history_complete_since.set(since));
    }

    /// Takes the book over that came with partition 0; gives it away with it.
    fn take_over(&mut self) {
        let owned = self.shared.memo.owned();
        let taken_up = owned.as_ref().map(|(taken_up, _)| *taken_up);
        if taken_up != self.taken_up {
            self.taken_up = taken_up;
            self.book = owned.map(|(_, records)| Book::of(records)).unwrap_or_default();
        }
    }

    fn remember(&self) {
        if let Some(taken_up) = self.taken_up {
            self.shared.memo.note(taken_up, self.book.records());
        }
    }

    fn wording<'a>(&'a self, view: Option<&'a View>) -> Wording<'a> {
        let currency = view.map_or("", |view| view.report.currency.as_str());
        Wording { rules: &self.settings.rules, base: &self.settings.base, currency, movers: self.movers.texts() }
    }

    fn show(&self, view: Option<&View>) {
        let wording = self.wording(view);
        let rules = self.settings.rules.iter().map(|rule| wording.rule(rule, &self.book));
        let troubles = self.settings.limits.iter().flat_map(|_| Trouble::ALL).map(|trouble| wording.trouble(trouble, &self.book));
        let rules = rules.chain(troubles).collect();
        let standing = Standing { evaluated_at: Some(self.now), interval: self.settings.interval, rules };
        self.shared.published.set_alerts(standing);
    }

    /// Only the owner of partition 0 tells anybody: others do not know what was told.
    fn tell(&mut self, view: Option<&View>, changed: bool) {
        if self.taken_up.is_some() {
            let notices = self.wording(view).notices(&self.book);
            self.telling.tell(&notices, &self.book, changed);
        }
    }

    fn vitals(&mut self, readiness: &Readiness, boards: &[Arc<Board>]) -> Vitals {
        let telemetry = &self.shared.telemetry;
        let topics = telemetry.topics();
        let lag = |board: &Arc<Board>| board.topics().iter().filter_map(|topic| board.lag(*topic)).sum::<u64>();
        let rejected = topics.iter().map(|topic| topic.rejected.total()).sum();
        let vitals = Vitals {
            is_ready: readiness.is_ready(),
            has_stopped: boards.iter().any(|board| board.stopped().is_some()),
            violations: telemetry.invariant_violations.get(),
            waits_for_registry: readiness.phase == Phase::WaitingForRegistry,
            newest_record: topics
                .iter()
                .filter(|topic| topic.kind() != TopicKind::Retries)
                .filter_map(|topic| topic.last_event.get())
                .max(),
            lag: boards.iter().map(lag).sum(),
            checkpoint_at: telemetry.checkpoint_last_success.get(),
            ..Vitals::default()
        };
        self.trends.sample(self.now, rejected, vitals)
    }
}

/// How far what is published can be relied on.
fn footing(settings: &Settings, shared: &Shared, view: Option<&View>, readiness: &Readiness, boards: &[Arc<Board>]) -> Footing {
    let oldest = || boards.iter().filter_map(|board| board.oldest_record()).min();
    let day = |at: Instant| settings.zone.midnight(settings.zone.day(at));
    Footing {
        partial_coverage: view.is_some_and(|view| !view.owns_all),
        not_ready: view.is_none() || !readiness.is_ready(),
        stale: boards.iter().any(|board| board.is_stale(Moment::now())),
        truncated_log: shared.telemetry.history_incomplete.get() == Some(1),
        complete_since: settings.complete_since.or_else(|| oldest().map(day)),
    }
}

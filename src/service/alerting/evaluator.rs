//! The thread that judges: looks at what is published, takes the book a step further, and has it told.

use super::book::{Book, Evaluation};
use super::memo::Judge;
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

/// A view may be so many milliseconds ahead of the clock: clocks are set right in small steps.
const AHEAD: i64 = 5 * 60_000;

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
    now: Instant,
}

impl Evaluator {
    /// # Errors
    /// A receiver cannot be used.
    pub fn new(settings: Settings, shared: Shared, control: Sender<Control>) -> Result<Evaluator, Failure> {
        let telling = hire(&settings, &shared)?;
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
        self.now = self.shared.clock.now();
        let (view, readiness) = (self.shared.published.view(), self.shared.published.readiness());
        let boards = self.shared.boards.load_full();
        let vitals = self.vitals(&readiness, &boards);
        let footing = footing((&self.settings, &self.shared, self.now), view.as_deref(), &readiness, &boards);
        self.publish(&footing);
        let carried = self.telling.carried();
        let evaluation = Evaluation {
            rules: &self.settings.rules,
            limits: self.settings.limits,
            report: view.as_deref().map(|view| &view.report),
            footing,
            vitals,
            now: self.now,
            longest: self.settings.longest,
            carried: &carried,
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
            let before = std::mem::take(&mut self.book);
            self.book = owned.map(|(_, records)| Book::of(records)).unwrap_or_default().with_troubles_of(before);
            self.drop_what_is_carried();
        }
    }

    /// What is on its way belongs to a book that may be out of date: couriers begin anew, and are told what is due.
    fn drop_what_is_carried(&mut self) {
        match hire(&self.settings, &self.shared) {
            Ok(telling) => self.telling = telling,
            Err(failure) => tracing::error!(error = %failure, "the couriers of alerts go on as they are"),
        }
    }

    fn remember(&self) {
        if let Some(taken_up) = self.taken_up {
            self.shared.memo.note(taken_up, self.book.records());
        }
    }

    fn wording<'a>(&'a self, view: Option<&'a View>) -> Wording<'a> {
        let currency = view.map_or("", |view| view.report.currency.as_str());
        Wording { rules: &self.settings.rules, base: &self.settings.base, currency, movers: self.movers.texts(), now: self.now }
    }

    fn show(&self, view: Option<&View>) {
        let wording = self.wording(view);
        let rules = self.settings.rules.iter().map(|rule| wording.rule(rule, &self.book));
        let troubles = self.settings.limits.iter().flat_map(|_| Trouble::ALL).map(|trouble| wording.trouble(trouble, &self.book));
        let rules = rules.chain(troubles).collect();
        let standing = Standing { evaluated_at: Some(self.now), interval: self.settings.interval, rules };
        self.shared.published.set_alerts(standing);
    }

    /// The owner of partition 0 tells: others do not know what was told. While nobody is known to own it, every instance tells what
    /// ails itself: better twice than never.
    fn tell(&mut self, view: Option<&View>, changed: bool) {
        if self.shared.memo.judge() != Judge::Elsewhere {
            // Rules fire over a view of all partitions only, so without partition 0 there is none that does.
            let notices = self.wording(view).notices(&self.book);
            self.telling.tell(&notices, &self.book, changed, self.now);
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
            checkpoint_at: boards.iter().filter_map(|board| board.saved_at().max(board.begun_at())).min(),
            ..Vitals::default()
        };
        self.trends.sample(self.now, rejected, vitals)
    }
}

fn hire(settings: &Settings, shared: &Shared) -> Result<Telling, Failure> {
    let clock = shared.clock;
    let hired = Telling::hire(&settings.receivers, &shared.telemetry, move || clock.now());
    hired.map_err(|unusable| Failure::Configuration(format!("alerts.receivers: {unusable}")))
}

/// How far what is published can be relied on.
fn footing(
    (settings, shared, now): (&Settings, &Shared, Instant),
    view: Option<&View>,
    readiness: &Readiness,
    boards: &[Arc<Board>],
) -> Footing {
    let oldest = || boards.iter().filter_map(|board| board.oldest_record()).min();
    // Views never go back, so one that a wrong clock made stays until the right one has come so far.
    let is_ahead = view.is_some_and(|view| view.report.as_of.0.saturating_sub(now.0) > AHEAD);
    let day = |at: Instant| settings.zone.midnight(settings.zone.day(at));
    Footing {
        partial_coverage: view.is_some_and(|view| !view.owns_all),
        not_ready: view.is_none() || !readiness.is_ready(),
        stale: boards.iter().any(|board| board.is_stale(Moment::now())) || is_ahead,
        truncated_log: shared.telemetry.history_incomplete.get() == Some(1),
        complete_since: settings.complete_since.or_else(|| oldest().map(day)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapter::clock::Clock;
    use crate::domain::calendar::Zone;
    use crate::engine::report::Report;
    use crate::wire::telemetry::Telemetry;
    use std::time::Duration;

    const NOW: Instant = Instant(1_789_027_200_000);
    const DAY: i64 = 86_400_000;

    fn settings(complete_since: Option<Instant>) -> Settings {
        Settings {
            rules: vec![],
            limits: None,
            interval: Duration::from_secs(15),
            longest: 30_000,
            receivers: vec![],
            base: String::new(),
            complete_since,
            zone: Zone::named("UTC").expect("a zone"),
        }
    }

    fn shared() -> Shared {
        Shared {
            clock: Clock::held(NOW, Moment::now()),
            published: Arc::default(),
            telemetry: Arc::new(Telemetry::new("s", "u", "r")),
            boards: Arc::default(),
            memo: Arc::default(),
            tick: Duration::from_secs(1),
            plans: Arc::default(),
        }
    }

    fn view(as_of: Instant, owns_all: bool) -> View {
        let (currency, time_zone) = ("USD".to_owned(), "UTC".to_owned());
        let report = Report { as_of, currency, time_zone, mrr: 0, usage_today: Some(0), windows: vec![] };
        View { report, live_partitions: 1, owns_all, segment_windows: Arc::new([]) }
    }

    fn of(view: Option<&View>, phase: Phase, boards: &[Arc<Board>], since: Option<Instant>) -> Footing {
        footing((&settings(since), &shared(), NOW), view, &Readiness::new(phase, "as it is"), boards)
    }

    #[test]
    fn a_view_is_relied_on_when_it_is_whole_ready_and_of_the_present() {
        let sound = Footing { complete_since: Some(Instant(0)), ..Footing::default() };
        let ahead = |millis: i64| view(Instant(NOW.0 + millis), true);
        for (view, phase, expected) in [
            (Some(ahead(0)), Phase::Live, sound),
            (Some(ahead(AHEAD)), Phase::Live, sound),
            (Some(ahead(AHEAD + 1)), Phase::Live, Footing { stale: true, ..sound }),
            (Some(view(NOW, false)), Phase::Live, Footing { partial_coverage: true, ..sound }),
            (Some(ahead(0)), Phase::WaitingForRegistry, Footing { not_ready: true, ..sound }),
            (None, Phase::Live, Footing { not_ready: true, ..sound }),
        ] {
            assert_eq!(of(view.as_ref(), phase, &[], Some(Instant(0))), expected, "{phase:?}");
        }
    }

    #[test]
    fn the_history_begins_on_the_day_of_the_oldest_record_unless_told_otherwise() {
        let boards = [3, 1, 2].map(|days| {
            let board = Board::new(0, 2);
            board.set_oldest_record(Some(Instant((20_000 + days) * DAY + 5)));
            Arc::new(board)
        });
        let view = view(NOW, true);
        let since = |boards: &[Arc<Board>], told| of(Some(&view), Phase::Live, boards, told).complete_since;
        assert_eq!(since(&boards, None), Some(Instant(20_001 * DAY)));
        assert_eq!(since(&boards, Some(Instant(7))), Some(Instant(7)));
        assert_eq!(since(&[], None), None);
    }
}

//! What the workers have published for readers: one immutable view of one instant, and the readiness.
//!
//! Readers take the current value without a lock and never wait for a writer; a view is replaced as a whole, so the figures of
//! one scrape or report always belong together.

use super::alerting::Standing;
use super::readiness::{Phase, Readiness};
use crate::engine::report::Report;
use arc_swap::{ArcSwap, ArcSwapOption};
use std::sync::Arc;

/// Everything the gauges and the report of one instant are drawn from.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    pub report: Report,
    /// Partitions counted in the report.
    pub live_partitions: usize,
    /// Whether those are all partitions of the topics: only then are ratios exported.
    pub owns_all: bool,
    /// Names of the windows whose segments are exported as gauges (`metrics.segment_windows`).
    pub segment_windows: Arc<[String]>,
}

/// The current view and readiness, shared as `Arc<Published>`.
#[derive(Debug)]
pub struct Published {
    view: ArcSwapOption<View>,
    readiness: ArcSwap<Readiness>,
    alerts: ArcSwap<Standing>,
}

impl Published {
    /// No view yet, phase `Starting`.
    pub fn new() -> Published {
        Published {
            view: ArcSwapOption::empty(),
            readiness: ArcSwap::from_pointee(Readiness::new(Phase::Starting, "The service is starting.")),
            alerts: ArcSwap::default(),
        }
    }

    /// The newest view; `None` before the first catch-up and while no view is published.
    pub fn view(&self) -> Option<Arc<View>> {
        self.view.load_full()
    }

    pub fn publish(&self, view: View) {
        self.view.store(Some(Arc::new(view)));
    }

    /// Takes the view away: its figures are no longer known.
    pub fn withdraw(&self) {
        self.view.store(None);
    }

    pub fn readiness(&self) -> Arc<Readiness> {
        self.readiness.load_full()
    }

    /// Where every alerting rule stands; no rule before the first evaluation.
    pub fn alerts(&self) -> Arc<Standing> {
        self.alerts.load_full()
    }

    pub fn set_alerts(&self, standing: Standing) {
        self.alerts.store(Arc::new(standing));
    }

    pub fn set_readiness(&self, readiness: Readiness) {
        self.readiness.store(Arc::new(readiness));
    }
}

impl Default for Published {
    fn default() -> Self {
        Published::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::calendar::Instant;

    fn view(as_of: i64) -> View {
        let report = Report {
            as_of: Instant(as_of),
            currency: "USD".into(),
            time_zone: "UTC".into(),
            mrr: 0,
            usage_today: Some(0),
            windows: vec![],
        };
        View { report, live_partitions: 1, owns_all: true, segment_windows: Arc::new([]) }
    }

    #[test]
    fn a_view_is_replaced_as_a_whole_and_can_be_withdrawn() {
        let published = Published::new();
        assert_eq!(published.view(), None);
        assert!(!published.readiness().is_ready());
        published.publish(view(1));
        let held = published.view();
        published.publish(view(2));
        assert_eq!(held.as_deref(), Some(&view(1)));
        assert_eq!(published.view().as_deref(), Some(&view(2)));
        published.withdraw();
        assert_eq!(published.view(), None);
    }
}

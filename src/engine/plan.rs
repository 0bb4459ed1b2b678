//! The plan: what a deployment wants to see. Configuration turned into the values the engine works with.

use crate::domain::calendar::{Day, Instant, Zone};
use crate::domain::currency::ExchangeRates;
use crate::domain::frame::{Frame, QUIET_DAYS, RATE_DAYS};
use crate::domain::window::Window;

/// Windows, dimensions, zone and rates of one deployment; shared by all shards.
#[derive(Clone, Debug)]
pub struct Plan {
    pub zone: Zone,
    pub rates: ExchangeRates,
    /// Distinct, at most `frame::MAX_WINDOWS`, in configured order.
    pub windows: Vec<Window>,
    /// Distinct names in configured order: `cohort`, `plan`, or the key of an attribute.
    pub dimensions: Vec<String>,
    /// Values published per dimension and window; all others are summed into `other`.
    pub max_values: usize,
    /// Closed months whose usage days are kept, so that their figures can be computed; windows may need more.
    pub history: u16,
}

impl Plan {
    /// The frame of a view at an instant.
    pub fn frame(&self, as_of: Instant) -> Frame {
        Frame::new(&self.windows, &self.zone, &self.rates, as_of)
    }

    /// The first civil day whose usage a view at an instant or later can need, or a closed month that is kept for.
    pub fn first_usage_day(&self, at: Instant) -> Day {
        let windows = self.frame(at).first_usage_day();
        if self.history == 0 {
            return windows;
        }
        // One more: a month is compared with the one before.
        let month = (0..=self.history).fold(self.zone.day(at).period_start(1), |start, _| start.plus(-1).period_start(1));
        windows.min(month.plus(-(RATE_DAYS + QUIET_DAYS)))
    }
}

//! The plan: what a deployment wants to see. Configuration turned into the values the engine works with.

use crate::domain::calendar::{Instant, Zone};
use crate::domain::currency::ExchangeRates;
use crate::domain::frame::Frame;
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
}

impl Plan {
    /// The frame of a view at an instant.
    pub fn frame(&self, as_of: Instant) -> Frame {
        Frame::new(&self.windows, &self.zone, &self.rates, as_of)
    }
}

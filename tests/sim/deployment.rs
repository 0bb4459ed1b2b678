//! What is configured, for the program under test and for the twin alike.

use crate::cluster::zone;
use crate::dice::Dice;
use crate::twin::setup::Setup;
use std::collections::BTreeMap;
use std::sync::Arc;
use upswell::domain::calendar::Day;
use upswell::domain::currency::{Currency, ExchangeRates, RateTable};
use upswell::domain::window::Window;
use upswell::engine::plan::Plan;

/// Sets of windows that a deployment may have; later ones reach further back.
const WINDOWS: [&[&str]; 4] = [
    &["trailing_7d", "month_to_date"],
    &["trailing_30d", "month_to_date"],
    &["last_month", "trailing_30d", "year_to_date"],
    &["trailing_90d", "last_quarter"],
];

/// A configuration of the revenue part.
#[derive(Clone, Debug, PartialEq)]
pub struct Deployment {
    pub zone: &'static str,
    /// Millionths of a dollar for a euro; without it euros are no currency.
    pub euro: Option<i64>,
    pub windows: &'static [&'static str],
    /// Values of a dimension that are published.
    pub max_values: usize,
}

impl Deployment {
    pub fn first() -> Deployment {
        Deployment { zone: "UTC", euro: None, windows: WINDOWS[1], max_values: 10 }
    }

    /// Other windows, another rate, more or fewer values.
    pub fn changed(&self, dice: &mut Dice) -> Deployment {
        let euro = self.euro.map(|_| 1_000_000 + dice.between(0, 300_000));
        let (windows, max_values) = (WINDOWS[dice.index(WINDOWS.len())], 1 + dice.index(4));
        Deployment { zone: self.zone, euro, windows, max_values }
    }

    /// The windows that reach furthest back; or, if it has them, those that reach least.
    pub fn reaching_further(&self) -> Deployment {
        let windows = if self.windows == WINDOWS[3] { WINDOWS[0] } else { WINDOWS[3] };
        Deployment { windows, ..self.clone() }
    }

    pub fn plan(&self) -> Arc<Plan> {
        let code = |text: &str| Currency::parse(text).expect("a code");
        let rates: BTreeMap<Currency, i64> = self.euro.iter().map(|rate| (code("EUR"), *rate)).collect();
        Arc::new(Plan {
            zone: zone(self.zone),
            rates: ExchangeRates::new(code("USD"), vec![RateTable { from: Day(0), rates }]),
            windows: self.windows.iter().map(|name| Window::parse(name).expect("a window")).collect(),
            dimensions: dimensions(),
            max_values: self.max_values,
            history: 0,
        })
    }

    /// The same in the twin's words.
    pub fn setup(&self) -> Setup {
        Setup {
            zone: self.zone.to_owned(),
            currency: "USD".to_owned(),
            tables: vec![(0, self.euro.iter().map(|rate| ("EUR".to_owned(), *rate)).collect())],
            windows: self.windows.iter().map(|name| (*name).to_owned()).collect(),
            dimensions: dimensions(),
            max_values: self.max_values,
        }
    }
}

fn dimensions() -> Vec<String> {
    ["plan", "vertical", "cohort"].map(str::to_owned).into()
}

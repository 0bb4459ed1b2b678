//! The exchange rates of the synthetic company, as the engine takes them and as the configuration that goes with a history.

use super::catalogue::EXCHANGE_RATES;
use crate::domain::calendar::Day;
use crate::domain::currency::{Currency, ExchangeRates, RateTable};

/// The reporting currency of a history's configuration.
pub const REPORTING: &str = "USD";

/// The rates of [`EXCHANGE_RATES`] with USD as the reporting currency.
pub fn rates() -> ExchangeRates {
    let code = |text| Currency::parse(text).expect("three capital letters");
    let table = |(from, euro, pound): &(&str, i64, i64)| RateTable {
        from: Day::parse(from).expect("a date of the catalogue"),
        rates: [(code("EUR"), *euro), (code("GBP"), *pound)].into(),
    };
    ExchangeRates::new(code(REPORTING), EXCHANGE_RATES.iter().map(table).collect())
}

/// The `revenue` part of a configuration for a history.
pub fn revenue_yaml() -> String {
    let mut text = format!(
        "revenue:\n  currency: {REPORTING}\n  time_zone: UTC\n  dimensions: [cohort, plan, vertical, region, plan_family]\n  exchange_rates:\n"
    );
    for (from, euro, pound) in EXCHANGE_RATES {
        text.push_str(&format!("    - {{ from: {from}, rates: {{ EUR: {}, GBP: {} }} }}\n", decimal(euro), decimal(pound)));
    }
    text
}

/// Millionths as a decimal number.
fn decimal(micros: i64) -> String {
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000).trim_end_matches('0').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_lists_the_rates() {
        let yaml = revenue_yaml();
        assert!(yaml.contains("    - { from: 2024-01-01, rates: { EUR: 1.1, GBP: 1.27 } }\n"), "{yaml}");
        assert!(["EUR", "GBP", "USD"].iter().all(|code| rates().knows(Currency::parse(code).expect("a code"))));
        assert!(!rates().knows(Currency::parse("JPY").expect("a code")));
    }
}

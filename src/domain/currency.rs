//! Currencies and constant-currency valuation.
//!
//! Facts stay in their own currency. A view values everything with one table, the rates in force at the start of the month
//! that holds its instant, so exchange rates never look like expansion.

use super::calendar::Day;
use super::money::{MICROS_PER_UNIT, Micros, half_even, half_even_wide};
use ethnum::I256;
use std::collections::BTreeMap;

/// An ISO 4217 alphabetic code.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Currency([u8; 3]);

impl Currency {
    /// `None` unless the text is three capital letters.
    pub fn parse(text: &str) -> Option<Currency> {
        let code: [u8; 3] = text.as_bytes().try_into().ok()?;
        code.iter().all(u8::is_ascii_uppercase).then_some(Currency(code))
    }

    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("???")
    }

    /// Its letters.
    pub fn code(self) -> [u8; 3] {
        self.0
    }

    /// Its letters as one number.
    pub(super) fn number(self) -> u16 {
        self.0.iter().fold(0, |number, letter| number * 26 + u16::from(letter - b'A'))
    }

    /// The currency that [`Currency::number`] gave.
    pub(super) fn of_number(number: u16) -> Currency {
        let letter = |place: u16| b'A' + (number / place % 26) as u8;
        Currency([letter(676), letter(26), letter(1)])
    }

    /// The currency that [`Currency::code`] gave.
    pub(super) fn of_code(code: [u8; 3]) -> Currency {
        Currency(code)
    }
}

impl std::fmt::Debug for Currency {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One table of rates: units of the reporting currency for one unit of each, in millionths, from a civil date on.
#[derive(Clone, Debug, PartialEq)]
pub struct RateTable {
    pub from: Day,
    /// 1 to 10^12 millionths.
    pub rates: BTreeMap<Currency, i64>,
}

/// The reporting currency and every table of exchange rates, by `from` ascending and distinct.
#[derive(Clone, Debug, PartialEq)]
pub struct ExchangeRates {
    reporting: Currency,
    tables: Vec<RateTable>,
}

impl ExchangeRates {
    /// Tables may come in any order; their `from` dates are distinct and none names the reporting currency (configuration checks both).
    pub fn new(reporting: Currency, mut tables: Vec<RateTable>) -> Self {
        tables.sort_by_key(|table| table.from);
        ExchangeRates { reporting, tables }
    }

    pub fn reporting(&self) -> Currency {
        self.reporting
    }

    /// Whether facts in this currency can be valued. An unknown currency rejects the event.
    pub fn knows(&self, currency: Currency) -> bool {
        currency == self.reporting || self.tables.iter().any(|table| table.rates.contains_key(&currency))
    }

    /// The rates in force on a civil date: a later table replaces an earlier one currency by currency, and before its first
    /// table a currency has its earliest rate.
    pub fn valuation(&self, date: Day) -> Valuation {
        let mut rates: BTreeMap<Currency, i64> = BTreeMap::new();
        for table in &self.tables {
            for (&currency, &rate) in &table.rates {
                if table.from <= date {
                    rates.insert(currency, rate);
                } else {
                    rates.entry(currency).or_insert(rate);
                }
            }
        }
        Valuation { reporting: self.reporting, rates: rates.into_iter().collect() }
    }
}

/// One table of rates, in force for one view.
#[derive(Clone, Debug, PartialEq)]
pub struct Valuation {
    reporting: Currency,
    rates: Vec<(Currency, i64)>,
}

impl Valuation {
    pub fn reporting(&self) -> Currency {
        self.reporting
    }

    /// `amount` in the reporting currency, rounded half to even. Every accepted currency has a rate.
    #[inline]
    pub fn convert(&self, amount: Micros, currency: Currency) -> Micros {
        if currency == self.reporting {
            return amount;
        }
        let rate = self.rates.iter().find(|(known, _)| *known == currency).map_or(0, |(_, rate)| *rate);
        match amount.checked_mul(i128::from(rate)) {
            Some(product) => half_even(product, MICROS_PER_UNIT),
            None => half_even_wide(I256::from(amount) * I256::from(rate), I256::from(MICROS_PER_UNIT)).as_i128(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates() -> ExchangeRates {
        let code = |text: &str| Currency::parse(text).expect("a code");
        let table = |from, rates: &[(&str, i64)]| RateTable {
            from: Day(from),
            rates: rates.iter().map(|(text, rate)| (code(text), *rate)).collect(),
        };
        ExchangeRates::new(
            code("USD"),
            vec![
                table(200, &[("EUR", 1_200_000)]),
                table(100, &[("EUR", 1_100_000), ("GBP", 1_300_000)]),
                table(300, &[("JPY", 7_000)]),
            ],
        )
    }

    #[test]
    fn tables_replace_each_other_currency_by_currency() {
        for (date, currency, expected) in [
            (50, "EUR", 1_100_000),
            (100, "EUR", 1_100_000),
            (199, "EUR", 1_100_000),
            (200, "EUR", 1_200_000),
            (400, "EUR", 1_200_000),
            (400, "GBP", 1_300_000),
            (50, "JPY", 7_000),
            (400, "JPY", 7_000),
            (1, "USD", 1_000_000),
        ] {
            let currency = Currency::parse(currency).expect("a code");
            assert_eq!(rates().valuation(Day(date)).convert(1_000_000, currency), expected, "{currency:?} on {date}");
        }
    }

    #[test]
    fn conversion_rounds_half_to_even() {
        let code = Currency::parse("JPY").expect("a code");
        let valuation = ExchangeRates::new(
            Currency::parse("USD").expect("a code"),
            vec![RateTable { from: Day(0), rates: [(code, 500_000)].into() }],
        )
        .valuation(Day(1));
        for (amount, expected) in [(1, 0), (3, 2), (5, 2), (-1, 0), (-3, -2), (i128::MAX, i128::MAX / 2 + 1)] {
            assert_eq!(valuation.convert(amount, code), expected, "{amount}");
        }
    }

    #[test]
    fn only_three_capital_letters_are_a_currency() {
        for text in ["", "usd", "US", "USDX", "U$D", "ÄÖ"] {
            assert_eq!(Currency::parse(text), None, "{text}");
        }
    }
}

//! One line for people who watch the demo: the day, the revenue, and what a month and a year did to it.

use crate::domain::money::Micros;
use crate::domain::rates::Sums;
use crate::engine::report::Report;

/// The windows of the line: what moves within a minute, and what a business is judged by.
const MONTH: &str = "month_to_date";
const YEAR: &str = "trailing_365d";

/// The headline of a report.
pub fn of(report: &Report) -> String {
    let day: String = report.as_of.to_rfc3339().chars().take(10).collect();
    let mut line = format!("{day}  MRR {} {}", thousands(report.mrr), report.currency);
    let sums = |name| report.windows.iter().find(|window| window.window == name).map(|window| window.total);
    if let Some(month) = sums(MONTH) {
        line.push_str(&movements(&month));
    }
    if let Some(year) = sums(YEAR) {
        let rates = year.rates(true);
        line.push_str(&format!(
            "  | a year: expansion {}, NRR {}, GRR {}",
            percent(rates.expansion_rate),
            percent(rates.net_revenue_retention),
            percent(rates.gross_revenue_retention)
        ));
    }
    line
}

fn movements(month: &Sums) -> String {
    let money = &month.money;
    format!(
        "  | this month: new +{}, expansion +{}, contraction -{}, churn -{}",
        thousands(money.new + money.reactivation),
        thousands(money.expansion()),
        thousands(money.contraction()),
        thousands(money.churn)
    )
}

fn percent(rate: Option<f64>) -> String {
    rate.map_or_else(|| "-".to_owned(), |rate| format!("{:.1} %", rate * 100.0))
}

/// Whole major units with a comma between thousands.
fn thousands(micros: Micros) -> String {
    let digits = (micros.unsigned_abs() / 1_000_000).to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::calendar::Instant;
    use crate::domain::rates::{Customers, Money};
    use crate::engine::report::WindowReport;

    #[test]
    fn money_is_grouped_by_thousands() {
        for (micros, text) in [(0, "0"), (999_999_999, "999"), (1_000_000_000, "1,000"), (1_234_567_000_000, "1,234,567")] {
            assert_eq!(thousands(micros), text);
        }
    }

    #[test]
    fn a_headline_holds_the_day_the_revenue_and_the_rates() {
        let money = Money { opening: 1_000_000_000, expansion: [100_000_000, 0, 0, 0, 0], churn: 50_000_000, ..Money::default() };
        let window = |name: &str| WindowReport {
            window: name.to_owned(),
            opening_edge: Instant(0),
            closing_edge: Instant(1),
            comparison_opening: None,
            total: Sums { money, customers: Customers::default() },
            dimensions: Vec::new(),
        };
        let report = Report {
            as_of: Instant(86_400_000),
            currency: "USD".to_owned(),
            time_zone: "UTC".to_owned(),
            mrr: 1_050_000_000,
            usage_today: Some(0),
            windows: vec![window(MONTH), window(YEAR)],
        };
        let expected = "1970-01-02  MRR 1,050 USD  | this month: new +0, expansion +100, contraction -0, churn -50  \
                        | a year: expansion 10.0 %, NRR 105.0 %, GRR 95.0 %";
        assert_eq!(of(&report), expected);
    }
}

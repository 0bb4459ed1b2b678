//! A history for reading: one row a period, money rounded to the cent, rates to a hundredth of a percent.

use super::History;
use crate::wire::report::grid::{Cell, Grid};
use crate::wire::report::table::{money as amount, percent};

/// The headings of money, in the order of the cells.
const COLUMNS: [&str; 11] = [
    "opening",
    "new",
    "reactivation",
    "expansion",
    "contraction",
    "churn",
    "closing",
    "customers",
    "expansion rate",
    "NRR",
    "GRR",
];

/// The table, with a line above that says what it is of.
pub fn render(history: &History, color: bool) -> String {
    let mut grid = Grid::new(history.every.as_str(), COLUMNS.iter().map(|name| (*name).to_owned()));
    for period in &history.periods {
        let (sums, has_comparison) = (&period.figures.total, period.figures.has_comparison());
        let (money, rates) = (&sums.money, sums.rates(has_comparison));
        let amounts =
            [money.opening, money.new, money.reactivation, money.expansion(), money.contraction(), money.churn, money.closing()];
        let rates = [rates.expansion_rate, rates.net_revenue_retention, rates.gross_revenue_retention];
        let cells = amounts.map(|one| Cell::plain(amount(one))).into_iter();
        let cells = cells.chain([Cell::plain(sums.customers.closing().to_string())]);
        grid.row(&period.period, cells.chain(rates.map(|rate| Cell::known(rate.map(percent)))));
    }
    let empty = if history.periods.is_empty() { "No period is closed yet.\n" } else { "" };
    let (as_of, currency, zone) = (history.as_of.to_rfc3339(), &history.currency, &history.time_zone);
    format!("As of {as_of}, {currency}, {zone}\n\n{}{empty}", grid.render(color))
}

#[cfg(test)]
mod tests {
    use super::super::tests::example;
    use super::*;

    #[test]
    fn a_row_a_period() {
        let text = render(&example(), false);
        let rows: Vec<Vec<&str>> = text.lines().skip(2).map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(rows[1], ["2026-07", "0.00", "620.00", "0.00", "0.00", "0.00", "0.00", "620.00", "14", "-", "-", "-"]);
        assert_eq!(
            rows[2],
            [
                "2026-08", "620.00", "30.00", "0.00", "25.00", "0.00", "50.00", "625.00", "14", "4.03", "%", "95.97", "%",
                "91.94", "%"
            ]
        );
        let empty = History { periods: vec![], ..example() };
        assert!(render(&empty, false).ends_with("No period is closed yet.\n"));
    }
}

//! The report as a table for people.
//!
//! Windows stand side by side, as many as the width holds, then the segments of each. Money is rounded to two places, rates to
//! hundredths of a percent; the exact figures are in JSON and CSV. Text from events never reaches a terminal as it came: control
//! characters and marks that reverse the writing direction are shown as escapes.

use super::EventCounts;
use super::grid::{Cell, Grid, Tone};
use crate::domain::money::{Micros, half_even};
use crate::domain::motion::Motion;
use crate::domain::rates::{Band, Rates, Sums};
use crate::engine::report::{DimensionReport, Report, SegmentReport, WindowReport};
use std::fmt::Write;

/// How to lay the table out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Whether to colour with ANSI sequences.
    pub color: bool,
    /// Columns to fill at most; at least one window is shown whatever its width.
    pub width: usize,
}

impl Style {
    /// Columns of an output that does not say how wide it is.
    pub const WIDTH: usize = 100;

    /// Colour only on a terminal, and not where `NO_COLOR` is set to anything but the empty text.
    pub fn new(is_terminal: bool, no_color: Option<&str>, width: Option<usize>) -> Style {
        let refused = no_color.is_some_and(|value| !value.is_empty());
        Style { color: is_terminal && !refused, width: width.unwrap_or(Style::WIDTH) }
    }
}

/// Segments shown per window and dimension; the rest is counted in a line of its own.
const SEGMENTS_SHOWN: usize = 10;

/// The whole report.
pub fn render(report: &Report, events: &EventCounts, style: &Style) -> String {
    let mut out = heading(report, events);
    for windows in chunks(report, style) {
        out.push('\n');
        out.push_str(&window_grid(windows, &report.currency).render(style.color));
    }
    for window in &report.windows {
        for dimension in window.dimensions.iter().filter(|dimension| !dimension.segments.is_empty()) {
            out.push('\n');
            out.push_str(&segment_grid(window, dimension, &report.currency).render(style.color));
            out.push_str(&not_shown(dimension));
        }
    }
    out
}

fn heading(report: &Report, events: &EventCounts) -> String {
    let rejected: u64 = events.rejected.values().sum();
    let mut out = format!(
        "Revenue in {} as of {} (civil days of {})\n\
         Events: {} subscription states, {} usage, {} duplicates, {} rejected, {} at or after that instant\n",
        report.currency,
        report.as_of.to_rfc3339(),
        report.time_zone,
        grouped(events.subscriptions.into()),
        grouped(events.usage.into()),
        grouped(events.duplicates.into()),
        grouped(rejected.into()),
        grouped(events.after_as_of.into()),
    );
    for (reason, count) in &events.rejected {
        let _ = writeln!(out, "  rejected for {}: {}", reason.as_str(), grouped((*count).into()));
    }
    out
}

/// The windows in groups that fit the width side by side.
fn chunks<'a>(report: &'a Report, style: &Style) -> impl Iterator<Item = &'a [WindowReport]> {
    let fits = |count: usize| window_grid(&report.windows[..count], &report.currency).width() <= style.width;
    let count = (1..=report.windows.len()).take_while(|count| fits(*count)).last().unwrap_or(1);
    report.windows.chunks(count)
}

fn window_grid(windows: &[WindowReport], currency: &str) -> Grid {
    let mut grid = Grid::new("window", windows.iter().map(|window| window.window.clone()));
    let rates: Vec<Rates> = windows.iter().map(|window| window.total.rates(window.has_comparison())).collect();
    grid.row("from", windows.iter().map(|window| Cell::plain(window.opening_edge.to_rfc3339())));
    grid.row("to", windows.iter().map(|window| Cell::plain(window.closing_edge.to_rfc3339())));
    grid.section(format!("recurring revenue ({currency} a month)"));
    money_rows(&mut grid, windows);
    grid.section("customers");
    customer_rows(&mut grid, windows);
    grid.section("rates");
    rate_rows(&mut grid, &rates, currency);
    grid.row("  band", windows.iter().map(|window| band(window.total.band())));
    grid
}

fn money_rows(grid: &mut Grid, windows: &[WindowReport]) {
    let mut row = |label: &str, of: &dyn Fn(&Sums) -> Micros| {
        grid.row(label, windows.iter().map(|window| Cell::plain(money(of(&window.total)))));
    };
    row("  opening", &|sums| sums.money.opening);
    row("  + new", &|sums| sums.money.new);
    row("  + reactivation", &|sums| sums.money.reactivation);
    row("  + expansion", &|sums| sums.money.expansion());
    for (index, motion) in Motion::ALL.into_iter().enumerate() {
        row(&format!("      {}", motion.as_str()), &|sums| sums.money.expansion[index]);
    }
    row("  - contraction", &|sums| sums.money.contraction());
    for (index, motion) in Motion::ALL.into_iter().enumerate() {
        row(&format!("      {}", motion.as_str()), &|sums| sums.money.contraction[index]);
    }
    row("  - churn", &|sums| sums.money.churn);
    row("  closing", &|sums| sums.money.closing());
    let comparison = |window: &WindowReport| window.has_comparison().then(|| money(window.total.money.comparison_expansion));
    grid.row("  expansion before", windows.iter().map(|window| Cell::known(comparison(window))));
}

fn customer_rows(grid: &mut Grid, windows: &[WindowReport]) {
    let mut row = |label: &str, of: &dyn Fn(&Sums) -> i64| {
        grid.row(label, windows.iter().map(|window| Cell::plain(grouped(of(&window.total).into()))));
    };
    row("  opening", &|sums| sums.customers.opening);
    row("  + new", &|sums| sums.customers.new);
    row("  + reactivation", &|sums| sums.customers.reactivation);
    row("    expansion", &|sums| sums.customers.expansion);
    row("    contraction", &|sums| sums.customers.contraction);
    row("  - churn", &|sums| sums.customers.churn);
    row("  closing", &|sums| sums.customers.closing());
}

fn rate_rows(grid: &mut Grid, rates: &[Rates], currency: &str) {
    let mut row = |label: &str, of: &dyn Fn(&Rates) -> Option<String>| {
        grid.row(label, rates.iter().map(|rates| Cell::known(of(rates))));
    };
    row("  expansion rate", &|rates| rates.expansion_rate.map(percent));
    row("  expansion growth", &|rates| rates.expansion_growth.map(percent));
    row("  net revenue retention", &|rates| rates.net_revenue_retention.map(percent));
    row("  gross revenue retention", &|rates| rates.gross_revenue_retention.map(percent));
    row("  quick ratio", &|rates| rates.quick_ratio.map(|ratio| format!("{ratio:.2}")));
    row("  customer churn rate", &|rates| rates.customer_churn_rate.map(percent));
    row("  customers that expanded", &|rates| rates.customer_expansion_share.map(percent));
    row(&format!("  {currency} per customer"), &|rates| rates.arpa.map(|arpa| format!("{arpa:.2}")));
}

const SEGMENT_COLUMNS: [&str; 7] = ["opening", "closing", "expansion", "customers", "exp. rate", "NRR", "GRR"];

fn segment_grid(window: &WindowReport, dimension: &DimensionReport, currency: &str) -> Grid {
    let corner = format!("{} by {} ({currency})", window.window, dimension.dimension);
    let mut grid = Grid::new(corner, SEGMENT_COLUMNS.into_iter().map(str::to_owned).chain(["band".to_owned()]));
    for segment in dimension.segments.iter().take(SEGMENTS_SHOWN) {
        segment_row(&mut grid, segment, window.has_comparison());
    }
    grid
}

fn segment_row(grid: &mut Grid, segment: &SegmentReport, has_comparison: bool) {
    let (sums, rates) = (&segment.sums, segment.sums.rates(has_comparison));
    let amounts = [sums.money.opening, sums.money.closing(), sums.money.expansion()].map(|amount| Cell::plain(money(amount)));
    let customers = Cell::plain(grouped(sums.customers.closing().into()));
    let shares = [rates.expansion_rate, rates.net_revenue_retention, rates.gross_revenue_retention];
    let shares = shares.map(|share| Cell::known(share.map(percent)));
    let label = if segment.value.is_empty() { "  (empty)".to_owned() } else { format!("  {}", segment.value) };
    grid.row(label, amounts.into_iter().chain([customers]).chain(shares).chain([band(sums.band())]));
}

fn not_shown(dimension: &DimensionReport) -> String {
    match dimension.segments.len().saturating_sub(SEGMENTS_SHOWN) {
        0 => String::new(),
        more => format!("  and {more} more: --format json or csv lists all\n"),
    }
}

fn band(band: Option<Band>) -> Cell {
    let tone = match band {
        Some(Band::Strong) => Tone::Good,
        Some(Band::Moderate) => Tone::Fair,
        Some(Band::Lagging) => Tone::Poor,
        None => Tone::Plain,
    };
    Cell { tone, ..Cell::known(band.map(|band| band.as_str().to_owned())) }
}

/// Major units with two places and grouped digits: `-1,234.50`.
pub(in crate::wire) fn money(micros: Micros) -> String {
    let cents = half_even(micros, 10_000);
    let sign = if cents < 0 { "-" } else { "" };
    let (units, rest) = (cents.unsigned_abs() / 100, cents.unsigned_abs() % 100);
    format!("{sign}{}.{rest:02}", digits(units))
}

/// A whole number with grouped digits: `1,234`.
fn grouped(number: i128) -> String {
    let sign = if number < 0 { "-" } else { "" };
    format!("{sign}{}", digits(number.unsigned_abs()))
}

fn digits(number: u128) -> String {
    let plain = number.to_string();
    let mut out = String::with_capacity(plain.len() + plain.len() / 3);
    for (index, digit) in plain.chars().enumerate() {
        if index > 0 && (plain.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

pub(in crate::wire) fn percent(share: f64) -> String {
    format!("{:.2} %", share * 100.0)
}

#[cfg(test)]
mod tests {
    use super::super::tests::example;
    use super::*;

    #[test]
    fn numbers_are_grouped_and_rounded() {
        for (micros, text) in [
            (0, "0.00"),
            (5_000, "0.00"),
            (15_000, "0.02"),
            (-1_234_567_895_000, "-1,234,567.90"),
            (999_995_000, "1,000.00"),
            (123_000_000, "123.00"),
        ] {
            assert_eq!(money(micros), text, "{micros}");
        }
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (-1_234_567, "-1,234,567")] {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn the_example_reads_well() {
        let (report, mut events) = example();
        events.reject(crate::domain::facts::Reason::Decode);
        let text = render(&report, &events, &Style { color: false, width: 100 });
        for line in [
            "Revenue in USD as of 2026-09-10T08:00:00Z (civil days of UTC)",
            "Events: 121 subscription states, 0 usage, 0 duplicates, 1 rejected, 0 at or after that instant",
            "rejected for decode: 1",
            "opening 620.00",
            "expansion rate 4.03 %",
            "band lagging",
        ] {
            assert!(text.lines().any(|found| found.split_whitespace().eq(line.split(' '))), "{line:?} is missing in\n{text}");
        }
        assert!(!text.contains('\u{1b}') && text.lines().all(|line| line.trim_end() == line), "{text}");
    }

    #[test]
    fn windows_that_do_not_fit_go_below() {
        let (mut report, events) = example();
        report.windows = (0..7).flat_map(|_| report.windows.clone()).collect();
        for width in [10, 80, 120] {
            let text = render(&report, &events, &Style { color: false, width });
            let tables: Vec<_> = text.lines().filter(|line| line.starts_with("window")).collect();
            assert_eq!(tables.iter().map(|line| line.matches("last_month").count()).sum::<usize>(), 7, "{text}");
            assert!(width == 10 || tables.iter().all(|line| line.len() <= width), "{text}");
        }
    }

    #[test]
    fn long_lists_say_what_they_leave_out() {
        let (mut report, events) = example();
        let segments = &mut report.windows[0].dimensions[0].segments;
        *segments = (0..13).flat_map(|_| segments.clone()).collect();
        let text = render(&report, &events, &Style { color: false, width: 100 });
        assert_eq!(text.matches("fintech").count(), 10, "{text}");
        assert!(text.contains("and 3 more"), "{text}");
    }

    #[test]
    fn text_from_events_cannot_drive_the_terminal() {
        let (mut report, events) = example();
        report.windows[0].dimensions[0].segments[0].value = "a\u{1b}[2Jb\nc\u{202e}d".into();
        let text = render(&report, &events, &Style { color: false, width: 100 });
        assert!(text.contains(r"a\u{1b}[2Jb\nc\u{202e}d"), "{text}");
        assert!(!text.contains('\u{1b}'), "{text}");
    }

    #[test]
    fn colour_only_on_a_terminal_that_wants_it() {
        for (is_terminal, no_color, color) in
            [(true, None, true), (true, Some(""), true), (true, Some("1"), false), (false, None, false)]
        {
            assert_eq!(Style::new(is_terminal, no_color, None).color, color, "{is_terminal} {no_color:?}");
        }
        let (report, events) = example();
        assert!(render(&report, &events, &Style::new(true, None, None)).contains("\u{1b}[31mlagging\u{1b}[0m"));
    }
}

//! Windows: which two edges a figure compares, and which two its comparison window does.
//!
//! Every boundary is a midnight of the reporting zone; the closing edge of a window that runs to date is the view's instant.

use super::calendar::{Day, Instant, Zone};
use std::fmt;

/// A calendar period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Period {
    Month,
    Quarter,
    Year,
}

impl Period {
    pub const ALL: [(&'static str, Period); 3] = [("month", Period::Month), ("quarter", Period::Quarter), ("year", Period::Year)];

    /// The period of a name.
    pub fn parse(name: &str) -> Option<Period> {
        Period::ALL.iter().find(|(known, _)| *known == name).map(|(_, period)| *period)
    }

    pub fn as_str(self) -> &'static str {
        Period::ALL.iter().find(|(_, known)| *known == self).map_or("", |(name, _)| name)
    }

    /// The name of the period that holds a day: `2026-03`, `2026-Q1`, `2026`.
    pub fn name_of(self, day: Day) -> String {
        let date = day.date();
        match self {
            Period::Month => day.month(),
            Period::Quarter => format!("{:04}-Q{}", date.year(), (date.month() - 1) / 3 + 1),
            Period::Year => format!("{:04}", date.year()),
        }
    }

    /// Months of one period.
    pub fn months(self) -> i8 {
        match self {
            Period::Month => 1,
            Period::Quarter => 3,
            Period::Year => 12,
        }
    }

    /// First day of the period so many periods before the one that holds `day`.
    fn start(self, day: Day, back: u8) -> Day {
        (0..back).fold(day.period_start(self.months()), |start, _| start.plus(-1).period_start(self.months()))
    }
}

/// A window by its configured name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Window {
    /// From the start of the current period to the view's instant; no comparison window.
    ToDate(Period),
    /// The last complete period, compared with the one before.
    Last(Period),
    /// From the midnight so many days ago to the view's instant, compared with as many days before.
    Trailing(u16),
}

impl Window {
    /// Shortest and longest trailing window, in days.
    pub const TRAILING_DAYS: std::ops::RangeInclusive<u16> = 7..=730;

    /// `month_to_date`, `last_quarter`, `trailing_90d` and their like; `None` for anything else.
    pub fn parse(name: &str) -> Option<Window> {
        if let Some(text) = name.strip_suffix("_to_date") {
            return Period::parse(text).map(Window::ToDate);
        }
        if let Some(text) = name.strip_prefix("last_") {
            return Period::parse(text).map(Window::Last);
        }
        let digits = name.strip_prefix("trailing_")?.strip_suffix('d')?;
        let canonical = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
        let days = digits.parse().ok().filter(|days| canonical && Window::TRAILING_DAYS.contains(days))?;
        Some(Window::Trailing(days))
    }

    /// Opening and closing edge.
    pub fn span(self) -> (Edge, Edge) {
        match self {
            Window::ToDate(period) => (Edge::PeriodStart(period, 0), Edge::AsOf),
            Window::Last(period) => (Edge::PeriodStart(period, 1), Edge::PeriodStart(period, 0)),
            Window::Trailing(days) => (Edge::DaysAgo(days), Edge::AsOf),
        }
    }

    /// Opening and closing edge of the comparison window, where there is one.
    pub fn comparison(self) -> Option<(Edge, Edge)> {
        match self {
            Window::ToDate(_) => None,
            Window::Last(period) => Some((Edge::PeriodStart(period, 2), Edge::PeriodStart(period, 1))),
            Window::Trailing(days) => Some((Edge::DaysAgo(days * 2), Edge::DaysAgo(days))),
        }
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Window::ToDate(period) => write!(f, "{}_to_date", period.as_str()),
            Window::Last(period) => write!(f, "last_{}", period.as_str()),
            Window::Trailing(days) => write!(f, "trailing_{days}d"),
        }
    }
}

/// Where to look at state, relative to a view's instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Edge {
    /// The first midnight of the period so many periods before the current one.
    PeriodStart(Period, u8),
    /// The midnight of the day so many days before today.
    DaysAgo(u16),
    /// The view's instant itself.
    AsOf,
}

impl Edge {
    /// The instant of this edge for a view at `as_of` on civil day `today`.
    pub fn instant(self, zone: &Zone, as_of: Instant, today: Day) -> Instant {
        match self {
            Edge::PeriodStart(period, back) => zone.midnight(period.start(today, back)),
            Edge::DaysAgo(days) => zone.midnight(today.plus(-i32::from(days))),
            Edge::AsOf => as_of,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_parse_and_print() {
        for name in [
            "month_to_date",
            "quarter_to_date",
            "year_to_date",
            "last_month",
            "last_quarter",
            "last_year",
            "trailing_7d",
            "trailing_730d",
        ] {
            assert_eq!(Window::parse(name).map(|window| window.to_string()).as_deref(), Some(name));
        }
        for name in [
            "",
            "week_to_date",
            "last_",
            "trailing_6d",
            "trailing_731d",
            "trailing_030d",
            "trailing_+30d",
            "trailing_30",
            "Trailing_30d",
        ] {
            assert_eq!(Window::parse(name), None, "{name}");
        }
    }

    #[test]
    fn edges_are_midnights_of_periods() {
        let zone = Zone::named("UTC").expect("a zone");
        let today = Day::parse("2026-03-31").expect("a date");
        let as_of = Instant(zone.midnight(today).0 + 3_600_000);
        for (window, edges) in [
            ("month_to_date", ["2026-03-01", "2026-03-31", "", ""]),
            ("last_month", ["2026-02-01", "2026-03-01", "2026-01-01", "2026-02-01"]),
            ("last_quarter", ["2025-10-01", "2026-01-01", "2025-07-01", "2025-10-01"]),
            ("last_year", ["2025-01-01", "2026-01-01", "2024-01-01", "2025-01-01"]),
            ("trailing_30d", ["2026-03-01", "2026-03-31", "2026-01-30", "2026-03-01"]),
        ] {
            let window = Window::parse(window).expect("a window");
            let day = |edge: Edge| zone.day(edge.instant(&zone, as_of, today)).date().to_string();
            let (opening, closing) = window.span();
            let comparison = window.comparison().map_or([String::new(), String::new()], |(a, b)| [day(a), day(b)]);
            let [from, to] = comparison;
            assert_eq!([day(opening), day(closing), from, to], edges, "{window}");
        }
    }
}

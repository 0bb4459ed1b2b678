//! The `revenue` section: windows, dimensions, the reporting zone, and exact exchange rates.

use super::fault::{Fault, Place};
use super::reader::Reader;
use super::types::Revenue;
use super::units::{Millis, rate_micros};
use super::yaml::{self, Entry, Node, Value};
use crate::domain::calendar::{Day, Zone};
use crate::domain::currency::{Currency, ExchangeRates, RateTable};
use crate::domain::frame::MAX_WINDOWS;
use crate::domain::window::Window;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// The windows of a configuration that names none.
pub const DEFAULT_WINDOWS: [&str; 7] =
    ["month_to_date", "last_month", "quarter_to_date", "last_quarter", "trailing_30d", "trailing_90d", "trailing_365d"];
/// The windows whose segments are exported where none are named, as far as they are configured.
const DEFAULT_SEGMENT_WINDOWS: [&str; 2] = ["trailing_90d", "trailing_365d"];
const DEFAULT_DIMENSIONS: [&str; 3] = ["cohort", "plan", "vertical"];
const DEFAULT_MAX_VALUES: usize = 100;
/// About as far as the default windows need usage days anyway.
const DEFAULT_HISTORY: u16 = 24;
/// A hundred years: all there can be.
const LONGEST_HISTORY: u16 = 1_200;
/// Most values of a dimension that can be published: each is several time series.
const MOST_VALUES: usize = 100_000;
const WINDOW_NAMES: &str = "use month_to_date, quarter_to_date, year_to_date, last_month, last_quarter, last_year or trailing_<N>d \
                            with N from 7 to 730";
const RATES: &str = "revenue.exchange_rates";
const RATES_FILE: &str = "revenue.exchange_rates_file";
/// Form of one table, for sentences.
const TABLE: &str = "{ from: 2026-01-01, rates: { EUR: 1.08 } }";

/// Reads the section.
pub fn read(reader: &mut Reader) -> Revenue {
    let usd = Currency::parse("USD").expect("three capital letters");
    let currency = reader.value("revenue.currency", usd, currency);
    let (rate_tables, exchange_rates_file) = exchange_rates(reader, currency);
    let tables = rate_tables.iter().map(|(from, rates)| RateTable { from: *from, rates: rates.clone() }).collect();
    Revenue {
        time_zone: time_zone(reader),
        rates: ExchangeRates::new(currency, tables),
        rate_tables,
        exchange_rates_file,
        windows: windows(reader),
        dimensions: dimensions(reader),
        max_values: reader.value("revenue.max_values", DEFAULT_MAX_VALUES, max_values),
        complete_since: reader.value("revenue.complete_since", None, complete_since),
        dedup_window: reader.value("revenue.dedup_window", Millis(86_400_000), Millis::parse),
        history: reader.value("revenue.history", DEFAULT_HISTORY, history),
    }
}

/// Reads `metrics.segment_windows`, which must be configured windows.
pub fn segment_windows(reader: &mut Reader, windows: &[Window]) -> Vec<Window> {
    const PATH: &str = "metrics.segment_windows";
    let Some(items) = reader.list(PATH) else {
        let defaults = DEFAULT_SEGMENT_WINDOWS.iter().filter_map(|name| Window::parse(name));
        return defaults.filter(|window| windows.contains(window)).collect();
    };
    let found = distinct(reader, PATH, items, window);
    for (place, window) in found.iter().filter(|(_, window)| !windows.contains(window)) {
        reader.fault_at(place, PATH, format!("{window} is not one of revenue.windows; add it there, or remove it here"));
    }
    found.into_iter().map(|(_, window)| window).collect()
}

fn currency(text: &str) -> Result<Currency, String> {
    Currency::parse(text)
        .ok_or_else(|| format!("{text:?} is no currency; write its ISO 4217 code, three capital letters such as EUR"))
}

fn time_zone(reader: &mut Reader) -> Zone {
    let named = |name: &str| {
        let unknown = || format!("there is no time zone {name:?}; write an IANA name such as Europe/Berlin");
        Zone::named(name).map(Some).ok_or_else(unknown)
    };
    let zone = reader.value("revenue.time_zone", None, named);
    zone.unwrap_or_else(|| Zone::named("UTC").expect("UTC is part of every time zone database"))
}

fn window(text: &str) -> Result<Window, String> {
    Window::parse(text).ok_or_else(|| format!("there is no window {text:?}; {WINDOW_NAMES}"))
}

fn windows(reader: &mut Reader) -> Vec<Window> {
    const PATH: &str = "revenue.windows";
    let Some(items) = reader.list(PATH) else {
        return DEFAULT_WINDOWS.iter().filter_map(|name| Window::parse(name)).collect();
    };
    if items.is_empty() {
        reader.fault(PATH, format!("no window is named; {WINDOW_NAMES}"));
    }
    let windows: Vec<_> = distinct(reader, PATH, items, window).into_iter().map(|(_, window)| window).collect();
    if windows.len() > MAX_WINDOWS {
        reader.fault(PATH, format!("{} windows are named; name at most {MAX_WINDOWS}", windows.len()));
    }
    windows
}

fn dimensions(reader: &mut Reader) -> Vec<String> {
    const PATH: &str = "revenue.dimensions";
    let Some(items) = reader.list(PATH) else {
        return DEFAULT_DIMENSIONS.map(str::to_owned).to_vec();
    };
    let name = |text: &str| match text {
        "" => Err("a dimension has no name; write cohort, plan or the name of an attribute".to_owned()),
        _ => Ok(text.to_owned()),
    };
    distinct(reader, PATH, items, name).into_iter().map(|(_, name)| name).collect()
}

/// Parses every item; one that cannot be parsed or comes twice is a fault.
fn distinct<T: PartialEq>(
    reader: &mut Reader,
    path: &str,
    items: Vec<(Place, String)>,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Vec<(Place, T)> {
    let mut found: Vec<(Place, T)> = Vec::new();
    for (place, text) in items {
        match parse(&text) {
            Ok(value) if found.iter().any(|(_, known)| *known == value) => {
                reader.fault_at(&place, path, format!("{text} is listed twice; remove one of them"));
            }
            Ok(value) => found.push((place, value)),
            Err(message) => reader.fault_at(&place, path, message),
        }
    }
    found
}

fn max_values(text: &str) -> Result<usize, String> {
    let wrong = || format!("{text:?} is no number of values; write a whole number from 1 to {MOST_VALUES}");
    text.parse().ok().filter(|values| (1..=MOST_VALUES).contains(values)).ok_or_else(wrong)
}

fn history(text: &str) -> Result<u16, String> {
    let wrong = || format!("{text:?} is no number of months; write a whole number from 0 to {LONGEST_HISTORY}");
    text.parse().ok().filter(|months| (0..=LONGEST_HISTORY).contains(months)).ok_or_else(wrong)
}

fn date(text: &str) -> Result<Day, String> {
    Day::parse(text).ok_or_else(|| format!("{text:?} is no date; write one such as 2026-01-31"))
}

fn complete_since(text: &str) -> Result<Option<Day>, String> {
    if text.is_empty() { Ok(None) } else { date(text).map(Some) }
}

type Tables = Vec<(Day, BTreeMap<Currency, i64>)>;

/// The tables of the list or of the file, by `from` ascending, and the file. With both, the faults of both are found.
fn exchange_rates(reader: &mut Reader, reporting: Currency) -> (Tables, Option<PathBuf>) {
    let list = reader.raw.get(RATES).cloned();
    let listed = list.as_ref().map(|node| RateReader { reader, key: RATES, reporting }.tables(node)).unwrap_or_default();
    let Some(name) = reader.optional(RATES_FILE) else { return (listed, None) };
    if list.is_some_and(|node| !matches!(&node.value, Value::List(items) if items.is_empty())) {
        reader.fault(RATES_FILE, format!("{RATES} is set too; remove one of them"));
    }
    let file = reader.path(&name);
    let text = match std::fs::read_to_string(&file) {
        Ok(text) => text,
        Err(error) => {
            reader.fault(RATES_FILE, format!("{} cannot be read: {error}; name a readable file", file.display()));
            return (Tables::new(), None);
        }
    };
    let (node, faults) = yaml::parse(&text, &Arc::from(file.display().to_string()));
    reader.faults.extend(faults.into_iter().map(|fault| Fault { key: RATES_FILE.to_owned(), ..fault }));
    let tables = node.map(|node| RateReader { reader, key: RATES_FILE, reporting }.tables(&node)).unwrap_or_default();
    (tables, Some(file))
}

/// Reads tables of rates; faults carry the place in whichever file the tables stand.
struct RateReader<'a, 'r> {
    reader: &'a mut Reader<'r>,
    key: &'static str,
    reporting: Currency,
}

impl RateReader<'_, '_> {
    fn fault(&mut self, place: &Place, message: impl Into<String>) {
        self.reader.fault_at(place, self.key, message);
    }

    fn tables(&mut self, node: &Node) -> Tables {
        let items = match &node.value {
            Value::List(items) => items,
            Value::Null => return Tables::new(),
            other => {
                self.fault(&node.place, format!("write a list of tables such as {TABLE}, not {}", other.kind()));
                return Tables::new();
            }
        };
        let mut tables: BTreeMap<Day, BTreeMap<Currency, i64>> = BTreeMap::new();
        let read: Vec<_> = items.iter().filter_map(|item| self.table(item)).collect();
        for (place, from, rates) in read {
            if tables.insert(from, rates).is_some() {
                self.fault(&place, format!("two tables begin on {}; merge them, or change one date", from.date()));
            }
        }
        tables.into_iter().collect()
    }

    fn table(&mut self, node: &Node) -> Option<(Place, Day, BTreeMap<Currency, i64>)> {
        let Value::Map(entries) = &node.value else {
            self.fault(&node.place, format!("a table is written {TABLE}, not {}", node.value.kind()));
            return None;
        };
        let (mut from, mut rates) = (None, None);
        for entry in entries {
            match entry.key.as_str() {
                "from" => from = Some(self.from(&entry.node)),
                "rates" => rates = Some(self.rates(&entry.node)),
                other => self.fault(&entry.place, format!("unknown key {other:?}; a table is written {TABLE}")),
            }
        }
        for (name, missing) in [("from", from.is_none()), ("rates", rates.is_none())] {
            if missing {
                self.fault(&node.place, format!("{name} is missing; a table is written {TABLE}"));
            }
        }
        let (place, from) = from??;
        Some((place, from, rates?))
    }

    fn from(&mut self, node: &Node) -> Option<(Place, Day)> {
        match date(node.as_text().unwrap_or("")) {
            Ok(day) => Some((node.place.clone(), day)),
            Err(message) => {
                self.fault(&node.place, format!("from: {message}"));
                None
            }
        }
    }

    fn rates(&mut self, node: &Node) -> BTreeMap<Currency, i64> {
        let Value::Map(entries) = &node.value else {
            self.fault(&node.place, format!("rates is a mapping of currencies to rates, not {}", node.value.kind()));
            return BTreeMap::new();
        };
        entries.iter().filter_map(|entry| self.rate(entry)).collect()
    }

    fn rate(&mut self, entry: &Entry) -> Option<(Currency, i64)> {
        let rate = rate_micros(entry.node.as_text().unwrap_or("")).map_err(|message| (&entry.node.place, message));
        let code = currency(&entry.key).map_err(|message| (&entry.place, message)).and_then(|code| match code {
            _ if code != self.reporting => Ok(code),
            _ => Err((&entry.place, format!("{} is the reporting currency, whose rate is always 1; remove it", code.as_str()))),
        });
        for (place, message) in [code.as_ref().err(), rate.as_ref().err()].into_iter().flatten() {
            self.fault(place, format!("{}: {message}", entry.key));
        }
        Some((code.ok()?, rate.ok()?))
    }
}

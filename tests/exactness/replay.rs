//! `upswell replay --format json` over random hostile histories in container files: every figure is the twin's.

use crate::containers::{Dialect, Written, container};
use crate::faults::{Fault, fault};
use crate::harness::{Twin, equal, property};
use crate::history::{History, history};
use crate::json::{self, Json};
use crate::twin::calendar::{Calendar, date};
use crate::twin::facts::{Event, Fact};
use crate::twin::rates::{band, rates};
use crate::twin::setup::Setup;
use jiff::Timestamp;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use upswell::domain::calendar::Instant;
use upswell::domain::facts::Reason;
use upswell::domain::rates::Sums;
use upswell::engine::report::{Report, SegmentReport, WindowReport};

/// The last instant a view exists for.
const LAST_VIEW: i64 = 4_133_980_799_999;

/// What the files and the command line add to a history.
struct Files {
    /// A fault for each event by its number; most have none.
    faults: Vec<Option<Fault>>,
    foreign: bool,
    dialects: Vec<Dialect>,
    /// `--as-of` as finer than milliseconds, or as a date where it is a midnight.
    other_form: bool,
}

impl std::fmt::Debug for Files {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let faults: Vec<_> =
            self.faults.iter().enumerate().filter_map(|(number, fault)| Some((number, fault.as_ref()?))).collect();
        write!(f, "faults {faults:?}, foreign {}, {:?}, other form {}", self.foreign, self.dialects, self.other_form)
    }
}

fn files() -> impl Strategy<Value = Files> {
    let faults = vec(proptest::option::weighted(0.15, fault()), 64);
    let dialects = vec(select(vec![Dialect::Strict, Dialect::Loose, Dialect::Micros]), 4);
    (faults, any::<bool>(), dialects, any::<bool>()).prop_map(|(faults, foreign, dialects, other_form)| Files {
        faults,
        foreign,
        dialects,
        other_form,
    })
}

impl Files {
    /// An event with its fault. Repetitions have the same; an id stays one event's.
    fn spoiled(&self, mut event: Event) -> Written {
        let original = id_of(&mut event).clone().unwrap_or_default();
        let digits: String = original.chars().filter(char::is_ascii_digit).collect();
        let number: usize = digits.parse().unwrap_or(0);
        if let Some(fault) = &self.faults[number % self.faults.len()] {
            fault.spoil(&mut event);
        }
        let spoiled = id_of(&mut event);
        if spoiled.as_ref().is_some_and(|text| !text.is_empty() && *text != original) {
            *spoiled = Some(format!("{}{original}", spoiled.as_deref().unwrap_or("")));
        }
        Written { event, foreign: self.foreign }
    }
}

fn id_of(event: &mut Event) -> &mut Option<String> {
    match event {
        Event::Subscription(state) => &mut state.event_id,
        Event::Usage(usage) => &mut usage.event_id,
    }
}

/// How every event is counted once.
#[derive(Default)]
struct Counts {
    subscriptions: usize,
    usage: usize,
    duplicates: usize,
    rejected: BTreeMap<Reason, usize>,
    after_as_of: usize,
}

fn count(twin: &mut Twin, events: &[Written], as_of: i64) -> Counts {
    let mut counts = Counts::default();
    let mut applied = BTreeSet::new();
    for written in events {
        let verdict = if written.undecodable() { Err(Reason::Decode) } else { twin.apply(&written.event) };
        match (verdict, twin.facts.last()) {
            (Err(reason), _) => *counts.rejected.entry(reason).or_default() += 1,
            (Ok(()), Some(fact)) if fact.at() >= as_of => counts.after_as_of += 1,
            (Ok(()), Some(Fact::Consumption(usage))) => {
                let first = applied.insert((usage.customer_id.clone(), usage.event_id.clone()));
                *(if first { &mut counts.usage } else { &mut counts.duplicates }) += 1;
            }
            (Ok(()), _) => counts.subscriptions += 1,
        }
    }
    counts
}

#[test]
fn a_replay_of_hostile_files_is_the_twins_report() {
    property(40, (history(50, None), files()), |(history, files)| check(&history, &files));
}

fn check(history: &History, files: &Files) -> Result<(), String> {
    let setup = &history.setup;
    let as_of = history.end().min(LAST_VIEW);
    let written = history.events().into_iter().map(|event| files.spoiled(event));
    let (usage, states): (Vec<Written>, Vec<Written>) = written.partition(|written| written.event.as_usage().is_some());
    let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
    let path = |name: &str| directory.path().join(name);
    let write = |name: &str, bytes: &[u8]| std::fs::write(path(name), bytes).map_err(|error| error.to_string());
    write("upswell.yaml", configuration(setup).as_bytes())?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_upswell"));
    command.current_dir(directory.path()).args(["replay", "--config", "upswell.yaml", "--format", "json", "--audit"]);
    command.args(["--as-of", &as_of_argument(setup, as_of, files.other_form), "--rejects", "rejects.jsonl"]);
    for (option, events, dialects) in
        [("--subscriptions", &states, &files.dialects[..2]), ("--usage", &usage, &files.dialects[2..])]
    {
        let (first, second) = events.split_at(events.len() / 3);
        for (number, (part, dialect)) in [first, second].into_iter().zip(dialects).enumerate() {
            let name = format!("{}{number}.avro", &option[2..]);
            write(&name, &container(part, *dialect))?;
            command.args([option, &name]);
        }
    }
    let output = command.output().map_err(|error| error.to_string())?;
    let (text, complaints) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    equal(&format!("exit code, with {complaints}"), &Some(0), &output.status.code())?;
    let mut twin = Twin::new(setup);
    let counts = count(&mut twin, &[states, usage].concat(), as_of);
    let actual = json::parse(&text)?;
    report_json(&twin.report(as_of), &counts).same(&actual, "report")?;
    let reasons = |events: Option<&Json>| match events.and_then(|events| events.get("rejected")) {
        Some(Json::Object(entries)) => entries.iter().map(|(reason, _)| reason.clone()).collect(),
        _ => Vec::new(),
    };
    let in_order: Vec<String> = counts.rejected.keys().map(|reason| reason.as_str().to_owned()).collect();
    equal("order of reasons", &in_order, &reasons(actual.get("events")))?;
    let rejects = std::fs::read_to_string(path("rejects.jsonl")).map_err(|error| error.to_string())?;
    equal("lines of rejected events", &counts.rejected.values().sum::<usize>(), &rejects.lines().count())
}

/// JSON is YAML.
fn configuration(setup: &Setup) -> String {
    let quoted = |text: &String| serde_json::to_string(text).expect("text");
    let list = |texts: &[String]| texts.iter().map(quoted).collect::<Vec<_>>().join(", ");
    let table = |(from, rates): &(i32, BTreeMap<String, i64>)| {
        let rate = |(currency, rate): (&String, &i64)| format!("{currency}: {}.{:06}", rate / 1_000_000, rate % 1_000_000);
        let rates: Vec<String> = rates.iter().map(rate).collect();
        format!("    - {{ from: {}, rates: {{ {} }} }}\n", date(*from), rates.join(", "))
    };
    let tables: String = setup.tables.iter().filter(|(_, rates)| !rates.is_empty()).map(table).collect();
    let (windows, dimensions) = (list(&setup.windows), list(&setup.dimensions));
    let tables = if tables.is_empty() { String::new() } else { format!("  exchange_rates:\n{tables}") };
    format!(
        "revenue:\n  currency: {}\n  time_zone: {}\n  windows: [{windows}]\n  dimensions: [{dimensions}]\n  max_values: {}\n{tables}",
        setup.currency, setup.zone, setup.max_values
    )
}

fn as_of_argument(setup: &Setup, as_of: i64, other_form: bool) -> String {
    let calendar = Calendar::of(&setup.zone);
    let day = calendar.day(as_of);
    let at = Timestamp::from_millisecond(as_of).expect("an instant of our times");
    match other_form {
        true if calendar.midnight(day) == as_of => date(day).to_string(),
        true => format!("{at:.3}").replace('Z', "999Z"),
        false => at.to_string(),
    }
}

fn instant(at: Instant) -> Json {
    let text = Timestamp::from_millisecond(at.0).expect("an instant of our times");
    Json::Text(if at.0 % 1000 == 0 { format!("{text:.0}") } else { format!("{text:.3}") })
}

fn money(micros: i128) -> Json {
    let (sign, size) = (if micros < 0 { "-" } else { "" }, micros.unsigned_abs());
    Json::Text(format!("{sign}{}.{:06}", size / 1_000_000, size % 1_000_000))
}

fn ratio(ratio: Option<f64>) -> Json {
    ratio.map_or(Json::Null, Json::number)
}

fn motions(amounts: &[i128; 5]) -> Json {
    let names = ["upsell", "cross_sell", "seats", "usage", "price"];
    Json::Object(names.iter().zip(amounts).map(|(name, amount)| ((*name).to_owned(), money(*amount))).collect())
}

/// The parts that windows and segments have in common.
fn figures(sums: &Sums, has_comparison: bool) -> Vec<(String, Json)> {
    let Sums { money: m, customers: c } = sums;
    let rates = rates(sums, has_comparison);
    let comparison = if has_comparison { money(m.comparison_expansion) } else { Json::Null };
    let mrr = Json::object([
        ("opening", money(m.opening)),
        ("new", money(m.new)),
        ("reactivation", money(m.reactivation)),
        ("expansion", money(m.expansion.iter().sum())),
        ("contraction", money(m.contraction.iter().sum())),
        ("churn", money(m.churn)),
        ("closing", money(m.closing())),
        ("comparison_expansion", comparison),
    ]);
    let customers = Json::object([
        ("opening", Json::number(c.opening)),
        ("new", Json::number(c.new)),
        ("reactivation", Json::number(c.reactivation)),
        ("expansion", Json::number(c.expansion)),
        ("contraction", Json::number(c.contraction)),
        ("churn", Json::number(c.churn)),
        ("closing", Json::number(c.opening + c.new + c.reactivation - c.churn)),
    ]);
    let rates = Json::object([
        ("expansion_rate", ratio(rates.expansion_rate)),
        ("expansion_growth", ratio(rates.expansion_growth)),
        ("net_revenue_retention", ratio(rates.net_revenue_retention)),
        ("gross_revenue_retention", ratio(rates.gross_revenue_retention)),
        ("quick_ratio", ratio(rates.quick_ratio)),
        ("customer_churn_rate", ratio(rates.customer_churn_rate)),
        ("customer_expansion_share", ratio(rates.customer_expansion_share)),
        ("arpa", ratio(rates.arpa)),
    ]);
    let band = band(sums).map_or(Json::Null, |band| Json::text(&format!("{band:?}").to_lowercase()));
    let named = [
        ("mrr", mrr),
        ("customers", customers),
        ("expansion_by_motion", motions(&m.expansion)),
        ("contraction_by_motion", motions(&m.contraction)),
        ("rates", rates),
        ("band", band),
    ];
    named.map(|(name, value)| (name.to_owned(), value)).into()
}

fn window_json(window: &WindowReport) -> Json {
    let mut entries = vec![
        ("window".to_owned(), Json::text(&window.window)),
        ("opening_edge".to_owned(), instant(window.opening_edge)),
        ("closing_edge".to_owned(), instant(window.closing_edge)),
    ];
    entries.extend(figures(&window.total, window.has_comparison()));
    let mut segments = Vec::new();
    for dimension in &window.dimensions {
        segments.extend(dimension.segments.iter().map(|SegmentReport { value, sums }| {
            let names = [("dimension", &dimension.dimension), ("value", value)];
            let mut segment: Vec<(String, Json)> = names.map(|(name, text)| (name.to_owned(), Json::text(text))).into();
            segment.extend(figures(sums, window.has_comparison()));
            Json::Object(segment)
        }));
    }
    entries.push(("segments".to_owned(), Json::List(segments)));
    Json::Object(entries)
}

fn report_json(report: &Report, counts: &Counts) -> Json {
    let rejected = counts.rejected.iter().map(|(reason, count)| (reason.as_str().to_owned(), Json::number(count)));
    let events = Json::object([
        ("subscriptions", Json::number(counts.subscriptions)),
        ("usage", Json::number(counts.usage)),
        ("duplicates", Json::number(counts.duplicates)),
        ("rejected", Json::Object(rejected.collect())),
        ("after_as_of", Json::number(counts.after_as_of)),
    ]);
    Json::object([
        ("as_of", instant(report.as_of)),
        ("currency", Json::text(&report.currency)),
        ("time_zone", Json::text(&report.time_zone)),
        ("events", events),
        ("windows", Json::List(report.windows.iter().map(window_json).collect())),
    ])
}

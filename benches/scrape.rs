//! What a scrape and a report cost with 3 dimensions of 100 values each: as deployed by default (7 windows, segments of two of them
//! exported), and with 10 windows whose segments are all exported.

use divan::Bencher;
use std::sync::Arc;
use upswell::domain::calendar::Instant;
use upswell::domain::rates::{Customers, Money, Sums};
use upswell::engine::report::{DimensionReport, Report, SegmentReport, WindowReport};
use upswell::wire::exposition::{Exposition, Format};
use upswell::wire::gzip;
use upswell::wire::published::{Published, View};
use upswell::wire::report::{EventCounts, json};
use upswell::wire::telemetry::Telemetry;

fn main() {
    for deployment in DEPLOYMENTS {
        let text = scraped(deployment);
        println!("{deployment:?}: {} samples, {} bytes", text.lines().filter(|line| !line.starts_with('#')).count(), text.len());
    }
    divan::main();
}

fn sums(seed: i128) -> Sums {
    let money = Money {
        opening: 1_234_567_891 * (seed + 1),
        new: 1_000_003 * seed,
        expansion: [3_000_017 * seed; 5],
        churn: 2_000_011 * seed,
        comparison_expansion: 7_000_001 * (seed + 1),
        ..Money::default()
    };
    Sums { money, customers: Customers { opening: 100, new: 3, expansion: 5, churn: 2, ..Customers::default() } }
}

fn window(index: usize) -> WindowReport {
    let segment = |value: i128| SegmentReport { value: format!("value number {value}"), sums: sums(value) };
    let dimension =
        |name: &str| DimensionReport { dimension: name.to_owned(), segments: (0..100).map(segment).collect(), folded: 3 };
    WindowReport {
        window: format!("trailing_{}d", 30 + index),
        opening_edge: Instant(1_781_049_600_000),
        closing_edge: Instant(1_789_027_200_000),
        comparison_opening: Some(Instant(1_773_273_600_000)),
        total: sums(100),
        dimensions: ["cohort", "plan", "vertical"].map(dimension).into(),
    }
}

/// A deployment: how many windows there are, and of how many the segments are exported.
#[derive(Clone, Copy, Debug)]
enum Deployment {
    Default,
    AllWindows,
}

const DEPLOYMENTS: [Deployment; 2] = [Deployment::Default, Deployment::AllWindows];

fn view(deployment: Deployment) -> View {
    let (windows, exported) = match deployment {
        Deployment::Default => (7, 2),
        Deployment::AllWindows => (10, 10),
    };
    let report = Report {
        as_of: Instant(1_789_027_200_000),
        currency: "USD".to_owned(),
        time_zone: "UTC".to_owned(),
        mrr: 1_234_567_890,
        usage_today: Some(0),
        windows: (0..windows).map(window).collect(),
    };
    let segment_windows = report.windows.iter().take(exported).map(|window| window.window.clone()).collect();
    View { report, live_partitions: 12, owns_all: true, segment_windows }
}

fn exposition(deployment: Deployment) -> Exposition {
    let published = Arc::new(Published::new());
    published.publish(view(deployment));
    Exposition::new(published, Arc::new(Telemetry::new("billing.subscriptions", "billing.usage", "billing.retries")))
}

fn scraped(deployment: Deployment) -> String {
    exposition(deployment).render(Format::Text).expect("it can be written")
}

#[divan::bench(args = DEPLOYMENTS)]
fn text(bencher: Bencher, deployment: Deployment) {
    let exposition = exposition(deployment);
    bencher.bench(|| exposition.render(Format::Text));
}

#[divan::bench(args = DEPLOYMENTS)]
fn openmetrics(bencher: Bencher, deployment: Deployment) {
    let exposition = exposition(deployment);
    bencher.bench(|| exposition.render(Format::OpenMetrics));
}

/// What packing for the way adds.
#[divan::bench(args = DEPLOYMENTS)]
fn gzip_of_text(bencher: Bencher, deployment: Deployment) {
    let text = scraped(deployment);
    bencher.bench(|| gzip::compress(text.as_bytes()));
}

#[divan::bench(args = DEPLOYMENTS)]
fn report(bencher: Bencher, deployment: Deployment) {
    let view = view(deployment);
    bencher.bench(|| json::render(&view.report, &EventCounts::default()));
}

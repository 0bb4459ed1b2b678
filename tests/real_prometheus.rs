//! A real Prometheus scrapes the service in both formats and stores what was published.
//!
//! Which format a scraper gets depends on its `Accept` header, and Prometheus asks for OpenMetrics; a relay in between asks for
//! the text format on its behalf.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant as Clock};
use upswell::adapter::http::{self, State};
use upswell::domain::calendar::Instant;
use upswell::domain::rates::{Customers, Money, Sums};
use upswell::engine::report::{DimensionReport, Report, SegmentReport, WindowReport};
use upswell::wire::published::{Published, View};
use upswell::wire::telemetry::Telemetry;

/// The longest Prometheus may take to start and scrape.
const PATIENCE: Duration = Duration::from_secs(60);

const HOSTILE: &str = "say \"hi\"\\\n\u{0}\u{1b} Ü😀";

fn view() -> View {
    let money = Money { opening: 620_000_000, expansion: [25_000_000, 0, 0, 0, 0], churn: 50_000_000, ..Money::default() };
    let sums = Sums { money, customers: Customers { opening: 14, expansion: 2, churn: 1, ..Customers::default() } };
    let segment = SegmentReport { value: HOSTILE.to_owned(), sums };
    let window = WindowReport {
        window: "trailing_90d".to_owned(),
        opening_edge: Instant(1_781_049_600_000),
        closing_edge: Instant(1_789_027_200_000),
        has_comparison: true,
        total: sums,
        dimensions: vec![DimensionReport { dimension: "vertical".to_owned(), segments: vec![segment], folded: 0 }],
    };
    let report = Report {
        as_of: Instant(1_789_027_200_000),
        currency: "USD".to_owned(),
        time_zone: "UTC".to_owned(),
        mrr: 595_000_001,
        usage_today: 0,
        windows: vec![window],
    };
    View { report, live_partitions: 1, owns_all: true, segment_windows: Arc::new(["trailing_90d".to_owned()]) }
}

fn free_listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("a bound address");
    (listener, address)
}

/// The service, for as long as the runtime lives.
fn service(runtime: &tokio::runtime::Runtime) -> SocketAddr {
    let published = Arc::new(Published::new());
    published.publish(view());
    let telemetry = Arc::new(Telemetry::new("billing.subscriptions", "billing.usage"));
    let (listener, address) = free_listener();
    listener.set_nonblocking(true).expect("a socket can be set non-blocking");
    runtime.spawn(async move {
        let listener = tokio::net::TcpListener::from_std(listener).expect("a non-blocking socket");
        http::serve(listener, State { published, telemetry, reload: None }, std::future::pending()).await;
    });
    address
}

/// Answers every request with the service's text format, whatever the client accepts.
fn text_relay(service: SocketAddr) -> SocketAddr {
    let (listener, address) = free_listener();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut request = BufReader::new(&stream).lines().map_while(Result::ok);
            if request.by_ref().all(|line| !line.is_empty()) {
                continue;
            }
            let response =
                ureq::get(format!("http://{service}/metrics")).header("Accept", "text/plain").call().expect("a scrape");
            let content_type = response.headers()["content-type"].to_str().expect("text").to_owned();
            let body = response.into_body().read_to_string().expect("a text");
            assert!(content_type.starts_with("text/plain; version=0.0.4"), "{content_type}");
            let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nConnection: close\r\n\r\n");
            // Prometheus may have given up meanwhile; it asks again.
            let _ = (&stream).write_all((head + &body).as_bytes());
        }
    });
    address
}

/// A Prometheus that is ended by its id when dropped.
struct Prometheus {
    process: Child,
    address: SocketAddr,
    _directory: tempfile::TempDir,
}

impl Prometheus {
    fn scraping(jobs: &[(&str, SocketAddr)]) -> Prometheus {
        let directory = tempfile::tempdir().expect("a directory");
        let mut configuration = "global: { scrape_interval: 1s }\nscrape_configs:\n".to_owned();
        for (job, target) in jobs {
            configuration += &format!("- {{ job_name: {job}, static_configs: [{{ targets: ['{target}'] }}] }}\n");
        }
        let file = directory.path().join("prometheus.yml");
        std::fs::write(&file, configuration).expect("the configuration can be written");
        let (listener, address) = free_listener();
        drop(listener);
        let process = Command::new("prometheus")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", directory.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("prometheus is missing: install it (Debian: apt-get install prometheus), or run `make test`, which does");
        Prometheus { process, address, _directory: directory }
    }

    /// `data` of an API answer; `None` while Prometheus does not answer.
    fn api(&self, path: &str) -> Option<serde_json::Value> {
        let body = ureq::get(format!("http://{}/api/v1/{path}", self.address)).call().ok()?.into_body().read_to_string().ok()?;
        Some(serde_json::from_str::<serde_json::Value>(&body).ok()?["data"].clone())
    }

    /// The value of a series of one job, and the segment label it has.
    fn series(&self, job: &str, metric: &str) -> Option<(f64, String)> {
        let data = self.api(&format!("query?query={metric}%7Bjob%3D%22{job}%22%7D"))?;
        let found = data["result"].get(0)?;
        let value = found["value"][1].as_str()?.parse().ok()?;
        Some((value, found["metric"]["segment"].as_str().unwrap_or_default().to_owned()))
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Asks again until there is an answer.
fn eventually<T>(prometheus: &Prometheus, what: &str, ask: impl Fn() -> Option<T>) -> T {
    let deadline = Clock::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Clock::now() < deadline, "{what} is missing; targets: {:?}", prometheus.api("targets"));
        std::thread::park_timeout(Duration::from_millis(100));
    }
}

#[test]
fn both_formats_arrive_whole() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let service = service(&runtime);
    let prometheus = Prometheus::scraping(&[("openmetrics", service), ("text", text_relay(service))]);
    for job in ["openmetrics", "text"] {
        for (metric, value, segment) in [
            ("up", 1.0, ""),
            ("upswell_mrr", 595.000001, ""),
            ("upswell_expansion_rate_ratio", 25.0 / 620.0, ""),
            ("upswell_segment_opening_mrr", 620.0, HOSTILE),
            ("upswell_reporting_currency_info", 1.0, ""),
            ("upswell_build_info", 1.0, ""),
            ("upswell_rebalances_total", 0.0, ""),
            ("process_cpu_seconds_total", f64::NAN, ""),
        ] {
            let found = eventually(&prometheus, metric, || {
                // A target that was scraped before the service was there is down for one interval.
                prometheus.series(job, metric).filter(|(value, _)| metric != "up" || *value == 1.0)
            });
            assert!(value.is_nan() || found.0 == value, "{metric} of {job}: {}", found.0);
            assert_eq!(found.1, segment, "{metric} of {job}");
        }
    }
}

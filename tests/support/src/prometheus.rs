//! A real Prometheus that scrapes one address, and what it made of it.

use crate::http;
use crate::parts::{Place, free_ports, script};
use crate::wait;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};

/// Prometheus with one target.
#[derive(Debug)]
pub struct Prometheus {
    _place: Place,
    port: u16,
}

impl Prometheus {
    /// Scrapes `http://TARGET/metrics` every second; with `openmetrics` it negotiates that format, which it prefers by itself,
    /// else only the text format.
    pub fn start(target: &str, openmetrics: bool) -> Prometheus {
        Prometheus::launch(&[&if openmetrics { target.to_owned() } else { text_only(target) }], "", "")
    }

    /// Scrapes with further keys of the job, such as `scheme: https`.
    pub fn scraping(target: &str, job: &str) -> Prometheus {
        Prometheus::launch(&[target], job, "")
    }

    /// Scrapes as above, and evaluates the rules of a file every second.
    pub fn start_with_rules(target: &str, rules: &Path) -> Prometheus {
        Prometheus::start_group(&[target], rules)
    }

    /// The same with several targets, the instances of one job.
    pub fn start_group(targets: &[&str], rules: &Path) -> Prometheus {
        Prometheus::launch(targets, "", &format!("rule_files: ['{}']\n", rules.display()))
    }

    /// The same, and tells an Alertmanager (`host:port`) of what fires, again every second.
    pub fn alerting(target: &str, rules: &Path, alertmanager: &str) -> Prometheus {
        let alerting = format!("alerting: {{ alertmanagers: [{{ static_configs: [{{ targets: ['{alertmanager}'] }}] }}] }}\n");
        Prometheus::launch(&[target], "", &format!("rule_files: ['{}']\n{alerting}", rules.display()))
    }

    /// Scrapes nothing that is there, and has what promtool makes of an OpenMetrics text with timestamps.
    ///
    /// # Panics
    /// With what promtool says, if it makes nothing of it.
    pub fn with_history(openmetrics: &str) -> Prometheus {
        let place = Place::new();
        let (file, blocks) = (place.directory().join("history.txt"), place.directory().join("tsdb"));
        std::fs::write(&file, openmetrics).expect("the text can be written");
        std::fs::create_dir(&blocks).expect("a directory for the blocks");
        let output = Command::new(script())
            .args(["promtool", "tsdb", "create-blocks-from", "openmetrics"])
            .args([&file, &blocks])
            .output()
            .expect("promtool can be started");
        let said = [output.stdout, output.stderr].concat();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
        Prometheus::launch_in(place, &["127.0.0.1:1"], ("", ""), &["--storage.tsdb.retention.time=100y"])
    }

    fn launch(targets: &[&str], job: &str, more: &str) -> Prometheus {
        Prometheus::launch_in(Place::new(), targets, (job, more), &[])
    }

    fn launch_in(place: Place, targets: &[&str], (job, more): (&str, &str), arguments: &[&str]) -> Prometheus {
        let port = free_ports(1);
        let config = format!(
            "global: {{ scrape_interval: 1s, evaluation_interval: 1s }}\nscrape_configs: [{{ job_name: upswell, static_configs: [{{ targets: ['{}'] }}], {job} }}]\n{more}",
            targets.join("', '")
        );
        std::fs::write(place.directory().join("prometheus.yml"), config).expect("the configuration can be written");
        let port_text = port.to_string();
        place.real("prometheus", &[&[port_text.as_str(), "--rules.alert.resend-delay=1s"], arguments].concat());
        Prometheus { _place: place, port }
    }

    fn api(&self, path: &str) -> Option<Value> {
        http::get(&format!("http://127.0.0.1:{}/api/v1/{path}", self.port)).map(|answer| answer.json()["data"].clone())
    }

    /// Returns when a scrape has succeeded; a scrape that failed panics with Prometheus' own words.
    pub fn wait_scraped(&self) {
        wait::until("a first scrape", || {
            let targets = self.api("targets")?;
            let target = &targets["activeTargets"][0];
            assert_ne!(target["health"], "down", "the scrape failed: {}", target["lastError"]);
            (target["health"] == "up").then_some(())
        });
    }

    /// What Prometheus says of a scrape that failed, once one has.
    pub fn wait_refused(&self) -> String {
        wait::until("a scrape that fails", || {
            let targets = self.api("targets")?;
            let target = &targets["activeTargets"][0];
            (target["health"] == "down").then(|| target["lastError"].as_str().unwrap_or_default().to_owned())
        })
    }

    /// The value of an instant query with one result; `None` when it has none.
    pub fn query(&self, expression: &str) -> Option<f64> {
        self.series(expression).map(|(value, _)| value)
    }

    /// The value at a Unix time in seconds.
    pub fn query_at(&self, expression: &str, seconds: i64) -> Option<f64> {
        self.sample(expression, &format!("&time={seconds}")).map(|(value, _)| value)
    }

    /// The same with the labels of the result, as an object.
    pub fn series(&self, expression: &str) -> Option<(f64, Value)> {
        self.sample(expression, "")
    }

    fn sample(&self, expression: &str, more: &str) -> Option<(f64, Value)> {
        let data = self.api(&format!("query?query={}{more}", encoded(expression)))?;
        let result = data["result"].get(0)?;
        Some((result["value"][1].as_str()?.parse().ok()?, result["metric"].clone()))
    }

    /// Every result of an instant query, its labels first.
    ///
    /// # Panics
    /// With what Prometheus says, if it does not understand the expression.
    pub fn results(&self, expression: &str) -> Vec<(Value, f64)> {
        let value = |result: &Value| result["value"][1].as_str().and_then(|text| text.parse().ok());
        let labelled = |result: &Value| Some((result["metric"].clone(), value(result)?));
        let data = self.ask(&format!("query?query={}", encoded(expression)));
        data["result"].as_array().into_iter().flatten().filter_map(labelled).collect()
    }

    /// The values of a label among the series that match a selector, as a variable of Grafana asks for them.
    ///
    /// # Panics
    /// With what Prometheus says, if it does not understand the selector.
    pub fn label_values(&self, label: &str, selector: &str) -> Vec<String> {
        let data = self.ask(&format!("label/{label}/values?match[]={}", encoded(selector)));
        data.as_array().into_iter().flatten().filter_map(|value| Some(value.as_str()?.to_owned())).collect()
    }

    fn ask(&self, path: &str) -> Value {
        let answer = http::get(&format!("http://127.0.0.1:{}/api/v1/{path}", self.port)).expect("Prometheus answers");
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()["data"].clone()
    }

    /// Type, unit and help of a family as Prometheus understood them.
    pub fn metadata(&self, family: &str) -> Value {
        self.api(&format!("metadata?metric={family}")).map(|data| data[family][0].clone()).unwrap_or_default()
    }
}

/// Text as a value in a URL.
fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// An address that passes scrapes on, asking for the text format only (older Prometheus versions cannot be told to).
fn text_only(target: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port");
    let address = listener.local_addr().expect("a bound socket has an address").to_string();
    let url = format!("http://{target}/metrics");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = Vec::new();
            let mut buffer = [0; 1024];
            while !request.ends_with(b"\r\n\r\n") {
                match stream.read(&mut buffer) {
                    Ok(read) if read > 0 => request.extend_from_slice(&buffer[..read]),
                    _ => break,
                }
            }
            let Some(answer) = http::get_as(&url, "text/plain;version=0.0.4") else { continue };
            let head = format!(
                "HTTP/1.1 {} x\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                answer.status,
                answer.content_type,
                answer.body.len()
            );
            if let Err(error) = stream.write_all((head + &answer.body).as_bytes()) {
                eprintln!("pass a scrape on: {error}");
            }
        }
    });
    address
}

/// What `promtool check metrics` says of a text exposition: nothing when it is clean.
pub fn lint(exposition: &str) -> String {
    let mut promtool = Command::new(script())
        .args(["promtool", "check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool can be started");
    promtool.stdin.take().expect("its input is a pipe").write_all(exposition.as_bytes()).expect("promtool reads");
    let output = promtool.wait_with_output().expect("promtool ends");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    if output.status.success() || !said.is_empty() { said } else { format!("{}", output.status) }
}

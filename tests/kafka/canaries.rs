//! No secret leaves the process but to whom it is for: at each place that the configuration lists as secret a canary is planted, and
//! everything that is said and kept is searched for all of them.
//!
//! The service works in one run and fails in others, at the level `trace` with librdkafka's own debugging on; receivers repeat what they
//! were sent in their refusals.

use crate::bench::{Bench, PROGRAM, registry, subscription, subscription_schema};
use crate::security::Secure;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;
use upswell::config::SECRETS;
use upswell_testkit::kafka::Outgoing;
use upswell_testkit::program::{command, text};
use upswell_testkit::{Identity, Inbox, RealKafka, Reply, Upswell, Wicket, wait};

const USER: &str = "upswell";
/// Lets [`WEB_PASSWORD`] in.
const WEB_HASH: &str = "$2b$04$cXDjEpuaMd2zRpJhxUw52e.gy4JaslDz2lzTmufV5NAB7rU0F2dZ.";
const WEB_PASSWORD: &str = "correct horse";

/// How secrets are written.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    Text,
    File,
    /// Both, which is a fault.
    Both,
}

/// What the canaries stand for, and those who take them.
struct Aviary {
    identity: Identity,
    wicket: Wicket,
    inbox: Inbox,
    files: TempDir,
    form: Form,
    /// By place.
    canaries: BTreeMap<&'static str, String>,
    planted: BTreeSet<&'static str>,
}

impl Aviary {
    fn new(form: Form) -> Aviary {
        let identity = Identity::new();
        let canary = |place: &str| format!("canary-{}", place.replace(['.', '_'], "-"));
        let mut canaries: BTreeMap<_, _> = SECRETS.iter().map(|place| (*place, canary(place))).collect();
        canaries.insert("basic_auth_users", WEB_HASH.to_owned());
        let credentials = format!("{USER}:{}", canaries["schema_registry.password"]);
        let server = registry().url().replace("/apis/ccompat/v7", "");
        let wicket = Wicket::before(&server, &identity, true, &credentials);
        let inbox = Inbox::behind_tls(&identity, false);
        let files = tempfile::tempdir().expect("a directory");
        Aviary { identity, wicket, inbox, files, form, canaries, planted: BTreeSet::new() }
    }

    fn write(&self, name: &str, content: &str) -> String {
        let file = self.files.path().join(name);
        std::fs::write(&file, content).expect("a file");
        file.display().to_string()
    }

    /// A key with a secret, in the form of this run.
    fn key(&mut self, place: &'static str, value: &str) -> String {
        assert!(self.planted.insert(place) && SECRETS.contains(&place), "{place} is listed, and written once");
        let name = place.rsplit('.').next().expect("a name");
        let file = || format!("{name}_file: {}", json!(self.write(place, value)));
        match self.form {
            Form::Text => format!("{name}: {}", json!(value)),
            Form::File => file(),
            Form::Both => format!("{name}: {}, {}", json!(value), file()),
        }
    }

    /// The canary of a place in front of something.
    fn canary(&mut self, place: &'static str, before: &str, after: &str) -> String {
        let value = format!("{before}{}{after}", self.canaries[place]);
        self.key(place, &value)
    }

    /// `ca`, `cert` and `key` below a place; text before the PEM text is nothing to whoever reads it.
    fn tls(&mut self, places: [&'static str; 3]) -> String {
        let pems = [&self.identity.authority, &self.identity.certificate, &self.identity.key].map(|pem| format!("\n{pem}"));
        let keys: Vec<String> = places.into_iter().zip(&pems).map(|(place, pem)| self.canary(place, "", pem)).collect();
        keys.join(", ")
    }

    fn web_config(&mut self) -> String {
        let tls = self.tls(["tls_server_config.client_ca", "tls_server_config.cert", "tls_server_config.key"]);
        self.planted.insert("basic_auth_users");
        let users = format!("basic_auth_users: {{ {USER}: '{}' }}\n", self.canaries["basic_auth_users"]);
        self.write("web.yml", &format!("tls_server_config: {{ client_auth_type: VerifyClientCertIfGiven, {tls} }}\n{users}"))
    }

    fn receivers(&mut self) -> String {
        let url = self.inbox.url();
        let tls = self.tls(["alerts.receivers.tls.ca", "alerts.receivers.tls.cert", "alerts.receivers.tls.key"]);
        let trusting = format!("tls: {{ ca: {} }}", json!(self.identity.authority));
        let password = self.canary("alerts.receivers.basic_auth.password", "", "");
        let token = self.canary("alerts.receivers.bearer_token", "", "");
        let routing_key = self.canary("alerts.receivers.pagerduty.routing_key", "", "");
        let slack = self.canary("alerts.receivers.slack.url", &format!("{url}/"), "");
        let webhook = self.canary("alerts.receivers.webhook.url", &format!("{url}/hook?token="), "");
        format!(
            "  receivers:\n  - {{ name: am, alertmanager: {{ urls: ['{url}'] }}, basic_auth: {{ user: {USER}, {password} }}, tls: {{ {tls} }} }}\n  \
             - {{ name: pd, pagerduty: {{ {routing_key}, url: '{url}/enqueue' }}, {trusting} }}\n  \
             - {{ name: chat, slack: {{ {slack} }}, {trusting} }}\n  \
             - {{ name: hook, webhook: {{ {webhook} }}, {token}, {trusting} }}\n"
        )
    }

    /// The whole configuration; `password` is the broker's.
    fn config(&mut self, bench: &Bench, brokers: &str, password: &str) -> String {
        let registry = format!("{}/apis/ccompat/v7", self.wicket.url());
        let of_registry = self.canary("schema_registry.password", "", "");
        let tls = self.tls(["schema_registry.tls.ca", "schema_registry.tls.cert", "schema_registry.tls.key"]);
        let web = self.web_config();
        let receivers = self.receivers();
        self.planted.extend(["kafka.properties", "kafka.properties_files"]);
        self.canaries.insert("kafka.properties", password.to_owned());
        let in_file = self.canaries["kafka.properties_files"].clone();
        let properties = json!({ "security.protocol": "SASL_SSL", "ssl.ca.location": Secure::get().kafka.ca_file(), "debug": "all",
            "sasl.mechanism": "PLAIN", "sasl.username": USER, "sasl.password": password });
        let files = json!({ "ssl.key.password": self.write("properties_file", &in_file) });
        let planted: Vec<_> = SECRETS.iter().filter(|place| !self.planted.contains(**place)).collect();
        assert!(planted.is_empty(), "plant a canary at {planted:?} too");
        let (subscriptions, usage, dead_letters) = (&bench.subscriptions, &bench.usage, &bench.dead_letters);
        format!(
            "kafka:\n  brokers: '{brokers}'\n  group_id: canaries\n  topics: {{ subscriptions: {subscriptions}, usage: {usage}, dead_letters: \
             {dead_letters} }}\n  properties: {properties}\n  properties_files: {files}\n\
             schema_registry: {{ url: '{registry}', user: {USER}, {of_registry}, tls: {{ {tls} }} }}\n\
             revenue: {{ windows: [trailing_30d], dimensions: [], complete_since: 2020-01-01 }}\n\
             metrics: {{ segment_windows: [] }}\n\
             checkpoint: {{ url: 'file://{}/checkpoints', interval: 1s }}\n\
             http: {{ web_config: '{web}', enable_reload: true }}\n\
             alerts:\n  interval: 1s\n  shipped: false\n\
             \x20 rules: [{{ name: Always, metric: closing, window: trailing_30d, above: 1, for: 0s, min_opening_customers: 0 }}]\n{receivers}",
            self.files.path().display()
        )
    }

    /// What must not be found, by what it is.
    fn forbidden(&self) -> BTreeMap<String, String> {
        let mut all = BTreeMap::new();
        for (place, canary) in &self.canaries {
            all.insert((*place).to_owned(), canary.clone());
            let pair = format!("{USER}:{canary}");
            all.insert(format!("{place} as basic authentication"), STANDARD.encode(&pair));
            all.insert(format!("{place} as basic authentication without padding"), URL_SAFE_NO_PAD.encode(&pair));
        }
        let key = self.identity.key.lines().nth(1).expect("a key has lines");
        all.insert("a private key".to_owned(), key.to_owned());
        all.insert("the password of a user of ours".to_owned(), WEB_PASSWORD.to_owned());
        all.insert("a user of ours".to_owned(), STANDARD.encode(format!("{USER}:{WEB_PASSWORD}")));
        all
    }

    fn assert_silent(&self, who: &str, said: &str) {
        for (what, canary) in self.forbidden() {
            let line = said.lines().find(|line| line.contains(&canary));
            assert_eq!(line, None, "{who} says {what}");
        }
    }

    /// The status and the whole answer, with our user's password.
    fn get(&self, service: &Upswell, path: &str, arguments: &[&str]) -> Option<(u16, String)> {
        let port = service.address().rsplit(':').next().expect("a port");
        let authority = self.write("authority.pem", &self.identity.authority);
        let output = Command::new("curl")
            .args(["-sS", "-i", "--cacert", &authority, "-u", &format!("{USER}:{WEB_PASSWORD}"), "-w", "\n%{http_code}"])
            .args(arguments)
            .arg(format!("https://localhost:{port}{path}"))
            .output()
            .expect("curl can be started");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let status = text.lines().last()?.parse().ok().filter(|_| output.status.success())?;
        Some((status, text))
    }

    fn assert_endpoints_silent(&self, service: &Upswell) {
        let asked: [(&str, &[&str]); 11] = [
            ("/", &[]),
            ("/metrics", &[]),
            ("/metrics", &["-H", "Accept: application/openmetrics-text"]),
            ("/-/healthy", &[]),
            ("/-/ready", &[]),
            ("/-/reload", &["-X", "POST"]),
            ("/api/v1/report", &[]),
            ("/api/v1/rules", &[]),
            ("/api/v1/alerts", &[]),
            ("/api/v1/customers", &[]),
            ("/nothing/here", &[]),
        ];
        for (path, arguments) in asked {
            let (_, answer) = self.get(service, path, arguments).expect("an answer");
            self.assert_silent(path, &answer);
        }
    }

    /// `check` of a configuration, with and without looking at what it points to.
    fn assert_check_silent(&self, config: &str) -> Option<i32> {
        let file = self.write("upswell.yaml", config);
        let online = command(PROGRAM, &["--log-level", "trace", "check", "--config", &file]);
        let offline = command(PROGRAM, &["--log-level", "trace", "check", "--offline", "--config", &file]);
        for outcome in [&online, &offline] {
            self.assert_silent("check", &outcome.stdout);
            self.assert_silent("check", &outcome.stderr);
        }
        online.code
    }
}

fn topics(kafka: &RealKafka) -> Bench {
    let bench = Bench::without_topics("canaries");
    let value = subscription_schema().confluent(&subscription("acme", 10));
    for topic in [&bench.subscriptions, &bench.usage, &bench.dead_letters] {
        kafka.create_topic(topic, 1, &[]);
    }
    let writer = kafka.producer();
    writer.send(Outgoing { topic: &bench.subscriptions, key: Some(b"acme"), value: Some(&value), ..Outgoing::default() });
    writer.flush();
    bench
}

/// Everything a directory holds.
fn contents(place: &Path) -> String {
    let entries = std::fs::read_dir(place).expect("a directory").flatten();
    let texts = entries.map(|entry| match entry.path() {
        path if path.is_dir() => contents(&path),
        path => String::from_utf8_lossy(&std::fs::read(&path).expect("a file")).into_owned(),
    });
    texts.collect()
}

#[test]
fn a_service_that_works_and_its_refused_notices_say_no_secret() {
    let kafka = &Secure::get().kafka;
    let bench = topics(kafka);
    for form in [Form::Text, Form::File] {
        let mut aviary = Aviary::new(form);
        let config = aviary.config(&bench, &kafka.bootstrap(), "plain-secret");
        [500, 401, 400, 302].into_iter().for_each(|status| aviary.inbox.reply(Reply::Echo(status)));
        assert_eq!(aviary.assert_check_silent(&config), Some(0));
        let mut service = Upswell::run_traced(PROGRAM, &config);
        service.wait("ready", |service| aviary.get(service, "/-/ready", &[]).filter(|(status, _)| *status == 200));
        let sent = wait::until("each receiver is told", || {
            let sent = aviary.inbox.requests();
            let paths: BTreeSet<&str> = sent.iter().map(|request| request.path.split('/').nth(1).unwrap_or_default()).collect();
            (paths.len() >= 4).then_some(sent.clone())
        });
        assert!(sent.iter().any(|request| request.header("authorization").starts_with("Bearer canary-")), "{sent:?}");
        let checkpoints = aviary.files.path().join("checkpoints");
        wait::holds("a checkpoint is kept", || checkpoints.exists() && contents(&checkpoints).len() > 100);
        aviary.assert_endpoints_silent(&service);
        assert_eq!(service.terminate(), 0);
        assert!(service.log().contains("TRACE") && service.log().contains("librdkafka"), "everything is logged");
        aviary.assert_silent("the log", &service.log());
        aviary.assert_silent("a checkpoint", &contents(&checkpoints));
        let place = format!("file://{}", text(&checkpoints));
        let held = command(PROGRAM, &["--log-level", "trace", "inspect", &place, "--format", "json"]);
        aviary.assert_silent("inspect", &(held.stdout + &held.stderr));
        std::fs::remove_dir_all(&checkpoints).expect("the next run begins anew");
    }
}

#[test]
fn what_is_refused_unreachable_or_faulty_says_no_secret() {
    let kafka = &Secure::get().kafka;
    let bench = Bench::without_topics("canaries-refused");
    for form in [Form::Text, Form::File, Form::Both] {
        let mut aviary = Aviary::new(form);
        let config = aviary.config(&bench, &kafka.bootstrap(), "canary-wrong-password");
        assert_eq!(aviary.assert_check_silent(&config), Some(78));
        let mut refused = Upswell::run_traced(PROGRAM, &config);
        assert_eq!(refused.wait_exit(), 78);
        aviary.assert_silent("the log", &refused.log());
        let nobody = config.replace(&kafka.bootstrap(), "127.0.0.1:1").replace(&aviary.wicket.url(), "https://localhost:1");
        let code = aviary.assert_check_silent(&nobody);
        assert_eq!(code, Some(if form == Form::Both { 78 } else { 1 }));
        let damaged =
            [config.replace("url: '", "url: ["), config.replace("-----BEGIN", "BEGIN"), config.replace("https:", "ftp:")];
        for damaged in damaged {
            assert_eq!(aviary.assert_check_silent(&damaged), Some(78));
        }
    }
}

#[test]
fn a_canary_that_is_said_is_found() {
    let aviary = Aviary::new(Form::Text);
    let said: Value = json!({ "user": format!("{USER}:{}", aviary.canaries["schema_registry.password"]) });
    let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| aviary.assert_silent("somebody", &said.to_string())));
    assert!(found.is_err(), "the search finds what it looks for");
}

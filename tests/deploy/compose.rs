//! The compose file. Docker is not needed for this: the file fits the specification of compose files, what it mounts and names exists, the
//! configurations in it pass their programs' own checks, and its stream of events is rehearsed with the same programs outside of containers.

use super::series::absent;
use super::{read, repository, text};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use upswell_testkit::http::{self, Answer};
use upswell_testkit::program::{Signal, command, signal, text as path};
use upswell_testkit::samples::Samples;
use upswell_testkit::{RealKafka, Registry, Upswell, manifests, promtool, series, wait};

const FILE: &str = "deploy/compose.yaml";
const WEB: &str = "deploy/compose/web.yml";
const PROGRAM: &str = env!("CARGO_BIN_EXE_upswell");
/// Ports that programs of the images listen on, by service.
const LISTENS: [(&str, &[&str]); 6] = [
    ("kafka", &["9092", "29092"]),
    ("registry", &["8080"]),
    ("upswell", &["9817"]),
    ("prometheus", &["9090"]),
    ("alertmanager", &["9093"]),
    ("grafana", &["3000"]),
];

fn services() -> Value {
    read(FILE)["services"].clone()
}

/// The configuration of Upswell there, with files of this machine.
fn config() -> String {
    let (config, inside) = (text("deploy/compose/upswell.yaml"), "/etc/upswell/web.yml");
    let mount = format!("./compose/web.yml:{inside}:ro");
    assert!(config.contains(inside) && words(&services()["upswell"]["volumes"]).any(|volume| volume == mount));
    config.replace(inside, path(&repository(WEB)))
}

fn words(value: &Value) -> impl Iterator<Item = &str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str)
}

#[test]
fn the_file_is_as_the_specification_wants_it() {
    manifests::check_compose(&repository(FILE));
}

#[test]
fn images_are_pinned_to_what_the_tests_run() {
    let (services, tool) = (services(), text("tests/tools/real"));
    let registry = tool.lines().find_map(|line| line.strip_prefix("apicurio=")?.split(' ').next()).expect("a version");
    let pom = text("tests/tools/pom.xml");
    let kafka = pom.split("<artifactId>kafka_2.13</artifactId><version>").nth(1).and_then(|rest| rest.split('<').next());
    let image = |name: &str| services[name]["image"].as_str().expect("an image").to_owned();
    assert_eq!(image("registry"), format!("apicurio/apicurio-registry:{registry}"));
    assert_eq!(Some(image("kafka").as_str()), kafka.map(|version| format!("apache/kafka:{version}")).as_deref());
    for (name, service) in services.as_object().expect("services") {
        let image = service["image"].as_str().expect("an image");
        let tag = image.split_once(':').map(|(_, tag)| tag);
        let built = !service["build"].is_null();
        let pinned = tag.is_some_and(|tag| tag.trim_start_matches('v').split('.').count() == 3);
        assert!(built || pinned, "{name}: {image}");
        assert!(
            !built
                || repository(&format!("deploy/{}", service["build"]["context"].as_str().expect("a context")))
                    .join(service["build"]["dockerfile"].as_str().expect("a file"))
                    .is_file()
        );
    }
}

#[test]
fn what_is_mounted_exists_and_may_not_be_changed() {
    for (name, service) in services().as_object().expect("services") {
        for volume in words(&service["volumes"]) {
            let [source, target, mode] = volume.split(':').collect::<Vec<_>>()[..] else { panic!("{name}: {volume}") };
            assert!(repository("deploy").join(source).exists(), "{name}: {source}");
            assert!(Path::new(target).is_absolute() && mode == "ro", "{name}: {volume}");
        }
    }
}

#[test]
fn every_service_that_is_waited_for_can_be() {
    let services = services();
    for (name, service) in services.as_object().expect("services") {
        for (other, wanted) in service["depends_on"].as_object().into_iter().flatten() {
            let healthy = services[other]["healthcheck"]["test"].is_array();
            match wanted["condition"].as_str() {
                Some("service_healthy") => assert!(healthy, "{name} waits for the health of {other}, which has no check"),
                Some("service_completed_successfully") => assert_eq!(services[other]["restart"], "no", "{other}"),
                condition => assert!(!services[other].is_null() && condition == Some("service_started"), "{name}: {other}"),
            }
        }
    }
}

#[test]
fn addresses_lead_to_services_and_their_ports() {
    let everything = [
        FILE,
        "deploy/compose/upswell.yaml",
        "deploy/compose/prometheus.yml",
        "deploy/grafana/provisioning/datasources/prometheus.yaml",
    ];
    let mut found = BTreeSet::new();
    for file in everything {
        for line in text(file).lines().filter(|line| !line.trim_start().starts_with('#')) {
            for (name, ports) in LISTENS {
                for rest in line.split(&format!("{name}:")).skip(1) {
                    let port: String = rest.chars().take_while(char::is_ascii_digit).collect();
                    if port.len() == 4 && !rest.starts_with("9093") {
                        assert!(ports.contains(&port.as_str()), "{file}: {name}:{port}");
                        found.insert(name);
                    }
                }
            }
        }
    }
    assert_eq!(found.into_iter().collect::<Vec<_>>(), ["kafka", "prometheus", "registry", "upswell"]);
    for (name, service) in services().as_object().expect("services") {
        for port in words(&service["ports"]) {
            let [host, outside, inside] = port.split(':').collect::<Vec<_>>()[..] else { panic!("{name}: {port}") };
            let listens = LISTENS.iter().find(|(known, _)| known == name).expect("a service with ports").1;
            assert!(host == "127.0.0.1" && outside == inside && listens.contains(&inside), "{name}: {port}");
        }
    }
}

#[test]
fn every_configuration_passes_its_own_check() {
    let directory = tempfile::tempdir().expect("a directory");
    let config = directory.path().join("upswell.yaml");
    std::fs::write(&config, self::config()).expect("a file");
    let outcome = command(PROGRAM, &["check", "--offline", "--config", path(&config)]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert!(outcome.stdout.contains(":9817"), "{}", outcome.stdout);
    let rules = command(PROGRAM, &["rules", "--config", path(&config)]);
    assert_eq!(rules.stdout, text("deploy/prometheus/upswell.rules.yml"), "the rules mounted are those of this configuration");
    assert!(
        text("deploy/compose/upswell.yaml").ends_with(&upswell::demo::exchange::revenue_yaml()),
        "the rates are the generator's"
    );
    promtool::check_alertmanager(&repository("deploy/compose/alertmanager.yml"));
    promtool::check_web_config(&repository(WEB));
    let file = directory.path().join("prometheus.yml");
    let rules = repository("deploy/prometheus/upswell.rules.yml");
    let prometheus = text("deploy/compose/prometheus.yml").replace("/etc/prometheus/upswell.rules.yml", path(&rules));
    std::fs::write(&file, prometheus).expect("a file");
    promtool::check_prometheus(&file);
}

/// The generator's arguments in the compose file, for other brokers, another registry and fewer customers.
fn generator(brokers: &str, registry: &str) -> Vec<String> {
    let services = services();
    let mut arguments: Vec<String> = words(&services["generator"]["command"]).map(str::to_owned).collect();
    for (option, value) in [("--brokers", brokers), ("--registry", registry), ("--customers", "80")] {
        let at = arguments.iter().position(|argument| argument == option).unwrap_or_else(|| panic!("no {option}"));
        value.clone_into(&mut arguments[at + 1]);
    }
    arguments
}

/// A generator that is ended with the value; what it says goes into a file.
struct Generator(Child, tempfile::NamedTempFile);

impl Generator {
    fn start(arguments: &[String]) -> Generator {
        let said = tempfile::NamedTempFile::new().expect("a file");
        let stderr = said.reopen().expect("the file");
        Generator(Command::new(PROGRAM).args(arguments).stdin(Stdio::null()).stderr(stderr).spawn().expect("it starts"), said)
    }

    /// Panics with its own words when it has ended.
    fn runs(&mut self) {
        let ended = self.0.try_wait().expect("it can be asked");
        assert_eq!(ended, None, "{}", std::fs::read_to_string(self.1.path()).expect("the file"));
    }
}

impl Drop for Generator {
    fn drop(&mut self) {
        // Both fail only when it has ended, which is what is wanted.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What the service answers the user of the compose file, by the password that Prometheus there has.
fn asked(service: &Upswell, path: &str) -> Option<Answer> {
    let user = &read("deploy/compose/prometheus.yml")["scrape_configs"][0]["basic_auth"];
    let [name, password] = ["username", "password"].map(|key| user[key].as_str().expect("a text"));
    assert!(text(FILE).contains(&format!("(user {name}, password {password})")), "whoever looks at the page is told");
    http::get(&format!("http://{name}:{password}@{}{path}", service.address()))
}

fn scrape(service: &Upswell) -> Option<Samples> {
    asked(service, "/metrics").map(|answer| Samples::parse(&answer.body))
}

#[test]
fn the_stream_reaches_the_service_and_goes_on_until_it_is_stopped() {
    let (kafka, registry) = (RealKafka::start(), Registry::start());
    for topic in ["billing.dead-letters", "billing.retries"] {
        assert!(services()["topics"]["command"][0].as_str().is_some_and(|script| script.contains(topic)));
        kafka.create_topic(topic, 8, &[]);
    }
    let arguments = generator(&kafka.bootstrap(), &registry.url());
    let mut generator = Generator::start(&arguments);
    let config =
        config().replace("kafka:9092", &kafka.bootstrap()).replace("http://registry:8080/apis/ccompat/v7", &registry.url());
    let mut service = Upswell::run(PROGRAM, &config);
    service.wait("events of the last day are counted", |service| {
        generator.runs();
        let samples = scrape(service)?;
        let newest = samples.value("upswell_last_event_timestamp_seconds", &[("topic", "billing.usage")])?;
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs_f64();
        (newest > now - 2.0 * 86_400.0 && newest <= now + 60.0).then_some(())
    });
    service.wait_ready();
    // Events are counted as they are taken in, the figures follow with the next view.
    let samples = service.wait("the figures follow", |service| {
        let samples = scrape(service)?;
        samples.value("upswell_mrr", &[]).is_some_and(|mrr| mrr > 1_000.0).then_some(samples)
    });
    assert!(samples.sum("upswell_events_rejected_total", &[]) > 0.0, "a few events are broken, so that dead letters are seen");
    // The retries topic, three topics of 8 partitions, the shipped rules, nine about the service; no receiver.
    assert_eq!(series::shape(&samples)[6..], [2, 1, 24, 5, 9, 0]);
    assert_eq!(samples.count(), series::most(&series::shape(&samples)) - absent(&samples));
    let listing = "/api/v1/customers?window=trailing_365d&movement=expansion";
    let customers = asked(&service, listing).expect("an answer");
    assert!(
        customers.status == 200 && !customers.json()["customers"].as_array().expect("a list").is_empty(),
        "{}",
        customers.body
    );
    assert_eq!(["/", listing].map(|path| service.get(path).map(|answer| answer.status)), [Some(401); 2], "strangers");
    generator.runs();
    let again = command(PROGRAM, &arguments.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(again.code, Some(1), "{}", again.stderr);
    assert!(again.stderr.contains("holds records already"), "{}", again.stderr);
    signal(&generator.0, Signal::TERM);
    let status = wait::until("it ends", || generator.0.try_wait().expect("it can be asked"));
    assert_eq!(status.code(), Some(0));
    assert_eq!(service.terminate(), 0);
}

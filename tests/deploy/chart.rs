//! The chart, rendered by Helm with every file of values in `ci/`: Kubernetes' schemas take the manifests, the configuration in them passes
//! `upswell check`, the rules pass promtool, and what would count wrongly or not work is refused.

use super::{files, read, repository, text};
use serde_json::Value;
use std::path::PathBuf;
use upswell_testkit::program::{command, text as path};
use upswell_testkit::{manifests, promtool};

pub const CHART: &str = "deploy/helm/upswell";
const PROGRAM: &str = env!("CARGO_BIN_EXE_upswell");
/// Looks like an authority's certificate; nobody is connected to.
const AUTHORITY: &str = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
const SECRETS: &str = "/etc/upswell/secrets/";

pub fn chart() -> PathBuf {
    repository(CHART)
}

pub fn values(name: &str) -> PathBuf {
    repository(&format!("{CHART}/ci/{name}"))
}

/// The objects of one file of values.
pub struct Objects(pub Vec<Value>);

impl Objects {
    pub fn of(name: &str) -> Objects {
        Objects::with(name, &[])
    }

    /// With further arguments of Helm's.
    pub fn with(name: &str, more: &[&str]) -> Objects {
        let text = manifests::render(&chart(), &values(name), more).unwrap_or_else(|said| panic!("{name} {more:?}: {said}"));
        Objects::parse(&text)
    }

    pub fn parse(text: &str) -> Objects {
        let documents = text.split("\n---\n").map(|document| document.trim_start_matches("---\n"));
        let written = documents.filter(|document| document.lines().any(|line| line.starts_with("kind: ")));
        let parse = |document: &str| serde_saphyr::from_str(document).unwrap_or_else(|error| panic!("{error}\n{document}"));
        Objects(written.map(parse).collect())
    }

    pub fn all<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        self.0.iter().filter(move |object| object["kind"] == kind)
    }

    /// The only one of a kind.
    pub fn one<'a>(&'a self, kind: &'a str) -> &'a Value {
        let mut all = self.all(kind);
        let first = all.next().unwrap_or_else(|| panic!("no {kind}"));
        assert!(all.next().is_none(), "{kind} twice");
        first
    }

    /// What the pods are made of.
    pub fn pod(&self) -> &Value {
        &self.one("StatefulSet")["spec"]["template"]["spec"]
    }

    fn config(&self) -> Option<String> {
        self.all("ConfigMap").find_map(|map| Some(map["data"]["upswell.yaml"].as_str()?.to_owned()))
    }
}

#[test]
fn helm_and_kubernetes_take_it_with_every_file_of_values() {
    let oldest = format!(">={}-0", manifests::OLDEST);
    assert_eq!(read(&format!("{CHART}/Chart.yaml"))["kubeVersion"], oldest);
    let directory = tempfile::tempdir().expect("a directory");
    for name in files(&format!("{CHART}/ci"), "-values.yaml") {
        manifests::lint(&chart(), &values(&name));
        let file = directory.path().join(&name);
        std::fs::write(&file, manifests::render(&chart(), &values(&name), &[]).expect("it renders")).expect("a file");
        manifests::check_kubernetes(&file);
    }
}

#[test]
fn every_configuration_passes_check() {
    let mut checked = 0;
    for name in files(&format!("{CHART}/ci"), "-values.yaml") {
        let Some(config) = Objects::of(&name).config() else { continue };
        let directory = tempfile::tempdir().expect("a directory");
        for secret in config.split(SECRETS).skip(1) {
            let secret: String = secret.chars().take_while(|c| !c.is_whitespace() && *c != '"').collect();
            let value = if secret.ends_with(".pem") { AUTHORITY } else { "0123456789abcdef0123456789abcdef" };
            std::fs::write(directory.path().join(secret), value).expect("a file");
        }
        let file = directory.path().join("upswell.yaml");
        std::fs::write(&file, config.replace(SECRETS, &format!("{}/", directory.path().display()))).expect("a file");
        let outcome = command(PROGRAM, &["check", "--offline", "--config", path(&file)]);
        assert_eq!(outcome.code, Some(0), "{name}: {}\n{config}", outcome.stderr);
        checked += 1;
    }
    assert_eq!(checked, 4);
}

#[test]
fn pods_have_no_rights_and_probes_ask_the_right_questions() {
    for name in files(&format!("{CHART}/ci"), "-values.yaml") {
        let objects = Objects::of(&name);
        let tests = objects.all("Pod").map(|pod| &pod["spec"]);
        for pod in tests.chain([objects.pod()]) {
            let (of_pod, container) = (&pod["securityContext"], &pod["containers"][0]);
            assert_eq!(pod["automountServiceAccountToken"], false, "{name}");
            assert!(
                of_pod["runAsNonRoot"] == true
                    && of_pod["runAsUser"] == 65532
                    && of_pod["seccompProfile"]["type"] == "RuntimeDefault",
                "{name}"
            );
            let of_container = &container["securityContext"];
            assert!(
                of_container["readOnlyRootFilesystem"] == true && of_container["allowPrivilegeEscalation"] == false,
                "{name}"
            );
            assert_eq!(of_container["capabilities"]["drop"][0], "ALL", "{name}");
            assert!(container["resources"]["limits"]["memory"].is_string(), "{name}: limits.memory is a share of it");
            assert!(
                container["image"].as_str().is_some_and(|image| image.ends_with(&format!(":{}", env!("CARGO_PKG_VERSION")))),
                "{name}"
            );
        }
        let container = &objects.pod()["containers"][0];
        for (probe, asks) in [("startupProbe", "/-/healthy"), ("livenessProbe", "/-/healthy"), ("readinessProbe", "/-/ready")] {
            assert_eq!(container[probe]["httpGet"]["path"], asks, "{name}");
        }
        let grace = objects.pod()["terminationGracePeriodSeconds"].as_i64();
        assert!(grace.is_some_and(|grace| grace > 25), "{name}: the last checkpoints take up to 25 s");
    }
}

#[test]
fn selectors_find_what_they_should_and_outlive_upgrades() {
    for name in files(&format!("{CHART}/ci"), "-values.yaml") {
        let objects = Objects::of(&name);
        let labels = &objects.one("StatefulSet")["spec"]["template"]["metadata"]["labels"];
        let holds = |selector: &Value, labels: &Value| {
            selector.as_object().is_some_and(|all| all.iter().all(|(key, value)| labels[key] == *value))
        };
        let of_set = &objects.one("StatefulSet")["spec"]["selector"]["matchLabels"];
        assert!(
            of_set.as_object().is_some_and(|all| all.len() == 2) && holds(of_set, labels),
            "{name}: versions do not belong here"
        );
        assert!(objects.all("Service").all(|service| holds(&service["spec"]["selector"], labels)), "{name}");
        let headless: Vec<&Value> = objects.all("Service").filter(|service| service["spec"]["clusterIP"] == "None").collect();
        assert_eq!(headless.len(), 1);
        assert_eq!(headless[0]["spec"]["publishNotReadyAddresses"], true, "a pod that catches up has to be seen");
        assert_eq!(headless[0]["metadata"]["name"], objects.one("StatefulSet")["spec"]["serviceName"]);
        for monitor in objects.all("ServiceMonitor") {
            let wanted = &monitor["spec"]["selector"]["matchLabels"];
            let found = objects.all("Service").filter(|service| holds(wanted, &service["metadata"]["labels"])).count();
            assert_eq!(found, 1, "{name}: each pod is scraped once");
            assert_eq!(monitor["spec"]["endpoints"][0]["port"], headless[0]["spec"]["ports"][0]["name"]);
            assert!(monitor["spec"]["sampleLimit"].as_i64().is_some_and(|limit| limit >= 20_000), "{name}");
        }
    }
}

#[test]
fn operators_objects_carry_their_labels_and_rules_that_promtool_takes() {
    let full = Objects::of("full-values.yaml");
    for kind in ["ServiceMonitor", "PrometheusRule"] {
        let object = full.one(kind);
        assert_eq!(object["apiVersion"], "monitoring.coreos.com/v1", "{kind}");
        assert_eq!(object["metadata"]["labels"]["release"], "kube-prometheus-stack", "{kind}");
    }
    for name in ["full-values.yaml", "existing-values.yaml"] {
        let rules = &Objects::of(name).one("PrometheusRule")["spec"].clone();
        assert_eq!(rules.as_object().map(|spec| spec.keys().map(String::as_str).collect()), Some(vec!["groups"]), "{name}");
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("rules.yml");
        std::fs::write(&file, rules.to_string()).expect("a file");
        promtool::check_rules(&file);
    }
    assert_eq!(
        full.one("PrometheusRule")["spec"],
        read("deploy/prometheus/upswell.rules.yml"),
        "the shipped rules, templates and all"
    );
    let dashboards: Vec<&Value> =
        full.all("ConfigMap").filter(|map| map["metadata"]["labels"]["grafana_dashboard"] == "1").collect();
    assert_eq!(dashboards.len(), 3);
    for map in dashboards {
        let (name, json) = map["data"].as_object().and_then(|data| data.iter().next()).expect("one file");
        let shipped = text(&format!("deploy/grafana/dashboards/{name}"));
        assert_eq!(json.as_str().map(str::trim_end), Some(shipped.trim_end()), "{name}");
    }
}

#[test]
fn what_the_chart_carries_is_a_copy_of_what_is_shipped() {
    let dashboards = files("deploy/grafana/dashboards", ".json");
    let copies = dashboards.iter().map(|name| (format!("deploy/grafana/dashboards/{name}"), format!("dashboards/{name}")));
    for (source, copy) in copies.chain([("deploy/prometheus/upswell.rules.yml".to_owned(), "upswell.rules.yml".to_owned())]) {
        let copy = format!("{CHART}/files/{copy}");
        if std::env::var_os("BLESS").is_some() {
            std::fs::copy(repository(&source), repository(&copy)).expect("the file is copied");
        }
        assert!(text(&source) == text(&copy), "{copy} differs from {source}; BLESS=1 copies it anew");
    }
    assert_eq!(files(&format!("{CHART}/files/dashboards"), ".json"), dashboards);
    let (chart, version) = (read(&format!("{CHART}/Chart.yaml")), env!("CARGO_PKG_VERSION"));
    assert_eq!((chart["appVersion"].as_str(), chart["version"].as_str()), (Some(version), Some(version)));
}

#[test]
fn secrets_are_files_and_never_arguments() {
    let full = Objects::of("full-values.yaml");
    let container = &full.pod()["containers"][0];
    let arguments = container["args"].as_array().expect("arguments");
    assert_eq!(
        arguments.iter().filter_map(Value::as_str).collect::<Vec<_>>(),
        ["--log-format", "json", "run", "--config", "/etc/upswell/upswell.yaml", "--rebuild"]
    );
    assert!(container["env"].is_null());
    let mount =
        container["volumeMounts"].as_array().expect("mounts").iter().find(|mount| mount["name"] == "secrets").expect("a mount");
    assert!(SECRETS.starts_with(mount["mountPath"].as_str().expect("a path")) && mount["readOnly"] == true);
    assert!(full.all("Secret").next().is_none(), "the chart holds none");
}

#[test]
fn what_would_count_wrongly_or_not_work_is_refused_in_a_sentence() {
    for (more, says) in [
        (&["config.kafka.brokers="][..], "set config.kafka.brokers"),
        (&["config.http.listen=127.0.0.1:9000"], "config.http.listen has to end in :9817"),
        (&["replicas=2"], "several replicas share their checkpoints"),
        (&["persistence.enabled=false"], "need persistence.enabled"),
        (&["replicas=2", "persistence.existingClaim=c"], "has to be ReadWriteMany"),
        (&["prometheusRule.enabled=true", "config.alerts.receivers[0].name=x"], "choose one"),
        (&["prometheusRule.enabled=true", "config.kafka.topics.usage=usage"], "print its rules"),
        (&["prometheusRule.enabled=true", "config.revenue.windows[0]=last_month"], "print its rules"),
        (&["web.tls=true"], "set web.existingSecret"),
        (&["web.existingSecret=s", "config.http.web_config=web.yml"], "choose one"),
        (&["web.existingSecret=s", "web.certificateSecret=c"], "set web.tls"),
        (&["web.existingSecret=s", "web.tls=true", "web.authorityKey=ca.crt"], "a key of web.certificateSecret"),
        (&["serviceMonitor.basicAuth.username.name=s"], "basicAuth"),
        (&["ingress.enabled=true"], "ingress.enabled needs ingress.hosts"),
        (&["persistance.enabled=false"], "persistance"),
        (&["logFormat=xml"], "logFormat"),
        (&["terminationGracePeriodSeconds=5"], "terminationGracePeriodSeconds"),
        (&["config.kafak.brokers=x"], "kafak"),
    ] {
        let more: Vec<&str> = more.iter().flat_map(|value| ["--set", value]).collect();
        let said = manifests::render(&chart(), &values("minimal-values.yaml"), &more).expect_err(says);
        assert!(said.contains(says), "{more:?}: {said}");
    }
}

/// The notes as Helm prints them after an installation, which needs a cluster: put into an object that it renders without one.
fn notes(name: &str) -> String {
    let directory = tempfile::tempdir().expect("a directory");
    let copy = directory.path().join("upswell");
    let outcome = command("cp", &["-r", path(&chart()), path(&copy)]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    std::fs::rename(copy.join("templates/NOTES.txt"), copy.join("NOTES")).expect("the notes");
    let object = "kind: Notes\ntext: |\n  {{- tpl (.Files.Get \"NOTES\") . | nindent 2 }}\n";
    std::fs::write(copy.join("templates/notes.yaml"), object).expect("a file");
    let text = manifests::render(&copy, &values(name), &[]).unwrap_or_else(|said| panic!("{name}: {said}"));
    Objects::parse(&text).one("Notes")["text"].as_str().expect("a text").to_owned()
}

#[test]
fn the_notes_say_what_is_most_often_missed_and_only_that() {
    const SCRAPED: &str = "set serviceMonitor.labels.release";
    const TOLD: &str = "nobody is told";
    const PARTS: &str = "partial_coverage";
    for (name, says, does_not) in [
        ("minimal-values.yaml", &["curl -s http://127.0.0.1:9817/-/ready", "no ServiceMonitor", TOLD][..], &[SCRAPED, PARTS][..]),
        ("full-values.yaml", &["kube-prometheus-stack"], &[SCRAPED, TOLD, PARTS]),
        ("group-values.yaml", &["3 replica(s)"], &[SCRAPED, TOLD, PARTS]),
        ("existing-values.yaml", &[SCRAPED], &[TOLD, PARTS]),
        (
            "web-values.yaml",
            &["curl -sk https://", "rel-upswell-headless.revenue.svc", SCRAPED],
            &[TOLD, PARTS, "scrapes are refused"],
        ),
    ] {
        let notes = notes(name);
        for words in says {
            assert!(notes.contains(words), "{name}: {words}\n{notes}");
        }
        for words in does_not {
            assert!(!notes.contains(words), "{name}: {words}\n{notes}");
        }
    }
}

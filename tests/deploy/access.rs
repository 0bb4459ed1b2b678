//! The chart where Upswell asks for passwords and serves TLS: probes, scrapes and `helm test` get through, and with the very files that the
//! chart lays out the service is reached.

use super::chart::Objects;
use serde_json::Value;
use std::path::Path;

const WEB: &str = "web-values.yaml";
/// The name by which Prometheus and `helm test` know the pods.
const NAME: &str = "rel-upswell-headless.revenue.svc";

fn strings(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// Where a pod mounts the secret of this name.
fn mounted<'a>(pod: &'a Value, secret: &str) -> Option<&'a str> {
    let list = |value: &'a Value| value.as_array().into_iter().flatten();
    let volume = list(&pod["volumes"]).find(|volume| volume["secret"]["secretName"] == secret)?;
    let mount = list(&pod["containers"][0]["volumeMounts"]).find(|mount| mount["name"] == volume["name"])?;
    assert!(mount["readOnly"] == true && mount["subPath"].is_null(), "a secret that is renewed has to reach the pod");
    mount["mountPath"].as_str()
}

#[test]
fn with_tls_everything_that_asks_speaks_https_under_one_name() {
    let objects = Objects::of(WEB);
    let container = &objects.pod()["containers"][0];
    for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
        assert_eq!(container[probe]["httpGet"]["scheme"], "HTTPS", "{probe}");
    }
    let endpoint = &objects.one("ServiceMonitor")["spec"]["endpoints"][0];
    assert_eq!((&endpoint["scheme"], &endpoint["tlsConfig"]["serverName"]), (&"https".into(), &NAME.into()));
    assert_eq!(endpoint["tlsConfig"]["ca"]["secret"]["name"], "upswell-tls");
    assert_eq!(endpoint["tlsConfig"]["keySecret"]["name"], "prometheus-client", "what is given is kept");
    assert_eq!(endpoint["basicAuth"]["password"]["name"], "upswell-scrape");
    let test = &objects.one("Pod")["spec"];
    let authority = Path::new(mounted(test, "upswell-tls").expect("the authority")).join("ca.crt");
    assert_eq!(
        strings(&test["containers"][0]["args"]),
        ["healthcheck", "--url", &format!("https://{NAME}:9817"), "--tls-ca-file", &authority.to_string_lossy()]
    );
    let items = test["volumes"][0]["secret"]["items"].as_array().expect("items");
    assert!(items.len() == 1 && items[0]["key"] == "ca.crt", "the private key is not for the test");
    for service in objects.all("Service") {
        assert_eq!(service["spec"]["ports"][0]["appProtocol"], "https");
    }
}

#[test]
fn the_file_and_the_certificate_are_where_they_are_looked_for() {
    let objects = Objects::of(WEB);
    let pod = objects.pod();
    let env = pod["containers"][0]["env"].as_array().expect("variables");
    let named = env.iter().find(|variable| variable["name"] == "UPSWELL_HTTP_WEB_CONFIG").expect("the file");
    let file = Path::new(mounted(pod, "upswell-web").expect("its secret")).join("web.yml");
    assert_eq!(named["value"].as_str(), file.to_str());
    assert_eq!(mounted(pod, "upswell-tls"), Some("/etc/upswell/tls"));
}

#[test]
fn without_tls_nothing_of_it_is_there() {
    let passwords = ["--set", "web.existingSecret=upswell-web", "--set", "serviceMonitor.enabled=true"];
    for objects in [Objects::of("minimal-values.yaml"), Objects::with("minimal-values.yaml", &passwords)] {
        assert_eq!(objects.pod()["containers"][0]["readinessProbe"]["httpGet"]["scheme"], "HTTP");
        assert_eq!(mounted(objects.pod(), "upswell-tls"), None);
        let test = &objects.one("Pod")["spec"];
        let url = format!("http://{NAME}:9817");
        assert_eq!(strings(&test["containers"][0]["args"]), ["healthcheck", "--url", &url]);
        assert!(test["volumes"].is_null());
        assert!(objects.all("ServiceMonitor").all(|monitor| monitor["spec"]["endpoints"][0]["tlsConfig"].is_null()));
    }
}

#[test]
fn what_prometheus_verifies_is_only_what_is_not_said_otherwise() {
    let tls = ["--set", "web.tls=true,web.existingSecret=w,serviceMonitor.enabled=true"];
    let config = |more: &str| {
        let more: Vec<&str> = tls.into_iter().chain(["--set", more]).collect();
        Objects::with("minimal-values.yaml", &more).one("ServiceMonitor")["spec"]["endpoints"][0]["tlsConfig"].clone()
    };
    assert_eq!(config("serviceMonitor.tlsConfig.serverName=mine"), serde_json::json!({ "serverName": "mine" }));
    assert_eq!(config("serviceMonitor.tlsConfig.insecureSkipVerify=true"), serde_json::json!({ "insecureSkipVerify": true }));
    assert_eq!(config("web.certificateSecret=c"), serde_json::json!({ "serverName": NAME }), "a public authority");
    assert!(config("serviceMonitor.scheme=http").is_null());
}

#[test]
fn a_network_policy_lets_the_test_in_and_services_do_not_find_it() {
    let objects = Objects::of(WEB);
    let labels = &objects.one("Pod")["metadata"]["labels"];
    let holds = |selector: &Value| selector.as_object().is_some_and(|all| all.iter().all(|(key, value)| labels[key] == *value));
    let from = objects.one("NetworkPolicy")["spec"]["ingress"][0]["from"].as_array().expect("peers").clone();
    assert!(from.iter().any(|peer| holds(&peer["podSelector"]["matchLabels"])));
    assert!(!objects.all("Service").any(|service| holds(&service["spec"]["selector"])));
    assert!(!holds(&objects.one("PodDisruptionBudget")["spec"]["selector"]["matchLabels"]));
}

//! The form of the dashboards: what Grafana does not complain of, and people do.

use super::dashboard::{Dashboard, all, word};
use super::{read, repository, text};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use upswell::wire::exposition::catalog;

const SOURCE: &str = "${datasource}";
/// Series that are Prometheus' own or the client library's.
const FOREIGN: [&str; 5] =
    ["ALERTS", "process_resident_memory_bytes", "process_cpu_seconds_total", "scrape_duration_seconds", "scrape_samples_scraped"];
/// Business gauges that a dashboard may read as they are exported: instants, names and counts that no sum is made of. All others are
/// read as recorded, summed over the instances of a group.
const READ_DIRECTLY: [&str; 3] =
    ["upswell_as_of_timestamp_seconds", "upswell_reporting_currency_info", "upswell_segments_folded"];

fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or_else(|| panic!("expected a number, found {value}"))
}

/// Words of PromQL that name a series.
pub fn series(expr: &str) -> BTreeSet<&str> {
    let mut quoted = false;
    let words = expr.split(|c: char| {
        quoted ^= c == '"';
        quoted || !(c.is_ascii_alphanumeric() || c == '_' || c == ':')
    });
    words.filter(|word| word.starts_with("upswell_") || word.contains(':') || FOREIGN.contains(word)).collect()
}

fn recorded() -> BTreeSet<String> {
    let rules = read("deploy/prometheus/upswell.rules.yml");
    let groups = rules["groups"].as_array().expect("groups").iter();
    let of_group = |group: &Value| group["rules"].as_array().expect("rules").clone();
    groups.flat_map(of_group).filter_map(|rule| Some(rule["record"].as_str()?.to_owned())).collect()
}

#[test]
fn ids_are_unique_and_no_panel_lies_on_another() {
    let mut uids = BTreeSet::new();
    for Dashboard { name, json } in all() {
        assert!(uids.insert(word(&json["uid"], &name).to_owned()), "{name}: a uid twice");
        assert_eq!(format!("{}.json", word(&json["uid"], &name)), name);
        let (mut ids, mut taken) = (BTreeSet::new(), BTreeMap::new());
        for panel in json["panels"].as_array().expect("panels") {
            let (id, grid) = (number(&panel["id"]), &panel["gridPos"]);
            assert!(ids.insert(id), "{name}: panel {id} twice");
            let [x, y, w, h] = ["x", "y", "w", "h"].map(|key| number(&grid[key]));
            assert!(x >= 0 && w > 0 && h > 0 && x + w <= 24, "{name}: panel {id} leaves the grid");
            for cell in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
                assert_eq!(taken.insert(cell, id), None, "{name}: panel {id} lies on another at {cell:?}");
            }
        }
    }
}

#[test]
fn every_panel_says_what_it_shows_and_in_which_unit() {
    for dashboard in all() {
        let name = &dashboard.name;
        let shown: Vec<&Value> = dashboard.panels().iter().filter(|panel| panel["type"] != "row").collect();
        assert!(shown.len() > 10, "{name}");
        for panel in shown {
            let title = word(&panel["title"], name);
            assert!(word(&panel["description"], title).ends_with('.'), "{name} / {title}: a description is a sentence");
            let defaults = &panel["fieldConfig"]["defaults"];
            assert!(!word(&defaults["unit"], title).is_empty(), "{name} / {title}: no unit");
            let exprs = panel["targets"].as_array().expect("targets").iter().map(|target| word(&target["expr"], title));
            let (ratio, unit) =
                (exprs.clone().all(|expr| expr.contains(":ratio{") && !expr.contains("count(")), &defaults["unit"]);
            let of_customers = exprs.clone().all(|expr| expr.contains("quick"));
            assert!(!ratio || of_customers || panel["type"] == "table" || unit == "percentunit", "{name} / {title}: {unit}");
            let refs: BTreeSet<&str> =
                panel["targets"].as_array().expect("targets").iter().map(|t| word(&t["refId"], title)).collect();
            assert_eq!(refs.len(), exprs.count(), "{name} / {title}: a refId twice");
        }
    }
}

#[test]
fn expansion_rates_carry_the_marks_at_10_20_and_30_percent() {
    let mut marked = 0;
    for dashboard in all() {
        for panel in dashboard
            .panels()
            .iter()
            .filter(|panel| panel["title"].as_str().is_some_and(|title| title.starts_with("Expansion rate")))
        {
            if panel["description"].as_str().is_some_and(|text| text.contains("10, 20 and 30 %")) {
                let steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"].as_array().expect("steps");
                let marks: Vec<Option<f64>> = steps.iter().map(|step| step["value"].as_f64()).collect();
                assert_eq!(marks, [None, Some(0.1), Some(0.2), Some(0.3)], "{}", panel["title"]);
                marked += 1;
            }
        }
    }
    assert!(marked >= 4, "{marked}");
}

#[test]
fn every_query_goes_to_the_chosen_source_and_the_chosen_job() {
    for dashboard in all() {
        let first = &dashboard.variables()[0];
        assert_eq!((&first["name"], &first["type"]), (&"datasource".into(), &"datasource".into()), "{}", dashboard.name);
        let variables = dashboard.variables().iter().skip(1).map(|variable| &variable["datasource"]);
        let targets = dashboard.panels().iter().flat_map(|panel| panel["targets"].as_array().into_iter().flatten());
        let panels = dashboard.panels().iter().filter(|panel| panel["type"] != "row");
        for source in variables.chain(targets.map(|target| &target["datasource"])).chain(panels.map(|panel| &panel["datasource"]))
        {
            assert_eq!(source["uid"], SOURCE, "{}", dashboard.name);
        }
        for query in dashboard.queries() {
            let selectors = query.expr.split('{').skip(1).map(|rest| rest.split('}').next().unwrap_or_default());
            for selector in selectors {
                assert!(selector.contains("job=\"$job\""), "{}: {{{selector}}} is of any job", query.place);
                let fixed =
                    selector.split(", ").find(|matcher| matcher.starts_with("instance") && !matcher.contains("$instance"));
                assert_eq!(fixed, None, "{}", query.place);
            }
        }
    }
}

#[test]
fn every_series_exists_and_figures_are_those_of_the_group() {
    let (exported, recorded) = (catalog::all().map(|metric| metric.name), recorded());
    let exported: BTreeSet<&str> = exported.collect();
    let business: BTreeSet<&str> = catalog::BUSINESS.iter().map(|metric| metric.name).collect();
    for dashboard in all() {
        for query in dashboard.queries() {
            let named = series(&query.expr);
            assert!(!named.is_empty(), "{}: {}", query.place, query.expr);
            for name in named {
                let plain = name.strip_suffix("_bucket").unwrap_or(name);
                let known = exported.contains(plain) || recorded.contains(name) || FOREIGN.contains(&name);
                assert!(known, "{}: there is no {name}", query.place);
                // Where values are folded nothing is recorded by segment; then the figures of an instance that owns everything are shown.
                let alone = query.expr.contains(&format!("or max without (instance, pod, node, host) ({name}{{"));
                let of_owner =
                    alone && (name.ends_with("_ratio") || query.expr.contains(" and on (job, instance) upswell_arpa{"));
                let direct = READ_DIRECTLY.contains(&name)
                    || of_owner
                    || (name == "upswell_arpa" && query.expr.contains("and on (job, instance)"));
                assert!(
                    !business.contains(name) || direct,
                    "{}: {name} is of one instance; read what is recorded of it",
                    query.place
                );
            }
        }
    }
}

#[test]
fn links_lead_to_pages_there_are() {
    let mut runbooks = 0;
    for dashboard in all() {
        let links =
            dashboard.panels().iter().chain([&dashboard.json]).flat_map(|of| of["links"].as_array().into_iter().flatten());
        for url in links.filter_map(|link| link["url"].as_str()) {
            let file = url.strip_prefix("https://github.com/upswell/upswell/blob/main/").unwrap_or_else(|| panic!("{url}"));
            assert!(repository(file).is_file(), "{}: {url}", dashboard.name);
            runbooks += usize::from(file.starts_with("docs/runbooks/"));
        }
    }
    assert!(runbooks > 30, "{runbooks}");
}

#[test]
fn grafana_finds_the_dashboards_and_their_source() {
    let sources = read("deploy/grafana/provisioning/datasources/prometheus.yaml");
    assert_eq!(sources["datasources"][0]["type"], "prometheus");
    let providers = read("deploy/grafana/provisioning/dashboards/upswell.yaml");
    let path = word(&providers["providers"][0]["options"]["path"], "provider");
    assert!(text("deploy/compose.yaml").contains(&format!("./grafana/dashboards:{path}:ro")), "{path}");
}

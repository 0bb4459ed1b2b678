//! Exactly at the threshold nothing fires, a micro-unit below it does: hundreds of sums, through Prometheus' own arithmetic.
//!
//! Both sums are split between two instances. Dividing the gauges as they are would be wrong for two in five of them.

use super::{repository, rules};
use std::fmt::Write;
use upswell::domain::money::major_units;
use upswell_testkit::promtool;

const PAIRS: u64 = 400;

/// The next of a fixed sequence of numbers.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *state >> 20
}

/// Money in micro-units as two instances export it, together that much.
fn split(micros: u64, state: &mut u64) -> [f64; 2] {
    let one = next(state) % (micros + 1);
    [one, micros - one].map(|part| major_units(part.into()))
}

#[test]
fn at_the_threshold_and_just_below_it() {
    let mut state = 7;
    let mut series = String::new();
    for pair in 0..PAIRS {
        // Up to a thousand million of expansion in major units.
        let expansion = next(&mut state) % 10_u64.pow(3 + (pair % 13) as u32) + 1;
        for (kind, expansion, opening) in [("equal", expansion, expansion * 10), ("below", expansion - 1, expansion * 10)] {
            let sums = [("opening_mrr", "", opening), ("movement_mrr", r#", movement="expansion""#, expansion)];
            for (gauge, label, micros) in sums {
                for (instance, value) in ["a", "b"].into_iter().zip(split(micros, &mut state)) {
                    let labels = format!(r#"job="upswell", instance="{instance}", window="{kind}_{pair}"{label}"#);
                    writeln!(series, "      - {{ series: 'upswell_{gauge}{{{labels}}}', values: '{value}' }}").expect("a text");
                }
            }
        }
    }
    for instance in ["a", "b"] {
        let labels = format!(r#"job="upswell", instance="{instance}""#);
        writeln!(series, "      - {{ series: 'upswell_live_partitions{{{labels}}}', values: '3' }}").expect("a text");
        writeln!(series, "      - {{ series: 'upswell_topic_partitions{{{labels}, topic=\"billing.usage\"}}', values: '6' }}")
            .expect("a text");
    }
    let rate = "window:upswell_expansion_rate:ratio";
    let counted = |window: &str, test: &str| {
        format!(
            "      - {{ eval_time: 0m, expr: 'count({rate}{{window=~\"{window}_.*\"}} {test})', exp_samples: [{{ labels: '{{}}', value: {PAIRS} }}] }}\n"
        )
    };
    let expected = counted("equal", "== 0.1") + &counted("below", "< 0.1");
    let test = format!(
        "rule_files: [upswell.rules.yml]\nevaluation_interval: 1m\ntests:\n  - interval: 1m\n    input_series:\n{series}    promql_expr_test:\n{expected}"
    );
    let directory = tempfile::tempdir().expect("a directory");
    let write = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).expect("a file");
    write("upswell.rules.yml", &rules(&repository("deploy/upswell.yaml"), &[]));
    write("exact.test.yml", &test);
    promtool::test_rules(&directory.path().join("exact.test.yml"));
}

//! Several instances of one group: each counts the partitions it owns, together they count everything, and what one gives up
//! another takes over.

use crate::bench::Bench;
use crate::history::{History, windows};
use upswell_testkit::Upswell;

const PARTITIONS: f64 = 4.0;

/// Waits until the service counts exactly so many partitions.
fn wait_live(service: &mut Upswell, partitions: f64) {
    service.wait_ready();
    service.wait(&format!("{partitions} live partitions"), |service| {
        let samples = service.scrape();
        let counted = ["upswell_assigned_partitions", "upswell_live_partitions"].map(|family| {
            samples
                .family(family)
                .map(|(_, value)| value)
                .fold(None, |most: Option<f64>, value| Some(most.map_or(value, |m| m.max(value))))
        });
        (counted == [Some(partitions); 2]).then_some(())
    });
    service.wait_ready();
}

#[test]
fn two_instances_share_the_partitions_and_add_up() {
    let history = History::generated();
    for protocol in ["consumer", "classic"] {
        let bench = Bench::new(&format!("group-{protocol}"), PARTITIONS as i32).revenue(&history.revenue());
        let bench = bench.kafka_key(&format!("group_protocol: {protocol}"));
        history.produce(&bench);
        let mut first = bench.run();
        wait_live(&mut first, PARTITIONS);
        let mut second = bench.run();
        wait_live(&mut second, PARTITIONS / 2.0);
        wait_live(&mut first, PARTITIONS / 2.0);
        assert_shared(history, &first, &second);
        assert_eq!(first.terminate(), 0);
        wait_live(&mut second, PARTITIONS);
        history.assert_equals(&second);
        assert_eq!(second.terminate(), 0);
    }
}

/// Money and customers add up; ratios are nobody's.
fn assert_shared(history: &History, first: &Upswell, second: &Upswell) {
    let (one, other) = (first.scrape(), second.scrape());
    for window in windows(&history.replay(first.report()["as_of"].as_str().expect("a report names its instant"))) {
        let name = window["window"].as_str().expect("a window has a name");
        let sum = |family: &str| one.sum(family, &[("window", name)]) + other.sum(family, &[("window", name)]);
        let expected: f64 = window["mrr"]["opening"].as_str().and_then(|text| text.parse().ok()).expect("money");
        let difference = (sum("upswell_opening_mrr") - expected).abs();
        assert!(difference < 1e-6, "{name}: off by {difference}"); // two doubles, each the nearest, add up to this
        assert_eq!(Some(sum("upswell_opening_customers")), window["customers"]["opening"].as_f64(), "{name}");
        for samples in [&one, &other] {
            assert_eq!(samples.value("upswell_expansion_rate_ratio", &[("window", name)]), None, "{name}");
        }
    }
}

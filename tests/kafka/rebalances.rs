//! Instances that join, leave and die: what one gives up another takes over, and their sum is the whole, to the micro-unit.

use crate::bench::{Bench, PROGRAM};
use crate::history::History;
use upswell_testkit::samples::Samples;
use upswell_testkit::{Figures, Upswell, wait};

pub const PARTITIONS: f64 = 4.0;

/// The instances of one group.
pub struct Instances {
    pub bench: Bench,
    pub running: Vec<Upswell>,
    is_static: bool,
}

/// Whether a static member is ready, rather than ended because its name is taken.
fn let_in(instance: &mut Upswell) -> bool {
    wait::until("a static member is ready or has ended", || match instance.ended() {
        Some(_) => {
            assert!(instance.log().contains("instance ID is still used"), "it ended over something else");
            Some(false)
        }
        None => instance.get("/-/ready").filter(|answer| answer.status == 200).map(|_| true),
    })
}

impl Instances {
    fn new(name: &str, protocol: &str, is_static: bool) -> Instances {
        Instances::of(Bench::new(name, PARTITIONS as i32), protocol, is_static)
    }

    /// On the topics of a bench, which have [`PARTITIONS`].
    pub fn of(bench: Bench, protocol: &str, is_static: bool) -> Instances {
        let bench = bench.revenue(&History::generated().revenue()).kept();
        let mut bench = bench.kafka_key(&format!("group_protocol: {protocol}"));
        if protocol == "classic" {
            bench = bench.kafka_key("properties: { session.timeout.ms: 6000, heartbeat.interval.ms: 1000 }");
        }
        Instances { bench, running: Vec::new(), is_static }
    }

    /// Starts one more; a static member of this name if members are static.
    pub fn start(&mut self, name: &str) {
        let mut config = self.bench.config();
        if self.is_static {
            config = config.replacen("kafka:\n", &format!("kafka:\n  instance_id: {name}\n"), 1);
        }
        let mut instance = Upswell::run(PROGRAM, &config);
        // With the new protocol the name of a member that died is taken until its session ends; whoever runs us starts us again.
        while self.is_static && !let_in(&mut instance) {
            instance = Upswell::run(PROGRAM, &config);
        }
        self.running.push(instance);
    }

    pub fn terminate(&mut self, index: usize) {
        assert_eq!(self.running.remove(index).terminate(), 0);
    }

    pub fn kill(&mut self, index: usize) {
        self.running.remove(index).kill();
    }

    fn scrapes(&self) -> Vec<Samples> {
        self.running.iter().map(Upswell::scrape).collect()
    }

    /// Waits until all partitions count once, every instance has some of them and is ready.
    fn wait_settled(&mut self) {
        let each =
            |samples: &[Samples], family: &str| -> Vec<f64> { samples.iter().map(|samples| samples.sum(family, &[])).collect() };
        self.running.iter_mut().for_each(Upswell::wait_ready);
        wait::holds("every partition counts once", || {
            let samples = self.scrapes();
            let (live, ready) = (each(&samples, "upswell_live_partitions"), each(&samples, "upswell_ready"));
            live.iter().sum::<f64>() == PARTITIONS
                && live.iter().all(|share| *share > 0.0)
                && ready.iter().all(|ready| *ready == 1.0)
        });
    }

    /// Waits until reports and gauges of the instances add up to what `replay` gives for the whole history.
    pub fn wait_complete(&mut self) {
        self.wait_settled();
        let mut said = 0;
        wait::until("the instances add up to the replay", || {
            let reports: Vec<_> = self.running.iter().map(Upswell::report).collect();
            let replay = |report: &serde_json::Value| Figures::of(&History::generated().replay(report["as_of"].as_str()?)).into();
            let replays: Vec<Figures> = reports.iter().map(replay).collect::<Option<_>>().expect("reports name their instants");
            let mut sum = Figures::default();
            reports.iter().for_each(|report| sum.add(&Figures::of(report)));
            assert!(!replays[0].is_worthless(), "the history is worth something");
            if replays.iter().any(|replay| *replay != replays[0]) {
                return None; // Something took effect between their instants.
            }
            let differences = sum.differences(&replays[0]);
            if differences.len() != said {
                said = differences.len();
                eprintln!("{said} differences, such as {:?}", differences.first());
            }
            differences.is_empty().then_some(())
        });
        self.assert_gauges_add_up();
    }

    /// The gauges are those of the report, so one figure each of money, movements and customers tells whether labels are right.
    fn assert_gauges_add_up(&self) {
        let samples = self.scrapes();
        let report = History::generated().replay(self.running[0].report()["as_of"].as_str().expect("an instant"));
        for window in crate::history::windows(&report) {
            let name = window["window"].as_str().expect("a name");
            let sum = |family: &str, labels: &[(&str, &str)]| -> f64 {
                let labels = [&[("window", name)], labels].concat();
                samples.iter().map(|samples| samples.sum(family, &labels)).sum()
            };
            let money = |value: &serde_json::Value| -> f64 { value.as_str().and_then(|text| text.parse().ok()).expect("money") };
            let rows = [
                (sum("upswell_closing_mrr", &[]), money(&window["mrr"]["closing"])),
                (sum("upswell_movement_mrr", &[("movement", "churn")]), -money(&window["mrr"]["churn"])),
                (sum("upswell_expansion_mrr", &[("motion", "seats")]), money(&window["expansion_by_motion"]["seats"])),
                (sum("upswell_closing_customers", &[]), window["customers"]["closing"].as_f64().expect("a count")),
            ];
            for (at, (ours, theirs)) in rows.into_iter().enumerate() {
                assert!((ours - theirs).abs() < 1e-6, "{name}, row {at}: {ours} is not {theirs}");
            }
            let ratios = |family| samples.iter().filter_map(|samples| samples.value(family, &[("window", name)])).count();
            let expected = usize::from(self.running.len() == 1 && !window["rates"]["expansion_rate"].is_null());
            assert_eq!(ratios("upswell_expansion_rate_ratio"), expected, "{name}: ratios are no sums");
        }
    }
}

/// Joins, orderly leaves and kills while records come in, then again over the whole history.
fn come_and_go(mut group: Instances) {
    const PARTS: usize = 4;
    let history = History::generated();
    let write = |group: &Instances, part| history.produce_part(&group.bench, part, PARTS);
    write(&group, 0);
    group.start("a");
    group.wait_settled();
    group.start("b");
    write(&group, 1);
    group.wait_settled();
    group.start("c");
    write(&group, 2);
    group.wait_settled();
    group.kill(1);
    write(&group, 3);
    group.wait_complete();
    group.start("b");
    history.repeat_usage(&group.bench, 500);
    group.wait_complete();
    group.terminate(0);
    history.repeat_usage(&group.bench, 500);
    group.wait_complete();
    group.kill(0);
    group.start("c");
    history.repeat_usage(&group.bench, 500);
    group.wait_complete();
    group.terminate(0);
    group.wait_complete();
    history.assert_equals(&group.running[0]);
    group.terminate(0);
}

#[test]
fn members_of_the_new_protocol_come_and_go() {
    come_and_go(Instances::new("go-consumer", "consumer", false));
}

#[test]
fn members_of_the_classic_protocol_come_and_go() {
    come_and_go(Instances::new("go-classic", "classic", false));
}

#[test]
fn static_members_of_the_new_protocol_come_and_go() {
    come_and_go(Instances::new("go-static-consumer", "consumer", true));
}

#[test]
fn static_members_of_the_classic_protocol_come_and_go() {
    come_and_go(Instances::new("go-static-classic", "classic", true));
}

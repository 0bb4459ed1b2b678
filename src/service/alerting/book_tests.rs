//! Courses of reports, one judgement a minute: what fires, what ends, what is remembered and what is held.

use super::*;
use crate::domain::alert::{Guards, Metric, Scope, Severity, Side, Test};
use crate::domain::rates::Sums;
use crate::domain::window::Window;
use crate::engine::report::{DimensionReport, SegmentReport, WindowReport};

const MINUTE: i64 = 60_000;

fn rule(scope: bool) -> Rule {
    Rule {
        name: "Low".to_owned(),
        metric: Metric::ExpansionRate,
        window: Window::Trailing(30),
        scope: scope.then(|| Scope { dimension: "plan".to_owned(), values: vec![] }),
        test: Test { side: Side::Below, threshold: 100_000, clear: 100_000 },
        pending: 2 * MINUTE,
        keep: 0,
        guards: Guards::default(),
        severity: Severity::Critical,
        labels: BTreeMap::new(),
        annotations: BTreeMap::new(),
    }
}

/// Per mille of expansion, in all and by plan.
fn report(total: i128, plans: &[(&str, i128)]) -> Report {
    let sums = |per_mille: i128| {
        let mut sums = Sums::default();
        (sums.money.opening, sums.money.expansion[0], sums.customers.opening) = (1000, per_mille, 30);
        sums
    };
    let segment = |(value, per_mille): &(&str, i128)| SegmentReport { value: (*value).to_owned(), sums: sums(*per_mille) };
    let segments = plans.iter().map(segment).collect();
    let window = WindowReport {
        window: "trailing_30d".to_owned(),
        opening_edge: Instant(0),
        closing_edge: Instant(0),
        comparison_opening: None,
        total: sums(total),
        dimensions: vec![DimensionReport { dimension: "plan".to_owned(), segments, folded: 0 }],
    };
    let (currency, time_zone) = ("USD".to_owned(), "UTC".to_owned());
    Report { as_of: Instant(0), currency, time_zone, mrr: 0, usage_today: Some(0), windows: vec![window] }
}

/// One evaluation a minute; answers whether anybody has to be told.
struct Course {
    book: Book,
    minute: i64,
    rules: Vec<Rule>,
    limits: Option<Limits>,
}

impl Course {
    fn new(rules: Vec<Rule>) -> Course {
        Course { book: Book::default(), minute: 0, rules, limits: None }
    }

    fn step(&mut self, report: Option<&Report>, footing: Footing, vitals: Vitals) -> bool {
        self.minute += 1;
        let (rules, limits, now) = (&self.rules, self.limits, Instant(self.minute * MINUTE));
        self.book.evaluate(&Evaluation {
            rules,
            limits,
            report,
            footing,
            vitals,
            now,
            longest: MINUTE,
            carried: &BTreeSet::new(),
        })
    }

    fn judge(&mut self, report: &Report) -> bool {
        self.step(Some(report), Footing { complete_since: Some(Instant(0)), ..Footing::default() }, Vitals::default())
    }

    fn state(&self, segment: Option<&str>) -> Option<State> {
        let key = Key { rule: "Low".to_owned(), segment: segment.map(str::to_owned) };
        self.book.entries.get(&key).map(|entry| entry.progress.state)
    }
}

fn fires(state: Option<State>) -> bool {
    matches!(state, Some(State::Firing { .. }))
}

#[test]
fn an_alert_fires_once_and_ends_once() {
    let mut course = Course::new(vec![rule(false)]);
    let (low, fine) = (report(99, &[]), report(100, &[]));
    assert_eq!([course.judge(&low), course.judge(&low), course.judge(&low), course.judge(&low)], [false, false, true, false]);
    assert!(fires(course.state(None)));
    assert!(course.judge(&fine) && !course.judge(&fine));
    let entry = course.book.entries.values().next().expect("one");
    assert_eq!(entry.resolved, Some(Resolved { since: Instant(3 * MINUTE), at: Instant(5 * MINUTE) }));
    for _ in 0..16 {
        course.judge(&fine);
    }
    assert_eq!(course.book.entries.values().next().expect("one").resolved, None, "it is told of for a while only");
    assert_eq!(course.book.records(), []);
}

#[test]
fn images_hold_what_is_not_quiet_and_a_restart_goes_on() {
    let mut course = Course::new(vec![rule(false)]);
    let low = report(99, &[]);
    for _ in 0..3 {
        course.judge(&low);
    }
    course.book.entries.values_mut().for_each(|entry| entry.note_told("pd", false));
    let records = course.book.records();
    let mut restarted = Course { book: Book::of(records.clone()), minute: course.minute + 30, ..Course::new(vec![rule(false)]) };
    assert!(
        !restarted.step(None, Footing { not_ready: true, ..Footing::default() }, Vitals::default()),
        "nobody is told anything"
    );
    assert!(fires(restarted.state(None)), "it is held while nothing can be judged");
    assert!(!restarted.judge(&low), "and fires on");
    let entry = restarted.book.entries.values().next().expect("one");
    assert_eq!((entry.told("pd"), entry.told("chat")), (Some(false), None));
    assert_eq!(restarted.book.records(), records);
}

#[test]
fn segments_are_alerts_of_their_own_and_one_that_vanishes_is_held() {
    let mut course = Course::new(vec![rule(true)]);
    let both = report(0, &[("basic", 50), ("pro", 500)]);
    for _ in 0..3 {
        course.judge(&both);
    }
    assert!(fires(course.state(Some("basic"))) && course.state(Some("pro")) == Some(State::Inactive));
    let gone = report(0, &[]);
    assert!(!course.judge(&gone));
    assert!(fires(course.state(Some("basic"))), "held");
    assert_eq!(course.state(Some("pro")), None, "a quiet one is forgotten");
    assert!(course.judge(&report(0, &[("basic", 100)])));
    assert_eq!(course.state(Some("basic")), Some(State::Inactive));
}

#[test]
fn a_rule_that_is_gone_or_means_something_else_ends() {
    let mut course = Course::new(vec![rule(false)]);
    let low = report(50, &[]);
    for _ in 0..3 {
        course.judge(&low);
    }
    course.rules[0].test = Test { side: Side::Below, threshold: 70_000, clear: 70_000 };
    assert!(course.judge(&low));
    assert_eq!(course.state(None), Some(State::Inactive), "it has ended before it begins anew");
    assert!(course.book.entries.values().next().expect("one").resolved.is_some());
    for _ in 0..3 {
        course.judge(&low);
    }
    assert!(fires(course.state(None)));
    course.rules[0].severity = Severity::Info;
    assert!(course.judge(&low));
    let entry = course.book.entries.values().next().expect("one");
    assert_eq!((entry.resolved.is_some(), entry.labels["severity"].as_str()), (true, "critical"), "it ends as it was known");
    for _ in 0..3 {
        course.judge(&low);
    }
    assert!(fires(course.state(None)) && course.book.entries.values().all(|entry| entry.labels["severity"] == "info"));
    course.rules[0].pending = 99 * MINUTE;
    assert!(!course.judge(&low), "other times end nothing");
    course.rules.clear();
    assert!(course.judge(&low));
    assert!(course.book.entries.values().next().expect("one").resolved.is_some());
    for _ in 0..16 {
        course.judge(&low);
    }
    assert!(course.book.entries.is_empty());
}

#[test]
fn what_cannot_be_judged_says_why_and_is_a_trouble_after_a_day() {
    let mut course = Course::new(vec![rule(false)]);
    course.limits = Some(Limits { no_events: None, lag: 0, checkpoint_age: i64::MAX });
    let well = Vitals { is_ready: true, ..Vitals::default() };
    let partial = Footing { partial_coverage: true, ..Footing::default() };
    let low = report(99, &[]);
    let fires = |course: &Course, name: &str| {
        let key = Key { rule: name.to_owned(), segment: None };
        matches!(course.book.entries[&key].progress.state, State::Firing { .. })
    };
    course.step(Some(&low), partial, well);
    assert_eq!(course.book.suppressed.get("Low"), Some(&Suppression::PartialCoverage));
    assert!(!fires(&course, "UpswellAlertSuppressed"));
    course.minute += 24 * 60;
    let mut told = 0;
    for _ in 0..7 {
        told += u32::from(course.step(Some(&low), partial, well));
    }
    assert!(fires(&course, "UpswellAlertSuppressed") && told == 1);
    let stopped = Vitals { has_stopped: true, ..well };
    course.step(Some(&low), partial, stopped);
    course.step(Some(&low), partial, stopped);
    assert!(fires(&course, "UpswellPartitionStopped"));
}

#[test]
fn a_small_segment_is_no_trouble() {
    let mut course = Course::new(vec![Rule { guards: Guards { min_opening_customers: 31, ..Guards::default() }, ..rule(true) }]);
    course.judge(&report(0, &[("basic", 50)]));
    assert_eq!(course.book.suppressed_since(), None);
    let mut course = Course::new(vec![Rule { guards: Guards { min_opening_customers: 31, ..Guards::default() }, ..rule(false) }]);
    course.judge(&report(0, &[]));
    assert_eq!(course.book.suppressed_since(), Some(Instant(MINUTE)));
}

#[test]
fn the_end_is_remembered_until_those_who_were_told_have_heard() {
    let mut course = Course::new(vec![rule(false)]);
    let (low, fine) = (report(99, &[]), report(100, &[]));
    for _ in 0..3 {
        course.judge(&low);
    }
    course.book.entries.values_mut().for_each(|entry| entry.note_told("pager", false));
    course.judge(&fine);
    course.minute += 60;
    course.judge(&fine);
    assert_eq!(course.book.records().len(), 1, "the pager has not heard");
    course.book.entries.values_mut().for_each(|entry| entry.note_told("pager", true));
    course.judge(&fine);
    assert_eq!(course.book.records(), []);
}

#[test]
fn a_segment_that_is_not_wanted_or_gone_for_a_day_ends() {
    let named = |values: &[&str]| {
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        Rule { scope: Some(Scope { dimension: "plan".to_owned(), values }), ..rule(true) }
    };
    let mut course = Course::new(vec![named(&["basic", "pro"])]);
    let both = report(0, &[("basic", 50), ("pro", 50)]);
    for _ in 0..3 {
        course.judge(&both);
    }
    course.rules = vec![named(&["pro"])];
    assert!(course.judge(&both));
    assert!(!fires(course.state(Some("basic"))) && fires(course.state(Some("pro"))));
    let gone = report(0, &[]);
    course.judge(&gone);
    assert!(fires(course.state(Some("pro"))) && course.book.suppressed_since().is_some(), "held, and a trouble in time");
    course.minute += 24 * 60;
    assert!(course.judge(&gone));
    assert!(!fires(course.state(Some("pro"))));
}

#[test]
fn what_ails_the_service_itself_stays_when_the_alerts_of_the_group_arrive() {
    let mut course = Course::new(vec![]);
    course.limits = Some(Limits { no_events: None, lag: 0, checkpoint_age: i64::MAX });
    for _ in 0..3 {
        course.step(None, Footing::default(), Vitals { has_stopped: true, is_ready: true, ..Vitals::default() });
    }
    let stopped = Key { rule: "UpswellPartitionStopped".to_owned(), segment: None };
    let local = std::mem::take(&mut course.book);
    assert!(fires(local.entries.get(&stopped).map(|entry| entry.progress.state)));
    let merged = Book::default().with_troubles_of(local.clone());
    assert_eq!(merged.entries.get(&stopped), local.entries.get(&stopped));
    let mut known = local.records();
    known[0].told = vec![Told { receiver: "pager".to_owned(), resolved: false }];
    let merged = Book::of(known.clone()).with_troubles_of(local);
    assert_eq!(merged.entries[&stopped].told, known[0].told, "what the image says goes before");
}

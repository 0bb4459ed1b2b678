//! Customers behind the figures and closed periods, asked of a running service over HTTP.

use crate::avro::{Subscription, Usage};
use crate::world::{Look, NOW, World, expected, plan, until};
use crate::{DAY, history, send};
use serde_json::{Value, json};
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::sync::Arc;
use upswell::adapter::clock::Clock;
use upswell::domain::accept;
use upswell::domain::calendar::Instant;
use upswell::domain::window::{Period, Window};
use upswell::engine::dedup::Memory;
use upswell::engine::plan::Plan;
use upswell::engine::report::Report;
use upswell::engine::shard::Shard;
use upswell::service::Service;
use upswell::wire::report::EventCounts;

/// The document at a path.
fn document(service: &Look, path: &str) -> Value {
    let (status, body) = service.get(path);
    assert_eq!(status, 200, "{path}: {body}");
    serde_json::from_str(&body).expect("JSON")
}

/// Status and sentence of a refusal.
fn refusal(service: &Look, path: &str) -> (u16, String) {
    let (status, body) = service.get(path);
    let body: Value = serde_json::from_str(&body).unwrap_or_else(|error| panic!("{path}: {error} in {body}"));
    (status, body["error"].as_str().unwrap_or_default().to_owned())
}

/// Micro-units of a decimal of six places.
fn micros(decimal: &Value) -> i128 {
    let text = decimal.as_str().expect("a decimal");
    assert_eq!(text.find('.').map(|at| text.len() - at), Some(7), "{text}");
    text.replace('.', "").parse().expect("digits")
}

/// All pages of a listing; `meanwhile` happens between two.
fn pages(service: &Look, query: &str, mut meanwhile: impl FnMut()) -> Vec<Value> {
    let mut pages = vec![document(service, &format!("/api/v1/customers?{query}"))];
    while let Some(cursor) = pages[pages.len() - 1]["next_cursor"].as_str().map(str::to_owned) {
        meanwhile();
        pages.push(document(service, &format!("/api/v1/customers?{query}&cursor={cursor}")));
    }
    pages
}

fn rows(pages: &[Value]) -> Vec<&Value> {
    pages.iter().flat_map(|page| page["customers"].as_array().expect("a list")).collect()
}

/// Every page is of one version, and all of them add up to its total.
fn check(pages: &[Value]) {
    let first = &pages[0];
    for page in pages {
        for name in ["as_of", "offsets", "total", "beyond", "opening_edge", "closing_edge", "movement", "segment"] {
            assert_eq!(page[name], first[name], "{name}");
        }
    }
    let rows = rows(pages);
    let customers: BTreeSet<&str> = rows.iter().filter_map(|row| row["customer_id"].as_str()).collect();
    assert_eq!((customers.len(), json!(rows.len())), (rows.len(), first["total"]["customers"].clone()));
    let sum: i128 = rows.iter().map(|row| micros(&row["amount"])).sum();
    assert_eq!(sum, micros(&first["total"]["amount"]));
    let size = |row: &&Value| std::cmp::Reverse(micros(&row["amount"]).abs());
    assert!(rows.is_sorted_by_key(size), "{rows:?}");
}

fn started() -> (World, Look, Report) {
    let world = World::new(3);
    let (subscriptions, usage) = history();
    send(&world, &(subscriptions.clone(), usage.clone()));
    let service = world.start();
    let report = expected(&subscriptions, &usage);
    service.wait_for_report(&report);
    (world, service, report)
}

#[test]
fn a_listing_is_what_the_report_says() {
    let (_world, service, report) = started();
    let window = &report.windows[1];
    let money = &window.total.money;
    for (movement, amount, customers) in [
        ("new", money.new, window.total.customers.new),
        ("expansion", money.expansion(), window.total.customers.expansion),
        ("contraction", money.contraction(), 0),
        ("opening", money.opening, window.total.customers.opening),
        ("closing", money.closing(), window.total.customers.closing()),
        ("all", money.closing() - money.opening, 6),
    ] {
        let pages = pages(&service, &format!("window=trailing_90d&movement={movement}&limit=2"), || {});
        check(&pages);
        let total = &pages[0]["total"];
        assert_eq!((micros(&total["amount"]), &total["customers"]), (amount, &json!(customers)), "{movement}");
    }
    let segment = &window.dimensions[1].segments[0];
    let page = document(
        &service,
        &format!("/api/v1/customers?window=trailing_90d&movement=expansion&dimension=vertical&segment={}", segment.value),
    );
    check(std::slice::from_ref(&page));
    assert_eq!(micros(&page["total"]["amount"]), segment.sums.money.expansion());
    // Both topics, every partition, and all that was sent: two states and one usage event a customer.
    let offsets: i64 = ["billing.subscriptions", "billing.usage"]
        .iter()
        .flat_map(|topic| page["offsets"][topic].as_object().expect("offsets").values())
        .map(|next| next.as_i64().expect("an offset"))
        .sum();
    assert_eq!(offsets, 18);
    assert_eq!((&page["as_of"], &page["currency"]), (&json!("2026-09-10T08:00:00Z"), &json!("USD")));
    let by_id = document(&service, "/api/v1/customers?window=trailing_90d&movement=closing&order=customer_id");
    let ids: Vec<&str> = rows(std::slice::from_ref(&by_id)).iter().filter_map(|row| row["customer_id"].as_str()).collect();
    assert_eq!(ids, ["c-0", "c-1", "c-2", "c-3", "c-4", "c-5"]);
    service.stop();
}

#[test]
fn all_pages_are_of_one_version_while_facts_arrive_and_days_pass() {
    let world = World::new(3);
    let ids: Vec<String> = (0..40).map(|number| format!("customer {number}")).collect();
    let event = |number: usize, days: i64, mrr: i64| Subscription {
        event: ["a", "b", "c"][days.unsigned_abs() as usize % 3],
        customer: &ids[number % ids.len()],
        at: NOW.0 - days * DAY + number as i64,
        mrr,
        vertical: ["fintech", "health", "media"][number % 3],
    };
    for number in 0..ids.len() {
        world.subscribe(&event(number, 120, 100 + number as i64));
        world.subscribe(&event(number, 10, 100 + 7 * (number as i64 % 11)));
    }
    // A day passes every two seconds.
    let service = Look(Service::start(world.settings(), Clock::simulated(NOW, 43_200)).expect("a service"));
    service.wait_until_ready();
    let (days, sent) = (RefCell::new(BTreeSet::new()), Cell::new(0));
    let queries = [
        "window=trailing_90d&movement=all",
        "window=trailing_90d&movement=expansion&dimension=vertical&segment=health",
        "window=month_to_date&movement=closing",
        "window=trailing_90d&movement=contraction&dimension=cohort&segment=2026-05",
    ];
    until(
        "three days of listings",
        || {
            for query in queries {
                let pages = pages(&service, &format!("{query}&limit=3"), || {
                    let number = sent.get() + 1;
                    sent.set(number);
                    world.subscribe(&event(number, 5 - number as i64 % 4, 50 + number as i64 % 300));
                });
                check(&pages);
                days.borrow_mut().insert(pages[0]["as_of"].as_str().expect("an instant")[..10].to_owned());
            }
            days.borrow().len()
        },
        |days| *days >= 3,
    );
    assert!(sent.get() > 20, "{} facts arrived meanwhile", sent.get());
    assert_eq!(service.metric("upswell_invariant_violations_total"), Some(0.0));
    service.stop();
}

#[test]
fn a_listing_in_other_forms() {
    let (_world, service, _) = started();
    let path = "/api/v1/customers?window=trailing_90d&movement=expansion&limit=4";
    let first = document(&service, path);
    let (status, csv) = service.get(&format!("{path}&format=csv"));
    let lines: Vec<&str> = csv.split("\r\n").collect();
    assert_eq!((status, lines[0], lines.len()), (200, "customer_id,movement,amount,opening,closing", 6));
    let row = &first["customers"][0];
    let text = |name: &str| row[name].as_str().expect("a text");
    assert_eq!(lines[1], [text("customer_id"), "expansion", text("amount"), text("opening"), text("closing")].join(","));
    let (status, jsonl) = service.get(&format!("{path}&format=jsonl"));
    let parsed: Vec<Value> = jsonl.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!((status, &json!(parsed)), (200, &first["customers"]));
    let answer = raw(
        &service,
        "/api/v1/customers?window=trailing_90d&movement=expansion&limit=4",
        "Accept: text/html, text/csv;q=0.9\r\n",
    );
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    assert!(head.contains("content-type: text/csv") && head.contains("upswell-as-of: 2026-09-10T08:00:00Z"), "{head}");
    assert!(head.contains("upswell-total-customers: 6") && head.contains("upswell-next-cursor: "), "{head}");
    assert_eq!(body, csv);
    service.stop();
}

/// Everything the server sends for a request of this path.
fn raw(service: &Look, path: &str, headers: &str) -> Vec<u8> {
    let mut stream = std::net::TcpStream::connect(service.0.local_addr()).expect("a connection");
    // The server may answer and close before it has read all of a huge request.
    let _cut_off = stream.write_all(format!("GET {path} HTTP/1.0\r\n{headers}\r\n").as_bytes());
    let mut answer = Vec::new();
    let _reset = stream.read_to_end(&mut answer);
    answer
}

#[test]
fn cursors_are_not_trusted() {
    let (_world, service, _) = started();
    let path = "/api/v1/customers?window=trailing_90d&limit=2";
    let first = document(&service, path);
    let cursor = first["next_cursor"].as_str().expect("a cursor").to_owned();
    let (listing, from) = cursor.split_once('-').expect("a listing and a row");
    assert_eq!(from, "2");
    let alone = document(&service, &format!("/api/v1/customers?cursor={cursor}&limit=2"));
    assert_eq!(alone["customers"], document(&service, &format!("{path}&cursor={cursor}"))["customers"]);
    for (cursor, more, status, says) in [
        (format!("{listing}-5"), "", 200, ""),
        (format!("{listing}-999"), "", 200, ""),
        (format!("{listing}-0"), "", 400, "next_cursor"),
        (format!("{listing}-2%00"), "", 400, "next_cursor"),
        (format!("{}-2", "0".repeat(16)), "", 410, "without a cursor"),
        ("x".repeat(9_000), "", 400, "next_cursor"),
        (cursor.clone(), "&window=month_to_date", 400, "another listing"),
        (cursor.clone(), "&movement=churn", 400, "movement is given"),
        (cursor.clone(), "&likely=expand", 400, "another listing"),
    ] {
        let path = format!("/api/v1/customers?cursor={cursor}{more}");
        let (seen, body) = service.get(&path);
        assert!(seen == status && body.contains(says), "{path}: {seen} {body}");
    }
    // Four further listings take its place.
    for _ in 0..4 {
        document(&service, path);
    }
    let (status, sentence) = refusal(&service, &format!("/api/v1/customers?cursor={cursor}"));
    assert!(status == 410 && sentence.contains("not kept any more"), "{sentence}");
    service.stop();
}

#[test]
fn wrong_questions_are_told_what_can_be_asked() {
    let (_world, service, _) = started();
    for (path, says) in [
        ("/api/v1/customers", "month_to_date or trailing_90d"),
        ("/api/v1/customers?window=last_year", "month_to_date or trailing_90d"),
        ("/api/v1/customers?window=trailing_90d&movement=sideways", "use new, reactivation"),
        ("/api/v1/customers?window=trailing_90d&dimension=plan&segment=x", "use cohort or vertical"),
        ("/api/v1/customers?window=trailing_90d&limit=10001", "from 1 to 10000"),
        ("/api/v1/customers?window=trailing_90d&format=xml", "json, csv, jsonl"),
        ("/api/v1/customers?window=%FF", "window"),
        ("/api/v1/customers/c-1?format=csv", "json"),
        ("/api/v1/customers/c-1?window=x", "There is no parameter"),
        ("/api/v1/customers/%FF", "UTF-8"),
        ("/api/v1/history?every=day", "month, quarter or year"),
        ("/api/v1/history?limit=0", "from 1 to 400"),
    ] {
        let (status, sentence) = refusal(&service, path);
        assert!(status == 400 && sentence.contains(says), "{path}: {status} {sentence}");
    }
    assert_eq!(refusal(&service, "/api/v1/customers/").0, 404);
    service.stop();
}

#[test]
fn one_customer() {
    let (_world, service, report) = started();
    let one = document(&service, "/api/v1/customers/c-3");
    assert_eq!((&one["customer_id"], &one["first_revenue"]), (&json!("c-3"), &json!("2025-11-14T08:00:00Z")));
    // 180 committed; 15 of usage on one day three days ago: over 7 days, as usage begins there.
    assert_eq!(one["mrr"], json!({ "committed": "180.000000", "usage": "65.178571", "total": "245.178571" }));
    let window = &one["windows"][1];
    assert_eq!((&window["window"], &window["movement"]), (&json!("trailing_90d"), &json!("expansion")));
    assert_eq!((&window["opening"], &window["closing"]), (&json!("103.000000"), &json!("245.178571")));
    assert_eq!((&window["motions"]["price"], &window["motions"]["usage"]), (&json!("77.000000"), &json!("65.178571")));
    assert_eq!(window["segments"], json!({ "cohort": "2025-11", "vertical": "health" }));
    let states = one["subscriptions"][0]["states"].as_array().expect("states");
    assert_eq!((states.len(), &states[0]["when"], &states[1]["when"]), (2, &json!("past"), &json!("present")));
    assert_eq!(
        states[1]["items"][0],
        json!({ "item_id": "item", "product_id": "product", "plan_id": "plan", "quantity": 1, "mrr": "180.000000" })
    );
    assert_eq!(one["usage"]["days"], json!([{ "day": "2026-09-07", "currency": "USD", "amount": "15.000000" }]));
    // All customers together are the report.
    let whole: i128 =
        (0..6).map(|number| micros(&document(&service, &format!("/api/v1/customers/c-{number}"))["mrr"]["total"])).sum();
    assert_eq!(whole, report.mrr);
    let (status, sentence) = refusal(&service, "/api/v1/customers/nobody");
    assert!(status == 404 && sentence.contains("\"nobody\"") && !sentence.contains("other instances"), "{sentence}");
    service.stop();
}

/// Percent-encoded, whatever it is.
fn encoded(id: &str) -> String {
    id.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[test]
fn hostile_ids_are_ids() {
    let world = World::new(2);
    let ids = [
        "a/b",
        "a//b/",
        "=1+1",
        "\t@x",
        "..",
        "%2F",
        "a b?c#d&e=f",
        "\u{0}\u{1b}[31m",
        "Ü😀\u{202e}",
        "\"\\,\r\n",
        "-",
        "likely",
    ];
    for customer in ids {
        world.subscribe(&Subscription { event: "e", customer, at: NOW.0 - 9 * DAY, mrr: 10, vertical: "x" });
    }
    let long = "x".repeat(12_000);
    world.subscribe(&Subscription { event: "e", customer: &long, at: NOW.0 - 9 * DAY, mrr: 10, vertical: "x" });
    let service = world.start();
    until("all of them", || service.0.handle().published().view().map(|view| view.report.mrr), |mrr| *mrr == Some(130_000_000));
    for customer in ids.into_iter().chain([long.as_str()]) {
        let path = if customer.len() > 1_000 { customer.to_owned() } else { encoded(customer) };
        let one = document(&service, &format!("/api/v1/customers/{path}"));
        assert_eq!(one["customer_id"], *customer);
    }
    let listing = document(&service, "/api/v1/customers?window=trailing_90d&movement=new&order=customer_id");
    let listed: BTreeSet<&str> =
        rows(std::slice::from_ref(&listing)).iter().filter_map(|row| row["customer_id"].as_str()).collect();
    assert_eq!(listed, ids.into_iter().chain([long.as_str()]).collect());
    let (_, csv) = service.get("/api/v1/customers?window=trailing_90d&movement=new&format=csv");
    for cell in ["'=1+1,", "'\t@x,", "'-,", "\"\"\"\\,\r\n\","] {
        assert!(csv.contains(cell), "{cell:?} is missing in {csv:?}");
    }
    let answer = raw(&service, &format!("/api/v1/customers/{}", "y".repeat(1 << 20)), "");
    assert!(
        answer.is_empty() || answer.starts_with(b"HTTP/1.0 431") || answer.starts_with(b"HTTP/1.1 431"),
        "{:?}",
        String::from_utf8_lossy(&answer[..answer.len().min(99)])
    );
    assert_eq!(service.get("/-/healthy").0, 200);
    service.stop();
}

#[test]
fn an_instance_with_a_part_says_so() {
    let world = World::new(4);
    let (subscriptions, usage) = history();
    send(&world, &(subscriptions.clone(), usage.clone()));
    let whole = expected(&subscriptions, &usage);
    let first = world.start();
    first.wait_for_report(&whole);
    let second = world.start();
    let live = |service: &Look| service.0.handle().published().view().map_or(0, |view| view.live_partitions);
    until("a shared group", || (live(&first), live(&second)), |(one, other)| *one > 0 && *other > 0 && one + other == 4);
    let mut sum = 0;
    for number in 0..6 {
        let path = format!("/api/v1/customers/c-{number}");
        let (found, missed): (Vec<_>, Vec<_>) =
            [&first, &second].into_iter().map(|service| service.get(&path)).partition(|(status, _)| *status == 200);
        assert_eq!((found.len(), missed.len(), missed[0].0), (1, 1, 404), "{path}");
        assert!(missed[0].1.contains("ask the other instances"), "{}", missed[0].1);
        let found: Value = serde_json::from_str(&found[0].1).expect("JSON");
        assert_eq!(found["owns_all_partitions"], false);
        sum += micros(&found["mrr"]["total"]);
    }
    assert_eq!(sum, whole.mrr);
    let closing = |service: &Look| {
        let page = document(service, "/api/v1/customers?window=trailing_90d&movement=closing");
        check(std::slice::from_ref(&page));
        micros(&page["total"]["amount"])
    };
    assert_eq!(closing(&first) + closing(&second), whole.windows[1].total.money.closing());
    second.stop();
    first.stop();
}

#[test]
fn before_it_has_caught_up_nothing_is_known() {
    let world = World::new(1);
    // A schema that nobody knows keeps the partition from catching up.
    let (subscriptions, _) = history();
    world.send(crate::world::SUBSCRIPTIONS, None, "c-0", &crate::avro::confluent(999, &subscriptions[0].encode()));
    let service = world.start();
    for path in
        ["/api/v1/customers?window=trailing_90d", "/api/v1/customers/c-0", "/api/v1/history", "/api/v1/customers?likely=expand"]
    {
        let (status, sentence) = refusal(&service, path);
        assert!(status == 503 && sentence.contains("/-/ready"), "{path}: {status} {sentence}");
    }
    service.stop();
}

#[test]
fn who_is_likely_to_expand() {
    let world = World::new(2);
    let subscribe = |event, customer, days: i64, mrr| {
        world.subscribe(&Subscription { event, customer, at: NOW.0 - days * DAY, mrr, vertical: "x" });
    };
    // One grows by its next state, one shrinks, one begins only then, one uses more than 28 days ago.
    subscribe("1", "grows", 200, 100);
    subscribe("2", "grows", -5, 160);
    subscribe("1", "shrinks", 200, 100);
    subscribe("2", "shrinks", -5, 60);
    subscribe("1", "begins", -5, 500);
    subscribe("1", "uses", 200, 10);
    let names: Vec<String> = (0..60).map(|day| format!("u{day}")).collect();
    for (day, event) in (1..).zip(&names) {
        let amount = if day <= 28 { 3_000_000 } else { 1_000_000 };
        world.use_up(&Usage { event, customer: "uses", at: NOW.0 - day * DAY, amount, currency: "USD" });
    }
    let service = world.start();
    until("all of it", || service.0.handle().published().view().map(|view| view.report.mrr), |mrr| *mrr == Some(301_250_000));
    let page = document(&service, "/api/v1/customers?likely=expand");
    assert_eq!(page["likely"], "expand");
    let expected = json!([
        { "customer_id": "uses", "amount": "60.833333", "run_rate": "91.250000", "run_rate_before": "30.416667",
          "committed": "10.000000", "scheduled": "10.000000", "scheduled_at": null },
        { "customer_id": "grows", "amount": "60.000000", "run_rate": "0.000000", "run_rate_before": "0.000000",
          "committed": "100.000000", "scheduled": "160.000000", "scheduled_at": "2026-09-15T08:00:00Z" },
    ]);
    assert_eq!(page["customers"], expected);
    assert_eq!(page["total"], json!({ "customers": 2, "amount": "120.833333" }));
    service.stop();
}

/// What `upswell replay --as-of EDGE` has to show of one window, as text, without what a history lacks.
fn replayed(window: Window, edge: Instant, (subscriptions, usage): &(Vec<Subscription>, Vec<Usage>)) -> String {
    let plan = Arc::new(Plan { windows: vec![window], dimensions: vec![], ..(*plan()).clone() });
    let mut shard = Shard::new(plan.clone(), Memory::All, (1, 2));
    for event in subscriptions.iter().filter(|event| event.at < edge.0) {
        shard.apply_subscription(&accept::subscription(&event.raw(), &plan.rates).expect("a good event"));
    }
    for event in usage.iter().filter(|event| event.at < edge.0) {
        shard.apply_usage(&accept::usage(&event.raw(), &plan.rates, None).expect("a good event"), None);
    }
    shard.go_live(edge);
    let report = Report::of(&plan, edge, &[shard.totals().expect("live")]);
    let text = upswell::wire::report::json::render(&report, &EventCounts::default());
    let report: Value = serde_json::from_str(&text).expect("JSON");
    let mut window = report["windows"][0].clone();
    for name in ["window", "segments"] {
        window.as_object_mut().expect("an object").shift_remove(name);
    }
    window.to_string()
}

#[test]
fn closed_periods_are_those_of_replays_at_their_edges() {
    let world = World::new(3);
    let (mut subscriptions, mut usage) = history();
    for (days, event) in [(90, "u2"), (91, "u3"), (60, "u4"), (2, "u5")] {
        usage.push(Usage { event, customer: "c-4", at: NOW.0 - days * DAY, amount: 1_234_567 * days, currency: "USD" });
    }
    subscriptions.push(Subscription { event: "e3", customer: "c-5", at: NOW.0 - 45 * DAY, mrr: 0, vertical: "health" });
    subscriptions.push(Subscription { event: "e4", customer: "c-5", at: NOW.0 + 45 * DAY, mrr: 9, vertical: "health" });
    let facts = (subscriptions, usage);
    send(&world, &facts);
    let service = world.start();
    service.wait_for_report(&expected(&facts.0, &facts.1));
    for (every, periods, first) in [(Period::Month, 10, "2025-11"), (Period::Quarter, 3, "2025-Q4"), (Period::Year, 1, "2025")] {
        let name = every.as_str();
        let history = document(&service, &format!("/api/v1/history?every={name}"));
        assert_eq!((&history["as_of"], &history["every"]), (&json!("2026-09-10T08:00:00Z"), &json!(name)));
        let shown = history["periods"].as_array().expect("periods");
        assert_eq!((shown.len(), &shown[0]["period"]), (periods, &json!(first)), "{name}");
        for period in shown {
            let mut figures = period.clone();
            figures.as_object_mut().expect("an object").shift_remove("period");
            let edge: jiff::Timestamp = period["closing_edge"].as_str().and_then(|text| text.parse().ok()).expect("an instant");
            let expected = replayed(Window::Last(every), Instant(edge.as_millisecond()), &facts);
            assert_eq!(figures.to_string(), expected, "{}", period["period"]);
        }
        let newest = document(&service, &format!("/api/v1/history?every={name}&limit=1"));
        assert_eq!(newest["periods"], json!([shown[periods - 1]]));
    }
    let (status, csv) = service.get("/api/v1/history?format=csv&limit=2");
    assert!(status == 200 && csv.starts_with("period,metric,value\r\n") && csv.contains("\r\n2026-08,mrr.opening,"), "{csv}");
    let (status, text) = service.get("/api/v1/history?format=openmetrics");
    assert!(status == 200 && text.ends_with("# EOF\n"), "{text}");
    assert!(text.contains("upswell_closing_mrr{window=\"last_month\"} ") && !text.contains("2026-0"), "{text}");
    service.stop();
}

//! `upswell dead-letters` against the real broker: what a running service rejected is listed once and put back as it was.

use crate::bench::{Bench, PROGRAM, now, subscription, subscription_schema};
use serde_json::Value;
use upswell_testkit::kafka::{Outgoing, Record};
use upswell_testkit::program::{Outcome, command, text};

/// Runs `upswell dead-letters` with the configuration of a bench.
fn dead_letters(bench: &Bench, arguments: &[&str]) -> Outcome {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("upswell.yaml");
    std::fs::write(&file, bench.config()).expect("the configuration can be written");
    let arguments = [&["dead-letters", arguments[0], "--config", text(&file)], &arguments[1..]].concat();
    command(PROGRAM, &arguments)
}

/// What `list` shows, line by line.
fn listed(bench: &Bench, arguments: &[&str]) -> Vec<Value> {
    let Outcome { code, stdout, stderr } = dead_letters(bench, &[&["list", "--format", "json"], arguments].concat());
    assert_eq!(code, Some(0), "{stderr}");
    stdout.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

/// Writes a record that is rejected for `framing`; another for `decode` if it is cut short.
fn reject(bench: &Bench, topic: &str, partition: i32, key: &str, cut_short: bool, timestamp: i64) {
    let whole = subscription_schema().confluent(&subscription("c", 10));
    let value: &[u8] = if cut_short { &whole[..whole.len() - 3] } else { b"\xff\x00 no event" };
    let (key, headers) = (Some(key.as_bytes()), &[("trace", Some(key.as_bytes())), ("nothing", None)][..]);
    let writer = bench.kafka.producer();
    writer.send(Outgoing { topic, partition: Some(partition), key, value: Some(value), headers, timestamp: Some(timestamp) });
    writer.flush();
}

/// Writes a record of the dead-letter topic again, with some of our headers changed.
fn repeat(bench: &Bench, letter: &Record, value: Option<&[u8]>, changed: &[(&str, &str)]) {
    let value_of = |name: &str, held: &Option<Vec<u8>>| match changed.iter().find(|(changed, _)| *changed == name) {
        Some((_, value)) => Some(value.as_bytes().to_vec()),
        None => held.clone(),
    };
    let mut headers: Vec<(String, Option<Vec<u8>>)> =
        letter.headers.iter().map(|(name, held)| (name.clone(), value_of(name, held))).collect();
    let added = changed.iter().filter(|(name, _)| !letter.headers.iter().any(|(held, _)| held == name));
    headers.extend(added.map(|(name, value)| ((*name).to_owned(), Some(value.as_bytes().to_vec()))));
    let headers: Vec<(&str, Option<&[u8]>)> = headers.iter().map(|(name, value)| (name.as_str(), value.as_deref())).collect();
    let writer = bench.kafka.producer();
    let (topic, key) = (bench.dead_letters.as_str(), letter.key.as_deref());
    writer.send(Outgoing { topic, partition: Some(0), key, value, headers: &headers, timestamp: letter.timestamp });
    writer.flush();
}

/// A bench of two partitions whose service rejected three records: two of the subscriptions, one of the usage topic.
fn rejected(name: &str) -> (Bench, i64) {
    let bench = Bench::new(name, 2);
    let time = now() - 5_000_000;
    reject(&bench, &bench.subscriptions, 1, "one", false, time);
    reject(&bench, &bench.subscriptions, 1, "two", true, time + 1);
    reject(&bench, &bench.usage, 0, "three", false, time + 2);
    let mut service = bench.run();
    service.wait_ready();
    service.wait("every letter is counted", |service| {
        (service.scrape().sum("upswell_dead_letters_total", &[]) == 3.0).then_some(())
    });
    assert_eq!(service.terminate(), 0);
    (bench, time)
}

#[test]
fn repeated_letters_are_listed_once() {
    let (bench, time) = rejected("letters-list");
    let letters = bench.kafka.read(&bench.dead_letters);
    repeat(&bench, &letters[0], letters[0].value.as_deref(), &[]);
    let writer = bench.kafka.producer();
    writer.send(Outgoing { topic: &bench.dead_letters, value: Some(b"no letter"), ..Outgoing::default() });
    writer.flush();

    let all = listed(&bench, &[]);
    assert_eq!(all.len(), 3, "{all:?}");
    assert_eq!(all.iter().map(|line| line["letters"].as_u64()).sum::<Option<u64>>(), Some(4));
    let two = listed(&bench, &["--reason", "decode"]);
    assert_eq!(two.len(), 1);
    let letter = letters.iter().find(|letter| letter.key.as_deref() == Some(b"two")).expect("the letter");
    let id = letter.header("upswell.source.topic.id").expect("the broker has topic ids");
    assert_eq!(two[0]["origin"], format!("{}/{id}/1/1", bench.subscriptions));
    assert_eq!((&two[0]["key"], &two[0]["value"]), (&Value::from("two"), &Value::from("present")));
    let shown = two[0]["timestamp"].as_str().expect("a timestamp");
    assert!(shown.ends_with('Z') && shown.contains(&format!(".{:03}", (time + 1) % 1000)), "{shown}");
    assert_eq!(listed(&bench, &["--topic", &bench.usage]).len(), 1);
    assert_eq!(listed(&bench, &["--topic", &bench.subscriptions, "--partition", "0"]).len(), 0);
    assert_eq!(listed(&bench, &["--limit", "2"])[..], all[..2]);

    let table = dead_letters(&bench, &["list"]);
    assert_eq!(table.code, Some(0), "{}", table.stderr);
    assert!(table.stdout.starts_with(&format!("{}/{id}\n", bench.subscriptions)), "{}", table.stdout);
    assert!(table.stderr.contains("3 of 3 rejected records"), "{}", table.stderr);
    assert!(table.stderr.contains("1 records there are no letters"), "{}", table.stderr);
}

#[test]
fn letters_are_put_back_as_they_were_and_each_once() {
    let (bench, _) = rejected("letters-replay");
    bench.kafka.create_topic(&bench.retries, 2, &[]);
    let letters = bench.kafka.read(&bench.dead_letters);
    repeat(&bench, &letters[0], letters[0].value.as_deref(), &[]);

    let dry = dead_letters(&bench, &["replay", "--all", "--dry-run"]);
    assert_eq!((dry.code, dry.stdout.lines().count()), (Some(0), 3), "{} {}", dry.stdout, dry.stderr);
    assert_eq!(bench.kafka.read(&bench.retries), [], "a dry run writes nothing");

    let done = dead_letters(&bench, &["replay", "--all"]);
    assert_eq!((done.code, done.stdout.lines().count()), (Some(0), 3), "{} {}", done.stdout, done.stderr);
    let retries = bench.kafka.read(&bench.retries);
    assert_eq!(retries.len(), 3);
    let mut sources = 0;
    for topic in [&bench.subscriptions, &bench.usage] {
        for source in bench.kafka.read(topic) {
            sources += 1;
            let retry = retries.iter().find(|retry| retry.key == source.key).expect("every record came back");
            assert_eq!((retry.partition, &retry.value), (source.partition, &source.value));
            assert_eq!(retry.timestamp, source.timestamp);
            let (named, own) = retry.headers.split_last().expect("a retry has headers");
            assert_eq!(own, source.headers, "none of a letter's headers stay");
            let letter = letters.iter().find(|letter| letter.key == source.key).expect("every record had a letter");
            let id = letter.header("upswell.source.topic.id").expect("the broker has topic ids");
            let origin = format!("{topic}/{id}/{}/{}", source.partition, source.offset);
            assert_eq!(*named, ("upswell.origin".to_owned(), Some(origin.clone().into_bytes())));
            let line = format!("{origin}: put back as {}/{}/{}\n", bench.retries, retry.partition, retry.offset);
            assert!(done.stdout.contains(&line), "{line} is not in\n{}", done.stdout);
        }
    }
    assert_eq!(sources, 3);

    let one = dead_letters(&bench, &["replay", "--reason", "decode", "unknown_currency"]);
    assert_eq!((one.code, one.stdout.lines().count()), (Some(0), 1), "{} {}", one.stdout, one.stderr);
    assert_eq!(bench.kafka.read(&bench.retries).len(), 4);
    for topic in [&bench.subscriptions, &bench.usage] {
        let expected = if *topic == bench.usage { 1 } else { 2 };
        assert_eq!(bench.kafka.read(topic).len(), expected, "the billing topics are left alone");
    }
}

#[test]
fn what_cannot_be_put_back_is_said_and_the_rest_goes() {
    let (bench, _) = rejected("letters-refused");
    bench.kafka.create_topic(&bench.retries, 2, &[("max.message.bytes", "2000")]);
    let letters = bench.kafka.read(&bench.dead_letters);
    let bare = &[("upswell.source.offset", "100"), ("upswell.value.length", "77")];
    repeat(&bench, &letters[0], None, bare);
    let old = &[("upswell.source.offset", "101"), ("upswell.source.topic.id", "0123456789abcdefABCDEF")];
    repeat(&bench, &letters[0], Some(b"x"), old);
    let noise: Vec<u8> = (0..20_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()).collect();
    repeat(&bench, &letters[0], Some(&noise), &[("upswell.source.offset", "102")]);

    let done = dead_letters(&bench, &["replay", "--all"]);
    assert_eq!(done.code, Some(1), "{} {}", done.stdout, done.stderr);
    for sentence in
        ["/100: not put back: its value of 77 bytes was left out", "/101: skipped: ", "/102: not put back: it is too large"]
    {
        assert!(done.stdout.contains(sentence), "{sentence}\n{}", done.stdout);
    }
    assert!(done.stderr.contains("3 put back, 2 not, 1 skipped"), "{}", done.stderr);
    assert_eq!(bench.kafka.read(&bench.retries).len(), 3);

    let origin = listed(&bench, &["--reason", "decode"])[0]["origin"].as_str().expect("an origin").to_owned();
    let nothing = origin.replace(bench.subscriptions.as_str(), "nowhere");
    let named = dead_letters(&bench, &["replay", "--origin", &origin, &nothing]);
    assert_eq!(named.code, Some(1), "{} {}", named.stdout, named.stderr);
    assert!(named.stdout.contains(&format!("{nothing}: not put back: there is no letter of it")), "{}", named.stdout);
    assert_eq!(bench.kafka.read(&bench.retries).len(), 4);
}

#[test]
fn without_a_fitting_retries_topic_nothing_is_put_back() {
    let bench = Bench::new("letters-nowhere", 2);
    for _ in 0..2 {
        let done = dead_letters(&bench, &["replay", "--all"]);
        assert_eq!((done.code, done.stdout.as_str()), (Some(1), ""), "{}", done.stderr);
        for text in [&bench.retries, "create it with 2 partitions", "kafka.topics.retries"] {
            assert!(done.stderr.contains(text), "{text}\n{}", done.stderr);
        }
    }
    bench.kafka.create_topic(&bench.retries, 3, &[]);
    let done = dead_letters(&bench, &["replay", "--all"]);
    assert_eq!(done.code, Some(78), "{}", done.stderr);
    assert!(done.stderr.contains("create it with 2 partitions"), "{}", done.stderr);

    let bench = Bench::new("letters-none", 2);
    bench.kafka.create_topic(&bench.retries, 2, &[]);
    let done = dead_letters(&bench, &["replay", "--all"]);
    assert_eq!((done.code, done.stdout.as_str()), (Some(0), ""), "{}", done.stderr);
    assert_eq!(listed(&bench, &[]), Vec::<Value>::new());
}

//! Hostile input: bytes and schemas made to crash, to mislead or to exhaust. Each row says what must come of it.

use crate::model::{long, text};
use upswell::domain::facts::{FactKind, RawFact, Reason};
use upswell::wire::avro::{Decoder, SUBSCRIPTION_SCHEMA, USAGE_SCHEMA, fingerprints};

/// Bytes from parts.
fn bytes(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

fn varint(value: i64) -> Vec<u8> {
    let mut out = Vec::new();
    long(value, &mut out);
    out
}

fn string(value: &str) -> Vec<u8> {
    let mut out = Vec::new();
    text(value.as_bytes(), &mut out);
    out
}

/// A record schema with those fields, as JSON.
fn record(fields: &str) -> String {
    format!(r#"{{"type":"record","name":"R","fields":[{fields}]}}"#)
}

fn field(name: &str, this: &str) -> String {
    format!(r#"{{"name":"{name}","type":{this}}}"#)
}

/// The verdict in a word, and the end that was found.
fn verdict(decoder: &Decoder, datum: &[u8]) -> (String, Option<usize>) {
    let verdict = match decoder.decode(datum) {
        Ok(_) => "ok".to_owned(),
        Err(rejection) => format!("{}: {}", rejection.reason.as_str(), rejection.detail),
    };
    (verdict, decoder.decode_prefix(datum).consumed)
}

fn usage() -> Vec<u8> {
    let texts = |list: &[&str]| list.iter().flat_map(|one| string(one)).collect::<Vec<u8>>();
    bytes(&[
        &texts(&["evt-1", "cus-1"]),
        &varint(1_767_225_600_000),
        &texts(&["api-calls"]),
        &1.5f64.to_le_bytes(),
        &varint(-250_000),
        &texts(&["EUR"]),
    ])
}

#[test]
fn canonical_usage_is_read_in_full() {
    let datum = usage();
    let decoder = Decoder::compile(USAGE_SCHEMA, FactKind::Usage);
    let RawFact::Usage(raw) = decoder.decode(&datum).unwrap() else { panic!("not usage") };
    assert_eq!(
        (raw.event_id, raw.customer_id, raw.meter, raw.currency),
        (Some("evt-1"), Some("cus-1"), Some("api-calls"), Some("EUR"))
    );
    assert_eq!((raw.used_at, raw.amount_micros), (Some(1_767_225_600_000), Some(-250_000)));
    assert!(decoder.fault().is_none());
    assert!(Decoder::compile(SUBSCRIPTION_SCHEMA, FactKind::Subscription).fault().is_none());
}

/// The values that fastavro gives, and Java; apache-avro for Rust and the Python reference keep an object around logical types,
/// against the specification, and their fingerprints are known too.
#[test]
fn fingerprints_of_the_canonical_schemas() {
    let table = [(SUBSCRIPTION_SCHEMA, 0xceb2_2202_256d_101c_u64), (USAGE_SCHEMA, 0xd5ab_3a9d_5169_4e94)];
    for (schema, published) in table {
        let theirs = apache_avro::Schema::parse_str(schema).unwrap().fingerprint::<apache_avro::rabin::Rabin>();
        let theirs = u64::from_le_bytes(theirs.bytes.try_into().unwrap());
        assert_eq!(fingerprints(schema).unwrap(), [published.swap_bytes(), theirs]);
    }
    assert_eq!(fingerprints(r#""int""#).unwrap().len(), 1);
    assert!(fingerprints("{").is_err());
}

/// The evolved writer that `schemas/README.md` shows.
#[test]
fn the_example_of_the_readme_is_read() {
    let readme = include_str!("../../schemas/README.md");
    let example = readme.split("```json").nth(1).and_then(|rest| rest.split("```").next()).expect("the README has an example");
    let decoder = Decoder::compile(example, FactKind::Usage);
    assert_eq!(decoder.fault(), None);
    let datum = bytes(&[&[0, 2], &string("EUR"), &varint(-1), &varint(7), &string("e"), &string("c"), &string("m"), &[0]]);
    let RawFact::Usage(raw) = decoder.decode(&datum).unwrap() else { panic!("not usage") };
    assert_eq!((raw.used_at, raw.amount_micros, raw.event_id, raw.currency), (Some(-1), Some(7), Some("e"), Some("EUR")));
}

/// Timestamps are floored, not cut; nothing else is scaled.
#[test]
fn instants() {
    let long = |logical: &str| format!(r#"{{"type":"long","logicalType":"{logical}"}}"#);
    let table = [
        (long("timestamp-millis"), 5, 5),
        (long("timestamp-micros"), 1_999, 1),
        (long("timestamp-micros"), -1, -1),
        (long("timestamp-micros"), i64::MIN, -9_223_372_036_854_776),
        (long("timestamp-nanos"), 1_999_999, 1),
        (long("timestamp-nanos"), -1_000_001, -2),
        (long("time-micros"), 7_000, 7_000),
        (r#""long""#.to_owned(), i64::MIN, i64::MIN),
        (r#""int""#.to_owned(), -7, -7),
    ];
    for (this, written, expected) in table {
        let decoder = Decoder::compile(&record(&field("used_at", &this)), FactKind::Usage);
        let datum = varint(written);
        let RawFact::Usage(raw) = decoder.decode(&datum).unwrap() else { panic!("not usage") };
        assert_eq!(raw.used_at, Some(expected), "{this} {written}");
    }
}

/// Schema, datum, the start of the verdict, and whether a container would find the record's end.
#[test]
fn usage_data() {
    let nothing: &[u8] = &[];
    let list = r#"{"type":"record","name":"L","fields":[{"name":"next","type":["null","L"]}]}"#;
    let nulls = r#"[{"name":"E","type":"record","fields":[]}]"#;
    let ones = |count: usize, end: &[u8]| bytes(&[&vec![2; count], end]);
    let empty_items = r#"{"type":"array","items":{"type":"record","name":"E","fields":[{"name":"n","type":"null"}]}}"#;
    let huge = varint(i64::MAX);
    let table: Vec<(String, Vec<u8>, &str, bool)> = vec![
        (USAGE_SCHEMA.into(), usage(), "ok", true),
        (USAGE_SCHEMA.into(), nothing.into(), "decode: at byte 0, field \"event_id\"", false),
        (USAGE_SCHEMA.into(), bytes(&[&usage(), &[0]]), "trailing_bytes: 1 of", true),
        (
            USAGE_SCHEMA.into(),
            bytes(&[&[4, 0xff, 0xfe], &usage()[6..]]),
            "decode: at byte 3, field \"event_id\": its text is not UTF-8",
            true,
        ),
        (USAGE_SCHEMA.into(), huge.clone(), "decode: ", false),
        (USAGE_SCHEMA.into(), varint(-1), "decode: at byte 1, field \"event_id\": a length is negative (-1)", false),
        (USAGE_SCHEMA.into(), vec![0xff; 32], "decode: at byte 0, field \"event_id\": a number is longer than 64 bits", false),
        // Fields that are not ours: passed over, not checked, but bounded.
        (record(&field("x", r#""string""#)), vec![2, 0xff], "ok", true),
        (record(&field("x", r#""int""#)), varint(i64::MAX), "ok", true),
        (record(&field("x", r#""boolean""#)), vec![7], "ok", true),
        (record(&field("x", r#"{"type":"enum","name":"E","symbols":[]}"#)), vec![9], "ok", true),
        (record(&field("x", r#""bytes""#)), bytes(&[&huge, &[1, 2, 3]]), "decode: ", false),
        (record(&field("x", r#"{"type":"fixed","name":"F","size":18446744073709551615}"#)), vec![0; 64], "decode: ", false),
        (
            record(&field("x", r#"["null","string"]"#)),
            vec![4],
            "decode: at byte 1, field \"x\": its union has no branch 2",
            false,
        ),
        (
            record(&field("x", r#"["null","string"]"#)),
            vec![1],
            "decode: at byte 1, field \"x\": its union has no branch -1",
            false,
        ),
        (record(&field("x", "[]")), vec![0], "decode: ", false),
        // Counts and block sizes.
        (record(&field("x", r#"{"type":"array","items":"null"}"#)), bytes(&[&huge, &[0]]), "ok", true),
        (record(&field("x", r#"{"type":"array","items":"null"}"#)), bytes(&[&varint(i64::MIN), &[0, 0]]), "ok", true),
        (record(&field("x", empty_items)), bytes(&[&huge, &huge, &huge, &[0]]), "ok", true),
        (record(&field("x", &format!(r#"{{"type":"map","values":{nulls}}}"#))), bytes(&[&huge, &[0, 0]]), "decode: ", false),
        (
            record(&field("x", r#"{"type":"array","items":"double"}"#)),
            bytes(&[&varint(i64::MAX / 4), &[0; 8]]),
            "decode: ",
            false,
        ),
        (record(&field("x", r#"{"type":"array","items":"int"}"#)), bytes(&[&varint(-2), &varint(2), &[1, 1, 0]]), "ok", true),
        (
            record(&field("x", r#"{"type":"array","items":"int"}"#)),
            bytes(&[&varint(-2), &varint(3), &[1, 1, 0]]),
            "decode: ",
            false,
        ),
        (
            record(&field("x", r#"{"type":"array","items":"int"}"#)),
            bytes(&[&varint(-2), &varint(-2), &[1, 1, 0]]),
            "decode: ",
            false,
        ),
        (record(&field("x", r#"{"type":"array","items":"int"}"#)), bytes(&[&varint(-2), &huge, &[1, 1, 0]]), "decode: ", false),
        // Nesting: 64 deep with the record itself, not 65; the end is found far deeper.
        (record(&field("x", list)), ones(62, &[0]), "ok", true),
        (record(&field("x", list)), ones(63, &[0]), "decode: at byte 63, field \"x\": values are nested over 64 deep", true),
        (record(&field("x", list)), ones(500_000, &[0]), "decode: ", true),
        (record(&field("x", list)), ones(500_000, &[]), "decode: ", false),
        (record(&field("x", list)), ones(2_000_000, &[0]), "decode: ", false),
        (record(&field("self", r#""R""#)), nothing.into(), "decode: ", false),
        (
            record(&field("self", r#"{"type":"array","items":"R"}"#)),
            ones(63, &[0; 64]),
            "decode: at byte 32, field \"self\": values are nested",
            true,
        ),
        // The type itself cannot be ours: wherever it stands, it is met or it is not.
        (r#""string""#.into(), string("x"), "decode: the writer's schema cannot be read as ours: the schema is a string", true),
        (
            record(&field("amount_micros", r#""string""#)),
            string("5"),
            "decode: the writer's schema cannot be read as ours: the field amount_micros is a string",
            true,
        ),
        (record(&field("amount_micros", r#""double""#)), vec![0; 8], "decode: the writer's schema", true),
        (record(&field("quantity", r#""string""#)), string("5"), "decode: the writer's schema", true),
        (record(&field("event_id", r#"{"type":"fixed","name":"F","size":1}"#)), vec![65], "decode: the writer's schema", true),
        (
            record(&field("amount_micros", r#"["string","long"]"#)),
            bytes(&[&[0], &string("5")]),
            "decode: at byte 1, field \"amount_micros\": the field amount_micros is a string",
            true,
        ),
        (record(&field("amount_micros", r#"["string","long"]"#)), vec![2, 5], "ok", true),
        (
            format!(r#"["null",{}]"#, record(&field("event_id", r#""string""#))),
            vec![0],
            "decode: at byte 1: the schema is null",
            true,
        ),
        (format!(r#"["null",{}]"#, record(&field("event_id", r#""string""#))), vec![2, 2, 65], "ok", true),
        (
            record(&field("used_at", r#""int""#)),
            varint(1 << 31),
            "decode: at byte 5, field \"used_at\": 2147483648 is no int",
            true,
        ),
        (
            record(&field("used_at", r#""long""#)),
            bytes(&[&[0xff; 9], &[2]]),
            "decode: at byte 0, field \"used_at\": a number is longer",
            true,
        ),
        // No schema at all.
        ("nonsense".into(), usage(), "decode: the writer's schema cannot be read as ours: not an Avro schema", false),
        ("".into(), nothing.into(), "decode: ", false),
    ];
    for (schema, datum, expected, ends) in table {
        let (got, consumed) = verdict(&Decoder::compile(&schema, FactKind::Usage), &datum);
        let shown = &datum[..datum.len().min(32)];
        assert!(got.starts_with(expected), "{schema} {shown:02x?}: {got}");
        assert_eq!(consumed.is_some(), ends, "{schema} {shown:02x?}: {got}, consumed {consumed:?}");
    }
}

/// A subscription of a status and items of one type.
fn subscription(item: &str, items: &[u8]) -> (Decoder, Vec<u8>) {
    let status = r#"{"type":"enum","name":"S","symbols":["ON_HOLD","ACTIVE"]}"#;
    let fields = [field("status", status), field("items", &format!(r#"{{"type":"array","items":{item}}}"#))].join(",");
    (Decoder::compile(&record(&fields), FactKind::Subscription), bytes(&[&[2], items]))
}

#[test]
fn subscription_data() {
    let item = r#"{"type":"record","name":"I","fields":[{"name":"item_id","type":"string"}]}"#;
    let empty = r#"{"type":"record","name":"I","fields":[]}"#;
    let table: Vec<(&str, Vec<u8>, &str)> = vec![
        (item, vec![0], "ok 0"),
        (item, vec![4, 2, 65, 2, 66, 0], "ok 2"),
        (item, vec![2, 2, 65, 1, 4, 2, 66, 0], "ok 2"),
        (item, vec![2, 2, 65, 1, 6, 2, 66, 0], "decode: at byte 8, field \"items\": a block"),
        (item, bytes(&[&varint(i64::MAX), &[2, 65]]), "decode: at byte 13, field \"item_id\""),
        (empty, bytes(&[&varint(i64::MAX), &[0]]), "ok 1001"),
        (empty, bytes(&[&varint(i64::MIN), &[0], &varint(i64::MAX), &[0]]), "ok 1002"),
        (
            r#"["null",{"type":"record","name":"I","fields":[]}]"#,
            vec![2, 0, 0],
            "decode: at byte 3, field \"items\": an element of items is null",
        ),
        (r#""string""#, vec![0], "decode: the writer's schema cannot be read as ours: an element of items is a string"),
        (r#""R""#, vec![0], "ok 0"),
        (r#""R""#, vec![2, 2, 0, 0], "ok 1"),
    ];
    for (item, items, expected) in table {
        let (decoder, datum) = subscription(item, &items);
        let got = match decoder.decode(&datum) {
            Ok(RawFact::Subscription(raw)) => format!("ok {}", raw.items.unwrap().len()),
            other => verdict(&decoder, &datum).0.clone() + if other.is_ok() { "?" } else { "" },
        };
        assert!(got.starts_with(expected), "{item} {items:02x?}: {got}");
    }
    let (decoder, _) = subscription(item, &[]);
    assert!(verdict(&decoder, &[0, 0]).0.contains(r#"its symbol "ON_HOLD" is unknown"#));
    assert!(verdict(&decoder, &[4, 0]).0.contains("its enum has no symbol 2"));
    assert_eq!(decoder.decode_prefix(&[0, 0]).consumed, Some(2));
}

/// What acceptance would reject first decides, also among items that are over the limit.
#[test]
fn missing_status_and_items_come_before_trailing_bytes() {
    let decoder = Decoder::compile(&record(&field("event_id", r#""string""#)), FactKind::Subscription);
    assert_eq!(decoder.decode(&[2, 65, 0]).unwrap_err().reason, Reason::Decode);
    assert!(decoder.decode(&[2, 65]).is_ok());
}

#[test]
fn beyond_a_thousand_items_only_what_decides_is_kept() {
    let item = r#"{"type":"record","name":"I","fields":[{"name":"item_id","type":"string"},{"name":"product_id","type":"string"},
        {"name":"plan_id","type":"string"},{"name":"quantity","type":"long"},{"name":"unit_amount_micros","type":"long"},
        {"name":"interval","type":{"type":"enum","name":"N","symbols":["MONTH"]}}]}"#;
    let one = |id: &str, quantity: i64, amount: i64| {
        bytes(&[&string(id), &string("p"), &string("q"), &varint(quantity), &varint(amount), &[0]])
    };
    let kept = |extra: &[Vec<u8>]| {
        let good: Vec<u8> = (0..5_000).flat_map(|number| one(&number.to_string(), 1, 1)).collect();
        let count = varint(5_000 + extra.len() as i64);
        let (decoder, datum) = subscription(item, &bytes(&[&count, &good, &extra.concat(), &[0]]));
        let RawFact::Subscription(raw) = decoder.decode(&datum).unwrap() else { panic!("not a subscription") };
        raw.items
            .unwrap()
            .iter()
            .skip(1_001)
            .map(|item| (item.item_id.unwrap().len(), item.quantity.unwrap()))
            .collect::<Vec<_>>()
    };
    assert_eq!(kept(&[]), []);
    assert_eq!(
        kept(&[one("a", 1, -1), one("b", 2, -1), one("c", -3, 1), one("", 4, 1), one("", 5, 1)]),
        [(1, 1), (1, -3), (0, 4)]
    );
}

#[test]
fn sixteen_mebibytes_are_read_and_no_more() {
    let decoder = Decoder::compile(&record(&field("x", r#""bytes""#)), FactKind::Usage);
    let datum = |length: usize| bytes(&[&varint(length as i64), &vec![0; length]]);
    let most = datum((16 << 20) - 4);
    assert_eq!(most.len(), 16 << 20);
    assert_eq!(verdict(&decoder, &most), ("ok".to_owned(), Some(16 << 20)));
    let more = datum((16 << 20) - 3);
    let (got, consumed) = verdict(&decoder, &more);
    assert!(got.starts_with("decode: the record has 16777217 bytes"), "{got}");
    assert_eq!(consumed, Some(more.len()));
    assert_eq!(decoder.decode_prefix(&more).fact.unwrap_err().reason, Reason::Decode);
}

/// A text of a few kilobytes whose expansion would have 2^60 fields is compiled and its data walked.
#[test]
fn schemas_do_not_expand() {
    let first = r#"{"name":"f0","type":{"type":"record","name":"R0","fields":[{"name":"a","type":"string"}]}}"#.to_owned();
    let doubling = |n: usize| {
        let inner = n - 1;
        let two = [field("a", &format!("\"R{inner}\"")), field("b", &format!("\"R{inner}\""))].join(",");
        field(&format!("f{n}"), &format!(r#"{{"type":"record","name":"R{n}","fields":[{two}]}}"#))
    };
    let fields = std::iter::once(first).chain((1..60).map(doubling)).collect::<Vec<_>>().join(",");
    let decoder = Decoder::compile(&record(&fields), FactKind::Usage);
    assert!(verdict(&decoder, &[0; 1000]).0.starts_with("decode: "));
    let widths = fields.replace(r#""string""#, r#"{"type":"fixed","name":"F","size":1}"#);
    assert!(verdict(&Decoder::compile(&record(&widths), FactKind::Usage), &[0; 1000]).0.starts_with("decode: "));
    let nothing = fields.replace(r#""string""#, r#""null""#);
    assert_eq!(verdict(&Decoder::compile(&record(&nothing), FactKind::Usage), &[]), ("ok".to_owned(), Some(0)));
}

/// As deep as the limit on text allows, on a small stack.
#[test]
fn deep_schemas_need_little_stack() {
    let deep = |depth: usize| {
        let open = |n: usize| format!(r#"{{"type":"record","name":"R{n}","fields":[{{"name":"x","type":["null","#);
        let text: String = (0..depth).map(open).collect();
        format!("{text}\"long\"{}", "]}]}".repeat(depth))
    };
    let compile = move || {
        let decoder = Decoder::compile(&deep(127), FactKind::Usage);
        assert!(decoder.fault().is_none(), "{:?}", decoder.fault());
        assert_eq!(verdict(&decoder, &bytes(&[&[2; 60], &[0]])), ("ok".to_owned(), Some(61)));
        assert_eq!(verdict(&decoder, &bytes(&[&[2; 127], &[0]])).1, Some(128));
        assert!(fingerprints(&deep(127)).is_ok());
        assert!(Decoder::compile(&deep(200), FactKind::Usage).fault().is_some());
    };
    std::thread::Builder::new().stack_size(2 << 20).spawn(compile).unwrap().join().unwrap();
}

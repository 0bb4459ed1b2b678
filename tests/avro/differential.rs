//! Our decoder and apache-avro's generic reader agree over random writer schemas, whole data, cut data and mutated data.

use crate::model::{Type, write};
use crate::random::{Random, schema};
use crate::twin::{self, Fact, Refused};
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value;
use proptest::prelude::*;
use std::collections::BTreeMap;
use upswell::domain::facts::{FactKind, RawFact, RawItem, RawSubscription, Reason};
use upswell::wire::avro::Decoder;

/// One writer schema with both readers of it.
struct Case {
    this: Type,
    text: String,
    kind: FactKind,
    decoder: Decoder,
    oracle: apache_avro::Schema,
    datum: Vec<u8>,
    random: Random,
}

fn case(seed: u64) -> Case {
    apache_avro::util::max_allocation_bytes(1 << 20);
    let mut random = Random::new(seed);
    let kind = if random.one_in(2) { FactKind::Usage } else { FactKind::Subscription };
    let this = schema(&mut random, kind);
    let text = this.json().to_string();
    // The oracle gives decimals back as numbers, not the bytes that were written; to it they are bytes.
    let bytes = text.replace("\"decimal\"", "\"unknown-to-it\"");
    let oracle = apache_avro::Schema::parse_str(&bytes).unwrap_or_else(|error| panic!("{text}: {error}"));
    let mut datum = Vec::new();
    write(&this, &mut random, &mut Vec::new(), &mut datum);
    let decoder = Decoder::compile(&text, kind);
    Case { this, text, kind, decoder, oracle, datum, random }
}

/// The oracle's value and the bytes it left.
fn oracle(schema: &apache_avro::Schema, mut bytes: &[u8]) -> Option<(Value, usize)> {
    let reader = GenericDatumReader::builder(schema).build().expect("the schema is complete");
    let value = reader.read_value(&mut bytes).ok()?;
    Some((value, bytes.len()))
}

fn owned(fact: RawFact) -> Fact {
    let text = |text: Option<&str>| text.map(str::to_owned);
    match fact {
        RawFact::Usage(raw) => Fact {
            texts: zip(twin::USAGE_TEXTS, [raw.event_id, raw.customer_id, raw.meter, raw.currency].map(text)),
            longs: zip(twin::USAGE_LONGS, [raw.used_at, raw.amount_micros]),
            ..Fact::default()
        },
        RawFact::Subscription(raw) => Fact {
            texts: zip(twin::SUBSCRIPTION_TEXTS, [raw.event_id, raw.customer_id, raw.subscription_id, raw.currency].map(text)),
            longs: zip(twin::SUBSCRIPTION_LONGS, [raw.effective_at, raw.version]),
            status: raw.status,
            attributes: last_of_each_key(&raw),
            items: raw.items.map(|items| items.into_iter().map(owned_item).collect()),
            ..Fact::default()
        },
    }
}

fn owned_item(raw: RawItem) -> Fact {
    Fact {
        texts: zip(twin::ITEM_TEXTS, [raw.item_id, raw.product_id, raw.plan_id].map(|text| text.map(str::to_owned))),
        longs: zip(twin::ITEM_LONGS, [raw.quantity, raw.unit_amount_micros, raw.interval_count, raw.discount_micros]),
        interval: raw.interval,
        ..Fact::default()
    }
}

/// The oracle's map keeps the last of equal keys.
fn last_of_each_key(raw: &RawSubscription) -> Vec<(String, Option<String>)> {
    let last: BTreeMap<&str, Option<&str>> = raw.attributes.iter().copied().collect();
    last.into_iter().map(|(key, value)| (key.to_owned(), value.map(str::to_owned))).collect()
}

fn zip<T, const N: usize>(names: &[&'static str], values: [T; N]) -> Vec<(&'static str, T)> {
    assert_eq!(names.len(), N);
    names.iter().copied().zip(values).collect()
}

fn ours(case: &Case, bytes: &[u8]) -> Result<Fact, Reason> {
    case.decoder.decode(bytes).map(owned).map_err(|rejection| rejection.reason)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whole data: the same fact, or refused where the rules refuse; the end found either way; one byte more is noticed.
    #[test]
    fn whole_data(seed: u64) {
        let case = case(seed);
        let (value, left) = oracle(&case.oracle, &case.datum).expect("the encoder writes what the oracle reads");
        prop_assert_eq!(left, 0);
        let expected = twin::read(&case.this, &value, case.kind);
        let got = ours(&case, &case.datum);
        prop_assert_eq!(got.clone().map_err(|reason| (assert_eq!(reason, Reason::Decode), Refused).1), expected, "{} {:02x?} {:?}",
            &case.text, &case.datum, case.decoder.decode(&case.datum).err());

        let longer = [case.datum.as_slice(), &[0, 1]].concat();
        let walk = case.decoder.decode_prefix(&longer);
        prop_assert_eq!(walk.consumed, Some(case.datum.len()), "{}", &case.text);
        prop_assert_eq!(walk.fact.map(owned).map_err(|rejection| rejection.reason), got.clone());
        if let Ok(fact) = got {
            let complete = case.kind == FactKind::Usage || (fact.status.is_some() && fact.items.is_some());
            prop_assert_eq!(ours(&case, &longer), Err(if complete { Reason::TrailingBytes } else { Reason::Decode }));
        }
    }

    /// Cut anywhere: rejected as decode, and no end is found.
    #[test]
    fn cut_data(seed: u64) {
        let case = case(seed);
        for length in 0..case.datum.len() {
            let cut = &case.datum[..length];
            prop_assert_eq!(ours(&case, cut), Err(Reason::Decode), "{} {:02x?}", &case.text, cut);
            prop_assert_eq!(case.decoder.decode_prefix(cut).consumed, None);
        }
    }

    /// Mutated: never a panic, never a value other than the oracle's; the walk and the reader find the same end.
    #[test]
    fn mutated_data(seed: u64) {
        let mut case = case(seed);
        for _ in 0..20 {
            let mut bytes = case.datum.clone();
            for _ in 0..=case.random.below(3) {
                mutate(&mut bytes, &mut case.random);
            }
            let walk = case.decoder.decode_prefix(&bytes);
            prop_assert_eq!(walk.consumed, case.decoder.length(&bytes).or(walk.consumed));
            let Ok(fact) = walk.fact else { continue };
            prop_assert_eq!(walk.consumed, case.decoder.length(&bytes));
            if let Some((value, left)) = oracle(&case.oracle, &bytes) {
                prop_assert_eq!(walk.consumed, Some(bytes.len() - left), "{} {:02x?}", &case.text, &bytes);
                prop_assert_eq!(twin::read(&case.this, &value, case.kind), Ok(owned(fact)), "{} {:02x?}", &case.text, &bytes);
            }
        }
    }
}

fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    let at = random.below(bytes.len() as u64 + 1) as usize;
    match random.below(4) {
        0 => bytes.insert(at, random.below(256) as u8),
        1 if at < bytes.len() => drop(bytes.remove(at)),
        2 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
        _ if at < bytes.len() => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][random.below(5) as usize],
        _ => bytes.push(0),
    }
}

/// The random cases are worth something: most decode, and each way to fail occurs.
#[test]
fn the_cases_are_varied() {
    let verdicts: Vec<_> = (0..2000).map(case).map(|case| ours(&case, &case.datum)).collect();
    let decoded = verdicts.iter().filter(|verdict| verdict.is_ok()).count();
    let with_items = verdicts.iter().flatten().filter(|fact| fact.items.as_ref().is_some_and(|items| items.len() > 1)).count();
    let with_attributes = verdicts.iter().flatten().filter(|fact| fact.attributes.len() > 1).count();
    assert!(decoded > 1000 && decoded < 1900, "{decoded} of 2000 decode");
    assert!(with_items > 50 && with_attributes > 50, "{with_items} with items, {with_attributes} with attributes");
}

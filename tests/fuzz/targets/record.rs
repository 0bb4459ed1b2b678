//! The value of a Kafka record: framing, decoding as both kinds, acceptance.

use crate::runner::Target;
use crate::trail::Trail;
use upswell::domain::accept;
use upswell::domain::calendar::Instant;
use upswell::domain::currency::{Currency, ExchangeRates};
use upswell::domain::facts::{FactKind, RawFact, Rejection};
use upswell::wire::avro::{Decoder, SUBSCRIPTION_SCHEMA, USAGE_SCHEMA};
use upswell::wire::framing::{self, Frame};

const WORDS: [&str; 12] =
    ["\0\0\0\0\x01", "EUR", "USD", "cus-1", "region", "ACTIVE", "\u{1f600}", "\0", "\x01\x01", "\x02\x02", "\x0a", "\x06EUR"];
/// When the record was written, if it is usage.
const WRITTEN: Instant = Instant(1_767_225_600_000);

pub fn target() -> Target<'static> {
    let decoders = [
        Decoder::compile(SUBSCRIPTION_SCHEMA, FactKind::Subscription),
        Decoder::compile(USAGE_SCHEMA, FactKind::Usage),
        Decoder::compile(evolved(), FactKind::Usage),
        Decoder::compile(SUBSCRIPTION_SCHEMA, FactKind::Usage),
    ];
    let rates = rates();
    let read = move |input: &[u8], trail: &mut Trail| match framing::parse(Some(input)) {
        Err(rejection) => rejected(&rejection, trail),
        Ok(Frame::Confluent { datum, .. } | Frame::SingleObject { datum, .. }) => {
            decoders.iter().for_each(|decoder| decode(decoder, datum, &rates, trail));
        }
    };
    Target { name: "record", words: &WORDS, read: Box::new(read) }
}

/// The evolved writer that `schemas/README.md` shows.
pub fn evolved() -> &'static str {
    let readme = include_str!("../../../schemas/README.md");
    readme.split("```json").nth(1).and_then(|rest| rest.split("```").next()).expect("the README has an example")
}

pub fn rates() -> ExchangeRates {
    ExchangeRates::new(Currency::parse("EUR").expect("a currency"), vec![])
}

pub fn rejected(rejection: &Rejection, trail: &mut Trail) {
    trail.say(rejection.reason.as_str());
    trail.say(&rejection.detail);
}

/// Decodes and accepts; the two ways of decoding must agree.
pub fn decode(decoder: &Decoder, datum: &[u8], rates: &ExchangeRates, trail: &mut Trail) {
    let (whole, walk) = (decoder.decode(datum), decoder.decode_prefix(datum));
    assert_eq!(walk.consumed, decoder.length(datum), "the end of a record does not depend on how it is looked for");
    match whole {
        Err(rejection) => rejected(&rejection, trail),
        Ok(fact) => {
            assert_eq!((walk.fact.ok().as_ref(), walk.consumed), (Some(&fact), Some(datum.len())));
            accepted(&fact, rates, trail);
        }
    }
}

fn accepted(fact: &RawFact, rates: &ExchangeRates, trail: &mut Trail) {
    let verdict = match fact {
        RawFact::Subscription(raw) => accept::subscription(raw, rates).map(|fact| fact.items.len() + fact.attributes.len()),
        RawFact::Usage(raw) => accept::usage(raw, rates, Some(WRITTEN)).map(|_| 0),
    };
    match verdict {
        Err(rejection) => rejected(&rejection, trail),
        Ok(parts) => {
            trail.whole();
            trail.count("parts", parts);
        }
    }
}

#[test]
fn records() {
    target().run();
}

//! Facts to Avro bytes, by the canonical schemas in `schemas/`: the binary encoding, Confluent framing and container files.
//!
//! Only what writes synthetic history needs this; the service reads. The encoder is written out by hand because a history has
//! to be the same bytes for the same seed for good: nothing here depends on a clock, a random marker or the order of a hash
//! map, and the compression is deflate at a fixed level.

use crate::domain::facts::{Interval, RawItem, RawSubscription, RawUsage, Status};
use apache_avro::{Codec, DeflateSettings};

/// Bytes of a block of a container file before compression.
const BLOCK_BYTES: usize = 64 * 1024;

/// Appends a subscription event. What is missing is written as its default, or as the empty text, 0 or the first symbol: the
/// canonical schema cannot say that something is missing.
pub fn subscription(raw: &RawSubscription, out: &mut Vec<u8>) {
    text(raw.event_id.unwrap_or_default(), out);
    text(raw.customer_id.unwrap_or_default(), out);
    text(raw.subscription_id.unwrap_or_default(), out);
    long(raw.effective_at.unwrap_or_default(), out);
    long(raw.version.unwrap_or_default(), out);
    symbol(&Status::SYMBOLS.map(|symbol| symbol.1), raw.status, out);
    text(raw.currency.unwrap_or_default(), out);
    array(raw.items.as_deref().unwrap_or_default(), out, item);
    let attributes: Vec<(&str, &str)> =
        raw.attributes.iter().filter_map(|(key, value)| value.map(|value| (*key, value))).collect();
    array(&attributes, out, |(key, value), out| {
        text(key, out);
        text(value, out);
    });
}

/// Appends a usage event; what is missing is written as in [`subscription`]. `quantity` is informational.
pub fn usage(raw: &RawUsage, quantity: f64, out: &mut Vec<u8>) {
    text(raw.event_id.unwrap_or_default(), out);
    text(raw.customer_id.unwrap_or_default(), out);
    long(raw.used_at.unwrap_or_default(), out);
    text(raw.meter.unwrap_or_default(), out);
    out.extend_from_slice(&quantity.to_le_bytes());
    long(raw.amount_micros.unwrap_or_default(), out);
    text(raw.currency.unwrap_or_default(), out);
}

/// Appends the header of Confluent framing: a zero byte and the schema's id.
pub fn confluent_header(schema_id: u32, out: &mut Vec<u8>) {
    out.push(0);
    out.extend_from_slice(&schema_id.to_be_bytes());
}

fn item(raw: &RawItem, out: &mut Vec<u8>) {
    text(raw.item_id.unwrap_or_default(), out);
    text(raw.product_id.unwrap_or_default(), out);
    text(raw.plan_id.unwrap_or_default(), out);
    long(raw.quantity.unwrap_or_default(), out);
    long(raw.unit_amount_micros.unwrap_or_default(), out);
    symbol(&Interval::SYMBOLS.map(|symbol| symbol.1), raw.interval, out);
    long(raw.interval_count.unwrap_or(1), out);
    long(raw.discount_micros.unwrap_or_default(), out);
}

/// A zigzag number in as few groups of seven bits as it needs.
fn long(value: i64, out: &mut Vec<u8>) {
    let mut rest = ((value << 1) ^ (value >> 63)) as u64;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

fn text(value: &str, out: &mut Vec<u8>) {
    long(value.len() as i64, out);
    out.extend_from_slice(value.as_bytes());
}

fn symbol<T: PartialEq>(symbols: &[T], value: Option<T>, out: &mut Vec<u8>) {
    let index = symbols.iter().position(|symbol| Some(symbol) == value.as_ref()).unwrap_or(0);
    long(index as i64, out);
}

/// One block with all elements, if there are any, and the empty block that ends an array or map.
fn array<T>(elements: &[T], out: &mut Vec<u8>, element: impl Fn(&T, &mut Vec<u8>)) {
    if !elements.is_empty() {
        long(elements.len() as i64, out);
        elements.iter().for_each(|value| element(value, out));
    }
    long(0, out);
}

/// An object container file in the making: pieces of bytes to be written one after the other.
#[derive(Debug)]
pub struct Container {
    marker: [u8; 16],
    block: Vec<u8>,
    count: i64,
    /// Finished bytes that were not taken yet.
    done: Vec<u8>,
}

impl Container {
    /// A container of this schema. The marker stands between its blocks and must be hard to meet by chance.
    pub fn new(schema: &str, marker: [u8; 16]) -> Container {
        let mut done = b"Obj\x01".to_vec();
        array(&[("avro.schema", schema), ("avro.codec", "deflate")], &mut done, |(key, value), out| {
            text(key, out);
            text(value, out);
        });
        done.extend_from_slice(&marker);
        Container { marker, block: Vec::with_capacity(BLOCK_BYTES + 1024), count: 0, done }
    }

    /// Appends one record; `encode` writes its bytes.
    pub fn append(&mut self, encode: impl FnOnce(&mut Vec<u8>)) -> Result<(), apache_avro::Error> {
        encode(&mut self.block);
        self.count += 1;
        if self.block.len() >= BLOCK_BYTES { self.end_block() } else { Ok(()) }
    }

    /// The bytes that are finished since the last call: whole blocks only.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.done)
    }

    /// Ends the last block and gives the bytes that were not taken yet.
    pub fn finish(mut self) -> Result<Vec<u8>, apache_avro::Error> {
        if self.count > 0 {
            self.end_block()?;
        }
        Ok(self.done)
    }

    fn end_block(&mut self) -> Result<(), apache_avro::Error> {
        let mut block = std::mem::take(&mut self.block);
        Codec::Deflate(DeflateSettings::default()).compress(&mut block)?;
        long(self.count, &mut self.done);
        long(block.len() as i64, &mut self.done);
        self.done.extend_from_slice(&block);
        self.done.extend_from_slice(&self.marker);
        self.count = 0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::avro::{SUBSCRIPTION_SCHEMA, USAGE_SCHEMA};
    use apache_avro::types::Value;
    use apache_avro::{Reader, Schema};
    use proptest::prelude::*;

    fn read(schema: &str, datum: &[u8]) -> Value {
        let schema = Schema::parse_str(schema).expect("a schema");
        let mut rest = datum;
        let reader = apache_avro::reader::datum::GenericDatumReader::builder(&schema).build().expect("a reader");
        let value = reader.read_value(&mut rest).expect("a value");
        assert!(rest.is_empty(), "bytes left");
        value
    }

    fn field<'a>(value: &'a Value, name: &str) -> &'a Value {
        let Value::Record(fields) = value else { panic!("not a record: {value:?}") };
        &fields.iter().find(|(key, _)| key == name).expect("a field").1
    }

    fn raw_item() -> RawItem<'static> {
        RawItem {
            item_id: Some("seats"),
            product_id: Some("platform"),
            plan_id: Some("team-monthly"),
            quantity: Some(-12),
            unit_amount_micros: Some(i64::MAX),
            interval: Some(Interval::Quarter),
            interval_count: Some(3),
            discount_micros: Some(7),
        }
    }

    #[test]
    fn subscriptions_read_back() {
        let raw = RawSubscription {
            event_id: Some("e1"),
            customer_id: Some("cüstomer"),
            subscription_id: Some(""),
            effective_at: Some(-1_000),
            version: None,
            status: Some(Status::Paused),
            currency: Some("EUR"),
            items: Some(vec![raw_item(), RawItem::default()]),
            attributes: vec![("vertical", Some("fintech")), ("gone", None)],
        };
        let mut datum = Vec::new();
        subscription(&raw, &mut datum);
        let value = read(SUBSCRIPTION_SCHEMA, &datum);
        assert_eq!(field(&value, "customer_id"), &Value::String("cüstomer".into()));
        assert_eq!(field(&value, "effective_at"), &Value::TimestampMillis(-1_000));
        assert_eq!(field(&value, "version"), &Value::Long(0));
        assert_eq!(field(&value, "status"), &Value::Enum(3, "PAUSED".into()));
        let Value::Array(items) = field(&value, "items") else { panic!("not an array") };
        assert_eq!(items.len(), 2);
        assert_eq!(field(&items[0], "quantity"), &Value::Long(-12));
        assert_eq!(field(&items[0], "unit_amount_micros"), &Value::Long(i64::MAX));
        assert_eq!(field(&items[0], "interval"), &Value::Enum(3, "QUARTER".into()));
        assert_eq!(field(&items[0], "discount_micros"), &Value::Long(7));
        assert_eq!(field(&items[1], "interval_count"), &Value::Long(1));
        let Value::Map(attributes) = field(&value, "attributes") else { panic!("not a map") };
        assert_eq!(attributes.len(), 1);
        assert_eq!(attributes["vertical"], Value::String("fintech".into()));
    }

    #[test]
    fn framing_is_a_zero_byte_and_the_id() {
        let mut out = Vec::new();
        confluent_header(0x0102_0304, &mut out);
        assert_eq!(out, [0, 1, 2, 3, 4]);
    }

    #[test]
    fn containers_read_back_block_by_block() {
        let raw = RawUsage { event_id: Some("u"), amount_micros: Some(-5), ..RawUsage::default() };
        let mut container = Container::new(USAGE_SCHEMA, [7; 16]);
        let mut file = Vec::new();
        for _ in 0..20_000 {
            container.append(|out| usage(&raw, 2.5, out)).expect("room");
            file.extend(container.take());
        }
        assert!(file.len() > 1_000, "blocks come out while the container grows");
        file.extend(container.finish().expect("an end"));
        let values: Vec<Value> = Reader::new(&file[..]).expect("a header").map(|value| value.expect("a value")).collect();
        assert_eq!(values.len(), 20_000);
        assert_eq!(field(&values[19_999], "amount_micros"), &Value::Long(-5));
        assert_eq!(field(&values[0], "quantity"), &Value::Double(2.5));
    }

    #[test]
    fn an_empty_container_is_a_header() {
        let file = Container::new(SUBSCRIPTION_SCHEMA, [1; 16]).finish().expect("an end");
        assert_eq!(Reader::new(&file[..]).expect("a header").count(), 0);
    }

    proptest! {
        #[test]
        fn usage_reads_back(id in ".*", used_at in any::<i64>(), amount in any::<i64>(), quantity in -1e300..1e300f64) {
            let raw = RawUsage {
                event_id: Some(&id),
                customer_id: Some("c"),
                used_at: Some(used_at),
                meter: Some("m"),
                amount_micros: Some(amount),
                currency: Some("USD"),
            };
            let mut datum = Vec::new();
            usage(&raw, quantity, &mut datum);
            let value = read(USAGE_SCHEMA, &datum);
            prop_assert_eq!(field(&value, "event_id"), &Value::String(id));
            prop_assert_eq!(field(&value, "used_at"), &Value::TimestampMillis(used_at));
            prop_assert_eq!(field(&value, "amount_micros"), &Value::Long(amount));
            prop_assert_eq!(field(&value, "quantity"), &Value::Double(quantity));
        }
    }
}

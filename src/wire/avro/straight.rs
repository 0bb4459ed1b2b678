//! The common case without looking at a plan: a usage event whose writer has our own schema.
//!
//! What cannot be read at the first go is left to the plan, which reads it from the beginning and says what is wrong; so there is
//! one place that explains, and nothing is accepted here that the plan would not accept.

use super::cursor::{Cursor, Fault};
use super::plan::Step;
use crate::domain::facts::RawUsage;

/// What a plan does whose records [`usage`] reads.
pub fn is_usage(steps: &[Step]) -> bool {
    use Step::{Fixed, Long, Text};
    matches!(steps, [Text(0), Text(1), Long(0), Text(2), Fixed(8), Long(1), Text(3)])
}

/// Reads a usage event as our own schema orders its fields. After a fault the cursor stands anywhere.
#[inline]
pub fn usage<'a>(cursor: &mut Cursor<'a>) -> Result<RawUsage<'a>, Fault> {
    let event_id = Some(cursor.text()?);
    let customer_id = Some(cursor.text()?);
    let used_at = Some(cursor.long()?);
    let meter = Some(cursor.text()?);
    // The quantity, a double.
    cursor.skip(8)?;
    let amount_micros = Some(cursor.long()?);
    let currency = Some(cursor.text()?);
    Ok(RawUsage { event_id, customer_id, used_at, meter, amount_micros, currency })
}

#[cfg(test)]
mod tests {
    use super::super::USAGE_SCHEMA;
    use super::super::plan::Plan;
    use super::super::read;
    use super::super::schema::Schema;
    use super::super::skip::Shapes;
    use super::*;
    use crate::domain::facts::FactKind;
    use crate::wire::encode;

    fn plan(schema: &str) -> (Plan, Shapes) {
        let schema = Schema::parse(schema, &[]).unwrap();
        (Plan::compile(&schema, FactKind::Usage).unwrap(), Shapes::of(&schema))
    }

    #[test]
    fn only_for_writers_with_our_own_schema() {
        assert!(plan(USAGE_SCHEMA).0.straight);
        let nullable = USAGE_SCHEMA.replacen(r#""type": "string""#, r#""type": ["null", "string"]"#, 1);
        let micros = USAGE_SCHEMA.replace("timestamp-millis", "timestamp-micros");
        let swapped = USAGE_SCHEMA.replace("\"event_id\"", "\"x\"").replace("\"customer_id\"", "\"event_id\"");
        for other in [nullable, micros, swapped] {
            assert_ne!(other, USAGE_SCHEMA);
            assert!(!plan(&other).0.straight, "{other}");
        }
    }

    /// Every datum cut short anywhere, and with every byte replaced by every other, is read or refused as the plan does it.
    #[test]
    fn reads_and_refuses_what_the_plan_does() {
        let (mut plan, shapes) = plan(USAGE_SCHEMA);
        let raw = RawUsage {
            event_id: Some("0198c2f4-6b1e"),
            customer_id: Some("cüs_1"),
            used_at: Some(1_787_212_345_678),
            meter: Some("api/v2"),
            amount_micros: Some(-2_468_000),
            currency: Some("EUR"),
        };
        let mut datum = Vec::new();
        encode::usage(&raw, 2.5, &mut datum);
        let mut both = |bytes: &[u8]| {
            let read = [true, false].map(|straight| {
                plan.straight = straight;
                let mut cursor = Cursor::new(bytes);
                let fact = read::fact(&plan, &shapes, FactKind::Usage, &mut cursor);
                format!("{fact:?}, {} bytes left", cursor.left())
            });
            assert_eq!(read[0], read[1], "{bytes:02x?}");
            read[0].starts_with("Ok")
        };
        assert!(both(&datum));
        let mut readable = 0;
        for at in 0..datum.len() {
            assert!(!both(&datum[..at]), "cut at {at}");
            for byte in 0..=u8::MAX {
                let mut changed = datum.clone();
                changed[at] = byte;
                readable += usize::from(both(&changed));
            }
        }
        assert!((1_000..12_000).contains(&readable), "{readable} changed data are readable: the others test the refusals");
    }
}

//! The form of an alert within a manifest.
//!
//! - text: rule; option of text: segment; u64: definition
//! - byte: 0 inactive; 1 pending, then instant: since; varint: milliseconds held; 2 firing, then instant: since; option of varint:
//!   milliseconds clear
//! - option of suppression: text: reason; instant: since
//! - option of figure: zigzags of up to 128 bits: numerator; denominator
//! - option of resolved: instant: since; instant: at
//! - list of labels: text: name; text: value
//! - list of told: text: receiver; byte: 1 if resolved

use super::bytes::{Cursor, narrow, put_instant, put_list, put_option, put_text, put_varint, put_wide};
use super::damage::Damage;
use crate::domain::alert::{Fraction, Record, Resolved, State, Suppression, Told};
use std::collections::BTreeMap;

/// Bytes of the smallest one.
pub const LEAST_BYTES: usize = 16;

pub fn put(out: &mut Vec<u8>, record: &Record) {
    put_text(out, &record.rule);
    put_option(out, record.segment.as_deref(), put_text);
    out.extend(record.definition.to_le_bytes());
    put_state(out, record.state);
    put_option(out, record.suppressed, |out, (reason, since)| {
        put_text(out, reason.as_str());
        put_instant(out, since);
    });
    put_option(out, record.value, |out, value| {
        let (numerator, denominator) = value.parts();
        put_wide(out, numerator);
        put_wide(out, denominator);
    });
    put_option(out, record.resolved, |out, resolved| {
        put_instant(out, resolved.since);
        put_instant(out, resolved.at);
    });
    put_list(out, &record.labels.iter().collect::<Vec<_>>(), |out, (name, value)| {
        put_text(out, name);
        put_text(out, value);
    });
    put_list(out, &record.told, |out, told| {
        put_text(out, &told.receiver);
        out.push(u8::from(told.resolved));
    });
}

fn put_state(out: &mut Vec<u8>, state: State) {
    let millis = |out: &mut Vec<u8>, millis: i64| put_varint(out, u64::try_from(millis).unwrap_or(0));
    match state {
        State::Inactive => out.push(0),
        State::Pending { since, held } => {
            out.push(1);
            put_instant(out, since);
            millis(out, held);
        }
        State::Firing { since, clear } => {
            out.push(2);
            put_instant(out, since);
            put_option(out, clear, millis);
        }
    }
}

pub fn get(bytes: &mut Cursor) -> Result<Record, Damage> {
    Ok(Record {
        rule: bytes.text()?.to_owned(),
        segment: bytes.option(|bytes| bytes.text().map(str::to_owned))?,
        definition: bytes.u64()?,
        state: state(bytes)?,
        suppressed: bytes.option(|bytes| Ok((suppression(bytes)?, bytes.instant()?)))?,
        value: bytes.option(value)?,
        resolved: bytes.option(|bytes| Ok(Resolved { since: bytes.instant()?, at: bytes.instant()? }))?,
        labels: labels(bytes)?,
        told: bytes.list(2, |bytes| Ok(Told { receiver: bytes.text()?.to_owned(), resolved: flag(bytes)? }))?,
    })
}

fn state(bytes: &mut Cursor) -> Result<State, Damage> {
    let millis = |bytes: &mut Cursor| bytes.varint().and_then(narrow::<u64, i64>);
    match bytes.byte()? {
        0 => Ok(State::Inactive),
        1 => Ok(State::Pending { since: bytes.instant()?, held: millis(bytes)? }),
        2 => Ok(State::Firing { since: bytes.instant()?, clear: bytes.option(millis)? }),
        _ => Err(Damage::Inconsistent("the state of an alert is none")),
    }
}

/// Names ascend: so every set of labels has one form.
fn labels(bytes: &mut Cursor) -> Result<BTreeMap<String, String>, Damage> {
    let labels = bytes.list(2, |bytes| Ok((bytes.text()?.to_owned(), bytes.text()?.to_owned())))?;
    let ascend = labels.windows(2).all(|pair| pair[0].0 < pair[1].0);
    ascend.then(|| labels.into_iter().collect()).ok_or(Damage::Inconsistent("the labels of an alert are out of order"))
}

fn suppression(bytes: &mut Cursor) -> Result<Suppression, Damage> {
    Suppression::named(bytes.text()?).ok_or(Damage::Inconsistent("the reason of a suppression is none"))
}

fn value(bytes: &mut Cursor) -> Result<Fraction, Damage> {
    let (numerator, denominator) = (bytes.wide()?, bytes.wide()?);
    // Only what would be written: so every value has one form.
    Some(denominator)
        .filter(|denominator| *denominator > 0)
        .and_then(|denominator| Fraction::new(numerator, denominator))
        .ok_or(Damage::Inconsistent("the denominator of a figure is not positive"))
}

fn flag(bytes: &mut Cursor) -> Result<bool, Damage> {
    match bytes.byte()? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(Damage::Inconsistent("a flag is neither 0 nor 1")),
    }
}

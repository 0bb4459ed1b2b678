//! The form of a manifest, version 2: the body of an envelope ([`super::envelope`]), uncompressed. [`super::bytes`] names the
//! primitives; instants are zigzags of milliseconds since 1970, days zigzags of days since 1970.
//!
//! - identity ([`super::identity`])
//! - varint: generation
//! - u64: writer
//! - varint: sequence
//! - instant: taken at
//! - three times (subscriptions, usage, retries) an option of a position: zigzag: next; zigzag: began; option of instant: oldest
//!   record; option of instant: newest record
//! - two times (subscriptions, usage) three varints: customers placed by murmur2 only, by CRC32 only, by neither
//! - head
//!   - varint: accounts
//!   - varint: texts
//!   - day: floor
//!   - instant: floor
//!   - option of instant: record time
//!   - u64, u64: hash key
//!   - list of generations; each: instant: until; varint: ids
//!   - list of usage ahead; each: instant: at; day; text: customer id; currency; zigzag of up to 128 bits: amount
//!   - instant: passed; version 1 has none, and its images were taken at a view not later than "taken at", unless a clock had gone
//!     back: that instant is taken for it
//! - varint: how many of the pieces are the base's
//! - list of pieces; each: text: name; varint: length; u128: checksum
//! - list of alerts ([`super::alert`]); from version 2 on

use super::bytes::{Cursor, narrow, put_currency, put_instant, put_list, put_option, put_text, put_varint, put_wide, put_zigzag};
use super::damage::Damage;
use super::envelope::{self, Kind};
use super::name::parse_piece_name;
use super::{Manifest, PieceRef, Position, TOPICS, alert, identity};
use crate::domain::calendar::{Day, Instant};
use crate::engine::image::{Ahead, Head};

/// The file of a manifest.
pub fn encode(manifest: &Manifest) -> Vec<u8> {
    let mut file = envelope::begin(Kind::Manifest);
    let out = &mut file;
    identity::put(out, &manifest.identity);
    put_varint(out, manifest.generation.into());
    out.extend(manifest.writer.to_le_bytes());
    put_varint(out, manifest.sequence);
    put_instant(out, manifest.taken_at);
    for position in manifest.positions {
        put_option(out, position, put_position);
    }
    manifest.placement.iter().flatten().for_each(|customers| put_varint(out, *customers));
    put_head(out, &manifest.head);
    put_varint(out, manifest.base_pieces.into());
    put_list(out, &manifest.pieces, |out, piece| {
        put_text(out, &piece.name);
        put_varint(out, piece.length);
        out.extend(piece.checksum.to_le_bytes());
    });
    put_list(out, &manifest.alerts, alert::put);
    envelope::seal(&mut file);
    file
}

fn put_position(out: &mut Vec<u8>, position: Position) {
    put_zigzag(out, position.next);
    put_zigzag(out, position.began);
    put_option(out, position.oldest_record, put_instant);
    put_option(out, position.newest_record, put_instant);
}

fn put_head(out: &mut Vec<u8>, head: &Head) {
    put_varint(out, head.accounts);
    put_varint(out, head.texts.into());
    put_zigzag(out, head.floor.0.into());
    put_instant(out, head.floor_at);
    put_option(out, head.record_time, put_instant);
    out.extend(head.hash_key.0.to_le_bytes());
    out.extend(head.hash_key.1.to_le_bytes());
    put_list(out, &head.generations, |out, (until, ids)| {
        put_instant(out, *until);
        put_varint(out, *ids);
    });
    put_list(out, &head.ahead, |out, ahead| {
        put_instant(out, ahead.at);
        put_zigzag(out, ahead.day.0.into());
        put_text(out, &ahead.customer_id);
        put_currency(out, ahead.currency);
        put_wide(out, ahead.amount);
    });
    put_instant(out, head.passed);
}

/// Reads the file of a manifest. Never panics, and holds memory in proportion to the file.
pub fn decode(file: &[u8]) -> Result<Manifest, Damage> {
    let (version, body) = envelope::open(Kind::Manifest, file)?;
    let mut bytes = Cursor::new(body);
    let manifest = manifest(&mut bytes, version)?;
    bytes.finish()?;
    if manifest.base_pieces as usize > manifest.pieces.len() {
        return Err(Damage::Inconsistent("its base has more pieces than there are"));
    }
    if manifest.pieces.iter().any(|piece| parse_piece_name(&piece.name).is_none()) {
        return Err(Damage::Inconsistent("a piece's name is none"));
    }
    Ok(manifest)
}

fn manifest(bytes: &mut Cursor, version: u16) -> Result<Manifest, Damage> {
    let identity = identity::get(bytes)?;
    let (generation, writer, sequence) = (bytes.u32_varint()?, bytes.u64()?, bytes.varint()?);
    let taken_at = bytes.instant()?;
    let mut positions = [None; TOPICS];
    for place in &mut positions {
        *place = bytes.option(position)?;
    }
    let mut placement = [[0; 3]; 2];
    for customers in placement.as_flattened_mut() {
        *customers = bytes.varint()?;
    }
    let head = head(bytes, (version == 1).then_some(taken_at))?;
    let base_pieces = bytes.u32_varint()?;
    let pieces = bytes.list(18, piece)?;
    let alerts = if version == 1 { Vec::new() } else { bytes.list(alert::LEAST_BYTES, alert::get)? };
    Ok(Manifest { identity, generation, writer, sequence, taken_at, positions, placement, head, pieces, base_pieces, alerts })
}

fn position(bytes: &mut Cursor) -> Result<Position, Damage> {
    Ok(Position {
        next: bytes.zigzag()?,
        began: bytes.zigzag()?,
        oldest_record: bytes.option(Cursor::instant)?,
        newest_record: bytes.option(Cursor::instant)?,
    })
}

/// `passed` is what stands for that instant where none is written.
fn head(bytes: &mut Cursor, passed: Option<Instant>) -> Result<Head, Damage> {
    Ok(Head {
        accounts: bytes.varint()?,
        texts: bytes.u32_varint()?,
        floor: day(bytes)?,
        floor_at: bytes.instant()?,
        record_time: bytes.option(Cursor::instant)?,
        hash_key: (bytes.u64()?, bytes.u64()?),
        generations: bytes.list(2, |bytes| Ok((bytes.instant()?, bytes.varint()?)))?,
        ahead: bytes.list(7, ahead)?,
        passed: passed.map_or_else(|| bytes.instant(), Ok)?,
    })
}

fn ahead(bytes: &mut Cursor) -> Result<Ahead, Damage> {
    Ok(Ahead {
        at: bytes.instant()?,
        day: day(bytes)?,
        customer_id: bytes.text()?.into(),
        currency: bytes.currency()?,
        amount: bytes.wide()?,
    })
}

fn piece(bytes: &mut Cursor) -> Result<PieceRef, Damage> {
    Ok(PieceRef { name: bytes.text()?.to_owned(), length: bytes.varint()?, checksum: bytes.u128()? })
}

fn day(bytes: &mut Cursor) -> Result<Day, Damage> {
    narrow(bytes.zigzag()?).map(Day)
}

//! How an input becomes another: bits, lengths that lie, words of the target's language, pieces of other inputs.

use crate::random::Random;

/// Longest input.
pub const MAX_BYTES: usize = 1 << 16;
/// Numbers at which something changes.
const NUMBERS: [i64; 16] = [
    0,
    1,
    -1,
    2,
    63,
    64,
    127,
    128,
    1 << 20,
    1 << 24,
    i32::MAX as i64,
    i32::MAX as i64 + 1,
    i32::MIN as i64,
    1 << 40,
    i64::MAX,
    i64::MIN,
];

/// Makes an input from `bytes`, its neighbours and the target's words.
pub fn mutate(random: &mut Random, bytes: &[u8], other: &[u8], words: &[&str]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..random.length(8) {
        change(random, &mut bytes, other, words);
        bytes.truncate(MAX_BYTES);
    }
    bytes
}

fn change(random: &mut Random, bytes: &mut Vec<u8>, other: &[u8], words: &[&str]) {
    let at = random.place(bytes.len());
    let end = (at + random.length(64)).min(bytes.len());
    match random.below(13) {
        0 => flip(random, bytes),
        1 => overwrite(bytes, at, &[random.next() as u8]),
        2 => overwrite(bytes, at, &[*random.one_of(b"\0\x01\x7f\x80\xff\n\r\t \"'{}[]:,;-#&*!|%@")]),
        3 => drop(bytes.drain(at..end)),
        4 => insert(bytes, at, &bytes[at..end].repeat(random.length(32))),
        5 => insert(bytes, at, random.one_of(words).as_bytes()),
        6 => overwrite(bytes, at, random.one_of(words).as_bytes()),
        7 => replace(bytes, at, (at + 1).min(bytes.len()), &varint(random)),
        8 => overwrite(bytes, at, &fixed(random)),
        9 => number(random, bytes, at),
        10 => splice(random, bytes, at, other),
        11 => bytes.truncate(at),
        _ => exchange(random, bytes, at, end),
    }
}

fn flip(random: &mut Random, bytes: &mut [u8]) {
    if !bytes.is_empty() {
        let at = random.below(bytes.len());
        bytes[at] ^= 1 << random.below(8);
    }
}

fn replace(bytes: &mut Vec<u8>, at: usize, end: usize, by: &[u8]) {
    bytes.splice(at..end, by.iter().copied());
}

fn overwrite(bytes: &mut Vec<u8>, at: usize, by: &[u8]) {
    replace(bytes, at, (at + by.len()).min(bytes.len()), by);
}

fn insert(bytes: &mut Vec<u8>, at: usize, what: &[u8]) {
    replace(bytes, at, at, what);
}

/// A number near one at which something changes.
fn near(random: &mut Random) -> i64 {
    random.one_of(&NUMBERS).wrapping_add(random.below(3) as i64 - 1)
}

/// As Avro and checkpoints write a number, zigzag or not.
fn varint(random: &mut Random) -> Vec<u8> {
    let number = near(random);
    let mut value = if random.below(2) == 0 { number as u64 } else { ((number << 1) ^ (number >> 63)) as u64 };
    let mut bytes = Vec::new();
    while value > 0x7f {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// A number of a fixed width, of either order.
fn fixed(random: &mut Random) -> Vec<u8> {
    let number = near(random);
    match random.below(4) {
        0 => number.to_le_bytes().to_vec(),
        1 => number.to_be_bytes().to_vec(),
        2 => (number as i32).to_be_bytes().to_vec(),
        _ => (number as u16).to_le_bytes().to_vec(),
    }
}

/// Writes another number in place of the digits at or after `at`.
fn number(random: &mut Random, bytes: &mut Vec<u8>, at: usize) {
    let Some(first) = bytes[at..].iter().position(u8::is_ascii_digit).map(|digits| at + digits) else { return };
    let digits = bytes[first..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let text = near(random).to_string();
    replace(bytes, first, first + digits, text.as_bytes());
}

/// Goes on as another input does, or takes a piece of it in.
fn splice(random: &mut Random, bytes: &mut Vec<u8>, at: usize, other: &[u8]) {
    let from = random.place(other.len());
    if random.below(2) == 0 {
        replace(bytes, at, bytes.len(), &other[from..]);
    } else {
        let end = (from + random.length(256)).min(other.len());
        insert(bytes, at, &other[from..end]);
    }
}

/// Puts a part of the input where another was.
fn exchange(random: &mut Random, bytes: &mut Vec<u8>, at: usize, end: usize) {
    let part: Vec<u8> = bytes.drain(at..end).collect();
    let to = random.place(bytes.len());
    insert(bytes, to, &part);
}

//! Values with units: durations, amounts of memory, exact exchange rates, addresses.
//!
//! Every parser takes the scalar's text and answers with a sentence that says what to write instead. None goes through a float.

use std::fmt;

/// A span of time in milliseconds, greater than 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Millis(pub i64);

/// Longest duration that can be configured: ten years.
const MAX_MILLIS: i64 = 3_660 * 86_400_000;
const DURATION_UNITS: [(&str, i64); 6] =
    [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000), ("w", 604_800_000)];

impl Millis {
    /// `24h`, `10s`, `1h30m`, `500ms`; units ms, s, m, h, d (24 hours), w.
    pub fn parse(text: &str) -> Result<Millis, String> {
        let total = Millis::sum(text)
            .ok_or_else(|| format!("{text:?} is no duration; write a number with a unit, such as 10s, 5m or 24h"))?;
        match total {
            1..=MAX_MILLIS => Ok(Millis(total)),
            _ => Err(format!("{text:?} is out of range; a duration is longer than 0 and at most 3660d")),
        }
    }

    fn sum(text: &str) -> Option<i64> {
        let (mut rest, mut total) = (text, 0_i64);
        while !rest.is_empty() {
            let (number, tail) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?);
            let (unit, tail) = tail.split_at(tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len()));
            let (_, millis) = DURATION_UNITS.iter().find(|(name, _)| *name == unit)?;
            total = total.checked_add(number.parse::<i64>().ok()?.checked_mul(*millis)?)?;
            rest = tail;
        }
        (!text.is_empty()).then_some(total)
    }

    pub fn duration(self) -> std::time::Duration {
        std::time::Duration::from_millis(self.0.unsigned_abs())
    }
}

impl fmt::Display for Millis {
    /// The largest unit that divides it: `24h` is kept, `90s` stays `90s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hours_or_less = &DURATION_UNITS[..4];
        let (unit, millis) = hours_or_less.iter().rev().find(|(_, millis)| self.0 % millis == 0).unwrap_or(&("ms", 1));
        write!(f, "{}{unit}", self.0 / millis)
    }
}

/// How much memory may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
    /// Percent of the control group's limit, or of the machine's memory: 1 to 100.
    Share(u8),
    /// Bytes.
    Bytes(u64),
}

const BYTE_UNITS: [(&str, u64); 8] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
];
/// Least memory that can be configured: below that nothing runs.
const MIN_BYTES: u64 = 64 << 20;

impl Memory {
    /// `80%`, `2GiB`, `1500MB`, or bytes.
    pub fn parse(text: &str) -> Result<Memory, String> {
        let wrong =
            || format!("{text:?} is no amount of memory; write a share such as 80%, or bytes such as 2GiB (at least 64MiB)");
        if let Some(percent) = text.strip_suffix('%') {
            return percent.trim().parse().ok().filter(|share| (1..=100).contains(share)).map(Memory::Share).ok_or_else(wrong);
        }
        let unit = BYTE_UNITS.iter().find(|(name, _)| text.ends_with(name));
        let (name, factor) = unit.copied().unwrap_or(("", 1));
        let number = text.strip_suffix(name).unwrap_or(text).trim();
        let digits = number.bytes().all(|byte| byte.is_ascii_digit());
        let bytes = number.parse::<u64>().ok().filter(|_| digits).and_then(|number| number.checked_mul(factor));
        bytes.filter(|bytes| *bytes >= MIN_BYTES).map(Memory::Bytes).ok_or_else(wrong)
    }
}

impl Memory {
    /// Bytes, of so many there are; `None` for a share of nobody knows how many.
    pub fn bytes(self, available: Option<u64>) -> Option<u64> {
        match self {
            Memory::Share(percent) => available.map(|bytes| bytes / 100 * u64::from(percent)),
            Memory::Bytes(bytes) => Some(bytes),
        }
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Memory::Share(percent) => write!(f, "{percent}%"),
            Memory::Bytes(bytes) => {
                let (unit, factor) = BYTE_UNITS[..4].iter().rev().find(|(_, factor)| bytes % factor == 0).unwrap_or(&("", 1));
                write!(f, "{}{unit}", bytes / factor)
            }
        }
    }
}

/// Greatest exchange rate, in millionths.
const MAX_RATE_MICROS: i64 = 1_000_000_000_000;

/// An exchange rate in millionths, read digit by digit: greater than 0, at most 10^6, at most six decimals.
pub fn rate_micros(text: &str) -> Result<i64, String> {
    let value = decimal(text).ok_or_else(|| format!("{text:?} is no exchange rate; write a decimal number such as 1.08"))?;
    match value {
        Ok(micros @ 1..=MAX_RATE_MICROS) => Ok(micros),
        Ok(_) => Err(format!("{text} is out of range; a rate is greater than 0 and at most 1000000")),
        Err(()) => Err(format!("{text} has more than six decimals; round it to six, or report in another currency")),
    }
}

/// A decimal number in millionths; `None` if it is no number, or has more than six decimals.
pub fn micros(text: &str) -> Option<i64> {
    decimal(text)?.ok()
}

/// A decimal number in millionths; `Err` if that is not whole, clamped far above every rate; `None` if it is no number.
fn decimal(text: &str) -> Option<Result<i64, ()>> {
    let negative = text.starts_with('-');
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let exponent: i64 = exponent.parse::<i16>().ok()?.into();
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || digits.len() > 100 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let significant = digits.trim_start_matches('0').trim_end_matches('0');
    let trailing = digits.len() - digits.trim_end_matches('0').len();
    // The value is `significant` * 10^(power) millionths.
    let power = 6 + exponent - fraction.len() as i64 + trailing as i64;
    let sign = if negative { -1 } else { 1 };
    if significant.is_empty() {
        return Some(Ok(0));
    }
    if power < 0 {
        return Some(Err(()));
    }
    let magnitude = significant.parse::<i64>().ok().zip(10_i64.checked_pow(u32::try_from(power).ok()?));
    Some(Ok(magnitude.and_then(|(digits, scale)| digits.checked_mul(scale)).unwrap_or(i64::MAX) * sign))
}

/// Millionths as a decimal number without needless zeros.
pub fn rate_text(micros: i64) -> String {
    let text = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// `host:port`; `:port` is every address of the machine.
pub fn listen(text: &str) -> Result<String, String> {
    let wrong =
        || format!("{text:?} is no address to listen on; write host:port, such as 127.0.0.1:9817, or :9817 for every address");
    let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
    port.parse::<u16>().ok().filter(|_| port.bytes().all(|byte| byte.is_ascii_digit())).ok_or_else(wrong)?;
    let bracketed = host.starts_with('[') && host.ends_with(']');
    match host {
        "" => Ok(format!("[::]:{port}")),
        _ if bracketed && text.parse::<std::net::SocketAddr>().is_err() => Err(wrong()),
        _ if !bracketed && host.contains([':', '/', '[', ']', ' ', '@']) => Err(wrong()),
        _ => Ok(text.to_owned()),
    }
}

/// A base URL with scheme http or https, a host, and nothing secret; a slash at the end is dropped.
pub fn url(text: &str) -> Result<String, String> {
    let wrong = |why: &str| Err(format!("{why}; write a URL such as http://host:8081"));
    let Some(rest) = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://")) else {
        return wrong("this URL does not begin with http:// or https://");
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or("");
    if rest.contains('@') {
        return wrong("this URL holds a user or a password, which belong in keys of their own");
    }
    let port = authority.rsplit_once(':').filter(|(host, _)| !host.ends_with(':') || host.starts_with('['));
    let port_is_wrong = !authority.ends_with(']') && port.is_some_and(|(_, port)| port.parse::<u16>().is_err());
    if authority.is_empty() || authority.starts_with(':') || port_is_wrong || text.contains(char::is_whitespace) {
        return wrong("this URL has no valid host and port");
    }
    if rest.contains(['?', '#']) {
        return wrong("this URL has a query or a fragment");
    }
    Ok(text.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, millis, printed) in [
            ("24h", 86_400_000, "24h"),
            ("10s", 10_000, "10s"),
            ("1h30m", 5_400_000, "90m"),
            ("500ms", 500, "500ms"),
            ("2d", 172_800_000, "48h"),
            ("1w", 604_800_000, "168h"),
        ] {
            let parsed = Millis::parse(text).expect(text);
            assert_eq!((parsed.0, parsed.to_string().as_str()), (millis, printed), "{text}");
        }
        for text in ["", "10", "s", "-1s", "1.5h", "0s", "10 s", "1h-2m", "9999999d", "99999999999999999999s", "10S", "٣s"] {
            assert!(Millis::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn memory() {
        for (text, memory, printed) in [
            ("80%", Memory::Share(80), "80%"),
            ("2GiB", Memory::Bytes(2 << 30), "2GiB"),
            ("1500MB", Memory::Bytes(1_500_000_000), "1500000000"),
            ("536870912", Memory::Bytes(512 << 20), "512MiB"),
        ] {
            let parsed = Memory::parse(text).expect(text);
            assert_eq!((parsed, parsed.to_string().as_str()), (memory, printed), "{text}");
        }
        for text in ["", "0%", "101%", "-1%", "80.5%", "2gib", "1MiB", "GiB", "99999999999TiB", "+900000000", "1.5GiB"] {
            assert!(Memory::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn rates_are_exact() {
        for (text, micros) in [
            ("1.08", 1_080_000),
            ("0.000001", 1),
            ("1000000", MAX_RATE_MICROS),
            ("1000000.000000", MAX_RATE_MICROS),
            ("1.0800000000", 1_080_000),
            ("6.5e-05", 65),
            ("1e6", MAX_RATE_MICROS),
            (".5", 500_000),
            ("007", 7_000_000),
            ("+2", 2_000_000),
            ("0.1", 100_000),
            ("0.000003e0", 3),
        ] {
            assert_eq!(rate_micros(text), Ok(micros), "{text}");
        }
        for text in ["0", "0.0", "-1", "1000000.000001", "1e7", "1e300", "99999999999999999999"] {
            assert!(rate_micros(text).expect_err(text).contains("out of range"), "{text}");
        }
        for text in ["1.0000001", "1e-7", "0.0000005"] {
            assert!(rate_micros(text).expect_err(text).contains("six decimals"), "{text}");
        }
        for text in ["", ".", "abc", "1,08", "1_000", "0x10", "nan", ".inf", "1e", "1e99999999", "1.2.3", "--1", "1 "] {
            assert!(rate_micros(text).expect_err(text).contains("no exchange rate"), "{text}");
        }
        for (micros, text) in [(1_080_000, "1.08"), (1, "0.000001"), (10_000_000, "10"), (MAX_RATE_MICROS, "1000000")] {
            assert_eq!(rate_text(micros), text);
        }
    }

    #[test]
    fn addresses() {
        for (text, address) in [
            ("127.0.0.1:9817", "127.0.0.1:9817"),
            (":9817", "[::]:9817"),
            ("[::1]:0", "[::1]:0"),
            ("localhost:80", "localhost:80"),
        ] {
            assert_eq!(listen(text).as_deref(), Ok(address));
        }
        for text in ["", "9817", "host", "host:", "host:99999", "host:+80", "::1:80", "[x]:80", "http://host:80"] {
            assert!(listen(text).is_err(), "{text}");
        }
        for (text, kept) in
            [("http://h:8081/", "http://h:8081"), ("https://h/base", "https://h/base"), ("http://[::1]:80", "http://[::1]:80")]
        {
            assert_eq!(url(text).as_deref(), Ok(kept));
        }
        for text in ["", "h:8081", "ftp://h", "http://", "http://:80", "http://u:p@h", "http://h:x", "http://h?a=b", "http://h h"]
        {
            assert!(url(text).is_err(), "{text}");
        }
    }
}

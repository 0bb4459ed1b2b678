//! JSON as text has it: numbers stay the digits that were written, objects keep their order.
//!
//! The report's figures are to be compared exactly, so nothing here rounds: a number is read by `str::parse::<f64>`, which
//! rounds correctly, and only where two numbers are compared.

use std::iter::Peekable;
use std::str::Chars;

#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    Null,
    Number(String),
    Text(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    pub fn text(text: &str) -> Json {
        Json::Text(text.to_owned())
    }

    pub fn number(number: impl ToString) -> Json {
        Json::Number(number.to_string())
    }

    pub fn object<const N: usize>(entries: [(&str, Json); N]) -> Json {
        Json::Object(entries.map(|(name, value)| (name.to_owned(), value)).into())
    }

    pub fn get(&self, name: &str) -> Option<&Json> {
        match self {
            Json::Object(entries) => entries.iter().find(|(known, _)| known == name).map(|(_, value)| value),
            _ => None,
        }
    }

    /// An error about the first difference. Objects have the same keys, in any order; numbers are the same double.
    pub fn same(&self, other: &Json, at: &str) -> Result<(), String> {
        let different = || Err(format!("{at}:\n  twin    {self:?}\n  program {other:?}"));
        match (self, other) {
            (Json::Number(one), Json::Number(two)) if one.parse::<f64>() == two.parse::<f64>() => Ok(()),
            (Json::List(one), Json::List(two)) if one.len() == two.len() => {
                let mut pairs = one.iter().zip(two).enumerate();
                pairs.try_for_each(|(number, (one, two))| one.same(two, &format!("{at}[{number}]")))
            }
            (Json::Object(one), Json::Object(two)) => {
                let names = |entries: &[(String, Json)]| {
                    let mut names: Vec<String> = entries.iter().map(|(name, _)| name.clone()).collect();
                    names.sort();
                    names
                };
                if names(one) != names(two) {
                    return Err(format!("{at}: keys\n  twin    {:?}\n  program {:?}", names(one), names(two)));
                }
                one.iter()
                    .try_for_each(|(name, value)| value.same(other.get(name).unwrap_or(&Json::Null), &format!("{at}.{name}")))
            }
            (one, two) if one == two => Ok(()),
            _ => different(),
        }
    }
}

/// The value that a text is.
pub fn parse(text: &str) -> Result<Json, String> {
    let mut rest = text.chars().peekable();
    let value = value(&mut rest)?;
    space(&mut rest);
    rest.next().map_or(Ok(value), |more| Err(format!("{more:?} after the value")))
}

fn space(rest: &mut Peekable<Chars>) {
    while rest.next_if(|char| char.is_ascii_whitespace()).is_some() {}
}

fn expect(rest: &mut Peekable<Chars>, wanted: char) -> Result<(), String> {
    space(rest);
    let found = rest.next();
    if found == Some(wanted) { Ok(()) } else { Err(format!("{found:?} instead of {wanted:?}")) }
}

fn value(rest: &mut Peekable<Chars>) -> Result<Json, String> {
    space(rest);
    match rest.peek() {
        Some('"') => string(rest).map(Json::Text),
        Some('[') => members(rest, ('[', ']'), value).map(Json::List),
        Some('{') => members(rest, ('{', '}'), entry).map(Json::Object),
        _ => {
            let mut token = String::new();
            while let Some(char) = rest.next_if(|char| char.is_ascii_alphanumeric() || "+-.".contains(*char)) {
                token.push(char);
            }
            match token.as_str() {
                "null" => Ok(Json::Null),
                number if number.parse::<f64>().is_ok_and(f64::is_finite) => Ok(Json::Number(token)),
                _ => Err(format!("no value: {token:?}")),
            }
        }
    }
}

fn entry(rest: &mut Peekable<Chars>) -> Result<(String, Json), String> {
    space(rest);
    let name = string(rest)?;
    expect(rest, ':')?;
    Ok((name, value(rest)?))
}

fn members<T>(
    rest: &mut Peekable<Chars>,
    (open, close): (char, char),
    member: fn(&mut Peekable<Chars>) -> Result<T, String>,
) -> Result<Vec<T>, String> {
    expect(rest, open)?;
    let mut members = Vec::new();
    space(rest);
    if rest.next_if_eq(&close).is_some() {
        return Ok(members);
    }
    loop {
        members.push(member(rest)?);
        space(rest);
        if rest.next_if_eq(&close).is_some() {
            return Ok(members);
        }
        expect(rest, ',')?;
    }
}

fn string(rest: &mut Peekable<Chars>) -> Result<String, String> {
    expect(rest, '"')?;
    let mut units: Vec<u16> = Vec::new();
    loop {
        match rest.next() {
            Some('"') => return String::from_utf16(&units).map_err(|error| error.to_string()),
            Some('\\') => units.push(escape(rest)?),
            Some(char) if char >= ' ' => units.extend(char.encode_utf16(&mut [0; 2]).iter()),
            other => return Err(format!("{other:?} within a string")),
        }
    }
}

fn escape(rest: &mut Peekable<Chars>) -> Result<u16, String> {
    let char = rest.next().ok_or("an escape without an end")?;
    let plain = match char {
        'u' => {
            let digits: String = rest.take(4).collect();
            return u16::from_str_radix(&digits, 16).map_err(|error| error.to_string());
        }
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        'b' => '\u{8}',
        'f' => '\u{c}',
        '"' | '\\' | '/' => char,
        other => return Err(format!("no escape: {other:?}")),
    };
    Ok(plain as u16)
}

//! What a client may ask for, out of the parameters of a request; a sentence for whatever makes no sense.

use super::Asked;
use super::cursor::Cursor;
use crate::domain::window::{Period, Window};
use crate::engine::survey::Question;
use crate::engine::survey::listing::{Movement, Query};
use crate::engine::survey::rows::{Order, Rows};
use std::fmt::Write;

/// Rows of a page: of one that says nothing, and at most.
const ROWS: (usize, usize) = (100, 10_000);
/// First rows at most, and of every question that is asked for them: whoever asks for fewer is answered by the same look.
pub const TOP: usize = 100;
/// Periods of a history, likewise.
const PERIODS: (usize, usize) = (24, 400);

/// What a deployment shows: only that can be asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choices {
    pub windows: Vec<String>,
    pub dimensions: Vec<String>,
}

/// Names and values of a request's parameters, in order. `format` is not among them: it has been taken out.
pub type Parameters = [(String, String)];

/// What `/api/v1/customers` is asked.
///
/// # Errors
/// A sentence that says what can be asked.
pub fn customers(parameters: &Parameters, choices: &Choices) -> Result<Asked, String> {
    const KNOWN: [&str; 9] = ["window", "movement", "dimension", "segment", "order", "limit", "cursor", "likely", "top"];
    let given = Given::of(parameters, &KNOWN)?;
    let limit = given.limit(ROWS)?;
    let top = given.number("top", TOP)?;
    let question = match (given.get("likely"), given.get("window")) {
        (Some(likely), _) => Some(likely_to(likely, &given)?),
        (None, Some(window)) => Some(Question::Moved(moved(window, &given, choices)?)),
        (None, None) => None,
    };
    given.only_with(top.is_none(), &["limit", "cursor"], "top left out")?;
    match (given.get("cursor"), question, top) {
        (_, Some(question), Some(limit)) => Ok(Asked::Top { question: first(question), limit }),
        (Some(text), question, _) => {
            let wrong = || format!("The cursor {} is none: pass on next_cursor of the page before, as it is.", shown(text));
            given.only_with(question.is_some(), &["movement", "dimension", "segment", "order"], "window")?;
            Ok(Asked::Page { cursor: Cursor::parse(text).ok_or_else(wrong)?, question, limit })
        }
        (None, Some(question), None) => Ok(Asked::Listing { question, limit }),
        (None, None, _) => Err(format!(
            "Say which window: window={}; or ask for likely=expand, or for one customer at /api/v1/customers/ID.",
            one_of(choices.windows.iter().map(String::as_str))
        )),
    }
}

/// What `/api/v1/history` is asked.
///
/// # Errors
/// A sentence that says what can be asked.
pub fn history(parameters: &Parameters) -> Result<Asked, String> {
    let given = Given::of(parameters, &["every", "limit"])?;
    let limit = given.limit(PERIODS)?;
    let every = named("every", given.get("every").unwrap_or("month"), &Period::ALL)?;
    Ok(Asked::History { every, limit })
}

/// What `/api/v1/customers/ID` is asked beside the customer: nothing.
///
/// # Errors
/// A sentence, if there is a parameter.
pub fn none(parameters: &Parameters) -> Result<(), String> {
    Given::of(parameters, &[]).map(drop)
}

/// The question of which only the first rows are wanted.
fn first(question: Question) -> Question {
    match question {
        Question::Moved(query) => Question::Moved(Query { most: TOP, ..query }),
        other => other,
    }
}

fn likely_to(text: &str, given: &Given) -> Result<Question, String> {
    if text != "expand" {
        return Err(format!("There is no likely {}: use expand.", shown(text)));
    }
    given.only_with(false, &["window", "movement", "dimension", "segment"], "likely left out")?;
    Ok(Question::Likely(order(given)?))
}

fn moved(window: &str, given: &Given, choices: &Choices) -> Result<Query, String> {
    let windows = || choices.windows.iter().map(String::as_str);
    let no_window = || format!("There is no window {}: use {}.", shown(window), one_of(windows()));
    let window = Window::parse(window).filter(|_| windows().any(|known| known == window)).ok_or_else(no_window)?;
    let movement = named("movement", given.get("movement").unwrap_or("all"), &Movement::ASKED)?;
    let segment = match (given.get("dimension"), given.get("segment")) {
        (None, None) => None,
        (Some(dimension), Some(segment)) => Some((dimension.to_owned(), segment.to_owned())),
        _ => return Err("Give dimension and segment, both or neither: dimension=cohort&segment=2026-03.".to_owned()),
    };
    if let Some((dimension, _)) = &segment
        && !choices.dimensions.contains(dimension)
    {
        let known = one_of(choices.dimensions.iter().map(String::as_str));
        return Err(format!("There is no dimension {}: use {known}.", shown(dimension)));
    }
    Ok(Query { window, movement, segment, order: order(given)?, most: Rows::MOST })
}

fn order(given: &Given) -> Result<Order, String> {
    named("order", given.get("order").unwrap_or("amount"), &Order::ALL)
}

/// The parameters of a request, each once.
struct Given<'a>(&'a Parameters);

impl<'a> Given<'a> {
    fn of(parameters: &'a Parameters, known: &[&str]) -> Result<Given<'a>, String> {
        for (number, (name, _)) in parameters.iter().enumerate() {
            if !known.contains(&name.as_str()) {
                let known = known.iter().copied().chain(["format"]);
                return Err(format!("There is no parameter {}: use {}.", shown(name), one_of(known)));
            }
            if parameters[..number].iter().any(|(before, _)| before == name) {
                return Err(format!("{name} is given twice: give it once."));
            }
        }
        Ok(Given(parameters))
    }

    fn get(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn limit(&self, (usual, most): (usize, usize)) -> Result<usize, String> {
        Ok(self.number("limit", most)?.unwrap_or(usual))
    }

    /// A number of rows, if one is given.
    fn number(&self, name: &str, most: usize) -> Result<Option<usize>, String> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let number = text.parse().ok().filter(|number| (1..=most).contains(number));
        let wrong = || format!("{name}={} cannot be: write a whole number from 1 to {most}.", shown(text));
        number.map(Some).ok_or_else(wrong)
    }

    /// Refuses parameters that mean something only with another one.
    fn only_with(&self, is_there: bool, names: &[&str], other: &str) -> Result<(), String> {
        match names.iter().find(|name| !is_there && self.get(name).is_some()) {
            Some(name) => Err(format!("{name} is given without its context: give it with {other}, or leave it out.")),
            None => Ok(()),
        }
    }
}

fn named<T: Copy>(what: &str, text: &str, choices: &[(&'static str, T)]) -> Result<T, String> {
    let found = choices.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
    found.ok_or_else(|| format!("There is no {what} {}: use {}.", shown(text), one_of(choices.iter().map(|(name, _)| *name))))
}

/// `a, b or c`.
fn one_of<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    match names.split_last() {
        None => "nothing".to_owned(),
        Some((last, [])) => (*last).to_owned(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
    }
}

/// A text of the client's in a sentence: short, and harmless wherever it is shown.
pub fn shown(text: &str) -> String {
    const LONGEST: usize = 64;
    let mut out = String::from("\"");
    for letter in text.chars().take(LONGEST) {
        match letter {
            '"' | '\\' => out.extend(['\\', letter]),
            _ => crate::wire::plain::push(&mut out, letter),
        }
    }
    let _ = write!(out, "{}\"", if text.chars().nth(LONGEST).is_some() { "…" } else { "" });
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choices() -> Choices {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Choices { windows: owned(&["last_month", "trailing_90d"]), dimensions: owned(&["cohort", "plan"]) }
    }

    fn parameters(text: &str) -> Vec<(String, String)> {
        let pair = |pair: &str| pair.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
        text.split('&').filter_map(pair).collect()
    }

    fn asked(text: &str) -> Result<Asked, String> {
        customers(&parameters(text), &choices())
    }

    #[test]
    fn what_is_not_said_has_a_default() {
        let query = |movement, segment: Option<(&str, &str)>, order| {
            let segment = segment.map(|(dimension, value)| (dimension.to_owned(), value.to_owned()));
            Question::Moved(Query { window: Window::Trailing(90), movement, segment, order, most: Rows::MOST })
        };
        let (listing, cursor) = (query(Movement::All, None, Order::Amount), Cursor { listing: 7, from: 100 });
        for (text, expected) in [
            ("window=trailing_90d", Asked::Listing { question: listing.clone(), limit: 100 }),
            (
                "window=trailing_90d&movement=churn&dimension=plan&segment=&order=customer_id&limit=10000",
                Asked::Listing { question: query(Movement::Churn, Some(("plan", "")), Order::CustomerId), limit: 10_000 },
            ),
            ("likely=expand&top=10", Asked::Top { question: Question::Likely(Order::Amount), limit: 10 }),
            ("likely=expand&limit=1", Asked::Listing { question: Question::Likely(Order::Amount), limit: 1 }),
            ("cursor=0000000000000007-100", Asked::Page { cursor, question: None, limit: 100 }),
            ("cursor=0000000000000007-100&window=trailing_90d", Asked::Page { cursor, question: Some(listing), limit: 100 }),
        ] {
            assert_eq!(asked(text), Ok(expected), "{text}");
        }
        assert_eq!(history(&[]), Ok(Asked::History { every: Period::Month, limit: 24 }));
        let years = parameters("every=year&limit=3");
        assert_eq!(history(&years), Ok(Asked::History { every: Period::Year, limit: 3 }));
    }

    #[test]
    fn what_makes_no_sense_is_told_what_does() {
        for (text, says) in [
            ("", "last_month or trailing_90d"),
            ("window=trailing_30d", "use last_month or trailing_90d"),
            ("window=last_month&movement=up", "new, reactivation, expansion, contraction, churn, all, opening or closing"),
            ("window=last_month&movement=retained", "use new"),
            ("window=last_month&order=size", "amount or customer_id"),
            ("window=last_month&dimension=plan", "both or neither"),
            ("window=last_month&segment=x", "both or neither"),
            ("window=last_month&dimension=region&segment=x", "use cohort or plan"),
            ("window=last_month&limit=0", "from 1 to 10000"),
            ("window=last_month&limit=10001", "from 1 to 10000"),
            ("window=last_month&limit=-1", "from 1 to 10000"),
            ("window=last_month&limit=1e3", "from 1 to 10000"),
            ("window=last_month&window=last_month", "given twice"),
            ("windows=last_month", "There is no parameter \"windows\""),
            ("window=last_month&top=0", "from 1 to 100"),
            ("window=last_month&top=101", "from 1 to 100"),
            ("window=last_month&top=10&limit=10", "limit is given without its context"),
            ("cursor=0000000000000007-100&top=10", "cursor is given"),
            ("top=10", "window=last_month or trailing_90d"),
            ("likely=churn", "use expand"),
            ("likely=expand&window=last_month", "window is given"),
            ("cursor=7", "pass on next_cursor"),
            ("cursor=0000000000000007-100&movement=churn", "movement is given"),
        ] {
            let sentence = asked(text).expect_err(text);
            assert!(sentence.contains(says), "{text}: {sentence}");
        }
        assert!(history(&parameters("every=week")).expect_err("no such period").contains("month, quarter or year"));
        assert!(history(&parameters("window=last_month")).expect_err("no such parameter").contains("every, limit or format"));
        assert!(none(&parameters("window=last_month")).is_err() && none(&[]).is_ok());
    }

    #[test]
    fn what_a_client_wrote_is_shown_short_and_harmless() {
        assert_eq!(shown("a\"b\u{1b}[0m\u{202e}"), "\"a\\\"b\\u{1b}[0m\\u{202e}\"");
        assert_eq!(shown(&"x".repeat(100)).chars().count(), 67);
    }
}

//! Annotations: a text with places that are filled in when somebody is told.

use std::fmt;

/// What can stand in braces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The rule's name.
    Rule,
    /// The figure, as percent for a ratio.
    Value,
    /// The threshold, likewise.
    Threshold,
    Window,
    /// Empty for a rule over the total, like the segment.
    Dimension,
    Segment,
    /// The customers whose revenue moved most against the alert, largest first.
    TopMovers,
}

impl Place {
    pub const NAMES: [(&'static str, Place); 7] = [
        ("rule", Place::Rule),
        ("value", Place::Value),
        ("threshold", Place::Threshold),
        ("window", Place::Window),
        ("dimension", Place::Dimension),
        ("segment", Place::Segment),
        ("top_movers", Place::TopMovers),
    ];
}

/// A piece of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    Text(String),
    Place(Place),
}

/// A text with places in it. Prints as it was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Template {
    pub pieces: Vec<Piece>,
}

/// Braces that hold no known name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{{{0}}} is no place of a template; use {{rule}}, {{value}}, {{threshold}}, {{window}}, {{dimension}}, {{segment}} or {{top_movers}}"
)]
pub struct Unknown(String);

impl Template {
    /// Reads a text; every brace begins a place.
    ///
    /// # Errors
    /// What stands in braces is no name of a place, or a brace is not closed.
    pub fn parse(text: &str) -> Result<Template, Unknown> {
        let (mut pieces, mut rest) = (Vec::new(), text);
        while let Some((before, after)) = rest.split_once('{') {
            let (name, behind) = after.split_once('}').ok_or_else(|| Unknown(after.to_owned()))?;
            let place = Place::NAMES.iter().find(|(known, _)| *known == name).ok_or_else(|| Unknown(name.to_owned()))?;
            if !before.is_empty() {
                pieces.push(Piece::Text(before.to_owned()));
            }
            pieces.push(Piece::Place(place.1));
            rest = behind;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.to_owned()));
        }
        Ok(Template { pieces })
    }

    /// The text with its places filled in.
    pub fn fill(&self, mut with: impl FnMut(Place) -> String) -> String {
        let piece = |piece: &Piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Place(place) => with(*place),
        };
        self.pieces.iter().map(piece).collect()
    }

    /// Whether a place stands in it.
    pub fn has(&self, place: Place) -> bool {
        self.pieces.contains(&Piece::Place(place))
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |place: Place| Place::NAMES.iter().find(|(_, known)| *known == place).map_or("", |(name, _)| name);
        f.write_str(&self.fill(|place| format!("{{{}}}", name(place))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_filled_in() {
        let text = "{rule}: {value} in {window}, {dimension} {segment} ({threshold}). {top_movers}";
        let template = Template::parse(text).expect("a template");
        assert_eq!(template.to_string(), text);
        let filled = template.fill(|place| format!("{place:?}"));
        assert_eq!(filled, "Rule: Value in Window, Dimension Segment (Threshold). TopMovers");
        assert!(template.has(Place::Value) && !Template::parse("plain").expect("a text").has(Place::Value));
    }

    #[test]
    fn what_is_no_place_is_refused() {
        for text in ["{nobody}", "{}", "{value", "{{value}}"] {
            assert!(Template::parse(text).is_err(), "{text}");
        }
        assert_eq!(Template::parse("a } b").map(|template| template.to_string()), Ok("a } b".to_owned()));
    }
}

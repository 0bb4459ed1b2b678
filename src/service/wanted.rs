//! What a look at every account is made for.

use crate::domain::window::Period;
use crate::engine::survey::Question;

/// What is wanted, and how much of it: rows, or periods.
#[derive(Clone, Debug)]
pub enum Wanted {
    /// The first page of a listing of now.
    Listing {
        question: Question,
        limit: usize,
    },
    /// The first rows of one that may have been made for somebody else.
    Top {
        question: Question,
        limit: usize,
    },
    History {
        every: Period,
        limit: usize,
    },
}

impl Wanted {
    pub fn question(&self) -> Question {
        match self {
            Wanted::Listing { question, .. } | Wanted::Top { question, .. } => question.clone(),
            Wanted::History { every, limit } => Question::Closed { every: *every, most: *limit },
        }
    }

    pub fn limit(&self) -> usize {
        match self {
            Wanted::Listing { limit, .. } | Wanted::Top { limit, .. } | Wanted::History { limit, .. } => *limit,
        }
    }

    /// Whether others may use it. It is made to its end then: given up and begun again, it would cost more than once.
    pub fn is_shared(&self) -> bool {
        !matches!(self, Wanted::Listing { .. })
    }

    /// Whether what is made for `other` answers this as well.
    pub fn is_answered_by(&self, other: &Wanted) -> bool {
        match (self, other) {
            (Wanted::Listing { question, .. }, Wanted::Listing { question: made, .. })
            | (Wanted::Top { question, .. }, Wanted::Top { question: made, .. }) => question == made,
            (Wanted::History { every, limit }, Wanted::History { every: made, limit: most }) => every == made && limit <= most,
            _ => false,
        }
    }
}

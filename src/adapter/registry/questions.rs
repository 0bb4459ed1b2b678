//! The questions of a registry that nobody attends, answered by hand: for simulations.
//!
//! Answers are read as the HTTP client reads them, so what is believed and what is an outage is decided in one place. References to
//! other schemas are not followed.

use std::sync::Arc;
use std::time::Duration;

use super::answer::{self, Answer, Lack};
use super::book::Job;
use super::{Office, Schema};

/// See the head of the file.
#[derive(Debug)]
pub struct Questions(Arc<Office>);

impl Questions {
    pub(super) fn new(office: Arc<Office>) -> Questions {
        Questions(office)
    }

    /// The id that is to be asked for now, else how long none is. An id counts as asked for until it is answered. The directory,
    /// if its turn comes, is read here.
    pub fn next(&self) -> Result<u32, Duration> {
        loop {
            let now = self.0.now();
            let job = self.0.book().next(now);
            match job? {
                Job::Ask(id) => return Ok(id),
                Job::Scan(path) => self.0.scanned(&path),
            }
        }
    }

    /// The registry answers with this status and body.
    pub fn answer(&self, id: u32, status: u16, body: &[u8]) {
        let answer = match answer::read(id, status, None, body) {
            Ok(entry) if entry.references.is_empty() => Answer::Schema(Schema::new(&entry.text, Vec::new())),
            Ok(_) => Answer::Outage("the schema refers to others, which cannot be asked for here".to_owned()),
            Err(Lack::Missing) => Answer::Missing,
            Err(Lack::Outage(fault)) => Answer::Outage(fault),
        };
        self.0.answered(id, answer, 1.0);
    }

    /// The registry cannot be reached.
    pub fn no_answer(&self, id: u32) {
        self.0.answered(id, Answer::Outage("no answer (connection refused)".to_owned()), 1.0);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Instant;

    use super::super::{Lookup, Registry, Settings};
    use super::*;

    const SCHEMA: &[u8] = br#"{"schema":"\"long\""}"#;
    const DENIED: &[u8] = br#"{"error_code":40403,"message":"Schema 7 not found"}"#;

    /// A registry, its questions, and the hand of its clock.
    fn registry() -> (Registry, Questions, Arc<Mutex<Instant>>) {
        let hand = Arc::new(Mutex::new(Instant::now()));
        let clock = Arc::clone(&hand);
        let settings = Settings { url: Some("http://r".to_owned()), ..Settings::default() };
        let (registry, questions) = Registry::unattended(&settings, move || *clock.lock().unwrap());
        (registry, questions, hand)
    }

    #[test]
    fn a_question_waits_until_it_is_answered() {
        let (registry, questions, _) = registry();
        assert!(questions.next().is_err(), "nothing is asked");
        assert!(matches!(registry.by_id(7), Lookup::Pending(_)));
        assert_eq!(questions.next(), Ok(7));
        assert!(questions.next().is_err(), "it is under way");
        assert!(matches!(registry.by_id(7), Lookup::Pending(_)));
        questions.answer(7, 200, SCHEMA);
        assert!(matches!(registry.by_id(7), Lookup::Schema(_)));
        assert_eq!(registry.status(), None);
    }

    #[test]
    fn outages_and_denials_take_their_simulated_time() {
        let (registry, questions, hand) = registry();
        assert!(matches!(registry.by_id(7), Lookup::Pending(_)));
        let faults: [&dyn Fn(); 4] =
            [&|| questions.no_answer(7), &|| questions.answer(7, 500, b""), &|| questions.answer(7, 200, b"<html>"), &|| {
                questions.answer(7, 404, b"<html>")
            }];
        for fault in faults {
            assert_eq!(questions.next(), Ok(7));
            fault();
            assert!(matches!(registry.by_id(7), Lookup::Pending(_)));
            let pause = questions.next().unwrap_err();
            *hand.lock().unwrap() += pause;
        }
        let start = *hand.lock().unwrap();
        while let Lookup::Pending(_) = registry.by_id(7) {
            match questions.next() {
                Ok(id) => questions.answer(id, 404, DENIED),
                Err(pause) => *hand.lock().unwrap() += pause,
            }
        }
        assert!(matches!(registry.by_id(7), Lookup::Unknown(_)));
        assert_eq!(*hand.lock().unwrap() - start, Duration::from_secs(60));
    }
}

//! What is known, what is asked and when to ask again. Plain state: time and answers come as values, no thread, no network.
//!
//! An id is asked about by one thread at a time, however many look it up. The registry's "no such schema" is believed once it was
//! given twice, at least a minute apart, and only for a few seconds; then the next record asks again, because somebody may have
//! registered the id meanwhile. One fresh answer is enough then, the minute having long passed.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::answer::Answer;
use super::directory::Scan;
use super::{Lookup, Schema};

/// How long "no such schema" counts after it was said, and how old a scan of the directory may be to say so. Long enough for a
/// record that waits to look again in time, which workers do many times a second.
const FRESH: Duration = Duration::from_secs(5);
/// Pauses after outages: the first, doubled each time, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// While "no such schema" is not yet believed, it is asked again this many times.
const ASKED_AGAIN: u32 = 12;
/// Ids without a schema that are remembered; beyond that the oldest answers go.
const MAX_MISSING: usize = 10_000;
/// Ids named in a sentence about several.
const NAMED: usize = 5;

/// Something for a thread to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Job {
    Ask(u32),
    Scan(PathBuf),
}

/// An id that is being asked about.
#[derive(Debug)]
struct Question {
    since: Instant,
    due: Instant,
    under_way: bool,
    outages: u32,
    /// When the registry first said that there is no such schema.
    denied: Option<Instant>,
    fault: Option<String>,
}

#[derive(Debug)]
enum Id {
    Known(Schema),
    Asked(Question),
    Missing { denied: Instant, confirmed: Instant },
}

/// The directory's side.
#[derive(Debug, Default)]
struct Shelf {
    path: Option<PathBuf>,
    schemas: HashMap<u64, Schema>,
    scanned: Option<Instant>,
    wanted: bool,
    under_way: bool,
    retry: Option<Instant>,
    fault: Option<String>,
    told: HashSet<String>,
}

/// See the head of the file.
#[derive(Debug)]
pub struct Book {
    url: Option<String>,
    ids: HashMap<u32, Id>,
    shelf: Shelf,
    grace: Duration,
    fresh: Duration,
    closed: bool,
}

impl Book {
    /// A book in which nothing is known. `url` is shown, `grace` is how long a denial must hold.
    pub fn new(url: Option<String>, directory: Option<PathBuf>, grace: Duration) -> Book {
        let shelf = Shelf { path: directory, ..Shelf::default() };
        Book { url, ids: HashMap::new(), shelf, grace, fresh: FRESH.min(grace), closed: false }
    }

    pub fn directory(&self) -> Option<&Path> {
        self.shelf.path.as_deref()
    }

    pub fn close(&mut self) {
        self.closed = true;
    }

    pub fn is_closed(&self) -> bool {
        self.closed
    }

    pub fn by_id(&mut self, id: u32, now: Instant) -> Lookup {
        let Some(url) = &self.url else {
            return Lookup::Pending(format!("Schema {id} is not known: set schema_registry.url, there is none."));
        };
        let question = |denied| Question { since: now, due: now, under_way: false, outages: 0, denied, fault: None };
        let state = self.ids.entry(id).or_insert_with(|| Id::Asked(question(None)));
        if let Id::Missing { denied, confirmed } = *state
            && now.saturating_duration_since(confirmed) > self.fresh
        {
            *state = Id::Asked(question(Some(denied)));
        }
        match state {
            Id::Known(schema) => Lookup::Schema(schema.clone()),
            Id::Asked(question) => Lookup::Pending(question.sentence(id, url, now)),
            Id::Missing { .. } => Lookup::Unknown(format!("the schema registry at {url} has no schema {id}")),
        }
    }

    pub fn by_fingerprint(&mut self, fingerprint: u64, now: Instant) -> Lookup {
        let shelf = &mut self.shelf;
        if let Some(schema) = shelf.schemas.get(&fingerprint) {
            return Lookup::Schema(schema.clone());
        }
        let Some(path) = &shelf.path else {
            return Lookup::Unknown(format!(
                "the writer's schema has the fingerprint {fingerprint:016x}, and there is no schema_registry.directory to find it in"
            ));
        };
        let path = path.display();
        if shelf.scanned.is_some_and(|scanned| now.saturating_duration_since(scanned) <= self.fresh) {
            return Lookup::Unknown(format!("no schema in {path} has the fingerprint {fingerprint:016x}"));
        }
        shelf.wanted = true;
        Lookup::Pending(match &shelf.fault {
            Some(fault) => format!("Schema {fingerprint:016x} is not known: {fault}."),
            None => format!("Schema {fingerprint:016x} is looked for in {path}."),
        })
    }

    /// What is due now, else how long nothing is.
    pub fn next(&mut self, now: Instant) -> Result<Job, Duration> {
        if let Some(path) = self.shelf.due(now) {
            return Ok(Job::Scan(path));
        }
        let idle = self.ids.iter_mut().filter_map(|(id, state)| match state {
            Id::Asked(question) if !question.under_way => Some((question.due, *id, question)),
            _ => None,
        });
        match idle.min_by_key(|(due, id, _)| (*due, *id)) {
            Some((due, id, question)) if due <= now => {
                question.under_way = true;
                Ok(Job::Ask(id))
            }
            Some((due, ..)) => Err((due - now).min(LONGEST_PAUSE)),
            None => Err(LONGEST_PAUSE),
        }
    }

    /// Takes an answer in. `spread` (0.5 to 1) shortens the pause after an outage.
    pub fn answered(&mut self, id: u32, answer: Answer, now: Instant, spread: f64) {
        let Some(Id::Asked(question)) = self.ids.get_mut(&id) else { return };
        question.under_way = false;
        let next = match answer {
            Answer::Schema(schema) => Some(Id::Known(schema)),
            Answer::Missing => question.denied_at(now, self.grace).map(|denied| Id::Missing { denied, confirmed: now }),
            Answer::Outage(fault) => {
                question.failed(fault, now, spread);
                if question.outages == 1 {
                    tracing::warn!("{}", question.sentence(id, self.url.as_deref().unwrap_or_default(), now));
                }
                None
            }
        };
        if let Some(state) = next {
            self.ids.insert(id, state);
            self.forget_old();
        }
    }

    /// A producer that writes garbage makes an endless supply of ids.
    fn forget_old(&mut self) {
        let missing = |state: &Id| if let Id::Missing { confirmed, .. } = state { Some(*confirmed) } else { None };
        let mut times: Vec<Instant> = self.ids.values().filter_map(missing).collect();
        if times.len() > MAX_MISSING {
            let middle = times.len() / 2;
            let (_, median, _) = times.select_nth_unstable(middle);
            let median = *median;
            self.ids.retain(|_, state| missing(state).is_none_or(|confirmed| confirmed >= median));
        }
    }

    /// Takes a scan of the directory in.
    pub fn scanned(&mut self, scan: Result<Scan, String>, now: Instant) {
        let shelf = &mut self.shelf;
        shelf.under_way = false;
        match scan {
            Ok(scan) => {
                shelf.schemas.extend(scan.schemas);
                (shelf.scanned, shelf.retry, shelf.fault) = (Some(now), None, None);
                for fault in scan.faults {
                    if shelf.told.insert(fault.clone()) {
                        tracing::warn!("{fault}; mend or remove the file");
                    }
                }
            }
            Err(fault) => {
                if shelf.fault.is_none() {
                    tracing::warn!("{fault}; records of schemas not known yet wait");
                }
                (shelf.scanned, shelf.retry, shelf.fault) = (None, Some(now + self.fresh), Some(fault));
                shelf.wanted = true;
            }
        }
    }

    /// One sentence about everything that is waited for.
    pub fn status(&self, now: Instant) -> Option<String> {
        let mut waiting: Vec<(&u32, &Question)> = self
            .ids
            .iter()
            .filter_map(|(id, state)| if let Id::Asked(question) = state { Some((id, question)) } else { None })
            .collect();
        waiting.sort_by_key(|(id, question)| (question.since, **id));
        let url = self.url.as_deref().unwrap_or_default();
        let directory = self.shelf.fault.as_ref().map(|fault| format!("{fault}."));
        let Some((id, oldest)) = waiting.first() else { return directory };
        let sentence = oldest.sentence(**id, url, now);
        let others: Vec<String> = waiting.iter().skip(1).take(NAMED).map(|(id, _)| id.to_string()).collect();
        let more = if waiting.len() > NAMED + 1 { ", ..." } else { "" };
        let others = if others.is_empty() { String::new() } else { format!(" So do {}{more}.", others.join(", ")) };
        Some([Some(sentence + &others), directory].into_iter().flatten().collect::<Vec<_>>().join(" "))
    }
}

impl Question {
    /// Notes a denial; the time of the first one if it is to be believed now.
    fn denied_at(&mut self, now: Instant, grace: Duration) -> Option<Instant> {
        let denied = *self.denied.get_or_insert(now);
        (self.outages, self.fault) = (0, None);
        let believed_from = denied + grace;
        if now >= believed_from && denied < now {
            return Some(denied);
        }
        self.due = (now + grace / ASKED_AGAIN).min(believed_from).max(now + Duration::from_millis(1));
        None
    }

    fn failed(&mut self, fault: String, now: Instant, spread: f64) {
        let pause = FIRST_PAUSE.saturating_mul(1 << self.outages.min(16)).min(LONGEST_PAUSE);
        self.due = now + pause.mul_f64(spread.clamp(0.5, 1.0));
        self.outages = self.outages.saturating_add(1);
        self.fault = Some(fault);
    }

    fn sentence(&self, id: u32, url: &str, now: Instant) -> String {
        let waited = now.saturating_duration_since(self.since).as_secs();
        match (&self.fault, self.denied) {
            (Some(fault), _) => {
                format!("Schema {id} is waited for since {waited} s; the schema registry at {url} does not give it: {fault}.")
            }
            (None, Some(_)) => {
                format!(
                    "The schema registry at {url} says that it has no schema {id}; it is asked again before that is believed."
                )
            }
            (None, None) => format!("Schema {id} is asked for at the schema registry at {url}."),
        }
    }
}

impl Shelf {
    /// The directory, if it is to be read now.
    fn due(&mut self, now: Instant) -> Option<PathBuf> {
        let due = self.wanted && !self.under_way && self.retry.is_none_or(|retry| retry <= now);
        if !due {
            return None;
        }
        (self.wanted, self.under_way) = (false, true);
        self.path.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRACE: Duration = Duration::from_secs(60);

    fn book() -> (Book, Instant) {
        (Book::new(Some("http://r".to_owned()), Some(PathBuf::from("/schemas")), GRACE), Instant::now())
    }

    fn schema() -> Schema {
        Schema::new("\"long\"", Vec::new())
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn pending(lookup: &Lookup) -> &str {
        if let Lookup::Pending(sentence) = lookup { sentence } else { panic!("{lookup:?}") }
    }

    #[test]
    fn an_id_is_asked_once_and_then_known_for_good() {
        let (mut book, now) = book();
        assert!(pending(&book.by_id(7, now)).contains("is asked for"));
        assert_eq!(book.next(now), Ok(Job::Ask(7)));
        assert!(matches!(book.by_id(7, now), Lookup::Pending(_)));
        assert_eq!(book.next(now), Err(LONGEST_PAUSE), "it is under way");
        book.answered(7, Answer::Schema(schema()), now, 1.0);
        assert_eq!(book.by_id(7, now + seconds(1 << 30)), Lookup::Schema(schema()));
        assert_eq!((book.next(now), book.status(now)), (Err(LONGEST_PAUSE), None));
    }

    #[test]
    fn an_outage_is_waited_out_with_growing_pauses() {
        let (mut book, mut now) = book();
        _ = book.by_id(7, now);
        let mut pauses = Vec::new();
        for _ in 0..8 {
            assert_eq!(book.next(now), Ok(Job::Ask(7)));
            book.answered(7, Answer::Outage("away".to_owned()), now, 1.0);
            let pause = book.next(now).unwrap_err();
            pauses.push(pause.as_millis());
            now += pause;
        }
        assert_eq!(pauses, [250, 500, 1000, 2000, 4000, 8000, 10_000, 10_000]);
        assert!(pending(&book.by_id(7, now)).contains("does not give it: away"));
        assert!(book.status(now).unwrap().contains("since 35 s"), "{:?}", book.status(now));
        _ = book.next(now);
        book.answered(7, Answer::Outage("away".to_owned()), now, 0.5);
        assert_eq!(book.next(now), Err(seconds(5)), "the pause is spread");
    }

    #[test]
    fn a_denial_is_believed_after_a_minute_and_only_while_fresh() {
        let (mut book, start) = book();
        let mut now = start;
        _ = book.by_id(7, now);
        let mut asked = 0;
        loop {
            assert_eq!(book.next(now), Ok(Job::Ask(7)));
            book.answered(7, Answer::Missing, now, 1.0);
            asked += 1;
            match book.by_id(7, now) {
                Lookup::Unknown(_) => break,
                lookup => assert!(pending(&lookup).contains("asked again before that is believed")),
            }
            now += book.next(now).unwrap_err();
        }
        assert_eq!(now - start, GRACE);
        assert_eq!(asked, 13);

        now += seconds(100);
        assert!(pending(&book.by_id(7, now)).contains("says that it has no schema 7"));
        assert_eq!(book.next(now), Ok(Job::Ask(7)));
        book.answered(7, Answer::Missing, now, 1.0);
        assert!(matches!(book.by_id(7, now), Lookup::Unknown(_)), "it has been denied for long");

        now += seconds(100);
        assert!(matches!(book.by_id(7, now), Lookup::Pending(_)));
        assert_eq!(book.next(now), Ok(Job::Ask(7)));
        book.answered(7, Answer::Schema(schema()), now, 1.0);
        assert_eq!(book.by_id(7, now), Lookup::Schema(schema()), "registered meanwhile");
    }

    #[test]
    fn a_denial_survives_an_outage_and_an_outage_is_never_a_denial() {
        let (mut book, start) = book();
        _ = book.by_id(7, start);
        assert_eq!(book.next(start), Ok(Job::Ask(7)));
        book.answered(7, Answer::Missing, start, 1.0);
        let later = start + seconds(61);
        assert_eq!(book.next(later), Ok(Job::Ask(7)));
        book.answered(7, Answer::Outage("away".to_owned()), later, 1.0);
        assert!(matches!(book.by_id(7, later), Lookup::Pending(_)));
        assert_eq!(book.next(later + seconds(1)), Ok(Job::Ask(7)));
        book.answered(7, Answer::Missing, later + seconds(1), 1.0);
        assert!(matches!(book.by_id(7, later + seconds(1)), Lookup::Unknown(_)));
    }

    #[test]
    fn several_ids_are_told_of_in_one_sentence() {
        let (mut book, now) = book();
        (1..=9).for_each(|id| _ = book.by_id(id, now));
        let status = book.status(now).unwrap();
        assert_eq!(status, "Schema 1 is asked for at the schema registry at http://r. So do 2, 3, 4, 5, 6, ...".to_owned() + ".");
    }

    #[test]
    fn without_a_registry_records_wait() {
        let mut book = Book::new(None, None, GRACE);
        assert!(pending(&book.by_id(7, Instant::now())).contains("set schema_registry.url"));
        assert!(matches!(book.by_fingerprint(7, Instant::now()), Lookup::Unknown(_)));
        assert_eq!(book.next(Instant::now()), Err(LONGEST_PAUSE));
    }

    #[test]
    fn the_directory_is_read_on_a_miss_but_not_for_each() {
        let (mut book, now) = book();
        let scan = || Ok(Scan { schemas: HashMap::from([(1, schema())]), faults: vec!["x.avsc is broken".to_owned()] });
        assert!(matches!(book.by_fingerprint(1, now), Lookup::Pending(_)));
        assert_eq!(book.next(now), Ok(Job::Scan(PathBuf::from("/schemas"))));
        assert!(book.next(now).is_err(), "one scan at a time");
        book.scanned(scan(), now);
        assert_eq!(book.by_fingerprint(1, now), Lookup::Schema(schema()));
        assert!(matches!(book.by_fingerprint(2, now), Lookup::Unknown(_)));
        assert!(book.next(now).is_err());
        let later = now + FRESH + seconds(1);
        assert!(matches!(book.by_fingerprint(2, later), Lookup::Pending(_)));
        assert!(book.next(later).is_ok());
    }

    #[test]
    fn a_directory_that_cannot_be_read_is_waited_for() {
        let (mut book, now) = book();
        _ = book.by_fingerprint(1, now);
        assert!(book.next(now).is_ok());
        book.scanned(Err("/schemas cannot be read".to_owned()), now);
        assert!(pending(&book.by_fingerprint(1, now)).contains("cannot be read"));
        assert_eq!(book.status(now).as_deref(), Some("/schemas cannot be read."));
        assert!(book.next(now).is_err(), "not at once");
        assert!(book.next(now + FRESH).is_ok());
        book.scanned(Ok(Scan::default()), now + FRESH);
        assert!(matches!(book.by_fingerprint(1, now + FRESH), Lookup::Unknown(_)));
    }

    #[test]
    fn ids_nobody_has_are_forgotten_in_the_end() {
        let (mut book, mut now) = book();
        for id in 0..=MAX_MISSING as u32 {
            now += Duration::from_millis(1);
            book.ids.insert(id, Id::Missing { denied: now, confirmed: now });
        }
        _ = book.by_id(u32::MAX, now);
        assert_eq!(book.next(now), Ok(Job::Ask(u32::MAX)));
        book.answered(u32::MAX, Answer::Schema(schema()), now, 1.0);
        assert!(book.ids.len() <= MAX_MISSING / 2 + 3, "{}", book.ids.len());
        assert!(matches!(book.by_id(MAX_MISSING as u32, now), Lookup::Unknown(_)), "the newest stay");
    }
}

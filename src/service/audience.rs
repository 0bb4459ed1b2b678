//! Who waits for the answer of one survey.
//!
//! A look at many millions of accounts takes longer than browsers and proxies wait, and than the server lets an answer take. So whoever
//! has waited for a while is told to ask again, and the survey goes on: who asks the same joins it, and what it came to is there for a
//! while when it is done ([`Overdue`](super::overdue::Overdue)).

use crate::wire::customers::{Answer, Reason, Refusal};
use std::time::{Duration, Instant as Moment};
use tokio::sync::oneshot;

/// How long whoever asks waits for one answer. With the wait for a turn, less than [`REQUEST_TIME`](crate::adapter::http::REQUEST_TIME) and the
/// half a minute that clients are wont to wait.
pub const PATIENCE: Duration = Duration::from_secs(20);
/// How long a survey is held for those who were told to ask again, when others want the workers.
pub const HELD: Duration = Duration::from_secs(60);

const SLOW: &str = "This takes longer, because every account is looked at: it goes on, so ask the same again to have the answer.";

/// Where an answer is waited for.
pub type Answering = oneshot::Sender<Result<Answer, Refusal>>;

/// Those who wait, each with the rows wanted, and how long yet.
pub struct Audience {
    waiting: Vec<(Moment, usize, Answering)>,
    /// Until when those are expected back who were told to ask again.
    held: Option<Moment>,
}

impl Audience {
    pub fn new(limit: usize, answering: Answering, now: Moment) -> Audience {
        Audience { waiting: vec![(now + PATIENCE, limit, answering)], held: None }
    }

    /// Waits too.
    pub fn join(&mut self, limit: usize, answering: Answering, now: Moment) {
        self.waiting.push((now + PATIENCE, limit, answering));
    }

    /// Whether somebody was told to ask again.
    pub fn is_slow(&self) -> bool {
        self.held.is_some()
    }

    /// Forgets who has hung up, and tells those to ask again who have waited long enough.
    pub fn tidy(&mut self, now: Moment) {
        for (until, _, answering) in self.waiting.extract_if(.., |(until, _, answering)| *until <= now || answering.is_closed()) {
            if until <= now {
                self.held = Some(now + HELD);
                give(answering, Err(Refusal::new(Reason::Unavailable, SLOW)));
            }
        }
    }

    /// Whether the answer is for nobody: all have hung up, or nobody came back while `others` want to ask.
    pub fn is_gone(&self, others: bool, now: Moment) -> bool {
        self.waiting.is_empty() && self.held.is_none_or(|until| others && until <= now)
    }

    /// Answers all who wait, each by the rows wanted.
    pub fn each(self, mut answer: impl FnMut(usize) -> Answer) {
        self.waiting.into_iter().for_each(|(_, limit, answering)| give(answering, Ok(answer(limit))));
    }

    /// Refuses all who wait.
    pub fn refuse(self, refusal: &Refusal) {
        self.waiting.into_iter().for_each(|(.., answering)| give(answering, Err(refusal.clone())));
    }
}

/// Whoever asked may have gone.
pub fn give(answering: Answering, answer: Result<Answer, Refusal>) {
    let _ = answering.send(answer);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapter::http::REQUEST_TIME;

    fn asker() -> (Answering, oneshot::Receiver<Result<Answer, Refusal>>) {
        oneshot::channel()
    }

    #[test]
    fn whoever_waits_too_long_is_told_before_the_server_gives_up() {
        assert!(PATIENCE < REQUEST_TIME / 2);
        let (start, (first, mut told), (second, mut waits)) = (Moment::now(), asker(), asker());
        let mut audience = Audience::new(1, first, start);
        audience.join(2, second, start + PATIENCE / 2);
        audience.tidy(start + PATIENCE);
        let Ok(Err(refusal)) = told.try_recv() else { panic!("the first is not told") };
        assert!(refusal.reason == Reason::Unavailable && refusal.sentence.contains("ask the same again"), "{refusal:?}");
        assert!(waits.try_recv().is_err() && audience.is_slow());
        audience.refuse(&Refusal::new(Reason::Busy, "x"));
        assert!(matches!(waits.try_recv(), Ok(Err(refusal)) if refusal.reason == Reason::Busy));
    }

    #[test]
    fn it_is_held_for_who_comes_back_and_not_for_who_hung_up() {
        let (start, (first, told)) = (Moment::now(), asker());
        let mut audience = Audience::new(1, first, start);
        assert!(!audience.is_gone(true, start));
        audience.tidy(start + PATIENCE);
        drop(told);
        let end = start + PATIENCE + HELD;
        assert!(!audience.is_gone(true, start + PATIENCE) && audience.is_gone(true, end));
        assert!(!audience.is_gone(false, end), "it is in nobody's way");
        let (gone, hung_up) = asker();
        let mut audience = Audience::new(1, gone, start);
        drop(hung_up);
        audience.tidy(start);
        assert!(audience.is_gone(false, start) && !audience.is_slow());
    }
}

//! A post office that nobody attends: letters lie in a bag until somebody says what became of them.
//!
//! For simulations, where everything happens in one thread and in an order that can be repeated. Bookkeeping and events are those of
//! the courier.

use crossbeam_channel::Receiver;

use super::Refusal;
use super::clerk::Clerk;
use super::dead_letter::DeadLetter;
use super::parcel::Parcel;

/// Letters that were sent, in the order of sending. Keep it as long as the [`Letters`](super::Letters) it belongs to. Letters that are
/// left lying are what an outage of the dead-letter topic is.
pub struct Postbag {
    inbox: Receiver<Parcel>,
    lying: Vec<Parcel>,
    clerk: Clerk,
}

impl Postbag {
    pub(super) fn new(inbox: Receiver<Parcel>, clerk: Clerk) -> Postbag {
        Postbag { inbox, lying: Vec::new(), clerk }
    }

    /// The letters that lie here.
    pub fn letters(&mut self) -> Vec<DeadLetter> {
        self.collect();
        self.lying.iter().filter_map(Parcel::read).collect()
    }

    /// The broker has the n-th of them, counted from 0: the letter as it is in the topic then. `None` if there are not so many.
    pub fn deliver(&mut self, n: usize) -> Option<DeadLetter> {
        let parcel = self.take(n)?;
        let letter = parcel.read();
        self.clerk.delivered(*parcel.ticket);
        letter
    }

    /// The broker will never take the n-th of them, counted from 0. `None` if there are not so many.
    pub fn refuse(&mut self, n: usize, refusal: Refusal) -> Option<DeadLetter> {
        let parcel = self.take(n)?;
        let letter = parcel.read();
        self.clerk.refused(*parcel.ticket, refusal);
        letter
    }

    /// So many letters may lie here at most from now on, instead of the usual number.
    pub fn set_room(&mut self, room: Option<usize>) {
        self.clerk.desk.ledger().room = room;
    }

    fn collect(&mut self) {
        self.lying.extend(self.inbox.try_iter());
    }

    fn take(&mut self, n: usize) -> Option<Parcel> {
        self.collect();
        (n < self.lying.len()).then(|| self.lying.remove(n))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, mpsc};

    use rdkafka::message::{BorrowedHeaders, OwnedHeaders};

    use super::super::{Letter, LetterEvent, Letters, ORIGIN_HEADER, Origin, Post};
    use super::*;
    use crate::adapter::kafka::describe;
    use crate::domain::facts::Reason;

    fn letter<'a>(topic: &'a Arc<str>, offset: i64, headers: Option<&'a BorrowedHeaders>) -> Letter<'a> {
        let (key, value) = (Some(&b"customer"[..]), Some(&b"\0\xFF"[..]));
        let (topic_id, reason, detail, schema_id) = (Some("ID"), Reason::Decode, "cut short", Some("7"));
        let timestamp = Some(1_600_000_000_123);
        Letter { topic, topic_id, partition: 2, offset, reason, detail, schema_id, key, value, headers, timestamp, origin: None }
    }

    fn refusal() -> Refusal {
        Refusal { label: "dead_letter_too_large", text: "too large".to_owned() }
    }

    #[test]
    fn letters_lie_until_somebody_says_what_became_of_them() {
        let (events, heard) = mpsc::channel();
        let (letters, mut bag) = Letters::unattended(move |event| _ = events.send(event));
        let topic: Arc<str> = Arc::from("u");
        for offset in [5, 6, 7] {
            assert_eq!(letters.send(&letter(&topic, offset, None)), Post::Taken);
        }
        assert_eq!((letters.outstanding(), letters.lowest_unacknowledged("u", 2)), (3, Some(5)));
        assert_eq!(bag.letters().iter().map(|letter| letter.origin.offset).collect::<Vec<_>>(), [5, 6, 7]);
        assert_eq!(heard.try_iter().count(), 0);

        assert_eq!(bag.deliver(1).map(|letter| letter.origin.offset), Some(6));
        assert_eq!(bag.refuse(1, refusal()).map(|letter| letter.origin.offset), Some(7));
        let (delivered, refused) = (heard.try_recv().unwrap(), heard.try_recv().unwrap());
        let reason = Reason::Decode;
        assert_eq!(delivered, LetterEvent::Delivered { topic: Arc::clone(&topic), partition: 2, offset: 6, reason });
        assert_eq!(refused, LetterEvent::Refused { topic: Arc::clone(&topic), partition: 2, offset: 7, refusal: refusal() });
        assert_eq!((letters.outstanding(), letters.lowest_unacknowledged("u", 2)), (1, Some(5)));
        assert!(bag.deliver(0).is_some());
        assert_eq!((letters.outstanding(), letters.lowest_unacknowledged("u", 2)), (0, Some(7)));
        assert_eq!(bag.deliver(0), None);
    }

    #[test]
    fn a_letter_shows_the_record_as_it_was() {
        let (letters, mut bag) = Letters::unattended(|_| {});
        let topic: Arc<str> = Arc::from("u");
        // The record brings headers of our names, and a name that is not UTF-8.
        let own: [(&[u8], Option<&[u8]>); 3] =
            [(b"upswell.reason", Some(b"forged")), (b"upswell.source.offset", Some(b"1")), (b"\xFF", None)];
        let list = describe::owned_headers(own);
        assert_eq!(letters.send(&letter(&topic, 5, Some(list.as_borrowed()))), Post::Taken);
        let found = bag.deliver(0).unwrap();
        assert_eq!(found.origin, Origin { topic: "u".to_owned(), topic_id: Some("ID".to_owned()), partition: 2, offset: 5 });
        assert_eq!(
            (found.reason.as_str(), found.detail.as_str(), found.schema_id.as_deref()),
            ("decode", "cut short", Some("7"))
        );
        assert_eq!((found.key.as_deref(), found.value.as_deref()), (Some(&b"customer"[..]), Some(&b"\0\xFF"[..])));
        assert_eq!((found.timestamp, found.left_out), (Some(1_600_000_000_123), None));
        let kept: Vec<_> = found.headers.iter().map(|(name, value)| (name.as_slice(), value.as_deref())).collect();
        assert_eq!(kept, own);
    }

    #[test]
    fn a_retry_that_is_rejected_is_the_letter_of_its_origin_again_and_holds_its_own_position() {
        let (letters, mut bag) = Letters::unattended(|_| {});
        let (billing, retries): (Arc<str>, Arc<str>) = (Arc::from("u"), Arc::from("r"));
        // The record itself brought a header of that name; the replay put another behind it.
        let own: [(&[u8], Option<&[u8]>); 3] =
            [(ORIGIN_HEADER.as_bytes(), Some(b"x")), (b"\xFF", Some(b"1")), (ORIGIN_HEADER.as_bytes(), Some(b"u/ID/2/5"))];
        let first: OwnedHeaders = describe::owned_headers(own[..2].iter().copied());
        let again: OwnedHeaders = describe::owned_headers(own);
        assert_eq!(letters.send(&letter(&billing, 5, Some(first.as_borrowed()))), Post::Taken);
        let first = bag.deliver(0).unwrap();
        let origin = Origin::of(Some(again.as_borrowed())).unwrap();
        let retry = Letter { origin: Some(&origin), topic_id: Some("R"), ..letter(&retries, 99, Some(again.as_borrowed())) };
        assert_eq!(letters.send(&retry), Post::Taken);
        assert_eq!((letters.lowest_unacknowledged("r", 2), letters.lowest_unacknowledged("u", 2)), (Some(99), None));
        assert_eq!(bag.deliver(0), Some(first));
        assert_eq!(letters.lowest_unacknowledged("r", 2), None);
    }
}

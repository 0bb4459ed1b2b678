//! Books what became of letters, and tells whoever asked to be told.
//!
//! Telling comes first and booking afterwards, so that whoever sees nothing under way has also been told of everything.

use std::sync::Arc;
use std::time::Instant;

use super::ledger::Ledger;
use super::parcel::Ticket;
use super::{Desk, LetterEvent, Refusal};

/// Called with the fate of each letter.
pub type OnEvent = Box<dyn Fn(LetterEvent) + Send>;

/// See the head of the file.
pub struct Clerk {
    pub desk: Arc<Desk>,
    pub on_event: OnEvent,
}

impl Clerk {
    /// The broker has the letter.
    pub fn delivered(&self, ticket: Ticket) {
        let Ticket { topic, partition, offset, reason, bytes, .. } = ticket;
        (self.on_event)(LetterEvent::Delivered { topic: Arc::clone(&topic), partition, offset, reason });
        self.book(|ledger| ledger.delivered(&topic, partition, offset, bytes, Instant::now()));
    }

    /// The broker will never take the letter.
    pub fn refused(&self, ticket: Ticket, refusal: Refusal) {
        let Ticket { topic, partition, offset, bytes, .. } = ticket;
        (self.on_event)(LetterEvent::Refused { topic: Arc::clone(&topic), partition, offset, refusal });
        self.book(|ledger| ledger.refused(&topic, partition, offset, bytes));
    }

    /// A letter failed for now and goes again.
    pub fn delayed(&self, error: String) {
        self.desk.ledger().delayed(error);
    }

    fn book(&self, change: impl FnOnce(&mut Ledger)) {
        let idle = {
            let mut ledger = self.desk.ledger();
            change(&mut ledger);
            ledger.outstanding() == 0
        };
        if idle {
            self.desk.emptied.notify_all();
        }
    }
}

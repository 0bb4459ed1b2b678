//! Telling receivers, each in its way: an Alertmanager the whole state again and again, everybody else each change once.

use super::book::{Book, Key, TOLD_AGAIN};
use crate::adapter::notify::{Courier, Delivered, Receiver, Unusable};
use crate::domain::calendar::Instant;
use crate::wire::notification::Notice;
use crate::wire::telemetry::Telemetry;
use crossbeam_channel::{Receiver as Channel, Sender, never, unbounded};
use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant as Moment};

/// How often the whole state is told, as Prometheus does.
const AGAIN: Duration = Duration::from_secs(60);
/// After so long a change that nobody acknowledged is handed over again.
const GIVEN_UP: Duration = Duration::from_secs(3_900);
/// How long a change rests that a receiver refused, or that was dropped.
const REST: Duration = Duration::from_secs(300);

/// The couriers, and what they are carrying.
pub struct Telling {
    couriers: Vec<Courier>,
    delivered: Channel<Delivered>,
    /// By receiver, key of the notice and whether it ends the alert: until when it is not handed over again.
    carried: HashMap<(String, String, bool), Moment>,
    /// Which alert a notice is about, by its key.
    about: HashMap<String, Key>,
    told_all: Option<Moment>,
}

impl Telling {
    /// One courier for each receiver.
    ///
    /// # Errors
    /// A receiver cannot be used.
    pub fn hire(
        receivers: &[Receiver],
        telemetry: &Telemetry,
        now: impl Fn() -> Instant + Clone + Send + 'static,
    ) -> Result<Telling, Unusable> {
        let (tell, delivered) = unbounded();
        let hire = |receiver: &Receiver| Courier::hire(receiver.clone(), telemetry, Sender::clone(&tell), now.clone());
        let couriers = receivers.iter().map(hire).collect::<Result<Vec<Courier>, Unusable>>()?;
        // Without couriers nobody holds the other end, and a channel that has ended is ready for ever: whoever waits would not rest.
        let delivered = if couriers.is_empty() { never() } else { delivered };
        Ok(Telling { couriers, delivered, carried: HashMap::new(), about: HashMap::new(), told_all: None })
    }

    /// Where acknowledgements arrive.
    pub fn delivered(&self) -> Channel<Delivered> {
        self.delivered.clone()
    }

    /// Notes what a receiver has acknowledged. Whether that changed the book.
    pub fn note(&mut self, delivered: &Delivered, book: &mut Book) -> bool {
        let carried = (delivered.receiver.to_string(), delivered.key.clone(), delivered.resolved);
        if !delivered.taken {
            self.carried.insert(carried, Moment::now() + REST);
            return false;
        }
        self.carried.remove(&carried);
        let entry = self.about.get(&delivered.key).and_then(|key| book.entries.get_mut(key));
        let Some(entry) = entry.filter(|entry| entry.told(&delivered.receiver) != Some(delivered.resolved)) else { return false };
        entry.note_told(&delivered.receiver, delivered.resolved);
        true
    }

    /// The alerts of which notices are on their way.
    pub fn carried(&self) -> BTreeSet<Key> {
        self.carried.keys().filter_map(|(_, key, _)| self.about.get(key).cloned()).collect()
    }

    /// Hands over what has to be told now. `changed` is whether an alert has begun or ended.
    pub fn tell(&mut self, notices: &[(Key, Notice)], book: &Book, changed: bool, at: Instant) {
        self.about = notices.iter().map(|(key, notice)| (notice.dedup_key(), key.clone())).collect();
        let now = Moment::now();
        self.carried.retain(|_, until| *until > now);
        let again = changed || self.told_all.is_none_or(|at| now.saturating_duration_since(at) >= AGAIN);
        for courier in &self.couriers {
            if courier.receiver().to.is_level_triggered() {
                if again {
                    let recent = |notice: &&Notice| notice.ends_at.is_none_or(|ended| at.0.saturating_sub(ended.0) <= TOLD_AGAIN);
                    courier.send_all(notices.iter().map(|(_, notice)| notice).filter(recent).cloned().collect());
                }
                continue;
            }
            let name = courier.receiver().name.to_string();
            for (key, notice) in notices {
                let (resolved, told) = (notice.ends_at.is_some(), book.entries.get(key).and_then(|entry| entry.told(&name)));
                let carried = |resolved| (name.clone(), notice.dedup_key(), resolved);
                let begun = self.carried.contains_key(&carried(false));
                if !is_due(resolved, told, begun) || !courier.receiver().wants(notice) {
                    continue;
                }
                if let Entry::Vacant(entry) = self.carried.entry(carried(resolved)) {
                    entry.insert(now + GIVEN_UP);
                    courier.send(notice.clone());
                }
            }
        }
        if again {
            self.told_all = Some(now);
        }
    }
}

/// Whether a receiver that has acknowledged something last, or nothing, has to hear that an alert fires, or is over. Who was not told that
/// it fires, nor is about to be, need not hear that it is over.
fn is_due(resolved: bool, told: Option<bool>, begun: bool) -> bool {
    match resolved {
        true => told == Some(false) || told.is_none() && begun,
        false => told != Some(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossbeam_channel::TryRecvError;

    #[test]
    fn without_receivers_nothing_is_ever_delivered() {
        let telling = Telling::hire(&[], &Telemetry::new("s", "u", "r"), || Instant(0)).expect("nobody to hire");
        assert_eq!(telling.delivered().try_recv().map(|delivered| delivered.taken), Err(TryRecvError::Empty));
    }

    #[test]
    fn an_end_is_told_to_whoever_was_told_the_beginning_or_is_about_to_be() {
        for (resolved, told, begun, due) in [
            (false, None, false, true),
            (false, Some(true), false, true),
            (false, Some(false), false, false),
            (true, Some(false), false, true),
            (true, None, true, true),
            (true, None, false, false),
            (true, Some(true), true, false),
        ] {
            assert_eq!(is_due(resolved, told, begun), due, "{resolved} {told:?} {begun}");
        }
    }
}

//! A reading: what a record says, before it meets the state of its partition.
//!
//! Nothing that other records change has a part in it. So some records are read one after the other, and the memory that each will
//! need is asked for; by the time they are applied it is there.

use super::feed::Record;
use super::ledger::Surroundings;
use crate::domain::accept;
use crate::domain::calendar::Instant;
use crate::domain::currency::ExchangeRates;
use crate::domain::facts::{FactKind, RawFact, Rejection, SubscriptionFact, UsageFact};
use crate::engine::shard::{Aim, Applied, Shard, UsageVerdict};
use crate::service::schemas::Found;
use crate::wire::framing::{self, Frame};

/// What a record says.
pub enum Reading<'r> {
    Fact(Fact<'r>, Aim),
    Rejected(Rejection),
    /// Its schema is not known yet: a sentence.
    Unknown(String),
}

/// An event that was accepted.
pub enum Fact<'r> {
    Subscription(SubscriptionFact<'r>),
    Usage(UsageFact<'r>),
}

/// What applying an event found.
pub enum Outcome<'r> {
    /// With the customer, if they are new to the shard.
    Applied(Option<&'r str>),
    Duplicate,
}

impl<'r> Reading<'r> {
    /// Reads the record of an event and says to the shard that it is coming.
    pub fn of(kind: FactKind, record: Record<'r>, shard: &Shard, around: &mut Surroundings) -> Reading<'r> {
        let frame = match framing::parse(record.value) {
            Ok(frame) => frame,
            Err(rejection) => return Reading::Rejected(rejection),
        };
        let decoder = match around.schemas.decoder(frame, kind) {
            Found::Decoder(decoder) => decoder,
            Found::Rejected(rejection) => return Reading::Rejected(rejection),
            Found::NotYet(sentence) => return Reading::Unknown(sentence),
        };
        let (Frame::Confluent { datum, .. } | Frame::SingleObject { datum, .. }) = frame;
        let accepted = |raw| Fact::accept(&raw, record.timestamp.map(Instant), &around.plan.rates);
        match decoder.decode(datum).and_then(accepted) {
            Ok(fact) => {
                let aim = fact.aim(shard);
                Reading::Fact(fact, aim)
            }
            Err(rejection) => Reading::Rejected(rejection),
        }
    }

    /// Says to the shard that it is coming: its account is asked for from memory.
    pub fn expect(&self, shard: &Shard) {
        if let Reading::Fact(_, aim) = self {
            shard.expect(*aim);
        }
    }

    /// Once the account has come from memory: asks for the rest of what it needs.
    pub fn warm(&self, shard: &Shard) {
        match self {
            Reading::Fact(Fact::Usage(fact), aim) => shard.warm(*aim, fact.customer_id),
            Reading::Fact(Fact::Subscription(fact), aim) => shard.warm(*aim, fact.customer_id),
            Reading::Rejected(_) | Reading::Unknown(_) => {}
        }
    }
}

impl<'r> Fact<'r> {
    /// # Errors
    /// It cannot be used.
    pub fn accept(raw: &RawFact<'r>, record_at: Option<Instant>, rates: &ExchangeRates) -> Result<Fact<'r>, Rejection> {
        match raw {
            RawFact::Subscription(raw) => accept::subscription(raw, rates).map(Fact::Subscription),
            RawFact::Usage(raw) => accept::usage(raw, rates, record_at).map(Fact::Usage),
        }
    }

    /// Says to the shard that it is coming.
    pub fn aim(&self, shard: &Shard) -> Aim {
        match self {
            Fact::Subscription(fact) => shard.aim_subscription(fact),
            Fact::Usage(fact) => shard.aim_usage(fact),
        }
    }

    /// Applies it to the shard that it was aimed at.
    pub fn apply(&self, aim: Aim, record_at: Option<Instant>, shard: &mut Shard) -> Outcome<'r> {
        let (customer_id, applied) = match self {
            Fact::Subscription(fact) => (fact.customer_id, shard.apply_subscription_at(aim, fact)),
            Fact::Usage(fact) => match shard.apply_usage_at(aim, fact, record_at) {
                UsageVerdict::Applied(applied) => (fact.customer_id, applied),
                UsageVerdict::Duplicate => return Outcome::Duplicate,
            },
        };
        let Applied { new_customer } = applied;
        Outcome::Applied(new_customer.then_some(customer_id))
    }
}

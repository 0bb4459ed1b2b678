//! Facts applied in groups, as the service does it.

use divan::black_box;
use smallvec::SmallVec;
use upswell::domain::calendar::Instant;
use upswell::domain::facts::{SubscriptionFact, UsageFact};
use upswell::engine::shard::Shard;
use upswell::service::lane::GROUP;

/// Applies facts: all of a group are aimed at the shard before the first is applied.
pub fn apply_changes(facts: &[SubscriptionFact], shard: &mut Shard) {
    for group in facts.chunks(GROUP) {
        let aims: SmallVec<[_; GROUP]> = group.iter().map(|fact| shard.aim_subscription(fact)).collect();
        aims.iter().for_each(|aim| shard.expect(*aim));
        group.iter().zip(&aims).for_each(|(fact, aim)| shard.warm(*aim, fact.customer_id));
        group.iter().zip(aims).for_each(|(fact, aim)| _ = black_box(shard.apply_subscription_at(aim, fact)));
    }
}

/// The same of usage, with the timestamps of its records.
pub fn apply_usage(facts: &[(UsageFact, Instant)], shard: &mut Shard) {
    for group in facts.chunks(GROUP) {
        let aims: SmallVec<[_; GROUP]> = group.iter().map(|(fact, _)| shard.aim_usage(fact)).collect();
        aims.iter().for_each(|aim| shard.expect(*aim));
        group.iter().zip(&aims).for_each(|((fact, _), aim)| shard.warm(*aim, fact.customer_id));
        group.iter().zip(aims).for_each(|((fact, at), aim)| _ = black_box(shard.apply_usage_at(aim, fact, Some(*at))));
    }
}

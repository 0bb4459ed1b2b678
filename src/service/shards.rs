//! Where new shards come from.

use crate::domain::calendar::Instant;
use crate::engine::dedup::Memory;
use crate::engine::plan::Plan;
use crate::engine::shard::Shard;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;

/// What every shard of this process begins with.
pub struct Shards {
    pub plan: Arc<Plan>,
    memory: Memory,
    hash_key: (u64, u64),
}

impl Shards {
    /// `dedup_window` in milliseconds of record time, at least 1.
    pub fn new(plan: Arc<Plan>, dedup_window: i64) -> Shards {
        let random = || RandomState::new().build_hasher().finish();
        Shards { plan, memory: Memory::Window { millis: dedup_window }, hash_key: (random(), random()) }
    }

    /// An empty shard that knows what time it is.
    pub fn begin(&self, now: Instant) -> Shard {
        let mut shard = Shard::new(self.plan.clone(), self.memory, self.hash_key);
        shard.observe_clock(now);
        shard
    }
}

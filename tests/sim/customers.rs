//! Whose events there are. Some customers of a partition lie next to one another, so that a move which looks at a few accounts at a
//! time is cut off between them, and not only between parts of the map.

use crate::deployment::Deployment;
use std::collections::BTreeMap;
use std::sync::OnceLock;
use upswell::domain::calendar::Zone;
use upswell::engine::dedup::Memory;
use upswell::engine::shard::Shard;
use upswell::service::placement::Partitioner;

/// Keys the hashes of customers and usage ids in a state that is made anew: random in the service, but a seed is one run.
pub const HASH_KEY: (u64, u64) = (3, 5);

const CUSTOMERS: usize = 12;
/// Neighbours are chosen among so many.
const CANDIDATES: usize = 800;

/// A dozen customers with their partitions.
pub fn customers(partitions: usize) -> Vec<(usize, String)> {
    let mut places: BTreeMap<(usize, usize), Vec<String>> = BTreeMap::new();
    for (id, step) in steps() {
        let partition = Partitioner::Murmur2.place(id, partitions as u32) as usize;
        places.entry((partition, *step)).or_default().push(id.clone());
    }
    let mut places: Vec<(usize, Vec<String>)> = places.into_iter().map(|((partition, _), ids)| (partition, ids)).collect();
    places.sort_by_key(|(_, ids)| std::cmp::Reverse(ids.len()));
    // Of each partition the most crowded place, and loners.
    let crowd = |partition: usize| places.iter().find(|(of, _)| *of == partition);
    let crowds = (0..partitions).filter_map(crowd);
    let loners = places.iter().rev();
    let all = crowds.chain(loners).flat_map(|(partition, ids)| ids.iter().map(|id| (*partition, id.clone())));
    all.take(CUSTOMERS).collect()
}

/// The step of a move that passes each of the candidates, if it goes part by part.
fn steps() -> &'static [(String, usize)] {
    static STEPS: OnceLock<Vec<(String, usize)>> = OnceLock::new();
    STEPS.get_or_init(|| {
        let mut shard = Shard::new(Deployment::first().plan(), Memory::All, HASH_KEY);
        shard.begin_view(Zone::EARLIEST_VIEW);
        let mut left: Vec<String> = (0..CANDIDATES).map(|number| format!("customer-{number}")).collect();
        let (mut steps, mut step) = (Vec::new(), 0);
        while !left.is_empty() {
            shard.move_on(1);
            step += 1;
            let (passed, ahead) = left.into_iter().partition(|id| shard.has_moved(id) != Some(false));
            left = ahead;
            steps.extend(Vec::into_iter(passed).map(|id: String| (id, step)));
        }
        steps
    })
}

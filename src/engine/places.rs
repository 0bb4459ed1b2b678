//! Where ids stand in a list of them: an open-addressed table of four bytes a place, found by the address that the id itself says.
//!
//! A place holds the number of an id in the list, and a few bits of the id, so that hardly ever another id is looked at. It never
//! forgets one: lists are forgotten as a whole.

use super::ids::Ids;
use crate::domain::packed::prefetch;

/// Bits of a place that hold the number of the id, counted from 1; the others hold bits of the id.
const NUMBER_BITS: u32 = 26;
const NUMBER: u32 = (1 << NUMBER_BITS) - 1;
/// Places of the smallest table.
const LEAST: usize = 8;

/// Places of ids, of which at most three quarters are taken.
#[derive(Debug, Default)]
pub struct Places {
    /// 0 where there is none; as many as a power of two.
    places: Box<[u32]>,
    taken: usize,
}

impl Places {
    /// With room for so many ids.
    pub fn with_capacity(ids: usize) -> Places {
        let length = (ids + ids / 3 + 1).next_power_of_two().max(LEAST);
        Places { places: vec![0; length].into(), taken: 0 }
    }

    /// Memory in bytes.
    pub fn bytes(&self) -> usize {
        size_of_val(&*self.places)
    }

    /// Says that an id is about to be looked for.
    #[inline]
    pub fn prefetch(&self, id: u128) {
        prefetch(self.places.as_ptr().wrapping_add(self.first_place(id)));
    }

    #[inline]
    pub fn contains(&self, id: u128, ids: &Ids) -> bool {
        !self.places.is_empty() && self.find(id, ids).is_ok()
    }

    /// Notes that an id is about to be appended to the list; `false` if it is there already.
    #[inline]
    pub fn insert(&mut self, id: u128, ids: &Ids) -> bool {
        if self.taken * 4 >= self.places.len() * 3 {
            self.grow(ids);
        }
        let Err(place) = self.find(id, ids) else { return false };
        self.places[place] = bits(id) | number(ids.len());
        self.taken += 1;
        true
    }

    /// The place of an id, or the free one where it would be.
    #[inline]
    fn find(&self, id: u128, ids: &Ids) -> Result<usize, usize> {
        let mut place = self.first_place(id);
        loop {
            match self.places[place] {
                0 => return Err(place),
                known if known & !NUMBER == bits(id) && ids.get((known & NUMBER) as usize - 1) == id => return Ok(place),
                _ => place = (place + 1) & (self.places.len() - 1),
            }
        }
    }

    #[inline]
    fn first_place(&self, id: u128) -> usize {
        id as usize & self.places.len().wrapping_sub(1)
    }

    fn grow(&mut self, ids: &Ids) {
        let mut larger = Places::with_capacity((self.places.len() * 3 / 4) + 1);
        for (index, id) in ids.iter().enumerate() {
            let mut place = larger.first_place(id);
            while larger.places[place] != 0 {
                place = (place + 1) & (larger.places.len() - 1);
            }
            larger.places[place] = bits(id) | number(index);
        }
        larger.taken = self.taken;
        *self = larger;
    }
}

/// Bits of an id that choose no place in all but enormous tables.
#[inline]
fn bits(id: u128) -> u32 {
    (id >> 32) as u32 & !NUMBER
}

#[inline]
fn number(index: usize) -> u32 {
    let number = u32::try_from(index + 1).ok().filter(|number| *number <= NUMBER);
    number.expect("memory ends long before 2^34 ids are remembered")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn ids_are_found_however_they_meet() {
        // Ids that share their first place, the bits kept of them, both or neither.
        let ids = (0..4_000u128).map(|number| match number % 4 {
            0 => number << 64,
            1 => number << 64 | 5,
            2 => number << 64 | number << 58 & u128::from(u64::MAX),
            _ => number.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c834),
        });
        for capacity in [0, 7, 5_000] {
            let (mut places, mut list, mut known) = (Places::with_capacity(capacity), Ids::default(), HashSet::new());
            for id in ids.clone().chain(ids.clone()) {
                assert_eq!(places.contains(id, &list), known.contains(&id));
                let is_new = known.insert(id);
                assert_eq!(places.insert(id, &list), is_new, "{id:x}");
                is_new.then(|| list.push(id));
            }
            assert_eq!(places.taken, list.len());
            assert!(places.bytes() <= 4 * 8_192.max(2 * capacity));
        }
        assert!(!Places::default().contains(7, &Ids::default()));
    }
}

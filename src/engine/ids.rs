//! Ids in the order in which they came, in chunks: a list that grows never moves what it holds.

use std::ops::Range;

/// Ids of a chunk.
const CHUNK: usize = 32;

/// A list of ids.
#[derive(Debug, Default)]
pub struct Ids {
    /// All full but the last.
    #[expect(clippy::vec_box, reason = "chunks must not move when there are more of them")]
    chunks: Vec<Box<[u128; CHUNK]>>,
    len: usize,
}

impl Ids {
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub fn get(&self, index: usize) -> u128 {
        self.chunks[index / CHUNK][index % CHUNK]
    }

    #[inline]
    pub fn push(&mut self, id: u128) {
        let (chunk, place) = (self.len / CHUNK, self.len % CHUNK);
        if chunk == self.chunks.len() {
            self.chunks.push(Box::new([0; CHUNK]));
        }
        self.chunks[chunk][place] = id;
        self.len += 1;
    }

    pub fn iter(&self) -> impl Iterator<Item = u128> {
        self.chunks.iter().flat_map(|chunk| chunk.iter().copied()).take(self.len)
    }

    /// Appends those of a range to a list.
    pub fn copy(&self, range: Range<usize>, out: &mut Vec<u128>) {
        out.reserve(range.len());
        let mut index = range.start;
        while index < range.end {
            let place = index % CHUNK;
            let count = (CHUNK - place).min(range.end - index);
            out.extend_from_slice(&self.chunks[index / CHUNK][place..place + count]);
            index += count;
        }
    }

    /// Memory in bytes.
    pub fn bytes(&self) -> usize {
        self.chunks.len() * size_of::<[u128; CHUNK]>() + self.chunks.capacity() * size_of::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_stay_in_order() {
        let mut ids = Ids::default();
        for count in 0..100 {
            assert_eq!((ids.len(), ids.iter().collect::<Vec<_>>()), (count as usize, (0..count).map(|id| id * id).collect()));
            for (from, to) in [(0, count), (count / 3, count / 2), (count, count), (count.min(31), count.min(65))] {
                let mut copied = vec![7];
                ids.copy(from as usize..to as usize, &mut copied);
                assert_eq!(copied[1..], (from..to).map(|id| id * id).collect::<Vec<_>>());
            }
            ids.push(count * count);
            assert_eq!(ids.get(count as usize), count * count);
        }
        assert!(ids.bytes() >= 1_600 && ids.bytes() < 3_000);
    }
}

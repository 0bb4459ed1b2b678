//! Inputs worth mutating: the corpus, and what led somewhere new.

use crate::mutate::{MAX_BYTES, mutate};
use crate::random::Random;
use crate::trail::Trail;
use std::collections::HashSet;

/// Inputs that are mutated further.
const MAX_POOL: usize = 4096;

/// Inputs worth mutating.
#[derive(Default)]
pub struct Pool {
    inputs: Vec<Vec<u8>>,
    /// Files of the corpus, which stay.
    seeds: usize,
    seen: HashSet<u64>,
}

impl Pool {
    pub fn seed(&mut self, mut input: Vec<u8>, trail: &Trail) {
        input.truncate(MAX_BYTES);
        self.seen.extend(trail.steps());
        self.inputs.push(input);
        self.seeds = self.inputs.len();
    }

    pub fn mutation(&self, random: &mut Random, words: &[&str]) -> Vec<u8> {
        let (input, other) = (random.one_of(&self.inputs), random.one_of(&self.inputs));
        mutate(random, input, other, words)
    }

    /// Keeps an input that led somewhere new.
    pub fn take(&mut self, random: &mut Random, input: Vec<u8>, trail: &Trail) {
        let new = trail.steps().iter().filter(|step| self.seen.insert(**step)).count();
        if new > 0 && self.inputs.len() < MAX_POOL {
            self.inputs.push(input);
        } else if new > 0 {
            let at = self.seeds + random.below(self.inputs.len() - self.seeds);
            self.inputs[at] = input;
        }
    }

    pub fn len(&self) -> usize {
        self.inputs.len()
    }
}

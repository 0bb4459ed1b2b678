//! What moves partitions and plans between instances.

use crate::events::DAY;
use crate::group::Why;
use crate::instance::Instance;
use crate::trouble::Kind;
use crate::world::{Outcome, World};

impl World {
    /// The group moves a partition.
    pub fn rebalance(&mut self) -> Outcome {
        let partition = self.dice.index(self.owner.len());
        let to = self.dice.index(2);
        if self.slots[to].is_none() {
            return Ok(());
        }
        let (number, before) = (partition as i32, self.owner[partition]);
        let zombie = self.swarm.contains(&Kind::Overlap) && self.dice.one_in(4) && before != Some(to);
        if zombie {
            self.counts.hit(Kind::Overlap);
        } else if let Some(instance) = before.and_then(|slot| self.slots[slot].as_mut()) {
            let kind = match (instance.starting.contains_key(&number), instance.is_writing()) {
                (true, _) => Kind::RevokeRestoring,
                (_, true) => Kind::RevokeWriting,
                _ => Kind::RevokeIdle,
            };
            self.counts.hit(kind);
            instance.release(number, Why::Moved, &mut self.images)?;
        }
        self.owner[partition] = Some(to);
        if let Some(instance) = self.slots[to].as_mut()
            && !instance.boards.contains_key(&number)
        {
            instance.assign(&[number]);
        }
        Ok(())
    }

    /// The group has given away what an instance had, and tells it afterwards.
    pub fn lose_membership(&mut self, slot: usize) -> Outcome {
        let Some(instance) = &mut self.slots[slot] else { return Ok(()) };
        self.counts.hit(Kind::MembershipLost);
        instance.lose(&mut self.images)?;
        let other = self.slots[1 - slot].is_some().then_some(1 - slot);
        let to = other.unwrap_or(slot);
        self.hand_over(slot, to);
        Ok(())
    }

    /// By the eager protocol all partitions are taken away from everybody, and assigned anew, as a rule to whoever had them.
    pub fn rejoin(&mut self) -> Outcome {
        let present: Vec<usize> = (0..2).filter(|slot| self.slots[*slot].is_some()).collect();
        for partition in 0..self.owner.len() {
            if self.dice.one_in(4) {
                self.owner[partition] = self.dice.pick(&present).copied();
            }
        }
        for slot in present {
            let mine = self.mine(slot);
            let Some(instance) = self.slots[slot].as_mut() else { continue };
            self.counts.hit(Kind::Rejoined);
            instance.rejoin(&mine, &mut self.images)?;
        }
        Ok(())
    }

    /// The partitions that an instance has, as the group sees it.
    pub fn mine(&self, slot: usize) -> Vec<i32> {
        (0..).zip(&self.owner).filter(|(_, owner)| **owner == Some(slot)).map(|(partition, _)| partition).collect()
    }

    fn hand_over(&mut self, from: usize, to: usize) {
        for partition in self.mine(from) {
            self.owner[partition as usize] = Some(to);
        }
        let missing = |instance: &Instance, partition: &i32| !instance.boards.contains_key(partition);
        let mine = self.mine(to);
        if let Some(instance) = self.slots[to].as_mut() {
            let new: Vec<i32> = mine.into_iter().filter(|partition| missing(instance, partition)).collect();
            instance.assign(&new);
        }
    }

    /// The configuration gets a rate for the euro; who cannot take it over at once is started again.
    pub fn add_rate(&mut self) -> Outcome {
        if self.deployment.euro.is_none() && self.swarm.contains(&Kind::RateAdded) && self.dice.one_in(3) {
            self.deployment.euro = Some(1_100_000);
            self.counts.hit(Kind::RateAdded);
            for slot in 0..2 {
                let Some(instance) = &mut self.slots[slot] else { continue };
                if !instance.reload(&self.deployment)? {
                    self.crash(slot);
                }
            }
        }
        Ok(())
    }

    /// Other windows and rates. Whoever cannot show them goes on with the old ones, or is started again and makes its state anew.
    pub fn change_plan(&mut self) -> Outcome {
        let days_missing = self.swarm.contains(&Kind::DaysMissing);
        if self.swarm.contains(&Kind::PlanRefused) || days_missing {
            self.forget_days()?;
        }
        self.deployment = match days_missing {
            true => self.deployment.reaching_further(),
            false => self.deployment.changed(&mut self.dice),
        };
        self.rewindowed = true;
        for slot in 0..2 {
            let Some(instance) = &mut self.slots[slot] else { continue };
            let restoring = !instance.starting.is_empty();
            let before = instance.config.deployment.clone();
            if instance.reload(&self.deployment)? {
                self.counts.hit(Kind::PlanReload);
                continue;
            }
            self.counts.hit(if restoring { Kind::PlanReload } else { Kind::PlanRefused });
            assert_eq!(instance.config.deployment, before);
            if restoring || self.swarm.contains(&Kind::DaysMissing) || self.dice.one_in(2) {
                self.crash(slot);
            }
        }
        Ok(())
    }

    /// A night after which usage days are gone that wider windows would need, and images that say so.
    fn forget_days(&mut self) -> Outcome {
        for slot in 0..2 {
            // No day is forgotten while an image is being taken, or a survey.
            self.take_images(slot)?;
        }
        self.pass(DAY + DAY / 8);
        for instance in self.slots.iter_mut().flatten() {
            instance.end_survey()?;
            instance.advance()?;
        }
        if self.swarm.contains(&Kind::DaysMissing) {
            self.pass(60_000);
            for slot in 0..2 {
                self.take_images(slot)?;
            }
        }
        Ok(())
    }
}

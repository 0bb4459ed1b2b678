//! The audit: totals recomputed from the accounts and compared with those that are kept.
//!
//! A large shard is audited in slices while facts go on arriving. What an account changes after it was looked at is added to the
//! recomputed totals as well, so at the end both are for the same instant and the same facts. A new civil day or a new plan moves
//! every edge: the audit begins anew.

use super::{Shard, View};
use crate::domain::assess::Contribution;
use crate::domain::frame::Frame;
use crate::engine::plan::Plan;
use crate::engine::totals::Totals;

/// What a slice of an audit came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuditStep {
    /// Not every account has been looked at yet.
    Working,
    /// The totals are those of the accounts. The next step begins another audit.
    Clean,
    /// A sentence about the first difference. The next step begins another audit.
    Violated(String),
}

/// An audit on its way.
#[derive(Debug)]
pub(super) struct Audit {
    /// The accounts of the parts before this one have been looked at.
    next: usize,
    /// Their totals, for the view's present instant.
    totals: Totals,
}

impl View {
    /// Replaces contributions of an account in a part of the map.
    pub(super) fn replace(&mut self, part: usize, before: &[Option<Contribution>], after: &[Option<Contribution>]) {
        self.totals.replace(&self.frame, before, after);
        if let Some(audit) = self.audit.as_mut().filter(|audit| part < audit.next) {
            audit.totals.replace(&self.frame, before, after);
        }
    }
}

impl Shard {
    /// Recomputes every total from the accounts at once; a sentence about the first difference, if there is one.
    pub fn audit(&self) -> Result<(), String> {
        self.view.as_ref().map_or(Ok(()), |view| compare(&self.plan, &view.totals, &self.recomputed(&view.frame)))
    }

    /// Looks at the accounts of so many parts of the map; a shard that is not live is clean.
    pub fn audit_step(&mut self, parts: usize) -> AuditStep {
        let Some(mut view) = self.view.take() else {
            return AuditStep::Clean;
        };
        let mut audit = view.audit.take().unwrap_or_else(|| Audit { next: 0, totals: self.no_totals() });
        let end = self.accounts.parts().min(audit.next.saturating_add(parts.max(1)));
        (audit.next..end).for_each(|part| self.sum_part(&mut audit.totals, part, &view.frame));
        audit.next = end;
        let found = compare(&self.plan, &view.totals, &audit.totals);
        view.audit = (end < self.accounts.parts()).then_some(audit);
        let step = match found {
            _ if view.audit.is_some() => AuditStep::Working,
            Ok(()) => AuditStep::Clean,
            Err(difference) => AuditStep::Violated(difference),
        };
        self.view = Some(view);
        step
    }

    /// Totals from scratch.
    pub(super) fn recomputed(&self, frame: &Frame) -> Totals {
        let mut totals = self.no_totals();
        (0..self.accounts.parts()).for_each(|part| self.sum_part(&mut totals, part, frame));
        totals
    }

    fn no_totals(&self) -> Totals {
        Totals::new(self.plan.windows.len(), self.dimensions.len())
    }

    fn sum_part(&self, totals: &mut Totals, part: usize, frame: &Frame) {
        let lens = self.lens(frame);
        for (_, entry) in self.accounts.part(part).read().iter() {
            totals.add(frame, &lens.assess(&entry.account, frame.all_spans()));
        }
    }
}

/// A sentence about the first difference between two totals.
fn compare(plan: &Plan, kept: &Totals, recomputed: &Totals) -> Result<(), String> {
    if recomputed.mrr != kept.mrr {
        return Err(format!("recurring revenue is {}, recomputed {}", kept.mrr, recomputed.mrr));
    }
    for ((window, kept), recomputed) in plan.windows.iter().zip(&kept.windows).zip(&recomputed.windows) {
        if kept.total != recomputed.total {
            return Err(format!("window {window}: kept {:?}, recomputed {:?}", kept.total, recomputed.total));
        }
        if kept.segments != recomputed.segments {
            return Err(format!("window {window}: the segments differ from recomputed ones although the total does not"));
        }
    }
    Ok(())
}

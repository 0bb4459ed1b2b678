//! The audit: totals recomputed from the accounts and compared with those that are kept.
//!
//! A large shard is audited in slices while facts go on arriving. What an account changes after it was looked at is added to the
//! recomputed totals as well, so at the end both are for the same instant and the same facts. A new civil day or a new plan moves
//! every edge: the audit begins anew.

use super::Shard;
use crate::domain::account::Account;
use crate::domain::assess::{Lens, Placed};
use crate::domain::frame::{Frame, Role};
use crate::engine::accounts::{Pass, Place};
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
    pass: Pass,
    /// Totals of the accounts it has passed, for the view's present instant.
    totals: Totals,
}

impl Audit {
    /// Replaces what an account contributes to a span, if it has been looked at.
    #[inline]
    pub(super) fn replace(&mut self, place: Place, role: Role, before: Option<Placed>, after: Option<Placed>) {
        if self.pass.has_passed(place) {
            self.totals.replace(role, before, after);
        }
    }
}

impl Shard {
    /// Recomputes every total from the accounts at once; a sentence about the first difference, if there is one. While the view moves
    /// there are no totals to compare.
    pub fn audit(&self) -> Result<(), String> {
        let view = self.view.as_ref().filter(|_| !self.is_moving());
        view.map_or(Ok(()), |view| compare(&self.plan, &view.totals, &self.recomputed(&view.frame)))
    }

    /// Looks at the accounts of so many parts of the map, but at about `most` accounts at once; a shard that is not live is clean,
    /// and one whose view moves is not looked at.
    pub fn audit_step(&mut self, parts: usize, most: usize) -> AuditStep {
        if self.is_moving() {
            return AuditStep::Working;
        }
        let Some(mut view) = self.view.take() else {
            return AuditStep::Clean;
        };
        let mut audit = view.audit.take().unwrap_or_else(|| Audit { pass: Pass::default(), totals: self.no_totals() });
        let mut looked_at = 0;
        for _ in 0..parts.max(1) {
            if looked_at < most.max(1) && !audit.pass.is_over(&self.accounts) {
                looked_at += self.sum_slice(&mut audit, most, &view.frame);
            }
        }
        let step = if !audit.pass.is_over(&self.accounts) {
            view.audit = Some(audit);
            AuditStep::Working
        } else {
            compare(&self.plan, &view.totals, &audit.totals).map_or_else(AuditStep::Violated, |()| AuditStep::Clean)
        };
        self.view = Some(view);
        step
    }

    fn sum_slice(&self, audit: &mut Audit, most: usize, frame: &Frame) -> usize {
        let Audit { pass, totals } = audit;
        let lens = self.lens(frame);
        pass.next(&self.accounts, most, |_, account| sum(totals, &lens, account))
    }

    /// Totals from scratch.
    fn recomputed(&self, frame: &Frame) -> Totals {
        let (mut totals, lens) = (self.no_totals(), self.lens(frame));
        self.accounts.each(|_, account| sum(&mut totals, &lens, account));
        totals
    }

    /// Totals of no accounts.
    pub(super) fn no_totals(&self) -> Totals {
        Totals::new(self.plan.windows.len(), self.dimensions.len())
    }
}

/// Adds what an account contributes.
fn sum(totals: &mut Totals, lens: &Lens, account: &Account) {
    let frame = lens.frame;
    lens.assess(account, frame.all_spans(), |span, placed| totals.replace(frame.spans[span].role, None, Some(placed)));
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

//! Why a listing comes or goes, and which step that belongs to.

use super::restore::reason_of;
use super::{Planner, Target};
use crate::Category;
use crate::plan::{Basis, Change, Reason, Step};

impl Planner<'_> {
    pub(super) fn addition(&self, target: &Target, listing: u32) -> Change {
        if let Some(cause) = &self.cause {
            return Change { listing, step: self.step_of(target.category), reason: reason_of(cause, true) };
        }
        if self.override_of(target, listing).is_some_and(|entry| entry.is_member) {
            return Change { listing, step: step_of(target.category), reason: Reason::Overridden };
        }
        let rank = target.ranks.as_ref().map_or(0, |ranks| ranks[listing as usize]);
        let recent = self.is_recent_offering(listing);
        let reason = match &target.basis {
            Basis::Screen if target.category == Category::Ipo => Reason::RecentOffering,
            Basis::Band { .. } => Reason::InBand,
            Basis::Rank { .. } => Reason::RankReached(rank),
            Basis::Screen | Basis::Nothing => Reason::ScreenPassed,
            Basis::Group(_) => Reason::InGroup,
            Basis::Fixed => Reason::Listed,
            Basis::Imported => Reason::Imported,
        };
        let step = match target.category {
            Category::Ipo => Step::IpoAssignment,
            Category::Theme if recent && self.request.mode.takes(Step::IpoAssignment) => Step::IpoAssignment,
            other => step_of(other),
        };
        Change { listing, step, reason }
    }

    pub(super) fn removal(&self, target: &Target, listing: u32) -> Change {
        if let Some(cause) = &self.cause {
            return Change { listing, step: self.step_of(target.category), reason: reason_of(cause, false) };
        }
        if !self.is_listed(listing) {
            let step = if self.request.mode.takes(Step::DelistedCleanup) {
                Step::DelistedCleanup
            } else {
                step_of(target.category)
            };
            return Change { listing, step, reason: Reason::Delisted };
        }
        if self.override_of(target, listing).is_some_and(|entry| !entry.is_member) {
            return Change { listing, step: step_of(target.category), reason: Reason::Overridden };
        }
        let rank = target.ranks.as_ref().and_then(|ranks| ranks.get(listing as usize)).copied().unwrap_or(0);
        let is_eligible =
            target.eligible.as_ref().and_then(|eligible| eligible.get(listing as usize)).copied().unwrap_or(false);
        let reason = match &target.basis {
            Basis::Nothing => Reason::OutOfGroup,
            Basis::Fixed | Basis::Imported => Reason::Unlisted,
            Basis::Screen => Reason::ScreenFailed,
            Basis::Band { .. } | Basis::Rank { .. } | Basis::Group(_) if !is_eligible => Reason::NotEligible,
            Basis::Band { .. } => Reason::OutOfBand,
            Basis::Rank { .. } => Reason::RankLost(rank),
            Basis::Group(_) => Reason::OutOfGroup,
        };
        Change { listing, step: step_of(target.category), reason }
    }

    /// The step that a change of a universe belongs to; whatever is restored belongs to the first one.
    pub(super) fn step_of(&self, category: Category) -> Step {
        if self.cause.is_some() { Step::MarketCapRecalculation } else { step_of(category) }
    }
}

/// The step that decides the universes of a category.
const fn step_of(category: Category) -> Step {
    match category {
        Category::Theme => Step::ThemeRebalancing,
        Category::Ipo => Step::IpoAssignment,
        Category::MarketCap
        | Category::MarketLeader
        | Category::Sector
        | Category::SectorLeader
        | Category::Industry
        | Category::Index
        | Category::Master
        | Category::Etf => Step::MarketCapRecalculation,
    }
}

//! A plan as people read it: by universe, who comes and who goes, and why.

use std::fmt::Write as _;

use super::{Action, Basis, Change, DelistingEvidence, Plan, Reason, UniversePlan};
use crate::Usd;

/// How many lines of one universe are shown before the rest is summed up.
const LINES_MAX: usize = 40;

/// Renders what a plan would change, one universe after the other, each line with its reason.
///
/// Long lists are cut unless `whole` is set.
#[must_use]
pub fn render_diff(plan: &Plan, whole: bool) -> String {
    let mut text = String::new();
    for universe in &plan.universes {
        if matches!(universe.action, Action::Refreshed | Action::Reordered) && universe.held.is_none() {
            continue;
        }
        let (added, removed) = (universe.added.len(), universe.removed.len());
        let action = universe.action.as_str();
        let (before, after) = (universe.count_before, universe.members.len());
        let _ = writeln!(text, "{}  {action}  {before} -> {after}  (+{added} -{removed})", universe.id);
        let mut lines = Lines { plan, universe, text: &mut text, left: if whole { usize::MAX } else { LINES_MAX } };
        lines.show("  ", &universe.added, &universe.removed);
        if let Some(held) = &universe.held {
            let count = after + held.added.len() - held.removed.len();
            let _ = writeln!(
                text,
                "  waits for approval: would have {count} members  (+{} -{})",
                held.added.len(),
                held.removed.len()
            );
            let mut lines = Lines { plan, universe, text: &mut text, left: if whole { usize::MAX } else { LINES_MAX } };
            lines.show("    ", &held.added, &held.removed);
        }
    }
    if !plan.caps_moved.is_empty() {
        let _ = writeln!(text, "symbols.market_cap rewritten for {} listings", plan.caps_moved.len());
    }
    for delisting in &plan.delistings {
        if let DelistingEvidence::Renamed { to } = delisting.evidence {
            let _ = writeln!(text, "renamed: {} is {} now", plan.symbol(delisting.listing), plan.symbol(to));
            continue;
        }
        let count = delisting.universes.len();
        let plural = if count == 1 { "" } else { "s" };
        let _ = writeln!(text, "delisted: {}, out of {count} universe{plural}", plan.symbol(delisting.listing));
    }
    text
}

/// Writes changes until there is no room left, then says how many more there are.
struct Lines<'a> {
    plan: &'a Plan,
    universe: &'a UniversePlan,
    text: &'a mut String,
    left: usize,
}

impl Lines<'_> {
    fn show(&mut self, indent: &str, added: &[Change], removed: &[Change]) {
        let changes = added.iter().map(|c| ('+', c)).chain(removed.iter().map(|c| ('-', c)));
        for (sign, change) in changes.take(self.left) {
            let symbol = self.plan.symbol(change.listing);
            let _ = writeln!(self.text, "{indent}{sign} {symbol:<8}{}", reason_text(self.plan, self.universe, change));
        }
        let more = (added.len() + removed.len()).saturating_sub(self.left);
        if more > 0 {
            let _ = writeln!(self.text, "{indent}… and {more} more (--verbose shows all)");
        }
    }
}

/// Says in figures why a listing comes or goes.
#[must_use]
pub(crate) fn reason_text(plan: &Plan, universe: &UniversePlan, change: &Change) -> String {
    let cap = plan.caps.get(change.listing as usize).copied().flatten();
    let cap = cap.map_or("no market cap".to_owned(), |cap| format!("cap {cap}"));
    match (change.reason, &universe.basis) {
        (Reason::InBand | Reason::OutOfBand, Basis::Band { at_least, below }) => {
            let breakpoint = |value: f64| Usd(value as i64);
            let upper = below.map(|below| format!(", below {}", breakpoint(below))).unwrap_or_default();
            let verb = if change.reason == Reason::InBand { "in" } else { "out of" };
            format!("{cap}: {verb} the band from {}{upper}", breakpoint(*at_least))
        }
        (Reason::RankReached(rank), Basis::Rank { count }) => format!("rank {rank} of {count}, {cap}"),
        (Reason::RankLost(0), _) => format!("has no rank, {cap}"),
        (Reason::RankLost(rank), Basis::Rank { count }) => format!("rank {rank}, {count} places, {cap}"),
        (Reason::RankReached(rank) | Reason::RankLost(rank), _) => format!("rank {rank}, {cap}"),
        (Reason::InBand, _) => format!("{cap}: in the band"),
        (Reason::OutOfBand, _) => format!("{cap}: out of the band"),
        (Reason::ScreenPassed, _) => format!("meets the rule, {cap}"),
        (Reason::ScreenFailed, _) => format!("no longer meets the rule, {cap}"),
        (Reason::InGroup, Basis::Group(name)) => format!("now in {name}"),
        (Reason::InGroup, _) => "now in the group".to_owned(),
        (Reason::OutOfGroup, _) => "no longer in the group".to_owned(),
        (Reason::Listed, _) => "on the rule's list".to_owned(),
        (Reason::Imported, _) => "on the imported list".to_owned(),
        (Reason::Unlisted, _) => "no longer on the list".to_owned(),
        (Reason::RecentOffering, _) => format!("listed within 30 days, {cap}"),
        (Reason::Delisted, _) => "delisted".to_owned(),
        (Reason::NotEligible, _) => format!("not eligible any more, {cap}"),
        (Reason::UniverseRetired, _) => "the universe is retired: nothing defines it any more".to_owned(),
        (Reason::Overridden, _) => "put there by hand".to_owned(),
        (Reason::Renamed, _) => "the same listing under another symbol".to_owned(),
        (Reason::Restored, _) => plan.cause.as_ref().map_or_else(|| "restored".to_owned(), ToString::to_string),
    }
}

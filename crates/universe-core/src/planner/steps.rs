//! The named steps: which universes each one looks at, and what it says about them.

use std::collections::BTreeSet;

use super::{
    CALCULATION_FAILURES_SHARE, CAP_MOVED_SHARE, DELISTED_AFTER_ABSENCES, NOTE_NAMES_MAX, Planner, Undefined, name_some,
};
use crate::plan::{Alert, AlertKind, Step, StepReport, StepStatus};
use crate::rule::{Definition, Rule};
use crate::{Category, EvaluationError, Observation, SecurityType, UniverseId, Usd};

impl Planner<'_> {
    /// Recalculates market caps and decides every universe but the themes and the recent offerings.
    pub(super) fn market_cap_recalculation(&mut self, notes: &mut Vec<String>) -> Result<(), EvaluationError> {
        self.compare_caps(notes);
        let rules: Vec<&Rule> =
            self.rules.rules.iter().filter(|r| !r.is_theme() && r.category != Category::Ipo).collect();
        let mut targets = Vec::new();
        for rule in rules {
            targets.extend(self.evaluate(rule, notes)?);
        }
        for target in targets {
            self.targets.insert(target.naming.id.clone(), target);
        }
        self.add_imports_without_rule();
        self.find_undefined(notes);
        Ok(())
    }

    /// Takes up the imported lists of some universes.
    pub(super) fn take_imports(&mut self, ids: &BTreeSet<UniverseId>) {
        let mut notes = Vec::new();
        self.add_imports_without_rule();
        self.targets.retain(|target, _| ids.contains(target));
        for rule in ids.iter().filter_map(|id| self.rules.rule_of(id)) {
            let listed = match &rule.definition {
                Definition::Single(single) => self.listed_members(rule, single, &mut notes).unwrap_or_default(),
                Definition::Bands(_) | Definition::Rankings(_) | Definition::Groups(_) => Vec::new(),
            };
            self.targets.extend(listed.into_iter().map(|target| (target.naming.id.clone(), target)));
        }
        let step = Step::MarketCapRecalculation;
        self.reports.push(StepReport { step, status: StepStatus::Success, changes: 0, notes, error: None });
    }

    /// Gives recent public offerings their places: their own universe, and the themes whose rules they meet.
    pub(super) fn ipo_assignment(&mut self, notes: &mut Vec<String>) -> Result<(), EvaluationError> {
        let rules: Vec<&Rule> = self.rules.rules.iter().filter(|r| r.category == Category::Ipo).collect();
        let mut targets = Vec::new();
        for rule in rules {
            targets.extend(self.evaluate(rule, notes)?);
        }
        // A run that rebalances the themes decides their offerings with everything else, in that step.
        let decides_themes = !self.request.mode.takes(Step::ThemeRebalancing);
        let themes: Vec<&Rule> = self.rules.rules.iter().filter(|rule| rule.is_theme() && decides_themes).collect();
        for rule in themes {
            for mut theme in self.evaluate(rule, &mut Vec::new())? {
                let Some(before) = self.before.get(&theme.naming.id) else { continue };
                let is_member: BTreeSet<u32> = before.iter().copied().collect();
                theme.members.retain(|l| is_member.contains(l) || self.is_recent_offering(*l));
                let stay: BTreeSet<u32> = theme.members.iter().copied().collect();
                theme.members.extend(before.iter().copied().filter(|l| !stay.contains(l)));
                if !theme.is_ranked {
                    self.numbering.sort(&mut theme.members);
                }
                theme.rebalance = None;
                targets.push(theme);
            }
        }
        let unknown: Vec<_> = (0..self.observation.len())
            .filter(|i| self.listed[*i] && self.observation.sessions_absent[*i] == 0)
            .filter(|i| matches!(self.observation.security_type[*i], SecurityType::Cs | SecurityType::Adrc))
            .filter(|i| self.caps[*i].is_none() && self.is_recent_offering(*i as u32))
            .map(|i| &self.observation.symbol[i])
            .collect();
        if !unknown.is_empty() {
            let names = name_some(unknown.into_iter());
            notes.push(format!("no market cap yet, so in no theme that asks for one: {names}"));
        }
        for target in targets {
            self.targets.insert(target.naming.id.clone(), target);
        }
        Ok(())
    }

    /// Takes delisted listings out of every universe.
    pub(super) fn delisted_cleanup(&mut self, notes: &mut Vec<String>) {
        let missing: Vec<_> = (0..self.observation.len())
            .filter(|i| self.listed[*i] && self.observation.sessions_absent[*i] > 0)
            .map(|i| &self.observation.symbol[i])
            .collect();
        if !missing.is_empty() {
            notes.push(format!(
                "missing from the last snapshots, and kept until {DELISTED_AFTER_ABSENCES} in a row have not shown them: {}",
                name_some(missing.into_iter())
            ));
        }
        for (old, new) in &self.renamed {
            // Told once: afterwards the reference data shows the old one as gone.
            if self.observation.is_active.get(*old as usize).copied().unwrap_or(false) {
                let (old, new) = (self.numbering.symbol(*old), self.numbering.symbol(*new));
                notes.push(format!("{old} is {new} now"));
            }
        }
        for (symbol, new) in &self.taken_over {
            let symbol = self.numbering.symbol(*symbol);
            let former = new.map_or("ended".to_owned(), |new| format!("is {} now", self.numbering.symbol(new)));
            notes.push(format!("{symbol} is another listing's; the former one {former}"));
        }
        let ids: Vec<UniverseId> = self.before.keys().cloned().collect();
        for id in ids {
            if !self.targets.contains_key(&id)
                && !self.undefined.contains(&id)
                && let Some(target) = self.unchanged(&id)
            {
                self.targets.insert(id, target);
            }
        }
        let listed = std::mem::take(&mut self.listed);
        for target in self.targets.values_mut() {
            target.members.retain(|listing| listed.get(*listing as usize).copied().unwrap_or(true));
        }
        self.listed = listed;
    }

    /// Decides the themes anew.
    pub(super) fn theme_rebalancing(&mut self, notes: &mut Vec<String>) -> Result<(), EvaluationError> {
        match &self.market {
            Some(market) => notes.push(format!(
                "market {}: {:.0} % of {} listings rose, median return {:+.2} %, volatility {}",
                market.regime,
                market.session.breadth * 100.0,
                market.session.listings,
                market.session.median_return * 100.0,
                market.session.volatility.map_or("not known yet".to_owned(), |v| format!("{:.0} %", v * 100.0)),
            )),
            None => notes.push("the condition of the market is not known: too few closes in two sessions".to_owned()),
        }
        let themes: Vec<&Rule> = self.rules.rules.iter().filter(|rule| rule.is_theme()).collect();
        let mut targets = Vec::new();
        for rule in themes {
            targets.extend(self.evaluate(rule, notes)?);
        }
        for target in targets {
            self.targets.insert(target.naming.id.clone(), target);
        }
        Ok(())
    }

    fn compare_caps(&mut self, notes: &mut Vec<String>) {
        let seen = self.observation;
        let mut eligible = 0_usize;
        let mut failures = Vec::new();
        for listing in 0..seen.len() {
            let stock = matches!(seen.security_type[listing], SecurityType::Cs | SecurityType::Adrc);
            if !self.listed[listing] || !stock {
                continue;
            }
            eligible += 1;
            match fresh_cap(seen, listing) {
                None => failures.push(&seen.symbol[listing]),
                Some(fresh) if cap_moved(seen.recorded_cap[listing], fresh) => {
                    self.caps_moved.push(u32::try_from(listing).expect("numbered"));
                }
                Some(_) => {}
            }
        }
        if failures.is_empty() {
            return;
        }
        let (failed, names) = (failures.len(), name_some(failures.into_iter()));
        notes.push(format!("{failed} of {eligible} stocks keep their last cap, without shares or price: {names}"));
        if failed as f64 > CALCULATION_FAILURES_SHARE * eligible as f64 {
            self.alerts.push(Alert {
                alert: AlertKind::CalculationFailures,
                universe: None,
                message: format!("the market cap of {failed} of {eligible} stocks could not be calculated"),
            });
        }
    }

    /// Finds the universes that no rule and no import defines any more.
    fn find_undefined(&mut self, notes: &mut Vec<String>) {
        let mut kept = Vec::new();
        for (id, universe) in &self.state.universes {
            let is_mirror = self.rules.is_mirror(id);
            let has_rule = self.rules.rule_of(id).is_some() || self.state.imports.contains_key(id);
            if self.targets.contains_key(id) || is_mirror || has_rule {
                continue;
            }
            let group = universe.rule.as_ref().and_then(|mark| self.rule(&mark.name));
            if let Some(rule) = group.filter(|rule| matches!(rule.definition, Definition::Groups(_))) {
                // The rule stands and the value is gone: an emptied group, which may be a fault of the source.
                let target = self.emptied_group(id, universe, rule);
                self.targets.insert(id.clone(), target);
            } else if self.request.undefined == Undefined::Preserve {
                kept.push(id.to_string());
            } else {
                self.undefined.insert(id.clone());
            }
        }
        if !kept.is_empty() {
            let more = kept.len().saturating_sub(NOTE_NAMES_MAX);
            kept.truncate(NOTE_NAMES_MAX);
            let more = if more == 0 { String::new() } else { format!(" and {more} more") };
            notes.push(format!("preserved though nothing defines them: {}{more}", kept.join(", ")));
        }
    }
}

/// Returns which listings are on the market as of the session.
pub(super) fn listed(seen: &Observation) -> Vec<bool> {
    (0..seen.len())
        .map(|i| {
            seen.is_active[i]
                && seen.delisted_date[i].is_none_or(|delisted| seen.session < delisted)
                && seen.listing_date[i].or(seen.first_seen_session[i]).is_none_or(|since| since <= seen.session)
                && seen.sessions_absent[i] < DELISTED_AFTER_ABSENCES
        })
        .collect()
}

/// Returns the caps that a run goes by: fresh where price and shares are known, else as recorded.
pub(super) fn caps(seen: &Observation) -> Vec<Option<Usd>> {
    (0..seen.len()).map(|i| fresh_cap(seen, i).or(seen.recorded_cap[i].filter(|cap| cap.0 > 0))).collect()
}

fn fresh_cap(seen: &Observation, listing: usize) -> Option<Usd> {
    seen.close[listing]?.times_shares(seen.shares[listing].filter(|shares| *shares > 0)?)
}

fn cap_moved(recorded: Option<Usd>, fresh: Usd) -> bool {
    recorded.is_none_or(|recorded| {
        let moved = (fresh.0 as f64 - recorded.0 as f64).abs();
        moved > CAP_MOVED_SHARE * (recorded.0 as f64).abs()
    })
}

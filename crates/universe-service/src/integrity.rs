//! Integrity: whether what is stored about universes is what it should be, one named check at a time.
//!
//! The checks are pure functions over facts that were read at one moment. None of them believes what is stored, so
//! that an entry that cannot be understood is a finding and no failure.

mod checks;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use universe_core::rule::RuleSet;
use universe_core::{Symbol, UniverseId};
use universe_store::{IntegrityFacts, ListingFacts, Store, StoreError, UniverseFacts};

use crate::index_sources::silent_sources;

/// So many sessions a universe may be behind the newest prices before it is stale, unless somebody says otherwise.
pub const STALE_SESSIONS: usize = 5;

/// So many symbols one check names of one universe, before it counts the rest.
const SYMBOLS_NAMED_MAX: usize = 20;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingSeverity {
    /// What is stored is wrong.
    Error,
    /// It may be meant, but somebody should look.
    Warning,
    /// Nothing is wrong; it is good to know.
    Info,
}

impl FindingSeverity {
    /// Returns the spelling in answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

/// Something that a check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: FindingSeverity,
    /// The check.
    pub check: &'static str,
    /// The address of the universe, where it is about one.
    pub universe: Option<String>,
    /// The symbol, where it is about one.
    pub symbol: Option<String>,
    /// What is wrong, and what mends it.
    pub detail: String,
    /// Whether writing the entry anew from the memberships mends it.
    #[serde(skip)]
    pub is_repairable: bool,
}

/// What all checks together found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct IntegrityReport {
    /// How many universes were checked.
    pub checked: usize,
    /// What was found: the worst first, then in order of check, universe and symbol.
    pub findings: Vec<Finding>,
}

impl IntegrityReport {
    /// Returns whether something is wrong.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity == FindingSeverity::Error)
    }
}

/// Checks the sources of imported histories as well: whether they still say something of today.
///
/// # Errors
/// When the store cannot be read.
pub async fn check_sources(
    store: &dyn Store,
    environment: &str,
    report: &mut IntegrityReport,
) -> Result<(), StoreError> {
    for alert in silent_sources(store, environment).await? {
        report.findings.push(Finding {
            severity: FindingSeverity::Warning,
            check: "source_silent",
            universe: alert.universe.map(|universe| universe.to_string()),
            symbol: None,
            detail: format!("{}; `universe import history` takes what is newer", alert.message),
            is_repairable: false,
        });
    }
    sort(&mut report.findings);
    Ok(())
}

fn sort(findings: &mut [Finding]) {
    findings.sort_by(|a, b| {
        let key = |finding: &Finding| (finding.severity, finding.check);
        key(a).cmp(&key(b)).then_with(|| (&a.universe, &a.symbol, &a.detail).cmp(&(&b.universe, &b.symbol, &b.detail)))
    });
}

/// Checks everything; `stale_sessions` is how far a universe may be behind the newest prices.
#[must_use]
pub fn check_integrity(facts: &IntegrityFacts, rules: &RuleSet, stale_sessions: usize) -> IntegrityReport {
    let mut subject = Subject::new(facts, rules, stale_sessions);
    for check in checks::ALL {
        check(&mut subject);
    }
    let mut findings = subject.findings;
    sort(&mut findings);
    let live = facts.universes.iter().filter(|universe| !universe.is_retired).count();
    IntegrityReport { checked: live + facts.foreign.len(), findings }
}

/// Returns the universes whose entries are not what the memberships say, and can be written anew from them.
#[must_use]
pub fn damaged_entries(facts: &IntegrityFacts, rules: &RuleSet) -> BTreeSet<UniverseId> {
    let mut subject = Subject::new(facts, rules, usize::MAX);
    for check in checks::OF_ENTRIES {
        check(&mut subject);
    }
    let repairable = subject.findings.into_iter().filter(|finding| finding.is_repairable);
    repairable.filter_map(|finding| finding.universe?.parse().ok()).collect()
}

/// What the checks look at, and what they found so far.
struct Subject<'a> {
    facts: &'a IntegrityFacts,
    rules: &'a RuleSet,
    stale_sessions: usize,
    listings: BTreeMap<&'a Symbol, &'a ListingFacts>,
    findings: Vec<Finding>,
}

impl<'a> Subject<'a> {
    fn new(facts: &'a IntegrityFacts, rules: &'a RuleSet, stale_sessions: usize) -> Self {
        let listings = facts.listings.iter().map(|listing| (&listing.symbol, listing)).collect();
        Self { facts, rules, stale_sessions, listings, findings: Vec::new() }
    }

    /// The universes of our own that have not ended.
    fn live(&self) -> impl Iterator<Item = &'a UniverseFacts> + use<'a> {
        self.facts.universes.iter().filter(|universe| !universe.is_retired)
    }

    fn find(
        &mut self,
        severity: FindingSeverity,
        check: &'static str,
        universe: &UniverseId,
        detail: impl Into<String>,
    ) {
        let (universe, detail) = (Some(universe.to_string()), detail.into());
        self.findings.push(Finding { severity, check, universe, symbol: None, detail, is_repairable: false });
    }

    /// Notes what writing the entry anew mends.
    fn find_damage(&mut self, check: &'static str, universe: &UniverseId, detail: impl Into<String>) {
        self.find(FindingSeverity::Error, check, universe, detail);
        if let Some(finding) = self.findings.last_mut() {
            finding.is_repairable = true;
        }
    }

    /// Notes the same of several symbols of one universe, by name up to a limit.
    fn find_symbols(
        &mut self,
        severity: FindingSeverity,
        check: &'static str,
        universe: &UniverseId,
        symbols: &[&Symbol],
        detail: &str,
    ) {
        for symbol in symbols.iter().take(SYMBOLS_NAMED_MAX) {
            self.find(severity, check, universe, detail);
            if let Some(finding) = self.findings.last_mut() {
                finding.symbol = Some(symbol.to_string());
            }
        }
        let more = symbols.len().saturating_sub(SYMBOLS_NAMED_MAX);
        if more > 0 {
            self.find(severity, check, universe, format!("and {more} more symbols: {detail}"));
        }
    }
}

#[cfg(test)]
mod tests;

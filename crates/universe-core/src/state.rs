//! What the last run left behind: the other input of a decision.

use std::collections::BTreeMap;

use jiff::civil::Date;

use crate::identity::SymbolChange;
use crate::market::MarketSession;
use crate::{Category, Symbol, UniverseId};

/// The memberships and figures as of the last run of an environment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// Rises by one with every run that changed something; a plan applies to one version only.
    pub version: u64,
    /// The newest session that was synchronized.
    pub last_session: Option<Date>,
    /// The universes that have an entry.
    pub universes: BTreeMap<UniverseId, UniverseState>,
    /// The number of the last change of universes that were retired: one that is made again counts on from it.
    pub retired: BTreeMap<UniverseId, u64>,
    /// The lists that were imported for universes whose members somebody else decides.
    pub imports: BTreeMap<UniverseId, ImportedList>,
    /// The members that are put in or left out by hand as of the session to be planned, oldest first.
    pub overrides: Vec<Override>,
    /// The symbols that changed up to the session to be planned, oldest first.
    pub symbol_changes: Vec<SymbolChange>,
    /// Figures of the market by session, oldest first, none later than the session to be planned.
    pub market: Vec<MarketSession>,
    /// The fingerprint of what the last run of `last_session` held back.
    pub held: Option<String>,
}

/// One universe as it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct UniverseState {
    /// What people call it.
    pub name: String,
    /// What it groups by; `None` where an older program wrote something else.
    pub category: Option<Category>,
    /// The rule that made it; `None` for an entry that another program wrote.
    pub rule: Option<RuleMark>,
    /// The members in the order of the entry.
    pub members: Vec<Symbol>,
    /// The number of its last change.
    pub sequence: u64,
    /// The session whose data decided its members last.
    pub reconstituted_session: Option<Date>,
    /// Whether the entry still is what was written last.
    pub entry_is_intact: bool,
}

/// Which text of which rule was in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleMark {
    /// The name of the rule.
    pub name: String,
    /// The fingerprint of its text.
    pub version: String,
}

/// A member that is put into a universe, or left out of it, whatever its rule says: by hand, or because a change
/// was announced ahead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// The universe.
    pub universe: UniverseId,
    /// The symbol.
    pub symbol: Symbol,
    /// Whether it is to be a member.
    pub is_member: bool,
    /// The first session.
    pub from: Date,
    /// The first session no longer; `None` until it is withdrawn.
    pub until: Option<Date>,
    /// Why, for people.
    pub reason: String,
    /// Who says so.
    pub actor: String,
}

impl Override {
    /// Returns whether it holds for a session.
    #[must_use]
    pub fn holds(&self, session: Date) -> bool {
        self.from <= session && self.until.is_none_or(|until| session < until)
    }
}

/// A list of members from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportedList {
    /// What people call the universe; `None` leaves the rule's or the present name.
    pub name: Option<String>,
    /// The members.
    pub symbols: Vec<Symbol>,
    /// Where they came from.
    pub source: String,
}

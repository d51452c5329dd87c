//! A plan: every decision of a run, made before anything is written, and why.

mod past;
mod render;

use std::fmt;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::market::{MarketCondition, Regime};
use crate::state::ImportedList;
use crate::{Category, Symbol, TextColumn, UniverseId, Usd};

pub use past::{PastChange, PastInterval, PlannedPresent, RecordedInterval, plan_past};
pub use render::render_diff;

/// Which part of the work a run does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Everything.
    Full,
    /// Market caps, and the universes that follow from them.
    MarketCap,
    /// Themes.
    Themes,
    /// Recent public offerings, and their places in themes.
    Ipos,
}

/// The steps of a run, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Market caps from the latest closes; bands, rankings, leaders, sectors, industries, lists.
    MarketCapRecalculation,
    /// Recent public offerings into their universe and themes.
    IpoAssignment,
    /// Delisted listings out of every universe.
    DelistedCleanup,
    /// Themes evaluated anew.
    ThemeRebalancing,
    /// Events for everybody who follows.
    Notifications,
}

/// What happens to one universe in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It did not exist.
    Created,
    /// Members come or go.
    Updated,
    /// The same members in another order of rank.
    Reordered,
    /// The same members; what is said about them (rule, statistics, repaired entry) is written anew.
    Refreshed,
    /// Somebody else changed the entry; it is written anew, and no membership begins or ends. Who comes and who
    /// goes is what readers of the entry see.
    Repaired,
    /// No rule and no import defines it any more.
    Retired,
    /// It would change, but all of that waits for approval.
    Held,
}

/// Every decision of a run. Applying it decides nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The session that the data describes.
    pub session: Date,
    /// The part of the work that was planned.
    pub mode: Mode,
    /// The version of the state that it was made from, and applies to.
    pub base_version: u64,
    /// The symbols that the numbers in this plan stand for.
    pub symbols: Vec<Symbol>,
    /// The market cap of each listing as decided; those behind the observed ones have none.
    pub caps: Vec<Option<Usd>>,
    /// The sector of each observed listing; shorter than the symbols, like what was observed.
    pub sectors: TextColumn,
    /// The listings whose recorded cap is to be rewritten.
    pub caps_moved: Vec<u32>,
    /// The universes that something happens to, in order of address.
    pub universes: Vec<UniversePlan>,
    /// The listings that leave the market, in order of symbol.
    pub delistings: Vec<Delisting>,
    /// The public offerings that were given their places, in order of symbol.
    pub offerings: Vec<Offering>,
    /// The condition of the market that rules reacted to.
    pub market: Option<MarketCondition>,
    /// What each step did, and did not do.
    pub steps: Vec<StepReport>,
    /// What an administrator should know.
    pub alerts: Vec<Alert>,
    /// The fingerprint of what is held, to tell a hold that is news from one that is known.
    pub held: Option<String>,
    /// Whether the state holds back something else than before, or was made by an earlier session.
    pub is_news: bool,
    /// Why it does not follow the rules, where somebody put members in their place.
    pub cause: Option<Cause>,
    /// The lists that are stored or removed with it, in order of address.
    pub lists: Vec<ListChange>,
    /// What becomes different about the past, in order of address.
    pub past: Vec<PastChange>,
}

/// Why members are put in their place, past the rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// An export is read back.
    Import {
        /// The file, or the files.
        source: String,
    },
    /// The memberships become again what a run left.
    Rollback {
        /// The run.
        run_id: Uuid,
    },
    /// Somebody else changed entries; they become again what the memberships say.
    Repair,
    /// Somebody corrects the recorded past.
    Correction {
        /// Why.
        reason: String,
    },
    /// Sources of an index's history were taken up.
    History {
        /// The sources.
        source: String,
    },
}

/// The list of a universe whose members somebody else decides, as it is to be from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListChange {
    /// The universe.
    pub id: UniverseId,
    /// The list; `None` where there is to be none.
    pub list: Option<ImportedList>,
}

/// What happens to one universe.
#[derive(Clone, Debug, PartialEq)]
pub struct UniversePlan {
    /// Its address.
    pub id: UniverseId,
    /// What people call it.
    pub name: String,
    /// What it groups by.
    pub category: Category,
    /// The name of the rule; `import` for a list without one.
    pub rule: String,
    /// The fingerprint of the rule's text.
    pub rule_version: String,
    /// Older keys under which an entry with the same value is kept.
    pub mirrors: Vec<String>,
    /// What happens.
    pub action: Action,
    /// Whether members are in order of rank (otherwise of symbol).
    pub is_ranked: bool,
    /// How members were chosen, for people.
    pub basis: Basis,
    /// The members from now on, in the order of the entry.
    pub members: Vec<u32>,
    /// How many there were before.
    pub count_before: usize,
    /// Who comes, in order of the entry.
    pub added: Vec<Change>,
    /// Who goes, in order of symbol.
    pub removed: Vec<Change>,
    /// What waits for approval. Delistings do not wait, so that a universe may change and be held at once.
    pub held: Option<HeldChange>,
    /// The number of this change; unchanged where members stay the same.
    pub sequence: u64,
    /// The session whose data decided its members.
    pub reconstituted_session: Date,
    /// The statistics of a theme's rebalancing.
    pub rebalance: Option<Rebalance>,
}

/// The part of a universe's change that waits for approval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldChange {
    /// Who would come, in order of the entry.
    pub added: Vec<Change>,
    /// Who would go, in order of symbol.
    pub removed: Vec<Change>,
}

/// One listing coming or going.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// The number of the listing in [`Plan::symbols`].
    pub listing: u32,
    /// The step that it belongs to.
    pub step: Step,
    /// Why.
    pub reason: Reason,
}

/// How the members of a universe were chosen.
#[derive(Clone, Debug, PartialEq)]
pub enum Basis {
    /// A band of the metric.
    Band {
        /// The breakpoint, inclusive.
        at_least: f64,
        /// The breakpoint above.
        below: Option<f64>,
    },
    /// A number of places.
    Rank {
        /// How many places.
        count: usize,
    },
    /// A screen, perhaps with bounds on the metric.
    Screen,
    /// A value of a field.
    Group(String),
    /// The rule's own list.
    Fixed,
    /// A list from outside.
    Imported,
    /// Nothing any more.
    Nothing,
}

/// The deciding reason for coming or going.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// In: the metric lies in the band.
    InBand,
    /// In: the rank is good enough.
    RankReached(u32),
    /// In: the screen holds.
    ScreenPassed,
    /// In: the field has the group's value.
    InGroup,
    /// In: on the rule's list.
    Listed,
    /// In: on the imported list.
    Imported,
    /// In: a recent public offering.
    RecentOffering,
    /// Out: no longer listed.
    Delisted,
    /// Out: the metric lies outside the band.
    OutOfBand,
    /// Out: the rank is not good enough; zero when it has none.
    RankLost(u32),
    /// Out: the screen does not hold, or the bounds are passed.
    ScreenFailed,
    /// Out: another value of the field.
    OutOfGroup,
    /// Out: another kind of security than the rule takes, or another share class stands for the company.
    NotEligible,
    /// Out: not on the list any more.
    Unlisted,
    /// Out: the universe itself goes.
    UniverseRetired,
    /// In or out: as an earlier run left it.
    Restored,
    /// In or out: somebody put it there by hand, or announced it.
    Overridden,
    /// In or out: the listing goes on under another symbol.
    Renamed,
}

/// A listing that leaves the market.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delisting {
    /// The number of the listing in [`Plan::symbols`].
    pub listing: u32,
    /// How it is known.
    pub evidence: DelistingEvidence,
    /// The universes that it leaves.
    pub universes: Vec<UniverseId>,
}

/// How a delisting is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DelistingEvidence {
    /// The reference data says so.
    Recorded,
    /// It was missing from so many full snapshots in a row; the reference data will now say so.
    Absent {
        /// How many.
        snapshots: u16,
    },
    /// It goes on under another symbol; the reference data will now show the old one as gone.
    Renamed {
        /// The number of the listing that it is now.
        to: u32,
    },
}

/// A public offering and the universes that it came into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offering {
    /// The number of the listing in [`Plan::symbols`].
    pub listing: u32,
    /// Its listing date, or else the session that showed it first.
    pub listed_on: Option<Date>,
    /// The sector.
    pub sector: Option<String>,
    /// The universes.
    pub universes: Vec<UniverseId>,
}

/// The statistics of a theme's rebalancing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rebalance {
    /// How many members it has.
    pub members: usize,
    /// How many came.
    pub added: usize,
    /// How many went.
    pub removed: usize,
    /// The mean of both as a share of the members before.
    pub turnover: f64,
    /// The regime of the market that the rule reacted to.
    pub market: Option<Regime>,
}

/// What a step did, and did not do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepReport {
    /// The step.
    pub step: Step,
    /// How it ended.
    pub status: StepStatus,
    /// How many memberships, caps and entries it changes.
    pub changes: usize,
    /// What it chose not to do, what it waits for, and why: sentences for people.
    pub notes: Vec<String>,
    /// Why it failed.
    pub error: Option<String>,
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepStatus {
    /// It did what it should.
    Success,
    /// It left its universes as they were.
    Failed,
    /// The mode does without it.
    Skipped,
}

/// Something that an administrator should know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// What kind.
    pub alert: AlertKind,
    /// The universe, where it is about one.
    pub universe: Option<UniverseId>,
    /// What happened, for people.
    pub message: String,
}

/// The kinds of alert (contract, section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertKind {
    /// The run took longer than five minutes.
    RunTooLong,
    /// More than a tenth of the market caps could not be calculated.
    CalculationFailures,
    /// Events could not be published.
    PublishingFailures,
    /// More than the allowed share of a universe's members would change.
    MembershipChange,
    /// A step failed, and left its universes as they were.
    StepFailed,
    /// A run failed, and changed nothing.
    RunFailed,
    /// The end-of-day signal did not come in time.
    NoEodSignal,
    /// A source of an index's history stopped changing, or all of them ended long ago.
    SourceSilent,
}

impl Mode {
    /// All modes.
    pub const ALL: [Self; 4] = [Self::Full, Self::MarketCap, Self::Themes, Self::Ipos];

    /// Returns the spelling in requests and records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::MarketCap => "market_cap",
            Self::Themes => "themes",
            Self::Ipos => "ipos",
        }
    }

    /// Finds the mode of a spelling.
    #[must_use]
    pub fn from_spelling(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == text)
    }

    /// Returns whether a run in this mode takes the step.
    #[must_use]
    pub const fn takes(self, step: Step) -> bool {
        match self {
            Self::Full => true,
            Self::MarketCap => matches!(step, Step::MarketCapRecalculation | Step::Notifications),
            Self::Themes => matches!(step, Step::ThemeRebalancing | Step::Notifications),
            Self::Ipos => matches!(step, Step::IpoAssignment | Step::Notifications),
        }
    }
}

impl Step {
    /// All steps, in their order.
    pub const ALL: [Self; 5] = [
        Self::MarketCapRecalculation,
        Self::IpoAssignment,
        Self::DelistedCleanup,
        Self::ThemeRebalancing,
        Self::Notifications,
    ];

    /// Returns the spelling in records and events.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MarketCapRecalculation => "market_cap_recalculation",
            Self::IpoAssignment => "ipo_assignment",
            Self::DelistedCleanup => "delisted_cleanup",
            Self::ThemeRebalancing => "theme_rebalancing",
            Self::Notifications => "notifications",
        }
    }
}

impl Reason {
    /// Returns the code under which the reason is stored with a membership.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::InBand => "in_band",
            Self::RankReached(_) => "rank_reached",
            Self::ScreenPassed => "screen_passed",
            Self::InGroup => "in_group",
            Self::Listed => "listed",
            Self::Imported => "imported",
            Self::RecentOffering => "recent_offering",
            Self::Delisted => "delisted",
            Self::OutOfBand => "out_of_band",
            Self::RankLost(_) => "rank_lost",
            Self::ScreenFailed => "screen_failed",
            Self::OutOfGroup => "out_of_group",
            Self::NotEligible => "not_eligible",
            Self::Unlisted => "unlisted",
            Self::UniverseRetired => "universe_retired",
            Self::Restored => "restored",
            Self::Overridden => "overridden",
            Self::Renamed => "renamed",
        }
    }

    /// Returns the rank that decided, where a rank did.
    #[must_use]
    pub const fn rank(self) -> Option<u32> {
        match self {
            Self::RankReached(rank) => Some(rank),
            Self::RankLost(rank) if rank > 0 => Some(rank),
            _ => None,
        }
    }
}

impl Cause {
    /// Returns the word for such a run where runs are listed.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Import { .. } => "import",
            Self::Rollback { .. } => "rollback",
            Self::Repair => "repair",
            Self::Correction { .. } => "correction",
            Self::History { .. } => "import_history",
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Import { source } => write!(f, "import of {source}"),
            Self::Rollback { run_id } => write!(f, "rollback to {run_id}"),
            Self::Repair => f.write_str("repair of the entry"),
            Self::Correction { reason } => write!(f, "correction: {reason}"),
            Self::History { source } => write!(f, "history from {source}"),
        }
    }
}

impl Plan {
    /// Returns whether there is nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.caps_moved.is_empty()
            && self.past.iter().all(PastChange::is_empty)
            && self.delistings.is_empty()
            && !self.is_news
            && self.universes.iter().all(|universe| universe.action == Action::Held)
    }

    /// Returns the universes with a change that waits for approval.
    pub fn held_universes(&self) -> impl Iterator<Item = (&UniversePlan, &HeldChange)> {
        self.universes.iter().filter_map(|universe| Some((universe, universe.held.as_ref()?)))
    }

    /// Returns the universes whose members change.
    pub fn changed_universes(&self) -> impl Iterator<Item = &UniversePlan> {
        self.universes.iter().filter(|universe| match universe.action {
            Action::Repaired => !universe.added.is_empty() || !universe.removed.is_empty(),
            action => action.changes_members(),
        })
    }

    /// Returns the symbol of a listing.
    #[must_use]
    pub fn symbol(&self, listing: u32) -> &Symbol {
        &self.symbols[listing as usize]
    }

    /// Returns the symbols of a universe's members, in the order of the entry.
    pub fn member_symbols<'a>(&'a self, universe: &'a UniversePlan) -> impl Iterator<Item = &'a Symbol> {
        universe.members.iter().map(|listing| self.symbol(*listing))
    }

    /// Returns whether any step failed.
    #[must_use]
    pub fn has_failed_step(&self) -> bool {
        self.steps.iter().any(|step| step.status == StepStatus::Failed)
    }

    /// Returns the number of memberships that come and go, caps that are rewritten and listings that leave.
    #[must_use]
    pub fn total_changes(&self) -> usize {
        let past = self.past.iter().map(|change| change.superseded.len() + change.intervals.len());
        self.steps.iter().map(|step| step.changes).chain(past).sum()
    }
}

impl Action {
    /// Returns whether members come or go, so that followers are to be told.
    #[must_use]
    pub const fn changes_members(self) -> bool {
        match self {
            Self::Created | Self::Updated | Self::Repaired | Self::Retired => true,
            Self::Reordered | Self::Refreshed | Self::Held => false,
        }
    }

    /// Returns the spelling in events and records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Reordered => "reordered",
            Self::Refreshed => "refreshed",
            Self::Repaired => "repaired",
            Self::Retired => "retired",
            Self::Held => "held",
        }
    }
}

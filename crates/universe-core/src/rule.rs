//! Rules: what belongs to a universe, as the files in `universes/` say it.

mod defaults;
mod file;
mod set;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::market::Regime;
use crate::{Category, Metric, Observation, Screen, SecurityType, Symbol, TextColumn, UniverseId, UniverseType};

pub(crate) use file::CHANGE_LIMIT;
pub use file::RuleError;
pub use set::{PROFILES, RuleFile, RuleSet};

/// One rule file, read and checked: a universe, or a family of them that is decided together.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// The name of the file without its ending; recorded with every entry that the rule makes.
    pub name: String,
    /// A fingerprint of the text that was in force (file and profile), so that a change of rules shows.
    pub version: String,
    /// What people should know about it.
    pub description: Option<String>,
    /// Where its universes live.
    pub universe_type: UniverseType,
    /// What its universes group by.
    pub category: Category,
    /// The kinds of security that may be members at all.
    pub securities: Vec<SecurityType>,
    /// The eligibility screen; without one, every listing of the right kind is eligible.
    pub screen: Option<Screen>,
    /// What listings are ranked on and compared with thresholds.
    pub metric: Metric,
    /// How far past a threshold a member stays: 0.1 is 10 % of the value or of the rank. Zero is no buffer.
    pub buffer: f64,
    /// How several share classes of one company count.
    pub share_classes: ShareClasses,
    /// How often membership is decided anew; delistings do not wait.
    pub cadence: Cadence,
    /// How much may change in one run before the change waits for approval.
    pub change_limit: Option<ChangeLimit>,
    /// How members are chosen.
    pub definition: Definition,
}

/// How the members of a rule's universes are chosen.
#[derive(Clone, Debug, PartialEq)]
pub enum Definition {
    /// One universe.
    Single(Box<SingleUniverse>),
    /// Bands between breakpoints of the metric: every listing is in one of them at most.
    Bands(Vec<Band>),
    /// The first so many by the metric.
    Rankings(Vec<Ranking>),
    /// One universe for each value of a field.
    Groups(Groups),
}

/// A universe with a rule of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct SingleUniverse {
    /// Its address and name.
    pub naming: Naming,
    /// Older keys that resolve to it.
    pub aliases: Vec<String>,
    /// Older keys under which programs read it by SQL: entries with the same value are kept for them.
    pub mirrors: Vec<String>,
    /// How its members are chosen.
    pub membership: Membership,
}

/// How the members of a single universe are chosen.
#[derive(Clone, Debug, PartialEq)]
pub enum Membership {
    /// By the rule's screen.
    Screened {
        /// Bounds and size.
        selection: Selection,
        /// Other bounds and sizes while the market is in a certain regime.
        when: Vec<(Regime, Selection)>,
        /// The members as long as a field that the rule needs is not loaded.
        fixed: Option<Vec<Symbol>>,
    },
    /// By a fixed list.
    Fixed(Vec<Symbol>),
    /// By lists that are imported.
    Imported,
}

/// Bounds on the metric, and the size, of a screened universe.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Selection {
    /// At most so many, best metric first; the universe is then in rank order.
    pub count: Option<usize>,
    /// The least metric, inclusive.
    pub at_least: Option<f64>,
    /// The metric must be below this.
    pub below: Option<f64>,
}

/// A band of a family: from its breakpoint up to the next higher one.
#[derive(Clone, Debug, PartialEq)]
pub struct Band {
    /// Its address and name.
    pub naming: Naming,
    /// Its breakpoint: the least metric in the band, inclusive.
    pub at_least: f64,
    /// The breakpoint of the band above; `None` for the highest.
    pub below: Option<f64>,
}

/// A ranking of a family.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranking {
    /// Its address and name.
    pub naming: Naming,
    /// How many members it has.
    pub count: usize,
}

/// A family with one universe for each value of a field.
#[derive(Clone, Debug, PartialEq)]
pub struct Groups {
    /// The field.
    pub by: GroupField,
    /// The key of each universe, with `{}` for the value's slug.
    pub key: String,
    /// The name of each universe, with `{}` for the value.
    pub name: String,
    /// Names for the spellings of sources: several spellings with one name are one group.
    pub names: Vec<(String, String)>,
    /// At most so many of each group, best metric first.
    pub count: Option<usize>,
}

/// The address of a universe and what people call it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Naming {
    /// The address.
    pub id: UniverseId,
    /// The name, in Title Case.
    pub name: String,
}

/// A field that has one universe for each of its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupField {
    /// The sector.
    Sector,
    /// The industry.
    Industry,
    /// The country of domicile.
    Country,
    /// The exchange.
    Exchange,
}

/// How several share classes of one company count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShareClasses {
    /// Each line for itself.
    EachLine,
    /// Where several lines show the whole company's cap, only the most traded one is eligible.
    OnePerCompany,
}

/// How often membership is decided anew: on the first synchronized session of each period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cadence {
    /// Every session.
    Daily,
    /// Every ISO week.
    Weekly,
    /// Every calendar month.
    Monthly,
    /// Every calendar quarter.
    Quarterly,
}

/// How much of a universe may change in one run before the change waits for approval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ChangeLimit {
    /// The share of the members: 0.2 is 20 %.
    pub share: f64,
    /// So few changes never wait, whatever their share: in a universe of four, one change is a quarter.
    pub count_min: usize,
}

impl Cadence {
    /// Returns whether membership decided as of `last` is to be decided anew as of `session`.
    #[must_use]
    pub fn is_due(self, last: Option<Date>, session: Date) -> bool {
        let Some(last) = last else { return true };
        let quarter = |day: Date| (day.year(), (day.month() - 1) / 3);
        match self {
            Self::Daily => true,
            Self::Weekly => {
                let week = |day: Date| (day.iso_week_date().year(), day.iso_week_date().week());
                week(last) != week(session)
            }
            Self::Monthly => (last.year(), last.month()) != (session.year(), session.month()),
            Self::Quarterly => quarter(last) != quarter(session),
        }
    }
}

impl Rule {
    /// Returns the loadable figures that it needs, each once, sorted.
    #[must_use]
    pub fn facts(&self) -> Vec<String> {
        let mut facts = self.metric.facts();
        facts.extend(self.screen.iter().flat_map(Screen::facts));
        facts.sort();
        facts.dedup();
        facts
    }

    /// Returns whether its universes are decided in the theme step rather than with the market caps.
    #[must_use]
    pub fn is_theme(&self) -> bool {
        self.category == Category::Theme
    }
}

impl Selection {
    /// Returns whether a metric lies within the bounds, widened by `buffer` for a member.
    #[must_use]
    pub fn admits(&self, metric: f64, buffer: f64) -> bool {
        self.at_least.is_none_or(|lo| widened(lo, -buffer) <= widened(metric, 0.0))
            && self.below.is_none_or(|hi| widened(metric, 0.0) < widened(hi, buffer))
    }
}

impl Band {
    /// Returns whether a metric lies in the band, widened by `buffer` for a member.
    #[must_use]
    pub fn admits(&self, metric: f64, buffer: f64) -> bool {
        Selection { count: None, at_least: Some(self.at_least), below: self.below }.admits(metric, buffer)
    }
}

impl GroupField {
    /// Returns the name of the field.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sector => "sector",
            Self::Industry => "industry",
            Self::Country => "country",
            Self::Exchange => "exchange",
        }
    }

    /// Returns the values of the field.
    #[must_use]
    pub const fn column(self, observation: &Observation) -> &TextColumn {
        match self {
            Self::Sector => &observation.sector,
            Self::Industry => &observation.industry,
            Self::Country => &observation.country,
            Self::Exchange => &observation.exchange,
        }
    }
}

impl Groups {
    /// Returns the name of the group that a source's value belongs to.
    #[must_use]
    pub fn group_name<'a>(&'a self, value: &'a str) -> &'a str {
        self.names.iter().find(|(spelling, _)| spelling == value).map_or(value, |(_, name)| name)
    }

    /// Returns the address and name of a group's universe; `None` when no key can be made of its name.
    #[must_use]
    pub fn naming(&self, universe_type: UniverseType, group: &str) -> Option<Naming> {
        let slug = crate::key_slug(group);
        if slug.is_empty() {
            return None;
        }
        let id = UniverseId::new(universe_type, &self.key.replace("{}", &slug)).ok()?;
        Some(Naming { id, name: self.name.replace("{}", group.trim()) })
    }
}

/// Returns a threshold moved by a share of itself, a million times as large.
///
/// Shares are taken in whole millionths, so that 10 % over 200 billion is 220 billion and not a hair more, as
/// it would be in binary fractions.
fn widened(threshold: f64, share: f64) -> f64 {
    threshold * (1e6 + (share * 1e6).round())
}

#[cfg(test)]
mod tests;

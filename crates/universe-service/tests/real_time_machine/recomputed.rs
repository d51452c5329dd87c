//! Who belongs where, computed from the files alone, in the plainest way: no planner, no store, no rule is asked.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use universe_core::identity::SymbolChange;
use universe_core::rule::{Definition, Membership, RuleSet};
use universe_core::{SecurityType, Snapshot, Symbol, UniverseId, UniverseType, key_slug};

/// So many snapshots in a row without it, and a listing is taken for delisted.
const ABSENCES: usize = 10;
/// For so many days a listing is a recent offering.
const OFFERING_DAYS: i32 = 30;

const BANDS: [(&str, i64, i64); 5] = [
    ("mega_cap", 200_000_000_000, i64::MAX),
    ("large_cap", 10_000_000_000, 200_000_000_000),
    ("mid_cap", 2_000_000_000, 10_000_000_000),
    ("small_cap", 300_000_000, 2_000_000_000),
    ("micro_cap", 50_000_000, 300_000_000),
];

pub(crate) const RANKINGS: [(&str, usize); 7] = [
    ("top_10", 10),
    ("top_50", 50),
    ("top_100", 100),
    ("top_250", 250),
    ("top_500", 500),
    ("top_1000", 1_000),
    ("top_2000", 2_000),
];

const GROWTH: [&str; 8] = [
    "Technology",
    "Information Technology",
    "Health Care",
    "Healthcare",
    "Consumer Discretionary",
    "Consumer Services",
    "Telecommunications",
    "Communication Services",
];

/// What the days so far have shown of one listing; what a day leaves blank stays as it was.
#[derive(Clone, Debug, Default)]
struct Line {
    name: Option<String>,
    kind: Option<SecurityType>,
    sector: Option<String>,
    industry: Option<String>,
    /// In millionths of a dollar.
    close: Option<i64>,
    shares: Option<i64>,
    /// The cap of the first day that stated one: it counts until there are shares.
    stated_cap: Option<i64>,
    /// The number of the last day that showed it.
    shown_on: usize,
    /// The day that showed it first, where it may be an offering of that day.
    offered: Option<Date>,
}

/// What the days so far have shown.
#[derive(Clone, Debug, Default)]
pub(crate) struct Days {
    lines: BTreeMap<Symbol, Line>,
    days: usize,
    last: Option<Date>,
    /// Symbols that went on as others.
    renamed: BTreeMap<Symbol, Symbol>,
}

/// What a universe may consist of.
#[derive(Clone, Debug)]
pub(crate) enum Expected {
    These(BTreeSet<Symbol>),
    /// So many of the first, depending on the condition of the market, which is not recomputed.
    FirstOf(Vec<Symbol>, [usize; 2]),
}

/// A list that stands in a rule.
#[derive(Clone, Debug)]
pub(crate) struct FixedList {
    id: UniverseId,
    symbols: Vec<Symbol>,
}

/// Returns the lists that stand in rules, also those that hold only as long as no figures are loaded.
pub(crate) fn fixed_lists(rules: &RuleSet) -> Vec<FixedList> {
    let mut lists = Vec::new();
    for rule in &rules.rules {
        if let Definition::Single(single) = &rule.definition
            && let Membership::Fixed(symbols) | Membership::Screened { fixed: Some(symbols), .. } = &single.membership
        {
            lists.push(FixedList { id: single.naming.id.clone(), symbols: symbols.clone() });
        }
    }
    lists
}

pub(crate) fn stocks(key: &str) -> UniverseId {
    UniverseId::new(UniverseType::StockUniverse, key).expect("an address")
}

impl Days {
    /// Takes the next day.
    pub(crate) fn take(&mut self, day: &Snapshot) {
        let follows_soon = self.last.is_some_and(|last| (day.session - last).get_days() <= OFFERING_DAYS);
        self.days += 1;
        self.last = Some(day.session);
        for row in &day.rows {
            let said = &row.listing;
            let is_first = !self.lines.contains_key(&said.symbol);
            let line = self.lines.entry(said.symbol.clone()).or_default();
            line.shown_on = self.days;
            if is_first && follows_soon && said.ipo_year.is_none_or(|year| day.session.year() <= year) {
                line.offered = Some(day.session);
            }
            if said.company_name.is_some() && said.company_name != line.name {
                line.kind = said.security_type.or(line.kind);
                line.name.clone_from(&said.company_name);
            }
            line.sector = said.sector.clone().or(line.sector.take());
            line.industry = said.industry.clone().or(line.industry.take());
            line.close = row.close.map(|close| close.micros()).or(line.close);
            line.shares = said.weighted_shares_outstanding.or(line.shares);
            line.stated_cap = line.stated_cap.or(said.market_cap.map(|cap| cap.0));
        }
    }

    /// Returns the days with listings in the places of what they were before their symbols changed.
    ///
    /// Which symbols changed is not recomputed: other tests compare that with what happened.
    pub(crate) fn following(mut self, changes: &[SymbolChange]) -> Self {
        let today = self.last.expect("a day was taken");
        let mut changes: Vec<&SymbolChange> = changes.iter().filter(|change| change.date <= today).collect();
        changes.sort();
        for change in changes {
            let Some(to) = &change.to else { continue };
            let Some(old) = self.lines.get(&change.from).cloned() else { continue };
            if !self.lines.get(to).is_some_and(|line| self.is_listed(line)) {
                continue;
            }
            // Whoever has the symbol now is another one.
            let is_gone = old.shown_on < self.days;
            if is_gone {
                self.lines.remove(&change.from);
            }
            let new = self.lines.get_mut(to).expect("seen above");
            // As old as under the old symbol.
            new.offered = old.offered.and_then(|earlier| Some(new.offered?.min(earlier)));
            if cap(new).is_none()
                && let (Some(before), Some(after)) = (old.close, new.close)
                && (2 * after <= 3 * before && 2 * before <= 3 * after)
            {
                new.shares = old.shares;
            }
            if is_gone {
                new.sector = new.sector.take().or(old.sector);
                new.industry = new.industry.take().or(old.industry);
                self.renamed.insert(change.from.clone(), to.clone());
            }
        }
        self
    }

    /// Returns the members of every universe as of the last day.
    pub(crate) fn members(&self, lists: &[FixedList]) -> BTreeMap<UniverseId, Expected> {
        let mut expected = BTreeMap::new();
        let mut these = |key: &str, symbols: BTreeSet<Symbol>| {
            expected.insert(stocks(key), Expected::These(symbols));
        };
        let listed: Vec<(&Symbol, &Line)> = self.lines.iter().filter(|(_, line)| self.is_listed(line)).collect();
        let common: Vec<(&Symbol, &Line)> = listed
            .iter()
            .copied()
            .filter(|(_, line)| matches!(line.kind, Some(SecurityType::Cs | SecurityType::Adrc)))
            .collect();
        these("master_all_stocks", symbols(common.iter().map(|(symbol, _)| *symbol)));
        these("recent_ipos", symbols(common.iter().filter(|(_, line)| self.is_offering(line)).map(|(s, _)| *s)));

        let mut by_cap: Vec<(i64, &Symbol, &Line)> =
            common.iter().filter_map(|(symbol, line)| Some((cap(line)?, *symbol, *line))).collect();
        by_cap.sort_by_key(|(cap, symbol, _)| (Reverse(*cap), *symbol));
        for (key, at_least, below) in BANDS {
            let inside = by_cap.iter().filter(|(cap, ..)| at_least <= *cap && *cap < below);
            these(key, symbols(inside.map(|(_, symbol, _)| *symbol)));
        }
        for (key, count) in RANKINGS {
            these(key, symbols(by_cap.iter().take(count).map(|(_, symbol, _)| *symbol)));
        }
        for (key, cap_min) in [("theme_growth", 2_000_000_000), ("theme_large_cap_growth", 10_000_000_000)] {
            let grows = |line: &Line| line.sector.as_deref().is_some_and(|sector| GROWTH.contains(&sector));
            let inside = by_cap.iter().filter(|(cap, _, line)| cap_min <= *cap && grows(line));
            these(key, symbols(inside.map(|(_, symbol, _)| *symbol)));
        }
        for (name, members) in grouped(common.iter().map(|(symbol, line)| (line.sector.as_deref(), *symbol))) {
            these(&format!("sector_{}", key_slug(name)), members.into_iter().collect());
        }
        for (name, members) in grouped(by_cap.iter().map(|(_, symbol, line)| (line.sector.as_deref(), *symbol))) {
            these(&format!("sector_{}_leaders", key_slug(name)), members.into_iter().take(10).collect());
        }
        let mut industries: BTreeMap<String, BTreeSet<Symbol>> = BTreeMap::new();
        for (symbol, line) in &common {
            if let Some(industry) = &line.industry {
                // Two spellings may lead to one key.
                let key = format!("industry_{}", key_slug(industry));
                industries.entry(key).or_default().insert((*symbol).clone());
            }
        }
        for (key, members) in industries {
            these(&key, members);
        }

        let technology = |line: &Line| matches!(line.sector.as_deref(), Some("Technology" | "Information Technology"));
        let leaders = by_cap.iter().filter(|(cap, _, line)| 10_000_000_000 <= *cap && technology(line));
        let leaders = leaders.map(|(_, symbol, _)| (*symbol).clone()).collect();
        expected.insert(stocks("theme_technology_leaders"), Expected::FirstOf(leaders, [50, 30]));
        for list in lists {
            let is_for_stocks = list.id.universe_type == UniverseType::StockUniverse;
            // A list of funds stands until something is known of them; one of stocks has only known ones.
            let stands = |symbol: &&Symbol| match self.lines.get(*symbol) {
                Some(line) => self.is_listed(line),
                None => !is_for_stocks,
            };
            let meant = list.symbols.iter().map(|symbol| self.renamed.get(symbol).unwrap_or(symbol));
            expected.insert(list.id.clone(), Expected::These(symbols(meant.filter(stands))));
        }
        let funds = listed.iter().filter(|(_, line)| line.kind == Some(SecurityType::Etf));
        let all_funds = UniverseId::new(UniverseType::EtfUniverse, "master_all_etfs").expect("an address");
        expected.insert(all_funds, Expected::These(symbols(funds.map(|(symbol, _)| *symbol))));
        expected
    }

    /// Returns the first of all stocks by market cap, in that order.
    pub(crate) fn ranking(&self, count: usize) -> Vec<Symbol> {
        let common = |line: &Line| matches!(line.kind, Some(SecurityType::Cs | SecurityType::Adrc));
        let listed = self.lines.iter().filter(|(_, line)| self.is_listed(line) && common(line));
        let mut by_cap: Vec<(i64, &Symbol)> = listed.filter_map(|(symbol, line)| Some((cap(line)?, symbol))).collect();
        by_cap.sort_by_key(|(cap, symbol)| (Reverse(*cap), *symbol));
        by_cap.into_iter().take(count).map(|(_, symbol)| symbol.clone()).collect()
    }

    fn is_listed(&self, line: &Line) -> bool {
        self.days - line.shown_on < ABSENCES
    }

    fn is_offering(&self, line: &Line) -> bool {
        let today = self.last.expect("a day was taken");
        line.offered.is_some_and(|offered| (today - offered).get_days() <= OFFERING_DAYS)
    }
}

impl Expected {
    /// Returns whether these can be the members.
    pub(crate) fn admits(&self, members: &BTreeSet<Symbol>) -> bool {
        match self {
            Self::These(expected) => expected == members,
            Self::FirstOf(best, counts) => counts.iter().any(|count| symbols(best.iter().take(*count)) == *members),
        }
    }

    /// Says how members differ, for whoever has to find out why.
    pub(crate) fn difference(&self, members: &BTreeSet<Symbol>) -> String {
        let expected = match self {
            Self::These(expected) => expected.clone(),
            Self::FirstOf(best, counts) => symbols(best.iter().take(counts[0])),
        };
        let missing: Vec<&Symbol> = expected.difference(members).take(8).collect();
        let surplus: Vec<&Symbol> = members.difference(&expected).take(8).collect();
        format!("{} instead of {}, without {missing:?}, with {surplus:?}", members.len(), expected.len())
    }
}

/// Shares at the latest close, in whole dollars, rounded; without them, what a day has stated.
fn cap(line: &Line) -> Option<i64> {
    let fresh = line.shares.zip(line.close).map(|(shares, close)| {
        let micros = i128::from(shares) * i128::from(close);
        i64::try_from((micros + 500_000) / 1_000_000).expect("less than the world owns")
    });
    fresh.or(line.stated_cap)
}

/// Puts symbols under the names of their sectors, keeping their order; several spellings mean one sector.
fn grouped<'l>(lines: impl Iterator<Item = (Option<&'l str>, &'l Symbol)>) -> BTreeMap<&'l str, Vec<Symbol>> {
    let mut groups: BTreeMap<&str, Vec<Symbol>> = BTreeMap::new();
    for (sector, symbol) in lines {
        let Some(sector) = sector else { continue };
        let name = match sector {
            "Health Care" => "Healthcare",
            "Finance" | "Financial" | "Financial Services" => "Financials",
            "Information Technology" => "Technology",
            "Public Utilities" => "Utilities",
            "Basic Industries" | "Materials" => "Basic Materials",
            other => other,
        };
        groups.entry(name).or_default().push(symbol.clone());
    }
    groups
}

fn symbols<'l>(symbols: impl Iterator<Item = &'l Symbol>) -> BTreeSet<Symbol> {
    symbols.cloned().collect()
}

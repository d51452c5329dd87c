//! What a rule says about each of its universes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::share_class::one_line_per_company;
use super::{Planner, Target, name_some};
use crate::plan::{Basis, Rebalance, Step};
use crate::rule::{
    Band, CHANGE_LIMIT, Definition, Groups, Membership, Naming, Ranking, Rule, Selection, ShareClasses, SingleUniverse,
};
use crate::state::UniverseState;
use crate::{Category, EvaluationError, Figures, Symbol, Truth, UniverseId};

/// A metric and the listing that has it.
type Scored = (f64, u32);

impl Planner<'_> {
    /// Decides every universe of a rule; notes say what it chose not to decide.
    pub(super) fn evaluate(&self, rule: &Rule, notes: &mut Vec<String>) -> Result<Vec<Target>, EvaluationError> {
        let waiting = self.not_due(rule);
        if !waiting.is_empty() {
            notes.push(format!("{}: not due before the next period of its cadence", rule.name));
            return Ok(waiting);
        }
        if let Definition::Single(single) = &rule.definition
            && let Some(targets) = self.listed_members(rule, single, notes)
        {
            return Ok(targets);
        }
        let eligible = Arc::new(self.eligible(rule)?);
        match &rule.definition {
            Definition::Single(single) => self.screened(rule, single, &eligible),
            Definition::Bands(bands) => self.bands(rule, bands, &eligible),
            Definition::Rankings(rankings) => self.rankings(rule, rankings, &eligible),
            Definition::Groups(groups) => self.groups(rule, groups, &eligible),
        }
    }

    /// The universes of a rule whose cadence says that they are not decided now.
    fn not_due(&self, rule: &Rule) -> Vec<Target> {
        let of_rule = |universe: &UniverseState| universe.rule.as_ref().is_some_and(|mark| mark.name == rule.name);
        let universes: Vec<_> = self.state.universes.iter().filter(|(_, universe)| of_rule(universe)).collect();
        let last = universes.iter().filter_map(|(_, universe)| universe.reconstituted_session).max();
        let rule_changed = universes
            .iter()
            .any(|(_, universe)| universe.rule.as_ref().is_some_and(|mark| mark.version != rule.version));
        if universes.is_empty() || rule_changed || rule.cadence.is_due(last, self.observation.session) {
            return Vec::new();
        }
        universes.into_iter().filter_map(|(id, _)| self.unchanged(id)).collect()
    }

    /// A universe as it is, less what was delisted where the run takes that step.
    pub(super) fn unchanged(&self, id: &UniverseId) -> Option<Target> {
        let universe = self.state.universes.get(id)?;
        let category = universe.category?;
        let mark = universe.rule.clone()?;
        let change_limit = self.rule(&mark.name).map_or(Some(CHANGE_LIMIT), |rule| rule.change_limit);
        let keeps_all = !self.request.mode.takes(Step::DelistedCleanup);
        let members = self.before[id].iter().copied().filter(|l| keeps_all || self.is_listed(*l)).collect();
        Some(Target {
            naming: Naming { id: id.clone(), name: universe.name.clone() },
            category,
            rule: mark.name,
            rule_version: mark.version,
            mirrors: Vec::new(),
            basis: Basis::Screen,
            // Neither order of symbol nor of rank is made anew: the entry stays in the order that it has.
            is_ranked: true,
            members,
            ranks: None,
            eligible: None,
            is_reconstituted: false,
            change_limit,
            rebalance: None,
        })
    }

    /// A group whose value no listing has any more.
    pub(super) fn emptied_group(&self, id: &UniverseId, universe: &UniverseState, rule: &Rule) -> Target {
        let naming = Naming { id: id.clone(), name: universe.name.clone() };
        self.target(rule, naming, Basis::Nothing, Vec::new())
    }

    /// A universe whose members are listed by the rule or an import; `None` where its screen decides.
    pub(super) fn listed_members(
        &self,
        rule: &Rule,
        single: &SingleUniverse,
        notes: &mut Vec<String>,
    ) -> Option<Vec<Target>> {
        let id = &single.naming.id;
        match &single.membership {
            Membership::Imported => {
                let Some(list) = self.state.imports.get(id) else {
                    notes.push(format!(
                        "{id}: no members yet; load them with `universe load universe FILE --universe {}`",
                        id.key()
                    ));
                    return Some(Vec::new());
                };
                let members = list.symbols.iter().map(|s| self.goes_on_as(self.numbering.number(s)));
                let mut members: Vec<u32> = members.filter(|l| self.is_listed(*l)).collect();
                self.numbering.sort(&mut members);
                members.dedup();
                Some(vec![self.target(rule, single.naming.clone(), Basis::Imported, members)])
            }
            Membership::Fixed(symbols) => Some(vec![self.fixed(rule, single, symbols, notes)]),
            Membership::Screened { fixed, .. } => {
                let lacking: Vec<String> =
                    rule.facts().into_iter().filter(|fact| !self.observation.facts.contains_key(fact)).collect();
                if lacking.is_empty() {
                    return None;
                }
                let lacking = lacking.join(", ");
                if let Some(symbols) = fixed {
                    notes.push(format!(
                        "{id}: keeps its fixed list, because its rule needs {lacking}, which is not loaded"
                    ));
                    return Some(vec![self.fixed(rule, single, symbols, notes)]);
                }
                notes.push(format!("{id}: not decided, because its rule needs {lacking}, which is not loaded"));
                Some(self.unchanged(id).into_iter().collect())
            }
        }
    }

    fn fixed(&self, rule: &Rule, single: &SingleUniverse, symbols: &[Symbol], notes: &mut Vec<String>) -> Target {
        let (known, unknown): (Vec<&Symbol>, Vec<&Symbol>) =
            symbols.iter().partition(|symbol| self.numbering.is_observed(self.numbering.number(symbol)));
        // Funds are missing from most listings of stocks; a list of them stands until something is known.
        let kept = if rule.is_for_etfs() { symbols.iter().collect() } else { known };
        if !rule.is_for_etfs() && !unknown.is_empty() {
            let names = name_some(unknown.into_iter());
            notes.push(format!("{}: left out, because nothing is known of them: {names}", single.naming.id));
        }
        let members = kept.into_iter().map(|symbol| self.goes_on_as(self.numbering.number(symbol)));
        let mut members: Vec<u32> = members.filter(|l| self.is_listed(*l)).collect();
        self.numbering.sort(&mut members);
        members.dedup();
        let mut target = self.target(rule, single.naming.clone(), Basis::Fixed, members);
        target.mirrors.clone_from(&single.mirrors);
        target
    }

    /// The listings that a rule looks at: on the market, of the right kind, passed by the screen.
    fn eligible(&self, rule: &Rule) -> Result<Vec<bool>, EvaluationError> {
        let seen = self.observation;
        let mut eligible: Vec<bool> =
            (0..seen.len()).map(|i| self.listed[i] && rule.securities.contains(&seen.security_type[i])).collect();
        if rule.share_classes == ShareClasses::OnePerCompany {
            let members: BTreeSet<u32> =
                rule.defined_addresses().iter().filter_map(|id| self.before.get(id)).flatten().copied().collect();
            eligible = one_line_per_company(seen, &self.caps, &eligible, |i| members.contains(&(i as u32)));
        }
        if let Some(screen) = &rule.screen {
            let passed = screen.evaluate(self.figures())?;
            eligible.iter_mut().zip(passed).for_each(|(eligible, truth)| *eligible &= truth == Truth::True);
        }
        Ok(eligible)
    }

    pub(super) fn figures(&self) -> Figures<'_> {
        Figures { observation: self.observation, caps: &self.caps }
    }

    /// The eligible listings that have a metric, best first; ties by symbol.
    fn scored(&self, rule: &Rule, eligible: &[bool]) -> Result<Vec<Scored>, EvaluationError> {
        let metric = rule.metric.evaluate(self.figures())?;
        let mut scored: Vec<Scored> = (0_u32..)
            .zip(metric)
            .filter(|(listing, _)| eligible[*listing as usize])
            .filter_map(|(listing, metric)| Some((metric?, listing)))
            .collect();
        scored.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        Ok(scored)
    }

    fn screened(
        &self,
        rule: &Rule,
        single: &SingleUniverse,
        eligible: &Arc<Vec<bool>>,
    ) -> Result<Vec<Target>, EvaluationError> {
        let Membership::Screened { selection, when, .. } = &single.membership else { return Ok(Vec::new()) };
        let regime = self.market.map(|market| market.regime);
        let selection = when.iter().find(|(r, _)| Some(*r) == regime).map_or(*selection, |(_, other)| *other);
        let before = self.incumbents(rule, &single.naming.id);
        let (mut members, mut ranks) = (Vec::new(), None);
        if selection == Selection::default() {
            members.extend((0_u32..).zip(eligible.iter()).filter(|(_, eligible)| **eligible).map(|(l, _)| l));
        } else {
            let mut scored = self.scored(rule, eligible)?;
            scored.retain(|(metric, l)| selection.admits(*metric, if before.contains(l) { rule.buffer } else { 0.0 }));
            if let Some(count) = selection.count {
                members = ranked_members(&scored, count, rule.buffer, &before);
                ranks = Some(Arc::new(self.ranks(&scored)));
            } else {
                members.extend(scored.iter().map(|(_, listing)| *listing));
                members.sort_unstable();
            }
        }
        let basis = selection.count.map_or(Basis::Screen, |count| Basis::Rank { count });
        let mut target = self.target(rule, single.naming.clone(), basis, members);
        target.is_ranked = selection.count.is_some();
        target.ranks = ranks;
        target.eligible = Some(Arc::clone(eligible));
        target.mirrors.clone_from(&single.mirrors);
        if rule.is_theme() {
            target.rebalance = Some(Rebalance { members: 0, added: 0, removed: 0, turnover: 0.0, market: regime });
        }
        Ok(vec![target])
    }

    /// One state machine per listing: it stays in its band within the buffer, else goes where its metric says.
    fn bands(&self, rule: &Rule, bands: &[Band], eligible: &Arc<Vec<bool>>) -> Result<Vec<Target>, EvaluationError> {
        let metric = rule.metric.evaluate(self.figures())?;
        let mut band_before: Vec<Option<usize>> = vec![None; self.observation.len()];
        for (at, band) in bands.iter().enumerate() {
            for listing in self.before.get(&band.naming.id).into_iter().flatten() {
                if let Some(before) = band_before.get_mut(*listing as usize) {
                    *before = Some(at);
                }
            }
        }
        let mut members: Vec<Vec<u32>> = vec![Vec::new(); bands.len()];
        for (listing, metric) in (0_u32..).zip(&metric) {
            let Some(metric) = metric.filter(|_| eligible[listing as usize]) else { continue };
            let stays = band_before[listing as usize].filter(|at| bands[*at].admits(metric, rule.buffer));
            if let Some(at) = stays.or_else(|| bands.iter().position(|band| band.at_least <= metric)) {
                members[at].push(listing);
            }
        }
        let targets = bands.iter().zip(members).map(|(band, members)| {
            let basis = Basis::Band { at_least: band.at_least, below: band.below };
            let mut target = self.target(rule, band.naming.clone(), basis, members);
            target.eligible = Some(Arc::clone(eligible));
            target
        });
        Ok(targets.collect())
    }

    fn rankings(
        &self,
        rule: &Rule,
        rankings: &[Ranking],
        eligible: &Arc<Vec<bool>>,
    ) -> Result<Vec<Target>, EvaluationError> {
        let scored = self.scored(rule, eligible)?;
        let ranks = Arc::new(self.ranks(&scored));
        let targets = rankings.iter().map(|ranking| {
            let before = self.incumbents(rule, &ranking.naming.id);
            let members = ranked_members(&scored, ranking.count, rule.buffer, &before);
            let mut target = self.target(rule, ranking.naming.clone(), Basis::Rank { count: ranking.count }, members);
            target.is_ranked = true;
            target.ranks = Some(Arc::clone(&ranks));
            target.eligible = Some(Arc::clone(eligible));
            target
        });
        Ok(targets.collect())
    }

    fn groups(&self, rule: &Rule, groups: &Groups, eligible: &Arc<Vec<bool>>) -> Result<Vec<Target>, EvaluationError> {
        let seen = self.observation;
        let column = groups.by.column(seen);
        // Several spellings may lead to one address; a value that gives no key has no universe.
        let namings: Vec<Option<Naming>> =
            column.values().iter().map(|v| groups.naming(rule.universe_type, groups.group_name(v))).collect();
        // Addresses are compared once per value instead of once per listing.
        let mut by_address: BTreeMap<&UniverseId, usize> = BTreeMap::new();
        for naming in namings.iter().flatten() {
            let next = by_address.len();
            by_address.entry(&naming.id).or_insert(next);
        }
        let places: Vec<Option<usize>> =
            namings.iter().map(|naming| naming.as_ref().map(|naming| by_address[&naming.id])).collect();
        let mut found: Vec<Option<(&Naming, Vec<Scored>)>> = vec![None; by_address.len()];
        let scored = match groups.count {
            Some(_) => self.scored(rule, eligible)?,
            None => (0_u32..).zip(eligible.iter()).filter(|(_, eligible)| **eligible).map(|(l, _)| (0.0, l)).collect(),
        };
        for (metric, listing) in scored {
            let Some(code) = column.code(listing as usize) else { continue };
            if let (Some(naming), Some(place)) = (namings[code].as_ref(), places[code]) {
                found[place].get_or_insert_with(|| (naming, Vec::new())).1.push((metric, listing));
            }
        }
        let found = by_address.into_values().filter_map(|place| found[place].take());
        let targets = found.map(|(naming, scored)| {
            let group = Basis::Group(naming.name.clone());
            let Some(count) = groups.count else {
                let members = scored.into_iter().map(|(_, listing)| listing).collect();
                let mut target = self.target(rule, naming.clone(), group, members);
                target.eligible = Some(Arc::clone(eligible));
                return target;
            };
            let members = ranked_members(&scored, count, rule.buffer, &self.incumbents(rule, &naming.id));
            let mut target = self.target(rule, naming.clone(), Basis::Rank { count }, members);
            target.is_ranked = true;
            target.ranks = Some(Arc::new(self.ranks(&scored)));
            target.eligible = Some(Arc::clone(eligible));
            target
        });
        Ok(targets.collect())
    }

    /// Universes that were imported under an address that no rule has.
    pub(super) fn add_imports_without_rule(&mut self) {
        for (id, list) in &self.state.imports {
            if self.rules.rule_of(id).is_some() {
                continue;
            }
            let members = list.symbols.iter().map(|s| self.goes_on_as(self.numbering.number(s)));
            let mut members: Vec<u32> = members.filter(|l| self.is_listed(*l)).collect();
            self.numbering.sort(&mut members);
            members.dedup();
            let present = self.state.universes.get(id);
            let name =
                list.name.clone().or_else(|| present.map(|u| u.name.clone())).unwrap_or_else(|| title_of_key(id.key()));
            let target = Target {
                naming: Naming { id: id.clone(), name },
                category: present.and_then(|u| u.category).unwrap_or_else(|| category_of_key(id)),
                rule: "import".to_owned(),
                rule_version: list.source.clone(),
                mirrors: Vec::new(),
                basis: Basis::Imported,
                is_ranked: false,
                members,
                ranks: None,
                eligible: None,
                is_reconstituted: true,
                change_limit: None,
                rebalance: None,
            };
            self.targets.insert(id.clone(), target);
        }
    }

    fn target(&self, rule: &Rule, naming: Naming, basis: Basis, members: Vec<u32>) -> Target {
        Target {
            naming,
            category: rule.category,
            rule: rule.name.clone(),
            rule_version: rule.version.clone(),
            mirrors: Vec::new(),
            basis,
            is_ranked: false,
            members,
            ranks: None,
            eligible: None,
            is_reconstituted: true,
            change_limit: rule.change_limit,
            rebalance: None,
        }
    }

    /// The members that a buffer favours; none where there is no buffer.
    fn incumbents(&self, rule: &Rule, id: &UniverseId) -> BTreeSet<u32> {
        if rule.buffer == 0.0 {
            return BTreeSet::new();
        }
        self.before.get(id).into_iter().flatten().copied().collect()
    }

    /// Ranks by listing, from 1; zero for those without.
    fn ranks(&self, scored: &[Scored]) -> Vec<u32> {
        let mut ranks = vec![0; self.observation.len()];
        for (rank, (_, listing)) in (1_u32..).zip(scored) {
            ranks[*listing as usize] = rank;
        }
        ranks
    }
}

/// Chooses `count` members from listings in order of rank, with a buffer around the last place.
///
/// As the index providers do it: members stay while they rank within the outer bound, others enter only
/// from within the inner one; then places are filled, or taken, by rank until the count is met again.
fn ranked_members(scored: &[Scored], count: usize, buffer: f64, before: &BTreeSet<u32>) -> Vec<u32> {
    let in_order = |chosen: &dyn Fn(usize, u32) -> bool| -> Vec<u32> {
        scored.iter().enumerate().filter(|(at, (_, l))| chosen(at + 1, *l)).map(|(_, (_, l))| *l).collect()
    };
    if before.is_empty() {
        return scored.iter().take(count).map(|(_, listing)| *listing).collect();
    }
    let stay = (count as f64 * (1.0 + buffer)).round() as usize;
    let enter = (count as f64 * (1.0 - buffer)).round() as usize;
    let mut members = in_order(&|rank, l| rank <= enter || (rank <= stay && before.contains(&l)));
    members.truncate(count);
    if members.len() < count {
        let chosen: BTreeSet<u32> = members.iter().copied().collect();
        let missing = count - members.len();
        let fill: BTreeSet<u32> =
            scored.iter().map(|(_, l)| *l).filter(|l| !chosen.contains(l)).take(missing).collect();
        members = in_order(&|_, l| chosen.contains(&l) || fill.contains(&l));
    }
    members
}

/// Turns a key into the name of a universe that nobody named: `index_sp400` becomes `Index Sp400`.
#[must_use]
pub fn title_of_key(key: &str) -> String {
    let words = key.split('_').map(|word| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_uppercase().chain(letters).collect::<String>()).unwrap_or_default()
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Returns what a universe groups by, as far as its key says so.
#[must_use]
pub fn category_of_key(id: &UniverseId) -> Category {
    match id.key().split_once('_').map(|(prefix, _)| prefix) {
        Some("index") => Category::Index,
        Some("sector") => Category::Sector,
        Some("industry") => Category::Industry,
        Some("master") => Category::Master,
        Some(_) | None => Category::Theme,
    }
}

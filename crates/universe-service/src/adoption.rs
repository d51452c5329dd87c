//! What moving in makes of an older TickStock database: its entries become universes, its configuration rules.
//!
//! It decides and writes nothing. Every row that it read is in the answer, with what became of it and why.

mod combinations;
mod rules;

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use serde_json::{Value, json};
use universe_core::plan::Mode;
use universe_core::rule::{Definition, GroupField, Membership, Rule, RuleError, RuleFile, RuleSet};
use universe_core::{Category, UniverseId, UniverseType, key_slug, session_on_or_before};
use universe_store::{AdoptedRule, AdoptedSource, AdoptedUniverse, Adoption, OlderDatabase, OlderEntry, RunRecord};

use crate::Ambient;

/// Who decides a universe that no rule defines.
const BY_LIST: &str = "its list, until another one is loaded";

/// What moving in would make of a database.
#[derive(Clone, Debug)]
pub struct AdoptionPlan {
    /// The session from which the memberships hold: the newest one with prices.
    pub session: Date,
    /// The universes, in order of their addresses.
    pub universes: Vec<AdoptedUniverse>,
    /// What becomes of each row, in the order of their ids.
    pub sources: Vec<AdoptedSource>,
    /// The rule files.
    pub rules: Vec<AdoptedRule>,
}

/// The rules that are in force before anything is made.
#[derive(Clone, Copy, Debug)]
pub struct PresentRules<'a> {
    /// The profile.
    pub profile: &'a str,
    /// The rule files beside the shipped ones; none of them is ever replaced.
    pub own: &'a [RuleFile],
    /// The loaded figures.
    pub facts: &'a [String],
    /// Whether more files may be made of the older configuration.
    pub may_grow: bool,
}

/// Decides what becomes of every row of an older database.
///
///
/// # Errors
/// When a rule that is in force already is wrong.
pub fn plan_adoption(older: &OlderDatabase, given: PresentRules<'_>, today: Date) -> Result<AdoptionPlan, RuleError> {
    let present = RuleSet::load(given.profile, given.own, given.facts)?;
    let mut made = rules::Made::new(given, &present);
    let mut sources = if given.may_grow { made.read_configuration(older) } else { Vec::new() };
    let session = session_on_or_before(older.newest_bar.map_or(today, |newest| newest.min(today)));
    let rules = made.rule_set()?;
    let mut planner = Planner { older, rules: &rules, universes: BTreeMap::new(), first: BTreeMap::new() };
    for entry in &older.entries {
        if let Some(universe_type) = UniverseType::from_spelling(&entry.entry_type) {
            sources.push((entry.id.clone(), planner.adopt(entry, universe_type, &mut made)));
        }
    }
    for entry in older.entries.iter().filter(|entry| entry.entry_type == "stock_etf_combo") {
        sources.push((entry.id.clone(), combinations::adopt(entry, older, &mut planner.universes)));
    }
    let place: BTreeMap<&str, usize> =
        older.entries.iter().enumerate().map(|(at, entry)| (entry.id.as_str(), at)).collect();
    sources.sort_by_key(|(id, _)| place.get(id.as_str()).copied());
    Ok(AdoptionPlan {
        session,
        universes: planner.universes.into_values().collect(),
        sources: sources.into_iter().map(|(_, source)| source).collect(),
        rules: made.files,
    })
}

impl AdoptionPlan {
    /// Makes of the plan what a store writes: in the name of a run of its own, and for these rows only.
    #[must_use]
    pub fn adoption(&self, older: &OlderDatabase, environment: &str, ambient: &dyn Ambient) -> Adoption {
        let now = ambient.now();
        let members: usize = self.universes.iter().map(|universe| universe.members.len()).sum();
        let run = RunRecord {
            run_id: ambient.new_run_id(),
            environment: environment.to_owned(),
            mode: Mode::Full,
            session: Some(self.session),
            status: "completed".to_owned(),
            triggered_by: "cli".to_owned(),
            created_at: now,
            started_at: Some(now),
            finished_at: Some(now),
            total_changes: i64::try_from(members).unwrap_or(i64::MAX),
            universes_updated: self.universes.iter().map(|universe| universe.id.to_string()).collect(),
            task_results: json!({"adoption": {"status": "success", "changes": members, "duration_seconds": 0.0}}),
            alerts: json!([]),
            held: json!([]),
            error: None,
            force: false,
            preserve: false,
            dry_run: false,
            approves: Vec::new(),
            cancel_requested: false,
            progress: Value::Null,
            lease_token: None,
        };
        Adoption {
            run,
            session: self.session,
            universes: self.universes.clone(),
            sources: self.sources.clone(),
            rules: self.rules.clone(),
            fingerprint: older.fingerprint.clone(),
        }
    }
}

struct Planner<'a> {
    older: &'a OlderDatabase,
    rules: &'a RuleSet,
    universes: BTreeMap<UniverseId, AdoptedUniverse>,
    /// The row at each address that was taken.
    first: BTreeMap<UniverseId, String>,
}

impl Planner<'_> {
    fn adopt(&mut self, entry: &OlderEntry, universe_type: UniverseType, made: &mut rules::Made<'_>) -> AdoptedSource {
        let mut source = source_of(entry);
        let id = UniverseId::from_stored(universe_type, &entry.key);
        if entry.key.trim().is_empty() {
            source.notes.push("left as it is: it has no key".to_owned());
            return source;
        }
        if let Some(first) = self.first.get(&id) {
            source.notes.push(format!("left as it is: row {first} has the same type and key, and came first"));
            return source;
        }
        let (members, rejects) = match entry.symbols() {
            Ok(read) => read,
            Err(error) => {
                let why = "; the first run without --preserve retires it, and its value is kept";
                source.notes.push(format!("left as it is: {error}{why}"));
                return source;
            }
        };
        if !rejects.is_empty() {
            let shown = rejects.iter().take(3).cloned().collect::<Vec<_>>().join(", ");
            source.notes.push(format!("{} of its items are no symbols ({shown})", rejects.len()));
        }
        self.first.insert(id.clone(), entry.id.clone());
        source.count = members.len();
        let mut universe = AdoptedUniverse {
            name: if entry.name.trim().is_empty() { title(&entry.key) } else { entry.name.clone() },
            category: category(entry, &id),
            is_ranked: false,
            members,
            source: source.source.clone(),
            value: entry.value.clone(),
            is_listed: false,
            is_new_entry: false,
            id,
        };
        if let Some(target) = self.rules.alias_target(&universe.id).cloned() {
            self.adopt_as(universe, target, made, &mut source);
            return source;
        }
        if UniverseId::new(universe_type, &entry.key).is_err() {
            let slug = key_slug(&entry.key);
            source.notes.push(format!("its key is not snake_case: SQL finds it, commands do not; {slug} would be one"));
        }
        self.decide(&mut universe, &mut source);
        source.becomes = universe.id.to_string();
        self.universes.insert(universe.id.clone(), universe);
        source
    }

    /// Adopts an entry under an older key: its members are those of the universe that the key stands for, and the
    /// entry itself is kept as a copy of that one for whoever reads it.
    fn adopt_as(
        &mut self,
        mut universe: AdoptedUniverse,
        target: UniverseId,
        made: &mut rules::Made<'_>,
        source: &mut AdoptedSource,
    ) {
        let key = universe.id.key().to_owned();
        source.becomes = target.to_string();
        let is_copy = self.rules.is_mirror(&universe.id) || made.keep_copy(self.rules, &target, &key);
        source.notes.push(if is_copy {
            format!("{key} is an older key of it, and stays as a copy for programs that read it")
        } else {
            format!("{key} is an older key of it; add mirrors = [{key:?}] to its rule to keep the copy up")
        });
        let is_own = |e: &&OlderEntry| e.entry_type == target.universe_type.as_str() && e.key == target.key();
        let own = self.older.entries.iter().find(is_own);
        let has_own = own.is_some_and(|entry| entry.symbols().is_ok());
        universe.is_new_entry = own.is_none();
        universe.id = target;
        self.decide(&mut universe, source);
        if has_own {
            source.notes.push("its members are those of the entry under the newer key".to_owned());
        } else if !self.universes.contains_key(&universe.id) {
            self.universes.insert(universe.id.clone(), universe);
        }
    }

    fn decide(&self, universe: &mut AdoptedUniverse, source: &mut AdoptedSource) {
        let rule = self.rules.rule_of(&universe.id).or_else(|| self.group_rule(&universe.id));
        let Some(rule) = rule else {
            universe.is_listed = true;
            universe.is_ranked = universe.category == Category::MarketLeader;
            BY_LIST.clone_into(&mut source.decided_by);
            return;
        };
        universe.category = rule.category;
        universe.is_ranked = matches!(rule.definition, Definition::Rankings(_));
        universe.is_listed = is_imported(rule);
        source.decided_by = if universe.is_listed { BY_LIST.to_owned() } else { format!("rule {}", rule.name) };
    }

    /// Finds the rule that makes an address from a value that listings have.
    fn group_rule(&self, id: &UniverseId) -> Option<&Rule> {
        self.rules.rules.iter().find(|rule| {
            let Definition::Groups(groups) = &rule.definition else { return false };
            let values = match groups.by {
                GroupField::Sector => &self.older.sectors,
                GroupField::Industry => &self.older.industries,
                GroupField::Country | GroupField::Exchange => return false,
            };
            let makes = |value: &String| groups.naming(rule.universe_type, groups.group_name(value));
            values.iter().filter_map(makes).any(|naming| naming.id == *id)
        })
    }
}

fn is_imported(rule: &Rule) -> bool {
    matches!(&rule.definition, Definition::Single(single) if single.membership == Membership::Imported)
}

fn source_of(entry: &OlderEntry) -> AdoptedSource {
    let OlderEntry { entry_type, name, key, .. } = entry;
    // Rows of configuration are told apart by name and key together.
    let is_named = rules::is_configuration(entry) && !name.is_empty();
    AdoptedSource {
        source: if is_named { format!("{entry_type}:{name}/{key}") } else { format!("{entry_type}:{key}") },
        shape: entry.shape().to_owned(),
        becomes: String::new(),
        count: 0,
        decided_by: String::new(),
        notes: Vec::new(),
    }
}

/// Returns the category that an entry names, or that its key stands for.
fn category(entry: &OlderEntry, id: &UniverseId) -> Category {
    let named = entry.category.as_deref().and_then(|text| serde_json::from_value(text.into()).ok());
    named.unwrap_or_else(|| category_of_key(id))
}

fn category_of_key(id: &UniverseId) -> Category {
    let key = id.key();
    let starts = [
        ("top_", Category::MarketLeader),
        ("sector_", Category::Sector),
        ("industry_", Category::Industry),
        ("index_", Category::Index),
        ("master_", Category::Master),
        ("theme_", Category::Theme),
        ("recent_ipo", Category::Ipo),
    ];
    match starts.iter().find(|(start, _)| key.starts_with(start)) {
        Some((_, category)) => *category,
        None if key.ends_with("_cap") => Category::MarketCap,
        None if id.universe_type == UniverseType::EtfUniverse => Category::Etf,
        None => Category::Theme,
    }
}

/// Makes a name of a key: `clean_energy` becomes `Clean Energy`.
fn title(key: &str) -> String {
    let capital = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_uppercase().chain(letters).collect::<String>()).unwrap_or_default()
    };
    key_slug(key).split('_').map(capital).collect::<Vec<_>>().join(" ")
}

/// Returns which of some texts are in a set, as a share of all.
fn share_known<'t>(texts: impl Iterator<Item = &'t str>, is_known: impl Fn(&str) -> bool) -> f64 {
    let (mut all, mut known) = (0_u32, 0_u32);
    for text in texts.collect::<BTreeSet<_>>() {
        all += 1;
        known += u32::from(is_known(text));
    }
    if all == 0 { 0.0 } else { f64::from(known) / f64::from(all) }
}

#[cfg(test)]
mod tests;

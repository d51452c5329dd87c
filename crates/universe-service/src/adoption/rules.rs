//! Older configuration as rule files: thresholds, sizes of rankings, themes, groups of industries.
//!
//! The rows stay as they are. Each row is read by the words in its name and key, since every installation wrote
//! its own; what is not understood is left, and said so.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::Value;
use universe_core::rule::{Definition, Rule, RuleError, RuleFile, RuleSet};
use universe_core::{SecurityType, Symbol, UniverseId, UniverseType, key_slug};
use universe_store::{AdoptedRule, AdoptedSource, OlderDatabase, OlderEntry};

use super::{PresentRules, share_known, source_of, title};

/// How deeply a configuration value is looked into.
const DEPTH_MAX: usize = 3;

/// From this share on a list is taken for one of what its items are known as.
const KNOWN_SHARE_MIN: f64 = 0.5;

/// How wide a list of symbols is written.
const LINE_WIDTH: usize = 110;

/// The rule files that are being made.
pub(super) struct Made<'a> {
    given: PresentRules<'a>,
    present: &'a RuleSet,
    pub(super) files: Vec<AdoptedRule>,
}

/// What one configuration row is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Topic {
    Thresholds,
    Sizes,
    Themes,
    Groups,
}

/// A figure or a list that a configuration row holds, by its name.
struct Item<'e> {
    row: &'e str,
    topic: Topic,
    name: String,
    value: &'e Value,
}

impl<'a> Made<'a> {
    pub(super) fn new(given: PresentRules<'a>, present: &'a RuleSet) -> Self {
        Self { given, present, files: Vec::new() }
    }

    /// Reads the rules as they will be in force.
    pub(super) fn rule_set(&self) -> Result<RuleSet, RuleError> {
        let made = self.files.iter().map(|file| RuleFile { name: file.name.clone(), text: file.text.clone() });
        let PresentRules { profile, own, facts, .. } = self.given;
        RuleSet::load(profile, &own.iter().cloned().chain(made).collect::<Vec<_>>(), facts)
    }

    /// Makes rules of every configuration row; says what became of each.
    pub(super) fn read_configuration(&mut self, older: &OlderDatabase) -> Vec<(String, AdoptedSource)> {
        let mut sources: BTreeMap<&str, AdoptedSource> = BTreeMap::new();
        let mut items = Vec::new();
        for entry in older.entries.iter().filter(|entry| is_configuration(entry)) {
            let before = items.len();
            collect(entry, topic_of_row(entry), &format!("{} {}", entry.name, entry.key), &entry.value, 0, &mut items);
            let mut source = source_of(entry);
            if items.len() == before {
                source.notes.push("left as it is: it says nothing that a rule could".to_owned());
            }
            sources.insert(&entry.id, source);
        }
        let mut told = |rows: &BTreeSet<&str>, becomes: &str, note: Option<String>| {
            for row in rows {
                let Some(source) = sources.get_mut(*row) else { continue };
                if !becomes.is_empty() && !source.becomes.contains(becomes) {
                    let separator = if source.becomes.is_empty() { "" } else { ", " };
                    let _ = write!(source.becomes, "{separator}{becomes}");
                    source.count += 1;
                    "rules".clone_into(&mut source.decided_by);
                }
                source.notes.extend(note.clone());
            }
        };
        for topic in [Topic::Thresholds, Topic::Sizes] {
            let of_topic: Vec<&Item<'_>> = items.iter().filter(|item| item.topic == topic).collect();
            let rows: BTreeSet<&str> = of_topic.iter().map(|item| item.row).collect();
            if rows.is_empty() {
                continue;
            }
            match self.figures(topic, &of_topic) {
                Ok(outcome) => told(&rows, outcome.0, outcome.1),
                Err(why) => told(&rows, "", Some(why)),
            }
        }
        for item in items.iter().filter(|item| matches!(item.topic, Topic::Themes | Topic::Groups)) {
            let rows = BTreeSet::from([item.row]);
            match self.list(item, older) {
                Ok((file, note)) => told(&rows, &file, note),
                Err(why) => told(&rows, "", Some(why)),
            }
        }
        sources.into_iter().map(|(id, source)| (id.to_owned(), source)).collect()
    }

    /// Keeps a universe's copy under an older key up, by a rule that says so; returns whether that can be done.
    pub(super) fn keep_copy(&mut self, rules: &RuleSet, target: &UniverseId, key: &str) -> bool {
        let Some(rule) = rules.rule_of(target).filter(|_| self.given.may_grow) else { return false };
        let name = format!("{}.toml", rule.name);
        let made = self.files.iter().position(|file| file.name == name);
        let text = match made {
            Some(at) => self.files[at].text.clone(),
            None if self.given.own.iter().any(|file| file.name == name) => return false,
            None => match RuleSet::default_files().into_iter().find(|file| file.name == name) {
                Some(file) => file.text,
                None => return false,
            },
        };
        let alias = format!("aliases = [{key:?}]");
        if !text.contains(&alias) {
            return false;
        }
        let text = text.replace(&alias, &format!("mirrors = [{key:?}]"));
        self.files.retain(|file| file.name != name);
        self.add(name, text).is_ok()
    }

    /// Adds a file, if it is right and replaces none of the user's own.
    fn add(&mut self, name: String, text: String) -> Result<(), String> {
        if self.given.own.iter().any(|file| file.name == name) {
            return Err(format!("left as it is: {name} is in the rules directory already, and stays"));
        }
        if self.files.iter().any(|file| file.name == name) {
            return Err(format!("left as it is: another row became {name}"));
        }
        self.files.push(AdoptedRule { name, text });
        if let Err(error) = self.rule_set() {
            self.files.pop();
            return Err(format!("left as it is: as a rule it would be wrong ({error})"));
        }
        Ok(())
    }

    /// Makes the bands or the rankings of the figures that were configured for them.
    fn figures(&mut self, topic: Topic, items: &[&Item<'_>]) -> Result<(&'static str, Option<String>), String> {
        let (file, least) = if topic == Topic::Thresholds { ("bands.toml", 0.0) } else { ("rankings.toml", 1.0) };
        let mut given: BTreeMap<String, f64> = BTreeMap::new();
        for item in items {
            let key = key_slug(&item.name);
            match figure(item.value) {
                Some(figure) if figure >= least && UniverseId::new(UniverseType::StockUniverse, &key).is_ok() => {
                    given.insert(key, figure);
                }
                Some(_) | None => return Err(format!("left as it is: {} = {} is no figure", item.name, item.value)),
            }
        }
        let mut present = present_figures(self.present, topic);
        let is_same = given.iter().all(|(key, figure)| present.get(key).is_some_and(|(_, other)| other == figure));
        if is_same {
            return Ok(("", Some("the rules in force say the same; no file is needed".to_owned())));
        }
        for (key, figure) in given {
            let name = present.get(&key).map_or_else(|| title(&key), |(name, _)| name.clone());
            present.insert(key, (name, figure));
        }
        let text = if topic == Topic::Thresholds { bands_text(&present) } else { rankings_text(&present) };
        self.add(file.to_owned(), text)?;
        Ok((file, Some("replaces the shipped rule".to_owned())))
    }

    /// Makes a rule of a theme, or of a group of industries.
    fn list(&mut self, item: &Item<'_>, older: &OlderDatabase) -> Result<(String, Option<String>), String> {
        let (name, items) = named_list(item);
        let kind = if item.topic == Topic::Themes { "theme" } else { "industry" };
        let slug = key_slug(&item.name);
        let slug = slug.strip_prefix(&format!("{kind}_")).unwrap_or(&slug).to_owned();
        let key = format!("{kind}_{slug}");
        if slug.is_empty() || UniverseId::new(UniverseType::StockUniverse, &key).is_err() {
            return Err(format!("left as it is: {:?} makes no key", item.name));
        }
        let texts: Vec<&str> = items.iter().filter_map(text_of).collect();
        if texts.is_empty() {
            return Err(format!("left as it is: {:?} lists nothing", item.name));
        }
        let symbols: BTreeSet<Symbol> = texts.iter().filter_map(|text| Symbol::parse(text).ok()).collect();
        let is_security = |text: &str| Symbol::parse(text).is_ok_and(|symbol| older.securities.contains_key(&symbol));
        let is_industry = |text: &str| older.industries.contains(text);
        let name = name.unwrap_or_else(|| title(&slug));
        let text = if share_known(texts.iter().copied(), is_industry) >= KNOWN_SHARE_MIN {
            industries_text(&key, &name, &texts)
        } else if share_known(texts.iter().copied(), is_security) >= KNOWN_SHARE_MIN {
            let funds = symbols.iter().filter(|s| older.securities.get(s) == Some(&SecurityType::Etf)).count();
            let aliases = self.aliases_of(&key);
            symbols_text(kind, &key, &name, &symbols, 2 * funds > symbols.len(), &aliases)
        } else {
            return Err(format!("left as it is: {:?} lists neither known symbols nor known industries", item.name));
        };
        let id = UniverseId::from_stored(UniverseType::StockUniverse, &key);
        let replaced = self.present.rule_of(&id);
        let file = replaced.map_or_else(|| format!("{key}.toml"), |rule| format!("{}.toml", rule.name));
        let note = replaced.map(|_| format!("{key} replaces the shipped rule"));
        self.add(file.clone(), text)?;
        Ok((file, note))
    }

    /// The older keys that the present rule of a universe answers to, and that its successor must.
    fn aliases_of(&self, key: &str) -> Vec<String> {
        let id = UniverseId::from_stored(UniverseType::StockUniverse, key);
        let of_id = self.present.aliases().iter().filter(|(_, target)| **target == id);
        of_id.map(|(alias, _)| alias.key().to_owned()).collect()
    }
}

pub(super) fn is_configuration(entry: &OlderEntry) -> bool {
    UniverseType::from_spelling(&entry.entry_type).is_none() && entry.entry_type != "stock_etf_combo"
}

fn topic_of_row(entry: &OlderEntry) -> Option<Topic> {
    match entry.entry_type.as_str() {
        "themes" | "theme" => Some(Topic::Themes),
        "industry_groups" | "industry_group" => Some(Topic::Groups),
        _ => topic_of(&format!("{} {}", entry.name, entry.key)),
    }
}

fn topic_of(words: &str) -> Option<Topic> {
    let words = words.to_lowercase();
    let has = |parts: &[&str]| parts.iter().any(|part| words.contains(part));
    if has(&["threshold", "breakpoint"]) {
        Some(Topic::Thresholds)
    } else if has(&["universe_limit", "universe limit", "universe_size", "ranking"]) {
        Some(Topic::Sizes)
    } else if has(&["theme"]) {
        Some(Topic::Themes)
    } else if has(&["industr"]) {
        Some(Topic::Groups)
    } else {
        None
    }
}

/// Takes a value apart: an object into its fields, anything else as the item that the row's own key names.
fn collect<'e>(
    entry: &'e OlderEntry,
    topic: Option<Topic>,
    words: &str,
    value: &'e Value,
    depth: usize,
    items: &mut Vec<Item<'e>>,
) {
    let row = entry.id.as_str();
    match (topic, value) {
        (Some(topic), Value::Object(fields)) if !is_list(value) && depth < DEPTH_MAX => {
            for (name, value) in fields {
                if depth == 0 && value.is_object() && !is_list(value) && topic_of(name).is_some() {
                    collect(entry, topic_of(name), name, value, depth + 1, items);
                } else {
                    items.push(Item { row, topic, name: name.clone(), value });
                }
            }
        }
        (Some(topic), value) => items.push(Item { row, topic, name: entry.key.clone(), value }),
        (None, Value::Object(fields)) if depth < DEPTH_MAX => {
            for (name, value) in fields {
                let words = format!("{words} {name}");
                collect(entry, topic_of(name), &words, value, depth + 1, items);
            }
        }
        (None, _) => {}
    }
}

/// Whether an object is one list with its name, rather than several by name.
fn is_list(value: &Value) -> bool {
    ["symbols", "industries", "stocks", "etfs"].iter().any(|field| value[*field].is_array())
        || ["min", "at_least"].iter().any(|field| value[*field].is_number())
}

/// Returns the name and the items of a list in any of its shapes.
fn named_list<'e>(item: &Item<'e>) -> (Option<String>, &'e [Value]) {
    let name = item.value["name"].as_str().map(str::to_owned);
    let fields = ["symbols", "industries", "stocks", "etfs"];
    let list = fields.iter().find_map(|field| item.value[*field].as_array()).or(item.value.as_array());
    (name, list.map_or(&[], Vec::as_slice))
}

fn text_of(item: &Value) -> Option<&str> {
    item.as_str().or_else(|| item["ticker"].as_str()).or_else(|| item["symbol"].as_str())
}

/// Reads a figure: a number, a text like `200e9` or `200B`, or the lower end of a range.
fn figure(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => {
            let text = text.trim().trim_start_matches('$').replace(['_', ','], "");
            let (digits, factor) = match text.chars().last()?.to_ascii_uppercase() {
                'T' => (&text[..text.len() - 1], 1e12),
                'B' => (&text[..text.len() - 1], 1e9),
                'M' => (&text[..text.len() - 1], 1e6),
                'K' => (&text[..text.len() - 1], 1e3),
                _ => (text.as_str(), 1.0),
            };
            digits.trim().parse::<f64>().ok().map(|figure| figure * factor)
        }
        Value::Array(ends) => ends.first().and_then(figure),
        Value::Object(fields) => ["min", "at_least", "value"].iter().find_map(|f| fields.get(*f)).and_then(figure),
        Value::Null | Value::Bool(_) => None,
    }
    .filter(|figure| figure.is_finite())
}

/// Returns the names and figures of the bands, or of the rankings, that are in force.
fn present_figures(rules: &RuleSet, topic: Topic) -> BTreeMap<String, (String, f64)> {
    let of_rule = |rule: &Rule| match (&rule.definition, topic) {
        (Definition::Bands(bands), Topic::Thresholds) => bands
            .iter()
            .map(|band| (band.naming.id.key().to_owned(), (band.naming.name.clone(), band.at_least)))
            .collect(),
        (Definition::Rankings(rankings), Topic::Sizes) => rankings
            .iter()
            .map(|ranking| {
                let count = u32::try_from(ranking.count).map_or(f64::MAX, f64::from);
                (ranking.naming.id.key().to_owned(), (ranking.naming.name.clone(), count))
            })
            .collect(),
        _ => Vec::new(),
    };
    let file = if topic == Topic::Thresholds { "bands" } else { "rankings" };
    rules.rules.iter().filter(|rule| rule.name == file).flat_map(of_rule).collect()
}

const STEADY: &str = "[[profile]]\nname = \"steady\"\nbuffer = 0.10\nshare_classes = \"one_per_company\"\n";

fn bands_text(bands: &BTreeMap<String, (String, f64)>) -> String {
    let mut sorted: Vec<(&String, &(String, f64))> = bands.iter().collect();
    sorted.sort_by(|a, b| b.1.1.total_cmp(&a.1.1));
    let mut text = "description = \"The size bands between the breakpoints that cache_config had.\"\n\
        category = \"market_cap\"\nmetric = \"market_cap\"\n"
        .to_owned();
    for (key, (name, at_least)) in sorted {
        let _ = write!(text, "\n[[band]]\nkey = \"{key}\"\nname = {}\nat_least = {at_least:e}\n", quoted(name));
    }
    text + "\n" + STEADY
}

fn rankings_text(rankings: &BTreeMap<String, (String, f64)>) -> String {
    let mut sorted: Vec<(&String, &(String, f64))> = rankings.iter().collect();
    sorted.sort_by(|a, b| a.1.1.total_cmp(&b.1.1));
    let mut text = "description = \"The largest stocks by market cap, as many as cache_config had.\"\n\
        category = \"market_leader\"\nmetric = \"market_cap\"\n"
        .to_owned();
    for (key, (name, count)) in sorted {
        let _ = write!(text, "\n[[ranking]]\nkey = \"{key}\"\nname = {}\ncount = {count:.0}\n", quoted(name));
    }
    text + "\n" + STEADY
}

fn industries_text(key: &str, name: &str, industries: &[&str]) -> String {
    let list: Vec<String> = industries.iter().map(|industry| format!("'{}'", industry.replace('\'', "''"))).collect();
    let screen = quoted(&format!("industry in ({})", list.join(", ")));
    format!(
        "description = \"A group of industries that cache_config had.\"\ncategory = \"industry\"\nscreen = {screen}\n\n\
        [universe]\nkey = \"{key}\"\nname = {}\n",
        quoted(name)
    )
}

fn symbols_text(
    category: &str,
    key: &str,
    name: &str,
    symbols: &BTreeSet<Symbol>,
    is_of_funds: bool,
    aliases: &[String],
) -> String {
    let mut text = "description = \"A fixed list that the older configuration had.\"\n".to_owned();
    if is_of_funds {
        text.push_str("type = \"etf_universe\"\n");
    }
    let _ = write!(text, "category = \"{category}\"\n\n[universe]\nkey = \"{key}\"\nname = {}\n", quoted(name));
    for alias in aliases {
        let _ = writeln!(text, "aliases = [{alias:?}]");
    }
    text.push_str("symbols = [");
    let mut width = LINE_WIDTH;
    for symbol in symbols {
        let item = format!("\"{symbol}\",");
        if width + item.len() >= LINE_WIDTH {
            text.push_str("\n   ");
            width = 3;
        }
        let _ = write!(text, " {item}");
        width += item.len() + 1;
    }
    text.push_str("\n]\n");
    text
}

/// Returns a TOML text; JSON escapes in the same way.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

//! `universe load`: market data and lists of members, from files.

use std::path::PathBuf;

use jiff::civil::Date;
use universe_core::expression::{Address, SetExpression};
use universe_core::rule::RuleSet;
use universe_core::{Issue, UniverseId, UniverseType, expect_session};
use universe_feeds::{MemberList, Read, read_member_list, read_universes};
use universe_service::{
    LoadError, LoadReport, LookupError, UniverseList, load_lists, load_prices, load_screener, load_snapshots,
    load_symbol_changes, load_symbols, resolve,
};
use universe_store::{Store, UniverseRecord};

use super::arguments::{Global, Load};
use super::failure::Usage;
use super::output::{self, Rows};
use super::{EXIT_DONE, EXIT_FAILED, failure, reference, session};
use crate::clock::Surroundings;
use crate::config::Config;

/// How many issues are shown to a person before the rest is summed up.
const ISSUES_SHOWN: usize = 20;
/// How many universes are named before the rest is counted.
const UNIVERSES_SHOWN: usize = 20;
/// How many faults of one file are named before the rest is counted.
const FAULTS_SHOWN: usize = 8;

pub(crate) async fn run(global: &Global, config: &Config, command: Load) -> anyhow::Result<u8> {
    let store = session::open_store(global, config).await?;
    let store = &*store;
    let bar = output::progress(global, 0, "done");
    let told = |words: &str| {
        bar.inc(1);
        bar.set_message(words.to_owned());
    };
    let report = match command {
        Load::Screener { files, as_of } => {
            bar.finish_and_clear();
            return screener(global, store, files, as_of).await;
        }
        Load::Snapshots { files, as_of, from, to } => {
            load_snapshots(store, &files, as_of.or(from), as_of.or(to), &Surroundings, &told).await?
        }
        Load::Reference(command) => {
            bar.finish_and_clear();
            return reference::run(global, config, store, &command).await;
        }
        Load::Symbols { file, as_of } => load_symbols(store, &file, as_of, &Surroundings).await?,
        Load::SymbolChanges { file } => load_symbol_changes(store, &file, &Surroundings).await?,
        Load::Prices { file } => load_prices(store, &file, &Surroundings, &told).await?,
        Load::Universe { files, universe, as_of } => {
            members(global, config, store, &files, universe.as_deref(), as_of).await?
        }
    };
    bar.finish_and_clear();
    print(global, &report)?;
    Ok(EXIT_DONE)
}

/// Loads the members of universes, and says what became of them; where anything is wrong, nothing is written.
async fn members(
    global: &Global,
    config: &Config,
    store: &dyn Store,
    files: &[PathBuf],
    universe: Option<&str>,
    as_of: Option<Date>,
) -> anyhow::Result<LoadReport> {
    if let (Some(universe), true) = (universe, files.len() > 1) {
        return Err(Usage(format!("--universe {universe} is for one file, and {} are given", files.len())).into());
    }
    let rules = session::rules(store, config).await?;
    let mut request = session::sync_request(config);
    request.session = as_of.map(expect_session).transpose()?;
    let universes = store.universe_list(&request.environment).await?;
    let places = Places { global, universes, rules: &rules };
    let target = universe.map(|text| places.address_of(text)).transpose()?;
    let mut report = LoadReport::default();
    let mut lists: Vec<UniverseList> = Vec::new();
    for file in files {
        let name = file.display().to_string();
        let read = match &target {
            Some(_) => {
                let Read { value, rows, issues } = read_member_list(file).map_err(LoadError::from)?;
                Read { value: vec![value], rows, issues }
            }
            None => read_universes(file).map_err(LoadError::from)?,
        };
        report.files.push(name.clone());
        report.rows += read.rows;
        report.loaded += read.value.iter().map(|list| list.members.len() as u64).sum::<u64>();
        report.issues.extend(read.issues);
        places.add(&name, target.as_ref(), read.value, &mut lists)?;
    }
    let ids: Vec<UniverseId> = lists.iter().map(|list| list.id.clone()).collect();
    let (report, outcome) = load_lists(store, &rules, lists, report, &request, &Surroundings).await?;
    for id in ids.iter().take(UNIVERSES_SHOWN) {
        let count = store.entry_find(&request.environment, id).await?.map_or(0, |entry| entry.symbols.len());
        let is_changed = outcome.was_written && outcome.plan.universes.iter().any(|universe| universe.id == *id);
        let what = match is_changed {
            true => format!("{id} has {} as of {}", counted(count), outcome.plan.session),
            false => format!("{id} has {} already, the same as the list", counted(count)),
        };
        output::remark(global, &what);
    }
    if ids.len() > UNIVERSES_SHOWN {
        output::remark(global, &format!("… and {} more universes", ids.len() - UNIVERSES_SHOWN));
    }
    Ok(report)
}

fn counted(members: usize) -> String {
    if members == 1 { "1 member".to_owned() } else { format!("{members} members") }
}

/// Loads files one by one, in order of their names, which carry dates; a refused file does not stop the others.
async fn screener(
    global: &Global,
    store: &dyn Store,
    mut files: Vec<PathBuf>,
    as_of: Option<Date>,
) -> anyhow::Result<u8> {
    files.sort_by(|a, b| a.file_name().cmp(&b.file_name()));
    let mut total = LoadReport::default();
    let mut refused = Vec::new();
    let bar = output::progress(global, files.len() as u64, "files");
    for file in &files {
        bar.set_message(file.display().to_string());
        match load_screener(store, file, as_of, &Surroundings).await {
            Ok(report) => {
                total.files.extend(report.files);
                total.rows += report.rows;
                total.loaded += report.loaded;
                total.written += report.written;
                total.sessions.extend(report.sessions);
                total.issues.extend(report.issues);
            }
            Err(error @ LoadError::Feed(_)) if files.len() > 1 => {
                let error = anyhow::Error::from(error);
                bar.suspend(|| output::words(&failure::shown(&error)));
                let file = file.display().to_string();
                refused.push(Issue { file, line: None, symbol: None, reason: format!("{error:#}") });
            }
            Err(error) => return Err(error.into()),
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    if refused.is_empty() {
        print(global, &total)?;
        return Ok(EXIT_DONE);
    }
    // Those were told as errors when they happened; what is data is in the answer all the same.
    if total.files.is_empty() {
        anyhow::bail!("none of the {} files was loaded", files.len());
    }
    let told = refused.len();
    total.issues.splice(0..0, refused);
    print_after(global, &total, told)?;
    Ok(EXIT_FAILED)
}

/// The universes that lists may be for.
struct Places<'a> {
    global: &'a Global,
    universes: Vec<UniverseRecord>,
    rules: &'a RuleSet,
}

impl Places<'_> {
    /// Adds the lists of a file; each universe has one list in all files together.
    fn add(
        &self,
        file: &str,
        target: Option<&UniverseId>,
        read: Vec<MemberList>,
        lists: &mut Vec<UniverseList>,
    ) -> anyhow::Result<()> {
        let mut faults = Vec::new();
        for MemberList { universe, members } in read {
            let (id, name) = match (target, universe) {
                (Some(id), _) => (Ok(id.clone()), None),
                (None, Some(listed)) => {
                    let kind = listed.universe_type.map(|kind| format!("{kind}:")).unwrap_or_default();
                    (self.address_of(&format!("{kind}{}", listed.key)), listed.name)
                }
                (None, None) => {
                    let what = format!("{file} does not say which universe it lists");
                    return Err(Usage(format!("{what}: pass --universe, or give it a column universe")).into());
                }
            };
            match id {
                Ok(id) if lists.iter().any(|list| list.id == id) => faults.push(format!("{id} is listed twice")),
                Ok(id) => lists.push(UniverseList { id, name, file: file.to_owned(), members }),
                Err(error) => faults.push(error.to_string()),
            }
        }
        if faults.is_empty() {
            return Ok(());
        }
        let more = faults.len().saturating_sub(FAULTS_SHOWN);
        faults.truncate(FAULTS_SHOWN);
        let more = if more == 0 { String::new() } else { format!("; and {more} more faults") };
        Err(Usage(format!("{file}: {}{more}; nothing was loaded", faults.join("; "))).into())
    }

    /// Finds the universe that a list is for; one that does not exist yet must be named with its type, unless its
    /// key tells it.
    fn address_of(&self, text: &str) -> anyhow::Result<UniverseId> {
        let known: Vec<UniverseId> = self.universes.iter().map(|universe| universe.id.clone()).collect();
        let address = match SetExpression::parse(text).map_err(LookupError::from)? {
            SetExpression::Universe(address) => address,
            _ => {
                return Err(Usage(format!(
                    "{text} is a combination of universes; a list is for one: KEY, stock_universe:KEY or etf_universe:KEY"
                ))
                .into());
            }
        };
        let Address { universe_type, key } = &address;
        match (resolve(&address, &known, self.rules), type_of_key(key)) {
            (Ok(id), _) => self.listable(id),
            (Err(LookupError::Unknown { hint, .. }), Some(told)) if universe_type.is_none() => {
                let id = UniverseId::new(told, key)?;
                output::remark(self.global, &format!("note: {id} is a new universe{hint}"));
                Ok(id)
            }
            (Err(error @ LookupError::Unknown { .. }), _) => {
                anyhow::bail!("{error}; a new one is named with its type: stock_universe:{key}")
            }
            (Err(error), _) => Err(error.into()),
        }
    }

    /// Refuses a universe that a rule decides.
    fn listable(&self, id: UniverseId) -> anyhow::Result<UniverseId> {
        // Rules with groups do not list their universes; what is stored names the rule that made it.
        let made_by = self.universes.iter().find(|universe| universe.id == id).and_then(|found| found.rule.as_deref());
        let by_name = self.rules.rules.iter().find(|rule| made_by == Some(rule.name.as_str()));
        if let Some(rule) = self.rules.rule_of(&id).or(by_name).filter(|rule| !session::is_imported(rule)) {
            return Err(Usage(format!(
                "{id} is decided by the rule {}, not by a list; choose another key, such as {}:my_list",
                rule.name, id.universe_type
            ))
            .into());
        }
        UniverseId::new(id.universe_type, id.key())?;
        Ok(id)
    }
}

/// Tells the type of a new universe from its key, where only one can be meant.
fn type_of_key(key: &str) -> Option<UniverseType> {
    if key.starts_with("etf_") || key.ends_with("_etf") || key.ends_with("_etfs") {
        return Some(UniverseType::EtfUniverse);
    }
    key.starts_with("index_").then_some(UniverseType::StockUniverse)
}

fn print(global: &Global, report: &LoadReport) -> anyhow::Result<()> {
    print_after(global, report, 0)
}

/// Prints what a load did; the first `told` issues were said already.
fn print_after(global: &Global, report: &LoadReport, told: usize) -> anyhow::Result<()> {
    output::print(global, report, || Rows {
        columns: vec!["files", "rows", "loaded", "changed", "issues"],
        rows: vec![vec![
            report.files.len().to_string(),
            report.rows.to_string(),
            report.loaded.to_string(),
            report.written.to_string(),
            report.issues.len().to_string(),
        ]],
    })?;
    let issues = &report.issues[told..];
    for issue in issues.iter().take(ISSUES_SHOWN) {
        let line = issue.line.map(|line| format!(":{line}")).unwrap_or_default();
        let symbol = issue.symbol.as_deref().map(|symbol| format!(" {symbol}:")).unwrap_or_default();
        output::remark(global, &format!("issue: {}{line}:{symbol} {}", issue.file, issue.reason));
    }
    if issues.len() > ISSUES_SHOWN {
        let more = issues.len() - ISSUES_SHOWN;
        output::remark(global, &format!("… and {more} more issues; --format json has them all"));
    }
    Ok(())
}
